/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SPROOF_TILE_CHECK_H
#define SPROOF_TILE_CHECK_H

#include "calibrate_bench.h"
#include "sproof/machine.h"

/* A register tile that was calibrated, to be timed again. */
struct spr_tile_check {
    struct spr_team team;
    enum spr_isa isa;
    int passes;
    double probed_s; /* what spr_tile_check_run took when the machine was probed */
};

/* far: the weights come from memory, and X is near; else they are near, and X comes from the
 * second cache. false when the machine has no rates of that team, or out of memory; then there
 * is nothing to free. */
bool spr_tile_check_make(const struct spr_machine *machine, enum spr_isa isa, int threads,
                         bool far, struct spr_tile_check *out);
void spr_tile_check_run(void *check); /* a subject of spr_bench_run */
void spr_tile_check_free(struct spr_tile_check *check);

#endif
