/* SPDX-License-Identifier: Apache-2.0 */
/* The bounds of a case, and its row of the record. */
#include <math.h>
#include <string.h>

#include "validate/validate_parts.h"

/* A rate is known no better than this: the probe's loop repeats within half a percent while
 * the clock moves. */
#define ROOF_RESOLUTION 0.995

enum spr_status spr_validate_models(struct spr_validate_run *run, enum spr_dtype dtype,
                                    struct spr_error *err)
{
    enum spr_residency residency = run->options->residency;
    SPR_TRY(
        spr_model_prepare(&run->model, run->machine, dtype, SPR_NOMINAL, SPR_NOMINAL, err));
    SPR_TRY(spr_model_prepare(&run->model_high, run->machine, dtype, SPR_HIGH, SPR_HIGH, err));
    /* What is measured is the kernel of the format. */
    run->model.native_only = run->model_high.native_only = true;
    run->model.packed = run->model_high.packed = run->machine->kernels != NULL;
    spr_model_set_residency(&run->model, residency, run->threads);
    spr_model_set_residency(&run->model_high, residency, run->threads);
    return SPR_OK;
}

/* The layer that is measured: an explicit k x n operand, of convolutions too. */
static struct spr_layer layer_of(const struct spr_planned *planned)
{
    return (struct spr_layer){.op = SPR_OP_LINEAR,
                              .m = planned->m,
                              .k = planned->k,
                              .n = planned->n,
                              .count = 1,
                              .calls = 1,
                              .groups = 1,
                              .x_elements = (double)planned->k * (double)planned->n};
}

bool spr_validate_bound(const struct spr_validate_run *run, const struct spr_side *side,
                        double least_kept, struct spr_prediction *bound,
                        struct spr_prediction *high)
{
    const struct spr_pattern *pattern = &side->planned.pattern;
    const struct spr_matrix *w = &side->matrix;
    const struct spr_layer layer = layer_of(&side->planned);
    struct spr_model model = run->model, model_high = run->model_high;
    model.network_bytes = model_high.network_bytes =
        spr_validate_pass_bytes(run, &side->planned);
    if (spr_pattern_is_dense(pattern)) {
        spr_model_dense(&model, &layer, 1, bound);
        spr_model_dense(&model_high, &layer, 1, high);
        return true;
    }
    const struct spr_counted counted = {(double)w->nnz, spr_matrix_touched_columns(w),
                                        spr_matrix_longest_row(w)};
    return spr_model_sparse(&model, &layer, 1, pattern, side->kept, &counted, bound) &&
           spr_model_sparse(&model_high, &layer, 1, pattern, least_kept, &counted, high);
}

double spr_validate_rate(const struct spr_validate_run *run)
{
    return run->backend->rate ? run->backend->rate(run) : (double)NAN;
}

void spr_validate_raise_roof(struct spr_validate_run *run, double flops_per_s)
{
    double *highest = &run->model_high.flops_per_s[run->model_high.dense_engine];
    if (flops_per_s > *highest) {
        *highest = flops_per_s;
    }
}

static const char *keep(const struct spr_validate_run *run, const char *text)
{
    return spr_arena_text(&run->validation->arena, text, strlen(text));
}

/* What a case is. */
static void describe(const struct spr_validate_run *run, const struct spr_planned *planned,
                     const struct spr_side *side, struct spr_validation_case *out)
{
    struct spr_shape shape = {planned->m, planned->k, 1};
    bool pruned = !spr_pattern_is_dense(&planned->pattern);
    *out = (struct spr_validation_case){.layer = planned->layer,
                                        .variant = planned->variant,
                                        .m = planned->m,
                                        .k = planned->k,
                                        .n = planned->n,
                                        .count = planned->count,
                                        .pattern = planned->pattern,
                                        .sparsity = planned->sparsity,
                                        .nnz = pruned ? (double)side->matrix.nnz : side->kept,
                                        .kept = side->kept,
                                        .real_mask = planned->mask != NULL,
                                        .gpu = run->backend->gpu,
                                        .isa = run->options->isa,
                                        .threads = run->threads,
                                        .residency = run->options->residency,
                                        .bound_speedup = (double)NAN,
                                        .expected_speedup = (double)NAN,
                                        .measured_speedup = (double)NAN,
                                        .speedup_error = (double)NAN};
    if (out->real_mask) {
        out->sparsity =
            1 - side->kept / planned->pattern.kind->cells(&planned->pattern, &shape);
    }
}

