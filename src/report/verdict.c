/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict on measured times. */
#include "report/verdict.h"

#include <math.h>

/* Less than this share of a gain is none of it. */
#define HALF 0.5

struct spr_gain spr_gain_of(const struct spr_measured *measured,
                            const struct spr_time_errors *errors)
{
    const double gain = measured->dense_s / measured->sparse_s;
    return (struct spr_gain){gain, gain * (1 - errors->dense) / (1 + errors->sparse),
                             gain * (1 + errors->dense) / (1 - errors->sparse)};
}

double spr_gain_share(double speedup, double most)
{
    return (speedup - 1) / (most - 1);
}

double spr_speedup_allowed(const struct spr_measured *times)
{
    return times->sparse_s > 0 ? times->dense_s / times->sparse_s : 1;
}

double spr_speedup_possible(const struct spr_judged *j)
{
    const double allowed = spr_speedup_allowed(&j->bound);
    const double expected = spr_speedup_allowed(&j->expected);
    return isfinite(j->expected.sparse_s) ? fmin(allowed, expected) : allowed;
}

struct spr_measured spr_percent_reached(const struct spr_measured *of,
                                        const struct spr_measured *measured)
{
    return (struct spr_measured){100 * of->dense_s / measured->dense_s,
                                 100 * of->sparse_s / measured->sparse_s};
}

double spr_error_needed(double most)
{
    const double half = HALF * (most - 1);
    return half / (2 + half);
}

/* Shorter than the hardware allows, whatever the errors. */
static bool beats_bound(const struct spr_judged *j)
{
    return j->measured.dense_s * (1 + j->errors.dense) < j->bound.dense_s ||
           j->measured.sparse_s * (1 + j->errors.sparse) < j->bound.sparse_s;
}

bool spr_fit_is_it(const struct spr_fit *fit)
{
    return fit->level && fit->bytes <= fit->cache_bytes && !fit->asked && fit->explains;
}

static bool is_far(const struct spr_judged *j)
{
    return j->bound.dense_s < SPR_FAR * j->measured.dense_s &&
           j->bound.sparse_s < SPR_FAR * j->measured.sparse_s;
}

static bool is_explained(const struct spr_judged *j)
{
    return fabs(j->expected.dense_s / j->measured.dense_s - 1) <= SPR_EXPLAINED &&
           fabs(j->expected.sparse_s / j->measured.sparse_s - 1) <= SPR_EXPLAINED;
}

/* Most of the sparse time is one more than dense, such as a set-up takes in every call. */
static bool looks_like_set_up(const struct spr_judged *j)
{
    const double excess_s = j->measured.sparse_s - j->measured.dense_s;
    return excess_s > j->measured.dense_s && excess_s >= SPR_SET_UP_LEAST_S * j->pruned &&
           excess_s <= SPR_SET_UP_MOST_S * j->pruned;
}

/* Of times that are alike: what the times at another sparsity add. */
static enum spr_finding verdict_of_two(const struct spr_judged *j, enum spr_finding alone)
{
    const struct spr_two_sparsities *t = &j->two;
    if (!(t->fuller_s > 0) || !(t->emptier_s > 0)) {
        return alone;
    }
    const double low = (t->fuller_s - t->fuller_error_s) / (t->emptier_s + t->emptier_error_s);
    const double high =
        (t->fuller_s + t->fuller_error_s) / (t->emptier_s - t->emptier_error_s);
    const double most = t->fuller_bound_s / t->emptier_bound_s;
    return low > 1                        ? SPR_FINDING_SKIPPED_SLOWLY
           : high - 1 < HALF * (most - 1) ? SPR_FINDING_NOT_SKIPPED
                                          : alone;
}

static enum spr_finding alike(const struct spr_judged *j, const struct spr_gain *gain)
{
    const double possible = spr_speedup_possible(j);
    const enum spr_finding alone = possible < SPR_PAYS ? SPR_FINDING_NOTHING_ALLOWED
                                   : gain->high - 1 >= HALF * (possible - 1)
                                       ? SPR_FINDING_CANNOT_TELL
                                       : SPR_FINDING_SAME_TIME;
    return spr_speedup_allowed(&j->bound) < SPR_PAYS ? alone : verdict_of_two(j, alone);
}

