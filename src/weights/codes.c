/* SPDX-License-Identifier: Apache-2.0 */
/* Expanding codes of a few bits. */
#include "weights/codes.h"

#include <math.h>
#include <string.h>

static uint32_t word_at(const unsigned char *words, int64_t index)
{
    uint32_t word;
    memcpy(&word, words + index * 4, sizeof word);
    return word;
}

/* Where AWQ has column o of eight in a word. */
static const unsigned char awq_place[8] = {0, 4, 1, 5, 2, 6, 3, 7};

static unsigned stream_code(const unsigned char *words, int64_t first, int64_t step,
                            int64_t index, unsigned bits)
{
    const int64_t bit = index * bits;
    const unsigned shift = (unsigned)(bit % 32);
    uint64_t word = word_at(words, first + bit / 32 * step);
    if (shift + bits > 32) {
        word |= (uint64_t)word_at(words, first + (bit / 32 + 1) * step) << 32;
    }
    return (unsigned)(word >> shift) & ((1u << bits) - 1);
}

static unsigned code_at(const struct spr_codes *c, int64_t i, int64_t j)
{
    switch (c->order) {
    case SPR_CODES_STREAM:
        return stream_code(c->code, i * c->row_step, c->word_step, j, c->bits);
    case SPR_CODES_AWQ:
        return word_at(c->code, j * c->row_step + i / 8) >> 4 * awq_place[i % 8] & 15;
    case SPR_CODES_BYTES:
        break;
    }
    const int64_t e = i * c->k + j;
    return e % 2 ? c->code[e / 2] & 15u : (unsigned)c->code[e / 2] >> 4;
}

static double number_at(const struct spr_code_scales *s, int64_t row, int64_t group)
{
    const unsigned char *at = s->data + (row * s->row_step + group * s->group_step) *
                                            (int64_t)spr_element_bytes(s->element);
    return s->exponent ? ldexp(1, *at - 127) : spr_element_value(at, s->element);
}

static double zero_at(const struct spr_codes *c, int64_t row, int64_t group)
{
    if (c->zeros.data) {
        return number_at(&c->zeros, row, group);
    }
    if (!c->zero) {
        return 0;
    }
    const int64_t first = group * c->zero_group;
    if (c->zero_order == SPR_CODES_AWQ) {
        return word_at(c->zero, first + row / 8) >> 4 * awq_place[row % 8] & 15;
    }
    return stream_code(c->zero, first, c->zero_row, row, c->bits) + c->zero_offset;
}

static float float_at(const unsigned char *data, int64_t index)
{
    float value;
    memcpy(&value, data + index * 4, sizeof value);
    return value;
}

static double scale_at(const struct spr_codes *c, int64_t row, int64_t group, int64_t flat)
{
    if (!c->scale.data) {
        return 1;
    }
    if (c->order != SPR_CODES_BYTES) {
        return number_at(&c->scale, row, group);
    }
    const int64_t block = flat / c->group;
    if (!c->nested_table) {
        return number_at(&c->scale, 0, block);
    }
    return (double)float_at(c->nested_table, c->scale.data[block]) *
               (double)float_at(c->nested_scale, block / 256) +
           c->nested_offset;
}

void spr_expand_codes(const struct spr_quantized *quantized, int64_t row, int64_t column,
                      float value[SPR_QUANTIZED_STEP])
{
    const struct spr_codes *c = (const struct spr_codes *)quantized;
    const int64_t left = c->k - column;
    const int64_t count = left < SPR_QUANTIZED_STEP ? left : SPR_QUANTIZED_STEP;
    int64_t last = -1;
    double zero = 0, scale = 1;
    for (int64_t j = 0; j < count; j++) {
        const int64_t at = column + j, flat = row * c->k + at;
        const int64_t group = c->group_of                   ? (int64_t)word_at(c->group_of, at)
                              : c->order == SPR_CODES_BYTES ? flat / c->group
                                                            : at / c->group;
        const unsigned code = code_at(c, row, at);
        if (group != last) {
            scale = scale_at(c, row, group, flat);
            zero = zero_at(c, row, group);
            last = group;
        }
        const double plain = c->table ? (double)c->table[code] : code - c->offset - zero;
        value[j] = spr_round_to_float(plain * scale);
    }
}
