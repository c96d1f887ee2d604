/* SPDX-License-Identifier: Apache-2.0 */
/* The encoder: room for its activations, its pieces, and who computes which tokens. */
#include "encoder/encoder.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "host/team.h"
#include "kernel/operands.h"
#include "kernel/pack.h"
#include "sproof/cpu.h"

const char *const spr_encoder_part_names[SPR_ENCODER_PARTS] = {
    "query, key, value, output", "feed-forward", "attention", "gelu", "layer norm"};

int64_t spr_encoder_columns(const struct spr_encoder_shape *shape)
{
    const int64_t line = SPR_CACHE_LINE / (int64_t)sizeof(float);
    return (shape->tokens + line - 1) / line * line;
}

void spr_encoder_product(const struct spr_encoder_shape *shape, int product, int64_t *m,
                         int64_t *k)
{
    *m = product == SPR_INTERMEDIATE ? shape->intermediate : shape->hidden;
    *k = product == SPR_OUTPUT ? shape->intermediate : shape->hidden;
}

enum spr_status spr_encoder_vectors_make(const struct spr_encoder_shape *shape,
                                         struct spr_encoder_vectors *vectors,
                                         struct spr_error *err)
{
    const size_t hidden = (size_t)shape->hidden, wide = (size_t)shape->intermediate;
    float *at = spr_calloc(9 * hidden + wide, sizeof *at);
    if (!at) {
        return spr_no_memory(err);
    }
    for (int p = 0; p < SPR_PRODUCTS; p++) {
        vectors->bias[p] = at;
        at += p == SPR_INTERMEDIATE ? wide : hidden;
    }
    for (int i = 0; i < 2; i++) {
        vectors->gamma[i] = at;
        vectors->beta[i] = at + hidden;
        at += 2 * hidden;
    }
    return SPR_OK;
}

/* --- The encoder. */

static size_t lines(double floats)
{
    return (size_t)ceil(floats * sizeof(float) / SPR_CACHE_LINE) * SPR_CACHE_LINE;
}

static float *carve(char **at, double floats)
{
    float *begin = (float *)(void *)*at;
    *at += lines(floats);
    return begin;
}

/* What each call of a head's two products copies. */
static enum spr_status pack_head(enum spr_isa isa, const struct spr_dense_shape *scores,
                                 const struct spr_dense_shape *context,
                                 struct spr_encoder_head *head, struct spr_error *err)
{
    SPR_TRY(spr_pack_template(isa, scores, &head->scores, err));
    return spr_pack_template(isa, context, &head->context, err);
}

enum spr_status spr_encoder_make(const struct spr_encoder_shape *shape, enum spr_isa isa,
                                 int threads, struct spr_encoder *encoder,
                                 struct spr_error *err)
{
    struct spr_encoder *e = encoder;
    const double n = (double)spr_encoder_columns(shape), hidden = (double)shape->hidden * n;
    const double wide = (double)shape->intermediate * n, scored = (double)shape->tokens * n;
    const int64_t size = shape->hidden / shape->heads;
    /* No thread has more. */
    const struct spr_span share = spr_encoder_share(shape, threads - 1, threads);
    const int64_t columns = share.end - share.begin;
    const struct spr_dense_shape scores = {shape->tokens, size, columns};
    const struct spr_dense_shape context = {size, shape->tokens, columns};
    *e = (struct spr_encoder){.shape = *shape, .isa = isa, .threads = threads};
    e->layer = spr_calloc((size_t)shape->layers, sizeof *e->layer);
    e->head = spr_calloc((size_t)threads, sizeof *e->head);
    size_t bytes = 6 * lines(hidden) + lines(wide) + (size_t)threads * lines(scored);
    e->memory = spr_aligned_alloc(SPR_CACHE_LINE, bytes);
    enum spr_status status = SPR_OK;
    if (!e->layer || !e->head || !e->memory) {
        status = spr_no_memory(err);
    }
    char *at = e->memory;
    for (int t = 0; t < threads && status == SPR_OK; t++) {
        status = pack_head(isa, &scores, &context, &e->head[t], err);
        e->head[t].matrix = carve(&at, scored);
    }
    if (status != SPR_OK) {
        spr_encoder_free(e);
        return status;
    }
    e->x = carve(&at, hidden);
    e->query = carve(&at, hidden);
    e->key = carve(&at, hidden);
    e->value = carve(&at, hidden);
    e->context = carve(&at, hidden);
    e->y = carve(&at, hidden);
    e->wide = carve(&at, wide);
    memset(e->memory, 0, bytes);
    return SPR_OK;
}

