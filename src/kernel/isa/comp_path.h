/* SPDX-License-Identifier: Apache-2.0 */
/* The comp form (strips.h) of the instruction set being compiled; part of tiles.c. */
#ifndef SPROOF_KERNEL_ISA_COMP_PATH_H
#define SPROOF_KERNEL_ISA_COMP_PATH_H

#include "kernel/isa/strips.h"
#include "kernel/isa/vec.h"

#if VEC_HAS_FETCH
/* A slot without a weight holds 0 and must not meet an infinite or undefined input. */
static bool all_finite(const float *x, int64_t count)
{
    unsigned short bad = 0;
    for (int64_t i = 0; i < count; i += VEC_LANES) {
        int left = count - i < VEC_LANES ? (int)(count - i) : VEC_LANES;
        bad = (unsigned short)(bad | vec_not_finite(vec_load_part(x + i, left)));
    }
    return bad == 0;
}

/* Sums that do not wait for each other. */
#define COMP_CHAINS 4

VEC_INLINE vec comp_step(int inputs, bool finite, const float *x, const float *w,
                         vec_places places, vec sum)
{
    const vec low = vec_load(x);
    const vec input = inputs == 1 ? vec_fetch(low, places)
                                  : vec_permute(low, places, vec_load(x + VEC_LANES));
    return finite ? vec_fma(vec_load(w), input, sum)
                  : vec_fma_nonzero(vec_load(w), input, sum);
}

struct comp_work {
    const struct spr_segment *segment, *end;
    const float *value, *x;
    float *y;
    size_t columns; /* of a step */
    size_t last;    /* column behind which no step reads */
};

VEC_INLINE void comp_tile(int inputs, bool finite, const struct comp_work *work)
{
    const int bits = spr_comp_bits(VEC_LANES, inputs);
    const size_t block = (size_t)spr_comp_block(VEC_LANES, inputs);
    const size_t columns = work->columns, inside = work->last / columns + 1;
    for (const struct spr_segment *s = work->segment; s < work->end; s++) {
        const size_t steps = s->steps, whole = inside < steps ? inside : steps;
        const float *w = work->value + s->value, *x = work->x;
        vec sum[COMP_CHAINS] = {vec_zero(), vec_zero(), vec_zero(), vec_zero()};
        size_t i = 0;
        for (; i + block <= whole; i += block) {
            vec_places places = vec_load_places(w);
            w += VEC_LANES;
#pragma GCC unroll 8
            for (size_t c = 0; c < block; c++) {
                sum[c % COMP_CHAINS] =
                    comp_step(inputs, finite, x, w, places, sum[c % COMP_CHAINS]);
                places = vec_next_places(places, bits);
                w += VEC_LANES;
                x += columns;
            }
        }
        while (i < steps) {
            vec_places places = vec_load_places(w);
            w += VEC_LANES;
#pragma GCC unroll 8
            for (size_t c = 0; c < block; c++) {
                if (i < steps) {
                    x = work->x + spr_comp_column(i, columns, work->last);
                    sum[c % COMP_CHAINS] =
                        comp_step(inputs, finite, x, w, places, sum[c % COMP_CHAINS]);
                    places = vec_next_places(places, bits);
                    w += VEC_LANES;
                    i++;
                }
            }
        }
        const vec total = vec_add(vec_add(sum[0], sum[1]), vec_add(sum[2], sum[3]));
        if (s->rows == VEC_LANES) {
            vec_store(work->y + s->row, total);
        } else {
            vec_store_part(work->y + s->row, total, (int)s->rows);
        }
    }
}

static __attribute__((noinline)) void comp_one(bool finite, const struct comp_work *work)
{
    if (finite) {
        comp_tile(1, true, work);
    } else {
        comp_tile(1, false, work);
    }
}

static __attribute__((noinline)) void comp_two(bool finite, const struct comp_work *work)
{
    if (finite) {
        comp_tile(2, true, work);
    } else {
        comp_tile(2, false, work);
    }
}

/* NOLINTNEXTLINE(readability-non-const-parameter): y is written through the work */
static void comp(const struct spr_strips *strips, const struct spr_strip *strip,
                 const float *x, float *y)
{
    const struct comp_work work = {.segment = strips->segment + strip->begin,
                                   .end = strips->segment + strip->end,
                                   .value = strips->value,
                                   .x = x,
                                   .y = y,
                                   .columns = strip->chunk,
                                   .last =
                                       (size_t)strips->k - (size_t)strip->inputs * VEC_LANES};
    const bool finite = strip->full || all_finite(x, strips->k);
    (strip->inputs == 1 ? comp_one : comp_two)(finite, &work);
}
#endif

#endif
