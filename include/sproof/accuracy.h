/* SPDX-License-Identifier: Apache-2.0 */
/* Accuracy tables, and how they join the variants of a network. */
#ifndef SPROOF_ACCURACY_H
#define SPROOF_ACCURACY_H

#include "sproof/layer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One row of an accuracy table. */
struct spr_accuracy_point {
    const char *variant; /* NULL when not given */
    struct spr_pattern pattern;
    double sparsity;
    double accuracy;
    double dense_accuracy; /* NAN when not given */
    const char *method;    /* "" when not given */
    const char *source;    /* "" when not given */
    bool layerwise;        /* allocation=layerwise */
    size_t series;         /* first point of its pattern and method */
    size_t line;
};

struct spr_accuracy {
    const char *path;
    const char *metric; /* "" when not given; one per table */
    bool lower_is_better;
    struct spr_accuracy_point *points; /* in file order */
    size_t point_count;
    struct spr_arena arena;
};

/* Reads `pattern,sparsity,accuracy[,...]`. Zeroes *accuracy first. Errors as
 * spr_network_read; also two metrics or two directions in one table, and the same point
 * twice. */
enum spr_status spr_accuracy_read(const char *path, struct spr_accuracy *accuracy,
                                  struct spr_notes *notes, struct spr_error *err);

void spr_accuracy_free(struct spr_accuracy *accuracy);

/* Makes one grid variant per point of the table (its own patterns, sparsities, methods). */
enum spr_status spr_accuracy_make_variants(const struct spr_accuracy *accuracy,
                                           bool assume_uniform, struct spr_network *network,
                                           struct spr_error *err);

/* Gives the network's variants their accuracy: table variants by name, else by pattern and
 * sparsity within 5e-4; grid variants also by linear interpolation between two points of the
 * same pattern and method. A grid variant with several methods becomes several variants.
 * assume_uniform: layerwise points count as if allocated uniformly.
 * Errors: SPR_EINPUT when a table variant matches several methods, when two accuracies of one
 * method are as good for one variant, and when a named variant has another pattern. */
enum spr_status spr_accuracy_join(const struct spr_accuracy *accuracy, bool assume_uniform,
                                  struct spr_network *network, struct spr_error *err);

#ifdef __cplusplus
}
#endif
#endif
