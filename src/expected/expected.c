/* SPDX-License-Identifier: Apache-2.0 */
/* The expected time of sproof's own kernel: the counts of its loop nest times what each part
 * cost when the machine was probed (src/expected/README.md). */
#include "sproof/expected.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "expected/expected_parts.h"
#include "sproof/cpu.h"
#include "sproof/schedule.h"

/* When multiply-adds are this share of the time they are what limits. */
#define DOMINANT 0.7

const char *spr_limit_name(enum spr_limit limit)
{
    static const char *const names[SPR_LIMIT_COUNT] = {
        "fma", "fma-latency", "load-ports", "x-traffic", "w-stream", "row-groups", "call"};
    return names[limit];
}

/* Row groups of a height: how many (of one thread) and the steps in all of them. */
struct groups {
    int rows;
    double count, steps;
};

/* A constant that a disturbed calibration left out adds nothing. */
static double known_or_zero(double value)
{
    return isnan(value) ? 0 : value;
}

/* Adds `times` alike passes of a tile `width` vectors wide over all its row groups; the first
 * begins at `column`. */
static void add_pass(struct spr_sums *s, const struct groups *per_pass, int width,
                     int64_t column, double times)
{
    const struct groups all = {per_pass->rows, per_pass->count * times,
                               per_pass->steps * times};
    const struct groups *groups = &all;
    const enum spr_tile_form form = s->dense ? SPR_TILE_DENSE : SPR_TILE_STRIP;
    const struct spr_tile_rates *rates =
        spr_tile_rates_find(s->machine->kernels, s->of, form, groups->rows, width);
    if (!rates) {
        s->known = false;
        return;
    }
    double row_bytes = 4.0 * (double)s->of->n, tile_bytes = 4.0 * s->lanes * width;
    /* Rows start at multiples of this modulo a way: only tile / multiple of the cache's
     * places are used when the tile is narrower than that. */
    double gcd = spr_greatest_divisor(row_bytes, SPR_WAY_BYTES);
    double crowding = fmax(1, gcd / tile_bytes);
    double x_bytes = s->panel_columns * tile_bytes * crowding;
    const bool unaligned = fmod(row_bytes, (double)SPR_CACHE_LINE) != 0;
    const double nearest = spr_sweep_at(&rates->x, 0);
    /* Of the vectors of rows that start so far apart modulo a line, how many cross one, against
     * those of the calibration, which starts everywhere. */
    double vector_bytes = fmin((double)SPR_CACHE_LINE, 4 * s->lanes);
    double apart = spr_greatest_divisor(row_bytes, (double)SPR_CACHE_LINE);
    double crossing = s->lanes > 1 ? fmax(0, vector_bytes - apart) / (vector_bytes - 4) : 0;
    const struct spr_sweep *crossed = &rates->unaligned;
    double base = nearest + crossing * fmax(0, spr_sweep_at(crossed, 0) - nearest);
    int64_t rest = s->of->n % (int64_t)s->lanes;
    bool last = column + width * (int64_t)s->lanes >= s->of->n;
    if (last && rates->half_step_s > 0 && rest > 0 && 2 * rest <= (int64_t)s->lanes &&
        s->of->n > (int64_t)s->lanes) {
        base -= fmax(0, spr_sweep_at(crossed, 0) - rates->half_step_s);
    }
    double x_step = spr_sweep_at(&rates->x, x_bytes) - nearest;
    if (unaligned && crossed->count > 1) {
        /* Lines that a row of the tile touches, against those of the calibration; the last
         * vector of a row of X overlaps the one before. */
        double own = fmin(tile_bytes, row_bytes - 4.0 * (double)column);
        double lines = (own + (double)SPR_CACHE_LINE - apart) / (double)SPR_CACHE_LINE;
        double calibrated =
            (tile_bytes - 4 + (double)SPR_CACHE_LINE - 4) / (double)SPR_CACHE_LINE;
        x_step =
            (spr_sweep_at(crossed, x_bytes) - spr_sweep_at(crossed, 0)) * lines / calibrated;
    }
    /* Later tiles along a row find what the first has brought. */
    double far = column == 0 ? spr_far_bytes(s) : s->near_bytes;
    double w_step = spr_sweep_at(&rates->w, far) - spr_sweep_at(&rates->w, 0);
    if (rates->w_far.count > 1) {
        /* A stream of weights and far rows of X wait for the same cache lines. */
        double share = log(fmax(x_bytes, SPR_NEAR_X_BYTES) / SPR_NEAR_X_BYTES) /
                       log(SPR_FAR_X_BYTES / SPR_NEAR_X_BYTES);
        double both = spr_sweep_at(&rates->w_far, far) - spr_sweep_at(&rates->w_far, 0);
        w_step += fmin(1, share) * fmax(0, both - w_step);
    }
    /* The first time a row group needs a row of X it comes from where all of X is. */
    double columns = (double)s->of->k;
    double touched =
        times * (s->dense ? columns : columns * -expm1(-per_pass->steps / columns));
    double first_touch =
        fmax(0, spr_sweep_at(&rates->x, s->near_bytes) - spr_sweep_at(&rates->x, x_bytes));
    double fma = fmin(base, groups->rows * width * s->fma_s);
    bool few = groups->rows * width < 8;
    s->part[SPR_LIMIT_FMA] += groups->steps * fma;
    s->part[few && groups->rows > 1 ? SPR_LIMIT_LATENCY : SPR_LIMIT_LOADS] +=
        groups->steps * (base - fma);
    s->part[SPR_LIMIT_X] +=
        groups->steps * x_step + fmin(touched, groups->steps) * first_touch;
    s->part[SPR_LIMIT_W] += groups->steps * w_step;
    double later = 0;
    if (s->panels > 1) {
        /* Panels in which a row group holds nothing are skipped. */
        double cells = s->panel_columns / (double)s->cell.columns;
        double density = groups->steps / (groups->count * (double)s->of->k);
        double empty = s->dense || s->cell.of > 0 ? 0 : pow(1 - fmin(density, 1), cells);
        later = (s->panels - 1) * (1 - empty);
    }
    double steps = groups->steps / groups->count / (1 + later);
    double y_bytes = fmax(s->near_bytes, s->of->output_bytes / s->of->threads);
    double group_s = spr_sweep_at(&rates->group, steps) + spr_sweep_at(&rates->y, y_bytes) +
                     (unaligned ? known_or_zero(rates->unaligned_group_s) : 0);
    s->part[SPR_LIMIT_SEGMENTS] +=
        groups->count * (group_s + later * (group_s + known_or_zero(rates->panel_group_s)));
}

