/* SPDX-License-Identifier: Apache-2.0 */
/* What sproof's own register tiles cost on this machine: each is timed on synthetic row
 * groups. The layers, masks and shapes that are predicted later are never among them. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "probe/calibrate_list.h"
#include "probe/calibrate_trial.h"

#define KIB 1024.0
#define MIB 1048576.0
/* Steps of one row group: long ones for the cost of a step, short ones for that of a group.
 * Both are drawn around a mean, as a random mask draws them, and sorted, as packing does. */
#define LONG_STEPS 128
#define SHORT_STEPS 8
/* One in so many columns of an X tile is in a row group: masks worth having are sparse. */
#define X_SPARSITY 10
/* X of the sweeps over W. */
#define NEAR_BYTES SPR_NEAR_X_BYTES
#define NEAR_VECTOR_BYTES (4 * KIB)
#define HALF_TRIALS 3
#define TURNS 3
/* Columns of the X tile beside which row groups are timed. */
#define GROUP_COLUMNS 48
#define NEAR_Y_BYTES (128 * KIB)
#define NEAR_VECTOR_Y_BYTES (4 * KIB)
/* No step is faster than this on any machine. */
#define LEAST_STEP_S 1e-11

struct points {
    size_t count;
    double at[SPR_SWEEP_MAX];
};

/* What is measured; the quick one leaves out widths and footprints between others. */
struct effort {
    struct points x, dense_x, vector_x, w, w_far, groups, y;
};

static const struct effort efforts[2] = {
    {.x = {11,
           {16 * KIB, 24 * KIB, 48 * KIB, 96 * KIB, 192 * KIB, 384 * KIB, 576 * KIB, 768 * KIB,
            1.5 * MIB, 4 * MIB, 16 * MIB}},
     .dense_x = {6, {16 * KIB, 96 * KIB, 384 * KIB, 1.5 * MIB, 4 * MIB, 16 * MIB}},
     .vector_x = {6, {4 * KIB, 8 * KIB, 16 * KIB, 32 * KIB, 64 * KIB, 256 * KIB}},
     .w = {11,
           {8 * KIB, 24 * KIB, 128 * KIB, 512 * KIB, 768 * KIB, 1.5 * MIB, 3 * MIB, 8 * MIB,
            16 * MIB, 32 * MIB, 96 * MIB}},
     .w_far = {5, {768 * KIB, 3 * MIB, 8 * MIB, 16 * MIB, 96 * MIB}},
     .groups = {6, {1, 2, 4, 8, 16, 48}},
     .y = {3, {128 * KIB, 1.5 * MIB, 6 * MIB}}},
    {.x = {5, {16 * KIB, 48 * KIB, 192 * KIB, 768 * KIB, 8 * MIB}},
     .dense_x = {3, {16 * KIB, 768 * KIB, 8 * MIB}},
     .vector_x = {3, {4 * KIB, 16 * KIB, 64 * KIB}},
     .w = {4, {12 * KIB, 768 * KIB, 6 * MIB, 32 * MIB}},
     .w_far = {2, {768 * KIB, 32 * MIB}},
     .groups = {4, {1, 4, 16, 48}},
     .y = {2, {128 * KIB, 3 * MIB}}},
};

/* A larger footprint is never cheaper: where it seems so, the smaller was disturbed. */
static void smooth(struct spr_sweep *out)
{
    for (size_t i = out->count - 1; i-- > 0;) {
        out->step_s[i] = fmin(out->step_s[i], out->step_s[i + 1]);
    }
}

/* What a row group takes beside its steps. */
static double group_at(const struct spr_sweep *group, double steps)
{
    size_t i = 1;
    while (i < group->count - 1 && group->bytes[i] < steps) {
        i++;
    }
    double share = (steps - group->bytes[i - 1]) / (group->bytes[i] - group->bytes[i - 1]);
    return group->step_s[i - 1] +
           fmin(1, fmax(0, share)) * (group->step_s[i] - group->step_s[i - 1]);
}

/* Indexed rows of X: of a plan with several tokens. */
static bool is_strip(const struct spr_tile_shape *tile)
{
    return tile->form == SPR_TILE_MATRIX && !tile->dense;
}

