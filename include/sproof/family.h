/* SPDX-License-Identifier: Apache-2.0 */
/* Families of kernels that somebody measured: a library's products of one pattern, their time
 * described by a few constants. src/family/README.md has the equations. */
#ifndef SPROOF_FAMILY_H
#define SPROOF_FAMILY_H

#include <stdbool.h>
#include <stddef.h>

#include "sproof/pattern.h"
#include "sproof/residency.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How the time follows from the constants. */
enum spr_form {
    SPR_FORM_ROOFLINE, /* a call, and the longer of arithmetic and memory */
    SPR_FORM_TILES,    /* tiles of Y in waves over the units of the machine */
    SPR_FORM_BLOCKS,   /* the same, of the blocks that are kept */
    SPR_FORM_ROWS,     /* single weights, row by row */
};
#define SPR_FORM_COUNT 4

enum spr_constant {
    SPR_CALL_S,     /* seconds of a call, start and end of a kernel included */
    SPR_PEAK,       /* share of the engine's rate that is reached */
    SPR_TILE_K,     /* fixed cost of a tile, in steps of k */
    SPR_CACHE_RATE, /* bytes a second out of the last cache, all units together */
    SPR_MEMORY,     /* share of the memory's rate that is reached */
    SPR_STEP_S,     /* least seconds of one step of k */
    SPR_RESIDENT,   /* share of the last cache that keeps operands from call to call */
    SPR_LONG_RUN,   /* speed left in calls of a millisecond and more: power, heat */
    SPR_IMBALANCE,  /* how much longer the longest block row is, of what is likely at random */
    SPR_WHOLE_WAVES, /* share of the last wave that is paid although it is not full */
    SPR_OUTPUT_S,    /* seconds of an element of Y */
    SPR_WEIGHT_S,    /* seconds of a kept weight and a column of X */
    SPR_ROW_S,       /* seconds of a kept weight of one row, which are summed one by one */
    SPR_FAR_X,       /* what is added where X does not fit the last cache, as a share */
    SPR_LONG_ROW_S,  /* more seconds of an element of Y whose row of W keeps many weights */
};
#define SPR_CONSTANT_COUNT 15

/* No form has more. */
#define SPR_FORM_CONSTANTS_MAX 8

/* Bytes of a family's name, the final 0 among them. */
#define SPR_FAMILY_NAME 64

struct spr_family {
    const char *name; /* "cublaslt"; shorter than SPR_FAMILY_NAME */
    struct spr_pattern pattern;
    unsigned dtypes; /* bit 1u << enum spr_dtype */
    enum spr_form form;
    bool as_dense; /* it multiplies the zeros, too: its time is that of a dense W */
    enum spr_residency residency;        /* of the calls measured: warm or cold */
    double constant[SPR_CONSTANT_COUNT]; /* NAN: not of its form */
    double median_error, p90_error; /* |expected / measured - 1|, out of fold; NAN: unknown */
    double products;                /* distinct m x k x n measured; NAN: unknown */
    const char *kind;               /* "measured", or "transferred" from another machine */
    const char *source, *date;
};

#define SPR_FAMILIES_MAX 64

/* "roofline", "tiles", "blocks", "rows". */
const char *spr_form_name(enum spr_form form);

/* "call_s", "peak", ...: the name in machine files. */
const char *spr_constant_name(enum spr_constant constant);

/* Whether a form has the constant. */
bool spr_form_has(enum spr_form form, enum spr_constant constant);

#ifdef __cplusplus
}
#endif
#endif
