/* SPDX-License-Identifier: Apache-2.0 */
/* The loops of k-winner-take-all and of products with winners alone. */
#ifndef SPROOF_KERNEL_ISA_WINNERS_H
#define SPROOF_KERNEL_ISA_WINNERS_H

#include <stdint.h>

/* Room that lists need behind what they can hold: whole vectors are stored. */
#define SPR_LIST_SLACK 16

/* Values that may win, with what they are ranked by: places rise. */
struct spr_ranked {
    int32_t *index;
    float *rank;
    int64_t count;
};

/* The k largest of some values. */
struct spr_search {
    const float *value;
    int64_t count;
    int64_t k;     /* at least 1 */
    int64_t slack; /* so many more than k are good too */
};

struct spr_winner_list {
    const int32_t *index;
    const float *value;
    int64_t count;
};

/* Blocks that are listed before they are multiplied: a list stays in the nearest cache. So many
 * entries are written together. */
#define SPR_LISTED 512
#define SPR_LIST_TOGETHER 8

/* Columns of single weights are filled up to so many, with weights that are added to a sum behind
 * the last row. */
#define SPR_SINGLES 4

/* W by columns: blocks of `rows` x 1. */
struct spr_block_columns {
    const uint32_t *begin; /* columns + 1: of their blocks */
    const uint16_t *row;   /* block row of each block */
    const float *value;    /* `rows` for each block */
    int rows;
    /* The list: blocks, and what each is multiplied with. Room for SPR_LISTED, a column and
     * SPR_LIST_TOGETHER. */
    uint32_t *listed;
    float *inputs;
};

/* What one instruction set's object exports. */
struct spr_winner_loops {
    /* Values times their factors (NULL: 1) that are at least `least`, in order; NaN never is. */
    void (*collect)(const float *x, const float *factor, int64_t count, float least,
                    struct spr_ranked *out);
    /* Leaves those that are at least `least`. */
    void (*keep)(struct spr_ranked *list, float least);
    /* A threshold that k .. k + slack of the values reach, or where there is none the k-th
     * largest value; the least where fewer than k are numbers, -infinity where none is. */
    float (*search)(const struct spr_search *search);
    /* Adds the winners' columns times their values to sums of whole block rows. */
    void (*columns)(const struct spr_block_columns *w, const struct spr_winner_list *winners,
                    float *sums);
};

#endif
