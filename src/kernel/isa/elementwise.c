/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax, GELU and layer norm, along tokens. */
#include "kernel/isa/elementwise.h"

#include "kernel/isa/vec.h"

/* e^x = 2^n e^r with n = round(x / ln 2) and |r| <= ln 2 / 2; ln 2 in two parts, the first
 * short enough that n times it is exact. Below the least power that is no denormal the
 * result is 2^-126. The series of e^r up to r^6 / 6! leaves r^7 / 7! < 1.3e-7. */
#define LOG2_E 1.44269504088896341F
#define LN2_HIGH 0.693359375F
#define LN2_LOW (-2.12194440e-4F)
#define EXP_LEAST (-87.0F)
#define EXP_MOST 88.0F

VEC_INLINE vec vec_exp(vec x)
{
    x = vec_max(vec_min(x, vec_set1(EXP_MOST)), vec_set1(EXP_LEAST));
    vec n = vec_round(vec_mul(x, vec_set1(LOG2_E)));
    vec r = vec_fma(n, vec_set1(-LN2_HIGH), x);
    r = vec_fma(n, vec_set1(-LN2_LOW), r);
    vec p = vec_set1(1.0F / 720);
    p = vec_fma(p, r, vec_set1(1.0F / 120));
    p = vec_fma(p, r, vec_set1(1.0F / 24));
    p = vec_fma(p, r, vec_set1(1.0F / 6));
    p = vec_fma(p, r, vec_set1(0.5F));
    p = vec_fma(p, r, vec_set1(1));
    p = vec_fma(p, r, vec_set1(1));
    return vec_scale2(p, n);
}

/* The normal distribution: Phi(x) - 1/2 = x P(x^2) with the polynomial below in
 * v = 2 x^2 / c^2 - 1, the least weighted squares' fit of the quotient on |x| <= c = 5.2
 * reweighted towards equal errors; beyond, 1 - Phi < 1e-7. It overshoots 1/2 at c by a few
 * last digits so that the clamp makes the tails exact. */
#define PHI_RANGE 5.2F
#define PHI_TERMS 14
static const float phi[PHI_TERMS] = {
    0.1359500288963318F,    -0.06774363666772842F,   0.05002562701702118F,
    -0.0399320013821125F,   0.03197396546602249F,    -0.02469884231686592F,
    0.018038541078567505F,  -0.012619588524103165F,  0.008365725167095661F,
    -0.00454265670850873F,  0.0020044378470629454F,  -0.0014682704349979758F,
    0.0011890084715560079F, -0.00038848098483867943F};

VEC_INLINE vec vec_gelu(vec x)
{
    vec c = vec_max(vec_min(x, vec_set1(PHI_RANGE)), vec_set1(-PHI_RANGE));
    vec v = vec_fma(vec_mul(c, c), vec_set1(2 / (PHI_RANGE * PHI_RANGE)), vec_set1(-1));
    vec p = vec_set1(phi[PHI_TERMS - 1]);
#pragma GCC unroll 16
    for (int i = PHI_TERMS - 2; i >= 0; i--) {
        p = vec_fma(p, v, vec_set1(phi[i]));
    }
    p = vec_max(vec_min(vec_mul(c, p), vec_set1(0.5F)), vec_set1(-0.5F));
    return vec_mul(x, vec_add(p, vec_set1(0.5F)));
}

/* `count` lanes of a row; all of them: the whole vector. */
VEC_INLINE vec load(const float *p, int count)
{
    return count == VEC_LANES ? vec_load(p) : vec_load_part(p, count);
}

VEC_INLINE void store(float *p, vec v, int count)
{
    if (count == VEC_LANES) {
        vec_store(p, v);
    } else {
        vec_store_part(p, v, count);
    }
}

/* Columns that are worked on together: whole cache lines, and several chains. */
#define WIDTH 4

VEC_INLINE void softmax_columns(float *s, int64_t rows, int64_t n, int width, int last,
                                float scale)
{
    const vec scaled = vec_set1(scale);
    vec most[WIDTH], sum[WIDTH];
#pragma GCC unroll 4
    for (int t = 0; t < width; t++) {
        most[t] = load(s + t * VEC_LANES, t == width - 1 ? last : VEC_LANES);
        sum[t] = vec_zero();
    }
    for (int64_t i = 1; i < rows; i++) {
#pragma GCC unroll 4
        for (int t = 0; t < width; t++) {
            const float *at = s + i * n + t * VEC_LANES;
            most[t] = vec_max(most[t], load(at, t == width - 1 ? last : VEC_LANES));
        }
    }
    for (int64_t i = 0; i < rows; i++) {
#pragma GCC unroll 4
        for (int t = 0; t < width; t++) {
            float *at = s + i * n + t * VEC_LANES;
            int count = t == width - 1 ? last : VEC_LANES;
            vec e = vec_exp(vec_mul(vec_sub(load(at, count), most[t]), scaled));
            sum[t] = vec_add(sum[t], e);
            store(at, e, count);
        }
    }
#pragma GCC unroll 4
    for (int t = 0; t < width; t++) {
        sum[t] = vec_div(vec_set1(1), sum[t]);
    }
    for (int64_t i = 0; i < rows; i++) {
#pragma GCC unroll 4
        for (int t = 0; t < width; t++) {
            float *at = s + i * n + t * VEC_LANES;
            int count = t == width - 1 ? last : VEC_LANES;
            store(at, vec_mul(load(at, count), sum[t]), count);
        }
    }
}

