/* SPDX-License-Identifier: Apache-2.0 */
/* The expected time where the lanes of a vector are rows of W: one token, and the layout nk. */
#include <math.h>

#include "expected/expected_parts.h"

/* Ways of a first-level cache, 8 to 12 on x86-64: the fewer. */
#define CACHE_WAYS 8

/* Row groups of the n = 1 path: `steps` in `groups` of them. */
static void add_vector_steps(struct spr_sums *s, int rows, int chunk, double steps,
                             double groups)
{
    const struct spr_tile_rates *rates = spr_tile_rates_find(
        s->machine->kernels, s->of, s->dense ? SPR_TILE_DENSE : SPR_TILE_VECTOR, rows,
        s->dense ? 0 : chunk);
    if (!rates) {
        s->known = false;
        return;
    }
    double base = spr_sweep_at(&rates->w, 0);
    double fma = fmin(base, rows * s->fma_s);
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
        int left = s->plan.slots - from;
        add_vector_steps(s, left < SPR_SHUFFLE_SLOTS ? left : SPR_SHUFFLE_SLOTS,
                         SPR_CHUNK_SHUFFLE, tiles, column_groups);
    }
    if (rest > 0) {
        /* Rows that one of the rest falls into. */
        double rows = m / s->of->threads;
        add_vector_steps(s, 1, 0, rest, rows * -expm1(-rest / rows));
    }
}

void spr_add_vector(struct spr_sums *s)
{
    struct spr_lane_shape lanes = spr_lane_shape(&s->plan);
    if (s->plan.slots > 0) {
        add_shuffle(s);
        return;
    }
    double unit_rows = s->dense ? lanes.rows : (double)s->cell.rows;
    double units = ceil((double)s->of->m / unit_rows);
    double share = spr_imbalance(units, s->of->threads) / s->of->threads;
    double per_unit = ceil(unit_rows / lanes.rows);
    double groups = units * per_unit * share;
    double steps = groups * spr_unit_steps(s, units) / (lanes.chunk > 0 ? lanes.chunk : 1);
    add_vector_steps(s, lanes.vectors, lanes.chunk, steps, groups * s->panels);
}

/* So many alike tiles of `tokens` tokens over all row groups; first: W comes from afar. */
static void add_token_tiles(struct spr_sums *s, const struct spr_lane_shape *lanes, int tokens,
                            double times, bool first, const double steps_and_groups[2])
{
    const int chunk = s->dense ? (int)s->lanes * 2 : lanes->chunk;
    const struct spr_tile_rates *rates =
        spr_tile_rates_find(s->machine->kernels, s->of, SPR_TILE_TOKENS, lanes->vectors,
                            SPR_TOKEN_TILE(chunk, tokens));
    if (!rates) {
        s->known = false;
        return;
    }
    const double steps = steps_and_groups[0] * times, groups = steps_and_groups[1] * times;
    double base = spr_sweep_at(&rates->w, 0);
    double fma = fmin(base, lanes->vectors * tokens * s->fma_s);
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
    /* Rows of Y share so few places of the cache that they leave it before the next row group
     * writes to them; measured where they share a single one. */
    double places =
        SPR_WAY_BYTES / spr_greatest_divisor(4.0 * (double)s->of->m, SPR_WAY_BYTES);
    double crowded = fmax(0, tokens - CACHE_WAYS * places) / fmax(1, tokens - CACHE_WAYS);
    double group_s = spr_sweep_at(&rates->group, 4.0 * (double)s->of->m * tokens) +
                     (rates->y.count > 0 ? crowded * spr_sweep_at(&rates->y, 0) : 0);
    s->part[SPR_LIMIT_SEGMENTS] += groups * s->panels * group_s;
}

/* The layout nk: W passes once for each tile of tokens. */
void spr_add_tokens(struct spr_sums *s)
{
    const struct spr_lane_shape lanes = spr_lane_shape(&s->plan);
    const double unit_rows = s->dense ? lanes.rows : (double)s->cell.rows;
    const double units = ceil((double)s->of->m / unit_rows);
    const double share = spr_imbalance(units, s->of->threads) / s->of->threads;
    const double groups = units * ceil(unit_rows / lanes.rows) * share;
    const double chunk = lanes.chunk > 0 ? lanes.chunk : 1;
    const double both[2] = {groups * spr_unit_steps(s, units) / chunk, groups};
    int64_t left = s->of->n;
    bool first = true;
    while (left > 0 && s->known) {
        int tokens = spr_token_step((int)s->lanes, lanes.vectors, left);
        int64_t times = left / tokens;
        add_token_tiles(s, &lanes, tokens, 1, first, both);
        if (times > 1) {
            add_token_tiles(s, &lanes, tokens, (double)(times - 1), false, both);
        }
        first = false;
        left -= times * tokens;
    }
}
