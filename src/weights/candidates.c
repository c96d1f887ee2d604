/* SPDX-License-Identifier: Apache-2.0 */
/* A tensor, once it is known what it is, as an operator of the network. */
#include <string.h>

#include "base/limits.h"
#include "weights/layers.h"

bool spr_fits_a_layer(const struct spr_tensor *tensor)
{
    int64_t elements;
    if (tensor->element == SPR_ELEMENT_OTHER || tensor->rank < 2 ||
        !spr_shape_elements(tensor->shape, tensor->rank, &elements)) {
        return false;
    }
    return elements > 0 && elements / tensor->shape[0] <= SPR_DIMENSION_MAX &&
           tensor->shape[0] <= SPR_DIMENSION_MAX;
}

/* One input a filter and several filters: each channel has its own. Groups of more channels
 * cannot be told from weights alone. */
static void make_conv(const struct spr_tensor *tensor, struct spr_weight *weight)
{
    weight->op = SPR_OP_CONV;
    weight->prunable = true;
    if (tensor->shape[1] == 1 && tensor->shape[0] > 1) {
        weight->op = SPR_OP_DEPTHWISE;
        weight->groups = weight->m;
        weight->prunable = false;
    }
}

char *spr_layer_name(struct spr_weights *weights, const char *tensor)
{
    size_t length = strlen(tensor);
    if (length > 7 && strcmp(tensor + length - 7, ".weight") == 0) {
        length -= 7;
    }
    return spr_arena_text(&weights->arena, tensor, length);
}

enum spr_status spr_layer_of_array(const struct spr_source *source, size_t index,
                                   struct spr_error *err)
{
    const struct spr_tensor *tensor = &source->weights->tensor[index];
    struct spr_weight *weight;
    if (!spr_fits_a_layer(tensor) || (tensor->rank != 2 && tensor->rank != 4)) {
        return SPR_OK;
    }
    char *name = spr_layer_name(source->weights, tensor->name);
    if (!name) {
        return spr_no_memory(err);
    }
    SPR_TRY(spr_add_weight(source, name, &weight, err));
    spr_weight_of_tensor(source->weights, index, weight);
    if (tensor->rank == 4) {
        make_conv(tensor, weight);
    } else {
        weight->op = SPR_OP_LINEAR;
        weight->prunable = true;
        weight->n = source->options->tokens;
    }
    return SPR_OK;
}

enum spr_status spr_place(const struct spr_source *source, const struct spr_config *config,
                          struct spr_candidate *candidate, struct spr_error *err)
{
    struct spr_weight *weight;
    SPR_TRY(spr_add_weight(source, candidate->name, &weight, err));
    const struct spr_tensor *tensor = &source->weights->tensor[candidate->tensor];
    candidate->placed = true;
    if (candidate->mask) {
        weight->tensor = candidate->tensor;
        weight->storage = SPR_STORAGE_BITMASK;
        weight->element = tensor->element;
        weight->data = tensor->data;
        weight->mask = candidate->mask;
        weight->mask_stride = (candidate->k + 7) / 8;
        weight->row_offset = candidate->row_offset;
        weight->m = candidate->m;
        weight->k = candidate->k;
    } else {
        spr_weight_of_tensor(source->weights, candidate->tensor, weight);
    }
    if (candidate->transposed) {
        weight->row_stride = 1;
        weight->column_stride = weight->k;
        int64_t m = weight->k;
        weight->k = weight->m;
        weight->m = m;
    }
    if (candidate->kind == SPR_KIND_CONV) {
        make_conv(tensor, weight);
        return SPR_OK;
    }
    weight->op = SPR_OP_LINEAR;
    weight->prunable = candidate->kind != SPR_KIND_HEAD;
    weight->n =
        candidate->kind == SPR_KIND_ONCE ? 1 : spr_config_tokens(config, source->options);
    return SPR_OK;
}
