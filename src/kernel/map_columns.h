/* SPDX-License-Identifier: Apache-2.0 */
/* A convolution of the winners of a map alone: weights by input channel, sums in place. */
#ifndef SPROOF_KERNEL_MAP_COLUMNS_H
#define SPROOF_KERNEL_MAP_COLUMNS_H

#include "kernel/isa/maps.h"
#include "sproof/winners.h"

/* Input of a convolution whose W is m x channels * kernel^2. */
struct spr_map_shape {
    int64_t channels, side, kernel;
};

/* Zeroed means empty. */
struct spr_map_columns {
    enum spr_isa isa;
    struct spr_map_weights w;
    int64_t m;      /* outputs */
    int64_t wide;   /* of whole blocks: floats of a pixel of the sums */
    void *memory;   /* weights and tables */
    size_t bytes;   /* of begins, places and values */
    size_t blocks;  /* that are stored */
    float *sums;    /* (side - kernel + 1) rows of (side + kernel - 1) pixels */
    int32_t *lists; /* scratch: calls must follow each other */
};

/* Rows of a pattern's blocks here: R of R x C where it is a multiple of 16 up to 64, else 16. */
int spr_map_rows(const struct spr_pattern *pattern);

/* Errors: SPR_EINPUT (too large to index), ENOMEM. */
enum spr_status spr_map_pack(enum spr_isa isa, int rows, const struct spr_map_shape *shape,
                             const struct spr_matrix *matrix, struct spr_map_columns *columns,
                             struct spr_error *err);
void spr_map_free(struct spr_map_columns *columns);

/* columns->sums: the convolution of a map that is 0 but for its winners. Never allocates. */
void spr_map_run(const struct spr_map_columns *columns, const struct spr_winners *winners);

/* Winners of maps to those of the pooled maps, the largest of each square, in place: square[i] is
 * where a value is pooled, `map` room for the `count` pooled ones. What is not positive is none. */
void spr_map_pool(enum spr_isa isa, const int32_t *square, struct spr_winners *winners,
                  float *map, int64_t count);

/* Where the sums of a row's first pixel are, and floats from one row to the next. */
const float *spr_map_sums(const struct spr_map_columns *columns);
int64_t spr_map_step(const struct spr_map_columns *columns);

#endif