/* All tiles along a row of X. */
static void add_groups(struct spr_sums *s, const struct groups *groups)
{
    int64_t vectors = (s->of->n + (int64_t)s->lanes - 1) / (int64_t)s->lanes;
    const int64_t lanes = (int64_t)s->lanes, tiles = spr_tile_count(vectors, s->plan.vectors);
    const int64_t wide = vectors % tiles; /* tiles that are one vector wider, the first ones */
    const int narrow = spr_tile_width(vectors, tiles, tiles - 1);
    add_pass(s, groups, narrow + (wide > 0), 0, 1);
    if (wide > 1) {
        add_pass(s, groups, narrow + 1, (narrow + 1) * lanes, (double)(wide - 1));
    }
    int64_t inner = tiles - 1 - (wide > 0 ? wide : 1); /* narrow ones, not first, not last */
    int64_t column = (wide > 0 ? wide * (narrow + 1) : narrow) * lanes;
    if (inner > 0) {
        add_pass(s, groups, narrow, column, (double)inner);
    }
    if (tiles > (wide > 0 ? wide : 1)) {
        add_pass(s, groups, narrow, (vectors - narrow) * lanes, 1);
    }
}

static void add_matrix(struct spr_sums *s)
{
    double unit_rows = s->dense ? (double)s->plan.rows : (double)s->cell.rows;
    double units = ceil((double)s->of->m / unit_rows);
    double steps =
        spr_unit_steps(s, units) * spr_imbalance(units, s->of->threads) / s->of->threads;
    int64_t whole = s->of->m / (int64_t)unit_rows, rest = s->of->m % (int64_t)unit_rows;
    double share = spr_imbalance(units, s->of->threads) / s->of->threads;
    for (int part = 0; part < 2 && s->known; part++) {
        double times = part == 0 ? (double)whole : rest > 0;
        int64_t left = part == 0 ? (int64_t)unit_rows : rest;
        while (left > 0 && times > 0) {
            int height = spr_group_height(&s->plan, left);
            int64_t alike = left / height;
            struct groups groups = {height, times * (double)alike * share,
                                    times * (double)alike * steps};
            add_groups(s, &groups);
            left -= alike * height;
        }
    }
}

