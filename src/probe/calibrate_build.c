/* SPDX-License-Identifier: Apache-2.0 */
/* Synthetic row groups: lengths and columns are drawn as a random mask draws them. */
#include "probe/calibrate_build.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"

/* Steps whose columns are drawn, at least. */
#define DRAWN_STEPS 262144
#define NONE UINT32_MAX
/* Row groups of the shuffle form where W is far, and of one window. */
#define SHUFFLE_TILES 64
#define SHUFFLE_WINDOW_TILES 1024

static bool room(float **data, size_t *have, size_t need)
{
    if (*have < need) {
        spr_free(*data);
        *data = spr_aligned_alloc(4096, need * sizeof **data);
        *have = *data ? need : 0;
        for (size_t i = 0; i < *have; i++) {
            (*data)[i] = 0.5F;
        }
    }
    return *have >= need;
}

static bool room_for(struct spr_trial_bench *b, size_t segments, size_t steps, size_t values,
                     size_t x, size_t y)
{
    return spr_grow(&b->segment, &b->segment_room, segments, sizeof *b->segment) &&
           spr_grow(&b->index, &b->index_room, steps, sizeof *b->index) &&
           room(&b->value, &b->value_room, values) && room(&b->x, &b->x_room, x) &&
           room(&b->y, &b->y_room, y);
}

/* Longest first; lengths are all that the segments have so far. */
static void sort_segments(struct spr_segment *segment, size_t count, uint32_t *counts)
{
    uint32_t most = 0;
    for (size_t i = 0; i < count; i++) {
        most = segment[i].steps > most ? segment[i].steps : most;
    }
    memset(counts, 0, (most + 1) * sizeof *counts);
    for (size_t i = 0; i < count; i++) {
        counts[segment[i].steps]++;
    }
    for (size_t i = 0; i < count; i++) {
        while (counts[most] == 0) {
            most--;
        }
        counts[most]--;
        segment[i].steps = most;
    }
}

/* Lengths around the mean with the spread of a random mask of one in ten. */
static size_t draw_steps(struct spr_trial_bench *b, size_t mean)
{
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += spr_random_unit(&b->random) - 0.5;
    }
    double steps = (double)mean + sum * sqrt(3.0 * 0.9 * (double)mean);
    return steps < 1 ? 1 : (size_t)(steps + 0.5);
}

/* Rising, one in each of as many equal parts as there are steps. Drawing takes longer than
 * multiplying: a segment behind many has the columns of one of them, those of its length in turn,
 * so that neighbours never read the same of X. */
static void draw_columns(struct spr_trial_bench *b, struct spr_segment *s, size_t chunks,
                         size_t chunk)
{
    const double part = (double)chunks / s->steps;
    const uint32_t number = (uint32_t)(s - b->segment);
    uint32_t *last = &b->last[s->steps], *next = &b->next[s->steps];
    if (s->index >= DRAWN_STEPS && *last != NONE && b->earlier[*last] != NONE) {
        const uint32_t like = *next;
        *next = b->earlier[like] != NONE ? b->earlier[like] : *last;
        memcpy(b->index + s->index, b->index + b->segment[like].index,
               s->steps * sizeof *b->index);
        return;
    }
    for (size_t j = 0; j < s->steps; j++) {
        size_t column = (size_t)(((double)j + spr_random_unit(&b->random)) * part);
        column = column < chunks ? column : chunks - 1; /* the product may be rounded up */
        b->index[s->index + j] = (uint16_t)(column * chunk);
    }
    if (number < SPR_DRAWN_SEGMENTS) {
        b->earlier[number] = *last;
        *last = *next = number;
    }
}

/* A synthetic matrix, in counts. */
struct plan {
    bool whole;          /* row groups as long as the panel */
    int comp;            /* vectors of inputs of a step of the comp form; 0: another form */
    size_t n;            /* columns of X */
    size_t chunk;        /* columns of W in a step */
    size_t values;       /* floats of a step */
    size_t columns;      /* of W */
    size_t mean;         /* steps of a row group */
    size_t segments;     /* row groups */
    size_t rows_each;    /* of Y in a row group */
    size_t rows;         /* of Y */
    size_t all, longest; /* steps, once they are drawn: of all row groups, of the longest */
};

