/* SPDX-License-Identifier: Apache-2.0 */
/* Packing: from a matrix with zeros to the strips its kernel reads (kernel/isa/strips.h). */

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/pack_shuffle.h"
#include "matrix/matrix_build.h"

#define ALIGNMENT 64

/* A unit is what shares its columns: a block row, a single row, a dense row group. */
struct packer {
    const struct spr_plan *plan;
    const struct spr_matrix *matrix;
    struct spr_cell_shape cell;
    bool dense, shuffle;
    bool lanes;                 /* lanes are weights, in tiles of the shape below */
    struct spr_tile_shape tile; /* else every row group has its own */
    int64_t chunk;              /* columns of a step */
    int64_t unit_rows, units, panels;
    uint32_t *steps;      /* [unit][panel] */
    int64_t *columns;     /* of one unit, rising */
    int64_t *position;    /* of a column within its unit, valid where seen */
    int64_t *seen, stamp; /* block columns of the unit at hand carry the stamp */
    int64_t *first;       /* [threads+1] units of each thread */
    struct spr_strips out;
    struct spr_cursor at;
};

static int64_t unit_begin(const struct packer *p, int64_t unit)
{
    return unit * p->unit_rows;
}

static int64_t unit_end(const struct packer *p, int64_t unit)
{
    int64_t end = (unit + 1) * p->unit_rows;
    return end < p->plan->m ? end : p->plan->m;
}

/* Rows of the row group that starts at `row` of a unit. */
static int group_rows(const struct packer *p, int64_t row, int64_t end)
{
    if (p->lanes) {
        const int rows = spr_tile_rows(&p->tile, spr_isa_lanes(p->plan->isa));
        return (int)(end - row < rows ? end - row : rows);
    }
    return spr_group_height(p->plan, end - row);
}

/* Columns in [begin, end) that a unit stores, rising, into p->columns; returns how many. */
static int64_t list_columns(struct packer *p, int64_t unit, int64_t begin, int64_t end)
{
    const struct spr_matrix *w = p->matrix;
    int64_t count = 0, width = p->cell.columns;
    if (p->unit_rows == 1 && width == 1) {
        for (size_t e = spr_matrix_find(w, unit, begin);
             e < w->row[unit + 1] && w->column[e] < end; e++) {
            p->columns[count++] = w->column[e];
        }
        return count;
    }
    p->stamp++;
    for (int64_t row = unit_begin(p, unit); row < unit_end(p, unit); row++) {
        /* A block that starts before the panel reaches into it. */
        for (size_t e = spr_matrix_find(w, row, begin / width * width);
             e < w->row[row + 1] && w->column[e] / width * width < end; e++) {
            p->seen[w->column[e] / width] = p->stamp;
        }
    }
    for (int64_t b = begin / width; b * width < end; b++) {
        for (int64_t c = b * width; c < (b + 1) * width && p->seen[b] == p->stamp; c++) {
            if (c >= begin && c < end) {
                p->columns[count++] = c;
            }
        }
    }
    return count;
}

static int64_t panel_begin(const struct packer *p, int64_t panel)
{
    return panel * p->plan->panel;
}

static int64_t panel_end(const struct packer *p, int64_t panel)
{
    int64_t end = (panel + 1) * p->plan->panel;
    return end < p->plan->k ? end : p->plan->k;
}

static void count_steps(struct packer *p)
{
    for (int64_t unit = 0; unit < p->units; unit++) {
        for (int64_t panel = 0; panel < p->panels; panel++) {
            int64_t begin = panel_begin(p, panel), end = panel_end(p, panel);
            int64_t count = p->dense ? end - begin : list_columns(p, unit, begin, end);
            p->steps[unit * p->panels + panel] = (uint32_t)(count / p->chunk);
        }
    }
}

/* Threads get runs of units with about as many steps each. */
static void split_units(struct packer *p)
{
    double total = 0, sum = 0;
    int64_t unit = 0;
    for (int64_t i = 0; i < p->units * p->panels; i++) {
        total += p->steps[i] + 1.0;
    }
    for (int t = 0; t < p->plan->threads; t++) {
        p->first[t] = unit;
        double goal = total * (t + 1) / p->plan->threads;
        while (unit < p->units) {
            double own = 0;
            for (int64_t panel = 0; panel < p->panels; panel++) {
                own += p->steps[unit * p->panels + panel] + 1.0;
            }
            if (sum + own / 2 > goal) {
                break;
            }
            sum += own;
            unit++;
        }
    }
    p->first[p->plan->threads] = p->units;
}

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
static size_t step_values(const struct packer *p, int rows)
{
    return (size_t)(p->lanes ? spr_tile_values(&p->tile, spr_isa_lanes(p->plan->isa)) : rows);
}

/* Values of a group's columns [begin, end), laid out as the tile reads them. */
static void put_values(struct packer *p, int64_t row, int rows, int64_t begin, int64_t end,
                       float *out)
{
    const struct spr_matrix *w = p->matrix;
    const size_t chunk = (size_t)p->chunk, values = step_values(p, rows);
    for (int r = 0; r < rows; r++) {
        for (size_t e = spr_matrix_find(w, row + r, begin);
             e < w->row[row + r + 1] && w->column[e] < end; e++) {
            int64_t column = w->column[e];
            size_t at = (size_t)(p->dense ? column - begin : p->position[column]);
            out[at / chunk * values + (size_t)r * chunk + at % chunk] = w->value[e];
        }
    }
}

