/* SPDX-License-Identifier: Apache-2.0 */
/* k-winner-take-all, and products with winners alone. */
#include "kernel/isa/winners.h"

#include <string.h>

#include "kernel/isa/vec.h"

/* Floats in the order of whole numbers: a step of the search is never empty, and values of very
 * different size do not slow it. */
static int32_t key_of(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits < 0 ? bits ^ INT32_MAX : bits;
}

static float value_of(int32_t key)
{
    const int32_t bits = key < 0 ? key ^ INT32_MAX : key;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

VEC_INLINE int64_t count_at_least(const float *value, int64_t count, float least)
{
    const vec t = vec_set1(least);
    int64_t reached[4] = {0}, i = 0;
    for (; i + 4 * VEC_LANES <= count; i += 4 * VEC_LANES) {
#pragma GCC unroll 4
        for (int c = 0; c < 4; c++) {
            reached[c] +=
                __builtin_popcount(vec_at_least(vec_load(value + i + c * VEC_LANES), t));
        }
    }
    for (; i + VEC_LANES <= count; i += VEC_LANES) {
        reached[0] += __builtin_popcount(vec_at_least(vec_load(value + i), t));
    }
    for (; i < count; i++) {
        reached[1] += value[i] >= least;
    }
    return reached[0] + reached[1] + reached[2] + reached[3];
}

/* The least and the largest of the values that are numbers; -infinity and infinity bound them. */
static void find_ends(const float *value, int64_t count, float *least, float *largest)
{
    vec low = vec_set1(HUGE_VALF), high = vec_set1(-HUGE_VALF);
    float lows[VEC_LANES], highs[VEC_LANES];
    int64_t i = 0;
    for (; i + VEC_LANES <= count; i += VEC_LANES) {
        const vec v = vec_load(value + i);
        low = vec_min(v, low);
        high = vec_max(v, high);
    }
    vec_store(lows, low);
    vec_store(highs, high);
    *least = lows[0];
    *largest = highs[0];
    for (int lane = 1; lane < VEC_LANES; lane++) {
        *least = lows[lane] < *least ? lows[lane] : *least;
        *largest = highs[lane] > *largest ? highs[lane] : *largest;
    }
    for (; i < count; i++) {
        *least = value[i] < *least ? value[i] : *least;
        *largest = value[i] > *largest ? value[i] : *largest;
    }
}

/* Between `low` and `high`: where a line through their counts meets the one asked for. As values
 * of one layer spread, that takes few steps; each fourth one halves what is left of the keys, lest
 * any values take many. */
static int32_t between(int32_t low, int32_t high, float share, int step)
{
    const int64_t gap = (int64_t)high - low;
    const float from = value_of(low), middle = from + share * (value_of(high - 1) - from);
    const int32_t key = key_of(middle);
    return step % 4 == 0 || !(fabsf(middle) <= FLT_MAX) ? (int32_t)(low + gap / 2)
           : key <= low                                 ? low + 1
           : key >= high                                ? high - 1
                                                        : key;
}

static float search(const struct spr_search *s)
{
    float least, most;
    find_ends(s->value, s->count, &least, &most);
    if (!(least <= most)) {
        return -HUGE_VALF; /* no numbers */
    }
    /* `low` is reached by `reached` >= k values, `high` by `above` < k. */
    int32_t low = key_of(least), high = key_of(most) + 1;
    int64_t reached = s->count, above = 0;
    for (int step = 1; (int64_t)high - low > 1; step++) {
        const float share =
            ((float)(reached - s->k) - 0.5F * (float)s->slack) / (float)(reached - above);
        const int32_t middle = between(low, high, share, step);
        const int64_t count = count_at_least(s->value, s->count, value_of(middle));
        if (count < s->k) {
            high = middle;
            above = count;
        } else {
            low = middle;
            reached = count;
            if (count <= s->k + s->slack) {
                break;
            }
        }
    }
    return value_of(low);
}

/* Appends lanes whose bits are set: index first + lane. */
VEC_INLINE void append(struct spr_ranked *out, vec rank, unsigned reached, int32_t first)
{
#if VEC_HAS_COMPRESS
    vec_store(out->rank + out->count, vec_compress(rank, reached));
    vec_store_places(out->index + out->count, vec_compress_places(first, reached));
    out->count += __builtin_popcount(reached);
#else
    float lanes[VEC_LANES];
    int64_t count = out->count;
    vec_store(lanes, rank);
#pragma GCC unroll 8
    for (int lane = 0; lane < VEC_LANES; lane++) {
        out->rank[count] = lanes[lane];
        out->index[count] = first + lane;
        count += reached >> lane & 1;
    }
    out->count = count;
#endif
}

static void collect(const float *x, const float *factor, int64_t count, float least,
                    struct spr_ranked *out)
{
    const vec t = vec_set1(least);
    struct spr_ranked to = {out->index, out->rank, 0};
    int64_t i = 0;
    for (; i + VEC_LANES <= count; i += VEC_LANES) {
        vec rank = vec_load(x + i);
        rank = factor ? vec_mul(rank, vec_load(factor + i)) : rank;
        append(&to, rank, vec_at_least(rank, t), (int32_t)i);
    }
    for (; i < count; i++) {
        const float rank = factor ? x[i] * factor[i] : x[i];
        to.rank[to.count] = rank;
        to.index[to.count] = (int32_t)i;
        to.count += rank >= least;
    }
    out->count = to.count;
}

static void keep(struct spr_ranked *list, float least)
{
    int64_t kept = 0, i = 0;
#if VEC_HAS_COMPRESS
    const vec t = vec_set1(least);
    for (; i + VEC_LANES <= list->count; i += VEC_LANES) {
        const vec rank = vec_load(list->rank + i);
        const unsigned reached = vec_at_least(rank, t);
        const vec_places index =
            vec_load_places((const float *)(const void *)(list->index + i));
        vec_store(list->rank + kept, vec_compress(rank, reached));
        vec_store_places(list->index + kept, vec_compress_loaded(index, reached));
        kept += __builtin_popcount(reached);
    }
#endif
    for (; i < list->count; i++) {
        const float rank = list->rank[i];
        list->rank[kept] = rank;
        list->index[kept] = list->index[i];
        kept += rank >= least;
    }
    list->count = kept;
}

/* Blocks of fewer rows than a vector has lanes, without its masks. */
typedef float small4 __attribute__((vector_size(16)));
typedef float small8 __attribute__((vector_size(32)));
#define ADD_SMALL(type, sum, value, input)                                                    \
    do {                                                                                      \
        type a, b;                                                                            \
        memcpy(&a, sum, sizeof a);                                                            \
        memcpy(&b, value, sizeof b);                                                          \
        a += b * (input);                                                                     \
        memcpy(sum, &a, sizeof a);                                                            \
    } while (0)

/* Adds the listed blocks times their inputs. */
VEC_INLINE void block_tile(int rows, const struct spr_block_columns *w, int64_t count,
                           float *restrict sums)
{
    const int vectors = rows / VEC_LANES, rest = rows % VEC_LANES;
    const uint32_t *restrict listed = w->listed;
    const float *restrict inputs = w->inputs, *restrict values = w->value;
    const uint16_t *restrict block_row = w->row;
    for (int64_t i = 0; i < count; i++) {
        const uint32_t block = listed[i];
        const float *value = values + (size_t)block * (size_t)rows;
        float *sum = sums + (size_t)block_row[block] * (size_t)rows;
        if (rows < VEC_LANES && rows == 4) {
            ADD_SMALL(small4, sum, value, inputs[i]);
            continue;
        }
        if (rows < VEC_LANES && rows == 8) {
            ADD_SMALL(small8, sum, value, inputs[i]);
            continue;
        }
        const vec input = vec_set1(inputs[i]);
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++) {
            vec_store(sum + v * VEC_LANES, vec_fma(vec_load(value + v * VEC_LANES), input,
                                                   vec_load(sum + v * VEC_LANES)));
        }
        if (rest > 0) {
            const int at = vectors * VEC_LANES;
            vec_store_part(
                sum + at,
                vec_fma(vec_load_part(value + at, rest), input, vec_load_part(sum + at, rest)),
                rest);
        }
    }
}

