/* SPDX-License-Identifier: Apache-2.0 */
/* Synthetic row groups, and timing a register tile on them. */
#include "probe/calibrate_trial.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/numbers.h"
#include "base/random.h"
#include "host/sampler.h"
#include "host/team.h"
#include "sproof/cpu.h"

/* Steps of W where none are asked for: near, but more than a loop could learn by heart. */
#define NEAR_STEPS 4096
#define DRAWN_STEPS 262144
#define DRAWN_SEGMENTS 65536
#define NONE UINT32_MAX
#define WINDOWS 64
#define SHUFFLE_TILES 64
#define SHUFFLE_WINDOW_TILES 1024
/* In a hurry what few caches can hold is taken to be farther away. */
#define QUICK_WARM_BYTES (16 * 1048576.0)
#define SAMPLES 5

/* One thread's synthetic matrix and its buffers. */
struct spr_trial_bench {
    struct spr_strips strips;
    struct spr_segment *segment;
    uint16_t *index;
    float *value, *x, *y;
    size_t segment_room, index_room, value_room, x_room, y_room;
    uint32_t window[WINDOWS + 1];
    struct spr_strip strip[WINDOWS];
    size_t steps[WINDOWS]; /* of each window */
    int windows;
    uint64_t random;
    double step_s, steps_per_segment; /* what its last trial found */
    /* By steps of a row group: how many there are, the last one drawn, whose columns come next. */
    uint32_t counts[SPR_PANEL_MAX + 1], last[SPR_PANEL_MAX + 1], next[SPR_PANEL_MAX + 1];
    uint32_t earlier[DRAWN_SEGMENTS]; /* of as many steps */
};

static size_t step_values(const struct spr_trial *trial, int lanes)
{
    if (trial->tile.vectors == SPR_CHUNK_SHUFFLE) {
        return (size_t)(trial->tile.rows + 1) * (size_t)lanes;
    }
    if (trial->tile.form == SPR_TILE_DENSE && trial->tile.vectors == 0) {
        return (size_t)trial->tile.rows * (size_t)lanes;
    }
    if (trial->tile.form != SPR_TILE_VECTOR) {
        return (size_t)trial->tile.rows;
    }
    return trial->tile.vectors == 0 ? 1 : (size_t)(trial->tile.rows * lanes);
}

static bool room(float **data, size_t *have, size_t need)
{
    if (*have < need) {
        spr_free(*data);
        *data = spr_aligned_alloc(4096, need * sizeof **data);
        *have = *data ? need : 0;
        for (size_t i = 0; i < *have; i++) {
            (*data)[i] = 0.5F;
        }
    }
    return *have >= need;
}

static bool room_for(struct spr_trial_bench *b, size_t segments, size_t steps, size_t values,
                     size_t x, size_t y)
{
    return spr_grow(&b->segment, &b->segment_room, segments, sizeof *b->segment) &&
           spr_grow(&b->index, &b->index_room, steps, sizeof *b->index) &&
           room(&b->value, &b->value_room, values) && room(&b->x, &b->x_room, x) &&
           room(&b->y, &b->y_room, y);
}

/* Longest first; lengths are all that the segments have so far. */
static void sort_segments(struct spr_segment *segment, size_t count, uint32_t *counts)
{
    uint32_t most = 0;
    for (size_t i = 0; i < count; i++) {
        most = segment[i].steps > most ? segment[i].steps : most;
    }
    memset(counts, 0, (most + 1) * sizeof *counts);
    for (size_t i = 0; i < count; i++) {
        counts[segment[i].steps]++;
    }
    for (size_t i = 0; i < count; i++) {
        while (counts[most] == 0) {
            most--;
        }
        counts[most]--;
        segment[i].steps = most;
    }
}

/* Lengths around the mean with the spread of a random mask of one in ten. */
static size_t draw_steps(struct spr_trial_bench *b, size_t mean)
{
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += spr_random_unit(&b->random) - 0.5;
    }
    double steps = (double)mean + sum * sqrt(3.0 * 0.9 * (double)mean);
    return steps < 1 ? 1 : (size_t)(steps + 0.5);
}

/* Rising, one in each of as many equal parts as there are steps. Drawing takes longer than
 * multiplying: a segment behind many has the columns of one of them, those of its length in turn,
 * so that neighbours never read the same of X. */
