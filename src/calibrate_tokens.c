/* SPDX-License-Identifier: Apache-2.0 */
/* What a tile of the layout nk costs: packed synthetic matrices under one panel of X rows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "calibrate_bench.h"
#include "mem.h"

#define SAMPLES 5
#define SAMPLE_S 200e-6
#define QUICK_SAMPLE_S 100e-6

/* Columns and mean steps of a row group: long ones for a step, short ones for a group. */
#define COLUMNS 512
#define FAR_COLUMNS 8192
#define LONG_STEPS 64
#define SHORT_STEPS 4

/* Steps of W that are near. */
#define NEAR_STEPS 2048

/* Bytes of packed W; the first is near. */
static const double footprints[] = {16384, 393216, 3145728, 25165824};
static const double quick_footprints[] = {16384, 3145728};

struct trial {
    int vectors, chunk, tokens; /* chunk 0: row by row */
    bool dense;
    int64_t columns;
    double steps, groups; /* of a row group, mean; how many */
};

/* One thread's matrix and operands. */
struct synthetic {
    struct spr_packed packed;
    float *x, *y;
    double steps, groups; /* as drawn */
};

/* Rows that a group of the tile holds. */
static int64_t group_rows(const struct trial *t, int lanes)
{
    return t->chunk == 0 ? 1 : (int64_t)t->vectors * lanes / t->chunk;
}

static enum spr_status make(const struct spr_calibration *c, const struct trial *t,
                            uint64_t seed, struct synthetic *out, struct spr_error *err)
{
    struct spr_pattern pattern = spr_pattern_dense();
    struct spr_matrix matrix = {0};
    char text[48];
    const int64_t rows = group_rows(t, spr_isa_lanes(c->isa));
    const int64_t columns = t->dense ? (int64_t)t->steps : t->columns;
    const int64_t m = rows * (int64_t)t->groups, chunk = t->chunk > 0 ? t->chunk : 1;
    double kept = t->steps * t->groups;
    enum spr_status status = SPR_OK;
    if (!t->dense) {
        snprintf(text, sizeof text, "%lldx%lld", (long long)rows, (long long)chunk);
        status = spr_pattern_parse(t->chunk == 0 ? "csr" : text, &pattern, err);
    } else {
        kept *= (double)rows;
    }
    status =
        status ? status : spr_matrix_random(&pattern, m, columns, kept, seed, &matrix, err);
    struct spr_plan plan =
        spr_plan_choose_nk(&pattern, c->isa, m, columns, t->tokens, kept, 1);
    plan.tokens = t->tokens;
    plan.panel = columns;
    status = status ? status : spr_pack(&plan, &matrix, &out->packed, err);
    spr_matrix_free(&matrix);
    out->x = spr_calloc((size_t)(columns * t->tokens), sizeof *out->x);
    out->y = spr_calloc((size_t)(m * t->tokens), sizeof *out->y);
    out->steps = t->steps * t->groups;
    out->groups = t->groups;
    if (!out->x || !out->y) {
        return status ? status : spr_fail(err, SPR_ENOMEM, "out of memory");
    }
    for (int64_t i = 0; status == SPR_OK && i < columns * t->tokens; i++) {
        out->x[i] = 0.5F;
    }
    return status;
}

static void release(struct synthetic *s)
{
    spr_packed_free(&s->packed);
    spr_free(s->x);
    spr_free(s->y);
    *s = (struct synthetic){0};
}