static void softmax(float *s, int64_t rows, int64_t n, const struct spr_span *columns,
                    float scale)
{
    int64_t column = columns->begin;
    for (; column + (int64_t)WIDTH * VEC_LANES <= columns->end; column += WIDTH * VEC_LANES) {
        softmax_columns(s + column, rows, n, WIDTH, VEC_LANES, scale);
    }
    for (; column < columns->end; column += VEC_LANES) {
        int64_t left = columns->end - column;
        if (left >= VEC_LANES) {
            softmax_columns(s + column, rows, n, 1, VEC_LANES, scale);
        } else {
            softmax_columns(s + column, rows, n, 1, (int)left, scale);
        }
    }
}

static void gelu(float *x, const float *bias, int64_t rows, int64_t n,
                 const struct spr_span *columns)
{
    for (int64_t i = 0; i < rows; i++) {
        const vec b = vec_set1(bias[i]);
        float *row = x + i * n;
        int64_t j = columns->begin;
        for (; j + VEC_LANES <= columns->end; j += VEC_LANES) {
            vec_store(row + j, vec_gelu(vec_add(vec_load(row + j), b)));
        }
        if (j < columns->end) {
            int count = (int)(columns->end - j);
            store(row + j, vec_gelu(vec_add(load(row + j, count), b)), count);
        }
    }
}

static void add(float *x, const float *bias, int64_t rows, int64_t n,
                const struct spr_span *columns)
{
    for (int64_t i = 0; i < rows; i++) {
        const vec b = vec_set1(bias[i]);
        float *row = x + i * n;
        int64_t j = columns->begin;
        for (; j + VEC_LANES <= columns->end; j += VEC_LANES) {
            vec_store(row + j, vec_add(vec_load(row + j), b));
        }
        if (j < columns->end) {
            int count = (int)(columns->end - j);
            store(row + j, vec_add(load(row + j, count), b), count);
        }
    }
}

VEC_INLINE void norm_columns(const struct spr_norm *a, int64_t column, int width, int last)
{
    vec mean[WIDTH], square[WIDTH];
    const vec share = vec_set1(1.0F / (float)a->rows);
#pragma GCC unroll 4
    for (int t = 0; t < width; t++) {
        mean[t] = square[t] = vec_zero();
    }
    for (int64_t i = 0; i < a->rows; i++) {
        const vec b = vec_set1(a->bias[i]);
#pragma GCC unroll 4
        for (int t = 0; t < width; t++) {
            int64_t at = i * a->n + column + t * VEC_LANES;
            int count = t == width - 1 ? last : VEC_LANES;
            vec sum = vec_add(vec_add(load(a->y + at, count), b), load(a->x + at, count));
            mean[t] = vec_add(mean[t], sum);
            store(a->x + at, sum, count);
        }
    }
#pragma GCC unroll 4
    for (int t = 0; t < width; t++) {
        mean[t] = vec_mul(mean[t], share);
    }
    for (int64_t i = 0; i < a->rows; i++) {
#pragma GCC unroll 4
        for (int t = 0; t < width; t++) {
            const float *at = a->x + i * a->n + column + t * VEC_LANES;
            vec apart = vec_sub(load(at, t == width - 1 ? last : VEC_LANES), mean[t]);
            square[t] = vec_fma(apart, apart, square[t]);
        }
    }
#pragma GCC unroll 4
    for (int t = 0; t < width; t++) {
        vec variance = vec_fma(square[t], share, vec_set1(a->epsilon));
        square[t] = vec_div(vec_set1(1), vec_sqrt(variance));
    }
    for (int64_t i = 0; i < a->rows; i++) {
        const vec g = vec_set1(a->gamma[i]), b = vec_set1(a->beta[i]);
#pragma GCC unroll 4
        for (int t = 0; t < width; t++) {
            float *at = a->x + i * a->n + column + t * VEC_LANES;
            int count = t == width - 1 ? last : VEC_LANES;
            vec apart = vec_mul(vec_sub(load(at, count), mean[t]), square[t]);
            store(at, vec_fma(apart, g, b), count);
        }
    }
}

static void norm(const struct spr_norm *a, const struct spr_span *columns)
{
    const int64_t end = columns->end;
    int64_t column = columns->begin;
    for (; column + (int64_t)WIDTH * VEC_LANES <= end; column += WIDTH * VEC_LANES) {
        norm_columns(a, column, WIDTH, VEC_LANES);
    }
    for (; column < end; column += VEC_LANES) {
        int64_t left = end - column;
        if (left >= VEC_LANES) {
            norm_columns(a, column, 1, VEC_LANES);
        } else {
            norm_columns(a, column, 1, (int)left);
        }
    }
}

extern const struct spr_elementwise SPR_PER_ISA(spr_elementwise);
const struct spr_elementwise SPR_PER_ISA(spr_elementwise) = {softmax, gelu, add, norm};
