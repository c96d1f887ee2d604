/* SPDX-License-Identifier: Apache-2.0 */
/* The loops of a convolutional network beside its matrix products. A map is channels x side x
 * side, row-major. */
#ifndef SPROOF_KERNEL_ISA_MAPS_H
#define SPROOF_KERNEL_ISA_MAPS_H

#include <stdint.h>

/* X of a convolution as a matrix: channels * kernel^2 rows, `step` floats apart, of
 * (side - kernel + 1)^2 pixels. */
struct spr_patches {
    const float *x;
    float *to;
    int64_t channels, side, kernel, step;
};

/* Squares of 2 x 2 to their largest value, plus a bias, and at least `least`. */
struct spr_pool {
    const float *x; /* maps `step` floats apart; side is even */
    float *to;      /* maps side by side */
    const float *bias;
    float *room; /* side^2 / 2 floats */
    int64_t channels, side, step;
    float least; /* 0: what is negative becomes 0; -infinity: nothing does */
};

/* A convolution's weights by input channel and row of the kernel, in blocks of `rows` outputs of
 * one tap. Sums are those of pixels of (side - kernel + 1) rows, each side + kernel - 1 long:
 * kernel - 1 at both ends are what winners at the edges add outside, and nobody reads. */
struct spr_map_weights {
    int64_t channels, side, kernel; /* of the input */
    int rows;                       /* a multiple of SPR_MAP_ROWS, up to 64 */
    const uint32_t *begin;          /* channels * kernel + 1: of their blocks */
    const int32_t *place;           /* of each block: sums of a winner at pixel 0 */
    const float *value;             /* `rows` for each block */
    const int32_t *pixel;           /* side^2: what a winner there adds to that place */
    const int32_t *line;            /* side^2: its row */
};
#define SPR_MAP_ROWS 16

/* Winners of a map in rising order; `at` is room for as many, `start` for side + 1. */
struct spr_map_winners {
    const int32_t *index;
    const float *value;
    int64_t count;
    int32_t *at, *start;
};

/* What one instruction set's object exports. */
struct spr_map_loops {
    void (*patches)(const struct spr_patches *patches);
    void (*pool)(const struct spr_pool *pool);
    /* The same where the channels of a pixel lie side by side; x: rows `step` floats apart. */
    void (*pool_pixels)(const struct spr_pool *pool);
    /* x = max(x + bias, least): rows of n. */
    void (*bias)(float *x, const float *bias, int64_t rows, int64_t n, float least);
    /* Adds each winner times its blocks to the sums. */
    void (*winners)(const struct spr_map_weights *w, const struct spr_map_winners *winners,
                    float *sums);
};

#endif
