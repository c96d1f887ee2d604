/* SPDX-License-Identifier: Apache-2.0 */
/* The tables and the list of layers of the answer. */
#ifndef SPROOF_REPORT_ANSWER_TABLES_H
#define SPROOF_REPORT_ANSWER_TABLES_H

#include "sproof/report.h"

/* One row per pattern: its fastest point, within --max-drop when there is one. */
void spr_answer_table(FILE *file, const struct spr_analysis *analysis, size_t batch_index,
                      bool markdown);

/* Speedup of each pattern at a few sparsities of the grid, side by side. */
void spr_answer_matrix(FILE *file, const struct spr_analysis *analysis, size_t batch_index,
                       bool markdown);

/* Speedup at each batch, and from which batch a variant pays. */
void spr_answer_batches(FILE *file, const struct spr_analysis *analysis, bool markdown);

/* Every layer of one result with its reason. */
void spr_answer_layers(FILE *file, const struct spr_analysis *analysis,
                       const struct spr_result *result, bool markdown);

/* How far the kernels that a result runs are off, of products that were left out: the worst of
 * their families. Nothing where no family is run. */
void spr_answer_errors(FILE *file, const struct spr_analysis *analysis,
                       const struct spr_result *result);

/* What the answer does not count, and what the other choice of --fusion gives. */
void spr_answer_notes(FILE *file, const struct spr_analysis *analysis,
                      const struct spr_result *result);

#endif
