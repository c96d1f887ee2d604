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

#define SETTLED 12 /* samples that suffice when they agree, of long calls */
#define SETTLED_SHORT 100

static double median_of(struct spr_measurement *m)
{
    static const double unknown[SPR_CANARIES] = {(double)NAN, (double)NAN, (double)NAN};
    CHECK(spr_measurements_judge(&m, 1, unknown));
    return m->median_s;
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
    CHECK_STATUS(SPR_OK, spr_bench_visit(&bench, &subject, 1, &arena, &err), &err);
    CHECK_INT(SETTLED_SHORT, result.sample_count);
    CHECK_NEAR(10e-6, median_of(&result), 1e-7);
    CHECK_NEAR(10e-6, result.time_s, 1e-7);
    CHECK_INT(SPR_DOUBT_NONE, result.doubt);
    /* 20 calls a sample and one untimed before it; rounding may make it 21. */
    size_t sampled = fake.calls;
    CHECK(sampled >= SETTLED_SHORT * 21 && sampled < SETTLED_SHORT * 22 + 200);
    spr_arena_free(&arena);
}

/* The quickest calls of a visit never come close to each other: it goes on to its budget. */
static void test_noise_takes_the_budget(void)
{
    double noisy[512];
    struct fake fake = {noisy, COUNT_OF(noisy), 0, 'a'};
    struct spr_measurement result = {0};
    struct spr_subject subject = {run, &fake, &result, 0, false};
    struct spr_arena arena = {0};
    struct spr_error err = {0};
    uint64_t random = 1;
    struct spr_bench bench = fake_bench(&random);
    for (size_t i = 0; i < COUNT_OF(noisy); i++) {
        noisy[i] = pow(0.97, (double)i); /* each call is the quickest so far */
    }
    reset();
    bench.budget_s = 20;
    CHECK_STATUS(SPR_OK, spr_bench_visit(&bench, &subject, 1, &arena, &err), &err);
    CHECK(now_s - 1000 >= 20 && now_s - 1000 < 21);
    (void)median_of(&result);
    CHECK_TEXT("once", spr_doubt_name(result.doubt));
    spr_arena_free(&arena);
}

