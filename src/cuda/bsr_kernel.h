// SPDX-License-Identifier: Apache-2.0
// sproof's own product with square blocks: Y (m x n) = W (m x k, blocks of 16, 32 or 64) X
// (k x n), f16 or bf16 in and out, f32 sums, on tensor cores by mma.sync.m16n8k16.
//
// One thread block computes R rows (one block row of W) x N tokens of Y and walks the stored
// blocks of its row in steps of 32 columns of W: two blocks of 16, one of 32, half of one of
// 64. A step brings 32 rows of X (32 x N values) and R x 32 of W into one of STAGES buffers in
// shared memory by cp.async, STAGES - 1 steps ahead. A warp computes M rows x 64 tokens.
//
// Bytes that cross from L2 per step: 2 * 32 * (N + R); FLOPs: 2 * 32 * R * N; so
//   R N / (N + R) FLOP per byte: 15 (16 rows), 28 (32), 51 (64) at N = 256.
// An H100 reads 7.5e12 B/s from L2 (data/machines/h100-sxm.measured.json): 1.1e14, 2.1e14 and
// 3.8e14 FLOP/s. L2 is the limit, not the tensor cores, because block rows do not share rows
// of X. Tall blocks help, a larger N hardly.
//
// The text of the kernel knows the hardware only through `Thread`, so that a test can run it
// on the host (tests/cuda/bsr_emulation.cpp).
#ifndef SPROOF_CUDA_BSR_KERNEL_H
#define SPROOF_CUDA_BSR_KERNEL_H

#include <cstdint>

#ifdef __CUDACC__
#define SPR_DEVICE __device__ __forceinline__
#define SPR_UNROLL _Pragma("unroll")
#else
#define SPR_DEVICE inline
#define SPR_UNROLL
#endif

// A number of the type, as its bits.
using BsrBits = uint16_t;

// Where the two halves (16 rows each) of a step's rows of X begin; -1: zeros.
struct BsrStep {
    int32_t half[2];
};

struct BsrOperands {
    const BsrBits *w;     // per step R x 32 values in fragment order (bsr_pack.h)
    const BsrStep *steps; // of all block rows, one after another
    const int32_t *first; // [block rows + 1] first step of each
    const BsrBits *x;     // k x n, whole blocks of rows
    BsrBits *y;           // m x n, whole block rows
    int32_t n;            // a multiple of 8
};

constexpr int BSR_STEP = 32;                 // columns of W in a step
constexpr int BSR_STAGES = 4;                // steps in flight
constexpr int BSR_WARP_N = 64;               // tokens of a warp
constexpr int BSR_PADDED_N = BSR_WARP_N + 8; // of a row of Y on its way out: no bank conflicts

// M: rows of a warp.
template <int R, int N, int M> struct BsrShape {
    static constexpr int WARP_M = M;
    static constexpr int WARPS_M = R / WARP_M;
    static constexpr int WARPS_N = N / BSR_WARP_N;
    static constexpr int THREADS = 32 * WARPS_M * WARPS_N;
    static constexpr int ROW_CHUNKS = N / 8; // 16-byte chunks of a row of X's tile
    static constexpr int X_BYTES = BSR_STEP * N * 2;
    static constexpr int W_BYTES = R * BSR_STEP * 2;
    static constexpr int STAGE_BYTES = X_BYTES + W_BYTES;
    static constexpr int OUT_BYTES = WARPS_M * WARPS_N * WARP_M * BSR_PADDED_N * 2;
    static constexpr int SHARED_BYTES =
        BSR_STAGES * STAGE_BYTES > OUT_BYTES ? BSR_STAGES *STAGE_BYTES : OUT_BYTES;
};

// Bytes from the beginning of a tile of X to a chunk: chunks of 8 rows under each other lie in
// different banks.
template <int N> SPR_DEVICE int bsr_x_offset(int row, int chunk)
{
    return row * N * 2 + ((chunk ^ (row & 7)) << 4);
}

// Queues the copies of one step into a stage.
template <int R, int N, int M, class Thread>
SPR_DEVICE void bsr_load(Thread &t, const BsrOperands &of, int stage, int step, BsrStep at)
{
    using S = BsrShape<R, N, M>;
    constexpr int ROWS_AT_ONCE = S::THREADS / S::ROW_CHUNKS;
    int base = stage * S::STAGE_BYTES;
    int chunk = t.thread() % S::ROW_CHUNKS, row = t.thread() / S::ROW_CHUNKS;
    int column = t.block_y() * N + chunk * 8;
    bool inside = column < of.n;
    SPR_UNROLL
    for (int i = 0; i < BSR_STEP / ROWS_AT_ONCE; i++, row += ROWS_AT_ONCE) {
        int start = row < 16 ? at.half[0] : at.half[1];
        bool there = inside && start >= 0;
        const BsrBits *from =
            there ? of.x + (int64_t)(start + (row & 15)) * of.n + column : of.x;
        t.copy_chunk(base + bsr_x_offset<N>(row, chunk), from, there);
    }
    const BsrBits *w = of.w + (int64_t)step * (R * BSR_STEP);
    SPR_UNROLL
    for (int i = 0; i < (S::W_BYTES / 16 + S::THREADS - 1) / S::THREADS; i++) {
        int c = t.thread() + i * S::THREADS;
        if (c < S::W_BYTES / 16) {
            t.copy_chunk(base + S::X_BYTES + c * 16, w + c * 8, true);
        }
    }
}

