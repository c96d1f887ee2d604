/* SPDX-License-Identifier: Apache-2.0 */
/* What a tile of the layout nk costs: packed synthetic matrices and interleaved X. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/numbers.h"
#include "host/sampler.h"
#include "host/team.h"
#include "kernel/pack.h"
#include "probe/calibrate_list.h"
#include "probe/calibrate_trial.h"
#include "sproof/cpu.h"

#define SAMPLES 4
#define SAMPLE_S 200e-6
#define QUICK_SAMPLE_S 100e-6

/* Columns, whose bytes are an odd number of cache lines so that single weights find the tokens'
 * inputs of a column in different places; bytes of X that come from a far cache; mean steps of a
 * row group: long ones for a step, short ones for a group. */
#define COLUMNS 528
#define FAR_COLUMNS 8208
#define FAR_INPUT_BYTES 6291456.0
#define LONG_STEPS 64
#define SHORT_STEPS 4

/* Floats from one token's row of Y to the next: an odd number of cache lines lets them lie in
 * different places of the cache, this many do not. */
#define LINE (SPR_CACHE_LINE / (int64_t)sizeof(float))
#define CROWDED 1024

/* No step is faster than this on any machine. */
#define LEAST_STEP_S 1e-11

/* Steps of W that are near. */
#define NEAR_STEPS 2048

/* Bytes of packed W; the first is near. */
static const double footprints[] = {16384, 393216, 3145728, 12582912, 33554432};
static const double quick_footprints[] = {16384, 393216, 6291456};

struct trial {
    struct spr_tile_shape tile;
    int64_t batches; /* as many tokens again and again */
    bool crowded;
    int64_t columns;
    double steps, groups; /* of a row group, mean; how many */
};

/* One thread's matrix and operands. */
struct synthetic {
    struct spr_packed packed;
    float *x, *y;
    enum spr_status status; /* of making it */
    struct spr_error err;
};

/* Dense, single weights, or blocks that fill a row group and a step. */
static enum spr_status pattern_of(const struct spr_tile_shape *tile, int lanes,
                                  struct spr_pattern *pattern, struct spr_error *err)
{
    char text[48];
    if (tile->dense) {
        *pattern = spr_pattern_dense();
        return SPR_OK;
    }
    snprintf(text, sizeof text, "%dx%d", spr_tile_rows(tile, lanes), tile->chunk);
    return spr_pattern_parse(tile->chunk == 0 ? "csr" : text, pattern, err);
}

/* Of the synthetic W. */
static int64_t columns_of(const struct trial *t)
{
    return t->tile.dense ? (int64_t)t->steps : t->columns;
}

static enum spr_status make(const struct spr_calibration *c, const struct trial *t,
                            uint64_t seed, struct synthetic *out, struct spr_error *err)
{
    const struct spr_tile_shape *tile = &t->tile;
    const int lanes = spr_isa_lanes(c->isa);
    const int64_t rows = spr_tile_rows(tile, lanes), m = rows * (int64_t)t->groups;
    const int64_t columns = columns_of(t);
    const double kept = t->steps * t->groups * (tile->dense ? (double)rows : 1);
    struct spr_pattern pattern;
    SPR_TRY(pattern_of(tile, lanes, &pattern, err));
    /* One token alone is another path; here it is the rest of several. */
    struct spr_plan plan =
        spr_plan_choose_nk(&pattern, c->isa, m, columns, tile->tokens + 1, kept, 1);
    plan.tokens = tile->tokens;
    const int64_t n = plan.n = tile->tokens * t->batches;
    plan.panel = columns;
    SPR_TRY(spr_pack_random(&plan, kept, seed, &out->packed, err));
    out->x = spr_calloc((size_t)(columns * n), sizeof *out->x);
    const int64_t apart = t->crowded ? (m + CROWDED - 1) / CROWDED * CROWDED
                                     : ((m + LINE - 1) / LINE | 1) * LINE;
    spr_packed_space_tokens(&out->packed, apart);
    out->y = spr_calloc((size_t)(apart * n), sizeof *out->y);
    if (!out->x || !out->y) {
        return spr_no_memory(err);
    }
    for (int64_t i = 0; i < columns * n; i++) {
        out->x[i] = 0.5F;
    }
    return SPR_OK;
}

