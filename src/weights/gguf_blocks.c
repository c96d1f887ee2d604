/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of 32 or 256 weights with their scales, expanded in single precision as llama.cpp does,
 * so that the same ones are zero. */
#include "weights/gguf.h"

#include <math.h>
#include <string.h>

static float half_at(const unsigned char *data)
{
    float value;
    spr_element_floats(data, SPR_ELEMENT_F16, 1, &value);
    return value;
}

static void expand_q4_0(const unsigned char *b, float *y)
{
    const float d = half_at(b);
    for (int j = 0; j < 16; j++) {
        y[j] = (float)((b[2 + j] & 15) - 8) * d;
        y[j + 16] = (float)((b[2 + j] >> 4) - 8) * d;
    }
}

static void expand_q4_1(const unsigned char *b, float *y)
{
    const float d = half_at(b), m = half_at(b + 2);
    for (int j = 0; j < 16; j++) {
        y[j] = (float)(b[4 + j] & 15) * d + m;
        y[j + 16] = (float)(b[4 + j] >> 4) * d + m;
    }
}

/* The fifth bits, two for each byte of the others. */
static int fifth(const unsigned char *bits, int j)
{
    return (bits[j / 8] >> j % 8 & 1) << 4;
}

static void expand_q5_0(const unsigned char *b, float *y)
{
    const float d = half_at(b);
    for (int j = 0; j < 16; j++) {
        y[j] = (float)(((b[6 + j] & 15) | fifth(b + 2, j)) - 16) * d;
        y[j + 16] = (float)(((b[6 + j] >> 4) | fifth(b + 2, j + 16)) - 16) * d;
    }
}

static void expand_q5_1(const unsigned char *b, float *y)
{
    const float d = half_at(b), m = half_at(b + 2);
    for (int j = 0; j < 16; j++) {
        y[j] = (float)((b[8 + j] & 15) | fifth(b + 4, j)) * d + m;
        y[j + 16] = (float)((b[8 + j] >> 4) | fifth(b + 4, j + 16)) * d + m;
    }
}

static void expand_q8_0(const unsigned char *b, float *y)
{
    const float d = half_at(b);
    spr_element_floats(b + 2, SPR_ELEMENT_I8, 32, y);
    for (int j = 0; j < 32; j++) {
        y[j] *= d;
    }
}

