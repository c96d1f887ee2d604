/* SPDX-License-Identifier: Apache-2.0 */
/* Where an encoder's weights come from: which layers of a network it is made of, and their
 * matrices under a variant. */
#ifndef SPROOF_ENCODER_ENCODER_SOURCE_H
#define SPROOF_ENCODER_ENCODER_SOURCE_H

#include "encoder/encoder.h"
#include "sproof/end_to_end.h"

struct spr_encoder_source {
    const struct spr_network *network;
    struct spr_weights *weights; /* NULL: random */
    struct spr_encoder_shape shape;
    size_t (*product)[SPR_PRODUCTS]; /* [layers]: index into network->layers and the weights */
    struct spr_encoder_vectors *vectors; /* [layers] */
    uint64_t seed;
};

/* Errors: SPR_EINPUT when the network is no encoder, naming what is missing; SPR_ENOMEM. */
enum spr_status spr_encoder_source_make(const struct spr_network *network,
                                        const struct spr_end_to_end_options *options,
                                        struct spr_encoder_source *source,
                                        struct spr_error *err);
void spr_encoder_source_free(struct spr_encoder_source *source);

/* How a product is stored in a variant (NULL: dense): its pattern and sparsity. */
struct spr_choice spr_encoder_choice(const struct spr_encoder_source *source,
                                     const struct spr_variant *variant, int64_t layer,
                                     int product);

/* Its matrix, the same whenever it is asked for; *cells: those that are stored. */
enum spr_status spr_encoder_matrix(const struct spr_encoder_source *source,
                                   const struct spr_choice *choice, int64_t layer, int product,
                                   struct spr_matrix *matrix, double *cells,
                                   struct spr_error *err);

/* Runs the encoder piece by piece on its input and compares samples of every piece with double
 * precision. *worst: largest error over its bound. Errors: SPR_EWRONG when that is above 1. */
enum spr_status spr_encoder_check(struct spr_encoder *encoder,
                                  const struct spr_encoder_source *source,
                                  const struct spr_variant *variant, double *worst,
                                  struct spr_error *err);

#endif
