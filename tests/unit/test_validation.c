/* SPDX-License-Identifier: Apache-2.0 */
/* Validation records: the same after reading and writing again; what is refused; summaries. */
#include "sproof/record.h"
#include "test.h"

#include "validation.h"

static struct spr_validation_case cases[64];

static struct spr_validation record_of(size_t count)
{
    static const char *reasons[] = {"dw: depthwise", "softmax: \"other\""};
    return (struct spr_validation){
        .head = {.command = "sproof validate", .created = "2026-01-31T12:00:00Z"},
        .machine = test_machine(),
        .seed = 42,
        .drift = -0.01,
        .peak_flops_per_s = 1e11,
        .openblas_core = "SkylakeX",
        .cases = cases,
        .case_count = count,
        .not_measured = reasons,
        .not_measured_count = 2};
}

static void write_good(const char *path)
{
    cases[0] = test_case("a \"q\"", "4x4", 1e-3);
    cases[0].measured = test_undisturbed(1e-3, 1.01e-3);
    cases[1] = test_case("b", "csr", 2e-3);
    cases[1].dense.kernel = NULL;
    cases[1].expected_s = cases[1].error = cases[1].speedup_error = (double)NAN;
    cases[1].expected_bound = NULL;
    cases[1].real_mask = true;
    cases[1].threads = 2;
    cases[1].inconclusive = true;
    struct spr_validation v = record_of(2);
    test_write_validation(path, &v);
    spr_machine_free(&v.machine);
}

static void same_bytes(void)
{
    static const struct {
        const char *name;
        uint64_t seed;
        bool options;
    } rows[] = {{"small seed", 42, false},
                {"seed beyond 2^53", UINT64_MAX - 1, false},
                {"options", 0, true}};
    write_good("first.json");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_validation v;
        struct spr_error err = {0};
        test_row = rows[i].name;
        CHECK_STATUS(SPR_OK, spr_validation_read("first.json", &v, &err), &err);
        v.seed = rows[i].seed;
        if (rows[i].options) {
            v.options = (struct spr_options){
                .dtype = SPR_F32, .batches = {3}, .batch_count = 1, .threads = 2};
        }
        test_write_validation("second.json", &v);
        spr_validation_free(&v);
        CHECK_STATUS(SPR_OK, spr_validation_read("second.json", &v, &err), &err);
        CHECK(v.seed == rows[i].seed);
        CHECK_INT(2, v.case_count);
        CHECK_INT(rows[i].options, v.options.batch_count);
        test_write_validation("third.json", &v);
        spr_validation_free(&v);
        char *second = test_read("second.json", NULL), *third = test_read("third.json", NULL);
        CHECK_TEXT(second, third);
        CHECK(strstr(second, "nan") == NULL);
        free(second);
        free(third);
    }
    test_row = "";
}

static void read_back(void)
{
    struct spr_validation v;
    struct spr_error err = {0};
    write_good("good.json");
    CHECK_STATUS(SPR_OK, spr_validation_read("good.json", &v, &err), &err);
    CHECK_TEXT("a \"q\"", v.cases[0].layer);
    CHECK_EXACT(1.02e-3, v.cases[0].measured.samples[2].seconds);
    CHECK_INT(0, v.cases[0].measured.samples[3].visit);
    CHECK_INT(1, v.cases[0].measured.samples[4].visit);
    CHECK_EXACT(8.0, v.cases[0].measured.samples[4].at_s);
    CHECK_EXACT(4.04e-6, v.cases[0].measured.samples[4].before_s[SPR_CANARY_MULTIPLY_ADD]);
    CHECK(isnan(v.cases[0].measured.samples[4].before_s[SPR_CANARY_MEMORY]));
    CHECK(!v.cases[0].measured.by_median && v.cases[0].dense.measured.by_median);
    CHECK_INT(TEST_SAMPLES, v.cases[0].dense.measured.sample_count);
    CHECK_TEXT("openblas-Haswell", v.cases[0].dense.kernel);
    CHECK_INT(SPR_RESIDENCY_NETWORK, v.cases[0].residency);
    CHECK(v.cases[1].dense.kernel == NULL && isnan(v.cases[1].dense.measured.median_s));
    CHECK(isnan(v.cases[1].expected_s) && v.cases[1].inconclusive && v.cases[1].real_mask);
    CHECK_TEXT("softmax: \"other\"", v.not_measured[1]);
    CHECK_TEXT("SkylakeX", v.openblas_core);
    CHECK_EXACT(-0.01, v.drift);
    CHECK_TEXT("reference", v.machine.name);
    spr_validation_free(&v);
    CHECK(v.cases == NULL && v.not_measured == NULL && v.arena.head == NULL);
}

