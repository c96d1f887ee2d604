// SPDX-License-Identifier: Apache-2.0
// The GPU itself: opened, described, filled with numbers, timed.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "cuda/internal.h"

// Where no size is known: more than the L2 of any GPU so far.
static constexpr double L2_UNKNOWN = 128e6;

spr_gpu::~spr_gpu()
{
    if (sparse) {
        cusparseDestroy(sparse);
    }
    if (blas) {
        cublasLtDestroy(blas);
    }
    if (end) {
        cudaEventDestroy(end);
    }
    if (begin) {
        cudaEventDestroy(begin);
    }
    if (stream) {
        cudaStreamDestroy(stream);
    }
}

static int device_number(const char *device)
{
    static const char prefix[] = "cuda:";
    size_t length = sizeof prefix - 1;
    const char *digits = device + length;
    if (strncmp(device, prefix, length) != 0 || !*digits || strlen(digits) > 4 ||
        strspn(digits, "0123456789") != strlen(digits)) {
        throw Failure(SPR_EINPUT, "--device: '%.40s': expected cuda:0, cuda:1, ...", device);
    }
    return atoi(digits);
}

static void describe(struct spr_gpu *gpu, int number)
{
    struct spr_gpu_facts *facts = &gpu->facts;
    cudaDeviceProp properties;
    int driver = 0, runtime = 0, sparse = 0;
    check(cudaGetDeviceProperties(&properties, number), "properties of the device");
    check(cudaDriverGetVersion(&driver), "version of the driver");
    check(cudaRuntimeGetVersion(&runtime), "version of the runtime");
    check(cusparseGetVersion(gpu->sparse, &sparse), "version of cuSPARSE");
    snprintf(facts->name, sizeof facts->name, "%.100s", properties.name);
    snprintf(facts->versions, sizeof facts->versions,
             "CUDA driver %d.%d, runtime %d.%d, cuBLASLt %zu, cuSPARSE %d", driver / 1000,
             driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10, cublasLtGetVersion(),
             sparse);
    facts->multiprocessors = properties.multiProcessorCount;
    facts->capability = 10 * properties.major + properties.minor;
    facts->memory_bytes = (double)properties.totalGlobalMem;
    facts->l2_bytes = properties.l2CacheSize;
}

static void open_device(const char *device, struct spr_gpu *gpu)
{
    int number = device_number(device), count = 0;
    cudaError_t error = cudaGetDeviceCount(&count);
    if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0)) {
        throw Failure(SPR_EINPUT, "--device %s: this machine has no NVIDIA GPU", device);
    }
    if (error != cudaSuccess) {
        throw Failure(SPR_EINPUT, "--device %s: no NVIDIA GPU can be used: %s", device,
                      cudaGetErrorString(error));
    }
    if (number >= count) {
        throw Failure(SPR_EINPUT, "--device %s: no such device: expected cuda:0%s%.0d", device,
                      count > 1 ? " to cuda:" : "", count - 1);
    }
    check(cudaSetDevice(number), "the device");
    check(cudaStreamCreateWithFlags(&gpu->stream, cudaStreamNonBlocking), "a stream");
    check(cudaEventCreate(&gpu->begin), "an event");
    check(cudaEventCreate(&gpu->end), "an event");
    check(cublasLtCreate(&gpu->blas), "cuBLASLt");
    check(cusparseCreate(&gpu->sparse), "cuSPARSE");
    check(cusparseSetStream(gpu->sparse, gpu->stream), "cuSPARSE");
    describe(gpu, number);
    double l2 = gpu->facts.l2_bytes > 0 ? gpu->facts.l2_bytes : L2_UNKNOWN;
    gpu->flood = Buffer((size_t)(4 * l2));
    gpu->sink = Buffer(1 << 20);
    gpu->workspace = Buffer(WORKSPACE_BYTES);
    check(cudaMemset(gpu->flood.as<char>(), 1, gpu->flood.size()), "device memory");
}

