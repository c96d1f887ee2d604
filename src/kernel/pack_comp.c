/* SPDX-License-Identifier: Apache-2.0 */
/* The comp form at n = 1 (kernel/isa/strips.h). */
#include "kernel/pack_comp.h"

#include <string.h>

/* Weights in a step, of as many rows as there are lanes: with fewer, row by row is as fast. */
#define LEAST_WEIGHTS 2

/* The most columns, up to `most`, that P columns can be cut into. */
static int64_t largest_divisor(int64_t owners, int64_t most)
{
    int64_t columns = owners < most ? owners : most;
    while (owners % columns > 0) {
        columns--;
    }
    return columns;
}

struct spr_comp_form spr_comp_form_of(const struct spr_plan *plan)
{
    const struct spr_comp_form none = {0};
    struct spr_comp_form form = {0};
    struct spr_cell_shape cell;
    const int64_t lanes = spr_isa_lanes(plan->isa);
    if (plan->n != 1 || !spr_isa_code_of(plan->isa)->tiles->fetches) {
        return none;
    }
    plan->pattern.kind->cell(&plan->pattern, plan->m, plan->k, 0, &cell);
    if (cell.owners < 2) {
        return none;
    }
    form.inputs = cell.owners <= lanes ? 1 : 2;
    form.columns = largest_divisor(cell.owners, form.inputs * lanes);
    return form.inputs * lanes > plan->k || form.columns * lanes < LEAST_WEIGHTS * cell.owners
               ? none
               : form;
}

bool spr_comp_usable(const struct spr_comp_form *form, const struct spr_matrix *w)
{
    for (int64_t row = 0; form->columns > 0 && row < w->m; row++) {
        int64_t last = -1;
        for (size_t e = w->row[row]; e < w->row[row + 1]; e++) {
            const int64_t step = w->column[e] / form->columns;
            if (step == last || w->value[e] == 0) {
                return false;
            }
            last = step;
        }
    }
    return form->columns > 0;
}

/* The weights of a row group; how many. */
static size_t put_group(const struct spr_plan *plan, const struct spr_matrix *w,
                        const struct spr_comp_form *form, const struct spr_segment *s,
                        float *out)
{
    const int lanes = spr_isa_lanes(plan->isa);
    const size_t last = (size_t)(plan->k - (int64_t)form->inputs * lanes);
    const size_t block = (size_t)spr_comp_block(lanes, form->inputs);
    const int bits = spr_comp_bits(lanes, form->inputs);
    size_t count = 0;
    for (uint32_t r = 0; r < s->rows; r++) {
        for (size_t e = w->row[s->row + r]; e < w->row[s->row + r + 1]; e++, count++) {
            const size_t column = (size_t)w->column[e], columns = (size_t)form->columns;
            const size_t step = column / columns;
            float *words = out + step / block * (block + 1) * (size_t)lanes;
            uint32_t places, place = (uint32_t)(column - spr_comp_column(step, columns, last));
            memcpy(&places, words + r, sizeof places);
            places |= place << ((size_t)bits * (step % block));
            memcpy(words + r, &places, sizeof places);
            words[(step % block + 1) * (size_t)lanes + r] = w->value[e];
        }
    }
    return count;
}

void spr_comp_put(const struct spr_plan *plan, const struct spr_matrix *w,
                  const struct spr_span *rows, struct spr_cursor *at, struct spr_strips *out)
{
    const struct spr_comp_form form = spr_comp_form_of(plan);
    const int lanes = spr_isa_lanes(plan->isa);
    const size_t steps = (size_t)((plan->k + form.columns - 1) / form.columns);
    const size_t first = at->segment;
    bool full = true;
    if (rows->begin == rows->end) {
        return;
    }
    for (int64_t row = rows->begin; row < rows->end; row += lanes) {
        const int64_t left = rows->end - row;
        const struct spr_segment s = {.row = (uint32_t)row,
                                      .steps = (uint32_t)steps,
                                      .rows = (uint32_t)(left < lanes ? left : lanes),
                                      .value = at->value};
        if (out) {
            out->segment[at->segment] = s;
            full = put_group(plan, w, &form, &s, out->value + at->value) == s.rows * steps &&
                   full;
        }
        at->segment++;
        at->value += spr_comp_values(lanes, form.inputs, steps);
    }
    if (out) {
        out->strip[at->strip] = (struct spr_strip){.begin = (uint32_t)first,
                                                   .end = (uint32_t)at->segment,
                                                   .vectors = 1,
                                                   .chunk = (uint16_t)form.columns,
                                                   .inputs = (uint16_t)form.inputs,
                                                   .full = full,
                                                   .first = true};
    }
    at->strip++;
}
