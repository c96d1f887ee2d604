// SPDX-License-Identifier: Apache-2.0
// Dense products by cuBLASLt: its own list of algorithms, each timed by the caller.
#include "cuda/internal.h"

static constexpr int ALGORITHMS = 8;

static cublasComputeType_t compute_type(enum spr_dtype dtype)
{
    switch (dtype) {
    case SPR_F64:
        return CUBLAS_COMPUTE_64F;
    case SPR_TF32:
        return CUBLAS_COMPUTE_32F_FAST_TF32;
    case SPR_I8:
        return CUBLAS_COMPUTE_32I;
    default:
        return CUBLAS_COMPUTE_32F;
    }
}

// Scalars of the type the library wants.
union Scalar {
    float f32;
    double f64;
    int32_t i32;
};

static cudaDataType_t scalar_type(enum spr_dtype dtype)
{
    return dtype == SPR_F64 ? CUDA_R_64F : dtype == SPR_I8 ? CUDA_R_32I : CUDA_R_32F;
}

static Scalar scalar(enum spr_dtype dtype, int value)
{
    Scalar out = {};
    if (dtype == SPR_F64) {
        out.f64 = value;
    } else if (dtype == SPR_I8) {
        out.i32 = value;
    } else {
        out.f32 = (float)value;
    }
    return out;
}

// Descriptors shared by the algorithms of one product.
struct Described {
    cublasLtMatmulDesc_t operation = nullptr;
    cublasLtMatrixLayout_t a = nullptr, b = nullptr, c = nullptr;
    Described(const Multiplication &of)
    {
        cublasOperation_t turn_a = of.turn_a ? CUBLAS_OP_T : CUBLAS_OP_N;
        cublasOperation_t turn_b = of.turn_b ? CUBLAS_OP_T : CUBLAS_OP_N;
        cudaDataType_t type = cuda_type(of.dtype);
        check(cublasLtMatmulDescCreate(&operation, compute_type(of.dtype),
                                       scalar_type(of.dtype)),
              "cuBLASLt");
        check(cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_TRANSA, &turn_a,
                                             sizeof turn_a),
              "cuBLASLt");
        check(cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_TRANSB, &turn_b,
                                             sizeof turn_b),
              "cuBLASLt");
        check(cublasLtMatrixLayoutCreate(&a, type, (uint64_t)(of.turn_a ? of.inner : of.rows),
                                         (uint64_t)(of.turn_a ? of.rows : of.inner), of.lda),
              "cuBLASLt");
        check(
            cublasLtMatrixLayoutCreate(&b, type, (uint64_t)(of.turn_b ? of.columns : of.inner),
                                       (uint64_t)(of.turn_b ? of.inner : of.columns), of.ldb),
            "cuBLASLt");
        check(cublasLtMatrixLayoutCreate(&c, of.output, (uint64_t)of.rows,
                                         (uint64_t)of.columns, of.ldc),
              "cuBLASLt");
    }
    ~Described()
    {
        cublasLtMatmulDescDestroy(operation);
        cublasLtMatrixLayoutDestroy(a);
        cublasLtMatrixLayoutDestroy(b);
        cublasLtMatrixLayoutDestroy(c);
    }
};

struct Dense : spr_gpu_task {
    struct spr_gpu *gpu;
    std::shared_ptr<Described> described;
    Multiplication of;
    cublasLtMatmulAlgo_t algorithm;
    void run() override
    {
        Scalar one = scalar(of.dtype, 1), zero = scalar(of.dtype, 0);
        check(cublasLtMatmul(gpu->blas, described->operation, &one, of.a, described->a, of.b,
                             described->b, &zero, of.c, described->c, of.c, described->c,
                             &algorithm, gpu->workspace.as<void>(), gpu->workspace.size(),
                             gpu->stream),
              name);
    }
};

