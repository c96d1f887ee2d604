/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol buffers on the wire, read where they lie. */
#include "weights/wire.h"

bool spr_wire_varint(struct spr_wire *wire, uint64_t *value)
{
    *value = 0;
    if (wire->at == wire->end) {
        return false;
    }
    for (int shift = 0; shift < 64; shift += 7) {
        if (wire->at == wire->end) {
            break;
        }
        unsigned char byte = *wire->at++;
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            return true;
        }
    }
    wire->bad = true;
    wire->at = wire->end;
    return false;
}

static bool fixed(struct spr_wire *wire, int bytes, uint64_t *value)
{
    *value = 0;
    if (wire->end - wire->at < bytes) {
        return false;
    }
    for (int i = bytes - 1; i >= 0; i--) {
        *value = *value << 8 | wire->at[i];
    }
    wire->at += bytes;
    return true;
}

bool spr_wire_next(struct spr_wire *wire, struct spr_wire_field *field)
{
    uint64_t tag, length;
    bool good = false;
    *field = (struct spr_wire_field){0};
    if (!spr_wire_varint(wire, &tag)) {
        return false;
    }
    field->number = (uint32_t)(tag >> 3);
    field->kind = (enum spr_wire_kind)(tag & 7);
    switch (tag & 7) {
    case SPR_WIRE_VARINT:
        good = spr_wire_varint(wire, &field->value);
        break;
    case SPR_WIRE_64:
        good = fixed(wire, 8, &field->value);
        break;
    case SPR_WIRE_32:
        good = fixed(wire, 4, &field->value);
        break;
    case SPR_WIRE_BYTES:
        good = spr_wire_varint(wire, &length) && length <= (uint64_t)(wire->end - wire->at);
        if (good) {
            field->body = (struct spr_wire){wire->at, wire->at + length, false};
            wire->at += length;
        }
        break;
    default: /* groups: no ONNX message has one */
        break;
    }
    if (!good || field->number == 0) {
        wire->bad = true;
        wire->at = wire->end;
        return false;
    }
    return true;
}
