/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that run the same loop at once, each on memory it has itself first touched. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "base/mem.h"
#include "base/random.h"
#include "probe/probe_parts.h"

/* Room to start at a page, and for the huge page that the hint may give. */
#define ALIGN ((size_t)4096)
/* The shortest sample: far above the clock's steps and the start of a team. */
#define SAMPLE_MIN_S 400e-6
/* No run is shorter; a clock that shows less stands still and cannot size anything. */
#define CLOCK_STEP_S 1e-9
#define REPETITIONS_MAX 31
/* A median this far below the best says that others used the cores. */
#define DISTURBED 0.85
/* How much of a sample all threads must share, and how many that do not may be dropped. */
#define OVERLAP 0.7
#define APART_MAX 8

int spr_probe_team_most(int threads)
{
#if defined(_OPENMP)
    return threads;
#else
    return threads > 1 ? 1 : threads;
#endif
}

static int my_number(void)
{
#if defined(_OPENMP)
    return omp_get_thread_num();
#else
    return 0;
#endif
}

enum spr_status spr_probe_team_make(struct spr_probe_team *team, int threads, size_t bytes,
                                    double (*clock_s)(void), struct spr_error *err)
{
    *team = (struct spr_probe_team){.threads = threads, .bytes = bytes, .clock_s = clock_s};
    team->work = spr_calloc((size_t)threads, sizeof *team->work);
    team->blocks = spr_calloc((size_t)threads, sizeof *team->blocks);
    bool complete = team->work && team->blocks;
    /* Memory, and the numbers of the smallest rows it holds. */
    size_t rows = bytes / 64 * sizeof(uint32_t), all = bytes + rows + 2 * ALIGN;
    for (int t = 0; t < threads && complete; t++) {
        team->blocks[t] = spr_calloc(1, all);
        complete = team->blocks[t] != NULL;
        if (complete) {
            size_t skip = (ALIGN - (size_t)team->blocks[t] % ALIGN) % ALIGN;
            spr_cpu_huge_pages(team->blocks[t], all);
            team->work[t].memory = (float *)(void *)((char *)team->blocks[t] + skip);
        }
    }
    if (!complete) {
        spr_probe_team_free(team);
        return spr_no_memory(err);
    }
#if defined(_OPENMP)
#pragma omp parallel num_threads(threads)
#endif
    {
        float *memory = team->work[my_number()].memory;
        for (size_t i = 0; i < bytes / sizeof *memory; i++) {
            memory[i] = 1;
        }
    }
    return SPR_OK;
}

void spr_probe_team_free(struct spr_probe_team *team)
{
    for (int t = 0; t < team->threads && team->blocks; t++) {
        spr_free(team->blocks[t]);
    }
    spr_free(team->blocks);
    spr_free(team->work);
    *team = (struct spr_probe_team){0};
}

/* As many draws as there are rows, repeats allowed, up to a whole number of rounds. */
static void draw_rows(struct spr_probe_work *work, size_t room, uint64_t seed)
{
    size_t rows = work->bytes / work->row_bytes;
    uint32_t *numbers = (uint32_t *)(void *)((char *)work->memory + room);
    size_t count = (rows + SPR_PROBE_ROWS - 1) / SPR_PROBE_ROWS * SPR_PROBE_ROWS;
    size_t most = room / 64 / SPR_PROBE_ROWS * SPR_PROBE_ROWS;
    count = count > most ? most : count;
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (uint32_t)((spr_random(&seed) >> 32) * rows >> 32);
    }
    work->rows = numbers;
    work->row_count = count;
    work->cursor = 0;
}

void spr_probe_team_set(struct spr_probe_team *team, size_t bytes, size_t row_bytes)
{
    bytes = bytes / SPR_PROBE_GRAIN * SPR_PROBE_GRAIN;
    bytes = bytes > team->bytes ? team->bytes : bytes;
#if defined(_OPENMP)
#pragma omp parallel num_threads(team->threads)
#endif
    {
        int me = my_number();
        struct spr_probe_work *work = &team->work[me];
        work->bytes = bytes < SPR_PROBE_GRAIN ? SPR_PROBE_GRAIN : bytes;
        work->row_bytes = row_bytes;
        if (row_bytes > 0) {
            draw_rows(work, team->bytes, (uint64_t)me + 1);
        }
    }
}

struct run {
    double work;
    double seconds; /* from the first start to the last end */
    double busy_s;  /* of the thread that was done soonest: no wait for the others */
    double overlap; /* share of `seconds` in which all threads were at work */
};

/* All threads start together; the time is from the first start to the last end, so that
 * threads which had to wait for a core do not count as fast. */
