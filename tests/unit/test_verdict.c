/* SPDX-License-Identifier: Apache-2.0 */
/* What two measured times say of a runtime: every verdict, at both sides of its limits. */
#include "test.h"

#include "machine.h"
#include "report/judged.h"

#define NONE 0, 0, 0, 0
#define US 1e-6
#define MS 1e-3
#define MB 1e6

/* Times, errors and bounds; the sparse times at two sparsities and their bounds, each with 5 %;
 * 0: none. */
struct row {
    const char *what;
    double dense_s, sparse_s, error, dense_bound_s, sparse_bound_s;
    double density, pruned;
    double fuller_s, emptier_s, fuller_bound_s, emptier_bound_s;
    double operand_bytes; /* against a cache of 72 MiB */
    enum spr_finding finding;
};

static const struct row rows[] = {
    /* NVIDIA/TensorRT #2310: 1.04x of 1.13x, and the same when it is known better. */
    {"little allowed", 10.4 * MS, 9.97 * MS, 0.05, 3.82 * MS, 3.38 * MS, 0.5, 53, NONE, 0,
     SPR_FINDING_CANNOT_TELL},
    {"little allowed, 1 %", 10.4 * MS, 9.97 * MS, 0.01, 3.82 * MS, 3.38 * MS, 0.5, 53, NONE, 0,
     SPR_FINDING_SKIPPED_IN_PART},
    {"nothing gained, 1 %", 10.4 * MS, 10.4 * MS, 0.01, 3.82 * MS, 3.38 * MS, 0.5, 53, NONE, 0,
     SPR_FINDING_SAME_TIME},
    {"all of it gained, 1 %", 10.4 * MS, 9.2 * MS, 0.01, 3.82 * MS, 3.38 * MS, 0.5, 53, NONE,
     0, SPR_FINDING_AS_ALLOWED},
    /* neuralmagic/sparseml #2164: both at 1 % of the bound, whatever the gain. */
    {"overhead, 90 %", 7.969 * MS, 9.973 * MS, 0.05, 83.6 * US, 72.2 * US, 0.1, 54, NONE, 0,
     SPR_FINDING_SOMETHING_ELSE},
    {"overhead, 70 %", 7.969 * MS, 6.981 * MS, 0.05, 83.6 * US, 151 * US, 0.3, 54, NONE, 0,
     SPR_FINDING_SOMETHING_ELSE},
    {"5x, but far from both", 100, 20, 0.05, 1, 0.2, 0.1, 54, NONE, 0,
     SPR_FINDING_SOMETHING_ELSE},
    {"one of them near", 19, 21, 0.05, 1, 0.2, 0.1, 54, NONE, 0, SPR_FINDING_SAME_TIME},
    {"dense just under 5 %", 20.1, 20.1, 0.05, 1, 0.2, 0.1, 54, NONE, 0,
     SPR_FINDING_SOMETHING_ELSE},
    /* bcacdwk/vllmbench: 27 MB in a warm loop. */
    {"warm loop", 22.118 * US, 22.525 * US, 0.05, 26.4 * US, 15.2 * US, 0.5, 1, NONE,
     26.6 * MB, SPR_FINDING_RESIDENT},
    {"too large for the cache", 22.118 * US, 22.525 * US, 0.05, 26.4 * US, 15.2 * US, 0.5, 1,
     NONE, 80 * MB, SPR_FINDING_BELOW_BOUND},
    {"only sparse is below", 30, 1, 0.05, 20, 2, 0.5, 1, NONE, 26.6 * MB,
     SPR_FINDING_RESIDENT},
    {"below by its error", 0.97, 0.5, 0.05, 1, 0.5, 0.5, 1, NONE, 26.6 * MB,
     SPR_FINDING_AS_ALLOWED},
    {"below by more than 1 %", 0.97, 0.5, 0.01, 1, 0.5, 0.5, 1, NONE, 26.6 * MB,
     SPR_FINDING_RESIDENT},
    /* Equal times. */
    {"42 and 41 ms", 42 * MS, 41 * MS, 0.05, 3.26 * MS, 645 * US, 0.1, 72, NONE, 0,
     SPR_FINDING_SAME_TIME},
    {"equal at two sparsities", 42 * MS, 41 * MS, 0.05, 3.26 * MS, 645 * US, 0.1, 72, 42 * MS,
     41 * MS, 1 * MS, 645 * US, 0, SPR_FINDING_NOT_SKIPPED},
    {"following the zeros", 42 * MS, 41 * MS, 0.05, 3.26 * MS, 645 * US, 0.1, 72, 80 * MS,
     41 * MS, 1 * MS, 645 * US, 0, SPR_FINDING_SKIPPED_SLOWLY},
    {"sparsities too near", 42 * MS, 41 * MS, 0.05, 3.26 * MS, 645 * US, 0.1, 72, 42 * MS,
     41 * MS, 660 * US, 645 * US, 0, SPR_FINDING_SAME_TIME},
    {"told by two, not by one", 10.4 * MS, 9.97 * MS, 0.05, 3.82 * MS, 3.38 * MS, 0.5, 53,
     15 * MS, 9.97 * MS, 4 * MS, 3.38 * MS, 0, SPR_FINDING_SKIPPED_SLOWLY},
    {"half of 1.2x may be there", 1, 1, 0.05, 0.6, 0.5, 0.5, 1, NONE, 0,
     SPR_FINDING_CANNOT_TELL},
    {"half of 1.3x is not", 1, 1, 0.05, 0.65, 0.5, 0.5, 1, NONE, 0, SPR_FINDING_SAME_TIME},
    {"nothing allowed", 1, 1.02, 0.05, 0.5, 0.5, 0.5, 1, NONE, 0, SPR_FINDING_NOTHING_ALLOWED},
    {"a loss allowed", 1, 1.02, 0.05, 0.5, 0.6, 0.5, 1, NONE, 0, SPR_FINDING_NOTHING_ALLOWED},
    {"no zeros", 1, 2, 0.05, 0.5, 0.5, 1, 1, NONE, 0, SPR_FINDING_NO_ZEROS},
    {"nothing prunable", 1, 2, 0.05, 0.5, 0.5, (double)NAN, 0, NONE, 0, SPR_FINDING_NO_ZEROS},
    /* Faster. */
    {"2x of 5x", 10, 5, 0.05, 5, 1, 0.1, 1, NONE, 0, SPR_FINDING_SKIPPED_IN_PART},
    {"4.8x of 5x", 10, 2.08, 0.05, 5, 1, 0.1, 1, NONE, 0, SPR_FINDING_AS_ALLOWED},
    {"8x of 5x", 10, 1.25, 0.05, 5, 1, 0.1, 1, NONE, 0, SPR_FINDING_SLOW_BASELINE},
    {"1.2x where none is allowed", 1.2, 1, 0.05, 0.5, 0.5, 0.1, 1, NONE, 0,
     SPR_FINDING_SLOW_BASELINE},
    /* Slower. */
    {"0.7x", 7, 10, 0.05, 5, 1, 0.1, 1, NONE, 0, SPR_FINDING_SLOWER},
    {"0.95x", 9.5, 10, 0.05, 5, 1, 0.1, 1, NONE, 0, SPR_FINDING_SAME_TIME},
    {"300 us in each of 10 calls", 1 * MS, 4 * MS, 0.05, 0.5 * MS, 0.2 * MS, 0.1, 10, NONE, 0,
     SPR_FINDING_SET_UP},
    {"3 us in each of 1000 calls", 1 * MS, 4 * MS, 0.05, 0.5 * MS, 0.2 * MS, 0.1, 1000, NONE,
     0, SPR_FINDING_SLOWER},
    {"30 ms in each call", 1 * MS, 31 * MS, 0.05, 0.5 * MS, 0.2 * MS, 0.1, 1, NONE, 0,
     SPR_FINDING_SLOWER},
    {"300 us, but of 5 ms", 5 * MS, 5.8 * MS, 0.05, 3 * MS, 0.8 * MS, 0.1, 1, NONE, 0,
     SPR_FINDING_SLOWER},
};

