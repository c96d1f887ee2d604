/* SPDX-License-Identifier: Apache-2.0 */
/* What else goes on on this machine while something is timed. Nothing is changed. */
#ifndef SPROOF_HOST_HOST_STATE_H
#define SPROOF_HOST_HOST_STATE_H

#include "sproof/status.h"

/* CPU seconds so far. */
struct spr_host_load {
    double wall_s;
    double all_s;    /* of all programs; NAN: unknown */
    double own_s;    /* of this one */
    double stolen_s; /* for which the host ran others though a CPU had work; NAN: unknown */
};

struct spr_host_load spr_host_load_now(void);

/* Cores that other programs kept busy since `before`; NAN when unknown. */
double spr_host_load_others(const struct spr_host_load *before);

/* What makes times on this machine uncertain: governor, hypervisor, SMT. One note. */
void spr_host_note_state(struct spr_notes *notes);

#endif
