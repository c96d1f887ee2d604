/* SPDX-License-Identifier: Apache-2.0 */
/* Register tiles: R rows of W times T vectors of X's rows, sums held in registers. One
 * always-inline body with constant R and T, instantiated by a table (README, "Kernels"). */
#include "strips.h"
#include "vec.h"

/* A sum waits for the one before it: 4 cycles on the cores known, two of them a cycle. */
#define CHAINS_NEEDED 8
#define CHAINS_MAX 8

/* Widest tile of each height: sums, X's vectors and one weight must fit the registers. */
#if VEC_REGISTERS >= 32
#define HEIGHTS(DO) DO(1, 8) DO(2, 8) DO(4, 6) DO(6, 4) DO(8, 3) DO(12, 2) DO(16, 1) DO(24, 1)
#else
#define HEIGHTS(DO) DO(1, 8) DO(2, 4) DO(4, 3) DO(6, 2) DO(8, 1) DO(12, 1)
#endif
#define TILE_HEIGHT_MAX 24
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
        vec sum[TILE_HEIGHT_MAX * 2];
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
#define LIST(rows, widest)                                                                    \
    {rows, widest, {{LIST_##widest(0, rows)}, {LIST_##widest(1, rows)}}},
static const struct {
    int rows, widest;
    tile_function run[2][TILE_WIDTH_MAX + 1][2]; /* dense, width, whole or half tail */
} heights[] = {HEIGHTS(LIST)};
#define HEIGHT_COUNT (sizeof heights / sizeof heights[0])

static size_t find_height(uint32_t rows)
{
    size_t i = 0;
    while (i < HEIGHT_COUNT - 1 && heights[i].rows != (int)rows) {
        i++;
    }
    return i;
}

static int widest(int rows)
{
    size_t i = find_height((uint32_t)rows);
    return heights[i].rows == rows ? heights[i].widest : 0;
}

static void matrix(const struct spr_strips *strips, int thread, const float *x, float *y)
{
    const size_t n = (size_t)strips->n;
    const int64_t vectors = (strips->n + VEC_LANES - 1) / VEC_LANES;
    const int64_t tiles = spr_tile_count(vectors, strips->vectors);
    struct tile_work work = {.index = strips->index, .value = strips->value, .n = n};
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
            work.x = x + (size_t)strip->column * n + column;
            work.first = strip->first;
            size_t height = find_height(strip->rows);
            heights[height].run[strips->dense][n < VEC_LANES ? 0 : width][half](&work);
        }
        column = end;
    }
}

/* n = 1: lanes are weights. */
struct vector_work {
    const struct spr_segment *segment, *end;
    const uint16_t *index;
    const float *value;
    const float *x;
    float *y;
    bool first;
    bool dense;
};

/* Adds groups of `chunk` neighbouring lanes of each vector and stores one sum a row. */
VEC_INLINE void store_rows(int vectors, int chunk, const vec *sum, uint32_t rows, bool first,
                           float *y)
{
    const int per = VEC_LANES / chunk;
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        int left = (int)rows - v * per, count = left < per ? left : per;
        if (count <= 0) {
            return;
        }
        vec row_sums = vec_gather_firsts(vec_fold(sum[v], chunk), chunk);
        if (!first) {
            row_sums = vec_add(row_sums, vec_load_part(y + v * per, count));
        }
        vec_store_part(y + v * per, row_sums, count);
    }
}

