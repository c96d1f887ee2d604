/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a weight matrix, whatever it is stored as: which elements are not zero, and what
 * they are. */
#include <math.h>
#include <string.h>

#include "reader.h"

static float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = (half >> 10) & 0x1Fu;
    uint32_t fraction = half & 0x3FFu, bits = sign;
    float value;
    if (exponent == 0x1F) {
        bits |= 0x7F800000u | fraction << 13;
    } else if (exponent > 0) {
        bits |= (exponent + 112) << 23 | fraction << 13;
    } else {
        value = ldexpf((float)fraction, -24);
        return sign ? -value : value;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float bfloat_to_float(uint16_t bfloat)
{
    uint32_t bits = (uint32_t)bfloat << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The element at an address that need not be aligned. */
static inline float element_at(enum spr_element element, const unsigned char *at)
{
    uint16_t half;
    double wide;
    float value;
    switch (element) {
    case SPR_ELEMENT_F64:
        memcpy(&wide, at, sizeof wide);
        return (float)wide;
    case SPR_ELEMENT_F32:
        memcpy(&value, at, sizeof value);
        return value;
    case SPR_ELEMENT_F16:
        memcpy(&half, at, sizeof half);
        return half_to_float(half);
    case SPR_ELEMENT_BF16:
        memcpy(&half, at, sizeof half);
        return bfloat_to_float(half);
    case SPR_ELEMENT_I8:
        return (float)(signed char)*at;
    case SPR_ELEMENT_U8:
        return (float)*at;
    case SPR_ELEMENT_OTHER:
        break;
    }
    return 0;
}

/* Not a zero of either sign: only the sign bit of a float does not count. */
static inline uint64_t not_zero(enum spr_element element, const unsigned char *at)
{
    uint64_t bits64;
    uint32_t bits32;
    uint16_t bits16;
    switch (element) {
    case SPR_ELEMENT_F64:
        memcpy(&bits64, at, sizeof bits64);
        return (bits64 << 1) != 0;
    case SPR_ELEMENT_F32:
        memcpy(&bits32, at, sizeof bits32);
        return (bits32 << 1) != 0;
    case SPR_ELEMENT_F16:
    case SPR_ELEMENT_BF16:
        memcpy(&bits16, at, sizeof bits16);
        return (bits16 & 0x7FFFu) != 0;
    case SPR_ELEMENT_I8:
    case SPR_ELEMENT_U8:
        return *at != 0;
    case SPR_ELEMENT_OTHER:
        break;
    }
    return 0;
}

/* The loop with a constant element, so that its test is one instruction. */
#define SWITCH_ELEMENT(element, BODY)                                                         \
    switch (element) {                                                                        \
    case SPR_ELEMENT_F64:                                                                     \
        BODY(SPR_ELEMENT_F64, 8);                                                             \
        break;                                                                                \
    case SPR_ELEMENT_F32:                                                                     \
        BODY(SPR_ELEMENT_F32, 4);                                                             \
        break;                                                                                \
    case SPR_ELEMENT_F16:                                                                     \
        BODY(SPR_ELEMENT_F16, 2);                                                             \
        break;                                                                                \
    case SPR_ELEMENT_BF16:                                                                    \
        BODY(SPR_ELEMENT_BF16, 2);                                                            \
        break;                                                                                \
    case SPR_ELEMENT_I8:                                                                      \
        BODY(SPR_ELEMENT_I8, 1);                                                              \
        break;                                                                                \
    case SPR_ELEMENT_U8:                                                                      \
        BODY(SPR_ELEMENT_U8, 1);                                                              \
        break;                                                                                \
    case SPR_ELEMENT_OTHER:                                                                   \
        break;                                                                                \
    }

static const unsigned char *element_address(const struct spr_weight *w, int64_t i, int64_t j)
{
    return w->data +
           (i * w->row_stride + j * w->column_stride) * (int64_t)spr_element_bytes(w->element);
}

static void dense_bits(const struct spr_weight *w, int64_t row, int64_t count, uint64_t *bits)
{
    const int64_t words = (w->k + 63) / 64;
    if (w->column_stride == 1) {
        for (int64_t i = 0; i < count; i++) {
            const unsigned char *at = element_address(w, row + i, 0);
            uint64_t *out = bits + i * words;
#define ROW_BITS(element, size)                                                               \
    for (int64_t j = 0; j < w->k; j++) {                                                      \
        out[j / 64] |= not_zero(element, at + j * (size)) << (j % 64);                        \
    }
            SWITCH_ELEMENT(w->element, ROW_BITS)
        }
        return;
    }
    /* Rows of W are columns of what is stored: walked as they lie there. */
    for (int64_t j = 0; j < w->k; j++) {
        const unsigned char *at = element_address(w, row, j);
        uint64_t *out = bits + j / 64;
#define COLUMN_BITS(element, size)                                                            \
    for (int64_t i = 0; i < count; i++) {                                                     \
        out[i * words] |= not_zero(element, at + i * w->row_stride * (size)) << (j % 64);     \
    }
        SWITCH_ELEMENT(w->element, COLUMN_BITS)
    }
}

static void matrix_bits(const struct spr_weight *w, int64_t row, int64_t count, uint64_t *bits)
{
    const int64_t words = (w->k + 63) / 64;
    for (int64_t i = 0; i < count; i++) {
        for (size_t e = w->matrix.row[row + i]; e < w->matrix.row[row + i + 1]; e++) {
            int64_t j = w->matrix.column[e];
            bits[i * words + j / 64] |= (uint64_t)(w->matrix.value[e] != 0) << (j % 64);
        }
    }
}

static bool mask_bit(const struct spr_weight *w, int64_t i, int64_t j)
{
    return w->mask[i * w->mask_stride + j / 8] >> (j % 8) & 1;
}

static void bitmask_bits(const struct spr_weight *w, int64_t row, int64_t count,
                         uint64_t *bits)
{
    const int64_t words = (w->k + 63) / 64, size = (int64_t)spr_element_bytes(w->element);
    for (int64_t i = 0; i < count; i++) {
        const unsigned char *at = w->data + w->row_offset[row + i] * size;
        for (int64_t j = 0; j < w->k; j++) {
            if (mask_bit(w, row + i, j)) {
                bits[i * words + j / 64] |= not_zero(w->element, at) << (j % 64);
                at += size;
            }
        }
    }
}

void spr_weight_bits(const struct spr_weight *weight, int64_t row, int64_t count,
                     uint64_t *bits)
{
    const size_t words = (size_t)((weight->k + 63) / 64), all = (size_t)count * words;
    memset(bits, 0, all * sizeof *bits);
    switch (weight->storage) {
    case SPR_STORAGE_DENSE:
        dense_bits(weight, row, count, bits);
        break;
    case SPR_STORAGE_MATRIX:
        matrix_bits(weight, row, count, bits);
        break;
    case SPR_STORAGE_BITMASK:
        bitmask_bits(weight, row, count, bits);
        break;
    case SPR_STORAGE_NONE:
        break;
    }
    for (size_t i = 0; weight->keep && i < all; i++) {
        bits[i] &= weight->keep[(size_t)row * words + i];
    }
}

static void dense_values(const struct spr_weight *w, int64_t row, int64_t count, float *values)
{
    if (w->column_stride == 1) {
        for (int64_t i = 0; i < count; i++) {
            const unsigned char *at = element_address(w, row + i, 0);
            float *out = values + i * w->k;
#define ROW_VALUES(element, size)                                                             \
    for (int64_t j = 0; j < w->k; j++) {                                                      \
        out[j] = element_at(element, at + j * (size));                                        \
    }
            SWITCH_ELEMENT(w->element, ROW_VALUES)
        }
        return;
    }
    for (int64_t j = 0; j < w->k; j++) {
        const unsigned char *at = element_address(w, row, j);
#define COLUMN_VALUES(element, size)                                                          \
    for (int64_t i = 0; i < count; i++) {                                                     \
        values[i * w->k + j] = element_at(element, at + i * w->row_stride * (size));          \
    }
        SWITCH_ELEMENT(w->element, COLUMN_VALUES)
    }
}

static void sparse_values(const struct spr_weight *w, int64_t row, int64_t count,
                          float *values)
{
    memset(values, 0, (size_t)(count * w->k) * sizeof *values);
    for (int64_t i = 0; i < count && w->storage == SPR_STORAGE_MATRIX; i++) {
        for (size_t e = w->matrix.row[row + i]; e < w->matrix.row[row + i + 1]; e++) {
            values[i * w->k + w->matrix.column[e]] = w->matrix.value[e];
        }
    }
    for (int64_t i = 0; i < count && w->storage == SPR_STORAGE_BITMASK; i++) {
        const unsigned char *at =
            w->data + w->row_offset[row + i] * (int64_t)spr_element_bytes(w->element);
        for (int64_t j = 0; j < w->k; j++) {
            if (mask_bit(w, row + i, j)) {
                values[i * w->k + j] = element_at(w->element, at);
                at += spr_element_bytes(w->element);
            }
        }
    }
}

bool spr_weight_keeps(const struct spr_weight *weight, int64_t row, int64_t column)
{
    const int64_t words = (weight->k + 63) / 64;
    return !weight->keep || (weight->keep[row * words + column / 64] >> (column % 64) & 1);
}

void spr_weight_values(const struct spr_weight *weight, int64_t row, int64_t count,
                       float *values)
{
    if (weight->storage == SPR_STORAGE_DENSE) {
        dense_values(weight, row, count, values);
    } else {
        sparse_values(weight, row, count, values);
    }
    for (int64_t i = 0; weight->keep && i < count; i++) {
        for (int64_t j = 0; j < weight->k; j++) {
            if (!spr_weight_keeps(weight, row + i, j)) {
                values[i * weight->k + j] = 0;
            }
        }
    }
}
