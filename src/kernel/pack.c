/* SPDX-License-Identifier: Apache-2.0 */
/* Packing: from a matrix with zeros to the strips its kernel reads (kernel/isa/strips.h). */

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/pack_units.h"
#include "matrix/matrix_build.h"

#define ALIGNMENT 64

struct order {
    uint32_t steps;
    int64_t unit;
};

/* Longest first: the loops of equal length that follow each other are predicted. */
static int by_length(const void *left, const void *right)
{
    const struct order *a = left, *b = right;
    if (a->steps != b->steps) {
        return a->steps < b->steps ? 1 : -1;
    }
    return a->unit < b->unit ? -1 : 1;
}

/* Values that a step of a row group has room for. */
static size_t step_values(const struct spr_packer *p, int rows)
{
    return (size_t)(p->lanes ? spr_tile_values(&p->tile, spr_isa_lanes(p->plan->isa)) : rows);
}

/* Values of a group's columns, laid out as the tile reads them. */
static void put_values(const struct spr_packer *p, int64_t row, int rows,
                       const struct spr_span *columns, float *out)
{
    const struct spr_matrix *w = p->matrix;
    const size_t chunk = (size_t)p->chunk, values = step_values(p, rows);
    for (int r = 0; r < rows; r++) {
        for (size_t e = spr_matrix_find(w, row + r, columns->begin);
             e < w->row[row + r + 1] && w->column[e] < columns->end; e++) {
            int64_t column = w->column[e];
            size_t at = (size_t)(p->dense ? column - columns->begin : p->position[column]);
            out[at / chunk * values + (size_t)r * chunk + at % chunk] = w->value[e];
        }
    }
}

/* One unit in one panel, its groups of one height. fill: values and indices too. */
static void put_unit(struct spr_packer *p, int64_t unit, int64_t panel, int height, bool fill)
{
    const size_t steps = p->steps[unit * p->panels + panel];
    const struct spr_span columns = spr_panel_columns(p, panel), all = spr_unit_rows(p, unit);
    size_t index = p->at.index;
    bool any = false;
    if (fill && !p->dense) {
        int64_t count = spr_unit_columns(p, unit, &columns);
        for (int64_t i = 0; i < count; i++) {
            p->position[p->columns[i]] = i;
        }
    }
    for (int64_t row = all.begin; row < all.end;) {
        int rows = spr_unit_group(p, row, all.end);
        if (p->lanes || rows == height) {
            if (fill) {
                p->out.segment[p->at.segment] =
                    (struct spr_segment){.row = (uint32_t)row,
                                         .steps = (uint32_t)steps,
                                         .index = p->dense ? 0 : (uint32_t)index,
                                         .rows = (uint32_t)rows,
                                         .value = p->at.value};
                put_values(p, row, rows, &columns, p->out.value + p->at.value);
            }
            p->at.segment++;
            p->at.value += steps * step_values(p, rows);
            any = true;
        }
        row += rows;
    }
    if (any && !p->dense) {
        for (size_t i = 0; fill && i < steps; i++) {
            p->out.index[index + i] =
                (uint16_t)(p->columns[(int64_t)i * p->chunk] - columns.begin);
        }
        p->at.index += steps;
    }
}

/* Heights of the row groups that occur in the units of a thread. */
static void find_heights(const struct spr_packer *p, int64_t begin, int64_t end, bool *heights)
{
    memset(heights, 0, (SPR_TILE_HEIGHT_MAX + 1) * sizeof *heights);
    for (int64_t unit = begin; unit < end; unit++) {
        /* all units but the last are alike */
        if (unit > begin && unit < end - 1) {
            continue;
        }
        const struct spr_span all = spr_unit_rows(p, unit);
        for (int64_t row = all.begin; row < all.end;) {
            int rows = spr_unit_group(p, row, all.end);
            heights[p->lanes ? 0 : rows] = true;
            row += rows;
        }
    }
}

/* Segments of one thread, panel and height (0: lanes are weights). */
static void put_strip(struct spr_packer *p, int64_t begin, int64_t end, int64_t panel,
                      int height, struct order *order, bool fill)
{
    size_t count = 0, first = p->at.segment;
    for (int64_t unit = begin; unit < end; unit++) {
        uint32_t steps = p->steps[unit * p->panels + panel];
        if (panel == 0 || steps > 0) { /* the first panel sets every row of Y */
            order[count++] = (struct order){steps, unit};
        }
    }
    if (!p->dense) {
        qsort(order, count, sizeof *order, by_length);
    }
    for (size_t i = 0; i < count; i++) {
        put_unit(p, order[i].unit, panel, height, fill);
    }
    if (p->at.segment == first) {
        return;
    }
    if (fill) {
        p->out.strip[p->at.strip] = (struct spr_strip){.begin = (uint32_t)first,
                                                       .end = (uint32_t)p->at.segment,
                                                       .column = panel * p->plan->panel,
                                                       .rows = (uint16_t)height,
                                                       .vectors = (uint16_t)p->tile.vectors,
                                                       .chunk = (uint16_t)p->tile.chunk,
                                                       .first = panel == 0};
    }
    p->at.strip++;
}

