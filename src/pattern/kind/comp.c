/* SPDX-License-Identifier: Apache-2.0 */
/* comp:P, complementary sparsity: P rows with disjoint supports packed in one dense row
 * (Hunter, Spracklen, Ahmad: arXiv 2112.13896). */
#include "pattern/contract.h"

static bool parse(const char *text, struct spr_pattern *pattern)
{
    if (strncmp(text, "comp:", 5) != 0) {
        return false;
    }
    text += 5;
    return spr_pattern_integer(&text, &pattern->a) && *text == '\0' && pattern->a > 1;
}

static void format(const struct spr_pattern *pattern, char *text, size_t size)
{
    snprintf(text, size, "comp:%lld", (long long)pattern->a);
}

static double fixed_sparsity(const struct spr_pattern *pattern)
{
    return 1 - 1 / (double)pattern->a;
}

static double kept(const struct spr_pattern *pattern, const struct spr_shape *shape,
                   double sparsity)
{
    (void)sparsity;
    return spr_ceil_div(shape->m, pattern->a) * (double)shape->k;
}

static struct spr_weight_cost cost(const struct spr_pattern *pattern,
                                   const struct spr_shape *shape, double stored,
                                   const struct spr_counted *counted, double value_bytes)
{
    double weights = spr_cells_weights(pattern, shape);
    return (struct spr_weight_cost){
        .nnz = spr_counted_or(counted->nnz, weights / (double)pattern->a),
        .issued = stored,
        .value_bytes = stored * value_bytes,
        .index_bytes = stored * spr_ceil_log2(pattern->a) / 8,
        .tau = spr_tau(shape, counted, 1),
    };
}

static const char *misfit(const struct spr_pattern *pattern, const struct spr_shape *shape)
{
    return shape->m < pattern->a ? "it has fewer rows than are packed together" : NULL;
}

/* Of P rows and P columns each row has one weight, in a column of its own. */
static void cell(const struct spr_pattern *pattern, int64_t m, int64_t k, double kept_weights,
                 struct spr_cell_shape *out)
{
    (void)m, (void)k, (void)kept_weights;
    *out = (struct spr_cell_shape){
        .rows = 1, .columns = 1, .take = 1, .of = pattern->a, .owners = pattern->a};
}

SPR_DEFINE_PATTERN(comp) = {
    {.name = "comp:P",
     .spelling = "comp:P",
     .summary = "P rows with disjoint non-zeros in one dense row",
     .storage = "ceil(m/P)*k*(v + ceil(log2 P)/8)",
     .grammar = "comp:P with P > 1",
     .examples = SPR_EXAMPLES({"comp:16", 110}),
     .pattern_class = SPR_CLASS_COMP,
     .parse = parse,
     .format = format,
     .fixed_sparsity = fixed_sparsity,
     .cells = spr_cells_weights,
     .kept = kept,
     .cost = cost,
     .cell = cell,
     .kernel = "comp",
     .misfit = misfit,
     .misfit_is_error = true},
    {0},
};
