/* SPDX-License-Identifier: Apache-2.0 */
/* The undisturbed time out of samples and canaries. The constants are explained, with the
 * recordings they come from, in src/host/README.md. */
#include "sproof/measurement.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/numbers.h"

/* Of a visit's readings so many may have been lucky. */
#define CANARY_QUANTILE 0.01
/* Times of two visits, or of the quickest calls of one, agree. */
#define AGREEMENT 1.02
/* A visit found calls that nobody disturbed when its third is within this of the time. */
#define SUPPORT 1.10
#define SUPPORT_CALLS 3
/* A single visit has no second one to agree with: of its moments so many must be undisturbed. */
#define ALONE_SHARE 0.5

const char *spr_canary_name(enum spr_canary canary)
{
    static const char *const names[SPR_CANARIES] = {"multiply_add", "l2", "memory"};
    return names[canary];
}

double spr_canary_slack(enum spr_canary canary)
{
    static const double slack[SPR_CANARIES] = {0.05, 0.20, 0.35};
    return slack[canary];
}

const char *spr_doubt_name(enum spr_doubt doubt)
{
    static const char *const names[SPR_DOUBTS] = {"none",   "few",  "neighbour", "long",
                                                  "visits", "once", "spread"};
    return names[doubt];
}

struct spr_timed spr_timed_alone(double seconds)
{
    struct spr_timed timed = {.seconds = seconds, .at_s = (double)NAN};
    for (int c = 0; c < SPR_CANARIES; c++) {
        timed.before_s[c] = timed.after_s[c] = (double)NAN;
    }
    return timed;
}

/* What one visit found. */
struct visit {
    size_t calls, quiet_calls; /* quiet: up to the third-quickest, no canary slow beside it */
    double least_s, third_s;   /* HUGE_VAL: fewer calls */
    bool counts;
};

/* What is judged together. */
struct judging {
    struct spr_measurement *const *all;
    size_t count;
    const double *least_canary_s;
    int visits;
    bool *counts; /* [visits] */
    double *work; /* room for two readings of each sample */
};

/* The quantile of a canary's readings in a visit; NAN: there are none. */
static double canary_of(const struct judging *j, int visit, int canary)
{
    size_t count = 0;
    for (size_t a = 0; a < j->count; a++) {
        const struct spr_measurement *m = j->all[a];
        for (size_t i = 0; i < m->sample_count; i++) {
            const struct spr_timed *t = &m->samples[i];
            const double readings[] = {t->before_s[canary], t->after_s[canary]};
            for (int r = 0; r < 2 && t->visit == visit; r++) {
                if (!isnan(readings[r])) {
                    j->work[count++] = readings[r];
                }
            }
        }
    }
    if (count == 0) {
        return (double)NAN;
    }
    spr_sort_numbers(j->work, count);
    return j->work[(size_t)(CANARY_QUANTILE * (double)count)];
}

static void find_quiet(struct judging *j)
{
    for (int v = 0; v < j->visits; v++) {
        j->counts[v] = true;
        for (int c = 0; c < SPR_CANARIES; c++) {
            const double most =
                (1 + spr_canary_slack((enum spr_canary)c)) * j->least_canary_s[c];
            /* NAN, not read or nothing to hold it against: it says nothing. */
            j->counts[v] = j->counts[v] && !(canary_of(j, v, c) > most);
        }
    }
}

/* Of a moment: 1 none of the canaries was slow, 0 one was, -1 none was read. */
static int quiet_at(const double readings[SPR_CANARIES], const double *least_canary_s)
{
    int quiet = -1;
    for (int c = 0; c < SPR_CANARIES; c++) {
        const double most = (1 + spr_canary_slack((enum spr_canary)c)) * least_canary_s[c];
        if (!isnan(readings[c]) && !isnan(most)) {
            quiet = quiet != 0 && readings[c] <= most;
        }
    }
    return quiet;
}

/* Of all moments, before and after samples, those that were undisturbed. */
static double share_of(const struct spr_measurement *m, const double *least_canary_s)
{
    size_t quick = 0, all = 0;
    for (size_t i = 0; i < m->sample_count; i++) {
        const int moments[] = {quiet_at(m->samples[i].before_s, least_canary_s),
                               quiet_at(m->samples[i].after_s, least_canary_s)};
        for (int r = 0; r < 2; r++) {
            all += moments[r] >= 0;
            quick += moments[r] > 0;
        }
    }
    return all > 0 ? (double)quick / (double)all : (double)NAN;
}

/* Fills the quickest calls of a visit; of all or, `whole`, of those that were not preempted. How
 * many there are. */
static size_t find_quickest(const struct spr_measurement *m, int index, bool whole,
                            struct visit *visit)
{
    size_t count = 0;
    double least[SUPPORT_CALLS] = {HUGE_VAL, HUGE_VAL, HUGE_VAL};
    for (size_t i = 0; i < m->sample_count; i++) {
        const struct spr_timed *t = &m->samples[i];
        if (t->visit == index && !(whole && t->preempted)) {
            count++;
            spr_keep_least(least, SUPPORT_CALLS, t->seconds);
        }
    }
    visit->least_s = least[0];
    visit->third_s = least[SUPPORT_CALLS - 1];
    return count;
}

/* A call longer than the system's slices of time is cut by each of them when others want the core:
 * its quickest times then agree, between canaries that fit in a slice, and are too long by a slice.
 */
