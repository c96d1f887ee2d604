/* SPDX-License-Identifier: Apache-2.0 */
/* Is what the encoder computes right? Samples of every piece against double precision, each
 * within a bound on the rounding errors of single precision; u = 2^-24. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/worse.h"
#include "encoder/encoder_source.h"

#define UNIT (1.0 / 16777216)
#define SAMPLES 4

/* Largest errors that the series in src/kernel/isa/elementwise.c leave, as measured by
 * tests/unit/test_elementwise.c: of e^x relative, of Phi(x) absolute. */
#define EXP_ERROR 4e-7
#define PHI_ERROR 4e-7

struct check {
    struct spr_encoder *encoder;
    const struct spr_encoder_source *source;
    const struct spr_variant *variant;
    int64_t n; /* columns */
    uint64_t random;
    int64_t rows[SAMPLES]; /* of the product at hand, that are looked at */
    double worst;
    float *before; /* a copy of what a piece works on in place */
    float *copies[3];
};

static int64_t at(const struct check *c, int64_t rows, int64_t i, int64_t j)
{
    return spr_encoder_at(&c->encoder->shape, c->encoder->threads, rows, i, j);
}

/* One element: its error over its bound. */
static void judge(struct check *c, double value, double expected, double bound)
{
    c->worst = spr_worse(c->worst, fabs(value - expected) / bound);
}

static int64_t pick(struct check *c, int64_t count)
{
    return count > 0 ? (int64_t)(spr_random(&c->random) % (uint64_t)count) : 0;
}

/* Rows of Y in the columns of one thread. sums: room. */
static void check_share(struct check *c, const struct spr_matrix *matrix, int product,
                        int thread, double *sums)
{
    const struct spr_span share =
        spr_encoder_share(&c->encoder->shape, thread, c->encoder->threads);
    const int64_t columns = share.end - share.begin;
    double terms[SAMPLES], *magnitude = sums + SAMPLES * columns;
    const float *x = spr_encoder_input_of(c->encoder, product) + matrix->k * share.begin;
    const float *y = spr_encoder_output_of(c->encoder, product) + matrix->m * share.begin;
    if (columns > 0) {
        spr_matrix_product(matrix, columns, x, c->rows, SAMPLES, sums, magnitude, terms);
    }
    for (int i = 0; i < SAMPLES && columns > 0; i++) {
        for (int64_t j = 0; j < columns; j++) {
            double bound = (terms[i] + 2) * UNIT * magnitude[i * columns + j];
            judge(c, (double)y[c->rows[i] * columns + j], sums[i * columns + j],
                  bound > 0 ? bound : UNIT);
        }
    }
}

static enum spr_status check_linear(struct check *c, int64_t layer, int product,
                                    struct spr_error *err)
{
    const struct spr_choice choice = spr_encoder_choice(c->source, c->variant, layer, product);
    struct spr_matrix matrix = {0};
    double cells;
    double *sums = spr_calloc((size_t)(2 * SAMPLES * c->n), sizeof *sums);
    enum spr_status status =
        sums ? spr_encoder_matrix(c->source, &choice, layer, product, &matrix, &cells, err)
             : spr_no_memory(err);
    if (status == SPR_OK) {
        spr_encoder_linear(c->encoder, layer, product);
        for (int i = 0; i < SAMPLES; i++) {
            c->rows[i] = pick(c, matrix.m);
        }
        for (int t = 0; t < c->encoder->threads; t++) {
            check_share(c, &matrix, product, t, sums);
        }
    }
    spr_matrix_free(&matrix);
    spr_free(sums);
    return status;
}

