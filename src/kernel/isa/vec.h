/* SPDX-License-Identifier: Apache-2.0 */
/* One f32 vector of the instruction set being compiled. Kernels are written on this alone. */
#ifndef SPROOF_KERNEL_ISA_VEC_H
#define SPROOF_KERNEL_ISA_VEC_H

#include <float.h>
#include <math.h>
#include <stddef.h>

#define SPR_PASTE_(a, b) a##__##b
#define SPR_PASTE(a, b) SPR_PASTE_(a, b)
/* The name of a symbol in this instruction set's object: NAME__avx2. */
#define SPR_PER_ISA(name) SPR_PASTE(name, SPR_ISA_SUFFIX)

#define VEC_INLINE static inline __attribute__((always_inline))

#if defined(SPR_BUILD_AVX512)
#include <immintrin.h>
#define VEC_LANES 16
#define VEC_REGISTERS 32
typedef __m512 vec;
VEC_INLINE vec vec_zero(void)
{
    return _mm512_setzero_ps();
}
VEC_INLINE vec vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
VEC_INLINE vec vec_set1(float x)
{
    return _mm512_set1_ps(x);
}
VEC_INLINE void vec_store(float *p, vec v)
{
    _mm512_storeu_ps(p, v);
}
VEC_INLINE vec vec_fma(vec a, vec b, vec sum)
{
    return _mm512_fmadd_ps(a, b, sum);
}
VEC_INLINE vec vec_load_part(const float *p, int count)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
}
VEC_INLINE void vec_store_part(float *p, vec v, int count)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), v);
}

VEC_INLINE vec vec_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}
VEC_INLINE vec vec_sub(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}
VEC_INLINE vec vec_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}
VEC_INLINE vec vec_div(vec a, vec b)
{
    return _mm512_div_ps(a, b);
}
VEC_INLINE vec vec_max(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}
VEC_INLINE vec vec_min(vec a, vec b)
{
    return _mm512_min_ps(a, b);
}
VEC_INLINE vec vec_sqrt(vec a)
{
    return _mm512_sqrt_ps(a);
}
VEC_INLINE vec vec_round(vec a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* a * 2^power for whole powers -126..127. */
VEC_INLINE vec vec_scale2(vec a, vec power)
{
    return _mm512_scalef_ps(a, power);
}
/* The low half of a vector: where a row of X ends in at most half a vector, cores that run
 * wide multiply-adds in two halves save one. */
#define VEC_HAS_HALF 1
VEC_INLINE vec vec_load_half(const float *p)
{
    return _mm512_castps256_ps512(_mm256_loadu_ps(p));
}
VEC_INLINE void vec_store_half(float *p, vec v)
{
    _mm256_storeu_ps(p, _mm512_castps512_ps256(v));
}
VEC_INLINE vec vec_fma_half(vec a, vec b, vec sum)
{
    return _mm512_castps256_ps512(_mm256_fmadd_ps(
        _mm512_castps512_ps256(a), _mm512_castps512_ps256(b), _mm512_castps512_ps256(sum)));
}
/* p[0..chunk) in every group of chunk lanes. */
VEC_INLINE vec vec_repeat(const float *p, int chunk)
{
    return chunk == 1   ? _mm512_set1_ps(*p)
           : chunk == 2 ? _mm512_castpd_ps(_mm512_broadcastsd_pd(_mm_castps_pd(
                              _mm_castsi128_ps(_mm_loadl_epi64((const void *)p)))))
           : chunk == 4 ? _mm512_broadcast_f32x4(_mm_loadu_ps(p))
           : chunk == 8 ? _mm512_broadcast_f32x8(_mm256_loadu_ps(p))
                        : _mm512_loadu_ps(p);
}
/* The sum of each group of chunk lanes, in the group's first lane. */
VEC_INLINE vec vec_fold(vec v, int chunk)
{
    if (chunk >= 16) {
        v = _mm512_add_ps(v, _mm512_shuffle_f32x4(v, v, 0x4E));
    }
    if (chunk >= 8) {
        v = _mm512_add_ps(v, _mm512_shuffle_f32x4(v, v, 0xB1));
    }
    if (chunk >= 4) {
        v = _mm512_add_ps(v, _mm512_permute_ps(v, 0x4E));
    }
    if (chunk >= 2) {
        v = _mm512_add_ps(v, _mm512_permute_ps(v, 0xB1));
    }
    return v;
}
/* Every chunk-th lane, side by side from lane 0 on. */
VEC_INLINE vec vec_gather_firsts(vec v, int chunk)
{
    return chunk == 1   ? v
           : chunk == 2 ? _mm512_maskz_compress_ps(0x5555, v)
           : chunk == 4 ? _mm512_maskz_compress_ps(0x1111, v)
           : chunk == 8 ? _mm512_maskz_compress_ps(0x0101, v)
                        : v;
}
/* x[index[0]], x[index[1]], ...: by scalar loads and inserts, faster than gathers on the
 * cores that were measured. */
VEC_INLINE __m128 vec_pick4(const float *x, const unsigned short *index)
{
    return _mm_setr_ps(x[index[0]], x[index[1]], x[index[2]], x[index[3]]);
}
VEC_INLINE vec vec_pick(const float *x, const unsigned short *index)
{
    __m512 v = _mm512_castps128_ps512(vec_pick4(x, index));
    v = _mm512_insertf32x4(v, vec_pick4(x, index + 4), 1);
    v = _mm512_insertf32x4(v, vec_pick4(x, index + 8), 2);
    return _mm512_insertf32x4(v, vec_pick4(x, index + 12), 3);
}
/* Two registers of inputs from which one instruction fetches any lane: what the shuffle form
 * (strips.h) is made of. A place counts lanes of `low`, then of `high`: the lowest
 * VEC_PLACE_BITS of each word, the others do not matter. */
#define VEC_HAS_PERMUTE 1
#define VEC_PLACE_BITS 5
typedef __m512i vec_places;
VEC_INLINE vec_places vec_load_places(const float *p)
{
    return _mm512_loadu_si512((const void *)p);
}
VEC_INLINE vec_places vec_next_places(vec_places places)
{
    return _mm512_srli_epi32(places, VEC_PLACE_BITS);
}
VEC_INLINE vec vec_permute(vec low, vec_places places, vec high)
{
    return _mm512_permutex2var_ps(low, places, high);
}
/* a * b + sum where a is not 0, else the sum, whatever b is. */
VEC_INLINE vec vec_fma_nonzero(vec a, vec b, vec sum)
{
    return _mm512_mask3_fmadd_ps(a, b, sum,
                                 _mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_NEQ_UQ));
}
/* A bit for each lane that is infinite or undefined. */
VEC_INLINE unsigned short vec_not_finite(vec v)
{
    return _mm512_cmp_ps_mask(_mm512_abs_ps(v), _mm512_set1_ps(FLT_MAX), _CMP_NLE_UQ);
}