/* Every key of a case, with the value it was given. */
static void keys(void)
{
    static const char expected[] =
        "{\"layer\":\"a \\\"q\\\"\",\"variant\":\"v\",\"m\":64,\"k\":32,\"n\":8,\"count\":2,"
        "\"pattern\":\"4x4\",\"sparsity\":0.5,\"nnz\":1024,\"kept\":1024,\"mask\":\"random\","
        "\"isa\":\"avx2\",\"threads\":1,\"residency\":\"network\","
        "\"kernel\":\"spr_spmm_bsr_f32__avx2\",\"bound_s\":0.0005,\"expected_s\":0.0011,"
        "\"expected_bound\":\"fma\",\"measured\":{\"time_s\":0.001,\"low_s\":0.001,"
        "\"high_s\":0.00101,\"judged_by\":\"undisturbed\",\"doubt\":\"visits\",\"visits\":2,"
        "\"undisturbed_share\":0.75,\"median_s\":0.001,\"samples\":[0.001,0.00098,0.00102,"
        "0.00099,0.00101,0.001,0.000995,0.001005],\"at_s\":[0,2,4,6,8,10,12,14],"
        "\"visit\":[0,0,0,0,1,1,1,1],\"canaries\":{\"multiply_add\":{\"before_s\":[4e-06,"
        "4.01e-06,4.02e-06,4.03e-06,4.04e-06,4.05e-06,4.06e-06,4.07e-06],\"after_s\":[4.1e-06,"
        "4.1e-06,4.1e-06,4.1e-06,4.1e-06,4.1e-06,4.1e-06,4.1e-06]},\"l2\":{\"before_s\":["
        "5e-06,5e-06,5e-06,5e-06,5e-06,5e-06,5e-06,5e-06],\"after_s\":[null,null,null,null,"
        "null,null,null,null]}}},\"fraction_of_bound\":0.5,"
        "\"dense\":{\"kernel\":\"openblas-Haswell\",\"bound_s\":0.001,\"expected_s\":null,"
        "\"measured\":{\"time_s\":0.002,\"low_s\":0.00198,\"high_s\":0.00202,"
        "\"judged_by\":\"median\",\"doubt\":\"none\",\"visits\":1,\"undisturbed_share\":null,"
        "\"median_s\":0.002,\"samples\":[0.002,0.00196,0.00204,0.00198,0.00202,0.002,0.00199,"
        "0.00201],\"at_s\":[null,null,null,null,null,null,null,null],"
        "\"visit\":[0,0,0,0,0,0,0,0],\"canaries\":{}},"
        "\"fraction_of_bound\":0.5},\"bound_speedup\":2,\"expected_"
        "speedup\":1.8,"
        "\"measured_speedup\":2,\"error\":0.1,\"speedup_error\":-0.1,"
        "\"max_error_ratio\":0.25,\"above_roof\":true,\"inconclusive\":false,\"tuned\":null}";
    struct spr_validation v;
    struct spr_error err = {0};
    write_good("good.json");
    cases[0].measured.doubt = SPR_DOUBT_VISITS;
    cases[0].above_roof = true;
    v = record_of(1);
    test_write_validation("keys.json", &v);
    spr_machine_free(&v.machine);
    CHECK_STATUS(SPR_OK, spr_validation_read("keys.json", &v, &err), &err);
    test_write_validation("again.json", &v);
    CHECK_TEXT("spr_spmm_bsr_f32__avx2", v.cases[0].kernel);
    spr_validation_free(&v);
    const char *names[] = {"keys.json", "again.json"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char *text = test_read(names[i], NULL), *line = strstr(text, "{\"layer\":");
        CHECK(line != NULL);
        if (line) {
            line[strcspn(line, "\n")] = '\0';
            CHECK_TEXT(expected, line);
        }
        free(text);
    }
}

