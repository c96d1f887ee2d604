/* SPDX-License-Identifier: Apache-2.0 */
/* From layers to the network: sums, ceilings, ranges. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/analyze_expected.h"
#include "analysis/analyze_layer.h"
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
        sums->weight_bytes += runs * result->run.stored_bytes;
        sums->dense_weight_bytes += count * dense->stored_bytes;
    }
}

/* Network time of a variant at a corner of the rates. Unpruned operators keep their dense
 * time, which belongs to the dense network's pass. */
static double corner_time(struct spr_evaluation *e, const struct spr_model *dense_pass,
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
        spr_predict_again(e, spr_choice_unchanged(choice) ? dense_pass : &model, result,
                          choice, &run);
        sum += (double)layer->count * run.time_s;
    }
    return sum;
}

static void set_interval(struct spr_evaluation *e, struct spr_result *result)
{
    size_t batches = e->analysis->options.batch_count;
    result->speedup_low = result->speedup_high = result->speedup;
    for (size_t c = 0; c < e->corner_count; c++) {
        double dense_s = e->corner_dense_s[c * batches + result->batch_index];
        double speedup = spr_ratio(dense_s, corner_time(e, &e->corners[c], result));
        result->speedup_low = fmin(result->speedup_low, speedup);
        result->speedup_high = fmax(result->speedup_high, speedup);
    }
}

static void set_result(const struct sums *sums, struct spr_result *result)
{
    result->dense_time_s = sums->dense_s;
    result->time_s = sums->sparse_s;
    result->mixed_time_s = sums->mixed_s;
    result->speedup = spr_ratio(sums->dense_s, sums->sparse_s);
    result->speedup_mixed = spr_ratio(sums->dense_s, sums->mixed_s);
    result->activation_ceiling =
        sums->ceiling_s > 0 ? sums->dense_s / sums->ceiling_s : (double)NAN;
    result->amdahl_ceiling = sums->other_s > 0 ? sums->dense_s / sums->other_s : (double)NAN;
    bool prunable = sums->all_weights > 0;
    result->speedup_prunable = !prunable ? (double)NAN
                               : sums->prunable_runs > 0
                                   ? spr_ratio(sums->dense_prunable_s, sums->sparse_prunable_s)
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
               ? spr_layer_speedup(a, &layer->choice, unpruned->time_s, layer->run.time_s) < 1
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

static enum spr_status evaluate_variant(struct spr_evaluation *e, struct spr_result *result)
{
    struct spr_analysis *a = e->analysis;
    struct sums sums = {0};
    SPR_TRY(spr_evaluate_layers(e, result));
    for (size_t i = 0; i < a->network->layer_count; i++) {
        const struct spr_layer *layer = &a->network->layers[i];
        const struct spr_layer_result *out = &result->layers[i];
        const struct spr_prediction *unpruned =
            spr_analysis_unpruned(a, result->batch_index, i);
        add_layer(layer, spr_analysis_dense(a, result->batch_index, i), unpruned, out,
                  spr_runs_of(a, &out->choice), &sums);
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

static enum spr_status prepare(struct spr_evaluation *e)
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

static enum spr_status evaluate_batch(struct spr_evaluation *e, size_t batch_index)
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

static enum spr_status evaluate_all(struct spr_evaluation *e)
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
    struct spr_evaluation e = {.analysis = analysis, .err = err};
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