struct making {
    const struct spr_calibration *calibration;
    const struct trial *trial;
    struct synthetic *team;
};

static void make_own(void *context, int thread, int threads)
{
    const struct making *m = context;
    for (int i = thread; i < m->calibration->threads; i += threads) {
        struct synthetic *own = &m->team[i];
        own->status = make(m->calibration, m->trial, (uint64_t)i + 1, own, &own->err);
    }
}

/* Every thread its own, all at once: packing takes longer than timing. */
static enum spr_status make_team(const struct spr_calibration *c, const struct trial *t,
                                 struct synthetic *team, struct spr_error *err)
{
    struct making making = {c, t, team};
    spr_team_run(c->threads, make_own, &making);
    for (int i = 0; i < c->threads; i++) {
        if (team[i].status != SPR_OK) {
            *err = team[i].err;
            return team[i].status;
        }
    }
    return SPR_OK;
}

static enum spr_status keep_least(const struct spr_calibration *c, double *seconds,
                                  struct spr_error *err)
{
    double none = 0;
    return spr_keep_point(c, seconds, &none) ? SPR_OK : spr_no_memory(err);
}

static void release(struct synthetic *s)
{
    spr_packed_free(&s->packed);
    spr_free(s->x);
    spr_free(s->y);
    *s = (struct synthetic){0};
}

static void interleave(void *context)
{
    const struct synthetic *s = context;
    spr_kernel_interleave(&s->packed, 0, s->x);
}

static void multiply(void *context)
{
    const struct synthetic *s = context;
    spr_kernel_multiply(&s->packed, 0, s->x, s->y);
}

/* Seconds of interleaving X, or of what follows, on every thread at once; the fastest sample. */
static double time_team(const struct spr_calibration *c, struct synthetic *team,
                        void (*run)(void *synthetic))
{
    double samples[SAMPLES];
    const struct spr_sampler sampler = {.clock_s = c->clock_s,
                                        .threads = c->threads,
                                        .context = team,
                                        .size = sizeof *team,
                                        .run = run,
                                        .least_s = c->quick ? QUICK_SAMPLE_S : SAMPLE_S,
                                        .prepare = interleave,
                                        .again = true};
    const size_t count =
        spr_sampler_run_until(&sampler, SPR_LATE_SAMPLES, SAMPLES, spr_time_end(c), samples);
    return spr_least(samples, count);
}

/* Farther is never faster. */
static void add_point(struct spr_sweep *sweep, double bytes, double step_s)
{
    const size_t at = sweep->count++;
    sweep->bytes[at] = bytes;
    sweep->step_s[at] = at > 0 ? fmax(sweep->step_s[at - 1], step_s) : step_s;
}

/* One calibration: what it runs on, and how it went. */
struct bench {
    const struct spr_calibration *c;
    struct synthetic *team;
    enum spr_status status; /* of all trials so far; none is run after an error */
    struct spr_error *err;
};

/* The times of the product and of interleaving its input; input_s NULL: not that. */
static void time_trial(struct bench *b, const struct trial *t, double *seconds,
                       double *input_s)
{
    const struct spr_calibration *c = b->c;
    b->status = b->status ? b->status : make_team(c, t, b->team, b->err);
    if (b->status == SPR_OK) {
        *seconds = time_team(c, b->team, multiply);
        b->status = keep_least(c, seconds, b->err);
    }
    if (b->status == SPR_OK && input_s) {
        *input_s = time_team(c, b->team, interleave);
        b->status = keep_least(c, input_s, b->err);
    }
    for (int i = 0; i < c->threads; i++) {
        release(&b->team[i]);
    }
}

/* Without an `input`, the product alone; else both, and the time of interleaving an input is put
 * there. NAN after an error. */