extern "C" enum spr_status spr_gpu_open(const char *device, struct spr_gpu **gpu,
                                        struct spr_error *err)
{
    *gpu = nullptr;
    return guarded(err, [&] {
        std::unique_ptr<spr_gpu> opened(new spr_gpu);
        open_device(device, opened.get());
        *gpu = opened.release();
    });
}

extern "C" void spr_gpu_close(struct spr_gpu *gpu)
{
    delete gpu;
}

extern "C" const struct spr_gpu_facts *spr_gpu_facts(const struct spr_gpu *gpu)
{
    return &gpu->facts;
}

extern "C" const char *spr_gpu_task_name(const struct spr_gpu_task *task)
{
    return task->name;
}

extern "C" void spr_gpu_task_free(struct spr_gpu_task *task)
{
    delete task;
}

cudaDataType_t cuda_type(enum spr_dtype dtype)
{
    switch (dtype) {
    case SPR_F16:
        return CUDA_R_16F;
    case SPR_BF16:
        return CUDA_R_16BF;
    case SPR_FP8:
        return CUDA_R_8F_E4M3;
    case SPR_I8:
        return CUDA_R_8I;
    case SPR_F64:
        return CUDA_R_64F;
    case SPR_F32:
    case SPR_TF32:
        break;
    }
    return CUDA_R_32F;
}

size_t bytes_of(enum spr_dtype dtype)
{
    return (size_t)spr_dtype_bytes(dtype);
}

// The output function of splitmix64 (Steele, Lea & Flood 2014), at one index of the stream.
__device__ static unsigned long long mixed(unsigned long long seed, unsigned long long index)
{
    unsigned long long z = seed + (index + 1) * 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

__device__ static float unit(unsigned long long bits)
{
    return (float)(bits >> 40) * 0x1p-23f - 1.0f;
}

__device__ static void put(__half *to, unsigned long long bits)
{
    *to = __float2half_rn(unit(bits));
}
__device__ static void put(__nv_bfloat16 *to, unsigned long long bits)
{
    *to = __float2bfloat16_rn(unit(bits));
}
__device__ static void put(__nv_fp8_e4m3 *to, unsigned long long bits)
{
    *to = __nv_fp8_e4m3(unit(bits));
}
__device__ static void put(signed char *to, unsigned long long bits)
{
    *to = (signed char)(bits >> 56);
}
__device__ static void put(float *to, unsigned long long bits)
{
    *to = unit(bits);
}
__device__ static void put(double *to, unsigned long long bits)
{
    *to = unit(bits);
}

template <class T> __global__ static void fill(T *to, long long count, unsigned long long seed)
{
    long long step = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < count;
         i += step) {
        put(to + i, mixed(seed, (unsigned long long)i));
    }
}

void fill_random(struct spr_gpu *gpu, void *memory, enum spr_dtype dtype, int64_t count,
                 uint64_t seed)
{
    int blocks = 8 * gpu->facts.multiprocessors;
    switch (dtype) {
    case SPR_F16:
        fill<<<blocks, 256, 0, gpu->stream>>>((__half *)memory, count, seed);
        break;
    case SPR_BF16:
        fill<<<blocks, 256, 0, gpu->stream>>>((__nv_bfloat16 *)memory, count, seed);
        break;
    case SPR_FP8:
        fill<<<blocks, 256, 0, gpu->stream>>>((__nv_fp8_e4m3 *)memory, count, seed);
        break;
    case SPR_I8:
        fill<<<blocks, 256, 0, gpu->stream>>>((signed char *)memory, count, seed);
        break;
    case SPR_F64:
        fill<<<blocks, 256, 0, gpu->stream>>>((double *)memory, count, seed);
        break;
    case SPR_F32:
    case SPR_TF32:
        fill<<<blocks, 256, 0, gpu->stream>>>((float *)memory, count, seed);
        break;
    }
    check_launch("random numbers");
}