#elif defined(SPR_BUILD_AVX2)
#include <immintrin.h>
#define VEC_LANES 8
#define VEC_REGISTERS 16
typedef __m256 vec;
VEC_INLINE vec vec_zero(void)
{
    return _mm256_setzero_ps();
}
VEC_INLINE vec vec_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
VEC_INLINE vec vec_set1(float x)
{
    return _mm256_set1_ps(x);
}
VEC_INLINE void vec_store(float *p, vec v)
{
    _mm256_storeu_ps(p, v);
}
VEC_INLINE vec vec_fma(vec a, vec b, vec sum)
{
    return _mm256_fmadd_ps(a, b, sum);
}
VEC_INLINE __m256i vec_first(int count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
VEC_INLINE vec vec_load_part(const float *p, int count)
{
    return _mm256_maskload_ps(p, vec_first(count));
}
VEC_INLINE void vec_store_part(float *p, vec v, int count)
{
    _mm256_maskstore_ps(p, vec_first(count), v);
}

VEC_INLINE vec vec_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}
VEC_INLINE vec vec_sub(vec a, vec b)
{
    return _mm256_sub_ps(a, b);
}
VEC_INLINE vec vec_mul(vec a, vec b)
{
    return _mm256_mul_ps(a, b);
}
VEC_INLINE vec vec_div(vec a, vec b)
{
    return _mm256_div_ps(a, b);
}
VEC_INLINE vec vec_max(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}
VEC_INLINE vec vec_min(vec a, vec b)
{
    return _mm256_min_ps(a, b);
}
VEC_INLINE vec vec_sqrt(vec a)
{
    return _mm256_sqrt_ps(a);
}
VEC_INLINE vec vec_round(vec a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* a * 2^power for whole powers -126..127. */
VEC_INLINE vec vec_scale2(vec a, vec power)
{
    __m256i bits = _mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127));
    return _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(bits, 23)));
}
VEC_INLINE vec vec_repeat(const float *p, int chunk)
{
    return chunk == 1   ? _mm256_set1_ps(*p)
           : chunk == 2 ? _mm256_castpd_ps(_mm256_broadcastsd_pd(_mm_castps_pd(
                              _mm_castsi128_ps(_mm_loadl_epi64((const void *)p)))))
           : chunk == 4 ? _mm256_broadcast_ps((const __m128 *)(const void *)p)
                        : _mm256_loadu_ps(p);
}
VEC_INLINE vec vec_fold(vec v, int chunk)
{
    if (chunk >= 8) {
        v = _mm256_add_ps(v, _mm256_permute2f128_ps(v, v, 1));
    }
    if (chunk >= 4) {
        v = _mm256_add_ps(v, _mm256_permute_ps(v, 0x4E));
    }
    if (chunk >= 2) {
        v = _mm256_add_ps(v, _mm256_permute_ps(v, 0xB1));
    }
    return v;
}
VEC_INLINE vec vec_gather_firsts(vec v, int chunk)
{
    return chunk == 2 ? _mm256_permutevar8x32_ps(v, _mm256_setr_epi32(0, 2, 4, 6, 0, 0, 0, 0))
           : chunk == 4
               ? _mm256_permutevar8x32_ps(v, _mm256_setr_epi32(0, 4, 0, 0, 0, 0, 0, 0))
               : v;
}
VEC_INLINE __m128 vec_pick4(const float *x, const unsigned short *index)
{
    return _mm_setr_ps(x[index[0]], x[index[1]], x[index[2]], x[index[3]]);
}
VEC_INLINE vec vec_pick(const float *x, const unsigned short *index)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(vec_pick4(x, index)),
                                vec_pick4(x, index + 4), 1);
}