void spr_encoder_free(struct spr_encoder *encoder)
{
    for (int64_t l = 0; l < encoder->shape.layers && encoder->layer; l++) {
        for (int p = 0; p < SPR_PRODUCTS; p++) {
            spr_packed_free(&encoder->layer[l].product[p]);
        }
    }
    for (int t = 0; t < encoder->threads && encoder->head; t++) {
        spr_packed_free(&encoder->head[t].scores);
        spr_packed_free(&encoder->head[t].context);
    }
    spr_free(encoder->layer);
    spr_free(encoder->head);
    spr_free(encoder->memory);
    *encoder = (struct spr_encoder){0};
}

const float *spr_encoder_input_of(const struct spr_encoder *e, int product)
{
    return product == SPR_ATTENTION_OUTPUT ? e->context
           : product == SPR_OUTPUT         ? e->wide
                                           : e->x;
}

float *spr_encoder_output_of(const struct spr_encoder *e, int product)
{
    float *const outputs[SPR_PRODUCTS] = {e->query, e->key, e->value, e->y, e->wide, e->y};
    return outputs[product];
}

void spr_encoder_begin(struct spr_encoder *e)
{
    const int64_t columns = spr_encoder_columns(&e->shape);
    memcpy(e->x, e->input, (size_t)(e->shape.hidden * columns) * sizeof *e->x);
}

struct spr_span spr_encoder_share(const struct spr_encoder_shape *shape, int thread,
                                  int threads)
{
    const int64_t line = SPR_CACHE_LINE / (int64_t)sizeof(float);
    const int64_t all = spr_encoder_columns(shape) / line;
    return (struct spr_span){all * thread / threads * line,
                             all * (thread + 1) / threads * line};
}

int64_t spr_encoder_at(const struct spr_encoder_shape *shape, int threads, int64_t rows,
                       int64_t i, int64_t j)
{
    struct spr_span share = {0, 0};
    for (int t = 0; t < threads && share.end <= j; t++) {
        share = spr_encoder_share(shape, t, threads);
    }
    return rows * share.begin + i * (share.end - share.begin) + j - share.begin;
}

/* The columns of one thread. */
struct share {
    int thread;
    int64_t begin, columns;
};

/* A share of a matrix of so many rows. */
static float *part(float *matrix, int64_t rows, const struct share *share)
{
    return matrix + rows * share->begin;
}

static void linear(struct spr_encoder *e, int64_t layer, int product, const struct share *s)
{
    int64_t m, k;
    spr_encoder_product(&e->shape, product, &m, &k);
    spr_kernel_multiply_columns(&e->layer[layer].product[product], s->columns,
                                spr_encoder_input_of(e, product) + k * s->begin,
                                part(spr_encoder_output_of(e, product), m, s));
}

/* Scores = K^T (Q + bias), softmax over keys, context = V P, of one head and some queries. */
static void attend(struct spr_encoder *e, const struct spr_encoder_vectors *v, int64_t head,
                   struct spr_encoder_head *room, const struct share *s)
{
    const struct spr_elementwise *ops = spr_isa_code_of(e->isa)->elementwise;
    const int64_t hidden = e->shape.hidden, size = hidden / e->shape.heads;
    const int64_t row = head * size;
    const struct spr_span all = {0, s->columns};
    float *query = part(e->query, hidden, s) + row * s->columns;
    ops->add(query, v->bias[SPR_QUERY] + row, size, s->columns, &all);
    for (int t = 0; t < e->threads; t++) {
        struct spr_span tokens = spr_encoder_share(&e->shape, t, e->threads);
        const int64_t columns = tokens.end - tokens.begin;
        const int64_t from = hidden * tokens.begin + row * columns;
        tokens.end = tokens.end < e->shape.tokens ? tokens.end : e->shape.tokens;
        spr_pack_columns(&room->scores, &tokens, e->key + from, columns,
                         v->bias[SPR_KEY] + row);
        spr_pack_rows(&room->context, &tokens, e->value + from, columns,
                      v->bias[SPR_VALUE] + row);
    }
    spr_kernel_multiply_columns(&room->scores, s->columns, query, room->matrix);
    ops->softmax(room->matrix, e->shape.tokens, s->columns, &all,
                 (float)(1 / sqrt((double)size)));
    spr_kernel_multiply_columns(&room->context, s->columns, room->matrix,
                                part(e->context, hidden, s) + row * s->columns);
}