/* One change in a good record, and what is said of it. */
static const struct {
    const char *from, *to, *message;
} refusals[] = {
    {"sproof/validation", "sproof/analysis",
     "r.json: schema: expected \"sproof/validation\", a record made by sproof validate"},
    {"\"schema_version\":2", "\"schema_version\":3",
     "r.json: schema_version: 3: expected at most 2: made by a newer sproof"},
    {"\"seed\":42", "\"seed\":-1", "r.json: seed: expected an integer"},
    {"\"seed\":42", "\"seed\":\"99999999999999999999999\"",
     "r.json: seed: expected an integer"},
    {"\"layer\":\"b\"", "\"layer\":7", "r.json: cases[1].layer: expected a text"},
    {"\"m\":64", "\"m\":0", "r.json: cases[0].m: expected an integer 1..2^40"},
    {"\"count\":2", "\"count\":5e-324", "r.json: cases[0].count: expected an integer 1..2^53"},
    {"\"nnz\":1024", "\"nnz\":1.5", "r.json: cases[0].nnz: expected a count 0..2^53"},
    {"\"kept\":1024", "\"kept\":1e300", "r.json: cases[0].kept: expected a count 0..2^53"},
    {"\"pattern\":\"4x4\"", "\"pattern\":\"4y4\"",
     "r.json: cases[0].pattern: expected a pattern"},
    {"\"sparsity\":0.5", "\"sparsity\":1.5",
     "r.json: cases[0].sparsity: expected a fraction 0..1"},
    {"\"mask\":\"real\"", "\"mask\":\"unreal\"",
     "r.json: cases[1].mask: expected real or random"},
    {"\"isa\":\"avx2\"", "\"isa\":\"avx3\"",
     "r.json: cases[0].isa: expected scalar, neon, avx2 or avx512"},
    {"\"threads\":2", "\"threads\":1e9",
     "r.json: cases[1].threads: expected an integer 1..65536"},
    {"\"residency\":\"network\"", "\"residency\":\"hot\"",
     "r.json: cases[0].residency: expected dram, warm, cold or network"},
    {"\"bound_s\":0.0005", "\"bound_s\":-1",
     "r.json: cases[0].bound_s: expected a number above 0 or null"},
    {"\"median_s\":0.002", "\"median_s\":\"slow\"",
     "r.json: cases[0].dense.measured.median_s: expected a number above 0 or null"},
    {"\"doubt\":\"none\"", "\"doubt\":\"much\"",
     "r.json: cases[0].measured.doubt: expected none, few, neighbour, long, visits, once or "
     "spread"},
    {"\"judged_by\":\"undisturbed\"", "\"judged_by\":\"guess\"",
     "r.json: cases[0].measured.judged_by: expected undisturbed or median"},
    {"\"high_s\":0.00101", "\"high_s\":null",
     "r.json: cases[0].measured.time_s: expected low_s <= time_s <= high_s, all above 0"},
    {"\"low_s\":0.001,", "\"low_s\":0.002,",
     "r.json: cases[0].measured.time_s: expected low_s <= time_s <= high_s, all above 0"},
    {"\"visit\":[0,0", "\"visit\":[0,0.5",
     "r.json: cases[0].measured.visit: expected a list of integers 0..1000, as long as "
     "samples"},
    {"\"visit\":[0,", "\"visit\":[",
     "r.json: cases[0].measured.visit: expected a list of integers 0..1000, as long as "
     "samples"},
    {"\"at_s\":[0,", "\"at_s\":[",
     "r.json: cases[0].measured.at_s: expected as long a list as samples"},
    {"\"before_s\":[4e-06", "\"before_s\":[-1",
     "r.json: cases[0].measured.canaries.multiply_add.before_s: expected a list of "
     "numbers, 0 or "
     "more, or null"},
    {"\"samples\":[0.001,", "\"samples\":[0,",
     "r.json: cases[0].measured.samples: expected a list of numbers above 0"},
    {"\"measured\":{", "\"measured\":null,\"x\":{",
     "r.json: cases[0].measured: expected an object"},
    {"\"error\":0.1", "\"error\":[]", "r.json: cases[0].error: expected a number or null"},
    {"\"canaries\":{\"mul", "\"preempted\":[8],\"canaries\":{\"mul",
     "r.json: cases[0].measured.preempted: expected numbers of samples, from 0"},
    {"\"canaries\":{\"mul", "\"preempted\":[0.5],\"canaries\":{\"mul",
     "r.json: cases[0].measured.preempted: expected numbers of samples, from 0"},
    {"\"canaries\":{\"mul", "\"preempted\":2,\"canaries\":{\"mul",
     "r.json: cases[0].measured.preempted: expected a list of numbers of samples"},
    {"\"inconclusive\":true", "\"inconclusive\":1",
     "r.json: cases[1].inconclusive: expected true or false"},
    {"\"cases\":[", "\"cases\":7,\"x\":[", "r.json: cases: expected a list"},
    {"\"dw: depthwise\"", "9", "r.json: not_measured: expected a list of texts"},
    {"\"machine\":{\n  \"schema\"", "\"machine\":7,\"x\":{\n \"schema\"",
     "r.json: machine: expected a machine"},
    {"\"options\":null", "\"options\":{\"dtype\":\"f15\"}",
     "r.json: options.dtype: expected f64, f32, tf32, f16, bf16, fp8 or i8"},
};

