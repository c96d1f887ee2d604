/* SPDX-License-Identifier: Apache-2.0 */
/* Analysis records, written. Keys: src/record/README.md, "Of analyze". */

#include <math.h>
#include <string.h>

#include "base/emit.h"
#include "record/record_keys.h"
#include "record/record_parts.h"
#include "sproof/explain.h"
#include "sproof/record.h"

const struct spr_record_kind spr_analysis_kind = {"sproof/analysis", 2, "sproof analyze"};

static double or_null(bool applies, double value)
{
    return applies ? value : (double)NAN;
}

static void put_layer(struct spr_emit *out, const struct spr_layer *layer)
{
    bool gemm = layer->op != SPR_OP_OTHER;
    spr_emit_open(out, NULL, '{');
    spr_emit_text(out, "layer", layer->name);
    spr_emit_text(out, "op", spr_op_name(layer->op));
    spr_emit_number(out, "m", or_null(gemm, (double)layer->m));
    spr_emit_number(out, "k", or_null(gemm, (double)layer->k));
    spr_emit_number(out, "n", or_null(gemm, (double)layer->n));
    spr_emit_number(out, "count", (double)layer->count);
    spr_emit_number(out, "groups", (double)layer->groups);
    spr_emit_bool(out, "prunable", layer->prunable);
    spr_emit_number(out, "x_elements", layer->x_elements);
    spr_emit_number(out, "flops", or_null(!gemm, layer->other_flops));
    spr_emit_number(out, "bytes", or_null(!gemm, layer->other_bytes));
    spr_emit_number(out, "activation_sparsity", layer->activation_sparsity);
    spr_emit_number(out, "calls", (double)layer->calls);
    spr_emit_bool(out, "epilogue", layer->epilogue);
    spr_emit_close(out, '}');
}

/* The sizes of a layer that a variant lowers; null where it is as it was. */
static void put_smaller(struct spr_emit *out, const struct spr_layer *layer)
{
    if (!layer) {
        spr_emit_null(out, "smaller");
        return;
    }
    bool gemm = layer->op != SPR_OP_OTHER;
    spr_emit_open(out, "smaller", '{');
    spr_emit_number(out, "m", or_null(gemm, (double)layer->m));
    spr_emit_number(out, "k", or_null(gemm, (double)layer->k));
    spr_emit_number(out, "n", or_null(gemm, (double)layer->n));
    spr_emit_number(out, "count", (double)layer->count);
    spr_emit_number(out, "groups", (double)layer->groups);
    spr_emit_number(out, "calls", (double)layer->calls);
    spr_emit_number(out, "x_elements", layer->x_elements);
    spr_emit_number(out, "flops", or_null(!gemm, layer->other_flops));
    spr_emit_number(out, "bytes", or_null(!gemm, layer->other_bytes));
    spr_emit_close(out, '}');
}

static void put_counted(struct spr_emit *out, const struct spr_choice *choice)
{
    const struct spr_counted *counted = &choice->counted;
    if (isnan(counted->nnz) && isnan(counted->touched_columns) &&
        isnan(counted->longest_row)) {
        spr_emit_null(out, "counted");
        return;
    }
    spr_emit_open(out, "counted", '{');
    spr_emit_number(out, "nnz", counted->nnz);
    spr_emit_number(out, "touched_columns", counted->touched_columns);
    spr_emit_number(out, "longest_row", counted->longest_row);
    spr_emit_close(out, '}');
}

static double intensity(const struct spr_prediction *run)
{
    return run->bytes > 0 ? run->flops_useful / run->bytes : (double)NAN;
}

static void put_layer_costs(struct spr_emit *out, const struct spr_layer_result *r)
{
    const struct spr_prediction *run = &r->run;
    spr_emit_number(out, "nnz", run->nnz);
    spr_emit_number(out, "tau", run->tau);
    spr_emit_number(out, "flops_useful", run->flops_useful);
    spr_emit_number(out, "flops_issued", run->flops_issued);
    spr_emit_number(out, "bytes_weight_values", run->bytes_weight_values);
    spr_emit_number(out, "bytes_weight_index", run->bytes_weight_index);
    spr_emit_number(out, "bytes_x", run->bytes_x);
    spr_emit_number(out, "bytes_y", run->bytes_y);
    spr_emit_number(out, "bytes", run->bytes);
}

