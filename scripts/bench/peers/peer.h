/* SPDX-License-Identifier: Apache-2.0 */
/* What a library under comparison offers: ways to compute Y[m x n] = W[m x k] X[k x n] in
 * f32. Every peer is a shared object of its own that exports peer_get(); sproof's own kernels
 * are one more. */
#ifndef PEER_H
#define PEER_H

#ifndef __cplusplus
#include <stdbool.h>
#endif
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sproof/matrix.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PEER_TEXT 120

/* One matrix and one X. Everything lives until the process ends. */
struct peer_case {
    int64_t m, k, n;
    int threads;
    struct spr_pattern pattern;
    double kept;                     /* cells of the pattern */
    int activation;                  /* percent of X that is zero and known to be; else 0 */
    const struct spr_matrix *matrix; /* what is not zero */
    const float *w;                  /* m x k; NULL unless the matrix is dense */
    const float *x;                  /* k x n row-major, PEER_SLACK readable past its end */
};

/* A product ready to run: weights packed and inspected, X in the layout that the peer likes. */
struct peer_product {
    void *state;
    void (*run)(void *state);
    const float *y;       /* element (i, j) at i*y_row + j*y_col */
    int64_t y_row, y_col; /* in floats */
    const void *x;        /* what it reads of X; NULL: the case's */
    size_t x_bytes;
    double checked_s; /* what the checked call took */
};

enum peer_kind {
    PEER_DENSE, /* dense matrices */
    PEER_CSR,   /* single non-zeros anywhere */
    PEER_BLOCK, /* square blocks */
    PEER_ANY,   /* all of these */
    PEER_PEAK,  /* no product: peak_flops(threads) FLOPs a run */
};

/* One way of computing it. make fills `why` (PEER_TEXT bytes) when it cannot. */
struct peer_way {
    const char *label; /* "oneDNN sgemm" */
    enum peer_kind kind;
    bool (*make)(const struct peer_case *c, struct peer_product *product, char *why);
};

struct peer {
    /* Called once, before anything else; fills version (PEER_TEXT bytes), or why it cannot. */
    bool (*start)(int threads, char *version);
    const struct peer_way *ways;
    size_t way_count;
};

const struct peer *peer_get(void);

/* Readable bytes past the end of every buffer: XNNPACK reads ahead. */
#define PEER_SLACK 64

/* Zeroed, aligned to a cache line or, when large, to a huge page, which is also asked for;
 * ends the process when there is none. Never freed: a process lives as long as its shape. */
static inline void *peer_alloc(size_t bytes)
{
    const size_t huge = (size_t)2 << 20, line = 64;
    size_t align = bytes >= huge / 2 ? huge : line;
    size_t size = (bytes + PEER_SLACK + align - 1) / align * align;
    void *block = aligned_alloc(align, size);
    if (block == NULL) {
        abort();
    }
    if (align == huge) {
        (void)madvise(block, size, MADV_HUGEPAGE);
    }
    memset(block, 0, size);
    return block;
}

static inline float *peer_floats(int64_t count)
{
    return (float *)peer_alloc((size_t)count * sizeof(float));
}

/* W with its zeros, row-major. */
static inline const float *peer_weights(const struct peer_case *c)
{
    if (c->w != NULL) {
        return c->w;
    }
    float *w = peer_floats(c->m * c->k);
    for (int64_t i = 0; i < c->m; i++) {
        for (size_t p = c->matrix->row[i]; p < c->matrix->row[i + 1]; p++) {
            w[i * c->k + c->matrix->column[p]] = c->matrix->value[p];
        }
    }
    return w;
}

/* Row offsets as most libraries take them. */
static inline int *peer_row_offsets(const struct spr_matrix *matrix)
{
    int *offsets = (int *)peer_alloc(((size_t)matrix->m + 1) * sizeof(int));
    for (int64_t i = 0; i <= matrix->m; i++) {
        offsets[i] = (int)matrix->row[i];
    }
    return offsets;
}

/* X as n rows of k, "channels last". */
static inline const float *peer_x_transposed(const struct peer_case *c,
                                             struct peer_product *product)
{
    float *t = peer_floats(c->k * c->n);
    for (int64_t j = 0; j < c->n; j++) {
        for (int64_t i = 0; i < c->k; i++) {
            t[j * c->k + i] = c->x[i * c->n + j];
        }
    }
    product->x = t;
    product->x_bytes = (size_t)(c->k * c->n) * sizeof(float);
    return t;
}

/* A product with a row-major Y. */
static inline float *peer_y(const struct peer_case *c, struct peer_product *product)
{
    float *y = peer_floats(c->m * c->n);
    product->y = y;
    product->y_row = c->n;
    product->y_col = 1;
    return y;
}

/* A product whose Y is n rows of m. */
static inline float *peer_y_transposed(const struct peer_case *c, struct peer_product *product)
{
    float *y = peer_y(c, product);
    product->y_row = 1;
    product->y_col = c->m;
    return y;
}

#ifdef __cplusplus
}
#endif
#endif
