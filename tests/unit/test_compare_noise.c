/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing by replay: recorded visits beside neighbours make runs of the same build, or of one
 * whose kernels are 5 % slower. */
#include "sproof/compare.h"

#include "noise_series.h"

#define CUTS 20
/* Of a run: two visits, and more while it has no number, as validate makes them. */
#define VISITS 2
#define VISITS_MOST 5
#define COMPARISONS 300

struct tally {
    size_t compared, conclusive, slower;
};

/* The samples of so many visits of a kernel, renumbered; `times` as long. */
static struct spr_measurement run_of(const struct spr_measurement *all, const int *visits,
                                     int count, double times)
{
    struct spr_measurement run = {.samples =
                                      spr_calloc(all->sample_count, sizeof *run.samples)};
    for (size_t i = 0; i < all->sample_count && run.samples; i++) {
        for (int v = 0; v < count; v++) {
            if (all->samples[i].visit == visits[v]) {
                struct spr_timed *t = &run.samples[run.sample_count++];
                *t = all->samples[i];
                t->visit = v;
                t->seconds *= times;
            }
        }
    }
    return run;
}

/* A run of all kernels of a series, judged. */
static void make_run(const struct series *series, const double *least, const int *visits,
                     double times, struct spr_measurement *run)
{
    bool doubtful = true;
    for (int count = VISITS; count <= VISITS_MOST && doubtful; count++) {
        struct spr_measurement *all[KERNELS_MAX];
        for (size_t k = 0; k < series->kernels; k++) {
            spr_free(run[k].samples);
            run[k] = run_of(&series->kernel[k], visits, count, times);
            all[k] = &run[k];
        }
        CHECK(spr_measurements_judge(all, series->kernels, least));
        doubtful = false;
        for (size_t k = 0; k < series->kernels; k++) {
            doubtful = doubtful || run[k].doubt != SPR_DOUBT_NONE;
        }
    }
}

/* One comparison of two runs of a series: all of its kernels in one record each. */
static void compare_runs(const struct series *series, const double *least, const int *visits,
                         double times, struct tally *tally)
{
    struct spr_measurement runs[2][KERNELS_MAX] = {{{0}}};
    struct spr_timing points[2][KERNELS_MAX] = {{{0}}};
    struct spr_timings records[2] = {{.path = "base.json", .validation = true},
                                     {.path = "new.json", .validation = true}};
    for (int r = 0; r < 2; r++) {
        make_run(series, least, visits + r * VISITS_MOST, r ? times : 1, runs[r]);
        for (size_t k = 0; k < series->kernels; k++) {
            points[r][k] = (struct spr_timing){.variant = series->name[k],
                                               .measured = true,
                                               .threads = 1,
                                               .time_s = runs[r][k].time_s,
                                               .inconclusive = runs[r][k].doubt != 0,
                                               .samples = runs[r][k],
                                               .key = series->name[k],
                                               .loose_key = series->name[k]};
        }
        records[r].points = points[r];
        records[r].count = series->kernels;
    }
    struct spr_comparison comparison;
    struct spr_error err = {0};
    /* A kernel that is 5 % slower is looked for with a limit of half that. */
    CHECK_STATUS(
        SPR_OK,
        spr_compare(&records[0], &records[1], times > 1 ? 0.025 : 0.05, &comparison, &err),
        &err);
    tally->compared += comparison.row_count;
    tally->slower += comparison.verdicts[SPR_SLOWER];
    tally->conclusive += comparison.row_count - comparison.verdicts[SPR_NOISY];
    spr_comparison_free(&comparison);
    for (size_t k = 0; k < series->kernels; k++) {
        spr_free(runs[0][k].samples);
        spr_free(runs[1][k].samples);
    }
}

/* Different visits, as many as either run may make. */
static void draw_visits(unsigned long long *random, int *visits)
{
    for (int i = 0; i < 2 * VISITS_MOST; i++) {
        bool again = true;
        while (again) {
            visits[i] = (int)test_between(random, 0, CUTS - 1);
            again = false;
            for (int j = 0; j < i; j++) {
                again = again || visits[j] == visits[i];
            }
        }
    }
}

static struct tally replay(double times)
{
    static const struct {
        const char *name;
        double least[SPR_CANARIES];
    } recorded[] = {{"xeon_busy_short", {3.23, 3.87, (double)NAN}},
                    {"xeon_steady_neighbour", {3.23, 3.87, (double)NAN}}};
    unsigned long long random = 11;
    struct tally tally = {0};
    for (size_t s = 0; s < COUNT_OF(recorded); s++) {
        struct series series = {.kernels = 0};
        read_series(recorded[s].name, &series);
        cut(&series, CUTS);
        const size_t until = COMPARISONS * (s + 1) / COUNT_OF(recorded);
        while (tally.compared < until) {
            int visits[2 * VISITS_MOST];
            draw_visits(&random, visits);
            compare_runs(&series, recorded[s].least, visits, times, &tally);
        }
        free_series(&series);
    }
    return tally;
}

int main(void)
{
    const struct tally same = replay(1), slow = replay(1.05);
    printf("same build: %zu of %zu conclusive comparisons call it slower, of %zu\n",
           same.slower, same.conclusive, same.compared);
    printf("5 %% slower: found in %zu of %zu conclusive comparisons, of %zu\n", slow.slower,
           slow.conclusive, slow.compared);
    CHECK(same.compared >= COMPARISONS && slow.compared >= COMPARISONS);
    CHECK(2 * same.conclusive > same.compared); /* or the rest would say little */
    CHECK(100 * same.slower <= same.compared);
    CHECK(10 * slow.slower >= 9 * slow.conclusive);
    return test_end();
}
