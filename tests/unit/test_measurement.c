/* SPDX-License-Identifier: Apache-2.0 */
/* The undisturbed time on what was recorded: calls of kernels on a machine beside neighbours, with
 * canaries (tests/data/noise). */
#include "noise_series.h"

static double least_of(const struct spr_measurement *m)
{
    double least = HUGE_VAL;
    for (size_t i = 0; i < m->sample_count; i++) {
        least = fmin(least, m->samples[i].seconds);
    }
    return least;
}

static void check_conclusive(const char *name, double tolerance)
{
    static const double least[] = {LEAST_MULTIPLY_ADD_US, LEAST_L2_US, (double)NAN};
    struct series series = {.kernels = 0};
    read_series(name, &series);
    cut(&series, 5);
    CHECK(judge_series(&series, least));
    for (size_t k = 0; k < series.kernels; k++) {
        struct spr_measurement *m = &series.kernel[k];
        test_row = series.name[k];
        CHECK_TEXT("none", spr_doubt_name(m->doubt));
        CHECK(m->visits == 5);
        CHECK(m->time_s <= (1 + tolerance) * least_of(m));
        CHECK(m->time_s >= least_of(m));
        CHECK(m->low_s <= m->time_s && m->time_s <= m->high_s);
        CHECK(m->high_s <= 1.02 * m->time_s);
        CHECK(m->median_s >
              1.005 * m->time_s); /* the ordinary median is worse, and is there */
    }
    free_series(&series);
}

/* Other programs run, on and off: every kernel has its quiet moments. */
static void test_short_calls(void)
{
    check_conclusive("xeon_busy_short", 0.015);
}

/* For two of five visits a neighbour never let go: these do not count. */
static void test_steady_neighbour(void)
{
    check_conclusive("xeon_steady_neighbour", 0.015);
}

/* Only the visits before this one stay; *least: the quickest canaries in them. */
static void keep_visits(struct series *series, int before, double least[SPR_CANARIES])
{
    least[0] = least[1] = HUGE_VAL;
    least[2] = (double)NAN;
    for (size_t k = 0; k < series->kernels; k++) {
        struct spr_measurement *m = &series->kernel[k];
        size_t kept = 0;
        for (; kept < m->sample_count && m->samples[kept].visit < before; kept++) {
            const struct spr_timed *t = &m->samples[kept];
            least[0] = fmin(least[0], fmin(t->before_s[0], t->after_s[0]));
            least[1] = fmin(least[1], fmin(t->before_s[1], t->after_s[1]));
        }
        m->sample_count = kept;
    }
}

/* These two alone, which agree with each other in part, are no number; whether it is known how
 * quick the canaries can be or not. */
static void test_neighbour_alone(void)
{
    static const double known[] = {LEAST_MULTIPLY_ADD_US, LEAST_L2_US, (double)NAN};
    struct series series = {.kernels = 0};
    double own[SPR_CANARIES];
    read_series("xeon_steady_neighbour", &series);
    cut(&series, 5);
    keep_visits(&series, 2, own);
    for (int round = 0; round < 2; round++) {
        CHECK(judge_series(&series, round == 0 ? known : own));
        for (size_t k = 0; k < series.kernels; k++) {
            const struct spr_measurement *m = &series.kernel[k];
            test_row = series.name[k];
            CHECK(m->visits == 2);
            CHECK_TEXT("neighbour", spr_doubt_name(m->doubt));
            CHECK(m->undisturbed_share < 0.02);
        }
    }
    free_series(&series);
}

/* Of calls of 10 ms none was undisturbed; those under 1.5 ms are found within 3 %. */
static void test_long_calls(void)
{
    static const double least[] = {LEAST_MULTIPLY_ADD_US, LEAST_L2_LONG_US, (double)NAN};
    struct series series = {.kernels = 0};
    int conclusive = 0, brief = 0;
    read_series("xeon_busy_long", &series);
    cut(&series, 5);
    CHECK(judge_series(&series, least));
    for (size_t k = 0; k < series.kernels; k++) {
        struct spr_measurement *m = &series.kernel[k];
        test_row = series.name[k];
        if (least_of(m) > 5000) {
            CHECK(m->doubt == SPR_DOUBT_LONG || m->doubt == SPR_DOUBT_VISITS);
        }
        if (least_of(m) < 1500) {
            brief++;
            conclusive += m->doubt == SPR_DOUBT_NONE;
            CHECK(m->time_s <= 1.03 * least_of(m));
        }
    }
    CHECK(brief == 9 && conclusive == brief);
    free_series(&series);
}