std::vector<std::unique_ptr<spr_gpu_task>> cublaslt_tasks(struct spr_gpu *gpu,
                                                          const Multiplication &of)
{
    std::vector<std::unique_ptr<spr_gpu_task>> tasks;
    cublasLtMatmulHeuristicResult_t results[ALGORITHMS];
    cublasLtMatmulPreference_t preference;
    int count = 0;
    size_t room = gpu->workspace.size();
    // Sums of parts in the output's type would round more often than the error bound allows.
    uint32_t schemes =
        CUBLASLT_REDUCTION_SCHEME_INPLACE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    auto described = std::make_shared<Described>(of);
    check(cublasLtMatmulPreferenceCreate(&preference), "cuBLASLt");
    cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                         &room, sizeof room);
    cublasLtMatmulPreferenceSetAttribute(
        preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &schemes, sizeof schemes);
    cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
        gpu->blas, described->operation, described->a, described->b, described->c,
        described->c, preference, ALGORITHMS, results, &count);
    cublasLtMatmulPreferenceDestroy(preference);
    check(status, "cuBLASLt has no such product");
    for (int i = 0; i < count; i++) {
        if (results[i].state != CUBLAS_STATUS_SUCCESS) {
            continue;
        }
        std::unique_ptr<Dense> task(new Dense);
        int id = 0;
        size_t written = 0;
        cublasLtMatmulAlgoConfigGetAttribute(&results[i].algo, CUBLASLT_ALGO_CONFIG_ID, &id,
                                             sizeof id, &written);
        snprintf(task->name, sizeof task->name, "cublaslt-%d", id);
        task->gpu = gpu;
        task->described = described;
        task->of = of;
        task->algorithm = results[i].algo;
        tasks.push_back(std::move(task));
    }
    return tasks;
}

// A dense product of a case; owns Y.
struct DenseProduct : Product {
    std::unique_ptr<spr_gpu_task> task;
    void run() override
    {
        task->run();
    }
};

static void add(Listing *listing, bool turned)
{
    struct spr_gpu_case *of = listing->of;
    Multiplication product = {};
    product.dtype = of->dtype;
    product.output = cuda_type(of->dtype);
    product.inner = (of->k + 7) / 8 * 8; // zeros: rows of 16 bytes have faster algorithms
    if (turned) { // Y (n x m) of X (n x k): as column-major m x n = W^T' (k x m)' X' (k x n)
        product.rows = of->m;
        product.columns = of->n;
        product.turn_a = true;
        product.a = of->w.as<void>();
        product.b = of->x_turned.as<void>();
        product.lda = product.ldb = of->k_all;
        product.ldc = of->m_all;
    } else { // Y (m x n) of X (k x n): as column-major n x m = X' (n x k) W' (k x m)
        product.rows = of->n;
        product.columns = of->m;
        product.a = of->x.as<void>();
        product.b = of->w.as<void>();
        product.lda = product.ldc = of->n;
        product.ldb = of->k_all;
    }
    // Each product that is handed out owns its Y.
    Buffer probe = make_y(of);
    product.c = probe.as<void>();
    size_t count = cublaslt_tasks(of->gpu, product).size();
    for (size_t i = 0; i < count; i++) {
        std::unique_ptr<DenseProduct> made(new DenseProduct);
        made->y = make_y(of);
        made->turned = turned;
        product.c = made->y.as<void>();
        auto tasks = cublaslt_tasks(of->gpu, product);
        if (i >= tasks.size()) {
            break;
        }
        made->task = std::move(tasks[i]);
        snprintf(made->name, sizeof made->name, "%.100s-%s", made->task->name,
                 turned ? "nk" : "kn");
        listing->found.push_back(std::move(made));
    }
}

void list_cublaslt(Listing *listing)
{
    for (int turned = 0; turned < 2; turned++) {
        try {
            add(listing, turned != 0);
        } catch (const Failure &failure) {
            snprintf(listing->refused, sizeof listing->refused, "%s", failure.text);
        }
    }
}

struct Peak : spr_gpu_task {
    Buffer a, b, c;
    std::unique_ptr<spr_gpu_task> task;
    void run() override
    {
        task->run();
    }
};

