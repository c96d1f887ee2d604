/* SPDX-License-Identifier: Apache-2.0 */
/* Two lists of times matched and judged. */
#include "sproof/compare.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/numbers.h"
#include "base/random.h"
#include "compare/compare_inputs.h"
#include "validate/bootstrap.h"

const char *spr_verdict_name(enum spr_verdict verdict)
{
    static const char *const names[] = {"within", "only-in-new",  "straddling",
                                        "noisy",  "only-in-base", "slower"};
    return names[verdict];
}

/* Adds the draws of one measurement's median. */
static bool draw_median(const struct spr_measurement *m, double sign, uint64_t *state,
                        double sums[SPR_BOOTSTRAP_DRAWS], double *log_value)
{
    double *sorted = spr_calloc(m->sample_count, sizeof *sorted);
    unsigned *counts = spr_calloc(m->sample_count, sizeof *counts);
    if (sorted && counts) {
        for (size_t i = 0; i < m->sample_count; i++) {
            sorted[i] = m->samples[i].seconds;
        }
        *log_value += sign * log(spr_median(sorted, m->sample_count));
        spr_bootstrap_log_medians(sorted, m->sample_count, counts, state, sign, sums);
    }
    bool done = sorted && counts;
    spr_free(sorted);
    spr_free(counts);
    return done;
}

/* Adds draws of an undisturbed time: anywhere in its interval, which is as much as visits tell. */
static bool draw_undisturbed(const struct spr_measurement *m, double sign, uint64_t *state,
                             double sums[SPR_BOOTSTRAP_DRAWS], double *log_value)
{
    const double low = log(m->low_s), width = log(m->high_s) - low;
    *log_value += sign * log(m->time_s);
    for (size_t i = 0; i < SPR_BOOTSTRAP_DRAWS; i++) {
        sums[i] += sign * (low + width * spr_random_unit(state));
    }
    return true;
}

/* How the times of two records are drawn: as both of them can be. */
typedef bool drawing(const struct spr_measurement *m, double sign, uint64_t *state,
                     double sums[SPR_BOOTSTRAP_DRAWS], double *log_value);

static bool by_median(const struct spr_timing *p)
{
    return p->samples.by_median || (p->dense_kernel && p->dense_samples.by_median);
}

static struct spr_ratio ratio_of(double log_value, const double draws[SPR_BOOTSTRAP_DRAWS])
{
    double sorted[SPR_BOOTSTRAP_DRAWS];
    struct spr_ratio ratio = {.value = exp(log_value)};
    memcpy(sorted, draws, sizeof sorted);
    spr_bootstrap_interval(sorted, &ratio.low, &ratio.high);
    ratio.low = fmin(exp(ratio.low), ratio.value);
    ratio.high = fmax(exp(ratio.high), ratio.value);
    return ratio;
}

static bool enough(const struct spr_timing *p)
{
    return !p->inconclusive && p->samples.sample_count >= SPR_BOOTSTRAP_SAMPLES_MIN;
}

static bool dense_enough(const struct spr_timing *p)
{
    return p->dense_kernel && p->dense_samples.sample_count >= SPR_BOOTSTRAP_SAMPLES_MIN;
}

/* Sums over the rows, for the geometric mean. The cases are a fixed set, not drawn from a
 * larger one: only the times are drawn again. */
struct mean {
    double log_value;
    double draws[SPR_BOOTSTRAP_DRAWS];
    size_t count;
};

/* Measured: the interval from drawing the times of both records again. */
static bool judge_samples(struct spr_compared *row, size_t seed, struct mean *mean)
{
    double draws[SPR_BOOTSTRAP_DRAWS] = {0}, log_value = 0;
    uint64_t state = seed;
    const struct spr_timing *base = row->base, *next = row->next;
    row->by_median = by_median(base) || by_median(next);
    drawing *const draw = row->by_median ? draw_median : draw_undisturbed;
    if (!draw(&next->samples, 1, &state, draws, &log_value) ||
        !draw(&base->samples, -1, &state, draws, &log_value)) {
        return false;
    }
    row->time = row->ratio = ratio_of(log_value, draws);
    row->by_speedup = dense_enough(base) && dense_enough(next);
    if (row->by_speedup) {
        if (!draw(&next->dense_samples, -1, &state, draws, &log_value) ||
            !draw(&base->dense_samples, 1, &state, draws, &log_value)) {
            return false;
        }
        row->ratio = ratio_of(log_value, draws);
    }
    for (size_t i = 0; i < SPR_BOOTSTRAP_DRAWS; i++) {
        mean->draws[i] += draws[i];
    }
    mean->log_value += log_value;
    mean->count++;
    return true;
}

/* Computed: no interval. Two times of 0 are equal. The mean is of networks: their layers are
 * in them already. */
static void judge_times(struct spr_compared *row, struct mean *mean)
{
    double base = row->base->time_s, next = row->next->time_s;
    double value = base == next ? 1 : next / base;
    row->time = row->ratio = (struct spr_ratio){value, value, value};
    if (!row->base->layer && value > 0 && isfinite(value)) {
        for (size_t i = 0; i < SPR_BOOTSTRAP_DRAWS; i++) {
            mean->draws[i] += log(value);
        }
        mean->log_value += log(value);
        mean->count++;
    }
}