enum spr_finding spr_finding_of(const struct spr_judged *j)
{
    const struct spr_gain gain = spr_gain_of(&j->measured, &j->errors);
    const double allowed = spr_speedup_allowed(&j->bound);
    if (beats_bound(j)) {
        return spr_fit_is_it(&j->fit) ? SPR_FINDING_RESIDENT : SPR_FINDING_BELOW_BOUND;
    }
    if (!(j->density < 1)) {
        return SPR_FINDING_NO_ZEROS;
    }
    if (j->same_excess) {
        return SPR_FINDING_SET_UP;
    }
    if (is_far(j)) {
        return is_explained(j) ? SPR_FINDING_AS_EXPECTED : SPR_FINDING_SOMETHING_ELSE;
    }
    if (gain.high < 1) {
        return looks_like_set_up(j) ? SPR_FINDING_SET_UP : SPR_FINDING_SLOWER;
    }
    if (!(gain.low > 1)) {
        return alike(j, &gain);
    }
    return gain.low > allowed    ? SPR_FINDING_SLOW_BASELINE
           : gain.high < allowed ? SPR_FINDING_SKIPPED_IN_PART
                                 : SPR_FINDING_AS_ALLOWED;
}

static const struct {
    const char *name, *remark;
    enum spr_fate fate;
} rows[SPR_FINDING_COUNT] = {
    [SPR_FINDING_BELOW_BOUND] = {"below_bound", "beats bound?", SPR_FATE_OPEN},
    [SPR_FINDING_RESIDENT] = {"resident", "in the cache?", SPR_FATE_OPEN},
    [SPR_FINDING_NO_ZEROS] = {"no_zeros", "", SPR_FATE_OPEN},
    [SPR_FINDING_AS_EXPECTED] = {"as_expected", "as expected", SPR_FATE_OPEN},
    [SPR_FINDING_SOMETHING_ELSE] = {"something_else", "something else", SPR_FATE_OPEN},
    [SPR_FINDING_SET_UP] = {"set_up", "set-up?", SPR_FATE_SLOWER},
    [SPR_FINDING_SLOWER] = {"slower", "slower", SPR_FATE_SLOWER},
    [SPR_FINDING_NOTHING_ALLOWED] = {"nothing_allowed", "no gain allowed", SPR_FATE_OPEN},
    [SPR_FINDING_CANNOT_TELL] = {"cannot_tell", "cannot tell", SPR_FATE_OPEN},
    [SPR_FINDING_SAME_TIME] = {"same_time", "same time", SPR_FATE_SAME},
    [SPR_FINDING_NOT_SKIPPED] = {"not_skipped", "not skipped", SPR_FATE_SAME},
    [SPR_FINDING_SKIPPED_SLOWLY] = {"skipped_slowly", "slow kernel", SPR_FATE_SAME},
    [SPR_FINDING_SKIPPED_IN_PART] = {"skipped_in_part", "", SPR_FATE_FASTER},
    [SPR_FINDING_SLOW_BASELINE] = {"slow_baseline", "slow dense", SPR_FATE_FASTER},
    [SPR_FINDING_AS_ALLOWED] = {"as_allowed", "", SPR_FATE_FASTER},
    [SPR_FINDING_LAYERS_DIFFER] = {"layers_differ", "", SPR_FATE_OPEN},
};

enum spr_fate spr_finding_fate(enum spr_finding finding)
{
    return rows[finding].fate;
}

const char *spr_finding_name(enum spr_finding finding)
{
    return rows[finding].name;
}

const char *spr_finding_remark(enum spr_finding finding)
{
    return rows[finding].remark;
}

bool spr_multiplies(const struct spr_runtime *runtime)
{
    return runtime && runtime->zeros != SPR_ZEROS_SKIPPED;
}

bool spr_finding_skips(enum spr_finding finding)
{
    return finding == SPR_FINDING_SKIPPED_SLOWLY || finding == SPR_FINDING_SKIPPED_IN_PART ||
           finding == SPR_FINDING_SLOW_BASELINE || finding == SPR_FINDING_AS_ALLOWED;
}
