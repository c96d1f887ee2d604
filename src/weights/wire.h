/* SPDX-License-Identifier: Apache-2.0 */
/* The wire format of protocol buffers, read where it lies: the file is mapped and may be of many
 * GB, which a generated reader would copy. */
#ifndef SPROOF_WEIGHTS_WIRE_H
#define SPROOF_WEIGHTS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a message that are left. */
struct spr_wire {
    const unsigned char *at, *end;
    bool bad; /* truncated, or of a kind that no message has */
};

enum spr_wire_kind { SPR_WIRE_VARINT, SPR_WIRE_64, SPR_WIRE_BYTES, SPR_WIRE_32 = 5 };

struct spr_wire_field {
    uint32_t number;
    enum spr_wire_kind kind;
    uint64_t value;       /* varint, 64 and 32 bits */
    struct spr_wire body; /* bytes */
};

/* The next field; false at the end and, with wire->bad, for what is no message. */
bool spr_wire_next(struct spr_wire *wire, struct spr_wire_field *field);

/* The next varint of packed ones; false as above. */
bool spr_wire_varint(struct spr_wire *wire, uint64_t *value);

#endif