#elif defined(SPR_BUILD_NEON)
#include <arm_neon.h>
#define VEC_LANES 4
#define VEC_REGISTERS 32
typedef float32x4_t vec;
VEC_INLINE vec vec_zero(void)
{
    return vdupq_n_f32(0);
}
VEC_INLINE vec vec_load(const float *p)
{
    return vld1q_f32(p);
}
VEC_INLINE vec vec_set1(float x)
{
    return vdupq_n_f32(x);
}
VEC_INLINE void vec_store(float *p, vec v)
{
    vst1q_f32(p, v);
}
VEC_INLINE vec vec_fma(vec a, vec b, vec sum)
{
    return vfmaq_f32(sum, a, b);
}
VEC_INLINE vec vec_load_part(const float *p, int count)
{
    float lanes[4] = {0};
    for (int i = 0; i < count; i++) {
        lanes[i] = p[i];
    }
    return vld1q_f32(lanes);
}
VEC_INLINE void vec_store_part(float *p, vec v, int count)
{
    float lanes[4];
    vst1q_f32(lanes, v);
    for (int i = 0; i < count; i++) {
        p[i] = lanes[i];
    }
}

VEC_INLINE vec vec_add(vec a, vec b)
{
    return vaddq_f32(a, b);
}
VEC_INLINE vec vec_sub(vec a, vec b)
{
    return vsubq_f32(a, b);
}
VEC_INLINE vec vec_mul(vec a, vec b)
{
    return vmulq_f32(a, b);
}
VEC_INLINE vec vec_div(vec a, vec b)
{
    return vdivq_f32(a, b);
}
VEC_INLINE vec vec_max(vec a, vec b)
{
    return vmaxq_f32(a, b);
}
VEC_INLINE vec vec_min(vec a, vec b)
{
    return vminq_f32(a, b);
}
VEC_INLINE vec vec_sqrt(vec a)
{
    return vsqrtq_f32(a);
}
VEC_INLINE vec vec_round(vec a)
{
    return vrndnq_f32(a);
}
VEC_INLINE vec vec_scale2(vec a, vec power)
{
    int32x4_t bits = vaddq_s32(vcvtnq_s32_f32(power), vdupq_n_s32(127));
    return vmulq_f32(a, vreinterpretq_f32_s32(vshlq_n_s32(bits, 23)));
}
VEC_INLINE vec vec_repeat(const float *p, int chunk)
{
    return chunk == 1   ? vdupq_n_f32(*p)
           : chunk == 2 ? vcombine_f32(vld1_f32(p), vld1_f32(p))
                        : vld1q_f32(p);
}
VEC_INLINE vec vec_fold(vec v, int chunk)
{
    if (chunk >= 4) {
        v = vaddq_f32(v, vextq_f32(v, v, 2));
    }
    if (chunk >= 2) {
        v = vaddq_f32(v, vrev64q_f32(v));
    }
    return v;
}
VEC_INLINE vec vec_gather_firsts(vec v, int chunk)
{
    return chunk == 2 ? vuzp1q_f32(v, v) : v;
}
VEC_INLINE vec vec_pick(const float *x, const unsigned short *index)
{
    float lanes[4] = {x[index[0]], x[index[1]], x[index[2]], x[index[3]]};
    return vld1q_f32(lanes);
}

