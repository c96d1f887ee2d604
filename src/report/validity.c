/* SPDX-License-Identifier: Apache-2.0 */
/* Is the prediction true here? */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sproof/report.h"

/* 90 % of the speedups this close: a prediction to plan with. Half of them: a direction. */
#define TRUE_P90 0.15
#define TRUE_MEDIAN 0.15
/* With fewer speedups one case is the verdict. */
#define JUDGED_LEAST 5

static bool judged(const struct spr_validation_case *c)
{
    return !c->inconclusive && isfinite(c->speedup_error);
}

static bool limited_by(const struct spr_validation_case *c, enum spr_limit limit)
{
    return judged(c) && c->expected_bound &&
           strcmp(c->expected_bound, spr_limit_name(limit)) == 0;
}

/* The value of `rank` (from 1) among the absolute errors of a limit's cases. */
static double ranked(const struct spr_validation *v, enum spr_limit limit, size_t rank)
{
    for (size_t i = 0; i < v->case_count; i++) {
        double at = fabs(v->cases[i].speedup_error);
        size_t below = 0, alike = 0;
        if (!limited_by(&v->cases[i], limit)) {
            continue;
        }
        for (size_t j = 0; j < v->case_count; j++) {
            double other = fabs(v->cases[j].speedup_error);
            bool counts = limited_by(&v->cases[j], limit);
            below += counts && other < at;
            alike += counts && !(other < at) && !(at < other);
        }
        if (below < rank && rank <= below + alike) {
            return at;
        }
    }
    return (double)NAN;
}

static double limit_median(const struct spr_validation *v, enum spr_limit limit)
{
    size_t count = 0;
    for (size_t i = 0; i < v->case_count; i++) {
        count += limited_by(&v->cases[i], limit);
    }
    return count ? (ranked(v, limit, (count + 1) / 2) + ranked(v, limit, count / 2 + 1)) / 2
                 : (double)NAN;
}

/* Random and real masks, and thread counts, are never mixed: the worst group counts. */
static void judge_groups(const struct spr_validation *v, struct spr_validity *out)
{
    for (size_t i = 0; i < v->case_count; i++) {
        struct spr_validation_summary s;
        if (!spr_validation_opens_group(v, i)) {
            continue;
        }
        (void)spr_validation_summarise(v, v->cases[i].real_mask, v->cases[i].threads, &s);
        if (!isnan(s.speedup_p90_abs_error) &&
            !(s.speedup_p90_abs_error <= out->speedup_p90)) {
            out->speedup_p90 = s.speedup_p90_abs_error;
            out->speedup_median = s.speedup_median_abs_error;
        }
    }
}

struct spr_validity spr_validation_judge(const struct spr_validation *v)
{
    struct spr_validity out = {.speedup_median = (double)NAN,
                               .speedup_p90 = (double)NAN,
                               .worst_median = (double)NAN,
                               .cases = v->case_count};
    for (size_t i = 0; i < v->case_count; i++) {
        out.inconclusive += v->cases[i].inconclusive;
        out.judged += judged(&v->cases[i]);
    }
    judge_groups(v, &out);
    for (int limit = 0; limit < SPR_LIMIT_COUNT; limit++) {
        double median = limit_median(v, (enum spr_limit)limit);
        if (!isnan(median) && !(median <= out.worst_median)) {
            out.worst = (enum spr_limit)limit;
            out.worst_median = median;
        }
    }
    return out;
}

const char *spr_validity_text(const struct spr_validity *v, char *text)
{
    if (v->judged == 0) {
        snprintf(text, SPR_REASON_TEXT, "Is the prediction true here? %s",
                 v->inconclusive == 0
                     ? "Not asked: no case has an expected speedup; the measured times stand "
                       "alone."
                 : v->inconclusive == v->cases
                     ? "Unknown: every case was too noisy; try again on a quieter machine."
                     : "Unknown: no conclusive case has an expected speedup; try again on a "
                       "quieter machine, or with more time.");
        return text;
    }
    if (v->judged < JUDGED_LEAST) {
        snprintf(text, SPR_REASON_TEXT,
                 "Is the prediction true here? Unknown: %zu of %zu cases %s a conclusive "
                 "speedup, too few to tell; take more patterns, sparsities or time.",
                 v->judged, v->cases, v->judged == 1 ? "has" : "have");
        return text;
    }
    const char *answer = v->speedup_p90 <= TRUE_P90         ? "Yes"
                         : v->speedup_median <= TRUE_MEDIAN ? "Mostly"
                                                            : "No";
    int used = snprintf(
        text, SPR_REASON_TEXT,
        "Is the prediction true here? %s: over %zu conclusive cases half of the speedups "
        "are within %.2g %% and 90 %% of them within %.2g %%; the worst limit is %s, with "
        "a median error of %.2g %%.",
        answer, v->judged, 100 * v->speedup_median, 100 * v->speedup_p90,
        spr_limit_name(v->worst), 100 * v->worst_median);
    if (v->inconclusive > 0 && used > 0 && used < SPR_REASON_TEXT) {
        snprintf(text + used, SPR_REASON_TEXT - (size_t)used,
                 " %zu of %zu cases were too noisy to tell.", v->inconclusive, v->cases);
    }
    return text;
}