/* What a few calls of some visits come to, canaries quiet. */
static void test_visits(void)
{
    static const struct {
        const char *doubt;
        double calls[4][3]; /* of each visit; 0: there is none */
        double time_s, high_s;
    } rows[] = {
        {"none", {{60, 61, 62}, {60.5, 61, 61}}, 60, 60.5},
        {"none", {{60, 61, 62}, {60.5, 61, 61}, {66, 66, 66}}, 60, 60.5},
        /* The least is one lucky call; that others agree with each other is not enough. */
        {"visits", {{60, 65, 65.5}, {65, 65.1, 65.2}, {66, 66, 66}}, 60, 65},
        {"visits", {{60, 60, 60}, {72, 72, 72}}, 60, 60},
        {"long", {{60, 90, 91}, {62, 93, 99}}, 60, 91},
        {"few", {{60, 61}, {60, 61}}, 60, 61},
        {"none", {{60, 61, 61}}, 60, 61},
        {"once", {{60, 61, 62}}, 60, 62},
    };
    static const double unknown[] = {(double)NAN, (double)NAN, (double)NAN};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_timed samples[12];
        struct spr_measurement m = {.samples = samples}, *all = &m;
        for (int v = 0; v < 4; v++) {
            for (int c = 0; c < 3 && rows[i].calls[v][c] > 0; c++) {
                samples[m.sample_count] = spr_timed_alone(rows[i].calls[v][c]);
                samples[m.sample_count++].visit = v;
            }
        }
        test_row = rows[i].doubt;
        CHECK(spr_measurements_judge(&all, 1, unknown));
        CHECK_TEXT(rows[i].doubt, spr_doubt_name(m.doubt));
        CHECK_EXACT(rows[i].time_s, m.time_s);
        CHECK(m.doubt == SPR_DOUBT_FEW || rows[i].high_s == m.high_s);
    }
    test_row = "";
}

/* What single visits come to. */
struct alone {
    size_t all, conclusive, off;
};

/* The samples of one kernel in a span of time, without a copy. */
static struct spr_measurement span_of(const struct spr_measurement *m, double from, double to)
{
    struct spr_measurement span = {.samples = m->samples};
    for (size_t i = 0; i < m->sample_count; i++) {
        span.samples += m->samples[i].at_s < from;
        span.sample_count += m->samples[i].at_s >= from && m->samples[i].at_s < to;
    }
    return span;
}

/* One visit from a second to another; known NULL: how quick the canaries can be is known from
 * the visit only. */
static void visit_once(const struct series *series, double from, double to,
                       const double *known, struct alone *alone)
{
    struct series visit = {.kernels = series->kernels};
    double own[SPR_CANARIES] = {0, 0, (double)NAN};
    for (size_t k = 0; k < series->kernels; k++) {
        visit.kernel[k] = span_of(&series->kernel[k], from, to);
    }
    for (int c = 0; c < SPR_CANARY_MEMORY; c++) {
        own[c] = fmin(least_reading(&visit, true, c), least_reading(&visit, false, c));
    }
    CHECK(judge_series(&visit, known ? known : own));
    for (size_t k = 0; k < series->kernels; k++) {
        const bool conclusive = visit.kernel[k].doubt == SPR_DOUBT_NONE;
        alone->all++;
        alone->conclusive += conclusive;
        alone->off +=
            conclusive && visit.kernel[k].time_s > 1.03 * least_of(&series->kernel[k]);
    }
}

/* Visits of 1 to 3 s, each on its own. What they are sure of is true within 3 %; before their
 * canaries were asked beside the quickest calls, one in five was not. */