static struct spr_judged judged(const struct row *row)
{
    return (struct spr_judged){.measured = {row->dense_s, row->sparse_s},
                               .bound = {row->dense_bound_s, row->sparse_bound_s},
                               .expected = {(double)NAN, (double)NAN},
                               .errors = {row->error, row->error},
                               .density = row->density,
                               .operators = row->pruned,
                               .pruned = row->pruned,
                               .two = {row->fuller_s, row->emptier_s, 0.05 * row->fuller_s,
                                       0.05 * row->emptier_s, row->fuller_bound_s,
                                       row->emptier_bound_s},
                               .fit = {.level = row->operand_bytes > 0 ? "L2" : NULL,
                                       .bytes = row->operand_bytes,
                                       .cache_bytes = 72 * 0x1p20,
                                       .explains = true}};
}

static void verdicts(void)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct spr_judged j = judged(&rows[i]);
        test_row = rows[i].what;
        CHECK_TEXT(spr_finding_name(rows[i].finding), spr_finding_name(spr_finding_of(&j)));
    }
    test_row = "";
}

/* A kernel can be held to no more than sproof's own would gain. */
static void expected(void)
{
    struct spr_judged j = judged(&(struct row){"", 10, 10, 0.05, 5, 1, 0.1, 1, NONE, 0, 0});
    CHECK_INT(SPR_FINDING_SAME_TIME, spr_finding_of(&j));
    j.expected = (struct spr_measured){6, 5};
    CHECK_NEAR(1.2, spr_speedup_possible(&j), 1e-12);
    CHECK_INT(SPR_FINDING_CANNOT_TELL, spr_finding_of(&j));
    j.expected = (struct spr_measured){4, 5};
    CHECK_INT(SPR_FINDING_NOTHING_ALLOWED, spr_finding_of(&j));
    j.expected = (struct spr_measured){60, 5};
    CHECK_NEAR(5, spr_speedup_possible(&j), 1e-12);
}

