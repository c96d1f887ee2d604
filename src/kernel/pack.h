/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a packed block. */
#ifndef SPROOF_KERNEL_PACK_H
#define SPROOF_KERNEL_PACK_H

#include "sproof/kernel.h"
#include "kernel/isa_code.h"

/* The strips inside a packed block. */
const struct spr_strips *spr_packed_strips(const struct spr_packed *packed);

/* A kernel's two halves, of one thread: X in the layout nk is brought in order, if there is an
 * order, and once all threads have done so the share of Y is computed. */
void spr_kernel_interleave(const struct spr_packed *packed, int thread, const float *x);
void spr_kernel_multiply(const struct spr_packed *packed, int thread, const float *x,
                         float *y);

/* n = 1: how the rows of a group lie in vectors. */
struct spr_lane_shape {
    int vectors; /* of one step */
    int chunk;   /* columns of one step; 0: single rows, scattered */
    int rows;    /* rows of one group */
};
struct spr_lane_shape spr_lane_shape(const struct spr_plan *plan);

/* Height of the next row group of a block of which so many rows are left: the plan's while it
 * fits, then the largest that does. */
int spr_group_height(const struct spr_plan *plan, int64_t rows_left);

#endif
