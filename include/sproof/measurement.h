/* SPDX-License-Identifier: Apache-2.0 */
/* Times of one function, and what they say when others use the machine too. */
#ifndef SPROOF_MEASUREMENT_H
#define SPROOF_MEASUREMENT_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Canaries: short loops of fixed work, run just before and after something timed. They get slower
 * when a neighbour takes their resource, and so tell whether the machine was left alone. */
enum spr_canary {
    SPR_CANARY_MULTIPLY_ADD, /* multiply-adds, with loads from L1 */
    SPR_CANARY_L2,           /* reading what lies in L2 */
    SPR_CANARY_MEMORY        /* reading what lies in no cache */
};
#define SPR_CANARIES 3

/* "multiply_add", "l2", "memory". */
const char *spr_canary_name(enum spr_canary canary);

/* How much longer than its least time a canary may take at an undisturbed moment. */
double spr_canary_slack(enum spr_canary canary);

/* One sample. */
struct spr_timed {
    double seconds; /* of a call */
    double at_s;    /* when it began, since the run began; NAN: unknown */
    int visit;      /* from 0 */
    bool preempted; /* meanwhile the system gave one of its cores to something else */
    double before_s[SPR_CANARIES], after_s[SPR_CANARIES]; /* NAN: not taken */
};

/* A sample without canaries, of the first visit. */
struct spr_timed spr_timed_alone(double seconds);

/* Why a time is no number. */
enum spr_doubt {
    SPR_DOUBT_NONE,
    SPR_DOUBT_FEW,       /* too few samples */
    SPR_DOUBT_NEIGHBOUR, /* the canaries were slow in all visits, or in all but one */
    SPR_DOUBT_LONG,      /* canaries were quick at times, but never for as long as a call */
    SPR_DOUBT_VISITS,    /* no two visits found the same time */
    SPR_DOUBT_ONCE,      /* of the only visit the quickest calls differ or were disturbed */
    SPR_DOUBT_SPREAD     /* judged by the median: its interval is wide */
};
#define SPR_DOUBTS 7

/* "none", "few", "neighbour", "long", "visits", "once", "spread"; of JSON. */
const char *spr_doubt_name(enum spr_doubt doubt);

struct spr_measurement {
    /* What it takes when nobody disturbs: the least time of the visits that count. By it
     * predictions are judged. */
    double time_s;
    double low_s, high_s;      /* it, and what it were without the luckiest of those visits */
    double median_s;           /* of all samples: what it takes here today */
    struct spr_timed *samples; /* in the order taken; owned by an arena */
    size_t sample_count;
    int visits;               /* spells of sampling, some seconds apart */
    double undisturbed_share; /* of the moments, as the canaries found them; NAN: not asked */
    enum spr_doubt doubt;
    bool by_median; /* time_s is the median, low_s and high_s its 95 % bootstrap interval: of a
                     * device without canaries, or of a record before schema 2 */
};

/* Fills all but samples and sample_count of measurements that were taken in turns: the canaries of
 * one speak for all. least_canary_s: the quickest reading of each that this machine is known to
 * reach; NAN, or NULL for all: unknown. A visit counts when its canaries' 1 % quantiles come within
 * their slack of that, and it has three calls that were not preempted. A time is believed when two
 * visits that count agree within 2 %, or, of a single visit, its three quickest calls do, no canary
 * was slow beside them, and half of the moments were undisturbed. Why each of these:
 * src/host/README.md. false when out of memory. */
bool spr_measurements_judge(struct spr_measurement *const *all, size_t count,
                            const double least_canary_s[SPR_CANARIES]);

#ifdef __cplusplus
}
#endif
#endif