/* Seen at several sizes a set-up is one, however far the times are from their bounds. */
static void seen_set_up(void)
{
    struct spr_judged j =
        judged(&(struct row){"", 1 * MS, 1.3 * MS, 0.05, 10 * US, 5 * US, 0.1, 1, NONE, 0, 0});
    CHECK_INT(SPR_FINDING_SOMETHING_ELSE, spr_finding_of(&j));
    j.same_excess = true;
    CHECK_INT(SPR_FINDING_SET_UP, spr_finding_of(&j));
}

/* An analysis that has operands in the caches is not asked to. */
static void asked(void)
{
    struct spr_judged j = judged(&(struct row){"", 22.118 * US, 22.525 * US, 0.05, 26.4 * US,
                                               15.2 * US, 0.5, 1, NONE, 26.6 * MB, 0});
    j.fit.asked = true;
    CHECK_INT(SPR_FINDING_BELOW_BOUND, spr_finding_of(&j));
}

static void gains(void)
{
    const struct spr_measured m = {10.4, 9.97};
    const struct spr_gain none = spr_gain_of(&m, &(struct spr_time_errors){0, 0});
    const struct spr_gain gain = spr_gain_of(&m, &(struct spr_time_errors){0.05, 0.01});
    CHECK_EXACT(none.value, none.low);
    CHECK_EXACT(none.value, none.high);
    CHECK_NEAR(10.4 * 0.95 / (9.97 * 1.01), gain.low, 1e-12);
    CHECK_NEAR(10.4 * 1.05 / (9.97 * 0.99), gain.high, 1e-12);
    CHECK_NEAR(0.25, spr_gain_share(1.5, 3), 1e-12);
    /* At the error needed equal times are just told from half of the gain. */
    const double e = spr_error_needed(1.13);
    CHECK_NEAR(1.065, (1 + e) / (1 - e), 1e-12);
}

/* Every verdict has a name of its own. */
static void names(void)
{
    for (int i = 0; i < SPR_FINDING_COUNT; i++) {
        for (int k = 0; k < i; k++) {
            CHECK(strcmp(spr_finding_name((enum spr_finding)i),
                         spr_finding_name((enum spr_finding)k)) != 0);
        }
        CHECK(strlen(spr_finding_remark((enum spr_finding)i)) <= 15);
    }
    CHECK_TEXT("cannot_tell", spr_finding_name(SPR_FINDING_CANNOT_TELL));
}

