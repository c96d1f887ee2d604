/* SPDX-License-Identifier: Apache-2.0 */
/* The layout nk of the instruction set being compiled: lanes are rows of W, as in the n = 1
 * path, and a tile is V vectors of them times T tokens; part of tiles.c. X is first interleaved:
 * what the T tokens of a tile have for one step lies side by side. Read where it is, each step
 * would touch T cache lines, and with k a power of two those would all want the same place of
 * the cache. */
#ifndef SPROOF_KERNEL_ISA_TOKEN_PATH_H
#define SPROOF_KERNEL_ISA_TOKEN_PATH_H

#include <string.h>

#include "kernel/isa/vector_path.h"

struct token_work {
    struct vector_work of; /* x: interleaved, from the panel's first column on */
    size_t x_row;          /* row by row: floats from one token to the next */
    size_t y_row;          /* floats from one token to the next */
};

/* V weights are loaded once and meet T inputs: (V + T) loads for V*T multiply-adds. */
VEC_INLINE void token_tile(int vectors, int chunk, int count, const struct token_work *work)
{
    const size_t step_values = (size_t)vectors * VEC_LANES;
    for (const struct spr_segment *s = work->of.segment; s < work->of.end; s++) {
        vec sum[24];
        const float *w = work->of.value + s->value;
        const uint16_t *index = work->of.index + s->index;
#pragma GCC unroll 24
        for (int i = 0; i < count * vectors; i++) {
            sum[i] = vec_zero();
        }
        for (size_t i = 0; i < s->steps; i++, w += step_values) {
            const size_t column = work->of.dense ? i * (size_t)chunk : index[i];
            const float *x = work->of.x + column * (size_t)count;
            vec wv[2];
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) {
                wv[v] = vec_load(w + v * VEC_LANES);
                VEC_KEEP(wv[v]);
            }
#pragma GCC unroll 24
            for (int t = 0; t < count; t++) {
                vec xv = vec_repeat(x + t * chunk, chunk);
#pragma GCC unroll 2
                for (int v = 0; v < vectors; v++) {
                    sum[t * vectors + v] = vec_fma(xv, wv[v], sum[t * vectors + v]);
                }
            }
        }
#pragma GCC unroll 24
        for (int t = 0; t < count; t++) {
            store_rows(vectors, chunk, sum + t * vectors, s->rows, work->of.first,
                       work->of.y + (size_t)t * work->y_row + s->row);
        }
    }
}

/* Single weights: no vector of rows to run along, so row by row for each token, whose inputs
 * are read where they are. */
static void token_scattered(int count, const struct token_work *work)
{
    for (int t = 0; t < count; t++) {
        struct vector_work one = work->of;
        one.x += (size_t)t * work->x_row;
        one.y += (size_t)t * work->y_row;
        scattered(&one);
    }
}

#define TOKEN_CASE(v, c, t)                                                                   \
    case t:                                                                                   \
        token_tile(v, c, t, work);                                                            \
        break;
#if VEC_REGISTERS >= 32
#define TOKEN_CASES_1(c)                                                                      \
    TOKEN_CASE(1, c, 24)                                                                      \
    TOKEN_CASE(1, c, 16) TOKEN_CASE(1, c, 8) TOKEN_CASE(1, c, 4) TOKEN_CASE(1, c, 2)
#define TOKEN_CASES_2(c)                                                                      \
    TOKEN_CASE(2, c, 12) TOKEN_CASE(2, c, 8) TOKEN_CASE(2, c, 4) TOKEN_CASE(2, c, 2)
#else
#define TOKEN_CASES_1(c)                                                                      \
    TOKEN_CASE(1, c, 12) TOKEN_CASE(1, c, 8) TOKEN_CASE(1, c, 4) TOKEN_CASE(1, c, 2)
#define TOKEN_CASES_2(c) TOKEN_CASE(2, c, 6) TOKEN_CASE(2, c, 4) TOKEN_CASE(2, c, 2)
#endif
/* Not inlined: together in one function they would take registers from each other. */
#define DEFINE_TOKENS(v, c)                                                                   \
    static __attribute__((noinline)) void tokens_##v##_##c(int count,                         \
                                                           const struct token_work *work)     \
    {                                                                                         \
        switch (count) {                                                                      \
            TOKEN_CASES_##v(c) default : token_tile(v, c, 1, work);                           \
            break;                                                                            \
        }                                                                                     \
    }
CHUNKS(DEFINE_TOKENS, 1)
CHUNKS(DEFINE_TOKENS, 2)

