/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that run the same loop at once, each on memory it has itself first touched. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "host/sampler.h"
#include "host/team.h"
#include "probe/probe_parts.h"

/* Room to start at a page, and for the huge page that the hint may give. */
#define ALIGN ((size_t)4096)
/* A sample: far above the clock's steps and the start of a team, and short enough to lie between
 * two disturbances. */
#define SAMPLE_S 100e-6
/* No run is shorter; a clock that shows less stands still and cannot size anything. */
#define CLOCK_STEP_S 1e-9
#define REPETITIONS_MAX 200
/* A median this far below the best says that others used the cores. */
#define DISTURBED 0.85
/* So many of the quickest samples may have been lucky. */
#define LUCKY 2
/* How much of a sample all threads must share, and how many that do not may be dropped. */
#define OVERLAP 0.7
#define APART_MAX 8

/* One thread: its memory, and the loop that it runs. */
struct spr_probe_thread {
    struct spr_probe_work work;
    void *block; /* owned */
    spr_probe_loop *loop;
    size_t rounds; /* in one run */
    double done;   /* work of its last run */
};

static void touch_memory(void *context, int thread, int threads)
{
    const struct spr_probe_team *team = context;
    float *memory = team->members[thread].work.memory;
    (void)threads;
    for (size_t i = 0; i < team->bytes / sizeof *memory; i++) {
        memory[i] = 1;
    }
}

enum spr_status spr_probe_team_make(struct spr_probe_team *team, int threads, size_t bytes,
                                    double (*clock_s)(void), struct spr_error *err)
{
    *team = (struct spr_probe_team){.threads = threads, .bytes = bytes, .clock_s = clock_s};
    team->members = spr_calloc((size_t)threads, sizeof *team->members);
    bool complete = team->members != NULL;
    /* Memory, and the numbers of the smallest rows it holds. */
    size_t rows = bytes / 64 * sizeof(uint32_t), all = bytes + rows + 2 * ALIGN;
    for (int t = 0; t < threads && complete; t++) {
        struct spr_probe_thread *member = &team->members[t];
        member->block = spr_calloc(1, all);
        complete = member->block != NULL;
        if (complete) {
            size_t skip = (ALIGN - (size_t)member->block % ALIGN) % ALIGN;
            spr_cpu_huge_pages(member->block, all);
            member->work.memory = (float *)(void *)((char *)member->block + skip);
        }
    }
    if (!complete) {
        spr_probe_team_free(team);
        return spr_no_memory(err);
    }
    spr_team_run(threads, touch_memory, team);
    return SPR_OK;
}

