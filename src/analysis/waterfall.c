/* SPDX-License-Identifier: Apache-2.0 */
/* The loss waterfall: from 1/density to the answer, one effect switched on at a time. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/limit_words.h"
#include "analysis/padding.h"

/* Times of an operator after each step of the waterfall, of all its occurrences. Calls come
 * back in a step of their own: those before it have none. */
enum { AFTER_UNPRUNED, AFTER_TRAFFIC, AFTER_CALLS, AFTER_ENGINE, AFTER_COUNT };

struct chain {
    const struct spr_analysis *a;
    const struct spr_result *result;
    struct spr_model model; /* with the bytes of one pass at this batch, and no calls */
};

static void chain_init(struct chain *c, const struct spr_analysis *a,
                       const struct spr_result *result)
{
    c->a = a;
    c->result = result;
    c->model = a->model;
    c->model.network_bytes = result->network_bytes;
    c->model.overhead_s = 0;
}

/* Time of a dense operator without its calls, of all occurrences, in the types of the pruned
 * network. */
static double dense_work_s(const struct chain *c, size_t index)
{
    return (double)c->a->network->layers[index].count *
           spr_work_s(spr_analysis_unpruned(c->a, c->result->batch_index, index));
}

/* The operator on the dense engine, of the weights that are left. */
static double traffic_s(const struct chain *c, const struct spr_layer *layer,
                        const struct spr_layer_result *r)
{
    struct spr_shape shape = spr_layer_shape(layer);
    if (spr_pattern_is_dense(&r->choice.pattern)) {
        return spr_work_s(&r->run);
    }
    double kept = spr_pattern_kept(&r->choice.pattern, &shape, r->choice.sparsity);
    struct spr_model model = c->model;
    model.skipped = r->choice.skipped;
    return spr_model_traffic_time(&model, layer, c->result->batch, &r->choice.pattern, kept,
                                  &r->choice.counted);
}

static void chain_times(const struct chain *c, size_t index, double *times)
{
    const struct spr_layer *base = &c->a->network->layers[index];
    const struct spr_layer_result *r = &c->result->layers[index];
    const struct spr_layer *layer = spr_choice_layer(c->a->network, &r->choice);
    double count = (double)layer->count;
    double one_s = spr_work_s(&r->run);
    times[AFTER_UNPRUNED] = count * one_s;
    if (base->prunable && !spr_choice_unchanged(&r->choice)) {
        double weights = (double)base->count * ((double)base->m * (double)base->k);
        times[AFTER_UNPRUNED] =
            dense_work_s(c, index) * (count * r->run.nnz / weights) * (1 - r->choice.skipped);
        /* What stays dense moves what dense moves. */
        one_s = !c->a->options.native && r->run.execution == SPR_EXECUTION_DENSE
                    ? spr_work_s(&r->run)
                    : traffic_s(c, layer, r);
    }
    times[AFTER_TRAFFIC] = count * one_s;
    /* Summed as the bound is: equal times stay equal to the last digit. */
    times[AFTER_CALLS] = count * (one_s + spr_model_call_s(&c->a->model, layer));
    times[AFTER_ENGINE] = count * r->run.time_s;
}

/* Steps without a time of their own in the chain: to other types of the dense side, and from
 * bound to expected. */
#define TO_TYPES AFTER_COUNT
#define TO_KERNEL (AFTER_COUNT + 1)

/* Share of the dense network's time one operator takes more of than its bounds say. */
static double lost_in_kernel(const struct chain *c, size_t index)
{
    const struct spr_result *result = c->result;
    const struct spr_layer_result *r = &result->layers[index];
    double count = (double)spr_choice_layer(c->a->network, &r->choice)->count;
    return count * (r->expected.time_s / result->expected.dense_time_s -
                    r->run.time_s / result->dense_time_s);
}

