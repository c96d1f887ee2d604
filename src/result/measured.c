/* SPDX-License-Identifier: Apache-2.0 */
/* Which case of a validation belongs to which layer of an analysis. */
#include "result/measured.h"

#include <math.h>

#include "base/limits.h"

static int64_t columns(const struct spr_layer *layer, double batch)
{
    return layer->op == SPR_OP_ATTENTION ? layer->n : (int64_t)((double)layer->n * batch);
}

/* Products that were never run do not become those of another layer of the same numbers. */
static bool measurable(const struct spr_layer *layer)
{
    return layer->op != SPR_OP_OTHER && layer->op != SPR_OP_DEPTHWISE && layer->groups <= 1;
}

static bool same_shape(const struct spr_validation_case *c, const struct spr_layer *layer,
                       double batch)
{
    return c->m == layer->m && c->k == layer->k && c->n == columns(layer, batch) &&
           !c->inconclusive;
}

static bool same_choice(const struct spr_validation_case *c, const struct spr_choice *choice)
{
    /* no case skips zeros of X */
    return choice->skipped <= 0 && spr_pattern_equal(&c->pattern, &choice->pattern) &&
           fabs(c->sparsity - choice->sparsity) < SPR_SAME_SPARSITY;
}

const struct spr_validation_case *spr_measured_case(const struct spr_validation *validation,
                                                    const struct spr_analysis *analysis,
                                                    const struct spr_result *result,
                                                    size_t layer)
{
    const struct spr_choice *choice = &result->layers[layer].choice;
    bool dense = spr_pattern_is_dense(&choice->pattern) && choice->skipped <= 0;
    const struct spr_validation_case *found = NULL;
    bool run = measurable(&analysis->network->layers[layer]);
    for (size_t i = 0; run && i < validation->case_count; i++) {
        const struct spr_validation_case *c = &validation->cases[i];
        if (!same_shape(c, &analysis->network->layers[layer], result->batch)) {
            continue;
        }
        /* Any case of the shape timed the dense product too. */
        if (dense ? c->dense.kernel != NULL : same_choice(c, choice)) {
            found = c;
            if (!dense || spr_pattern_is_dense(&c->pattern)) {
                break;
            }
        }
    }
    return found;
}

bool spr_measured_network(const struct spr_validation *validation,
                          const struct spr_analysis *analysis, const struct spr_result *result,
                          struct spr_measured_network *out)
{
    *out = (struct spr_measured_network){0};
    for (size_t i = 0; i < analysis->network->layer_count; i++) {
        const struct spr_layer *layer = &analysis->network->layers[i];
        const struct spr_layer_result *at = &result->layers[i];
        double count = (double)layer->count;
        /* A product of activations runs once per sequence. */
        double times = layer->op == SPR_OP_ATTENTION ? count * result->batch : count;
        bool pruned = !spr_choice_unchanged(&at->choice);
        const struct spr_validation_case *c =
            spr_measured_case(validation, analysis, result, i);
        if (at->choice.smaller || (!c && pruned)) {
            return false;
        }
        if (!c) {
            out->dense_s += count * at->run.time_s;
            out->sparse_s += count * at->run.time_s;
            out->unmeasured += (size_t)layer->count;
            continue;
        }
        out->dense_s += times * c->dense.measured.time_s;
        out->sparse_s += times * (pruned ? c->measured.time_s : c->dense.measured.time_s);
    }
    return out->sparse_s > 0;
}
