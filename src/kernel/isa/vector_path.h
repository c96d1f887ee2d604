/* SPDX-License-Identifier: Apache-2.0 */
/* The n = 1 path of the instruction set being compiled; part of tiles.c, whose object exports
 * it. */
#ifndef SPROOF_KERNEL_ISA_VECTOR_PATH_H
#define SPROOF_KERNEL_ISA_VECTOR_PATH_H

#include "kernel/isa/comp_path.h"
#include "kernel/isa/strips.h"
#include "kernel/isa/vec.h"

/* n = 1: lanes are weights. */
struct vector_work {
    const struct spr_segment *segment, *end;
    const uint16_t *index;
    const float *value;
    const float *x;
    float *y;
    bool first;
    bool dense;
};

/* Adds groups of `chunk` neighbouring lanes of each vector and stores one sum a row. */
VEC_INLINE void store_rows(int vectors, int chunk, const vec *sum, uint32_t rows, bool first,
                           float *y)
{
    const int per = VEC_LANES / chunk;
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        int left = (int)rows - v * per, count = left < per ? left : per;
        if (count <= 0) {
            return;
        }
        vec row_sums = vec_gather_firsts(vec_fold(sum[v], chunk), chunk);
        if (!first) {
            row_sums = vec_add(row_sums, vec_load_part(y + v * per, count));
        }
        vec_store_part(y + v * per, row_sums, count);
    }
}

VEC_INLINE void vector_tile(int vectors, int chunk, const struct vector_work *work)
{
    const int chains = vectors >= 4 ? 2 : vectors == 2 ? 4 : 8;
    const size_t step_values = (size_t)vectors * VEC_LANES;
    for (const struct spr_segment *s = work->segment; s < work->end; s++) {
        vec sum[8];
        const float *w = work->value + s->value;
        const uint16_t *index = work->index + s->index;
        size_t i = 0, steps = s->steps;
#pragma GCC unroll 8
        for (int c = 0; c < chains * vectors; c++) {
            sum[c] = vec_zero();
        }
        for (; i + (size_t)chains <= steps; i += (size_t)chains) {
#pragma GCC unroll 8
            for (int c = 0; c < chains; c++) {
                size_t at = i + (size_t)c;
                vec xv = vec_repeat(work->x + (work->dense ? at * (size_t)chunk : index[at]),
                                    chunk);
#pragma GCC unroll 4
                for (int v = 0; v < vectors; v++) {
                    sum[c * vectors + v] = vec_fma(
                        xv, vec_load(w + (c * vectors + v) * VEC_LANES), sum[c * vectors + v]);
                }
            }
            w += (size_t)chains * step_values;
        }
        for (; i < steps; i++) {
            vec xv = vec_repeat(work->x + (work->dense ? i * (size_t)chunk : index[i]), chunk);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) {
                sum[v] = vec_fma(xv, vec_load(w + v * VEC_LANES), sum[v]);
            }
            w += step_values;
        }
#pragma GCC unroll 8
        for (int c = chains / 2; c >= 1; c /= 2) {
#pragma GCC unroll 8
            for (int j = 0; j < c * vectors; j++) {
                sum[j] = vec_add(sum[j], sum[c * vectors + j]);
            }
        }
        store_rows(vectors, chunk, sum, s->rows, work->first, work->y + s->row);
    }
}

/* Rows of scattered single weights: one row at a time, several sums in flight. */
static void scattered(const struct vector_work *work)
{
    for (const struct spr_segment *s = work->segment; s < work->end; s++) {
        const float *w = work->value + s->value;
        const uint16_t *index = work->index + s->index;
        const size_t steps = s->steps;
        vec sum[2] = {vec_zero(), vec_zero()};
        size_t i = 0;
        for (; i + 2 * VEC_LANES <= steps; i += 2 * VEC_LANES) {
#pragma GCC unroll 2
            for (size_t c = 0; c < 2; c++) {
                size_t at = i + c * VEC_LANES;
                sum[c] = vec_fma(vec_load(w + at), vec_pick(work->x, index + at), sum[c]);
            }
        }
        float tail[2] = {0, 0}, total[VEC_LANES];
        for (; i + 1 < steps; i += 2) {
            tail[0] += w[i] * work->x[index[i]];
            tail[1] += w[i + 1] * work->x[index[i + 1]];
        }
        if (i < steps) {
            tail[0] += w[i] * work->x[index[i]];
        }
        vec_store(total, vec_fold(vec_add(sum[0], sum[1]), VEC_LANES));
        float row = total[0] + (tail[0] + tail[1]);
        work->y[s->row] = work->first ? row : work->y[s->row] + row;
    }
}

#if VEC_HAS_PERMUTE
_Static_assert(VEC_LANES == SPR_SHUFFLE_ROWS && 2 * VEC_LANES == SPR_SHUFFLE_COLUMNS &&
                   1 << VEC_PLACE_BITS == SPR_SHUFFLE_COLUMNS &&
                   SPR_SHUFFLE_SLOTS * VEC_PLACE_BITS <= 32,
               "a tile of the shuffle form is one vector of rows, two of inputs");

