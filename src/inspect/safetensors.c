/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors: 8 bytes of header length, a JSON header, the tensors without gaps; and the index
 * of a checkpoint that is split into several such files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "layers.h"
#include "limits.h"

#define HEADER_MAX_BYTES ((uint64_t)100000000)

static const struct {
    const char *name;
    enum spr_element element;
    size_t bytes;
} dtypes[] = {
    {"F64", SPR_ELEMENT_F64, 8},       {"F32", SPR_ELEMENT_F32, 4},
    {"F16", SPR_ELEMENT_F16, 2},       {"BF16", SPR_ELEMENT_BF16, 2},
    {"I8", SPR_ELEMENT_I8, 1},         {"U8", SPR_ELEMENT_U8, 1},
    {"I64", SPR_ELEMENT_OTHER, 8},     {"I32", SPR_ELEMENT_OTHER, 4},
    {"I16", SPR_ELEMENT_OTHER, 2},     {"U64", SPR_ELEMENT_OTHER, 8},
    {"U32", SPR_ELEMENT_OTHER, 4},     {"U16", SPR_ELEMENT_OTHER, 2},
    {"BOOL", SPR_ELEMENT_OTHER, 1},    {"F8_E4M3", SPR_ELEMENT_OTHER, 1},
    {"F8_E5M2", SPR_ELEMENT_OTHER, 1}, {"F8_E8M0", SPR_ELEMENT_OTHER, 1},
    {"C64", SPR_ELEMENT_OTHER, 8},
};
#define DTYPE_COUNT (sizeof dtypes / sizeof dtypes[0])

struct header {
    const struct spr_source *source;
    uint64_t data_begin; /* of the tensors in the file */
    struct spr_names names;
};

static enum spr_status read_shape(const struct header *h, const spr_json *shape,
                                  struct spr_tensor *t, struct spr_error *err)
{
    if (!spr_json_is_array(shape)) {
        return spr_fail(err, SPR_EINPUT, "%s: tensor '%.200s': shape: expected a list",
                        h->source->path, t->name);
    }
    for (const spr_json *i = spr_json_first(shape); i; i = spr_json_next(i)) {
        double value;
        if (t->rank == SPR_RANK_MAX) {
            return spr_fail(err, SPR_EINPUT,
                            "%s: tensor '%.200s': shape: expected at most %d dimensions",
                            h->source->path, t->name, SPR_RANK_MAX);
        }
        if (!spr_json_number(i, &value) || value < 0 || value > SPR_PRODUCT_MAX ||
            value != (double)(int64_t)value) {
            return spr_fail(err, SPR_EINPUT,
                            "%s: tensor '%.200s': shape: expected integers 0..2^53",
                            h->source->path, t->name);
        }
        t->shape[t->rank++] = (int64_t)value;
    }
    return SPR_OK;
}

static enum spr_status read_offsets(const struct header *h, const spr_json *offsets,
                                    struct spr_tensor *t, struct spr_error *err)
{
    const spr_json *first = spr_json_is_array(offsets) ? spr_json_first(offsets) : NULL;
    const spr_json *second = first ? spr_json_next(first) : NULL;
    double begin, end, most = (double)(h->source->size - h->data_begin);
    if (!first || !second || spr_json_next(second) || !spr_json_number(first, &begin) ||
        !spr_json_number(second, &end) || begin < 0 || end < begin ||
        begin != (double)(int64_t)begin || end != (double)(int64_t)end) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: tensor '%.200s': data_offsets: expected two rising integers",
                        h->source->path, t->name);
    }
    if (end > most) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: tensor '%.200s': data_offsets [%.0f, %.0f]: the file holds %.0f "
                        "bytes of data: truncated?",
                        h->source->path, t->name, begin, end, most);
    }
    t->offset = h->data_begin + (uint64_t)begin;
    t->bytes = (uint64_t)(end - begin);
    t->data = h->source->bytes + t->offset;
    return SPR_OK;
}

