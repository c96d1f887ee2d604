/* SPDX-License-Identifier: Apache-2.0 */
/* Why: reasons in plain words, and the loss waterfall. */
#include "sproof/explain.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A share of the traffic from which it is worth naming, and one from which nothing else
 * matters. Chosen for the wording only; no figure depends on them. */
#define INDEX_SHARE 0.25
#define ACTIVATION_SHARE 0.6
#define PADDING 1.05

static double percent(double fraction)
{
    return 100 * fraction;
}

static double engine_rate(const struct spr_analysis *a, int engine)
{
    return a->model.flops_per_s[engine];
}

/* "1/16 of" for a slower engine. */
static void engine_fraction(const struct spr_analysis *a, int engine, char *text, size_t size)
{
    double times = engine_rate(a, a->model.dense_engine) / engine_rate(a, engine);
    if (times >= 1.95) {
        snprintf(text, size, "1/%.3g of", times);
    } else {
        snprintf(text, size, "%.0f %% of", percent(1 / times));
    }
}

static const char *engine_name(const struct spr_analysis *a, int engine)
{
    return a->machine->engines[engine].name;
}

struct why {
    const struct spr_analysis *a;
    const struct spr_result *result;
    const struct spr_layer *layer;
    const struct spr_layer_result *r;
    const struct spr_prediction *dense;
    const char *pattern;
};

static const char *unpruned_reason(const struct why *w, char *text)
{
    if (w->layer->op == SPR_OP_OTHER) {
        snprintf(text, SPR_REASON_TEXT, "no matrix product: pruning does not change it");
    } else if (w->layer->op == SPR_OP_ATTENTION) {
        snprintf(text, SPR_REASON_TEXT, "activation times activation: no weights to prune");
    } else if (!w->layer->prunable) {
        snprintf(text, SPR_REASON_TEXT, "not prunable: dense in every variant");
    } else if (w->r->misfit) {
        snprintf(text, SPR_REASON_TEXT, "left dense: %s", w->r->misfit);
    } else {
        snprintf(text, SPR_REASON_TEXT, "dense in this variant");
    }
    return text;
}

/* Shares of the pruned operator's traffic. */
static double index_share(const struct spr_prediction *run)
{
    return run->bytes > 0 ? run->bytes_weight_index / run->bytes : 0;
}

static double activation_share(const struct spr_prediction *run)
{
    return run->bytes > 0 ? (run->bytes_x + run->bytes_y) / run->bytes : 0;
}

static const char *slower_reason(const struct why *w, char *text)
{
    char even[64], fraction[32];
    if (isnan(w->r->break_even_sparsity)) {
        snprintf(even, sizeof even, "slower than dense at any sparsity");
    } else {
        snprintf(even, sizeof even, "below break-even (%.1f %%)",
                 percent(w->r->break_even_sparsity));
    }
    if (w->r->run.bound == SPR_BOUND_COMPUTE &&
        engine_rate(w->a, w->r->run.engine) < engine_rate(w->a, w->a->model.dense_engine)) {
        engine_fraction(w->a, w->r->run.engine, fraction, sizeof fraction);
        snprintf(text, SPR_REASON_TEXT, "%s: the engine that takes %s (%.40s) has %s the dense peak",
                 even, w->pattern, engine_name(w->a, w->r->run.engine), fraction);
    } else if (w->r->run.bound == SPR_BOUND_COMPUTE) {
        snprintf(text, SPR_REASON_TEXT, "%s: padding issues %.2fx the useful FLOPs", even,
                 w->r->run.flops_issued / w->r->run.flops_useful);
    } else {
        snprintf(text, SPR_REASON_TEXT, "%s: index bytes are %.0f %% of traffic", even,
                 percent(index_share(&w->r->run)));
    }
    return text;
}

static const char *compute_reason(const struct why *w, char *text)
{
    const struct spr_prediction *run = &w->r->run;
    char fraction[32];
    double padding = run->flops_useful > 0 ? run->flops_issued / run->flops_useful : 1;
    if (engine_rate(w->a, run->engine) < engine_rate(w->a, w->a->model.dense_engine)) {
        engine_fraction(w->a, run->engine, fraction, sizeof fraction);
        snprintf(text, SPR_REASON_TEXT,
                 "FLOPs bind: the engine that takes %s (%.40s) has %s the dense peak",
                 w->pattern, engine_name(w->a, run->engine), fraction);
    } else if (run->executed_as.kind && padding > PADDING) {
        char as[SPR_PATTERN_TEXT];
        snprintf(text, SPR_REASON_TEXT, "FLOPs bind: run as %s, %.2fx the useful FLOPs are issued",
                 spr_pattern_text(&run->executed_as, as), padding);
    } else if (padding > PADDING) {
        snprintf(text, SPR_REASON_TEXT,
                 "FLOPs bind: padding issues %.2fx the useful FLOPs (%.40s works on %lld rows): "
                 "taller blocks would help",
                 padding, engine_name(w->a, run->engine),
                 (long long)w->a->machine->engines[run->engine].tile_rows);
    } else {
        snprintf(text, SPR_REASON_TEXT, "FLOPs bind: time follows density, more zeros still help");
    }
    return text;
}