/* What one operator takes less in the types of the dense side. */
static double lost_to_types(const struct chain *c, size_t index)
{
    const size_t batch = c->result->batch_index;
    return (double)c->a->network->layers[index].count *
           (spr_analysis_unpruned(c->a, batch, index)->time_s -
            spr_analysis_dense(c->a, batch, index)->time_s);
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
    if (after == TO_TYPES) {
        return lost_to_types(c, index);
    }
    chain_times(c, index, times);
    if (after == AFTER_UNPRUNED) {
        return layer->prunable ? 0 : times[after];
    }
    return times[after] - times[after - 1];
}

/* Time lost by all that are the same work as this operator, and how many rows they are. */
static double lost_alike(const struct chain *c, int after, size_t index, size_t *rows)
{
    const struct spr_network *network = c->a->network;
    double same = 0;
    *rows = 0;
    for (size_t i = 0; i < network->layer_count; i++) {
        if (spr_layer_alike(&network->layers[i], &network->layers[index])) {
            double lost = lost_time(c, i, after);
            same += lost > 0 ? lost : 0;
            (*rows)++;
        }
    }
    return same;
}

/* Of operators that lose as much (calls all do), so many kinds are looked at. */
#define KINDS_MAX 16

/* The operators alike that lose most in a step: those of the one that loses most, and of several
 * such those that are most together. */
static void find_worst(const struct chain *c, int after, struct spr_step *step)
{
    const struct spr_network *network = c->a->network;
    double total = 0, worst = 0, most = 0;
    size_t tried[KINDS_MAX], kinds = 0;
    step->worst_layer = network->layer_count;
    step->layers = step->alike = 0;
    for (size_t i = 0; i < network->layer_count; i++) {
        double lost = fmax(0, lost_time(c, i, after));
        total += lost;
        worst = fmax(worst, lost);
        step->layers += lost > 0 ? (size_t)network->layers[i].count : 0;
    }
    for (size_t i = 0; worst > 0 && i < network->layer_count && kinds < KINDS_MAX; i++) {
        bool known = lost_time(c, i, after) < worst * (1 - 1e-9);
        for (size_t t = 0; t < kinds && !known; t++) {
            known = spr_layer_alike(&network->layers[i], &network->layers[tried[t]]);
        }
        if (!known) {
            size_t rows;
            double same = lost_alike(c, after, tried[kinds++] = i, &rows);
            if (same > most * (1 + 1e-9)) {
                most = same;
                step->worst_layer = i;
                step->alike = rows;
            }
        }
    }
    step->worst_share = total > 0 ? most / total : 0;
}

static void add_step(struct spr_waterfall *w, enum spr_step_kind kind, double speedup)
{
    double before = w->count > 0 ? w->steps[w->count - 1].speedup : 1;
    w->steps[w->count++] = (struct spr_step){
        .kind = kind, .factor = speedup / before, .speedup = speedup, .worst_layer = SIZE_MAX};
}

/* Sums of the chain over the network. */
struct chain_sums {
    double dense_s, dense_work_s; /* with calls and without */
    double dense_prunable_s, ideal_prunable_s;
    double after[AFTER_COUNT];
    double weights;
    double macs, left_macs; /* of prunable operators: all, and those of non-zeros of X */
};

static void sum_chain(const struct chain *c, struct chain_sums *sums)
{
    *sums = (struct chain_sums){0};
    for (size_t i = 0; i < c->a->network->layer_count; i++) {
        const struct spr_layer *layer = &c->a->network->layers[i];
        double count = (double)layer->count, times[AFTER_COUNT];
        double work_s = dense_work_s(c, i);
        chain_times(c, i, times);
        sums->dense_s +=
            count * spr_analysis_unpruned(c->a, c->result->batch_index, i)->time_s;
        sums->dense_work_s += work_s;
        for (int s = 0; s < AFTER_COUNT; s++) {
            sums->after[s] += times[s];
        }
        if (layer->prunable) {
            sums->dense_prunable_s += work_s;
            sums->ideal_prunable_s += times[AFTER_UNPRUNED];
            double weights = count * ((double)layer->m * (double)layer->k);
            double macs = weights * (double)layer->n * c->result->batch;
            sums->weights += weights;
            sums->macs += macs;
            sums->left_macs += macs * (1 - c->result->layers[i].choice.skipped);
        }
    }
}

