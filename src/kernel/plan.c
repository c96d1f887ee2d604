/* SPDX-License-Identifier: Apache-2.0 */
/* How a kernel walks a matrix: the register tile and the K panel. */
#include <math.h>

#include "base/bits.h"
#include "kernel/pack_comp.h"
#include "sproof/cpu.h"

/* Share of a second-level cache that a panel of X may take: the weights stream past it. Narrow
 * vectors do less work for each line of X and want it nearer. */
#define PANEL_BYTES (512 * 1024.0)
#define NARROW_PANEL_BYTES (256 * 1024.0)
/* The same where each row of W reads its own rows of X: they should stay in the first level,
 * unless so few weights of a row fall into a panel that loading and storing Y costs more. */
#define SCATTERED_PANEL_BYTES (32 * 1024.0)
#define SCATTERED_PANEL_STEPS 12

/* Share of a second-level cache that the rows of X of one token tile may take. */
#define TOKEN_PANEL_BYTES (256 * 1024.0)

/* Loads per multiply-add of a tile: T of X and R weights for R*T multiply-adds. */
static double loads(int rows, int width)
{
    return ((double)width + rows) / ((double)rows * width);
}

/* Fewer loads are better even where the multipliers limit; a wider and taller tile spreads
 * the start and end of a row group. */
static double tile_cost(int rows, int width)
{
    return rows * width * (fmax(loads(rows, width), 1) + 0.02 * loads(rows, width)) + 0.25;
}

/* Work of one column of a group of `rows` rows along `vectors` vectors, in multiply-adds. */
static double group_cost(const struct spr_plan *plan, int rows, int64_t vectors)
{
    const int widest = spr_widest_tile(plan->isa, rows);
    int most = widest < plan->vectors ? widest : plan->vectors;
    int64_t tiles = spr_tile_count(vectors, most), wide = vectors % tiles;
    int width = spr_tile_width(vectors, tiles, tiles - 1);
    return (double)wide * tile_cost(rows, width + 1) +
           (double)(tiles - wide) * tile_cost(rows, width);
}

/* The height whose groups cover the rows of a block at the least cost. */
static int choose_rows(const struct spr_plan *plan, int64_t block_rows, int64_t vectors)
{
    const struct spr_tiles *tiles = spr_isa_code_of(plan->isa)->tiles;
    int best = 1;
    double least = HUGE_VAL;
    for (size_t i = tiles->height_count; i-- > 0;) {
        const int rows = tiles->heights[i].rows, width = tiles->heights[i].widest;
        struct spr_plan trial = *plan;
        trial.rows = rows;
        if (rows > block_rows) {
            continue;
        }
        trial.vectors = (int)(vectors < width ? vectors : width);
        double cost = 0;
        int64_t left = block_rows % rows;
        cost += (double)(block_rows / rows) * group_cost(&trial, rows, vectors);
        while (left > 0) {
            int height = spr_group_height(&trial, left);
            cost += group_cost(&trial, height, vectors);
            left -= height;
        }
        if (cost < least) {
            least = cost;
            best = rows;
        }
    }
    return best;
}

static int64_t clamp_panel(double columns, int64_t k)
{
    double most = fmin((double)k, SPR_PANEL_MAX);
    double panels = ceil((double)k / fmax(1, fmin(columns, most)));
    double even = ceil((double)k / panels);
    return (int64_t)fmin(ceil(even / 16) * 16, SPR_PANEL_MAX);
}

/* Bytes of a cache that a tile's part of one row of X keeps busy: whole lines, and the places
 * between rows that lie a power of two apart. */
static double column_bytes(int64_t n, double row_bytes)
{
    const double apart =
        spr_greatest_divisor(4.0 * (double)(n % SPR_WAY_BYTES), SPR_WAY_BYTES);
    const double lines =
        apart < SPR_CACHE_LINE ? row_bytes + SPR_CACHE_LINE - apart : row_bytes;
    return fmax(apart, lines);
}

