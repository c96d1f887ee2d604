/* SPDX-License-Identifier: Apache-2.0 */
/* The packed form that every kernel reads.
 *
 * Rows of W that are multiplied together form a row group; a segment is one row group within
 * one K panel: a list of steps, each one column of W with the group's values side by side.
 * Dense segments have consecutive columns and no index. A pattern is packed by listing its
 * steps: single rows for csr, N:M, bitmask and ell, the rows of a block for RxC.
 *
 * The n = 1 path ("vector" below) has no row of X to run along, so the lanes of a vector are
 * weights: lane l holds row l / chunk, column l % chunk, and the same `chunk` consecutive
 * inputs stand in every group of `chunk` lanes.
 *
 * Scattered single weights at n = 1 ("shuffle", where spr_tiles.shuffles): 32 inputs stand
 * in two registers, a slot is one weight for each of 16 rows, and a permutation fetches each
 * lane's input. Every tile of 16 rows x 32 columns has the same number of slots, so that no
 * loop depends on the data; what does not fit follows row by row. The 5-bit positions of six
 * slots share one word a lane. A tile lies in value[] as 16 position words, then the slots.
 *
 * comp:P at n = 1 ("comp", where spr_tiles.fetches): lanes are rows, each of which has at most
 * one weight in the columns of a step; these follow each other, stand in one or two registers
 * and a permutation fetches each lane's input. A row group passes over all of X, its sums in
 * registers. The places of some steps share one word a lane: value[] holds a vector of words,
 * then as many vectors of weights, and so on. */
#ifndef SPROOF_KERNEL_ISA_STRIPS_H
#define SPROOF_KERNEL_ISA_STRIPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spr_segment {
    uint32_t row;   /* first row of Y */
    uint32_t steps; /* columns (vector: chunks of columns) */
    uint32_t index; /* offset of the first step in index[] */
    uint32_t rows;  /* rows stored to Y; fewer than the tile's only in the n = 1 path */
    size_t value;   /* offset of the first value */
};

/* Segments of one shape in one panel for one thread, longest first. Of the tile's shape it has
 * what a matrix holds several of (rows to slots, as in sproof/tile.h). Shuffle: a segment is all
 * row groups (steps) of 16 rows in one group of 32 columns, which starts at column `index`; its
 * rows are those of Y it covers. */
struct spr_strip {
    uint32_t begin, end; /* segments */
    int64_t column;      /* first column of the panel */
    uint16_t rows, vectors, chunk, slots;
    uint16_t inputs; /* comp: vectors of X that a step reads, `chunk` columns apart; else 0 */
    bool full;       /* comp: every row has a weight in every step */
    bool first;      /* starts from zero; else continues the sums in Y */
};

struct spr_strips {
    int64_t m, k, n;
    int64_t row; /* floats from one row of X, and of Y, to the next; 0: n (layout nk: of Y
                  * alone; 0: m) */
    int threads;
    int vectors; /* widest tile */
    int tokens;  /* most tokens of a tile in the layout nk; 0: layout kn */
    bool dense;  /* consecutive columns, no index */
    size_t strip_count, segment_count, index_count, value_count;
    uint32_t *thread_strip; /* threads+1 offsets into strip */
    struct spr_strip *strip;
    struct spr_segment *segment;
    uint16_t *index; /* column relative to the panel */
    float *value;    /* 64-byte aligned */
};

/* A height of the tiles whose lanes are tokens, and their widest in vectors. */
struct spr_tile_height {
    int rows, widest;
};

/* What one instruction set's object exports. */
struct spr_tiles {
    int lanes;
    const struct spr_tile_height *heights; /* rising, from 1 on */
    size_t height_count;
    bool halves;   /* a tile's last vector may be half of one */
    bool shuffles; /* `vector` takes the shuffle form */
    bool fetches;  /* `vector` takes the comp form */
    /* One thread's share of Y = W X with n > 1. */
    void (*matrix)(const struct spr_strips *strips, int thread, const float *x, float *y);
    /* The same with n = 1. */
    void (*vector)(const struct spr_strips *strips, int thread, const float *x, float *y);
    /* The layout nk: one thread's columns of X, put as `tokens` reads them. */
    void (*interleave)(const struct spr_strips *strips, int thread, const float *x,
                       float *inputs);
    /* One thread's share in the layout nk; x: interleaved, unless the weights are single. */
    void (*tokens)(const struct spr_strips *strips, int thread, const float *x, float *y);
};

/* No tile is taller. */
#define SPR_TILE_HEIGHT_MAX 24

/* Tokens of a tile in the layout nk for one or two vectors of rows: what the registers hold,
 * and the lengths that the rest of the tokens is cut into. */
#define SPR_TOKEN_LENGTHS 6
static inline int spr_token_length(int lanes, int vectors, int i)
{
    static const int many[2][SPR_TOKEN_LENGTHS] = {{24, 16, 8, 4, 2, 1}, {12, 8, 4, 2, 1, 1}};
    static const int few[2][SPR_TOKEN_LENGTHS] = {{12, 8, 4, 2, 1, 1}, {6, 4, 2, 1, 1, 1}};
    return (lanes == 8 || lanes == 1 ? few : many)[vectors > 1][i];
}
/* The longest that is not beyond `left`. */
static inline int spr_token_step(int lanes, int vectors, int64_t left)
{
    int i = 0;
    while (spr_token_length(lanes, vectors, i) > left) {
        i++;
    }
    return spr_token_length(lanes, vectors, i);
}

/* A step of the shuffle form, and the most slots of a tile. */
#define SPR_SHUFFLE_ROWS 16
#define SPR_SHUFFLE_COLUMNS 32
#define SPR_SHUFFLE_SLOTS 6

/* The comp form: bits of a place among the inputs of a step, steps whose places share a word,
 * and the values that so many steps take. */
static inline int spr_comp_bits(int lanes, int inputs)
{
    return lanes * inputs > 16 ? 5 : 4;
}
static inline int spr_comp_block(int lanes, int inputs)
{
    return 32 / spr_comp_bits(lanes, inputs);
}
static inline size_t spr_comp_values(int lanes, int inputs, size_t steps)
{
    const size_t block = (size_t)spr_comp_block(lanes, inputs);
    return (steps + (steps + block - 1) / block) * (size_t)lanes;
}
/* Where the inputs of a step begin: beyond the last ones of X none is read. */
static inline size_t spr_comp_column(size_t step, size_t columns, size_t last)
{
    return step * columns < last ? step * columns : last;
}

/* K panels hold at most this many columns: indices have 16 bits. */
#define SPR_PANEL_MAX 65536

/* Widths of the tiles that `vectors` vectors of a row of X are cut into, as even as possible:
 * how many tiles of at most `widest`, and the width of the i-th. */
static inline int64_t spr_tile_count(int64_t vectors, int widest)
{
    return (vectors + widest - 1) / widest;
}
static inline int spr_tile_width(int64_t vectors, int64_t count, int64_t i)
{
    return (int)(vectors / count + (i < vectors % count));
}

#endif
