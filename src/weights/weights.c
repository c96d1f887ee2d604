/* SPDX-License-Identifier: Apache-2.0 */
/* Files of weights: which reader takes a file, and what the readers have in common. */
#include "sproof/weights.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/emit.h"
#include "weights/reader.h"
#include "base/limits.h"
#include "base/mem.h"

/* The first that knows the content reads the file. */
static const struct spr_weight_format formats[] = {
    {".npy", spr_sniff_npy, spr_read_npy},
    {".npz", spr_sniff_npz, spr_read_npz},
    {".safetensors", spr_sniff_safetensors, spr_read_safetensors},
    {".mtx", spr_sniff_mtx, spr_read_mtx},
    {".smtx", spr_sniff_smtx, spr_read_smtx},
    {".json", spr_sniff_index, spr_read_index},
    {".onnx", spr_sniff_onnx, spr_read_onnx},
    {".pt", spr_sniff_pickle, spr_read_pickle},
};

#define FORMAT_COUNT (sizeof formats / sizeof *formats)

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static const struct spr_weight_format *format_of(const struct spr_source *source)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        if (formats[i].sniff(source)) {
            return &formats[i];
        }
    }
    /* Its reader says best what is wrong with a damaged file. */
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        if (ends_with(source->path, formats[i].suffix)) {
            return &formats[i];
        }
    }
    return NULL;
}

enum spr_status spr_read_file(struct spr_source *source, struct spr_error *err)
{
    enum spr_status status =
        spr_map_file(source->weights, source->path, &source->bytes, &source->size, err);
    if (status != SPR_OK) {
        return status;
    }
    const struct spr_weight_format *format = format_of(source);
    if (!format) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: unknown kind of file: expected safetensors, ONNX, .npy, .npz, "
                        "Matrix Market or .smtx",
                        source->path);
    }
    return format->read(source, err);
}

enum spr_status spr_weights_read(const char *path, const struct spr_weights_options *options,
                                 struct spr_weights *weights, struct spr_notes *notes,
                                 struct spr_error *err)
{
    const struct spr_weights_options none = {0};
    struct spr_source source = {
        .options = options ? options : &none, .weights = weights, .notes = notes};
    struct stat facts;
    size_t before = weights->weight_count;
    source.path = spr_arena_text(&weights->arena, path, strlen(path));
    if (!source.path) {
        return spr_no_memory(err);
    }
    bool directory = stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
    SPR_TRY(directory ? spr_read_directory(&source, err) : spr_read_file(&source, err));
    if (weights->weight_count == before) {
        spr_note(notes, "%s: no matrices of layers in it", path);
    }
    return SPR_OK;
}

void spr_weights_free(struct spr_weights *weights)
{
    for (size_t i = 0; i < weights->weight_count; i++) {
        spr_matrix_free(&weights->weight[i].matrix);
        spr_free(weights->weight[i].keep);
    }
    if (weights->names) {
        spr_names_free(weights->names);
    }
    spr_free(weights->names);
    spr_free(weights->weight);
    spr_free(weights->tensor);
    spr_unmap_files(weights);
    spr_arena_free(&weights->arena);
    *weights = (struct spr_weights){0};
}

double spr_weights_parameters(const struct spr_weights *weights)
{
    double parameters = 0;
    for (size_t i = 0; i < weights->tensor_count; i++) {
        const struct spr_tensor *tensor = &weights->tensor[i];
        int64_t count;
        if (tensor->element != SPR_ELEMENT_OTHER &&
            spr_shape_elements(tensor->shape, tensor->rank, &count)) {
            parameters += (double)count;
        }
    }
    /* Of a bitmask only the kept values are a tensor. */
    for (size_t i = 0; i < weights->weight_count; i++) {
        const struct spr_weight *weight = &weights->weight[i];
        int64_t kept;
        if (weight->storage == SPR_STORAGE_BITMASK) {
            const struct spr_tensor *tensor = &weights->tensor[weight->tensor];
            (void)spr_shape_elements(tensor->shape, tensor->rank, &kept);
            parameters += (double)weight->m * (double)weight->k - (double)kept;
        }
    }
    return parameters;
}

size_t spr_element_bytes(enum spr_element element)
{
    static const unsigned char bytes[] = {8, 4, 2, 2, 1, 1, 0};
    return bytes[element];
}

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
    **weight = (struct spr_weight){
        .layer = copy, .count = 1, .groups = 1, .x_elements = (double)NAN, .tensor = SIZE_MAX};
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

const char *spr_file_stem(struct spr_weights *weights, const char *path)
{
    const char *slash = strrchr(path, '/'), *start = slash ? slash + 1 : path;
    size_t length = strlen(start);
    length -= ends_with(start, ".gz") && length > 3 ? 3 : 0;
    for (size_t i = length; i > 1; i--) {
        if (start[i - 1] == '.') {
            length = i - 1;
            break;
        }
    }
    return spr_arena_text(&weights->arena, start, length);
}
