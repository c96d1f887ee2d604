/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of weights as GGUF files hold them. */
#ifndef SPROOF_WEIGHTS_GGUF_H
#define SPROOF_WEIGHTS_GGUF_H

#include "weights/reader.h"

/* A type of tensor. */
struct spr_gguf_type {
    const char *name;                                         /* as --dtype has it */
    void (*expand)(const unsigned char *block, float *value); /* NULL: a block is not read */
    unsigned number;                                          /* in the file */
    unsigned weights, bytes;                                  /* of a block */
    enum spr_element element; /* of plain numbers; else SPR_ELEMENT_OTHER */
    bool indices;             /* no weights */
};

/* NULL: there is none of this number. */
const struct spr_gguf_type *spr_gguf_type(unsigned number);

/* The one of a name there is. */
const struct spr_gguf_type *spr_gguf_type_of(const char *name);

/* The rows of a tensor that is made of blocks. */
struct spr_gguf_rows {
    struct spr_quantized quantized; /* first: what expands is handed this */
    const struct spr_gguf_type *type;
    const unsigned char *data;
    int64_t k; /* a multiple of the block */
};

/* spr_quantized.expand of these. */
void spr_expand_gguf(const struct spr_quantized *quantized, int64_t row, int64_t column,
                     float value[SPR_QUANTIZED_STEP]);

#endif