#define LAYERS 3

/* Random times, some below their bounds, some far above. */
static void draw(const struct spr_analysis *a, const struct spr_result *result,
                 struct spr_times *times, unsigned long long *state)
{
    for (size_t i = 0; i < LAYERS; i++) {
        const double dense = (double)test_between(state, 9, 30) / 10;
        const double far = test_between(state, 0, 4) ? 1 : 25;
        times->dense_s[i] = far * dense * spr_analysis_dense(a, 0, i)->time_s;
        times->sparse_s[i] = fmax(times->dense_s[i] * (double)test_between(state, 4, 13) / 10,
                                  0.96 * result->layers[i].run.time_s);
        times->errors[i].dense = times->errors[i].sparse =
            (double)test_between(state, 0, 8) / 100;
    }
}

/* The verdict on the sum goes the way of every layer that is decided. */
static void consistent(const struct spr_analysis *a, const struct spr_explanation *e)
{
    struct spr_layer_fates fates;
    size_t count[SPR_FATE_COUNT] = {0}, below = 0;
    const struct spr_judged sum = spr_judge(a, e);
    const enum spr_finding finding = spr_judge_finding(a, e, &sum, &fates);
    const enum spr_fate fate = spr_finding_fate(finding);
    for (size_t i = 0; i < LAYERS; i++) {
        const struct spr_judged layer = spr_judge_layer(a, e, i);
        const enum spr_finding one = spr_finding_of(&layer);
        count[spr_finding_fate(one)]++;
        below += one == SPR_FINDING_BELOW_BOUND || one == SPR_FINDING_RESIDENT;
    }
    const bool none = finding == SPR_FINDING_BELOW_BOUND || finding == SPR_FINDING_RESIDENT;
    CHECK(none == (below > 0));
    for (int other = SPR_FATE_FASTER; other < SPR_FATE_COUNT && fate != SPR_FATE_OPEN;
         other++) {
        CHECK((enum spr_fate)other == fate ? count[other] > 0 : count[other] == 0);
    }
    const size_t decided =
        count[SPR_FATE_FASTER] + count[SPR_FATE_SLOWER] + count[SPR_FATE_SAME];
    CHECK(none || decided == 0 || fate != SPR_FATE_OPEN ||
          finding == SPR_FINDING_LAYERS_DIFFER);
}

static void rows_and_sum(void)
{
    struct spr_network network;
    struct spr_machine machine = test_machine();
    struct spr_options options = {.dtype = SPR_F16, .batches = {1}, .batch_count = 1};
    struct spr_analysis a;
    struct spr_error err = {0};
    unsigned long long state = 1;
    test_write("net.csv", "layer,m,k,n,count,variant,pattern,sparsity\n"
                          "a,768,768,128,3,,,\nb,3072,768,16,1,,,\nc,512,64,4096,2,,,\n"
                          "a,,,,,v,2:4,0.5\nb,,,,,v,csr,0.95\nc,,,,,v,8x8,0.9\n");
    CHECK_STATUS(SPR_OK, spr_network_read("net.csv", &network, NULL, &err), &err);
    CHECK_STATUS(SPR_OK, spr_analyze(&network, &machine, &options, &a, &err), &err);
    double dense_s[LAYERS], sparse_s[LAYERS];
    struct spr_time_errors errors[LAYERS];
    struct spr_other_sparsity other[LAYERS];
    struct spr_times times = {dense_s, sparse_s, errors, other, LAYERS, LAYERS, 0, 0, 0, ""};
    struct spr_explanation e = {.result = &a.results[0], .times = &times};
    for (size_t i = 0; i < LAYERS; i++) {
        other[i].sparsity = (double)NAN;
    }
    for (int i = 0; i < 2000; i++) {
        draw(&a, e.result, &times, &state);
        spr_times_sum(&times, &a, e.result, &e.sums);
        e.measured = &e.sums.network;
        consistent(&a, &e);
    }
    spr_analysis_free(&a);
    spr_network_free(&network);
    spr_machine_free(&machine);
}

int main(void)
{
    rows_and_sum();
    verdicts();
    expected();
    seen_set_up();
    asked();
    gains();
    names();
    return test_end();
}