/* Seconds of a step against one of the trial's footprints. */
static void sweep(const struct spr_calibration *c, struct spr_trial_team *team,
                  struct spr_trial *trial, const struct points *points, double *varied,
                  const struct spr_tile_rates *rates, struct spr_sweep *out)
{
    for (size_t i = 0; i < points->count; i++) {
        double steps = 1;
        *varied = points->at[i];
        if (is_strip(&trial->tile) && varied == &trial->x_bytes) {
            double columns =
                points->at[i] / (4.0 * trial->tile.vectors * spr_isa_lanes(c->isa));
            trial->steps = (size_t)fmin(LONG_STEPS, fmax(16, columns / X_SPARSITY));
        }
        if (trial->tile.form == SPR_TILE_COMP && varied == &trial->x_bytes) {
            trial->steps = SPR_PANEL_MAX; /* all of X */
        }
        double step_s = spr_trial_team_time(c, team, trial, &steps);
        if (rates->group.count > 0) {
            double more = trial->unaligned ? rates->unaligned_group_s : 0;
            step_s -= (group_at(&rates->group, steps) + more) / steps;
        }
        out->bytes[i] = points->at[i];
        out->step_s[i] = fmax(step_s, LEAST_STEP_S); /* a disturbed row group cost */
    }
    out->count = points->count;
    smooth(out);
}

/* The cost of row groups of few steps, beyond that of the steps of long ones. */
static void sweep_groups(const struct spr_calibration *c, struct spr_trial_team *team,
                         struct spr_trial trial, struct spr_sweep *out)
{
    const struct effort *effort = &efforts[c->quick];
    double long_steps = 1, steps[SPR_SWEEP_MAX] = {1}, group_s[SPR_SWEEP_MAX] = {0};
    trial.steps = LONG_STEPS;
    if (is_strip(&trial.tile)) {
        /* An X tile that has room for row groups of some length. */
        double column_bytes = 4.0 * trial.tile.vectors * spr_isa_lanes(c->isa);
        trial.x_bytes = fmax(trial.x_bytes, GROUP_COLUMNS * column_bytes);
    }
    if (trial.tile.form == SPR_TILE_SHUFFLE) {
        trial.x_bytes = 4 * SPR_SHUFFLE_COLUMNS * sizeof(float); /* or W would not be near */
        trial.steps = LONG_STEPS / 2;
    }
    const size_t long_trial = trial.steps;
    double per_step = spr_trial_team_time(c, team, &trial, &long_steps);
    for (size_t i = 0; i < effort->groups.count; i++) {
        trial.steps = (size_t)effort->groups.at[i];
        steps[i] = 1;
        double step_s = spr_trial_team_time(c, team, &trial, &steps[i]);
        group_s[i] = step_s * steps[i];
        /* In turns with what is taken from it: one that was disturbed would spoil all. */
        trial.steps = long_trial;
        per_step = i % 2 ? fmin(per_step, spr_trial_team_time(c, team, &trial, &long_steps))
                         : per_step;
    }
    /* Long row groups have a cost of their own too: that of middling ones. */
    size_t some = effort->groups.count > 0 ? effort->groups.count - 1 : 0;
    while (some > 1 && steps[some] > long_steps / 2) {
        some--;
    }
    double own = (group_s[some] / steps[some] - per_step) / (1 / steps[some] - 1 / long_steps);
    own = fmin(fmax(0, own), group_s[0]);
    double step_s = per_step - own / long_steps;
    out->count = 0;
    for (size_t i = 0; i < effort->groups.count; i++) {
        /* A small X tile has no room for row groups of many steps. */
        if (out->count == 0 || steps[i] > out->bytes[out->count - 1]) {
            out->bytes[out->count] = steps[i];
            out->step_s[out->count++] = fmax(0, group_s[i] - steps[i] * step_s);
        }
    }
}