/* Bytes of packed weights, from counts alone: values and indices. */
static double packed_bytes(const struct spr_sums *s)
{
    if (s->dense) {
        return 4.0 * (double)s->of->m * (double)s->of->k;
    }
    double units = ceil((double)s->of->m / (double)s->cell.rows);
    double steps = units * spr_unit_steps(s, units);
    if (s->plan.vectors > 0) {
        return steps * (4.0 * (double)s->cell.rows + 2);
    }
    if (s->plan.slots > 0) {
        double m = (double)s->of->m, k = (double)s->of->k;
        double tiles = ceil(m / SPR_SHUFFLE_ROWS) * ceil(k / SPR_SHUFFLE_COLUMNS);
        return tiles * 64 * (s->plan.slots + ceil(s->plan.slots / (double)SPR_SHUFFLE_SLOTS));
    }
    struct spr_lane_shape lanes = spr_lane_shape(&s->plan);
    double groups = ceil((double)s->cell.rows / lanes.rows);
    return lanes.chunk == 0
               ? steps * 6
               : steps * groups / lanes.chunk * (4.0 * lanes.vectors * s->lanes + 2);
}

/* Seconds of one vector multiply-add on one thread: that of the fastest tile, whose loads
 * and sums do not limit. */
static double fma_seconds(const struct spr_kernel_rates *kernels,
                          const struct spr_expected_case *of)
{
    double best = HUGE_VAL;
    for (size_t i = 0; i < kernels->count; i++) {
        const struct spr_tile_rates *t = &kernels->tiles[i];
        if (t->isa == of->isa && t->form == SPR_TILE_DENSE && t->rows * t->vectors >= 8) {
            best = fmin(best, t->x.step_s[0] / (t->rows * t->vectors));
        }
    }
    return best;
}

static enum spr_limit binding(const double *part, double time_s)
{
    enum spr_limit limit = SPR_LIMIT_FMA;
    if (part[SPR_LIMIT_FMA] < DOMINANT * time_s) {
        limit = SPR_LIMIT_LATENCY;
        for (int i = SPR_LIMIT_LATENCY; i < SPR_LIMIT_COUNT; i++) {
            limit = part[i] > part[limit] ? (enum spr_limit)i : limit;
        }
    }
    return limit;
}

bool spr_expected_of_plan(const struct spr_machine *machine,
                          const struct spr_expected_case *of, const struct spr_plan *plan,
                          struct spr_expected *out)
{
    struct spr_kernel kernel;
    struct spr_sums s = {.of = of, .machine = machine, .plan = *plan, .known = true};
    if (!machine->kernels || machine->kernels->count == 0 ||
        !spr_kernel_find(&of->pattern, of->isa, &kernel)) {
        return false;
    }
    s.dense = of->pattern.kind->pattern_class == SPR_CLASS_DENSE;
    of->pattern.kind->cell(&of->pattern, of->m, of->k, of->kept, &s.cell);
    s.lanes = spr_isa_lanes(of->isa);
    s.panels = ceil((double)of->k / (double)s.plan.panel);
    s.panel_columns = fmin((double)of->k, (double)s.plan.panel);
    s.weight_bytes = packed_bytes(&s) / of->threads;
    /* In the layout nk X is there a second time, interleaved. */
    const double copies = s.plan.tokens > 0 && spr_lane_shape(&s.plan).chunk > 0 ? 2 : 1;
    s.near_bytes = s.weight_bytes + 4.0 * (double)of->n *
                                        (copies * (double)of->k + (double)of->m / of->threads);
    s.fma_s = fma_seconds(machine->kernels, of);
    if (of->n == 1) {
        spr_add_vector(&s);
    } else if (s.plan.tokens > 0) {
        spr_add_tokens(&s);
    } else {
        add_matrix(&s);
    }
    if (!s.known) {
        return false;
    }
    s.part[SPR_LIMIT_CALL] = known_or_zero(of->threads > 1 ? machine->kernels->parallel_s
                                                           : machine->kernels->call_s);
    *out = (struct spr_expected){.plan = s.plan};
    for (int i = 0; i < SPR_LIMIT_COUNT; i++) {
        out->time_s += out->part_s[i] = s.part[i];
    }
    out->limit = binding(out->part_s, out->time_s);
    memcpy(out->kernel, kernel.name, sizeof out->kernel);
    return true;
}
