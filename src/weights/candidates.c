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

/* Where the weights lie, before they are turned. */
static void set_storage(const struct spr_source *source, const struct spr_candidate *candidate,
                        struct spr_weight *weight)
{
    const struct spr_tensor *tensor = &source->weights->tensor[candidate->tensor];
    spr_weight_of_tensor(source->weights, candidate->tensor, weight);
    if (candidate->m > 0) {
        weight->m = candidate->m;
        weight->k = weight->row_stride = candidate->k;
    }
    if (candidate->mask) {
        weight->storage = SPR_STORAGE_BITMASK;
        weight->mask = candidate->mask;
        weight->mask_stride = (candidate->k + 7) / 8;
        weight->row_offset = candidate->row_offset;
    } else if (candidate->quantized) {
        weight->storage = SPR_STORAGE_QUANTIZED;
        weight->quantized = candidate->quantized;
        weight->first_row = candidate->slice * candidate->m;
    } else if (candidate->slice > 0) {
        weight->data += candidate->slice * candidate->m * candidate->k *
                        (int64_t)spr_element_bytes(tensor->element);
    }
    if (candidate->factor != SIZE_MAX) {
        weight->factor = source->weights->tensor[candidate->factor].data;
        weight->factor_element = source->weights->tensor[candidate->factor].element;
    }
}

static void turn(struct spr_weight *weight)
{
    const int64_t m = weight->k;
    weight->row_stride = 1;
    weight->column_stride = weight->k;
    weight->k = weight->m;
    weight->m = m;
}

/* The side of the patches that a convolution of this name and shape cuts a picture into; n. */
static int64_t pixels_of(const struct spr_config *config, const struct spr_tensor *tensor,
                         const char *name, const struct spr_weights_options *options)
{
    const int64_t side = options->image, tokens = options->tokens;
    const int64_t kernel = tensor->shape[tensor->rank - 1];
    const int64_t image = side > 0            ? side
                          : config->image > 0 ? config->image
                                              : config->vision_image;
    if (tensor->rank == 4 && strstr(name, "patch") && kernel > 1 &&
        tensor->shape[2] == kernel && image >= kernel && image <= 1 << 20) {
        return (image / kernel) * (image / kernel);
    }
    /* Whisper's first convolution sees twice the positions that the second leaves. */
    if (tensor->rank == 3 && config->positions > 0 && config->positions < 1 << 20) {
        return spr_name_has(name, "conv1", true)   ? 2 * config->positions
               : spr_name_has(name, "conv2", true) ? config->positions
                                                   : 0;
    }
    /* Mamba's runs along the tokens. */
    if (tensor->rank == 3 && tensor->shape[1] == 1 && spr_name_has(name, "conv1d", true)) {
        return tokens;
    }
    return 0;
}

static void place_conv(const struct spr_source *source, const struct spr_config *config,
                       const struct spr_candidate *candidate, struct spr_weight *weight)
{
    const struct spr_tensor *tensor = &source->weights->tensor[candidate->tensor];
    if (candidate->kind == SPR_KIND_CONV_TRANSPOSED) {
        /* Every input pixel makes a kernel of each output. */
        weight->op = SPR_OP_CONV;
        weight->prunable = true;
        turn(weight);
        return;
    }
    make_conv(tensor, weight);
    weight->n = pixels_of(config, tensor, candidate->name, source->options);
    if (weight->n > 0 && strstr(candidate->name, "patch") && weight->op == SPR_OP_CONV) {
        weight->x_elements =
            (double)weight->k * (double)weight->n; /* no pixel is seen twice */
    }
}

/* n and count of a layer. */
static void set_tokens(const struct spr_source *source, const struct spr_config *config,
                       const struct spr_candidate *candidate, struct spr_weight *weight)
{
    const int64_t tokens = spr_tokens_of(config, source->options, candidate->name);
    weight->n =
        candidate->kind == SPR_KIND_ONCE || candidate->kind == SPR_KIND_STEP ? 1 : tokens;
    if (candidate->kind == SPR_KIND_STEP && tokens > 0) {
        weight->count = tokens;
    } else if (candidate->kind == SPR_KIND_STEP) {
        weight->n = 0;
    }
    /* ALBERT's groups are passed through again and again. */
    if (strstr(candidate->name, "albert_layer_groups.") && config->layers > 0) {
        weight->count = config->layers / (config->groups > 0 ? config->groups : 1);
    }
}

enum spr_status spr_place(const struct spr_source *source, const struct spr_config *config,
                          struct spr_candidate *candidate, struct spr_error *err)
{
    struct spr_weight *weight;
    SPR_TRY(spr_add_weight(source, candidate->name, &weight, err));
    candidate->placed = true;
    set_storage(source, candidate, weight);
    if (candidate->kind == SPR_KIND_CONV || candidate->kind == SPR_KIND_CONV_TRANSPOSED) {
        place_conv(source, config, candidate, weight);
        return SPR_OK;
    }
    if (candidate->transposed) {
        turn(weight);
    }
    weight->op = SPR_OP_LINEAR;
    weight->prunable = candidate->kind != SPR_KIND_HEAD;
    weight->expert = candidate->expert;
    set_tokens(source, config, candidate, weight);
    return SPR_OK;
}
