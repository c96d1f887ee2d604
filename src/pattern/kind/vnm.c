/* SPDX-License-Identifier: Apache-2.0 */
/* V:N:M: every block of V rows by M columns keeps four columns, each of its rows N of these. Packed
 * side by side the kept columns are a matrix of 4k/M columns that 2:4 holds (VENOM: Castro and
 * others, arXiv 2310.02065). */
#include "pattern/contract.h"

#define KEPT_COLUMNS 4

static bool parse(const char *text, struct spr_pattern *pattern)
{
    return spr_pattern_integer(&text, &pattern->v) && *text++ == ':' &&
           spr_pattern_integer(&text, &pattern->a) && *text++ == ':' &&
           spr_pattern_integer(&text, &pattern->b) && *text == '\0' &&
           pattern->a <= KEPT_COLUMNS && pattern->b > KEPT_COLUMNS;
}

static void format(const struct spr_pattern *pattern, char *text, size_t size)
{
    snprintf(text, size, "%lld:%lld:%lld", (long long)pattern->v, (long long)pattern->a,
             (long long)pattern->b);
}

static struct spr_weight_cost cost(const struct spr_pattern *pattern,
                                   const struct spr_shape *shape, double kept_weights,
                                   const struct spr_counted *counted, double value_bytes)
{
    const double blocks =
        spr_ceil_div(shape->m, pattern->v) * spr_ceil_div(shape->k, pattern->b);
    const double rows = ceil((double)shape->m / (double)shape->groups / (double)pattern->v);
    return (struct spr_weight_cost){
        .nnz = spr_counted_or(counted->nnz, kept_weights),
        .issued = kept_weights,
        .value_bytes = kept_weights * value_bytes,
        .index_bytes =
            kept_weights * 2 / 8 + blocks * KEPT_COLUMNS * spr_ceil_log2(pattern->b) / 8,
        .tau = spr_tau(shape, counted,
                       spr_expected_touched(KEPT_COLUMNS / (double)pattern->b, rows)),
    };
}

static const char *misfit(const struct spr_pattern *pattern, const struct spr_shape *shape)
{
    if (shape->m < pattern->v) {
        return "it has fewer rows than V";
    }
    return shape->k < pattern->b ? "it has fewer columns than M" : NULL;
}

/* Two of four slots are multiplied, whether one or two are used. */
static bool spread(const struct spr_pattern *pattern, const struct spr_pattern *as,
                   struct spr_pattern *slots)
{
    *slots = *pattern;
    slots->a = 2;
    return strcmp(as->kind->name, "N:M") == 0 && as->a == 2 && as->b == 4 && pattern->a <= 2;
}

SPR_DEFINE_PATTERN(vnm) = {
    {.name = "V:N:M",
     .spelling = "V:N:M",
     .summary = "V x M blocks keep 4 columns, each row N of them",
     .storage = "kept*(v + 2/8) + nb*4*ceil(log2 M)/8",
     .grammar = "V:N:M with N <= 4 < M",
     .examples = SPR_EXAMPLES({"64:2:8", 130}),
     .pattern_class = SPR_CLASS_NM,
     .parse = parse,
     .format = format,
     .fixed_sparsity = spr_nm_sparsity,
     .cells = spr_cells_weights,
     .kept = spr_nm_kept,
     .cost = cost,
     .misfit = misfit,
     .spread = spread},
    {0},
};
