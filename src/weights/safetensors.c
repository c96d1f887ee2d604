/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors: 8 bytes that hold the header's length, a JSON object of tensors, their bytes
 * one after the other. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "weights/reader.h"

/* The limit of the format's own implementation. */
#define HEADER_MAX 100000000

static const struct {
    const char *name;
    unsigned bits;
    enum spr_element element;
} dtypes[] = {
    {"F64", 64, SPR_ELEMENT_F64},
    {"F32", 32, SPR_ELEMENT_F32},
    {"F16", 16, SPR_ELEMENT_F16},
    {"BF16", 16, SPR_ELEMENT_BF16},
    {"I8", 8, SPR_ELEMENT_I8},
    {"U8", 8, SPR_ELEMENT_U8},
    {"BOOL", 8, SPR_ELEMENT_U8},
    {"I16", 16, SPR_ELEMENT_OTHER},
    {"U16", 16, SPR_ELEMENT_OTHER},
    {"I32", 32, SPR_ELEMENT_OTHER},
    {"U32", 32, SPR_ELEMENT_OTHER},
    {"I64", 64, SPR_ELEMENT_OTHER},
    {"U64", 64, SPR_ELEMENT_OTHER},
    {"C64", 64, SPR_ELEMENT_OTHER},
    {"F8_E4M3", 8, SPR_ELEMENT_F8_E4M3},
    {"F8_E5M2", 8, SPR_ELEMENT_F8_E5M2},
    {"F8_E8M0", 8, SPR_ELEMENT_OTHER},
    {"F8_E4M3FNUZ", 8, SPR_ELEMENT_OTHER},
    {"F8_E5M2FNUZ", 8, SPR_ELEMENT_OTHER},
    {"F6_E2M3", 6, SPR_ELEMENT_OTHER},
    {"F6_E3M2", 6, SPR_ELEMENT_OTHER},
    {"F4", 4, SPR_ELEMENT_OTHER},
};

#define DTYPE_COUNT (sizeof dtypes / sizeof *dtypes)

/* Where the header lies. */
struct header {
    const char *text;
    size_t size;
    uint64_t data_bytes; /* what follows it */
};

static uint64_t little_endian(const unsigned char *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

bool spr_sniff_safetensors(const struct spr_source *source)
{
    /* Text and protobuf do not start with a small 64-bit number. */
    return source->size >= 9 && source->bytes[8] == '{' &&
           little_endian(source->bytes) < (uint64_t)1 << 40;
}

static enum spr_status find_header(const struct spr_source *source, struct header *header,
                                   struct spr_error *err)
{
    uint64_t length = source->size >= 8 ? little_endian(source->bytes) : 0;
    if (source->size < 10 || length > source->size - 8 || length > HEADER_MAX) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: offset 0: a header of %llu bytes: expected 2 to %d, within the "
                        "%zu bytes of the file",
                        source->path, (unsigned long long)length, HEADER_MAX, source->size);
    }
    header->text = (const char *)source->bytes + 8;
    header->size = (size_t)length;
    header->data_bytes = source->size - 8 - length;
    if (length < 2 || header->text[0] != '{') {
        return spr_fail(err, SPR_EINPUT, "%s: offset 8: bad header: expected a JSON object",
                        source->path);
    }
    return SPR_OK;
}

/* true and *value for an integer 0..2^53. */
static bool is_size(const spr_json *item, int64_t *value)
{
    double number;
    if (!spr_json_number(item, &number) || number < 0 || number > SPR_PRODUCT_MAX ||
        number != (double)(int64_t)number) {
        return false;
    }
    *value = (int64_t)number;
    return true;
}

static bool read_shape(const spr_json *item, struct spr_tensor *tensor)
{
    if (!spr_json_is_array(item)) {
        return false;
    }
    tensor->rank = 0;
    for (item = spr_json_first(item); item; item = spr_json_next(item)) {
        if (tensor->rank == SPR_RANK_MAX || !is_size(item, &tensor->shape[tensor->rank++])) {
            return false;
        }
    }
    return true;
}

/* [begin, end] of the bytes, counted from the end of the header. */
static bool read_offsets(const spr_json *item, int64_t *begin, int64_t *end)
{
    const spr_json *first = spr_json_is_array(item) ? spr_json_first(item) : NULL;
    const spr_json *second = first ? spr_json_next(first) : NULL;
    return second && !spr_json_next(second) && is_size(first, begin) && is_size(second, end) &&
           *begin <= *end;
}

/* Bytes of a tensor; false when they are no whole number or too many. */
static bool bytes_of(const struct spr_tensor *tensor, unsigned bits, uint64_t *bytes)
{
    int64_t count;
    if (!spr_shape_elements(tensor->shape, tensor->rank, &count)) {
        return false;
    }
    *bytes = (uint64_t)count / 8 * bits + (uint64_t)count % 8 * bits / 8;
    return (uint64_t)count % 8 * bits % 8 == 0;
}

static enum spr_status bad_tensor(const struct spr_source *source, const char *name,
                                  const char *expected, struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT, "%s: tensor '%.200s': expected %s", source->path, name,
                    expected);
}

