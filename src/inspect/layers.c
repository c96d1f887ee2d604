/* SPDX-License-Identifier: Apache-2.0 */
/* Which tensors are the weights of layers. */
#include <string.h>

#include "inspect/reader.h"
#include "limits.h"

static bool fits_a_layer(const struct spr_tensor *tensor)
{
    int64_t elements;
    if (tensor->element == SPR_ELEMENT_OTHER || tensor->rank < 2 ||
        !spr_shape_elements(tensor->shape, tensor->rank, &elements)) {
        return false;
    }
    return elements > 0 && elements / tensor->shape[0] <= SPR_DIMENSION_MAX &&
           tensor->shape[0] <= SPR_DIMENSION_MAX;
}

enum spr_status spr_layer_of_array(const struct spr_source *source, size_t index,
                                   struct spr_error *err)
{
    const struct spr_tensor *tensor = &source->weights->tensor[index];
    struct spr_weight *weight;
    if (!fits_a_layer(tensor) || (tensor->rank != 2 && tensor->rank != 4)) {
        char text[SPR_SHAPE_TEXT];
        spr_note(source->notes, "%s: '%s' of shape %s and dtype %s is no layer: left out",
                 source->path, tensor->name, spr_shape_text(tensor->shape, tensor->rank, text),
                 tensor->dtype);
        return SPR_OK;
    }
    enum spr_status status = spr_add_weight(source, tensor->name, &weight, err);
    if (status != SPR_OK) {
        return status;
    }
    bool conv = tensor->rank == 4;
    spr_weight_of_tensor(source->weights, index, weight);
    weight->op = conv ? SPR_OP_CONV : SPR_OP_LINEAR;
    weight->prunable = true;
    weight->n = conv ? 0 : source->options->tokens;
    /* One input a filter and several filters: each channel has its own. */
    if (conv && tensor->shape[1] == 1 && tensor->shape[0] > 1) {
        weight->op = SPR_OP_DEPTHWISE;
        weight->groups = weight->m;
        weight->prunable = false;
    }
    return SPR_OK;
}

enum spr_status spr_layers_of_tensors(const struct spr_source *source, size_t first,
                                      struct spr_error *err)
{
    enum spr_status status = SPR_OK;
    source->weights->origin = "names";
    for (size_t i = first; i < source->weights->tensor_count && status == SPR_OK; i++) {
        const struct spr_tensor *tensor = &source->weights->tensor[i];
        if (fits_a_layer(tensor) && (tensor->rank == 2 || tensor->rank == 4)) {
            status = spr_layer_of_array(source, i, err);
        }
    }
    return status;
}
