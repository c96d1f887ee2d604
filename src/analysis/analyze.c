/* SPDX-License-Identifier: Apache-2.0 */
/* From layers to the network: sums, ceilings, break-even. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/analyze_expected.h"
#include "analysis/choose.h"
#include "analysis/sides.h"
#include "base/mem.h"

/* Sums over the operators of one variant. */
struct sums {
    double dense_s, sparse_s, mixed_s;
    double dense_prunable_s, sparse_prunable_s;
    double ceiling_s, other_s;
    double prunable_runs; /* of the variant's prunable operators */
    double kept_weights, all_weights;
    double weight_bytes, dense_weight_bytes;
};

/* The last break-even of a layer at a batch: variants of one pattern share it. */
struct break_even {
    struct spr_pattern pattern;
    double sparsity;
};

struct evaluation {
    struct spr_analysis *analysis;
    struct spr_model corners[4]; /* engine low/high x memory low/high */
    size_t corner_count;
    struct spr_model dense_corners[4]; /* in the types of the dense side */
    double *corner_dense_s;            /* [corner][batch] */
    struct break_even *break_even;     /* [batch][layer] */
    struct spr_ways ways;              /* of the pattern that was evaluated last */
    struct spr_error *err;
};

static enum spr_status no_engine(const struct evaluation *e, const struct spr_pattern *pattern)
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

static double ratio(double above, double below)
{
    return below > 0 ? above / below : 1;
}

/* How often an operator runs in a variant. */
static double count_of(const struct spr_analysis *a, const struct spr_choice *choice)
{
    return (double)spr_choice_layer(a->network, choice)->count;
}

/* Dense over pruned, of all occurrences; a layer that is gone takes no time. */
static double layer_speedup(const struct spr_analysis *a, const struct spr_choice *choice,
                            double dense_s, double time_s)
{
    if (!choice->smaller) {
        return time_s > 0 ? dense_s / time_s : 1;
    }
    double before = (double)a->network->layers[choice->layer].count * dense_s;
    double after = count_of(a, choice) * time_s;
    return after > 0 ? before / after : (double)INFINITY;
}

static double kept_cells(const struct spr_layer *layer, const struct spr_choice *choice)
{
    struct spr_shape shape = spr_layer_shape(layer);
    return spr_pattern_kept(&choice->pattern, &shape, choice->sparsity);
}

/* Variants mostly have one pattern for all of their layers. */
static const struct spr_ways *ways_of(struct evaluation *e, const struct spr_pattern *pattern)
{
    if (!e->ways.pattern.kind || !spr_pattern_equal(&e->ways.pattern, pattern)) {
        spr_model_ways(&e->analysis->model, pattern, &e->ways);
    }
    return &e->ways;
}

/* Of what is left of a smaller layer: against a dense product of that. */
static double break_even_smaller(struct evaluation *e, double batch,
                                 const struct spr_choice *choice)
{
    const struct spr_model *model = &e->analysis->model;
    struct spr_prediction dense;
    spr_model_dense(&e->analysis->dense_model, choice->smaller, batch, &dense);
    return spr_model_break_even(model, choice->smaller, batch, ways_of(e, &choice->pattern),
                                dense.time_s);
}

static double break_even(struct evaluation *e, size_t batch_index,
                         const struct spr_choice *choice)
{
    const struct spr_analysis *a = e->analysis;
    const struct spr_pattern *pattern = &choice->pattern;
    size_t layer_index = choice->layer;
    if (choice->smaller) {
        return break_even_smaller(e, a->options.batches[batch_index], choice);
    }
    size_t slot = batch_index * a->network->layer_count + layer_index;
    struct break_even *known = &e->break_even[slot];
    if (!known->pattern.kind || !spr_pattern_equal(&known->pattern, pattern)) {
        known->pattern = *pattern;
        known->sparsity = spr_model_break_even(&a->model, &a->network->layers[layer_index],
                                               a->options.batches[batch_index],
                                               ways_of(e, pattern), a->dense[slot].time_s);
    }
    return known->sparsity;
}

