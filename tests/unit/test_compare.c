/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing: intervals of known samples, verdicts, what belongs together, what differs. */
#include "test.h"

#include "base/numbers.h"
#include "validate/bootstrap.h"
#include "sproof/compare.h"
#include "validation.h"

static struct spr_validation record_of(struct spr_validation_case *cases, size_t count)
{
    return (struct spr_validation){.head = {.created = "2026-01-31T12:00:00Z"},
                                   .machine = test_machine(),
                                   .seed = 1,
                                   .cases = cases,
                                   .case_count = count};
}

static void write_cases(const char *path, struct spr_validation_case *cases, size_t count)
{
    struct spr_validation v = record_of(cases, count);
    test_write_validation(path, &v);
    spr_machine_free(&v.machine);
}

/* Both records, compared; the caller frees. */
struct pair {
    struct spr_timings base, next;
    struct spr_comparison comparison;
    struct spr_error err;
};

static enum spr_status compare(struct pair *pair, double limit)
{
    *pair = (struct pair){0};
    CHECK_STATUS(SPR_OK, spr_timings_read("base.json", true, &pair->base, &pair->err),
                 &pair->err);
    CHECK_STATUS(SPR_OK, spr_timings_read("new.json", true, &pair->next, &pair->err),
                 &pair->err);
    return spr_compare(&pair->base, &pair->next, limit, &pair->comparison, &pair->err);
}

static void pair_free(struct pair *pair)
{
    spr_comparison_free(&pair->comparison);
    spr_timings_free(&pair->base);
    spr_timings_free(&pair->next);
}

/* The bootstrap interval of a median of n equally spaced samples is known to good accuracy:
 * its standard deviation is that of an order statistic, about n/2 +- sqrt(n)/2 places. */
static void bootstrap_of_ranks(void)
{
    static double sorted[401], draws[SPR_BOOTSTRAP_DRAWS];
    static unsigned counts[401];
    uint64_t state = 7;
    double low, high;
    for (size_t i = 0; i < 401; i++) {
        sorted[i] = exp((double)i / 400);
    }
    memset(draws, 0, sizeof draws);
    spr_bootstrap_log_medians(sorted, 401, counts, &state, 1, draws);
    spr_bootstrap_interval(draws, &low, &high);
    CHECK_NEAR(0.5 - 1.96 * 0.5 / sqrt(401), low, 0.05);
    CHECK_NEAR(0.5 + 1.96 * 0.5 / sqrt(401), high, 0.05);
    CHECK_EXACT(exp(0.5), spr_median_sorted(sorted, 401));
    CHECK_EXACT((sorted[199] + sorted[200]) / 2, spr_median_sorted(sorted, 400));
}

