/* SPDX-License-Identifier: Apache-2.0 */
/* Residency network: between two calls of a layer the rest of the network passes through the
 * caches. What that is in bytes, for the dense network and each variant. */
#include <math.h>

#include "base/mem.h"
#include "validate/validate_parts.h"

/* Compulsory bytes of one pass (U of src/analysis/README.md, "Residency"). variant NULL: dense. */
static double pass_bytes(const struct spr_validate_run *run, const struct spr_network *network,
                         const struct spr_variant *variant)
{
    double batch = run->options->batch, sum = 0;
    size_t hint = 0;
    for (size_t i = 0; i < network->layer_count; i++) {
        const struct spr_layer *layer = &network->layers[i];
        struct spr_prediction run_of;
        const char *misfit = NULL;
        struct spr_choice choice = {.layer = i, .pattern = spr_pattern_dense()};
        if (variant) {
            choice = spr_variant_choice(network, variant, i, &hint, &misfit);
            layer = spr_choice_layer(network, &choice);
        }
        struct spr_shape shape = spr_layer_shape(layer);
        spr_model_dense(&run->model, layer, batch, &run_of);
        if (variant) {
            if (!spr_pattern_is_dense(&choice.pattern)) {
                double kept = spr_pattern_kept(&choice.pattern, &shape, choice.sparsity);
                (void)spr_model_sparse(&run->model, layer, batch, &choice.pattern, kept,
                                       &choice.counted, &run_of);
            }
        }
        sum += (double)layer->count * run_of.bytes;
    }
    return sum;
}

enum spr_status spr_validate_pass(struct spr_validate_run *run,
                                  const struct spr_network *network, struct spr_error *err)
{
    if (run->options->residency != SPR_RESIDENCY_NETWORK) {
        return SPR_OK;
    }
    run->variant_bytes = spr_calloc(network->variant_count, sizeof *run->variant_bytes);
    if (!run->variant_bytes) {
        return spr_no_memory(err);
    }
    run->dense_bytes = pass_bytes(run, network, NULL);
    for (size_t v = 0; v < network->variant_count; v++) {
        run->variant_bytes[v] = pass_bytes(run, network, &network->variants[v]);
    }
    return SPR_OK;
}

double spr_validate_pass_bytes(const struct spr_validate_run *run,
                               const struct spr_planned *planned)
{
    if (!run->variant_bytes) {
        return 0;
    }
    return !spr_pattern_is_dense(&planned->pattern) && planned->variant_index != SIZE_MAX
               ? run->variant_bytes[planned->variant_index]
               : run->dense_bytes;
}

double spr_planned_bytes(const struct spr_planned *p)
{
    double m = (double)p->m, k = (double)p->k, n = (double)p->n;
    /* W dense with its columns and packed, the same again for the pruned one; X, and for the layout
     * nk interleaved for both; three Y. */
    return m * k * 24 + 4 * (3 * k * n + 3 * m * n);
}
