/* SPDX-License-Identifier: Apache-2.0 */
/* Synthetic row groups for one register tile. */
#ifndef SPROOF_PROBE_CALIBRATE_BUILD_H
#define SPROOF_PROBE_CALIBRATE_BUILD_H

#include "probe/calibrate_trial.h"

/* Steps of W where none are asked for: near, but more than a loop could learn by heart. */
#define SPR_NEAR_STEPS 4096
/* Parts that a matrix is run in, at most. */
#define SPR_WINDOWS 64
/* Row groups whose columns are drawn, at most. */
#define SPR_DRAWN_SEGMENTS 65536

/* One thread's synthetic matrix and its buffers. */
struct spr_trial_bench {
    struct spr_strips strips;
    struct spr_segment *segment;
    uint16_t *index;
    float *value, *x, *y;
    size_t segment_room, index_room, value_room, x_room, y_room;
    uint32_t window[SPR_WINDOWS + 1]; /* of the strips: each window is a thread's share */
    struct spr_strip strip[SPR_WINDOWS];
    size_t steps[SPR_WINDOWS]; /* of each window */
    int windows;
    uint64_t random;
    double step_s, steps_per_segment; /* what its last trial found */
    /* By steps of a row group: how many there are, the last one drawn, whose columns come next. */
    uint32_t counts[SPR_PANEL_MAX + 1], last[SPR_PANEL_MAX + 1], next[SPR_PANEL_MAX + 1];
    uint32_t earlier[SPR_DRAWN_SEGMENTS]; /* of as many steps */
};

/* Makes the matrix of a trial: row groups in windows that are run one after another; all of them
 * together are the footprint of W, each is short enough to be one sample. false when out of
 * memory. */
bool spr_trial_build(struct spr_trial_bench *bench, const struct spr_trial *trial, int lanes);

/* Frees what it was built of. */
void spr_trial_clear(struct spr_trial_bench *bench);

#endif
