/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a packed block. */
#ifndef SPROOF_KERNEL_PACK_H
#define SPROOF_KERNEL_PACK_H

#include "sproof/kernel.h"
#include "sproof/tile.h"
#include "kernel/isa_code.h"

/* The strips inside a packed block. */
const struct spr_strips *spr_packed_strips(const struct spr_packed *packed);

/* In the layout nk: floats from one token's row of Y to the next, m of the plan or more. */
void spr_packed_space_tokens(struct spr_packed *packed, int64_t floats);

/* A kernel's two halves, of one thread: X in the layout nk is brought in order, if there is an
 * order, and once all threads have done so the share of Y is computed. */
void spr_kernel_interleave(const struct spr_packed *packed, int thread, const float *x);
void spr_kernel_multiply(const struct spr_packed *packed, int thread, const float *x,
                         float *y);

/* Y = W X of a matrix packed for one thread, layout kn, with so many columns of X and Y instead
 * of the plan's. */
void spr_kernel_multiply_columns(const struct spr_packed *packed, int64_t columns,
                                 const float *x, float *y);

/* The tile of a plan whose lanes are weights (one token, or the layout nk), the shuffle form
 * aside. */
struct spr_tile_shape spr_lane_tile(const struct spr_plan *plan);

/* Height of the next row group of a block of which so many rows are left: the plan's while it
 * fits, then the largest that does. */
int spr_group_height(const struct spr_plan *plan, int64_t rows_left);

#endif