static void put_all(struct spr_packer *p, struct order *order, bool fill)
{
    bool heights[SPR_TILE_HEIGHT_MAX + 1];
    p->at = (struct spr_cursor){0};
    for (int t = 0; t < p->plan->threads; t++) {
        if (fill) {
            p->out.thread_strip[t] = (uint32_t)p->at.strip;
        }
        const struct spr_span rows = {p->first[t], p->first[t + 1]};
        if (p->comp) {
            spr_comp_put(p->plan, p->matrix, &rows, &p->at, fill ? &p->out : NULL);
            continue;
        }
        if (p->slots > 0) {
            spr_shuffle_put(p->matrix, p->slots, &rows, &p->at, fill ? &p->out : NULL);
            continue;
        }
        find_heights(p, p->first[t], p->first[t + 1], heights);
        for (int64_t panel = 0; panel < p->panels; panel++) {
            for (int height = SPR_TILE_HEIGHT_MAX; height >= 0; height--) {
                if (heights[height]) {
                    put_strip(p, p->first[t], p->first[t + 1], panel, height, order, fill);
                }
            }
        }
    }
    if (fill) {
        p->out.thread_strip[p->plan->threads] = (uint32_t)p->at.strip;
    }
}

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Room for `count` items behind *at; where they will be, NULL while only counting. */
static void *reserve(char *block, size_t *at, size_t count, size_t size)
{
    size_t begin = *at;
    *at += aligned(count * size);
    return block ? block + begin : NULL;
}

/* Places the arrays behind the header; returns the bytes of the whole block. */
static size_t place(struct spr_strips *s, char *block)
{
    size_t at = aligned(sizeof *s);
    s->value = reserve(block, &at, s->value_count, sizeof *s->value);
    s->segment = reserve(block, &at, s->segment_count, sizeof *s->segment);
    s->strip = reserve(block, &at, s->strip_count, sizeof *s->strip);
    s->thread_strip = reserve(block, &at, (size_t)s->threads + 1, sizeof *s->thread_strip);
    s->index = reserve(block, &at, s->index_count, sizeof *s->index);
    return at;
}

/* Counts what the block will hold. order: scratch for every unit. */
static void measure(struct spr_packer *p, struct order *order)
{
    spr_packer_count(p);
    put_all(p, order, false);
    p->out = (struct spr_strips){.m = p->plan->m,
                                 .k = p->plan->k,
                                 .n = p->plan->n,
                                 .threads = p->plan->threads,
                                 .vectors = p->plan->vectors,
                                 .tokens = p->plan->tokens,
                                 .dense = p->dense,
                                 .strip_count = p->at.strip,
                                 .segment_count = p->at.segment,
                                 .index_count = p->at.index,
                                 .value_count = p->at.value};
}

size_t spr_packed_bytes(const struct spr_plan *plan, const struct spr_matrix *matrix)
{
    struct spr_packer p = {.plan = plan, .matrix = matrix};
    size_t bytes = 0;
    if (matrix->m > 0 && matrix->k > 0 && spr_packer_make(&p)) {
        struct order *order = spr_calloc((size_t)p.units, sizeof *order);
        if (order) {
            measure(&p, order);
            bytes = place(&p.out, NULL);
        }
        spr_free(order);
    }
    spr_packer_free(&p);
    return bytes;
}

static enum spr_status fill(struct spr_packer *p, struct order *order,
                            struct spr_packed *packed, struct spr_error *err)
{
    measure(p, order);
    if (p->at.index > UINT32_MAX || p->at.segment > UINT32_MAX) {
        return spr_fail(err, SPR_EINPUT, "a %lld x %lld matrix has too many steps to index",
                        (long long)p->plan->m, (long long)p->plan->k);
    }
    packed->bytes = place(&p->out, NULL);
    packed->block = spr_aligned_alloc(ALIGNMENT, packed->bytes);
    if (!packed->block) {
        return spr_no_memory(err);
    }
    memset(packed->block, 0, packed->bytes);
    place(&p->out, packed->block);
    put_all(p, order, true);
    memcpy(packed->block, &p->out, sizeof p->out);
    packed->plan = *p->plan;
    if (p->plan->tokens > 0 && p->tile.chunk > 0) {
        packed->inputs = spr_aligned_alloc(
            ALIGNMENT, aligned((size_t)(p->plan->n * p->plan->k) * sizeof *packed->inputs));
        if (!packed->inputs) {
            spr_packed_free(packed);
            return spr_no_memory(err);
        }
    }
    return SPR_OK;
}

enum spr_status spr_pack(const struct spr_plan *plan, const struct spr_matrix *matrix,
                         struct spr_packed *packed, struct spr_error *err)
{
    struct spr_packer p = {.plan = plan, .matrix = matrix};
    *packed = (struct spr_packed){0};
    if (matrix->m < 1 || matrix->k < 1) {
        return spr_fail(err, SPR_EINPUT,
                        "an empty matrix: expected at least one row and column");
    }
    if (plan->m != matrix->m || plan->k != matrix->k) {
        return spr_fail(err, SPR_EINPUT,
                        "a plan for %lld x %lld weights, a matrix of %lld x "
                        "%lld",
                        (long long)plan->m, (long long)plan->k, (long long)matrix->m,
                        (long long)matrix->k);
    }
    struct order *order = NULL;
    enum spr_status status = SPR_OK;
    if (!spr_packer_make(&p) || !(order = spr_calloc((size_t)p.units, sizeof *order))) {
        status = spr_no_memory(err);
    } else {
        status = fill(&p, order, packed, err);
    }
    spr_free(order);
    spr_packer_free(&p);
    return status;
}

void spr_packed_free(struct spr_packed *packed)
{
    spr_free(packed->block);
    spr_free(packed->inputs);
    *packed = (struct spr_packed){0};
}

const struct spr_strips *spr_packed_strips(const struct spr_packed *packed)
{
    return packed->block;
}

void spr_packed_space_tokens(struct spr_packed *packed, int64_t floats)
{
    struct spr_strips *strips = packed->block;
    strips->row = floats;
}