static void refused(void)
{
    write_good("good.json");
    char *good = test_read("good.json", NULL);
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        struct spr_validation v;
        struct spr_error err = {0};
        test_row = refusals[i].message;
        char *at = strstr(good, refusals[i].from);
        CHECK(at != NULL);
        if (at) {
            FILE *file = fopen("r.json", "wb");
            fwrite(good, 1, (size_t)(at - good), file);
            fputs(refusals[i].to, file);
            fputs(at + strlen(refusals[i].from), file);
            fclose(file);
            CHECK_STATUS(SPR_EINPUT, spr_validation_read("r.json", &v, &err), &err);
            CHECK_TEXT(refusals[i].message, err.text);
            CHECK(v.cases == NULL && v.arena.head == NULL && v.machine.arena.head == NULL);
        }
    }
    test_row = "";
    free(good);
}

/* Errors of the cases 0.01, -0.02, 0.03, ... so that every figure is known by counting. */
static void summaries(void)
{
    static const struct {
        size_t count;
        double median, p90, bias, within;
    } rows[] = {{1, 0.01, 0.01, 0.01, 1},          {2, 0.015, 0.02, -0.005, 1},
                {3, 0.02, 0.03, 0.01, 1},          {10, 0.055, 0.09, -0.005, 1},
                {11, 0.06, 0.10, 0.01, 10.0 / 11}, {20, 0.105, 0.18, -0.005, 0.5}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_validation_summary s;
        for (size_t c = 0; c < 32; c++) {
            cases[c] = test_case("a", "4x4", 1e-3);
            cases[c].error = (c % 2 ? -1 : 1) * (double)(c + 1) / 100;
            cases[c].speedup_error = (double)NAN;
            cases[c].above_roof = c == 0 || c == 30;
            cases[c].inconclusive = c >= rows[i].count && c < 30;
            cases[c].threads = c >= 30 ? 2 : 1; /* another group */
        }
        struct spr_validation v = record_of(32);
        CHECK(spr_validation_summarise(&v, false, 1, &s));
        CHECK_INT(rows[i].count, s.cases);
        CHECK_INT(30 - rows[i].count, s.inconclusive);
        CHECK_NEAR(rows[i].median, s.median_abs_error, 1e-12);
        CHECK_NEAR(rows[i].p90, s.p90_abs_error, 1e-12);
        CHECK_NEAR(rows[i].bias, s.bias, 1e-12);
        CHECK_NEAR(rows[i].within, s.within_10_percent, 1e-12);
        CHECK(isnan(s.speedup_median_abs_error) && isnan(s.speedup_within_10_percent));
        CHECK_INT(1, s.above_roof);
        CHECK(spr_validation_summarise(&v, false, 2, &s));
        CHECK_INT(2, s.cases);
        CHECK(!spr_validation_summarise(&v, true, 1, &s));
        CHECK_INT(0, s.cases);
        spr_machine_free(&v.machine);
    }
}

