// SPDX-License-Identifier: Apache-2.0
// Cases on the device, and whether a product of one is right.
//
// The bound of an element with t terms, sums in f32 and one rounding to the type at the end:
//   e = (t + 2) u S,  S = sum |w||x|,  u = 2^-23: tensor cores cut off instead of rounding
//   |y - y_ref| <= e + v (|y_ref| + e) + d
// v = 2^-11 (f16), 2^-8 (bf16): unit roundoff of the type; d: half its smallest subnormal.
// Products of two f16 or bf16 are exact in f32 (22 or 16 bits).
#include <algorithm>
#include <cmath>
#include <cstring>

#include "cuda/internal.h"
#include "cuda/round.h"

static constexpr int64_t WHOLE = 64; // allocated shapes are multiples of the largest block

static int64_t rounded_up(int64_t value, int64_t step)
{
    return (value + step - 1) / step * step;
}

static Buffer upload_rounded(const struct spr_gpu_case *of)
{
    std::vector<uint16_t> bits(of->w_host.size());
    for (size_t i = 0; i < bits.size(); i++) {
        bits[i] = spr_round_bits(of->dtype, of->w_host[i]);
    }
    return upload(bits);
}

// to (columns x rows) = from (rows x columns), 2-byte values.
__global__ static void turn(const uint16_t *from, int64_t rows, int64_t columns, uint16_t *to)
{
    int64_t step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < rows * columns;
         i += step) {
        to[i] = from[i % rows * columns + i / rows];
    }
}

// Zeros outside m x k, so that whole blocks can be multiplied.
__global__ static void trim(uint16_t *matrix, int64_t m, int64_t k, int64_t m_all,
                            int64_t k_all)
{
    int64_t step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < m_all * k_all;
         i += step) {
        if (i / k_all >= m || i % k_all >= k) {
            matrix[i] = 0;
        }
    }
}

static void make_case(struct spr_gpu_case *of, const struct spr_gpu_operands *operands)
{
    cudaStream_t stream = of->gpu->stream;
    int blocks = 8 * of->gpu->facts.multiprocessors;
    of->x = Buffer((size_t)(of->k_all * of->n) * 2);
    of->x_turned = Buffer((size_t)(of->k_all * of->n) * 2);
    fill_random(of->gpu, of->x.as<void>(), of->dtype, of->k_all * of->n, of->seed);
    trim<<<blocks, 256, 0, stream>>>(of->x.as<uint16_t>(), of->k, of->n, of->k_all, of->n);
    check_launch("X");
    turn<<<blocks, 256, 0, stream>>>(of->x.as<uint16_t>(), of->k_all, of->n,
                                     of->x_turned.as<uint16_t>());
    check_launch("X");
    if (operands->w) {
        of->w_host.assign((size_t)(of->m_all * of->k_all), 0.0f);
        for (int64_t i = 0; i < of->m; i++) {
            for (int64_t j = 0; j < of->k; j++) {
                of->w_host[(size_t)(i * of->k_all + j)] =
                    spr_round_value(of->dtype, operands->w[i * of->k + j]);
            }
        }
        of->w = upload_rounded(of);
    } else {
        of->w = Buffer((size_t)(of->m_all * of->k_all) * 2);
        fill_random(of->gpu, of->w.as<void>(), of->dtype, of->m_all * of->k_all, ~of->seed);
        trim<<<blocks, 256, 0, stream>>>(of->w.as<uint16_t>(), of->m, of->k, of->m_all,
                                         of->k_all);
        check_launch("W");
    }
    check(cudaStreamSynchronize(stream), "operands");
}

extern "C" enum spr_status spr_gpu_case_make(struct spr_gpu *gpu,
                                             const struct spr_gpu_operands *operands,
                                             struct spr_gpu_case **out, struct spr_error *err)
{
    *out = nullptr;
    return guarded(err, [&] {
        std::unique_ptr<spr_gpu_case> made(new spr_gpu_case());
        made->gpu = gpu;
        made->m = operands->m;
        made->k = operands->k;
        made->n = rounded_up(operands->n, 8);
        made->m_all = rounded_up(operands->m, WHOLE);
        made->k_all = rounded_up(operands->k, WHOLE);
        made->dtype = operands->dtype;
        made->seed = operands->seed;
        make_case(made.get(), operands);
        *out = made.release();
    });
}