static void test_single_visits(void)
{
    static const char *const names[] = {"xeon_busy_short", "xeon_steady_neighbour",
                                        "xeon_busy_long"};
    struct alone with[2] = {{0}};
    for (size_t s = 0; s < COUNT_OF(names); s++) {
        struct series series = {.kernels = 0};
        double least[SPR_CANARIES];
        read_series(names[s], &series);
        bring_back(&series, least);
        for (int length = 1; length <= 3; length++) {
            for (double at = 0; at + length <= series.end_s; at += length) {
                visit_once(&series, at, at + length, least, &with[0]);
                visit_once(&series, at, at + length, NULL, &with[1]);
            }
        }
        free_series(&series);
    }
    for (int own = 0; own < 2; own++) {
        printf("single visits, canaries known by %s: %zu of %zu conclusive, %zu off by 3 %%\n",
               own ? "themselves" : "the series", with[own].conclusive, with[own].all,
               with[own].off);
        CHECK(with[own].all == 1871);
        CHECK(with[own].conclusive >= 25);
        CHECK(with[own].off == 0);
    }
}

/* Forty calls of one visit, whose three quickest agree but take 27 % longer than they would. */
#define ALONE_CALLS 40
static void test_quick_run(void)
{
    static const struct {
        const char *doubt;
        int quiet;   /* of the 80 moments */
        bool beside; /* those at the quickest calls are among them */
    } rows[] = {
        {"once", 24, false}, {"once", 24, true},  {"once", 39, true},
        {"none", 40, true},  {"once", 60, false}, {"none", 80, true},
    };
    static const double least[] = {4, 5, (double)NAN};
    for (size_t r = 0; r < COUNT_OF(rows); r++) {
        struct spr_timed samples[ALONE_CALLS];
        struct spr_measurement m = {.samples = samples, .sample_count = ALONE_CALLS};
        struct spr_measurement *all = &m;
        for (int i = 0; i < ALONE_CALLS; i++) {
            const int at = rows[r].beside ? i : ALONE_CALLS - 1 - i;
            samples[i] = spr_timed_alone(i < 3 ? 127 + i : 150 + i);
            samples[i].before_s[0] = samples[i].after_s[0] = 4;
            samples[i].before_s[1] = 2 * at < rows[r].quiet ? 5 : 8;
            samples[i].after_s[1] = 2 * at + 1 < rows[r].quiet ? 5 : 8;
        }
        test_row = rows[r].doubt;
        CHECK(spr_measurements_judge(&all, 1, least));
        CHECK_TEXT(rows[r].doubt, spr_doubt_name(m.doubt));
        CHECK_NEAR(rows[r].quiet / 80.0, m.undisturbed_share, 1e-12);
        CHECK_EXACT(127, m.time_s);
    }
    test_row = "";
}

/* Calls longer than the system's slices of time, beside quiet canaries: all of them agree, and all
 * are too long by a slice. */
static void test_preempted(void)
{
    static const struct {
        const char *doubt;
        int visits, whole; /* whole: calls of each visit that were not preempted, 5.2 ms */
        double time_s;
    } rows[] = {{"neighbour", 1, 0, 9.3}, {"neighbour", 2, 0, 9.3}, {"neighbour", 2, 2, 5.2},
                {"none", 1, 3, 5.2},      {"none", 2, 3, 5.2},      {"none", 1, 12, 5.2}};
    static const double least[] = {4, 5, (double)NAN};
    for (size_t r = 0; r < COUNT_OF(rows); r++) {
        struct spr_timed samples[24];
        struct spr_measurement m = {.samples = samples}, *all = &m;
        for (int v = 0; v < rows[r].visits; v++) {
            for (int i = 0; i < 12; i++) {
                struct spr_timed *t = &samples[m.sample_count++];
                *t = spr_timed_alone(i < rows[r].whole ? 5.2 : 9.3);
                t->visit = v;
                t->preempted = i >= rows[r].whole;
                t->before_s[0] = t->after_s[0] = 4;
                t->before_s[1] = t->after_s[1] = 5;
            }
        }
        test_row = rows[r].doubt;
        CHECK(spr_measurements_judge(&all, 1, least));
        CHECK_TEXT(rows[r].doubt, spr_doubt_name(m.doubt));
        CHECK_EXACT(rows[r].time_s, m.time_s);
        CHECK(m.visits == rows[r].visits);
    }
    test_row = "";
}

int main(void)
{
    test_visits();
    test_short_calls();
    test_steady_neighbour();
    test_neighbour_alone();
    test_long_calls();
    test_single_visits();
    test_quick_run();
    test_preempted();
    return test_end();
}
