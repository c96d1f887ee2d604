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
    int64_t k;     /* 1 .. how many are not NaN */
    int64_t slack; /* so many more than k are good too */
    float least;   /* all values that are not NaN are at least this */
};

/* Blocks of winners' columns, in the order in which they are added. */
struct spr_block_list {
    uint32_t *block; /* which of the packed ones */
    float *input;    /* the winner */
    int64_t count;
};

/* W by columns: blocks of `rows` x 1. */
struct spr_block_columns {
    const uint32_t *begin; /* columns + 1: of their blocks */
    const uint16_t *row;   /* block row of each block */
    const float *value;    /* `rows` for each block, at whole vectors */
    int rows;
};

/* What one instruction set's object exports. */
struct spr_winner_loops {
    /* Values times their factors (NULL: 1) that are at least `least`, in order; NaN never is. */
    void (*collect)(const float *x, const float *factor, int64_t count, float least,
                    struct spr_ranked *out);
    /* Leaves those that are at least `least`. */
    void (*keep)(struct spr_ranked *list, float least);
    /* A threshold that k .. k + slack of the values reach, or where there is none the k-th
     * largest value. */
    float (*search)(const struct spr_search *search);
    /* Adds block times input to the sums for all of the list. */
    void (*blocks)(const struct spr_block_columns *w, const struct spr_block_list *list,
                   float *sums);
    /* Blocks of one row: adds the columns of so many winners. */
    void (*singles)(const struct spr_block_columns *w, const int32_t *index,
                    const float *input, int64_t winners, float *sums);
};

#endif