/* Speedup after a step; `before` where nothing takes time any more. */
static double speedup_of(const struct chain_sums *sums, int after, double before)
{
    double dense_s = after < AFTER_CALLS ? sums->dense_work_s : sums->dense_s;
    return sums->after[after] > 0 ? dense_s / sums->after[after] : before;
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
    add_step(w, SPR_STEP_IDEAL, ideal);
    if (sums.left_macs < sums.macs) {
        /* One multiply-add left keeps it a number, too. */
        ideal *= sums.macs / fmax(sums.left_macs, 1);
        add_step(w, SPR_STEP_ACTIVATIONS, ideal);
    }
    double placed =
        sums.ideal_prunable_s > 0 ? sums.dense_prunable_s / sums.ideal_prunable_s : ideal;
    add_step(w, SPR_STEP_PLACEMENT, placed);
    add_step(w, SPR_STEP_UNPRUNED, speedup_of(&sums, AFTER_UNPRUNED, placed));
    find_worst(&c, AFTER_UNPRUNED, &w->steps[w->count - 1]);
    add_step(w, SPR_STEP_TRAFFIC, speedup_of(&sums, AFTER_TRAFFIC, placed));
    find_worst(&c, AFTER_TRAFFIC, &w->steps[w->count - 1]);
    if (a->model.overhead_s > 0) {
        add_step(w, SPR_STEP_CALLS, speedup_of(&sums, AFTER_CALLS, placed));
        find_worst(&c, AFTER_CALLS, &w->steps[w->count - 1]);
    }
    /* Up to here dense is in the types of the pruned network. */
    add_step(w, SPR_STEP_ENGINE,
             spr_options_differ(&a->options) ? speedup_of(&sums, AFTER_ENGINE, placed)
                                             : result->speedup);
    find_worst(&c, AFTER_ENGINE, &w->steps[w->count - 1]);
    if (spr_options_differ(&a->options)) {
        add_step(w, SPR_STEP_TYPES, result->speedup);
        find_worst(&c, TO_TYPES, &w->steps[w->count - 1]);
    }
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
        "ideal, 1/density",
        "where the zeros sit",
        "operators not pruned",
        "X, Y and index traffic",
        "calls",
        "engine and tile",
        "number types",
        "kernel against bound",
        "your runtime",
        "zeros of activations",
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
        if (!spr_choice_unchanged(&r->choice)) {
            seconds[r->run.engine] +=
                (double)spr_choice_layer(a->network, &r->choice)->count * r->run.time_s;
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
        if (!spr_choice_unchanged(&r->choice) && !isnan(r->run.bytes_x)) {
            double count = (double)spr_choice_layer(a->network, &r->choice)->count;
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

static const char *types_remedy(const struct spr_analysis *a, char *text)
{
    const struct spr_types types = spr_options_types(&a->options);
    char here[SPR_TYPES_TEXT], there[SPR_TYPES_TEXT];
    snprintf(text, SPR_REASON_TEXT, "dense is in %s, this variant in %s",
             spr_types_text(&a->options.against, there), spr_types_text(&types, here));
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
    case SPR_STEP_CALLS:
        snprintf(text, SPR_REASON_TEXT, "larger batches or fused calls");
        break;
    case SPR_STEP_ENGINE:
        return engine_remedy(a, result, step, text);
    case SPR_STEP_TYPES:
        return types_remedy(a, text);
    case SPR_STEP_KERNEL:
        return kernel_remedy(a, result, step, text);
    case SPR_STEP_RUNTIME:
        break;
    case SPR_STEP_ACTIVATIONS:
        snprintf(text, SPR_REASON_TEXT,
                 "%.1f %% of their multiply-adds have a zero of X, and are skipped",
                 100 * (1 - 1 / step->factor));
        break;
    }
    return text;
}
