/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of products in narrow types: dot products of vectors, products of tiles. Part of
 * probe_loops.c. Power, and with it the clock, depends on the data: tiles run a quarter faster on
 * zeros than on random ones. So every loop has two forms, on random data and on zeros. Random
 * operands lie in pairs, (x, x) times (y, -y), which leave a sum what it was: nothing overflows,
 * vanishes or saturates however long a loop runs. */
#ifndef SPROOF_KERNEL_ISA_DOT_LOOPS_H
#define SPROOF_KERNEL_ISA_DOT_LOOPS_H

#include <string.h>

#include "base/random.h"

/* What the loops of this instruction set are called: ROW(kind, name). */
#if defined(SPR_BUILD_AVX512)
#define DOT_ROWS(ROW)                                                                         \
    ROW(FMA_F16, fma_f16)                                                                     \
    ROW(DOT_BF16, dot_bf16)                                                                   \
    ROW(DOT_I8, dot_i8) ROW(MATRIX_BF16, tile_bf16) ROW(MATRIX_I8, tile_i8)
#elif defined(SPR_BUILD_AVX2)
#define DOT_ROWS(ROW) ROW(DOT_I8, dot_i8)
#elif defined(SPR_BUILD_NEON)
#define DOT_ROWS(ROW)                                                                         \
    ROW(DOT_BF16, dot_bf16)                                                                   \
    ROW(DOT_I8, dot_i8) ROW(MATRIX_BF16, matrix_bf16) ROW(MATRIX_I8, matrix_i8)
#else
#define DOT_ROWS(ROW)
#endif

/* Two of each, taken in turn: a multiplier sees other data in every step. */
#define OPERANDS 2
/* Sums, where operands take four registers. */
#define DOT_CHAINS (VEC_REGISTERS == 32 ? 24 : 12)
/* One row of a tile, or the longest vector. */
#define ROW_BYTES 64

/* What is drawn for one operand of each side. */
struct drawn {
    _Alignas(64) uint16_t a[ROW_BYTES / 2], b[ROW_BYTES / 2];
};

/* (x, x) and (y, -y), of 2^-9 to 1/2 and either sign. */
static inline void draw_bf16(struct drawn *d, uint64_t *state)
{
    for (size_t i = 0; i < ROW_BYTES / 2; i += 2) {
        const uint64_t r = spr_random(state);
        const unsigned x = (118u + (unsigned)(r & 7)) << 7 | (unsigned)(r >> 3 & 0x807F);
        const unsigned y =
            (118u + (unsigned)(r >> 19 & 7)) << 7 | (unsigned)(r >> 22 & 0x807F);
        d->a[i] = d->a[i + 1] = (uint16_t)x;
        d->b[i] = (uint16_t)y;
        d->b[i + 1] = (uint16_t)(y ^ 0x8000u);
    }
}

/* Four bytes (x, x, z, z) and (y, -y, w, -w), none of them -128. */
static inline void draw_i8(struct drawn *d, uint64_t *state)
{
    for (size_t i = 0; i < ROW_BYTES / 2; i++) {
        const uint64_t r = spr_random(state);
        const int x = (int)(r % 255) - 127, y = (int)((r >> 32) % 255) - 127;
        d->a[i] = (uint16_t)((unsigned)(x & 0xFF) * 0x101u);
        d->b[i] = (uint16_t)((unsigned)(y & 0xFF) | (unsigned)(-y & 0xFF) << 8);
    }
}

/* s a + b with 1/4 <= |a| < 1 and 1/2 <= |b| < 2 stays below 2^12 and finds its level. */
static inline void draw_f16(struct drawn *d, uint64_t *state)
{
    for (size_t i = 0; i < ROW_BYTES / 2; i++) {
        const uint64_t r = spr_random(state);
        d->a[i] = (uint16_t)((13u + (unsigned)(r & 1)) << 10 | (unsigned)(r >> 1 & 0x83FF));
        d->b[i] =
            (uint16_t)((14u + (unsigned)(r >> 17 & 1)) << 10 | (unsigned)(r >> 18 & 0x83FF));
    }
}

