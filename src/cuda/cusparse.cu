// SPDX-License-Identifier: Apache-2.0
// Sparse products by cuSPARSE's SpMM: CSR, blocked-ELL, BSR; X and Y in both layouts.
#include <algorithm>

#include "cuda/internal.h"
#include "cuda/round.h"

// One packed W, shared by the algorithms that multiply with it.
struct Packed {
    cusparseSpMatDescr_t matrix = nullptr;
    Buffer first, second, values; // offsets, columns, values
    ~Packed()
    {
        if (matrix) {
            cusparseDestroySpMat(matrix);
        }
    }
};

struct SparseProduct : Product {
    struct spr_gpu *gpu;
    std::shared_ptr<Packed> packed;
    cusparseDnMatDescr_t x = nullptr, out = nullptr;
    cusparseSpMMAlg_t algorithm;
    Buffer room;
    ~SparseProduct() override
    {
        if (x) {
            cusparseDestroyDnMat(x);
        }
        if (out) {
            cusparseDestroyDnMat(out);
        }
    }
    void run() override
    {
        float one = 1, zero = 0;
        check(cusparseSpMM(gpu->sparse, CUSPARSE_OPERATION_NON_TRANSPOSE,
                           CUSPARSE_OPERATION_NON_TRANSPOSE, &one, packed->matrix, x, &zero,
                           out, CUDA_R_32F, algorithm, room.as<void>()),
              name);
    }
};

// rows, columns: of the sparse matrix, whole blocks.
static std::unique_ptr<Product> make_product(struct spr_gpu_case *of,
                                             const std::shared_ptr<Packed> &packed,
                                             const int64_t shape[2],
                                             cusparseSpMMAlg_t algorithm, bool turned)
{
    std::unique_ptr<SparseProduct> made(new SparseProduct);
    cudaDataType_t type = cuda_type(of->dtype);
    cusparseOrder_t order = turned ? CUSPARSE_ORDER_COL : CUSPARSE_ORDER_ROW;
    float one = 1, zero = 0;
    size_t bytes = 0;
    snprintf(made->name, sizeof made->name, "cusparse-%d-%s", (int)algorithm,
             turned ? "nk" : "kn");
    made->gpu = of->gpu;
    made->packed = packed;
    made->algorithm = algorithm;
    made->turned = turned;
    made->y = make_y(of);
    check(cusparseCreateDnMat(&made->x, shape[1], of->n, turned ? of->k_all : of->n,
                              (turned ? of->x_turned : of->x).as<void>(), type, order),
          "cuSPARSE");
    check(cusparseCreateDnMat(&made->out, shape[0], of->n, turned ? of->m_all : of->n,
                              made->y.as<void>(), type, order),
          "cuSPARSE");
    check(cusparseSpMM_bufferSize(of->gpu->sparse, CUSPARSE_OPERATION_NON_TRANSPOSE,
                                  CUSPARSE_OPERATION_NON_TRANSPOSE, &one, packed->matrix,
                                  made->x, &zero, made->out, CUDA_R_32F, algorithm, &bytes),
          made->name);
    made->room = Buffer(bytes);
    // Only a hint: algorithms without preparation refuse it.
    (void)cusparseSpMM_preprocess(of->gpu->sparse, CUSPARSE_OPERATION_NON_TRANSPOSE,
                                  CUSPARSE_OPERATION_NON_TRANSPOSE, &one, packed->matrix,
                                  made->x, &zero, made->out, CUDA_R_32F, algorithm,
                                  made->room.as<void>());
    return made;
}

// The same value of type f16 or bf16, as bits.
static uint16_t bits_of(enum spr_dtype dtype, float value)
{
    return spr_round_bits(dtype, value);
}

void list_cusparse_csr(Listing *listing)
{
    struct spr_gpu_case *of = listing->of;
    std::vector<int32_t> offsets(1, 0), columns;
    std::vector<uint16_t> values;
    for (int64_t i = 0; i < of->m; i++) {
        const float *row = &of->w_host[(size_t)(i * of->k_all)];
        for (int64_t j = 0; j < of->k; j++) {
            if (row[j] != 0) {
                columns.push_back((int32_t)j);
                values.push_back(bits_of(of->dtype, row[j]));
            }
        }
        if (columns.size() > INT32_MAX) {
            throw Failure(SPR_EENVIRONMENT, "more than 2^31-1 entries");
        }
        offsets.push_back((int32_t)columns.size());
    }
    auto packed = std::make_shared<Packed>();
    packed->first = upload(offsets);
    packed->second = upload(columns);
    packed->values = upload(values);
    check(cusparseCreateCsr(&packed->matrix, of->m, of->k, (int64_t)values.size(),
                            packed->first.as<void>(), packed->second.as<void>(),
                            packed->values.as<void>(), CUSPARSE_INDEX_32I, CUSPARSE_INDEX_32I,
                            CUSPARSE_INDEX_BASE_ZERO, cuda_type(of->dtype)),
          "cuSPARSE");
    const cusparseSpMMAlg_t algorithms[] = {CUSPARSE_SPMM_CSR_ALG1, CUSPARSE_SPMM_CSR_ALG2,
                                            CUSPARSE_SPMM_CSR_ALG3};
    const int64_t shape[2] = {of->m, of->k};
    for (cusparseSpMMAlg_t algorithm : algorithms) {
        for (int turned = 0; turned < 2; turned++) {
            attempt(listing,
                    [&] { return make_product(of, packed, shape, algorithm, turned != 0); });
        }
    }
}

