/* SPDX-License-Identifier: Apache-2.0 */
/* The expected time of sproof's own kernels on a probed machine. No I/O, no allocation. */
#ifndef SPROOF_EXPECTED_H
#define SPROOF_EXPECTED_H

#include "sproof/isa.h"
#include "sproof/kernel.h"
#include "sproof/model.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spr_tile_form {
    SPR_TILE_DENSE,  /* consecutive columns, no index */
    SPR_TILE_STRIP,  /* indexed columns */
    SPR_TILE_VECTOR, /* the n = 1 path */
    SPR_TILE_TOKENS, /* the layout nk */
};
#define SPR_TILE_FORM_COUNT 4

/* spr_tile_rates.vectors of the layout nk: columns of a step (0: single weights, twice the
 * lanes: dense) and tokens of a tile. */
#define SPR_TOKEN_TILE(chunk, tokens) ((chunk)*32 + (tokens))

/* Time of one step (one column of W for one register tile) against a footprint. */
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
    enum spr_tile_form form;
    /* Of the tile; n = 1 path: vectors and columns of a step, 0 columns where they are
     * scattered or, dense, follow each other. */
    int rows, vectors;
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
};

/* What an encoder computes between its matrix products (README, "End to end"). */
enum spr_function {
    SPR_FUNCTION_SOFTMAX,  /* each score */
    SPR_FUNCTION_GELU,     /* with its bias, each element */
    SPR_FUNCTION_NORM,     /* bias, residual and layer norm, each element */
    SPR_FUNCTION_OPERANDS, /* a head's query, key and value made ready, each element of one */
    SPR_FUNCTION_EXCHANGE, /* reading an element that another thread has just written */
    SPR_FUNCTION_REWRITE,  /* writing one that another thread has read: how much longer */
};
#define SPR_FUNCTION_COUNT 6

/* "softmax", "gelu", "layer_norm", "operands", "exchange", "rewrite". */
const char *spr_function_name(enum spr_function function);

/* Seconds an element takes on one thread while `threads` do the same, against the bytes that
 * each thread passes over again and again. */
struct spr_function_rates {
    enum spr_isa isa;
    int threads;
    enum spr_function function;
    struct spr_sweep element;
};

struct spr_kernel_rates {
    struct spr_tile_rates *tiles;
    size_t count;
    struct spr_function_rates *functions; /* NULL where they were not measured */
    size_t function_count;
    double call_s;        /* one call on one thread */
    double parallel_s;    /* one call on all threads: start and end of the team */
    int parallel_threads; /* how many that were */
    double transfer_s;    /* a cache line from one of them to the next; NAN: not measured */
};

/* One operator as a kernel meets it. */
struct spr_expected_case {
    struct spr_pattern pattern; /* dense: the dense kernel */
    int64_t m, k, n;            /* n: tokens times batch */
    double kept;                /* stored cells */
    int threads;
    enum spr_isa isa;
    enum spr_layout layout;
    enum spr_residency residency;
    double network_bytes; /* U of residency network; 0 otherwise */
    double output_bytes;  /* passed since Y was last written; 0: it is as near as W and X */
};

/* What limits the expected time. */
enum spr_limit {
    SPR_LIMIT_FMA,      /* multiply-add issue */
    SPR_LIMIT_LATENCY,  /* too few independent sums */
    SPR_LIMIT_LOADS,    /* load ports */
    SPR_LIMIT_X,        /* rows of X from a farther cache */
    SPR_LIMIT_W,        /* the stream of weights */
    SPR_LIMIT_SEGMENTS, /* starting and storing short row groups */
    SPR_LIMIT_CALL,     /* the call itself */
};
#define SPR_LIMIT_COUNT 7

struct spr_expected {
    double time_s;
    enum spr_limit limit;
    char kernel[64];
    struct spr_plan plan;
    double part_s[SPR_LIMIT_COUNT]; /* parts of time_s that each limit adds; sums to it */
};

/* false when nothing is known: the machine was not probed, or the pattern has no kernel. */
bool spr_expected_time(const struct spr_machine *machine, const struct spr_expected_case *of,
                       struct spr_expected *out);

/* Seconds of a function over so many elements of one thread, `bytes` of which it touches; NAN
 * when it was not measured. */
double spr_function_time(const struct spr_kernel_rates *rates, enum spr_isa isa, int threads,
                         enum spr_function function, const double elements_and_bytes[2]);

/* "fma", "fma-latency", "load-ports", "x-traffic", "w-stream", "row-groups", "call". */
const char *spr_limit_name(enum spr_limit limit);

/* What each trial of a calibration took at least, in the order of the trials. A neighbour that
 * takes a core for a second disturbs every sample of a trial, but hardly the same trial of two
 * calibrations some seconds apart. */
struct spr_least_times {
    double *seconds; /* grows by spr_grow, freed with spr_free */
    size_t count, capacity, next;
};

/* Times the register tiles of an instruction set on synthetic matrices. quick: fewer
 * repetitions and footprints. clock_s: the clock, seconds (tests inject one). least: NULL, or
 * what earlier calibrations of the same tiles took, with `next` 0; the rates are those of the
 * least times of all of them. progress may be NULL; it is called with 0..1. Appends to *rates
 * (tiles grow by spr_grow, freed with spr_free). Errors: SPR_ENOMEM. */
struct spr_calibration {
    enum spr_isa isa;
    int threads;
    bool quick;
    double (*clock_s)(void);
    struct spr_least_times *least;
    void (*progress)(void *context, double fraction);
    void *context;
};
enum spr_status spr_calibrate(const struct spr_calibration *calibration,
                              struct spr_kernel_rates *rates, struct spr_error *err);

/* The same for the tiles of the layout nk. Appends to rates->tiles. */
enum spr_status spr_calibrate_tokens(const struct spr_calibration *calibration,
                                     struct spr_kernel_rates *rates, struct spr_error *err);

/* The same for the functions between matrix products. Appends to rates->functions. */
enum spr_status spr_calibrate_functions(const struct spr_calibration *calibration,
                                        struct spr_kernel_rates *rates, struct spr_error *err);

#ifdef __cplusplus
}
#endif
#endif
