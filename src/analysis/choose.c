/* SPDX-License-Identifier: Apache-2.0 */
/* Which variant: the Pareto front, the best per pattern, the recommendation. */
#include "analysis/choose.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Two accuracies whose difference is this small lie on the same side of a limit: 88.5 - 87.5
 * must be within a drop of 1.0 whatever the last binary digit says. */
#define ACCURACY_SLACK 1e-9

void spr_analysis_set_drop(const struct spr_analysis *a, struct spr_result *result)
{
    const struct spr_variant *variant = result->variant;
    double lost = a->network->lower_is_better ? variant->accuracy - variant->dense_accuracy
                                              : variant->dense_accuracy - variant->accuracy;
    double scale = fabs(variant->dense_accuracy);
    double limit =
        a->options.max_drop_relative ? a->options.max_drop * scale : a->options.max_drop;
    result->drop = lost;
    result->within_drop =
        a->options.has_max_drop && lost <= limit + ACCURACY_SLACK * fmax(1, scale);
    result->counted = !isnan(variant->accuracy) && !variant->layerwise;
}

double spr_analysis_speedup(const struct spr_analysis *a, const struct spr_result *result)
{
    return a->expected_leads ? result->expected.speedup : result->speedup;
}

struct ranked {
    size_t index;
    double accuracy, speedup;
};

/* Best accuracy first, faster first among equals. */
static int by_accuracy(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->accuracy != b->accuracy) {
        return a->accuracy > b->accuracy ? -1 : 1;
    }
    return a->speedup > b->speedup ? -1 : a->speedup < b->speedup;
}

/* A result is on the front when nothing at least as accurate was faster: one pass from the
 * most accurate down. */
static enum spr_status mark_pareto(struct spr_analysis *a, size_t batch_index,
                                   struct spr_error *err)
{
    size_t count = 0;
    struct ranked *ranked = spr_calloc(a->result_count, sizeof *ranked);
    if (!ranked) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < a->result_count; i++) {
        const struct spr_result *result = &a->results[i];
        if (result->counted && result->batch_index == batch_index &&
            !isnan(spr_analysis_speedup(a, result))) {
            double accuracy = result->variant->accuracy;
            ranked[count++] =
                (struct ranked){i, a->network->lower_is_better ? -accuracy : accuracy,
                                spr_analysis_speedup(a, result)};
        }
    }
    qsort(ranked, count, sizeof *ranked, by_accuracy);
    double fastest = 0;
    for (size_t i = 0; i < count; i++) {
        struct spr_result *result = &a->results[ranked[i].index];
        /* Dense competes too: a variant that is slower and no more accurate, or less accurate and
         * no faster, is no choice. */
        bool beaten = (result->drop >= 0 && ranked[i].speedup < 1) ||
                      (result->drop > 0 && ranked[i].speedup <= 1);
        result->pareto = ranked[i].speedup >= fastest && !beaten;
        fastest = fmax(fastest, ranked[i].speedup);
    }
    spr_free(ranked);
    return SPR_OK;
}

enum spr_status spr_analysis_compare(struct spr_analysis *a, struct spr_error *err)
{
    a->expected_leads = false;
    for (size_t i = 0; i < a->result_count; i++) {
        a->expected_leads =
            a->expected_leads || (a->has_expected && isfinite(a->results[i].expected.speedup));
    }
    for (size_t b = 0; b < a->options.batch_count; b++) {
        SPR_TRY(mark_pareto(a, b, err));
    }
    return SPR_OK;
}

static double bound_speedup(const struct spr_analysis *a, const struct spr_result *result)
{
    (void)a;
    return result->speedup;
}

typedef double speedup_of(const struct spr_analysis *a, const struct spr_result *result);

/* The faster, of two of which nothing is known by their bounds; of two as fast the more accurate,
 * by the metric's direction. */
