/* SPDX-License-Identifier: Apache-2.0 */
/* Which weights of a tile of P rows and P columns stay under comp:P. */
#ifndef SPROOF_INSPECT_PRUNE_OWNERS_H
#define SPROOF_INSPECT_PRUNE_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No more rows are packed together: the work for a weight grows with them. */
#define SPR_OWNERS_MOST 256

/* One weight that is not 0. */
struct spr_owned {
    int32_t row, column; /* of the tile */
    double norm;
    size_t at; /* the caller's */
    bool stays;
};

/* A tile: its weights, row by row, and what the matching needs. Zeroed means empty. */
struct spr_owners {
    int32_t most; /* rows and columns of a tile */
    struct spr_owned *entry;
    size_t count;
    double *score, *left, *right, *least;
    int32_t *pair, *way, *row, *column;
    bool *seen;
};

/* Room for tiles of at most so many rows and columns, 1..SPR_OWNERS_MOST; false: out of memory. */
bool spr_owners_make(struct spr_owners *owners, int64_t most);
void spr_owners_free(struct spr_owners *owners);

/* Sets entry[].stays: no two in a row or column, and the largest sum of norms that there is. */
void spr_owners_match(struct spr_owners *owners);

#endif
