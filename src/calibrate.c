/* SPDX-License-Identifier: Apache-2.0 */
/* What sproof's own register tiles cost on this machine: each is timed on synthetic row
 * groups. The layers, masks and shapes that are predicted later are never among them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "mem.h"
#include "pack.h"
#include "sproof/expected.h"

#define KIB 1024.0
#define MIB 1048576.0
/* Steps of one row group: long ones for the cost of a step, short ones for that of a group.
 * Both are drawn around a mean, as a random mask draws them, and sorted, as packing does. */
#define LONG_STEPS 128
#define SHORT_STEPS 8
/* One in so many columns of an X tile is in a row group: masks worth having are sparse. */
#define X_SPARSITY 10
/* X of the sweeps over W, and W of the sweeps over X: near, but not so small that a loop
 * could learn it by heart. */
#define NEAR_BYTES (16 * KIB)
#define NEAR_VECTOR_BYTES (4 * KIB)
#define NEAR_STEPS 4096
#define NEAR_Y_BYTES (128 * KIB)
#define NEAR_VECTOR_Y_BYTES (4 * KIB)
#define WINDOWS 64
#define SAMPLES_MAX 9
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const double x_full[] = {16 * KIB,  24 * KIB,  48 * KIB,  96 * KIB,  192 * KIB,
                                384 * KIB, 576 * KIB, 768 * KIB, 1.5 * MIB, 4 * MIB};
static const double x_quick[] = {16 * KIB, 48 * KIB, 192 * KIB, 512 * KIB, 1.5 * MIB};
static const double vector_full[] = {4 * KIB,  8 * KIB,  16 * KIB,
                                     32 * KIB, 64 * KIB, 256 * KIB};
static const double vector_quick[] = {4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB};
static const double group_points[] = {1, 2, 4, 8, 16, 48};
#define GROUP_MIDDLE 4
static const double y_points[] = {128 * KIB, 1.5 * MIB, 6 * MIB};
static const double w_full[] = {8 * KIB, 24 * KIB, 128 * KIB, 512 * KIB, 768 * KIB, 1.5 * MIB,
                                3 * MIB, 8 * MIB,  16 * MIB,  32 * MIB,  96 * MIB};
static const double w_quick[] = {12 * KIB, 128 * KIB, 768 * KIB, 3 * MIB, 12 * MIB, 40 * MIB};

/* One thread's synthetic matrix and its buffers. */
struct bench {
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
};

struct tile {
    enum spr_tile_form form;
    int rows, vectors; /* as in spr_tile_rates */
};

struct trial {
    struct tile tile;
    double x_bytes, w_bytes, y_bytes; /* footprints; w_bytes 0: NEAR_STEPS steps */
    size_t steps;                     /* mean of a row group */
    bool first;
    bool unaligned; /* rows of X and Y do not start at cache lines */
};