// Adds one step's product to a warp's sums.
template <int R, int N, int M, class Thread, class Sums>
SPR_DEVICE void bsr_multiply(Thread &t, int stage, int warp_m, int warp_n, Sums &sums)
{
    using S = BsrShape<R, N, M>;
    constexpr int TALL = S::WARP_M / 16; // mma tiles under each other
    int base = stage * S::STAGE_BYTES, lane = t.thread() & 31;
    SPR_UNROLL
    for (int k = 0; k < BSR_STEP / 16; k++) {
        uint32_t a[TALL][4];
        SPR_UNROLL
        for (int i = 0; i < TALL; i++) {
            int fragment = (warp_m * TALL + i) * (BSR_STEP / 16) + k;
            t.load_chunk(base + S::X_BYTES + fragment * 512 + lane * 16, a[i]);
        }
        int row = k * 16 + (lane & 15);
        SPR_UNROLL
        for (int pair = 0; pair < BSR_WARP_N / 16; pair++) {
            uint32_t b[4];
            int chunk = warp_n * (BSR_WARP_N / 8) + pair * 2 + (lane >> 4);
            t.load_turned(base + bsr_x_offset<N>(row, chunk), b);
            SPR_UNROLL
            for (int i = 0; i < TALL; i++) {
                t.multiply(sums[i][2 * pair], a[i], b);
                t.multiply(sums[i][2 * pair + 1], a[i], b + 2);
            }
        }
    }
}

// Rounds a warp's sums and writes them in whole 16-byte chunks.
template <int R, int N, int M, class Thread, class Sums>
SPR_DEVICE void bsr_store(Thread &t, const BsrOperands &of, int warp_m, int warp_n, Sums &sums)
{
    using S = BsrShape<R, N, M>;
    int lane = t.thread() & 31;
    int base = (warp_m * S::WARPS_N + warp_n) * S::WARP_M * BSR_PADDED_N * 2;
    SPR_UNROLL
    for (int i = 0; i < S::WARP_M / 16; i++) {
        SPR_UNROLL
        for (int j = 0; j < BSR_WARP_N / 8; j++) {
            int row = i * 16 + (lane >> 2), column = j * 8 + (lane & 3) * 2;
            t.store_pair(base + (row * BSR_PADDED_N + column) * 2, sums[i][j][0],
                         sums[i][j][1]);
            t.store_pair(base + ((row + 8) * BSR_PADDED_N + column) * 2, sums[i][j][2],
                         sums[i][j][3]);
        }
    }
    t.sync_warp();
    int64_t top = (int64_t)t.block_x() * R + warp_m * S::WARP_M;
    SPR_UNROLL
    for (int i = 0; i < S::WARP_M * 8 / 32; i++) {
        int row = (lane >> 3) + i * 4, chunk = lane & 7;
        int column = t.block_y() * N + warp_n * BSR_WARP_N + chunk * 8;
        uint32_t values[4];
        t.load_chunk(base + (row * BSR_PADDED_N + chunk * 8) * 2, values);
        if (column < of.n) {
            t.write_chunk(of.y + (top + row) * of.n + column, values);
        }
    }
}

// The whole product of one thread. Blocks: x counts block rows, y tiles of N tokens.
template <int R, int N, int M, class Thread>
SPR_DEVICE void bsr_body(Thread &t, const BsrOperands &of)
{
    using S = BsrShape<R, N, M>;
    constexpr int AHEAD = BSR_STAGES - 1;
    int first = of.first[t.block_x()], count = of.first[t.block_x() + 1] - first;
    int warp = t.thread() >> 5, warp_m = warp / S::WARPS_N, warp_n = warp % S::WARPS_N;
    float sums[S::WARP_M / 16][BSR_WARP_N / 8][4] = {};
    for (int i = 0; i < AHEAD; i++) {
        if (i < count) {
            bsr_load<R, N, M>(t, of, i, first + i, of.steps[first + i]);
        }
        t.commit();
    }
    // The place of a step's rows is read one step before it is needed.
    BsrStep next = of.steps[first + (AHEAD < count ? AHEAD : 0)];
    for (int i = 0; i < count; i++) {
        t.template wait<AHEAD - 1>();
        t.sync();
        int load = i + AHEAD;
        if (load < count) {
            BsrStep at = next;
            next = of.steps[first + (load + 1 < count ? load + 1 : load)];
            bsr_load<R, N, M>(t, of, load % BSR_STAGES, first + load, at);
        }
        t.commit();
        bsr_multiply<R, N, M>(t, i % BSR_STAGES, warp_m, warp_n, sums);
    }
    t.template wait<0>();
    t.sync();
    bsr_store<R, N, M>(t, of, warp_m, warp_n, sums);
}

#endif
