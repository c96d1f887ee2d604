/* SPDX-License-Identifier: Apache-2.0 */
/* Making matrices and finding entries, inside the library. */
#ifndef SPROOF_MATRIX_MATRIX_BUILD_H
#define SPROOF_MATRIX_MATRIX_BUILD_H

#include "sproof/matrix.h"

/* Room for nnz entries, zeroed. Errors: SPR_ENOMEM. */
enum spr_status spr_matrix_alloc(struct spr_matrix *matrix, int64_t m, int64_t k, size_t nnz,
                                 struct spr_error *err);

/* First entry of a row whose column is at least `column`. */
size_t spr_matrix_find(const struct spr_matrix *matrix, int64_t row, int64_t column);

/* Values uniform in [-1, 1), never 0. */
void spr_matrix_draw_values(struct spr_matrix *matrix, uint64_t seed);

#endif
