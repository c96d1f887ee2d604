/* SPDX-License-Identifier: Apache-2.0 */
/* What this instruction set can do at most: sums, loads, stores, bytes. Every loop keeps its
 * values alive with empty asm statements; nothing else is in the way of the compiler. */
#include "kernel/isa/probe_loops.h"

#include <stdbool.h>

#include "kernel/isa/vec.h"

extern const struct spr_probe_loops SPR_PER_ISA(spr_probe_loops);

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif

#if defined(__x86_64__)
#define USE(v) __asm__ volatile("" : : "v"(v))
#elif defined(__aarch64__)
#define USE(v) __asm__ volatile("" : : "w"(v))
#else
#define USE(v) __asm__ volatile("" : : "g"(v))
#endif
#define FENCE() __asm__ volatile("" : : : "memory")

/* Independent sums: at least latency times pipes, which is 8 to 16 on the CPUs of 2013 to
 * 2025 (4 or 5 cycles, 2 to 4 pipes), and as many as the registers hold beside constants. */
#define CHAINS (VEC_REGISTERS == 32 ? 24 : 14)
#define STEPS 64

/* A loop over CHAINS sums. `step` must leave the value normal however often it is applied. */
#define CHAIN_LOOP(name, type, start, first, second, step, flops)                             \
    static double name(struct spr_probe_work *work, size_t rounds)                            \
    {                                                                                         \
        type sum[CHAINS];                                                                     \
        type a = (first), b = (second);                                                       \
        (void)work;                                                                           \
        VEC_KEEP(a);                                                                          \
        VEC_KEEP(b);                                                                          \
        UNROLL for (int i = 0; i < CHAINS; i++)                                               \
        {                                                                                     \
            sum[i] = start;                                                                   \
        }                                                                                     \
        for (size_t step_left = rounds * STEPS; step_left > 0; step_left--) {                 \
            UNROLL for (int i = 0; i < CHAINS; i++)                                           \
            {                                                                                 \
                sum[i] = step;                                                                \
                VEC_KEEP(sum[i]);                                                             \
            }                                                                                 \
        }                                                                                     \
        UNROLL for (int i = 0; i < CHAINS; i++)                                               \
        {                                                                                     \
            USE(sum[i]);                                                                      \
        }                                                                                     \
        return (double)rounds * STEPS * CHAINS * (flops);                                     \
    }

/* s/2 + 1/2 tends to 1 and stays there. */
CHAIN_LOOP(fma_f32, vec, vec_set1(1.25f), vec_set1(0.5f), vec_set1(0.5f),
           vec_fma(sum[i], a, b), 2.0 * VEC_LANES)

#if defined(SPR_BUILD_AVX512)
CHAIN_LOOP(fma_f64, __m512d, _mm512_set1_pd(1.25), _mm512_set1_pd(0.5), _mm512_set1_pd(0.5),
           _mm512_fmadd_pd(sum[i], a, b), 16)
#elif defined(SPR_BUILD_AVX2)
CHAIN_LOOP(fma_f64, __m256d, _mm256_set1_pd(1.25), _mm256_set1_pd(0.5), _mm256_set1_pd(0.5),
           _mm256_fmadd_pd(sum[i], a, b), 8)
#elif defined(SPR_BUILD_NEON)
CHAIN_LOOP(fma_f64, float64x2_t, vdupq_n_f64(1.25), vdupq_n_f64(0.5), vdupq_n_f64(0.5),
           vfmaq_f64(b, sum[i], a), 4)
#else
CHAIN_LOOP(fma_f64, double, 1.25, 0.5, 0.5, sum[i] * a + b, 2)
#endif

#include "kernel/isa/dot_loops.h"

/* Vectors between two looks at the loop's end. */
#define BLOCK 8

VEC_INLINE void read_all(const float *memory, size_t count)
{
    for (size_t i = 0; i < count; i += BLOCK * VEC_LANES) {
        UNROLL for (size_t j = 0; j < BLOCK; j++)
        {
            vec v = vec_load(memory + i + j * VEC_LANES);
            USE(v);
        }
    }
}

static double read_memory(struct spr_probe_work *work, size_t rounds)
{
    for (size_t r = 0; r < rounds; r++) {
        read_all(work->memory, work->bytes / sizeof(float));
    }
    return (double)rounds * (double)work->bytes;
}

static double load(struct spr_probe_work *work, size_t rounds)
{
    return read_memory(work, rounds) / (double)sizeof(vec);
}

static double broadcast(struct spr_probe_work *work, size_t rounds)
{
    size_t count = work->bytes / sizeof(float);
    for (size_t r = 0; r < rounds; r++) {
        for (size_t i = 0; i < count; i += BLOCK) {
            UNROLL for (size_t j = 0; j < BLOCK; j++)
            {
                vec v = vec_set1(work->memory[i + j]);
                USE(v);
            }
        }
    }
    return (double)rounds * (double)count;
}