static void put_layer_expected(struct spr_emit *out, const struct spr_analysis *a,
                               const struct spr_result *result, size_t index)
{
    const struct spr_layer_result *r = &result->layers[index];
    const struct spr_layer_expected *expected = &r->expected;
    spr_emit_number(out, "expected_time_s", expected->time_s);
    spr_emit_number(out, "expected_dense_time_s",
                    spr_analysis_expected_dense(a, result->batch_index, index)->time_s);
    spr_emit_number(out, "expected_speedup", r->expected_speedup);
    /* "bound": no kernel runs this operator, and its bound stands in. */
    spr_emit_text(out, "expected_bound",
                  isnan(expected->time_s) ? NULL
                  : expected->kernel      ? spr_limit_name(expected->limit)
                                          : "bound");
}

void spr_record_put_layer(struct spr_emit *out, const struct spr_analysis *a,
                          const struct spr_result *result, size_t index)
{
    char text[SPR_REASON_TEXT], pattern[SPR_CHANGE_TEXT];
    const struct spr_layer_result *r = &result->layers[index];
    const struct spr_prediction *dense = spr_analysis_dense(a, result->batch_index, index);
    const struct spr_pattern *as = r->run.executed_as.kind ? &r->run.executed_as : NULL;
    spr_emit_text(out, "layer", a->network->layers[index].name);
    spr_emit_text(out, "pattern",
                  spr_change_text(&r->choice.pattern, r->choice.smaller != NULL, pattern));
    spr_emit_number(out, "sparsity", r->choice.sparsity);
    put_layer_costs(out, r);
    spr_emit_number(out, "oi_flop_per_byte", intensity(&r->run));
    spr_emit_number(out, "dense_oi_flop_per_byte", intensity(dense));
    spr_emit_text(out, "engine", a->machine->engines[r->run.engine].name);
    spr_emit_text(out, "dense_engine", a->machine->engines[dense->engine].name);
    spr_emit_text(out, "executed_as", as ? spr_pattern_text(as, text) : NULL);
    spr_emit_text(out, "bound", spr_bound_name(a->machine, r->run.bound));
    spr_emit_number(out, "time_s", r->run.time_s);
    spr_emit_number(out, "dense_time_s", dense->time_s);
    spr_emit_number(out, "speedup", r->speedup);
    spr_emit_number(out, "break_even_sparsity", r->break_even_sparsity);
    put_layer_expected(out, a, result, index);
    put_counted(out, &r->choice);
    spr_emit_number(out, "activation_sparsity", r->choice.activation_sparsity);
    spr_emit_text(out, "execution", spr_execution_name(r->run.execution));
    spr_emit_number(out, "native_s", r->run.execution_s[SPR_EXECUTION_NATIVE]);
    spr_emit_number(out, "expanded_s", r->run.execution_s[SPR_EXECUTION_EXPANDED]);
    spr_emit_text(out, "reason", spr_explain_layer(a, result, index, text));
    spr_emit_number(out, "activations_skipped", r->choice.skipped);
}

const char *spr_accuracy_source_name(enum spr_accuracy_source source)
{
    static const char *const names[] = {NULL, "model", "table", "interpolated"};
    return names[source];
}

static void put_variant(struct spr_emit *out, const struct spr_variant *variant)
{
    char text[SPR_CHANGE_TEXT];
    spr_emit_text(out, "variant", variant->name);
    spr_emit_text(out, "pattern", spr_change_text(&variant->pattern, variant->smaller, text));
    spr_emit_number(out, "sparsity", variant->sparsity);
    spr_emit_bool(out, "grid", variant->grid);
    spr_emit_text(out, "method", variant->method);
    spr_emit_number(out, "accuracy", variant->accuracy);
    spr_emit_text(out, "accuracy_source", spr_accuracy_source_name(variant->accuracy_source));
    spr_emit_number(out, "dense_accuracy", variant->dense_accuracy);
    spr_emit_bool(out, "layerwise_accuracy", variant->layerwise);
}

/* What products skip of X: a fraction, "table" for that of each layer. */
static void put_skipped(struct spr_emit *out, double skipped)
{
    if (isnan(skipped)) {
        spr_emit_text(out, "activations_skipped", "table");
    } else {
        spr_emit_number(out, "activations_skipped", skipped);
    }
}

