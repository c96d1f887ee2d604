/* SPDX-License-Identifier: Apache-2.0 */
/* csr and csr16: compressed sparse rows, one column index per non-zero. */
#include "pattern/contract.h"

#define CSR16_COLUMNS_MAX 65536

static bool parse(const char *text, struct spr_pattern *pattern)
{
    (void)pattern;
    return strcmp(text, "csr") == 0 || strcmp(text, "unstructured") == 0 ||
           strcmp(text, "1x1") == 0 || strcmp(text, "bsr:1x1") == 0;
}

static bool parse16(const char *text, struct spr_pattern *pattern)
{
    (void)pattern;
    return strcmp(text, "csr16") == 0;
}

static void format(const struct spr_pattern *pattern, char *text, size_t size)
{
    snprintf(text, size, "%s", pattern->kind->name);
}

static struct spr_weight_cost cost(const struct spr_shape *shape, double kept,
                                   const struct spr_counted *counted, double value_bytes,
                                   double index_bytes)
{
    double weights = (double)shape->m * (double)shape->k;
    double nnz = spr_counted_or(counted->nnz, kept);
    return (struct spr_weight_cost){
        .nnz = nnz,
        .issued = nnz,
        .value_bytes = nnz * value_bytes,
        .index_bytes = nnz * index_bytes + ((double)shape->m + 1) * SPR_POINTER_BYTES,
        .tau = spr_tau(shape, counted,
                       spr_expected_touched(nnz / weights, spr_rows_per_group(shape))),
    };
}

static struct spr_weight_cost cost32(const struct spr_pattern *pattern,
                                     const struct spr_shape *shape, double kept,
                                     const struct spr_counted *counted, double value_bytes)
{
    (void)pattern;
    return cost(shape, kept, counted, value_bytes, SPR_INDEX_BYTES);
}

static struct spr_weight_cost cost16(const struct spr_pattern *pattern,
                                     const struct spr_shape *shape, double kept,
                                     const struct spr_counted *counted, double value_bytes)
{
    (void)pattern;
    return cost(shape, kept, counted, value_bytes, SPR_INDEX16_BYTES);
}

/* The kernels have two bytes of index: they go through wider matrices in panels. */
static void pack(const struct spr_pattern *pattern, const struct spr_shape *shape,
                 struct spr_weight_cost *cost)
{
    (void)pattern, (void)shape;
    cost->index_bytes -= cost->issued * (SPR_INDEX_BYTES - SPR_INDEX16_BYTES);
}

static const char *misfit16(const struct spr_pattern *pattern, const struct spr_shape *shape)
{
    (void)pattern;
    return shape->k > CSR16_COLUMNS_MAX ? "k is above 65536, more than 16-bit indices reach"
                                        : NULL;
}

SPR_DEFINE_PATTERN(csr) = {
    {.name = "csr",
     .spelling = "csr, unstructured, 1x1",
     .summary = "single non-zeros anywhere, 4-byte column indices",
     .storage = "nnz*(v+4) + (m+1)*4",
     .examples = SPR_EXAMPLES({"csr", 20}, {"unstructured", 40}, {"1x1", 50}),
     .pattern_class = SPR_CLASS_CSR,
     .parse = parse,
     .format = format,
     .cells = spr_cells_weights,
     .cost = cost32,
     .cell = spr_cell_single,
     .pack = pack,
     .kernel = "csr"},
    {.name = "csr16",
     .spelling = "csr16",
     .summary = "csr with 2-byte column indices, k up to 65536",
     .storage = "nnz*(v+2) + (m+1)*4",
     .examples = SPR_EXAMPLES({"csr16", 30}),
     .pattern_class = SPR_CLASS_CSR,
     .parse = parse16,
     .format = format,
     .cells = spr_cells_weights,
     .cost = cost16,
     .cell = spr_cell_single,
     .kernel = "csr16",
     .misfit = misfit16,
     .misfit_is_error = true},
    {0},
};
