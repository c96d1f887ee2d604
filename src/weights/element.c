/* SPDX-License-Identifier: Apache-2.0 */
/* Elements in all number formats: which are not zero, and their values. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "weights/reader.h"

size_t spr_element_bytes(enum spr_element element)
{
    static const unsigned char bytes[] = {8, 4, 2, 2, 1, 1, 1, 1, 2, 2, 4, 4, 8, 8, 0};
    return bytes[element];
}

/* One byte, 0 or 1, for each of 64 elements: loops that compilers make vectors of. The sign
 * is shifted out, so that -0.0 is a zero. */
#define DEFINE_FLAGS(name, type, shift)                                                       \
    static void name(const unsigned char *data, unsigned char *flag)                          \
    {                                                                                         \
        type element[64];                                                                     \
        memcpy(element, data, sizeof element);                                                \
        for (int i = 0; i < 64; i++) {                                                        \
            flag[i] = (type)(element[i] << (shift)) != 0;                                     \
        }                                                                                     \
    }

DEFINE_FLAGS(flags_64, uint64_t, 1)
DEFINE_FLAGS(flags_32, uint32_t, 1)
DEFINE_FLAGS(flags_16, uint16_t, 1)
DEFINE_FLAGS(flags_8, uint8_t, 0)
DEFINE_FLAGS(flags_small, uint8_t, 1)
DEFINE_FLAGS(flags_i16, uint16_t, 0)
DEFINE_FLAGS(flags_i32, uint32_t, 0)
DEFINE_FLAGS(flags_i64, uint64_t, 0)

/* Bit i: element i of 64 adjacent ones is not zero. */
static uint64_t word_of(const unsigned char *data, enum spr_element element)
{
    unsigned char flag[64];
    switch (element) {
    case SPR_ELEMENT_F64:
        flags_64(data, flag);
        break;
    case SPR_ELEMENT_F32:
        flags_32(data, flag);
        break;
    case SPR_ELEMENT_F16:
    case SPR_ELEMENT_BF16:
        flags_16(data, flag);
        break;
    case SPR_ELEMENT_F8_E4M3:
    case SPR_ELEMENT_F8_E5M2:
        flags_small(data, flag);
        break;
    case SPR_ELEMENT_I16:
    case SPR_ELEMENT_U16:
        flags_i16(data, flag);
        break;
    case SPR_ELEMENT_I32:
    case SPR_ELEMENT_U32:
        flags_i32(data, flag);
        break;
    case SPR_ELEMENT_I64:
    case SPR_ELEMENT_U64:
        flags_i64(data, flag);
        break;
    case SPR_ELEMENT_I8:
    case SPR_ELEMENT_U8:
    case SPR_ELEMENT_OTHER:
        flags_8(data, flag);
        break;
    }
    uint64_t word = 0;
    for (int i = 0; i < 8; i++) {
        /* Eight bytes of 0 or 1 to eight bits, the first byte to the lowest: the product
         * brings byte b to bit 56 + b, and no two terms meet. */
        uint64_t byte;
        memcpy(&byte, flag + 8 * i, sizeof byte);
        word |= (byte * 0x0102040810204080u >> 56) << 8 * i;
    }
    return word;
}

/* The same for fewer than 64. */
static uint64_t word_of_some(const unsigned char *data, enum spr_element element, size_t count)
{
    unsigned char padded[64 * 8] = {0};
    memcpy(padded, data, count * spr_element_bytes(element));
    return word_of(padded, element);
}

uint64_t spr_element_word(const unsigned char *data, enum spr_element element, int64_t left)
{
    return left >= 64 ? word_of(data, element) : word_of_some(data, element, (size_t)left);
}

float spr_round_to_float(double value)
{
    float rounded = (float)value;
    if (rounded == 0 && value != 0) {
        rounded = value < 0 ? -FLT_TRUE_MIN : FLT_TRUE_MIN;
    }
    return rounded;
}

/* 1 sign, 5 exponent and 10 fraction bits: moved to where a float has them, the exponents
 * differ by 112, also those of subnormals. */
