/* SPDX-License-Identifier: Apache-2.0 */
/* The points of a calibration: one for each of its trials, in their order. */
#ifndef SPROOF_PROBE_CALIBRATE_POINTS_H
#define SPROOF_PROBE_CALIBRATE_POINTS_H

#include "probe/canary.h"
#include "sproof/calibrate.h"

/* To be called before a round of calibrations of the same trials, and behind it: the canaries'
 * last reading speaks for the trials that still wait for one. */
void spr_points_begin(const struct spr_calibration *calibration);
void spr_points_end(const struct spr_calibration *calibration);

/* The calibration's time is up. */
bool spr_time_is_up(const struct spr_calibration *calibration);

/* Samples of a trial whose time is up: a trial is never left out. */
#define SPR_LATE_SAMPLES 2

/* When that is; HUGE_VAL: never. */
double spr_time_end(const struct spr_calibration *calibration);

/* The next `count` points are known and need no trial. Otherwise the canaries have been read: a
 * trial may begin. */
bool spr_points_known(const struct spr_calibration *calibration, size_t count);

/* The next point, which is known. size: as spr_keep_point was given it. */
void spr_take_point(const struct spr_calibration *calibration, double *seconds, double *size);

/* *seconds: what the next point's trial took, *size: what else it found. Both become those of the
 * quickest trial so far. false when out of memory. */
bool spr_keep_point(const struct spr_calibration *calibration, double *seconds, double *size);

/* Points that had no quiet moment in any round. */
size_t spr_points_disturbed(const struct spr_least_times *least);

#endif
