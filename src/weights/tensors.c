/* SPDX-License-Identifier: Apache-2.0 */
/* What every reader adds: tensors, and operators with their weights. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/emit.h"
#include "base/limits.h"
#include "base/mem.h"
#include "weights/reader.h"

bool spr_shape_elements(const int64_t *shape, int rank, int64_t *count)
{
    *count = 1;
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0) {
            return false;
        }
        empty = empty || shape[i] == 0;
    }
    for (int i = 0; i < rank && !empty; i++) {
        if (shape[i] > (int64_t)SPR_PRODUCT_MAX / *count) {
            return false;
        }
        *count *= shape[i];
    }
    *count = empty ? 0 : *count;
    return true;
}

const char *spr_shape_text(const int64_t *shape, int rank, char text[SPR_SHAPE_TEXT])
{
    size_t used = 0;
    snprintf(text, SPR_SHAPE_TEXT, "scalar");
    for (int i = 0; i < rank && used + 24 < SPR_SHAPE_TEXT; i++) {
        used += (size_t)snprintf(text + used, SPR_SHAPE_TEXT - used, "%s%lld", i ? "x" : "",
                                 (long long)shape[i]);
    }
    return text;
}

enum spr_status spr_add_tensor(const struct spr_source *source,
                               const struct spr_tensor *tensor, size_t *index,
                               struct spr_error *err)
{
    struct spr_weights *weights = source->weights;
    if (!spr_utf8_is_name(tensor->name)) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: name of tensor %zu: expected UTF-8 without control characters",
                        source->path, weights->tensor_count);
    }
    char *name = spr_arena_text(&weights->arena, tensor->name, strlen(tensor->name));
    char *dtype = spr_arena_text(&weights->arena, tensor->dtype, strlen(tensor->dtype));
    if (!name || !dtype ||
        !spr_grow(&weights->tensor, &weights->tensor_capacity, weights->tensor_count + 1,
                  sizeof *weights->tensor)) {
        return spr_no_memory(err);
    }
    if (index) {
        *index = weights->tensor_count;
    }
    struct spr_tensor *added = &weights->tensor[weights->tensor_count++];
    *added = *tensor;
    added->name = name;
    added->dtype = dtype;
    added->file = tensor->file ? tensor->file : source->path;
    int64_t elements;
    if (!(added->parameters > 0) && added->element != SPR_ELEMENT_OTHER &&
        spr_shape_elements(added->shape, added->rank, &elements)) {
        added->parameters = (double)elements;
    }
    return SPR_OK;
}

/* The names of layers, made when the first one comes. */
static struct spr_names *names_of(struct spr_weights *weights)
{
    if (!weights->names) {
        weights->names = spr_calloc(1, sizeof *weights->names);
    }
    return weights->names;
}

enum spr_status spr_add_weight(const struct spr_source *source, const char *name,
                               struct spr_weight **weight, struct spr_error *err)
{
    struct spr_weights *weights = source->weights;
    struct spr_names *names = names_of(weights);
    if (names && spr_names_find(names, name) != SIZE_MAX) {
        return spr_fail(err, SPR_EINPUT, "%s: layer '%s': there is one of this name already",
                        source->path, name);
    }
    if (!*name || !spr_utf8_is_name(name)) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: name of layer %zu: expected UTF-8 without control characters",
                        source->path, weights->weight_count);
    }
    char *copy = spr_arena_text(&weights->arena, name, strlen(name));
    if (!names || !copy ||
        !spr_grow(&weights->weight, &weights->weight_capacity, weights->weight_count + 1,
                  sizeof *weights->weight) ||
        !spr_names_add(names, copy, weights->weight_count)) {
        return spr_no_memory(err);
    }
    *weight = &weights->weight[weights->weight_count++];
    **weight = (struct spr_weight){.layer = copy,
                                   .count = 1,
                                   .groups = 1,
                                   .x_elements = (double)NAN,
                                   .tensor = SIZE_MAX,
                                   .expert = -1};
    return SPR_OK;
}

void spr_weight_of_tensor(const struct spr_weights *weights, size_t index,
                          struct spr_weight *weight)
{
    const struct spr_tensor *tensor = &weights->tensor[index];
    int64_t inputs;
    (void)spr_shape_elements(tensor->shape + 1, tensor->rank - 1, &inputs);
    weight->tensor = index;
    weight->storage = SPR_STORAGE_DENSE;
    weight->element = tensor->element;
    weight->data = tensor->data;
    weight->m = tensor->shape[0];
    weight->k = inputs;
    weight->row_stride = inputs;
    weight->column_stride = 1;
}

bool spr_ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

const char *spr_file_stem(struct spr_weights *weights, const char *path)
{
    const char *slash = strrchr(path, '/'), *start = slash ? slash + 1 : path;
    size_t length = strlen(start);
    length -= spr_ends_with(start, ".gz") && length > 3 ? 3 : 0;
    for (size_t i = length; i > 1; i--) {
        if (start[i - 1] == '.') {
            length = i - 1;
            break;
        }
    }
    return spr_arena_text(&weights->arena, start, length);
}