static enum spr_status read_tensor(const struct spr_source *source,
                                   const struct header *header, const spr_json *member,
                                   struct spr_tensor *tensor, struct spr_error *err)
{
    const char *dtype = spr_json_text(spr_json_get(member, "dtype"));
    int64_t begin, end;
    uint64_t bytes;
    size_t type = 0;
    char text[SPR_SHAPE_TEXT];
    *tensor = (struct spr_tensor){.name = spr_json_key(member), .dtype = dtype};
    for (; dtype && type < DTYPE_COUNT && strcmp(dtypes[type].name, dtype) != 0; type++) {
    }
    if (!dtype || type == DTYPE_COUNT) {
        return spr_fail(
            err, SPR_EINPUT,
            "%s: tensor '%.200s': dtype '%.40s': expected one of safetensors: F32, "
            "F16, BF16, ...",
            source->path, tensor->name, dtype ? dtype : "");
    }
    if (!read_shape(spr_json_get(member, "shape"), tensor)) {
        return bad_tensor(source, tensor->name, "a shape of at most 8 sizes up to 2^53", err);
    }
    if (!read_offsets(spr_json_get(member, "data_offsets"), &begin, &end)) {
        return bad_tensor(source, tensor->name,
                          "data_offsets of a begin and an end not before it", err);
    }
    spr_shape_text(tensor->shape, tensor->rank, text);
    if (!bytes_of(tensor, dtypes[type].bits, &bytes)) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: tensor '%.200s': shape %s of %s: expected at most 2^53 elements, "
                        "whole bytes",
                        source->path, tensor->name, text, dtype);
    }
    if (bytes != (uint64_t)(end - begin) || (uint64_t)end > header->data_bytes) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: tensor '%.200s': offsets %lld to %lld: shape %s of %s takes %llu "
                        "bytes, of the %llu that follow the header%s",
                        source->path, tensor->name, (long long)begin, (long long)end, text,
                        dtype, (unsigned long long)bytes,
                        (unsigned long long)header->data_bytes,
                        (uint64_t)end > header->data_bytes ? " (truncated?)" : "");
    }
    tensor->element = dtypes[type].element;
    tensor->bytes = bytes;
    tensor->offset = 8 + header->size + (uint64_t)begin;
    tensor->data = source->bytes + tensor->offset;
    return SPR_OK;
}

static int by_offset(const void *a, const void *b)
{
    const struct spr_tensor *left = a, *right = b;
    if (left->offset != right->offset) {
        return left->offset < right->offset ? -1 : 1;
    }
    /* Empty tensors come before the one that begins where they lie. */
    return (left->bytes > right->bytes) - (left->bytes < right->bytes);
}

/* The bytes of the file belong to one tensor each. */
static enum spr_status check_cover(const struct spr_source *source, size_t first,
                                   struct spr_error *err)
{
    struct spr_weights *weights = source->weights;
    size_t count = weights->tensor_count - first;
    const struct spr_tensor *tensor = count > 0 ? &weights->tensor[first] : NULL;
    const struct spr_tensor *before = NULL;
    uint64_t end = 8 + little_endian(source->bytes);
    for (size_t i = 0; i < count; i++) {
        if (tensor[i].offset != end) {
            return spr_fail(err, SPR_EINPUT,
                            "%s: offset %llu: tensor '%.200s' %s '%.200s', which ends at %llu",
                            source->path, (unsigned long long)tensor[i].offset, tensor[i].name,
                            tensor[i].offset < end ? "overlaps" : "leaves a hole behind",
                            before ? before->name : "header", (unsigned long long)end);
        }
        before = &tensor[i];
        end += tensor[i].bytes;
    }
    if (end != source->size) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: offset %llu: %llu bytes that belong to no tensor", source->path,
                        (unsigned long long)end, (unsigned long long)(source->size - end));
    }
    return SPR_OK;
}

static enum spr_status add_members(const struct spr_source *source,
                                   const struct header *header, const spr_json *root,
                                   struct spr_error *err)
{
    for (const spr_json *i = spr_json_first(root); i; i = spr_json_next(i)) {
        struct spr_tensor tensor;
        if (strcmp(spr_json_key(i), "__metadata__") != 0) {
            SPR_TRY(read_tensor(source, header, i, &tensor, err));
            SPR_TRY(spr_add_tensor(source, &tensor, NULL, err));
        }
    }
    return SPR_OK;
}

enum spr_status spr_add_safetensors(const struct spr_source *source, struct spr_error *err)
{
    struct header header = {0};
    spr_json *root = NULL;
    size_t first = source->weights->tensor_count;
    enum spr_status status = find_header(source, &header, err);
    if (status == SPR_OK) {
        status = spr_json_parse(source->path, header.text, header.size, &root, err);
    }
    if (status == SPR_OK) {
        status = add_members(source, &header, root, err);
    }
    if (status == SPR_OK) {
        if (source->weights->tensor_count > first) {
            qsort(source->weights->tensor + first, source->weights->tensor_count - first,
                  sizeof *source->weights->tensor, by_offset);
        }
        status = check_cover(source, first, err);
    }
    spr_json_free(root);
    return status;
}

enum spr_status spr_read_safetensors(const struct spr_source *source, struct spr_error *err)
{
    size_t first = source->weights->tensor_count;
    SPR_TRY(spr_add_safetensors(source, err));
    return spr_layers_of_tensors(source, first, err);
}
