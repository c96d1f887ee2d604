/* SPDX-License-Identifier: Apache-2.0 */
/* Names, values and attributes of an ONNX graph. */
#include <string.h>

#include "base/emit.h"
#include "weights/onnx.h"

const char *spr_onnx_text(struct spr_onnx *onnx, struct spr_wire text)
{
    size_t length = text.at ? (size_t)(text.end - text.at) : 0;
    const char *copy = spr_arena_text(&onnx->source->weights->arena,
                                      text.at ? (const char *)text.at : "", length);
    onnx->no_memory = onnx->no_memory || !copy;
    return copy && strlen(copy) == length && spr_utf8_is_name(copy) ? copy : NULL;
}

struct spr_wire spr_onnx_wire(const char *text)
{
    return (struct spr_wire){(const unsigned char *)text,
                             (const unsigned char *)text + strlen(text), false};
}

/* Index into bound; SIZE_MAX: out of memory, or no name. */
static size_t name_of(struct spr_onnx *onnx, struct spr_wire name, const char **text)
{
    char brief[128];
    const size_t length = name.at ? (size_t)(name.end - name.at) : 0;
    if (length < sizeof brief) { /* most names are met before: no copy of those */
        memcpy(brief, name.at ? (const char *)name.at : "", length);
        brief[length] = '\0';
        const size_t met =
            strlen(brief) == length ? spr_names_find(&onnx->names, brief) : SIZE_MAX;
        if (met < onnx->bound_count) {
            return met;
        }
    }
    *text = spr_onnx_text(onnx, name);
    if (!*text) {
        return SIZE_MAX;
    }
    size_t found = spr_names_find(&onnx->names, *text);
    if (found < onnx->bound_count) {
        return found;
    }
    if (!spr_grow(&onnx->bound, &onnx->bound_capacity, onnx->bound_count + 1,
                  sizeof *onnx->bound) ||
        !spr_names_add(&onnx->names, *text, onnx->bound_count)) {
        onnx->no_memory = true;
        return SIZE_MAX;
    }
    onnx->bound[onnx->bound_count] = SIZE_MAX;
    return onnx->bound_count++;
}

/* What it meant before is kept until the scope ends. */
static bool bind(struct spr_onnx *onnx, size_t name, size_t value)
{
    if (onnx->scope > 0) {
        if (!spr_grow(&onnx->undo, &onnx->undo_capacity, onnx->undo_count + 2,
                      sizeof *onnx->undo)) {
            onnx->no_memory = true;
            return false;
        }
        onnx->undo[onnx->undo_count++] = name;
        onnx->undo[onnx->undo_count++] = onnx->bound[name];
    }
    onnx->bound[name] = value;
    return true;
}

static size_t add_value(struct spr_onnx *onnx, struct spr_wire name, bool always)
{
    const char *text = NULL;
    const size_t at = name_of(onnx, name, &text);
    if (at == SIZE_MAX) {
        return SIZE_MAX;
    }
    if (!always && onnx->bound[at] != SIZE_MAX) {
        return onnx->bound[at];
    }
    if (!text) { /* met before, in a scope that has ended or outside of this one */
        text = spr_onnx_text(onnx, name);
    }
    if (!text) {
        return SIZE_MAX;
    }
    if (!spr_grow(&onnx->value, &onnx->value_capacity, onnx->value_count + 1,
                  sizeof *onnx->value)) {
        onnx->no_memory = true;
        return SIZE_MAX;
    }
    if (!bind(onnx, at, onnx->value_count)) {
        return SIZE_MAX;
    }
    onnx->value[onnx->value_count] =
        (struct spr_onnx_value){.name = text, .scope = onnx->scope, .tensor = SIZE_MAX};
    return onnx->value_count++;
}

size_t spr_onnx_value(struct spr_onnx *onnx, struct spr_wire name)
{
    return add_value(onnx, name, false);
}

size_t spr_onnx_new_value(struct spr_onnx *onnx, struct spr_wire name)
{
    return add_value(onnx, name, true);
}

bool spr_onnx_bind(struct spr_onnx *onnx, struct spr_wire name, size_t value)
{
    const char *text = NULL;
    const size_t at = name_of(onnx, name, &text);
    return at != SIZE_MAX && bind(onnx, at, value);
}

void spr_onnx_unbind(struct spr_onnx *onnx, size_t mark)
{
    while (onnx->undo_count > mark) {
        onnx->undo_count -= 2;
        onnx->bound[onnx->undo[onnx->undo_count]] = onnx->undo[onnx->undo_count + 1];
    }
}

struct spr_onnx_value *spr_onnx_input(const struct spr_onnx *onnx,
                                      const struct spr_onnx_node *node, size_t i)
{
    return i < node->input_count && node->input[i] != SIZE_MAX ? &onnx->value[node->input[i]]
                                                               : NULL;
}

