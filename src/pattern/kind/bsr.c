/* SPDX-License-Identifier: Apache-2.0 */
/* RxC: blocks of R rows (outputs) by C columns (inputs) of W. Edge blocks are stored and
 * issued whole. */
#include "pattern/contract.h"

static bool parse(const char *text, struct spr_pattern *pattern)
{
    if (strncmp(text, "bsr:", 4) == 0) {
        text += 4;
    }
    if (!spr_pattern_integer(&text, &pattern->a) || *text++ != 'x' ||
        !spr_pattern_integer(&text, &pattern->b) || *text != '\0') {
        return false;
    }
    /* A block of one weight is csr: one spelling for one thing. */
    return pattern->a > 1 || pattern->b > 1;
}

static void format(const struct spr_pattern *pattern, char *text, size_t size)
{
    snprintf(text, size, "%lldx%lld", (long long)pattern->a, (long long)pattern->b);
}

static double cells(const struct spr_pattern *pattern, const struct spr_shape *shape)
{
    return spr_ceil_div(shape->m, pattern->a) * spr_ceil_div(shape->k, pattern->b);
}

static struct spr_weight_cost cost(const struct spr_pattern *pattern,
                                   const struct spr_shape *shape, double kept,
                                   const struct spr_counted *counted, double value_bytes)
{
    double block_count = cells(pattern, shape);
    double block = (double)pattern->a * (double)pattern->b;
    double block_rows = spr_ceil_div(shape->m, pattern->a);
    double rows = ceil((double)shape->m / (double)shape->groups / (double)pattern->a);
    return (struct spr_weight_cost){
        .nnz = spr_counted_or(counted->nnz,
                              kept * ((double)shape->m * (double)shape->k) / block_count),
        .issued = kept * block,
        .value_bytes = kept * block * value_bytes,
        .index_bytes = kept * SPR_INDEX_BYTES + (block_rows + 1) * SPR_POINTER_BYTES,
        .tau = spr_tau(shape, counted, spr_expected_touched(kept / block_count, rows)),
    };
}

/* The kernels have two bytes of index, and of blocks at an edge what lies in W: of random masks
 * the mean of all blocks. */
static void pack(const struct spr_pattern *pattern, const struct spr_shape *shape,
                 struct spr_weight_cost *cost)
{
    const double block_count = cells(pattern, shape);
    const double within = (double)shape->m * (double)shape->k /
                          (block_count * (double)pattern->a * (double)pattern->b);
    const double kept = cost->issued / ((double)pattern->a * (double)pattern->b);
    cost->issued *= within;
    cost->value_bytes *= within;
    cost->index_bytes -= kept * (SPR_INDEX_BYTES - SPR_INDEX16_BYTES);
}

static const char *misfit(const struct spr_pattern *pattern, const struct spr_shape *shape)
{
    if (shape->m < pattern->a) {
        return "it has fewer rows than the block";
    }
    return shape->k < pattern->b ? "it has fewer columns than the block" : NULL;
}

static void cell(const struct spr_pattern *pattern, int64_t m, int64_t k, double kept,
                 struct spr_cell_shape *out)
{
    (void)m, (void)k, (void)kept;
    *out = (struct spr_cell_shape){.rows = pattern->a, .columns = pattern->b};
}

SPR_DEFINE_PATTERN(bsr) = {
    {.name = "RxC",
     .spelling = "RxC, bsr:RxC",
     .summary = "blocks of R rows (outputs) by C columns (inputs)",
     .storage = "nb*(R*C*v+4) + (ceil(m/R)+1)*4",
     .examples = SPR_EXAMPLES({"4x4", 80}, {"32x1", 90}, {"bsr:4x4", 120}),
     .pattern_class = SPR_CLASS_BLOCK,
     .parse = parse,
     .format = format,
     .cells = cells,
     .cost = cost,
     .misfit = misfit,
     .cell = cell,
     .pack = pack,
     .kernel = "bsr"},
    {0},
};
