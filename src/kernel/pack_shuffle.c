/* SPDX-License-Identifier: Apache-2.0 */
/* The shuffle form of scattered weights at n = 1 (kernel/isa/strips.h). */
#include "kernel/pack_shuffle.h"

#include <string.h>

#include "matrix/matrix_build.h"

/* What one part costs beside the others, in cycles, for choosing the number of slots only:
 * a tile (positions, Y in and out), a slot, a weight that did not fit. */
#define TILE_COST 4.0
#define SLOT_COST 2.0
#define REST_COST 2.5

/* Mean of max(0, b - slots) for a binomial b of 32 columns at this density. */
static double binomial_overflow(double density, int slots)
{
    double p = pow(1 - density, SPR_SHUFFLE_COLUMNS), mean = 0;
    if (density >= 1) {
        return SPR_SHUFFLE_COLUMNS - slots;
    }
    for (int b = 0; b <= SPR_SHUFFLE_COLUMNS; b++) {
        mean += b > slots ? p * (b - slots) : 0;
        p *= (double)(SPR_SHUFFLE_COLUMNS - b) / (b + 1) * density / (1 - density);
    }
    return mean;
}

double spr_shuffle_overflow(const struct spr_cell_shape *cell, int64_t k, double cells,
                            int slots)
{
    if (cell->of > 0 && SPR_SHUFFLE_COLUMNS % cell->of == 0) {
        /* N of every M: every 32 columns hold the same number. */
        int64_t columns = k < SPR_SHUFFLE_COLUMNS ? k : SPR_SHUFFLE_COLUMNS;
        int each = (int)((columns + cell->of - 1) / cell->of * cell->take);
        return each > slots ? each - slots : 0;
    }
    double density = fmin(1, cells * (double)(cell->rows * cell->columns));
    return binomial_overflow(density, slots);
}

int spr_shuffle_slots(const struct spr_cell_shape *cell, int64_t k, double cells)
{
    int best = 1;
    double least = HUGE_VAL;
    for (int slots = 1; slots <= SPR_SHUFFLE_COLUMNS; slots++) {
        int passes = (slots + SPR_SHUFFLE_SLOTS - 1) / SPR_SHUFFLE_SLOTS;
        double cost =
            TILE_COST * passes + SLOT_COST * slots +
            REST_COST * SPR_SHUFFLE_ROWS * spr_shuffle_overflow(cell, k, cells, slots);
        if (cost < least) {
            least = cost;
            best = slots;
        }
    }
    return best;
}

bool spr_shuffle_usable(const struct spr_matrix *w)
{
    for (size_t i = 0; i < w->nnz; i++) {
        if (w->value[i] == 0) {
            return false; /* an empty slot holds 0: a stored 0 must not look like one */
        }
    }
    return true;
}

/* Some slots of one column group for some rows: values and positions. */
static void put_tiles(const struct spr_matrix *w, const struct spr_span *rows,
                      const struct spr_span *slots, int64_t column, float *out)
{
    const size_t tile_values = (size_t)(slots->end - slots->begin + 1) * SPR_SHUFFLE_ROWS;
    for (int64_t row = rows->begin; row < rows->end; row++) {
        size_t lane = (size_t)(row - rows->begin) % SPR_SHUFFLE_ROWS;
        float *tile = out + (size_t)(row - rows->begin) / SPR_SHUFFLE_ROWS * tile_values;
        uint32_t positions = 0;
        int64_t slot = 0;
        for (size_t e = spr_matrix_find(w, row, column);
             e < w->row[row + 1] && w->column[e] < column + SPR_SHUFFLE_COLUMNS; e++, slot++) {
            if (slot >= slots->begin && slot < slots->end) {
                uint32_t position = (uint32_t)(w->column[e] - column);
                positions |= position << (5 * (slot - slots->begin));
                tile[(size_t)(slot - slots->begin + 1) * SPR_SHUFFLE_ROWS + lane] =
                    w->value[e];
            }
        }
        memcpy(tile + lane, &positions, sizeof positions);
    }
}

static void put_pass(const struct spr_matrix *w, const struct spr_span *rows,
                     const struct spr_span *slots, struct spr_cursor *at,
                     struct spr_strips *out)
{
    const int64_t count = slots->end - slots->begin;
    size_t tiles = (size_t)(rows->end - rows->begin + SPR_SHUFFLE_ROWS - 1) / SPR_SHUFFLE_ROWS;
    size_t first = at->segment;
    for (int64_t column = 0; column < w->k; column += SPR_SHUFFLE_COLUMNS) {
        if (out) {
            out->segment[at->segment] =
                (struct spr_segment){.row = (uint32_t)rows->begin,
                                     .steps = (uint32_t)tiles,
                                     .index = (uint32_t)column,
                                     .rows = (uint32_t)(rows->end - rows->begin),
                                     .value = at->value};
            put_tiles(w, rows, slots, column, out->value + at->value);
        }
        at->segment++;
        at->value += tiles * (size_t)(count + 1) * SPR_SHUFFLE_ROWS;
    }
    if (out) {
        out->strip[at->strip] = (struct spr_strip){.begin = (uint32_t)first,
                                                   .end = (uint32_t)at->segment,
                                                   .slots = (uint16_t)count,
                                                   .first = slots->begin == 0};
    }
    at->strip++;
}

/* What found no slot, row by row. */
static void put_rest(const struct spr_matrix *w, const struct spr_span *rows, int slots,
                     struct spr_cursor *at, struct spr_strips *out)
{
    size_t first = at->segment;
    for (int64_t row = rows->begin; row < rows->end; row++) {
        size_t begin = at->index;
        int64_t group = -1;
        int slot = 0;
        for (size_t e = w->row[row]; e < w->row[row + 1]; e++) {
            slot = w->column[e] / SPR_SHUFFLE_COLUMNS == group ? slot + 1 : 0;
            group = w->column[e] / SPR_SHUFFLE_COLUMNS;
            if (slot >= slots) {
                if (out) {
                    out->index[at->index] = (uint16_t)w->column[e];
                    out->value[at->value] = w->value[e];
                }
                at->index++;
                at->value++;
            }
        }
        if (at->index == begin) {
            continue;
        }
        if (out) {
            out->segment[at->segment] =
                (struct spr_segment){.row = (uint32_t)row,
                                     .steps = (uint32_t)(at->index - begin),
                                     .index = (uint32_t)begin,
                                     .rows = 1,
                                     .value = at->value - (at->index - begin)};
        }
        at->segment++;
    }
    if (at->segment == first) {
        return;
    }
    if (out) {
        out->strip[at->strip] = (struct spr_strip){
            .begin = (uint32_t)first, .end = (uint32_t)at->segment, .vectors = 1};
    }
    at->strip++;
}

void spr_shuffle_put(const struct spr_matrix *w, int slots, const struct spr_span *rows,
                     struct spr_cursor *at, struct spr_strips *out)
{
    if (rows->begin == rows->end) {
        return;
    }
    for (int from = 0; from < slots; from += SPR_SHUFFLE_SLOTS) {
        const int end = from + SPR_SHUFFLE_SLOTS;
        const struct spr_span some = {from, end < slots ? end : slots};
        put_pass(w, rows, &some, at, out);
    }
    put_rest(w, rows, slots, at, out);
    /* The next share starts at a whole vector again. */
    at->value = (at->value + SPR_SHUFFLE_ROWS - 1) / SPR_SHUFFLE_ROWS * SPR_SHUFFLE_ROWS;
}
