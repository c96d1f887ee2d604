/* SPDX-License-Identifier: Apache-2.0 */
/* What the other choice of --fusion would give. */
#include "sproof/analysis.h"

enum spr_status spr_analysis_other_fusion(const struct spr_analysis *a,
                                          const struct spr_result *result,
                                          struct spr_answer *other, struct spr_error *err)
{
    /* The one variant at its one batch: everything else stays as it was asked for. */
    struct spr_network network = *a->network;
    struct spr_variant variant = *result->variant;
    struct spr_options options = a->options;
    struct spr_analysis again;
    network.variants = &variant;
    network.variant_count = 1;
    options.fuse = !options.fuse;
    options.batches[0] = result->batch;
    options.batch_count = 1;
    SPR_TRY(spr_analyze(&network, a->machine, &options, &again, err));
    *other = spr_result_answer(&again.results[0], true);
    spr_analysis_free(&again);
    return SPR_OK;
}
