/* SPDX-License-Identifier: Apache-2.0 */
/* Weight matrices with their zeros: drawn at random under a pattern, or read from a mask. */
#ifndef SPROOF_MATRIX_H
#define SPROOF_MATRIX_H

#include <stddef.h>
#include <stdint.h>

#include "sproof/pattern.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Compressed sparse rows; columns rise within a row. Zeroed means empty (0 x 0). */
struct spr_matrix {
    int64_t m, k;    /* rows (outputs), columns (inputs); columns at most 2^31-1 */
    size_t nnz;      /* stored entries; an entry may hold 0.0 */
    size_t *row;     /* m+1 offsets into column and value */
    int32_t *column; /* nnz */
    float *value;    /* nnz */
};

void spr_matrix_free(struct spr_matrix *matrix);

/* A matrix whose kept cells are legal for the pattern: `kept` cells (spr_pattern_kept) drawn
 * uniformly without replacement, N of every M for N:M, everything for dense; values uniform
 * in [-1, 1), never 0. The same seed gives the same matrix on every machine. ell: as csr with
 * w entries in every row. comp:P: of P rows each has one entry in every P columns, no two in the
 * same. Errors: SPR_EINPUT (k above 2^31-1; a pattern without a kernel), ENOMEM. */
enum spr_status spr_matrix_random(const struct spr_pattern *pattern, int64_t m, int64_t k,
                                  double kept, uint64_t seed, struct spr_matrix *matrix,
                                  struct spr_error *err);

/* Reads a DLMC .smtx mask ("rows, columns, nnz", then row offsets, then column indices);
 * values are drawn with the seed. Errors: SPR_EINPUT naming file, line, value and what was
 * expected; sizes are checked against the file before anything is allocated. */
enum spr_status spr_matrix_read_smtx(const char *path, uint64_t seed,
                                     struct spr_matrix *matrix, struct spr_error *err);

/* Non-empty cells of a pattern on this matrix: stored blocks for RxC, entries for csr; for comp:P
 * the places of the dense rows, empty or not. */
double spr_matrix_cells(const struct spr_matrix *matrix, const struct spr_pattern *pattern);

/* Columns that hold an entry; entries of the fullest row. */
double spr_matrix_touched_columns(const struct spr_matrix *matrix);
double spr_matrix_longest_row(const struct spr_matrix *matrix);

/* Y = W X in double, row-major X (k x n) and Y (m x n), for the rows listed (NULL: all m).
 * magnitude receives sum |w||x| and terms the number of terms of every element: the kernel's
 * error bound is (terms+2) * 2^-24 * magnitude. Each output holds rows x n (terms: rows). */
void spr_matrix_product(const struct spr_matrix *matrix, int64_t n, const float *x,
                        const int64_t *rows, size_t row_count, double *y, double *magnitude,
                        double *terms);

#ifdef __cplusplus
}
#endif
#endif