VEC_INLINE void vector_tile(int vectors, int chunk, const struct vector_work *work)
{
    const int chains = vectors >= 4 ? 2 : vectors == 2 ? 4 : 8;
    const size_t step_values = (size_t)vectors * VEC_LANES;
    for (const struct spr_segment *s = work->segment; s < work->end; s++) {
        vec sum[8];
        const float *w = work->value + s->value;
        const uint16_t *index = work->index + s->index;
        size_t i = 0, steps = s->steps;
#pragma GCC unroll 8
        for (int c = 0; c < chains * vectors; c++) {
            sum[c] = vec_zero();
        }
        for (; i + (size_t)chains <= steps; i += (size_t)chains) {
#pragma GCC unroll 8
            for (int c = 0; c < chains; c++) {
                size_t at = i + (size_t)c;
                vec xv = vec_repeat(work->x + (work->dense ? at * (size_t)chunk : index[at]),
                                    chunk);
#pragma GCC unroll 4
                for (int v = 0; v < vectors; v++) {
                    sum[c * vectors + v] = vec_fma(
                        xv, vec_load(w + (c * vectors + v) * VEC_LANES), sum[c * vectors + v]);
                }
            }
            w += (size_t)chains * step_values;
        }
        for (; i < steps; i++) {
            vec xv = vec_repeat(work->x + (work->dense ? i * (size_t)chunk : index[i]), chunk);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) {
                sum[v] = vec_fma(xv, vec_load(w + v * VEC_LANES), sum[v]);
            }
            w += step_values;
        }
#pragma GCC unroll 8
        for (int c = chains / 2; c >= 1; c /= 2) {
#pragma GCC unroll 8
            for (int j = 0; j < c * vectors; j++) {
                sum[j] = vec_add(sum[j], sum[c * vectors + j]);
            }
        }
        store_rows(vectors, chunk, sum, s->rows, work->first, work->y + s->row);
    }
}

/* Rows of scattered single weights: one row at a time, several sums in flight. */
static void scattered(const struct vector_work *work)
{
    for (const struct spr_segment *s = work->segment; s < work->end; s++) {
        const float *w = work->value + s->value;
        const uint16_t *index = work->index + s->index;
        const size_t steps = s->steps;
        vec sum[2] = {vec_zero(), vec_zero()};
        size_t i = 0;
        for (; i + 2 * VEC_LANES <= steps; i += 2 * VEC_LANES) {
#pragma GCC unroll 2
            for (size_t c = 0; c < 2; c++) {
                size_t at = i + c * VEC_LANES;
                sum[c] = vec_fma(vec_load(w + at), vec_pick(work->x, index + at), sum[c]);
            }
        }
        float tail[2] = {0, 0}, total[VEC_LANES];
        for (; i + 1 < steps; i += 2) {
            tail[0] += w[i] * work->x[index[i]];
            tail[1] += w[i + 1] * work->x[index[i + 1]];
        }
        if (i < steps) {
            tail[0] += w[i] * work->x[index[i]];
        }
        vec_store(total, vec_fold(vec_add(sum[0], sum[1]), VEC_LANES));
        float row = total[0] + (tail[0] + tail[1]);
        work->y[s->row] = work->first ? row : work->y[s->row] + row;
    }
}

#if VEC_LANES == SPR_SHUFFLE_ROWS
/* A slot without a weight holds 0 and must not meet an infinite or undefined input. */
static bool all_finite(const float *x, int64_t count)
{
    const __m512 most = _mm512_set1_ps(3.402823466e+38F);
    __mmask16 bad = 0;
    for (int64_t i = 0; i < count; i += VEC_LANES) {
        int left = count - i < VEC_LANES ? (int)(count - i) : VEC_LANES;
        __m512 size = _mm512_abs_ps(vec_load_part(x + i, left));
        bad = (__mmask16)(bad | _mm512_cmp_ps_mask(size, most, _CMP_NLE_UQ));
    }
    return bad == 0;
}