// Reads everything; the sum is kept, so that no load is left out.
__global__ static void read_all(const uint4 *from, size_t count, unsigned *sink)
{
    unsigned sum = 0;
    size_t step = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
        uint4 v = __ldcg(from + i);
        sum += v.x ^ v.y ^ v.z ^ v.w;
    }
    if (sum == 0x12345678u) {
        sink[threadIdx.x] = sum;
    }
}

// Spends time, so that what follows is queued before it begins.
__global__ static void delay(long long nanoseconds)
{
    unsigned long long begin, now;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(begin));
    do {
        asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
    } while ((long long)(now - begin) < nanoseconds);
}

// A launch by a library takes the host about this long.
static constexpr long long LAUNCH_NS = 15000;
static constexpr long long DELAY_MAX_NS = 2000000;

double sample(struct spr_gpu *gpu, struct spr_gpu_task *task, bool cold, int calls)
{
    float milliseconds = 0;
    if (cold) {
        read_all<<<8 * gpu->facts.multiprocessors, 256, 0, gpu->stream>>>(
            gpu->flood.as<uint4>(), gpu->flood.size() / sizeof(uint4),
            gpu->sink.as<unsigned>());
        calls = 1;
    } else {
        task->run();
        delay<<<1, 1, 0, gpu->stream>>>(std::min(LAUNCH_NS * (calls + 1), DELAY_MAX_NS));
    }
    check_launch("preparing a sample");
    check(cudaEventRecord(gpu->begin, gpu->stream), "an event");
    for (int i = 0; i < calls; i++) {
        task->run();
    }
    check(cudaEventRecord(gpu->end, gpu->stream), "an event");
    check(cudaEventSynchronize(gpu->end), task->name);
    check(cudaEventElapsedTime(&milliseconds, gpu->begin, gpu->end), "an event");
    return milliseconds * 1e-3 / calls;
}

double quick_time(struct spr_gpu *gpu, struct spr_gpu_task *task)
{
    double least = HUGE_VAL;
    task->run();
    check(cudaStreamSynchronize(gpu->stream), task->name);
    for (int i = 0; i < 5; i++) {
        least = std::min(least, sample(gpu, task, false, 3));
    }
    return least;
}

extern "C" enum spr_status spr_gpu_sample(struct spr_gpu *gpu, struct spr_gpu_task *task,
                                          bool cold, int calls, double *seconds,
                                          struct spr_error *err)
{
    return guarded(err, [&] { *seconds = sample(gpu, task, cold, calls); });
}

__global__ static void nothing()
{
}

struct Empty : spr_gpu_task {
    struct spr_gpu *gpu;
    void run() override
    {
        nothing<<<1, 32, 0, gpu->stream>>>();
        check_launch(name);
    }
};

__global__ static void read_passes(const uint4 *from, size_t count, int passes, unsigned *sink)
{
    unsigned sum = 0;
    size_t step = (size_t)gridDim.x * blockDim.x;
    for (int pass = 0; pass < passes; pass++) {
        size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
        for (; i + 3 * step < count; i += 4 * step) { // four loads in flight
            uint4 a = __ldcg(from + i), b = __ldcg(from + i + step),
                  c = __ldcg(from + i + 2 * step), d = __ldcg(from + i + 3 * step);
            sum += (a.x ^ a.y ^ a.z ^ a.w) + (b.x ^ b.y ^ b.z ^ b.w) +
                   (c.x ^ c.y ^ c.z ^ c.w) + (d.x ^ d.y ^ d.z ^ d.w);
        }
        for (; i < count; i += step) {
            uint4 a = __ldcg(from + i);
            sum += a.x ^ a.y ^ a.z ^ a.w;
        }
        sum = sum * 3 + (unsigned)pass; // no two passes are the same
    }
    if (sum == 0x12345678u) {
        sink[threadIdx.x] = sum;
    }
}

