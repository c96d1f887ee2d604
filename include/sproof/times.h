/* SPDX-License-Identifier: Apache-2.0 */
/* Times a user measured per layer, set beside the model's. */
#ifndef SPROOF_TIMES_H
#define SPROOF_TIMES_H

#include "sproof/analysis.h"
#include "sproof/explain.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Room for the names of layers that the network lacks. */
#define SPR_TIMES_UNKNOWN 160

/* The sparse time of a layer at another sparsity; sparsity NAN: none was measured. */
struct spr_other_sparsity {
    double sparsity, sparse_s, error;
};

/* Seconds of one occurrence. Of repeated rows the median counts. */
struct spr_times {
    double *dense_s, *sparse_s;       /* [layer]; NAN: not measured */
    struct spr_time_errors *errors;   /* [layer] the one given, or half the range of repeats */
    struct spr_other_sparsity *other; /* [layer] the sparsity farthest from the variant's */
    size_t layers_used;
    size_t rows_used;                /* of the variant */
    size_t rows_sparsity;            /* of its pattern at another sparsity */
    size_t rows_other;               /* for other patterns, n, dtypes or threads */
    size_t rows_unknown;             /* of layers that the network lacks */
    char unknown[SPR_TIMES_UNKNOWN]; /* names of such, as many as fit */
};

/* Reads `layer,dense_s,sparse_s[,pattern,sparsity,n,dtype,threads,kernel]`; times are seconds or
 * have a unit, and may have an error ("42us+-1%"; else SPR_TIME_ERROR). Rows of one layer are
 * repeats. Rows whose optional cells describe something else than the result, and those of layers
 * that the network lacks, are counted and left out.
 * Errors: SPR_EINPUT (also when no row is left), SPR_ENOMEM. */
enum spr_status spr_times_read(const char *path, const struct spr_analysis *analysis,
                               const struct spr_result *result, struct spr_times *times,
                               struct spr_notes *notes, struct spr_error *err);

void spr_times_free(struct spr_times *times);

/* Sparse times of the same operators at two sparsities, in seconds. */
struct spr_two_sparsities {
    double fuller_s, emptier_s; /* with fewer and with more zeros; 0: not measured */
    double fuller_error_s, emptier_error_s; /* how far they may be off */
    double fuller_bound_s, emptier_bound_s;
};

/* What a layer's two times are, of all of its occurrences. */
void spr_times_add_sparsities(const struct spr_times *times,
                              const struct spr_analysis *analysis,
                              const struct spr_result *result, size_t layer,
                              struct spr_two_sparsities *sum);

/* Sums over the measured layers alone, and over the network with the model for the others. */
struct spr_times_sums {
    struct spr_measured measured;  /* of the measured layers */
    struct spr_time_errors errors; /* of these */
    struct spr_measured bound;     /* of the same layers */
    struct spr_measured expected;  /* of the same layers; NAN: nothing is expected */
    /* measured layers, the others at their expected time, or at their bound where the result
     * has none */
    struct spr_measured network;
    struct spr_two_sparsities two; /* of those measured at two */
    double share;                  /* of the dense network's bound that was measured, 0..1 */
};

void spr_times_sum(const struct spr_times *times, const struct spr_analysis *analysis,
                   const struct spr_result *result, struct spr_times_sums *sums);

#ifdef __cplusplus
}
#endif
#endif