typedef uint32_t together_int __attribute__((vector_size(4 * SPR_LIST_TOGETHER)));
typedef float together_float __attribute__((vector_size(4 * SPR_LIST_TOGETHER)));

/* Blocks of all winners stand in one list: how many a column has differs, and a loop over each
 * would mostly end where no branch predictor expects it. Most columns are done with the first
 * few entries that are written together. */
VEC_INLINE void block_columns(int rows, const struct spr_block_columns *w,
                              const struct spr_winner_list *winners, float *sums)
{
    uint32_t *restrict listed = w->listed;
    float *restrict inputs = w->inputs;
    const together_int first = {0, 1, 2, 3, 4, 5, 6, 7};
    int64_t count = 0;
    for (int64_t i = 0; i < winners->count; i++) {
        const int32_t column = winners->index[i];
        const float input = winners->value[i];
        const uint32_t begin = w->begin[column], blocks = w->begin[column + 1] - begin;
        for (uint32_t at = 0; at < blocks; at += SPR_LIST_TOGETHER) {
            const together_int block = begin + at + first;
            const together_float same = input + (together_float){0};
            memcpy(listed + count + at, &block, sizeof block);
            memcpy(inputs + count + at, &same, sizeof same);
        }
        count += blocks;
        if (count >= SPR_LISTED) {
            block_tile(rows, w, count, sums);
            count = 0;
        }
    }
    block_tile(rows, w, count, sums);
}

static void single_columns(const struct spr_block_columns *w,
                           const struct spr_winner_list *winners, float *restrict sums)
{
    const uint16_t *restrict row = w->row;
    const float *restrict value = w->value;
    for (int64_t i = 0; i < winners->count; i++) {
        const float x = winners->value[i];
        const uint32_t end = w->begin[winners->index[i] + 1];
        for (uint32_t e = w->begin[winners->index[i]]; e < end; e += SPR_SINGLES) {
            float sum[SPR_SINGLES]; /* rows of a column differ: none waits for another */
#pragma GCC unroll 4
            for (uint32_t j = 0; j < SPR_SINGLES; j++) {
                sum[j] = sums[row[e + j]] + value[e + j] * x;
            }
#pragma GCC unroll 4
            for (uint32_t j = 0; j < SPR_SINGLES; j++) {
                sums[row[e + j]] = sum[j];
            }
        }
    }
}

#define COLUMNS_CASE(r)                                                                       \
    case r:                                                                                   \
        block_columns(r, w, winners, sums);                                                   \
        break;

static void columns(const struct spr_block_columns *w, const struct spr_winner_list *winners,
                    float *sums)
{
    switch (w->rows) {
        COLUMNS_CASE(4)
        COLUMNS_CASE(8)
        COLUMNS_CASE(16)
        COLUMNS_CASE(32)
        COLUMNS_CASE(64)
    case 1:
        single_columns(w, winners, sums);
        break;
    default:
        block_columns(w->rows, w, winners, sums);
        break;
    }
}

extern const struct spr_winner_loops SPR_PER_ISA(spr_winner_loops);
const struct spr_winner_loops SPR_PER_ISA(spr_winner_loops) = {collect, keep, search, columns};
