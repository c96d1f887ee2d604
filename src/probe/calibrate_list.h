/* SPDX-License-Identifier: Apache-2.0 */
/* Which register tiles are timed. */
#ifndef SPROOF_PROBE_CALIBRATE_LIST_H
#define SPROOF_PROBE_CALIBRATE_LIST_H

#include "kernel/isa/strips.h"
#include "sproof/calibrate.h"
#include "sproof/probe.h"

#define SPR_CALIBRATED_TILES_MAX 128
#define SPR_TOKEN_TILES_MAX (2 * 7 * SPR_TOKEN_LENGTHS)

/* Tiles that a plan can ask for, the layout nk aside; a quick calibration leaves out some widths.
 * The first *needed cannot be interpolated between others; of those that can, what lies farthest
 * from others comes first: powers of two, then even widths, then odd ones. A dense tile with
 * several tokens comes right behind the indexed one of its size. Returns how many. */
size_t spr_list_tiles(const struct spr_calibration *calibration,
                      struct spr_tile_shape tiles[SPR_CALIBRATED_TILES_MAX], size_t *needed);

/* The same of the layout nk: for each kind of step tiles of every length, the longest first. */
size_t spr_list_token_tiles(int lanes, struct spr_tile_shape tiles[SPR_TOKEN_TILES_MAX]);

/* Appends rates for the widths that were left out, on the line between their neighbours among
 * rates->tiles from `begin` on. *capacity: room in rates->tiles. false when out of memory. */
bool spr_fill_widths(struct spr_kernel_rates *rates, size_t begin, size_t *capacity);

/* How far interpolation is off: the times of steps of every timed width that has a narrower and a
 * wider one beside it, against those on the line between the two. Counts what is interpolated,
 * too. Leaves *quality's points alone. false when out of memory. */
bool spr_check_widths(const struct spr_kernel_rates *rates, struct spr_probe_quality *quality);

#endif
