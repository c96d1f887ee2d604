/* SPDX-License-Identifier: Apache-2.0 */
/* Why: reasons in plain words. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/limit_words.h"
#include "analysis/padding.h"

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

static double dense_rate(const struct spr_analysis *a)
{
    return a->dense_model.flops_per_s[a->dense_model.dense_engine];
}

/* "1/16 of" for a slower engine. */
static void engine_fraction(const struct spr_analysis *a, int engine, char *text, size_t size)
{
    double times = dense_rate(a) / engine_rate(a, engine);
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
    if (w->a->model.fuse && w->layer->y_elements > 0) {
        snprintf(text, SPR_REASON_TEXT,
                 "runs inside the product above it: only what is not its Y moves");
    } else if (w->layer->op == SPR_OP_OTHER) {
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

/* What is left of a layer that is smaller and dense. */
static const char *smaller_reason(const struct why *w, char *text)
{
    const struct spr_layer *base = &w->a->network->layers[w->r->choice.layer];
    const struct spr_layer *now = w->layer;
    if (now->count == 0) {
        snprintf(text, SPR_REASON_TEXT, "smaller: gone");
    } else if (now->op == SPR_OP_OTHER) {
        snprintf(text, SPR_REASON_TEXT, "smaller: %.3g of its bytes move",
                 w->dense->bytes > 0 ? (double)now->count * w->r->run.bytes /
                                           ((double)base->count * w->dense->bytes)
                                     : 1);
    } else {
        snprintf(
            text, SPR_REASON_TEXT, "smaller: %lld times a dense product of %lldx%lld, n %lld",
            (long long)now->count, (long long)now->m, (long long)now->k, (long long)now->n);
    }
    return text;
}

static double activation_share(const struct spr_prediction *run);

/* W is dense, zeros of X are skipped. */
static const char *skipped_reason(const struct why *w, char *text)
{
    const struct spr_prediction *run = &w->r->run;
    if (run->bound == SPR_BOUND_COMPUTE) {
        snprintf(text, SPR_REASON_TEXT,
                 "FLOPs bind: %.4g %% zeros of X are skipped, W is dense",
                 percent(w->r->choice.skipped));
    } else {
        snprintf(text, SPR_REASON_TEXT,
                 "%s-bound: X and Y are %.0f %% of traffic; %.4g %% zeros of X are skipped, W "
                 "is dense",
                 spr_bound_name(w->a->machine, run->memory_level),
                 percent(activation_share(run)), percent(w->r->choice.skipped));
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

const char *spr_padding_text(const struct spr_analysis *a, const struct spr_layer *layer,
                             const struct spr_layer_result *r, char *text)
{
    const struct spr_pattern *pattern = &r->choice.pattern;
    const struct spr_engine *engine = &a->machine->engines[r->run.engine];
    char as[SPR_PATTERN_TEXT];
    bool block = pattern->kind->pattern_class == SPR_CLASS_BLOCK;
    if (r->run.execution == SPR_EXECUTION_DENSE) {
        snprintf(text, SPR_REASON_TEXT, "it is stored and multiplied dense");
    } else if (r->run.executed_as.kind) {
        snprintf(text, SPR_REASON_TEXT, "it is %s as %s",
                 r->run.execution == SPR_EXECUTION_EXPANDED ? "multiplied" : "run",
                 spr_pattern_text(&r->run.executed_as, as));
    } else if (block && !a->model.ideal_tiles && pattern->a % engine->tile_rows != 0) {
        snprintf(text, SPR_REASON_TEXT,
                 "%.40s works on %lld rows at once: use blocks of a multiple of %lld rows",
                 engine->name, (long long)engine->tile_rows, (long long)engine->tile_rows);
    } else if (block && (layer->m % pattern->a != 0 || layer->k % pattern->b != 0)) {
        snprintf(text, SPR_REASON_TEXT,
                 "blocks at the edge are stored whole: use a block that divides the layer");
    } else {
        snprintf(text, SPR_REASON_TEXT, "rows are padded to the longest: balance them");
    }
    return text;
}

static void even_text(const struct why *w, char *text, size_t size)
{
    const char *than = w->a->options.native ? "slower than" : "no faster than";
    if (!isnan(spr_pattern_fixed_sparsity(&w->r->choice.pattern))) {
        snprintf(text, size, "%s dense at its fixed sparsity", than);
    } else if (isnan(w->r->break_even_sparsity)) {
        snprintf(text, size, "%s dense at any sparsity", than);
    } else {
        snprintf(text, size, "below break-even (%.1f %%)", percent(w->r->break_even_sparsity));
    }
}

static double padding(const struct spr_prediction *run)
{
    return run->flops_useful > 0 ? run->flops_issued / run->flops_useful : 1;
}

static const char *slower_reason(const struct why *w, char *text)
{
    char even[64], fraction[32], cause[SPR_REASON_TEXT];
    const struct spr_prediction *run = &w->r->run;
    even_text(w, even, sizeof even);
    if (run->bound == SPR_BOUND_COMPUTE && engine_rate(w->a, run->engine) < dense_rate(w->a)) {
        engine_fraction(w->a, run->engine, fraction, sizeof fraction);
        snprintf(text, SPR_REASON_TEXT,
                 "%s: the engine that takes %s (%.40s) has %s the dense peak", even,
                 w->pattern, engine_name(w->a, run->engine), fraction);
    } else if (padding(run) > PADDING &&
               (run->bound == SPR_BOUND_COMPUTE || index_share(run) < INDEX_SHARE)) {
        snprintf(text, SPR_REASON_TEXT,
                 "%s: %.2fx the useful weights are stored and issued: %.150s", even,
                 padding(run), spr_padding_text(w->a, w->layer, w->r, cause));
    } else {
        snprintf(text, SPR_REASON_TEXT, "%s: index bytes are %.0f %% of traffic", even,
                 percent(index_share(run)));
    }
    return text;
}

/* Of all executions dense is the fastest. */
static const char *dense_reason(const struct why *w, char *text)
{
    char even[64];
    even_text(w, even, sizeof even);
    if (spr_options_differ(&w->a->options)) {
        /* break-even is with the types of the dense side */
        snprintf(even, sizeof even, "no faster than dense in the same types");
    }
    snprintf(text, SPR_REASON_TEXT, "stays dense: %s is %s", w->pattern, even);
    return text;
}

/* Only the types of the dense side make it slower. */
static bool slower_by_types(const struct why *w, size_t layer)
{
    return spr_options_differ(&w->a->options) &&
           w->r->run.time_s <=
               spr_analysis_unpruned(w->a, w->result->batch_index, layer)->time_s;
}

static const char *types_reason(const struct why *w, char *text)
{
    const struct spr_types types = spr_options_types(&w->a->options);
    char here[SPR_TYPES_TEXT], there[SPR_TYPES_TEXT];
    snprintf(text, SPR_REASON_TEXT, "slower than dense in %s, no slower than dense in %s",
             spr_types_text(&w->a->options.against, there), spr_types_text(&types, here));
    return text;
}

static const char *compute_reason(const struct why *w, char *text)
{
    const struct spr_prediction *run = &w->r->run;
    char fraction[32], cause[SPR_REASON_TEXT];
    if (engine_rate(w->a, run->engine) < dense_rate(w->a)) {
        engine_fraction(w->a, run->engine, fraction, sizeof fraction);
        snprintf(text, SPR_REASON_TEXT,
                 "FLOPs bind: the engine that takes %s (%.40s) has %s the dense peak",
                 w->pattern, engine_name(w->a, run->engine), fraction);
    } else if (padding(run) > PADDING) {
        snprintf(text, SPR_REASON_TEXT, "FLOPs bind, %.2fx the useful ones are issued: %.200s",
                 padding(run), spr_padding_text(w->a, w->layer, w->r, cause));
    } else {
        snprintf(text, SPR_REASON_TEXT,
                 "FLOPs bind: time follows density, more zeros still help");
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
                    spr_choice_layer(a->network, &r->choice),
                    r,
                    spr_analysis_dense(a, result->batch_index, layer),
                    spr_pattern_text(&r->choice.pattern, pattern)};
    if (spr_choice_unchanged(&r->choice)) {
        return unpruned_reason(&w, text);
    }
    if (spr_pattern_is_dense(&r->choice.pattern) && r->choice.smaller) {
        return smaller_reason(&w, text);
    }
    if (r->run.bound == SPR_BOUND_OVERHEAD) {
        snprintf(
            text, SPR_REASON_TEXT,
            "call overhead is %.0f %% of the time: larger batches or fused calls would help",
            percent(spr_model_call_s(&a->model, w.layer) / r->run.time_s));
        return text;
    }
    if (spr_pattern_is_dense(&r->choice.pattern)) {
        return skipped_reason(&w, text);
    }
    if (r->run.execution == SPR_EXECUTION_DENSE && !r->choice.smaller) {
        return dense_reason(&w, text);
    }
    if (r->speedup < 1) {
        return slower_by_types(&w, layer) ? types_reason(&w, text) : slower_reason(&w, text);
    }
    return r->run.bound == SPR_BOUND_COMPUTE ? compute_reason(&w, text)
                                             : memory_reason(&w, text);
}

/* Where the time of a variant goes. */
enum {
    GOES_UNPRUNED,
    GOES_FLOPS,
    GOES_ACTIVATIONS,
    GOES_VALUES,
    GOES_INDEX,
    GOES_CALLS,
    GOES_COUNT
};

static void where_time_goes(const struct spr_analysis *a, const struct spr_result *result,
                            double *seconds)
{
    for (size_t i = 0; i < a->network->layer_count; i++) {
        const struct spr_layer_result *r = &result->layers[i];
        const struct spr_prediction *run = &r->run;
        const struct spr_layer *layer = spr_choice_layer(a->network, &r->choice);
        double count = (double)layer->count, net = count * spr_work_s(run);
        seconds[GOES_CALLS] += count * spr_model_call_s(&a->model, layer);
        if (spr_choice_unchanged(&r->choice) || isnan(run->bytes_x)) {
            seconds[GOES_UNPRUNED] += net;
            continue;
        }
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
    if (isfinite(result->expected.time_s)) {
        return spr_limit_share(a, result, text);
    }
    double seconds[GOES_COUNT] = {0}, total = 0;
    int worst = 0;
    where_time_goes(a, result, seconds);
    for (int i = 0; i < GOES_COUNT; i++) {
        total += seconds[i];
        worst = seconds[i] > seconds[worst] ? i : worst;
    }
    static const char *const names[GOES_COUNT] = {"not pruned", "FLOPs", "X, Y bytes",
                                                  "W bytes",    "index", "calls"};
    double share = total > 0 ? percent(seconds[worst] / total) : 0;
    snprintf(text, SPR_REASON_TEXT, "%s %.0f%%", names[worst], share);
    return text;
}