__global__ static void copy_passes(const uint4 *from, uint4 *to, size_t count, int passes)
{
    size_t step = (size_t)gridDim.x * blockDim.x;
    for (int pass = 0; pass < passes; pass++) {
        size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
        for (; i + 3 * step < count; i += 4 * step) {
            uint4 a = __ldcg(from + i), b = __ldcg(from + i + step),
                  c = __ldcg(from + i + 2 * step), d = __ldcg(from + i + 3 * step);
            to[i] = a;
            to[i + step] = b;
            to[i + 2 * step] = c;
            to[i + 3 * step] = d;
        }
        for (; i < count; i += step) {
            to[i] = __ldcg(from + i);
        }
    }
}

struct Moving : spr_gpu_task {
    struct spr_gpu *gpu;
    Buffer memory;
    bool copy;
    int passes;
    void run() override
    {
        int blocks = 8 * gpu->facts.multiprocessors;
        size_t count = memory.size() / sizeof(uint4);
        uint4 *at = memory.as<uint4>();
        if (copy) {
            copy_passes<<<blocks, 256, 0, gpu->stream>>>(at, at + count / 2, count / 2,
                                                         passes);
        } else {
            read_passes<<<blocks, 256, 0, gpu->stream>>>(at, count, passes,
                                                         gpu->sink.as<unsigned>());
        }
        check_launch(name);
    }
};

static constexpr int FMA_CHAINS = 16, FMA_STEPS = 4096, FMA_THREADS = 256, FMA_BLOCKS = 8;

// Independent chains of multiply-adds in registers.
__global__ static void multiply_add(float a, float b, float *sink)
{
    float sum[FMA_CHAINS];
    for (int c = 0; c < FMA_CHAINS; c++) {
        sum[c] = (float)(threadIdx.x + c);
    }
    for (int step = 0; step < FMA_STEPS; step++) {
#pragma unroll
        for (int c = 0; c < FMA_CHAINS; c++) {
            sum[c] = fmaf(sum[c], a, b);
        }
    }
    float all = 0;
    for (int c = 0; c < FMA_CHAINS; c++) {
        all += sum[c];
    }
    if (all == 0.12345f) {
        sink[threadIdx.x] = all;
    }
}

struct MultiplyAdd : spr_gpu_task {
    struct spr_gpu *gpu;
    int blocks() const
    {
        return FMA_BLOCKS * gpu->facts.multiprocessors;
    }
    void run() override
    {
        multiply_add<<<blocks(), FMA_THREADS, 0, gpu->stream>>>(0.999f, 0.5f,
                                                                gpu->sink.as<float>());
        check_launch(name);
    }
};

extern "C" enum spr_status spr_gpu_rate_task(struct spr_gpu *gpu, enum spr_gpu_rate rate,
                                             double size, int passes,
                                             struct spr_gpu_task **task, double *amount,
                                             struct spr_error *err)
{
    return guarded(err, [&] {
        if (rate == SPR_GPU_EMPTY) {
            std::unique_ptr<Empty> made(new Empty);
            snprintf(made->name, sizeof made->name, "empty kernel");
            made->gpu = gpu;
            *amount = 1;
            *task = made.release();
        } else if (rate == SPR_GPU_FMA) {
            std::unique_ptr<MultiplyAdd> made(new MultiplyAdd);
            snprintf(made->name, sizeof made->name, "f32 multiply-adds");
            made->gpu = gpu;
            *amount = 2.0 * FMA_CHAINS * FMA_STEPS * FMA_THREADS * made->blocks();
            *task = made.release();
        } else {
            std::unique_ptr<Moving> made(new Moving);
            snprintf(made->name, sizeof made->name, "%s of %.4g MiB",
                     rate == SPR_GPU_COPY ? "copy" : "read", size / 1048576);
            made->gpu = gpu;
            made->memory = Buffer((size_t)size & ~(size_t)31);
            made->copy = rate == SPR_GPU_COPY;
            made->passes = passes;
            fill_random(gpu, made->memory.as<void>(), SPR_F32,
                        (int64_t)(made->memory.size() / 4), 1);
            *amount = (double)made->memory.size() * passes;
            *task = made.release();
        }
    });
}
