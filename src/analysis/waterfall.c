/* SPDX-License-Identifier: Apache-2.0 */
/* The loss waterfall: from 1/density to the answer, one effect switched on at a time. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/limit_words.h"
#include "analysis/padding.h"

/* Times of one operator after each step of the waterfall, one occurrence. */
enum { AFTER_UNPRUNED, AFTER_TRAFFIC, AFTER_OVERHEAD, AFTER_ENGINE, AFTER_COUNT };

struct chain {
    const struct spr_analysis *a;
    const struct spr_result *result;
    struct spr_model model; /* with the bytes of one pass at this batch */
};

static void chain_init(struct chain *c, const struct spr_analysis *a,
                       const struct spr_result *result)
{
    c->a = a;
    c->result = result;
    c->model = a->model;
    c->model.network_bytes = result->network_bytes;
}

static void chain_times(const struct chain *c, size_t index, double *times)
{
    const struct spr_layer *layer = &c->a->network->layers[index];
    const struct spr_layer_result *r = &c->result->layers[index];
    double dense_s = spr_analysis_dense(c->a, c->result->batch_index, index)->time_s;
    if (spr_pattern_is_dense(&r->choice.pattern)) {
        for (int i = 0; i < AFTER_COUNT; i++) {
            times[i] = dense_s;
        }
        return;
    }
    struct spr_shape shape = spr_layer_shape(layer);
    double kept = spr_pattern_kept(&r->choice.pattern, &shape, r->choice.sparsity);
    double traffic_s = spr_model_traffic_time(&c->model, layer, c->result->batch,
                                              &r->choice.pattern, kept, &r->choice.counted);
    double density = r->run.nnz / ((double)layer->m * (double)layer->k);
    double overhead_s = c->model.overhead_s;
    /* The ideal shrinks the call overhead with the rest; its own step gives it back. */
    times[AFTER_UNPRUNED] = dense_s * density;
    times[AFTER_TRAFFIC] = traffic_s - overhead_s * (1 - density);
    times[AFTER_OVERHEAD] = traffic_s;
    times[AFTER_ENGINE] = r->run.time_s;
}

static bool same_shape(const struct spr_layer *a, const struct spr_layer *b)
{
    return a->op == b->op && a->m == b->m && a->k == b->k && a->n == b->n &&
           (a->op != SPR_OP_OTHER ||
            (a->other_flops == b->other_flops && a->x_elements == b->x_elements));
}

/* The step from bound to expected has no time of its own in the chain. */
#define TO_KERNEL AFTER_COUNT

/* Share of the dense network's time one operator takes more of than its bounds say. */
static double lost_in_kernel(const struct chain *c, size_t index)
{
    const struct spr_result *result = c->result;
    double count = (double)c->a->network->layers[index].count;
    return count * (result->layers[index].expected.time_s / result->expected.dense_time_s -
                    result->layers[index].run.time_s / result->dense_time_s);
}

/* Time one operator loses in the step that leads to `after`; for AFTER_UNPRUNED the time of
 * an operator that is not pruned. */
static double lost_time(const struct chain *c, size_t index, int after)
{
    double times[AFTER_COUNT];
    const struct spr_layer *layer = &c->a->network->layers[index];
    if (after == TO_KERNEL) {
        return lost_in_kernel(c, index);
    }
    chain_times(c, index, times);
    if (after == AFTER_UNPRUNED) {
        return layer->prunable ? 0 : (double)layer->count * times[after];
    }
    return (double)layer->count * (times[after] - times[after - 1]);
}

/* The shape that loses most in a step, and its share of all that is lost. */
static void find_worst(const struct chain *c, int after, struct spr_step *step)
{
    const struct spr_network *network = c->a->network;
    double total = 0, worst = 0, same = 0;
    step->worst_layer = network->layer_count;
    step->layers = 0;
    for (size_t i = 0; i < network->layer_count; i++) {
        double lost = lost_time(c, i, after);
        if (lost > 0) {
            total += lost;
            step->layers += (size_t)network->layers[i].count;
            if (lost > worst) {
                worst = lost;
                step->worst_layer = i;
            }
        }
    }
    for (size_t i = 0; step->worst_layer < network->layer_count && i < network->layer_count;
         i++) {
        double lost = same_shape(&network->layers[i], &network->layers[step->worst_layer])
                          ? lost_time(c, i, after)
                          : 0;
        same += lost > 0 ? lost : 0;
    }
    step->worst_share = total > 0 ? same / total : 0;
}

static void add_step(struct spr_waterfall *w, enum spr_step_kind kind, double speedup)
{
    double before = w->count > 0 ? w->steps[w->count - 1].speedup : 1;
    w->steps[w->count++] = (struct spr_step){
        .kind = kind, .factor = speedup / before, .speedup = speedup, .worst_layer = SIZE_MAX};
}