void spr_probe_team_free(struct spr_probe_team *team)
{
    for (int t = 0; t < team->threads && team->members; t++) {
        spr_free(team->members[t].block);
    }
    spr_free(team->members);
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

/* A working set for each thread of a team. */
struct setting {
    const struct spr_probe_team *team;
    size_t bytes, row_bytes;
};

static void set_own(void *context, int thread, int threads)
{
    const struct setting *set = context;
    struct spr_probe_work *work = &set->team->members[thread].work;
    (void)threads;
    work->bytes = set->bytes;
    work->row_bytes = set->row_bytes;
    if (set->row_bytes > 0) {
        draw_rows(work, set->team->bytes, (uint64_t)thread + 1);
    }
}

void spr_probe_team_set(struct spr_probe_team *team, size_t bytes, size_t row_bytes)
{
    bytes = bytes / SPR_PROBE_GRAIN * SPR_PROBE_GRAIN;
    bytes = bytes > team->bytes ? team->bytes : bytes;
    struct setting set = {team, bytes < SPR_PROBE_GRAIN ? SPR_PROBE_GRAIN : bytes, row_bytes};
    spr_team_run(team->threads, set_own, &set);
}

static void run_loop(void *context)
{
    struct spr_probe_thread *member = context;
    member->done = member->loop(&member->work, member->rounds);
}

static double work_done(const void *context)
{
    return ((const struct spr_probe_thread *)context)->done;
}

/* Between samples only: a thread would wait for what another core has just written. */
static void set_loop(const struct spr_probe_team *team, spr_probe_loop *loop, size_t rounds)
{
    for (int t = 0; t < team->threads; t++) {
        team->members[t].loop = loop;
        team->members[t].rounds = rounds;
    }
}

/* All threads start together; the time is from the first start to the last end, so that
 * threads which had to wait for a core do not count as fast. */
static struct spr_sample run_once(const struct spr_probe_team *team)
{
    const struct spr_sampler sampler = {.clock_s = team->clock_s,
                                        .threads = team->threads,
                                        .context = team->members,
                                        .size = sizeof *team->members,
                                        .run = run_loop,
                                        .work = work_done};
    return spr_sample_take(&sampler);
}

/* A clock that stands still must not make rates infinite. */
static double seconds_of(const struct spr_sample *sample)
{
    return fmax(sample->end_s - sample->begin_s, CLOCK_STEP_S);
}

/* The share of a sample in which all threads were at work. */
static double overlap_of(const struct spr_sample *sample)
{
    return (sample->first_end_s - sample->last_begin_s) / seconds_of(sample);
}

/* Seconds of the thread that was done soonest: no wait for the others. */
static double busy_seconds(const struct spr_probe_team *team)
{
    return fmax(run_once(team).least_s, CLOCK_STEP_S);
}

/* Gives the threads a loop of rounds that take about `sample_s`; also warms up. The shorter of two
 * runs counts: one that was interrupted would make the samples too short for good. */
static void size_rounds(const struct spr_probe_team *team, spr_probe_loop *loop,
                        double sample_s)
{
    size_t rounds = 1;
    for (int i = 0; i < 8; i++) {
        set_loop(team, loop, rounds);
        double seconds = busy_seconds(team);
        if (seconds >= sample_s * 0.6) {
            seconds = fmin(seconds, busy_seconds(team));
        }
        if (seconds >= sample_s * 0.6 || seconds <= CLOCK_STEP_S) {
            return;
        }
        rounds = (size_t)ceil((double)rounds * fmin(16, sample_s / seconds));
    }
    set_loop(team, loop, rounds);
}

/* Seconds for this measure; counts it off. */
static double next_slot(struct spr_probe_pace *pace)
{
    double slot = (pace->end_s - pace->clock_s()) / (double)(pace->left > 0 ? pace->left : 1);
    pace->left -= pace->left > 0;
    return fmax(slot, 0);
}

/* What the machine does when nobody disturbs it: noise only ever slows. The median, which is what
 * it does today, is the low end. Sorts the rates. */
static struct spr_spread undisturbed(double *rates, size_t count)
{
    const struct spr_spread all = spr_spread_of(rates, count);
    return (struct spr_spread){.low = all.value,
                               .value = rates[count - 1 - (count > 2 * LUCKY ? LUCKY : 0)],
                               .high = all.high};
}

struct spr_spread spr_probe_measure(struct spr_probe_pace *pace, struct spr_probe_team *team,
                                    spr_probe_loop *loop)
{
    double rates[REPETITIONS_MAX], slot = next_slot(pace), start = pace->clock_s();
    size_rounds(team, loop, SAMPLE_S);
    int count = 0, apart = 0;
    struct spr_spread spread = {0, 0, 0};
    /* A second helping of time where half of the samples were disturbed. */
    for (int helping = 1; helping <= 2 && spread.low <= spread.high * DISTURBED; helping++) {
        while (count < REPETITIONS_MAX &&
               (count < 3 || pace->clock_s() - start < helping * slot)) {
            const struct spr_sample sample = run_once(team);
            /* Threads that did not run at once tell nothing, unless they never do. */
            if (overlap_of(&sample) >= OVERLAP || apart++ >= APART_MAX) {
                rates[count++] = sample.work / seconds_of(&sample);
            }
        }
        spread = undisturbed(rates, (size_t)count);
    }
    return spread;
}

static double nothing(struct spr_probe_work *work, size_t rounds)
{
    return (double)rounds + (double)work->cursor;
}

#define CALLS 16
/* Seconds of CALLS calls by a clock that stands still. */
#define CALLS_MIN_S 1e-12

static void call_own(void *context, int thread, int threads)
{
    const struct spr_probe_team *team = context;
    spr_probe_loop *volatile call = nothing;
    (void)threads;
    (void)call(&team->members[thread].work, 1);
}

/* CALLS calls, each a whole team started and ended. */
static void run_calls(void *context)
{
    const struct spr_probe_team *team = context;
    spr_probe_loop *volatile call = nothing;
    for (size_t i = 0; i < CALLS; i++) {
        if (team->threads == 1) {
            (void)call(&team->members[0].work, i);
        } else {
            spr_team_run(team->threads, call_own, context);
        }
    }
}

struct spr_spread spr_probe_measure_call(struct spr_probe_pace *pace,
                                         struct spr_probe_team *team)
{
    const struct spr_sampler sampler = {
        .clock_s = pace->clock_s, .threads = 1, .context = team, .run = run_calls};
    double times[REPETITIONS_MAX];
    double slot = next_slot(pace), start = pace->clock_s();
    run_calls(team);
    size_t count = spr_sampler_run_until(&sampler, 3, REPETITIONS_MAX, start + slot, times);
    for (size_t i = 0; i < count; i++) {
        times[i] = fmax(times[i], CALLS_MIN_S) / CALLS;
    }
    return spr_spread_of(times, count);
}
