/* SPDX-License-Identifier: Apache-2.0 */
/* Constants of an ONNX graph: inline, typed, in other files, sparse. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "weights/entries.h"
#include "weights/onnx.h"

/* TensorProto.DataType */
static const struct {
    uint64_t code;
    const char *name;
    enum spr_element element;
    size_t bytes;
} types[] = {{1, "float32", SPR_ELEMENT_F32, 4},   {2, "uint8", SPR_ELEMENT_U8, 1},
             {3, "int8", SPR_ELEMENT_I8, 1},       {4, "uint16", SPR_ELEMENT_OTHER, 2},
             {5, "int16", SPR_ELEMENT_OTHER, 2},   {6, "int32", SPR_ELEMENT_OTHER, 4},
             {7, "int64", SPR_ELEMENT_OTHER, 8},   {9, "bool", SPR_ELEMENT_OTHER, 1},
             {10, "float16", SPR_ELEMENT_F16, 2},  {11, "float64", SPR_ELEMENT_F64, 8},
             {12, "uint32", SPR_ELEMENT_OTHER, 4}, {13, "uint64", SPR_ELEMENT_OTHER, 8},
             {16, "bfloat16", SPR_ELEMENT_BF16, 2}};
#define TYPE_COUNT (sizeof types / sizeof types[0])

/* A TensorProto taken apart. */
struct parts {
    struct spr_wire name, raw, values; /* values: packed typed data; several: gathered */
    uint64_t values_field;             /* 4 float, 5 int32, 7 int64, 10 double */
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
        } else if (f.number == 4 || f.number == 5 || f.number == 7 || f.number == 10) {
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
        if (f.kind != SPR_WIRE_BYTES) {
            memcpy(out + used, &f.value, size);
            used += size;
        } else if (p->values_field == 4 || p->values_field == 10) {
            size_t length = (size_t)(f.body.end - f.body.at);
            memcpy(out + used, f.body.at, length);
            used += length;
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

static enum spr_status find_data(struct spr_onnx *onnx, const struct parts *p, size_t size,
                                 struct spr_tensor *t, struct spr_error *err)
{
    int64_t elements;
    if (p->too_many || !spr_shape_elements(t->shape, t->rank, &elements)) {
        return bad(onnx, p, "expected at most 8 dimensions and 2^53 elements", err);
    }
    double need = (double)elements * (double)size;
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
        char text[64];
        snprintf(text, sizeof text, "data type %llu: expected numbers",
                 (unsigned long long)p.type);
        return p.type == 8 ? SPR_OK : bad(onnx, &p, text, err); /* texts are no weights */
    }
    struct spr_tensor t = {.name = spr_onnx_text(onnx, p.name),
                           .file = onnx->source->path,
                           .element = types[d].element,
                           .dtype = types[d].name,
                           .rank = p.rank};
    memcpy(t.shape, p.shape, sizeof t.shape);
    size_t value = spr_onnx_value(onnx, p.name);
    if (!t.name || value == SIZE_MAX) {
        return bad(onnx, &p, "its name: expected UTF-8", err);
    }
    SPR_TRY(find_data(onnx, &p, types[d].bytes, &t, err));
    if (onnx->value[value].tensor != SIZE_MAX) {
        return bad(onnx, &p, "there is one of this name already", err);
    }
    SPR_TRY(spr_add_tensor(onnx->source, &t, &index, err));
    struct spr_onnx_value *v = &onnx->value[value];
    v->tensor = index;
    v->made = v->has_shape = true;
    v->rank = t.rank;
    memcpy(v->shape, t.shape, sizeof v->shape);
    return SPR_OK;
}

bool spr_onnx_sparse_shape(struct spr_wire message, struct spr_wire *name, int64_t shape[2])
{
    struct spr_wire_field f, g;
    int rank = 0;
    while (spr_wire_next(&message, &f)) {
        uint64_t value;
        if (f.number == 1 && f.kind == SPR_WIRE_BYTES) {
            while (spr_wire_next(&f.body, &g)) {
                *name = g.number == 8 && g.kind == SPR_WIRE_BYTES ? g.body : *name;
            }
        } else if (f.number == 3 && f.kind == SPR_WIRE_BYTES) {
            while (spr_wire_varint(&f.body, &value)) {
                shape[rank < 2 ? rank : 1] = (int64_t)value;
                rank++;
            }
        } else if (f.number == 3) {
            shape[rank < 2 ? rank : 1] = (int64_t)f.value;
            rank++;
        }
    }
    return !message.bad && rank == 2;
}

/* The two tensors of a sparse one, without names of their own. */
static enum spr_status sparse_parts(struct spr_onnx *onnx, struct spr_wire message,
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
        SPR_TRY(find_data(onnx, &p, types[d].bytes, t, err));
    }
    return SPR_OK;
}

enum spr_status spr_onnx_sparse(struct spr_onnx *onnx, const struct spr_onnx_value *value,
                                bool turned, struct spr_matrix *matrix, struct spr_error *err)
{
    struct spr_tensor parts[2];
    enum spr_status status = sparse_parts(onnx, value->sparse, parts, err);
    if (status != SPR_OK) {
        return status;
    }
    const int64_t rows = value->shape[0], columns = value->shape[1];
    const int64_t count = parts[0].rank == 1 ? parts[0].shape[0] : -1;
    const bool linear = parts[1].rank == 1 && parts[1].shape[0] == count;
    const bool pairs =
        parts[1].rank == 2 && parts[1].shape[0] == count && parts[1].shape[1] == 2;
    const int64_t size[2] = {turned ? columns : rows, turned ? rows : columns};
    struct spr_entries entries = {0};
    if (count < 0 || (!linear && !pairs)) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: sparse tensor '%.200s': expected one index, or two, for each of "
                        "its values",
                        onnx->source->path, value->name);
    }
    status = spr_entries_begin(&entries, onnx->source->path, size, onnx->source->size, err);
    for (int64_t e = 0; e < count && status == SPR_OK; e++) {
        int64_t place[2];
        memcpy(place, parts[1].data + e * (linear ? 8 : 16), linear ? 8 : 16);
        if (linear) {
            place[1] = place[0] % columns;
            place[0] = place[0] < 0 ? -1 : place[0] / columns;
        }
        if (place[0] < 0 || place[0] >= rows || place[1] < 0 || place[1] >= columns) {
            status = spr_fail(err, SPR_EINPUT,
                              "%s: sparse tensor '%.200s': entry %lld lies outside %lldx%lld",
                              onnx->source->path, value->name, (long long)e, (long long)rows,
                              (long long)columns);
            break;
        }
        double v = spr_element_value(
            parts[0].data + (size_t)e * spr_element_bytes(parts[0].element), parts[0].element);
        status = spr_entries_add(&entries, turned ? place[1] : place[0],
                                 turned ? place[0] : place[1], v, err);
    }
    if (status != SPR_OK) {
        spr_entries_free(&entries);
        return status;
    }
    return spr_entries_matrix(&entries, matrix, err);
}
