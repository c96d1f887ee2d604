/* SPDX-License-Identifier: Apache-2.0 */
/* ell: every row padded to the longest. */
#include "pattern/contract.h"

/* Takes the last digit off a product that rounding lifted just above an integer. */
#define ROUNDING_GUARD (1 - 1e-12)

static bool parse(const char *text, struct spr_pattern *pattern)
{
    (void)pattern;
    return strcmp(text, "ell") == 0;
}

static void format(const struct spr_pattern *pattern, char *text, size_t size)
{
    (void)pattern;
    snprintf(text, size, "ell");
}

/* Fractional on purpose: without a counted mask only the mean row is known. */
static double kept(const struct spr_pattern *pattern, const struct spr_shape *shape,
                   double sparsity)
{
    return (1 - sparsity) * spr_cells_weights(pattern, shape);
}

static struct spr_weight_cost cost(const struct spr_pattern *pattern,
                                   const struct spr_shape *shape, double kept_weights,
                                   const struct spr_counted *counted, double value_bytes)
{
    (void)pattern;
    double m = (double)shape->m, k = (double)shape->k;
    double width =
        spr_counted_or(counted->longest_row, ceil(kept_weights / m * ROUNDING_GUARD));
    return (struct spr_weight_cost){
        .nnz = spr_counted_or(counted->nnz, kept_weights),
        .issued = m * width,
        .value_bytes = m * width * value_bytes,
        .index_bytes = m * width * SPR_INDEX_BYTES,
        .tau = spr_tau(shape, counted,
                       spr_expected_touched(width / k, spr_rows_per_group(shape))),
    };
}

/* Every row as long as the longest: no slot is padding. */
static void cell(const struct spr_pattern *pattern, int64_t m, int64_t k, double kept_weights,
                 struct spr_cell_shape *out)
{
    (void)pattern;
    double width = ceil(kept_weights / (double)m * ROUNDING_GUARD);
    *out = (struct spr_cell_shape){.rows = 1, .columns = 1, .take = (int64_t)width, .of = k};
}

/* The kernels have two bytes of index. */
static void pack(const struct spr_pattern *pattern, const struct spr_shape *shape,
                 struct spr_weight_cost *cost)
{
    (void)pattern, (void)shape;
    cost->index_bytes -= cost->issued * (SPR_INDEX_BYTES - SPR_INDEX16_BYTES);
}

SPR_DEFINE_PATTERN(ell) = {
    {.name = "ell",
     .spelling = "ell",
     .summary = "rows padded to the longest, 4-byte column indices",
     .storage = "m*w*(v+4), w the longest row",
     .examples = SPR_EXAMPLES({"ell", 70}),
     .pattern_class = SPR_CLASS_CSR,
     .parse = parse,
     .format = format,
     .cells = spr_cells_weights,
     .kept = kept,
     .cost = cost,
     .cell = cell,
     .pack = pack,
     .kernel = "ell"},
    {0},
};
