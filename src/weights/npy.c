/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy arrays (.npy), format versions 1 to 3: a magic, a header that is a Python dictionary,
 * the elements. */
#include "weights/npy.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6

/* The text of a header that is still to be read. */
struct scan {
    const char *at, *end;
};

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end && strchr(" \t\r\n", *scan->at) && *scan->at) {
        scan->at++;
    }
}

static bool take(struct scan *scan, char wanted)
{
    skip_space(scan);
    bool there = scan->at < scan->end && *scan->at == wanted;
    scan->at += there;
    return there;
}

static bool take_word(struct scan *scan, const char *word)
{
    size_t length = strlen(word);
    skip_space(scan);
    bool there =
        (size_t)(scan->end - scan->at) >= length && memcmp(scan->at, word, length) == 0;
    scan->at += there ? length : 0;
    return there;
}

/* A quoted text without escapes, shorter than `size`. */
static bool take_text(struct scan *scan, char *text, size_t size)
{
    skip_space(scan);
    char quote = scan->at < scan->end ? *scan->at : '\0';
    if (quote != '\'' && quote != '"') {
        return false;
    }
    const char *start = scan->at + 1;
    const char *stop = memchr(start, quote, (size_t)(scan->end - start));
    size_t length = stop ? (size_t)(stop - start) : 0;
    if (!stop || length >= size || memchr(start, '\\', length)) {
        return false;
    }
    memcpy(text, start, length);
    text[length] = '\0';
    scan->at = stop + 1;
    return true;
}

static bool take_integer(struct scan *scan, int64_t *value)
{
    skip_space(scan);
    const char *start = scan->at;
    *value = 0;
    for (; scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9'; scan->at++) {
        if (*value > INT64_MAX / 10 - 1) {
            return false;
        }
        *value = *value * 10 + (*scan->at - '0');
    }
    return scan->at > start;
}

/* (), (3,), (3, 4) */
static bool take_shape(struct scan *scan, struct spr_npy *npy)
{
    if (!take(scan, '(')) {
        return false;
    }
    npy->rank = 0;
    while (!take(scan, ')')) {
        if (npy->rank == SPR_RANK_MAX || !take_integer(scan, &npy->shape[npy->rank++])) {
            return false;
        }
        if (!take(scan, ',') && !(scan->at < scan->end && *scan->at == ')')) {
            return false;
        }
    }
    return true;
}

enum { KEY_DESCR = 1, KEY_ORDER = 2, KEY_SHAPE = 4, KEY_ALL = 7 };

/* NULL, or what was expected where the dictionary is wrong. */
static const char *scan_dictionary(struct scan *scan, struct spr_npy *npy)
{
    char key[32];
    int seen = 0;
    if (!take(scan, '{')) {
        return "a dictionary";
    }
    while (!take(scan, '}')) {
        int bit = 0;
        if (!take_text(scan, key, sizeof key) || !take(scan, ':')) {
            return "'descr', 'fortran_order' and 'shape'";
        }
        if (strcmp(key, "descr") == 0) {
            bit = KEY_DESCR;
            if (!take_text(scan, npy->dtype, sizeof npy->dtype)) {
                return "a plain dtype as 'descr'";
            }
        } else if (strcmp(key, "fortran_order") == 0) {
            bit = KEY_ORDER;
            npy->fortran_order = take_word(scan, "True");
            if (!npy->fortran_order && !take_word(scan, "False")) {
                return "True or False as 'fortran_order'";
            }
        } else if (strcmp(key, "shape") == 0) {
            bit = KEY_SHAPE;
            if (!take_shape(scan, npy)) {
                return "a tuple of at most 8 sizes as 'shape'";
            }
        }
        if (bit == 0 || seen & bit ||
            (!take(scan, ',') && scan->at < scan->end && *scan->at != '}')) {
            return "'descr', 'fortran_order' and 'shape', once each";
        }
        seen |= bit;
    }
    return seen == KEY_ALL ? NULL : "'descr', 'fortran_order' and 'shape'";
}

