/* SPDX-License-Identifier: Apache-2.0 */
/* One operator of a variant: its bound, speedup and break-even. */
#include "analysis/analyze_layer.h"

#include <stdio.h>

static enum spr_status no_engine(const struct spr_evaluation *e,
                                 const struct spr_pattern *pattern)
{
    const struct spr_model *model = &e->analysis->model;
    char list[512] = "", text[SPR_PATTERN_TEXT], accepts[SPR_PATTERN_TEXT];
    size_t used = 0;
    for (size_t i = 0; i < model->machine->engine_count; i++) {
        const struct spr_engine *engine = &model->machine->engines[i];
        if (model->flops_per_s[i] <= 0 || used + 200 > sizeof list) {
            continue;
        }
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%.40s (",
                                 used ? ", " : "", engine->name);
        for (size_t a = 0; a < engine->accept_count && used + 60 < sizeof list; a++) {
            const struct spr_accept *accept = &engine->accepts[a];
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", a ? " " : "",
                                     spr_accept_text(accept, accepts));
        }
        used += (size_t)snprintf(list + used, sizeof list - used, ")");
    }
    return spr_fail(e->err, SPR_EINPUT,
                    "machine %s has no engine that takes %s in %s: there is %s",
                    model->machine->name, spr_pattern_text(pattern, text),
                    spr_dtype_name(model->dtype), list);
}

double spr_runs_of(const struct spr_analysis *a, const struct spr_choice *choice)
{
    return (double)spr_choice_layer(a->network, choice)->count;
}

double spr_layer_speedup(const struct spr_analysis *a, const struct spr_choice *choice,
                         double dense_s, double time_s)
{
    if (!choice->smaller) {
        return time_s > 0 ? dense_s / time_s : 1;
    }
    double before = (double)a->network->layers[choice->layer].count * dense_s;
    double after = spr_runs_of(a, choice) * time_s;
    return after > 0 ? before / after : (double)INFINITY;
}

static double kept_cells(const struct spr_layer *layer, const struct spr_choice *choice)
{
    struct spr_shape shape = spr_layer_shape(layer);
    return spr_pattern_kept(&choice->pattern, &shape, choice->sparsity);
}

/* Variants mostly have one pattern for all of their layers. */
static const struct spr_ways *ways_of(struct spr_evaluation *e,
                                      const struct spr_pattern *pattern)
{
    if (!e->ways.pattern.kind || !spr_pattern_equal(&e->ways.pattern, pattern)) {
        spr_model_ways(&e->analysis->model, pattern, &e->ways);
    }
    return &e->ways;
}

/* The model of products that skip what the choice says. */
static struct spr_model skipping(const struct spr_model *model,
                                 const struct spr_choice *choice)
{
    struct spr_model out = *model;
    out.skipped = choice->skipped;
    return out;
}

/* Of what is left of a smaller layer, or of X: against a dense product of that. */
static double break_even_less(struct spr_evaluation *e, double batch,
                              const struct spr_choice *choice)
{
    const struct spr_layer *layer = spr_choice_layer(e->analysis->network, choice);
    const struct spr_model model = skipping(&e->analysis->model, choice);
    const struct spr_model against = skipping(&e->analysis->dense_model, choice);
    struct spr_prediction dense;
    spr_model_dense(&against, layer, batch, &dense);
    return spr_model_break_even(&model, layer, batch, ways_of(e, &choice->pattern),
                                dense.time_s);
}

