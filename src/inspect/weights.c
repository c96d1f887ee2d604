/* SPDX-License-Identifier: Apache-2.0 */
/* Which reader a file belongs to, and the tensors and layers all readers make. */
#include "sproof/weights.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layers.h"
#include "limits.h"

static bool begins(const struct spr_source *s, const char *text, size_t length)
{
    return s->size >= length && memcmp(s->bytes, text, length) == 0;
}

static bool ends(const struct spr_source *s, const char *suffix)
{
    size_t length = strlen(s->path), tail = strlen(suffix);
    return length > tail && strcmp(s->path + length - tail, suffix) == 0;
}

static bool is_npy(const struct spr_source *s)
{
    return begins(s, "\x93NUMPY", 6);
}

static bool is_archive(const struct spr_source *s)
{
    return begins(s, "PK\3\4", 4) || begins(s, "PK\5\6", 4);
}

static bool is_gzip(const struct spr_source *s)
{
    return begins(s, "\x1f\x8b", 2);
}

static bool is_mtx(const struct spr_source *s)
{
    return begins(s, "%%MatrixMarket", 14) || ends(s, ".mtx");
}

static bool is_index(const struct spr_source *s)
{
    return begins(s, "{", 1) || ends(s, ".index.json");
}

static bool is_safetensors(const struct spr_source *s)
{
    return (s->size > 8 && s->bytes[8] == '{') || ends(s, ".safetensors");
}

static bool is_smtx(const struct spr_source *s)
{
    return ends(s, ".smtx");
}

static bool is_pickle(const struct spr_source *s)
{
    return s->size > 1 && s->bytes[0] == 0x80 && s->bytes[1] >= 2 && s->bytes[1] <= 5;
}

/* The first format that takes a file reads it: by its first bytes, where those say nothing by
 * its name. */
static const struct {
    bool (*takes)(const struct spr_source *source);
    spr_reader read;
} formats[] = {
    {is_npy, spr_read_npy},     {is_archive, spr_read_npz},
    {is_gzip, spr_read_mtx_gz}, {is_mtx, spr_read_mtx},
    {is_smtx, spr_read_smtx},   {is_safetensors, spr_read_safetensors},
    {is_index, spr_read_index}, {is_pickle, spr_read_pickle},
};
#define FORMAT_COUNT (sizeof formats / sizeof formats[0])

static enum spr_status read_file(struct spr_source *source, struct spr_error *err)
{
    enum spr_status status =
        spr_map_file(source->weights, source->path, &source->bytes, &source->size, err);
    for (size_t i = 0; i < FORMAT_COUNT && status == SPR_OK; i++) {
        if (formats[i].takes(source)) {
            return formats[i].read(source, err);
        }
    }
    return status ? status
                  : spr_fail(err, SPR_EINPUT,
                             "%s: not a weights file: expected safetensors or the index of "
                             "several, ONNX, .npy, .npz, Matrix Market or .smtx",
                             source->path);
}

/* Names in a directory that are weights; the parts of a split checkpoint are read through its
 * index. */
static bool is_weights_name(const char *name, bool indexed)
{
    static const char *const suffixes[] = {
        ".npy",        ".npz", ".mtx", ".mtx.gz", ".smtx", ".onnx", ".safetensors.index.json",
        ".safetensors"};
    struct spr_source as = {.path = name};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        bool shard = strcmp(suffixes[i], ".safetensors") == 0 && indexed;
        if (ends(&as, suffixes[i]) && !shard && name[0] != '.') {
            return true;
        }
    }
    return false;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

struct names {
    const char **item;
    size_t count, capacity;
};

static enum spr_status list_directory(const struct spr_source *source, DIR *directory,
                                      struct names *names, struct spr_error *err)
{
    bool indexed = false;
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        struct spr_source as = {.path = entry->d_name};
        indexed = indexed || ends(&as, ".safetensors.index.json");
    }
    rewinddir(directory);
    while ((entry = readdir(directory)) != NULL) {
        if (!is_weights_name(entry->d_name, indexed)) {
            continue;
        }
        char path[4096];
        int length = snprintf(path, sizeof path, "%s/%s", source->path, entry->d_name);
        const char *kept = spr_arena_text(&source->weights->arena, path, strlen(path));
        if (length >= (int)sizeof path || !kept ||
            !spr_grow(&names->item, &names->capacity, names->count + 1, sizeof *names->item)) {
            return spr_fail(err, SPR_ENOMEM, "out of memory");
        }
        names->item[names->count++] = kept;
    }
    return names->count > 0 ? SPR_OK
                            : spr_fail(err, SPR_EINPUT,
                                       "%s: no weights in this directory: expected "
                                       ".safetensors, .onnx, .npy, .npz, .mtx or .smtx",
                                       source->path);
}

static enum spr_status read_directory(const struct spr_source *source, DIR *directory,
                                      struct spr_error *err)
{
    struct names names = {0};
    enum spr_status status = list_directory(source, directory, &names, err);
    if (names.count > 0) {
        qsort(names.item, names.count, sizeof *names.item, by_name);
    }
    for (size_t i = 0; i < names.count && status == SPR_OK; i++) {
        struct spr_source file = *source;
        file.path = names.item[i];
        status = read_file(&file, err);
    }
    spr_free(names.item);
    return status;
}

