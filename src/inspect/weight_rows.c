/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a weight matrix, whatever way it is stored: which elements are not zero, and their
 * values. */
#include <float.h>
#include <string.h>

#include "inspect/reader.h"

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
        uint64_t byte = 0;
        for (int b = 0; b < 8; b++) {
            byte |= (uint64_t)flag[8 * i + b] << 8 * b;
        }
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

static uint64_t word_at(const unsigned char *data, enum spr_element element, int64_t left)
{
    return left >= 64 ? word_of(data, element) : word_of_some(data, element, (size_t)left);
}

/* Word i, bit j becomes word j, bit i (Warren, Hacker's Delight 7-3: halves change places
 * across the diagonal, then their halves). */
static void transpose_64(uint64_t word[64])
{
    uint64_t mask = 0x00000000FFFFFFFFu;
    for (int step = 32; step > 0; step /= 2, mask ^= mask << step) {
        for (int i = 0; i < 64; i = (i + step + 1) & ~step) {
            uint64_t swapped = (word[i] >> step ^ word[i + step]) & mask;
            word[i] ^= swapped << step;
            word[i + step] ^= swapped;
        }
    }
}

static const unsigned char *element_at(const struct spr_weight *weight, int64_t i, int64_t j)
{
    return weight->data + (i * weight->row_stride + j * weight->column_stride) *
                              (int64_t)spr_element_bytes(weight->element);
}

/* Columns are contiguous: 64 rows of 64 columns at a time, read down the columns. */
static void bits_of_columns(const struct spr_weight *weight, int64_t row, int64_t count,
                            uint64_t *bits)
{
    int64_t words = (weight->k + 63) / 64;
    for (int64_t i = 0; i < count; i += 64) {
        int64_t rows = count - i < 64 ? count - i : 64;
        for (int64_t w = 0; w < words; w++) {
            uint64_t tile[64] = {0};
            int64_t columns = weight->k - 64 * w < 64 ? weight->k - 64 * w : 64;
            for (int64_t j = 0; j < columns; j++) {
                tile[j] =
                    word_at(element_at(weight, row + i, 64 * w + j), weight->element, rows);
            }
            transpose_64(tile);
            for (int64_t r = 0; r < rows; r++) {
                bits[(i + r) * words + w] = tile[r];
            }
        }
    }
}

static void bits_of_row(const struct spr_weight *weight, int64_t row, uint64_t *bits)
{
    size_t bytes = spr_element_bytes(weight->element);
    for (int64_t j = 0; j < weight->k; j += 64) {
        uint64_t word = 0;
        if (weight->column_stride == 1) {
            word = word_at(element_at(weight, row, j), weight->element, weight->k - j);
        } else {
            unsigned char gathered[64 * 8] = {0};
            for (int64_t c = 0; c < 64 && j + c < weight->k; c++) {
                memcpy(gathered + (size_t)c * bytes, element_at(weight, row, j + c), bytes);
            }
            word = word_of(gathered, weight->element);
        }
        bits[j / 64] = word;
    }
}

static bool mask_bit(const struct spr_weight *weight, int64_t i, int64_t j)
{
    return weight->mask[i * weight->mask_stride + j / 8] >> (j % 8) & 1;
}

/* A bit that is set may stand for a stored zero. */
static void bits_of_mask(const struct spr_weight *weight, int64_t row, uint64_t *bits)
{
    size_t bytes = spr_element_bytes(weight->element);
    const unsigned char *value = weight->data + (size_t)weight->row_offset[row] * bytes;
    for (int64_t j = 0; j < weight->k; j++) {
        if (mask_bit(weight, row, j)) {
            bits[j / 64] |= (word_of_some(value, weight->element, 1) & 1) << j % 64;
            value += bytes;
        }
    }
}

void spr_weight_bits(const struct spr_weight *weight, int64_t row, int64_t count,
                     uint64_t *bits)
{
    size_t words = (size_t)((weight->k + 63) / 64);
    if (weight->storage == SPR_STORAGE_DENSE) {
        if (weight->row_stride == 1 && weight->column_stride != 1) {
            bits_of_columns(weight, row, count, bits);
            return;
        }
        for (int64_t i = 0; i < count; i++) {
            bits_of_row(weight, row + i, bits + (size_t)i * words);
        }
        return;
    }
    memset(bits, 0, (size_t)count * words * sizeof *bits);
    const struct spr_matrix *matrix = &weight->matrix;
    for (int64_t i = 0; i < count; i++) {
        uint64_t *out = bits + (size_t)i * words;
        if (weight->storage == SPR_STORAGE_BITMASK) {
            bits_of_mask(weight, row + i, out);
        } else if (weight->storage == SPR_STORAGE_MATRIX) {
            for (size_t e = matrix->row[row + i]; e < matrix->row[row + i + 1]; e++) {
                int32_t j = matrix->column[e];
                out[j / 64] |= (uint64_t)(matrix->value[e] != 0) << j % 64;
            }
        }
    }
}