static double store(struct spr_probe_work *work, size_t rounds)
{
    size_t count = work->bytes / sizeof(float);
    float *memory = work->memory;
    vec v = vec_set1(1);
    VEC_KEEP(v);
    for (size_t r = 0; r < rounds; r++) {
        for (size_t i = 0; i < count; i += BLOCK * VEC_LANES) {
            UNROLL for (size_t j = 0; j < BLOCK; j++)
            {
                vec_store(memory + i + j * VEC_LANES, v);
            }
            FENCE();
        }
    }
    return (double)rounds * (double)count / VEC_LANES;
}

/* The first half onto the second; bytes read and bytes written both count. */
static double copy(struct spr_probe_work *work, size_t rounds)
{
    size_t half = work->bytes / sizeof(float) / 2;
    const float *from = work->memory;
    float *to = work->memory + half;
    for (size_t r = 0; r < rounds; r++) {
        for (size_t i = 0; i < half; i += BLOCK * VEC_LANES) {
            UNROLL for (size_t j = 0; j < BLOCK; j++)
            {
                vec v = vec_load(from + i + j * VEC_LANES);
                VEC_KEEP(v);
                vec_store(to + i + j * VEC_LANES, v);
            }
            FENCE();
        }
    }
    return (double)rounds * (double)work->bytes;
}

/* Rows of `floats` values, a constant where this is inlined. */
VEC_INLINE void read_rows(const struct spr_probe_work *work, size_t first, size_t floats)
{
    const uint32_t *rows = work->rows + first;
    for (size_t i = 0; i < SPR_PROBE_ROWS; i++) {
        const float *row = work->memory + rows[i] * floats;
        UNROLL for (size_t j = 0; j < floats; j += VEC_LANES)
        {
            vec v = vec_load(row + j);
            USE(v);
        }
    }
}

static double row_read(struct spr_probe_work *work, size_t rounds)
{
    for (size_t r = 0; r < rounds; r++) {
        size_t first = work->cursor;
        switch (work->row_bytes) {
        case 64:
            read_rows(work, first, 16);
            break;
        case 128:
            read_rows(work, first, 32);
            break;
        case 256:
            read_rows(work, first, 64);
            break;
        default:
            read_rows(work, first, 128);
        }
        work->cursor =
            first + 2 * SPR_PROBE_ROWS > work->row_count ? 0 : first + SPR_PROBE_ROWS;
    }
    return (double)rounds * SPR_PROBE_ROWS * (double)work->row_bytes;
}

/* One row of W against rows of X as wide as the widest tile: of all tiles (tiles.c) the one with
 * the most bytes of X for each multiply-add. */
#define KERNEL_WIDTH 8
#define KERNEL_WEIGHTS 64

/* Bytes of X alone. Weights are in L1, 4 bytes for a whole row of X. */
static double kernel_read(struct spr_probe_work *work, size_t rounds)
{
    float weights[KERNEL_WEIGHTS];
    const float *w = weights;
    const size_t width = KERNEL_WIDTH * VEC_LANES, rows = work->bytes / sizeof(float) / width;
    vec sum[KERNEL_WIDTH];
    for (size_t i = 0; i < KERNEL_WEIGHTS; i++) {
        weights[i] = i % 2 ? 0.5f : -0.5f; /* sums stay small */
    }
    UNROLL for (int t = 0; t < KERNEL_WIDTH; t++)
    {
        sum[t] = vec_zero();
    }
    FENCE();
    for (size_t r = 0; r < rounds; r++) {
        const float *x = work->memory;
        for (size_t i = 0; i < rows; i++, x += width) {
            vec wv = vec_set1(w[i % KERNEL_WEIGHTS]);
            UNROLL for (int t = 0; t < KERNEL_WIDTH; t++)
            {
                sum[t] = vec_fma(wv, vec_load(x + t * VEC_LANES), sum[t]);
                VEC_KEEP(sum[t]);
            }
        }
    }
    UNROLL for (int t = 0; t < KERNEL_WIDTH; t++)
    {
        USE(sum[t]);
    }
    return (double)rounds * (double)work->bytes;
}

#define RANDOM_FORM(kind, name) [SPR_PROBE_##kind] = (name),
#define ZEROS_FORM(kind, name) [SPR_PROBE_##kind] = name##_zeros,
const struct spr_probe_loops SPR_PER_ISA(spr_probe_loops) = {
    .run = {[SPR_PROBE_FMA_F32] = fma_f32,
            [SPR_PROBE_FMA_F64] = fma_f64,
            [SPR_PROBE_LOAD] = load,
            [SPR_PROBE_BROADCAST] = broadcast,
            [SPR_PROBE_STORE] = store,
            [SPR_PROBE_READ] = read_memory,
            [SPR_PROBE_COPY] = copy,
            [SPR_PROBE_ROW_READ] = row_read,
            [SPR_PROBE_KERNEL_READ] = kernel_read,
            DOT_ROWS(RANDOM_FORM)},
    .zeros = {[SPR_PROBE_ROW_READ] = NULL, DOT_ROWS(ZEROS_FORM)},
};