static double run_trial(struct bench *b, const struct trial *t, struct spr_sweep *input)
{
    const struct spr_calibration *c = b->c;
    /* Single weights read X as it is. */
    const bool interleaved = input && t->tile.chunk > 0;
    double seconds = (double)NAN, input_s = (double)NAN, none;
    if (!spr_points_known(c, interleaved ? 2 : 1)) {
        time_trial(b, t, &seconds, interleaved ? &input_s : NULL);
    } else {
        spr_take_point(c, &seconds, &none);
        if (interleaved) {
            spr_take_point(c, &input_s, &none);
        }
    }
    if (b->status == SPR_OK && interleaved) {
        const double inputs = (double)(columns_of(t) * t->tile.tokens * t->batches);
        add_point(input, 4 * inputs, input_s / inputs);
    }
    return seconds;
}

/* Bytes of packed W that a step reads. */
static double step_bytes(const struct spr_tile_shape *tile, int lanes)
{
    return 4.0 * spr_tile_values(tile, lanes) + (tile->dense ? 0 : 2);
}

/* Two lengths of row groups tell a step from what a group takes beside its steps, as many groups
 * of each: more of them are a wider Y, whose tokens are farther apart. */
static void add_measured(struct bench *b, const struct trial *t, double bytes,
                         struct spr_sweep *input, struct spr_tile_rates *out)
{
    const int rows = spr_tile_rows(&t->tile, spr_isa_lanes(b->c->isa));
    struct trial brief = *t;
    brief.steps = SHORT_STEPS;
    double seconds = run_trial(b, t, input);
    double brief_seconds = run_trial(b, &brief, NULL);
    double step_s =
        fmax(LEAST_STEP_S, (seconds - brief_seconds) / (t->groups * (t->steps - brief.steps)));
    double group_s = fmax(0, brief_seconds / t->groups - brief.steps * step_s);
    add_point(&out->w, bytes, step_s);
    add_point(&out->group, 4 * (double)rows * t->groups * t->tile.tokens, group_s);
}

/* The i-th footprint of W from what it added to the longest tile: farther weights add the same,
 * a wider Y a share by the tokens. */
static void add_derived(const struct spr_tile_rates *longest, size_t i,
                        struct spr_tile_rates *out)
{
    const struct spr_sweep *w = &longest->w, *group = &longest->group;
    const double share = (double)out->tile.tokens / longest->tile.tokens;
    add_point(&out->w, w->bytes[i], out->w.step_s[0] + w->step_s[i] - w->step_s[0]);
    add_point(&out->group, share * group->bytes[i],
              out->group.step_s[0] + share * (group->step_s[i] - group->step_s[0]));
}

/* Steps and row groups against the bytes of packed W. longest: as in calibrate_tile. */
static void sweep_weights(struct bench *b, struct trial t,
                          const struct spr_tile_rates *longest, struct spr_tile_rates *out)
{
    const double bytes = step_bytes(&t.tile, spr_isa_lanes(b->c->isa));
    const double *sizes = b->c->quick ? quick_footprints : footprints;
    size_t count = b->c->quick ? sizeof quick_footprints / sizeof *quick_footprints
                               : sizeof footprints / sizeof *footprints;
    /* A single weight is six bytes, which hide behind a tile of tokens wherever they are, and
     * millions of them take long to pack. */
    count = t.tile.chunk == 0 ? (count + 1) / 2 : count;
    for (size_t i = 0; i < count && b->status == SPR_OK; i++) {
        t.groups = i > 0 ? ceil(sizes[i] / bytes / t.steps) : floor(NEAR_STEPS / t.steps);
        if (i > 0 && longest) {
            add_derived(longest, i, out);
        } else {
            add_measured(b, &t, sizes[i], i > 0 ? NULL : &out->input, out);
        }
    }
}

/* What a row group takes where the tokens' rows of Y crowd one place of the cache: of so many
 * groups that Y leaves the nearest cache either way. */