typedef void draw_operands(struct drawn *, uint64_t *);

/* Each thread draws the same. */
static inline void draw_all(struct drawn *operands, size_t count, draw_operands *draw,
                            bool zeros)
{
    uint64_t state = 1;
    for (size_t i = 0; i < count; i++) {
        draw(&operands[i], &state);
    }
    if (zeros) {
        memset(operands, 0, count * sizeof *operands);
    }
}

/* One form of a loop whose body is body(rounds, zeros). */
#define DOT_FORM(attributes, name, body, zeros)                                               \
    attributes static double name(struct spr_probe_work *work, size_t rounds)                 \
    {                                                                                         \
        (void)work;                                                                           \
        return body(rounds, zeros);                                                           \
    }

/* A loop over DOT_CHAINS sums; step(s, x, y) adds the products of x and y to s. Sums begin as
 * an operand does: all kinds of numbers are random then. */
#define DOT_LOOP(attributes, name, type, draw, step, flops)                                   \
    attributes static double name##_on(size_t rounds, bool zeros)                             \
    {                                                                                         \
        struct drawn operands[OPERANDS];                                                      \
        type a[OPERANDS], b[OPERANDS], sum[DOT_CHAINS];                                       \
        draw_all(operands, OPERANDS, draw, zeros);                                            \
        UNROLL for (int i = 0; i < OPERANDS; i++)                                             \
        {                                                                                     \
            memcpy(&a[i], operands[i].a, sizeof a[i]);                                        \
            memcpy(&b[i], operands[i].b, sizeof b[i]);                                        \
            VEC_KEEP(a[i]);                                                                   \
            VEC_KEEP(b[i]);                                                                   \
        }                                                                                     \
        UNROLL for (int i = 0; i < DOT_CHAINS; i++)                                           \
        {                                                                                     \
            sum[i] = b[i % OPERANDS];                                                         \
        }                                                                                     \
        for (size_t step_left = rounds * STEPS; step_left > 0; step_left--) {                 \
            UNROLL for (int i = 0; i < DOT_CHAINS; i++)                                       \
            {                                                                                 \
                step(sum[i], a[i % OPERANDS], b[i / OPERANDS % OPERANDS]);                    \
                VEC_KEEP(sum[i]);                                                             \
            }                                                                                 \
        }                                                                                     \
        UNROLL for (int i = 0; i < DOT_CHAINS; i++)                                           \
        {                                                                                     \
            USE(sum[i]);                                                                      \
        }                                                                                     \
        return (double)rounds * STEPS * DOT_CHAINS * (flops);                                 \
    }                                                                                         \
    DOT_FORM(attributes, name, name##_on, false)                                              \
    DOT_FORM(attributes, name##_zeros, name##_on, true)

#if defined(SPR_BUILD_AVX512)

#define STEP_BF16(s, x, y)                                                                    \
    (s) = _mm512_castps_si512(                                                                \
        _mm512_dpbf16_ps(_mm512_castsi512_ps(s), (__m512bh)(x), (__m512bh)(y)))
#define STEP_I8(s, x, y) (s) = _mm512_dpbusd_epi32(s, x, y)
/* As text: clang 14 has the instruction, but neither its type nor its intrinsic. */
#define STEP_F16(s, x, y) __asm__("vfmadd213ph %2, %1, %0" : "+v"(s) : "v"(x), "v"(y))

DOT_LOOP(, fma_f16, __m512i, draw_f16, STEP_F16, 64)
DOT_LOOP(__attribute__((target("avx512bf16"))), dot_bf16, __m512i, draw_bf16, STEP_BF16, 64)
DOT_LOOP(__attribute__((target("avx512vnni"))), dot_i8, __m512i, draw_i8, STEP_I8, 128)

/* --- Tiles: eight of 16 rows of 64 bytes. Four hold sums, two a, two b. */

#define TILE_TARGET __attribute__((target("amx-tile,amx-bf16,amx-int8")))
#define TILE_ROWS 16

static const struct {
    _Alignas(64) uint8_t palette;
    uint8_t start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_shape = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS, TILE_ROWS,
             TILE_ROWS},
};

#define TILE_LOOP(name, draw, product, flops)                                                 \
    TILE_TARGET static double name##_on(size_t rounds, bool zeros)                            \
    {                                                                                         \
        struct drawn rows[2 * TILE_ROWS];                                                     \
        const struct drawn *low = rows, *high = rows + TILE_ROWS;                             \
        draw_all(rows, 2 * TILE_ROWS, draw, zeros);                                           \
        /* The compiler does not see that tiles are loaded from memory. */                    \
        __asm__ volatile("" : : "r"(rows) : "memory");                                        \
        _tile_loadconfig(&tile_shape);                                                        \
        _tile_loadd(0, low->b, sizeof *low);                                                  \
        _tile_loadd(1, high->b, sizeof *low);                                                 \
        _tile_loadd(2, low->b, sizeof *low);                                                  \
        _tile_loadd(3, high->b, sizeof *low);                                                 \
        _tile_loadd(4, low->a, sizeof *low);                                                  \
        _tile_loadd(5, high->a, sizeof *low);                                                 \
        _tile_loadd(6, low->b, sizeof *low);                                                  \
        _tile_loadd(7, high->b, sizeof *low);                                                 \
        for (size_t step_left = rounds * STEPS; step_left > 0; step_left--) {                 \
            product(0, 4, 6);                                                                 \
            product(1, 4, 7);                                                                 \
            product(2, 5, 6);                                                                 \
            product(3, 5, 7);                                                                 \
        }                                                                                     \
        _tile_release();                                                                      \
        return (double)rounds * STEPS * 4 * (flops);                                          \
    }                                                                                         \
    DOT_FORM(TILE_TARGET, name, name##_on, false)                                             \
    DOT_FORM(TILE_TARGET, name##_zeros, name##_on, true)

TILE_LOOP(tile_bf16, draw_bf16, _tile_dpbf16ps, 16384)
TILE_LOOP(tile_i8, draw_i8, _tile_dpbssd, 32768)

#elif defined(SPR_BUILD_AVX2)

#define STEP_I8(s, x, y) (s) = _mm256_dpbusd_avx_epi32(s, x, y)
DOT_LOOP(__attribute__((target("avxvnni"))), dot_i8, __m256i, draw_i8, STEP_I8, 64)

#elif defined(SPR_BUILD_NEON)

/* As text: clang 14 hides the intrinsics unless the whole file may use them. */
#if defined(__clang__)
#define NEON_TARGET __attribute__((target("dotprod,i8mm,bf16")))
#else
#define NEON_TARGET __attribute__((target("arch=armv8.2-a+dotprod+i8mm+bf16")))
#endif
#define NEON_STEP(text, s, x, y) __asm__(text : "+w"(s) : "w"(x), "w"(y))
#define STEP_BF16(s, x, y) NEON_STEP("bfdot %0.4s, %1.8h, %2.8h", s, x, y)
#define STEP_I8(s, x, y) NEON_STEP("sdot %0.4s, %1.16b, %2.16b", s, x, y)
#define STEP_MATRIX_BF16(s, x, y) NEON_STEP("bfmmla %0.4s, %1.8h, %2.8h", s, x, y)
#define STEP_MATRIX_I8(s, x, y) NEON_STEP("smmla %0.4s, %1.16b, %2.16b", s, x, y)

DOT_LOOP(NEON_TARGET, dot_bf16, uint32x4_t, draw_bf16, STEP_BF16, 16)
DOT_LOOP(NEON_TARGET, dot_i8, uint32x4_t, draw_i8, STEP_I8, 32)
DOT_LOOP(NEON_TARGET, matrix_bf16, uint32x4_t, draw_bf16, STEP_MATRIX_BF16, 32)
DOT_LOOP(NEON_TARGET, matrix_i8, uint32x4_t, draw_i8, STEP_MATRIX_I8, 64)

#endif
#endif
