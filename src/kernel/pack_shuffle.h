/* SPDX-License-Identifier: Apache-2.0 */
/* Packing scattered weights for n = 1 so that permutations fetch their inputs. */
#ifndef SPROOF_KERNEL_PACK_SHUFFLE_H
#define SPROOF_KERNEL_PACK_SHUFFLE_H

#include <math.h>

#include "kernel/pack.h"

/* Where the next strip, segment, index and value go. */
struct spr_cursor {
    size_t strip, segment, index, value;
};

/* Weights of a row in 32 columns beyond `slots`, in the mean, for the share
 * `cells` of all kept; k: columns of the matrix. */
double spr_shuffle_overflow(const struct spr_cell_shape *cell, int64_t k, double cells,
                            int slots);

/* Slots of a tile that should take the least time; 1..32. */
int spr_shuffle_slots(const struct spr_cell_shape *cell, int64_t k, double cells);

/* The matrix stores no 0. */
bool spr_shuffle_usable(const struct spr_matrix *matrix);

/* Advances *at over one thread's rows, with so many slots, and, when out is not NULL, writes
 * there. */
void spr_shuffle_put(const struct spr_matrix *matrix, int slots, const struct spr_span *rows,
                     struct spr_cursor *at, struct spr_strips *out);

#endif
