/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a weight matrix, whatever way it is stored: which elements are not zero, and their
 * values. */
#include <string.h>

#include "weights/reader.h"

float spr_weight_entry(const struct spr_weight *weight, size_t entry)
{
    bool kept = !weight->keep || (weight->keep[entry / 64] >> (entry % 64) & 1);
    return kept ? weight->matrix.value[entry] : 0;
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
                tile[j] = spr_element_word(element_at(weight, row + i, 64 * w + j),
                                           weight->element, rows);
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
            word =
                spr_element_word(element_at(weight, row, j), weight->element, weight->k - j);
        } else {
            unsigned char gathered[64 * 8] = {0};
            for (int64_t c = 0; c < 64 && j + c < weight->k; c++) {
                memcpy(gathered + (size_t)c * bytes, element_at(weight, row, j + c), bytes);
            }
            word = spr_element_word(gathered, weight->element, 64);
        }
        bits[j / 64] = word;
    }
}

/* Bits [j, j + 64) of a row of the mask; those past the row are 0. */
static uint64_t mask_word(const struct spr_weight *weight, int64_t row, int64_t j)
{
    const unsigned char *bytes = weight->mask + row * weight->mask_stride + j / 8;
    int64_t left = weight->k - j;
    uint64_t word = 0;
    memcpy(&word, bytes, left >= 64 ? 8 : (size_t)(left + 7) / 8);
    return left >= 64 ? word : word & (((uint64_t)1 << left) - 1);
}

/* What is zero once it is expanded. */
static void bits_of_quantized(const struct spr_weight *weight, int64_t row, uint64_t *bits)
{
    float value[SPR_QUANTIZED_STEP];
    for (int64_t j = 0; j < weight->k; j += SPR_QUANTIZED_STEP) {
        int64_t count =
            weight->k - j < SPR_QUANTIZED_STEP ? weight->k - j : SPR_QUANTIZED_STEP;
        weight->quantized->expand(weight->quantized, weight->first_row + row, j, value);
        for (int64_t c = 0; c < count; c++) {
            bits[(j + c) / 64] |= (uint64_t)(value[c] != 0) << (j + c) % 64;
        }
    }
}

static void values_of_quantized(const struct spr_weight *weight, int64_t row, float *values)
{
    float value[SPR_QUANTIZED_STEP];
    for (int64_t j = 0; j < weight->k; j += SPR_QUANTIZED_STEP) {
        int64_t count =
            weight->k - j < SPR_QUANTIZED_STEP ? weight->k - j : SPR_QUANTIZED_STEP;
        weight->quantized->expand(weight->quantized, weight->first_row + row, j, value);
        memcpy(values + j, value, (size_t)count * sizeof *value);
    }
}

/* A bit that is set may stand for a stored zero. */
static void bits_of_mask(const struct spr_weight *weight, int64_t row, uint64_t *bits)
{
    size_t bytes = spr_element_bytes(weight->element);
    const unsigned char *value = weight->data + (size_t)weight->row_offset[row] * bytes;
    for (int64_t j = 0; j < weight->k; j += 64) {
        uint64_t mask = mask_word(weight, row, j);
        int kept = __builtin_popcountll(mask);
        uint64_t full = kept == 64 ? ~(uint64_t)0 : ((uint64_t)1 << kept) - 1;
        uint64_t zeros = spr_element_word(value, weight->element, kept) ^ full;
        bits[j / 64] = mask;
        for (; zeros != 0; mask &= mask - 1, zeros >>= 1) {
            bits[j / 64] &= zeros & 1 ? ~(mask & -mask) : ~(uint64_t)0;
        }
        value += (size_t)kept * bytes;
    }
}

static void bits_of_dense(const struct spr_weight *weight, int64_t row, int64_t count,
                          uint64_t *bits)
{
    size_t words = (size_t)((weight->k + 63) / 64);
    if (weight->row_stride == 1 && weight->column_stride != 1) {
        bits_of_columns(weight, row, count, bits);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        bits_of_row(weight, row + i, bits + (size_t)i * words);
    }
}

/* The mask as a weight of its own. */
static struct spr_weight factor_of(const struct spr_weight *weight)
{
    struct spr_weight factor = *weight;
    factor.data = weight->factor;
    factor.element = weight->factor_element;
    factor.factor = NULL;
    return factor;
}

static void bits_of_factor(const struct spr_weight *weight, int64_t row, int64_t count,
                           uint64_t *bits)
{
    const struct spr_weight factor = factor_of(weight);
    const int64_t words = (weight->k + 63) / 64;
    for (int64_t i = 0; i < count; i++) {
        for (int64_t w = 0; w < words; w++) {
            for (uint64_t left = bits[i * words + w]; left; left &= left - 1) {
                const unsigned char *at =
                    element_at(&factor, row + i, 64 * w + __builtin_ctzll(left));
                if (spr_element_word(at, factor.element, 1) == 0) {
                    bits[i * words + w] &= ~(left & -left);
                }
            }
        }
    }
}

