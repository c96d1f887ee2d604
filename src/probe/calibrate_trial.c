/* SPDX-License-Identifier: Apache-2.0 */
/* Timing a register tile on synthetic row groups. */

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/numbers.h"
#include "base/random.h"
#include "host/sampler.h"
#include "host/team.h"
#include "probe/calibrate_build.h"
#include "sproof/cpu.h"

/* In a hurry what few caches can hold is taken to be farther away. */
#define QUICK_WARM_BYTES (16 * 1048576.0)
/* Samples: short and many where all of W is near, so that some lie between two disturbances. A
 * sample passes over all of it, for its parts are not alike. Of what is farther away, longer
 * ones: each begins where the last one ended. */
#define SAMPLES_FAR 5
#define SAMPLES_NEAR 14

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
    for (size_t steps = 0; steps < SPR_NEAR_STEPS / 2;) {
        steps += run_window(way);
    }
}

static void run_all(void *context)
{
    struct way *way = context;
    do {
        (void)run_window(way);
    } while (way->next != 0);
}

/* Once through all of it, so that what a cache can hold is there. What none can hold is read
 * from its middle on: the beginning may be there from the trial before. */
static void warm_up(struct way *way, bool held)
{
    do {
        (void)run_window(way);
    } while (way->next != 0 && (held || way->steps < SPR_NEAR_STEPS / 2));
    way->next = held ? 0 : way->bench->windows / 2;
}

/* Seconds per step, row groups included; *steps_per_segment: steps of a row group. The
 * fastest sample: what disturbs a loop of fixed work only ever adds time. */
static double time_trial(const struct spr_calibration *c, struct spr_trial_bench *b,
                         const struct spr_trial *t, double warm_bytes,
                         double *steps_per_segment)
{
    const struct spr_tiles *tiles = spr_isa_code_of(c->isa)->tiles;
    double samples[SAMPLES_NEAR];
    const bool near = t->w_bytes <= 0;
    const size_t most = near ? SAMPLES_NEAR : SAMPLES_FAR;
    if (!spr_trial_build(b, t, spr_isa_lanes(c->isa))) {
        return (double)NAN;
    }
    struct way way = {.bench = b,
                      .tile = b->strips.vectors == 0 ? tiles->vector : tiles->matrix};
    const struct spr_sampler sampler = {.clock_s = c->clock_s,
                                        .threads = 1,
                                        .context = &way,
                                        .run = near ? run_all : run_windows,
                                        .least_s = (c->quick ? 0.4 : 1) * (near ? 2e-5 : 2e-4),
                                        .prepare = begin_sample,
                                        .work = steps_done};
    warm_up(&way, t->w_bytes <= warm_bytes);
    const size_t count =
        spr_sampler_run_until(&sampler, SPR_LATE_SAMPLES, most, spr_time_end(c), samples);
    *steps_per_segment = way.steps / way.segments;
    return spr_least(samples, count);
}

/* One trial on every thread at once. */
struct team_trial {
    const struct spr_calibration *calibration;
    const struct spr_trial_team *team;
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
double spr_trial_team_time(const struct spr_calibration *c, struct spr_trial_team *team,
                           const struct spr_trial *t, double *steps_per_segment)
{
    struct team_trial at = {.calibration = c, .team = team, .trial = t};
    double seconds = 0, steps = 0;
    if (spr_points_known(c, 1)) {
        spr_take_point(c, &seconds, steps_per_segment);
        return seconds;
    }
    spr_team_run(team->threads, time_own, &at);
    for (int i = 0; i < at.threads; i++) {
        seconds += team->bench[i].step_s;
        steps += team->bench[i].steps_per_segment;
    }
    *steps_per_segment = steps / at.threads;
    seconds /= at.threads;
    team->failed =
        team->failed || isnan(seconds) || !spr_keep_point(c, &seconds, steps_per_segment);
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

bool spr_trial_team_make(struct spr_trial_team *team,
                         const struct spr_calibration *calibration)
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

void spr_trial_team_free(struct spr_trial_team *team)
{
    for (int t = 0; team->bench && t < team->threads; t++) {
        spr_trial_clear(&team->bench[t]);
    }
    spr_free(team->bench);
    *team = (struct spr_trial_team){0};
}
