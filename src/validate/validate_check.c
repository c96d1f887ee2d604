/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a product is right: against the double-precision one, element by element. */
#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "base/random.h"
#include "validate/validate_parts.h"

/* More multiply-adds than this take seconds in double precision. */
#define ALL_ROWS_MACS 1e9
#define SOME_ROWS 64
/* Elements of Y looked at together. */
#define CHUNK_ELEMENTS 65536

/* 2^-24: half the distance of 1 to the next float, IEEE 754 binary32. */
#define UNIT_ROUNDOFF 5.9604644775390625e-8

struct check {
    const struct spr_product *product;
    double *y, *magnitude, *terms; /* of one chunk */
    int64_t *rows;
    size_t chunk_rows;
    double worst;
    int64_t worst_row, worst_column;
};

/* A NaN is worse than anything. */
static double ratio_of(double y, double reference, double bound)
{
    double off = fabs(y - reference);
    if (isnan(off)) {
        return HUGE_VAL;
    }
    return off <= 0 ? 0 : bound > 0 ? off / bound : HUGE_VAL;
}

static void check_rows(struct check *c, size_t count)
{
    const struct spr_product *p = c->product;
    size_t n = (size_t)p->n;
    spr_matrix_product(p->matrix, p->n, p->x, c->rows, count, c->y, c->magnitude, c->terms);
    for (size_t r = 0; r < count; r++) {
        const float *y = p->y + (size_t)c->rows[r] * n;
        double scale = (c->terms[r] + 2) * UNIT_ROUNDOFF;
        for (size_t j = 0; j < n; j++) {
            double ratio =
                ratio_of((double)y[j], c->y[r * n + j], scale * c->magnitude[r * n + j]);
            if (ratio > c->worst) {
                c->worst = ratio;
                c->worst_row = c->rows[r];
                c->worst_column = (int64_t)j;
            }
        }
    }
}

static void check_all(struct check *c)
{
    const struct spr_product *p = c->product;
    bool all =
        (double)p->matrix->nnz * (double)p->n <= ALL_ROWS_MACS || p->matrix->m <= SOME_ROWS;
    int64_t total = all ? p->matrix->m : SOME_ROWS;
    uint64_t random = p->seed;
    size_t count = 0;
    for (int64_t i = 0; i < total; i++) {
        c->rows[count++] = all ? i : (int64_t)(spr_random(&random) % (uint64_t)p->matrix->m);
        if (count == c->chunk_rows || i + 1 == total) {
            check_rows(c, count);
            count = 0;
        }
    }
}

/* rows x columns of what lies as columns x rows. */
static void turn(const float *from, int64_t rows, int64_t columns, float *to)
{
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            to[i * columns + j] = from[j * rows + i];
        }
    }
}

/* The layout nk is turned into the other one first. */
static enum spr_status check_turned(const struct spr_product *product, double *worst,
                                    struct spr_error *err)
{
    struct spr_product turned = *product;
    const int64_t m = product->matrix->m, k = product->matrix->k, n = product->n;
    float *x = spr_calloc((size_t)(k * n), sizeof *x),
          *y = spr_calloc((size_t)(m * n), sizeof *y);
    enum spr_status status = SPR_OK;
    if (!x || !y) {
        status = spr_no_memory(err);
    } else {
        turn(product->x, k, n, x);
        turn(product->y, m, n, y);
        turned.x = x;
        turned.y = y;
        turned.layout = SPR_LAYOUT_KN;
        status = spr_check_product(&turned, worst, err);
    }
    spr_free(x);
    spr_free(y);
    return status;
}

enum spr_status spr_check_product(const struct spr_product *product, double *worst,
                                  struct spr_error *err)
{
    struct check c = {.product = product};
    if (product->layout == SPR_LAYOUT_NK && product->n > 1) {
        return check_turned(product, worst, err);
    }
    size_t n = (size_t)product->n;
    c.chunk_rows = n < CHUNK_ELEMENTS ? CHUNK_ELEMENTS / n : 1;
    c.y = spr_calloc(c.chunk_rows * n, sizeof *c.y);
    c.magnitude = spr_calloc(c.chunk_rows * n, sizeof *c.magnitude);
    c.terms = spr_calloc(c.chunk_rows, sizeof *c.terms);
    c.rows = spr_calloc(c.chunk_rows, sizeof *c.rows);
    enum spr_status status = SPR_OK;
    if (c.y && c.magnitude && c.terms && c.rows) {
        check_all(&c);
        *worst = c.worst;
    } else {
        status = spr_no_memory(err);
    }
    if (status == SPR_OK && !(c.worst <= 1)) {
        status =
            spr_fail(err, SPR_EWRONG,
                     "%s: wrong result: element [%lld][%lld] of %lld x %lld is %.3g times "
                     "its rounding-error bound away from the double-precision product",
                     product->kernel, (long long)c.worst_row, (long long)c.worst_column,
                     (long long)product->matrix->m, (long long)product->n, c.worst);
    }
    spr_free(c.y);
    spr_free(c.magnitude);
    spr_free(c.terms);
    spr_free(c.rows);
    return status;
}

uint64_t spr_bits(const float *y, size_t count)
{
    uint64_t hash = SPR_HASH_START;
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, &y[i], sizeof word);
        hash = spr_hash(hash, word);
    }
    return hash;
}