/* "<f4": byte order, kind, bytes. */
static bool parse_dtype(struct spr_npy *npy)
{
    const char *text = npy->dtype;
    npy->big_endian = *text == '>';
    text += *text && strchr("<>|=", *text) ? 1 : 0;
    npy->kind = *text;
    if (!npy->kind || !strchr("fiubcSU", npy->kind)) {
        return false;
    }
    char *end;
    unsigned long bytes = strtoul(text + 1, &end, 10);
    npy->item_bytes = npy->kind == 'U' ? 4 * bytes : bytes;
    return text[1] >= '1' && text[1] <= '9' && *end == '\0' && bytes <= 32;
}

/* Where the header lies; the first 10 or 12 bytes say so. */
static enum spr_status find_header(const struct spr_npy *npy, size_t *start, size_t *length,
                                   struct spr_error *err)
{
    const unsigned char *bytes = npy->bytes;
    if (npy->size < 10 || memcmp(bytes, MAGIC, MAGIC_BYTES) != 0) {
        return spr_fail(err, SPR_EINPUT, "%s: not a NumPy array: expected \\x93NUMPY at 0",
                        npy->label);
    }
    if (bytes[6] < 1 || bytes[6] > 3) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: offset 6: format version %d.%d: expected 1.0 to 3.0", npy->label,
                        bytes[6], bytes[7]);
    }
    *start = bytes[6] == 1 ? 10 : 12;
    *length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] > 1 && npy->size >= 12) {
        *length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    }
    if (npy->size < *start || *length > npy->size - *start || *length > SPR_NPY_HEADER_MAX) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: offset 8: a header of %zu bytes: expected at most %d, within the "
                        "%zu bytes there are",
                        npy->label, *length, SPR_NPY_HEADER_MAX, npy->size);
    }
    return SPR_OK;
}

enum spr_status spr_npy_parse(struct spr_npy *npy, struct spr_error *err)
{
    size_t start = 0, length = 0;
    char text[SPR_SHAPE_TEXT];
    SPR_TRY(find_header(npy, &start, &length, err));
    struct scan scan = {(const char *)npy->bytes + start,
                        (const char *)npy->bytes + start + length};
    const char *expected = scan_dictionary(&scan, npy);
    if (expected) {
        return spr_fail(err, SPR_EINPUT, "%s: offset %zu: bad header: expected %s", npy->label,
                        (size_t)(scan.at - (const char *)npy->bytes), expected);
    }
    if (!parse_dtype(npy)) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: dtype '%s': expected numbers, such as <f4, <f2 or |i1",
                        npy->label, npy->dtype);
    }
    npy->offset = start + length;
    size_t there = npy->size - npy->offset;
    if (!spr_shape_elements(npy->shape, npy->rank, &npy->elements) ||
        (uint64_t)npy->elements > there / npy->item_bytes) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: offset %zu: shape %s of %s: more than the %zu bytes that follow",
                        npy->label, npy->offset, spr_shape_text(npy->shape, npy->rank, text),
                        npy->dtype, there);
    }
    return SPR_OK;
}

enum spr_element spr_npy_element(const struct spr_npy *npy)
{
    if (npy->kind == 'f') {
        return npy->item_bytes == 8   ? SPR_ELEMENT_F64
               : npy->item_bytes == 4 ? SPR_ELEMENT_F32
               : npy->item_bytes == 2 ? SPR_ELEMENT_F16
                                      : SPR_ELEMENT_OTHER;
    }
    if (npy->kind == 'i' || npy->kind == 'u') {
        const bool sign = npy->kind == 'i';
        return npy->item_bytes == 1   ? (sign ? SPR_ELEMENT_I8 : SPR_ELEMENT_U8)
               : npy->item_bytes == 2 ? (sign ? SPR_ELEMENT_I16 : SPR_ELEMENT_U16)
               : npy->item_bytes == 4 ? (sign ? SPR_ELEMENT_I32 : SPR_ELEMENT_U32)
               : npy->item_bytes == 8 ? (sign ? SPR_ELEMENT_I64 : SPR_ELEMENT_U64)
                                      : SPR_ELEMENT_OTHER;
    }
    /* A mask. */
    return npy->item_bytes == 1 && npy->kind == 'b' ? SPR_ELEMENT_U8 : SPR_ELEMENT_OTHER;
}

