/* SPDX-License-Identifier: Apache-2.0 */
/* Networks: layers, and the pruned variants a table describes. */
#ifndef SPROOF_LAYER_H
#define SPROOF_LAYER_H

#include "sproof/arena.h"
#include "sproof/pattern.h"
#include "sproof/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spr_op {
    SPR_OP_LINEAR,
    SPR_OP_CONV,
    SPR_OP_DEPTHWISE,
    SPR_OP_ATTENTION, /* a product of two activations: no weights */
    SPR_OP_OTHER,     /* softmax, layer norm, ...: FLOPs and bytes only */
};

/* One operator, as a GEMM Y[m x n] = W[m x k] * X[k x n] at batch 1. */
struct spr_layer {
    const char *name;
    enum spr_op op;
    bool prunable;      /* only linear, conv, depthwise */
    int64_t m;          /* all outputs; 0 for other */
    int64_t k;          /* inputs per output; 0 for other */
    int64_t n;          /* tokens or output pixels; 0 for other */
    int64_t count;      /* occurrences in the network */
    int64_t calls;      /* calls of all occurrences together, 0..count */
    int64_t groups;     /* convolution groups */
    double x_elements;  /* distinct input elements; for other: elements read and written */
    double other_flops; /* op=other: FLOPs, else 0 */
    double other_bytes; /* op=other: bytes; NAN: x_elements times the value bytes */
    double activation_sparsity; /* zero fraction of X */
    bool epilogue;              /* other: may run inside the product above it */
    size_t product;             /* of an epilogue: the index of that product; else unused */
    double y_elements; /* an epilogue's elements, read and written, that are that product's Y;
                          of one occurrence, else 0 */
};

/* How one layer is pruned in one variant. */
struct spr_choice {
    size_t layer;                    /* index into spr_network.layers */
    const struct spr_layer *smaller; /* the layer as this variant has it; NULL: as it is */
    struct spr_pattern pattern;      /* may be dense */
    double sparsity;                 /* 0..1; for blocks the fraction of zero blocks */
    struct spr_counted counted;      /* NAN where estimates apply */
    double activation_sparsity;      /* zero fraction of X in this variant */
    double skipped;                  /* the same where products skip these zeros, else 0 */
    size_t line;                     /* line of the table, 0 when not from a table */
};

enum spr_accuracy_source {
    SPR_ACCURACY_NONE,
    SPR_ACCURACY_MODEL,        /* column of the layer table */
    SPR_ACCURACY_TABLE,        /* a point of the accuracy table */
    SPR_ACCURACY_INTERPOLATED, /* between two points of one pattern, method and metric */
};

/* One pruned network. */
struct spr_variant {
    const char *name;
    struct spr_pattern pattern; /* the one pattern, or kind NULL when mixed */
    double sparsity;            /* requested (grid) or weight-averaged (table) */
    bool smaller;               /* some layer is smaller than in the network */
    /* zero fraction of X that the products of prunable layers skip: 0 none, NAN as much as the
     * table says of each */
    double skipped;
    bool grid;                        /* every prunable layer alike; choices is then NULL */
    const struct spr_choice *choices; /* table variants: sorted by layer */
    size_t choice_count;
    double accuracy;       /* NAN when unknown */
    double dense_accuracy; /* of the same source; NAN when unknown */
    enum spr_accuracy_source accuracy_source;
    const char *method; /* how it was pruned; NULL when unknown */
    bool layerwise;     /* accuracy measured with a layerwise allocation, grid uniform */
};

struct spr_network {
    const char *name; /* file name without directory and suffix */
    const char *path; /* as given */
    struct spr_layer *layers;
    size_t layer_count;
    struct spr_variant *variants;
    size_t variant_count;
    struct spr_choice *choices; /* of all table variants */
    size_t choice_count;
    double dense_accuracy;  /* accuracy column of the base rows; NAN when absent */
    const char *metric;     /* of the accuracy table, NULL when unknown */
    bool lower_is_better;   /* direction of the metric */
    const char *left_out;   /* what the table says it lacks, for people; NULL: nothing */
    struct spr_arena arena; /* owns strings and arrays above except where noted */
};

/* Reads a layer table (src/network/README.md, "The layer table"). Zeroes *network first.
 * Errors: SPR_EINPUT naming file, line, column, value and what was expected, for up to
 * 20 rows; SPR_ENOMEM. Warnings (unknown columns, oversized blocks) go to notes. */
