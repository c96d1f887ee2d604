/* SPDX-License-Identifier: Apache-2.0 */
/* What sproof's own kernels cost on a probed machine: plain measured numbers. */
#ifndef SPROOF_RATES_H
#define SPROOF_RATES_H

#include <stddef.h>

#include "sproof/isa.h"
#include "sproof/tile.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Time of one step of a register tile against a footprint. */
#define SPR_SWEEP_MAX 12
struct spr_sweep {
    size_t count;
    double bytes[SPR_SWEEP_MAX]; /* rising */
    double step_s[SPR_SWEEP_MAX];
};

/* X tiles of the two sweeps over W. */
#define SPR_NEAR_X_BYTES 16384.0
#define SPR_FAR_X_BYTES 262144.0

/* What one register tile costs, measured on synthetic matrices while `threads` threads run
 * the same. */
struct spr_tile_rates {
    enum spr_isa isa;
    int threads;
    struct spr_tile_shape tile;
    struct spr_sweep x;     /* against the bytes of the X tile; packed W in a near cache */
    struct spr_sweep w;     /* against the bytes of packed W; X in the nearest cache */
    struct spr_sweep w_far; /* the same with an X tile of SPR_FAR_X_BYTES: both want lines */
    /* What a row group adds against the bytes of Y, not a step; layout nk: once, where the
     * tokens' rows of Y all want the same place of the cache. */
    struct spr_sweep y;
    struct spr_sweep input; /* layout nk: interleaving one input, against the bytes of X */
    /* What a row group takes beside its steps, against the steps it has (in `bytes`). */
    struct spr_sweep group;
    double panel_group_s; /* added for one that continues another panel's sums */
    /* x with rows that do not start at cache lines, and what such a row group adds. */
    struct spr_sweep unaligned;
    double unaligned_group_s;
    double half_step_s; /* unaligned, X near, only half of the last vector; 0: there is none */
    bool interpolated;  /* between narrower and wider ones; of this run, not kept */
};

/* What networks compute between their matrix products (src/encoder, src/convnet). */
enum spr_function {
    SPR_FUNCTION_SOFTMAX,  /* each score */
    SPR_FUNCTION_GELU,     /* with its bias, each element */
    SPR_FUNCTION_NORM,     /* bias, residual and layer norm, each element */
    SPR_FUNCTION_OPERANDS, /* a head's query, key and value made ready, each element of one */
    SPR_FUNCTION_EXCHANGE, /* reading an element that another thread has just written */
    SPR_FUNCTION_REWRITE,  /* writing one that another thread has read: how much longer */
    SPR_FUNCTION_PATCHES,  /* of a convolution, each run of up to a vector of pixels */
    SPR_FUNCTION_POOL,     /* 2x2, with bias: each such run of what goes in */
    SPR_FUNCTION_POOL_PIXELS, /* each value, where a pixel's channels lie side by side */
    SPR_FUNCTION_BIAS,        /* each value */
    SPR_FUNCTION_SQUARES,     /* pooling winners: each value of the pooled map */
    /* A convolution of winners, against the rows of a block in place of bytes: */
    SPR_FUNCTION_MAP_BLOCKS, /* each block times one winner */
    SPR_FUNCTION_MAP_RUNS,   /* what each block with the winners of its channel adds */
};
#define SPR_FUNCTION_COUNT 13

/* "softmax", "gelu", "layer_norm", "operands", "exchange", "rewrite", "patches", "pool",
 * "pool_pixels", "bias", "squares", "map_blocks", "map_runs". */
const char *spr_function_name(enum spr_function function);

/* Seconds an element takes on one thread while `threads` do the same, against the bytes that
 * each thread passes over again and again. */
struct spr_function_rates {
    enum spr_isa isa;
    int threads;
    enum spr_function function;
    struct spr_sweep element;
};

/* What k-winner-take-all and products with winners alone cost on one thread. */
struct spr_winner_rates {
    enum spr_isa isa;
    int rows;                /* of the blocks of a product; 0: k-winner-take-all */
    int method;              /* of k-winner-take-all: spr_wta_method */
    struct spr_sweep each;   /* a block, against the bytes of packed W; a value that competes,
                              * against the bytes of those it competes with */
    struct spr_sweep winner; /* what a winner adds, against the same */
    double other_s;          /* a product: each output; k-winner-take-all: each value that does
                              * not lie beside the next one */
};

struct spr_kernel_rates {
    struct spr_tile_rates *tiles;
    size_t count;
    struct spr_function_rates *functions; /* NULL where they were not measured */
    size_t function_count;
    struct spr_winner_rates *winners; /* NULL where they were not measured */
    size_t winner_count;
    double call_s;        /* one call on one thread */
    double parallel_s;    /* one call on all threads: start and end of the team */
    int parallel_threads; /* how many that were */
    double transfer_s;    /* a cache line from one of them to the next; NAN: not measured */
};

#ifdef __cplusplus
}
#endif
#endif