/* A noisy subject beside a steady one: only the steady one ends the visit. */
static void test_beside(void)
{
    const double steady[] = {1}, noisy[] = {1, 3, 2, 5, 1.5, 4, 1.2, 6, 2.2, 2.7, 3.3};
    for (int beside = 0; beside < 2; beside++) {
        struct fake fakes[2] = {{steady, 1, 0, 'a'}, {noisy, COUNT_OF(noisy), 0, 'b'}};
        struct spr_measurement results[2] = {{0}};
        struct spr_subject subjects[2] = {{run, &fakes[0], &results[0], 0, false},
                                          {run, &fakes[1], &results[1], 0, beside != 0}};
        struct spr_arena arena = {0};
        struct spr_error err = {0};
        uint64_t random = 1;
        struct spr_bench bench = fake_bench(&random);
        reset();
        bench.budget_s = 1e4;
        CHECK_STATUS(SPR_OK, spr_bench_visit(&bench, subjects, 2, &arena, &err), &err);
        CHECK_INT(beside, results[0].sample_count == SETTLED);
        CHECK_INT(results[0].sample_count, results[1].sample_count);
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
    CHECK_STATUS(SPR_OK, spr_bench_visit(&bench, &subject, 1, &arena, &err), &err);
    CHECK_INT(SPR_BENCH_SAMPLES_MIN, result.sample_count);
    spr_arena_free(&arena);
}

/* Canaries that say which was run, and when. */
static double fake_read(struct spr_canaries *canaries, enum spr_canary canary)
{
    (void)canaries;
    if (order_used < sizeof order - 1) {
        order[order_used++] = "MLD"[canary];
    }
    now_s += 1e-3;
    return 1e-3 * (1 + canary);
}

/* Those of the caches before the subject's data come back, the multiply-adds right before and
 * after what is timed; none where threads that spin would be in their way. */
static void test_canaries(void)
{
    static const struct {
        const char *name;
        double pause_s;
        bool memory;
        const char *order;
    } rows[] = {{"caches", 0, false, "LaMaML"},
                {"memory", 0, true, "LDaMaMLD"},
                {"spinning", 1e-9, true, "MLDaa"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const double one[] = {1};
        struct fake fake = {one, 1, 0, 'a'};
        struct spr_measurement result = {0};
        struct spr_subject subject = {run, &fake, &result, rows[i].pause_s, false};
        struct spr_canaries canaries = {.read = fake_read};
        struct spr_arena arena = {0};
        struct spr_error err = {0};
        uint64_t random = 1;
        struct spr_bench bench = fake_bench(&random);
        char seen[16] = "";
        test_row = rows[i].name;
        reset();
        bench.canaries = &canaries;
        bench.memory = rows[i].memory;
        bench.visit = 3;
        bench.begin_s = 1000;
        CHECK_STATUS(SPR_OK, spr_bench_visit(&bench, &subject, 1, &arena, &err), &err);
        snprintf(seen, strlen(rows[i].order) + 1, "%s", order + 1); /* the warm-up's call */
        CHECK_TEXT(rows[i].order, seen);
        const struct spr_timed *first = &result.samples[0];
        CHECK_NEAR(1.0, first->seconds, 1e-12); /* no canary's time in it */
        CHECK_INT(3, first->visit);
        CHECK(first->at_s > 1 && first->at_s < 3);
        CHECK_NEAR(2e-3, first->before_s[SPR_CANARY_L2], 1e-12);
        CHECK(isnan(first->after_s[SPR_CANARY_L2]) == (rows[i].pause_s > 0));
        CHECK(isnan(first->before_s[SPR_CANARY_MEMORY]) == !rows[i].memory);
        spr_arena_free(&arena);
    }
    test_row = "";
}

/* Samples of a second visit follow those of the first. */
static void test_visits(void)
{
    const double slow[] = {2}, quick[] = {1};
    struct fake fake = {slow, 1, 0, 'a'};
    struct spr_measurement result = {0}, *all = &result;
    struct spr_subject subject = {run, &fake, &result, 0, false};
    struct spr_arena arena = {0};
    struct spr_error err = {0};
    uint64_t random = 1;
    struct spr_bench bench = fake_bench(&random);
    static const double unknown[SPR_CANARIES] = {(double)NAN, (double)NAN, (double)NAN};
    reset();
    bench.budget_s = 1e9;
    for (bench.visit = 0; bench.visit < 3; bench.visit++) {
        static const char *const doubts[] = {"none", "visits", "none"};
        CHECK_STATUS(SPR_OK, spr_bench_visit(&bench, &subject, 1, &arena, &err), &err);
        CHECK_INT(SETTLED * (bench.visit + 1), result.sample_count);
        CHECK(spr_measurements_judge(&all, 1, unknown));
        CHECK_TEXT(doubts[bench.visit], spr_doubt_name(result.doubt));
        CHECK_INT(bench.visit + 1, result.visits);
        fake.times = quick;
    }
    CHECK_EXACT(1.0, result.time_s);
    CHECK_EXACT(2.0, result.samples[0].seconds);
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
    CHECK_STATUS(SPR_OK, spr_bench_visit(&bench, subjects, 3, &arena, &err), &err);
    CHECK_NEAR(1, median_of(&results[0]), 1e-12);
    CHECK_NEAR(2, median_of(&results[1]), 1e-12);
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
    CHECK_INT(3 + SETTLED * 6, strlen(first));
    bool orders_differ = false;
    for (size_t round = 0; round < SETTLED; round++) {
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
    CHECK_STATUS(SPR_OK, spr_bench_visit(&bench, &subject, 1, &arena, &err), &err);
    CHECK_INT(result.sample_count, prepared);
    CHECK_INT(result.sample_count + 1, fake.calls); /* and one to warm up */
    CHECK_NEAR(10e-6, median_of(&result), 1e-6);
    spr_arena_free(&arena);
}

static void test_stop(void)
{
    const double one[] = {1};
    struct fake fake = {one, 1, 0, 'a'};
    struct spr_measurement result = {.sample_count = 0};
    struct spr_subject subject = {run, &fake, &result, 0, false};
    struct spr_arena arena = {0};
    struct spr_error err = {0};
    uint64_t random = 1;
    struct spr_bench bench = fake_bench(&random);
    reset();
    stop_after = 4;
    CHECK_STATUS(SPR_EINTERRUPTED, spr_bench_visit(&bench, &subject, 1, &arena, &err), &err);
    CHECK_INT(0, result.sample_count);
    spr_arena_free(&arena);
}

static struct spr_measurement by_median(const double *samples, size_t count,
                                        struct spr_timed *timed, uint64_t *random)
{
    for (size_t i = 0; i < count; i++) {
        timed[i] = spr_timed_alone(samples[i]);
    }
    struct spr_measurement result = {.samples = timed, .sample_count = count};
    spr_bench_by_median(&result, random);
    return result;
}

static void test_by_median(void)
{
    static const struct {
        const char *name;
        double samples[11];
        size_t count;
        double median;
        const char *doubt;
    } rows[] = {
        {"odd", {5, 1, 4, 2, 3}, 5, 3, "few"},
        {"even", {4, 1, 3, 2}, 4, 2.5, "few"},
        {"wide", {4, 1, 3, 2, 7, 9}, 6, 3.5, "spread"},
        {"alike", {7, 7, 7, 7, 7, 7}, 6, 7, "none"},
        {"one", {6}, 1, 6, "few"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_timed timed[11];
        uint64_t random = 3, same = 3;
        test_row = rows[i].name;
        struct spr_measurement result =
            by_median(rows[i].samples, rows[i].count, timed, &random);
        CHECK_EXACT(rows[i].median, result.median_s);
        CHECK_EXACT(rows[i].median, result.time_s);
        CHECK(result.by_median);
        CHECK_TEXT(rows[i].doubt, spr_doubt_name(result.doubt));
        CHECK(result.low_s <= result.median_s && result.median_s <= result.high_s);
        for (size_t s = 0; s < rows[i].count; s++) {
            CHECK_EXACT(rows[i].samples[s], timed[s].seconds); /* not sorted */
        }
        double low = result.low_s, high = result.high_s;
        spr_bench_by_median(&result, &same);
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
        struct spr_timed timed[25];
        for (size_t i = 0; i < 25; i++) {
            double unit = (double)(test_random(&stream) >> 11) / 9007199254740992.0;
            samples[i] = 1 - log(1 - unit);
        }
        const struct spr_measurement result = by_median(samples, 25, timed, &random);
        covered += result.low_s <= 1 + log(2) && 1 + log(2) <= result.high_s;
    }
    CHECK(covered > trials * 90 / 100 && covered < trials);
}

int main(void)
{
    test_constant();
    test_noise_takes_the_budget();
    test_beside();
    test_least_samples();
    test_canaries();
    test_visits();
    test_order();
    test_before_makes_single_calls();
    test_stop();
    test_by_median();
    test_interval_covers();
    return test_end();
}
