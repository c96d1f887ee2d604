/* SPDX-License-Identifier: Apache-2.0 */
/* Teams, samples by clocks that move when something says so, and what is made of many numbers. */
#include "host/sampler.h"

#include <stdatomic.h>

#include "base/numbers.h"
#include "host/team.h"
#include "test.h"

#define THREADS 3

static double now_s;
static size_t clock_reads;

static double fake_clock(void)
{
    clock_reads++;
    return now_s;
}

/* Moves when it is looked at: every span is as long, on any thread. */
static atomic_int looks;
static double stepping_clock(void)
{
    return atomic_fetch_add(&looks, 1);
}

/* What one thread does: `call_s` a call, a second more for the first after it was prepared. */
struct job {
    double call_s, work;
    size_t calls, prepared;
    bool cold;
};

static void run(void *context)
{
    struct job *job = context;
    job->calls++;
    job->work += 5;
    now_s += job->call_s + job->cold;
    job->cold = false;
}

static void prepare(void *context)
{
    struct job *job = context;
    job->prepared++;
    job->work = 0;
    job->cold = true;
    now_s += 100; /* not part of any sample */
}

static double work_of(const void *context)
{
    return ((const struct job *)context)->work;
}

static struct spr_sampler sampler_of(struct job *job)
{
    now_s = 1000;
    clock_reads = 0;
    return (struct spr_sampler){
        .clock_s = fake_clock, .threads = 1, .context = job, .size = sizeof *job, .run = run};
}

static void test_one_sample(void)
{
    static const struct {
        const char *name;
        size_t calls;
        double least_s;
        bool prepared, again, works;
        size_t expected_calls; /* untimed ones too */
        double expected_each_s, expected_s;
    } rows[] = {
        {"one call", 0, 0, false, false, false, 1, 2, 2},
        {"many calls", 10, 0, false, false, false, 10, 2, 20},
        {"until it is long", 1, 7, false, false, false, 4, 2, 8},
        {"many until it is long", 3, 7, false, false, false, 6, 2, 12},
        {"prepared", 1, 0, true, false, false, 1, 3, 3},
        {"prepared, and its data brought back", 1, 0, true, true, false, 2, 2, 2},
        {"by its work", 4, 0, true, false, true, 4, 9.0 / 20, 9},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct job job = {.call_s = 2};
        struct spr_sampler sampler = sampler_of(&job);
        test_row = rows[i].name;
        sampler.calls = rows[i].calls;
        sampler.least_s = rows[i].least_s;
        sampler.prepare = rows[i].prepared ? prepare : NULL;
        sampler.again = rows[i].again;
        sampler.work = rows[i].works ? work_of : NULL;
        struct spr_sample sample = spr_sample_take(&sampler);
        CHECK_INT(rows[i].expected_calls, job.calls);
        CHECK_INT(rows[i].prepared, job.prepared);
        CHECK_EXACT(rows[i].expected_each_s, sample.mean_each_s);
        CHECK_EXACT(rows[i].expected_each_s, sample.most_each_s);
        CHECK_EXACT(rows[i].expected_s, sample.end_s - sample.begin_s);
        CHECK_EXACT(rows[i].expected_s, sample.least_s);
        CHECK(sample.begin_s == sample.last_begin_s && sample.end_s == sample.first_end_s);
    }
    test_row = "";
}

/* A clock that stands still ends a sample. */
static void test_stopped_clock(void)
{
    struct job job = {0};
    struct spr_sampler sampler = sampler_of(&job);
    sampler.least_s = 1;
    CHECK_EXACT(0, spr_sample_take(&sampler).mean_each_s);
    CHECK_INT(1, job.calls);
}

static double eighth(const void *context)
{
    (void)context;
    return 0.125;
}

/* What a device's clock says is exact, whatever the time here. */
static void test_device_clock(void)
{
    struct job job = {.call_s = 2};
    struct spr_sampler sampler = sampler_of(&job);
    double samples[2];
    sampler.took = eighth;
    spr_sampler_run(&sampler, 2, samples);
    CHECK_EXACT(0.125, samples[0]);
    CHECK_EXACT(0.125, samples[1]);
    CHECK_INT(2, job.calls);
}

static void test_many_samples(void)
{
    static const struct {
        size_t least, most;
        double end_s;
        size_t expected,
            expected_reads; /* two a sample, and one before each beyond the least */
    } rows[] = {{4, 4, 0, 4, 8}, {3, 9, 0, 3, 7}, {3, 9, 1011, 6, 16}, {3, 9, 9999, 9, 24}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct job job = {.call_s = 2};
        const struct spr_sampler sampler = sampler_of(&job);
        double samples[9];
        CHECK_INT(rows[i].expected,
                  spr_sampler_run_until(&sampler, rows[i].least, rows[i].most, rows[i].end_s,
                                        samples));
        CHECK_INT(rows[i].expected_reads, clock_reads);
        CHECK_EXACT(2, samples[rows[i].expected - 1]);
    }
}

static size_t stops;
static bool stop_at_third(void)
{
    return ++stops == 3;
}

