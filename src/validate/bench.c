/* SPDX-License-Identifier: Apache-2.0 */
/* Sampling in turns. No verb and no kernel is known here. */
#include "validate/bench.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/mem.h"
#include "base/numbers.h"
#include "base/random.h"
#include "host/sampler.h"
#include "validate/bootstrap.h"

/* A visit is long enough when the quickest calls agree, and there are some: of short calls more,
 * which cost nothing beside making what is timed. */
#define SETTLED_SAMPLES 12
#define SETTLED_SHORT_SAMPLES 100
#define SETTLED_S 0.05
#define SETTLED 1.01
#define QUICKEST 3

/* Width of a median's interval as a share of it: too wide for a number. */
#define WIDE 0.10

/* One call of spr_bench_visit. */
struct session {
    const struct spr_bench *bench;
    const struct spr_subject *subjects;
    size_t count, rounds;
    struct spr_sampler samplers[SPR_BENCH_SUBJECTS_MAX];
    double quickest_s[SPR_BENCH_SUBJECTS_MAX][QUICKEST]; /* rising */
    struct spr_timed *samples;                           /* [subject][SPR_BENCH_SAMPLES_MAX] */
    double started_s, sampling_s;                        /* sampling_s: after the warm-up */
};

static bool stopped(const struct session *s)
{
    return s->bench->stop && s->bench->stop();
}

/* Runs a subject for a while and finds how many calls make a sample. */
static void warm_up(struct session *s, size_t index)
{
    const struct spr_bench *bench = s->bench;
    struct spr_sampler *sampler = &s->samplers[index];
    *sampler = (struct spr_sampler){.clock_s = bench->clock_s,
                                    .threads = 1,
                                    .run = s->subjects[index].run,
                                    .context = s->subjects[index].context};
    size_t calls =
        spr_sampler_warm_up(sampler, bench->warm_up_s, bench->sample_s, bench->stop);
    sampler->calls = bench->before ? 1 : calls;
    for (int i = 0; i < QUICKEST; i++) {
        s->quickest_s[index][i] = HUGE_VAL;
    }
}

void spr_bench_sleep(double seconds)
{
    struct timespec span = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
    nanosleep(&span, NULL);
}

static double read_canary(const struct session *s, enum spr_canary canary)
{
    struct spr_canaries *canaries = s->bench->canaries;
    if (!canaries || (canary == SPR_CANARY_MEMORY && !s->bench->memory)) {
        return (double)NAN;
    }
    return canaries->read(canaries, canary);
}

static void bring_back(const struct session *s, const struct spr_subject *subject)
{
    const struct spr_bench *bench = s->bench;
    if (bench->before) {
        bench->before(bench->context, subject->context);
    } else {
        subject->run(subject->context);
    }
}

/* How often the system took a core from this process so far. Under a clock of the caller's, which
 * stands still meanwhile: never. */
static long preemptions(const struct session *s)
{
    struct rusage usage;
    return s->bench->canaries && getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_nivcsw : 0;
}

/* The canaries of the caches come before the subject's data are brought back, of which they take
 * the place; that of the multiply-adds needs no room. None is run on the cores of threads that
 * spin, which is what a pause is for. */
static void take_sample(struct session *s, size_t index)
{
    const struct spr_subject *subject = &s->subjects[index];
    const bool spins = subject->pause_s > 0;
    struct spr_timed *t = &s->samples[index * SPR_BENCH_SAMPLES_MAX + s->rounds];
    t->visit = s->bench->visit;
    for (int c = 0; c < SPR_CANARIES; c++) {
        t->before_s[c] = c > 0 || spins ? read_canary(s, (enum spr_canary)c) : (double)NAN;
        t->after_s[c] = (double)NAN;
    }
    if (spins) {
        spr_bench_sleep(subject->pause_s);
    }
    bring_back(s, subject);
    if (!spins) {
        t->before_s[SPR_CANARY_MULTIPLY_ADD] = read_canary(s, SPR_CANARY_MULTIPLY_ADD);
    }
    const long before = preemptions(s);
    const struct spr_sample sample = spr_sample_take(&s->samplers[index]);
    t->preempted = preemptions(s) != before;
    t->seconds = sample.mean_each_s;
    t->at_s = sample.begin_s - s->bench->begin_s;
    for (int c = 0; c < SPR_CANARIES && !spins; c++) {
        t->after_s[c] = read_canary(s, (enum spr_canary)c);
    }
    if (!t->preempted) {
        spr_keep_least(s->quickest_s[index], QUICKEST, t->seconds);
    }
}

/* One sample of each subject, in random order (Fisher & Yates). */
static void take_round(struct session *s)
{
    size_t order[SPR_BENCH_SUBJECTS_MAX] = {0};
    for (size_t i = 0; i < s->count; i++) {
        order[i] = i;
    }
    for (size_t i = s->count; i > 1; i--) {
        size_t j = spr_random(s->bench->random) % i, swapped = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swapped;
    }
    for (size_t i = 0; i < s->count; i++) {
        take_sample(s, order[i]);
    }
    s->rounds++;
}