/* Sums of the chain over the network. */
struct chain_sums {
    double dense_s, dense_prunable_s, ideal_prunable_s;
    double after[AFTER_COUNT];
    double weights;
};

static void sum_chain(const struct chain *c, struct chain_sums *sums)
{
    *sums = (struct chain_sums){0};
    for (size_t i = 0; i < c->a->network->layer_count; i++) {
        const struct spr_layer *layer = &c->a->network->layers[i];
        double count = (double)layer->count, times[AFTER_COUNT];
        double dense_s = count * spr_analysis_dense(c->a, c->result->batch_index, i)->time_s;
        chain_times(c, i, times);
        sums->dense_s += dense_s;
        for (int s = 0; s < AFTER_COUNT; s++) {
            sums->after[s] += count * times[s];
        }
        if (layer->prunable) {
            sums->dense_prunable_s += dense_s;
            sums->ideal_prunable_s += count * times[AFTER_UNPRUNED];
            sums->weights += count * ((double)layer->m * (double)layer->k);
        }
    }
}

/* Speedup after a step; `before` where nothing takes time any more. */
static double speedup_of(const struct chain_sums *sums, int after, double before)
{
    return sums->after[after] > 0 ? sums->dense_s / sums->after[after] : before;
}

void spr_explain_waterfall(const struct spr_analysis *a, const struct spr_result *result,
                           const struct spr_measured *measured, struct spr_waterfall *w)
{
    struct chain c;
    struct chain_sums sums;
    *w = (struct spr_waterfall){0};
    chain_init(&c, a, result);
    sum_chain(&c, &sums);
    /* With every weight gone 1/density is infinite; one weight left keeps it a number. */
    double density = isnan(result->density) ? 1
                     : result->density > 0  ? result->density
                                            : 1 / sums.weights;
    double ideal = 1 / density;
    double placed =
        sums.ideal_prunable_s > 0 ? sums.dense_prunable_s / sums.ideal_prunable_s : ideal;
    add_step(w, SPR_STEP_IDEAL, ideal);
    add_step(w, SPR_STEP_PLACEMENT, placed);
    add_step(w, SPR_STEP_UNPRUNED, speedup_of(&sums, AFTER_UNPRUNED, placed));
    find_worst(&c, AFTER_UNPRUNED, &w->steps[w->count - 1]);
    add_step(w, SPR_STEP_TRAFFIC, speedup_of(&sums, AFTER_TRAFFIC, placed));
    find_worst(&c, AFTER_TRAFFIC, &w->steps[w->count - 1]);
    if (c.model.overhead_s > 0) {
        add_step(w, SPR_STEP_OVERHEAD, speedup_of(&sums, AFTER_OVERHEAD, placed));
        find_worst(&c, AFTER_OVERHEAD, &w->steps[w->count - 1]);
    }
    add_step(w, SPR_STEP_ENGINE, result->speedup);
    find_worst(&c, AFTER_ENGINE, &w->steps[w->count - 1]);
    if (isfinite(result->expected.speedup)) {
        add_step(w, SPR_STEP_KERNEL, result->expected.speedup);
        find_worst(&c, TO_KERNEL, &w->steps[w->count - 1]);
    }
    if (measured && measured->dense_s > 0 && measured->sparse_s > 0) {
        add_step(w, SPR_STEP_RUNTIME, measured->dense_s / measured->sparse_s);
    }
    w->speedup = w->steps[w->count - 1].speedup;
}

const char *spr_step_name(enum spr_step_kind kind)
{
    static const char *const names[] = {
        "ideal, 1/density",       "where the zeros sit", "operators not pruned",
        "X, Y and index traffic", "call overhead",       "engine and tile",
        "kernel against bound",   "your runtime",
    };
    return names[kind];
}

const char *spr_step_words(enum spr_step_kind kind)
{
    return kind == SPR_STEP_PLACEMENT ? "uneven zeros"
           : kind == SPR_STEP_ENGINE  ? "engine and padding"
                                      : spr_step_name(kind);
}

/* The engine that takes most of the pruned operators' time. */
static int busiest_engine(const struct spr_analysis *a, const struct spr_result *result)
{
    double seconds[SPR_ENGINES_MAX] = {0};
    int busiest = a->model.dense_engine;
    for (size_t i = 0; i < a->network->layer_count; i++) {
        const struct spr_layer_result *r = &result->layers[i];
        if (!spr_pattern_is_dense(&r->choice.pattern)) {
            seconds[r->run.engine] += (double)a->network->layers[i].count * r->run.time_s;
            busiest = seconds[r->run.engine] > seconds[busiest] ? r->run.engine : busiest;
        }
    }
    return busiest;
}