static enum spr_status evaluate_layer(struct evaluation *e, const struct spr_model *model,
                                      size_t batch_index, const struct spr_choice *choice,
                                      struct spr_layer_result *out)
{
    const struct spr_analysis *a = e->analysis;
    const struct spr_layer *layer = spr_choice_layer(a->network, choice);
    const struct spr_prediction *dense = spr_analysis_dense(a, batch_index, choice->layer);
    out->choice = *choice;
    out->break_even_sparsity = (double)NAN;
    if (spr_choice_unchanged(choice)) {
        out->run = *spr_analysis_unpruned(a, batch_index, choice->layer);
        out->speedup = ratio(dense->time_s, out->run.time_s);
        return SPR_OK;
    }
    if (spr_pattern_is_dense(&choice->pattern)) {
        spr_model_dense(model, layer, a->options.batches[batch_index], &out->run);
        out->speedup = layer_speedup(a, choice, dense->time_s, out->run.time_s);
        return SPR_OK;
    }
    if (!spr_model_pruned(model, layer, a->options.batches[batch_index],
                          ways_of(e, &choice->pattern), kept_cells(layer, choice),
                          &choice->counted, &out->run)) {
        return no_engine(e, &choice->pattern);
    }
    out->speedup = layer_speedup(a, choice, dense->time_s, out->run.time_s);
    out->break_even_sparsity = break_even(e, batch_index, choice);
    return SPR_OK;
}

/* Every operator of a variant. The bytes of its pass are the least that its executions move when
 * the dense network's pass decides what stays in the caches: a bound must not count more. */
static enum spr_status evaluate_layers(struct evaluation *e, struct spr_result *result)
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
            bytes += count_of(a, &choice) * out->run.least_bytes;
            format_bytes += count_of(a, &choice) * out->run.format_bytes;
        }
        if (pass == 0) {
            model.network_bytes = result->network_bytes = bytes;
            result->format_bytes = format_bytes;
        }
    }
    return SPR_OK;
}

/* runs: how often it runs in the variant. */
static void add_layer(const struct spr_layer *layer, const struct spr_prediction *dense,
                      const struct spr_prediction *unpruned,
                      const struct spr_layer_result *result, double runs, struct sums *sums)
{
    double count = (double)layer->count, unpruned_s = count * unpruned->time_s;
    double dense_s = count * dense->time_s, sparse_s = runs * result->run.time_s;
    sums->dense_s += dense_s;
    sums->sparse_s += sparse_s;
    sums->mixed_s += fmin(sparse_s, unpruned_s);
    sums->ceiling_s +=
        spr_choice_unchanged(&result->choice) ? unpruned_s : runs * result->run.ceiling_time_s;
    if (layer->prunable) {
        sums->dense_prunable_s += dense_s;
        sums->sparse_prunable_s += sparse_s;
        sums->prunable_runs += runs;
        sums->kept_weights += runs * result->run.nnz;
        sums->all_weights += count * ((double)layer->m * (double)layer->k);
    } else {
        sums->other_s += sparse_s;
    }
    if (spr_op_has_weights(layer->op)) {
        sums->weight_bytes +=
            runs * (result->run.bytes_weight_values + result->run.bytes_weight_index);
        sums->dense_weight_bytes +=
            count * (dense->bytes_weight_values + dense->bytes_weight_index);
    }
}

/* One operator of a result, at other rates than the nominal ones. */
static void predict_again(struct evaluation *e, const struct spr_model *model,
                          const struct spr_result *result, const struct spr_choice *choice,
                          struct spr_prediction *run)
{
    const struct spr_layer *layer = spr_choice_layer(e->analysis->network, choice);
    if (spr_pattern_is_dense(&choice->pattern)) {
        spr_model_dense(model, layer, result->batch, run);
    } else {
        (void)spr_model_pruned(model, layer, result->batch, ways_of(e, &choice->pattern),
                               kept_cells(layer, choice), &choice->counted, run);
    }
}