static void stored_bits(const struct spr_weight *weight, int64_t row, int64_t count,
                        uint64_t *bits)
{
    size_t words = (size_t)((weight->k + 63) / 64);
    if (weight->storage == SPR_STORAGE_DENSE) {
        bits_of_dense(weight, row, count, bits);
        if (weight->factor) {
            bits_of_factor(weight, row, count, bits);
        }
        return;
    }
    memset(bits, 0, (size_t)count * words * sizeof *bits);
    const struct spr_matrix *matrix = &weight->matrix;
    for (int64_t i = 0; i < count; i++) {
        uint64_t *out = bits + (size_t)i * words;
        if (weight->storage == SPR_STORAGE_BITMASK) {
            bits_of_mask(weight, row + i, out);
        } else if (weight->storage == SPR_STORAGE_QUANTIZED) {
            bits_of_quantized(weight, row + i, out);
        } else if (weight->storage == SPR_STORAGE_MATRIX) {
            for (size_t e = matrix->row[row + i]; e < matrix->row[row + i + 1]; e++) {
                int32_t j = matrix->column[e];
                out[j / 64] |= (uint64_t)(spr_weight_entry(weight, e) != 0) << j % 64;
            }
        }
    }
}

static void values_of_row(const struct spr_weight *weight, int64_t row, float *values)
{
    int64_t step = weight->column_stride * (int64_t)spr_element_bytes(weight->element);
    const unsigned char *data = element_at(weight, row, 0);
    if (weight->column_stride == 1) {
        spr_element_floats(data, weight->element, weight->k, values);
        return;
    }
    for (int64_t j = 0; j < weight->k; j++, data += step) {
        spr_element_floats(data, weight->element, 1, values + j);
    }
}

#define TILE_COLUMNS 16
#define TILE_ROWS 64

/* Read down the columns, a tile at a time, that rows of whole cache lines are written. */
static void values_of_columns(const struct spr_weight *weight, int64_t row, int64_t count,
                              float *values)
{
    float tile[TILE_COLUMNS][TILE_ROWS];
    for (int64_t i = 0; i < count; i += TILE_ROWS) {
        int64_t rows = count - i < TILE_ROWS ? count - i : TILE_ROWS;
        for (int64_t j = 0; j < weight->k; j += TILE_COLUMNS) {
            int64_t columns = weight->k - j < TILE_COLUMNS ? weight->k - j : TILE_COLUMNS;
            for (int64_t c = 0; c < columns; c++) {
                spr_element_floats(element_at(weight, row + i, j + c), weight->element, rows,
                                   tile[c]);
            }
            for (int64_t r = 0; r < rows; r++) {
                float *out = values + (i + r) * weight->k + j;
                for (int64_t c = 0; c < columns; c++) {
                    out[c] = tile[c][r];
                }
            }
        }
    }
}

static void values_of_mask(const struct spr_weight *weight, int64_t row, float *values)
{
    size_t bytes = spr_element_bytes(weight->element);
    const unsigned char *value = weight->data + (size_t)weight->row_offset[row] * bytes;
    memset(values, 0, (size_t)weight->k * sizeof *values);
    for (int64_t j = 0; j < weight->k; j += 64) {
        float kept[64];
        uint64_t mask = mask_word(weight, row, j);
        int count = __builtin_popcountll(mask);
        spr_element_floats(value, weight->element, count, kept);
        for (int e = 0; e < count; e++, mask &= mask - 1) {
            values[j + __builtin_ctzll(mask)] = kept[e];
        }
        value += (size_t)count * bytes;
    }
}

static void cut_by_factor(const struct spr_weight *weight, int64_t row, int64_t count,
                          float *values)
{
    const struct spr_weight factor = factor_of(weight);
    for (int64_t i = 0; i < count; i++) {
        for (int64_t j = 0; j < weight->k; j++) {
            const unsigned char *at = element_at(&factor, row + i, j);
            if (spr_element_word(at, factor.element, 1) == 0) {
                values[i * weight->k + j] = 0;
            }
        }
    }
}

static void stored_values(const struct spr_weight *weight, int64_t row, int64_t count,
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
        } else if (weight->storage == SPR_STORAGE_QUANTIZED) {
            values_of_quantized(weight, row + i, out);
        } else {
            memset(out, 0, (size_t)weight->k * sizeof *out);
            for (size_t e = matrix->row[row + i];
                 weight->storage == SPR_STORAGE_MATRIX && e < matrix->row[row + i + 1]; e++) {
                out[matrix->column[e]] = spr_weight_entry(weight, e);
            }
        }
    }
}

/* Of a matrix the entries were looked at already. */
static bool cuts_places(const struct spr_weight *weight)
{
    return weight->keep && weight->storage != SPR_STORAGE_MATRIX;
}

bool spr_weight_keeps(const struct spr_weight *weight, int64_t row, int64_t column)
{
    const int64_t words = (weight->k + 63) / 64;
    return !weight->keep || (weight->keep[row * words + column / 64] >> (column % 64) & 1);
}

void spr_weight_bits(const struct spr_weight *weight, int64_t row, int64_t count,
                     uint64_t *bits)
{
    const size_t words = (size_t)((weight->k + 63) / 64), all = (size_t)count * words;
    stored_bits(weight, row, count, bits);
    for (size_t i = 0; cuts_places(weight) && i < all; i++) {
        bits[i] &= weight->keep[(size_t)row * words + i];
    }
}

void spr_weight_values(const struct spr_weight *weight, int64_t row, int64_t count,
                       float *values)
{
    stored_values(weight, row, count, values);
    if (weight->factor) {
        cut_by_factor(weight, row, count, values);
    }
    for (int64_t i = 0; cuts_places(weight) && i < count; i++) {
        for (int64_t j = 0; j < weight->k; j++) {
            if (!spr_weight_keeps(weight, row + i, j)) {
                values[i * weight->k + j] = 0;
            }
        }
    }
}