VEC_INLINE void shuffle_tile(int slots, bool finite, const struct vector_work *work,
                             int64_t columns)
{
    const size_t tile_values = (size_t)(slots + 1) * VEC_LANES;
    for (const struct spr_segment *s = work->segment; s < work->end; s++) {
        int64_t left = columns - (int64_t)s->index;
        const float *x = work->x + s->index, *w = work->value + s->value;
        const vec low = vec_load_part(x, left < VEC_LANES ? (int)left : VEC_LANES);
        const vec high = left <= VEC_LANES
                             ? vec_zero()
                             : vec_load_part(x + VEC_LANES, left < SPR_SHUFFLE_COLUMNS
                                                                ? (int)left - VEC_LANES
                                                                : VEC_LANES);
        for (uint32_t g = 0; g < s->steps; g++, w += tile_values) {
            float *y = work->y + s->row + g * VEC_LANES;
            int rows = (int)(s->rows - g * VEC_LANES);
            bool whole = rows >= VEC_LANES;
            vec_places places = vec_load_places(w);
            vec sum = !work->first || s != work->segment
                          ? (whole ? vec_load(y) : vec_load_part(y, rows))
                          : vec_zero();
#pragma GCC unroll 6
            for (int i = 0; i < slots; i++) {
                vec input = vec_permute(low, places, high);
                vec value = vec_load(w + (i + 1) * VEC_LANES);
                sum = finite ? vec_fma(value, input, sum) : vec_fma_nonzero(value, input, sum);
                places = vec_next_places(places, VEC_PLACE_BITS);
            }
            if (whole) {
                vec_store(y, sum);
            } else {
                vec_store_part(y, sum, rows);
            }
        }
    }
}

#define SHUFFLE_CASE(s)                                                                       \
    case s:                                                                                   \
        if (finite) {                                                                         \
            shuffle_tile(s, true, work, columns);                                             \
        } else {                                                                              \
            shuffle_tile(s, false, work, columns);                                            \
        }                                                                                     \
        break;

static void shuffle(int slots, const struct vector_work *work, int64_t columns)
{
    bool finite = all_finite(work->x, columns);
    switch (slots) {
        SHUFFLE_CASE(1)
        SHUFFLE_CASE(2)
        SHUFFLE_CASE(3)
        SHUFFLE_CASE(4)
        SHUFFLE_CASE(5)
        SHUFFLE_CASE(6)
    default:
        break;
    }
}
#endif

/* DO(v, c) for every chunk c of the lanes. */
#if VEC_LANES >= 16
#define CHUNKS(DO, v) DO(v, 1) DO(v, 2) DO(v, 4) DO(v, 8) DO(v, 16)
#elif VEC_LANES >= 8
#define CHUNKS(DO, v) DO(v, 1) DO(v, 2) DO(v, 4) DO(v, 8)
#elif VEC_LANES >= 4
#define CHUNKS(DO, v) DO(v, 1) DO(v, 2) DO(v, 4)
#else
#define CHUNKS(DO, v) DO(v, 1)
#endif

#define VECTOR_CASE(v, c)                                                                     \
    case c:                                                                                   \
        vector_tile(v, c, work);                                                              \
        break;
#define VECTOR_CASES(v)                                                                       \
    case v:                                                                                   \
        switch (chunk) {                                                                      \
            CHUNKS(VECTOR_CASE, v)                                                            \
        default:                                                                              \
            break;                                                                            \
        }                                                                                     \
        break;

VEC_INLINE void vector_strip(int vectors, int chunk, const struct vector_work *work)
{
    switch (vectors) {
        VECTOR_CASES(1)
        VECTOR_CASES(2)
        VECTOR_CASES(4)
    default:
        break;
    }
}

/* NOLINTNEXTLINE(readability-non-const-parameter): y is written through the work */
static void vector(const struct spr_strips *strips, int thread, const float *x, float *y)
{
    for (uint32_t i = strips->thread_strip[thread]; i < strips->thread_strip[thread + 1];
         i++) {
        const struct spr_strip *strip = &strips->strip[i];
        struct vector_work work = {.segment = strips->segment + strip->begin,
                                   .end = strips->segment + strip->end,
                                   .index = strips->index,
                                   .value = strips->value,
                                   .x = x + strip->column,
                                   .y = y,
                                   .first = strip->first,
                                   .dense = strips->dense};
#if VEC_HAS_FETCH
        if (strip->inputs > 0) {
            comp(strips, strip, x, y);
            continue;
        }
#endif
        if (strip->chunk > 0) {
            vector_strip(strip->vectors, strip->chunk, &work);
#if VEC_HAS_PERMUTE
        } else if (strip->slots > 0) {
            shuffle(strip->slots, &work, strips->k);
#endif
        } else {
            scattered(&work);
        }
    }
}

#endif
