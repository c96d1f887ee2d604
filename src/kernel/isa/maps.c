/* SPDX-License-Identifier: Apache-2.0 */
/* Patches, pooling, biases, and convolutions of winners alone. */
#include "kernel/isa/maps.h"

#include <string.h>

#include "kernel/isa/vec.h"

static void patches(const struct spr_patches *p)
{
    const int64_t out = p->side - p->kernel + 1, rest = out % VEC_LANES, whole = out - rest;
    float *restrict row = p->to;
    for (int64_t tap = 0; tap < p->channels * p->kernel * p->kernel; tap++, row += p->step) {
        const int64_t channel = tap / (p->kernel * p->kernel);
        const int64_t dy = tap / p->kernel % p->kernel, dx = tap % p->kernel;
        const float *restrict from = p->x + (channel * p->side + dy) * p->side + dx;
        for (int64_t y = 0; y < out; y++) {
            for (int64_t x = 0; x < whole; x += VEC_LANES) {
                vec_store(row + y * out + x, vec_load(from + y * p->side + x));
            }
            if (rest > 0) {
                vec_store_part(row + y * out + whole,
                               vec_load_part(from + y * p->side + whole, (int)rest),
                               (int)rest);
            }
        }
    }
}

VEC_INLINE float larger(float a, float b)
{
    return a > b ? a : b;
}

/* Rows in pairs first: then all pairs of columns of a map are one run. */
static void pool(const struct spr_pool *p)
{
    const int64_t side = p->side, half = side / 2;
    float *restrict room = p->room;
    for (int64_t c = 0; c < p->channels; c++) {
        const float *restrict x = p->x + c * p->step;
        float *restrict to = p->to + c * half * half;
        const float bias = p->bias[c], least = p->least;
        for (int64_t y = 0; y < half; y++) {
            const float *upper = x + 2 * y * side, *lower = upper + side;
            int64_t i = 0;
            for (; i + VEC_LANES <= side; i += VEC_LANES) {
                vec_store(room + y * side + i,
                          vec_max(vec_load(upper + i), vec_load(lower + i)));
            }
            if (i < side) {
                const int rest = (int)(side - i);
                vec_store_part(
                    room + y * side + i,
                    vec_max(vec_load_part(upper + i, rest), vec_load_part(lower + i, rest)),
                    rest);
            }
        }
        for (int64_t i = 0; i < half * half; i++) {
            to[i] = larger(larger(room[2 * i], room[2 * i + 1]) + bias, least);
        }
    }
}

static void pool_pixels(const struct spr_pool *p)
{
    const int64_t channels = p->channels, half = p->side / 2;
    const vec least = vec_set1(p->least);
    float *restrict to = p->to;
    for (int64_t pixel = 0; pixel < half * half; pixel++, to += channels) {
        const float *restrict a =
            p->x + 2 * (pixel / half) * p->step + 2 * (pixel % half) * channels;
        const float *restrict b = a + p->step;
        int64_t c = 0;
        for (; c + VEC_LANES <= channels; c += VEC_LANES) {
            const vec above = vec_max(vec_load(a + c), vec_load(a + c + channels));
            const vec below = vec_max(vec_load(b + c), vec_load(b + c + channels));
            vec_store(to + c,
                      vec_max(vec_add(vec_max(above, below), vec_load(p->bias + c)), least));
        }
        for (; c < channels; c++) {
            const float above = larger(a[c], a[c + channels]);
            const float below = larger(b[c], b[c + channels]);
            to[c] = larger(larger(above, below) + p->bias[c], p->least);
        }
    }
}

static void add_bias(float *x, const float *bias, int64_t rows, int64_t n, float least)
{
    for (int64_t i = 0; i < rows && n == 1; i++) {
        x[i] = larger(x[i] + bias[i], least);
    }
    for (int64_t i = 0; i < rows && n > 1; i++) {
        for (int64_t j = 0; j < n; j++) {
            x[i * n + j] = larger(x[i * n + j] + bias[i], least);
        }
    }
}

/* Where the winners of one channel add, and where its rows of them start: counted, since where a
 * row ends no branch predictor knows. Returns the first of the next channel. */