static size_t step_values(const struct trial *trial, int lanes)
{
    if (trial->tile.vectors == SPR_CHUNK_SHUFFLE) {
        return (size_t)((trial->tile.rows + 1) * lanes);
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

static bool room_for(struct bench *b, size_t segments, size_t steps, size_t values, size_t x,
                     size_t y)
{
    return spr_grow(&b->segment, &b->segment_room, segments, sizeof *b->segment) &&
           spr_grow(&b->index, &b->index_room, steps, sizeof *b->index) &&
           room(&b->value, &b->value_room, values) && room(&b->x, &b->x_room, x) &&
           room(&b->y, &b->y_room, y);
}

static int longest_first(const void *left, const void *right)
{
    const struct spr_segment *a = left, *b = right;
    return a->steps < b->steps ? 1 : a->steps > b->steps ? -1 : 0;
}

/* Lengths around the mean with the spread of a random mask of one in ten. */
static size_t draw_steps(struct bench *b, size_t mean)
{
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += spr_random_unit(&b->random) - 0.5;
    }
    double steps = (double)mean + sum * sqrt(3.0 * 0.9 * (double)mean);
    return steps < 1 ? 1 : (size_t)(steps + 0.5);
}

/* Row groups in windows that are run one after another: all of them together are the
 * footprint of W, each is short enough to be one sample. */
static bool build(struct bench *b, const struct trial *t, int lanes)
{
    const bool vector = t->tile.form == SPR_TILE_VECTOR,
               dense = t->tile.form == SPR_TILE_DENSE;
    /* One column short of whole vectors, as 49 or 100 tokens are: the last two vectors of a
     * tile overlap and most loads cross a line. */
    const size_t n = vector ? 1 : (size_t)(t->tile.vectors * lanes) - t->unaligned;
    const size_t chunk = vector && t->tile.vectors > 1 ? (size_t)t->tile.vectors : 1;
    const size_t values = step_values(t, lanes);
    size_t columns = (size_t)(t->x_bytes / (double)(n * sizeof(float)));
    columns = columns < 32 ? 32 : columns > SPR_PANEL_MAX ? SPR_PANEL_MAX : columns / 16 * 16;
    size_t mean = t->steps < columns / chunk / 2 ? t->steps : columns / chunk / 2;
    size_t total = (size_t)(t->w_bytes / (double)(values * sizeof(float) + (dense ? 0 : 2)));
    total = t->w_bytes > 0 ? total : NEAR_STEPS;
    size_t segments = total / (dense ? columns : mean) + 1;
    /* Windows of some thousand steps: starting one takes time too. */
    size_t windows = total / (NEAR_STEPS / 2);
    windows = windows > segments ? segments : windows;
    b->windows = windows < 1 ? 1 : windows > WINDOWS ? WINDOWS : (int)windows;
    size_t group_rows =
        vector ? (t->tile.vectors == 0 ? 1 : values / chunk) : (size_t)t->tile.rows;
    size_t rows = (size_t)(t->y_bytes / (double)(n * sizeof(float))) / group_rows * group_rows;
    rows = rows < group_rows ? group_rows : rows;
    size_t most = segments * (dense ? columns : mean * 3 + 8);
    if (!room_for(b, segments, dense ? 1 : most, most * values, columns * n + 16, rows * n)) {
        return false;
    }
    for (size_t i = 0; i < segments; i++) {
        b->segment[i].steps = (uint32_t)(dense ? columns : draw_steps(b, mean));
        if (b->segment[i].steps > columns / chunk) {
            b->segment[i].steps = (uint32_t)(columns / chunk);
        }
    }
    size_t step = 0, value = 0;
    for (int w = 0; w < b->windows; w++) {
        size_t begin = segments * (size_t)w / (size_t)b->windows;
        size_t end = segments * (size_t)(w + 1) / (size_t)b->windows;
        qsort(b->segment + begin, end - begin, sizeof *b->segment, longest_first);
        b->window[w] = (uint32_t)w;
        b->strip[w] = (struct spr_strip){.rows = (uint32_t)t->tile.rows,
                                         .chunk = (uint32_t)(vector ? t->tile.vectors : 0),
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
            for (size_t j = 0; j < s->steps && !dense; j++) {
                /* rising, one in each of as many equal parts as there are steps */
                uint64_t draw = spr_random(&b->random) >> 40;
                uint64_t column = ((j << 24) + draw) * (columns / chunk) / s->steps >> 24;
                b->index[step + j] = (uint16_t)(column * chunk);
            }
            step += dense ? 0 : s->steps;
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
static bool build_shuffle(struct bench *b, const struct trial *t)
{
    const size_t values = step_values(t, SPR_SHUFFLE_ROWS);
    const size_t columns = (size_t)(t->x_bytes / sizeof(float));
    const size_t groups = columns / SPR_SHUFFLE_COLUMNS;
    size_t total = t->w_bytes > 0 ? (size_t)(t->w_bytes / (double)(values * sizeof(float)))
                                  : NEAR_STEPS / 4;
    size_t tiles = total / groups < t->steps ? t->steps : total / groups;
    if (!room_for(b, groups, 1, groups * tiles * values, columns + SPR_SHUFFLE_COLUMNS,
                  tiles * SPR_SHUFFLE_ROWS)) {
        return false;
    }
    b->windows = groups < WINDOWS ? (int)groups : WINDOWS;
    for (size_t i = 0; i < groups; i++) {
        b->segment[i] = (struct spr_segment){.row = 0,
                                             .steps = (uint32_t)tiles,
                                             .index = (uint32_t)(i * SPR_SHUFFLE_COLUMNS),
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

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Sums over one sample: seconds, steps, row groups. */
struct sample {
    double seconds, steps, segments;
};

/* Windows from *next on until the sample is long enough. */
static struct sample run_windows(const struct spr_calibration *c, const struct bench *b,
                                 const struct spr_tiles *tiles, double seconds, int *next)
{
    struct sample sum = {0};
    bool vector = b->strips.vectors == 0;
    double start = c->clock_s(), now = start;
    for (int guard = 0; guard < 1 << 16 && (guard == 0 || now - start < seconds); guard++) {
        /* some thousand steps for one look at the clock */
        for (size_t steps = 0; steps < NEAR_STEPS / 2;) {
            int w = *next;
            steps += b->steps[w];
            (vector ? tiles->vector : tiles->matrix)(&b->strips, w, b->x, b->y);
            sum.steps += (double)b->steps[w];
            sum.segments += b->strip[w].end - b->strip[w].begin;
            *next = (w + 1) % b->windows;
            if (*next == 0 && seconds <= 0) {
                break;
            }
        }
        now = c->clock_s();
    }
    sum.seconds = now - start;
    return sum;
}

/* Seconds per step, row groups included; *steps_per_segment: steps of a row group. From the
 * fast end of the samples: what disturbs a loop of fixed work only ever adds time. */
static double time_trial(const struct spr_calibration *c, struct bench *b,
                         const struct trial *t, double *steps_per_segment)
{
    const struct spr_tiles *tiles = spr_tiles_of(c->isa);
    const int samples = c->quick ? 5 : SAMPLES_MAX;
    const double seconds = c->quick ? 1e-4 : 3e-4;
    double per_step[SAMPLES_MAX];
    int next = 0;
    bool shuffle = t->tile.vectors == SPR_CHUNK_SHUFFLE;
    if (!(shuffle ? build_shuffle(b, t) : build(b, t, spr_isa_lanes(c->isa)))) {
        return (double)NAN;
    }
    /* Once through all of it, so that what a cache can hold is there. */
    do {
        run_windows(c, b, tiles, 0, &next);
    } while (next != 0);
    for (int i = 0; i < samples; i++) {
        struct sample s = run_windows(c, b, tiles, seconds, &next);
        per_step[i] = s.seconds / s.steps;
        *steps_per_segment = s.steps / s.segments;
    }
    qsort(per_step, (size_t)samples, sizeof *per_step, compare_doubles);
    return per_step[samples / 8];
}

struct team {
    struct bench *bench; /* one a thread */
    int threads;
};

/* The same trial on every thread at once; the mean of their times. */
static double time_team(const struct spr_calibration *c, struct team *team,
                        const struct trial *t, double *steps_per_segment)
{
    double sum = 0, steps = 0;
    if (team->threads == 1) {
        return time_trial(c, team->bench, t, steps_per_segment);
    }
#ifdef _OPENMP
#pragma omp parallel num_threads(team->threads) reduction(+ : sum, steps)
    {
        double own = 1;
        sum += time_trial(c, &team->bench[omp_get_thread_num()], t, &own);
        steps += own;
#pragma omp master
        {
            team->threads = omp_get_num_threads();
        }
    }
#endif
    *steps_per_segment = steps / team->threads;
    return sum / team->threads;
}

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

/* Seconds of a step against one of the trial's footprints. */
static void sweep(const struct spr_calibration *c, struct team *team, struct trial *trial,
                  const double *points, size_t count, double *varied,
                  const struct spr_tile_rates *rates, struct spr_sweep *out)
{
    for (size_t i = 0; i < count; i++) {
        double steps = 1;
        *varied = points[i];
        if (trial->tile.form == SPR_TILE_STRIP && varied == &trial->x_bytes) {
            double columns = points[i] / (4.0 * trial->tile.vectors * spr_isa_lanes(c->isa));
            trial->steps = (size_t)fmin(LONG_STEPS, fmax(16, columns / X_SPARSITY));
        }
        double step_s = time_team(c, team, trial, &steps);
        if (rates->group.count > 0) {
            step_s -= group_at(&rates->group, steps) / steps;
        }
        out->bytes[i] = points[i];
        out->step_s[i] = step_s;
    }
    out->count = count;
    smooth(out);
}

/* The cost of row groups of few steps, beyond that of the steps of long ones. */
static void sweep_groups(const struct spr_calibration *c, struct team *team,
                         struct trial trial, struct spr_sweep *out)
{
    double long_steps = 1, steps[COUNT(group_points)], group_s[COUNT(group_points)];
    trial.steps = LONG_STEPS;
    double per_step = time_team(c, team, &trial, &long_steps);
    for (size_t i = 0; i < COUNT(group_points); i++) {
        trial.steps = (size_t)group_points[i];
        group_s[i] = time_team(c, team, &trial, &steps[i]) * steps[i];
    }
    /* Long row groups have a cost of their own too: that of middling ones. */
    const size_t last = COUNT(group_points) - 1, some = GROUP_MIDDLE;
    double own = (group_s[some] / steps[some] - per_step) / (1 / steps[some] - 1 / long_steps);
    own = fmin(fmax(0, own), group_s[0]);
    double step_s = per_step - own / long_steps;
    out->count = 0;
    for (size_t i = 0; i <= last; i++) {
        /* Drawn at random and cut to memory, longer ones may come out shorter. */
        if (out->count > 0 && !(steps[i] > out->bytes[out->count - 1])) {
            continue;
        }
        out->bytes[out->count] = steps[i];
        out->step_s[out->count++] = fmax(0, group_s[i] - steps[i] * step_s);
    }
}

/* Row groups against the bytes of Y: enough short ones to pass over all of it. */
static void sweep_y(const struct spr_calibration *c, struct team *team, struct trial trial,
                    struct spr_sweep *out)
{
    const double group_bytes =
        4.0 * trial.tile.rows * trial.tile.vectors * spr_isa_lanes(c->isa);
    double first = 0;
    trial.steps = SHORT_STEPS;
    for (size_t i = 0; i < COUNT(y_points); i++) {
        double steps = 1;
        trial.y_bytes = y_points[i];
        trial.w_bytes = y_points[i] / group_bytes * SHORT_STEPS * (4.0 * trial.tile.rows + 2);
        double group_s = time_team(c, team, &trial, &steps) * steps;
        first = i == 0 ? group_s : first;
        out->bytes[i] = y_points[i];
        out->step_s[i] = fmax(0, group_s - first);
    }
    out->count = COUNT(y_points);
    smooth(out);
}

static double group_seconds(const struct spr_calibration *c, struct team *team,
                            struct trial trial)
{
    double steps = 1;
    trial.steps = SHORT_STEPS;
    double step_s = time_team(c, team, &trial, &steps);
    return step_s * steps;
}

static void calibrate_strip(const struct spr_calibration *c, struct team *team,
                            struct trial trial, struct spr_tile_rates *out)
{
    double aligned = group_seconds(c, team, trial);
    sweep_y(c, team, trial, &out->y);
    trial.first = false;
    out->panel_group_s = fmax(0, group_seconds(c, team, trial) - aligned);
    /* Without the share of the steps, which the unaligned step has. */
    trial.first = trial.unaligned = true;
    double unaligned = group_seconds(c, team, trial), long_steps = 1, step_s;
    step_s = time_team(c, team, &trial, &long_steps);
    trial.unaligned = false;
    step_s -= time_team(c, team, &trial, &long_steps);
    out->unaligned_group_s = fmax(0, unaligned - aligned - SHORT_STEPS * step_s);
}

static void calibrate_tile(const struct spr_calibration *c, struct team *team,
                           const struct tile *tile, struct spr_tile_rates *out)
{
    const bool vector = tile->form == SPR_TILE_VECTOR;
    const double near_bytes = vector ? NEAR_VECTOR_BYTES : NEAR_BYTES;
    struct trial trial = {.tile = *tile,
                          .x_bytes = near_bytes,
                          .y_bytes = vector ? NEAR_VECTOR_Y_BYTES : NEAR_Y_BYTES,
                          .steps = LONG_STEPS,
                          .first = true};
    *out = (struct spr_tile_rates){.isa = c->isa,
                                   .threads = c->threads,
                                   .form = tile->form,
                                   .rows = tile->rows,
                                   .vectors = tile->vectors};
    /* Dense row groups are as long as the panel: their own cost is that of indexed ones of
     * the same tile, which the caller copies. */
    if (tile->form != SPR_TILE_DENSE) {
        sweep_groups(c, team, trial, &out->group);
    }
    if (tile->form == SPR_TILE_STRIP) {
        calibrate_strip(c, team, trial, out);
    }
    const double *points = vector     ? (c->quick ? vector_quick : vector_full)
                           : c->quick ? x_quick
                                      : x_full;
    size_t count = vector     ? (c->quick ? COUNT(vector_quick) : COUNT(vector_full))
                   : c->quick ? COUNT(x_quick)
                              : COUNT(x_full);
    sweep(c, team, &trial, points, count, &trial.x_bytes, out, &out->x);
    if (!vector) {
        /* From two rows on the multipliers hide what farther rows of X cost more. */
        trial.unaligned = true;
        sweep(c, team, &trial, points, tile->rows <= 2 ? count : 1, &trial.x_bytes, out,
              &out->unaligned);
        trial.unaligned = false;
    }
    trial.x_bytes = near_bytes;
    trial.steps = LONG_STEPS;
    sweep(c, team, &trial, c->quick ? w_quick : w_full,
          c->quick ? COUNT(w_quick) : COUNT(w_full), &trial.w_bytes, out, &out->w);
}

/* Tiles a plan can ask for. */
static size_t list_tiles(enum spr_isa isa, struct tile *out)
{
    static const int heights[] = {1, 2, 4, 6, 8, 12, 16, 24};
    const struct spr_tiles *tiles = spr_tiles_of(isa);
    const int lanes = tiles->lanes;
    size_t count = 0;
    for (size_t h = 0; h < COUNT(heights); h++) {
        for (int width = 1; width <= tiles->widest(heights[h]); width++) {
            out[count++] = (struct tile){SPR_TILE_STRIP, heights[h], width};
            out[count++] = (struct tile){SPR_TILE_DENSE, heights[h], width};
        }
    }
    for (int vectors = 1; vectors <= 4; vectors *= 2) {
        for (int chunk = 1; chunk <= lanes; chunk *= 2) {
            out[count++] = (struct tile){SPR_TILE_VECTOR, vectors, chunk};
        }
    }
    out[count++] = (struct tile){SPR_TILE_VECTOR, 1, 0};
    for (int slots = 1; lanes == SPR_SHUFFLE_ROWS && slots <= SPR_SHUFFLE_SLOTS; slots++) {
        out[count++] = (struct tile){SPR_TILE_VECTOR, slots, SPR_CHUNK_SHUFFLE};
    }
    return count;
}

/* An empty call, and one that wakes and joins a team. */
static void calibrate_calls(const struct spr_calibration *c, struct spr_kernel_rates *rates)
{
    const int calls = 2000;
    struct spr_error err = {0};
    struct spr_matrix w = {0};
    struct spr_pattern csr;
    for (int threads = 1; threads <= c->threads;
         threads += c->threads > 1 ? c->threads - 1 : 1) {
        struct spr_packed packed = {0};
        float x[2] = {1, 1}, y[2]; /* one weight, two tokens: the plain path */
        if (spr_pattern_parse("csr", &csr, &err) == SPR_OK &&
            spr_matrix_random(&csr, 1, 1, 1, 1, &w, &err) == SPR_OK) {
            struct spr_plan plan = spr_plan_choose(&csr, c->isa, 1, 1, 2, 1, threads);
            if (spr_pack(&plan, &w, &packed, &err) == SPR_OK) {
                double best = HUGE_VAL;
                for (int rep = 0; rep < 5; rep++) {
                    double start = c->clock_s();
                    for (int i = 0; i < calls / 5; i++) {
                        spr_kernel_run(&packed, x, y);
                    }
                    best = fmin(best, (c->clock_s() - start) / (calls / 5));
                }
                *(threads == 1 ? &rates->call_s : &rates->parallel_s) = best;
            }
        }
        rates->parallel_threads = threads > 1 ? threads : rates->parallel_threads;
        spr_packed_free(&packed);
        spr_matrix_free(&w);
    }
}

static void bench_free(struct bench *b)
{
    spr_free(b->segment);
    spr_free(b->index);
    spr_free(b->value);
    spr_free(b->x);
    spr_free(b->y);
}

enum spr_status spr_calibrate(const struct spr_calibration *calibration,
                              struct spr_kernel_rates *rates, struct spr_error *err)
{
    struct tile tiles[128];
    size_t capacity = rates->count, count = list_tiles(calibration->isa, tiles);
    struct team team = {spr_calloc((size_t)calibration->threads, sizeof *team.bench),
                        calibration->threads};
    bool ok = team.bench &&
              spr_grow(&rates->tiles, &capacity, rates->count + count, sizeof *rates->tiles);
    for (int t = 0; ok && t < calibration->threads; t++) {
        team.bench[t].random = (uint64_t)t + 1;
    }
    for (size_t i = 0; ok && i < count; i++) {
        struct spr_tile_rates *out = &rates->tiles[rates->count];
        calibrate_tile(calibration, &team, &tiles[i], out);
        if (tiles[i].form == SPR_TILE_DENSE) {
            out->group = out[-1].group; /* the indexed tile of the same size */
            out->y = out[-1].y;
            out->panel_group_s = out[-1].panel_group_s;
            out->unaligned_group_s = out[-1].unaligned_group_s;
        }
        rates->count++;
        ok = !isnan(out->w.step_s[0]);
        if (calibration->progress) {
            calibration->progress(calibration->context, (double)(i + 1) / (double)count);
        }
    }
    if (ok) {
        calibrate_calls(calibration, rates);
    }
    for (int t = 0; team.bench && t < calibration->threads; t++) {
        bench_free(&team.bench[t]);
    }
    spr_free(team.bench);
    return ok ? SPR_OK : spr_fail(err, SPR_ENOMEM, "out of memory for calibration");
}