static const char *engine_remedy(const struct spr_analysis *a, const struct spr_result *result,
                                 const struct spr_step *step, char *text)
{
    const struct spr_engine *engines = a->machine->engines;
    int run = busiest_engine(a, result), dense = a->model.dense_engine;
    double ratio = a->model.flops_per_s[run] / a->model.flops_per_s[dense];
    if (run != dense && ratio < 1) {
        snprintf(text, SPR_REASON_TEXT,
                 "it runs on %.40s with 1/%.3g of the peak of %.40s: choose a pattern that "
                 "%.40s takes",
                 engines[run].name, 1 / ratio, engines[dense].name, engines[dense].name);
    } else if (run != dense) {
        snprintf(text, SPR_REASON_TEXT, "it runs on %.40s with %.3g times the peak of %.40s",
                 engines[run].name, ratio, engines[dense].name);
    } else if (step->worst_layer < a->network->layer_count && step->factor < 1) {
        spr_padding_text(a, &a->network->layers[step->worst_layer],
                         &result->layers[step->worst_layer], text);
    } else {
        snprintf(text, SPR_REASON_TEXT, "the pattern runs on the engine that dense runs on");
    }
    return text;
}

/* What the pruned operators move most, and what would lessen that. */
static const char *traffic_remedy(const struct spr_analysis *a,
                                  const struct spr_result *result, char *text)
{
    double values = 0, index = 0, activations = 0;
    for (size_t i = 0; i < a->network->layer_count; i++) {
        const struct spr_layer_result *r = &result->layers[i];
        if (!spr_pattern_is_dense(&r->choice.pattern)) {
            double count = (double)a->network->layers[i].count;
            values += count * r->run.bytes_weight_values;
            index += count * r->run.bytes_weight_index;
            activations += count * (r->run.bytes_x + r->run.bytes_y);
        }
    }
    double all = values + index + activations;
    if (all <= 0) {
        snprintf(text, SPR_REASON_TEXT, "nothing is pruned");
        return text;
    }
    snprintf(text, SPR_REASON_TEXT,
             "bytes of pruned layers: X, Y %.0f %%, index %.0f %%, W's values %.0f %%: %s",
             100 * activations / all, 100 * index / all, 100 * values / all,
             activations >= index && activations >= values
                 ? "fuse operators, narrower activations"
             : index >= values ? "larger blocks or narrower indices"
                               : "more zeros or narrower values");
    return text;
}

/* How far from their bounds the kernels are expected to stay, and what holds them there. */
static const char *kernel_remedy(const struct spr_analysis *a, const struct spr_result *result,
                                 const struct spr_step *step, char *text)
{
    double dense = 100 * result->dense_time_s / result->expected.dense_time_s;
    double sparse = 100 * result->time_s / result->expected.time_s;
    const struct spr_layer_expected *worst = step->worst_layer < a->network->layer_count
                                                 ? &result->layers[step->worst_layer].expected
                                                 : NULL;
    int used = snprintf(text, SPR_REASON_TEXT,
                        "dense should reach %.0f %% of its bound, this variant %.0f %%%s",
                        dense, sparse,
                        dense > 100.5 || sparse > 100.5
                            ? " (over 100 %: what the bound has come from memory stays in "
                              "caches)"
                            : "");
    if (step->factor < 1 && worst && worst->kernel) {
        snprintf(text + used, SPR_REASON_TEXT - (size_t)used, "; held back there by %s: %s",
                 spr_limit_words(worst->limit), spr_limit_remedy(worst->limit));
    }
    return text;
}

const char *spr_step_remedy(const struct spr_analysis *a, const struct spr_result *result,
                            const struct spr_step *step, char *text)
{
    text[0] = '\0';
    switch (step->kind) {
    case SPR_STEP_IDEAL:
        if (isnan(result->density)) {
            snprintf(text, SPR_REASON_TEXT, "nothing is prunable");
        } else {
            snprintf(text, SPR_REASON_TEXT, "%.1f %% of the prunable weights are kept",
                     100 * result->density);
        }
        break;
    case SPR_STEP_PLACEMENT:
        snprintf(text, SPR_REASON_TEXT, "%s",
                 step->factor < 1 ? "prune the layers that take the time, not the weights"
                                  : "the pruned layers take more time than their weights say");
        break;
    case SPR_STEP_UNPRUNED:
        snprintf(text, SPR_REASON_TEXT, "%s", "fuse them, or prune more layers");
        break;
    case SPR_STEP_TRAFFIC:
        return traffic_remedy(a, result, text);
    case SPR_STEP_OVERHEAD:
        snprintf(text, SPR_REASON_TEXT, "larger batches or fused calls");
        break;
    case SPR_STEP_ENGINE:
        return engine_remedy(a, result, step, text);
    case SPR_STEP_KERNEL:
        return kernel_remedy(a, result, step, text);
    case SPR_STEP_RUNTIME:
        break;
    }
    return text;
}