static void fill_speedups(struct spr_validation_case *out)
{
    out->bound_speedup = out->dense.bound_s / out->bound_s;
    out->expected_speedup = out->dense.expected_s / out->expected_s;
    out->measured_speedup = out->dense.measured.time_s / out->measured.time_s;
    out->speedup_error = out->expected_speedup / out->measured_speedup - 1;
}

enum spr_status spr_case_row(const struct spr_validate_run *run,
                             const struct spr_measured_case *of,
                             struct spr_validation_case *out, struct spr_error *err)
{
    const struct spr_contender *kernel = of->kernel;
    const struct spr_validation_case before = *out;
    describe(run, of->planned, of->side, out);
    out->kernel = keep(run, kernel->kernel);
    out->expected_bound =
        isnan(of->predicted.expected_s) ? NULL : spr_limit_name(of->predicted.limit);
    out->bound_s = of->predicted.bound_s;
    out->expected_s = of->predicted.expected_s;
    out->dense.bound_s = of->dense.bound_s;
    out->dense.expected_s = of->dense.expected_s;
    out->max_error_ratio = kernel->worst;
    /* Plans are timed in the first visit. */
    const bool tuned = kernel->tried_count > 0;
    out->tried = tuned ? kernel->tried : before.tried;
    out->tried_count = tuned ? kernel->tried_count : before.tried_count;
    out->chosen = tuned ? kernel->chosen : before.chosen;
    return out->kernel ? SPR_OK : spr_no_memory(err);
}

/* The index of the fastest dense kernel. */
static size_t fastest_of(const struct spr_case_rows *rows)
{
    size_t best = 0;
    for (size_t i = 1; i < rows->dense_count; i++) {
        best = rows->measured[i].time_s < rows->measured[best].time_s ? i : best;
    }
    return best;
}

static void fill_measured(struct spr_case_rows *rows, size_t index)
{
    struct spr_validation_case *out = &rows->row[index];
    const bool pruned = !spr_pattern_is_dense(&out->pattern);
    const size_t fastest = fastest_of(rows);
    out->measured = rows->measured[pruned ? rows->dense_count + index : index];
    out->dense.kernel = rows->dense_kernel[fastest];
    out->dense.measured = rows->measured[fastest];
    out->fraction_of_bound = out->bound_s / out->measured.time_s;
    out->dense.fraction_of_bound = out->dense.bound_s / out->dense.measured.time_s;
    out->error = out->expected_s / out->measured.time_s - 1;
    if (pruned) {
        fill_speedups(out);
    }
    out->inconclusive = out->measured.doubt || out->dense.measured.doubt;
    const bool above = out->measured.time_s < ROOF_RESOLUTION * rows->least_s[index] ||
                       out->dense.measured.time_s < ROOF_RESOLUTION * rows->dense_least_s;
    out->above_roof = above && !out->inconclusive;
}

enum spr_status spr_case_judge(const struct spr_validate_run *run, struct spr_case_rows *rows,
                               struct spr_error *err)
{
    struct spr_measurement *all[2 * SPR_CONTENDERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < rows->measured_count; i++) {
        if (!rows->measured[i].by_median) {
            all[count++] = &rows->measured[i];
        }
    }
    if (!spr_measurements_judge(all, count, run->canaries ? run->canaries->least_s : NULL)) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < rows->count; i++) {
        fill_measured(rows, i);
    }
    return SPR_OK;
}
