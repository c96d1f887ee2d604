/* SPDX-License-Identifier: Apache-2.0 */
/* The pattern that explains the zeros of a matrix, found while its rows pass by. */
#include "inspect/detect.h"

#include <stdio.h>

#include "base/bits.h"
#include "sproof/inspect.h"

/* Block heights and widths that are tried: 1, 2, 4, ... 64. */
#define SIZES 7
#define SIZE(i) ((int64_t)1 << (i))

/* N:M with M of 2, 4, 8, 16, 32. */
#define GROUPS 5

struct spr_detector {
    const struct spr_weight *weight;
    struct spr_seen seen[SIZES]; /* rows of this block row together */
    double stored[SIZES]
                 [SIZES];    /* weights in blocks that hold anything, by height and width */
    int64_t fullest[GROUPS]; /* non-zeros in the fullest aligned group of M */
};

struct spr_detector *spr_detector_make(const struct spr_weight *weight,
                                       struct spr_arena *arena)
{
    struct spr_detector *d = spr_arena_alloc(arena, sizeof *d);
    if (!d) {
        return NULL;
    }
    *d = (struct spr_detector){.weight = weight};
    for (int i = 0; i < SIZES; i++) {
        if (!spr_seen_make(&d->seen[i], (weight->k + 63) / 64,
                           weight->storage == SPR_STORAGE_MATRIX, arena)) {
            return NULL;
        }
    }
    return d;
}

/* Bit j of the result: whether any of the 2^i aligned bits that begin at j is set, for j a
 * multiple of 2^i; other bits are 0. */
static uint64_t fold(uint64_t word, int i)
{
    static const uint64_t firsts[SIZES] = {
        0xFFFFFFFFFFFFFFFFu, 0x5555555555555555u, 0x1111111111111111u, 0x0101010101010101u,
        0x0001000100010001u, 0x0000000100000001u, 0x0000000000000001u};
    for (int step = 0; step < i; step++) {
        word |= word >> SIZE(step);
    }
    return word & firsts[i];
}

/* The last block of a row may reach past the matrix: only what lies inside counts. */
static void close_block_row(struct spr_detector *d, int height, int64_t rows)
{
    struct spr_seen *seen = &d->seen[height];
    int64_t count;
    const uint64_t *word = spr_seen_words(seen, &count);
    for (int width = 0; width < SIZES; width++) {
        int64_t blocks = 0, rest = d->weight->k % SIZE(width);
        for (int64_t i = 0; i < count; i++) {
            blocks += __builtin_popcountll(fold(word[i], width));
        }
        int64_t weights = blocks * SIZE(width);
        if (rest > 0 && spr_count_range(seen->bits, d->weight->k - rest, d->weight->k)) {
            weights -= SIZE(width) - rest;
        }
        d->stored[height][width] += (double)(weights * rows);
    }
    spr_seen_clear(seen);
}

/* Non-zeros of the fullest aligned group of 2^(g+1) bits. */
static int64_t fullest_group(uint64_t word, int g)
{
    int64_t most = 0;
    const int64_t size = SIZE(g + 1);
    for (int64_t at = 0; at < 64 && word >> at; at += size) {
        uint64_t group = word >> at & (((uint64_t)1 << size) - 1);
        int64_t count = __builtin_popcountll(group);
        most = count > most ? count : most;
    }
    return most;
}

void spr_detect_row(struct spr_detector *d, int64_t row, const struct spr_row *bits)
{
    for (int g = 0; g < GROUPS; g++) {
        for (int64_t i = 0; i < bits->count && d->fullest[g] < SIZE(g + 1); i++) {
            int64_t most = fullest_group(bits->word[i], g);
            d->fullest[g] = most > d->fullest[g] ? most : d->fullest[g];
        }
    }
    for (int h = 0; h < SIZES; h++) {
        (void)spr_seen_add(&d->seen[h], bits);
        if ((row + 1) % SIZE(h) == 0 || row + 1 == d->weight->m) {
            close_block_row(d, h, row % SIZE(h) + 1);
        }
    }
}

static struct spr_pattern parse(const char *text)
{
    struct spr_pattern pattern = spr_pattern_dense();
    (void)spr_pattern_parse(text, &pattern, NULL);
    return pattern;
}

/* The largest block that explains the zeros; of equal areas the tallest. */
static bool find_block(const struct spr_detector *d, double nnz, struct spr_pattern *pattern)
{
    int64_t best = 1;
    char text[32];
    for (int h = SIZES - 1; h >= 0; h--) {
        for (int w = SIZES - 1; w >= 0; w--) {
            bool fits = SIZE(h) <= d->weight->m && SIZE(w) <= d->weight->k;
            if (fits && SIZE(h + w) > best && nnz >= SPR_DETECT_FILL * d->stored[h][w]) {
                best = SIZE(h + w);
                snprintf(text, sizeof text, "%lldx%lld", (long long)SIZE(h),
                         (long long)SIZE(w));
                *pattern = parse(text);
            }
        }
    }
    return best > 1;
}

/* The smallest group that explains them. */
static bool find_group(const struct spr_detector *d, double nnz, struct spr_pattern *pattern)
{
    double weights = (double)d->weight->m * (double)d->weight->k;
    char text[32];
    for (int g = 0; g < GROUPS; g++) {
        int64_t of = SIZE(g + 1), most = d->fullest[g];
        if (most < of && d->weight->k >= of &&
            nnz >= SPR_DETECT_GROUPS * weights * (double)most / (double)of) {
            snprintf(text, sizeof text, "%lld:%lld", (long long)most, (long long)of);
            *pattern = parse(text);
            return true;
        }
    }
    return false;
}

struct spr_pattern spr_detect(const struct spr_detector *detector, double nnz)
{
    double weights = (double)detector->weight->m * (double)detector->weight->k;
    struct spr_pattern pattern = spr_pattern_dense();
    if (weights - nnz < SPR_DETECT_DENSE * weights) {
        return pattern;
    }
    if (nnz > 0 &&
        (find_block(detector, nnz, &pattern) || find_group(detector, nnz, &pattern))) {
        return pattern;
    }
    return parse("csr");
}
