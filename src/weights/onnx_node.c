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

size_t spr_onnx_value(struct spr_onnx *onnx, struct spr_wire name)
{
    const char *text = spr_onnx_text(onnx, name);
    if (!text) {
        return SIZE_MAX;
    }
    size_t found = spr_names_find(&onnx->names, text);
    if (found < onnx->value_count) {
        return found;
    }
    if (!spr_grow(&onnx->value, &onnx->value_capacity, onnx->value_count + 1,
                  sizeof *onnx->value) ||
        !spr_names_add(&onnx->names, text, onnx->value_count)) {
        onnx->no_memory = true;
        return SIZE_MAX;
    }
    onnx->value[onnx->value_count] = (struct spr_onnx_value){.name = text, .tensor = SIZE_MAX};
    return onnx->value_count++;
}

bool spr_onnx_attribute(const struct spr_onnx_node *node, const char *name,
                        struct spr_wire *attribute)
{
    struct spr_wire message = node->message;
    struct spr_wire_field f, g;
    const size_t length = strlen(name);
    while (spr_wire_next(&message, &f)) {
        if (f.number != 5 || f.kind != SPR_WIRE_BYTES) {
            continue;
        }
        struct spr_wire body = f.body;
        while (spr_wire_next(&body, &g)) {
            if (g.number == 1 && g.kind == SPR_WIRE_BYTES &&
                (size_t)(g.body.end - g.body.at) == length &&
                memcmp(g.body.at, name, length) == 0) {
                *attribute = f.body;
                return true;
            }
        }
    }
    return false;
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
