/* SPDX-License-Identifier: Apache-2.0 */
/* Timing with a clock that only moves when a subject says so. */
#include "validate/bench.h"

#include "base/mem.h"
#include "test.h"

static double now_s;
static size_t clock_reads;
static char order[4096]; /* one letter a call */
static size_t order_used;
static size_t stop_after; /* samples; 0: never */
static size_t stop_asked;

static double fake_clock(void)
{
    clock_reads++;
    return now_s;
}

static bool fake_stop(void)
{
    return stop_after > 0 && ++stop_asked > stop_after;
}

/* Takes `times[calls % count]` seconds at each call. */
struct fake {
    const double *times;
    size_t count, calls;
    char letter;
};

static void run(void *context)
{
    struct fake *fake = context;
    now_s += fake->times[fake->calls++ % fake->count];
    if (order_used < sizeof order - 1) {
        order[order_used++] = fake->letter;
    }
}

static void reset(void)
{
    now_s = 1000;
    clock_reads = order_used = stop_after = stop_asked = 0;
    memset(order, 0, sizeof order);
}

static struct spr_bench fake_bench(uint64_t *random)
{
    return (struct spr_bench){.clock_s = fake_clock,
                              .random = random,
                              .warm_up_s = 0.001,
                              .sample_s = 200e-6,
                              .budget_s = 10,
                              .stop = fake_stop};
}

static void test_constant(void)
{
    const double ten_us[] = {10e-6};
    struct fake fake = {ten_us, 1, 0, 'a'};
    struct spr_measurement result = {0};
    struct spr_subject subject = {run, &fake, &result, 0, false};
    struct spr_arena arena = {0};
    struct spr_error err = {0};
    uint64_t random = 1;
    struct spr_bench bench = fake_bench(&random);
    reset();
    CHECK_STATUS(SPR_OK, spr_bench_run(&bench, &subject, 1, &arena, &err), &err);
    CHECK_INT(SPR_BENCH_SAMPLES_NARROW, result.sample_count);
    CHECK_NEAR(10e-6, result.median_s, 1e-7);
    CHECK_NEAR(10e-6, result.low_s, 1e-7);
    CHECK_NEAR(10e-6, result.high_s, 1e-7);
    CHECK(!spr_bench_inconclusive(&result));
    /* 20 calls a sample and one untimed before it; rounding may make it 21. */
    size_t sampled = fake.calls;
    CHECK(sampled >= 11 * 21 && sampled < 11 * 22 + 200);
    spr_arena_free(&arena);
}

static void test_noise_is_inconclusive(void)
{
    const double noisy[] = {1, 3};
    struct fake fake = {noisy, 2, 0, 'a'};
    struct spr_measurement result = {0};
    struct spr_subject subject = {run, &fake, &result, 0, false};
    struct spr_arena arena = {0};
    struct spr_error err = {0};
    uint64_t random = 1;
    struct spr_bench bench = fake_bench(&random);
    reset();
    bench.budget_s = 70;
    /* An odd number of untimed calls between timed ones would only ever see one of the
     * times, so three times in turn. */
    const double three[] = {1, 3, 2};
    fake.times = three;
    fake.count = 3;
    CHECK_STATUS(SPR_OK, spr_bench_run(&bench, &subject, 1, &arena, &err), &err);
    CHECK(spr_bench_inconclusive(&result));
    CHECK(now_s - 1000 >= 70 && now_s - 1000 < 70 + 6);
    spr_arena_free(&arena);
}

/* A noisy subject beside a steady one: only the steady one's interval ends the run. */
static void test_beside(void)
{
    const double steady[] = {1}, noisy[] = {1, 3, 2};
    for (int beside = 0; beside < 2; beside++) {
        struct fake fakes[2] = {{steady, 1, 0, 'a'}, {noisy, 3, 0, 'b'}};
        struct spr_measurement results[2] = {{0}};
        struct spr_subject subjects[2] = {{run, &fakes[0], &results[0], 0, false},
                                          {run, &fakes[1], &results[1], 0, beside != 0}};
        struct spr_arena arena = {0};
        struct spr_error err = {0};
        uint64_t random = 1;
        struct spr_bench bench = fake_bench(&random);
        reset();
        bench.budget_s = 200;
        CHECK_STATUS(SPR_OK, spr_bench_run(&bench, subjects, 2, &arena, &err), &err);
        CHECK_INT(beside, results[0].sample_count == SPR_BENCH_SAMPLES_NARROW);
        CHECK(beside || now_s - 1000 >= 200);
        CHECK(results[1].median_s > 0);
        spr_arena_free(&arena);
    }
}