// Zeros two of every four, at random places.
template <class T> __global__ static void make_structured(T *w, long long quads)
{
    long long step = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < quads;
         i += step) {
        unsigned pick = (unsigned)(i * 2654435761u >> 13) % 6;
        const unsigned char kept[6] = {3, 5, 6, 9, 10, 12};
        for (int j = 0; j < 4; j++) {
            if (!(kept[pick] >> j & 1)) {
                w[4 * i + j] = T(0.0f);
            }
        }
    }
}

static void structure(struct spr_gpu *gpu, const Buffer &w, enum spr_dtype dtype,
                      int64_t cells)
{
    int blocks = 8 * gpu->facts.multiprocessors;
    if (dtype == SPR_F16) {
        make_structured<<<blocks, 256, 0, gpu->stream>>>(w.as<__half>(), cells / 4);
    } else if (dtype == SPR_BF16) {
        make_structured<<<blocks, 256, 0, gpu->stream>>>(w.as<__nv_bfloat16>(), cells / 4);
    } else if (dtype == SPR_FP8) {
        make_structured<<<blocks, 256, 0, gpu->stream>>>(w.as<__nv_fp8_e4m3>(), cells / 4);
    } else if (dtype == SPR_I8) {
        make_structured<<<blocks, 256, 0, gpu->stream>>>(w.as<signed char>(), cells / 4);
    } else {
        throw Failure(SPR_EENVIRONMENT, "no 2:4 product of %s", spr_dtype_name(dtype));
    }
    check_launch("2:4");
}

// fp8 products are written in bf16, those of i8 in i32 or i8.
static cudaDataType_t output_type(enum spr_dtype dtype)
{
    return dtype == SPR_FP8 ? CUDA_R_16BF : dtype == SPR_I8 ? CUDA_R_32I : cuda_type(dtype);
}

static void make_peak(struct spr_gpu *gpu, enum spr_dtype dtype, bool structured, int64_t size,
                      Peak *peak)
{
    int64_t cells = size * size;
    peak->a = Buffer((size_t)cells * bytes_of(dtype));
    peak->b = Buffer((size_t)cells * bytes_of(dtype));
    peak->c = Buffer((size_t)cells * 8);
    fill_random(gpu, peak->a.as<void>(), dtype, cells, 1);
    fill_random(gpu, peak->b.as<void>(), dtype, cells, 2);
    check(cudaStreamSynchronize(gpu->stream), "random numbers");
    std::vector<std::unique_ptr<spr_gpu_task>> tasks;
    if (structured) {
        structure(gpu, peak->a, dtype, cells);
        check(cudaStreamSynchronize(gpu->stream), "2:4");
        Structured of = {size,
                         size,
                         size,
                         dtype,
                         true,
                         peak->a.as<void>(),
                         peak->b.as<void>(),
                         peak->c.as<void>()};
        tasks.push_back(cusparselt_task(gpu, of));
    } else {
        Multiplication of = {size,
                             size,
                             size,
                             dtype,
                             true,
                             false,
                             size,
                             size,
                             size,
                             peak->a.as<void>(),
                             peak->b.as<void>(),
                             peak->c.as<void>(),
                             output_type(dtype)};
        tasks = cublaslt_tasks(gpu, of);
    }
    double least = 0;
    for (auto &task : tasks) {
        double seconds;
        try {
            seconds = quick_time(gpu, task.get());
        } catch (const Failure &) {
            (void)cudaGetLastError();
            continue;
        }
        if (!peak->task || seconds < least) {
            least = seconds;
            peak->task = std::move(task);
        }
    }
    if (!peak->task) {
        throw Failure(SPR_EENVIRONMENT, "cuBLASLt has no product of %s",
                      spr_dtype_name(dtype));
    }
    snprintf(peak->name, sizeof peak->name, "%.90s", peak->task->name);
}

extern "C" enum spr_status spr_gpu_peak_task(struct spr_gpu *gpu, enum spr_dtype dtype,
                                             bool structured, int64_t size,
                                             struct spr_gpu_task **task, struct spr_error *err)
{
    return guarded(err, [&] {
        std::unique_ptr<Peak> peak(new Peak);
        make_peak(gpu, dtype, structured, size, peak.get());
        *task = peak.release();
    });
}
