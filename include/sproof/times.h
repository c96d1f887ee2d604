/* SPDX-License-Identifier: Apache-2.0 */
/* Times a user measured per layer, set beside the model's. */
#ifndef SPROOF_TIMES_H
#define SPROOF_TIMES_H

#include "sproof/analysis.h"
#include "sproof/explain.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spr_times {
    double *dense_s, *sparse_s; /* [layer] seconds of one occurrence; NAN: not measured */
    size_t rows_used;
    size_t rows_other; /* rows for other patterns, sparsities, n or dtypes */
};

/* Reads `layer,dense_s,sparse_s[,pattern,sparsity,n,dtype,threads,kernel]`; rows whose
 * optional cells describe something else than the result are counted and left out.
 * Errors: SPR_EINPUT (also when no row is left), SPR_ENOMEM. */
enum spr_status spr_times_read(const char *path, const struct spr_analysis *analysis,
                               const struct spr_result *result, struct spr_times *times,
                               struct spr_notes *notes, struct spr_error *err);

void spr_times_free(struct spr_times *times);

/* Sums over the measured layers alone, and over the network with the model for the others. */
struct spr_times_sums {
    struct spr_measured measured; /* of the measured layers */
    struct spr_measured bound;    /* of the same layers */
    struct spr_measured expected; /* of the same layers; NAN: nothing is expected */
    /* measured layers, the others at their expected time, or at their bound where the result
     * has none */
    struct spr_measured network;
    double share; /* of the dense network's bound that was measured, 0..1 */
};

void spr_times_sum(const struct spr_times *times, const struct spr_analysis *analysis,
                   const struct spr_result *result, struct spr_times_sums *sums);

#ifdef __cplusplus
}
#endif
#endif