/* Row groups against the bytes of Y: enough short ones to pass over all of it. */
static void sweep_y(const struct spr_calibration *c, struct spr_trial_team *team,
                    struct spr_trial trial, struct spr_sweep *out)
{
    const struct points *points = &efforts[c->quick].y;
    const double group_bytes =
        4.0 * trial.tile.rows * trial.tile.vectors * spr_isa_lanes(c->isa);
    double first = 0;
    trial.steps = SHORT_STEPS;
    for (size_t i = 0; i < points->count; i++) {
        double steps = 1;
        trial.y_bytes = points->at[i];
        trial.w_bytes =
            points->at[i] / group_bytes * SHORT_STEPS * (4.0 * trial.tile.rows + 2);
        double step_s = spr_trial_team_time(c, team, &trial, &steps);
        double group_s = step_s * steps;
        first = i == 0 ? group_s : first;
        out->bytes[i] = points->at[i];
        out->step_s[i] = fmax(0, group_s - first);
    }
    out->count = points->count;
    smooth(out);
}

/* A row group of SHORT_STEPS, each of step_s: what is drawn has some more or less. */
static double group_seconds(const struct spr_calibration *c, struct spr_trial_team *team,
                            struct spr_trial trial, double step_s)
{
    double steps = 1;
    trial.steps = SHORT_STEPS;
    double each_s = spr_trial_team_time(c, team, &trial, &steps);
    return each_s * steps - (steps - SHORT_STEPS) * step_s;
}

/* What sums that do not start from zero, and rows that do not start at cache lines, add to a row
 * group: a few parts of a hundred of what is timed, so that all are timed in turns. */
static void calibrate_strip(const struct spr_calibration *c, struct spr_trial_team *team,
                            struct spr_trial trial, struct spr_tile_rates *out)
{
    double plain_s = HUGE_VAL, panel_s = HUGE_VAL, crossing_s = HUGE_VAL;
    double step_s = HUGE_VAL, crossing_step_s = HUGE_VAL, steps = 1;
    const bool crosses = spr_isa_lanes(c->isa) > 1;
    sweep_y(c, team, trial, &out->y);
    for (int turn = 0; turn < TURNS; turn++) {
        step_s = fmin(step_s, spr_trial_team_time(c, team, &trial, &steps));
        plain_s = fmin(plain_s, group_seconds(c, team, trial, step_s));
        trial.first = false;
        panel_s = fmin(panel_s, group_seconds(c, team, trial, step_s));
        trial.first = true;
        trial.unaligned = crosses;
        if (crosses) {
            crossing_step_s =
                fmin(crossing_step_s, spr_trial_team_time(c, team, &trial, &steps));
            crossing_s = fmin(crossing_s, group_seconds(c, team, trial, crossing_step_s));
        }
        trial.unaligned = false;
    }
    out->panel_group_s = fmax(0, panel_s - plain_s);
    if (crosses) {
        /* Without the share of the steps, which the unaligned step has. */
        out->unaligned_group_s =
            fmax(0, crossing_s - plain_s - SHORT_STEPS * (crossing_step_s - step_s));
    }
}

/* X of the sweeps. */
static const struct points *x_points(const struct spr_calibration *c,
                                     const struct spr_tile_shape *tile)
{
    static const struct points near_vector = {1, {NEAR_VECTOR_BYTES}};
    const struct effort *effort = &efforts[c->quick];
    switch (tile->form) {
    case SPR_TILE_SHUFFLE: /* has its inputs in registers: there is nothing to sweep */
        return &near_vector;
    case SPR_TILE_MATRIX:
        return tile->dense && tile->rows > 2 ? &effort->dense_x : &effort->x;
    case SPR_TILE_VECTOR:
    case SPR_TILE_TOKENS:
    case SPR_TILE_COMP:
        break;
    }
    return &effort->vector_x;
}

/* Rows of X that do not start at cache lines, and rows that end in half a vector. */
static void calibrate_unaligned(const struct spr_calibration *c, struct spr_trial_team *team,
                                struct spr_trial trial, struct spr_tile_rates *out)
{
    static const struct points near = {1, {NEAR_BYTES}};
    const struct spr_tile_shape *tile = &trial.tile;
    const struct spr_tiles *tiles = spr_isa_code_of(c->isa)->tiles;
    /* One lane is always at its place; a tile that is never wider than a vector loads so few
     * of X that where they start makes no difference. */
    if (tiles->lanes == 1 || spr_widest_tile(c->isa, tile->rows) == 1) {
        out->unaligned = out->x;
        out->unaligned.count = 1;
        return;
    }
    /* From two rows on the multipliers hide what farther rows of X cost more. */
    trial.unaligned = true;
    sweep(c, team, &trial, tile->rows <= 2 ? x_points(c, tile) : &near, &trial.x_bytes, out,
          &out->unaligned);
    trial.x_bytes = NEAR_BYTES;
    trial.half = tiles->halves && tile->vectors > 1;
    if (trial.half) {
        /* Mixed widths are sometimes slow for as long as a trial lasts: the best of some. */
        out->half_step_s = HUGE_VAL;
        for (int i = 0; i < HALF_TRIALS; i++) {
            struct spr_sweep half;
            sweep(c, team, &trial, &near, &trial.x_bytes, out, &half);
            out->half_step_s = fmin(out->half_step_s, half.step_s[0]);
        }
    }
}