static const char *memory_reason(const struct why *w, char *text)
{
    const struct spr_prediction *run = &w->r->run;
    const char *level = spr_bound_name(w->a->machine, run->memory_level);
    double n = (double)w->layer->n * w->result->batch;
    if (n <= 1) {
        snprintf(text, SPR_REASON_TEXT,
                 "n = 1: memory-bound on W, speedup follows bytes not FLOPs; index bytes are "
                 "%.0f %% of traffic",
                 percent(index_share(run)));
    } else if (activation_share(run) >= ACTIVATION_SHARE) {
        snprintf(text, SPR_REASON_TEXT,
                 "%s-bound: X and Y are %.0f %% of traffic, more zeros hardly help", level,
                 percent(activation_share(run)));
    } else if (index_share(run) >= INDEX_SHARE) {
        snprintf(text, SPR_REASON_TEXT,
                 "%s-bound: index bytes are %.0f %% of traffic: a larger block would help",
                 level, percent(index_share(run)));
    } else {
        snprintf(text, SPR_REASON_TEXT,
                 "%s-bound: W is %.0f %% of traffic, more zeros still help", level,
                 percent(1 - activation_share(run)));
    }
    return text;
}

const char *spr_explain_layer(const struct spr_analysis *a, const struct spr_result *result,
                              size_t layer, char *text)
{
    char pattern[SPR_PATTERN_TEXT];
    const struct spr_layer_result *r = &result->layers[layer];
    struct why w = {a,
                    result,
                    &a->network->layers[layer],
                    r,
                    spr_analysis_dense(a, result->batch_index, layer),
                    spr_pattern_text(&r->choice.pattern, pattern)};
    if (spr_pattern_is_dense(&r->choice.pattern)) {
        return unpruned_reason(&w, text);
    }
    if (r->speedup < 1) {
        return slower_reason(&w, text);
    }
    if (r->run.bound == SPR_BOUND_OVERHEAD) {
        snprintf(text, SPR_REASON_TEXT,
                 "call overhead is %.0f %% of the time: larger batches or fused calls would help",
                 percent(a->model.overhead_s / r->run.time_s));
        return text;
    }
    return r->run.bound == SPR_BOUND_COMPUTE ? compute_reason(&w, text)
                                             : memory_reason(&w, text);
}

/* Times of one operator after each step of the waterfall, one occurrence. */
enum { AFTER_UNPRUNED, AFTER_TRAFFIC, AFTER_ENGINE, AFTER_LEFT_DENSE, AFTER_COUNT };

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
    c->model.network_bytes = 0;
    for (size_t i = 0; i < a->network->layer_count; i++) {
        c->model.network_bytes += (double)a->network->layers[i].count *
                                  spr_analysis_dense(a, result->batch_index, i)->bytes;
    }
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
    struct spr_shape shape = {layer->m, layer->k, layer->groups};
    double kept = spr_pattern_kept(&r->choice.pattern, &shape, r->choice.sparsity);
    double traffic_s =
        spr_model_traffic_time(&c->model, layer, c->result->batch, &r->choice.pattern, kept,
                               &r->choice.counted);
    times[AFTER_UNPRUNED] =
        dense_s * (r->run.nnz / ((double)layer->m * (double)layer->k));
    times[AFTER_TRAFFIC] = fmin(traffic_s, dense_s);
    times[AFTER_ENGINE] = fmin(r->run.time_s, dense_s);
    times[AFTER_LEFT_DENSE] = r->run.time_s;
}

static bool same_shape(const struct spr_layer *a, const struct spr_layer *b)
{
    return a->op == b->op && a->m == b->m && a->k == b->k && a->n == b->n;
}

/* Time one operator loses in the step that leads to `after`; for AFTER_UNPRUNED the time of
 * an operator that is not pruned. */