static void attention(struct spr_encoder *e, int64_t layer, int product, const struct share *s)
{
    struct spr_encoder_head *room = &e->head[s->thread];
    (void)product;
    for (int64_t head = 0; head < e->shape.heads; head++) {
        attend(e, &e->vectors[layer], head, room, s);
    }
}

static void gelu(struct spr_encoder *e, int64_t layer, int product, const struct share *s)
{
    const struct spr_span all = {0, s->columns};
    const int64_t rows = e->shape.intermediate;
    spr_isa_code_of(e->isa)->elementwise->gelu(
        part(e->wide, rows, s), e->vectors[layer].bias[product], rows, s->columns, &all);
}

static void norm(struct spr_encoder *e, int64_t layer, int product, const struct share *s)
{
    const struct spr_encoder_vectors *v = &e->vectors[layer];
    const int which = product == SPR_OUTPUT;
    const struct spr_norm norm = {.y = part(e->y, e->shape.hidden, s),
                                  .x = part(e->x, e->shape.hidden, s),
                                  .bias = v->bias[product],
                                  .gamma = v->gamma[which],
                                  .beta = v->beta[which],
                                  .rows = e->shape.hidden,
                                  .n = s->columns,
                                  .epsilon = SPR_NORM_EPSILON};
    const struct spr_span all = {0, s->columns};
    spr_isa_code_of(e->isa)->elementwise->norm(&norm, &all);
}

typedef void piece(struct spr_encoder *e, int64_t layer, int product, const struct share *s);

/* One piece of a layer. */
struct piece_call {
    struct spr_encoder *encoder;
    int64_t layer;
    int product;
    piece *run;
};

static void run_shares(void *context, int thread, int threads)
{
    const struct piece_call *call = context;
    struct spr_encoder *e = call->encoder;
    for (int t = thread; t < e->threads; t += threads) {
        const struct spr_span columns = spr_encoder_share(&e->shape, t, e->threads);
        const struct share share = {t, columns.begin, columns.end - columns.begin};
        if (share.columns > 0) {
            call->run(e, call->layer, call->product, &share);
        }
    }
}

static void on_shares(struct spr_encoder *e, int64_t layer, int product, piece *run)
{
    struct piece_call call = {e, layer, product, run};
    spr_team_run(e->threads, run_shares, &call);
}

void spr_encoder_linear(struct spr_encoder *e, int64_t layer, int product)
{
    on_shares(e, layer, product, linear);
}

void spr_encoder_attention(struct spr_encoder *e, int64_t layer)
{
    on_shares(e, layer, 0, attention);
}

void spr_encoder_gelu(struct spr_encoder *e, int64_t layer)
{
    on_shares(e, layer, SPR_INTERMEDIATE, gelu);
}

void spr_encoder_norm(struct spr_encoder *e, int64_t layer, int which)
{
    on_shares(e, layer, which == 0 ? SPR_ATTENTION_OUTPUT : SPR_OUTPUT, norm);
}

/* Adds what passed since *since to a part. */
static void took(const struct spr_encoder *e, enum spr_encoder_part part, double *since)
{
    if (e->part_s) {
        double now = e->clock_s();
        e->part_s[part] += now - *since;
        *since = now;
    }
}

void spr_encoder_run(struct spr_encoder *e)
{
    double since = e->part_s ? e->clock_s() : 0;
    spr_encoder_begin(e);
    for (int64_t l = 0; l < e->shape.layers; l++) {
        spr_encoder_linear(e, l, SPR_QUERY);
        spr_encoder_linear(e, l, SPR_KEY);
        spr_encoder_linear(e, l, SPR_VALUE);
        took(e, SPR_PART_ATTENTION_LINEAR, &since);
        spr_encoder_attention(e, l);
        took(e, SPR_PART_ATTENTION, &since);
        spr_encoder_linear(e, l, SPR_ATTENTION_OUTPUT);
        took(e, SPR_PART_ATTENTION_LINEAR, &since);
        spr_encoder_norm(e, l, 0);
        took(e, SPR_PART_NORM, &since);
        spr_encoder_linear(e, l, SPR_INTERMEDIATE);
        took(e, SPR_PART_WIDE_LINEAR, &since);
        spr_encoder_gelu(e, l);
        took(e, SPR_PART_GELU, &since);
        spr_encoder_linear(e, l, SPR_OUTPUT);
        took(e, SPR_PART_WIDE_LINEAR, &since);
        spr_encoder_norm(e, l, 1);
        took(e, SPR_PART_NORM, &since);
    }
}
