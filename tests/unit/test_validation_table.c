/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a validation: which time is in doubt, and what a time above its roof says. */
#include "sproof/report.h"
#include "test.h"

#include "validation.h"

#define CASES 2

/* The table of the cases. */
static void print(struct spr_validation_case *cases, bool probed, char *text, size_t size)
{
    const struct spr_report report = {.format = SPR_FORMAT_TABLE};
    struct spr_validation v = {.cases = cases,
                               .case_count = CASES,
                               .machine = test_machine(),
                               .peak_flops_per_s = 1e11};
    struct spr_error err = {0};
    FILE *file = tmpfile();
    v.machine.probed = probed;
    CHECK(file != NULL);
    if (file) {
        CHECK_STATUS(SPR_OK, spr_report_validation(file, &v, &report, &err), &err);
        rewind(file);
        text[fread(text, 1, size - 1, file)] = '\0';
        fclose(file);
    }
    spr_machine_free(&v.machine);
}

static void start(struct spr_validation_case cases[CASES])
{
    cases[0] = test_case("a", "4x4", 1e-3);
    cases[1] = test_case("b", "4x4", 3e-3);
    cases[1].m = 128;
}

/* A doubtful dense time takes no good one away, and is marked; a doubtful time is where it is. */
static void test_doubts(void)
{
    static const struct {
        enum spr_doubt own, dense;
        bool inconclusive;
        const char *row, *dense_row;
    } rows[] = {
        {SPR_DOUBT_NONE, SPR_DOUBT_NONE, false,
         "v                 1.1 ms     1 ms   1.0%   +10%    1.80x    2.00x  fma\n",
         "dense 2 ms by openblas-Haswell, 0 % of peak, 50 % of its bound\n"},
        {SPR_DOUBT_NONE, SPR_DOUBT_VISITS, true,
         "v                 1.1 ms     1 ms   1.0%   +10%    1.80x    noisy  fma\n",
         "dense 2 ms by openblas-Haswell, noisy\n"},
        {SPR_DOUBT_NONE, SPR_DOUBT_NONE, true,
         "v                 1.1 ms     1 ms   1.0%   +10%    1.80x    noisy  fma\n",
         "dense 2 ms by openblas-Haswell, noisy\n"},
        {SPR_DOUBT_VISITS, SPR_DOUBT_NONE, true,
         "v                 1.1 ms    noisy      -      -    1.80x        -  fma\n",
         "dense 2 ms by openblas-Haswell, 0 % of peak, 50 % of its bound\n"},
        {SPR_DOUBT_VISITS, SPR_DOUBT_VISITS, true,
         "v                 1.1 ms    noisy      -      -    1.80x        -  fma\n",
         "dense 2 ms by openblas-Haswell, noisy\n"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_validation_case cases[CASES];
        char text[8192];
        start(cases);
        cases[0].measured.doubt = rows[i].own;
        cases[0].dense.measured.doubt = rows[i].dense;
        cases[0].inconclusive = rows[i].inconclusive;
        print(cases, true, text, sizeof text);
        test_row = text;
        CHECK(strstr(text, rows[i].row) != NULL);
        CHECK(strstr(text, rows[i].dense_row) != NULL);
    }
    test_row = "";
}

/* What was found, and something to do that was not just done. */
static void test_above(void)
{
    static const struct {
        bool probed, gpu;
        const char *text;
    } rows[] = {
        {false, false,
         "\n! 1 case up to 7 % faster than the bound, past its highest rates: these were\n"
         "not measured here (sproof probe does)\n"},
        {true, false,
         "\n! 1 case up to 7 % faster than the bound, past its highest rates: this machine\n"
         "was slower when it was probed; sproof probe --noise tells whether a neighbour\n"
         "holds it: probe again when none does\n"},
        {true, true,
         "\n! 1 case up to 7 % faster than the bound, past its highest rates: it was slower\n"
         "when it was probed; probe it again while idle\n"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_validation_case cases[CASES];
        char text[8192];
        start(cases);
        cases[1].above_roof = true;
        cases[1].fraction_of_bound = 1.07;
        cases[0].gpu = cases[1].gpu = rows[i].gpu;
        print(cases, rows[i].probed, text, sizeof text);
        test_row = text;
        CHECK(strstr(text, rows[i].text) != NULL);
        CHECK(strstr(text, "twice") == NULL);
    }
    test_row = "";
}

int main(void)
{
    test_doubts();
    test_above();
    return test_end();
}
