/* SPDX-License-Identifier: Apache-2.0 */
/* Which register tile: what a kernel's inner loop holds in registers while it walks a row group
 * of W, one step after another. */
#ifndef SPROOF_TILE_H
#define SPROOF_TILE_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the lanes of a tile's vectors are. */
enum spr_tile_form {
    SPR_TILE_MATRIX,  /* several tokens, layout kn: lanes are tokens */
    SPR_TILE_VECTOR,  /* one token: lanes are weights */
    SPR_TILE_SHUFFLE, /* one token, single weights whose inputs permutations fetch */
    SPR_TILE_TOKENS,  /* several tokens, layout nk: lanes are weights */
    SPR_TILE_COMP, /* one token, one weight of each row: a permutation fetches their inputs */
};

/* A member that the form does not have is 0. */
struct spr_tile_shape {
    enum spr_tile_form form;
    bool dense;  /* columns of W follow each other; else an index names them. Not shuffle */
    int rows;    /* matrix: rows of W */
    int vectors; /* matrix: vectors of X's row; vector, tokens: vectors of weights in a step;
                  * comp: vectors of inputs that a step reads */
    int chunk;   /* vector, tokens: columns of W in a step; 0: single weights, row by row */
    int tokens;  /* tokens: how many */
    int slots;   /* shuffle: weights of a row in a step */
};

bool spr_tile_equal(const struct spr_tile_shape *a, const struct spr_tile_shape *b);

/* Rows of W in one row group, with vectors of so many lanes. */
int spr_tile_rows(const struct spr_tile_shape *tile, int lanes);

/* Floats that packed W holds for one step: weights, in the shuffle form positions too; in the comp
 * form several steps share theirs, which do not count here. */
int spr_tile_values(const struct spr_tile_shape *tile, int lanes);

#ifdef __cplusplus
}
#endif
#endif