/* 1 sign, 5 exponent and 10 fraction bits; subnormals are fraction * 2^-24. */
static float float_of_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31;
    uint32_t fraction = half & 0x3FF, bits = sign | (exponent + 112) << 23 | fraction << 13;
    float value;
    if (exponent == 0) {
        value = (float)fraction * 0x1p-24F;
        return sign ? -value : value;
    }
    if (exponent == 31) {
        bits = sign | 0x7F800000 | fraction << 13;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

float spr_round_to_float(double value)
{
    float rounded = (float)value;
    if (rounded == 0 && value != 0) {
        rounded = value < 0 ? -FLT_TRUE_MIN : FLT_TRUE_MIN;
    }
    return rounded;
}

static float float_at(const unsigned char *data, enum spr_element element)
{
    double f64;
    float f32;
    uint16_t half;
    uint32_t wide;
    switch (element) {
    case SPR_ELEMENT_F64:
        memcpy(&f64, data, sizeof f64);
        return spr_round_to_float(f64);
    case SPR_ELEMENT_F32:
        memcpy(&f32, data, sizeof f32);
        return f32;
    case SPR_ELEMENT_F16:
        memcpy(&half, data, sizeof half);
        return float_of_half(half);
    case SPR_ELEMENT_BF16:
        memcpy(&half, data, sizeof half);
        wide = (uint32_t)half << 16;
        memcpy(&f32, &wide, sizeof f32);
        return f32;
    case SPR_ELEMENT_I8:
        return (float)(signed char)*data;
    case SPR_ELEMENT_U8:
    case SPR_ELEMENT_OTHER:
        break;
    }
    return (float)*data;
}

double spr_element_value(const unsigned char *data, enum spr_element element)
{
    double value;
    if (element == SPR_ELEMENT_F64) {
        memcpy(&value, data, sizeof value);
        return value;
    }
    return (double)float_at(data, element);
}

static void values_of_row(const struct spr_weight *weight, int64_t row, float *values)
{
    int64_t step = weight->column_stride * (int64_t)spr_element_bytes(weight->element);
    const unsigned char *data = element_at(weight, row, 0);
    if (weight->element == SPR_ELEMENT_F32 && weight->column_stride == 1) {
        memcpy(values, data, (size_t)weight->k * sizeof *values);
        return;
    }
    for (int64_t j = 0; j < weight->k; j++, data += step) {
        values[j] = float_at(data, weight->element);
    }
}

/* Read down the columns, 16 at a time: what is written stays in the near cache. */
static void values_of_columns(const struct spr_weight *weight, int64_t row, int64_t count,
                              float *values)
{
    size_t bytes = spr_element_bytes(weight->element);
    for (int64_t first = 0; first < weight->k; first += 16) {
        int64_t end = first + 16 < weight->k ? first + 16 : weight->k;
        for (int64_t j = first; j < end; j++) {
            const unsigned char *data = element_at(weight, row, j);
            for (int64_t i = 0; i < count; i++, data += bytes) {
                values[i * weight->k + j] = float_at(data, weight->element);
            }
        }
    }
}

static void values_of_mask(const struct spr_weight *weight, int64_t row, float *values)
{
    size_t bytes = spr_element_bytes(weight->element);
    const unsigned char *value = weight->data + (size_t)weight->row_offset[row] * bytes;
    for (int64_t j = 0; j < weight->k; j++) {
        values[j] = 0;
        if (mask_bit(weight, row, j)) {
            values[j] = float_at(value, weight->element);
            value += bytes;
        }
    }
}

void spr_weight_values(const struct spr_weight *weight, int64_t row, int64_t count,
                       float *values)
{
    const struct spr_matrix *matrix = &weight->matrix;
    if (weight->storage == SPR_STORAGE_DENSE && weight->row_stride == 1 &&
        weight->column_stride != 1) {
        values_of_columns(weight, row, count, values);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        float *out = values + i * weight->k;
        if (weight->storage == SPR_STORAGE_DENSE) {
            values_of_row(weight, row + i, out);
        } else if (weight->storage == SPR_STORAGE_BITMASK) {
            values_of_mask(weight, row + i, out);
        } else {
            memset(out, 0, (size_t)weight->k * sizeof *out);
            for (size_t e = matrix->row[row + i];
                 weight->storage == SPR_STORAGE_MATRIX && e < matrix->row[row + i + 1]; e++) {
                out[matrix->column[e]] = matrix->value[e];
            }
        }
    }
}