#else
#define VEC_LANES 1
#define VEC_REGISTERS 16
typedef float vec;
VEC_INLINE vec vec_zero(void)
{
    return 0;
}
VEC_INLINE vec vec_load(const float *p)
{
    return *p;
}
VEC_INLINE vec vec_set1(float x)
{
    return x;
}
VEC_INLINE void vec_store(float *p, vec v)
{
    *p = v;
}
VEC_INLINE vec vec_fma(vec a, vec b, vec sum)
{
    return a * b + sum;
}
VEC_INLINE vec vec_add(vec a, vec b)
{
    return a + b;
}
VEC_INLINE vec vec_sub(vec a, vec b)
{
    return a - b;
}
VEC_INLINE vec vec_mul(vec a, vec b)
{
    return a * b;
}
VEC_INLINE vec vec_div(vec a, vec b)
{
    return a / b;
}
VEC_INLINE vec vec_max(vec a, vec b)
{
    return a > b ? a : b;
}
VEC_INLINE vec vec_min(vec a, vec b)
{
    return a < b ? a : b;
}
VEC_INLINE vec vec_sqrt(vec a)
{
    return sqrtf(a);
}
VEC_INLINE vec vec_round(vec a)
{
    return rintf(a);
}
VEC_INLINE vec vec_scale2(vec a, vec power)
{
    return ldexpf(a, (int)power);
}
VEC_INLINE vec vec_repeat(const float *p, int chunk)
{
    (void)chunk;
    return *p;
}
VEC_INLINE vec vec_fold(vec v, int chunk)
{
    (void)chunk;
    return v;
}
VEC_INLINE vec vec_gather_firsts(vec v, int chunk)
{
    (void)chunk;
    return v;
}
VEC_INLINE vec vec_pick(const float *x, const unsigned short *index)
{
    return x[index[0]];
}
VEC_INLINE vec vec_load_part(const float *p, int count)
{
    return count > 0 ? *p : 0;
}
VEC_INLINE void vec_store_part(float *p, vec v, int count)
{
    if (count > 0) {
        *p = v;
    }
}
#endif

#ifndef VEC_HAS_HALF
#define VEC_HAS_HALF 0
VEC_INLINE vec vec_load_half(const float *p)
{
    return vec_load(p);
}
VEC_INLINE void vec_store_half(float *p, vec v)
{
    vec_store(p, v);
}
VEC_INLINE vec vec_fma_half(vec a, vec b, vec sum)
{
    return vec_fma(a, b, sum);
}
#endif

#ifndef VEC_HAS_PERMUTE
#define VEC_HAS_PERMUTE 0
#endif

/* Four columns of four rows become four rows of four columns. */
#if defined(SPR_BUILD_AVX512) || defined(SPR_BUILD_AVX2)
VEC_INLINE void vec_turn4(const float *from, size_t from_row, float *to, size_t to_row)
{
    __m128 a = _mm_loadu_ps(from), b = _mm_loadu_ps(from + from_row);
    __m128 c = _mm_loadu_ps(from + 2 * from_row), d = _mm_loadu_ps(from + 3 * from_row);
    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_storeu_ps(to, a);
    _mm_storeu_ps(to + to_row, b);
    _mm_storeu_ps(to + 2 * to_row, c);
    _mm_storeu_ps(to + 3 * to_row, d);
}
#elif defined(SPR_BUILD_NEON)
VEC_INLINE void vec_turn4(const float *from, size_t from_row, float *to, size_t to_row)
{
    /* Pairs of rows by element, then pairs of those by half. */
    float32x4x2_t ab = vtrnq_f32(vld1q_f32(from), vld1q_f32(from + from_row));
    float32x4x2_t cd =
        vtrnq_f32(vld1q_f32(from + 2 * from_row), vld1q_f32(from + 3 * from_row));
    for (int i = 0; i < 2; i++) {
        vst1q_f32(to + (size_t)i * to_row,
                  vcombine_f32(vget_low_f32(ab.val[i]), vget_low_f32(cd.val[i])));
        vst1q_f32(to + (size_t)(2 + i) * to_row,
                  vcombine_f32(vget_high_f32(ab.val[i]), vget_high_f32(cd.val[i])));
    }
}
#else
VEC_INLINE void vec_turn4(const float *from, size_t from_row, float *to, size_t to_row)
{
    for (size_t i = 0; i < 16; i++) {
        to[i % 4 * to_row + i / 4] = from[i / 4 * from_row + i % 4];
    }
}
#endif

/* Keeps a value in a register: without it gcc folds the load of X into every multiply-add
 * that uses it, and the load ports limit instead of the multipliers. */
#if defined(__x86_64__)
#define VEC_KEEP(v) __asm__("" : "+v"(v))
#elif defined(__aarch64__)
#define VEC_KEEP(v) __asm__("" : "+w"(v))
#else
#define VEC_KEEP(v) ((void)0)
#endif

#endif
