/* SPDX-License-Identifier: Apache-2.0 */
/* Which tensors are the weights of layers. */
#include "weights/layers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs of digits compare as numbers: layer.2 before layer.10. */
static int natural_order(const char *left, const char *right)
{
    while (*left && *right) {
        size_t a = strspn(left, "0123456789"), b = strspn(right, "0123456789");
        if (a > 0 && b > 0) {
            size_t zeros_a = strspn(left, "0"), zeros_b = strspn(right, "0");
            size_t digits_a = a - (zeros_a < a ? zeros_a : a - 1);
            size_t digits_b = b - (zeros_b < b ? zeros_b : b - 1);
            int order = digits_a != digits_b
                            ? (digits_a < digits_b ? -1 : 1)
                            : memcmp(left + a - digits_a, right + b - digits_b, digits_a);
            if (order != 0) {
                return order;
            }
            left += a;
            right += b;
        } else if (*left != *right) {
            return (unsigned char)*left < (unsigned char)*right ? -1 : 1;
        } else {
            left++;
            right++;
        }
    }
    return (*left != '\0') - (*right != '\0');
}

static int by_name(const void *a, const void *b)
{
    const struct spr_candidate *left = a, *right = b;
    int order = natural_order(left->name, right->name);
    return order ? order : (left->tensor > right->tensor) - (left->tensor < right->tensor);
}

/* X.bias has as many elements as X has outputs: the side of a matrix that they are. */
static bool bias_says_transposed(const struct spr_source *source,
                                 const struct spr_names *tensors,
                                 const struct spr_candidate *candidate)
{
    const struct spr_tensor *all = source->weights->tensor;
    const struct spr_tensor *tensor = &all[candidate->tensor];
    char name[512];
    int length = snprintf(name, sizeof name, "%s.bias", candidate->name);
    size_t bias = length < (int)sizeof name ? spr_names_find(tensors, name) : SIZE_MAX;
    return bias != SIZE_MAX && tensor->rank == 2 && all[bias].rank == 1 &&
           all[bias].shape[0] == tensor->shape[1] && tensor->shape[0] != tensor->shape[1];
}

/* Tensors of one read: their names, and what becomes of them. */
struct gathering {
    struct spr_names tensors;
    struct spr_candidates candidates;
    struct spr_config config;
};

static enum spr_status take_tensor(const struct spr_source *source, struct gathering *all,
                                   size_t index, struct spr_error *err)
{
    struct spr_candidates *found = &all->candidates;
    const struct spr_tensor *tensor = &source->weights->tensor[index];
    struct spr_candidate candidate = {.tensor = index};
    size_t length = strlen(tensor->name);
    enum spr_status status = SPR_OK;
    if (length > 11 && strcmp(tensor->name + length - 11, ".compressed") == 0) {
        status = spr_add_bitmask(source, &all->tensors, index, &candidate, err);
        candidate.kind =
            candidate.mask ? spr_kind_of(candidate.name, 2, &all->config) : SPR_KIND_NONE;
    } else if (spr_fits_a_layer(tensor)) {
        candidate.name = spr_layer_name(source->weights, tensor->name);
        if (!candidate.name) {
            return spr_no_memory(err);
        }
        candidate.kind = spr_kind_of(candidate.name, tensor->rank, &all->config);
        candidate.transposed = candidate.kind != SPR_KIND_CONV &&
                               (spr_kind_is_transposed(candidate.name, &all->config) ||
                                bias_says_transposed(source, &all->tensors, &candidate));
    }
    if (status != SPR_OK || candidate.kind <= SPR_KIND_LOOKUP) {
        if (candidate.kind != SPR_KIND_NONE || (candidate.name && tensor->rank == 2)) {
            (void)spr_set_use(source, index,
                              candidate.kind == SPR_KIND_SCALE ? SPR_USE_SCALE
                                                               : SPR_USE_ASIDE);
        }
        return status;
    }
    if (!spr_grow(&found->item, &found->capacity, found->count + 1, sizeof *found->item)) {
        return spr_no_memory(err);
    }
    found->item[found->count++] = candidate;
    return SPR_OK;
}

/* Sorts the candidates and maps their names. */
static enum spr_status index_candidates(struct spr_candidates *found, struct spr_error *err)
{
    if (found->count > 0) {
        qsort(found->item, found->count, sizeof *found->item, by_name);
    }
    for (size_t i = 0; i < found->count; i++) {
        if (spr_names_find(&found->names, found->item[i].name) == SIZE_MAX &&
            !spr_names_add(&found->names, found->item[i].name, i)) {
            return spr_no_memory(err);
        }
    }
    return SPR_OK;
}

static enum spr_status gather(const struct spr_source *source, size_t first,
                              struct gathering *all, struct spr_error *err)
{
    const struct spr_weights *weights = source->weights;
    SPR_TRY(spr_config_read(source, &all->config, err));
    for (size_t i = first; i < weights->tensor_count; i++) {
        const char *name = weights->tensor[i].name;
        if (spr_names_find(&all->tensors, name) != SIZE_MAX) {
            return spr_fail(err, SPR_EINPUT,
                            "%s: tensor '%s': there is one of this name "
                            "already",
                            weights->tensor[i].file, name);
        }
        if (!spr_names_add(&all->tensors, name, i)) {
            return spr_no_memory(err);
        }
    }
    for (size_t i = first; i < weights->tensor_count; i++) {
        SPR_TRY(take_tensor(source, all, i, err));
    }
    return index_candidates(&all->candidates, err);
}

static enum spr_status set_origin(const struct spr_source *source,
                                  const struct spr_config *config, struct spr_error *err)
{
    char text[80] = "names";
    if (config->found) {
        snprintf(text, sizeof text, "config.json (%s)", config->model_type);
    }
    source->weights->origin = spr_arena_text(&source->weights->arena, text, strlen(text));
    return source->weights->origin ? SPR_OK : spr_no_memory(err);
}

static enum spr_status place_layers(const struct spr_source *source, size_t first,
                                    struct gathering *all, struct spr_error *err)
{
    SPR_TRY(gather(source, first, all, err));
    SPR_TRY(set_origin(source, &all->config, err));
    SPR_TRY(spr_place_family(source, &all->config, &all->candidates, err));
    for (size_t i = 0; i < all->candidates.count; i++) {
        struct spr_candidate *candidate = &all->candidates.item[i];
        if (!candidate->placed) {
            SPR_TRY(spr_place(source, &all->config, candidate, err));
        }
    }
    return SPR_OK;
}

enum spr_status spr_layers_of_tensors(const struct spr_source *source, size_t first,
                                      struct spr_error *err)
{
    struct gathering all = {0};
    enum spr_status status = place_layers(source, first, &all, err);
    spr_names_free(&all.tensors);
    spr_names_free(&all.candidates.names);
    spr_free(all.candidates.item);
    return status;
}
