/* SPDX-License-Identifier: Apache-2.0 */
/* Register tiles: R rows of W times T vectors of X's rows, sums held in registers. One
 * always-inline body with constant R and T, instantiated by a table
 * (src/kernel/README.md, "One engine"). */
#include "kernel/isa/strips.h"
#include "kernel/isa/token_path.h"
#include "kernel/isa/vec.h"
#include "kernel/isa/vector_path.h"

/* A sum waits for the one before it: 4 cycles on the cores known, two of them a cycle. */
#define CHAINS_NEEDED 8
#define CHAINS_MAX 8

/* Widest tile of each height: sums, X's vectors and one weight must fit the registers. */
#if VEC_REGISTERS >= 32
#define HEIGHTS(DO) DO(1, 8) DO(2, 8) DO(4, 6) DO(6, 4) DO(8, 3) DO(12, 2) DO(16, 1) DO(24, 1)
#else
#define HEIGHTS(DO) DO(1, 8) DO(2, 4) DO(4, 3) DO(6, 2) DO(8, 1) DO(12, 1)
#endif
#define TILE_WIDTH_MAX 8

struct tile_work {
    const struct spr_segment *segment, *end;
    const uint16_t *index;
    const float *value;
    const float *x; /* first row of the panel, first column of the tile */
    float *y;       /* first column of the tile */
    size_t n;       /* floats in a row of X and of Y */
    ptrdiff_t last; /* column of the tile's last vector: it may overlap the one before, even
                     * begin before the tile */
    int part;       /* columns of a tile narrower than a vector */
    bool first;
};

typedef void (*tile_function)(const struct tile_work *work);

/* What the last vector of a tile is. */
enum tail {
    TAIL_WHOLE,
    TAIL_PART, /* the only one, and X's rows are shorter */
    TAIL_HALF, /* at most half of it is beyond the vector before */
};

VEC_INLINE vec load_tail(const float *p, enum tail tail, int count)
{
    return tail == TAIL_PART   ? vec_load_part(p, count)
           : tail == TAIL_HALF ? vec_load_half(p)
                               : vec_load(p);
}

VEC_INLINE void store_tail(float *p, vec v, enum tail tail, int count)
{
    if (tail == TAIL_PART) {
        vec_store_part(p, v, count);
    } else if (tail == TAIL_HALF) {
        vec_store_half(p, v);
    } else {
        vec_store(p, v);
    }
}

/* One column of W: T loads of X, R weights, R*T multiply-adds. */
VEC_INLINE void step(int rows, int width, enum tail tail, const struct tile_work *work,
                     const float *x, const float *w, vec *sum)
{
    vec xv[TILE_WIDTH_MAX];
#pragma GCC unroll 8
    for (int t = 0; t < width; t++) {
        xv[t] = t == width - 1 ? load_tail(x + work->last, tail, work->part)
                               : vec_load(x + t * VEC_LANES);
        if (rows > 1) {
            VEC_KEEP(xv[t]);
        }
    }
#pragma GCC unroll 24
    for (int r = 0; r < rows; r++) {
        vec wv = vec_set1(w[r]);
#pragma GCC unroll 8
        for (int t = 0; t < width; t++) {
            vec *to = &sum[r * width + t];
            *to = tail == TAIL_HALF && t == width - 1 ? vec_fma_half(wv, xv[t], *to)
                                                      : vec_fma(wv, xv[t], *to);
        }
    }
}

VEC_INLINE void tile(int rows, int width, enum tail tail, bool dense,
                     const struct tile_work *work)
{
    const int sums = rows * width;
    const int chains = sums >= CHAINS_NEEDED ? 1 : sums >= 4 ? 2 : sums >= 2 ? 4 : CHAINS_MAX;
    const size_t n = work->n;
    for (const struct spr_segment *s = work->segment; s < work->end; s++) {
        vec sum[SPR_TILE_HEIGHT_MAX * 2];
        const float *w = work->value + s->value;
        const uint16_t *index = work->index + s->index;
        const float *x = work->x;
        float *y = work->y + s->row * n;
        size_t steps = s->steps, i = 0;
#pragma GCC unroll 48
        for (int c = 0; c < chains * sums; c++) {
            sum[c] = vec_zero();
        }
        if (!work->first) {
#pragma GCC unroll 24
            for (int r = 0; r < rows; r++) {
#pragma GCC unroll 8
                for (int t = 0; t < width; t++) {
                    const float *from = y + (size_t)r * n;
                    sum[r * width + t] = t == width - 1
                                             ? load_tail(from + work->last, tail, work->part)
                                             : vec_load(from + t * VEC_LANES);
                }
            }
        }
        if (chains > 1) {
            for (; i + (size_t)chains <= steps; i += (size_t)chains) {
#pragma GCC unroll 8
                for (int c = 0; c < chains; c++) {
                    const float *row =
                        dense ? x + (i + (size_t)c) * n : x + index[i + (size_t)c] * n;
                    step(rows, width, tail, work, row, w + c * rows, sum + c * sums);
                }
                w += chains * rows;
            }
        }
        for (; i < steps; i++) {
            const float *row = dense ? x + i * n : x + index[i] * n;
            step(rows, width, tail, work, row, w, sum);
            w += rows;
        }
#pragma GCC unroll 8
        for (int c = 1; c < chains; c++) {
#pragma GCC unroll 24
            for (int j = 0; j < sums; j++) {
                sum[j] = vec_add(sum[j], sum[c * sums + j]);
            }
        }
#pragma GCC unroll 24
        for (int r = 0; r < rows; r++) {
#pragma GCC unroll 8
            for (int t = 0; t < width; t++) {
                float *to = y + (size_t)r * n;
                if (t == width - 1) {
                    store_tail(to + work->last, sum[r * width + t], tail, work->part);
                } else {
                    vec_store(to + t * VEC_LANES, sum[r * width + t]);
                }
            }
        }
    }
}

