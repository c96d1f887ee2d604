// SPDX-License-Identifier: Apache-2.0
// sproof's own block kernel on the GPU: its instructions, its tiles, its launches.
#include "cuda/bsr_pack.h"
#include "cuda/internal.h"
#include "cuda/round.h"

// One thread of the GPU as bsr_kernel.h sees it. Offsets are bytes in shared memory.
template <class T> struct GpuThread {
    unsigned char *shared;
    uint32_t base;
    SPR_DEVICE explicit GpuThread(unsigned char *memory)
        : shared(memory), base((uint32_t)__cvta_generic_to_shared(memory))
    {
    }
    SPR_DEVICE int thread() const
    {
        return (int)threadIdx.x;
    }
    SPR_DEVICE int block_x() const
    {
        return (int)blockIdx.x;
    }
    SPR_DEVICE int block_y() const
    {
        return (int)blockIdx.y;
    }
    SPR_DEVICE void sync()
    {
        __syncthreads();
    }
    SPR_DEVICE void sync_warp()
    {
        __syncwarp();
    }
    // 16 bytes from global memory, or zeros.
    SPR_DEVICE void copy_chunk(int to, const BsrBits *from, bool there)
    {
        asm volatile(
            "cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(base + (uint32_t)to),
            "l"(from), "r"(there ? 16 : 0)
            : "memory");
    }
    SPR_DEVICE void commit()
    {
        asm volatile("cp.async.commit_group;" ::: "memory");
    }
    template <int LEFT> SPR_DEVICE void wait()
    {
        asm volatile("cp.async.wait_group %0;" ::"n"(LEFT) : "memory");
    }
    SPR_DEVICE void load_chunk(int from, uint32_t *out)
    {
        uint4 v = *reinterpret_cast<const uint4 *>(shared + from);
        out[0] = v.x;
        out[1] = v.y;
        out[2] = v.z;
        out[3] = v.w;
    }
    SPR_DEVICE void write_chunk(BsrBits *to, const uint32_t *v)
    {
        *reinterpret_cast<uint4 *>(to) = make_uint4(v[0], v[1], v[2], v[3]);
    }
    // Four 8 x 8 matrices, turned; lane l gives the address of row l % 8 of matrix l / 8.
    SPR_DEVICE void load_turned(int from, uint32_t *out)
    {
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                     : "r"(base + (uint32_t)from)
                     : "memory");
    }
    SPR_DEVICE void multiply(float *sums, const uint32_t *a, const uint32_t *b);
    SPR_DEVICE void store_pair(int to, float first, float second);
};

#define SPR_MMA(TYPE)                                                                         \
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." TYPE "." TYPE ".f32 "               \
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"            \
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])                 \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))

template <>
SPR_DEVICE void GpuThread<__half>::multiply(float *sums, const uint32_t *a, const uint32_t *b)
{
    SPR_MMA("f16");
}
template <>
SPR_DEVICE void GpuThread<__nv_bfloat16>::multiply(float *sums, const uint32_t *a,
                                                   const uint32_t *b)
{
    SPR_MMA("bf16");
}
template <> SPR_DEVICE void GpuThread<__half>::store_pair(int to, float first, float second)
{
    *reinterpret_cast<__half2 *>(shared + to) = __floats2half2_rn(first, second);
}
template <>
SPR_DEVICE void GpuThread<__nv_bfloat16>::store_pair(int to, float first, float second)
{
    *reinterpret_cast<__nv_bfloat162 *>(shared + to) = __floats2bfloat162_rn(first, second);
}

template <class T, int R, int N, int M>
__global__ static void __launch_bounds__(BsrShape<R, N, M>::THREADS) bsr_kernel(BsrOperands of)
{
    extern __shared__ __align__(128) unsigned char memory[];
    GpuThread<T> thread(memory);
    bsr_body<R, N, M>(thread, of);
}

struct OwnPacked {
    Buffer w, steps, first;
    int32_t block_rows;
};

