/* SPDX-License-Identifier: Apache-2.0 */
/* What was predicted of a case, and its row of the record. */
#include <math.h>
#include <string.h>

#include "sproof/schedule.h"
#include "validate/validate_case.h"

/* A rate is known no better than this: the probe's loop repeats within half a percent while
 * the clock moves. */
#define ROOF_RESOLUTION 0.995

/* Cells that nothing can beat: the format issues blocks at the edge whole, the kernels leave
 * out what is beyond it. */
static double least_kept(const struct spr_expected_case *of, const struct spr_matrix *w)
{
    const struct spr_pattern *pattern = &of->pattern;
    return pattern->kind->pattern_class == SPR_CLASS_BLOCK
               ? fmin(of->kept, (double)w->nnz / ((double)pattern->a * (double)pattern->b))
               : of->kept;
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
                                     const struct spr_planned *planned,
                                     const struct spr_sparse_inputs *sparse)
{
    return (struct spr_expected_case){
        .pattern = sparse ? planned->pattern : spr_pattern_dense(),
        .m = planned->m,
        .k = planned->k,
        .n = planned->n,
        .kept = sparse ? sparse->kept : (double)planned->m * (double)planned->k,
        .threads = run->options->threads,
        .isa = run->options->isa,
        .layout = run->options->layout,
        .residency = run->options->residency,
        .tuned = run->options->tuned,
        .network_bytes = spr_validate_pass_bytes(run, planned, sparse != NULL)};
}

struct spr_layer spr_planned_layer(const struct spr_planned *planned)
{
    return (struct spr_layer){.op = SPR_OP_LINEAR,
                              .m = planned->m,
                              .k = planned->k,
                              .n = planned->n,
                              .count = 1,
                              .groups = 1,
                              .x_elements = (double)planned->k * (double)planned->n};
}

struct spr_counted spr_matrix_counted(const struct spr_matrix *matrix)
{
    return (struct spr_counted){(double)matrix->nnz, spr_matrix_touched_columns(matrix),
                                spr_matrix_longest_row(matrix)};
}

struct spr_predicted spr_predict(const struct spr_validate_run *run,
                                 const struct spr_planned *planned,
                                 const struct spr_sparse_inputs *sparse)
{
    struct spr_predicted out = {(double)NAN, (double)NAN, (double)NAN, SPR_LIMIT_FMA};
    const struct spr_layer layer = spr_planned_layer(planned);
    struct spr_prediction bound, high;
    struct spr_expected expected;
    const struct spr_expected_case of = spr_case_of(run, planned, sparse);
    struct spr_model model = run->model, model_high = run->model_high;
    model.network_bytes = model_high.network_bytes = of.network_bytes;
    bool known = true;
    if (sparse) {
        const struct spr_matrix *w = &sparse->matrix;
        const struct spr_counted counted = spr_matrix_counted(w);
        known = spr_model_sparse(&model, &layer, 1, &of.pattern, of.kept, &counted, &bound) &&
                spr_model_sparse(&model_high, &layer, 1, &of.pattern, least_kept(&of, w),
                                 &counted, &high);
    } else {
        spr_model_dense(&model, &layer, 1, &bound);
        spr_model_dense(&model_high, &layer, 1, &high);
    }
    if (known) {
        out.bound_s = bound.time_s;
        out.least_s = sparse ? least_time(&high, (double)sparse->packed.bytes) : high.time_s;
    }
    const struct spr_packed *packed = sparse ? &sparse->packed : &run->dense->packed;
    if (spr_expected_of_plan(run->machine, &of, &packed->plan, &expected)) {
        out.expected_s = expected.time_s;
        out.limit = expected.limit;
    }
    return out;
}

double spr_validate_rate(const struct spr_validate_run *run)
{
    const struct spr_validate_options *options = run->options;
    return options->clock_s ? (double)NAN
                            : spr_fma_rate(options->isa, options->threads, run->clock_s);
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

void spr_case_describe(const struct spr_validate_run *run, const struct spr_planned *planned,
                       const struct spr_sparse_inputs *sparse, struct spr_validation_case *out)
{
    double cells = (double)planned->m * (double)planned->k;
    *out = (struct spr_validation_case){.layer = planned->layer,
                                        .variant = planned->variant,
                                        .m = planned->m,
                                        .k = planned->k,
                                        .n = planned->n,
                                        .count = planned->count,
                                        .pattern = planned->pattern,
                                        .sparsity = planned->sparsity,
                                        .nnz = cells,
                                        .kept = cells,
                                        .isa = run->options->isa,
                                        .threads = run->options->threads,
                                        .residency = run->options->residency,
                                        .bound_speedup = (double)NAN,
                                        .expected_speedup = (double)NAN,
                                        .measured_speedup = (double)NAN,
                                        .speedup_error = (double)NAN};
    if (sparse) {
        struct spr_shape shape = {planned->m, planned->k, 1};
        out->nnz = (double)sparse->matrix.nnz;
        out->kept = sparse->kept;
        out->real_mask = planned->mask != NULL;
        if (out->real_mask) {
            out->sparsity =
                1 - sparse->kept / planned->pattern.kind->cells(&planned->pattern, &shape);
        }
    }
}

/* The dense side: the fastest of what was timed. */
static void fill_dense(const struct spr_contender *fastest,
                       const struct spr_predicted *predicted, struct spr_validation_dense *out)
{
    out->bound_s = predicted->bound_s;
    out->expected_s = predicted->expected_s;
    out->measured = fastest->measured;
    out->fraction_of_bound = predicted->bound_s / fastest->measured.median_s;
}

enum spr_status spr_case_fill(const struct spr_validate_run *run,
                              const struct spr_contender *main,
                              const struct spr_contender *fastest,
                              const struct spr_predicted predicted[2],
                              struct spr_validation_case *out, struct spr_error *err)
{
    double time_s = main->measured.median_s;
    bool pruned = main->packed != run->dense->own.packed;
    out->kernel = keep(run, main->kernel);
    out->dense.kernel = keep(run, fastest->kernel);
    out->expected_bound =
        isnan(predicted[0].expected_s) ? NULL : spr_limit_name(predicted[0].limit);
    out->bound_s = predicted[0].bound_s;
    out->expected_s = predicted[0].expected_s;
    out->measured = main->measured;
    out->fraction_of_bound = out->bound_s / time_s;
    fill_dense(fastest, &predicted[1], &out->dense);
    out->error = out->expected_s / time_s - 1;
    if (pruned) {
        out->bound_speedup = out->dense.bound_s / out->bound_s;
        out->expected_speedup = out->dense.expected_s / out->expected_s;
        out->measured_speedup = fastest->measured.median_s / time_s;
        out->speedup_error = out->expected_speedup / out->measured_speedup - 1;
    }
    out->max_error_ratio = main->worst;
    out->inconclusive =
        spr_bench_inconclusive(&main->measured) || spr_bench_inconclusive(&fastest->measured);
    bool above = time_s < ROOF_RESOLUTION * predicted[0].least_s ||
                 fastest->measured.median_s < ROOF_RESOLUTION * predicted[1].least_s;
    out->above_roof = above && !out->inconclusive;
    return out->kernel && out->dense.kernel ? SPR_OK : spr_no_memory(err);
}