VEC_INLINE void shuffle_tile(int slots, bool finite, const struct vector_work *work,
                             int64_t columns)
{
    const size_t tile_values = (size_t)(slots + 1) * VEC_LANES;
    for (const struct spr_segment *s = work->segment; s < work->end; s++) {
        int64_t left = columns - (int64_t)s->index;
        const float *x = work->x + s->index, *w = work->value + s->value;
        const __m512 low = vec_load_part(x, left < 16 ? (int)left : 16);
        const __m512 high =
            left <= 16 ? vec_zero() : vec_load_part(x + 16, left < 32 ? (int)left - 16 : 16);
        for (uint32_t g = 0; g < s->steps; g++, w += tile_values) {
            float *y = work->y + s->row + g * VEC_LANES;
            int rows = (int)(s->rows - g * VEC_LANES);
            bool whole = rows >= VEC_LANES;
            __m512i position = _mm512_loadu_si512((const void *)w);
            __m512 sum = !work->first || s != work->segment
                             ? (whole ? vec_load(y) : vec_load_part(y, rows))
                             : vec_zero();
#pragma GCC unroll 6
            for (int i = 0; i < slots; i++) {
                __m512 input = _mm512_permutex2var_ps(low, position, high);
                __m512 value = vec_load(w + (i + 1) * VEC_LANES);
                if (finite) {
                    sum = _mm512_fmadd_ps(value, input, sum);
                } else {
                    __mmask16 used =
                        _mm512_cmp_ps_mask(value, _mm512_setzero_ps(), _CMP_NEQ_UQ);
                    sum = _mm512_mask3_fmadd_ps(value, input, sum, used);
                }
                position = _mm512_srli_epi32(position, 5);
            }
            if (whole) {
                vec_store(y, sum);
            } else {
                vec_store_part(y, sum, rows);
            }
        }
    }
}

#define SHUFFLE_CASE(s)                                                                       \
    case s:                                                                                   \
        if (finite) {                                                                         \
            shuffle_tile(s, true, work, columns);                                             \
        } else {                                                                              \
            shuffle_tile(s, false, work, columns);                                            \
        }                                                                                     \
        break;

static void shuffle(int slots, const struct vector_work *work, int64_t columns)
{
    bool finite = all_finite(work->x, columns);
    switch (slots) {
        SHUFFLE_CASE(1)
        SHUFFLE_CASE(2)
        SHUFFLE_CASE(3)
        SHUFFLE_CASE(4)
        SHUFFLE_CASE(5)
        SHUFFLE_CASE(6)
    default:
        break;
    }
}
#endif

#define VECTOR_CASE(v, c)                                                                     \
    case (v)*32 + (c):                                                                        \
        vector_tile(v, c, &work);                                                             \
        break;

/* NOLINTNEXTLINE(readability-non-const-parameter): y is written through the work */
static void vector(const struct spr_strips *strips, int thread, const float *x, float *y)
{
    for (uint32_t i = strips->thread_strip[thread]; i < strips->thread_strip[thread + 1];
         i++) {
        const struct spr_strip *strip = &strips->strip[i];
        struct vector_work work = {.segment = strips->segment + strip->begin,
                                   .end = strips->segment + strip->end,
                                   .index = strips->index,
                                   .value = strips->value,
                                   .x = x + strip->column,
                                   .y = y,
                                   .first = strip->first,
                                   .dense = strips->dense};
        switch (strip->rows * 32 + strip->chunk) {
            VECTOR_CASE(1, 1)
            VECTOR_CASE(2, 1)
            VECTOR_CASE(4, 1)
#if VEC_LANES >= 4
            VECTOR_CASE(1, 2)
            VECTOR_CASE(2, 2)
            VECTOR_CASE(4, 2)
            VECTOR_CASE(1, 4)
            VECTOR_CASE(2, 4)
            VECTOR_CASE(4, 4)
#endif
#if VEC_LANES >= 8
            VECTOR_CASE(1, 8)
            VECTOR_CASE(2, 8)
            VECTOR_CASE(4, 8)
#endif
#if VEC_LANES >= 16
            VECTOR_CASE(1, 16)
            VECTOR_CASE(2, 16)
            VECTOR_CASE(4, 16)
#endif
#if VEC_LANES == SPR_SHUFFLE_ROWS
        default:
            if (strip->chunk == SPR_CHUNK_SHUFFLE) {
                shuffle((int)strip->rows, &work, strips->k);
                break;
            }
            scattered(&work);
            break;
#else
        default:
            scattered(&work);
            break;
#endif
        }
    }
}

extern const struct spr_tiles SPR_PER_ISA(spr_tiles);
const struct spr_tiles SPR_PER_ISA(spr_tiles) = {VEC_LANES, matrix, vector, widest};