/* Network time of a variant at a corner of the rates. Unpruned operators keep their dense
 * time, which belongs to the dense network's pass. */
static double corner_time(struct evaluation *e, const struct spr_model *dense_pass,
                          const struct spr_result *result)
{
    const struct spr_network *network = e->analysis->network;
    struct spr_model model = *dense_pass;
    double sum = 0;
    model.network_bytes = result->network_bytes;
    for (size_t i = 0; i < network->layer_count; i++) {
        const struct spr_choice *choice = &result->layers[i].choice;
        struct spr_prediction run;
        const struct spr_layer *layer = spr_choice_layer(network, choice);
        predict_again(e, spr_choice_unchanged(choice) ? dense_pass : &model, result, choice,
                      &run);
        sum += (double)layer->count * run.time_s;
    }
    return sum;
}

static void set_interval(struct evaluation *e, struct spr_result *result)
{
    size_t batches = e->analysis->options.batch_count;
    result->speedup_low = result->speedup_high = result->speedup;
    for (size_t c = 0; c < e->corner_count; c++) {
        double dense_s = e->corner_dense_s[c * batches + result->batch_index];
        double speedup = ratio(dense_s, corner_time(e, &e->corners[c], result));
        result->speedup_low = fmin(result->speedup_low, speedup);
        result->speedup_high = fmax(result->speedup_high, speedup);
    }
}

static void set_result(const struct sums *sums, struct spr_result *result)
{
    result->dense_time_s = sums->dense_s;
    result->time_s = sums->sparse_s;
    result->mixed_time_s = sums->mixed_s;
    result->speedup = ratio(sums->dense_s, sums->sparse_s);
    result->speedup_mixed = ratio(sums->dense_s, sums->mixed_s);
    result->activation_ceiling =
        sums->ceiling_s > 0 ? sums->dense_s / sums->ceiling_s : (double)NAN;
    result->amdahl_ceiling = sums->other_s > 0 ? sums->dense_s / sums->other_s : (double)NAN;
    bool prunable = sums->all_weights > 0;
    result->speedup_prunable = !prunable ? (double)NAN
                               : sums->prunable_runs > 0
                                   ? ratio(sums->dense_prunable_s, sums->sparse_prunable_s)
                                   : (double)INFINITY;
    result->density = prunable ? sums->kept_weights / sums->all_weights : (double)NAN;
    result->efficiency_kept = result->speedup_prunable * result->density;
    result->weight_bytes = sums->weight_bytes;
    result->dense_weight_bytes = sums->dense_weight_bytes;
}

/* Natively slower than dense in the same types; where any execution will do: best dense. */
static bool loses(const struct spr_analysis *a, const struct spr_layer_result *layer,
                  const struct spr_prediction *unpruned)
{
    return a->options.native
               ? layer_speedup(a, &layer->choice, unpruned->time_s, layer->run.time_s) < 1
               : !layer->choice.smaller && !spr_pattern_is_dense(&layer->choice.pattern) &&
                     layer->run.execution == SPR_EXECUTION_DENSE;
}

/* The execution in which the pruned operators spend most of their time. */
static enum spr_execution main_execution(const struct spr_analysis *a,
                                         const struct spr_result *result)
{
    double seconds[SPR_EXECUTIONS] = {0};
    int most = SPR_EXECUTION_DENSE;
    for (size_t i = 0; i < a->network->layer_count; i++) {
        const struct spr_layer_result *r = &result->layers[i];
        if (!spr_pattern_is_dense(&r->choice.pattern)) {
            seconds[r->run.execution] += (double)a->network->layers[i].count * r->run.time_s;
        }
    }
    for (int e = 0; e < SPR_EXECUTIONS; e++) {
        most = seconds[e] > seconds[most] ? e : most;
    }
    return (enum spr_execution)most;
}

