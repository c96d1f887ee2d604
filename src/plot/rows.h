/* SPDX-License-Identifier: Apache-2.0 */
/* The operators of a network as rows: those alike together, the least of them summed. */
#ifndef SPROOF_PLOT_ROWS_H
#define SPROOF_PLOT_ROWS_H

#include "sproof/analysis.h"

#define SPR_ROWS_MAX 18

/* Of bounds: compute, overhead, and the memory levels. */
#define SPR_PART_COMPUTE 0
#define SPR_PART_OVERHEAD 1
#define SPR_PART_MEMORY 2

/* Of expected times: enum spr_limit, and behind it the bound of what no kernel runs. */
#define SPR_PART_BOUND SPR_LIMIT_COUNT

/* Room for the parts of either. */
#define SPR_PARTS_MAX 16
_Static_assert(SPR_PARTS_MAX > SPR_PART_BOUND &&
                   SPR_PARTS_MAX >= SPR_PART_MEMORY + SPR_MEMORIES_MAX,
               "a part for every limit and memory level");

/* Operators that are the same work and have one fate. */
struct spr_row {
    size_t layer;  /* the first of them; layer_count: the rest of the network */
    size_t layers; /* how many of the table */
    double occurrences;
    bool pruned;
    double before_s, after_s; /* of all of them */
    double before[SPR_PARTS_MAX], after[SPR_PARTS_MAX];
    double bound_before_s, bound_after_s; /* the same as before_s, after_s unless expected */
};

struct spr_rows {
    struct spr_row *row;
    size_t count, capacity;
    bool expected; /* times and limits are those of the kernels, else of the bounds */
    bool by_shape; /* rows join whatever their time after pruning */
};

/* One row for each fate of each shape, or for each shape where these would be too many; the
 * longest dense time first, at most `most` with the rest summed in the last. Errors:
 * SPR_ENOMEM. */
enum spr_status spr_rows_gather(const struct spr_analysis *analysis,
                                const struct spr_result *result, size_t most,
                                struct spr_rows *rows, struct spr_error *err);

#endif