/* More samples of this moment would tell nothing new. */
static bool settled(const struct session *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const double *quickest_s = s->quickest_s[i];
        if (!s->subjects[i].beside && quickest_s[QUICKEST - 1] > SETTLED * quickest_s[0]) {
            return false;
        }
    }
    return s->rounds >= SETTLED_SAMPLES && (s->rounds >= SETTLED_SHORT_SAMPLES ||
                                            s->bench->clock_s() - s->sampling_s >= SETTLED_S);
}

static bool spent(const struct session *s)
{
    return s->rounds >= SPR_BENCH_SAMPLES_MIN &&
           s->bench->clock_s() - s->started_s >= s->bench->budget_s;
}

static enum spr_status sample(struct session *s, struct spr_error *err)
{
    s->started_s = s->bench->clock_s();
    for (size_t i = 0; i < s->count; i++) {
        warm_up(s, i);
    }
    s->sampling_s = s->bench->clock_s();
    while (s->rounds < SPR_BENCH_SAMPLES_MAX && !settled(s) && !spent(s)) {
        if (stopped(s)) {
            return spr_fail(err, SPR_EINTERRUPTED, "interrupted");
        }
        take_round(s);
    }
    return SPR_OK;
}

/* The samples of earlier visits and these, in the arena; NULL: out of memory. */
static struct spr_timed *joined(const struct session *s, size_t index, struct spr_arena *arena)
{
    const struct spr_measurement *result = s->subjects[index].result;
    const size_t before = result->sample_count;
    struct spr_timed *all = spr_arena_alloc(arena, (before + s->rounds) * sizeof *all);
    if (all && before > 0) {
        memcpy(all, result->samples, before * sizeof *all);
    }
    if (all) {
        memcpy(all + before, s->samples + index * SPR_BENCH_SAMPLES_MAX,
               s->rounds * sizeof *all);
    }
    return all;
}

static enum spr_status keep(const struct session *s, struct spr_arena *arena,
                            struct spr_error *err)
{
    struct spr_timed *all[SPR_BENCH_SUBJECTS_MAX];
    for (size_t i = 0; i < s->count; i++) {
        all[i] = joined(s, i, arena);
        if (!all[i]) {
            return spr_no_memory(err);
        }
    }
    for (size_t i = 0; i < s->count; i++) {
        s->subjects[i].result->samples = all[i];
        s->subjects[i].result->sample_count += s->rounds;
    }
    return SPR_OK;
}

enum spr_status spr_bench_visit(const struct spr_bench *bench,
                                const struct spr_subject *subjects, size_t count,
                                struct spr_arena *arena, struct spr_error *err)
{
    struct session s = {.bench = bench, .subjects = subjects, .count = count};
    if (count == 0 || count > SPR_BENCH_SUBJECTS_MAX) {
        return spr_fail(err, SPR_EINPUT, "%zu functions to time: expected 1 to %d", count,
                        SPR_BENCH_SUBJECTS_MAX);
    }
    s.samples = spr_calloc(count * SPR_BENCH_SAMPLES_MAX, sizeof *s.samples);
    enum spr_status status = s.samples ? sample(&s, err) : spr_no_memory(err);
    status = status ? status : keep(&s, arena, err);
    spr_free(s.samples);
    return status;
}

/* Percentile bootstrap of the median of rising samples. Its draws are logarithms, whose last
 * digit may pass the median's. */
static void set_interval(struct spr_measurement *result, const double *sorted, size_t count,
                         uint64_t *random)
{
    double draws[SPR_BOOTSTRAP_DRAWS] = {0}, low, high;
    unsigned counts[SPR_BENCH_SAMPLES_MAX];
    spr_bootstrap_log_medians(sorted, count, counts, random, 1, draws);
    spr_bootstrap_interval(draws, &low, &high);
    result->low_s = fmin(exp(low), result->median_s);
    result->high_s = fmax(exp(high), result->median_s);
}

void spr_bench_by_median(struct spr_measurement *result, uint64_t *random)
{
    double work[SPR_BENCH_SAMPLES_MAX] = {0};
    const size_t all = result->sample_count;
    const size_t count = all < SPR_BENCH_SAMPLES_MAX ? all : SPR_BENCH_SAMPLES_MAX;
    if (count == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        work[i] = result->samples[i].seconds;
    }
    result->by_median = true;
    result->visits = 1;
    result->undisturbed_share = (double)NAN;
    result->median_s = result->time_s = spr_median(work, count);
    set_interval(result, work, count, random);
    result->doubt = count < SPR_BENCH_SAMPLES_MIN ? SPR_DOUBT_FEW
                    : result->high_s - result->low_s > WIDE * result->median_s
                        ? SPR_DOUBT_SPREAD
                        : SPR_DOUBT_NONE;
}
