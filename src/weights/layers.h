/* SPDX-License-Identifier: Apache-2.0 */
/* From tensors to layers: which tensors are weights of what, and what else the network does. */
#ifndef SPROOF_WEIGHTS_LAYERS_H
#define SPROOF_WEIGHTS_LAYERS_H

#include "weights/reader.h"
#include "base/mem.h"

/* What config.json beside a checkpoint says; 0 and "" where it does not. */
struct spr_config {
    bool found;
    char path[1024];
    char model_type[48]; /* "bert" */
    char activation[32]; /* "gelu" */
    bool labels_tokens;  /* a classifier of tokens, not of sequences */
    int64_t hidden, heads, layers;
    int64_t image, patch, channels; /* of a vision transformer */
};

/* Reads config.json beside the file; none there is no error. */
enum spr_status spr_config_read(const struct spr_source *source, struct spr_config *config,
                                struct spr_error *err);

/* Tokens that a linear layer sees: those of the picture, or options->tokens; 0: unknown. */
int64_t spr_config_tokens(const struct spr_config *config,
                          const struct spr_weights_options *options);

enum spr_kind {
    SPR_KIND_NONE,   /* no weights of a product: norms, states */
    SPR_KIND_SCALE,  /* scales and zero points of quantised weights */
    SPR_KIND_LOOKUP, /* an embedding: rows are fetched, not multiplied */
    SPR_KIND_LINEAR, /* once for every token */
    SPR_KIND_ONCE,   /* once for a sequence or a picture: poolers, classifiers */
    SPR_KIND_HEAD,   /* linear, to a vocabulary; not pruned by default */
    SPR_KIND_CONV,
};

/* The name of a tensor without ".weight"; NULL: out of memory. */
char *spr_layer_name(struct spr_weights *weights, const char *tensor);

/* A layer that is not added yet. */
struct spr_candidate {
    const char *name;
    size_t tensor;
    enum spr_kind kind;
    bool transposed; /* k x m in the file */
    bool placed;     /* added to the weights */
    /* compressed-tensors bitmask; NULL: dense */
    const unsigned char *mask;
    const int64_t *row_offset;
    int64_t m, k;
};

struct spr_candidates {
    struct spr_candidate *item;
    size_t count, capacity;
    struct spr_names names; /* of layers: index */
};

/* Weights of a product: numbers in at least two dimensions of a size a table may have. */
bool spr_fits_a_layer(const struct spr_tensor *tensor);

/* What the name of a layer and the rank of its weights make of it. */
enum spr_kind spr_kind_of(const char *name, int rank, const struct spr_config *config);

/* true for a layer name that says GPT-2's transposed linear layer. */
bool spr_kind_is_transposed(const char *name, const struct spr_config *config);

/* The weights X of compressed-tensors' X.compressed, X.bitmask and X.shape as candidates;
 * `tensors` maps names to tensors. SPR_EINPUT where the parts do not fit together. */
enum spr_status spr_add_bitmask(const struct spr_source *source,
                                const struct spr_names *tensors, size_t compressed,
                                struct spr_candidate *candidate, struct spr_error *err);

/* Adds a candidate to the weights; n tokens. */
enum spr_status spr_place(const struct spr_source *source, const struct spr_config *config,
                          struct spr_candidate *candidate, struct spr_error *err);

/* For encoders whose shape config.json and the tokens tell: adds their layers in the order of
 * execution, with attention products and rows of op=other between them. */
enum spr_status spr_place_family(const struct spr_source *source,
                                 const struct spr_config *config,
                                 struct spr_candidates *candidates, struct spr_error *err);

#endif