static void draw_columns(struct spr_trial_bench *b, struct spr_segment *s, size_t chunks,
                         size_t chunk)
{
    const double part = (double)chunks / s->steps;
    const uint32_t number = (uint32_t)(s - b->segment);
    uint32_t *last = &b->last[s->steps], *next = &b->next[s->steps];
    if (s->index >= DRAWN_STEPS && *last != NONE && b->earlier[*last] != NONE) {
        const uint32_t like = *next;
        *next = b->earlier[like] != NONE ? b->earlier[like] : *last;
        memcpy(b->index + s->index, b->index + b->segment[like].index,
               s->steps * sizeof *b->index);
        return;
    }
    for (size_t j = 0; j < s->steps; j++) {
        size_t column = (size_t)(((double)j + spr_random_unit(&b->random)) * part);
        column = column < chunks ? column : chunks - 1; /* the product may be rounded up */
        b->index[s->index + j] = (uint16_t)(column * chunk);
    }
    if (number < DRAWN_SEGMENTS) {
        b->earlier[number] = *last;
        *last = *next = number;
    }
}

/* Row groups in windows that are run one after another: all of them together are the
 * footprint of W, each is short enough to be one sample. */
static bool build(struct spr_trial_bench *b, const struct spr_trial *t, int lanes)
{
    const bool dense = t->tile.form == SPR_TILE_DENSE;
    const bool vector = t->tile.form == SPR_TILE_VECTOR || t->tile.vectors == 0;
    const bool whole = dense && !vector; /* row groups as long as the panel */
    /* One column short of whole vectors, as 49 or 100 tokens are: the last two vectors of a
     * tile overlap and most loads cross a line. */
    const size_t n =
        vector ? 1
               : (size_t)(t->tile.vectors * lanes - t->unaligned - (t->half ? lanes / 2 : 0));
    const size_t chunk = vector && t->tile.vectors > 1 ? (size_t)t->tile.vectors : 1;
    const size_t values = step_values(t, lanes);
    size_t columns = (size_t)(t->x_bytes / (double)(n * sizeof(float)));
    columns = columns < 32 ? 32 : columns > SPR_PANEL_MAX ? SPR_PANEL_MAX : columns / 16 * 16;
    size_t mean = t->steps < columns / chunk / 2 ? t->steps : columns / chunk / 2;
    size_t total = (size_t)(t->w_bytes / (double)(values * sizeof(float) + (dense ? 0 : 2)));
    if (t->w_bytes <= 0) {
        /* Enough to need every row of X. */
        total = 2 * columns / chunk < NEAR_STEPS ? NEAR_STEPS : 2 * columns / chunk;
    }
    size_t segments = total / (whole ? columns : mean) + 1;
    /* Windows of some thousand steps: starting one takes time too. */
    size_t windows = total / (NEAR_STEPS / 2);
    windows = windows > segments ? segments : windows;
    b->windows = windows < 1 ? 1 : windows > WINDOWS ? WINDOWS : (int)windows;
    size_t group_rows =
        vector ? (t->tile.vectors == 0 && !dense ? 1 : values / chunk) : (size_t)t->tile.rows;
    size_t rows = (size_t)(t->y_bytes / (double)(n * sizeof(float))) / group_rows * group_rows;
    rows = rows < group_rows ? group_rows : rows;
    if (!spr_grow(&b->segment, &b->segment_room, segments, sizeof *b->segment)) {
        return false;
    }
    size_t all = 0, longest = 0;
    for (size_t i = 0; i < segments; i++) {
        b->segment[i].steps = (uint32_t)(whole ? columns : draw_steps(b, mean));
        if (b->segment[i].steps > columns / chunk) {
            b->segment[i].steps = (uint32_t)(columns / chunk);
        }
        all += b->segment[i].steps;
        longest = b->segment[i].steps > longest ? b->segment[i].steps : longest;
    }
    for (size_t i = 0; i <= longest && !dense; i++) {
        b->last[i] = NONE;
    }
    if (!room_for(b, segments, dense ? 1 : all, all * values, columns * n + 16, rows * n)) {
        return false;
    }
    size_t step = 0, value = 0;
    for (int w = 0; w < b->windows; w++) {
        size_t begin = segments * (size_t)w / (size_t)b->windows;
        size_t end = segments * (size_t)(w + 1) / (size_t)b->windows;
        sort_segments(b->segment + begin, end - begin, b->counts);
        b->window[w] = (uint32_t)w;
        b->strip[w] =
            (struct spr_strip){.rows = (uint32_t)t->tile.rows,
                               .chunk = (uint32_t)(vector && dense ? 1 : t->tile.vectors),
                               .begin = (uint32_t)begin,
                               .end = (uint32_t)end,
                               .first = t->first};
        b->steps[w] = 0;
        for (size_t i = begin; i < end; i++) {
            struct spr_segment *s = &b->segment[i];
            s->row = (uint32_t)(i * group_rows % rows);
            s->rows = (uint32_t)group_rows;
            s->index = dense ? 0 : (uint32_t)step;
            s->value = value;
            if (!dense) {
                draw_columns(b, s, columns / chunk, chunk);
                step += s->steps;
            }
            value += s->steps * values;
            b->steps[w] += s->steps;
        }
    }
    b->window[b->windows] = (uint32_t)b->windows;
    b->strips = (struct spr_strips){.m = (int64_t)rows,
                                    .k = (int64_t)columns,
                                    .n = (int64_t)n,
                                    .threads = b->windows,
                                    .vectors = vector ? 0 : t->tile.vectors,
                                    .dense = dense,
                                    .strip_count = (size_t)b->windows,
                                    .segment_count = segments,
                                    .thread_strip = b->window,
                                    .strip = b->strip,
                                    .segment = b->segment,
                                    .index = b->index,
                                    .value = b->value};
    return true;
}

