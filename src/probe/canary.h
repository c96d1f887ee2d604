/* SPDX-License-Identifier: Apache-2.0 */
/* The canaries of this machine, on as many threads as what is timed beside them. */
#ifndef SPROOF_PROBE_CANARY_H
#define SPROOF_PROBE_CANARY_H

#include "sproof/isa.h"
#include "sproof/measurement.h"
#include "sproof/status.h"

/* Runs a canary once: its seconds, on the slowest of the threads; NAN: this machine has none.
 * Tests put their own in here. */
struct spr_canaries {
    double (*read)(struct spr_canaries *canaries, enum spr_canary canary);
    double least_s[SPR_CANARIES]; /* that is known of this machine; NAN: nothing yet */
};

/* Room for the work of all threads. They go by the monotonic clock. *canaries: to be freed. known_s: least readings of
 * earlier runs; NULL: none. Errors: SPR_ENOMEM. */
enum spr_status spr_canaries_make(enum spr_isa isa, int threads, const double *known_s,
                                  struct spr_canaries **canaries, struct spr_error *err);
/* The same without room for SPR_CANARY_MEMORY, which must not be read. */
enum spr_status spr_canaries_make_near(enum spr_isa isa, int threads, const double *known_s,
                                       struct spr_canaries **canaries, struct spr_error *err);
void spr_canaries_free(struct spr_canaries *canaries);

/* Learns how quick they can be: each some hundred times, for 0.3 s at most. */
void spr_canaries_learn(struct spr_canaries *canaries, bool memory);

#endif