/* One unit in one panel, its groups of one height. fill: values and indices too. */
static void put_unit(struct packer *p, int64_t unit, int64_t panel, int height, bool fill)
{
    const size_t steps = p->steps[unit * p->panels + panel];
    const int64_t begin = panel_begin(p, panel), end = panel_end(p, panel);
    const int64_t last_row = unit_end(p, unit);
    size_t index = p->at.index;
    bool any = false;
    if (fill && !p->dense) {
        int64_t count = list_columns(p, unit, begin, end);
        for (int64_t i = 0; i < count; i++) {
            p->position[p->columns[i]] = i;
        }
    }
    for (int64_t row = unit_begin(p, unit); row < last_row;) {
        int rows = group_rows(p, row, last_row);
        if (p->lanes || rows == height) {
            if (fill) {
                p->out.segment[p->at.segment] =
                    (struct spr_segment){.row = (uint32_t)row,
                                         .steps = (uint32_t)steps,
                                         .index = p->dense ? 0 : (uint32_t)index,
                                         .rows = (uint32_t)rows,
                                         .value = p->at.value};
                put_values(p, row, rows, begin, end, p->out.value + p->at.value);
            }
            p->at.segment++;
            p->at.value += steps * step_values(p, rows);
            any = true;
        }
        row += rows;
    }
    if (any && !p->dense) {
        for (size_t i = 0; fill && i < steps; i++) {
            p->out.index[index + i] = (uint16_t)(p->columns[(int64_t)i * p->chunk] - begin);
        }
        p->at.index += steps;
    }
}

/* Heights of the row groups that occur in the units of a thread. */
static void find_heights(const struct packer *p, int64_t begin, int64_t end, bool *heights)
{
    memset(heights, 0, (SPR_TILE_HEIGHT_MAX + 1) * sizeof *heights);
    for (int64_t unit = begin; unit < end; unit++) {
        /* all units but the last are alike */
        if (unit > begin && unit < end - 1) {
            continue;
        }
        for (int64_t row = unit_begin(p, unit); row < unit_end(p, unit);) {
            int rows = group_rows(p, row, unit_end(p, unit));
            heights[p->lanes ? 0 : rows] = true;
            row += rows;
        }
    }
}

/* Segments of one thread, panel and height (0: lanes are weights). */
static void put_strip(struct packer *p, int64_t begin, int64_t end, int64_t panel, int height,
                      struct order *order, bool fill)
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

static void put_all(struct packer *p, struct order *order, bool fill)
{
    bool heights[SPR_TILE_HEIGHT_MAX + 1];
    p->at = (struct spr_cursor){0};
    for (int t = 0; t < p->plan->threads; t++) {
        if (fill) {
            p->out.thread_strip[t] = (uint32_t)p->at.strip;
        }
        if (p->shuffle) {
            const struct spr_span rows = {p->first[t], p->first[t + 1]};
            spr_shuffle_put(p->plan, p->matrix, &rows, &p->at, fill ? &p->out : NULL);
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

static void packer_free(struct packer *p)
{
    spr_free(p->steps);
    spr_free(p->columns);
    spr_free(p->position);
    spr_free(p->seen);
    spr_free(p->first);
}

static bool prepare(struct packer *p)
{
    const struct spr_plan *plan = p->plan;
    plan->pattern.kind->cell(&plan->pattern, plan->m, plan->k, 0, &p->cell);
    p->dense = plan->pattern.kind->pattern_class == SPR_CLASS_DENSE;
    p->lanes = plan->vectors == 0;
    p->tile = p->lanes ? spr_lane_tile(plan) : (struct spr_tile_shape){0};
    p->chunk = p->tile.chunk > 0 ? p->tile.chunk : 1;
    p->shuffle = p->lanes && p->tile.chunk == 0 && spr_shuffle_usable(plan, p->matrix);
    p->unit_rows = !p->dense  ? p->cell.rows
                   : p->lanes ? spr_tile_rows(&p->tile, spr_isa_lanes(plan->isa))
                              : plan->rows;
    p->units = (plan->m + p->unit_rows - 1) / p->unit_rows;
    p->panels = (plan->k + plan->panel - 1) / plan->panel;
    p->steps = spr_calloc((size_t)(p->units * p->panels), sizeof *p->steps);
    p->columns = spr_calloc((size_t)plan->k, sizeof *p->columns);
    p->position = spr_calloc((size_t)plan->k, sizeof *p->position);
    p->seen = spr_calloc((size_t)plan->k, sizeof *p->seen);
    p->first = spr_calloc((size_t)plan->threads + 1, sizeof *p->first);
    return p->steps && p->columns && p->position && p->seen && p->first;
}

/* Counts what the block will hold. order: scratch for every unit. */
static void measure(struct packer *p, struct order *order)
{
    count_steps(p);
    split_units(p);
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
    struct packer p = {.plan = plan, .matrix = matrix};
    size_t bytes = 0;
    if (matrix->m > 0 && matrix->k > 0 && prepare(&p)) {
        struct order *order = spr_calloc((size_t)p.units, sizeof *order);
        if (order) {
            measure(&p, order);
            bytes = place(&p.out, NULL);
        }
        spr_free(order);
    }
    packer_free(&p);
    return bytes;
}

static enum spr_status fill(struct packer *p, struct order *order, struct spr_packed *packed,
                            struct spr_error *err)
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
    struct packer p = {.plan = plan, .matrix = matrix};
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
    if (!prepare(&p) || !(order = spr_calloc((size_t)p.units, sizeof *order))) {
        status = spr_no_memory(err);
    } else {
        status = fill(&p, order, packed, err);
    }
    spr_free(order);
    packer_free(&p);
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