static struct plan plan_matrix(const struct spr_trial *t, int lanes, int *windows)
{
    const struct spr_tile_shape *tile = &t->tile;
    const bool matrix = tile->form == SPR_TILE_MATRIX;
    const int comp = tile->form == SPR_TILE_COMP ? tile->vectors : 0;
    struct plan p = {.whole = matrix && tile->dense,
                     .comp = comp,
                     .n = 1,
                     .chunk = comp              ? (size_t)(comp * lanes)
                              : tile->chunk > 1 ? (size_t)tile->chunk
                                                : 1,
                     .values = (size_t)spr_tile_values(tile, lanes),
                     .rows_each = (size_t)spr_tile_rows(tile, lanes)};
    if (matrix) {
        /* One column short of whole vectors, as 49 or 100 tokens are: the last two vectors of a
         * tile overlap and most loads cross a line. */
        p.n = (size_t)(tile->vectors * lanes - t->unaligned - (t->half ? lanes / 2 : 0));
    }
    const size_t columns = (size_t)(t->x_bytes / (double)(p.n * sizeof(float)));
    p.columns = columns < 32              ? 32
                : columns > SPR_PANEL_MAX ? SPR_PANEL_MAX
                                          : columns / 16 * 16;
    const size_t chunks = p.columns / p.chunk;
    /* Random masks fill at most half; of comp:P every step is there. */
    const size_t longest = comp ? chunks : chunks / 2;
    p.mean = t->steps < longest ? t->steps : longest;
    const double step_bytes =
        comp ? 4.0 * (double)spr_comp_values(lanes, comp, p.mean) / (double)p.mean
             : 4.0 * (double)p.values + (tile->dense ? 0 : 2);
    size_t total = (size_t)(t->w_bytes / step_bytes);
    if (t->w_bytes <= 0) {
        /* Enough to need every row of X. */
        total = 2 * p.columns / p.chunk;
        total = total < SPR_NEAR_STEPS ? SPR_NEAR_STEPS : total;
    }
    p.segments = total / (p.whole ? p.columns : p.mean) + 1;
    /* Windows of some thousand steps: starting one takes time too. */
    size_t count = total / (SPR_NEAR_STEPS / 2);
    count = count > p.segments ? p.segments : count;
    *windows = count < 1 ? 1 : count > SPR_WINDOWS ? SPR_WINDOWS : (int)count;
    p.rows = (size_t)(t->y_bytes / (double)(p.n * sizeof(float))) / p.rows_each * p.rows_each;
    p.rows = p.rows < p.rows_each ? p.rows_each : p.rows;
    return p;
}

/* Lengths of all row groups; false when out of memory. */
static bool draw_lengths(struct spr_trial_bench *b, struct plan *p)
{
    const size_t most = p->columns / p->chunk;
    if (!spr_grow(&b->segment, &b->segment_room, p->segments, sizeof *b->segment)) {
        return false;
    }
    for (size_t i = 0; i < p->segments; i++) {
        const size_t steps = p->whole  ? p->columns
                             : p->comp ? p->mean
                                       : draw_steps(b, p->mean);
        b->segment[i].steps = (uint32_t)(steps > most ? most : steps);
        p->all += b->segment[i].steps;
        p->longest = b->segment[i].steps > p->longest ? b->segment[i].steps : p->longest;
    }
    return true;
}

/* Floats of so many steps of a row group, in the comp form with their positions. */
static size_t values_of(const struct plan *p, size_t steps)
{
    return p->comp ? spr_comp_values((int)p->values, p->comp, steps) : steps * p->values;
}

/* Of all of them; in the comp form they are alike. */
static size_t total_values(const struct plan *p)
{
    return p->comp ? p->segments * values_of(p, p->mean) : p->all * p->values;
}

/* One strip a window, which holds its even share of the segments. */
static void cut_windows(struct spr_trial_bench *b, const struct spr_trial *t, int lanes,
                        size_t segments)
{
    const int comp = t->tile.form == SPR_TILE_COMP ? t->tile.vectors : 0;
    for (int w = 0; w < b->windows; w++) {
        b->window[w] = (uint32_t)w;
        b->strip[w] = (struct spr_strip){
            .begin = (uint32_t)(segments * (size_t)w / (size_t)b->windows),
            .end = (uint32_t)(segments * (size_t)(w + 1) / (size_t)b->windows),
            .rows = (uint16_t)t->tile.rows,
            .vectors = (uint16_t)t->tile.vectors,
            .chunk = (uint16_t)(comp ? comp * lanes : t->tile.chunk),
            .slots = (uint16_t)t->tile.slots,
            .inputs = (uint16_t)comp,
            .full = true,
            .first = t->first};
    }
    b->window[b->windows] = (uint32_t)b->windows;
}