void spr_record_put_result(struct spr_emit *out, const struct spr_result *result)
{
    put_variant(out, result->variant);
    spr_emit_number(out, "batch", result->batch);
    spr_emit_number(out, "speedup", result->speedup);
    spr_emit_number(out, "speedup_low", result->speedup_low);
    spr_emit_number(out, "speedup_high", result->speedup_high);
    spr_emit_number(out, "speedup_prunable", result->speedup_prunable);
    spr_emit_number(out, "speedup_mixed", result->speedup_mixed);
    spr_emit_number(out, "amdahl_ceiling", result->amdahl_ceiling);
    spr_emit_number(out, "activation_ceiling", result->activation_ceiling);
    spr_emit_number(out, "time_s", result->time_s);
    spr_emit_number(out, "dense_time_s", result->dense_time_s);
    spr_emit_number(out, "density", result->density);
    spr_emit_number(out, "efficiency_kept", result->efficiency_kept);
    spr_emit_number(out, "weight_bytes", result->weight_bytes);
    spr_emit_number(out, "dense_weight_bytes", result->dense_weight_bytes);
    if (result->counted) {
        spr_emit_bool(out, "pareto", result->pareto);
    } else {
        spr_emit_null(out, "pareto");
    }
    spr_emit_number(out, "expected_speedup", result->expected.speedup);
    spr_emit_number(out, "expected_time_s", result->expected.time_s);
    spr_emit_text(out, "execution", spr_execution_name(result->execution));
    spr_emit_number(out, "expected_speedup_mixed", result->expected.speedup_mixed);
    put_skipped(out, result->variant->skipped);
}

static bool fits(const struct spr_emit *out, const struct spr_record_form *form)
{
    return form->most == 0 || spr_emit_size(out) <= form->most;
}

/* What a table says of the layers that a variant prunes: it follows from nothing else. */
static void put_pruned(struct spr_emit *out, const struct spr_analysis *a,
                       const struct spr_variant *variant)
{
    char text[SPR_CHANGE_TEXT];
    spr_emit_open(out, "pruned", '[');
    for (size_t i = 0; i < variant->choice_count; i++) {
        const struct spr_choice *choice = &variant->choices[i];
        const struct spr_layer *layer = &a->network->layers[choice->layer];
        if (spr_choice_unchanged(choice) &&
            choice->activation_sparsity == layer->activation_sparsity) {
            continue;
        }
        spr_emit_open(out, NULL, '{');
        spr_emit_text(out, "layer", a->network->layers[choice->layer].name);
        spr_emit_text(out, "pattern",
                      spr_change_text(&choice->pattern, choice->smaller != NULL, text));
        spr_emit_number(out, "sparsity", choice->sparsity);
        put_counted(out, choice);
        spr_emit_number(out, "activation_sparsity", choice->activation_sparsity);
        put_smaller(out, choice->smaller);
        spr_emit_close(out, '}');
    }
    spr_emit_close(out, ']');
}

static void put_layers(struct spr_emit *out, const struct spr_analysis *a,
                       const struct spr_result *result, const struct spr_record_form *form)
{
    spr_emit_open(out, "layers", '[');
    for (size_t l = 0; l < a->network->layer_count && fits(out, form); l++) {
        spr_emit_open(out, NULL, '{');
        spr_record_put_layer(out, a, result, l);
        put_smaller(out, result->layers[l].choice.smaller);
        spr_emit_close(out, '}');
    }
    spr_emit_close(out, ']');
}

static void put_variants(struct spr_emit *out, const struct spr_analysis *a,
                         const struct spr_record_form *form)
{
    spr_emit_open(out, "variants", '[');
    for (size_t i = 0; i < a->result_count && fits(out, form); i++) {
        const struct spr_result *result = &a->results[i];
        spr_emit_open(out, NULL, '{');
        spr_record_put_result(out, result);
        if (form->layers) {
            put_layers(out, a, result, form);
        } else if (!result->variant->grid && result->batch_index == 0) {
            put_pruned(out, a, result->variant); /* the same at every batch */
        }
        spr_emit_close(out, '}');
    }
    spr_emit_close(out, ']');
}

/* Why it is no more: the factors from 1/density on. */
static void put_reasons(struct spr_emit *out, const struct spr_analysis *a,
                        const struct spr_result *result)
{
    struct spr_waterfall w;
    spr_explain_waterfall(a, result, NULL, &w);
    spr_emit_open(out, "reasons", '[');
    for (size_t i = 0; i < w.count; i++) {
        spr_emit_open(out, NULL, '{');
        spr_emit_text(out, "step", spr_step_name(w.steps[i].kind));
        spr_emit_number(out, "factor", w.steps[i].factor);
        spr_emit_close(out, '}');
    }
    spr_emit_close(out, ']');
}

