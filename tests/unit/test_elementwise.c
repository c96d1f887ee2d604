/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax, GELU and layer norm of every instruction set against double precision, on widths
 * around the vector's, between guard pages and NaN. */
#include "kernel/isa_code.h"
#include "reference.h"

#define ROWS 37
#define MOST 41
#define UNIT 0x1p-24 /* half the distance of 1 to the next float */

/* The bounds that validate and the README state. */
#define SOFTMAX_BOUND (2 * 4e-7 + 41 * UNIT + 10 * 4 * UNIT) /* exponential, sum; relative */
#define GELU_BOUND (4e-7 + 4 * UNIT)                         /* of Phi */
#define NORM_BOUND 1e-5                                      /* the mean of 37 terms */

/* One call: columns [begin, end) of ROWS x n. */
struct trial {
    const struct spr_elementwise *ops;
    int64_t n;
    struct spr_span range;
};

static struct guarded block;
static float before[ROWS * MOST], other[ROWS * MOST];
static float bias[ROWS], gamma[ROWS], beta[ROWS];
static unsigned long long state = 1;

static double uniform(double low, double high)
{
    return low + (high - low) * (double)(test_random(&state) >> 11) / 9007199254740992.0;
}

static void draw(const struct trial *t, double size)
{
    block = guard((size_t)(ROWS * t->n), t->n % 2 == 0);
    for (int64_t i = 0; i < ROWS * t->n; i++) {
        block.data[i] = before[i] = (float)uniform(-size, size);
        other[i] = (float)uniform(-size, size);
    }
    for (int i = 0; i < ROWS; i++) {
        bias[i] = (float)uniform(-1, 1);
        gamma[i] = (float)uniform(0.5, 2);
        beta[i] = (float)uniform(-1, 1);
    }
}

/* Nothing changed beside the columns. */
static void finish(const struct trial *t, const struct reference *r)
{
    CHECK_REFERENCE(r);
    for (int64_t i = 0; i < ROWS; i++) {
        const int64_t row = i * t->n, right = row + t->range.end;
        if (t->range.begin > 0) {
            CHECK_BITS("left of the columns", block.data + row, before + row,
                       (size_t)t->range.begin);
        }
        if (t->range.end < t->n) {
            CHECK_BITS("right of the columns", block.data + right, before + right,
                       (size_t)(t->n - t->range.end));
        }
    }
    unguard(&block);
}

static void test_softmax(const struct trial *t)
{
    const double scale = 0.125;
    struct reference r = {.kernel = "softmax"};
    draw(t, 40);
    t->ops->softmax(block.data, ROWS, t->n, &t->range, (float)scale);
    for (int64_t j = t->range.begin; j < t->range.end; j++) {
        double sum = 0, most = -1e9;
        for (int i = 0; i < ROWS; i++) {
            most = fmax(most, (double)before[i * t->n + j]);
        }
        for (int i = 0; i < ROWS; i++) {
            sum += exp(scale * ((double)before[i * t->n + j] - most));
        }
        for (int i = 0; i < ROWS; i++) {
            double expected = exp(scale * ((double)before[i * t->n + j] - most)) / sum;
            reference_next(&r, (double)block.data[i * t->n + j], expected,
                           SOFTMAX_BOUND * expected);
        }
    }
    finish(t, &r);
}

static void test_gelu(const struct trial *t)
{
    struct reference r = {.kernel = "gelu"};
    draw(t, 7);
    t->ops->gelu(block.data, bias, ROWS, t->n, &t->range);
    for (int64_t i = 0; i < ROWS; i++) {
        for (int64_t j = t->range.begin; j < t->range.end; j++) {
            double x = (double)(before[i * t->n + j] + bias[i]);
            reference_next(&r, (double)block.data[i * t->n + j],
                           x * 0.5 * erfc(-x * sqrt(0.5)), GELU_BOUND * fmax(fabs(x), 1e-3));
        }
    }
    finish(t, &r);
}

static void test_norm(const struct trial *t)
{
    struct reference r = {.kernel = "norm"};
    draw(t, 3);
    const struct spr_norm norm = {other, block.data, bias, gamma, beta, ROWS, t->n, 1e-12F};
    t->ops->norm(&norm, &t->range);
    for (int64_t j = t->range.begin; j < t->range.end; j++) {
        double x[ROWS], mean = 0, square = 0;
        for (int i = 0; i < ROWS; i++) {
            int64_t at = i * t->n + j;
            x[i] = (double)other[at] + (double)bias[i] + (double)before[at];
            mean += x[i] / ROWS;
        }
        for (int i = 0; i < ROWS; i++) {
            square += (x[i] - mean) * (x[i] - mean) / ROWS;
        }
        for (int i = 0; i < ROWS; i++) {
            double expected = (x[i] - mean) / sqrt(square + 1e-12) * (double)gamma[i];
            reference_next(&r, (double)block.data[i * t->n + j], expected + (double)beta[i],
                           NORM_BOUND);
        }
    }
    finish(t, &r);
}

static void test_add(const struct trial *t)
{
    struct reference r = {.kernel = "add"};
    draw(t, 1);
    t->ops->add(block.data, bias, ROWS, t->n, &t->range);
    for (int64_t i = 0; i < ROWS; i++) {
        for (int64_t j = t->range.begin; j < t->range.end; j++) {
            reference_next(&r, (double)block.data[i * t->n + j],
                           (double)(before[i * t->n + j] + bias[i]), 0);
        }
    }
    finish(t, &r);
}

static void test_all(const struct spr_elementwise *ops, int64_t n, int64_t begin, int64_t end)
{
    const struct trial t = {ops, n, {begin, end}};
    test_softmax(&t);
    test_gelu(&t);
    test_norm(&t);
    test_add(&t);
}

/* Far beyond the range of the polynomial the tails are exact, and what is not a number stays
 * so. */
static void test_tails(const struct spr_elementwise *ops)
{
    static const float expected[6] = {30, 0, 1e30F, 0, 0, NAN};
    float none[1] = {0}, x[6] = {30, -30, 1e30F, -1e30F, 0, NAN};
    const struct spr_span range = {0, 6};
    struct reference r = {.kernel = "gelu's tails"};
    ops->gelu(x, none, 1, 6, &range);
    for (int i = 0; i < 6; i++) {
        reference_special(&r, (double)x[i], (double)expected[i]);
    }
    CHECK_REFERENCE(&r);
}

int main(void)
{
    for (int isa = 0; isa < SPR_ISA_COUNT; isa++) {
        const struct spr_elementwise *ops = spr_isa_code_of((enum spr_isa)isa)->elementwise;
        if (!spr_isa_usable((enum spr_isa)isa)) {
            continue;
        }
        test_row = spr_isa_name((enum spr_isa)isa);
        for (int64_t n = 1; n <= MOST; n++) {
            test_all(ops, n, 0, n);
        }
        test_all(ops, 40, 16, 32);
        test_all(ops, 40, 3, 8);
        test_tails(ops);
    }
    return test_end();
}
