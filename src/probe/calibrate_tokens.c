/* SPDX-License-Identifier: Apache-2.0 */
/* What a tile of the layout nk costs: packed synthetic matrices and interleaved X. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/numbers.h"
#include "host/sampler.h"
#include "host/team.h"
#include "kernel/pack.h"
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

/* Steps of W that are near. */
#define NEAR_STEPS 2048

/* Bytes of packed W; the first is near. */
static const double footprints[] = {16384, 393216, 3145728, 12582912, 33554432};
static const double quick_footprints[] = {16384, 393216, 6291456};

struct trial {
    int vectors, chunk, tokens; /* chunk 0: row by row */
    int64_t batches;            /* as many tokens again and again */
    bool dense, crowded;
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

/* Rows that a group of the tile holds. */
static int64_t group_rows(const struct trial *t, int lanes)
{
    return t->chunk == 0 ? 1 : (int64_t)t->vectors * lanes / t->chunk;
}

static enum spr_status make(const struct spr_calibration *c, const struct trial *t,
                            uint64_t seed, struct synthetic *out, struct spr_error *err)
{
    struct spr_pattern pattern = spr_pattern_dense();
    char text[48];
    const int64_t rows = group_rows(t, spr_isa_lanes(c->isa));
    const int64_t columns = t->dense ? (int64_t)t->steps : t->columns;
    const int64_t m = rows * (int64_t)t->groups, chunk = t->chunk > 0 ? t->chunk : 1;
    double kept = t->steps * t->groups;
    if (!t->dense) {
        snprintf(text, sizeof text, "%lldx%lld", (long long)rows, (long long)chunk);
        SPR_TRY(spr_pattern_parse(t->chunk == 0 ? "csr" : text, &pattern, err));
    } else {
        kept *= (double)rows;
    }
    /* One token alone is another path; here it is the rest of several. */
    struct spr_plan plan =
        spr_plan_choose_nk(&pattern, c->isa, m, columns, t->tokens + 1, kept, 1);
    plan.tokens = t->tokens;
    const int64_t n = plan.n = t->tokens * t->batches;
    plan.panel = columns;
    SPR_TRY(spr_pack_random(&plan, kept, seed, &out->packed, err));
    out->x = spr_calloc((size_t)(columns * n), sizeof *out->x);
    const int64_t apart = t->crowded ? (m + CROWDED - 1) / CROWDED * CROWDED
                                     : ((m + LINE - 1) / LINE | 1) * LINE;
    ((struct spr_strips *)out->packed.block)->row = apart;
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
    return spr_least_time(c, seconds) ? SPR_OK : spr_no_memory(err);
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
    spr_sampler_run(&sampler, SAMPLES, samples);
    return spr_least(samples, SAMPLES);
}

/* Farther is never faster. */
static void add_point(struct spr_sweep *sweep, double bytes, double step_s)
{
    const size_t at = sweep->count++;
    sweep->bytes[at] = bytes;
    sweep->step_s[at] = at > 0 ? fmax(sweep->step_s[at - 1], step_s) : step_s;
}

/* Without an `input`, the product alone; else both, and the time of interleaving an input is put
 * there. */
static double run_trial(const struct spr_calibration *c, const struct trial *t,
                        struct synthetic *team, struct spr_sweep *input,
                        enum spr_status *status, struct spr_error *err)
{
    double seconds = (double)NAN;
    *status = *status ? *status : make_team(c, t, team, err);
    if (*status == SPR_OK) {
        seconds = time_team(c, team, multiply);
        *status = keep_least(c, &seconds, err);
    }
    if (*status == SPR_OK && input && team->packed.inputs) {
        const double inputs = (double)(team->packed.plan.k * team->packed.plan.n);
        double input_s = time_team(c, team, interleave);
        *status = keep_least(c, &input_s, err);
        add_point(input, 4 * inputs, input_s / inputs);
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

/* longest NULL: W is moved away; else the rates of the longest tile of whose steps that was done:
 * what farther weights add is the same, and what a wider Y adds a share by the tokens.
 * Two lengths of row groups tell a step from what a group takes beside its steps, as many groups
 * of each: more of them are a wider Y, whose tokens are farther apart. */
static enum spr_status calibrate_tile(const struct spr_calibration *c, struct trial t,
                                      struct synthetic *team,
                                      const struct spr_tile_rates *longest,
                                      struct spr_tile_rates *out, struct spr_error *err)
{
    const int lanes = spr_isa_lanes(c->isa);
    const int64_t rows = group_rows(&t, lanes);
    const double *sizes = c->quick ? quick_footprints : footprints;
    size_t count = c->quick ? sizeof quick_footprints / sizeof *quick_footprints
                            : sizeof footprints / sizeof *footprints;
    /* A single weight is six bytes, which hide behind a tile of tokens wherever they are, and
     * millions of them take long to pack. */
    count = t.chunk == 0 ? (count + 1) / 2 : count;
    const double least_s = 1e-11;
    double share = longest ? (double)t.tokens / spr_token_length(lanes, t.vectors, 0) : 1;
    enum spr_status status = SPR_OK;
    struct trial brief = t;
    /* At most half of the blocks that a row of blocks has. */
    t.steps = fmin(LONG_STEPS, floor(COLUMNS / (2.0 * (t.chunk > 0 ? t.chunk : 1))));
    brief.steps = SHORT_STEPS;
    for (size_t i = 0; i < count && status == SPR_OK; i++) {
        double step_s = least_s, group_s = 0;
        t.groups = i > 0 ? ceil(sizes[i] / step_bytes(&t, lanes) / t.steps)
                         : floor(NEAR_STEPS / t.steps);
        brief.groups = t.groups;
        if (i > 0 && longest) {
            step_s = out->w.step_s[0] + longest->w.step_s[i] - longest->w.step_s[0];
            group_s = out->group.step_s[0] +
                      share * (longest->group.step_s[i] - longest->group.step_s[0]);
        } else {
            double seconds = run_trial(c, &t, team, i > 0 ? NULL : &out->input, &status, err);
            double brief_seconds = run_trial(c, &brief, team, NULL, &status, err);
            step_s = fmax(least_s,
                          (seconds - brief_seconds) / (t.groups * (t.steps - brief.steps)));
            group_s = fmax(0, brief_seconds / t.groups - brief.steps * step_s);
        }
        double y_bytes = i > 0 && longest ? share * longest->group.bytes[i]
                                          : 4 * (double)rows * t.groups * t.tokens;
        add_point(&out->w, sizes[i], step_s);
        add_point(&out->group, y_bytes, group_s);
    }
    const double step_s = out->w.step_s[0], group_s = out->group.step_s[0];
    /* More groups, so that Y leaves the nearest cache either way. */
    brief.groups = 4 * floor(NEAR_STEPS / t.steps);
    const double spread_s = status ? 0 : run_trial(c, &brief, team, NULL, &status, err);
    brief.crowded = true;
    const double crowded_s = status ? 0 : run_trial(c, &brief, team, NULL, &status, err);
    add_point(&out->y, 4 * CROWDED, fmax(0, crowded_s - spread_s) / brief.groups);
    /* Many columns: what the tokens of a step have comes from a farther cache. */
    out->x =
        (struct spr_sweep){.count = 2,
                           .bytes = {4.0 * COLUMNS * t.tokens, 4.0 * FAR_COLUMNS * t.tokens},
                           .step_s = {step_s, step_s}};
    t.columns = FAR_COLUMNS;
    t.steps = t.dense ? FAR_COLUMNS : t.steps;
    t.groups = t.dense ? 1 : floor(NEAR_STEPS / t.steps);
    const double far_s = status ? step_s : run_trial(c, &t, team, &out->input, &status, err);
    if (!t.dense) {
        out->x.step_s[1] = fmax(step_s, (far_s - t.groups * group_s) / (t.groups * t.steps));
    }
    if (out->input.count == 0) {
        return status;
    }
    if (longest && status == SPR_OK) {
        const struct spr_sweep *input = &longest->input;
        add_point(&out->input, input->bytes[2],
                  out->input.step_s[1] + input->step_s[2] - input->step_s[1]);
    } else if (status == SPR_OK) {
        t.batches = (int64_t)ceil(FAR_INPUT_BYTES / (4.0 * FAR_COLUMNS * t.tokens));
        t.groups = 1;
        run_trial(c, &t, team, &out->input, &status, err);
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
        return spr_no_memory(err);
    }
    struct spr_tile_rates longest = {0};
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
                struct trial t = {.vectors = vectors,
                                  .chunk = chunk < 0 ? 1 : chunk,
                                  .tokens = tokens,
                                  .batches = 1,
                                  .dense = chunk < 0,
                                  .columns = COLUMNS};
                struct spr_tile_rates out = {
                    .isa = c->isa,
                    .threads = c->threads,
                    .form = SPR_TILE_TOKENS,
                    .rows = vectors,
                    .vectors = SPR_TOKEN_TILE(chunk < 0 ? lanes * 2 : chunk, tokens)};
                /* A step of more columns has as many bytes as one of a single column. */
                const bool first = i == 0 && chunk <= 1;
                status = calibrate_tile(c, t, team, first ? NULL : &longest, &out, err);
                longest = first ? out : longest;
                if (status == SPR_OK && !spr_grow(&rates->tiles, &capacity, rates->count + 1,
                                                  sizeof *rates->tiles)) {
                    status = spr_no_memory(err);
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
