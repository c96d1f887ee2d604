/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the expected time share: sums, and how their parts are found. */
#ifndef SPROOF_EXPECTED_EXPECTED_PARTS_H
#define SPROOF_EXPECTED_EXPECTED_PARTS_H

#include "base/bits.h"
#include "kernel/pack_comp.h"
#include "sproof/cpu.h"
#include "sproof/expected.h"

/* What the expected time is summed over. */
struct spr_sums {
    const struct spr_expected_case *of;
    const struct spr_machine *machine;
    struct spr_plan plan;
    struct spr_cell_shape cell;
    struct spr_comp_form comp; /* of the plan */
    bool dense;
    double lanes;
    double panels, panel_columns;
    double weight_bytes; /* packed, of one thread */
    double near_bytes;   /* W, X and Y of one thread: what warm caches must hold */
    double fma_s;        /* of one vector multiply-add on one thread */
    double part[SPR_LIMIT_COUNT];
    bool known;
};

/* Seconds of a step at a footprint: linear in the logarithm of bytes between the points. */
double spr_sweep_at(const struct spr_sweep *sweep, double bytes);

/* The rates of a tile, measured with the thread count nearest to the one asked for. */
const struct spr_tile_rates *spr_tile_rates_find(const struct spr_kernel_rates *kernels,
                                                 const struct spr_expected_case *of,
                                                 const struct spr_tile_shape *tile);

/* Most units a thread gets over their even share: they are not cut in pieces. */
double spr_imbalance(double units, int threads);

/* Footprint that decides from where the weights come. */
double spr_far_bytes(const struct spr_sums *s);

/* Steps of one unit: columns that a block row (or a row) holds. */
double spr_unit_steps(const struct spr_sums *s, double units);

/* Where lanes are rows of W (expected_lanes.c): the product with one token, and the layout nk. */
void spr_add_vector(struct spr_sums *s);
void spr_add_tokens(struct spr_sums *s);

#endif