static double break_even(struct spr_evaluation *e, size_t batch_index,
                         const struct spr_choice *choice)
{
    const struct spr_analysis *a = e->analysis;
    const struct spr_pattern *pattern = &choice->pattern;
    size_t layer_index = choice->layer;
    if (choice->smaller) {
        return break_even_less(e, a->options.batches[batch_index], choice);
    }
    size_t slot = batch_index * a->network->layer_count + layer_index;
    struct spr_break_even *known = &e->break_even[slot];
    if (!known->pattern.kind || !spr_pattern_equal(&known->pattern, pattern) ||
        known->skipped < choice->skipped || known->skipped > choice->skipped) {
        known->pattern = *pattern;
        known->skipped = choice->skipped;
        known->sparsity =
            choice->skipped > 0
                ? break_even_less(e, a->options.batches[batch_index], choice)
                : spr_model_break_even(&a->model, &a->network->layers[layer_index],
                                       a->options.batches[batch_index], ways_of(e, pattern),
                                       a->dense[slot].time_s);
    }
    return known->sparsity;
}

static enum spr_status evaluate_layer(struct spr_evaluation *e, const struct spr_model *model,
                                      size_t batch_index, const struct spr_choice *choice,
                                      struct spr_layer_result *out)
{
    const struct spr_analysis *a = e->analysis;
    const struct spr_layer *layer = spr_choice_layer(a->network, choice);
    const struct spr_prediction *dense = spr_analysis_dense(a, batch_index, choice->layer);
    struct spr_model less;
    if (choice->skipped > 0) {
        less = skipping(model, choice);
        model = &less;
    }
    out->choice = *choice;
    out->break_even_sparsity = (double)NAN;
    if (spr_choice_unchanged(choice)) {
        out->run = *spr_analysis_unpruned(a, batch_index, choice->layer);
        out->speedup = spr_ratio(dense->time_s, out->run.time_s);
        return SPR_OK;
    }
    if (spr_pattern_is_dense(&choice->pattern)) {
        spr_model_dense(model, layer, a->options.batches[batch_index], &out->run);
        out->speedup = spr_layer_speedup(a, choice, dense->time_s, out->run.time_s);
        return SPR_OK;
    }
    if (!spr_model_pruned(model, layer, a->options.batches[batch_index],
                          ways_of(e, &choice->pattern), kept_cells(layer, choice),
                          &choice->counted, &out->run)) {
        return no_engine(e, &choice->pattern);
    }
    out->speedup = spr_layer_speedup(a, choice, dense->time_s, out->run.time_s);
    out->break_even_sparsity = break_even(e, batch_index, choice);
    return SPR_OK;
}

enum spr_status spr_evaluate_layers(struct spr_evaluation *e, struct spr_result *result)
{
    struct spr_analysis *a = e->analysis;
    struct spr_model model = a->model;
    int passes = model.residency == SPR_RESIDENCY_NETWORK ? 2 : 1;
    for (int pass = 0; pass < passes; pass++) {
        size_t hint = 0;
        double bytes = 0, format_bytes = 0;
        for (size_t i = 0; i < a->network->layer_count; i++) {
            struct spr_layer_result *out = &result->layers[i];
            struct spr_choice choice =
                spr_variant_choice(a->network, result->variant, i, &hint, &out->misfit);
            SPR_TRY(evaluate_layer(e, &model, result->batch_index, &choice, out));
            bytes += spr_runs_of(a, &choice) * out->run.least_bytes;
            format_bytes += spr_runs_of(a, &choice) * out->run.format_bytes;
        }
        if (pass == 0) {
            model.network_bytes = result->network_bytes = bytes;
            result->format_bytes = format_bytes;
        }
    }
    return SPR_OK;
}

void spr_predict_again(struct spr_evaluation *e, const struct spr_model *model,
                       const struct spr_result *result, const struct spr_choice *choice,
                       struct spr_prediction *run)
{
    const struct spr_layer *layer = spr_choice_layer(e->analysis->network, choice);
    struct spr_model less;
    if (choice->skipped > 0) {
        less = skipping(model, choice);
        model = &less;
    }
    if (spr_pattern_is_dense(&choice->pattern)) {
        spr_model_dense(model, layer, result->batch, run);
    } else {
        (void)spr_model_pruned(model, layer, result->batch, ways_of(e, &choice->pattern),
                               kept_cells(layer, choice), &choice->counted, run);
    }
}
