/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of weights in every storage and number format against one element at a time. */
#include "reference.h"

#include "matrix/matrix_build.h"
#include "base/mem.h"
#include "sproof/weights.h"

#define SIDE_MAX 150

static unsigned long long state = 1;

static const struct {
    enum spr_element element;
    const char *name;
    size_t bytes;
} elements[] = {{SPR_ELEMENT_F64, "f64", 8},      {SPR_ELEMENT_F32, "f32", 4},
                {SPR_ELEMENT_F16, "f16", 2},      {SPR_ELEMENT_BF16, "bf16", 2},
                {SPR_ELEMENT_I8, "i8", 1},        {SPR_ELEMENT_U8, "u8", 1},
                {SPR_ELEMENT_F8_E4M3, "e4m3", 1}, {SPR_ELEMENT_F8_E5M2, "e5m2", 1},
                {SPR_ELEMENT_I16, "i16", 2},      {SPR_ELEMENT_U16, "u16", 2},
                {SPR_ELEMENT_I32, "i32", 4},      {SPR_ELEMENT_U32, "u32", 4},
                {SPR_ELEMENT_I64, "i64", 8},      {SPR_ELEMENT_U64, "u64", 8}};

/* Some bytes of each element and what they are worth. */
static const struct {
    enum spr_element element;
    uint64_t bits;
    float value;
} samples[] = {
    {SPR_ELEMENT_F64, 0x0000000000000000, 0},
    {SPR_ELEMENT_F64, 0x8000000000000000, 0}, /* -0.0 */
    {SPR_ELEMENT_F64, 0xBFF8000000000000, -1.5F},
    {SPR_ELEMENT_F64, 0x0000000000000001, 0x1p-149F}, /* rounded, but not to 0 */
    {SPR_ELEMENT_F64, 0x8000000000000001, -0x1p-149F},
    {SPR_ELEMENT_F32, 0x00000000, 0},
    {SPR_ELEMENT_F32, 0x80000000, 0},
    {SPR_ELEMENT_F32, 0xC0200000, -2.5F},
    {SPR_ELEMENT_F32, 0x00000001, 0x1p-149F},
    {SPR_ELEMENT_F16, 0x0000, 0},
    {SPR_ELEMENT_F16, 0x8000, 0},
    {SPR_ELEMENT_F16, 0x3C00, 1},
    {SPR_ELEMENT_F16, 0xC500, -5},
    {SPR_ELEMENT_F16, 0x7BFF, 65504},
    {SPR_ELEMENT_F16, 0x0001, 0x1p-24F},
    {SPR_ELEMENT_F16, 0x83FF, -0x3FFp-24F},
    {SPR_ELEMENT_BF16, 0x0000, 0},
    {SPR_ELEMENT_BF16, 0x8000, 0},
    {SPR_ELEMENT_BF16, 0x4049, 3.140625F},
    {SPR_ELEMENT_I8, 0x00, 0},
    {SPR_ELEMENT_I8, 0x80, -128},
    {SPR_ELEMENT_I8, 0x7F, 127},
    {SPR_ELEMENT_U8, 0x00, 0},
    {SPR_ELEMENT_U8, 0x80, 128},
    {SPR_ELEMENT_F8_E4M3, 0x00, 0},
    {SPR_ELEMENT_F8_E4M3, 0x80, 0},
    {SPR_ELEMENT_F8_E4M3, 0x7E, 448},
    {SPR_ELEMENT_F8_E4M3, 0x01, 0x1p-9F},
    {SPR_ELEMENT_F8_E4M3, 0xB8, -1},
    {SPR_ELEMENT_F8_E5M2, 0x00, 0},
    {SPR_ELEMENT_F8_E5M2, 0x80, 0},
    {SPR_ELEMENT_F8_E5M2, 0x7B, 57344},
    {SPR_ELEMENT_F8_E5M2, 0x81, -0x1p-16F},
    {SPR_ELEMENT_I16, 0x0000, 0},
    {SPR_ELEMENT_I16, 0x8000, -32768},
    {SPR_ELEMENT_U16, 0x0000, 0},
    {SPR_ELEMENT_U16, 0x8000, 32768},
    {SPR_ELEMENT_I32, 0x00000000, 0},
    {SPR_ELEMENT_I32, 0x80000000, -0x1p31F},
    {SPR_ELEMENT_U32, 0x00000000, 0},
    {SPR_ELEMENT_U32, 0x80000000, 0x1p31F},
    {SPR_ELEMENT_I64, 0x0000000000000000, 0},
    {SPR_ELEMENT_I64, 0x8000000000000000, -0x1p63F},
    {SPR_ELEMENT_I64, 0x0000000100000000, 0x1p32F},
    {SPR_ELEMENT_U64, 0x0000000000000000, 0},
    {SPR_ELEMENT_U64, 0x8000000000000000, 0x1p63F},
};

/* The samples of an element, over and over, zeros more often. */
static size_t random_sample(enum spr_element element)
{
    for (;;) {
        size_t i = (size_t)test_between(&state, 0, (long long)COUNT_OF(samples) - 1);
        bool zero = samples[i].value == 0;
        if (samples[i].element == element && (zero || test_random(&state) % 2)) {
            return i;
        }
    }
}

static float expected[SIDE_MAX * SIDE_MAX];

