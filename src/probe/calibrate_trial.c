/* SPDX-License-Identifier: Apache-2.0 */
/* Timing a register tile on synthetic row groups. */
#include "probe/calibrate_build.h"

#include <math.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "base/mem.h"
#include "sproof/cpu.h"

/* In a hurry what few caches can hold is taken to be farther away. */
#define QUICK_WARM_BYTES (16 * 1048576.0)
#define SAMPLES 5

/* Sums over one sample: seconds, steps, row groups. */
struct sample {
    double seconds, steps, segments;
};

/* Windows from *next on until the sample is long enough. */
static struct sample run_windows(const struct spr_calibration *c,
                                 const struct spr_trial_bench *b,
                                 const struct spr_tiles *tiles, double seconds, int *next)
{
    struct sample sum = {0};
    bool vector = b->strips.vectors == 0;
    double start = c->clock_s(), now = start;
    for (int guard = 0; guard < 1 << 16 && (guard == 0 || now - start < seconds); guard++) {
        /* some thousand steps for one look at the clock */
        for (size_t steps = 0; steps < SPR_NEAR_STEPS / 2;) {
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

/* Seconds per step, row groups included; *steps_per_segment: steps of a row group. The
 * fastest sample: what disturbs a loop of fixed work only ever adds time. */
static double time_trial(const struct spr_calibration *c, struct spr_trial_bench *b,
                         const struct spr_trial *t, double warm_bytes,
                         double *steps_per_segment)
{
    const struct spr_tiles *tiles = spr_isa_code_of(c->isa)->tiles;
    const double seconds = c->quick ? 8e-5 : 2e-4;
    double least = HUGE_VAL;
    int next = 0;
    if (!spr_trial_build(b, t, spr_isa_lanes(c->isa))) {
        return (double)NAN;
    }
    /* Once through all of it, so that what a cache can hold is there. What none can hold is read
     * from its middle on: the beginning may be there from the trial before. */
    do {
        run_windows(c, b, tiles, 0, &next);
    } while (next != 0 && t->w_bytes <= warm_bytes);
    next = t->w_bytes <= warm_bytes ? 0 : b->windows / 2;
    for (int i = 0; i < SAMPLES; i++) {
        struct sample s = run_windows(c, b, tiles, seconds, &next);
        least = fmin(least, s.seconds / s.steps);
        *steps_per_segment = s.steps / s.segments;
    }
    return least;
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

/* The same trial on every thread at once; the mean of their times. */
double spr_team_time(const struct spr_calibration *c, struct spr_team *team,
                     const struct spr_trial *t, double *steps_per_segment)
{
    double sum = 0, steps = 0;
    int count = 1;
#ifdef _OPENMP
#pragma omp parallel num_threads(team->threads) reduction(+ : sum, steps) if (team->threads > 1)
    {
        double own = 1;
        sum += time_trial(c, &team->bench[omp_get_thread_num()], t, team->warm_bytes, &own);
        steps += own;
#pragma omp master
        {
            count = omp_get_num_threads(); /* the runtime may give fewer */
        }
    }
#else
    sum = time_trial(c, team->bench, t, team->warm_bytes, &steps);
#endif
    *steps_per_segment = steps / count;
    double seconds = sum / count;
    team->failed = team->failed || isnan(sum) || !spr_least_time(c, &seconds);
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
        spr_trial_clear(&team->bench[t]);
    }
    spr_free(team->bench);
    *team = (struct spr_team){0};
}
