/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows of a table make the network, and their weights with batch norm folded in. */
#ifndef SPROOF_CONVNET_CONVNET_SOURCE_H
#define SPROOF_CONVNET_CONVNET_SOURCE_H

#include "convnet/convnet.h"
#include "sproof/convnet.h"
#include "sproof/layer.h"

struct spr_convnet_source {
    const struct spr_network *network;
    struct spr_convnet_shape shape;
    size_t row[SPR_CONV_PARTS]; /* of each part, in the network's layers */
    float *bias[SPR_CONV_PRODUCTS];
    uint64_t seed;
};

/* Batch norm of one output behind a product, and its beta. */
struct spr_batch_norm {
    double mean, variance, gamma, beta;
};
#define SPR_BATCH_NORM_EPSILON 1e-5

/* Folds it into that row of W and its bias. */
void spr_batch_norm_fold(const struct spr_batch_norm *norm, struct spr_matrix *matrix,
                         int64_t row, float *bias);

/* Errors: SPR_EINPUT when sizes do not fit together, naming the row; SPR_ENOMEM. */
enum spr_status spr_convnet_source_make(const struct spr_network *network, int64_t batch,
                                        uint64_t seed, struct spr_convnet_source *source,
                                        struct spr_error *err);
void spr_convnet_source_free(struct spr_convnet_source *source);

/* How a product is stored in a variant (NULL: dense). */
struct spr_choice spr_convnet_choice(const struct spr_convnet_source *source,
                                     const struct spr_variant *variant, int product);

/* Its matrix, random, folded, the same whenever it is asked for; *cells: those that are stored.
 * Sets source->bias of the product, which does not depend on the choice. */
enum spr_status spr_convnet_matrix(const struct spr_convnet_source *source,
                                   const struct spr_choice *choice, int product,
                                   struct spr_matrix *matrix, double *cells,
                                   struct spr_error *err);

#endif
