/* SPDX-License-Identifier: Apache-2.0 */
/* NEON: four lanes. Part of vec.h, which says what each operation does. */
#ifndef SPROOF_KERNEL_ISA_VEC_NEON_H
#define SPROOF_KERNEL_ISA_VEC_NEON_H

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
    return vmaxnmq_f32(a, b); /* as elsewhere a NaN loses */
}
VEC_INLINE vec vec_min(vec a, vec b)
{
    return vminnmq_f32(a, b);
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

VEC_INLINE unsigned vec_at_least(vec a, vec b)
{
    static const unsigned bit[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vcgeq_f32(a, b), vld1q_u32(bit)));
}

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

#endif
