/* SPDX-License-Identifier: Apache-2.0 */
/* A validation beside an analysis: which case belongs to which layer, and its pictures. */
#include "test.h"

#include <unistd.h>

#include "result/measured.h"
#include "sproof/plot.h"
#include "sproof/report.h"
#include "validation.h"

#define TABLE                                                                                 \
    "layer,m,k,n,op,count,prunable,bytes,flops\na,64,32,8,,3,,,\nb,64,32,8,,1,,,\n"           \
    "dw,64,32,8,depthwise,1,,,\nqk,16,8,8,attention,2,,,\nsoft,,,,other,1,,4000,1000\n"

struct fixture {
    struct spr_network network;
    struct spr_machine machine;
    struct spr_analysis analysis;
    struct spr_validation_case cases[5];
    struct spr_validation validation;
};

static void start(struct fixture *f)
{
    static const double half[] = {0.5, 0.75};
    struct spr_pattern pattern;
    struct spr_grid grid = {&pattern, 1, half, 2};
    struct spr_options options = {.dtype = SPR_F16, .batches = {1, 2}, .batch_count = 2};
    struct spr_error err = {0};
    *f = (struct fixture){0};
    f->machine = test_machine();
    test_write("net.csv", TABLE);
    CHECK_STATUS(SPR_OK, spr_network_read("net.csv", &f->network, NULL, &err), &err);
    CHECK_STATUS(SPR_OK, spr_pattern_parse("4x4", &pattern, &err), &err);
    CHECK_STATUS(SPR_OK, spr_network_add_grid(&f->network, &grid, &err), &err);
    CHECK_STATUS(SPR_OK, spr_analyze(&f->network, &f->machine, &options, &f->analysis, &err),
                 &err);
    f->cases[0] = test_case("a", "4x4", 1e-3);
    f->cases[1] = test_case("qk", "dense", 3e-3);
    f->cases[1].m = 16;
    f->cases[1].k = 8;
    f->cases[1].sparsity = 0;
    f->cases[2] = test_case("a", "csr", 7e-3);
    f->cases[3] = test_case("a", "4x4", 9e-3);
    f->cases[3].inconclusive = true;
    f->cases[4] = test_case("a", "4x4", 5e-4);
    f->cases[4].sparsity = 0.75;
    f->validation.cases = f->cases;
    f->validation.case_count = 5;
}

static void stop(struct fixture *f)
{
    spr_analysis_free(&f->analysis);
    spr_network_free(&f->network);
    spr_machine_free(&f->machine);
}

static void finds_cases(struct fixture *f)
{
    const struct spr_analysis *a = &f->analysis;
    const struct spr_result *half = spr_analysis_find(a, "4x4@0.5", 0);
    const struct spr_result *batch = spr_analysis_find(a, "4x4@0.5", 1);
    const struct spr_validation *v = &f->validation;
    struct spr_measured_network sums;
    CHECK(spr_measured_case(v, a, half, 0) == &f->cases[0]);
    CHECK(spr_measured_case(v, a, half, 1) == &f->cases[0]); /* alike */
    CHECK(spr_measured_case(v, a, half, 2) == NULL);         /* the same numbers, depthwise */
    CHECK(spr_measured_case(v, a, half, 3) == &f->cases[1]);
    CHECK(spr_measured_case(v, a, half, 4) == NULL);
    CHECK(spr_measured_case(v, a, batch, 0) == NULL); /* n is another */
    CHECK(spr_measured_case(v, a, spr_analysis_find(a, "4x4@0.75", 0), 0) == &f->cases[4]);
    CHECK(spr_measured_network(v, a, half, &sums));
    double rest = half->layers[2].run.time_s + half->layers[4].run.time_s;
    CHECK_NEAR(4 * 2e-3 + 2 * 6e-3 + rest, sums.dense_s, 1e-12);
    CHECK_NEAR(4 * 1e-3 + 2 * 6e-3 + rest, sums.sparse_s, 1e-12);
    CHECK_INT(2, sums.unmeasured);
    CHECK(!spr_measured_network(v, a, batch, &sums));
    f->cases[0].inconclusive = true;
    CHECK(!spr_measured_network(v, a, half, &sums));
    f->cases[0].inconclusive = false;
}

