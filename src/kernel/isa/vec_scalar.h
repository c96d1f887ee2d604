/* SPDX-License-Identifier: Apache-2.0 */
/* One lane, in plain C. Part of vec.h, which says what each operation does. */
#ifndef SPROOF_KERNEL_ISA_VEC_SCALAR_H
#define SPROOF_KERNEL_ISA_VEC_SCALAR_H

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
VEC_INLINE void vec_turn4(const float *from, size_t from_row, float *to, size_t to_row)
{
    for (size_t i = 0; i < 16; i++) {
        to[i % 4 * to_row + i / 4] = from[i / 4 * from_row + i % 4];
    }
}

VEC_INLINE unsigned vec_at_least(vec a, vec b)
{
    return a >= b;
}

#endif
