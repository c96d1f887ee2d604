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

/* Each of these headers has VEC_LANES, VEC_REGISTERS, the type vec, its plain arithmetic, and
 *   vec_load_part(p, count)     the first `count` lanes, the others 0; vec_store_part stores them
 *   vec_scale2(a, power)        a * 2^power for whole powers -126..127
 *   vec_repeat(p, chunk)        p[0..chunk) in every group of chunk lanes
 *   vec_fold(v, chunk)          the sum of each group of chunk lanes, in the group's first lane
 *   vec_gather_firsts(v, chunk) every chunk-th lane, side by side from lane 0 on
 *   vec_pick(x, index)          x[index[0]], x[index[1]], ...
 *   vec_turn4(from, to)         four columns of four rows become four rows of four columns
 *   vec_at_least(a, b)          a bit for each lane where a >= b; NaN is never
 * VEC_HAS_COMPRESS: vec_compress moves the lanes whose bits are set to the front, and so do
 * vec_compress_loaded and vec_compress_places (first, first + 1, ...) with whole numbers.
 * VEC_HAS_HALF: the low half of a vector (vec_load_half, vec_store_half, vec_fma_half): where a row
 * of X ends in at most half a vector, cores that run wide multiply-adds in two halves save one.
 * VEC_HAS_FETCH: vec_fetch(inputs, places), one instruction that puts any input in each lane, what
 * the comp form (strips.h) is made of; vec_permute takes them out of two registers.
 * VEC_HAS_PERMUTE: two registers of inputs from which one instruction fetches any lane
 * (vec_permute), what the shuffle form (strips.h) is made of. A place counts lanes of `low`, then
 * of `high`: the lowest VEC_PLACE_BITS of each word, the others do not matter. vec_fma_nonzero:
 * a * b + sum where a is not 0, else the sum, whatever b is; vec_not_finite: a bit for each lane
 * that is infinite or undefined. */
#if defined(SPR_BUILD_AVX512)
#include "kernel/isa/vec_avx512.h"
#elif defined(SPR_BUILD_AVX2)
#include "kernel/isa/vec_avx2.h"
#elif defined(SPR_BUILD_NEON)
#include "kernel/isa/vec_neon.h"
#else
#include "kernel/isa/vec_scalar.h"
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

#ifndef VEC_HAS_COMPRESS
#define VEC_HAS_COMPRESS 0
#endif

#ifndef VEC_HAS_PERMUTE
#define VEC_HAS_PERMUTE 0
#endif
#ifndef VEC_HAS_FETCH
#define VEC_HAS_FETCH 0
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
