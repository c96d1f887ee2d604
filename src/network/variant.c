/* SPDX-License-Identifier: Apache-2.0 */
/* Variants: the grid, the filter of a table, and how a variant treats each layer. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sproof/layer.h"

static bool add_grid_variant(struct spr_network *network, size_t *capacity,
                             const struct spr_pattern *pattern, double sparsity)
{
    char name[SPR_PATTERN_TEXT + 40], text[SPR_PATTERN_TEXT];
    snprintf(name, sizeof name, "%s@%.12g", spr_pattern_text(pattern, text), sparsity);
    struct spr_variant variant = {.name = spr_arena_text(&network->arena, name, strlen(name)),
                                  .pattern = *pattern,
                                  .sparsity = sparsity,
                                  .grid = true,
                                  .accuracy = (double)NAN,
                                  .dense_accuracy = network->dense_accuracy};
    if (!variant.name ||
        !spr_grow(&network->variants, capacity, network->variant_count + 1, sizeof variant)) {
        return false;
    }
    network->variants[network->variant_count++] = variant;
    return true;
}

enum spr_status spr_network_add_grid(struct spr_network *network, const struct spr_grid *grid,
                                     struct spr_error *err)
{
    size_t capacity = network->variant_count;
    for (size_t p = 0; p < grid->pattern_count; p++) {
        double fixed = spr_pattern_fixed_sparsity(&grid->patterns[p]);
        size_t count = isnan(fixed) ? grid->sparsity_count : 1;
        for (size_t s = 0; s < count; s++) {
            if (!add_grid_variant(network, &capacity, &grid->patterns[p],
                                  isnan(fixed) ? grid->sparsities[s] : fixed)) {
                return spr_no_memory(err);
            }
        }
    }
    return SPR_OK;
}

enum spr_status spr_network_filter(struct spr_network *network,
                                   const struct spr_pattern *patterns, size_t count,
                                   struct spr_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < network->variant_count; i++) {
        bool wanted = false;
        for (size_t p = 0; p < count; p++) {
            wanted = wanted || spr_pattern_equal(&patterns[p], &network->variants[i].pattern);
        }
        if (wanted) {
            network->variants[kept++] = network->variants[i];
        }
    }
    network->variant_count = kept;
    if (kept == 0) {
        return spr_fail(err, SPR_EINPUT, "%s: no variant has one of the patterns asked for",
                        network->path);
    }
    return SPR_OK;
}

const char *spr_skipped_text(double skipped, char *text)
{
    text[0] = '\0';
    if (isnan(skipped)) {
        snprintf(text, SPR_SKIPPED_TEXT, "%s", SPR_SKIPPED);
    } else if (skipped > 0) {
        snprintf(text, SPR_SKIPPED_TEXT, "%s%.12g", SPR_SKIPPED, skipped);
    }
    return text;
}

bool spr_variant_same_change(const struct spr_variant *a, const struct spr_variant *b)
{
    return spr_pattern_equal(&a->pattern, &b->pattern) && a->smaller == b->smaller &&
           (a->skipped == b->skipped || (isnan(a->skipped) && isnan(b->skipped)));
}

/* *variant becomes what it is when its products skip zeros of X. false when out of memory. */
static bool skip_zeros(struct spr_network *network, double skipped,
                       struct spr_variant *variant)
{
    char text[SPR_SKIPPED_TEXT];
    const size_t length = strlen(variant->name);
    variant->skipped = skipped;
    if (skipped > 0) {
        variant->accuracy = (double)NAN;
        variant->accuracy_source = SPR_ACCURACY_NONE;
        variant->layerwise = false;
    }
    spr_skipped_text(skipped, text);
    char *name = spr_arena_alloc(&network->arena, length + sizeof text);
    if (name) {
        snprintf(name, length + sizeof text, "%s%s", variant->name, text);
        variant->name = name;
    }
    return name != NULL;
}

enum spr_status spr_network_add_skipped(struct spr_network *network, const double *skipped,
                                        size_t count, struct spr_error *err)
{
    const size_t before = network->variant_count;
    struct spr_variant *variants = spr_calloc(before * count, sizeof *variants);
    bool done = variants != NULL;
    for (size_t i = 0; i < before * count && done; i++) {
        variants[i] = network->variants[i / count];
        done = skip_zeros(network, skipped[i % count], &variants[i]);
    }
    if (!done) {
        spr_free(variants);
        return spr_no_memory(err);
    }
    spr_free(network->variants);
    network->variants = variants;
    network->variant_count = before * count;
    return SPR_OK;
}

bool spr_network_has_zeros_of_x(const struct spr_network *network)
{
    bool found = false;
    for (size_t i = 0; i < network->layer_count; i++) {
        found = found ||
                (network->layers[i].prunable && network->layers[i].activation_sparsity > 0);
    }
    for (size_t i = 0; i < network->choice_count; i++) {
        const struct spr_choice *choice = &network->choices[i];
        found = found ||
                (network->layers[choice->layer].prunable && choice->activation_sparsity > 0);
    }
    return found;
}

/* What its products skip, of prunable layers. */
static void set_skipped(const struct spr_variant *variant, const struct spr_layer *layer,
                        struct spr_choice *choice)
{
    choice->skipped = 0;
    if (!layer->prunable) {
        return;
    }
    if (variant->skipped > 0) {
        choice->activation_sparsity = variant->skipped;
    }
    if (isnan(variant->skipped) || variant->skipped > 0) {
        choice->skipped = choice->activation_sparsity;
    }
}

static struct spr_choice dense_choice(const struct spr_layer *layer, size_t index)
{
    return (struct spr_choice){.layer = index,
                               .pattern = spr_pattern_dense(),
                               .counted = {(double)NAN, (double)NAN, (double)NAN},
                               .activation_sparsity = layer->activation_sparsity};
}

struct spr_choice spr_variant_choice(const struct spr_network *network,
                                     const struct spr_variant *variant, size_t index,
                                     size_t *hint, const char **misfit)
{
    const struct spr_layer *layer = &network->layers[index];
    struct spr_choice choice = dense_choice(layer, index);
    if (misfit) {
        *misfit = NULL;
    }
    if (variant->grid) {
        struct spr_shape shape = spr_layer_shape(layer);
        const struct spr_pattern_kind *kind = variant->pattern.kind;
        if (layer->prunable) {
            const char *why = kind->misfit ? kind->misfit(&variant->pattern, &shape) : NULL;
            if (misfit) {
                *misfit = why;
            }
            if (!why && kind->pattern_class != SPR_CLASS_DENSE) {
                choice.pattern = variant->pattern;
                choice.sparsity = variant->sparsity;
            }
        }
        set_skipped(variant, layer, &choice);
        return choice;
    }
    while (*hint < variant->choice_count && variant->choices[*hint].layer < index) {
        (*hint)++;
    }
    if (*hint < variant->choice_count && variant->choices[*hint].layer == index) {
        choice = variant->choices[*hint];
    }
    set_skipped(variant, layer, &choice);
    return choice;
}
