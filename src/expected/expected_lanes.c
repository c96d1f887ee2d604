/* SPDX-License-Identifier: Apache-2.0 */
/* The expected time where the lanes of a vector are rows of W: one token, and the layout nk. */
#include <math.h>

#include "expected/expected_parts.h"

/* Ways of a first-level cache, 8 to 12 on x86-64: the fewer. */
#define CACHE_WAYS 8

/* Row groups of one thread, and the steps in all of them. */
struct groups {
    double count, steps;
};

static struct groups row_groups(const struct spr_sums *s, const struct spr_tile_shape *tile)
{
    const int rows = spr_tile_rows(tile, (int)s->lanes);
    const double unit_rows = s->dense ? rows : (double)s->cell.rows;
    const double units = ceil((double)s->of->m / unit_rows);
    const double share = spr_imbalance(units, s->of->threads) / s->of->threads;
    const double count = units * ceil(unit_rows / rows) * share;
    const double chunk = tile->chunk > 0 ? tile->chunk : 1;
    return (struct groups){count, count * spr_unit_steps(s, units) / chunk};
}

/* Row groups of the n = 1 path: `steps` in `groups` of them. */
static void add_vector_steps(struct spr_sums *s, const struct spr_tile_shape *tile,
                             double steps, double groups)
{
    const struct spr_tile_rates *rates = spr_tile_rates_find(s->machine->kernels, s->of, tile);
    if (!rates) {
        s->known = false;
        return;
    }
    /* Multiply-adds of a step: one of each vector, or of each slot. */
    const int fmas = tile->form == SPR_TILE_SHUFFLE ? tile->slots
                     : tile->form == SPR_TILE_COMP  ? 1
                                                    : tile->vectors;
    double base = spr_sweep_at(&rates->w, 0);
    double fma = fmin(base, fmas * s->fma_s);
    s->part[SPR_LIMIT_FMA] += steps * fma;
    s->part[SPR_LIMIT_LOADS] += steps * (base - fma);
    s->part[SPR_LIMIT_X] +=
        steps * (spr_sweep_at(&rates->x, 4.0 * s->panel_columns) - spr_sweep_at(&rates->x, 0));
    s->part[SPR_LIMIT_W] += steps * (spr_sweep_at(&rates->w, spr_far_bytes(s)) - base);
    s->part[SPR_LIMIT_SEGMENTS] += groups * spr_sweep_at(&rates->group, steps / groups);
}

static void add_shuffle(struct spr_sums *s)
{
    double m = (double)s->of->m, k = (double)s->of->k;
    double column_groups = ceil(k / SPR_SHUFFLE_COLUMNS);
    double tiles = ceil(m / s->of->threads / SPR_SHUFFLE_ROWS) * column_groups;
    double rest =
        m / s->of->threads * column_groups *
        spr_shuffle_overflow(&s->cell, s->of->k, s->of->kept / (m * k), s->plan.slots);
    for (int from = 0; from < s->plan.slots; from += SPR_SHUFFLE_SLOTS) {
        const int left = s->plan.slots - from;
        const struct spr_tile_shape tile = {
            .form = SPR_TILE_SHUFFLE,
            .slots = left < SPR_SHUFFLE_SLOTS ? left : SPR_SHUFFLE_SLOTS};
        add_vector_steps(s, &tile, tiles, column_groups);
    }
    if (rest > 0) {
        /* Rows that one of the rest falls into. */
        const struct spr_tile_shape single = spr_lane_tile(&s->plan);
        double rows = m / s->of->threads;
        add_vector_steps(s, &single, rest, rows * -expm1(-rest / rows));
    }
}

/* Row groups of as many rows as there are lanes pass over all of X. */
static void add_comp(struct spr_sums *s)
{
    const struct spr_tile_shape tile = {.form = SPR_TILE_COMP, .vectors = s->comp.inputs};
    const double groups = ceil((double)s->of->m / s->of->threads / s->lanes);
    const double each = ceil((double)s->of->k / (double)s->comp.columns);
    add_vector_steps(s, &tile, groups * each, groups);
}

