/* SPDX-License-Identifier: Apache-2.0 */
/* A convolutional network for keywords (GSC CNN), run with sproof's kernels on one thread: two 5 x 5
 * convolutions with pooling, a hidden layer, an output. Dense and sparse weights multiply all
 * inputs and end in ReLU; with winners, k-winner-take-all stands in its place and products take
 * the winners alone. */
#ifndef SPROOF_CONVNET_CONVNET_H
#define SPROOF_CONVNET_CONVNET_H

#include "kernel/map_columns.h"
#include "sproof/kernel.h"

#define SPR_CONV_KERNEL 5

struct spr_convnet_shape {
    int64_t inputs, side; /* channels and side of the input */
    int64_t filters[2];
    int64_t hidden, classes;
    int64_t batch;
};

/* Products with weights, in order. */
#define SPR_CONV_PRODUCTS 4

/* The rows of the network's table, and where the time goes. */
enum spr_convnet_part {
    SPR_CONV_FIRST, /* with its patches */
    SPR_CONV_POOL1, /* with bias, and ReLU where there are no winners */
    SPR_CONV_WINNERS1,
    SPR_CONV_SECOND,
    SPR_CONV_POOL2,
    SPR_CONV_WINNERS2,
    SPR_CONV_HIDDEN,
    SPR_CONV_WINNERS3, /* with bias; ReLU where there are no winners */
    SPR_CONV_OUTPUT,   /* with bias */
};
#define SPR_CONV_PARTS 9

/* Side of a convolution's outputs, 0 and 1; pooling halves it. */
int64_t spr_convnet_side(const struct spr_convnet_shape *shape, int conv);

/* m x k of a product, and n of one sample. */
void spr_convnet_product(const struct spr_convnet_shape *shape, int product, int64_t *m,
                         int64_t *k, int64_t *n);

/* Values that compete in a stage, 0 to 2, and how many of them win. */
int64_t spr_convnet_competing(const struct spr_convnet_shape *shape, bool pool_after,
                              int stage);
int64_t spr_convnet_winning(const struct spr_convnet_shape *shape, bool pool_after, int stage);

struct spr_convnet {
    struct spr_convnet_shape shape;
    enum spr_isa isa;
    bool winners;
    bool pool_after;          /* winners are taken before pooling, not behind it */
    const float *const *bias; /* [SPR_CONV_PRODUCTS], borrowed */
    struct spr_packed product[SPR_CONV_PRODUCTS]; /* with winners: the first alone */
    struct spr_map_columns map;                   /* with winners: the second convolution, */
    struct spr_columns columns[2];                /* the hidden layer and the output */
    struct spr_wta wta[3];
    struct spr_winners list[3]; /* what the following product takes */
    float *patches, *conv; /* X and Y of a convolution; with winners the values that compete */
    float *map1, *map2;    /* pooled; with winners map2 is pixels x channels */
    float *features;       /* X of the hidden layer: k x batch */
    float *hidden;         /* its Y: hidden x batch; with winners of one sample */
    float *output;         /* classes x batch; with winners batch x classes */
    float *room;
    int32_t *square[2]; /* with pool_after: where each value that competes is pooled */
    void *memory;       /* owns the above */
    const float *input; /* batch x inputs x side x side, borrowed */
    double (*clock_s)(void);
    double *part_s; /* [SPR_CONV_PARTS]: adds up the seconds of each; NULL: not timed */
};

/* Sets shape, isa, winners, pool_after of a zeroed network, and makes its room; weights are
 * packed by the caller. Errors: SPR_ENOMEM. */
enum spr_status spr_convnet_make(struct spr_convnet *net, struct spr_error *err);
void spr_convnet_free(struct spr_convnet *net);

/* The order in which the parts run: with pool_after the winners come before pooling. */
extern const enum spr_convnet_part spr_convnet_order[2][SPR_CONV_PARTS];

/* One part for one sample; of a batch without winners the last parts run for all at once, at its
 * last sample. Never allocates. */
void spr_convnet_step(struct spr_convnet *net, enum spr_convnet_part part, int64_t sample);

/* From net->input to net->output. Never allocates. */
void spr_convnet_run(struct spr_convnet *net);

/* In the order of the winners' maps: pixels first. The hidden layer's columns, as given by a
 * table (channels first), in that order. */
int64_t spr_convnet_feature(const struct spr_convnet_shape *shape, int64_t column);

#endif
