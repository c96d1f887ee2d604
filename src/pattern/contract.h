/* SPDX-License-Identifier: Apache-2.0 */
/* What a pattern file sees. A file src/pattern/kind/NAME.c defines one array
 *
 *     const struct spr_pattern_kind spr_pattern_file_NAME[] = { {...}, {0} };
 *
 * and the build adds it to the registry: a new pattern touches no other file. */
#ifndef SPROOF_PATTERN_CONTRACT_H
#define SPROOF_PATTERN_CONTRACT_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sproof/pattern.h"

#define SPR_DEFINE_PATTERN(name)                                                              \
    extern const struct spr_pattern_kind spr_pattern_file_##name[];                           \
    const struct spr_pattern_kind spr_pattern_file_##name[]

/* The examples of a row, at least one: {"csr", 20}, {"unstructured", 40}. Places of different rows
 * differ; a new pattern may take any above 120. */
#define SPR_EXAMPLES(...) ((const struct spr_example[]){__VA_ARGS__, {NULL, 0}})

/* Bytes of one stored column index and of one row pointer (src/pattern/README.md). */
#define SPR_INDEX_BYTES 4.0
#define SPR_INDEX16_BYTES 2.0
#define SPR_POINTER_BYTES 4.0

/* Parses a decimal integer 1..2^40 without sign or leading zero; advances *text past it. */
bool spr_pattern_integer(const char **text, int64_t *value);

/* ceil(log2(x)) for x >= 1. */
int spr_ceil_log2(int64_t x);

/* ceil(a/b) for positive integers, in double. */
double spr_ceil_div(int64_t a, int64_t b);

/* Rows of W that see the same inputs: ceil(m/groups). */
double spr_rows_per_group(const struct spr_shape *shape);

/* counted touched columns over k, else `estimate`. */
double spr_tau(const struct spr_shape *shape, const struct spr_counted *counted,
               double estimate);

/* `counted` when it was counted, else `estimate`. */
double spr_counted_or(double counted, double estimate);

/* Cells of the patterns whose cell is one weight: m*k. */
double spr_cells_weights(const struct spr_pattern *pattern, const struct spr_shape *shape);

/* Of N (a) kept of every M (b) consecutive weights: the sparsity, and the kept ones of a shape, of
 * which what is left of a row behind its last whole group keeps N at most. */
double spr_nm_sparsity(const struct spr_pattern *pattern);
double spr_nm_kept(const struct spr_pattern *pattern, const struct spr_shape *shape,
                   double sparsity);

/* Cells of one weight, anywhere. */
void spr_cell_single(const struct spr_pattern *pattern, int64_t m, int64_t k, double kept,
                     struct spr_cell_shape *cell);

#endif