static int by_value(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* Seconds of one call on every thread at once; the fastest sample. */
static double time_team(const struct spr_calibration *c, struct synthetic *team)
{
    double samples[SAMPLES];
    const double least_s = c->quick ? QUICK_SAMPLE_S : SAMPLE_S;
    for (int i = 0; i < SAMPLES; i++) {
        double sum = 0;
#ifdef _OPENMP
#pragma omp parallel num_threads(c->threads) reduction(+ : sum)
#endif
        {
#ifdef _OPENMP
            struct synthetic *s = &team[omp_get_thread_num()];
#else
            struct synthetic *s = team;
#endif
            double calls = 0;
            spr_kernel_run(&s->packed, s->x, s->y);
            double begin = c->clock_s(), now;
            do {
                spr_kernel_run(&s->packed, s->x, s->y);
                calls++;
                now = c->clock_s();
            } while (now - begin < least_s && now > begin);
            sum += (now - begin) / calls;
        }
        samples[i] = sum / c->threads;
    }
    qsort(samples, SAMPLES, sizeof samples[0], by_value);
    return samples[0];
}

static double run_trial(const struct spr_calibration *c, const struct trial *t,
                        struct synthetic *team, enum spr_status *status, struct spr_error *err)
{
    double seconds = (double)NAN;
    for (int i = 0; i < c->threads && *status == SPR_OK; i++) {
        *status = make(c, t, (uint64_t)i + 1, &team[i], err);
    }
    if (*status == SPR_OK) {
        seconds = time_team(c, team);
    }
    for (int i = 0; i < c->threads; i++) {
        release(&team[i]);
    }
    return seconds;
}

static double step_bytes(const struct trial *t, int lanes)
{
    double values = t->chunk == 0 ? 1 : (double)t->vectors * lanes;
    return 4 * values + (t->dense ? 0 : 2);
}

/* longest NULL: the longest tile of its kind, whose W is moved away; else its rates: shorter
 * tiles are the rest of the tokens, and what farther weights add to them is the same.
 * Two lengths of row groups tell a step from what a group takes beside its steps; then W and X
 * move away. */
static enum spr_status calibrate_tile(const struct spr_calibration *c, struct trial t,
                                      struct synthetic *team,
                                      const struct spr_tile_rates *longest,
                                      struct spr_tile_rates *out, struct spr_error *err)
{
    const int lanes = spr_isa_lanes(c->isa);
    const double *sizes = c->quick ? quick_footprints : footprints;
    const size_t count = c->quick ? sizeof quick_footprints / sizeof *quick_footprints
                                  : sizeof footprints / sizeof *footprints;
    enum spr_status status = SPR_OK;
    struct trial brief = t;
    brief.steps = SHORT_STEPS;
    brief.groups = NEAR_STEPS / SHORT_STEPS;
    t.steps = LONG_STEPS;
    t.groups = NEAR_STEPS / LONG_STEPS;
    double lengthy_s = run_trial(c, &t, team, &status, err);
    double brief_s = run_trial(c, &brief, team, &status, err);
    double group_s = fmax(0, (brief_s - lengthy_s) / (brief.groups - t.groups));
    double step_s = fmax(1e-11, (lengthy_s - t.groups * group_s) / NEAR_STEPS);
    out->group = (struct spr_sweep){.count = 1, .bytes = {1}, .step_s = {group_s}};
    for (size_t i = 0; i < count && status == SPR_OK; i++) {
        double at = step_s;
        if (i > 0 && longest) {
            at += longest->w.step_s[i] - longest->w.step_s[0];
        } else if (i > 0) {
            t.groups = ceil(sizes[i] / step_bytes(&t, lanes) / t.steps);
            double seconds = run_trial(c, &t, team, &status, err);
            at =
                fmax(out->w.step_s[i - 1], seconds / (t.steps * t.groups) - group_s / t.steps);
        }
        out->w.bytes[i] = sizes[i];
        out->w.step_s[i] = at;
        out->w.count++;
    }
    /* One row group a column of X far apart: rows of X from a farther cache. */
    out->x =
        (struct spr_sweep){.count = 2,
                           .bytes = {4.0 * COLUMNS * t.tokens, 4.0 * FAR_COLUMNS * t.tokens},
                           .step_s = {step_s, step_s}};
    if (!t.dense && status == SPR_OK) {
        t.columns = FAR_COLUMNS;
        t.groups = NEAR_STEPS / LONG_STEPS;
        double far_s = run_trial(c, &t, team, &status, err);
        out->x.step_s[1] = fmax(step_s, (far_s - t.groups * group_s) / (t.groups * t.steps));
    }
    return status;
}

enum spr_status spr_calibrate_tokens(const struct spr_calibration *calibration,
                                     struct spr_kernel_rates *rates, struct spr_error *err)
{
    const struct spr_calibration *c = calibration;
    const int lanes = spr_isa_lanes(c->isa);
    struct synthetic *team = spr_calloc((size_t)c->threads, sizeof *team);
    size_t capacity = rates->count;
    if (!team) {
        return spr_fail(err, SPR_ENOMEM, "out of memory");
    }
    enum spr_status status = SPR_OK;
    for (int vectors = 1; vectors <= 2; vectors++) {
        /* -1: dense; 0: single weights. */
        for (int chunk = -1; chunk <= lanes && status == SPR_OK;
             chunk = chunk < 1 ? chunk + 1 : 2 * chunk) {
            if (chunk == 0 && vectors == 2) {
                continue;
            }
            for (int i = 0; i < SPR_TOKEN_LENGTHS && status == SPR_OK; i++) {
                int tokens = spr_token_length(lanes, vectors, i);
                if (i > 0 && tokens == spr_token_length(lanes, vectors, i - 1)) {
                    continue;
                }
                struct trial t = {
                    vectors, chunk < 0 ? 1 : chunk, tokens, chunk < 0, COLUMNS, 0, 0};
                struct spr_tile_rates out = {
                    .isa = c->isa,
                    .threads = c->threads,
                    .form = SPR_TILE_TOKENS,
                    .rows = vectors,
                    .vectors = SPR_TOKEN_TILE(chunk < 0 ? lanes * 2 : chunk, tokens)};
                struct spr_tile_rates longest =
                    i > 0 ? rates->tiles[rates->count - (size_t)i] : out;
                status = calibrate_tile(c, t, team, i > 0 ? &longest : NULL, &out, err);
                if (status == SPR_OK && !spr_grow(&rates->tiles, &capacity, rates->count + 1,
                                                  sizeof *rates->tiles)) {
                    status = spr_fail(err, SPR_ENOMEM, "out of memory");
                }
                if (status == SPR_OK) {
                    rates->tiles[rates->count++] = out;
                }
            }
        }
    }
    spr_free(team);
    return status;
}
