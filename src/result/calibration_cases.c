/* SPDX-License-Identifier: Apache-2.0 */
/* The times that a calibration was given beside those it expects, as cases of a validation. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sproof/calibration_cases.h"

static struct spr_measurement measured_of(const struct spr_product *row,
                                          struct spr_timed *sample)
{
    *sample = spr_timed_alone(row->time_s);
    return (struct spr_measurement){.time_s = row->time_s,
                                    .low_s = row->time_s,
                                    .high_s = row->time_s,
                                    .median_s = row->time_s,
                                    .samples = sample,
                                    .sample_count = 1,
                                    .visits = 1,
                                    .undisturbed_share = (double)NAN};
}

/* Held out where that was possible. */
static double expected_of(const struct spr_product *row)
{
    return isnan(row->held_out_s) ? row->fitted_s : row->held_out_s;
}

static bool set_case(struct spr_validation *v, const struct spr_product *row,
                     const struct spr_product *dense, struct spr_validation_case *c)
{
    char text[96], pattern[SPR_PATTERN_TEXT];
    const struct spr_shape shape = {row->m, row->k, 1};
    struct spr_timed *samples = spr_arena_alloc(&v->arena, 2 * sizeof *samples);
    if (!samples) {
        return false;
    }
    snprintf(text, sizeof text, "%lldx%lld", (long long)row->m, (long long)row->k);
    const char *layer = spr_arena_text(&v->arena, text, strlen(text));
    snprintf(text, sizeof text, "%s@%.6g", spr_pattern_text(&row->pattern, pattern),
             row->sparsity);
    const char *variant = spr_arena_text(&v->arena, text, strlen(text));
    *c = (struct spr_validation_case){
        .layer = layer,
        .variant = variant,
        .m = row->m,
        .k = row->k,
        .n = row->n,
        .count = 1,
        .pattern = row->pattern,
        .sparsity = row->sparsity,
        .kept = spr_pattern_kept(&row->pattern, &shape, row->sparsity),
        .nnz = floor((1 - row->sparsity) * (double)row->m * (double)row->k + 0.5),
        .gpu = v->machine.kind && strcmp(v->machine.kind, "gpu") == 0,
        .threads = 1,
        .residency = row->residency,
        .kernel = row->kernel,
        .bound_s = (double)NAN,
        .expected_s = expected_of(row),
        .measured = measured_of(row, &samples[0]),
        .fraction_of_bound = (double)NAN,
        .dense = {.kernel = dense->kernel,
                  .bound_s = (double)NAN,
                  .expected_s = expected_of(dense),
                  .measured = measured_of(dense, &samples[1]),
                  .fraction_of_bound = (double)NAN},
        .bound_speedup = (double)NAN,
        .expected_speedup = expected_of(dense) / expected_of(row),
        .measured_speedup = dense->time_s / row->time_s,
        .max_error_ratio = (double)NAN};
    c->error = c->expected_s / row->time_s - 1;
    c->speedup_error = c->expected_speedup / c->measured_speedup - 1;
    return layer && variant;
}

enum spr_status spr_fit_cases(const struct spr_machine *machine,
                              const struct spr_products *products,
                              struct spr_validation *validation, struct spr_error *err)
{
    *validation = (struct spr_validation){.machine = *machine,
                                          .drift = (double)NAN,
                                          .peak_flops_per_s = (double)NAN,
                                          .transfer_s = (double)NAN};
    validation->machine.arena = (struct spr_arena){0};
    for (size_t i = 0; i < products->count; i++) {
        const struct spr_product *row = &products->rows[i];
        const struct spr_product *dense =
            spr_pattern_is_dense(&row->pattern) ? NULL : spr_products_dense(products, row);
        if (!dense) {
            continue;
        }
        if (!spr_grow(&validation->cases, &validation->case_capacity,
                      validation->case_count + 1, sizeof *validation->cases) ||
            !set_case(validation, row, dense, &validation->cases[validation->case_count])) {
            spr_validation_free(validation);
            return spr_no_memory(err);
        }
        validation->case_count++;
    }
    return SPR_OK;
}
