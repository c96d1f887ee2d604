/* SPDX-License-Identifier: Apache-2.0 */
/* Sampling and its statistics. No verb and no kernel is known here. */
#include "bench.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "mem.h"
#include "sproof/matrix.h"

#define RESAMPLES 500
#define SUBJECTS_MAX 16
#define CALLS_MAX (1u << 24)

/* A program that takes a core keeps it for about this long (Linux, base_slice_ns: 1.4 ms on
 * two CPUs, 2.8 ms on eight and more). */
#define SLICE_S 2e-3

/* Looking at the intervals costs more than a sample: from one look to the next a third more
 * samples are taken. */
#define NEXT_LOOK(rounds) ((rounds) + (rounds) / 3)

/* The element that would stand at `rank` if values were sorted; reorders them (Hoare). */
static double select_rank(double *values, size_t count, size_t rank)
{
    size_t low = 0, high = count - 1;
    while (low < high) {
        double pivot = values[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (values[i] < pivot) {
                i++;
            }
            while (pivot < values[j]) {
                j--;
            }
            if (i >= j) {
                break;
            }
            double swapped = values[i];
            values[i++] = values[j];
            values[j--] = swapped;
        }
        if (rank <= j) {
            high = j;
        } else {
            low = j + 1;
        }
    }
    return values[rank];
}

static double median_of(double *values, size_t count)
{
    double upper = select_rank(values, count, count / 2);
    return count % 2 ? upper : (upper + select_rank(values, count, count / 2 - 1)) / 2;
}

/* Percentile bootstrap (Efron 1979) of the median. */
static void set_interval(struct spr_measurement *result, uint64_t *random)
{
    double resample[SPR_BENCH_SAMPLES_MAX], medians[RESAMPLES];
    size_t count = result->sample_count;
    for (size_t r = 0; r < RESAMPLES; r++) {
        for (size_t i = 0; i < count; i++) {
            resample[i] = result->samples[spr_random(random) % count];
        }
        medians[r] = median_of(resample, count);
    }
    result->low_s = select_rank(medians, RESAMPLES, RESAMPLES * 25 / 1000);
    result->high_s = select_rank(medians, RESAMPLES, RESAMPLES - 1 - RESAMPLES * 25 / 1000);
}

void spr_bench_summarise(struct spr_measurement *result, uint64_t *random)
{
    double work[SPR_BENCH_SAMPLES_MAX];
    size_t count = result->sample_count;
    memcpy(work, result->samples, count * sizeof *work);
    result->median_s = median_of(work, count);
    for (size_t i = 0; i < count; i++) {
        work[i] = fabs(result->samples[i] - result->median_s);
    }
    result->mad_s = median_of(work, count);
    result->outliers = 0;
    for (size_t i = 0; i < count; i++) {
        result->outliers += fabs(result->samples[i] - result->median_s) > 5 * result->mad_s;
    }
    set_interval(result, random);
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
    size_t calls[SUBJECTS_MAX]; /* in one sample */
    struct spr_measurement results[SUBJECTS_MAX];
    double *samples; /* [subject][SPR_BENCH_SAMPLES_MAX] */
    size_t disturbed[SUBJECTS_MAX];
    double started_s;
};

static bool stopped(const struct session *s)
{
    return s->bench->stop && s->bench->stop();
}

/* Runs a subject for a while and finds how many calls make a sample. The time of the last
 * half counts: the first calls meet cold caches and sleeping cores. */
static void warm_up(struct session *s, size_t index)
{
    const struct spr_subject *subject = &s->subjects[index];
    double begin = s->bench->clock_s(), last = begin, now;
    size_t batch = 1;
    double per_call;
    do {
        for (size_t i = 0; i < batch; i++) {
            subject->run(subject->context);
        }
        now = s->bench->clock_s();
        per_call = (now - last) / (double)batch;
        if (now - last < s->bench->sample_s && batch < CALLS_MAX) {
            batch *= 2;
        }
        last = now;
    } while (now - begin < s->bench->warm_up_s && !stopped(s));
    double calls = per_call > 0 ? ceil(s->bench->sample_s / per_call) : (double)batch;
    s->calls[index] = s->bench->before || calls < 1 ? 1
                      : calls > CALLS_MAX           ? CALLS_MAX
                                                    : (size_t)calls;
}

static void sleep_s(double seconds)
{
    struct timespec span = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
    nanosleep(&span, NULL);
}

static void take_sample(struct session *s, size_t index)
{
    const struct spr_bench *bench = s->bench;
    const struct spr_subject *subject = &s->subjects[index];
    if (subject->pause_s > 0) {
        sleep_s(subject->pause_s);
    }
    if (bench->before) {
        bench->before(bench->context, subject->context);
    } else {
        subject->run(subject->context);
    }
    double switches = bench->switches ? bench->switches() : 0;
    double begin = bench->clock_s();
    for (size_t i = 0; i < s->calls[index]; i++) {
        subject->run(subject->context);
    }
    double sample_s = bench->clock_s() - begin;
    switches = bench->switches ? bench->switches() - switches : 0;
    s->samples[index * SPR_BENCH_SAMPLES_MAX + s->rounds] = sample_s / (double)s->calls[index];
    s->disturbed[index] += switches * SLICE_S > SPR_BENCH_WIDE * sample_s;
}

/* One sample of each subject, in random order (Fisher & Yates). */
static void take_round(struct session *s)
{
    size_t order[SUBJECTS_MAX];
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
        narrow = narrow && narrower(&s->results[i], SPR_BENCH_NARROW);
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
    if (count > SUBJECTS_MAX) {
        return spr_fail(err, SPR_EINPUT, "more than %d functions to time", SUBJECTS_MAX);
    }
    s.samples = spr_calloc(count * SPR_BENCH_SAMPLES_MAX, sizeof *s.samples);
    enum spr_status status =
        s.samples ? sample(&s, err) : spr_fail(err, SPR_ENOMEM, "out of memory");
    for (size_t i = 0; i < count && status == SPR_OK; i++) {
        size_t bytes = s.rounds * sizeof(double);
        double *kept = spr_arena_alloc(arena, bytes);
        if (!kept) {
            status = spr_fail(err, SPR_ENOMEM, "out of memory");
            break;
        }
        memcpy(kept, s.results[i].samples, bytes);
        s.results[i].samples = kept;
    }
    for (size_t i = 0; i < count && status == SPR_OK; i++) {
        *subjects[i].result = s.results[i];
    }
    spr_free(s.samples);
    return status;
}
