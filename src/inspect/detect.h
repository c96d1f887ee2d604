/* SPDX-License-Identifier: Apache-2.0 */
/* Which pattern explains the zeros of a matrix: the rule is in src/weights/README.md. */
#ifndef SPROOF_INSPECT_DETECT_H
#define SPROOF_INSPECT_DETECT_H

#include "inspect/seen.h"
#include "sproof/weights.h"

struct spr_detector;

/* NULL when out of memory. */
struct spr_detector *spr_detector_make(const struct spr_weight *weight,
                                       struct spr_arena *arena);

/* The next row, rows in order from 0; sparse where the weight is stored as a matrix. */
void spr_detect_row(struct spr_detector *detector, int64_t row, const struct spr_row *bits);

/* The pattern, after the last row; nnz: all non-zeros. */
struct spr_pattern spr_detect(const struct spr_detector *detector, double nnz);

#endif
