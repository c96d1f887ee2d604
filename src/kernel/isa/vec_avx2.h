/* SPDX-License-Identifier: Apache-2.0 */
/* AVX2 with FMA: eight lanes. Part of vec.h, which says what each operation does. */
#ifndef SPROOF_KERNEL_ISA_VEC_AVX2_H
#define SPROOF_KERNEL_ISA_VEC_AVX2_H

#include "kernel/isa/vec_sse.h"

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
VEC_INLINE vec vec_pick(const float *x, const unsigned short *index)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(vec_pick4(x, index)),
                                vec_pick4(x, index + 4), 1);
}
#define VEC_HAS_FETCH 1
typedef __m256i vec_places;
VEC_INLINE vec_places vec_load_places(const float *p)
{
    return _mm256_loadu_si256((const void *)p);
}
VEC_INLINE vec_places vec_next_places(vec_places places, int bits)
{
    return bits == 4 ? _mm256_srli_epi32(places, 4) : _mm256_srli_epi32(places, 5);
}
VEC_INLINE vec vec_fetch(vec inputs, vec_places places)
{
    return _mm256_permutevar8x32_ps(inputs, places);
}
VEC_INLINE vec vec_permute(vec low, vec_places places, vec high)
{
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, places),
                            _mm256_permutevar8x32_ps(high, places),
                            _mm256_castsi256_ps(_mm256_slli_epi32(places, 28)));
}
VEC_INLINE vec vec_fma_nonzero(vec a, vec b, vec sum)
{
    return _mm256_blendv_ps(sum, _mm256_fmadd_ps(a, b, sum),
                            _mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_NEQ_UQ));
}
VEC_INLINE unsigned short vec_not_finite(vec v)
{
    const vec size = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v);
    return (unsigned short)_mm256_movemask_ps(
        _mm256_cmp_ps(size, _mm256_set1_ps(FLT_MAX), _CMP_NLE_UQ));
}

VEC_INLINE unsigned vec_at_least(vec a, vec b)
{
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GE_OQ));
}

#endif