/* The segments of every window, whose lengths are drawn. */
static void fill_windows(struct spr_trial_bench *b, const struct plan *p, bool dense)
{
    size_t step = 0, value = 0;
    for (int w = 0; w < b->windows; w++) {
        const size_t begin = b->strip[w].begin, end = b->strip[w].end;
        sort_segments(b->segment + begin, end - begin, b->counts);
        b->steps[w] = 0;
        for (size_t i = begin; i < end; i++) {
            struct spr_segment *s = &b->segment[i];
            s->row = (uint32_t)(i * p->rows_each % p->rows);
            s->rows = (uint32_t)p->rows_each;
            s->index = dense ? 0 : (uint32_t)step;
            s->value = value;
            if (!dense) {
                draw_columns(b, s, p->columns / p->chunk, p->chunk);
                step += s->steps;
            }
            value += values_of(p, s->steps);
            b->steps[w] += s->steps;
        }
    }
}

/* What the kernels read, once windows and segments are there. */
static void set_strips(struct spr_trial_bench *b, const struct spr_trial *t, size_t rows,
                       size_t columns, size_t n)
{
    const bool matrix = t->tile.form == SPR_TILE_MATRIX;
    b->strips = (struct spr_strips){.m = (int64_t)rows,
                                    .k = (int64_t)columns,
                                    .n = (int64_t)n,
                                    .threads = b->windows,
                                    .vectors = matrix ? t->tile.vectors : 0,
                                    .dense = t->tile.dense,
                                    .strip_count = (size_t)b->windows,
                                    .segment_count = b->strip[b->windows - 1].end,
                                    .thread_strip = b->window,
                                    .strip = b->strip,
                                    .segment = b->segment,
                                    .index = b->index,
                                    .value = b->value};
}

static bool build_groups(struct spr_trial_bench *b, const struct spr_trial *t, int lanes)
{
    const bool dense = t->tile.dense || t->tile.form == SPR_TILE_COMP; /* without an index */
    struct plan p = plan_matrix(t, lanes, &b->windows);
    if (!draw_lengths(b, &p)) {
        return false;
    }
    for (size_t i = 0; i <= p.longest && !dense; i++) {
        b->last[i] = NONE;
    }
    if (!room_for(b, p.segments, dense ? 1 : p.all, total_values(&p), p.columns * p.n + 16,
                  p.rows * p.n)) {
        return false;
    }
    cut_windows(b, t, lanes, p.segments);
    fill_windows(b, &p, dense);
    set_strips(b, t, p.rows, p.columns, p.n);
    return true;
}

/* The shuffle form: a step is a tile, a row group all tiles of 32 columns. Every position is
 * that of the value 0.5; which input a permutation fetches makes no difference to its time. */
static bool build_shuffle(struct spr_trial_bench *b, const struct spr_trial *t)
{
    const size_t values = (size_t)spr_tile_values(&t->tile, SPR_SHUFFLE_ROWS);
    const size_t columns = (size_t)(t->x_bytes / sizeof(float));
    const size_t column_groups = columns / SPR_SHUFFLE_COLUMNS;
    size_t groups = column_groups, tiles = t->steps;
    if (t->w_bytes > 0) {
        /* As many rows as a layer has: Y stays near. */
        tiles = SHUFFLE_TILES;
        groups = (size_t)(t->w_bytes / (double)(values * sizeof(float))) / tiles;
        groups = groups < 1 ? 1 : groups;
    }
    const size_t rows = tiles * SPR_SHUFFLE_ROWS;
    if (!room_for(b, groups, 1, groups * tiles * values, columns + SPR_SHUFFLE_COLUMNS,
                  rows)) {
        return false;
    }
    /* Every window looks at all of X once. */
    size_t windows = groups * tiles / SHUFFLE_WINDOW_TILES;
    windows = windows > groups ? groups : windows > SPR_WINDOWS ? SPR_WINDOWS : windows;
    b->windows = windows < 1 ? 1 : (int)windows;
    for (size_t i = 0; i < groups; i++) {
        b->segment[i] =
            (struct spr_segment){.row = 0,
                                 .steps = (uint32_t)tiles,
                                 .index = (uint32_t)(i % column_groups * SPR_SHUFFLE_COLUMNS),
                                 .rows = (uint32_t)rows,
                                 .value = i * tiles * values};
    }
    cut_windows(b, t, SPR_SHUFFLE_ROWS, groups);
    for (int w = 0; w < b->windows; w++) {
        b->steps[w] = (b->strip[w].end - b->strip[w].begin) * tiles;
    }
    set_strips(b, t, rows, columns, 1);
    return true;
}

bool spr_trial_build(struct spr_trial_bench *bench, const struct spr_trial *trial, int lanes)
{
    return trial->tile.form == SPR_TILE_SHUFFLE ? build_shuffle(bench, trial)
                                                : build_groups(bench, trial, lanes);
}

void spr_trial_clear(struct spr_trial_bench *bench)
{
    spr_free(bench->segment);
    spr_free(bench->index);
    spr_free(bench->value);
    spr_free(bench->x);
    spr_free(bench->y);
}
