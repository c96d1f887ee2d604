/* SPDX-License-Identifier: Apache-2.0 */
/* Packing a convolution's weights for winners, and running it. */
#include "kernel/map_columns.h"

#include <float.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/isa_code.h"

#define ALIGNMENT 64

static size_t lines(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

int spr_map_rows(const struct spr_pattern *pattern)
{
    const int rows = spr_columns_rows(pattern);
    return rows % SPR_MAP_ROWS == 0 ? rows : SPR_MAP_ROWS;
}

static int64_t out_side(const struct spr_map_weights *w)
{
    return w->side - w->kernel + 1;
}

static int64_t wide_side(const struct spr_map_weights *w)
{
    return w->side + w->kernel - 1;
}

/* Where the blocks of tap `tap` (of all channels) of block row `group` are counted. */
struct fill {
    struct spr_map_columns *c;
    uint32_t *next; /* of each channel and row of the kernel */
    uint32_t *seen; /* of each tap: the block row at hand + 1 where it has a block, */
    uint32_t *at;   /* and which one that is */
    int32_t *place;
    float *value; /* NULL: blocks are counted only */
};

static void walk(const struct fill *f, const struct spr_matrix *matrix)
{
    const struct spr_map_weights *w = &f->c->w;
    const int64_t rows = w->rows, kernel = w->kernel;
    for (int64_t row = 0; row < matrix->m; row++) {
        const int64_t group = row / rows;
        for (size_t e = matrix->row[row]; e < matrix->row[row + 1]; e++) {
            const int32_t tap = matrix->column[e];
            const int64_t dy = tap / kernel % kernel, dx = tap % kernel;
            if (f->seen[tap] != group + 1) {
                f->seen[tap] = (uint32_t)group + 1;
                f->at[tap] = f->next[tap / kernel]++;
                if (f->value) {
                    f->place[f->at[tap]] =
                        (int32_t)((kernel - 1 - dx - dy * wide_side(w)) * f->c->wide +
                                  group * rows);
                }
            }
            if (f->value) {
                f->value[(int64_t)f->at[tap] * rows + row % rows] = matrix->value[e];
            }
        }
    }
}

/* What a winner of each pixel adds to a place, and its row. */
static void fill_pixels(const struct spr_map_columns *c, int32_t *pixel, int32_t *line)
{
    const int64_t side = c->w.side;
    for (int64_t i = 0; i < side * side; i++) {
        pixel[i] = (int32_t)((i / side * wide_side(&c->w) + i % side) * c->wide);
        line[i] = (int32_t)(i / side);
    }
}

/* Lays the counted blocks out and fills them. */
static enum spr_status fill_blocks(const struct fill *counted, const struct spr_matrix *matrix,
                                   struct spr_error *err)
{
    struct fill f = *counted;
    struct spr_map_columns *c = f.c;
    struct spr_map_weights *w = &c->w;
    const size_t lists = (size_t)(w->channels * w->kernel), area = (size_t)(w->side * w->side);
    for (size_t i = 0; i < lists; i++) {
        const uint32_t count = f.next[i];
        f.next[i] = (uint32_t)c->blocks;
        c->blocks += count;
    }
    const size_t begins = lines((lists + 1) * sizeof(uint32_t));
    const size_t places = lines(c->blocks * sizeof(int32_t));
    const size_t values = lines(c->blocks * (size_t)w->rows * sizeof(float));
    const size_t pixels = lines(area * sizeof(int32_t));
    c->bytes = begins + places + values;
    char *memory = c->memory = spr_aligned_alloc(ALIGNMENT, c->bytes + 2 * pixels);
    if (!memory) {
        return spr_no_memory(err);
    }
    memset(memory, 0, c->bytes + 2 * pixels);
    uint32_t *begin = (uint32_t *)(void *)(memory + values);
    int32_t *pixel = (int32_t *)(void *)(memory + c->bytes);
    f.value = (float *)(void *)memory;
    f.place = (int32_t *)(void *)(memory + values + begins);
    memcpy(begin, f.next, lists * sizeof *begin);
    begin[lists] = (uint32_t)c->blocks;
    memset(f.seen, 0, lists * (size_t)w->kernel * sizeof *f.seen);
    walk(&f, matrix);
    fill_pixels(c, pixel, pixel + pixels / sizeof *pixel);
    w->begin = begin;
    w->place = f.place;
    w->value = f.value;
    w->pixel = pixel;
    w->line = pixel + pixels / sizeof *pixel;
    return SPR_OK;
}

static size_t sums_bytes(const struct spr_map_columns *c)
{
    return (size_t)(out_side(&c->w) * wide_side(&c->w) * c->wide) * sizeof(float);
}

static enum spr_status make_room(struct spr_map_columns *c, struct spr_error *err)
{
    const int64_t most = c->w.channels * c->w.side * c->w.side;
    c->sums = spr_aligned_alloc(ALIGNMENT, sums_bytes(c));
    c->lists = spr_calloc((size_t)(most + c->w.side + 1), sizeof *c->lists);
    return c->sums && c->lists ? SPR_OK : spr_no_memory(err);
}

enum spr_status spr_map_pack(enum spr_isa isa, int rows, const struct spr_map_shape *shape,
                             const struct spr_matrix *matrix, struct spr_map_columns *columns,
                             struct spr_error *err)
{
    const struct spr_map_weights w = {.channels = shape->channels,
                                      .side = shape->side,
                                      .kernel = shape->kernel,
                                      .rows = rows};
    struct spr_map_columns *c = columns;
    *c = (struct spr_map_columns){.isa = isa, .m = matrix->m, .w = w};
    c->wide = (matrix->m + rows - 1) / rows * rows;
    const double places = (double)(wide_side(&w) * wide_side(&w)) * (double)c->wide;
    if (places > INT32_MAX || (double)c->wide * (double)matrix->k > INT32_MAX ||
        (double)(w.channels * w.side * w.side) > INT32_MAX) {
        return spr_fail(err, SPR_EINPUT, "%lldx%lld by maps: too large to index",
                        (long long)matrix->m, (long long)matrix->k);
    }
    struct fill f = {.c = c,
                     .next = spr_calloc((size_t)matrix->k, sizeof *f.next),
                     .seen = spr_calloc((size_t)matrix->k, sizeof *f.seen),
                     .at = spr_calloc((size_t)matrix->k, sizeof *f.at)};
    enum spr_status status = f.next && f.seen && f.at ? SPR_OK : spr_no_memory(err);
    if (status == SPR_OK) {
        walk(&f, matrix);
        status = fill_blocks(&f, matrix, err);
    }
    status = status ? status : make_room(c, err);
    spr_free(f.next);
    spr_free(f.seen);
    spr_free(f.at);
    if (status) {
        spr_map_free(c);
    }
    return status;
}

void spr_map_free(struct spr_map_columns *columns)
{
    spr_free(columns->memory);
    spr_free(columns->sums);
    spr_free(columns->lists);
    *columns = (struct spr_map_columns){0};
}

void spr_map_run(const struct spr_map_columns *columns, const struct spr_winners *winners)
{
    const struct spr_map_winners list = {winners->index, winners->value, winners->count,
                                         columns->lists + columns->w.side + 1, columns->lists};
    memset(columns->sums, 0, sums_bytes(columns));
    spr_isa_code_of(columns->isa)->maps->winners(&columns->w, &list, columns->sums);
}

void spr_map_pool(enum spr_isa isa, const int32_t *square, struct spr_winners *winners,
                  float *map, int64_t count)
{
    memset(map, 0, (size_t)count * sizeof *map);
    for (int64_t i = 0; i < winners->count; i++) {
        float *to = &map[square[winners->index[i]]];
        *to = winners->value[i] > *to ? winners->value[i] : *to;
    }
    struct spr_ranked out = {winners->index, winners->value, 0};
    spr_isa_code_of(isa)->winners->collect(map, NULL, count, FLT_TRUE_MIN, &out);
    winners->count = out.count;
}

const float *spr_map_sums(const struct spr_map_columns *columns)
{
    return columns->sums + (columns->w.kernel - 1) * columns->wide;
}

int64_t spr_map_step(const struct spr_map_columns *columns)
{
    return wide_side(&columns->w) * columns->wide;
}
