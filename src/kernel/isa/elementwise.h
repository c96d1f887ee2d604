/* SPDX-License-Identifier: Apache-2.0 */
/* What stands between the matrix products of an encoder. Matrices are features x tokens,
 * row-major, n tokens to a row; vectors run along tokens. Errors of each are in
 * src/encoder/README.md, "How it runs". */
#ifndef SPROOF_KERNEL_ISA_ELEMENTWISE_H
#define SPROOF_KERNEL_ISA_ELEMENTWISE_H

#include <stdint.h>

/* Of layer norm: BERT's. */
#define SPR_NORM_EPSILON 1e-12F

/* y = LayerNorm(y + bias + x) over the features of each token; the result goes to x. */
struct spr_norm {
    const float *y; /* rows x n */
    float *x;       /* rows x n, in and out */
    const float *bias, *gamma, *beta;
    int64_t rows, n;
    float epsilon;
};

/* [begin, end) of the columns, or rows, of a matrix. */
struct spr_span {
    int64_t begin, end;
};

/* What one instruction set's object exports. */
struct spr_elementwise {
    /* Each of those columns of s (rows x n): exp(scale s) over their sum. */
    void (*softmax)(float *s, int64_t rows, int64_t n, const struct spr_span *columns,
                    float scale);
    /* x = gelu(x + bias) in those columns of rows of n; gelu(x) = x Phi(x). */
    void (*gelu)(float *x, const float *bias, int64_t rows, int64_t n,
                 const struct spr_span *columns);
    /* x = x + bias. */
    void (*add)(float *x, const float *bias, int64_t rows, int64_t n,
                const struct spr_span *columns);
    void (*norm)(const struct spr_norm *norm, const struct spr_span *columns);
};

#endif
