/* SPDX-License-Identifier: Apache-2.0 */
/* N:M: N weights kept of every M consecutive ones along k. */
#include "pattern/contract.h"

static bool parse(const char *text, struct spr_pattern *pattern)
{
    return spr_pattern_integer(&text, &pattern->a) && *text++ == ':' &&
           spr_pattern_integer(&text, &pattern->b) && *text == '\0' && pattern->a < pattern->b;
}

static void format(const struct spr_pattern *pattern, char *text, size_t size)
{
    snprintf(text, size, "%lld:%lld", (long long)pattern->a, (long long)pattern->b);
}

static struct spr_weight_cost cost(const struct spr_pattern *pattern,
                                   const struct spr_shape *shape, double kept_weights,
                                   const struct spr_counted *counted, double value_bytes)
{
    double density = kept_weights / ((double)shape->m * (double)shape->k);
    return (struct spr_weight_cost){
        .nnz = spr_counted_or(counted->nnz, kept_weights),
        .issued = kept_weights,
        .value_bytes = kept_weights * value_bytes,
        .index_bytes = kept_weights * spr_ceil_log2(pattern->b) / 8,
        .tau =
            spr_tau(shape, counted, spr_expected_touched(density, spr_rows_per_group(shape))),
    };
}

static const char *misfit(const struct spr_pattern *pattern, const struct spr_shape *shape)
{
    return shape->k < pattern->b ? "it has fewer columns than M" : NULL;
}

static void cell(const struct spr_pattern *pattern, int64_t m, int64_t k, double kept_weights,
                 struct spr_cell_shape *out)
{
    (void)m, (void)k, (void)kept_weights;
    *out =
        (struct spr_cell_shape){.rows = 1, .columns = 1, .take = pattern->a, .of = pattern->b};
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b > 0) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Whether `of` columns from a multiple of `of` on can hold more than `most` weights. How far such a
 * group lies from the start of one of the pattern's is a multiple of the greatest common divisor.
 * Groups of more columns than any machine has are not looked into: taken to hold more. */
static bool can_hold_more(const struct spr_pattern *pattern, int64_t of, int64_t most)
{
    enum { LOOKS = 1 << 16 };
    const int64_t step = common_divisor(pattern->b, of);
    const int64_t end = least(pattern->b, of + 1);
    bool more = end / step > LOOKS;
    /* first: columns of the pattern's group in which it begins; a whole one counts as 0. */
    for (int64_t first = 0; first < end && !more; first += step) {
        const int64_t rest = of - first;
        const int64_t held = least(pattern->a, first) + rest / pattern->b * pattern->a +
                             least(pattern->a, rest % pattern->b);
        more = held > most;
    }
    return more;
}

/* N2:M2 holds it when no aligned group of M2 columns can hold more than N2. 2:4 holds M-2 of every
 * even M besides: the M columns are spread over M/2 - 1 groups of four, which share two each, and
 * every group takes two of the weights. */
static bool spread(const struct spr_pattern *pattern, const struct spr_pattern *as,
                   struct spr_pattern *slots)
{
    enum { WIDEST = 256 }; /* beyond, next to nothing is gained over dense */
    if (as->kind != pattern->kind) {
        return false;
    }
    *slots = *as;
    if (!can_hold_more(pattern, as->b, as->a)) {
        return true;
    }
    if (as->a != 2 || as->b != 4) {
        return false;
    }
    for (slots->b = 6; slots->b <= WIDEST; slots->b += 2) {
        slots->a = slots->b - 2;
        if (!can_hold_more(pattern, slots->b, slots->a)) {
            return true;
        }
    }
    return false;
}

SPR_DEFINE_PATTERN(nm) = {
    {.name = "N:M",
     .spelling = "N:M",
     .summary = "N kept of every M consecutive weights along k",
     .storage = "kept*(v + ceil(log2 M)/8)",
     .grammar = "N:M with N < M",
     .examples = SPR_EXAMPLES({"2:4", 100}),
     .pattern_class = SPR_CLASS_NM,
     .parse = parse,
     .format = format,
     .fixed_sparsity = spr_nm_sparsity,
     .cells = spr_cells_weights,
     .kept = spr_nm_kept,
     .cost = cost,
     .misfit = misfit,
     .cell = cell,
     .spread = spread,
     .kernel = "nm"},
    {0},
};