static float float_of_half(uint16_t half)
{
    uint32_t magnitude = (uint32_t)(half & 0x7FFF) << 13, sign = (uint32_t)(half >> 15) << 31;
    float value;
    memcpy(&value, &magnitude, sizeof value);
    value *= 0x1p112F;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits |= sign | (magnitude >= 0x0F800000 ? 0x7F800000 : 0); /* infinity and NaN */
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float float_of_brain(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* 1 sign, 5 exponent and 2 fraction bits: the upper half of an f16. */
static float float_of_e5m2(uint8_t byte)
{
    return float_of_half((uint16_t)(byte << 8));
}

/* 1 sign, 4 exponent and 3 fraction bits, bias 7; no infinity, all bits set is NaN. */
static float float_of_e4m3(uint8_t byte)
{
    if ((byte & 0x7F) == 0x7F) {
        return NAN;
    }
    /* As an f16 of the same bits, whose bias is 15. */
    uint16_t half = (uint16_t)((byte & 0x80) << 8 | (byte & 0x7F) << 7);
    return float_of_half(half) * 0x1p8F;
}

/* `count` adjacent elements as floats. */
#define DEFINE_FLOATS(name, type, convert)                                                    \
    static void name(const unsigned char *data, int64_t count, float *values)                 \
    {                                                                                         \
        for (int64_t i = 0; i < count; i++, data += sizeof(type)) {                           \
            type element;                                                                     \
            memcpy(&element, data, sizeof element);                                           \
            values[i] = convert(element);                                                     \
        }                                                                                     \
    }

DEFINE_FLOATS(floats_of_f64, double, spr_round_to_float)
DEFINE_FLOATS(floats_of_f32, float, )
DEFINE_FLOATS(floats_of_f16, uint16_t, float_of_half)
DEFINE_FLOATS(floats_of_bf16, uint16_t, float_of_brain)
DEFINE_FLOATS(floats_of_e4m3, uint8_t, float_of_e4m3)
DEFINE_FLOATS(floats_of_e5m2, uint8_t, float_of_e5m2)
DEFINE_FLOATS(floats_of_i16, int16_t, (float))
DEFINE_FLOATS(floats_of_u16, uint16_t, (float))
DEFINE_FLOATS(floats_of_i32, int32_t, (float))
DEFINE_FLOATS(floats_of_u32, uint32_t, (float))
DEFINE_FLOATS(floats_of_i64, int64_t, (float))
DEFINE_FLOATS(floats_of_u64, uint64_t, (float))
DEFINE_FLOATS(floats_of_i8, int8_t, (float))
DEFINE_FLOATS(floats_of_u8, uint8_t, (float))

void spr_element_floats(const unsigned char *data, enum spr_element element, int64_t count,
                        float *values)
{
    switch (element) {
    case SPR_ELEMENT_F64:
        floats_of_f64(data, count, values);
        break;
    case SPR_ELEMENT_F32:
        floats_of_f32(data, count, values);
        break;
    case SPR_ELEMENT_F16:
        floats_of_f16(data, count, values);
        break;
    case SPR_ELEMENT_BF16:
        floats_of_bf16(data, count, values);
        break;
    case SPR_ELEMENT_F8_E4M3:
        floats_of_e4m3(data, count, values);
        break;
    case SPR_ELEMENT_F8_E5M2:
        floats_of_e5m2(data, count, values);
        break;
    case SPR_ELEMENT_I16:
        floats_of_i16(data, count, values);
        break;
    case SPR_ELEMENT_U16:
        floats_of_u16(data, count, values);
        break;
    case SPR_ELEMENT_I32:
        floats_of_i32(data, count, values);
        break;
    case SPR_ELEMENT_U32:
        floats_of_u32(data, count, values);
        break;
    case SPR_ELEMENT_I64:
        floats_of_i64(data, count, values);
        break;
    case SPR_ELEMENT_U64:
        floats_of_u64(data, count, values);
        break;
    case SPR_ELEMENT_I8:
        floats_of_i8(data, count, values);
        break;
    case SPR_ELEMENT_U8:
    case SPR_ELEMENT_OTHER:
        floats_of_u8(data, count, values);
        break;
    }
}

double spr_element_value(const unsigned char *data, enum spr_element element)
{
    double exact;
    float value;
    if (element == SPR_ELEMENT_F64) {
        memcpy(&exact, data, sizeof exact);
        return exact;
    }
    spr_element_floats(data, element, 1, &value);
    return (double)value;
}