static bool preferred(const struct spr_analysis *a, speedup_of *speedup,
                      const struct spr_result *left, const struct spr_result *right)
{
    double l = left->variant->accuracy, r = right->variant->accuracy;
    double fast = speedup(a, left), other = speedup(a, right);
    if (isnan(fast) || isnan(other)) {
        if (isnan(fast) != isnan(other)) {
            return isnan(other);
        }
        fast = left->speedup;
        other = right->speedup;
    }
    if (fast != other) {
        return fast > other;
    }
    return a->network->lower_is_better ? l < r : l > r;
}

/* Results that count at a batch: within --max-drop when there are any. */
static bool any_within(const struct spr_analysis *a, size_t batch_index)
{
    bool found = false;
    for (size_t i = 0; i < a->result_count; i++) {
        found =
            found || (a->results[i].batch_index == batch_index && a->results[i].within_drop);
    }
    return found;
}

static bool eligible(const struct spr_analysis *a, const struct spr_result *result,
                     size_t batch_index, bool limited)
{
    return result->batch_index == batch_index &&
           (!a->options.has_max_drop || !limited || result->within_drop);
}

size_t spr_analysis_best_per_pattern(const struct spr_analysis *a, size_t batch_index,
                                     size_t *indices, size_t size)
{
    size_t count = 0;
    bool limited = any_within(a, batch_index);
    for (size_t i = 0; i < a->result_count; i++) {
        const struct spr_result *result = &a->results[i];
        if (!eligible(a, result, batch_index, limited)) {
            continue;
        }
        size_t slot = 0;
        while (slot < count &&
               !spr_variant_same_change(a->results[indices[slot]].variant, result->variant)) {
            slot++;
        }
        if (slot == count && count < size) {
            indices[count++] = i;
        } else if (slot < count &&
                   preferred(a, spr_analysis_speedup, result, &a->results[indices[slot]])) {
            indices[slot] = i;
        }
    }
    return count;
}

static size_t best_of(const struct spr_analysis *a, size_t batch_index, bool limited)
{
    size_t best = a->result_count;
    for (size_t i = 0; i < a->result_count; i++) {
        if (eligible(a, &a->results[i], batch_index, limited) &&
            (best == a->result_count ||
             preferred(a, spr_analysis_speedup, &a->results[i], &a->results[best]))) {
            best = i;
        }
    }
    return best;
}

size_t spr_analysis_fastest(const struct spr_analysis *a, size_t batch_index)
{
    return best_of(a, batch_index, any_within(a, batch_index));
}

size_t spr_analysis_recommend(const struct spr_analysis *a, size_t batch_index)
{
    size_t best = a->expected_leads ? best_of(a, batch_index, true) : a->result_count;
    bool pays =
        best < a->result_count && spr_analysis_speedup(a, &a->results[best]) >= SPR_PAYS;
    return pays ? best : a->result_count;
}

size_t spr_analysis_potential(const struct spr_analysis *a, size_t batch_index)
{
    const size_t none = a->result_count, recommended = spr_analysis_recommend(a, batch_index);
    size_t best = none;
    double least = SPR_PAYS;
    if (recommended < none) {
        least = fmax(least, a->results[recommended].expected.speedup);
    }
    for (size_t i = 0; i < none; i++) {
        const struct spr_result *result = &a->results[i];
        const bool known = a->has_expected && isfinite(result->expected.speedup);
        if (!known && eligible(a, result, batch_index, true) &&
            (best == none || preferred(a, bound_speedup, result, &a->results[best]))) {
            best = i;
        }
    }
    return best < none && a->results[best].speedup >= least ? best : none;
}

size_t spr_analysis_shown(const struct spr_analysis *a, size_t batch_index)
{
    size_t shown = spr_analysis_recommend(a, batch_index);
    if (shown == a->result_count && !a->expected_leads) {
        shown = spr_analysis_potential(a, batch_index);
    }
    return shown < a->result_count ? shown : spr_analysis_fastest(a, batch_index);
}

const struct spr_result *spr_analysis_find(const struct spr_analysis *a, const char *variant,
                                           size_t batch_index)
{
    for (size_t i = 0; i < a->result_count; i++) {
        if (a->results[i].batch_index == batch_index &&
            strcmp(a->results[i].variant->name, variant) == 0) {
            return &a->results[i];
        }
    }
    return NULL;
}