static void test_least_samples(void)
{
    const double slow[] = {5};
    struct fake fake = {slow, 1, 0, 'a'};
    struct spr_measurement result = {0};
    struct spr_subject subject = {run, &fake, &result, 0, false};
    struct spr_arena arena = {0};
    struct spr_error err = {0};
    uint64_t random = 1;
    struct spr_bench bench = fake_bench(&random);
    reset();
    bench.budget_s = 0;
    CHECK_STATUS(SPR_OK, spr_bench_run(&bench, &subject, 1, &arena, &err), &err);
    CHECK_INT(SPR_BENCH_SAMPLES_MIN, result.sample_count);
    CHECK(!spr_bench_inconclusive(&result));
    result.sample_count--;
    CHECK(spr_bench_inconclusive(&result));
    spr_arena_free(&arena);
}

/* The order of subjects in two runs of the same seed and one of another. */
static void interleave(uint64_t seed, char *seen, size_t size)
{
    const double one[] = {1}, two[] = {2};
    struct fake fakes[3] = {{one, 1, 0, 'a'}, {two, 1, 0, 'b'}, {one, 1, 0, 'c'}};
    struct spr_measurement results[3] = {{0}};
    struct spr_subject subjects[3];
    struct spr_arena arena = {0};
    struct spr_error err = {0};
    struct spr_bench bench = fake_bench(&seed);
    reset();
    for (size_t i = 0; i < 3; i++) {
        subjects[i] = (struct spr_subject){run, &fakes[i], &results[i], 0, false};
    }
    bench.budget_s = 1e9;
    CHECK_STATUS(SPR_OK, spr_bench_run(&bench, subjects, 3, &arena, &err), &err);
    CHECK_NEAR(1, results[0].median_s, 1e-12);
    CHECK_NEAR(2, results[1].median_s, 1e-12);
    snprintf(seen, size, "%s", order);
    spr_arena_free(&arena);
}

static void test_order(void)
{
    char first[sizeof order], again[sizeof order], other[sizeof order];
    interleave(1, first, sizeof first);
    interleave(1, again, sizeof again);
    interleave(2, other, sizeof other);
    CHECK_TEXT(first, again);
    CHECK(strcmp(first, other) != 0);
    /* One warm-up call each, then rounds in which each appears twice in a row: the untimed
     * call and the timed one. */
    CHECK(strncmp(first, "abc", 3) == 0);
    CHECK_INT(3 + 11 * 6, strlen(first));
    bool orders_differ = false;
    for (size_t round = 0; round < 11; round++) {
        const char *at = first + 3 + 6 * round;
        int seen[3] = {0};
        for (size_t i = 0; i < 6; i++) {
            seen[at[i] - 'a']++;
        }
        CHECK(seen[0] == 2 && seen[1] == 2 && seen[2] == 2);
        CHECK(at[0] == at[1] && at[2] == at[3] && at[4] == at[5]);
        orders_differ = orders_differ || strncmp(at, first + 3, 6) != 0;
    }
    CHECK(orders_differ);
}

static size_t prepared;
static void before(const void *context, const void *subject)
{
    (void)context, (void)subject;
    prepared++;
    now_s += 100; /* not part of any sample */
}

static void test_before_makes_single_calls(void)
{
    const double ten_us[] = {10e-6};
    struct fake fake = {ten_us, 1, 0, 'a'};
    struct spr_measurement result = {0};
    struct spr_subject subject = {run, &fake, &result, 0, false};
    struct spr_arena arena = {0};
    struct spr_error err = {0};
    uint64_t random = 1;
    struct spr_bench bench = fake_bench(&random);
    reset();
    bench.before = before;
    bench.warm_up_s = 0;
    bench.budget_s = 1e9;
    CHECK_STATUS(SPR_OK, spr_bench_run(&bench, &subject, 1, &arena, &err), &err);
    CHECK_INT(result.sample_count, prepared);
    CHECK_INT(result.sample_count + 1, fake.calls); /* and one to warm up */
    CHECK_NEAR(10e-6, result.median_s, 1e-6);
    spr_arena_free(&arena);
}

static double switched;
static double fake_switches(void)
{
    return switched;
}

static double switch_step; /* at each call */
static void run_disturbed(void *context)
{
    run(context);
    switched += switch_step;
}