static enum spr_status read_tensor(struct header *h, const spr_json *item,
                                   struct spr_tensor *t, struct spr_error *err)
{
    const char *path = h->source->path, *name = spr_json_key(item);
    const char *dtype = spr_json_text(spr_json_get(item, "dtype"));
    size_t d = 0;
    *t = (struct spr_tensor){.file = path};
    t->name = spr_arena_text(&h->source->weights->arena, name, strlen(name));
    if (!t->name) {
        return spr_fail(err, SPR_ENOMEM, "out of memory");
    }
    while (dtype && d < DTYPE_COUNT && strcmp(dtypes[d].name, dtype) != 0) {
        d++;
    }
    if (!dtype || d == DTYPE_COUNT) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: tensor '%.200s': dtype '%.40s': expected F64, F32, F16, BF16, I8 "
                        "or another of the format",
                        path, name, dtype ? dtype : "");
    }
    t->element = dtypes[d].element;
    t->dtype = dtypes[d].name;
    enum spr_status status = read_shape(h, spr_json_get(item, "shape"), t, err);
    status = status ? status : read_offsets(h, spr_json_get(item, "data_offsets"), t, err);
    int64_t elements = 0;
    if (status == SPR_OK && (!spr_elements(t->shape, t->rank, &elements) ||
                             (double)elements * (double)dtypes[d].bytes != (double)t->bytes)) {
        status =
            spr_fail(err, SPR_EINPUT,
                     "%s: tensor '%.200s' at byte %llu: %llu bytes: its shape and dtype "
                     "need another number",
                     path, name, (unsigned long long)t->offset, (unsigned long long)t->bytes);
    }
    if (status == SPR_OK && spr_names_find(&h->names, t->name) != SIZE_MAX) {
        status =
            spr_fail(err, SPR_EINPUT, "%s: tensor '%.200s' stands there twice", path, t->name);
    }
    return status == SPR_OK && !spr_names_add(&h->names, t->name, 0)
               ? spr_fail(err, SPR_ENOMEM, "out of memory")
               : status;
}

static int by_offset(const void *left, const void *right)
{
    const struct spr_tensor *a = left, *b = right;
    if (a->offset != b->offset) {
        return a->offset < b->offset ? -1 : 1;
    }
    return (a->bytes > b->bytes) - (a->bytes < b->bytes); /* empty ones first */
}

/* The format allows no gap and no byte that belongs to two tensors. */
static enum spr_status check_cover(const struct header *h, size_t first, struct spr_error *err)
{
    struct spr_weights *weights = h->source->weights;
    uint64_t at = h->data_begin;
    if (weights->tensor_count > first) {
        qsort(weights->tensor + first, weights->tensor_count - first, sizeof *weights->tensor,
              by_offset);
    }
    for (size_t i = first; i < weights->tensor_count; i++) {
        const struct spr_tensor *t = &weights->tensor[i];
        if (t->offset != at) {
            return spr_fail(err, SPR_EINPUT,
                            "%s: tensor '%.200s' begins at byte %llu: expected %llu, where "
                            "the one before ends",
                            h->source->path, t->name, (unsigned long long)t->offset,
                            (unsigned long long)at);
        }
        at += t->bytes;
    }
    if (at != h->source->size) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: %llu bytes behind the last tensor, at byte %llu: expected none",
                        h->source->path, (unsigned long long)(h->source->size - at),
                        (unsigned long long)at);
    }
    return SPR_OK;
}

enum spr_status spr_safetensors_tensors(const struct spr_source *source, struct spr_error *err)
{
    struct header h = {.source = source};
    const size_t first = source->weights->tensor_count;
    uint64_t length = 0;
    spr_json *root = NULL;
    for (int i = 7; source->size >= 8 && i >= 0; i--) {
        length = length << 8 | source->bytes[i];
    }
    if (source->size < 8 || length > HEADER_MAX_BYTES || length > source->size - 8) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: header of %llu bytes in a file of %zu: expected a safetensors "
                        "file, whole",
                        source->path, (unsigned long long)length, source->size);
    }
    h.data_begin = 8 + length;
    enum spr_status status = spr_json_parse(source->path, (const char *)source->bytes + 8,
                                            (size_t)length, &root, err);
    for (const spr_json *i = spr_json_first(root); i && status == SPR_OK;
         i = spr_json_next(i)) {
        struct spr_tensor tensor;
        if (strcmp(spr_json_key(i), "__metadata__") == 0) {
            continue;
        }
        status = read_tensor(&h, i, &tensor, err);
        if (status == SPR_OK && !spr_add_tensor(source->weights, &tensor, err)) {
            status = SPR_ENOMEM;
        }
    }
    status = status ? status : check_cover(&h, first, err);
    spr_names_free(&h.names);
    spr_json_free(root);
    return status;
}

