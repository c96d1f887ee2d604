/* SPDX-License-Identifier: Apache-2.0 */
/* Constants of an ONNX graph: inline, typed, in other files, sparse. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "weights/onnx.h"

/* TensorProto.DataType: elements of which `shared` have `bytes` together. */
static const struct {
    uint64_t code;
    const char *name;
    enum spr_element element;
    size_t bytes, shared;
} types[] = {{1, "float32", SPR_ELEMENT_F32, 4, 1},
             {2, "uint8", SPR_ELEMENT_U8, 1, 1},
             {3, "int8", SPR_ELEMENT_I8, 1, 1},
             {4, "uint16", SPR_ELEMENT_OTHER, 2, 1},
             {5, "int16", SPR_ELEMENT_OTHER, 2, 1},
             {6, "int32", SPR_ELEMENT_OTHER, 4, 1},
             {7, "int64", SPR_ELEMENT_OTHER, 8, 1},
             {9, "bool", SPR_ELEMENT_OTHER, 1, 1},
             {10, "float16", SPR_ELEMENT_F16, 2, 1},
             {11, "float64", SPR_ELEMENT_F64, 8, 1},
             {12, "uint32", SPR_ELEMENT_OTHER, 4, 1},
             {13, "uint64", SPR_ELEMENT_OTHER, 8, 1},
             {14, "complex64", SPR_ELEMENT_OTHER, 8, 1},
             {15, "complex128", SPR_ELEMENT_OTHER, 16, 1},
             {16, "bfloat16", SPR_ELEMENT_BF16, 2, 1},
             {17, "float8e4m3fn", SPR_ELEMENT_F8_E4M3, 1, 1},
             {18, "float8e4m3fnuz", SPR_ELEMENT_OTHER, 1, 1},
             {19, "float8e5m2", SPR_ELEMENT_F8_E5M2, 1, 1},
             {20, "float8e5m2fnuz", SPR_ELEMENT_OTHER, 1, 1},
             {21, "uint4", SPR_ELEMENT_OTHER, 1, 2},
             {22, "int4", SPR_ELEMENT_OTHER, 1, 2},
             {23, "float4e2m1", SPR_ELEMENT_OTHER, 1, 2},
             {24, "float8e8m0", SPR_ELEMENT_OTHER, 1, 1},
             {25, "uint2", SPR_ELEMENT_OTHER, 1, 4},
             {26, "int2", SPR_ELEMENT_OTHER, 1, 4}};
#define TYPE_COUNT (sizeof types / sizeof types[0])

/* A TensorProto taken apart. */
struct parts {
    struct spr_wire name, raw, values; /* values: packed typed data; several: gathered */
    uint64_t values_field;             /* 4 float, 5 int32, 7 int64, 10 double, 11 uint64 */
    bool scattered;                    /* typed data in several pieces */
    bool external;
    const char *location;
    uint64_t offset, length;
    bool has_length;
    uint64_t type;
    int rank;
    int64_t shape[SPR_RANK_MAX];
    bool too_many;
    struct spr_wire message;
};

static bool same(struct spr_wire text, const char *word)
{
    size_t length = strlen(word);
    return (size_t)(text.end - text.at) == length && memcmp(text.at, word, length) == 0;
}

static void add_dimension(struct parts *p, uint64_t value)
{
    p->too_many = p->too_many || p->rank == SPR_RANK_MAX;
    if (p->rank < SPR_RANK_MAX) {
        p->shape[p->rank++] = value <= (uint64_t)SPR_PRODUCT_MAX ? (int64_t)value : -1;
    }
}

/* An entry of external_data. */
static bool read_external(struct spr_onnx *onnx, struct spr_wire entry, struct parts *p)
{
    struct spr_wire key = {0}, value = {0};
    struct spr_wire_field f;
    char number[24] = "";
    while (spr_wire_next(&entry, &f)) {
        if (f.kind == SPR_WIRE_BYTES && f.number == 1) {
            key = f.body;
        } else if (f.kind == SPR_WIRE_BYTES && f.number == 2) {
            value = f.body;
        }
    }
    if (same(key, "location")) {
        p->location = spr_onnx_text(onnx, value);
        return p->location != NULL;
    }
    size_t size = (size_t)(value.end - value.at);
    if (size >= sizeof number) {
        return false;
    }
    memcpy(number, value.at ? value.at : (const unsigned char *)"", size);
    if (same(key, "offset") || same(key, "length")) {
        char *end;
        uint64_t parsed = strtoull(number, &end, 10);
        p->has_length = p->has_length || same(key, "length");
        *(same(key, "offset") ? &p->offset : &p->length) = parsed;
        return size > 0 && *end == '\0' && number[0] != '-';
    }
    return true;
}

