/* SPDX-License-Identifier: Apache-2.0 */
/* bitmask: one bit per weight says which are stored. */
#include "pattern/contract.h"

static bool parse(const char *text, struct spr_pattern *pattern)
{
    (void)pattern;
    return strcmp(text, "bitmask") == 0;
}

static void format(const struct spr_pattern *pattern, char *text, size_t size)
{
    (void)pattern;
    snprintf(text, size, "bitmask");
}

static struct spr_weight_cost cost(const struct spr_pattern *pattern,
                                   const struct spr_shape *shape, double kept,
                                   const struct spr_counted *counted, double value_bytes)
{
    double weights = spr_cells_weights(pattern, shape);
    double nnz = spr_counted_or(counted->nnz, kept);
    return (struct spr_weight_cost){
        .nnz = nnz,
        .issued = nnz,
        .value_bytes = nnz * value_bytes,
        .index_bytes = ceil(weights / 8) + ((double)shape->m + 1) * SPR_POINTER_BYTES,
        .tau = spr_tau(shape, counted,
                       spr_expected_touched(nnz / weights, spr_rows_per_group(shape))),
    };
}

SPR_DEFINE_PATTERN(bitmask) = {
    {.name = "bitmask",
     .spelling = "bitmask",
     .summary = "single non-zeros anywhere, a mask bit per weight",
     .storage = "nnz*v + ceil(m*k/8) + (m+1)*4",
     .examples = SPR_EXAMPLES({"bitmask", 60}),
     .pattern_class = SPR_CLASS_CSR,
     .parse = parse,
     .format = format,
     .cells = spr_cells_weights,
     .cost = cost,
     .cell = spr_cell_single,
     .kernel = "bitmask"},
    {0},
};
