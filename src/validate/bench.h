/* SPDX-License-Identifier: Apache-2.0 */
/* Timing several functions against each other. The clock and the random stream are given by
 * the caller, so that tests need no real time. */
#ifndef SPROOF_VALIDATE_BENCH_H
#define SPROOF_VALIDATE_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sproof/validation.h"

#define SPR_BENCH_SUBJECTS_MAX 64

/* Most samples kept of one subject. */
#define SPR_BENCH_SAMPLES_MAX 512

/* A 95 % interval needs so many: the median lies outside the range of n samples with a
 * probability of 2^(1-n), which is below 5 % from here on. */
#define SPR_BENCH_SAMPLES_MIN 6

/* An interval is looked at from here on. */
#define SPR_BENCH_SAMPLES_NARROW 11

/* Width of the interval as a share of the median: enough, and too wide for a number. */
#define SPR_BENCH_NARROW 0.02
#define SPR_BENCH_WIDE 0.10

/* Something to time; *result is filled. */
struct spr_subject {
    void (*run)(void *context);
    void *context;
    struct spr_measurement *result;
    double pause_s; /* idle before each sample: threads of another subject's team that wait by
                     * spinning would take the cores from this one */
    bool beside;    /* its interval is not waited for: others are what is to be known */
};

struct spr_bench {
    double (*clock_s)(void); /* seconds, never falling */
    uint64_t *random;        /* splitmix64 stream: the order, and the resamples */
    double warm_up_s;        /* of each subject, at least one call */
    double sample_s;         /* least length of a sample: short functions are called often */
    double budget_s;         /* of all subjects together, warm-up included */
    /* Untimed, before each sample; NULL: one call of the subject itself, which brings its
     * own data back after another subject ran. With it a sample is a single call. */
    void (*before)(const void *context, const void *subject_context);
    const void *context;
    /* How often another program took a core from this one so far; NULL: unknown. */
    double (*switches)(void);
    bool (*stop)(void); /* asked between samples; NULL: never */
};

/* Times all subjects, interleaved in random order, until each interval is narrow or the
 * budget is spent; SPR_BENCH_SAMPLES_MIN samples of each are taken whatever it is. Samples
 * belong to the arena.
 * Errors: SPR_EINTERRUPTED when told to stop, SPR_ENOMEM; results are then unchanged. */
enum spr_status spr_bench_run(const struct spr_bench *bench,
                              const struct spr_subject *subjects, size_t count,
                              struct spr_arena *arena, struct spr_error *err);

/* Median, interval, MAD and outliers of result->samples. `random` picks the resamples. */
void spr_bench_summarise(struct spr_measurement *result, uint64_t *random);

/* The interval is too wide, there are too few samples, or another program was at work in half
 * of them: the median is no number. */
bool spr_bench_inconclusive(const struct spr_measurement *result);

void spr_bench_sleep(double seconds);

#endif
