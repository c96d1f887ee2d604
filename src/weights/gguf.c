/* SPDX-License-Identifier: Apache-2.0 */
/* GGUF, versions 2 and 3, little-endian: counts, metadata, what tensors there are, then their bytes at
 * multiples of an alignment. */
#include "weights/gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "weights/layers.h"

/* Metadata; a text and a list are followed by their length. */
enum { VALUE_TEXT = 8, VALUE_LIST = 9, VALUE_COUNT = 13 };
static const unsigned char value_bytes[VALUE_COUNT] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

#define NAME_MAX_BYTES 512

/* The bytes that are still to be read. */
struct scan {
    const struct spr_source *source;
    size_t at;
    struct spr_config config;
    uint64_t alignment;
    bool bad;
};

static uint64_t take(struct scan *scan, size_t bytes)
{
    uint64_t value = 0;
    if (scan->bad || scan->source->size - scan->at < bytes) {
        scan->bad = true;
        return 0;
    }
    for (size_t b = bytes; b-- > 0;) {
        value = value << 8 | scan->source->bytes[scan->at + b];
    }
    scan->at += bytes;
    return value;
}

static void skip(struct scan *scan, uint64_t bytes)
{
    if (scan->bad || scan->source->size - scan->at < bytes) {
        scan->bad = true;
        return;
    }
    scan->at += (size_t)bytes;
}

/* A text shorter than `size`, cut where it holds a NUL; a longer one is "". */
static void take_text(struct scan *scan, char *text, size_t size)
{
    const uint64_t length = take(scan, 8);
    const size_t at = scan->at;
    skip(scan, length);
    *text = '\0';
    if (!scan->bad && length < size) {
        memcpy(text, scan->source->bytes + at, (size_t)length);
        text[length] = '\0';
    }
}

static enum spr_status damaged(const struct scan *scan, const char *expected,
                               struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT, "%s: offset %zu: damaged or truncated: expected %s",
                    scan->source->path, scan->at, expected);
}

/* A list is skipped: of texts one by one. A list of lists is nothing that models have. */
static void skip_list(struct scan *scan)
{
    const uint64_t type = take(scan, 4), count = take(scan, 8);
    const uint64_t left = scan->source->size - scan->at;
    if (type >= VALUE_COUNT || type == VALUE_LIST || count > left) {
        scan->bad = true;
    } else if (type == VALUE_TEXT) {
        for (uint64_t i = 0; i < count && !scan->bad; i++) {
            skip(scan, take(scan, 8));
        }
    } else {
        skip(scan, count * value_bytes[type]);
    }
}

/* Behind the name of the architecture: "llama.block_count". */
static void keep_size(struct scan *scan, const char *key, uint64_t value)
{
    struct spr_config *c = &scan->config;
    const struct {
        const char *end;
        int64_t *size;
    } sizes[] = {
        {".block_count", &c->layers},         {".embedding_length", &c->hidden},
        {".attention.head_count", &c->heads}, {".attention.head_count_kv", &c->kv_heads},
        {".attention.key_length", &c->head},  {".vocab_size", &c->vocabulary},
        {".expert_count", &c->experts},       {".expert_used_count", &c->routed}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (spr_ends_with(key, sizes[i].end) && value <= (uint64_t)SPR_DIMENSION_MAX) {
            *sizes[i].size = (int64_t)value;
        }
    }
    if (strcmp(key, "general.alignment") == 0) {
        scan->alignment = value;
    }
}

static void read_value(struct scan *scan)
{
    char key[NAME_MAX_BYTES], text[48];
    take_text(scan, key, sizeof key);
    const uint64_t type = take(scan, 4);
    if (type == VALUE_TEXT) {
        take_text(scan, text, sizeof text);
        if (strcmp(key, "general.architecture") == 0) {
            memcpy(scan->config.model_type, text, sizeof text);
        }
    } else if (type == VALUE_LIST) {
        skip_list(scan);
    } else if (type < VALUE_COUNT) {
        keep_size(scan, key, take(scan, value_bytes[type]));
    } else {
        scan->bad = true;
    }
}

/* The sizes of a tensor: in the file the one that runs fastest comes first. */
static bool read_shape(struct scan *scan, struct spr_tensor *tensor)
{
    const uint64_t rank = take(scan, 4);
    if (scan->bad || rank > SPR_RANK_MAX) {
        return false;
    }
    tensor->rank = (int)rank;
    for (int d = tensor->rank - 1; d >= 0; d--) {
        const uint64_t size = take(scan, 8);
        tensor->shape[d] = size <= (uint64_t)SPR_PRODUCT_MAX ? (int64_t)size : -1;
    }
    return !scan->bad;
}

static enum spr_status read_tensor(struct scan *scan, struct spr_error *err)
{
    char name[NAME_MAX_BYTES], text[SPR_SHAPE_TEXT];
    struct spr_tensor tensor = {.name = name};
    int64_t elements;
    take_text(scan, name, sizeof name);
    const bool shaped = read_shape(scan, &tensor);
    const struct spr_gguf_type *type = spr_gguf_type((unsigned)take(scan, 4));
    tensor.offset = take(scan, 8);
    if (!shaped || scan->bad || !type || !*name) {
        return damaged(scan, "a tensor's name, at most 8 sizes, a known type and an offset",
                       err);
    }
    spr_shape_text(tensor.shape, tensor.rank, text);
    const int64_t k = tensor.rank > 0 ? tensor.shape[tensor.rank - 1] : 1;
    if (!spr_shape_elements(tensor.shape, tensor.rank, &elements) || k % type->weights != 0 ||
        elements / type->weights > (int64_t)SPR_PRODUCT_MAX / type->bytes ||
        tensor.offset % scan->alignment != 0) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: tensor '%.200s': shape %s of %s at %llu: expected rows of whole "
                        "blocks of %u, at a multiple of %llu",
                        scan->source->path, name, text, type->name,
                        (unsigned long long)tensor.offset, type->weights,
                        (unsigned long long)scan->alignment);
    }
    tensor.dtype = type->name;
    tensor.element = type->element;
    tensor.bytes = (uint64_t)(elements / type->weights) * type->bytes;
    tensor.parameters = type->indices ? 0 : (double)elements;
    return spr_add_tensor(scan->source, &tensor, NULL, err);
}

