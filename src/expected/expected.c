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
        "fma",  "fma-latency", "load-ports",  "x-traffic",    "w-stream", "row-groups",
        "call", "engine-peak", "cache-bytes", "memory-bytes", "few-tiles"};
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

/* Alike passes of a tile over all its row groups. */
struct pass {
    struct groups groups; /* of all of them */
    double times, steps;  /* how many; steps of one */
    int width;            /* of the tile, in vectors */
    int64_t column;       /* at which the first begins */
    const struct spr_tile_rates *rates;
    double row_bytes, tile_bytes; /* of a row of X, and of the tile's part of one */
    double x_bytes;               /* footprint of the tile's part of X */
    double apart;   /* rows start so far apart, modulo a cache line, or a multiple of it */
    bool unaligned; /* not all of them at a line */
};

/* Seconds of a step with everything near. */
static double near_step(const struct spr_sums *s, const struct pass *p)
{
    const double nearest = spr_sweep_at(&p->rates->x, 0);
    const double crossed = spr_sweep_at(&p->rates->unaligned, 0);
    /* Of the vectors of rows that start so far apart modulo a line, how many cross one, against
     * those of the calibration, which starts everywhere. */
    double vector_bytes = fmin((double)SPR_CACHE_LINE, 4 * s->lanes);
    double crossing = s->lanes > 1 ? fmax(0, vector_bytes - p->apart) / (vector_bytes - 4) : 0;
    double base = nearest + crossing * fmax(0, crossed - nearest);
    int64_t rest = s->of->n % (int64_t)s->lanes;
    bool last = p->column + p->width * (int64_t)s->lanes >= s->of->n;
    if (last && p->rates->half_step_s > 0 && rest > 0 && 2 * rest <= (int64_t)s->lanes &&
        s->of->n > (int64_t)s->lanes) {
        base -= fmax(0, crossed - p->rates->half_step_s);
    }
    return base;
}

/* What a step adds where the tile's part of X is farther away. */
static double far_x_step(const struct pass *p)
{
    const struct spr_sweep *crossed = &p->rates->unaligned;
    if (!p->unaligned || crossed->count < 2) {
        return spr_sweep_at(&p->rates->x, p->x_bytes) - spr_sweep_at(&p->rates->x, 0);
    }
    /* Lines that a row of the tile touches, against those of the calibration; the last vector of
     * a row of X overlaps the one before. */
    double own = fmin(p->tile_bytes, p->row_bytes - 4.0 * (double)p->column);
    double lines = (own + (double)SPR_CACHE_LINE - p->apart) / (double)SPR_CACHE_LINE;
    double calibrated =
        (p->tile_bytes - 4 + (double)SPR_CACHE_LINE - 4) / (double)SPR_CACHE_LINE;
    return (spr_sweep_at(crossed, p->x_bytes) - spr_sweep_at(crossed, 0)) * lines / calibrated;
}

/* What a step adds for its weights. */
static double far_w_step(const struct spr_sums *s, const struct pass *p)
{
    const struct spr_sweep *w = &p->rates->w, *w_far = &p->rates->w_far;
    /* Later tiles along a row find what the first has brought. */
    double far = p->column == 0 ? spr_far_bytes(s) : s->near_bytes;
    double w_step = spr_sweep_at(w, far) - spr_sweep_at(w, 0);
    if (w_far->count > 1) {
        /* A stream of weights and far rows of X wait for the same cache lines. */
        double share = log(fmax(p->x_bytes, SPR_NEAR_X_BYTES) / SPR_NEAR_X_BYTES) /
                       log(SPR_FAR_X_BYTES / SPR_NEAR_X_BYTES);
        double both = spr_sweep_at(w_far, far) - spr_sweep_at(w_far, 0);
        w_step += fmin(1, share) * fmax(0, both - w_step);
    }
    return w_step;
}

/* The first time a row group needs a row of X it comes from where all of X is. */
static double first_touches(const struct spr_sums *s, const struct pass *p)
{
    double columns = (double)s->of->k;
    double touched = p->times * (s->dense ? columns : columns * -expm1(-p->steps / columns));
    double each = fmax(0, spr_sweep_at(&p->rates->x, s->near_bytes) -
                              spr_sweep_at(&p->rates->x, p->x_bytes));
    return fmin(touched, p->groups.steps) * each;
}

static void add_group_times(struct spr_sums *s, const struct pass *p)
{
    const struct groups *groups = &p->groups;
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
    double group_s = spr_sweep_at(&p->rates->group, steps) +
                     spr_sweep_at(&p->rates->y, y_bytes) +
                     (p->unaligned ? known_or_zero(p->rates->unaligned_group_s) : 0);
    s->part[SPR_LIMIT_SEGMENTS] +=
        groups->count * (group_s + later * (group_s + known_or_zero(p->rates->panel_group_s)));
}

/* Adds `times` alike passes of a tile `width` vectors wide over all its row groups; the first
 * begins at `column`. */