VEC_INLINE int64_t list_channel(const struct spr_map_weights *w,
                                const struct spr_map_winners *winners, int64_t channel,
                                int64_t first)
{
    const int32_t area = (int32_t)(w->side * w->side), begin = (int32_t)channel * area;
    int32_t *restrict start = winners->start;
    int64_t i = first;
    memset(start, 0, (size_t)(w->side + 1) * sizeof *start);
    for (; i < winners->count && winners->index[i] < begin + area; i++) {
        const int32_t place = winners->index[i] - begin;
        winners->at[i] = w->pixel[place];
        start[w->line[place] + 1]++;
    }
    start[0] = (int32_t)first;
    for (int64_t y = 0; y < w->side; y++) {
        start[y + 1] += start[y];
    }
    return i;
}

/* Some blocks times the same winners; the weights stay in registers. */
VEC_INLINE void some_blocks(int blocks, int vectors, const struct spr_map_weights *w,
                            uint32_t block, const struct spr_map_winners *run, float *sums)
{
    const float *value = w->value + (size_t)block * (size_t)(vectors * VEC_LANES);
    const int32_t *restrict at = run->at;
    const float *restrict input = run->value;
    float *to[4];
    vec weight[4][64 / VEC_LANES < 8 ? 64 / VEC_LANES : 8];
    for (int b = 0; b < blocks; b++) {
        to[b] = sums + w->place[block + (uint32_t)b];
        for (int v = 0; v < vectors && vectors <= 4; v++) {
            weight[b][v] = vec_load(value + (b * vectors + v) * VEC_LANES);
        }
    }
    for (int64_t i = 0; i < run->count; i++) {
        const vec x = vec_set1(input[i]);
#pragma GCC unroll 4
        for (int b = 0; b < blocks; b++) {
            float *sum = to[b] + at[i];
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) {
                const vec each = vectors <= 4
                                     ? weight[b][v]
                                     : vec_load(value + (b * vectors + v) * VEC_LANES);
                vec_store(sum + v * VEC_LANES,
                          vec_fma(each, x, vec_load(sum + v * VEC_LANES)));
            }
        }
    }
}

VEC_INLINE void map_winners(int rows, const struct spr_map_weights *w,
                            const struct spr_map_winners *winners, float *sums)
{
    const int64_t out = w->side - w->kernel + 1;
    const int vectors = rows / VEC_LANES, together = vectors == 1 ? 4 : vectors == 2 ? 2 : 1;
    int64_t next = 0;
    for (int64_t c = 0; c < w->channels; c++) {
        next = list_channel(w, winners, c, next);
        for (int64_t dy = 0; dy < w->kernel; dy++) {
            const int32_t first = winners->start[dy], end = winners->start[dy + out];
            const struct spr_map_winners run = {.value = winners->value + first,
                                                .at = winners->at + first,
                                                .count = end - first};
            const uint32_t last = w->begin[c * w->kernel + dy + 1];
            uint32_t block = w->begin[c * w->kernel + dy];
            for (; block + (uint32_t)together <= last; block += (uint32_t)together) {
                some_blocks(together, vectors, w, block, &run, sums);
            }
            for (; block < last; block++) {
                some_blocks(1, vectors, w, block, &run, sums);
            }
        }
    }
}

static void winners(const struct spr_map_weights *w, const struct spr_map_winners *list,
                    float *sums)
{
    switch (w->rows / SPR_MAP_ROWS) {
    case 1:
        map_winners(SPR_MAP_ROWS, w, list, sums);
        break;
    case 2:
        map_winners(2 * SPR_MAP_ROWS, w, list, sums);
        break;
    case 3:
        map_winners(3 * SPR_MAP_ROWS, w, list, sums);
        break;
    default:
        map_winners(4 * SPR_MAP_ROWS, w, list, sums);
        break;
    }
}

extern const struct spr_map_loops SPR_PER_ISA(spr_map_loops);
const struct spr_map_loops SPR_PER_ISA(spr_map_loops) = {patches, pool, pool_pixels, add_bias,
                                                         winners};
