/* SPDX-License-Identifier: Apache-2.0 */
/* What an analysis holds of a layer. */
#include "sproof/analysis.h"

const struct spr_prediction *spr_analysis_dense(const struct spr_analysis *analysis,
                                                size_t batch_index, size_t layer)
{
    return &analysis->dense[batch_index * analysis->network->layer_count + layer];
}

const struct spr_layer_expected *spr_analysis_expected_dense(const struct spr_analysis *a,
                                                             size_t batch_index, size_t layer)
{
    return &a->expected_dense[batch_index * a->network->layer_count + layer];
}
