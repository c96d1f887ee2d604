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
    bool predicts_words; /* it has a head to the vocabulary */
    bool unties;         /* which is no other use of the embedding */
    bool gptq_v2;        /* zero points are stored as they are */
    int64_t hidden, heads, layers;
    int64_t kv_heads, head; /* heads that keys and values have; the size of one */
    int64_t vocabulary;
    int64_t groups;                     /* of layers that share their weights: ALBERT */
    int64_t experts, routed;            /* how many there are; to how many a token is sent */
    int64_t positions;                  /* of a sound: max_source_positions */
    int64_t image, patch, channels;     /* of a vision transformer */
    int64_t vision_image, vision_patch; /* of one beside a text */
};

/* Reads config.json beside the file; none there is no error. */
enum spr_status spr_config_read(const struct spr_source *source, struct spr_config *config,
                                struct spr_error *err);

/* Makes layers of the tensors from `first` on as spr_layers_of_tensors does, with this in place of
 * config.json. */
enum spr_status spr_layers_of_config(const struct spr_source *source, size_t first,
                                     const struct spr_config *config, struct spr_error *err);

/* Tokens that a linear layer sees: those of the picture, or options->tokens; 0: unknown. */
int64_t spr_config_tokens(const struct spr_config *config,
                          const struct spr_weights_options *options);

/* The same for a layer of this name: one of the pictures of a model that has text, too, sees
 * theirs. */
int64_t spr_tokens_of(const struct spr_config *config,
                      const struct spr_weights_options *options, const char *name);

enum spr_kind {
    SPR_KIND_NONE,   /* no weights of a product: norms, states, biases */
    SPR_KIND_SCALE,  /* scales and zero points of quantised weights */
    SPR_KIND_LOOKUP, /* an embedding: rows are fetched, not multiplied */
    SPR_KIND_PART,   /* of another tensor's weights: masks, shapes */
    SPR_KIND_UNKNOWN,
    SPR_KIND_LINEAR, /* once for every token */
    SPR_KIND_ONCE,   /* once for a sequence or a picture: poolers, classifiers */
    SPR_KIND_STEP,   /* once for each token, one after the other: states of a recurrence */
    SPR_KIND_HEAD,   /* linear, to a vocabulary; not pruned by default */
    SPR_KIND_CONV,
    SPR_KIND_CONV_TRANSPOSED, /* inputs x outputs x kernel */
    SPR_KIND_STACK,           /* experts, a matrix each */
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
    int64_t m, k;    /* of what is not dense: bitmask, quantised; of a stack each matrix */
    int64_t slice;   /* of a stack: which matrix; else 0 */
    int64_t expert;  /* its number; -1: none */
    /* compressed-tensors bitmask; NULL: dense */
    const unsigned char *mask;
    const int64_t *row_offset;
    const struct spr_quantized *quantized; /* NULL: not so */
    size_t factor;                         /* the tensor of a mask; SIZE_MAX: none */
};

struct spr_candidates {
    struct spr_candidate *item;
    size_t count, capacity;
    struct spr_names names; /* of layers: index */
};

/* Tensors of one read: their names, and what becomes of them. */
struct spr_checkpoint {
    const struct spr_source *source;
    struct spr_names tensors;
    struct spr_candidates candidates;
    struct spr_config config;
};

/* The tensor base[0..length) followed by `end`, its index in *index (may be NULL); NULL: there
 * is none. */
const struct spr_tensor *spr_part(const struct spr_checkpoint *all, const char *base,
                                  size_t length, const char *end, size_t *index);

/* Appends a candidate. SPR_ENOMEM. */
enum spr_status spr_add_candidate(struct spr_checkpoint *all,
                                  const struct spr_candidate *candidate,
                                  struct spr_error *err);

/* What is told by the tensors beside it: the masked weights X.weight_orig and X.weight_mask, weight
 * norm's X.weight_g and X.weight_v, parametrizations of either. *taken: it was one of them, and
 * *candidate is what became of it (SPR_KIND_PART: nothing). SPR_ENOMEM. */
enum spr_status spr_take_masked(struct spr_checkpoint *all, size_t tensor,
                                struct spr_candidate *candidate, bool *taken,
                                struct spr_error *err);

/* The matrices of a tensor of three dimensions, a layer each. SPR_ENOMEM. */
enum spr_status spr_take_stack(struct spr_checkpoint *all,
                               const struct spr_candidate *candidate, struct spr_error *err);

/* Codes with scales of GPTQ, AWQ, compressed-tensors' pack-quantized and nvfp4, bitsandbytes'
 * four bits, MXFP4: *taken as above. SPR_ENOMEM; SPR_EINPUT where the parts do not fit
 * together. */
enum spr_status spr_take_codes(struct spr_checkpoint *all, size_t tensor,
                               struct spr_candidate *candidate, bool *taken,
                               struct spr_error *err);

/* The number behind a part "experts" of a name; -1: none. */
int64_t spr_expert_of(const char *name);

/* Says how many tokens each expert sees, once all are placed. */
void spr_route_experts(struct spr_checkpoint *all);

/* Weights of a product: numbers in at least two dimensions of a size a table may have. */
bool spr_fits_a_layer(const struct spr_tensor *tensor);

/* What a tensor is, by its name, its shape and the tensors beside it; name: the layer's. */
enum spr_kind spr_kind_of(const struct spr_checkpoint *all, size_t tensor, const char *name);

/* The same by the name of a matrix alone. */
enum spr_kind spr_kind_of_name(const char *name, const struct spr_config *config);

/* A part of the name is `text`; last: its last part. */
bool spr_name_has(const char *name, const char *text, bool last);

/* true for a layer name that says GPT-2's transposed linear layer. */
bool spr_kind_is_transposed(const char *name, const struct spr_config *config);

/* The weights X of compressed-tensors' X.compressed, X.bitmask and X.shape as candidates.
 * SPR_EINPUT where the parts do not fit together. */
enum spr_status spr_add_bitmask(const struct spr_source *source,
                                const struct spr_names *tensors, size_t compressed,
                                struct spr_candidate *candidate, struct spr_error *err);

/* Adds a candidate to the weights; n tokens. */
enum spr_status spr_place(const struct spr_source *source, const struct spr_config *config,
                          struct spr_candidate *candidate, struct spr_error *err);

/* For networks whose shape config.json and the tokens tell: adds their layers in the order of
 * execution, with attention products and rows of op=other between them. */
enum spr_status spr_place_family(const struct spr_source *source,
                                 const struct spr_config *config,
                                 struct spr_candidates *candidates, struct spr_error *err);

/* spr_place_family knows it. */
bool spr_has_family(const struct spr_config *config);

/* FLOPs of an element of an activation that config.json names, and what its rows are called; 0: not
 * known. */
double spr_activation(const char *name, const char **row);

/* For decoders of known families, the same with keys and values that are kept; a note where there is
 * attention and the family is not known. */
enum spr_status spr_place_decoder(struct spr_checkpoint *all, size_t first,
                                  struct spr_error *err);

#endif