static void measure_crowding(struct bench *b, struct trial t, struct spr_tile_rates *out)
{
    t.groups = 4 * floor(NEAR_STEPS / t.steps);
    t.steps = SHORT_STEPS;
    const double spread_s = run_trial(b, &t, NULL);
    t.crowded = true;
    const double crowded_s = run_trial(b, &t, NULL);
    add_point(&out->y, 4 * CROWDED, fmax(0, crowded_s - spread_s) / t.groups);
}

/* Many columns: what the tokens of a step have comes from a farther cache. */
static void sweep_inputs(struct bench *b, struct trial t, const struct spr_tile_rates *longest,
                         struct spr_tile_rates *out)
{
    const double step_s = out->w.step_s[0], group_s = out->group.step_s[0];
    const int tokens = t.tile.tokens;
    out->x = (struct spr_sweep){.count = 2,
                                .bytes = {4.0 * COLUMNS * tokens, 4.0 * FAR_COLUMNS * tokens},
                                .step_s = {step_s, step_s}};
    t.columns = FAR_COLUMNS;
    t.steps = t.tile.dense ? FAR_COLUMNS : t.steps;
    t.groups = t.tile.dense ? 1 : floor(NEAR_STEPS / t.steps);
    const double far_s = run_trial(b, &t, &out->input);
    if (!t.tile.dense) {
        out->x.step_s[1] = fmax(step_s, (far_s - t.groups * group_s) / (t.groups * t.steps));
    }
    if (out->input.count == 0 || b->status != SPR_OK) {
        return;
    }
    if (longest) {
        const struct spr_sweep *input = &longest->input;
        add_point(&out->input, input->bytes[2],
                  out->input.step_s[1] + input->step_s[2] - input->step_s[1]);
    } else {
        t.batches = (int64_t)ceil(FAR_INPUT_BYTES / (4.0 * FAR_COLUMNS * tokens));
        t.groups = 1;
        run_trial(b, &t, &out->input);
    }
}

/* longest NULL: W is moved away; else the rates of the longest tile of whose steps that was
 * done. */
static struct spr_tile_rates calibrate_tile(struct bench *b, const struct spr_tile_shape *tile,
                                            const struct spr_tile_rates *longest)
{
    struct spr_tile_rates out = {.isa = b->c->isa, .threads = b->c->threads, .tile = *tile};
    const double chunk = tile->chunk > 0 ? tile->chunk : 1;
    /* At most half of the blocks that a row of blocks has. */
    const struct trial t = {.tile = *tile,
                            .batches = 1,
                            .columns = COLUMNS,
                            .steps = fmin(LONG_STEPS, floor(COLUMNS / (2.0 * chunk)))};
    sweep_weights(b, t, longest, &out);
    measure_crowding(b, t, &out);
    sweep_inputs(b, t, longest, &out);
    return out;
}

enum spr_status spr_calibrate_tokens(const struct spr_calibration *calibration,
                                     struct spr_kernel_rates *rates, struct spr_error *err)
{
    const struct spr_calibration *c = calibration;
    const int lanes = spr_isa_lanes(c->isa);
    struct spr_tile_shape tiles[SPR_TOKEN_TILES_MAX];
    const size_t count = spr_list_token_tiles(lanes, tiles);
    struct bench b = {.c = c,
                      .team = spr_calloc((size_t)c->threads, sizeof *b.team),
                      .status = SPR_OK,
                      .err = err};
    size_t capacity = rates->count;
    struct spr_tile_rates longest = {0};
    if (!b.team ||
        !spr_grow(&rates->tiles, &capacity, rates->count + count, sizeof *rates->tiles)) {
        spr_free(b.team);
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        /* A step of more columns has as many bytes as one of a single column. */
        const bool first = tiles[i].chunk <= 1 &&
                           tiles[i].tokens == spr_token_length(lanes, tiles[i].vectors, 0);
        const struct spr_tile_rates out =
            calibrate_tile(&b, &tiles[i], first ? NULL : &longest);
        if (b.status != SPR_OK) {
            break;
        }
        longest = first ? out : longest;
        rates->tiles[rates->count++] = out;
    }
    spr_free(b.team);
    return b.status;
}