/* What the rows of a weight should be, asked for in pieces. */
static void check_rows(const struct spr_weight *weight)
{
    size_t words = (size_t)((weight->k + 63) / 64);
    static uint64_t bits[SIDE_MAX * 3];
    static float values[SIDE_MAX * SIDE_MAX];
    for (int64_t row = 0, count; row < weight->m; row += count) {
        struct reference r = {.kernel = "rows"};
        count = test_between(&state, 1, weight->m - row);
        memset(bits, 0xA5, sizeof bits);
        reference_poison(values, sizeof values);
        spr_weight_bits(weight, row, count, bits);
        spr_weight_values(weight, row, count, values);
        for (int64_t i = 0; i < count; i++) {
            for (int64_t j = 0; j < (int64_t)words * 64; j++) {
                bool set = bits[(size_t)i * words + (size_t)j / 64] >> j % 64 & 1;
                float want = j < weight->k ? expected[(row + i) * weight->k + j] : 0;
                CHECK(set == (want != 0));
                if (j < weight->k) {
                    double got = (double)values[i * weight->k + j];
                    reference_next(&r, got, (double)want, 0);
                }
            }
        }
        CHECK_REFERENCE(&r);
    }
}

/* Row-major, column-major, and every second element of a wider matrix; data not aligned. */
static void test_dense(size_t e, int64_t m, int64_t k)
{
    static unsigned char raw[SIDE_MAX * SIDE_MAX * 2 * 8 + 1];
    const int64_t strides[][2] = {{k, 1}, {1, m}, {2 * k, 2}};
    for (size_t s = 0; s < COUNT_OF(strides); s++) {
        struct spr_weight weight = {.m = m,
                                    .k = k,
                                    .storage = SPR_STORAGE_DENSE,
                                    .element = elements[e].element,
                                    .data = raw + 1,
                                    .row_stride = strides[s][0],
                                    .column_stride = strides[s][1]};
        memset(raw, 0xFF, sizeof raw);
        for (int64_t i = 0; i < m; i++) {
            for (int64_t j = 0; j < k; j++) {
                size_t sample = random_sample(elements[e].element);
                int64_t at = i * strides[s][0] + j * strides[s][1];
                memcpy(raw + 1 + (size_t)at * elements[e].bytes, &samples[sample].bits,
                       elements[e].bytes);
                expected[i * k + j] = samples[sample].value;
            }
        }
        check_rows(&weight);
    }
}

/* Kept values one after the other, some of them zeros; bits past the row are set. */
static void test_bitmask(size_t e, int64_t m, int64_t k)
{
    static unsigned char raw[SIDE_MAX * SIDE_MAX * 8 + 1];
    static unsigned char mask[SIDE_MAX * (SIDE_MAX / 8 + 2)];
    static int64_t offset[SIDE_MAX];
    struct spr_weight weight = {.m = m,
                                .k = k,
                                .storage = SPR_STORAGE_BITMASK,
                                .element = elements[e].element,
                                .data = raw + 1,
                                .mask = mask,
                                .mask_stride = k / 8 + 1,
                                .row_offset = offset};
    int64_t kept = 0;
    memset(mask, 0, sizeof mask);
    for (int64_t i = 0; i < m; i++) {
        unsigned char *row = mask + i * weight.mask_stride;
        offset[i] = kept;
        for (int64_t j = 0; j < weight.mask_stride * 8; j++) {
            bool bit = j >= k || test_random(&state) % 3 == 0;
            row[j / 8] |= (unsigned char)(bit << j % 8);
            if (j < k) {
                expected[i * k + j] = 0;
            }
            if (j < k && bit) {
                size_t sample = random_sample(elements[e].element);
                memcpy(raw + 1 + (size_t)kept++ * elements[e].bytes, &samples[sample].bits,
                       elements[e].bytes);
                expected[i * k + j] = samples[sample].value;
            }
        }
    }
    check_rows(&weight);
}

static void test_matrix(int64_t m, int64_t k)
{
    struct spr_weight weight = {.m = m, .k = k, .storage = SPR_STORAGE_MATRIX};
    CHECK_INT(SPR_OK, spr_matrix_alloc(&weight.matrix, m, k, (size_t)(m * k), NULL));
    size_t at = 0;
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < k; j++) {
            long long kind = test_between(&state, 0, 5);
            expected[i * k + j] = kind == 0 ? (float)(i + j + 1) : 0;
            if (kind < 2) { /* 1: a stored zero */
                weight.matrix.column[at] = (int32_t)j;
                weight.matrix.value[at++] = expected[i * k + j];
            }
        }
        weight.matrix.row[i + 1] = at;
    }
    check_rows(&weight);
    spr_matrix_free(&weight.matrix);
}

int main(void)
{
    static const int64_t sides[][2] = {{1, 1},   {1, 64},   {64, 1},   {3, 65},    {65, 3},
                                       {64, 64}, {63, 127}, {127, 63}, {130, 129}, {5, 150}};
    for (size_t s = 0; s < COUNT_OF(sides); s++) {
        for (size_t e = 0; e < COUNT_OF(elements); e++) {
            char row[64];
            snprintf(row, sizeof row, "%s %lldx%lld", elements[e].name, (long long)sides[s][0],
                     (long long)sides[s][1]);
            test_row = row;
            test_dense(e, sides[s][0], sides[s][1]);
            test_bitmask(e, sides[s][0], sides[s][1]);
            test_row = "";
        }
        test_matrix(sides[s][0], sides[s][1]);
    }
    return test_end();
}