#define NAME(dense, rows, width, tail) tile_##dense##_##rows##_##width##_##tail
#define DEFINE(dense, rows, width, tail)                                                      \
    static void NAME(dense, rows, width, tail)(const struct tile_work *work)                  \
    {                                                                                         \
        tile(rows, width, tail, dense, work);                                                 \
    }
#if VEC_HAS_HALF
#define DEFINE_T(d, r, t) DEFINE(d, r, t, TAIL_WHOLE) DEFINE(d, r, t, TAIL_HALF)
#define LIST_T(d, r, t)                                                                       \
    {                                                                                         \
        NAME(d, r, t, TAIL_WHOLE), NAME(d, r, t, TAIL_HALF)                                   \
    }
#else
#define DEFINE_T(d, r, t) DEFINE(d, r, t, TAIL_WHOLE)
#define LIST_T(d, r, t)                                                                       \
    {                                                                                         \
        NAME(d, r, t, TAIL_WHOLE), NULL                                                       \
    }
#endif
/* Width 0 of the lists is the tile of one vector of which only a part is inside X. */
#define DEFINE_1(d, r) DEFINE(d, r, 1, TAIL_PART) DEFINE_T(d, r, 1)
#define DEFINE_2(d, r) DEFINE_1(d, r) DEFINE_T(d, r, 2)
#define DEFINE_3(d, r) DEFINE_2(d, r) DEFINE_T(d, r, 3)
#define DEFINE_4(d, r) DEFINE_3(d, r) DEFINE_T(d, r, 4)
#define DEFINE_6(d, r) DEFINE_4(d, r) DEFINE_T(d, r, 5) DEFINE_T(d, r, 6)
#define DEFINE_8(d, r) DEFINE_6(d, r) DEFINE_T(d, r, 7) DEFINE_T(d, r, 8)
#define DEFINE_BOTH(rows, widest) DEFINE_##widest(0, rows) DEFINE_##widest(1, rows)
HEIGHTS(DEFINE_BOTH)

#define LIST_1(d, r) {NAME(d, r, 1, TAIL_PART), NULL}, LIST_T(d, r, 1)
#define LIST_2(d, r) LIST_1(d, r), LIST_T(d, r, 2)
#define LIST_3(d, r) LIST_2(d, r), LIST_T(d, r, 3)
#define LIST_4(d, r) LIST_3(d, r), LIST_T(d, r, 4)
#define LIST_6(d, r) LIST_4(d, r), LIST_T(d, r, 5), LIST_T(d, r, 6)
#define LIST_8(d, r) LIST_6(d, r), LIST_T(d, r, 7), LIST_T(d, r, 8)
#define LIST(rows, widest) {{LIST_##widest(0, rows)}, {LIST_##widest(1, rows)}},
#define LIST_HEIGHT(rows, widest) {rows, widest},
static const struct spr_tile_height heights[] = {HEIGHTS(LIST_HEIGHT)};
#define HEIGHT_COUNT (sizeof heights / sizeof heights[0])

/* Dense, width, whole or half tail. */
static const tile_function run[HEIGHT_COUNT][2][TILE_WIDTH_MAX + 1][2] = {HEIGHTS(LIST)};

static size_t find_height(int rows)
{
    size_t i = 0;
    while (i < HEIGHT_COUNT - 1 && heights[i].rows != rows) {
        i++;
    }
    return i;
}

static void matrix(const struct spr_strips *strips, int thread, const float *x, float *y)
{
    const size_t n = (size_t)strips->n, row = strips->row > 0 ? (size_t)strips->row : n;
    const int64_t vectors = (strips->n + VEC_LANES - 1) / VEC_LANES;
    const int64_t tiles = spr_tile_count(vectors, strips->vectors);
    struct tile_work work = {.index = strips->index, .value = strips->value, .n = row};
    size_t column = 0;
    for (int64_t i = 0; i < tiles; i++) {
        int width = spr_tile_width(vectors, tiles, i);
        /* The last vector of the row is moved back inside it: what two vectors compute
         * twice is the same both times. */
        size_t end = column + (size_t)width * VEC_LANES;
        bool half = VEC_HAS_HALF && n > VEC_LANES && end >= n + VEC_LANES / 2;
        work.part = half ? VEC_LANES / 2 : n < VEC_LANES ? (int)n : VEC_LANES;
        work.last = (ptrdiff_t)((end <= n ? end : n) - column) - work.part;
        work.y = y + column;
        for (uint32_t s = strips->thread_strip[thread]; s < strips->thread_strip[thread + 1];
             s++) {
            const struct spr_strip *strip = &strips->strip[s];
            work.segment = strips->segment + strip->begin;
            work.end = strips->segment + strip->end;
            work.x = x + (size_t)strip->column * row + column;
            work.first = strip->first;
            size_t height = find_height(strip->rows);
            run[height][strips->dense][n < VEC_LANES ? 0 : width][half](&work);
        }
        column = end;
    }
}

extern const struct spr_tiles SPR_PER_ISA(spr_tiles);
const struct spr_tiles SPR_PER_ISA(spr_tiles) = {
    .lanes = VEC_LANES,
    .heights = heights,
    .height_count = HEIGHT_COUNT,
    .halves = VEC_HAS_HALF,
    .shuffles = VEC_HAS_PERMUTE,
    .fetches = VEC_HAS_FETCH,
    .matrix = matrix,
    .vector = vector,
    .interleave = interleave,
    .tokens = tokens,
};