/* strip: the rates of the indexed tile of the same size, whose row groups cost what those of a
 * dense tile cost; else NULL. */
static void calibrate_tile(const struct spr_calibration *c, struct spr_trial_team *team,
                           const struct spr_tile_shape *tile,
                           const struct spr_tile_rates *strip, struct spr_tile_rates *out)
{
    const bool matrix = tile->form == SPR_TILE_MATRIX;
    const double near_bytes = matrix ? NEAR_BYTES : NEAR_VECTOR_BYTES;
    const struct effort *effort = &efforts[c->quick];
    struct spr_trial trial = {.tile = *tile,
                              .x_bytes = near_bytes,
                              .y_bytes = matrix ? NEAR_Y_BYTES : NEAR_VECTOR_Y_BYTES,
                              .steps = LONG_STEPS,
                              .first = true};
    *out = (struct spr_tile_rates){.isa = c->isa, .threads = c->threads, .tile = *tile};
    if (strip) {
        out->group = strip->group;
        out->y = strip->y;
        out->panel_group_s = strip->panel_group_s;
        out->unaligned_group_s = strip->unaligned_group_s;
    } else {
        sweep_groups(c, team, trial, &out->group);
    }
    if (is_strip(tile)) {
        calibrate_strip(c, team, trial, out);
    }
    sweep(c, team, &trial, x_points(c, tile), &trial.x_bytes, out, &out->x);
    if (matrix) {
        calibrate_unaligned(c, team, trial, out);
    }
    trial.x_bytes = near_bytes;
    trial.steps = LONG_STEPS;
    sweep(c, team, &trial, &effort->w, &trial.w_bytes, out, &out->w);
    if (matrix) {
        trial.x_bytes = SPR_FAR_X_BYTES;
        sweep(c, team, &trial, &effort->w_far, &trial.w_bytes, out, &out->w_far);
    }
}

/* Tiles of the list that this calibration times: all of it while there is time, then those it
 * needs; a later one the same as the first. */
static bool has_time(const struct spr_calibration *c, size_t tile, size_t needed)
{
    const size_t timed = c->least ? c->least->tiles : 0;
    return timed > 0 ? tile < timed : tile < needed || !spr_time_is_up(c);
}

enum spr_status spr_calibrate(const struct spr_calibration *calibration,
                              struct spr_kernel_rates *rates, struct spr_error *err)
{
    const struct spr_calibration *c = calibration;
    struct spr_tile_shape tiles[SPR_CALIBRATED_TILES_MAX];
    struct spr_trial_team team = {0};
    SPR_TRY(spr_calibrate_calls(c, rates, err));
    size_t needed, i = 0, capacity = rates->count;
    const size_t begin = rates->count, count = spr_list_tiles(c, tiles, &needed);
    bool ok = spr_trial_team_make(&team, c) &&
              spr_grow(&rates->tiles, &capacity, begin + count, sizeof *rates->tiles);
    for (; ok && i < count && has_time(c, i, needed); i++) {
        struct spr_tile_rates *out = &rates->tiles[rates->count];
        const bool dense = tiles[i].form == SPR_TILE_MATRIX && tiles[i].dense;
        calibrate_tile(c, &team, &tiles[i], dense ? out - 1 : NULL, out);
        rates->count++;
        ok = !team.failed;
        if (c->progress) {
            c->progress(c->context, (double)(i + 1) / (double)count);
        }
    }
    if (c->least && ok) {
        c->least->tiles = i;
    }
    ok = ok && spr_fill_widths(rates, begin, &capacity);
    spr_trial_team_free(&team);
    return ok ? SPR_OK : spr_no_memory(err);
}
