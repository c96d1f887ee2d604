/* SPDX-License-Identifier: Apache-2.0 */
/* Samples of how long something takes. What is made of them the caller chooses by name: the least,
 * the median (base/numbers.h). */
#ifndef SPROOF_HOST_SAMPLER_H
#define SPROOF_HOST_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>

/* What is timed, and how a sample of it is taken; zeros and NULL leave out what they stand for. */
struct spr_sampler {
    double (*clock_s)(void);      /* seconds, never falling: tests inject one */
    int threads;                  /* of the team that takes each sample; at least 1 */
    void *context;                /* of the first thread */
    size_t size;                  /* of one context: the next thread's follows */
    void (*run)(void *);          /* timed */
    size_t calls;                 /* of run from one look at the clock to the next; 0: 1 */
    double least_s;               /* so long a sample is, unless the clock stands still */
    void (*prepare)(void *);      /* untimed, before each sample */
    bool again;                   /* and then an untimed call of run: its data come back */
    double (*work)(const void *); /* what a thread did in its sample; NULL: its calls */
    double (*took)(const void *); /* seconds, by a device's clock; NULL: clock_s tells */
    bool slowest; /* the seconds kept: of the slowest thread, else the threads' mean */
};

/* One sample. The threads are prepared, then all begin at once. */
struct spr_sample {
    double work;                  /* of all threads */
    double begin_s, last_begin_s; /* of the first thread, of the last one */
    double first_end_s, end_s;    /* likewise: all work from last_begin_s to first_end_s */
    double least_s;               /* of the thread that was done soonest */
    double mean_each_s;           /* for a unit of work: the threads' mean */
    double most_each_s;           /* and of the slowest thread */
};

struct spr_sample spr_sample_take(const struct spr_sampler *sampler);

/* Takes so many samples: of each the seconds for a unit of work, in the order they were taken. */
void spr_sampler_run(const struct spr_sampler *sampler, size_t count, double *samples);

/* The same until the clock shows end_s, but `least` at least and `most` at most; returns how many. */
size_t spr_sampler_run_until(const struct spr_sampler *sampler, size_t least, size_t most,
                             double end_s, double *samples);

#define SPR_SAMPLER_CALLS_MAX (1u << 24)

/* Runs on this thread for a while, more and more calls between two looks at the clock until they
 * take sample_s, and returns how many do, 1 to SPR_SAMPLER_CALLS_MAX. The last look counts: the
 * first calls meet cold caches and sleeping cores. stop: true ends it; NULL: never. */
size_t spr_sampler_warm_up(const struct spr_sampler *sampler, double seconds, double sample_s,
                           bool (*stop)(void));

#endif
