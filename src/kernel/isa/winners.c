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
    return bits ^ ((bits >> 31) & INT32_MAX);
}

static float value_of(int32_t key)
{
    const int32_t bits = key ^ ((key >> 31) & INT32_MAX);
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

/* The largest value; at least `least`. */
static float largest(const float *value, int64_t count, float least)
{
    vec most = vec_set1(least);
    float lanes[VEC_LANES];
    int64_t i = 0;
    for (; i + VEC_LANES <= count; i += VEC_LANES) {
        most = vec_max(vec_load(value + i), most);
    }
    vec_store(lanes, most);
    for (int lane = 0; lane < VEC_LANES; lane++) {
        least = lanes[lane] > least ? lanes[lane] : least;
    }
    for (; i < count; i++) {
        least = value[i] > least ? value[i] : least;
    }
    return least;
}

static float search(const struct spr_search *s)
{
    /* `low` is reached by `reached` >= k values, `high` by `above` < k. */
    int32_t low = key_of(s->least), high = key_of(largest(s->value, s->count, s->least)) + 1;
    int64_t reached = s->count, above = 0;
    for (int step = 1; (int64_t)high - low > 1; step++) {
        const int64_t gap = (int64_t)high - low;
        /* On the line between both; now and then in the middle, lest one end never moves. */
        const float share =
            step % 4 == 0 ? 0.5F : ((float)(reached - s->k) + 0.5F) / (float)(reached - above);
        int64_t part = (int64_t)(share * (float)gap);
        part = part < 1 ? 1 : part > gap - 1 ? gap - 1 : part;
        const int32_t middle = (int32_t)(low + part);
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

/* Blocks that are asked for ahead of their turn. */
#define AHEAD 8

VEC_INLINE void block_tile(int rows, const struct spr_block_columns *w,
                           const struct spr_block_list *list, float *sums)
{
    const int vectors = rows / VEC_LANES, rest = rows % VEC_LANES;
    for (int64_t i = 0; i < list->count; i++) {
        const uint32_t block = list->block[i];
        const float *value = w->value + (size_t)block * (size_t)rows;
        float *sum = sums + (size_t)w->row[block] * (size_t)rows;
        const vec input = vec_set1(list->input[i]);
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

#define BLOCK_CASE(r)                                                                         \
    case r:                                                                                   \
        block_tile(r, w, list, sums);                                                         \
        break;

static void blocks(const struct spr_block_columns *w, const struct spr_block_list *list,
                   float *sums)
{
    switch (w->rows) {
        BLOCK_CASE(4)
        BLOCK_CASE(8)
        BLOCK_CASE(16)
        BLOCK_CASE(32)
        BLOCK_CASE(64)
    default:
        block_tile(w->rows, w, list, sums);
        break;
    }
}

static void singles(const struct spr_block_columns *w, const int32_t *index,
                    const float *input, int64_t winners, float *sums)
{
    for (int64_t i = 0; i < winners; i++) {
        const float x = input[i];
        const uint32_t end = w->begin[index[i] + 1];
        for (uint32_t e = w->begin[index[i]]; e < end; e++) {
            sums[w->row[e]] += w->value[e] * x;
        }
    }
}

extern const struct spr_winner_loops SPR_PER_ISA(spr_winner_loops);
const struct spr_winner_loops SPR_PER_ISA(spr_winner_loops) = {collect, keep, search, blocks,
                                                               singles};