/* Another program that holds a core in half of the samples makes no number, however alike
 * the samples are; one switch in a long sample is nothing. */
static void test_disturbed(void)
{
    static const struct {
        double call_s, switches_each;
        bool inconclusive;
    } rows[] = {{8e-3, 1, true}, {8e-3, 0, false}, {1, 1, false}, {1, 200, true}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fake fake = {&rows[i].call_s, 1, 0, 'a'};
        struct spr_measurement result = {0};
        struct spr_subject subject = {run_disturbed, &fake, &result, 0, false};
        struct spr_arena arena = {0};
        struct spr_error err = {0};
        uint64_t random = 1;
        struct spr_bench bench = fake_bench(&random);
        reset();
        bench.budget_s = 1e9;
        bench.switches = fake_switches;
        switch_step = rows[i].switches_each;
        CHECK_STATUS(SPR_OK, spr_bench_run(&bench, &subject, 1, &arena, &err), &err);
        CHECK_NEAR(rows[i].call_s, result.median_s, 1e-6);
        CHECK(spr_bench_inconclusive(&result) == rows[i].inconclusive);
        CHECK_INT(rows[i].inconclusive ? result.sample_count : 0, result.disturbed);
        spr_arena_free(&arena);
    }
}

static void test_stop(void)
{
    const double one[] = {1};
    struct fake fake = {one, 1, 0, 'a'};
    struct spr_measurement result = {.median_s = -1};
    struct spr_subject subject = {run, &fake, &result, 0, false};
    struct spr_arena arena = {0};
    struct spr_error err = {0};
    uint64_t random = 1;
    struct spr_bench bench = fake_bench(&random);
    reset();
    stop_after = 4;
    CHECK_STATUS(SPR_EINTERRUPTED, spr_bench_run(&bench, &subject, 1, &arena, &err), &err);
    CHECK_EXACT(-1.0, result.median_s);
    spr_arena_free(&arena);
}

static void test_statistics(void)
{
    static const struct {
        const char *name;
        double samples[11];
        size_t count;
        double median, mad;
        size_t outliers;
    } rows[] = {
        {"odd", {5, 1, 4, 2, 3}, 5, 3, 1, 0},
        {"even", {4, 1, 3, 2}, 4, 2.5, 1, 0},
        {"alike", {7, 7, 7}, 3, 7, 0, 0},
        {"outlier kept", {10, 11, 9, 10, 12, 8, 10, 11, 9, 10, 16}, 11, 10, 1, 1},
        {"one", {6}, 1, 6, 0, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        double samples[11];
        uint64_t random = 3, same = 3;
        memcpy(samples, rows[i].samples, sizeof samples);
        struct spr_measurement result = {.samples = samples, .sample_count = rows[i].count};
        test_row = rows[i].name;
        spr_bench_summarise(&result, &random);
        CHECK_EXACT(rows[i].median, result.median_s);
        CHECK_EXACT(rows[i].mad, result.mad_s);
        CHECK_INT(rows[i].outliers, result.outliers);
        CHECK_INT(rows[i].count, result.sample_count);
        CHECK(result.low_s <= result.median_s && result.median_s <= result.high_s);
        CHECK(memcmp(samples, rows[i].samples, rows[i].count * sizeof *samples) == 0);
        double low = result.low_s, high = result.high_s;
        spr_bench_summarise(&result, &same);
        CHECK_EXACT(low, result.low_s);
        CHECK_EXACT(high, result.high_s);
    }
    test_row = "";
}

/* The share of intervals that hold the true median of a skewed distribution. */
static void test_interval_covers(void)
{
    unsigned long long stream = 5;
    uint64_t random = 7;
    size_t covered = 0, trials = 400;
    for (size_t t = 0; t < trials; t++) {
        double samples[25];
        for (size_t i = 0; i < 25; i++) {
            double unit = (double)(test_random(&stream) >> 11) / 9007199254740992.0;
            samples[i] = 1 - log(1 - unit);
        }
        struct spr_measurement result = {.samples = samples, .sample_count = 25};
        spr_bench_summarise(&result, &random);
        covered += result.low_s <= 1 + log(2) && 1 + log(2) <= result.high_s;
    }
    CHECK(covered > trials * 90 / 100 && covered < trials);
}

int main(void)
{
    test_constant();
    test_noise_is_inconclusive();
    test_beside();
    test_least_samples();
    test_order();
    test_before_makes_single_calls();
    test_disturbed();
    test_stop();
    test_statistics();
    test_interval_covers();
    return test_end();
}
