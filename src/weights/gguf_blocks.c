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
    {0, "f32", 1, 4, SPR_ELEMENT_F32, NULL, false},
    {1, "f16", 1, 2, SPR_ELEMENT_F16, NULL, false},
    {2, "q4_0", 32, 18, SPR_ELEMENT_OTHER, expand_q4_0, false},
    {3, "q4_1", 32, 20, SPR_ELEMENT_OTHER, expand_q4_1, false},
    {6, "q5_0", 32, 22, SPR_ELEMENT_OTHER, expand_q5_0, false},
    {7, "q5_1", 32, 24, SPR_ELEMENT_OTHER, expand_q5_1, false},
    {8, "q8_0", 32, 34, SPR_ELEMENT_OTHER, expand_q8_0, false},
    {9, "q8_1", 32, 36, SPR_ELEMENT_OTHER, NULL, false},
    {10, "q2_K", 256, 84, SPR_ELEMENT_OTHER, expand_q2_k, false},
    {11, "q3_K", 256, 110, SPR_ELEMENT_OTHER, expand_q3_k, false},
    {12, "q4_K", 256, 144, SPR_ELEMENT_OTHER, expand_q4_k, false},
    {13, "q5_K", 256, 176, SPR_ELEMENT_OTHER, expand_q5_k, false},
    {14, "q6_K", 256, 210, SPR_ELEMENT_OTHER, expand_q6_k, false},
    {15, "q8_K", 256, 292, SPR_ELEMENT_OTHER, NULL, false},
    {16, "iq2_xxs", 256, 66, SPR_ELEMENT_OTHER, NULL, false},
    {17, "iq2_xs", 256, 74, SPR_ELEMENT_OTHER, NULL, false},
    {18, "iq3_xxs", 256, 98, SPR_ELEMENT_OTHER, NULL, false},
    {19, "iq1_s", 256, 50, SPR_ELEMENT_OTHER, NULL, false},
    {20, "iq4_nl", 32, 18, SPR_ELEMENT_OTHER, NULL, false},
    {21, "iq3_s", 256, 110, SPR_ELEMENT_OTHER, NULL, false},
    {22, "iq2_s", 256, 82, SPR_ELEMENT_OTHER, NULL, false},
    {23, "iq4_xs", 256, 136, SPR_ELEMENT_OTHER, NULL, false},
    {24, "i8", 1, 1, SPR_ELEMENT_I8, NULL, false},
    {25, "i16", 1, 2, SPR_ELEMENT_OTHER, NULL, true},
    {26, "i32", 1, 4, SPR_ELEMENT_OTHER, NULL, true},
    {27, "i64", 1, 8, SPR_ELEMENT_OTHER, NULL, true},
    {28, "f64", 1, 8, SPR_ELEMENT_F64, NULL, false},
    {29, "iq1_m", 256, 56, SPR_ELEMENT_OTHER, NULL, false},
    {30, "bf16", 1, 2, SPR_ELEMENT_BF16, NULL, false},
    {34, "tq1_0", 256, 54, SPR_ELEMENT_OTHER, NULL, false},
    {35, "tq2_0", 256, 66, SPR_ELEMENT_OTHER, NULL, false},
    {39, "mxfp4", 32, 17, SPR_ELEMENT_OTHER, expand_mxfp4, false},
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
