/* SPDX-License-Identifier: Apache-2.0 */
/* What was predicted of a case on the CPU. */
#include <math.h>

#include "sproof/schedule.h"
#include "validate/validate_cpu.h"

/* Cells that nothing can beat: the format issues blocks at the edge whole, and places of comp:P
 * that no row has; the kernels leave them out. */
static double least_kept(const struct spr_side *side)
{
    const struct spr_pattern *pattern = &side->planned.pattern;
    const double nnz = (double)side->matrix.nnz;
    switch (pattern->kind->pattern_class) {
    case SPR_CLASS_BLOCK:
        return fmin(side->kept, nnz / ((double)pattern->a * (double)pattern->b));
    case SPR_CLASS_COMP:
        return fmin(side->kept, nnz);
    case SPR_CLASS_DENSE:
    case SPR_CLASS_CSR:
    case SPR_CLASS_NM:
        break;
    }
    return side->kept;
}

/* The bound is that of the format; a kernel whose packed form is smaller moves less. */
static double least_time(const struct spr_prediction *high, double packed_bytes)
{
    double weights = high->bytes_weight_values + high->bytes_weight_index;
    double saved = fmax(0, weights - packed_bytes);
    double longest = fmax(high->compute_s, high->memory_s);
    double least = fmax(high->compute_s, high->memory_s * (high->bytes - saved) / high->bytes);
    return high->time_s - longest + least;
}

struct spr_expected_case spr_case_of(const struct spr_validate_run *run,
                                     const struct spr_side *side)
{
    return (struct spr_expected_case){.pattern = side->planned.pattern,
                                      .m = side->planned.m,
                                      .k = side->planned.k,
                                      .n = side->planned.n,
                                      .kept = side->kept,
                                      .threads = run->options->threads,
                                      .isa = run->options->isa,
                                      .layout = run->options->layout,
                                      .residency = run->options->residency,
                                      .tuned = run->options->tuned,
                                      .network_bytes =
                                          spr_validate_pass_bytes(run, &side->planned)};
}

struct spr_predicted spr_cpu_predict(const struct spr_validate_run *run,
                                     const struct spr_side *side)
{
    struct spr_predicted out = {(double)NAN, (double)NAN, (double)NAN, SPR_LIMIT_FMA};
    const struct spr_cpu_side *made = side->made;
    const struct spr_expected_case of = spr_case_of(run, side);
    bool pruned = !spr_pattern_is_dense(&side->planned.pattern);
    struct spr_prediction bound, high;
    struct spr_expected expected;
    if (spr_validate_bound(run, side, least_kept(side), &bound, &high)) {
        out.bound_s = bound.time_s;
        out.least_s = pruned ? least_time(&high, (double)made->packed.bytes) : high.time_s;
    }
    if (spr_expected_of_plan(run->machine, &of, &made->packed.plan, &expected)) {
        out.expected_s = expected.time_s;
        out.limit = expected.limit;
    }
    return out;
}