static bool take_apart(struct spr_onnx *onnx, struct spr_wire message, struct parts *p)
{
    struct spr_wire_field f;
    bool good = true;
    *p = (struct parts){.message = message};
    while (good && spr_wire_next(&message, &f)) {
        bool bytes = f.kind == SPR_WIRE_BYTES;
        uint64_t value;
        if (f.number == 1 && bytes) {
            while (spr_wire_varint(&f.body, &value)) {
                add_dimension(p, value);
            }
            good = !f.body.bad;
        } else if (f.number == 1 && f.kind == SPR_WIRE_VARINT) {
            add_dimension(p, f.value);
        } else if (f.number == 2 && f.kind == SPR_WIRE_VARINT) {
            p->type = f.value;
        } else if (f.number == 8 && bytes) {
            p->name = f.body;
        } else if (f.number == 9 && bytes) {
            p->raw = f.body;
        } else if (f.number == 13 && bytes) {
            good = read_external(onnx, f.body, p);
        } else if (f.number == 14 && f.kind == SPR_WIRE_VARINT) {
            p->external = f.value == 1;
        } else if (f.number == 4 || f.number == 5 || f.number == 7 || f.number == 10 ||
                   f.number == 11) {
            p->scattered = p->scattered || !bytes || p->values.at;
            p->values = bytes ? f.body : p->values;
            p->values_field = f.number;
        }
    }
    return good && !message.bad;
}

static enum spr_status bad(const struct spr_onnx *onnx, const struct parts *p,
                           const char *what, struct spr_error *err)
{
    if (onnx->no_memory) {
        return spr_no_memory(err);
    }
    size_t length = (size_t)(p->name.end - p->name.at);
    return spr_fail(err, SPR_EINPUT, "%s: tensor '%.*s' at byte %zu: %s", onnx->source->path,
                    (int)(length < 200 ? length : 200),
                    p->name.at ? (const char *)p->name.at : "",
                    (size_t)(p->message.at - onnx->source->bytes), what);
}

/* Typed data of narrow elements stand as integers of their own: put side by side. */
static enum spr_status narrow(struct spr_onnx *onnx, const struct parts *p, size_t size,
                              struct spr_tensor *t, struct spr_error *err)
{
    const size_t most = (size_t)(p->message.end - p->message.at);
    struct spr_wire message = p->message;
    struct spr_wire_field f;
    size_t used = 0;
    unsigned char *out = spr_arena_alloc(&onnx->source->weights->arena, most * 8 + 8);
    if (!out) {
        return spr_no_memory(err);
    }
    while (spr_wire_next(&message, &f)) {
        if (f.number != p->values_field) {
            continue;
        }
        if (f.kind != SPR_WIRE_BYTES && size <= sizeof f.value) {
            memcpy(out + used, &f.value, size);
            used += size;
        } else if (p->values_field == 4 || p->values_field == 10) {
            size_t length = (size_t)(f.body.end - f.body.at);
            memcpy(out + used, f.body.at, length);
            used += length;
        } else if (f.kind != SPR_WIRE_BYTES || size > sizeof(uint64_t)) {
            return bad(onnx, p, "its data are in a field of narrower numbers", err);
        } else {
            uint64_t value;
            while (spr_wire_varint(&f.body, &value)) {
                memcpy(out + used, &value, size);
                used += size;
            }
            if (f.body.bad) {
                return bad(onnx, p, "its data are damaged", err);
            }
        }
    }
    t->data = out;
    t->bytes = used;
    t->offset = 0;
    return SPR_OK;
}

static enum spr_status read_outside(struct spr_onnx *onnx, const struct parts *p, double need,
                                    struct spr_tensor *t, struct spr_error *err)
{
    const struct spr_source *source = onnx->source;
    const unsigned char *bytes;
    const char *path;
    size_t size;
    if (!p->location) {
        return bad(onnx, p, "external data without a location", err);
    }
    SPR_TRY(spr_beside(source, "external data", p->location, &path, err));
    SPR_TRY(spr_map_file(source->weights, path, &bytes, &size, err));
    double length = p->has_length ? (double)p->length : need;
    if ((double)p->offset + length > (double)size) {
        char text[160];
        snprintf(text, sizeof text,
                 "external data [%llu, +%.0f) lie beyond the %zu bytes of %.60s",
                 (unsigned long long)p->offset, length, size, p->location);
        return bad(onnx, p, text, err);
    }
    t->data = bytes + p->offset;
    t->bytes = (uint64_t)length;
    t->offset = p->offset;
    t->file = path;
    return SPR_OK;
}

