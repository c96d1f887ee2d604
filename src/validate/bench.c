/* SPDX-License-Identifier: Apache-2.0 */
/* Sampling and its statistics. No verb and no kernel is known here. */
#include "validate/bench.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/numbers.h"
#include "base/random.h"
#include "host/sampler.h"
#include "validate/bootstrap.h"

/* A program that takes a core keeps it for about this long (Linux, base_slice_ns: 1.4 ms on
 * two CPUs, 2.8 ms on eight and more). */
#define SLICE_S 2e-3

/* Looking at the intervals costs more than a sample: from one look to the next a third more
 * samples are taken. */
#define NEXT_LOOK(rounds) ((rounds) + (rounds) / 3)

/* Percentile bootstrap of the median of rising samples. Its draws are logarithms, whose last
 * digit may pass the median's. */
static void set_interval(struct spr_measurement *result, const double *sorted,
                         uint64_t *random)
{
    double draws[SPR_BOOTSTRAP_DRAWS] = {0}, low, high;
    unsigned counts[SPR_BENCH_SAMPLES_MAX];
    spr_bootstrap_log_medians(sorted, result->sample_count, counts, random, 1, draws);
    spr_bootstrap_interval(draws, &low, &high);
    result->low_s = fmin(exp(low), result->median_s);
    result->high_s = fmax(exp(high), result->median_s);
}

void spr_bench_summarise(struct spr_measurement *result, uint64_t *random)
{
    double work[SPR_BENCH_SAMPLES_MAX] = {0};
    size_t count = result->sample_count;
    if (count == 0 || count > SPR_BENCH_SAMPLES_MAX) {
        return;
    }
    memcpy(work, result->samples, count * sizeof *work);
    result->median_s = spr_median(work, count);
    set_interval(result, work, random);
    result->mad_s = spr_median_distance(work, count, result->median_s);
    result->outliers = 0;
    for (size_t i = 0; i < count; i++) {
        result->outliers += fabs(result->samples[i] - result->median_s) > 5 * result->mad_s;
    }
}

static bool narrower(const struct spr_measurement *result, double share)
{
    return result->high_s - result->low_s <= share * result->median_s;
}

bool spr_bench_inconclusive(const struct spr_measurement *result)
{
    return result->sample_count < SPR_BENCH_SAMPLES_MIN ||
           2 * result->disturbed >= result->sample_count || !narrower(result, SPR_BENCH_WIDE);
}

/* One call of spr_bench_run. */
struct session {
    const struct spr_bench *bench;
    const struct spr_subject *subjects;
    size_t count, rounds;
    struct spr_sampler samplers[SPR_BENCH_SUBJECTS_MAX];
    struct spr_measurement results[SPR_BENCH_SUBJECTS_MAX];
    double *samples; /* [subject][SPR_BENCH_SAMPLES_MAX] */
    size_t disturbed[SPR_BENCH_SUBJECTS_MAX];
    double started_s;
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
}

void spr_bench_sleep(double seconds)
{
    struct timespec span = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
    nanosleep(&span, NULL);
}

static void take_sample(struct session *s, size_t index)
{
    const struct spr_bench *bench = s->bench;
    const struct spr_subject *subject = &s->subjects[index];
    if (subject->pause_s > 0) {
        spr_bench_sleep(subject->pause_s);
    }
    if (bench->before) {
        bench->before(bench->context, subject->context);
    } else {
        subject->run(subject->context);
    }
    double switches = bench->switches ? bench->switches() : 0;
    const struct spr_sample sample = spr_sample_take(&s->samplers[index]);
    switches = bench->switches ? bench->switches() - switches : 0;
    s->samples[index * SPR_BENCH_SAMPLES_MAX + s->rounds] = sample.mean_each_s;
    s->disturbed[index] +=
        switches * SLICE_S > SPR_BENCH_WIDE * (sample.end_s - sample.begin_s);
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

/* Fills the results; true when all intervals are narrow. */
static bool look(struct session *s)
{
    bool narrow = s->rounds >= SPR_BENCH_SAMPLES_NARROW;
    for (size_t i = 0; i < s->count; i++) {
        s->results[i].samples = s->samples + i * SPR_BENCH_SAMPLES_MAX;
        s->results[i].sample_count = s->rounds;
        s->results[i].disturbed = s->disturbed[i];
        spr_bench_summarise(&s->results[i], s->bench->random);
        narrow =
            narrow && (s->subjects[i].beside || narrower(&s->results[i], SPR_BENCH_NARROW));
    }
    return narrow;
}

static bool spent(const struct session *s)
{
    return s->rounds >= SPR_BENCH_SAMPLES_MIN &&
           s->bench->clock_s() - s->started_s >= s->bench->budget_s;
}

static enum spr_status sample(struct session *s, struct spr_error *err)
{
    size_t next = SPR_BENCH_SAMPLES_NARROW;
    s->started_s = s->bench->clock_s();
    for (size_t i = 0; i < s->count; i++) {
        warm_up(s, i);
    }
    for (bool done = false; !done;) {
        if (stopped(s)) {
            return spr_fail(err, SPR_EINTERRUPTED, "interrupted");
        }
        take_round(s);
        done = s->rounds == SPR_BENCH_SAMPLES_MAX || spent(s);
        if (done || s->rounds == next) {
            next = NEXT_LOOK(next);
            done = look(s) || done;
        }
    }
    return SPR_OK;
}

enum spr_status spr_bench_run(const struct spr_bench *bench,
                              const struct spr_subject *subjects, size_t count,
                              struct spr_arena *arena, struct spr_error *err)
{
    struct session s = {.bench = bench, .subjects = subjects, .count = count};
    if (count == 0 || count > SPR_BENCH_SUBJECTS_MAX) {
        return spr_fail(err, SPR_EINPUT, "%zu functions to time: expected 1 to %d", count,
                        SPR_BENCH_SUBJECTS_MAX);
    }
    s.samples = spr_calloc(count * SPR_BENCH_SAMPLES_MAX, sizeof *s.samples);
    double *kept = s.samples
                       ? spr_arena_alloc(arena, count * SPR_BENCH_SAMPLES_MAX * sizeof *kept)
                       : NULL;
    enum spr_status status = kept ? sample(&s, err) : spr_no_memory(err);
    for (size_t i = 0; kept && i < count && status == SPR_OK; i++) {
        double *own = kept + i * s.rounds;
        memcpy(own, s.samples + i * SPR_BENCH_SAMPLES_MAX, s.rounds * sizeof *own);
        *subjects[i].result = s.results[i];
        subjects[i].result->samples = own;
    }
    spr_free(s.samples);
    return status;
}
