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

static double fixed_sparsity(const struct spr_pattern *pattern)
{
    return 1 - (double)pattern->a / (double)pattern->b;
}

static double kept(const struct spr_pattern *pattern, const struct spr_shape *shape,
                   double sparsity)
{
    (void)sparsity;
    int64_t rest = shape->k % pattern->b;
    double per_row = (double)(shape->k / pattern->b) * (double)pattern->a +
                     (double)(rest < pattern->a ? rest : pattern->a);
    return (double)shape->m * per_row;
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
     .fixed_sparsity = fixed_sparsity,
     .cells = spr_cells_weights,
     .kept = kept,
     .cost = cost,
     .misfit = misfit,
     .cell = cell,
     .kernel = "nm"},
    {0},
};
