/* SPDX-License-Identifier: Apache-2.0 */
/* What a variant of a table is as a whole: its one pattern and its share of zeros. */
#include "network/layer_row.h"

static double weights_of(const struct spr_layer *layer)
{
    return (double)layer->count * ((double)layer->m * (double)layer->k);
}

/* The variant's one pattern, or kind NULL (mixed), and its weight-averaged sparsity over all
 * prunable layers. */
static void summarize_variant(const struct spr_network *network, double weights,
                              struct spr_variant *variant)
{
    double zeros = 0;
    bool first = true, mixed = false;
    for (size_t i = 0; i < variant->choice_count; i++) {
        const struct spr_choice *choice = &variant->choices[i];
        if (network->layers[choice->layer].prunable && choice->smaller) {
            zeros += weights_of(&network->layers[choice->layer]) -
                     weights_of(choice->smaller) * (1 - choice->sparsity);
        } else {
            zeros += weights_of(&network->layers[choice->layer]) * choice->sparsity;
        }
        if (spr_pattern_is_dense(&choice->pattern)) {
            continue;
        }
        mixed = mixed || (!first && !spr_pattern_equal(&variant->pattern, &choice->pattern));
        variant->pattern = choice->pattern;
        first = false;
    }
    if (first) {
        variant->pattern = spr_pattern_dense();
    } else if (mixed) {
        variant->pattern = (struct spr_pattern){0};
    }
    variant->sparsity = weights > 0 ? spr_round12(zeros / weights) : 0;
}

static double prunable_weights(const struct spr_network *network)
{
    double weights = 0;
    for (size_t i = 0; i < network->layer_count; i++) {
        const struct spr_layer *layer = &network->layers[i];
        if (layer->prunable) {
            weights += weights_of(layer);
        }
    }
    return weights;
}

void spr_summarize_variants(struct spr_network *network)
{
    double weights = prunable_weights(network);
    for (size_t i = 0; i < network->variant_count; i++) {
        summarize_variant(network, weights, &network->variants[i]);
    }
}
