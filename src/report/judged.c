/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to judge of an explanation. */
#include "report/judged.h"

#include <math.h>

/* Layers differ in size from this ratio of their dense bounds on. */
#define OTHER_SIZE 2

/* Excesses are alike within this ratio. */
#define SAME_EXCESS 1.5

/* The last cache, and which residency has operands there: of one layer again and again, or of the
 * layers in order. */
static struct spr_fit fit_of(const struct spr_analysis *a, bool one_layer)
{
    const size_t last = a->model.level_count - 1; /* memory; before it the caches */
    struct spr_fit fit = {.instead = one_layer ? SPR_RESIDENCY_WARM : SPR_RESIDENCY_NETWORK};
    fit.asked = a->options.residency == SPR_RESIDENCY_WARM ||
                a->options.residency == SPR_RESIDENCY_NETWORK;
    if (last > 0) {
        fit.level = a->machine->memory[last - 1].level;
        fit.cache_bytes =
            a->model.capacity[last - 1] - (last > 1 ? a->model.capacity[last - 2] : 0);
    }
    return fit;
}

static bool beats(double measured_s, double error, double bound_s)
{
    return measured_s * (1 + error) < bound_s;
}

/* Operands of what beats its bound: the dense product's, else the sparse one's. */
static double operand_bytes(const struct spr_analysis *a, const struct spr_explanation *e,
                            size_t layer, bool dense)
{
    return dense ? spr_analysis_dense(a, e->result->batch_index, layer)->bytes
                 : e->result->layers[layer].run.bytes;
}

static double pass_bytes(const struct spr_analysis *a, const struct spr_explanation *e,
                         bool dense)
{
    double bytes = 0;
    for (size_t i = 0; i < a->network->layer_count; i++) {
        bytes += (double)a->network->layers[i].count * operand_bytes(a, e, i, dense);
    }
    return bytes;
}

/* The bounds of one layer with all operands in the caches that can be there. */
static struct spr_measured cached_bound(const struct spr_analysis *a,
                                        const struct spr_explanation *e, size_t index)
{
    const struct spr_choice *choice = &e->result->layers[index].choice;
    const struct spr_layer *layer = spr_choice_layer(a->network, choice);
    const struct spr_shape shape = spr_layer_shape(layer);
    struct spr_model dense = a->dense_model, pruned = a->model;
    struct spr_prediction was, now;
    dense.residency = pruned.residency = SPR_RESIDENCY_WARM;
    spr_model_dense(&dense, &a->network->layers[index], e->result->batch, &was);
    spr_model_dense(&pruned, layer, e->result->batch, &now);
    if (!spr_pattern_is_dense(&choice->pattern)) {
        (void)spr_model_sparse(&pruned, layer, e->result->batch, &choice->pattern,
                               spr_pattern_kept(&choice->pattern, &shape, choice->sparsity),
                               &choice->counted, &now);
    }
    return (struct spr_measured){was.time_s, now.time_s};
}

/* Whether both times are possible with operands in the caches. */
static bool explained_by(const struct spr_measured *bound, const struct spr_judged *j)
{
    return !beats(j->measured.dense_s, j->errors.dense, bound->dense_s) &&
           !beats(j->measured.sparse_s, j->errors.sparse, bound->sparse_s);
}

/* The bounds of the network. */
static struct spr_measured cached_bounds(const struct spr_analysis *a,
                                         const struct spr_explanation *e)
{
    struct spr_measured sum = {0, 0};
    for (size_t i = 0; i < a->network->layer_count; i++) {
        const struct spr_choice *choice = &e->result->layers[i].choice;
        const struct spr_measured one = cached_bound(a, e, i);
        sum.dense_s += (double)a->network->layers[i].count * one.dense_s;
        sum.sparse_s += (double)spr_choice_layer(a->network, choice)->count * one.sparse_s;
    }
    return sum;
}

struct spr_judged spr_judge_layer(const struct spr_analysis *a,
                                  const struct spr_explanation *e, size_t layer)
{
    const struct spr_layer_result *r = &e->result->layers[layer];
    const struct spr_layer *l = &a->network->layers[layer];
    const size_t batch = e->result->batch_index;
    const bool pruned = !spr_choice_unchanged(&r->choice);
    struct spr_judged j = {
        .measured = {e->times->dense_s[layer], e->times->sparse_s[layer]},
        .bound = {spr_analysis_dense(a, batch, layer)->time_s, r->run.time_s},
        .expected = {spr_analysis_expected_dense(a, batch, layer)->time_s, r->expected.time_s},
        .errors = e->times->errors[layer],
        .density = pruned ? r->run.nnz / ((double)l->m * (double)l->k) : 1,
        .operators = 1,
        .pruned = pruned ? 1 : 0,
        .fit = fit_of(a, true)};
    const struct spr_measured cached = cached_bound(a, e, layer);
    j.fit.explains = explained_by(&cached, &j);
    spr_times_add_sparsities(e->times, a, e->result, layer, &j.two);
    j.fit.bytes =
        operand_bytes(a, e, layer, beats(j.measured.dense_s, j.errors.dense, j.bound.dense_s));
    return j;
}

static bool has_times(const struct spr_explanation *e, size_t layer)
{
    return e->times && !isnan(e->times->dense_s[layer]);
}