/* `summary` is the largest group, `summaries` are all. */
static void summary_of_groups(void)
{
    for (size_t c = 0; c < 5; c++) {
        cases[c] = test_case("a", "4x4", 1e-3);
        cases[c].threads = c < 2 ? 1 : 4;
    }
    struct spr_validation v = record_of(5);
    test_write_validation("groups.json", &v);
    char *text = test_read("groups.json", NULL);
    const char *all = strstr(text, "\"summaries\""), *one = strstr(text, "\"summary\"");
    CHECK(all && one && strstr(one, "\"threads\":4,\n  \"cases\":3,\n  \"inconclusive\":0"));
    CHECK(all && strstr(all, "\"threads\":1,\"cases\":2,\"inconclusive\":0"));
    free(text);
    v.case_count = 0;
    test_write_validation("none.json", &v);
    text = test_read("none.json", NULL);
    CHECK(strstr(text, "\"summary\":null") && strstr(text, "\"summaries\":[]"));
    free(text);
    spr_machine_free(&v.machine);
}

/* An end-to-end record says how far apart the threads were; what was not timed is null. */
static void transfers(void)
{
    static const struct {
        double transfer_s;
        const char *text;
    } rows[] = {{3e-8, "\"transfer_s\":3e-08"}, {(double)NAN, "\"transfer_s\":null"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_end_to_end_case encoder = {.variant = "dense",
                                              .pattern = spr_pattern_dense()};
        struct spr_validation v = record_of(0);
        test_row = rows[i].text;
        v.end_to_end = &encoder;
        v.end_to_end_count = 1;
        v.transfer_s = rows[i].transfer_s;
        test_write_validation("transfer.json", &v);
        char *text = test_read("transfer.json", NULL);
        CHECK(strstr(text, rows[i].text) != NULL);
        free(text);
        spr_machine_free(&v.machine);
    }
    test_row = "";
}

/* The samples that were are named; where none was, nothing is. */
static void preempted(void)
{
    struct spr_validation v = record_of(1);
    struct spr_error err = {0};
    cases[0] = test_case("a", "4x4", 1e-3);
    cases[0].measured.samples[1].preempted = cases[0].measured.samples[7].preempted = true;
    test_write_validation("preempted.json", &v);
    spr_machine_free(&v.machine);
    char *text = test_read("preempted.json", NULL);
    const char *first = strstr(text, "\"preempted\":[1,7],\"canaries\"");
    CHECK(first != NULL && strstr(first + 2, "preempted") == NULL);
    free(text);
    CHECK_STATUS(SPR_OK, spr_validation_read("preempted.json", &v, &err), &err);
    for (size_t i = 0; i < TEST_SAMPLES; i++) {
        CHECK(v.cases[0].measured.samples[i].preempted == (i == 1 || i == 7));
        CHECK(!v.cases[0].dense.measured.samples[i].preempted);
    }
    spr_validation_free(&v);
}

int main(void)
{
    preempted();
    transfers();
    same_bytes();
    read_back();
    keys();
    refused();
    summaries();
    summary_of_groups();
    return test_end();
}