static struct run run_once(const struct spr_probe_team *team, spr_probe_loop *loop,
                           size_t rounds)
{
    double start = (double)INFINITY, end = -start, work = 0;
    /* The reductions read these.
     * NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores) */
    double first_end = start, busy_s = start, last_start = end;
#if defined(_OPENMP)
#pragma omp parallel num_threads(team->threads) reduction(min : start, first_end, busy_s)     \
    reduction(max : end, last_start) reduction(+ : work)
#endif
    {
        struct spr_probe_work *mine = &team->work[my_number()];
#if defined(_OPENMP)
#pragma omp barrier
#endif
        last_start = start = team->clock_s();
        work = loop(mine, rounds);
        first_end = end = team->clock_s();
        busy_s = end - start;
    }
    /* A clock that stands still must not make rates infinite. */
    double seconds = fmax(end - start, CLOCK_STEP_S);
    return (struct run){.work = work,
                        .seconds = seconds,
                        .busy_s = fmax(busy_s, CLOCK_STEP_S),
                        .overlap = (first_end - last_start) / seconds};
}

/* Rounds that take about `sample_s`; also warms up. The shorter of two runs counts: one that
 * was interrupted would make the samples too short for good. */
static size_t size_rounds(const struct spr_probe_team *team, spr_probe_loop *loop,
                          double sample_s)
{
    size_t rounds = 1;
    for (int i = 0; i < 8; i++) {
        double seconds = run_once(team, loop, rounds).busy_s;
        if (seconds >= sample_s * 0.6) {
            seconds = fmin(seconds, run_once(team, loop, rounds).busy_s);
        }
        if (seconds >= sample_s * 0.6 || seconds <= CLOCK_STEP_S) {
            break;
        }
        rounds = (size_t)ceil((double)rounds * fmin(16, sample_s / seconds));
    }
    return rounds;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct spr_probe_spread spread_of(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_value);
    double median =
        count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
    return (struct spr_probe_spread){median, values[0], values[count - 1]};
}

/* Seconds for this measure; counts it off. */
static double next_slot(struct spr_probe_pace *pace)
{
    double slot = (pace->end_s - pace->clock_s()) / (double)(pace->left > 0 ? pace->left : 1);
    pace->left -= pace->left > 0;
    return fmax(slot, 0);
}

struct spr_probe_spread spr_probe_measure(struct spr_probe_pace *pace,
                                          struct spr_probe_team *team, spr_probe_loop *loop)
{
    double rates[REPETITIONS_MAX], slot = next_slot(pace), start = pace->clock_s();
    int most = pace->repetitions < REPETITIONS_MAX ? pace->repetitions : REPETITIONS_MAX;
    /* Two samples' time goes into sizing. */
    double sample_s = fmax(slot / (most + 2), SAMPLE_MIN_S);
    size_t rounds = size_rounds(team, loop, sample_s);
    int count = 0, apart = 0;
    struct spr_probe_spread spread = {0, 0, 0};
    /* A second helping of time where half of the samples were disturbed. */
    for (int helping = 1; helping <= 2 && spread.value <= spread.high * DISTURBED; helping++) {
        int until = helping * most < REPETITIONS_MAX ? helping * most : REPETITIONS_MAX;
        while (count < until && (count < 3 || pace->clock_s() - start < helping * slot)) {
            struct run run = run_once(team, loop, rounds);
            /* Threads that did not run at once tell nothing, unless they never do. */
            if (run.overlap >= OVERLAP || apart++ >= APART_MAX) {
                rates[count++] = run.work / run.seconds;
            }
        }
        spread = spread_of(rates, count);
    }
    return spread;
}

static double nothing(struct spr_probe_work *work, size_t rounds)
{
    return (double)rounds + (double)work->cursor;
}

#define CALLS 16

/* Time of CALLS calls, each a whole team started and ended. */
static double time_calls(const struct spr_probe_team *team)
{
    spr_probe_loop *volatile call = nothing;
    double start = team->clock_s();
    for (size_t i = 0; i < CALLS; i++) {
        if (team->threads == 1) {
            (void)call(&team->work[0], i);
            continue;
        }
#if defined(_OPENMP)
#pragma omp parallel num_threads(team->threads)
        {
            (void)call(&team->work[omp_get_thread_num()], i);
        }
#endif
    }
    return fmax(team->clock_s() - start, 1e-12);
}

struct spr_probe_spread spr_probe_measure_call(struct spr_probe_pace *pace,
                                               const struct spr_probe_team *team)
{
    double times[REPETITIONS_MAX];
    double slot = next_slot(pace), start = pace->clock_s();
    int count = 0;
    (void)time_calls(team);
    while (count < 3 || (count < REPETITIONS_MAX && pace->clock_s() - start < slot)) {
        times[count++] = time_calls(team) / CALLS;
    }
    return spread_of(times, count);
}