/* The shuffle form: a step is a tile, a row group all tiles of 32 columns. Every position is
 * that of the value 0.5; which input a permutation fetches makes no difference to its time. */
static bool build_shuffle(struct spr_trial_bench *b, const struct spr_trial *t)
{
    const size_t values = step_values(t, SPR_SHUFFLE_ROWS);
    const size_t columns = (size_t)(t->x_bytes / sizeof(float));
    const size_t column_groups = columns / SPR_SHUFFLE_COLUMNS;
    size_t groups = column_groups, tiles = t->steps;
    if (t->w_bytes > 0) {
        /* As many rows as a layer has: Y stays near. */
        tiles = SHUFFLE_TILES;
        groups = (size_t)(t->w_bytes / (double)(values * sizeof(float))) / tiles;
        groups = groups < 1 ? 1 : groups;
    }
    if (!room_for(b, groups, 1, groups * tiles * values, columns + SPR_SHUFFLE_COLUMNS,
                  tiles * SPR_SHUFFLE_ROWS)) {
        return false;
    }
    /* Every window looks at all of X once. */
    size_t windows = groups * tiles / SHUFFLE_WINDOW_TILES;
    windows = windows > groups ? groups : windows > WINDOWS ? WINDOWS : windows;
    b->windows = windows < 1 ? 1 : (int)windows;
    for (size_t i = 0; i < groups; i++) {
        b->segment[i] =
            (struct spr_segment){.row = 0,
                                 .steps = (uint32_t)tiles,
                                 .index = (uint32_t)(i % column_groups * SPR_SHUFFLE_COLUMNS),
                                 .rows = (uint32_t)(tiles * SPR_SHUFFLE_ROWS),
                                 .value = i * tiles * values};
    }
    for (int w = 0; w < b->windows; w++) {
        size_t begin = groups * (size_t)w / (size_t)b->windows;
        size_t end = groups * (size_t)(w + 1) / (size_t)b->windows;
        b->window[w] = (uint32_t)w;
        b->steps[w] = (end - begin) * tiles;
        b->strip[w] = (struct spr_strip){.rows = (uint32_t)t->tile.rows,
                                         .chunk = SPR_CHUNK_SHUFFLE,
                                         .begin = (uint32_t)begin,
                                         .end = (uint32_t)end};
    }
    b->window[b->windows] = (uint32_t)b->windows;
    b->strips = (struct spr_strips){.m = (int64_t)(tiles * SPR_SHUFFLE_ROWS),
                                    .k = (int64_t)columns,
                                    .n = 1,
                                    .threads = b->windows,
                                    .strip_count = (size_t)b->windows,
                                    .segment_count = groups,
                                    .thread_strip = b->window,
                                    .strip = b->strip,
                                    .segment = b->segment,
                                    .index = b->index,
                                    .value = b->value};
    return true;
}

/* A way through the windows of a bench, round and round. */
struct way {
    const struct spr_trial_bench *bench;
    void (*tile)(const struct spr_strips *strips, int window, const float *x, float *y);
    int next;
    double steps, segments; /* since a sample began */
};

static void begin_sample(void *context)
{
    struct way *way = context;
    way->steps = way->segments = 0;
}

static double steps_done(const void *context)
{
    return ((const struct way *)context)->steps;
}

static size_t run_window(struct way *way)
{
    const struct spr_trial_bench *b = way->bench;
    const int w = way->next;
    way->tile(&b->strips, w, b->x, b->y);
    way->steps += (double)b->steps[w];
    way->segments += b->strip[w].end - b->strip[w].begin;
    way->next = (w + 1) % b->windows;
    return b->steps[w];
}

/* Some thousand steps for one look at the clock. */
static void run_windows(void *way)
{
    for (size_t steps = 0; steps < NEAR_STEPS / 2;) {
        steps += run_window(way);
    }
}

/* Once through all of it, so that what a cache can hold is there. What none can hold is read
 * from its middle on: the beginning may be there from the trial before. */
static void warm_up(struct way *way, bool held)
{
    do {
        (void)run_window(way);
    } while (way->next != 0 && (held || way->steps < NEAR_STEPS / 2));
    way->next = held ? 0 : way->bench->windows / 2;
}

