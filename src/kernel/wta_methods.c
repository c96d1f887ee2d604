/* SPDX-License-Identifier: Apache-2.0 */
/* Thresholds of k-winner-take-all: from a sample, by histograms, by a partial sort. */
#include "kernel/wta_methods.h"

#include <math.h>
#include <string.h>

#include "kernel/isa_code.h"

/* Fewer values than this are searched as they are. */
#define SAMPLED 512
/* A sample is made of runs of neighbours, a cache line each. */
#define RUN 16
/* Deviations of the sample's rank that the guess lies below the expected one, and how much more
 * is good enough. */
#define DEVIATIONS 2.5
#define SAMPLE_SLACK 5

static float rank_of(const struct spr_wta_group *g, int64_t i)
{
    return g->factor ? g->x[i] * g->factor[i] : g->x[i];
}

static float guess(const struct spr_winner_loops *loops, const struct spr_wta_group *g)
{
    const int64_t runs = SPR_WTA_SAMPLE / RUN;
    const double share = (double)g->k / (double)g->count, size = SPR_WTA_SAMPLE;
    const double spread = sqrt(size * share * (1 - share));
    const struct spr_search search = {g->scratch, SPR_WTA_SAMPLE,
                                      (int64_t)ceil(size * share + DEVIATIONS * spread) + 1,
                                      SAMPLE_SLACK};
    if (search.k + SAMPLE_SLACK >= SPR_WTA_SAMPLE) {
        return -HUGE_VALF;
    }
    for (int64_t run = 0; run < runs; run++) {
        const int64_t begin = run * (g->count - RUN) / (runs - 1);
        for (int64_t i = 0; i < RUN; i++) {
            g->scratch[run * RUN + i] = rank_of(g, begin + i);
        }
    }
    return loops->search(&search);
}

/* Whole numbers in the order of the floats. A 0 and a -0 differ here, but as thresholds are one. */
static uint32_t key_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 31 ? ~bits : bits | 0x80000000U;
}

static float value_of(uint32_t key)
{
    const uint32_t bits = key >> 31 ? key & 0x7FFFFFFFU : ~key;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#define BINS 2048

/* Counts the values whose key begins as `prefix` does, by the `bits` that follow above `shift`;
 * returns the bin in which the k-th largest lies, *k its rank there. -1: there are fewer. */
static int find_bin(const struct spr_wta_group *g, uint32_t prefix, int bits, int shift,
                    int64_t *k)
{
    uint32_t bin[BINS] = {0};
    const uint32_t all = (1U << bits) - 1;
    for (int64_t i = 0; i < g->count; i++) {
        const float rank = rank_of(g, i);
        const uint32_t key = key_of(rank);
        const bool counts = !isnan(rank) && (uint64_t)key >> (bits + shift) == prefix;
        bin[key >> shift & all] += counts;
    }
    for (int b = (int)all; b >= 0; b--) {
        if (*k <= bin[b]) {
            return b;
        }
        *k -= bin[b];
    }
    return -1;
}

static float by_histogram(const struct spr_wta_group *g)
{
    static const int widths[] = {11, 11, 10};
    uint32_t prefix = 0;
    int64_t k = g->k;
    int shift = 32;
    for (int level = 0; level < 3; level++) {
        shift -= widths[level];
        const int bin = find_bin(g, prefix, widths[level], shift, &k);
        if (bin < 0) {
            return -HUGE_VALF;
        }
        prefix = prefix << widths[level] | (uint32_t)bin;
    }
    return value_of(prefix);
}

/* Partitions that a partial sort makes at most before the rest is searched. */
#define PARTITIONS 40

static float middle_of(float a, float b, float c)
{
    return a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
}

static float by_sort(const struct spr_winner_loops *loops, const struct spr_wta_group *g)
{
    float *v = g->scratch;
    int64_t count = 0, k = g->k;
    for (int64_t i = 0; i < g->count; i++) {
        v[count] = rank_of(g, i);
        count += !isnan(v[count]);
    }
    if (count < k) {
        return -HUGE_VALF;
    }
    for (int round = 0; round < PARTITIONS && count > 1; round++) {
        /* Larger ones to the front, smaller ones to the back, equal ones between. */
        const float pivot = middle_of(v[0], v[count / 2], v[count - 1]);
        int64_t larger = 0, smaller = count;
        for (int64_t i = 0; i < smaller;) {
            const float value = v[i];
            if (value > pivot) {
                v[i++] = v[larger];
                v[larger++] = value;
            } else if (value < pivot) {
                v[i] = v[--smaller];
                v[smaller] = value;
            } else {
                i++;
            }
        }
        if (k > larger && k <= smaller) {
            return pivot;
        }
        const int64_t begin = k <= larger ? 0 : smaller;
        count = k <= larger ? larger : count - smaller;
        v += begin;
        k -= begin;
    }
    const struct spr_search rest = {v, count, k, 0};
    return count == 1 ? v[0] : loops->search(&rest);
}

float spr_wta_threshold(const struct spr_wta *wta, const struct spr_wta_group *group)
{
    const struct spr_winner_loops *loops = spr_isa_code_of(wta->isa)->winners;
    switch (wta->method) {
    case SPR_WTA_HISTOGRAM:
        return by_histogram(group);
    case SPR_WTA_SORT:
        return by_sort(loops, group);
    case SPR_WTA_THRESHOLD:
        break;
    }
    return group->count < SAMPLED ? -HUGE_VALF : guess(loops, group);
}