/* One query of one head. scores: room for n. */
static void check_query(struct check *c, int64_t layer, int64_t head, int64_t query,
                        double *scores)
{
    const struct spr_encoder_shape *shape = &c->encoder->shape;
    const struct spr_encoder_vectors *v = &c->source->vectors[layer];
    const int64_t size = shape->hidden / shape->heads, first = head * size;
    const int64_t keys = shape->tokens;
    const double scale = 1 / sqrt((double)size);
    double most = -HUGE_VAL, largest = 0, sum = 0, spread = 0;
    for (int64_t i = 0; i < keys; i++) {
        double score = 0, magnitude = 0;
        for (int64_t d = first; d < first + size; d++) {
            double q = (double)c->copies[0][at(c, shape->hidden, d, query)] +
                       (double)v->bias[SPR_QUERY][d];
            double k =
                (double)c->copies[1][at(c, shape->hidden, d, i)] + (double)v->bias[SPR_KEY][d];
            score += q * k;
            magnitude += fabs(q * k);
        }
        scores[i] = scale * score;
        most = fmax(most, scores[i]);
        largest = fmax(largest, scale * magnitude);
    }
    for (int64_t i = 0; i < keys; i++) {
        spread = fmax(spread, most - scores[i]);
        scores[i] = exp(scores[i] - most);
        sum += scores[i];
    }
    /* A score's own error, the difference's and the scaling's, the exponential's; the sum of
     * all of them and the quotient. */
    double exponent = ((double)size + 6) * UNIT * largest * 2 + 3 * UNIT * spread;
    double relative = 2 * (exponent + EXP_ERROR) + ((double)keys + 4) * UNIT;
    for (int64_t d = first; d < first + size; d++) {
        double context = 0, magnitude = 0;
        for (int64_t i = 0; i < keys; i++) {
            double value = (double)c->copies[2][at(c, shape->hidden, d, i)] +
                           (double)v->bias[SPR_VALUE][d];
            context += scores[i] / sum * value;
            magnitude += scores[i] / sum * fabs(value);
        }
        judge(c, (double)c->encoder->context[at(c, shape->hidden, d, query)], context,
              (relative + ((double)keys + 4) * UNIT) * magnitude + 1e-30);
    }
}

static enum spr_status check_attention(struct check *c, int64_t layer, struct spr_error *err)
{
    const float *const from[3] = {c->encoder->query, c->encoder->key, c->encoder->value};
    const size_t bytes = (size_t)(c->encoder->shape.hidden * c->n) * sizeof(float);
    const int64_t tokens = c->encoder->shape.tokens;
    double *scores = spr_calloc((size_t)tokens, sizeof *scores);
    if (!scores) {
        return spr_no_memory(err);
    }
    for (int i = 0; i < 3; i++) {
        memcpy(c->copies[i], from[i], bytes);
    }
    spr_encoder_attention(c->encoder, layer);
    for (int i = 0; i < SAMPLES; i++) {
        check_query(c, layer, pick(c, c->encoder->shape.heads), pick(c, tokens), scores);
    }
    spr_free(scores);
    return SPR_OK;
}

static void check_gelu(struct check *c, int64_t layer)
{
    const float *bias = c->source->vectors[layer].bias[SPR_INTERMEDIATE];
    const int64_t rows = c->encoder->shape.intermediate;
    memcpy(c->before, c->encoder->wide, (size_t)(rows * c->n) * sizeof(float));
    spr_encoder_gelu(c->encoder, layer);
    for (int i = 0; i < SAMPLES; i++) {
        int64_t row = pick(c, rows);
        for (int64_t j = 0; j < c->n; j++) {
            const int64_t here = at(c, rows, row, j);
            double before = (double)c->before[here], x = before + (double)bias[row];
            double bound = fabs(x) * (PHI_ERROR + 4 * UNIT) +
                           2 * UNIT * (fabs(before) + fabs((double)bias[row]));
            judge(c, (double)c->encoder->wide[here], x * 0.5 * erfc(-x * sqrt(0.5)),
                  bound + 1e-30);
        }
    }
}

