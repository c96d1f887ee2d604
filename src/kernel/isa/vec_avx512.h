/* SPDX-License-Identifier: Apache-2.0 */
/* AVX-512: sixteen lanes, halves of them, and permutations of two registers. Part of vec.h,
 * which says what each operation does. */
#ifndef SPROOF_KERNEL_ISA_VEC_AVX512_H
#define SPROOF_KERNEL_ISA_VEC_AVX512_H

#include "kernel/isa/vec_sse.h"

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
VEC_INLINE vec vec_scale2(vec a, vec power)
{
    return _mm512_scalef_ps(a, power);
}
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
VEC_INLINE vec vec_repeat(const float *p, int chunk)
{
    return chunk == 1   ? _mm512_set1_ps(*p)
           : chunk == 2 ? _mm512_castpd_ps(_mm512_broadcastsd_pd(_mm_castps_pd(
                              _mm_castsi128_ps(_mm_loadl_epi64((const void *)p)))))
           : chunk == 4 ? _mm512_broadcast_f32x4(_mm_loadu_ps(p))
           : chunk == 8 ? _mm512_broadcast_f32x8(_mm256_loadu_ps(p))
                        : _mm512_loadu_ps(p);
}
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
VEC_INLINE vec vec_gather_firsts(vec v, int chunk)
{
    return chunk == 1   ? v
           : chunk == 2 ? _mm512_maskz_compress_ps(0x5555, v)
           : chunk == 4 ? _mm512_maskz_compress_ps(0x1111, v)
           : chunk == 8 ? _mm512_maskz_compress_ps(0x0101, v)
                        : v;
}
VEC_INLINE vec vec_pick(const float *x, const unsigned short *index)
{
    __m512 v = _mm512_castps128_ps512(vec_pick4(x, index));
    v = _mm512_insertf32x4(v, vec_pick4(x, index + 4), 1);
    v = _mm512_insertf32x4(v, vec_pick4(x, index + 8), 2);
    return _mm512_insertf32x4(v, vec_pick4(x, index + 12), 3);
}
#define VEC_HAS_PERMUTE 1
#define VEC_PLACE_BITS 5
typedef __m512i vec_places;
VEC_INLINE vec_places vec_load_places(const float *p)
{
    return _mm512_loadu_si512((const void *)p);
}
VEC_INLINE vec_places vec_next_places(vec_places places, int bits)
{
    return bits == 4 ? _mm512_srli_epi32(places, 4) : _mm512_srli_epi32(places, 5);
}
#define VEC_HAS_FETCH 1
VEC_INLINE vec vec_fetch(vec inputs, vec_places places)
{
    return _mm512_permutexvar_ps(places, inputs);
}
VEC_INLINE vec vec_permute(vec low, vec_places places, vec high)
{
    return _mm512_permutex2var_ps(low, places, high);
}
VEC_INLINE vec vec_fma_nonzero(vec a, vec b, vec sum)
{
    return _mm512_mask3_fmadd_ps(a, b, sum,
                                 _mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_NEQ_UQ));
}
VEC_INLINE unsigned short vec_not_finite(vec v)
{
    return _mm512_cmp_ps_mask(_mm512_abs_ps(v), _mm512_set1_ps(FLT_MAX), _CMP_NLE_UQ);
}

VEC_INLINE unsigned vec_at_least(vec a, vec b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}
#define VEC_HAS_COMPRESS 1
VEC_INLINE vec vec_compress(vec a, unsigned lanes)
{
    return _mm512_maskz_compress_ps((__mmask16)lanes, a);
}
VEC_INLINE vec_places vec_compress_loaded(vec_places a, unsigned lanes)
{
    return _mm512_maskz_compress_epi32((__mmask16)lanes, a);
}
VEC_INLINE vec_places vec_compress_places(int first, unsigned lanes)
{
    const __m512i all = _mm512_add_epi32(
        _mm512_set1_epi32(first),
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    return vec_compress_loaded(all, lanes);
}
VEC_INLINE void vec_store_places(int *p, vec_places v)
{
    _mm512_storeu_si512((void *)p, v);
}

#endif