/* Copies one element, turning its bytes around where they are big-endian. */
static void copy_item(const struct spr_npy *npy, const unsigned char *from, unsigned char *to)
{
    size_t bytes = npy->item_bytes;
    for (size_t b = 0; b < bytes; b++) {
        to[b] = from[npy->big_endian ? bytes - 1 - b : b];
    }
}

bool spr_npy_as_it_is(const struct spr_npy *npy)
{
    return (!npy->fortran_order || npy->rank < 2) &&
           (!npy->big_endian || npy->item_bytes == 1);
}

const unsigned char *spr_npy_data(const struct spr_npy *npy, struct spr_arena *arena)
{
    const unsigned char *data = npy->bytes + npy->offset;
    const bool in_order = !npy->fortran_order || npy->rank < 2;
    if (spr_npy_as_it_is(npy)) {
        return data;
    }
    unsigned char *copy = spr_arena_alloc(arena, (size_t)npy->elements * npy->item_bytes);
    int64_t index[SPR_RANK_MAX] = {0}, step[SPR_RANK_MAX] = {0}, stride = 1, from = 0;
    for (int d = 0; d < npy->rank; d++) {
        step[d] = stride;
        stride *= npy->shape[d];
    }
    for (int64_t i = 0; copy && i < npy->elements; i++) {
        int64_t source = in_order ? i : from;
        copy_item(npy, data + (size_t)source * npy->item_bytes,
                  copy + (size_t)i * npy->item_bytes);
        /* The last index runs fastest in what is written, the first in what is read. */
        for (int d = npy->rank - 1; d >= 0; d--) {
            from += step[d];
            if (++index[d] < npy->shape[d]) {
                break;
            }
            from -= step[d] * npy->shape[d];
            index[d] = 0;
        }
    }
    return copy;
}

enum spr_status spr_npy_add(const struct spr_source *source, const struct spr_npy *npy,
                            const char *name, uint64_t offset, struct spr_error *err)
{
    struct spr_tensor tensor = {.name = name,
                                .element = spr_npy_element(npy),
                                .dtype = npy->dtype,
                                .rank = npy->rank,
                                .offset = offset,
                                .bytes = (uint64_t)npy->elements * npy->item_bytes,
                                .packed = npy->packed};
    size_t index;
    memcpy(tensor.shape, npy->shape, sizeof tensor.shape);
    tensor.data = npy->packed ? NULL : spr_npy_data(npy, &source->weights->arena);
    if (!tensor.data && !npy->packed) {
        return spr_no_memory(err);
    }
    SPR_TRY(spr_add_tensor(source, &tensor, &index, err));
    return spr_layer_of_array(source, index, err);
}

bool spr_sniff_npy(const struct spr_source *source)
{
    return source->size >= MAGIC_BYTES && memcmp(source->bytes, MAGIC, MAGIC_BYTES) == 0;
}

enum spr_status spr_read_npy(const struct spr_source *source, struct spr_error *err)
{
    struct spr_npy npy = {.label = source->path, .bytes = source->bytes, .size = source->size};
    const char *name = spr_file_stem(source->weights, source->path);
    if (!name) {
        return spr_no_memory(err);
    }
    SPR_TRY(spr_npy_parse(&npy, err));
    if (spr_npy_element(&npy) == SPR_ELEMENT_OTHER) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: dtype '%s': expected f2, f4, f8, i1 to i8, u1 to u8 or b1",
                        source->path, npy.dtype);
    }
    if (npy.rank != 2 && npy.rank != 4) {
        char text[SPR_SHAPE_TEXT];
        return spr_fail(err, SPR_EINPUT,
                        "%s: shape %s: expected a matrix, or four dimensions of a convolution",
                        source->path, spr_shape_text(npy.shape, npy.rank, text));
    }
    uint64_t used = (uint64_t)npy.elements * npy.item_bytes;
    if (used < source->size - npy.offset) {
        spr_note(source->notes, "%s: %llu bytes after the array are left out", source->path,
                 (unsigned long long)(source->size - npy.offset - used));
    }
    return spr_npy_add(source, &npy, name, npy.offset, err);
}
