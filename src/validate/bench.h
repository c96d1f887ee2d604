/* SPDX-License-Identifier: Apache-2.0 */
/* Timing several functions against each other. The clock, the canaries and the random stream are
 * given by the caller, so that tests need no real time. */
#ifndef SPROOF_VALIDATE_BENCH_H
#define SPROOF_VALIDATE_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/canary.h"
#include "sproof/arena.h"
#include "sproof/measurement.h"
#include "sproof/status.h"

#define SPR_BENCH_SUBJECTS_MAX 64

/* Most samples of one subject in one visit. */
#define SPR_BENCH_SAMPLES_MAX 512

/* As many in each visit, whatever the budget. */
#define SPR_BENCH_SAMPLES_MIN 6

/* Something to time; *result gets the samples. */
struct spr_subject {
    void (*run)(void *context);
    void *context;
    struct spr_measurement *result;
    double pause_s; /* idle before each sample: threads of another subject's team that wait by
                     * spinning would take the cores from this one */
    bool beside;    /* it is not waited for: others are what is to be known */
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order of reading */
struct spr_bench {
    double (*clock_s)(void); /* seconds, never falling */
    double begin_s;          /* when the run began, by that clock */
    int visit;               /* of this run, from 0 */
    uint64_t *random;        /* splitmix64 stream: the order */
    double warm_up_s;        /* of each subject, at least one call */
    double sample_s; /* least length of a sample: shorter calls are made several times */
    double budget_s; /* of the visit, warm-up included */
    struct spr_canaries *canaries; /* NULL: none are run */
    bool memory;                   /* the subjects need memory: its canary is run, too */
    /* Untimed, before each sample; NULL: one call of the subject itself, which brings its
     * own data back after another subject ran. With it a sample is a single call. */
    void (*before)(const void *context, const void *subject_context);
    const void *context;
    bool (*stop)(void); /* asked between samples; NULL: never */
};

/* One visit: times all subjects, interleaved in random order, until the quickest calls of each
 * agree or the budget is spent; the samples follow those of earlier visits. They belong to the
 * arena; nothing is judged. Errors: SPR_EINTERRUPTED when told to stop, SPR_ENOMEM, SPR_EINPUT
 * (too many subjects); results are then unchanged. */
enum spr_status spr_bench_visit(const struct spr_bench *bench,
                                const struct spr_subject *subjects, size_t count,
                                struct spr_arena *arena, struct spr_error *err);

/* Judges samples without canaries by their median and its 95 % bootstrap interval; `random` picks
 * the resamples. At most SPR_BENCH_SAMPLES_MAX of them count. */
void spr_bench_by_median(struct spr_measurement *result, uint64_t *random);

void spr_bench_sleep(double seconds);

#endif
