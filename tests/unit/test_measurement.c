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

int main(void)
{
    test_visits();
    test_short_calls();
    test_steady_neighbour();
    test_neighbour_alone();
    test_long_calls();
    return test_end();
}