static enum spr_status evaluate_variant(struct evaluation *e, struct spr_result *result)
{
    struct spr_analysis *a = e->analysis;
    struct sums sums = {0};
    SPR_TRY(evaluate_layers(e, result));
    for (size_t i = 0; i < a->network->layer_count; i++) {
        const struct spr_layer *layer = &a->network->layers[i];
        const struct spr_layer_result *out = &result->layers[i];
        const struct spr_prediction *unpruned =
            spr_analysis_unpruned(a, result->batch_index, i);
        add_layer(layer, spr_analysis_dense(a, result->batch_index, i), unpruned, out,
                  count_of(a, &out->choice), &sums);
        a->shortest_layer_s = fmin(a->shortest_layer_s, out->run.time_s);
        if (!spr_choice_unchanged(&out->choice)) {
            result->layers_pruned += (size_t)layer->count;
            result->layers_slower += loses(a, out, unpruned) ? (size_t)layer->count : 0;
        }
    }
    set_result(&sums, result);
    result->execution = main_execution(a, result);
    set_interval(e, result);
    spr_expected_result(a, result);
    spr_analysis_set_drop(a, result);
    return SPR_OK;
}

static bool has_intervals(const struct spr_machine *machine)
{
    bool found = false;
    for (size_t i = 0; i < machine->engine_count; i++) {
        const struct spr_number *rate = &machine->engines[i].flops_per_s;
        found = found || rate->low < rate->high;
    }
    for (size_t i = 0; i < machine->memory_count; i++) {
        const struct spr_number *rate = &machine->memory[i].bytes_per_s;
        found = found || rate->low < rate->high;
    }
    return found;
}

/* Dense network time at a batch; fills dense[layer] when it is not NULL. */
static double dense_pass(const struct spr_analysis *a, struct spr_model *model, double batch,
                         struct spr_prediction *dense)
{
    const struct spr_network *network = a->network;
    struct spr_prediction one;
    double seconds = 0, bytes = 0;
    /* The bytes of one pass decide what stays in a cache (residency network). */
    for (size_t i = 0; i < network->layer_count; i++) {
        spr_model_dense(model, &network->layers[i], batch, &one);
        bytes += (double)network->layers[i].count * one.bytes;
    }
    model->network_bytes = bytes;
    for (size_t i = 0; i < network->layer_count; i++) {
        struct spr_prediction *out = dense ? &dense[i] : &one;
        spr_model_dense(model, &network->layers[i], batch, out);
        seconds += (double)network->layers[i].count * out->time_s;
    }
    return seconds;
}

static enum spr_status prepare(struct evaluation *e)
{
    static const enum spr_corner nominal[2] = {SPR_NOMINAL, SPR_NOMINAL};
    struct spr_analysis *a = e->analysis;
    size_t batches = a->options.batch_count, layers = a->network->layer_count;
    SPR_TRY(spr_sides_prepare(a, nominal, &a->model, &a->dense_model, e->err));
    a->result_count = a->network->variant_count * batches;
    a->dense = spr_calloc(batches * layers, sizeof *a->dense);
    a->unpruned = spr_calloc(batches * layers, sizeof *a->unpruned);
    a->dense_time_s = spr_calloc(batches, sizeof *a->dense_time_s);
    a->results = spr_calloc(a->result_count, sizeof *a->results);
    e->corner_dense_s = spr_calloc(4 * batches, sizeof *e->corner_dense_s);
    e->break_even = spr_calloc(batches * layers, sizeof *e->break_even);
    if (!a->dense || !a->unpruned || !a->dense_time_s || !a->results || !e->corner_dense_s ||
        !e->break_even) {
        return spr_no_memory(e->err);
    }
    e->corner_count = has_intervals(a->machine) ? 4 : 0;
    for (size_t c = 0; c < e->corner_count; c++) {
        const enum spr_corner at[2] = {c & 1 ? SPR_HIGH : SPR_LOW, c & 2 ? SPR_HIGH : SPR_LOW};
        SPR_TRY(spr_sides_prepare(a, at, &e->corners[c], &e->dense_corners[c], e->err));
    }
    return SPR_OK;
}