// The columns of the stored blocks of each block row.
static std::vector<std::vector<int32_t>> stored_blocks(const struct spr_gpu_case *of,
                                                       int block)
{
    std::vector<std::vector<int32_t>> rows((size_t)((of->m + block - 1) / block));
    int64_t columns = (of->k + block - 1) / block;
    for (size_t i = 0; i < rows.size(); i++) {
        std::vector<char> kept((size_t)columns, 0);
        for (int r = 0; r < block; r++) {
            const float *row = &of->w_host[((int64_t)i * block + r) * of->k_all];
            for (int64_t j = 0; j < columns * block; j++) {
                kept[(size_t)(j / block)] |= row[j] != 0;
            }
        }
        for (int64_t j = 0; j < columns; j++) {
            if (kept[(size_t)j]) {
                rows[i].push_back((int32_t)j);
            }
        }
    }
    return rows;
}

// Blocked-ELL: every block row as wide as the widest; -1 marks what is not there. Values lie
// as one row-major matrix of m x width.
static std::shared_ptr<Packed> pack_ell(const struct spr_gpu_case *of, int block,
                                        const std::vector<std::vector<int32_t>> &stored)
{
    size_t width = 1, b = (size_t)block;
    for (const auto &row : stored) {
        width = std::max(width, row.size());
    }
    std::vector<int32_t> columns(stored.size() * width, -1);
    std::vector<uint16_t> values(stored.size() * b * width * b, 0);
    for (size_t i = 0; i < stored.size(); i++) {
        for (size_t s = 0; s < stored[i].size(); s++) {
            columns[i * width + s] = stored[i][s];
            for (size_t r = 0; r < b; r++) {
                const float *from =
                    &of->w_host[(i * b + r) * (size_t)of->k_all + (size_t)stored[i][s] * b];
                uint16_t *to = &values[(i * b + r) * width * b + s * b];
                for (size_t c = 0; c < b; c++) {
                    to[c] = bits_of(of->dtype, from[c]);
                }
            }
        }
    }
    auto packed = std::make_shared<Packed>();
    packed->second = upload(columns);
    packed->values = upload(values);
    check(cusparseCreateBlockedEll(&packed->matrix, (int64_t)(stored.size() * b),
                                   (of->k + block - 1) / block * block, block,
                                   (int64_t)(width * b), packed->second.as<void>(),
                                   packed->values.as<void>(), CUSPARSE_INDEX_32I,
                                   CUSPARSE_INDEX_BASE_ZERO, cuda_type(of->dtype)),
          "cuSPARSE blocked-ELL");
    return packed;
}

// BSR, the values of a block row-major.
static std::shared_ptr<Packed> pack_bsr(const struct spr_gpu_case *of, int block,
                                        const std::vector<std::vector<int32_t>> &stored)
{
    size_t b = (size_t)block;
    std::vector<int32_t> offsets(1, 0), columns;
    std::vector<uint16_t> values;
    for (size_t i = 0; i < stored.size(); i++) {
        for (int32_t column : stored[i]) {
            columns.push_back(column);
            for (size_t r = 0; r < b; r++) {
                const float *from =
                    &of->w_host[(i * b + r) * (size_t)of->k_all + (size_t)column * b];
                for (size_t c = 0; c < b; c++) {
                    values.push_back(bits_of(of->dtype, from[c]));
                }
            }
        }
        offsets.push_back((int32_t)columns.size());
    }
    auto packed = std::make_shared<Packed>();
    packed->first = upload(offsets);
    packed->second = upload(columns);
    packed->values = upload(values);
    check(cusparseCreateBsr(&packed->matrix, (int64_t)stored.size(),
                            (of->k + block - 1) / block, (int64_t)columns.size(), block, block,
                            packed->first.as<void>(), packed->second.as<void>(),
                            packed->values.as<void>(), CUSPARSE_INDEX_32I, CUSPARSE_INDEX_32I,
                            CUSPARSE_INDEX_BASE_ZERO, cuda_type(of->dtype),
                            CUSPARSE_ORDER_ROW),
          "cuSPARSE BSR");
    return packed;
}

void list_cusparse_blocks(Listing *listing)
{
    struct spr_gpu_case *of = listing->of;
    int block = listing->block;
    auto stored = stored_blocks(of, block);
    const int64_t shape[2] = {(int64_t)stored.size() * block,
                              (of->k + block - 1) / block * block};
    for (int turned = 0; turned < 2; turned++) {
        attempt(listing, [&] {
            return make_product(of, pack_ell(of, block, stored), shape,
                                CUSPARSE_SPMM_BLOCKED_ELL_ALG1, turned != 0);
        });
        attempt(listing, [&] {
            return make_product(of, pack_bsr(of, block, stored), shape, CUSPARSE_SPMM_BSR_ALG1,
                                turned != 0);
        });
    }
}