static char *drawn(const char *name)
{
    return access(name, R_OK) == 0 ? test_read(name, NULL) : calloc(1, 1);
}

static size_t occurrences(const char *text, const char *what)
{
    size_t count = 0;
    for (; (text = strstr(text, what)); text++) {
        count++;
    }
    return count;
}

static void draws_errors(struct fixture *f)
{
    static struct spr_plot_files files;
    struct spr_error err = {0};
    struct spr_plot_request request = {.kind = SPR_PLOT_ERROR, .validation = &f->validation};
    struct spr_pattern pattern;
    CHECK_STATUS(SPR_OK, spr_plot(NULL, &request, &files, &err), &err);
    char *points = drawn("sproof-error.csv");
    /* A head, and the conclusive cases. */
    CHECK_INT(1 + 4, occurrences(points, "\n"));
    CHECK(occurrences(points, "\na,v,4x4,0.5,1.8,2,-0.1,") == 1);
    free(points);
    char *script = drawn("sproof-error.gp");
    CHECK(strstr(script, "filledcurves") != NULL);
    CHECK(strstr(script, "90 % of 4 cases within 10 %") != NULL);
    CHECK(strstr(script, "1 case was too noisy and not shown.") != NULL);
    free(script);
    spr_pattern_parse("8x8", &pattern, NULL);
    request.patterns = &pattern;
    request.pattern_count = 1;
    CHECK_STATUS(SPR_EINPUT, spr_plot(NULL, &request, &files, &err), &err);
    CHECK(strstr(err.text, "of these patterns") != NULL);
    request = (struct spr_plot_request){.kind = SPR_PLOT_ERROR};
    CHECK_INT(SPR_EINPUT, spr_plot(NULL, &request, &files, NULL));
}

static void draws_measured_points(struct fixture *f)
{
    static struct spr_plot_files files;
    static const enum spr_plot_kind kinds[] = {SPR_PLOT_SPARSITY, SPR_PLOT_SPEEDUP};
    static const char *const scripts[] = {"sproof-sparsity.gp", "sproof-speedup.gp"};
    for (size_t i = 0; i < 2; i++) {
        struct spr_error err = {0};
        struct spr_plot_request request = {.kind = kinds[i]};
        CHECK_STATUS(SPR_OK, spr_plot(&f->analysis, &request, &files, &err), &err);
        char *script = drawn(scripts[i]);
        CHECK(strstr(script, "Stars: measured") == NULL);
        free(script);
        request.validation = &f->validation;
        CHECK_STATUS(SPR_OK, spr_plot(&f->analysis, &request, &files, &err), &err);
        script = drawn(scripts[i]);
        CHECK(strstr(script, "Stars: measured, caches network; 2 operators were not") != NULL);
        CHECK_INT(2, occurrences(script, "measured speedup "));
        /* Wider than any marker, which may lie on it: point size 1 has a radius of 4.9. */
        CHECK_INT(2, occurrences(script, "\t2.04\t3\n"));
        free(script);
    }
}

static void tells_fractions(struct fixture *f)
{
    FILE *file = fopen("told.txt", "wb");
    const struct spr_result *half = spr_analysis_find(&f->analysis, "4x4@0.5", 0);
    const struct spr_result *batch = spr_analysis_find(&f->analysis, "4x4@0.5", 1);
    f->cases[0].fraction_of_bound = 0.71;
    spr_report_measured_cases(file, &f->analysis, half, &f->validation);
    spr_report_measured_cases(file, &f->analysis, batch, &f->validation); /* has none */
    fclose(file);
    char *text = drawn("told.txt");
    CHECK_INT(1, occurrences(text, "Measured here"));
    CHECK_INT(1, occurrences(text, "\n  a "));
    CHECK_INT(0, occurrences(text, "\n  b ")); /* alike */
    CHECK(strstr(text, "50%") && strstr(text, "71%"));
    free(text);
}

int main(void)
{
    struct fixture f;
    start(&f);
    finds_cases(&f);
    draws_errors(&f);
    draws_measured_points(&f);
    tells_fractions(&f);
    stop(&f);
    return test_end();
}
