/* SPDX-License-Identifier: Apache-2.0 */
/* Timing whole networks against each other. */
#ifndef SPROOF_VALIDATE_TIME_NETWORKS_H
#define SPROOF_VALIDATE_TIME_NETWORKS_H

#include "sproof/validate.h"
#include "validate/bench.h"

struct spr_networks {
    const struct spr_validate_options *options; /* seed, isa, threads, budget_s, stop, ... */
    double (*clock_s)(void);
    struct spr_subject *subjects;
    size_t count;            /* of them */
    size_t networks;         /* of them, the first ones; others are timed beside these */
    double sample_s;         /* least length of a sample; 0: a call is one */
    struct spr_arena *arena; /* gets the samples */
};

/* Visits all: two times, some seconds apart, and a third where these find no number for a network;
 * once when the budget is short. Canaries run beside them unless the clock is the caller's.
 * Errors: SPR_EINTERRUPTED, SPR_ENOMEM. */
enum spr_status spr_time_networks(const struct spr_networks *networks, struct spr_error *err);

#endif
