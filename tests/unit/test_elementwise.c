/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax, GELU and layer norm of every instruction set against double precision, on widths
 * around the vector's, between guard pages of NaN. */
#include "kernel/isa/elementwise.h"
#include "test.h"

#define ROWS 37
#define MOST 41
#define PAD 16 /* floats before and behind that must not change */

static float block[2 * PAD + ROWS * MOST], other[ROWS * MOST], before[ROWS * MOST];
static float *const data = block + PAD;
static unsigned long long state = 1;

static double uniform(double low, double high)
{
    return low + (high - low) * (double)(test_random(&state) >> 11) / 9007199254740992.0;
}

static void draw(int64_t n, double size)
{
    for (size_t i = 0; i < COUNT_OF(block); i++) {
        block[i] = -7;
    }
    for (int64_t i = 0; i < ROWS * n; i++) {
        data[i] = before[i] = (float)uniform(-size, size);
        other[i] = (float)uniform(-size, size);
    }
}

/* Nothing was written beyond the matrix. */
static void check_edges(int64_t n)
{
    for (size_t i = 0; i < COUNT_OF(block); i++) {
        bool inside = i >= PAD && i < PAD + (size_t)(ROWS * n);
        if (!inside && (block[i] < -7 || block[i] > -7)) {
            CHECK(inside);
        }
    }
}

static double worst_softmax;
static void test_softmax(const struct spr_elementwise *ops, int64_t n)
{
    const double scale = 0.125;
    const int64_t range[2] = {0, n};
    draw(n, 40);
    ops->softmax(data, ROWS, n, range, (float)scale);
    for (int64_t j = 0; j < n; j++) {
        double sum = 0, most = -1e9;
        for (int i = 0; i < ROWS; i++) {
            most = fmax(most, (double)before[i * n + j]);
        }
        for (int i = 0; i < ROWS; i++) {
            sum += exp(scale * ((double)before[i * n + j] - most));
        }
        for (int i = 0; i < ROWS; i++) {
            double expected = exp(scale * ((double)before[i * n + j] - most)) / sum;
            worst_softmax = fmax(worst_softmax, fabs((double)data[i * n + j] / expected - 1));
        }
    }
    check_edges(n);
}

static double worst_gelu;
static void test_gelu(const struct spr_elementwise *ops, int64_t n)
{
    float bias[ROWS];
    draw(n, 7);
    for (int i = 0; i < ROWS; i++) {
        bias[i] = (float)uniform(-1, 1);
    }
    const int64_t range[2] = {0, n};
    ops->gelu(data, bias, ROWS, n, range);
    for (int64_t i = 0; i < ROWS * n; i++) {
        double x = (double)(before[i] + bias[i / n]);
        double phi = 0.5 * erfc(-x * sqrt(0.5));
        worst_gelu = fmax(worst_gelu, fabs((double)data[i] - x * phi) / fmax(fabs(x), 1e-3));
    }
    check_edges(n);
}

static double worst_norm;
static void test_norm(const struct spr_elementwise *ops, int64_t n)
{
    float bias[ROWS], gamma[ROWS], beta[ROWS];
    draw(n, 3);
    for (int i = 0; i < ROWS; i++) {
        bias[i] = (float)uniform(-1, 1);
        gamma[i] = (float)uniform(0.5, 2);
        beta[i] = (float)uniform(-1, 1);
    }
    const struct spr_norm norm = {other, data, bias, gamma, beta, ROWS, n, 1e-12F};
    ops->norm(&norm, 0, n);
    for (int64_t j = 0; j < n; j++) {
        double mean = 0, square = 0;
        for (int i = 0; i < ROWS; i++) {
            mean += ((double)other[i * n + j] + (double)bias[i] + (double)before[i * n + j]) /
                    ROWS;
        }
        for (int i = 0; i < ROWS; i++) {
            double x = (double)other[i * n + j] + (double)bias[i] + (double)before[i * n + j];
            square += (x - mean) * (x - mean) / ROWS;
        }
        for (int i = 0; i < ROWS; i++) {
            double x = (double)other[i * n + j] + (double)bias[i] + (double)before[i * n + j];
            double expected =
                (x - mean) / sqrt(square + 1e-12) * (double)gamma[i] + (double)beta[i];
            worst_norm = fmax(worst_norm, fabs((double)data[i * n + j] - expected));
        }
    }
    check_edges(n);
}

static void test_add(const struct spr_elementwise *ops, int64_t n)
{
    float bias[ROWS];
    draw(n, 1);
    for (int i = 0; i < ROWS; i++) {
        bias[i] = (float)i;
    }
    const int64_t range[2] = {0, n};
    ops->add(data, bias, ROWS, n, range);
    bool same = true;
    for (int64_t i = 0; i < ROWS * n; i++) {
        float expected = before[i] + (float)(i / n);
        same = same && memcmp(&data[i], &expected, sizeof expected) == 0;
    }
    CHECK(same);
    check_edges(n);
}

/* Only the columns asked for. */
static void test_ranges(const struct spr_elementwise *ops)
{
    const int64_t n = 40, range[2] = {16, 32};
    draw(n, 2);
    ops->softmax(data, ROWS, n, range, 1);
    for (int64_t i = 0; i < ROWS * n; i++) {
        bool inside = i % n >= 16 && i % n < 32;
        bool changed = memcmp(&data[i], &before[i], sizeof data[i]) != 0;
        CHECK(inside || !changed);
    }
}

/* Far beyond the range of the polynomial the tails are exact, and what is not a number stays
 * so. */
static void test_tails(const struct spr_elementwise *ops)
{
    float bias[1] = {0}, x[6] = {30, -30, 1e30F, -1e30F, 0, NAN};
    const int64_t range[2] = {0, 6};
    ops->gelu(x, bias, 1, 6, range);
    CHECK_EXACT(30, (double)x[0]);
    CHECK_EXACT(0, (double)x[1]);
    CHECK_EXACT((double)1e30F, (double)x[2]);
    CHECK_EXACT(0, (double)x[3]);
    CHECK_EXACT(0, (double)x[4]);
    CHECK(isnan(x[5]));
}

int main(void)
{
    for (int isa = 0; isa < SPR_ISA_COUNT; isa++) {
        const struct spr_elementwise *ops = spr_elementwise_of((enum spr_isa)isa);
        if (!spr_isa_usable((enum spr_isa)isa)) {
            continue;
        }
        test_row = spr_isa_name((enum spr_isa)isa);
        for (int64_t n = 1; n <= MOST; n++) {
            test_softmax(ops, n);
            test_gelu(ops, n);
            test_norm(ops, n);
            test_add(ops, n);
        }
        test_ranges(ops);
        test_tails(ops);
        /* Twice the exponential's error and the sum's; Phi's; the mean of 37 terms. These are
         * the bounds that validate and src/encoder/README.md state. */
        CHECK(worst_softmax <= 2 * 4e-7 + 41 * 0x1p-24 + 10 * 0x1p-22);
        CHECK(worst_gelu <= 4e-7 + 4 * 0x1p-24);
        CHECK(worst_norm <= 1e-5);
    }
    printf("worst: softmax %.2g, gelu %.2g, norm %.2g\n", worst_softmax, worst_gelu,
           worst_norm);
    return test_end();
}
