/* SPDX-License-Identifier: Apache-2.0 */
/* Where the zeros of real weights lie, and magnitude pruning to a pattern. */
#ifndef SPROOF_INSPECT_H
#define SPROOF_INSPECT_H

#include <stdio.h>

#include "sproof/weights.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What one pattern would store of one weight matrix. */
struct spr_occupancy {
    double cells;  /* blocks, or weights */
    double kept;   /* cells that hold a non-zero */
    double stored; /* weights of those cells that lie inside the matrix */
    bool legal;    /* N:M, comp:P: no group holds more than the pattern keeps */
    bool fits;     /* false: the layer is smaller than the pattern */
};

/* One layer, counted. */
struct spr_inspected {
    const struct spr_weight *weight;
    double nnz;
    double longest_row;     /* non-zeros of the fullest row */
    double touched_columns; /* columns that hold anything; mean over convolution groups */
    struct spr_occupancy *occupancy; /* one for each pattern asked for */
    struct spr_pattern detected;
    double energy;           /* share of sum w^2 that pruning kept; NAN: not pruned */
    const char *stays_dense; /* why pruning left it alone; NULL: it did not */
};

/* What another pattern of the same sparsity would have kept: share of sum w^2; NAN: no layer
 * takes it. */
#define SPR_KEPT_BESIDE 2
struct spr_kept_beside {
    struct spr_pattern pattern;
    double energy;
};

struct spr_inspection {
    struct spr_weights *weights;
    const struct spr_pattern *patterns; /* borrowed */
    size_t pattern_count;
    struct spr_inspected *layer; /* of the weights that have a matrix, in their order */
    size_t layer_count;
    struct spr_occupancy *occupancy;                /* of all layers */
    struct spr_kept_beside beside[SPR_KEPT_BESIDE]; /* pruned to comp:P; else without a kind */
};

/* Told after each layer; stop true ends with SPR_EINTERRUPTED. */
struct spr_inspect_progress {
    void (*tell)(void *context, double fraction, const char *layer); /* NULL: silent */
    bool (*stop)(void);                                              /* NULL: never */
    void *context;
};

/* Counts every weight matrix in one pass over it, a few rows at a time. weights and patterns
 * must outlive *inspection, which is zeroed first. Errors: SPR_ENOMEM, SPR_EINTERRUPTED, those
 * of spr_weights_hold. */
enum spr_status spr_inspect(struct spr_weights *weights, const struct spr_pattern *patterns,
                            size_t pattern_count, const struct spr_inspect_progress *progress,
                            struct spr_inspection *inspection, struct spr_error *err);

void spr_inspection_free(struct spr_inspection *inspection);

/* Fewer zeros than this share make a matrix dense. */
#define SPR_DETECT_DENSE 0.01
/* A block shape explains the zeros when its stored blocks are filled to this share. */
#define SPR_DETECT_FILL 0.99
/* An N:M pattern does when no group holds more than N and all together hold this share. */
#define SPR_DETECT_GROUPS 0.9

/* Zero fraction of a pattern's cells: 1 - kept/cells; of N:M and comp:P of the weights. */
double spr_occupancy_sparsity(const struct spr_inspected *layer, size_t pattern);

enum spr_prune_score { SPR_SCORE_L1, SPR_SCORE_L2 };

struct spr_prune_options {
    struct spr_pattern pattern;
    double sparsity; /* of cells; ignored where the pattern fixes its own */
    bool global;     /* one threshold for all layers instead of one each */
    enum spr_prune_score score;
};

/* Magnitude pruning of every prunable layer: the cells of the largest norm stay, exactly
 * spr_pattern_kept of them, of equal ones those that come first. comp:P, P <= 256: of every P rows
 * and P columns a matching of largest sum. Sets `keep` of the weights.
 * energy (weight_count entries): share of sum w^2 kept, NAN for layers left alone; reason:
 * why. Errors: SPR_EINPUT (global with a pattern that keeps a fixed number in each group or
 * row; nothing prunable), SPR_ENOMEM, SPR_EINTERRUPTED. */
enum spr_status spr_prune(struct spr_weights *weights, const struct spr_prune_options *options,
                          const struct spr_inspect_progress *progress, double *energy,
                          const char **reason, struct spr_error *err);

/* What csr and 1:P would keep of weights that no pruning has touched, at the sparsity that
 * options->pattern, comp:P, fixes; leaves them as they are. Errors: as spr_prune, but what is no
 * input for one of them has an energy of NAN. */
enum spr_status spr_prune_beside(struct spr_weights *weights,
                                 const struct spr_prune_options *options,
                                 const struct spr_inspect_progress *progress,
                                 struct spr_kept_beside beside[SPR_KEPT_BESIDE],
                                 struct spr_error *err);

/* Writes all tensors as one safetensors file: the pruned ones with zeros, else bit by bit what
 * was read. Errors: SPR_EINPUT (a tensor that is not stored densely, or is damaged); failures to write stay
 * in ferror(file). */
enum spr_status spr_weights_write(FILE *file, struct spr_weights *weights,
                                  struct spr_error *err);

/* Writes the mask of one weight, which is held (spr_weights_hold), as the Deep Learning Matrix Collection does (.smtx). Errors:
 * SPR_ENOMEM. */
enum spr_status spr_mask_write(FILE *file, const struct spr_inspected *layer,
                               struct spr_error *err);

/* Which variants a table gets when there are zeros. */
struct spr_model_table {
    const char *variant; /* one, under the first pattern, of this name; NULL: see listed */
    size_t listed;       /* one for each of the first so many patterns; 0: one, "detected" */
};

/* Writes a layer table that spr_network_read takes. Detected patterns must be among those
 * counted, or the layer is stored as csr. Errors: SPR_EINPUT when a layer's n is unknown. */
enum spr_status spr_inspection_write_model(FILE *file, const struct spr_inspection *inspection,
                                           const struct spr_model_table *table,
                                           struct spr_notes *notes, struct spr_error *err);

#ifdef __cplusplus
}
#endif
#endif
