// SPDX-License-Identifier: Apache-2.0
// What the CUDA files share. Failures travel as exceptions inside and become statuses at the
// functions of gpu.h.
#ifndef SPROOF_CUDA_INTERNAL_H
#define SPROOF_CUDA_INTERNAL_H

#include <cstdarg>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <vector>

#include <cublasLt.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <cuda_runtime.h>
#include <cusparse.h>

#include "cuda/gpu.h"

struct Failure : std::exception {
    enum spr_status status;
    char text[320];
    __attribute__((format(printf, 3, 4))) Failure(enum spr_status s, const char *format, ...)
        : status(s)
    {
        va_list list;
        va_start(list, format);
        vsnprintf(text, sizeof text, format, list);
        va_end(list);
    }
    const char *what() const noexcept override
    {
        return text;
    }
};

inline void check(cudaError_t error, const char *what)
{
    if (error != cudaSuccess) {
        throw Failure(SPR_EENVIRONMENT, "%s: %s", what, cudaGetErrorString(error));
    }
}

inline void check(cublasStatus_t error, const char *what)
{
    if (error != CUBLAS_STATUS_SUCCESS) {
        throw Failure(SPR_EENVIRONMENT, "%s: %s", what, cublasLtGetStatusString(error));
    }
}

inline void check(cusparseStatus_t error, const char *what)
{
    if (error != CUSPARSE_STATUS_SUCCESS) {
        throw Failure(SPR_EENVIRONMENT, "%s: %s", what, cusparseGetErrorString(error));
    }
}

// A kernel launch reports its error here.
inline void check_launch(const char *what)
{
    check(cudaGetLastError(), what);
}

// Runs the body of a function of gpu.h.
template <class Body> enum spr_status guarded(struct spr_error *err, Body body)
{
    try {
        body();
        return SPR_OK;
    } catch (const Failure &failure) {
        return spr_fail(err, failure.status, "%s", failure.text);
    } catch (const std::bad_alloc &) {
        return spr_no_memory(err);
    }
}

// Device memory.
class Buffer
{
  public:
    Buffer() = default;
    explicit Buffer(size_t bytes) : size_(bytes)
    {
        check(cudaMalloc(&memory_, bytes ? bytes : 16), "device memory");
    }
    Buffer(Buffer &&other) noexcept : memory_(other.memory_), size_(other.size_)
    {
        other.memory_ = nullptr;
        other.size_ = 0;
    }
    Buffer &operator=(Buffer &&other) noexcept
    {
        std::swap(memory_, other.memory_);
        std::swap(size_, other.size_);
        return *this;
    }
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    ~Buffer()
    {
        cudaFree(memory_);
    }
    template <class T> T *as() const
    {
        return static_cast<T *>(memory_);
    }
    size_t size() const
    {
        return size_;
    }

  private:
    void *memory_ = nullptr;
    size_t size_ = 0;
};

template <class T> Buffer upload(const std::vector<T> &values)
{
    Buffer buffer(values.size() * sizeof(T));
    if (!values.empty()) {
        check(cudaMemcpy(buffer.as<T>(), values.data(), values.size() * sizeof(T),
                         cudaMemcpyHostToDevice),
              "copy to the device");
    }
    return buffer;
}

// Something that runs on the GPU again and again.
struct spr_gpu_task {
    char name[128] = "";
    virtual ~spr_gpu_task() = default;
    virtual void run() = 0; // queues its work on the GPU's stream
};

// Largest room a library's algorithm may ask for.
constexpr size_t WORKSPACE_BYTES = size_t{64} << 20;

struct spr_gpu {
    struct spr_gpu_facts facts = {};
    cudaStream_t stream = nullptr;
    cudaEvent_t begin = nullptr, end = nullptr;
    cublasLtHandle_t blas = nullptr;
    cusparseHandle_t sparse = nullptr;
    Buffer flood, sink, workspace;
    ~spr_gpu();
};

// Allocated shapes are whole blocks of 64, filled with zeros where W or X ends; n is a multiple
// of 8, so that every row begins at 16 bytes.
struct spr_gpu_case {
    struct spr_gpu *gpu;
    int64_t m, k, n;      // n: rounded up to 8
    int64_t m_all, k_all; // allocated
    enum spr_dtype dtype;
    uint64_t seed;
    std::vector<float> w_host; // m_all x k_all, rounded to dtype; empty: all random
    Buffer w;                  // m_all x k_all
    Buffer x;                  // k_all x n
    Buffer x_turned;           // n x k_all
};

// A product of a case: Y is m_all x n, or n x m_all.
struct Product : spr_gpu_task {
    Buffer y;
    bool turned = false;
};
using Candidates = std::vector<std::unique_ptr<Product>>;

// What makes candidates; each adds those that can be set up and notes why others cannot.
struct Listing {
    struct spr_gpu_case *of;
    int block;
    Candidates found;
    char refused[320] = ""; // the last reason
};
void list_cublaslt(Listing *listing);
void list_cusparse_csr(Listing *listing);
void list_cusparse_blocks(Listing *listing);
void list_own_blocks(Listing *listing);
void list_cusparselt(Listing *listing);

// Adds what `make` returns; a failure becomes the listing's word.
template <class Make> void attempt(Listing *listing, Make make)
{
    try {
        listing->found.push_back(make());
    } catch (const Failure &failure) {
        snprintf(listing->refused, sizeof listing->refused, "%s", failure.text);
        (void)cudaGetLastError();
    }
}

Buffer make_y(const struct spr_gpu_case *of);

// Uniform in [-1, 1), the same for the same seed; i8: all values.
void fill_random(struct spr_gpu *gpu, void *memory, enum spr_dtype dtype, int64_t count,
                 uint64_t seed);

// Seconds of a call: the least of a few.
double quick_time(struct spr_gpu *gpu, struct spr_gpu_task *task);
double sample(struct spr_gpu *gpu, struct spr_gpu_task *task, bool cold, int calls);
double worst_ratio(struct spr_gpu_case *of, Product *product);

cudaDataType_t cuda_type(enum spr_dtype dtype);
size_t bytes_of(enum spr_dtype dtype);

// cuBLASLt's algorithms for C (rows x columns) = op(A) B, all column-major.
struct Multiplication {
    int64_t rows, columns, inner;
    enum spr_dtype dtype;
    bool turn_a, turn_b;
    int64_t lda, ldb, ldc;
    const void *a, *b;
    void *c;
    cudaDataType_t output;
};
std::vector<std::unique_ptr<spr_gpu_task>> cublaslt_tasks(struct spr_gpu *gpu,
                                                          const Multiplication &of);

// cuSPARSELt's product of a 2:4 matrix W (m x k, row-major, ld k) and X (k x n, row-major).
struct Structured {
    int64_t m, k, n;
    enum spr_dtype dtype;
    bool x_turned; // X is n x k, row-major
    const void *w, *x;
    void *y; // m x n, row-major
};
std::unique_ptr<spr_gpu_task> cusparselt_task(struct spr_gpu *gpu, const Structured &of);

#endif