static struct visit visit_of(const struct spr_measurement *m, int index,
                             const struct judging *j)
{
    struct visit visit = {.counts = j->counts[index]};
    const size_t whole = find_quickest(m, index, true, &visit);
    if (whole < SUPPORT_CALLS) {
        visit.calls = find_quickest(m, index, false, &visit);
        visit.counts = visit.counts && whole == visit.calls;
    } else {
        visit.calls = whole;
    }
    for (size_t i = 0; i < m->sample_count; i++) {
        const struct spr_timed *t = &m->samples[i];
        visit.quiet_calls += t->visit == index && !t->preempted &&
                             t->seconds <= visit.third_s &&
                             quiet_at(t->before_s, j->least_canary_s) != 0 &&
                             quiet_at(t->after_s, j->least_canary_s) != 0;
    }
    return visit;
}

/* The least times of the visits that count and found undisturbed calls, rising; how many. */
static size_t supporting(const struct visit *visits, int count, double time_s, double *least_s)
{
    size_t found = 0;
    for (int v = 0; v < count; v++) {
        if (visits[v].counts && visits[v].third_s <= SUPPORT * time_s) {
            least_s[found++] = visits[v].least_s;
        }
    }
    spr_sort_numbers(least_s, found);
    return found;
}

/* Visits that count and whose own quickest calls lie close to each other: nobody disturbed these,
 * but they found other times. */
static int self_supporting(const struct spr_measurement *m, const struct visit *visits)
{
    int found = 0;
    for (int v = 0; v < m->visits; v++) {
        found += visits[v].counts && visits[v].third_s <= SUPPORT * visits[v].least_s;
    }
    return found;
}

/* A single visit is evidence of its own: its quickest calls agree, nobody disturbed them, and such
 * moments were no exception. What was not read says nothing. */
static bool sure_alone(const struct spr_measurement *m, const struct visit *only)
{
    return only->third_s <= AGREEMENT * only->least_s && only->quiet_calls >= SUPPORT_CALLS &&
           !(m->undisturbed_share < ALONE_SHARE);
}

/* Judges the visits; *least_s: room for one number of each. */
static void judge_visits(struct spr_measurement *m, const struct visit *visits,
                         double *least_s)
{
    int counting = 0, with_calls = 0;
    double time_s = HUGE_VAL, any_s = HUGE_VAL, third_s = HUGE_VAL;
    for (int v = 0; v < m->visits; v++) {
        counting += visits[v].counts && visits[v].calls > 0;
        with_calls += visits[v].calls >= SUPPORT_CALLS;
        any_s = fmin(any_s, visits[v].least_s);
        if (visits[v].counts) {
            time_s = fmin(time_s, visits[v].least_s);
            third_s = fmin(third_s, visits[v].third_s);
        }
    }
    m->time_s = m->low_s = counting > 0 ? time_s : any_s;
    const size_t found = supporting(visits, m->visits, m->time_s, least_s);
    m->high_s = found > 1 ? least_s[1] : third_s;
    if (m->high_s == HUGE_VAL) {
        m->high_s = fmax(m->time_s, m->median_s);
    }
    if (with_calls == 0) {
        m->doubt = SPR_DOUBT_FEW;
    } else if (counting == 0 || (m->visits > 1 && counting == 1)) {
        m->doubt = SPR_DOUBT_NEIGHBOUR;
    } else if (m->visits == 1) {
        m->doubt = sure_alone(m, &visits[0]) ? SPR_DOUBT_NONE : SPR_DOUBT_ONCE;
    } else if (found > 1 && least_s[1] <= AGREEMENT * m->time_s) {
        m->doubt = SPR_DOUBT_NONE;
    } else {
        m->doubt = self_supporting(m, visits) > 1 ? SPR_DOUBT_VISITS : SPR_DOUBT_LONG;
    }
}

static int count_visits(const struct spr_measurement *m)
{
    int visits = 0;
    for (size_t i = 0; i < m->sample_count; i++) {
        visits = m->samples[i].visit >= visits ? m->samples[i].visit + 1 : visits;
    }
    return visits;
}

static void judge_one(const struct judging *j, struct spr_measurement *m, struct visit *found,
                      double *least_s)
{
    m->by_median = false;
    for (size_t i = 0; i < m->sample_count; i++) {
        j->work[i] = m->samples[i].seconds;
    }
    m->median_s = m->sample_count > 0 ? spr_median(j->work, m->sample_count) : (double)NAN;
    for (int v = 0; v < m->visits; v++) {
        found[v] = visit_of(m, v, j);
    }
    m->undisturbed_share = share_of(m, j->least_canary_s);
    judge_visits(m, found, least_s);
}

bool spr_measurements_judge(struct spr_measurement *const *all, size_t count,
                            const double least_canary_s[SPR_CANARIES])
{
    static const double unknown[SPR_CANARIES] = {(double)NAN, (double)NAN, (double)NAN};
    struct judging j = {.all = all,
                        .count = count,
                        .least_canary_s = least_canary_s ? least_canary_s : unknown};
    size_t samples = 0;
    for (size_t i = 0; i < count; i++) {
        all[i]->visits = count_visits(all[i]);
        j.visits = all[i]->visits > j.visits ? all[i]->visits : j.visits;
        samples += all[i]->sample_count;
    }
    const size_t visits = (size_t)j.visits;
    j.work = spr_calloc(2 * samples + visits + 1, sizeof *j.work);
    j.counts = spr_calloc(visits + 1, sizeof *j.counts);
    struct visit *found = spr_calloc(visits + 1, sizeof *found);
    const bool room = j.work && j.counts && found;
    if (room) {
        find_quiet(&j);
        for (size_t i = 0; i < count; i++) {
            judge_one(&j, all[i], found, j.work + 2 * samples);
        }
    }
    spr_free(j.work);
    spr_free(j.counts);
    spr_free(found);
    return room;
}