static void note_network(struct spr_analysis *a)
{
    for (size_t i = 0; i < a->network->layer_count; i++) {
        enum spr_op op = a->network->layers[i].op;
        a->other_counted = a->other_counted || op == SPR_OP_OTHER;
        a->has_attention = a->has_attention || op == SPR_OP_ATTENTION;
    }
}

/* Entries a result set may have: each takes about 300 bytes here and 800 in the record. */
#define ENTRIES_MAX 2e7

static enum spr_status check_size(const struct spr_network *network, size_t batches,
                                  struct spr_error *err)
{
    double results = (double)network->variant_count * (double)batches;
    if (network->variant_count == 0) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: no variant to evaluate: expected variants in the table, "
                        "--accuracy, or patterns that the machine has an engine for",
                        network->path);
    }
    if (results * (double)network->layer_count > ENTRIES_MAX) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: %zu layers x %.0f results: expected at most %.0f together: "
                        "restrict --pattern, --sparsity or --batch",
                        network->path, network->layer_count, results, ENTRIES_MAX);
    }
    return SPR_OK;
}

static enum spr_status evaluate_batch(struct evaluation *e, size_t batch_index)
{
    struct spr_analysis *a = e->analysis;
    size_t batches = a->options.batch_count, layers = a->network->layer_count;
    double batch = a->options.batches[batch_index];
    (void)dense_pass(a, &a->model, batch, &a->unpruned[batch_index * layers]);
    a->dense_time_s[batch_index] =
        dense_pass(a, &a->dense_model, batch, &a->dense[batch_index * layers]);
    spr_expected_batch(a, batch_index);
    for (size_t c = 0; c < e->corner_count; c++) {
        (void)dense_pass(a, &e->corners[c], batch, NULL);
        e->corner_dense_s[c * batches + batch_index] =
            dense_pass(a, &e->dense_corners[c], batch, NULL);
    }
    for (size_t v = 0; v < a->network->variant_count; v++) {
        struct spr_result *result = &a->results[v * batches + batch_index];
        result->variant = &a->network->variants[v];
        result->batch_index = batch_index;
        result->batch = batch;
        result->layers = spr_calloc(layers, sizeof *result->layers);
        if (!result->layers) {
            return spr_no_memory(e->err);
        }
        SPR_TRY(evaluate_variant(e, result));
    }
    return SPR_OK;
}

static enum spr_status evaluate_all(struct evaluation *e)
{
    struct spr_analysis *a = e->analysis;
    SPR_TRY(check_size(a->network, a->options.batch_count, e->err));
    spr_expected_begin(a);
    SPR_TRY(prepare(e));
    SPR_TRY(spr_expected_prepare(a, e->err));
    for (size_t b = 0; b < a->options.batch_count; b++) {
        SPR_TRY(evaluate_batch(e, b));
    }
    note_network(a);
    return spr_analysis_compare(a, e->err);
}

enum spr_status spr_analyze(struct spr_network *network, const struct spr_machine *machine,
                            const struct spr_options *options, struct spr_analysis *analysis,
                            struct spr_error *err)
{
    *analysis = (struct spr_analysis){.network = network,
                                      .machine = machine,
                                      .options = *options,
                                      .shortest_layer_s = (double)INFINITY};
    struct evaluation e = {.analysis = analysis, .err = err};
    enum spr_status status = evaluate_all(&e);
    spr_free(e.corner_dense_s);
    spr_free(e.break_even);
    if (status != SPR_OK) {
        spr_analysis_free(analysis);
    }
    return status;
}

void spr_analysis_free(struct spr_analysis *analysis)
{
    for (size_t i = 0; analysis->results && i < analysis->result_count; i++) {
        spr_free(analysis->results[i].layers);
    }
    spr_free(analysis->results);
    spr_free(analysis->dense);
    spr_free(analysis->unpruned);
    spr_free(analysis->dense_time_s);
    spr_expected_free(analysis);
    *analysis = (struct spr_analysis){0};
}
