/* SPDX-License-Identifier: Apache-2.0 */
/* The layout nk of the instruction set being compiled: lanes are rows of W, as in the n = 1
 * path, and a tile is V vectors of them times T tokens; part of tiles.c. */
#ifndef SPROOF_KERNEL_TOKEN_PATH_H
#define SPROOF_KERNEL_TOKEN_PATH_H

#include "vector_path.h"

struct token_work {
    struct vector_work of;
    size_t x_row, y_row; /* floats from one token to the next */
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
            const float *x = work->of.x + (work->of.dense ? i * (size_t)chunk : index[i]);
            vec wv[2];
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) {
                wv[v] = vec_load(w + v * VEC_LANES);
                VEC_KEEP(wv[v]);
            }
#pragma GCC unroll 24
            for (int t = 0; t < count; t++) {
                vec xv = vec_repeat(x + (size_t)t * work->x_row, chunk);
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

/* Single weights: no vector of rows to run along, so row by row for each token. */
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
    TOKEN_CASE(1, c, 12) TOKEN_CASE(1, c, 6) TOKEN_CASE(1, c, 3) TOKEN_CASE(1, c, 2)
#define TOKEN_CASES_2(c)                                                                      \
    TOKEN_CASE(2, c, 12)                                                                      \
    TOKEN_CASE(2, c, 6) TOKEN_CASE(2, c, 4) TOKEN_CASE(2, c, 3) TOKEN_CASE(2, c, 2)
#else
#define TOKEN_CASES_1(c)                                                                      \
    TOKEN_CASE(1, c, 12)                                                                      \
    TOKEN_CASE(1, c, 6) TOKEN_CASE(1, c, 4) TOKEN_CASE(1, c, 3) TOKEN_CASE(1, c, 2)
#define TOKEN_CASES_2(c)                                                                      \
    TOKEN_CASE(2, c, 6) TOKEN_CASE(2, c, 4) TOKEN_CASE(2, c, 3) TOKEN_CASE(2, c, 2)
#endif
#define DEFINE_TOKENS(v, c)                                                                   \
    static void tokens_##v##_##c(int count, const struct token_work *work)                    \
    {                                                                                         \
        switch (count) {                                                                      \
            TOKEN_CASES_##v(c) default : token_tile(v, c, 1, work);                           \
            break;                                                                            \
        }                                                                                     \
    }
#define DEFINE_CHUNK(c) DEFINE_TOKENS(1, c) DEFINE_TOKENS(2, c)
DEFINE_CHUNK(1)
#if VEC_LANES >= 4
DEFINE_CHUNK(2)
DEFINE_CHUNK(4)
#endif
#if VEC_LANES >= 8
DEFINE_CHUNK(8)
#endif
#if VEC_LANES >= 16
DEFINE_CHUNK(16)
#endif

static void token_strip(int vectors, int chunk, int count, const struct token_work *work)
{
    switch (vectors * 32 + chunk) {
    case 32 + 1:
        tokens_1_1(count, work);
        break;
    case 64 + 1:
        tokens_2_1(count, work);
        break;
#if VEC_LANES >= 4
    case 32 + 2:
        tokens_1_2(count, work);
        break;
    case 64 + 2:
        tokens_2_2(count, work);
        break;
    case 32 + 4:
        tokens_1_4(count, work);
        break;
    case 64 + 4:
        tokens_2_4(count, work);
        break;
#endif
#if VEC_LANES >= 8
    case 32 + 8:
        tokens_1_8(count, work);
        break;
    case 64 + 8:
        tokens_2_8(count, work);
        break;
#endif
#if VEC_LANES >= 16
    case 32 + 16:
        tokens_1_16(count, work);
        break;
    case 64 + 16:
        tokens_2_16(count, work);
        break;
#endif
    default:
        token_scattered(count, work);
        break;
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
    const int vectors = (int)strips->strip[begin].rows;
    for (int64_t at = 0; at < strips->n;) {
        int count = spr_token_step(VEC_LANES, vectors, strips->n - at);
        for (uint32_t i = begin; i < end; i++) {
            const struct spr_strip *strip = &strips->strip[i];
            struct token_work work = {.of = {.segment = strips->segment + strip->begin,
                                             .end = strips->segment + strip->end,
                                             .index = strips->index,
                                             .value = strips->value,
                                             .x = x + at * strips->k + strip->column,
                                             .y = y + at * strips->m,
                                             .first = strip->first,
                                             .dense = strips->dense},
                                      .x_row = (size_t)strips->k,
                                      .y_row = (size_t)strips->m};
            token_strip(vectors, (int)strip->chunk, count, &work);
        }
        at += count;
    }
}

#endif