struct spr_onnx_value *spr_onnx_output(const struct spr_onnx *onnx,
                                       const struct spr_onnx_node *node, size_t i)
{
    return i < node->output_count && node->output[i] != SIZE_MAX
               ? &onnx->value[node->output[i]]
               : NULL;
}

static bool same(struct spr_wire a, struct spr_wire b)
{
    const size_t length = (size_t)(a.end - a.at);
    return length == (size_t)(b.end - b.at) && memcmp(a.at, b.at, length) == 0;
}

/* An AttributeProto among the fields `number` of a message, and the name it refers to. */
static bool find_attribute(struct spr_wire message, uint32_t number, struct spr_wire name,
                           struct spr_wire *attribute, struct spr_wire *refers)
{
    struct spr_wire_field f, g;
    while (spr_wire_next(&message, &f)) {
        bool found = false;
        if (f.number != number || f.kind != SPR_WIRE_BYTES) {
            continue;
        }
        struct spr_wire body = f.body;
        refers->at = NULL;
        while (spr_wire_next(&body, &g)) {
            found = found || (g.number == 1 && g.kind == SPR_WIRE_BYTES && same(g.body, name));
            if (g.number == 21 && g.kind == SPR_WIRE_BYTES && g.body.at < g.body.end) {
                *refers = g.body;
            }
        }
        if (found) {
            *attribute = f.body;
            return true;
        }
    }
    return false;
}

bool spr_onnx_attribute(const struct spr_onnx_node *node, const char *name,
                        struct spr_wire *attribute)
{
    const struct spr_onnx_call *call = node->call;
    struct spr_wire refers = {0};
    bool found = find_attribute(node->message, 5, spr_onnx_wire(name), attribute, &refers);
    while (found && refers.at && call) { /* an attribute of the function */
        const struct spr_wire wanted = refers;
        found = find_attribute(call->node->message, 5, wanted, attribute, &refers);
        if (!found) {
            return find_attribute(call->function, 11, wanted, attribute, &refers);
        }
        call = call->parent;
    }
    return found && !refers.at;
}

int64_t spr_onnx_integer(const struct spr_onnx_node *node, const char *name, int64_t otherwise)
{
    struct spr_wire attribute;
    struct spr_wire_field f;
    if (spr_onnx_attribute(node, name, &attribute)) {
        while (spr_wire_next(&attribute, &f)) {
            if (f.number == 3 && f.kind == SPR_WIRE_VARINT) {
                return (int64_t)f.value;
            }
        }
    }
    return otherwise;
}

double spr_onnx_float(const struct spr_onnx_node *node, const char *name, double otherwise)
{
    struct spr_wire attribute;
    struct spr_wire_field f;
    if (spr_onnx_attribute(node, name, &attribute)) {
        while (spr_wire_next(&attribute, &f)) {
            if (f.number == 2 && f.kind == SPR_WIRE_32) {
                const uint32_t bits = (uint32_t)f.value;
                float value;
                memcpy(&value, &bits, sizeof value);
                return (double)value;
            }
        }
    }
    return otherwise;
}

int spr_onnx_integers(const struct spr_onnx_node *node, const char *name, int64_t *list,
                      int most)
{
    struct spr_wire attribute;
    struct spr_wire_field f;
    int count = 0;
    if (!spr_onnx_attribute(node, name, &attribute)) {
        return 0;
    }
    while (spr_wire_next(&attribute, &f) && count < most) {
        uint64_t value;
        if (f.number == 8 && f.kind == SPR_WIRE_VARINT) {
            list[count++] = (int64_t)f.value;
        }
        while (f.number == 8 && f.kind == SPR_WIRE_BYTES && count < most &&
               spr_wire_varint(&f.body, &value)) {
            list[count++] = (int64_t)value;
        }
    }
    return count;
}

bool spr_onnx_bytes(const struct spr_onnx_node *node, const char *name, uint32_t field,
                    struct spr_wire *bytes)
{
    struct spr_wire attribute;
    struct spr_wire_field f;
    if (!spr_onnx_attribute(node, name, &attribute)) {
        return false;
    }
    while (spr_wire_next(&attribute, &f)) {
        if (f.number == field && f.kind == SPR_WIRE_BYTES) {
            *bytes = f.body;
            return true;
        }
    }
    return false;
}

bool spr_onnx_says(const struct spr_onnx_node *node, const char *name, const char *word)
{
    struct spr_wire text;
    return spr_onnx_bytes(node, name, 4, &text) && same(text, spr_onnx_wire(word));
}

bool spr_onnx_is_contrib(const struct spr_onnx_node *node)
{
    return strncmp(node->domain, "com.microsoft", 13) == 0;
}