static int by_offset(const void *a, const void *b)
{
    const struct spr_tensor *left = a, *right = b;
    if (left->offset != right->offset) {
        return left->offset < right->offset ? -1 : 1;
    }
    return (left->bytes > right->bytes) - (left->bytes < right->bytes);
}

/* Codes of a matrix, or of several. */
static enum spr_status set_rows(const struct spr_source *source, struct spr_tensor *tensor,
                                struct spr_error *err)
{
    const struct spr_gguf_type *type = spr_gguf_type_of(tensor->dtype);
    if (!type->expand || tensor->rank < 1) {
        return SPR_OK;
    }
    struct spr_gguf_rows *rows = spr_arena_alloc(&source->weights->arena, sizeof *rows);
    if (!rows) {
        return spr_no_memory(err);
    }
    *rows = (struct spr_gguf_rows){.quantized.expand = spr_expand_gguf,
                                   .type = type,
                                   .data = tensor->data,
                                   .k = tensor->shape[tensor->rank - 1]};
    tensor->quantized = &rows->quantized;
    return SPR_OK;
}

/* Tensors lie behind each other, within the file. */
static enum spr_status place_tensors(struct scan *scan, size_t first, struct spr_error *err)
{
    const struct spr_source *source = scan->source;
    struct spr_weights *weights = source->weights;
    const uint64_t begin =
        (scan->at + scan->alignment - 1) / scan->alignment * scan->alignment;
    uint64_t end = begin;
    if (weights->tensor_count > first) {
        qsort(weights->tensor + first, weights->tensor_count - first, sizeof *weights->tensor,
              by_offset);
    }
    for (size_t i = first; i < weights->tensor_count; i++) {
        struct spr_tensor *t = &weights->tensor[i];
        const bool fits = t->offset <= source->size && begin <= source->size - t->offset &&
                          t->bytes <= source->size - t->offset - begin;
        t->offset += fits ? begin : 0;
        if (!fits || t->offset < end) {
            return spr_fail(
                err, SPR_EINPUT, "%s: tensor '%.200s': %llu bytes at offset %llu: %s",
                source->path, t->name, (unsigned long long)t->bytes,
                (unsigned long long)t->offset,
                fits ? "overlap the tensor before" : "more than the file holds (truncated?)");
        }
        end = t->offset + t->bytes;
        t->data = source->bytes + t->offset;
        SPR_TRY(set_rows(source, t, err));
    }
    return SPR_OK;
}

/* What config.json says of a checkpoint. */
static void finish_config(struct scan *scan, size_t first)
{
    static const char *const wordless[] = {"bert", "clip", "whisper", "encoder"};
    const struct spr_weights *weights = scan->source->weights;
    struct spr_config *c = &scan->config;
    snprintf(c->path, sizeof c->path, "%.900s", scan->source->path);
    c->predicts_words = c->found = c->model_type[0] != '\0';
    for (size_t i = 0; i < sizeof wordless / sizeof *wordless; i++) {
        c->predicts_words = c->predicts_words && !strstr(c->model_type, wordless[i]);
    }
    for (size_t i = first; i < weights->tensor_count; i++) {
        const struct spr_tensor *t = &weights->tensor[i];
        if (strcmp(t->name, "token_embd.weight") == 0 && t->rank == 2) {
            c->vocabulary = t->shape[0];
        }
    }
}

bool spr_sniff_gguf(const struct spr_source *source)
{
    return source->size >= 4 && memcmp(source->bytes, "GGUF", 4) == 0;
}

enum spr_status spr_read_gguf(const struct spr_source *source, struct spr_error *err)
{
    struct scan scan = {.source = source, .alignment = 32};
    const uint64_t magic = take(&scan, 4);
    const size_t first = source->weights->tensor_count;
    const uint64_t version = take(&scan, 4), tensors = take(&scan, 8), values = take(&scan, 8);
    if (magic != 0x46554747 || scan.bad) {
        return damaged(&scan, "GGUF and its counts", err);
    }
    if (version < 2 || version > 3) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: GGUF version %llu: expected 2 or 3, little-endian", source->path,
                        (unsigned long long)version);
    }
    for (uint64_t i = 0; i < values && !scan.bad; i++) {
        read_value(&scan);
    }
    if (scan.bad || scan.alignment < 1 || scan.alignment > 1 << 20) {
        return damaged(&scan, "metadata, with an alignment of 1 to 2^20 bytes", err);
    }
    for (uint64_t i = 0; i < tensors; i++) {
        SPR_TRY(read_tensor(&scan, err));
    }
    SPR_TRY(place_tensors(&scan, first, err));
    finish_config(&scan, first);
    return spr_layers_of_config(source, first, &scan.config, err);
}