void spr_add_vector(struct spr_sums *s)
{
    const struct spr_tile_shape tile = spr_lane_tile(&s->plan);
    if (s->comp.columns > 0) {
        add_comp(s);
        return;
    }
    if (s->plan.slots > 0) {
        add_shuffle(s);
        return;
    }
    const struct groups each = row_groups(s, &tile);
    add_vector_steps(s, &tile, each.steps, each.count * s->panels);
}

/* What the tokens' rows of Y, which share few places of the cache, add to a row group: they
 * leave it before the next one writes to them. Measured where they share a single one. */
static double crowded_group(const struct spr_sums *s, const struct spr_tile_rates *rates)
{
    const int tokens = rates->tile.tokens;
    double places =
        SPR_WAY_BYTES / spr_greatest_divisor(4.0 * (double)s->of->m, SPR_WAY_BYTES);
    double crowded = fmax(0, tokens - CACHE_WAYS * places) / fmax(1, tokens - CACHE_WAYS);
    return rates->y.count > 0 ? crowded * spr_sweep_at(&rates->y, 0) : 0;
}

/* So many alike tiles over all row groups, `each` of one; first: W comes from afar. */
static void add_token_tiles(struct spr_sums *s, const struct spr_tile_shape *tile,
                            const struct groups *each, double times, bool first)
{
    const struct spr_tile_rates *rates = spr_tile_rates_find(s->machine->kernels, s->of, tile);
    if (!rates) {
        s->known = false;
        return;
    }
    const int tokens = tile->tokens;
    const double steps = each->steps * times, groups = each->count * times;
    double base = spr_sweep_at(&rates->w, 0);
    double fma = fmin(base, tile->vectors * tokens * s->fma_s);
    const double columns = s->panels > 1 ? s->panel_columns : (double)s->of->k;
    const double x_step =
        spr_sweep_at(&rates->x, 4.0 * columns * tokens) - spr_sweep_at(&rates->x, 0);
    const double inputs = (double)s->of->k / s->of->threads;
    s->part[SPR_LIMIT_FMA] += steps * fma;
    s->part[SPR_LIMIT_LOADS] += steps * (base - fma);
    s->part[SPR_LIMIT_X] += steps * x_step;
    if (rates->input.count > 0) {
        s->part[SPR_LIMIT_X] += times * tokens * inputs *
                                spr_sweep_at(&rates->input, 4.0 * (double)s->of->n * inputs);
    }
    /* Between two tiles pass W, and what one of them reads and writes. */
    const double again = s->weight_bytes +
                         4.0 * tokens * ((double)s->of->k + (double)s->of->m / s->of->threads);
    s->part[SPR_LIMIT_W] +=
        steps * (spr_sweep_at(&rates->w, first ? spr_far_bytes(s) : again) - base);
    double group_s =
        spr_sweep_at(&rates->group, 4.0 * (double)s->of->m * tokens) + crowded_group(s, rates);
    s->part[SPR_LIMIT_SEGMENTS] += groups * s->panels * group_s;
}

/* The layout nk: W passes once for each tile of tokens. */
void spr_add_tokens(struct spr_sums *s)
{
    struct spr_tile_shape tile = spr_lane_tile(&s->plan);
    const struct groups each = row_groups(s, &tile);
    int64_t left = s->of->n;
    bool first = true;
    while (left > 0 && s->known) {
        tile.tokens = spr_token_step((int)s->lanes, tile.vectors, left);
        int64_t times = left / tile.tokens;
        add_token_tiles(s, &tile, &each, 1, first);
        if (times > 1) {
            add_token_tiles(s, &tile, &each, (double)(times - 1), false);
        }
        first = false;
        left -= times * tile.tokens;
    }
}