static void check_column(struct check *c, int64_t layer, int which, int64_t column)
{
    const struct spr_encoder *e = c->encoder;
    const struct spr_encoder_vectors *v = &c->source->vectors[layer];
    const float *bias = v->bias[which == 0 ? SPR_ATTENTION_OUTPUT : SPR_OUTPUT];
    const int64_t rows = e->shape.hidden;
    double mean = 0, size = 0, square = 0;
    for (int64_t i = 0; i < rows; i++) {
        int64_t here = at(c, rows, i, column);
        double sum = (double)e->y[here] + (double)bias[i] + (double)c->before[here];
        mean += sum / (double)rows;
        size += (fabs((double)e->y[here]) + fabs((double)bias[i]) +
                 fabs((double)c->before[here])) /
                (double)rows;
    }
    for (int64_t i = 0; i < rows; i++) {
        int64_t here = at(c, rows, i, column);
        double apart = (double)e->y[here] + (double)bias[i] + (double)c->before[here] - mean;
        square += apart * apart / (double)rows;
    }
    double deviation = sqrt(square + (double)SPR_NORM_EPSILON);
    for (int64_t i = 0; i < rows; i++) {
        int64_t here = at(c, rows, i, column);
        double sum = (double)e->y[here] + (double)bias[i] + (double)c->before[here];
        double apart = (sum - mean) / deviation;
        double gamma = (double)v->gamma[which][i], beta = (double)v->beta[which][i];
        /* The mean of `rows` terms, their squares, and the operations of the element. */
        double terms = ((double)rows + 16) * UNIT;
        double bound = fabs(gamma) * terms * (size / deviation + 2 * fabs(apart)) +
                       4 * UNIT * (fabs(gamma * apart) + fabs(beta));
        judge(c, (double)e->x[here], gamma * apart + beta, bound + 1e-30);
    }
}

static void check_norm(struct check *c, int64_t layer, int which)
{
    memcpy(c->before, c->encoder->x,
           (size_t)(c->encoder->shape.hidden * c->n) * sizeof(float));
    spr_encoder_norm(c->encoder, layer, which);
    for (int i = 0; i < SAMPLES; i++) {
        check_column(c, layer, which, pick(c, c->encoder->shape.tokens));
    }
}

static enum spr_status check_layer(struct check *c, int64_t layer, struct spr_error *err)
{
    for (int p = SPR_QUERY; p <= SPR_VALUE; p++) {
        SPR_TRY(check_linear(c, layer, p, err));
    }
    SPR_TRY(check_attention(c, layer, err));
    SPR_TRY(check_linear(c, layer, SPR_ATTENTION_OUTPUT, err));
    check_norm(c, layer, 0);
    SPR_TRY(check_linear(c, layer, SPR_INTERMEDIATE, err));
    check_gelu(c, layer);
    SPR_TRY(check_linear(c, layer, SPR_OUTPUT, err));
    check_norm(c, layer, 1);
    return SPR_OK;
}

enum spr_status spr_encoder_check(struct spr_encoder *encoder,
                                  const struct spr_encoder_source *source,
                                  const struct spr_variant *variant, double *worst,
                                  struct spr_error *err)
{
    const struct spr_encoder_shape *shape = &encoder->shape;
    struct check c = {.encoder = encoder,
                      .source = source,
                      .variant = variant,
                      .n = spr_encoder_columns(shape),
                      .random = source->seed ^ 0x5EED};
    const size_t hidden = (size_t)(shape->hidden * spr_encoder_columns(shape));
    const size_t wide = (size_t)(shape->intermediate * spr_encoder_columns(shape));
    float *room = spr_calloc(3 * hidden + (wide > hidden ? wide : hidden), sizeof *room);
    enum spr_status status = room ? SPR_OK : spr_no_memory(err);
    for (int i = 0; i < 3 && room; i++) {
        c.copies[i] = room + (size_t)i * hidden;
    }
    c.before = room ? room + 3 * hidden : NULL;
    if (status == SPR_OK) {
        spr_encoder_begin(encoder);
    }
    for (int64_t l = 0; l < shape->layers && status == SPR_OK; l++) {
        status = check_layer(&c, l, err);
        if (status == SPR_OK && !(c.worst <= 1)) {
            status = spr_fail(err, SPR_EWRONG,
                              "wrong result in layer %lld of %s: an error of %.3g times its "
                              "rounding bound",
                              (long long)l, variant ? variant->name : "dense", c.worst);
        }
    }
    spr_free(room);
    *worst = c.worst;
    return status;
}