#define TOKEN_STRIP_CASE(v, c)                                                                \
    case c:                                                                                   \
        tokens_##v##_##c(count, work);                                                        \
        break;

static void token_strip(int vectors, int chunk, int count, const struct token_work *work)
{
    if (chunk == 0) {
        token_scattered(count, work);
    } else if (vectors == 1) {
        switch (chunk) {
            CHUNKS(TOKEN_STRIP_CASE, 1)
        default:
            break;
        }
    } else {
        switch (chunk) {
            CHUNKS(TOKEN_STRIP_CASE, 2)
        default:
            break;
        }
    }
}

/* Columns that are interleaved before the next tokens are read: what is written of them stays
 * near, and a token's inputs are read as a stream. */
#define INTERLEAVE_COLUMNS 256

/* The inputs of a step of `chunk` columns side by side. */
VEC_INLINE void interleave_steps(int chunk, int count, int64_t columns, int64_t k,
                                 const float *x, float *out)
{
    for (int t = 0; t < count; t++) {
        for (int64_t c = 0; c < columns; c += chunk) {
            memcpy(out + c * count + t * chunk, x + t * k + c, (size_t)chunk * sizeof *x);
        }
    }
}

static void interleave_columns(int count, int64_t columns, int64_t k, const float *x,
                               float *out)
{
    const int64_t columns_4 = columns - columns % 4;
    int t = 0;
    for (; t + 4 <= count; t += 4) {
        for (int64_t c = 0; c < columns_4; c += 4) {
            vec_turn4(x + t * k + c, (size_t)k, out + c * count + t, (size_t)count);
        }
        for (int64_t c = columns_4; c < columns; c++) {
            for (int i = t; i < t + 4; i++) {
                out[c * count + i] = x[i * k + c];
            }
        }
    }
    for (; t < count; t++) {
        for (int64_t c = 0; c < columns; c++) {
            out[c * count + t] = x[t * k + c];
        }
    }
}

static void interleave(const struct spr_strips *strips, int thread, const float *x, float *out)
{
    const int64_t k = strips->k, blocks = (k + VEC_LANES - 1) / VEC_LANES;
    const int64_t last = blocks * (thread + 1) / strips->threads * VEC_LANES;
    const int64_t begin = blocks * thread / strips->threads * VEC_LANES,
                  end = last < k ? last : k;
    for (int64_t at = 0; at < strips->n;) {
        int count = spr_token_step(VEC_LANES, strips->strip->vectors, strips->n - at);
        for (int64_t c = begin; c < end; c += INTERLEAVE_COLUMNS) {
            const float *from = x + at * k + c;
            float *to = out + at * k + c * count;
            const int64_t columns =
                end - c < INTERLEAVE_COLUMNS ? end - c : INTERLEAVE_COLUMNS;
            switch (strips->strip->chunk) {
            case 1:
                interleave_columns(count, columns, k, from, to);
                break;
            case 2:
                interleave_steps(2, count, columns, k, from, to);
                break;
            case 4:
                interleave_steps(4, count, columns, k, from, to);
                break;
            case 8:
                interleave_steps(8, count, columns, k, from, to);
                break;
            default:
                interleave_steps(16, count, columns, k, from, to);
                break;
            }
        }
        at += count;
    }
}

/* NOLINTNEXTLINE(readability-non-const-parameter): y is written through the work */
static void tokens(const struct spr_strips *strips, int thread, const float *x, float *y)
{
    const uint32_t begin = strips->thread_strip[thread],
                   end = strips->thread_strip[thread + 1];
    if (begin == end) {
        return;
    }
    const int vectors = strips->strip[begin].vectors;
    const int64_t y_row = strips->row > 0 ? strips->row : strips->m;
    for (int64_t at = 0; at < strips->n;) {
        int count = spr_token_step(VEC_LANES, vectors, strips->n - at);
        for (uint32_t i = begin; i < end; i++) {
            const struct spr_strip *strip = &strips->strip[i];
            const int64_t apart = strip->chunk > 0 ? count : 1;
            struct token_work work = {.of = {.segment = strips->segment + strip->begin,
                                             .end = strips->segment + strip->end,
                                             .index = strips->index,
                                             .value = strips->value,
                                             .x = x + at * strips->k + strip->column * apart,
                                             .y = y + at * y_row,
                                             .first = strip->first,
                                             .dense = strips->dense},
                                      .x_row = (size_t)strips->k,
                                      .y_row = (size_t)y_row};
            token_strip(vectors, strip->chunk, count, &work);
        }
        at += count;
    }
}

#endif
