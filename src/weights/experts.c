/* SPDX-License-Identifier: Apache-2.0 */
/* How many tokens each expert sees: as many as an even spread gives, so that all together see
 * each token as often as it is sent to an expert. */
#include <string.h>

#include "weights/layers.h"

/* Names are alike but for the number of the expert: length of what stands before it. */
static size_t prefix_of(const char *name)
{
    const char *at = strstr(name, "experts");
    at = at ? at : strstr(name, "_exps"); /* GGUF */
    return at ? (size_t)(at - name) : 0;
}

/* Experts of the block that weight `index` is in. */
static int64_t experts_of(const struct spr_weights *weights, size_t first, size_t last)
{
    int64_t most = 0;
    for (size_t i = first; i < last; i++) {
        const int64_t expert = weights->weight[i].expert;
        most = expert >= most ? expert + 1 : most;
    }
    return most;
}

void spr_route_experts(struct spr_checkpoint *all)
{
    struct spr_weights *weights = all->source->weights;
    const int64_t routed = all->config.routed;
    size_t idle = 0, experts = 0;
    for (size_t i = 0, end; i < weights->weight_count; i = end) {
        const char *name = weights->weight[i].layer;
        const size_t prefix = prefix_of(name);
        for (end = i + 1; end < weights->weight_count && weights->weight[i].expert >= 0 &&
                          weights->weight[end].expert >= 0 &&
                          strncmp(weights->weight[end].layer, name, prefix) == 0 &&
                          prefix_of(weights->weight[end].layer) == prefix;
             end++) {
        }
        const int64_t count = experts_of(weights, i, end);
        for (size_t e = i; e < end && count > 0; e++) {
            struct spr_weight *w = &weights->weight[e];
            experts++;
            if (routed < 1 || routed > count || w->n < 1 || w->n > INT64_MAX / routed) {
                continue;
            }
            const int64_t sent = w->n * routed;
            w->n = sent / count + (w->expert < sent % count);
            w->idle = w->n < 1;
            idle += w->idle;
        }
    }
    if (experts > 0 && routed < 1) {
        spr_note(
            all->source->notes,
            "%s: every expert is taken to see all tokens: --experts-active K, the experts "
            "a token is sent to, tells otherwise",
            all->source->path);
    }
    if (idle > 0) {
        spr_note(all->source->notes,
                 "%s: %zu of %zu matrices of experts meet no token and are not in the table",
                 all->source->path, idle, experts);
    }
}