/* Rounding of a quotient must not turn a limit that is met exactly into a failure. */
#define SLACK 1e-12

static enum spr_verdict verdict_of(const struct spr_ratio *ratio, double max_regression)
{
    double limit = (1 + max_regression) * (1 + SLACK);
    return ratio->low > limit     ? SPR_SLOWER
           : ratio->high <= limit ? SPR_WITHIN
                                  : SPR_STRADDLING;
}

static bool judge(struct spr_comparison *c, size_t index, struct mean *mean)
{
    static const struct spr_ratio unknown = {(double)NAN, (double)NAN, (double)NAN};
    struct spr_compared *row = &c->rows[index];
    row->time = row->ratio = unknown;
    if (!row->base || !row->next) {
        row->verdict = row->base ? SPR_ONLY_IN_BASE : SPR_ONLY_IN_NEW;
        return true;
    }
    c->matched++;
    if (row->base->measured && (!enough(row->base) || !enough(row->next))) {
        row->verdict = SPR_NOISY;
        return true;
    }
    if (!row->base->measured) {
        judge_times(row, mean);
    } else if (!judge_samples(row, index, mean)) {
        return false;
    }
    row->verdict = verdict_of(&row->ratio, c->max_regression);
    return true;
}

/* The most worrying first, then the slowest; equal ones stay in the order of the record. */
static int by_concern(const void *a, const void *b)
{
    const struct spr_compared *left = a, *right = b;
    double l = left->ratio.value, r = right->ratio.value;
    const struct spr_timing *lp = left->base ? left->base : left->next;
    const struct spr_timing *rp = right->base ? right->base : right->next;
    if (left->verdict != right->verdict) {
        return left->verdict > right->verdict ? -1 : 1;
    }
    if (l != r && !isnan(l) && !isnan(r)) {
        return l > r ? -1 : 1;
    }
    return (lp > rp) - (lp < rp);
}

static enum spr_verdict overall(const struct spr_comparison *c)
{
    bool mean = !isnan(c->mean.value);
    enum spr_verdict of_mean = mean ? verdict_of(&c->mean, c->max_regression) : SPR_STRADDLING;
    if (c->verdicts[SPR_SLOWER] > 0 || of_mean == SPR_SLOWER) {
        return SPR_SLOWER;
    }
    bool unsure = c->verdicts[SPR_STRADDLING] + c->verdicts[SPR_NOISY] > 0;
    return unsure || of_mean == SPR_STRADDLING ? SPR_STRADDLING : SPR_WITHIN;
}

static enum spr_status judge_all(struct spr_comparison *c, struct spr_error *err)
{
    struct mean *mean = spr_calloc(1, sizeof *mean);
    bool done = mean != NULL;
    for (size_t i = 0; i < c->row_count && done; i++) {
        done = judge(c, i, mean);
        c->verdicts[c->rows[i].verdict]++;
    }
    c->mean = (struct spr_ratio){(double)NAN, (double)NAN, (double)NAN};
    if (done && mean->count > 0) {
        for (size_t i = 0; i < SPR_BOOTSTRAP_DRAWS; i++) {
            mean->draws[i] /= (double)mean->count;
        }
        c->mean = ratio_of(mean->log_value / (double)mean->count, mean->draws);
    }
    spr_free(mean);
    if (!done) {
        return spr_no_memory(err);
    }
    qsort(c->rows, c->row_count, sizeof *c->rows, by_concern);
    c->verdict = overall(c);
    return SPR_OK;
}

static enum spr_status match_and_judge(struct spr_comparison *c, struct spr_error *err)
{
    SPR_TRY(spr_compare_match(c, err));
    SPR_TRY(judge_all(c, err));
    if (c->matched == 0) {
        return spr_fail(err, SPR_EINPUT, "%s and %s have no case in common", c->base->path,
                        c->next->path);
    }
    return SPR_OK;
}

enum spr_status spr_compare(const struct spr_timings *base, const struct spr_timings *next,
                            double max_regression, struct spr_comparison *c,
                            struct spr_error *err)
{
    *c = (struct spr_comparison){.base = base, .next = next, .max_regression = max_regression};
    if (base->validation != next->validation) {
        return spr_fail(err, SPR_EINPUT,
                        "%s is %s record, %s is %s record: expected two of a kind", base->path,
                        base->validation ? "a validation" : "an analysis", next->path,
                        next->validation ? "a validation" : "an analysis");
    }
    spr_compare_inputs(c);
    enum spr_status status = match_and_judge(c, err);
    if (status != SPR_OK) {
        spr_comparison_free(c);
    }
    return status;
}

void spr_comparison_free(struct spr_comparison *c)
{
    spr_free(c->rows);
    spr_notes_free(&c->mismatches);
    *c = (struct spr_comparison){0};
}