static enum spr_status find_data(struct spr_onnx *onnx, const struct parts *p, size_t type,
                                 struct spr_tensor *t, struct spr_error *err)
{
    const int64_t shared = (int64_t)types[type].shared;
    const size_t size = types[type].bytes;
    int64_t elements;
    if (p->too_many || !spr_shape_elements(t->shape, t->rank, &elements)) {
        return bad(onnx, p, "expected at most 8 dimensions and 2^53 elements", err);
    }
    double need = (double)((elements + shared - 1) / shared) * (double)size;
    if (p->external) {
        SPR_TRY(read_outside(onnx, p, need, t, err));
    } else if (p->raw.at) {
        t->data = p->raw.at;
        t->bytes = (uint64_t)(p->raw.end - p->raw.at);
        t->offset = (uint64_t)(p->raw.at - onnx->source->bytes);
    } else if (p->values.at && !p->scattered &&
               (p->values_field == 4 || p->values_field == 10)) {
        t->data = p->values.at;
        t->bytes = (uint64_t)(p->values.end - p->values.at);
        t->offset = (uint64_t)(p->values.at - onnx->source->bytes);
    } else if (p->values_field > 0) {
        SPR_TRY(narrow(onnx, p, size, t, err));
    }
    if ((double)t->bytes != need) {
        char text[120];
        snprintf(text, sizeof text, "%llu bytes of data: its dimensions and type need %.0f",
                 (unsigned long long)t->bytes, need);
        return bad(onnx, p, text, err);
    }
    return SPR_OK;
}

/* In a body, a value of its own whatever the name means outside. */
static size_t value_of(struct spr_onnx *onnx, struct spr_wire name)
{
    const size_t value = spr_onnx_value(onnx, name);
    return value == SIZE_MAX || onnx->value[value].scope == onnx->scope
               ? value
               : spr_onnx_new_value(onnx, name);
}

/* Texts, and types that are not known: there, but never weights. */
static enum spr_status add_other(struct spr_onnx *onnx, const struct parts *p,
                                 struct spr_error *err)
{
    const size_t value = value_of(onnx, p->name);
    if (value == SIZE_MAX) {
        return bad(onnx, p, "its name: expected UTF-8", err);
    }
    onnx->value[value].made = onnx->value[value].constant = true;
    if (!p->too_many) {
        spr_onnx_set_shape(&onnx->value[value], p->rank, p->shape);
    }
    return SPR_OK;
}

static void set_value(struct spr_onnx_value *v, const struct spr_tensor *t, size_t index)
{
    int64_t stride = 1;
    v->tensor = index;
    v->element = t->element;
    v->data = t->data;
    v->made = v->has_shape = v->constant = true;
    v->whole = v->whole || strstr(t->dtype, "int") || strcmp(t->dtype, "bool") == 0;
    v->rank = t->rank;
    v->cause = 0;
    memcpy(v->shape, t->shape, sizeof v->shape);
    for (int i = t->rank - 1; i >= 0; i--) {
        v->stride[i] = stride;
        stride = spr_onnx_times(stride, t->shape[i] > 0 ? t->shape[i] : 1);
    }
}

/* A body may be read many times: its constants are tensors of the file once. */
static const char *place_text(const struct spr_onnx *onnx, struct spr_wire message,
                              char text[24])
{
    snprintf(text, 24, "%zu", (size_t)(message.at - onnx->source->bytes));
    return text;
}

static bool read_before(struct spr_onnx *onnx, struct spr_wire message, size_t value)
{
    char text[24];
    const size_t index = onnx->scope > 0
                             ? spr_names_find(&onnx->read, place_text(onnx, message, text))
                             : SIZE_MAX;
    if (index < onnx->source->weights->tensor_count) {
        set_value(&onnx->value[value], &onnx->source->weights->tensor[index], index);
        return true;
    }
    return false;
}

static void remember(struct spr_onnx *onnx, struct spr_wire message, size_t index)
{
    char text[24];
    if (onnx->scope > 0) {
        const char *key = spr_onnx_text(onnx, spr_onnx_wire(place_text(onnx, message, text)));
        onnx->no_memory = onnx->no_memory || !key || !spr_names_add(&onnx->read, key, index);
    }
}