/* Seconds per step, row groups included; *steps_per_segment: steps of a row group. The
 * fastest sample: what disturbs a loop of fixed work only ever adds time. */
static double time_trial(const struct spr_calibration *c, struct spr_trial_bench *b,
                         const struct spr_trial *t, double warm_bytes,
                         double *steps_per_segment)
{
    const struct spr_tiles *tiles = spr_isa_code_of(c->isa)->tiles;
    double samples[SAMPLES];
    bool shuffle = t->tile.vectors == SPR_CHUNK_SHUFFLE;
    if (!(shuffle ? build_shuffle(b, t) : build(b, t, spr_isa_lanes(c->isa)))) {
        return (double)NAN;
    }
    struct way way = {.bench = b,
                      .tile = b->strips.vectors == 0 ? tiles->vector : tiles->matrix};
    const struct spr_sampler sampler = {.clock_s = c->clock_s,
                                        .threads = 1,
                                        .context = &way,
                                        .run = run_windows,
                                        .least_s = c->quick ? 8e-5 : 2e-4,
                                        .prepare = begin_sample,
                                        .work = steps_done};
    warm_up(&way, t->w_bytes <= warm_bytes);
    spr_sampler_run(&sampler, SAMPLES, samples);
    *steps_per_segment = way.steps / way.segments;
    return spr_least(samples, SAMPLES);
}

bool spr_least_time(const struct spr_calibration *c, double *seconds)
{
    struct spr_least_times *least = c->least;
    if (!least) {
        return true;
    }
    if (least->next == least->count) {
        if (!spr_grow(&least->seconds, &least->capacity, least->count + 1,
                      sizeof *least->seconds)) {
            return false;
        }
        least->seconds[least->count++] = *seconds;
    }
    double *known = &least->seconds[least->next++];
    *known = *seconds = fmin(*known, *seconds);
    return true;
}

/* One trial on every thread at once. */
struct team_trial {
    const struct spr_calibration *calibration;
    const struct spr_team *team;
    const struct spr_trial *trial;
    int threads; /* as many as the runtime gave */
};

static void time_own(void *context, int thread, int threads)
{
    struct team_trial *at = context;
    struct spr_trial_bench *own = &at->team->bench[thread];
    own->steps_per_segment = 1;
    own->step_s = time_trial(at->calibration, own, at->trial, at->team->warm_bytes,
                             &own->steps_per_segment);
    if (thread == 0) {
        at->threads = threads;
    }
}

/* The mean of the threads' times. */
double spr_team_time(const struct spr_calibration *c, struct spr_team *team,
                     const struct spr_trial *t, double *steps_per_segment)
{
    struct team_trial at = {.calibration = c, .team = team, .trial = t};
    double seconds = 0, steps = 0;
    spr_team_run(team->threads, time_own, &at);
    for (int i = 0; i < at.threads; i++) {
        seconds += team->bench[i].step_s;
        steps += team->bench[i].steps_per_segment;
    }
    *steps_per_segment = steps / at.threads;
    seconds /= at.threads;
    team->failed = team->failed || isnan(seconds) || !spr_least_time(c, &seconds);
    return seconds;
}

enum spr_status spr_pack_random(const struct spr_plan *plan, double kept, uint64_t seed,
                                struct spr_packed *packed, struct spr_error *err)
{
    struct spr_matrix matrix = {0};
    enum spr_status status =
        spr_matrix_random(&plan->pattern, plan->m, plan->k, kept, seed, &matrix, err);
    if (status == SPR_OK) {
        status = spr_pack(plan, &matrix, packed, err);
    }
    spr_matrix_free(&matrix);
    return status;
}

bool spr_team_make(struct spr_team *team, const struct spr_calibration *calibration)
{
    struct spr_cpu_cache caches[SPR_CPU_CACHES];
    team->threads = calibration->threads;
    team->bench = spr_calloc((size_t)team->threads, sizeof *team->bench);
    for (int t = 0; team->bench && t < team->threads; t++) {
        team->bench[t].random = (uint64_t)t + 1;
    }
    /* Of twice a cache, what comes next is never there: the oldest goes first. */
    spr_cpu_caches(caches);
    team->warm_bytes = QUICK_WARM_BYTES;
    for (int i = 0; i < SPR_CPU_CACHES && !calibration->quick; i++) {
        team->warm_bytes = fmax(team->warm_bytes, 2 * caches[i].bytes);
    }
    return team->bench != NULL;
}

void spr_team_free(struct spr_team *team)
{
    for (int t = 0; team->bench && t < team->threads; t++) {
        struct spr_trial_bench *b = &team->bench[t];
        spr_free(b->segment);
        spr_free(b->index);
        spr_free(b->value);
        spr_free(b->x);
        spr_free(b->y);
    }
    spr_free(team->bench);
    *team = (struct spr_team){0};
}