extern "C" void spr_gpu_case_free(struct spr_gpu_case *of)
{
    delete of;
}

Buffer make_y(const struct spr_gpu_case *of)
{
    return Buffer((size_t)(of->m_all * of->n) * 2);
}

__device__ static double value(__half v)
{
    return (double)__half2float(v);
}
__device__ static double value(__nv_bfloat16 v)
{
    return (double)__bfloat162float(v);
}

struct Checked {
    int64_t k, k_all, n;     // of the case
    int64_t y_row, y_column; // distance of rows and of columns of Y
    const int64_t *rows;     // which rows of Y
    int64_t row_count;
    double unit, least; // v and d of the file's head
};

static constexpr int TILE = 16;

// The worst ratio of a tile of TILE x TILE elements goes to worst[], as the bits of a double:
// those of positive doubles rise with them.
template <class T>
__global__ static void check_tiles(const T *w, const T *x, const T *y, Checked of,
                                   unsigned long long *worst)
{
    __shared__ double ws[TILE][TILE + 1], xs[TILE][TILE + 1];
    int tx = threadIdx.x, ty = threadIdx.y;
    int64_t at = (int64_t)blockIdx.y * TILE + ty, column = (int64_t)blockIdx.x * TILE + tx;
    int64_t row = of.rows[at < of.row_count ? at : of.row_count - 1];
    double sum = 0, magnitude = 0, terms = 0;
    for (int64_t base = 0; base < of.k; base += TILE) {
        ws[ty][tx] = base + tx < of.k ? value(w[row * of.k_all + base + tx]) : 0;
        xs[ty][tx] =
            base + ty < of.k && column < of.n ? value(x[(base + ty) * of.n + column]) : 0;
        __syncthreads();
        for (int i = 0; i < TILE; i++) {
            double product = ws[ty][i] * xs[i][tx];
            sum += product;
            magnitude += fabs(product);
            terms += ws[ty][i] != 0;
        }
        __syncthreads();
    }
    if (at >= of.row_count || column >= of.n) {
        return;
    }
    double off = fabs(value(y[row * of.y_row + column * of.y_column]) - sum);
    double error = (terms + 2) * 0x1p-23 * magnitude;
    double ratio = off / (error + of.unit * (fabs(sum) + error) + of.least);
    if (!(ratio >= 0)) { // not written, or not a number
        ratio = HUGE_VAL;
    }
    atomicMax(worst, (unsigned long long)__double_as_longlong(ratio));
}

template <class T>
__global__ static void find_poison(const T *y, Checked of, int64_t m,
                                   unsigned long long *worst)
{
    int64_t step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < m * of.n; i += step) {
        double v = value(y[i / of.n * of.y_row + i % of.n * of.y_column]);
        if (!(fabs(v) < HUGE_VAL)) {
            atomicMax(worst, (unsigned long long)__double_as_longlong(HUGE_VAL));
        }
    }
}

// More multiply-adds than this are checked in this many rows; all elements must be written.
static constexpr double ALL_ROWS_MACS = 2e10;
static constexpr int64_t SOME_ROWS = 256;

static std::vector<int64_t> rows_to_check(const struct spr_gpu_case *of)
{
    std::vector<int64_t> rows;
    bool all = (double)of->m * (double)of->k * (double)of->n <= ALL_ROWS_MACS;
    int64_t count = all ? of->m : std::min(of->m, SOME_ROWS);
    uint64_t random = of->seed;
    for (int64_t i = 0; i < count; i++) {
        // one at random of each of `count` equal parts: every block row has its turn
        int64_t low = i * of->m / count, high = (i + 1) * of->m / count;
        random = random * 6364136223846793005u + 1442695040888963407u;
        rows.push_back(low + (int64_t)((random >> 33) % (uint64_t)(high - low)));
    }
    return rows;
}

template <class T>
static void queue_check(struct spr_gpu_case *of, Product *product, const Checked &checked,
                        unsigned long long *worst)
{
    cudaStream_t stream = of->gpu->stream;
    const T *y = product->y.as<T>();
    dim3 grid((unsigned)((of->n + TILE - 1) / TILE),
              (unsigned)((checked.row_count + TILE - 1) / TILE));
    check_tiles<<<grid, dim3(TILE, TILE), 0, stream>>>(of->w.as<T>(), of->x.as<T>(), y,
                                                       checked, worst);
    check_launch("checking");
    find_poison<<<8 * of->gpu->facts.multiprocessors, 256, 0, stream>>>(y, checked, of->m,
                                                                        worst);
    check_launch("checking");
}