static void expand_mxfp4(const unsigned char *b, float *y)
{
    static const float value[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    const float d = (float)ldexp(1, b[0] - 128);
    for (int j = 0; j < 16; j++) {
        y[j] = value[b[1 + j] & 15] * d;
        y[j + 16] = value[b[1 + j] >> 4] * d;
    }
}

static void expand_q2_k(const unsigned char *b, float *y)
{
    const float d = half_at(b + 80), least = half_at(b + 82);
    for (int s = 0; s < 16; s++) { /* 16 weights that share a scale */
        const unsigned char *q = b + 16 + s / 8 * 32 + s % 2 * 16;
        const int shift = s % 8 / 2 * 2;
        const float scale = d * (float)(b[s] & 15), minus = least * (float)(b[s] >> 4);
        for (int l = 0; l < 16; l++) {
            y[16 * s + l] = scale * (float)(q[l] >> shift & 3) - minus;
        }
    }
}

/* Six bits: the lower four in one place, the upper two in another. */
static int scale_of_q3_k(const unsigned char *scales, int s)
{
    const int low = s < 8 ? scales[s] & 15 : scales[s - 8] >> 4;
    return (low | (scales[8 + s % 4] >> s / 4 * 2 & 3) << 4) - 32;
}

static void expand_q3_k(const unsigned char *b, float *y)
{
    const float d = half_at(b + 108);
    for (int s = 0; s < 16; s++) {
        const unsigned char *high = b + s % 2 * 16, *q = b + 32 + s / 8 * 32 + s % 2 * 16;
        const int shift = s % 8 / 2 * 2;
        const float scale = d * (float)scale_of_q3_k(b + 96, s);
        for (int l = 0; l < 16; l++) {
            const int code = (q[l] >> shift & 3) - (high[l] >> s / 2 & 1 ? 0 : 4);
            y[16 * s + l] = scale * (float)code;
        }
    }
}

/* Scale and minimum j of eight, six bits each. */
static void scale_of_q4_k(const unsigned char *q, int j, float *scale, float *minus)
{
    const int s = j < 4 ? q[j] & 63 : (q[j + 4] & 15) | q[j - 4] >> 6 << 4;
    const int m = j < 4 ? q[j + 4] & 63 : q[j + 4] >> 4 | q[j] >> 6 << 4;
    *scale *= (float)s;
    *minus *= (float)m;
}

static void expand_q4_k(const unsigned char *b, float *y)
{
    for (int s = 0; s < 8; s++) {
        const unsigned char *q = b + 16 + s / 2 * 32;
        float scale = half_at(b), minus = half_at(b + 2);
        scale_of_q4_k(b + 4, s, &scale, &minus);
        for (int l = 0; l < 32; l++) {
            y[32 * s + l] = scale * (float)(q[l] >> s % 2 * 4 & 15) - minus;
        }
    }
}

static void expand_q5_k(const unsigned char *b, float *y)
{
    for (int s = 0; s < 8; s++) {
        const unsigned char *q = b + 48 + s / 2 * 32, *high = b + 16;
        float scale = half_at(b), minus = half_at(b + 2);
        scale_of_q4_k(b + 4, s, &scale, &minus);
        for (int l = 0; l < 32; l++) {
            const int code = (q[l] >> s % 2 * 4 & 15) + (high[l] >> s & 1 ? 16 : 0);
            y[32 * s + l] = scale * (float)code - minus;
        }
    }
}

static void expand_q6_k(const unsigned char *b, float *y)
{
    const float d = half_at(b + 208);
    float scale[16];
    spr_element_floats(b + 192, SPR_ELEMENT_I8, 16, scale);
    for (int s = 0; s < 8; s++) { /* 32 weights that lie together, two scales */
        const unsigned char *low = b + s / 4 * 64 + s % 2 * 32, *high = b + 128 + s / 4 * 32;
        for (int l = 0; l < 32; l++) {
            const int code =
                ((low[l] >> (s % 4 / 2 * 4) & 15) | (high[l] >> s % 4 * 2 & 3) << 4) - 32;
            y[32 * s + l] = d * scale[2 * s + l / 16] * (float)code;
        }
    }
}

static const struct spr_gguf_type types[] = {
    {"f32", NULL, 0, 1, 4, SPR_ELEMENT_F32, false},
    {"f16", NULL, 1, 1, 2, SPR_ELEMENT_F16, false},
    {"q4_0", expand_q4_0, 2, 32, 18, SPR_ELEMENT_OTHER, false},
    {"q4_1", expand_q4_1, 3, 32, 20, SPR_ELEMENT_OTHER, false},
    {"q5_0", expand_q5_0, 6, 32, 22, SPR_ELEMENT_OTHER, false},
    {"q5_1", expand_q5_1, 7, 32, 24, SPR_ELEMENT_OTHER, false},
    {"q8_0", expand_q8_0, 8, 32, 34, SPR_ELEMENT_OTHER, false},
    {"q8_1", NULL, 9, 32, 36, SPR_ELEMENT_OTHER, false},
    {"q2_K", expand_q2_k, 10, 256, 84, SPR_ELEMENT_OTHER, false},
    {"q3_K", expand_q3_k, 11, 256, 110, SPR_ELEMENT_OTHER, false},
    {"q4_K", expand_q4_k, 12, 256, 144, SPR_ELEMENT_OTHER, false},
    {"q5_K", expand_q5_k, 13, 256, 176, SPR_ELEMENT_OTHER, false},
    {"q6_K", expand_q6_k, 14, 256, 210, SPR_ELEMENT_OTHER, false},
    {"q8_K", NULL, 15, 256, 292, SPR_ELEMENT_OTHER, false},
    {"iq2_xxs", NULL, 16, 256, 66, SPR_ELEMENT_OTHER, false},
    {"iq2_xs", NULL, 17, 256, 74, SPR_ELEMENT_OTHER, false},
    {"iq3_xxs", NULL, 18, 256, 98, SPR_ELEMENT_OTHER, false},
    {"iq1_s", NULL, 19, 256, 50, SPR_ELEMENT_OTHER, false},
    {"iq4_nl", NULL, 20, 32, 18, SPR_ELEMENT_OTHER, false},
    {"iq3_s", NULL, 21, 256, 110, SPR_ELEMENT_OTHER, false},
    {"iq2_s", NULL, 22, 256, 82, SPR_ELEMENT_OTHER, false},
    {"iq4_xs", NULL, 23, 256, 136, SPR_ELEMENT_OTHER, false},
    {"i8", NULL, 24, 1, 1, SPR_ELEMENT_I8, false},
    {"i16", NULL, 25, 1, 2, SPR_ELEMENT_OTHER, true},
    {"i32", NULL, 26, 1, 4, SPR_ELEMENT_OTHER, true},
    {"i64", NULL, 27, 1, 8, SPR_ELEMENT_OTHER, true},
    {"f64", NULL, 28, 1, 8, SPR_ELEMENT_F64, false},
    {"iq1_m", NULL, 29, 256, 56, SPR_ELEMENT_OTHER, false},
    {"bf16", NULL, 30, 1, 2, SPR_ELEMENT_BF16, false},
    {"tq1_0", NULL, 34, 256, 54, SPR_ELEMENT_OTHER, false},
    {"tq2_0", NULL, 35, 256, 66, SPR_ELEMENT_OTHER, false},
    {"mxfp4", expand_mxfp4, 39, 32, 17, SPR_ELEMENT_OTHER, false},
};

const struct spr_gguf_type *spr_gguf_type(unsigned number)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].number == number) {
            return &types[i];
        }
    }
    return NULL;
}

const struct spr_gguf_type *spr_gguf_type_of(const char *name)
{
    size_t i = 0;
    while (strcmp(types[i].name, name) != 0) {
        i++;
    }
    return &types[i];
}

void spr_expand_gguf(const struct spr_quantized *quantized, int64_t row, int64_t column,
                     float value[SPR_QUANTIZED_STEP])
{
    const struct spr_gguf_rows *rows = (const struct spr_gguf_rows *)quantized;
    const int64_t block = rows->type->weights, bytes = rows->type->bytes;
    const unsigned char *at = rows->data + (row * (rows->k / block) + column / block) * bytes;
    for (int64_t j = 0; j < SPR_QUANTIZED_STEP && column + j < rows->k; j += block) {
        rows->type->expand(at, value + j);
        at += bytes;
    }
}
