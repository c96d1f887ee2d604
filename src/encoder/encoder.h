/* SPDX-License-Identifier: Apache-2.0 */
/* A whole encoder of the BERT family, run with sproof's kernels. Activations are features x
 * tokens, so that every pattern's kernel takes them as they are. */
#ifndef SPROOF_ENCODER_ENCODER_H
#define SPROOF_ENCODER_ENCODER_H

#include "kernel/isa/elementwise.h"
#include "sproof/kernel.h"

struct spr_encoder_shape {
    int64_t layers, hidden, heads, intermediate, tokens;
};

/* The matrix products of a layer that have weights. */
enum spr_product_kind {
    SPR_QUERY,
    SPR_KEY,
    SPR_VALUE,
    SPR_ATTENTION_OUTPUT,
    SPR_INTERMEDIATE,
    SPR_OUTPUT,
};
#define SPR_PRODUCTS 6

/* Tokens rounded up to whole cache lines: the columns of every matrix of activations. Those
 * past the tokens are worked on like any other, and no token looks at them. */
int64_t spr_encoder_columns(const struct spr_encoder_shape *shape);

/* m x k of a product; the inputs and outputs are k x columns and m x columns. */
void spr_encoder_product(const struct spr_encoder_shape *shape, int product, int64_t *m,
                         int64_t *k);

/* One layer's vectors: a bias for each product, gamma and beta of the two layer norms. Made
 * together, freed with spr_free(bias[0]). */
struct spr_encoder_vectors {
    float *bias[SPR_PRODUCTS];
    float *gamma[2], *beta[2];
};
enum spr_status spr_encoder_vectors_make(const struct spr_encoder_shape *shape,
                                         struct spr_encoder_vectors *vectors,
                                         struct spr_error *err);

/* What one layer of one variant multiplies with. */
struct spr_encoder_layer {
    struct spr_packed product[SPR_PRODUCTS];
};

/* Where the time goes. */
enum spr_encoder_part {
    SPR_PART_ATTENTION_LINEAR, /* query, key, value, output */
    SPR_PART_WIDE_LINEAR,      /* the feed-forward part */
    SPR_PART_ATTENTION,        /* scores, softmax and context, with packing them */
    SPR_PART_GELU,
    SPR_PART_NORM, /* with bias and residual */
};
#define SPR_ENCODER_PARTS 5
extern const char *const spr_encoder_part_names[SPR_ENCODER_PARTS];

/* One head's operands of one thread, packed as the kernel reads a dense matrix. */
struct spr_encoder_head {
    struct spr_packed scores, context; /* K^T: tokens x size; V: size x tokens */
    float *matrix;                     /* tokens x columns */
};

struct spr_encoder {
    struct spr_encoder_shape shape;
    enum spr_isa isa;
    int threads;
    const struct spr_encoder_vectors *vectors;           /* [layers], borrowed */
    struct spr_encoder_layer *layer;                     /* [layers] */
    struct spr_encoder_head *head;                       /* [threads] */
    float *x, *query, *key, *value, *context, *wide, *y; /* activations, in `memory` */
    void *memory;       /* owns the activations and the heads' matrices */
    const float *input; /* hidden x columns, in shares like the rest, borrowed */
    double (*clock_s)(void);
    double *part_s; /* [SPR_ENCODER_PARTS]: adds up the seconds of each; NULL: not timed */
};

/* Room for an encoder whose products are packed by the caller. Errors: SPR_ENOMEM. */
enum spr_status spr_encoder_make(const struct spr_encoder_shape *shape, enum spr_isa isa,
                                 int threads, struct spr_encoder *encoder,
                                 struct spr_error *err);
void spr_encoder_free(struct spr_encoder *encoder);

/* The columns of one thread of several: whole cache lines. Every thread
 * works on its own columns from end to end; only keys and values are read by all. Each share of
 * a matrix is a matrix of its own, behind the one before: with rows of all columns a thread
 * would use part of the cache's sets, and what is fetched ahead would be another's. */
struct spr_span spr_encoder_share(const struct spr_encoder_shape *shape, int thread,
                                  int threads);

/* Where row i, column j of a matrix of activations of so many rows is. */
int64_t spr_encoder_at(const struct spr_encoder_shape *shape, int threads, int64_t rows,
                       int64_t i, int64_t j);

/* From encoder->input to encoder->x. Never allocates. */
void spr_encoder_run(struct spr_encoder *encoder);

/* The pieces of it, one after another: what a check runs between looks at the activations. */
void spr_encoder_begin(struct spr_encoder *encoder);
void spr_encoder_linear(struct spr_encoder *encoder, int64_t layer, int product);
void spr_encoder_attention(struct spr_encoder *encoder, int64_t layer);
void spr_encoder_gelu(struct spr_encoder *encoder, int64_t layer);
void spr_encoder_norm(struct spr_encoder *encoder, int64_t layer, int which);

/* Input and output of a product. */
const float *spr_encoder_input_of(const struct spr_encoder *encoder, int product);
float *spr_encoder_output_of(const struct spr_encoder *encoder, int product);

#endif
