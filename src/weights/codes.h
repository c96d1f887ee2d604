/* SPDX-License-Identifier: Apache-2.0 */
/* Matrices of codes of a few bits: (code - zero point) times scale, or a table's value times scale. */
#ifndef SPROOF_WEIGHTS_CODES_H
#define SPROOF_WEIGHTS_CODES_H

#include "weights/reader.h"

/* How the codes of a row or column follow each other in words of 32 bits. */
enum spr_code_order {
    SPR_CODES_STREAM, /* the lowest bits first, also across words */
    SPR_CODES_AWQ,    /* eight columns of a word interleaved: 0 2 4 6 1 3 5 7 */
    SPR_CODES_BYTES,  /* all elements one after the other, the upper half of a byte first */
};

/* Numbers beside the codes, one for each row and group. */
struct spr_code_scales {
    const unsigned char *data; /* NULL: none */
    enum spr_element element;
    bool exponent;                /* a byte e that means 2^(e - 127) */
    int64_t row_step, group_step; /* in elements */
};

struct spr_codes {
    struct spr_quantized quantized; /* first: what expands is handed this */
    int64_t m, k, group;            /* columns that share a scale */
    enum spr_code_order order;
    unsigned bits;
    const unsigned char *code;
    int64_t row_step, word_step; /* stream: words from row to row, and along a row */
    const float *table;          /* a value for each code; NULL: the code itself */
    double offset;               /* subtracted from each code */
    struct spr_code_scales scale;
    const unsigned char *group_of; /* I32 for each column; NULL: column / group */
    /* zero points: packed in words along the rows, by groups; NULL: none */
    const unsigned char *zero;
    enum spr_code_order zero_order;
    int64_t zero_row, zero_group; /* words from row to row of words, from group to group */
    double zero_offset;           /* added to each */
    struct spr_code_scales zeros; /* or stored as numbers; data NULL: not so */
    /* of scales that are codes themselves: their table and scales, for 256 each */
    const unsigned char *nested_table, *nested_scale;
    double nested_offset;
};

/* spr_quantized.expand of these. */
void spr_expand_codes(const struct spr_quantized *quantized, int64_t row, int64_t column,
                      float value[SPR_QUANTIZED_STEP]);

#endif