enum spr_status spr_network_read(const char *path, struct spr_network *network,
                                 struct spr_notes *notes, struct spr_error *err);

void spr_network_free(struct spr_network *network);

/* A grid: pattern x sparsity lists. */
struct spr_grid {
    const struct spr_pattern *patterns;
    size_t pattern_count;
    const double *sparsities; /* each 0..1 */
    size_t sparsity_count;
};

/* Adds the grid's variants, patterns outer, sparsities inner; a pattern that fixes its
 * sparsity appears once. Errors: SPR_ENOMEM. */
enum spr_status spr_network_add_grid(struct spr_network *network, const struct spr_grid *grid,
                                     struct spr_error *err);

/* Each variant once for each of so many fractions of X's zeros that its products skip, named
 * VARIANT+actFRACTION; 0 leaves it as it is, NAN (+act) is what the table says of each layer. The
 * accuracy of a variant whose X has zeros that the table does not say is not known. Errors:
 * SPR_ENOMEM. */
enum spr_status spr_network_add_skipped(struct spr_network *network, const double *skipped,
                                        size_t count, struct spr_error *err);

/* true when the table says that the X of some prunable layer has zeros. */
bool spr_network_has_zeros_of_x(const struct spr_network *network);

/* Keeps only table variants of the listed patterns. Errors: SPR_EINPUT when none is left. */
enum spr_status spr_network_filter(struct spr_network *network,
                                   const struct spr_pattern *patterns, size_t count,
                                   struct spr_error *err);

/* How `variant` treats layer `index`: its choice, or dense. `*hint` makes a walk in layer
 * order linear: start it at 0 and pass it unchanged. `*misfit` (may be NULL) gets the reason
 * when a grid pattern does not fit the layer, else NULL. */
struct spr_choice spr_variant_choice(const struct spr_network *network,
                                     const struct spr_variant *variant, size_t index,
                                     size_t *hint, const char **misfit);

/* The layer as a variant has it. */
static inline const struct spr_layer *spr_choice_layer(const struct spr_network *network,
                                                       const struct spr_choice *choice)
{
    return choice->smaller ? choice->smaller : &network->layers[choice->layer];
}

/* true when the variant leaves the layer as it is: dense, of its own size, every X multiplied. */
static inline bool spr_choice_unchanged(const struct spr_choice *choice)
{
    return !choice->smaller && spr_pattern_is_dense(&choice->pattern) && choice->skipped <= 0;
}

/* true when two variants do the same to layers, at whatever sparsity of W. */
bool spr_variant_same_change(const struct spr_variant *a, const struct spr_variant *b);

/* Sets y_elements of an epilogue from the rows above it (src/network/README.md, "Fusion").
 * SIZE_MAX, or the layer above that is neither a product nor an epilogue; the index itself
 * where nothing stands above. */
size_t spr_network_set_epilogue(struct spr_network *network, size_t index);

/* Of a lowered epilogue: its elements that are its product's Y shrink with its bytes. */
void spr_layer_scale_y(const struct spr_layer *known, struct spr_layer *out);

/* true when both are the same work: kind, shape, FLOPs and bytes. */
bool spr_layer_alike(const struct spr_layer *a, const struct spr_layer *b);

/* How a report names what a variant does: a pattern, "smaller", "smaller+csr" or "mixed";
 * returns text[SPR_CHANGE_TEXT]. smaller: some layer is. */
#define SPR_CHANGE_TEXT (SPR_PATTERN_TEXT + 8)
const char *spr_change_text(const struct spr_pattern *pattern, bool smaller, char *text);

/* What a variant skips of X behind its pattern or name: "+act0.9", "+act" of the table, "" nothing;
 * returns text[SPR_SKIPPED_TEXT]. */
#define SPR_SKIPPED "+act"
#define SPR_SKIPPED_TEXT 24
const char *spr_skipped_text(double skipped, char *text);

/* "linear", "conv", ... */
const char *spr_op_name(enum spr_op op);

/* The weight matrix of a layer. */
struct spr_shape spr_layer_shape(const struct spr_layer *layer);

/* true for operators that have weights. */
bool spr_op_has_weights(enum spr_op op);

#ifdef __cplusplus
}
#endif
#endif