struct OwnProduct : Product {
    struct spr_gpu *gpu;
    std::shared_ptr<OwnPacked> packed;
    BsrOperands operands;
    void (*kernel)(BsrOperands);
    dim3 grid;
    int threads, shared;
    void run() override
    {
        kernel<<<grid, threads, shared, gpu->stream>>>(operands);
        check_launch(name);
    }
};

template <class T, int R, int N, int M>
static std::unique_ptr<Product> make_own(struct spr_gpu_case *of,
                                         const std::shared_ptr<OwnPacked> &packed)
{
    using S = BsrShape<R, N, M>;
    std::unique_ptr<OwnProduct> made(new OwnProduct);
    int64_t tiles = (of->n + N - 1) / N;
    if (of->n > INT32_MAX || tiles > 65535) {
        throw Failure(SPR_EENVIRONMENT, "more than %d tokens", 65535 * N);
    }
    made->y = make_y(of);
    made->gpu = of->gpu;
    made->packed = packed;
    made->operands = {
        packed->w.template as<BsrBits>(),     packed->steps.template as<BsrStep>(),
        packed->first.template as<int32_t>(), of->x.template as<BsrBits>(),
        made->y.template as<BsrBits>(),       (int32_t)of->n};
    made->kernel = bsr_kernel<T, R, N, M>;
    made->grid = dim3((unsigned)packed->block_rows, (unsigned)tiles);
    made->threads = S::THREADS;
    made->shared = S::SHARED_BYTES;
    snprintf(made->name, sizeof made->name, "spr_spmm_bsr_%s__cuda-%dx%d-m%dn%d",
             spr_dtype_name(of->dtype), R, R, M, N);
    check(cudaFuncSetAttribute(made->kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               S::SHARED_BYTES),
          made->name);
    return made;
}

template <class T, int R, int N, int M>
static void add_own(Listing *listing, const std::shared_ptr<OwnPacked> &packed)
{
    attempt(listing, [&] { return make_own<T, R, N, M>(listing->of, packed); });
}

// Tiles of few tokens fill the GPU where n is small; the caller times them all.
template <class T>
static void list_tiles(Listing *listing, const std::shared_ptr<OwnPacked> &packed)
{
    switch (listing->block) {
    case 16:
        add_own<T, 16, 64, 16>(listing, packed);
        add_own<T, 16, 128, 16>(listing, packed);
        add_own<T, 16, 256, 16>(listing, packed);
        break;
    case 32:
        add_own<T, 32, 64, 32>(listing, packed);
        add_own<T, 32, 128, 32>(listing, packed);
        add_own<T, 32, 256, 32>(listing, packed);
        add_own<T, 32, 512, 32>(listing, packed);
        break;
    default:
        add_own<T, 64, 64, 32>(listing, packed);
        add_own<T, 64, 128, 32>(listing, packed);
        add_own<T, 64, 128, 64>(listing, packed);
        add_own<T, 64, 256, 64>(listing, packed);
        break;
    }
}

void list_own_blocks(Listing *listing)
{
    struct spr_gpu_case *of = listing->of;
    int block = listing->block;
    if (block != 16 && block != 32 && block != 64) {
        throw Failure(SPR_EENVIRONMENT, "no kernel for blocks of %d", block);
    }
    int64_t block_rows = (of->m + block - 1) / block;
    BsrPacked host = bsr_pack(block, block_rows, (of->k + block - 1) / block,
                              [&](int64_t row, int64_t column) {
                                  float v = of->w_host[(size_t)(row * of->k_all + column)];
                                  return v == 0 ? (BsrBits)0 : spr_round_bits(of->dtype, v);
                              });
    auto packed = std::make_shared<OwnPacked>();
    packed->w = upload(host.w);
    packed->steps = upload(host.steps);
    packed->first = upload(host.first);
    packed->block_rows = (int32_t)block_rows;
    if (of->dtype == SPR_BF16) {
        list_tiles<__nv_bfloat16>(listing, packed);
    } else {
        list_tiles<__half>(listing, packed);
    }
}
