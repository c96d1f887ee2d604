/* SPDX-License-Identifier: Apache-2.0 */
/* What AVX2 and AVX-512 do four lanes at a time. Part of vec.h. */
#ifndef SPROOF_KERNEL_ISA_VEC_SSE_H
#define SPROOF_KERNEL_ISA_VEC_SSE_H

#include <immintrin.h>
#include <stddef.h>

/* x[index[0]], x[index[1]], ...: by scalar loads and inserts, faster than gathers on the
 * cores that were measured. */
VEC_INLINE __m128 vec_pick4(const float *x, const unsigned short *index)
{
    return _mm_setr_ps(x[index[0]], x[index[1]], x[index[2]], x[index[3]]);
}

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

#endif