double worst_ratio(struct spr_gpu_case *of, Product *product)
{
    cudaStream_t stream = of->gpu->stream;
    bool f16 = of->dtype == SPR_F16;
    std::vector<int64_t> rows = rows_to_check(of);
    Buffer at = upload(rows), worst(sizeof(unsigned long long));
    Checked checked = {};
    checked.k = of->k;
    checked.k_all = of->k_all;
    checked.n = of->n;
    checked.y_row = product->turned ? 1 : of->n;
    checked.y_column = product->turned ? of->m_all : 1;
    checked.rows = at.as<int64_t>();
    checked.row_count = (int64_t)rows.size();
    checked.unit = f16 ? 0x1p-11 : 0x1p-8;
    checked.least = f16 ? 0x1p-25 : 0x1p-134;
    check(cudaMemsetAsync(worst.as<void>(), 0, worst.size(), stream), "checking");
    // All bits set is no number, in f16 and in bf16.
    check(cudaMemsetAsync(product->y.as<void>(), 0xFF, product->y.size(), stream), "poison");
    product->run();
    if (f16) {
        queue_check<__half>(of, product, checked, worst.as<unsigned long long>());
    } else {
        queue_check<__nv_bfloat16>(of, product, checked, worst.as<unsigned long long>());
    }
    unsigned long long bits = 0;
    double ratio;
    check(
        cudaMemcpyAsync(&bits, worst.as<void>(), sizeof bits, cudaMemcpyDeviceToHost, stream),
        "checking");
    check(cudaStreamSynchronize(stream), product->name);
    memcpy(&ratio, &bits, sizeof ratio);
    return ratio;
}

extern "C" enum spr_status spr_gpu_check(struct spr_gpu_case *of, struct spr_gpu_task *task,
                                         double *worst, struct spr_error *err)
{
    return guarded(err, [&] { *worst = worst_ratio(of, static_cast<Product *>(task)); });
}

// Candidates by rising time; those that cannot run are dropped with their reason.
static std::vector<std::pair<double, size_t>> in_order(Listing *listing)
{
    std::vector<std::pair<double, size_t>> order;
    for (size_t i = 0; i < listing->found.size(); i++) {
        try {
            order.emplace_back(quick_time(listing->of->gpu, listing->found[i].get()), i);
        } catch (const Failure &failure) {
            snprintf(listing->refused, sizeof listing->refused, "%s", failure.text);
            if (cudaGetLastError() != cudaSuccess &&
                cudaStreamSynchronize(listing->of->gpu->stream) != cudaSuccess) {
                throw; // the device is lost
            }
        }
    }
    std::sort(order.begin(), order.end());
    return order;
}

static std::unique_ptr<Product> choose(Listing *listing, char *rejected, size_t size)
{
    for (const auto &timed : in_order(listing)) {
        std::unique_ptr<Product> &candidate = listing->found[timed.second];
        double worst = worst_ratio(listing->of, candidate.get());
        if (worst <= 1) {
            return std::move(candidate);
        }
        snprintf(rejected, size, "%s: wrong result: %.3g times the error bound",
                 candidate->name, worst);
    }
    throw Failure(SPR_EENVIRONMENT, "%s",
                  rejected[0]           ? rejected
                  : listing->refused[0] ? listing->refused
                                        : "no algorithm");
}

extern "C" enum spr_status spr_gpu_product(struct spr_gpu_case *of,
                                           const struct spr_gpu_choice *choice,
                                           struct spr_gpu_task **task, struct spr_error *err)
{
    return guarded(err, [&] {
        void (*const lists[])(Listing *) = {list_cublaslt, list_cusparse_csr,
                                            list_cusparse_blocks, list_own_blocks,
                                            list_cusparselt};
        Listing listing = {};
        listing.of = of;
        listing.block = choice->block;
        choice->rejected[0] = '\0';
        lists[choice->kernel](&listing);
        *task = choose(&listing, choice->rejected, choice->size).release();
    });
}