/* Times of the samples scatter by 2 %; the new record's are multiplied. */
static void verdicts(void)
{
    static const struct {
        const char *name;
        double sparse, dense, limit;
        bool has_dense;
        enum spr_verdict verdict;
        double ratio;
    } rows[] = {
        {"the same", 1, 1, 0.05, true, SPR_WITHIN, 1},
        {"slower kernel", 1.5, 1, 0.05, true, SPR_SLOWER, 1.5},
        {"slower machine", 1.5, 1.5, 0.05, true, SPR_WITHIN, 1},
        {"slower machine, no dense time", 1.5, 1.5, 0.05, false, SPR_SLOWER, 1.5},
        {"faster kernel", 0.5, 1, 0.05, true, SPR_WITHIN, 0.5},
        {"faster dense kernel", 1, 0.5, 0.05, true, SPR_SLOWER, 2},
        {"at the limit", 1.05, 1, 0.05, true, SPR_STRADDLING, 1.05},
        {"within a larger limit", 1.5, 1, 0.6, true, SPR_WITHIN, 1.5},
        {"no limit at all", 1, 1, 0, true, SPR_STRADDLING, 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct pair pair;
        struct spr_validation_case c = test_case("a", "4x4", 1e-3);
        test_row = rows[i].name;
        c.dense.kernel = rows[i].has_dense ? c.dense.kernel : NULL;
        write_cases("base.json", &c, 1);
        c.measured = test_measurement(1e-3 * rows[i].sparse);
        c.dense.measured = test_measurement(2e-3 * rows[i].dense);
        write_cases("new.json", &c, 1);
        CHECK_STATUS(SPR_OK, compare(&pair, rows[i].limit), &pair.err);
        const struct spr_compared *row = &pair.comparison.rows[0];
        CHECK_INT(rows[i].verdict, row->verdict);
        CHECK_INT(rows[i].verdict, pair.comparison.verdict);
        CHECK_NEAR(rows[i].ratio, row->ratio.value, 1e-9);
        CHECK_NEAR(rows[i].sparse, row->time.value, 1e-9);
        CHECK_NEAR(rows[i].ratio, pair.comparison.mean.value, 1e-9);
        CHECK(row->ratio.low < row->ratio.value && row->ratio.value < row->ratio.high);
        CHECK(row->by_speedup == rows[i].has_dense);
        CHECK_INT(0, pair.comparison.mismatches.count);
        pair_free(&pair);
    }
    test_row = "";
}

/* Each case a little above the limit and unsure, all of them together surely so. */
static void mean_is_surer(void)
{
    struct spr_validation_case cases[40];
    char names[40][8];
    struct pair pair;
    for (int i = 0; i < 40; i++) {
        snprintf(names[i], sizeof names[i], "l%d", i);
        cases[i] = test_case(names[i], "4x4", 1e-3);
    }
    write_cases("base.json", cases, 40);
    for (int i = 0; i < 40; i++) {
        cases[i].measured = test_measurement(1.058e-3);
    }
    write_cases("new.json", cases, 40);
    CHECK_STATUS(SPR_OK, compare(&pair, 0.05), &pair.err);
    CHECK(pair.comparison.verdicts[SPR_STRADDLING] > 35);
    CHECK(pair.comparison.mean.low > 1.05 && pair.comparison.mean.high < 1.07);
    CHECK_INT(SPR_SLOWER, pair.comparison.verdict);
    pair_free(&pair);
}

static void too_noisy(void)
{
    struct pair pair;
    struct spr_validation_case c[2] = {test_case("a", "4x4", 1e-3),
                                       test_case("b", "4x4", 1e-3)};
    write_cases("base.json", c, 2);
    c[0].measured = test_measurement(9e-3);
    c[0].inconclusive = true; /* never a number, however far off */
    c[1].measured.sample_count = SPR_BOOTSTRAP_SAMPLES_MIN - 1;
    write_cases("new.json", c, 2);
    CHECK_STATUS(SPR_OK, compare(&pair, 0.05), &pair.err);
    CHECK_INT(2, pair.comparison.verdicts[SPR_NOISY]);
    CHECK_INT(SPR_STRADDLING, pair.comparison.verdict);
    CHECK(isnan(pair.comparison.mean.value) && isnan(pair.comparison.rows[0].ratio.value));
    pair_free(&pair);
}

/* What differs, one line each. */
static void differences(void)
{
    static const struct {
        const char *name, *line;
    } rows[] = {
        {"isa", "instruction set of a: avx2 in base.json, scalar in new.json"},
        {"threads", "threads of a: 1 in base.json, 2 in new.json"},
        {"residency", "residency of a: network in base.json, warm in new.json"},
        {"mask", "v of a: only in base.json"},
        {"n", "v of a: only in base.json"},
        {"seed", "seed: 1 in base.json, 2 in new.json"},
        {"core", "OpenBLAS core: none in base.json, Zen in new.json"},
        {"machine", "machine: reference in base.json, x in new.json"},
        {"model", "model: m.csv (sha256 1) in base.json, n.csv (sha256 2) in new.json"},
        {"batch", "batch: 1 in base.json, 2 in new.json"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct pair pair;
        const char *what = test_row = rows[i].name;
        struct spr_validation_case c[2] = {test_case("a", "4x4", 1e-3),
                                           test_case("b", "4x4", 1e-3)};
        struct spr_validation v = record_of(c, 2);
        v.head.model = (struct spr_record_input){"m.csv", "1"};
        v.options = (struct spr_options){.dtype = SPR_F32, .batches = {1}, .batch_count = 1};
        test_write_validation("base.json", &v);
        c[0].isa = strcmp(what, "isa") == 0 ? SPR_ISA_SCALAR : c[0].isa;
        c[0].threads = strcmp(what, "threads") == 0 ? 2 : 1;
        c[0].residency = strcmp(what, "residency") == 0 ? SPR_RESIDENCY_WARM : c[0].residency;
        c[0].real_mask = strcmp(what, "mask") == 0;
        c[0].n = strcmp(what, "n") == 0 ? 9 : 8;
        v.seed = strcmp(what, "seed") == 0 ? 2 : 1;
        v.openblas_core = strcmp(what, "core") == 0 ? "Zen" : NULL;
        v.machine.name = strcmp(what, "machine") == 0 ? "x" : v.machine.name;
        if (strcmp(what, "model") == 0) {
            v.head.model = (struct spr_record_input){"n.csv", "2"};
        }
        v.options.batches[0] = strcmp(what, "batch") == 0 ? 2 : 1;
        test_write_validation("new.json", &v);
        spr_machine_free(&v.machine);
        CHECK_STATUS(SPR_OK, compare(&pair, 0.05), &pair.err);
        CHECK_INT(1, pair.comparison.mismatches.count);
        if (pair.comparison.mismatches.count > 0) {
            CHECK_TEXT(rows[i].line, pair.comparison.mismatches.line[0]);
        }
        bool lost = strcmp(what, "mask") == 0 || strcmp(what, "n") == 0;
        CHECK_INT(lost ? 1 : 2, pair.comparison.matched);
        CHECK_INT(lost, pair.comparison.verdicts[SPR_ONLY_IN_NEW]);
        pair_free(&pair);
    }
    test_row = "";
}

/* A base case without an exact partner must not take another's. */
static void exact_partners_first(void)
{
    struct pair pair;
    struct spr_validation_case c[2] = {test_case("a", "4x4", 1e-3),
                                       test_case("a", "4x4", 1e-3)};
    c[0].threads = 2;
    c[1].threads = 1;
    write_cases("base.json", c, 2);
    c[0].threads = 1;
    c[1].threads = 4;
    write_cases("new.json", c, 2);
    CHECK_STATUS(SPR_OK, compare(&pair, 0.05), &pair.err);
    CHECK_INT(2, pair.comparison.matched);
    CHECK_INT(2, pair.comparison.row_count);
    CHECK_INT(4, pair.comparison.rows[0].next->threads);
    CHECK_INT(1, pair.comparison.rows[1].next->threads);
    CHECK_INT(1, pair.comparison.mismatches.count);
    CHECK_TEXT("threads of a: 2 in base.json, 4 in new.json",
               pair.comparison.mismatches.line[0]);
    pair_free(&pair);
}

static void nothing_in_common(void)
{
    struct pair pair;
    struct spr_validation_case a = test_case("a", "4x4", 1e-3);
    write_cases("base.json", &a, 1);
    a.layer = "b";
    write_cases("new.json", &a, 1);
    CHECK_STATUS(SPR_EINPUT, compare(&pair, 0.05), &pair.err);
    CHECK_TEXT("base.json and new.json have no case in common", pair.err.text);
    pair_free(&pair);
}

/* The same records, the same answer to the last bit. */
static void deterministic(void)
{
    struct pair first, second;
    struct spr_validation_case c = test_case("a", "4x4", 1e-3);
    write_cases("base.json", &c, 1);
    write_cases("new.json", &c, 1);
    CHECK_INT(SPR_OK, compare(&first, 0.05));
    CHECK_INT(SPR_OK, compare(&second, 0.05));
    CHECK_EXACT(first.comparison.mean.low, second.comparison.mean.low);
    CHECK_EXACT(first.comparison.rows[0].ratio.high, second.comparison.rows[0].ratio.high);
    pair_free(&first);
    pair_free(&second);
}

int main(void)
{
    bootstrap_of_ranks();
    verdicts();
    mean_is_surer();
    too_noisy();
    differences();
    exact_partners_first();
    nothing_in_common();
    deterministic();
    return test_end();
}
