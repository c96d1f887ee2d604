/* SPDX-License-Identifier: Apache-2.0 */
/* One f32 vector of the instruction set being compiled. Kernels are written on this alone. */
#ifndef SPROOF_KERNEL_VEC_H
#define SPROOF_KERNEL_VEC_H

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