struct spr_plan spr_plan_choose(const struct spr_pattern *pattern, enum spr_isa isa, int64_t m,
                                int64_t k, int64_t n, double kept, int threads)
{
    struct spr_plan plan = {.m = m,
                            .k = k,
                            .n = n,
                            .isa = isa,
                            .pattern = *pattern,
                            .threads = threads < 1 ? 1 : threads};
    struct spr_cell_shape cell;
    pattern->kind->cell(pattern, m, k, kept, &cell);
    bool dense = pattern->kind->pattern_class == SPR_CLASS_DENSE;
    int64_t lanes = spr_isa_lanes(isa), vectors = (n + lanes - 1) / lanes;
    if (n == 1) {
        plan.rows = 1;
        plan.vectors = 0;
        plan.panel = dense ? k : k < SPR_PANEL_MAX ? k : SPR_PANEL_MAX;
        if (!dense && spr_isa_code_of(isa)->tiles->shuffles && k <= SPR_PANEL_MAX &&
            spr_lane_tile(&plan).chunk == 0 && spr_comp_form_of(&plan).columns == 0) {
            plan.slots = spr_shuffle_slots(&cell, k, kept / ((double)m * (double)k));
        }
        return plan;
    }
    plan.rows = choose_rows(&plan, dense ? m : cell.rows, vectors);
    int widest = spr_widest_tile(isa, plan.rows);
    plan.vectors = (int)(vectors < widest ? vectors : widest);
    double row_bytes = 4.0 * (double)lanes * plan.vectors;
    double share = lanes >= 16 ? PANEL_BYTES : NARROW_PANEL_BYTES;
    double columns = share / column_bytes(n, row_bytes);
    if (plan.rows == 1 && !dense) {
        double per_row = kept * (double)(cell.rows * cell.columns) / (double)m;
        columns = fmin(columns, fmax(SCATTERED_PANEL_BYTES / row_bytes,
                                     SCATTERED_PANEL_STEPS * (double)k / per_row));
    }
    plan.panel = clamp_panel(columns, k);
    return plan;
}

int spr_group_height(const struct spr_plan *plan, int64_t rows_left)
{
    if (rows_left >= plan->rows) {
        return plan->rows;
    }
    const struct spr_tiles *tiles = spr_isa_code_of(plan->isa)->tiles;
    for (size_t i = tiles->height_count; i-- > 0;) {
        const struct spr_tile_height *height = &tiles->heights[i];
        if (height->rows <= rows_left && height->widest >= plan->vectors) {
            return height->rows;
        }
    }
    return 1;
}

struct spr_tile_shape spr_lane_tile(const struct spr_plan *plan)
{
    struct spr_cell_shape cell;
    int lanes = spr_isa_lanes(plan->isa);
    struct spr_tile_shape tile = {.form = plan->tokens > 0 ? SPR_TILE_TOKENS : SPR_TILE_VECTOR,
                                  .vectors = 1,
                                  .tokens = plan->tokens};
    if (plan->pattern.kind->pattern_class == SPR_CLASS_DENSE) {
        tile.dense = true;
        tile.chunk = 1;
        tile.vectors = plan->m >= 4 * lanes && plan->tokens == 0 ? 4 : plan->m > lanes ? 2 : 1;
        return tile;
    }
    plan->pattern.kind->cell(&plan->pattern, plan->m, plan->k, 0, &cell);
    if (cell.of > 0 || (double)cell.rows * (double)cell.columns * 4 < lanes) {
        return tile;
    }
    /* As many columns as divide the block and the matrix, so that no step reads past X. */
    tile.chunk = 1;
    while (tile.chunk < lanes && cell.columns % (2 * tile.chunk) == 0 &&
           plan->k % (2 * tile.chunk) == 0 &&
           cell.rows * 2 * tile.chunk <= 4 * (int64_t)lanes) {
        tile.chunk *= 2;
    }
    int64_t filled = (cell.rows * tile.chunk + lanes - 1) / lanes;
    /* With several tokens two vectors of weights and their sums fill the registers. */
    tile.vectors = filled >= 4 && plan->tokens == 0 ? 4 : filled >= 2 ? 2 : 1;
    return tile;
}

struct spr_plan spr_plan_choose_nk(const struct spr_pattern *pattern, enum spr_isa isa,
                                   int64_t m, int64_t k, int64_t n, double kept, int threads)
{
    if (n == 1) {
        return spr_plan_choose(pattern, isa, m, k, n, kept, threads);
    }
    struct spr_plan plan = {.m = m,
                            .k = k,
                            .n = n,
                            .isa = isa,
                            .pattern = *pattern,
                            .rows = 1,
                            .tokens = 1,
                            .threads = threads < 1 ? 1 : threads};
    bool dense = pattern->kind->pattern_class == SPR_CLASS_DENSE;
    const int lanes = spr_isa_lanes(isa);
    plan.tokens = spr_token_step(lanes, spr_lane_tile(&plan).vectors, n);
    /* The rows of X that a tile reads stay near. */
    plan.panel = dense ? k : clamp_panel(TOKEN_PANEL_BYTES / (4.0 * plan.tokens), k);
    return plan;
}