static void add_pass(struct spr_sums *s, const struct groups *groups, int width,
                     int64_t column, double times)
{
    const struct spr_tile_shape tile = {
        .form = SPR_TILE_MATRIX, .dense = s->dense, .rows = groups->rows, .vectors = width};
    struct pass p = {.groups = {groups->rows, groups->count * times, groups->steps * times},
                     .times = times,
                     .steps = groups->steps,
                     .width = width,
                     .column = column,
                     .rates = spr_tile_rates_find(s->machine->kernels, s->of, &tile),
                     .row_bytes = 4.0 * (double)s->of->n,
                     .tile_bytes = 4.0 * s->lanes * width};
    if (!p.rates) {
        s->known = false;
        return;
    }
    /* Rows start at multiples of this modulo a way: only tile / multiple of the cache's
     * places are used when the tile is narrower than that. */
    double gcd = spr_greatest_divisor(p.row_bytes, SPR_WAY_BYTES);
    p.x_bytes = s->panel_columns * p.tile_bytes * fmax(1, gcd / p.tile_bytes);
    p.apart = spr_greatest_divisor(p.row_bytes, (double)SPR_CACHE_LINE);
    p.unaligned = fmod(p.row_bytes, (double)SPR_CACHE_LINE) != 0;
    const double base = near_step(s, &p), steps = p.groups.steps;
    double fma = fmin(base, groups->rows * width * s->fma_s);
    bool few = groups->rows * width < 8;
    s->part[SPR_LIMIT_FMA] += steps * fma;
    s->part[few && groups->rows > 1 ? SPR_LIMIT_LATENCY : SPR_LIMIT_LOADS] +=
        steps * (base - fma);
    s->part[SPR_LIMIT_X] += steps * far_x_step(&p) + first_touches(s, &p);
    s->part[SPR_LIMIT_W] += steps * far_w_step(s, &p);
    add_group_times(s, &p);
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
    if (s->comp.columns > 0) {
        const size_t each = (size_t)ceil((double)s->of->k / (double)s->comp.columns);
        const int lanes = (int)s->lanes;
        return 4.0 * ceil((double)s->of->m / lanes) *
               (double)spr_comp_values(lanes, s->comp.inputs, each);
    }
    const struct spr_tile_shape tile = spr_lane_tile(&s->plan);
    double groups = ceil((double)s->cell.rows / spr_tile_rows(&tile, (int)s->lanes));
    return tile.chunk == 0 ? steps * 6
                           : steps * groups / tile.chunk * (4.0 * tile.vectors * s->lanes + 2);
}

/* Seconds of one vector multiply-add on one thread: that of the fastest tile, whose loads
 * and sums do not limit. */
static double fma_seconds(const struct spr_kernel_rates *kernels,
                          const struct spr_expected_case *of)
{
    double best = HUGE_VAL;
    for (size_t i = 0; i < kernels->count; i++) {
        const struct spr_tile_rates *t = &kernels->tiles[i];
        const int sums = t->tile.rows * t->tile.vectors;
        if (t->isa == of->isa && t->tile.form == SPR_TILE_MATRIX && t->tile.dense &&
            sums >= 8) {
            best = fmin(best, t->x.step_s[0] / sums);
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

/* What the sums begin with, from shapes alone. */
static struct spr_sums begin_sums(const struct spr_machine *machine,
                                  const struct spr_expected_case *of,
                                  const struct spr_plan *plan)
{
    struct spr_sums s = {.of = of, .machine = machine, .plan = *plan, .known = true};
    s.dense = of->pattern.kind->pattern_class == SPR_CLASS_DENSE;
    of->pattern.kind->cell(&of->pattern, of->m, of->k, of->kept, &s.cell);
    s.comp = spr_comp_form_of(plan);
    s.lanes = spr_isa_lanes(of->isa);
    s.panels = ceil((double)of->k / (double)s.plan.panel);
    s.panel_columns = fmin((double)of->k, (double)s.plan.panel);
    s.weight_bytes = packed_bytes(&s) / of->threads;
    /* In the layout nk X is there a second time, interleaved. */
    const double copies = s.plan.tokens > 0 && spr_lane_tile(&s.plan).chunk > 0 ? 2 : 1;
    s.near_bytes = s.weight_bytes + 4.0 * (double)of->n *
                                        (copies * (double)of->k + (double)of->m / of->threads);
    s.fma_s = fma_seconds(machine->kernels, of);
    return s;
}

bool spr_expected_of_plan(const struct spr_machine *machine,
                          const struct spr_expected_case *of, const struct spr_plan *plan,
                          struct spr_expected *out)
{
    struct spr_kernel kernel;
    if (!machine->kernels || machine->kernels->count == 0 ||
        !spr_kernel_find(&of->pattern, of->isa, &kernel)) {
        return false;
    }
    struct spr_sums s = begin_sums(machine, of, plan);
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