static double lost_time(const struct chain *c, size_t index, int after)
{
    double times[AFTER_COUNT];
    const struct spr_layer *layer = &c->a->network->layers[index];
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
    w->steps[w->count++] = (struct spr_step){.kind = kind,
                                             .factor = speedup / before,
                                             .speedup = speedup,
                                             .worst_layer = SIZE_MAX};
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
        double dense_s =
            count * spr_analysis_dense(c->a, c->result->batch_index, i)->time_s;
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

static double speedup_of(const struct chain_sums *sums, int after)
{
    return sums->after[after] > 0 ? sums->dense_s / sums->after[after] : 1;
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
    double placed = sums.ideal_prunable_s > 0 ? sums.dense_prunable_s / sums.ideal_prunable_s
                                              : ideal;
    add_step(w, SPR_STEP_IDEAL, ideal);
    add_step(w, SPR_STEP_PLACEMENT, placed);
    add_step(w, SPR_STEP_UNPRUNED, speedup_of(&sums, AFTER_UNPRUNED));
    find_worst(&c, AFTER_UNPRUNED, &w->steps[w->count - 1]);
    add_step(w, SPR_STEP_TRAFFIC, speedup_of(&sums, AFTER_TRAFFIC));
    find_worst(&c, AFTER_TRAFFIC, &w->steps[w->count - 1]);
    add_step(w, SPR_STEP_ENGINE, speedup_of(&sums, AFTER_ENGINE));
    find_worst(&c, AFTER_ENGINE, &w->steps[w->count - 1]);
    add_step(w, SPR_STEP_LEFT_DENSE, result->speedup);
    find_worst(&c, AFTER_LEFT_DENSE, &w->steps[w->count - 1]);
    if (measured && measured->dense_s > 0 && measured->sparse_s > 0) {
        add_step(w, SPR_STEP_RUNTIME, measured->dense_s / measured->sparse_s);
    }
    w->speedup = w->steps[w->count - 1].speedup;
}

const char *spr_step_name(enum spr_step_kind kind)
{
    static const char *const names[] = {
        "ideal, 1/density",           "where the zeros sit",   "operators not pruned",
        "X, Y and index traffic",     "engine and tile",       "layers better left dense",
        "your runtime",
    };
    return names[kind];
}

static const char *engine_remedy(const struct spr_analysis *a,
                                 const struct spr_result *result, const struct spr_step *step,
                                 char *text)
{
    const char *dense = engine_name(a, a->model.dense_engine);
    if (step->worst_layer >= a->network->layer_count) {
        snprintf(text, SPR_REASON_TEXT, "the pattern runs on the same footing as dense");
        return text;
    }
    const struct spr_layer_result *r = &result->layers[step->worst_layer];
    if (r->run.engine != a->model.dense_engine) {
        snprintf(text, SPR_REASON_TEXT, "it runs on %.40s (%.3g TFLOP/s), dense on %.40s (%.3g): "
                 "choose a pattern %.40s takes",
                 engine_name(a, r->run.engine), engine_rate(a, r->run.engine) / 1e12, dense,
                 engine_rate(a, a->model.dense_engine) / 1e12, dense);
    } else {
        snprintf(text, SPR_REASON_TEXT, "%.40s pads blocks to %lld rows: use taller blocks", dense,
                 (long long)a->machine->engines[r->run.engine].tile_rows);
    }
    return text;
}

const char *spr_step_remedy(const struct spr_analysis *a, const struct spr_result *result,
                            const struct spr_step *step, char *text)
{
    text[0] = '\0';
    switch (step->kind) {
    case SPR_STEP_IDEAL:
        snprintf(text, SPR_REASON_TEXT, "%.1f %% of the prunable weights are kept",
                 percent(result->density));
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
        snprintf(text, SPR_REASON_TEXT, "%s",
                 "larger batch where W dominates; larger blocks or narrower values; fused "
                 "operators");
        break;
    case SPR_STEP_ENGINE:
        return engine_remedy(a, result, step, text);
    case SPR_STEP_LEFT_DENSE:
        snprintf(text, SPR_REASON_TEXT, "keep them dense: %.2fx instead of %.2fx",
                 result->speedup_mixed, result->speedup);
        break;
    case SPR_STEP_RUNTIME:
        break;
    }
    return text;
}

/* Where the time of a variant goes. */
enum { GOES_UNPRUNED, GOES_FLOPS, GOES_ACTIVATIONS, GOES_VALUES, GOES_INDEX, GOES_OVERHEAD,
       GOES_COUNT };

static void where_time_goes(const struct spr_analysis *a, const struct spr_result *result,
                            double *seconds)
{
    for (size_t i = 0; i < a->network->layer_count; i++) {
        const struct spr_layer_result *r = &result->layers[i];
        const struct spr_prediction *run = &r->run;
        double count = (double)a->network->layers[i].count;
        double net = count * (run->time_s - a->model.overhead_s);
        if (spr_pattern_is_dense(&r->choice.pattern)) {
            seconds[GOES_UNPRUNED] += count * run->time_s;
            continue;
        }
        seconds[GOES_OVERHEAD] += count * a->model.overhead_s;
        if (run->compute_s >= run->memory_s) {
            seconds[GOES_FLOPS] += net;
        } else if (run->bytes > 0) {
            seconds[GOES_ACTIVATIONS] += net * activation_share(run);
            seconds[GOES_VALUES] += net * run->bytes_weight_values / run->bytes;
            seconds[GOES_INDEX] += net * index_share(run);
        }
    }
}

const char *spr_explain_limit(const struct spr_analysis *a, const struct spr_result *result,
                              char *text)
{
    double seconds[GOES_COUNT] = {0}, total = 0;
    int worst = 0;
    where_time_goes(a, result, seconds);
    for (int i = 0; i < GOES_COUNT; i++) {
        total += seconds[i];
        worst = seconds[i] > seconds[worst] ? i : worst;
    }
    static const char *const names[GOES_COUNT] = {"not pruned",  "FLOPs",      "X, Y bytes",
                                                  "W bytes",     "index", "overhead"};
    double share = total > 0 ? percent(seconds[worst] / total) : 0;
    snprintf(text, SPR_REASON_TEXT, "%s %.0f%%", names[worst], share);
    return text;
}