enum spr_status spr_onnx_tensor(struct spr_onnx *onnx, struct spr_wire message,
                                struct spr_wire name, struct spr_error *err)
{
    struct parts p;
    size_t d = 0, index;
    if (!take_apart(onnx, message, &p)) {
        return bad(onnx, &p, "damaged or truncated", err);
    }
    p.name = name.at ? name : p.name;
    while (d < TYPE_COUNT && types[d].code != p.type) {
        d++;
    }
    if (d == TYPE_COUNT) {
        return add_other(onnx, &p, err);
    }
    struct spr_tensor t = {.name = spr_onnx_text(onnx, p.name),
                           .file = onnx->source->path,
                           .element = types[d].element,
                           .dtype = types[d].name,
                           .rank = p.rank};
    memcpy(t.shape, p.shape, sizeof t.shape);
    size_t value = value_of(onnx, p.name);
    if (!t.name || value == SIZE_MAX) {
        return bad(onnx, &p, "its name: expected UTF-8", err);
    }
    if (read_before(onnx, message, value)) {
        return SPR_OK;
    }
    SPR_TRY(find_data(onnx, &p, d, &t, err));
    if (onnx->value[value].tensor != SIZE_MAX) {
        return bad(onnx, &p, "there is one of this name already", err);
    }
    if (types[d].code >= 17) { /* weights of types that no matrix has */
        int64_t elements;
        (void)spr_shape_elements(t.shape, t.rank, &elements);
        t.parameters = (double)elements;
    }
    SPR_TRY(spr_add_tensor(onnx->source, &t, &index, err));
    remember(onnx, message, index);
    set_value(&onnx->value[value], &onnx->source->weights->tensor[index], index);
    return SPR_OK;
}

double spr_onnx_scalar(struct spr_onnx *onnx, struct spr_wire message)
{
    struct parts p;
    struct spr_tensor t = {.rank = 0};
    struct spr_error ignored = {0};
    size_t d = 0;
    if (!take_apart(onnx, message, &p)) {
        return (double)NAN;
    }
    while (d < TYPE_COUNT && types[d].code != p.type) {
        d++;
    }
    t.rank = p.rank;
    memcpy(t.shape, p.shape, sizeof t.shape);
    if (d == TYPE_COUNT || p.external || find_data(onnx, &p, d, &t, &ignored) != SPR_OK ||
        t.bytes < types[d].bytes) {
        return (double)NAN;
    }
    return spr_onnx_number(t.data, types[d].name, types[d].element);
}

double spr_onnx_number(const unsigned char *data, const char *dtype, enum spr_element element)
{
    int64_t wide;
    int32_t narrow;
    if (element != SPR_ELEMENT_OTHER) {
        return spr_element_value(data, element);
    }
    if (strcmp(dtype, "int64") == 0) {
        memcpy(&wide, data, sizeof wide);
        return (double)wide;
    }
    if (strcmp(dtype, "int32") == 0) {
        memcpy(&narrow, data, sizeof narrow);
        return (double)narrow;
    }
    return strcmp(dtype, "bool") == 0 ? data[0] != 0 : (double)NAN;
}

/* The two tensors of a sparse one, without names of their own. */
enum spr_status spr_onnx_sparse_parts(struct spr_onnx *onnx, struct spr_wire message,
                                      struct spr_tensor parts[2], struct spr_error *err)
{
    struct spr_wire_field f;
    memset(parts, 0, 2 * sizeof *parts);
    while (spr_wire_next(&message, &f)) {
        struct parts p;
        size_t d = 0;
        if ((f.number != 1 && f.number != 2) || f.kind != SPR_WIRE_BYTES) {
            continue;
        }
        if (!take_apart(onnx, f.body, &p)) {
            return bad(onnx, &p, "damaged or truncated", err);
        }
        while (d < TYPE_COUNT && types[d].code != p.type) {
            d++;
        }
        struct spr_tensor *t = &parts[f.number - 1];
        if (d == TYPE_COUNT || (f.number == 2 && p.type != 7) ||
            (f.number == 1 && types[d].element == SPR_ELEMENT_OTHER)) {
            return bad(onnx, &p, "expected values of floats and indices of int64", err);
        }
        t->element = types[d].element;
        t->dtype = types[d].name;
        t->rank = p.rank;
        memcpy(t->shape, p.shape, sizeof t->shape);
        SPR_TRY(find_data(onnx, &p, d, t, err));
    }
    return SPR_OK;
}