static void test_warm_up(void)
{
    static const struct {
        const char *name;
        double call_s, seconds, sample_s;
        bool stops;
        size_t expected, expected_calls;
    } rows[] = {
        {"a call is a sample", 2, 0, 1, false, 1, 1},
        {"doubled until a sample is long", 0.25, 4, 1, false, 4, 1 + 2 + 4 + 4 + 4 + 4},
        {"ended", 0.25, 4, 1, true, 4, 1 + 2 + 4},
        {"at least one", 1, 0, 0, false, 1, 1},
        {"no more than that", 1e-12, 0, 1, false, SPR_SAMPLER_CALLS_MAX, 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct job job = {.call_s = rows[i].call_s};
        const struct spr_sampler sampler = sampler_of(&job);
        test_row = rows[i].name;
        now_s = 0; /* or the shortest calls would be rounded away */
        stops = 0;
        CHECK_INT(rows[i].expected,
                  spr_sampler_warm_up(&sampler, rows[i].seconds, rows[i].sample_s,
                                      rows[i].stops ? stop_at_third : NULL));
        CHECK_INT(rows[i].expected_calls, job.calls);
    }
    test_row = "";
}

struct count {
    atomic_int first, second; /* threads that came so far */
    atomic_int early;         /* threads that went on before all had come */
    atomic_int numbers;       /* a bit for each thread */
    int alone, threads;
};

static void add_one(void *context)
{
    ((struct count *)context)->alone++;
}

static void come(void *context, int thread, int threads)
{
    struct count *count = context;
    atomic_fetch_add(&count->first, 1);
    spr_team_barrier();
    if (atomic_load(&count->first) < threads) {
        atomic_fetch_add(&count->early, 1);
    }
    atomic_fetch_or(&count->numbers, 1 << thread);
    for (int i = 0; i < 1000; i++) {
        spr_team_alone(add_one, count);
    }
    if (thread == 0) {
        count->threads = threads;
    }
}

static void test_team(void)
{
    const int most = spr_team_most(THREADS);
    CHECK(most == THREADS || most == 1);
    CHECK_INT(1, spr_team_most(1));
    for (int threads = 1; threads <= THREADS; threads++) {
        struct count count = {0};
        spr_team_run(threads, come, &count);
        CHECK(count.threads >= 1 && count.threads <= spr_team_most(threads));
        CHECK_INT(count.threads, atomic_load(&count.first));
        CHECK_INT(0, atomic_load(&count.early));
        CHECK_INT((1 << count.threads) - 1, atomic_load(&count.numbers));
        CHECK_INT(1000 * count.threads, count.alone);
    }
}

static void count_call(void *context)
{
    ((struct job *)context)->calls++;
}

/* Each thread has its own context, and all are at work before the first is done. */
static void test_team_sample(void)
{
    struct job jobs[THREADS] = {{0}};
    struct spr_sampler sampler = {.clock_s = stepping_clock,
                                  .threads = THREADS,
                                  .context = jobs,
                                  .size = sizeof *jobs,
                                  .run = count_call};
    double mean_s, slowest_s;
    atomic_store(&looks, 0);
    struct spr_sample sample = spr_sample_take(&sampler);
    size_t calls = jobs[0].calls + jobs[1].calls + jobs[2].calls;
    CHECK(calls >= 1 && calls <= THREADS);
    CHECK_INT(calls, sample.work);
    CHECK_EXACT(0, sample.begin_s);
    CHECK_EXACT(2 * (double)calls - 1, sample.end_s);
    CHECK(sample.least_s >= 1 && sample.least_s <= sample.mean_each_s);
    CHECK(sample.mean_each_s <= sample.most_each_s);
    sampler.threads = 1;
    spr_sampler_run(&sampler, 1, &mean_s);
    sampler.slowest = true;
    spr_sampler_run(&sampler, 1, &slowest_s);
    CHECK(mean_s == 1 && slowest_s == 1);
}

static void test_numbers(void)
{
    static const struct {
        double values[5];
        size_t count;
        double low, median, high, third; /* third: of the least; HUGE_VAL: fewer */
    } rows[] = {{{5, 1, 4, 2, 3}, 5, 1, 3, 5, 3},
                {{4, 1, 3, 2}, 4, 1, 2.5, 4, 3},
                {{-6}, 1, -6, -6, -6, HUGE_VAL},
                {{1, 2, 90}, 3, 1, 2, 90, 90}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        double values[5], least[3] = {HUGE_VAL, HUGE_VAL, HUGE_VAL};
        memcpy(values, rows[i].values, sizeof values);
        for (size_t v = 0; v < rows[i].count; v++) {
            spr_keep_least(least, COUNT_OF(least), values[v]);
        }
        CHECK_EXACT(rows[i].low, least[0]);
        CHECK_EXACT(rows[i].third, least[2]);
        CHECK_EXACT(rows[i].low, spr_least(values, rows[i].count));
        CHECK(memcmp(values, rows[i].values, sizeof values) == 0);
        struct spr_spread spread = spr_spread_of(values, rows[i].count);
        CHECK_EXACT(rows[i].low, spread.low);
        CHECK_EXACT(rows[i].median, spread.value);
        CHECK_EXACT(rows[i].high, spread.high);
    }
}

int main(void)
{
    test_one_sample();
    test_stopped_clock();
    test_device_clock();
    test_many_samples();
    test_warm_up();
    test_team();
    test_team_sample();
    test_numbers();
    return test_end();
}
