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

/* Network times with the bound for layers that were not measured. */
struct spr_measured spr_times_total(const struct spr_times *times,
                                    const struct spr_analysis *analysis,
                                    const struct spr_result *result);

#ifdef __cplusplus
}
#endif
#endif
