/* SPDX-License-Identifier: Apache-2.0 */
/* dense: every weight stored and multiplied. */
#include "pattern/contract.h"

static bool parse(const char *text, struct spr_pattern *pattern)
{
    (void)pattern;
    return strcmp(text, "dense") == 0;
}

static void format(const struct spr_pattern *pattern, char *text, size_t size)
{
    (void)pattern;
    snprintf(text, size, "dense");
}

static double fixed_sparsity(const struct spr_pattern *pattern)
{
    (void)pattern;
    return 0;
}

static struct spr_weight_cost cost(const struct spr_pattern *pattern,
                                   const struct spr_shape *shape, double kept,
                                   const struct spr_counted *counted, double value_bytes)
{
    (void)kept;
    double weights = spr_cells_weights(pattern, shape);
    return (struct spr_weight_cost){
        .nnz = spr_counted_or(counted->nnz, weights),
        .issued = weights,
        .value_bytes = weights * value_bytes,
        .index_bytes = 0,
        .tau = 1,
    };
}

SPR_DEFINE_PATTERN(dense) = {
    {.name = "dense",
     .spelling = "dense",
     .summary = "every weight stored and multiplied",
     .storage = "m*k*v",
     .examples = SPR_EXAMPLES({"dense", 10}),
     .pattern_class = SPR_CLASS_DENSE,
     .parse = parse,
     .format = format,
     .fixed_sparsity = fixed_sparsity,
     .cells = spr_cells_weights,
     .cost = cost,
     .cell = spr_cell_single,
     .kernel = "dense"},
    {0},
};