/* The kernels that a result is expected to run, with their errors. */
static void put_kernels(struct spr_emit *out, const struct spr_analysis *a,
                        const struct spr_result *result)
{
    spr_emit_open(out, "kernels", '[');
    for (size_t i = 0; i < a->machine->family_count; i++) {
        const struct spr_family *family = &a->machine->families[i];
        bool runs = false;
        for (size_t l = 0; l < a->network->layer_count && !runs; l++) {
            runs = result->layers[l].expected.family == family;
        }
        if (!runs) {
            continue;
        }
        char text[SPR_PATTERN_TEXT];
        spr_emit_open(out, NULL, '{');
        spr_emit_text(out, "name", family->name);
        spr_emit_text(out, "pattern", spr_pattern_text(&family->pattern, text));
        spr_emit_text(out, "kind", family->kind);
        spr_emit_number(out, "median_error", family->median_error);
        spr_emit_number(out, "p90_error", family->p90_error);
        spr_emit_close(out, '}');
    }
    spr_emit_close(out, ']');
}

/* Advice for programs; index beyond the last: null. */
static void put_advice(struct spr_emit *out, const char *key, const struct spr_analysis *a,
                       size_t index)
{
    char text[SPR_REASON_TEXT];
    if (index >= a->result_count) {
        spr_emit_null(out, key);
        return;
    }
    const struct spr_result *result = &a->results[index];
    spr_emit_open(out, key, '{');
    spr_emit_text(out, "variant", result->variant->name);
    spr_emit_number(out, "batch", result->batch);
    spr_emit_number(out, "expected_speedup", result->expected.speedup);
    spr_emit_number(out, "bound_speedup", result->speedup);
    spr_emit_number(out, "accuracy_drop", result->drop);
    spr_emit_text(out, "limited_by", spr_explain_limit(a, result, text));
    put_reasons(out, a, result);
    put_kernels(out, a, result);
    spr_emit_close(out, '}');
}

static void put_record(struct spr_emit *out, const struct spr_analysis *a,
                       const struct spr_record_head *head, const struct spr_record_form *form)
{
    spr_emit_open(out, NULL, '{');
    spr_record_put_head(out, &spr_analysis_kind, head, a->machine);
    spr_record_put_options(out, &a->options, a->has_expected ? &a->expected_residency : NULL);
    spr_emit_number(out, "flops_per_mac", 2);
    spr_emit_text(out, "network", a->network->name);
    if (a->network->left_out) {
        spr_emit_text(out, "left_out", a->network->left_out);
    }
    spr_emit_text(out, "metric", a->network->metric);
    spr_emit_text(out, "better", a->network->lower_is_better ? "lower" : "higher");
    spr_emit_number(out, "dense_accuracy", a->network->dense_accuracy);
    spr_emit_open(out, "layers", '[');
    for (size_t i = 0; i < a->network->layer_count && fits(out, form); i++) {
        put_layer(out, &a->network->layers[i]);
    }
    spr_emit_close(out, ']');
    put_advice(out, "recommendation", a, spr_analysis_recommend(a, 0));
    put_advice(out, "potential", a, spr_analysis_potential(a, 0));
    put_advice(out, "fastest", a, spr_analysis_no_gain(a, 0));
    put_variants(out, a, form);
    spr_emit_close(out, '}');
    spr_emit_newline(out);
}

enum spr_status spr_record_write(FILE *file, const struct spr_analysis *a,
                                 const struct spr_record_head *head,
                                 const struct spr_record_form *form, struct spr_error *err)
{
    struct spr_emit *out = spr_emit_new(file, 4);
    if (!out) {
        return spr_no_memory(err);
    }
    put_record(out, a, head, form);
    bool whole = fits(out, form);
    spr_emit_end(out);
    return whole
               ? SPR_OK
               : spr_fail(err, SPR_EINPUT,
                          "the record would be larger than %.4g GiB, more than is read back: "
                          "expected %s, or --no-save",
                          (double)form->most / (1 << 30),
                          form->layers ? "no --layers" : "fewer layers or variants");
}
