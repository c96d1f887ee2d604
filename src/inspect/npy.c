/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy's .npy: a magic number, a header that is a Python dictionary, the elements. */
#include "npy.h"

#include <stdlib.h>
#include <string.h>

#include "limits.h"

static const struct {
    const char *name; /* without the byte order */
    enum spr_element element;
    size_t bytes;
} dtypes[] = {
    {"f8", SPR_ELEMENT_F64, 8},   {"f4", SPR_ELEMENT_F32, 4},   {"f2", SPR_ELEMENT_F16, 2},
    {"i1", SPR_ELEMENT_I8, 1},    {"u1", SPR_ELEMENT_U8, 1},    {"b1", SPR_ELEMENT_U8, 1},
    {"i8", SPR_ELEMENT_OTHER, 8}, {"i4", SPR_ELEMENT_OTHER, 4}, {"i2", SPR_ELEMENT_OTHER, 2},
    {"u8", SPR_ELEMENT_OTHER, 8}, {"u4", SPR_ELEMENT_OTHER, 4}, {"u2", SPR_ELEMENT_OTHER, 2},
};
#define DTYPE_COUNT (sizeof dtypes / sizeof dtypes[0])

/* Longer headers are of structured types, which are no weights. */
#define HEADER_MAX 4096

static enum spr_status bad(const struct spr_npy_bytes *in, const char *what,
                           struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT, "%s: %s%s%s%s", in->path, in->member ? in->member : "",
                    in->member ? ": " : "", "not a NumPy array sproof reads: ", what);
}

/* What stands behind 'key': in the header. */
static const char *value_of(const char *header, const char *key)
{
    char quoted[32] = "'";
    strcat(quoted, key);
    strcat(quoted, "'");
    const char *at = strstr(header, quoted);
    if (!at) {
        return NULL;
    }
    at += strlen(quoted);
    at += strspn(at, " ");
    if (*at != ':') {
        return NULL;
    }
    at++;
    return at + strspn(at, " ");
}

static enum spr_status read_dtype(const struct spr_npy_bytes *in, const char *text,
                                  struct spr_npy *array, struct spr_error *err)
{
    if (!text || text[0] != '\'' || !text[1]) {
        return bad(in, "descr: expected one simple type such as '<f4'", err);
    }
    char order = text[1];
    for (size_t d = 0; d < DTYPE_COUNT && strchr("<>|=", order); d++) {
        if (strncmp(text + 2, dtypes[d].name, 2) == 0 && text[4] == '\'') {
            array->element = dtypes[d].element;
            array->element_bytes = dtypes[d].bytes;
            array->dtype = dtypes[d].name;
            if (order == '>' && dtypes[d].bytes > 1) {
                return bad(in,
                           "big-endian: save it with array.astype(array.dtype."
                           "newbyteorder('<'))",
                           err);
            }
            return SPR_OK;
        }
    }
    if (strchr("<>|=", order) && (text[2] == 'S' || text[2] == 'U')) {
        /* Text, as the format of a sparse archive. */
        array->element = SPR_ELEMENT_OTHER;
        array->dtype = "text";
        array->element_bytes = strtoul(text + 3, NULL, 10) * (text[2] == 'U' ? 4 : 1);
        return array->element_bytes < HEADER_MAX ? SPR_OK : bad(in, "descr: long text", err);
    }
    return bad(in, "descr: expected a float, an integer or a bool", err);
}

static enum spr_status read_shape(const struct spr_npy_bytes *in, const char *text,
                                  struct spr_npy *array, struct spr_error *err)
{
    if (!text || *text != '(') {
        return bad(in, "shape: expected a tuple", err);
    }
    text++;
    for (;;) {
        text += strspn(text, " ,");
        if (*text == ')') {
            break;
        }
        char *end;
        if (*text < '0' || *text > '9' || array->rank == SPR_RANK_MAX) {
            return bad(in, "shape: expected at most 8 integers", err);
        }
        unsigned long long value = strtoull(text, &end, 10);
        if (value > (unsigned long long)SPR_PRODUCT_MAX) {
            return bad(in, "shape: expected integers 0..2^53", err);
        }
        array->shape[array->rank++] = (int64_t)value;
        text = end;
    }
    return spr_elements(array->shape, array->rank, &array->elements)
               ? SPR_OK
               : bad(in, "shape: more than 2^53 elements", err);
}

