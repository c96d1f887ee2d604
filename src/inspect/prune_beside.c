/* SPDX-License-Identifier: Apache-2.0 */
/* What patterns of the same sparsity would keep beside comp:P. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "sproof/inspect.h"

/* Share of sum w^2, the mean over the weights of all layers that were pruned. */
static double mean_energy(const struct spr_weights *weights, const double *energy)
{
    double all = 0, kept = 0;
    for (size_t i = 0; i < weights->weight_count; i++) {
        const struct spr_weight *w = &weights->weight[i];
        const double count = (double)w->count * (double)w->m * (double)w->k;
        all += isnan(energy[i]) ? 0 : count;
        kept += isnan(energy[i]) ? 0 : count * energy[i];
    }
    return all > 0 ? kept / all : (double)NAN;
}

static void undo(struct spr_weights *weights)
{
    for (size_t i = 0; i < weights->weight_count; i++) {
        spr_free(weights->weight[i].keep);
        weights->weight[i].keep = NULL;
    }
}

enum spr_status spr_prune_beside(struct spr_weights *weights,
                                 const struct spr_prune_options *options,
                                 const struct spr_inspect_progress *progress,
                                 struct spr_kept_beside beside[SPR_KEPT_BESIDE],
                                 struct spr_error *err)
{
    const size_t count = weights->weight_count + 1;
    double *energy = spr_calloc(count, sizeof *energy);
    const char **reason = spr_calloc(count, sizeof *reason);
    char texts[SPR_KEPT_BESIDE][SPR_PATTERN_TEXT] = {"csr"};
    enum spr_status status = energy && reason ? SPR_OK : spr_no_memory(err);
    snprintf(texts[1], sizeof texts[1], "1:%lld", (long long)options->pattern.a);
    for (int i = 0; i < SPR_KEPT_BESIDE && status == SPR_OK; i++) {
        struct spr_prune_options other = *options;
        struct spr_error why = {0};
        status = spr_pattern_parse(texts[i], &other.pattern, err);
        if (status == SPR_OK) {
            const enum spr_status pruned =
                spr_prune(weights, &other, progress, energy, reason, &why);
            beside[i] = (struct spr_kept_beside){
                other.pattern, pruned == SPR_OK ? mean_energy(weights, energy) : (double)NAN};
            status = pruned == SPR_EINPUT ? SPR_OK : pruned; /* no layer takes it */
        }
        if (status != SPR_OK && err && why.text[0]) {
            *err = why;
        }
        undo(weights);
    }
    spr_free(energy);
    spr_free(reason);
    return status;
}