/* Layers of several files may have one name: the later ones get a number. */
static enum spr_status make_unique(struct spr_weights *weights, struct spr_error *err)
{
    struct spr_names names = {0};
    enum spr_status status = SPR_OK;
    for (size_t i = 0; i < weights->weight_count && status == SPR_OK; i++) {
        struct spr_weight *w = &weights->weight[i];
        for (int number = 2; spr_names_find(&names, w->layer) != SIZE_MAX; number++) {
            char text[512];
            snprintf(text, sizeof text, "%.480s#%d", w->layer, number);
            const char *kept = spr_arena_text(&weights->arena, text, strlen(text));
            if (!kept) {
                break;
            }
            w->layer = kept;
        }
        if (!spr_names_add(&names, w->layer, i)) {
            status = spr_fail(err, SPR_ENOMEM, "out of memory");
        }
    }
    spr_names_free(&names);
    return status;
}

enum spr_status spr_weights_read(const char *path, const struct spr_weights_options *options,
                                 struct spr_weights *weights, struct spr_notes *notes,
                                 struct spr_error *err)
{
    struct spr_source source = {.options = options, .weights = weights, .notes = notes};
    source.path = spr_arena_text(&weights->arena, path, strlen(path));
    if (!source.path) {
        return spr_fail(err, SPR_ENOMEM, "out of memory");
    }
    DIR *directory = opendir(path);
    enum spr_status status =
        directory ? read_directory(&source, directory, err) : read_file(&source, err);
    if (directory) {
        closedir(directory);
    }
    return status ? status : make_unique(weights, err);
}

size_t spr_element_bytes(enum spr_element element)
{
    static const size_t bytes[] = {
        [SPR_ELEMENT_F64] = 8,  [SPR_ELEMENT_F32] = 4, [SPR_ELEMENT_F16] = 2,
        [SPR_ELEMENT_BF16] = 2, [SPR_ELEMENT_I8] = 1,  [SPR_ELEMENT_U8] = 1,
        [SPR_ELEMENT_OTHER] = 0};
    return bytes[element];
}

bool spr_elements(const int64_t *shape, int rank, int64_t *elements)
{
    double product = 1;
    *elements = 1;
    for (int i = 0; i < rank; i++) {
        product *= (double)shape[i];
        if (shape[i] < 0 || !(product <= SPR_PRODUCT_MAX)) {
            return false;
        }
        *elements *= shape[i];
    }
    return true;
}

struct spr_tensor *spr_add_tensor(struct spr_weights *weights, const struct spr_tensor *tensor,
                                  struct spr_error *err)
{
    if (!spr_grow(&weights->tensor, &weights->tensor_capacity, weights->tensor_count + 1,
                  sizeof *weights->tensor)) {
        spr_fail(err, SPR_ENOMEM, "out of memory");
        return NULL;
    }
    weights->tensor[weights->tensor_count] = *tensor;
    return &weights->tensor[weights->tensor_count++];
}

struct spr_weight *spr_add_weight(struct spr_weights *weights, const struct spr_weight *weight,
                                  struct spr_error *err)
{
    if (!spr_grow(&weights->weight, &weights->weight_capacity, weights->weight_count + 1,
                  sizeof *weights->weight)) {
        spr_fail(err, SPR_ENOMEM, "out of memory");
        return NULL;
    }
    weights->weight[weights->weight_count] = *weight;
    return &weights->weight[weights->weight_count++];
}

bool spr_weight_of_tensor(const struct spr_weights *weights, size_t tensor,
                          struct spr_weight *weight)
{
    const struct spr_tensor *t = &weights->tensor[tensor];
    int64_t elements;
    if (t->rank < 2 || t->rank > 5 || t->element == SPR_ELEMENT_OTHER ||
        !spr_elements(t->shape, t->rank, &elements) || elements == 0 ||
        elements / t->shape[0] > INT32_MAX) {
        return false;
    }
    *weight = (struct spr_weight){.layer = t->name,
                                  .op = t->rank == 2 ? SPR_OP_LINEAR : SPR_OP_CONV,
                                  .m = t->shape[0],
                                  .k = elements / t->shape[0],
                                  .count = 1,
                                  .groups = 1,
                                  .x_elements = (double)NAN,
                                  .prunable = true,
                                  .tensor = tensor,
                                  .storage = SPR_STORAGE_DENSE,
                                  .element = t->element,
                                  .data = t->data,
                                  .column_stride = 1};
    weight->row_stride = weight->k;
    if (t->rank > 2 && t->shape[1] == 1 && weight->m > 1) {
        /* One input channel for each output: only a depthwise layer has more outputs. */
        weight->op = SPR_OP_DEPTHWISE;
        weight->groups = weight->m;
        weight->prunable = false;
    }
    return true;
}

const char *spr_layer_name(struct spr_weights *weights, const char *path)
{
    static const char *const suffixes[] = {".gz", ".mtx", ".smtx", ".npy", ".npz"};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        size_t suffix = strlen(suffixes[i]);
        if (length > suffix && memcmp(name + length - suffix, suffixes[i], suffix) == 0) {
            length -= suffix;
        }
    }
    return spr_arena_text(&weights->arena, name, length);
}

double spr_weights_parameters(const struct spr_weights *weights)
{
    double sum = 0;
    for (size_t i = 0; i < weights->tensor_count; i++) {
        int64_t elements;
        if (weights->tensor[i].element != SPR_ELEMENT_OTHER &&
            spr_elements(weights->tensor[i].shape, weights->tensor[i].rank, &elements)) {
            sum += (double)elements;
        }
    }
    return sum;
}

void spr_weights_free(struct spr_weights *weights)
{
    for (size_t i = 0; i < weights->weight_count; i++) {
        spr_matrix_free(&weights->weight[i].matrix);
        spr_free(weights->weight[i].keep);
    }
    spr_free(weights->weight);
    spr_free(weights->tensor);
    spr_unmap_all(weights);
    spr_arena_free(&weights->arena);
    *weights = (struct spr_weights){0};
}
