/* SPDX-License-Identifier: Apache-2.0 */
/* Number types of W, X and Y: how many bytes a value takes, and what multiplies them. */
#ifndef SPROOF_TYPES_H
#define SPROOF_TYPES_H

#include "sproof/machine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How the values of one operand are stored. Freely copied. */
struct spr_stored {
    const char *name; /* NULL only in a zeroed struct */
    double bytes;     /* of one value, its share of the scale included */
    int64_t group;    /* weights that share a scale, where it can be chosen; else 0 */
    int dtype;        /* enum spr_dtype; -1: no engine multiplies it as it is stored */
};

/* Those of a product Y = W X. */
struct spr_types {
    struct spr_stored w, x, y;
};

/* All of one dtype. */
struct spr_types spr_types_of(enum spr_dtype dtype);

/* Reads "f16", "w:i4,x:f16,y:f16", "i8,y:i32", "w:i4/64": a dtype for all, then those of single
 * operands. W and X not given are `fallback`, Y is X's.
 * Errors: SPR_EINPUT with the nearest name, or what is stored so instead. */
enum spr_status spr_types_parse(const char *text, enum spr_dtype fallback,
                                struct spr_types *types, struct spr_error *err);

/* The type that engines multiply in: the wider of W's and X's, of equals X's. Weights that are
 * stored only are expanded into X's. */
enum spr_dtype spr_types_engine(const struct spr_types *types);

bool spr_types_equal(const struct spr_types *left, const struct spr_types *right);

/* Bytes enough for the words of types. */
#define SPR_TYPES_TEXT 96

/* "f16" where all are the same, else "w i4/128, x f16, y f16"; returns text. */
const char *spr_types_text(const struct spr_types *types, char text[SPR_TYPES_TEXT]);

/* "i4/128", as spr_types_parse reads it; returns text. */
const char *spr_stored_text(const struct spr_stored *storage, char text[SPR_TYPES_TEXT]);

/* What weights alone are stored as, "w:i4"; NULL past the last. */
const char *spr_stored_weights(size_t index);

#ifdef __cplusplus
}
#endif
#endif