/* Whether all layers that are slower lose as much in a call, though they differ in size. */
static bool same_excess(const struct spr_analysis *a, const struct spr_explanation *e)
{
    double least_s = HUGE_VAL, most_s = 0, smallest_s = HUGE_VAL, largest_s = 0;
    for (size_t i = 0; i < a->network->layer_count; i++) {
        if (!has_times(e, i)) {
            continue;
        }
        const struct spr_judged j = spr_judge_layer(a, e, i);
        const struct spr_gain gain = spr_gain_of(&j.measured, &j.errors);
        const double excess_s = j.measured.sparse_s - j.measured.dense_s;
        if (!(gain.high < 1) || j.pruned == 0) {
            continue;
        }
        least_s = fmin(least_s, excess_s);
        most_s = fmax(most_s, excess_s);
        smallest_s = fmin(smallest_s, j.bound.dense_s);
        largest_s = fmax(largest_s, j.bound.dense_s);
    }
    return largest_s >= OTHER_SIZE * smallest_s && most_s <= SAME_EXCESS * least_s &&
           least_s >= SPR_SET_UP_LEAST_S && most_s <= SPR_SET_UP_MOST_S;
}

static void count_operators(const struct spr_analysis *a, const struct spr_explanation *e,
                            struct spr_judged *j)
{
    bool pattern = false;
    for (size_t i = 0; i < a->network->layer_count; i++) {
        const struct spr_choice *choice = &e->result->layers[i].choice;
        const double calls = (double)spr_choice_layer(a->network, choice)->calls;
        if (e->times && !has_times(e, i)) {
            continue;
        }
        j->operators += calls;
        j->pruned += spr_choice_unchanged(choice) ? 0 : calls;
        pattern = pattern || !spr_pattern_is_dense(&choice->pattern);
    }
    if (!pattern && j->density < 1) {
        j->density = 1; /* smaller layers, whose weights are all there: no zeros to skip */
    }
}

struct spr_judged spr_judge(const struct spr_analysis *a, const struct spr_explanation *e)
{
    struct spr_judged j = {
        .measured = *e->measured,
        .bound = {e->result->dense_time_s, e->result->time_s},
        .expected = {e->result->expected.dense_time_s, e->result->expected.time_s},
        .errors = e->errors,
        .density = e->result->density};
    count_operators(a, e, &j);
    j.fit = fit_of(a, j.operators <= 1 || e->times);
    if (e->times) {
        j.measured = e->sums.measured;
        j.bound = e->sums.bound;
        j.expected = e->sums.expected;
        j.errors = e->sums.errors;
        j.two = e->sums.two;
        j.same_excess = same_excess(a, e);
    } else {
        const struct spr_measured cached = cached_bounds(a, e);
        j.fit.explains = explained_by(&cached, &j);
        j.fit.bytes =
            pass_bytes(a, e, beats(j.measured.dense_s, j.errors.dense, j.bound.dense_s));
    }
    return j;
}

static void add_layer(const struct spr_analysis *a, const struct spr_explanation *e,
                      size_t layer, struct spr_layer_fates *fates)
{
    const struct spr_judged j = spr_judge_layer(a, e, layer);
    const enum spr_finding finding = spr_finding_of(&j);
    const enum spr_fate fate = spr_finding_fate(finding);
    const double dense_s = (double)a->network->layers[layer].count * j.measured.dense_s;
    const double sparse_s =
        (double)spr_choice_layer(a->network, &e->result->layers[layer].choice)->count *
        j.measured.sparse_s;
    fates->dense_s += dense_s;
    fates->best_s += fate == SPR_FATE_SLOWER ? dense_s : sparse_s;
    if (finding == SPR_FINDING_BELOW_BOUND || finding == SPR_FINDING_RESIDENT) {
        const bool all = j.fit.explains && (fates->below == 0 || fates->fit.explains);
        fates->fit = j.fit.bytes > fates->fit.bytes ? j.fit : fates->fit;
        fates->fit.explains = all;
        fates->below++;
    } else if (finding != SPR_FINDING_NO_ZEROS) {
        fates->count[fate]++;
    }
}

/* A verdict on the sum holds when all decided layers go its way, or none is decided. */
static bool agrees(const struct spr_layer_fates *fates, enum spr_fate fate)
{
    size_t ways = 0;
    for (int other = SPR_FATE_FASTER; other < SPR_FATE_COUNT; other++) {
        ways += fates->count[other] > 0;
    }
    return ways == 0 ? fate == SPR_FATE_OPEN
                     : ways == 1 && fates->count[fate] > 0 && fate != SPR_FATE_OPEN;
}

/* Of two readings of equal times what is known of the runtime leaves one. */
static enum spr_finding known(const struct spr_explanation *e, enum spr_finding finding)
{
    return finding == SPR_FINDING_SAME_TIME && spr_multiplies(e->runtime)
               ? SPR_FINDING_NOT_SKIPPED
               : finding;
}

enum spr_finding spr_judge_finding(const struct spr_analysis *a,
                                   const struct spr_explanation *e, const struct spr_judged *j,
                                   struct spr_layer_fates *fates)
{
    struct spr_layer_fates own;
    fates = fates ? fates : &own;
    *fates = (struct spr_layer_fates){0};
    if (!e->times) {
        return known(e, spr_finding_of(j));
    }
    for (size_t i = 0; i < a->network->layer_count; i++) {
        if (has_times(e, i)) {
            add_layer(a, e, i, fates);
        }
    }
    if (fates->below > 0) {
        return spr_fit_is_it(&fates->fit) ? SPR_FINDING_RESIDENT : SPR_FINDING_BELOW_BOUND;
    }
    const enum spr_finding finding = known(e, spr_finding_of(j));
    const bool decided = fates->count[SPR_FATE_FASTER] + fates->count[SPR_FATE_SLOWER] +
                             fates->count[SPR_FATE_SAME] >
                         0;
    return agrees(fates, spr_finding_fate(finding)) ? finding
           : decided                                ? SPR_FINDING_LAYERS_DIFFER
                                                    : SPR_FINDING_CANNOT_TELL;
}