enum spr_status spr_npy_parse(const struct spr_npy_bytes *in, struct spr_npy *array,
                              struct spr_error *err)
{
    char header[HEADER_MAX + 1];
    size_t begin, length;
    *array = (struct spr_npy){0};
    if (in->size < 12 || memcmp(in->bytes, "\x93NUMPY", 6) != 0) {
        return bad(in, "expected the magic number of .npy", err);
    }
    if (in->bytes[6] == 1) {
        begin = 10;
        length = in->bytes[8] | (size_t)in->bytes[9] << 8;
    } else if (in->bytes[6] == 2 || in->bytes[6] == 3) {
        begin = 12;
        length = in->bytes[8] | (size_t)in->bytes[9] << 8 | (size_t)in->bytes[10] << 16 |
                 (size_t)in->bytes[11] << 24;
    } else {
        return bad(in, "expected version 1, 2 or 3", err);
    }
    if (length > HEADER_MAX || length > in->size - begin) {
        return bad(in, "its header is longer than the file, or than 4096 bytes", err);
    }
    memcpy(header, in->bytes + begin, length);
    header[length] = '\0';
    enum spr_status status = read_dtype(in, value_of(header, "descr"), array, err);
    status = status ? status : read_shape(in, value_of(header, "shape"), array, err);
    const char *order = value_of(header, "fortran_order");
    if (status == SPR_OK && (!order || (*order != 'T' && *order != 'F'))) {
        status = bad(in, "fortran_order: expected True or False", err);
    }
    if (status != SPR_OK) {
        return status;
    }
    array->fortran = *order == 'T' && array->rank > 1;
    array->offset = begin + length;
    array->data = in->bytes + array->offset;
    double need = (double)array->elements * (double)array->element_bytes;
    if (need > (double)(in->size - array->offset)) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: %s%sat byte %zu: %.0f bytes of elements are claimed, %zu are "
                        "there",
                        in->path, in->member ? in->member : "", in->member ? ": " : "",
                        array->offset, need, in->size - array->offset);
    }
    return SPR_OK;
}

enum spr_status spr_npy_add(const struct spr_source *source, const struct spr_npy *array,
                            const char *layer, struct spr_error *err)
{
    struct spr_weights *weights = source->weights;
    struct spr_tensor tensor = {.name = layer,
                                .file = source->path,
                                .element = array->element,
                                .dtype = array->dtype,
                                .rank = array->rank,
                                .offset = array->offset,
                                .bytes = (uint64_t)array->elements * array->element_bytes,
                                .data = array->data};
    struct spr_weight weight;
    memcpy(tensor.shape, array->shape, sizeof tensor.shape);
    if (!layer) {
        return spr_fail(err, SPR_ENOMEM, "out of memory");
    }
    if (array->fortran && array->rank > 2) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: '%.200s' is in Fortran order with %d dimensions: expected at "
                        "most 2; save it with numpy.ascontiguousarray",
                        source->path, layer, array->rank);
    }
    if (!spr_add_tensor(weights, &tensor, err)) {
        return SPR_ENOMEM;
    }
    if (!spr_weight_of_tensor(weights, weights->tensor_count - 1, &weight)) {
        return SPR_OK;
    }
    if (array->fortran) {
        weight.row_stride = 1;
        weight.column_stride = weight.m;
    }
    weight.n = weight.op == SPR_OP_LINEAR ? source->options->tokens : 0;
    return spr_add_weight(weights, &weight, err) ? SPR_OK : SPR_ENOMEM;
}

enum spr_status spr_read_npy(const struct spr_source *source, struct spr_error *err)
{
    struct spr_npy_bytes in = {source->path, NULL, source->bytes, source->size};
    struct spr_npy array;
    enum spr_status status = spr_npy_parse(&in, &array, err);
    if (status == SPR_OK && (array.rank < 2 || array.element == SPR_ELEMENT_OTHER)) {
        status = bad(&in, "expected 2 to 5 dimensions of floats or bytes", err);
    }
    return status ? status
                  : spr_npy_add(source, &array, spr_layer_name(source->weights, source->path),
                                err);
}