enum spr_status spr_read_safetensors(const struct spr_source *source, struct spr_error *err)
{
    const size_t first = source->weights->tensor_count;
    enum spr_status status = spr_safetensors_tensors(source, err);
    return status ? status : spr_layers_of_tensors(source, first, err);
}

/* {"weight_map": {"tensor": "file", ...}}: every file once, in the order of its first tensor. */
static enum spr_status read_shards(const struct spr_source *source, const spr_json *map,
                                   struct spr_error *err)
{
    struct spr_names seen = {0};
    enum spr_status status = SPR_OK;
    for (const spr_json *i = spr_json_first(map); i && status == SPR_OK;
         i = spr_json_next(i)) {
        const char *name = spr_json_text(i), *path = NULL;
        struct spr_source shard = *source;
        if (!name) {
            status = spr_fail(err, SPR_EINPUT, "%s: tensor '%.200s': expected a file name",
                              source->path, spr_json_key(i));
        } else if (spr_names_find(&seen, name) == SIZE_MAX) {
            status = spr_names_add(&seen, name, 0)
                         ? spr_sibling(source->weights, source->path, name, &path, err)
                         : spr_fail(err, SPR_ENOMEM, "out of memory");
            status = status
                         ? status
                         : spr_map_file(source->weights, path, &shard.bytes, &shard.size, err);
            shard.path = path;
            status = status ? status : spr_safetensors_tensors(&shard, err);
        }
    }
    spr_names_free(&seen);
    return status;
}

/* What the index names must be there, and nothing twice. */
static enum spr_status check_shards(const struct spr_source *source, const spr_json *map,
                                    size_t first, struct spr_error *err)
{
    struct spr_weights *weights = source->weights;
    struct spr_names names = {0};
    enum spr_status status = SPR_OK;
    for (size_t t = first; t < weights->tensor_count && status == SPR_OK; t++) {
        if (spr_names_find(&names, weights->tensor[t].name) != SIZE_MAX) {
            status = spr_fail(err, SPR_EINPUT, "%s: tensor '%.200s' is in two files",
                              source->path, weights->tensor[t].name);
        } else if (!spr_names_add(&names, weights->tensor[t].name, t)) {
            status = spr_fail(err, SPR_ENOMEM, "out of memory");
        }
    }
    for (const spr_json *i = spr_json_first(map); i && status == SPR_OK;
         i = spr_json_next(i)) {
        if (spr_names_find(&names, spr_json_key(i)) == SIZE_MAX) {
            status = spr_fail(err, SPR_EINPUT, "%s: tensor '%.200s' is not in '%.200s'",
                              source->path, spr_json_key(i), spr_json_text(i));
        }
    }
    spr_names_free(&names);
    return status;
}

enum spr_status spr_read_index(const struct spr_source *source, struct spr_error *err)
{
    const size_t first = source->weights->tensor_count;
    spr_json *root;
    enum spr_status status =
        spr_json_parse(source->path, (const char *)source->bytes, source->size, &root, err);
    const spr_json *map = status == SPR_OK ? spr_json_get(root, "weight_map") : NULL;
    if (status == SPR_OK && !spr_json_is_object(map)) {
        status = spr_fail(err, SPR_EINPUT,
                          "%s: no weight_map: expected the index of a split safetensors "
                          "checkpoint",
                          source->path);
    }
    status = status ? status : read_shards(source, map, err);
    status = status ? status : check_shards(source, map, first, err);
    status = status ? status : spr_layers_of_tensors(source, first, err);
    spr_json_free(root);
    return status;
}
