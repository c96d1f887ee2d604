/* SPDX-License-Identifier: Apache-2.0 */
/* Timing one register tile on synthetic row groups. */
#ifndef SPROOF_PROBE_CALIBRATE_TRIAL_H
#define SPROOF_PROBE_CALIBRATE_TRIAL_H

#include "kernel/pack.h"
#include "probe/calibrate_points.h"

struct spr_trial {
    struct spr_tile_shape tile;       /* not of the layout nk */
    double x_bytes, w_bytes, y_bytes; /* footprints; w_bytes 0: some thousand steps */
    size_t steps;                     /* mean of a row group */
    bool first;                       /* sums start from zero */
    bool unaligned;                   /* rows of X and Y do not start at cache lines */
    bool half;                        /* and end in at most half a vector */
};

/* A plain call; one that wakes and joins a team, and how far apart its threads are. Errors:
 * SPR_ENOMEM. */
enum spr_status spr_calibrate_calls(const struct spr_calibration *calibration,
                                    struct spr_kernel_rates *rates, struct spr_error *err);

/* A random matrix of a plan's pattern and shape, `kept` cells of it, packed. */
enum spr_status spr_pack_random(const struct spr_plan *plan, double kept, uint64_t seed,
                                struct spr_packed *packed, struct spr_error *err);

struct spr_trial_bench;
struct spr_trial_team {
    struct spr_trial_bench *bench; /* one a thread */
    int threads;
    double warm_bytes; /* more than that no cache holds */
    bool failed;       /* a trial was out of memory */
};

bool spr_trial_team_make(struct spr_trial_team *team,
                         const struct spr_calibration *calibration);
void spr_trial_team_free(struct spr_trial_team *team);

/* Seconds of a step with its share of its row group, on every thread of the team at once;
 * *steps: mean steps of a row group. NAN when out of memory. */
double spr_trial_team_time(const struct spr_calibration *calibration,
                           struct spr_trial_team *team, const struct spr_trial *trial,
                           double *steps);

#endif
