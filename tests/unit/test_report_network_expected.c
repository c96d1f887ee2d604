/* SPDX-License-Identifier: Apache-2.0 */
/* What people and programs are shown of expected times: they lead, the bound stands second,
 * and where nothing is expected neither is mentioned. */
#include "test.h"

#include "expected.h"
#include "machine.h"
#include "sproof/plot.h"
#include "sproof/report.h"

#define CPU                                                                                   \
    "{\"schema\":\"sproof/machine\",\"schema_version\":1,\"name\":\"cpu\",\"cores\":4,"       \
    "\"engines\":[{\"name\":\"fma\",\"dtypes\":[\"f32\"],\"flops_per_s\":{\"value\":1e11,"    \
    "\"low\":9e10,\"high\":1.2e11},\"accepts\":[\"any\"]}],\"memory\":[{\"level\":\"DRAM\","  \
    "\"bytes_per_s\":1e11}],\"overhead_s\":1e-6}"

#define NET                                                                                   \
    "layer,m,k,n,op,count,bytes,variant,pattern,sparsity,accuracy\n"                          \
    "a,512,256,64,,3,,,,,90\nb.c,128,128,49,conv,1,,,,,\nsoft,,,,other,2,4000,,,,\n"          \
    "qk,128,128,64,attention,1,,,,,\n"                                                        \
    "a,,,,,,,v,4x4,0.75,89\na,,,,,,,w,csr,0.5,89.5\na,,,,,,,u,4:2:8,,88\n"

struct setup {
    struct spr_network network;
    struct spr_machine machine;
    struct spr_options options;
    struct spr_analysis analysis;
};

/* all: also the variant that no kernel runs. */
static void start(struct setup *s, bool probed, bool all)
{
    struct spr_error err = {0};
    struct spr_pattern patterns[2];
    *s = (struct setup){.options = {.dtype = SPR_F32, .batches = {1, 8}, .batch_count = 2}};
    s->machine = test_machine_of(CPU);
    s->machine.kernels = probed ? &fake_kernels : NULL;
    test_write("net.csv", NET);
    CHECK_STATUS(SPR_OK, spr_network_read("net.csv", &s->network, NULL, &err), &err);
    CHECK_INT(SPR_OK, spr_pattern_parse("4x4", &patterns[0], NULL));
    CHECK_INT(SPR_OK, spr_pattern_parse("csr", &patterns[1], NULL));
    if (!all) {
        CHECK_STATUS(SPR_OK, spr_network_filter(&s->network, patterns, 2, &err), &err);
    }
    CHECK_STATUS(SPR_OK,
                 spr_analyze(&s->network, &s->machine, &s->options, &s->analysis, &err), &err);
}

static void stop(struct setup *s)
{
    s->machine.kernels = NULL;
    spr_analysis_free(&s->analysis);
    spr_network_free(&s->network);
    spr_machine_free(&s->machine);
}

static void narrow(const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        if (length > 80) {
            printf("%.*s\n", (int)length, text);
        }
        CHECK(length <= 80);
        text += length + (text[length] == '\n');
    }
}

/* Each fragment is there, in this order. */
static void in_order(const char *text, const char *const *fragments)
{
    const char *at = text;
    for (; *fragments; fragments++) {
        test_row = *fragments;
        const char *next = strstr(at, *fragments);
        CHECK(next != NULL);
        at = next ? next : at;
    }
    test_row = "";
}

static char *answer(const struct setup *s, enum spr_format format, bool layers)
{
    struct spr_record_head head = {.command = "x", .created = "y"};
    struct spr_report report = {.format = format, .layers = layers};
    FILE *file = fopen("answer", "wb");
    CHECK_INT(SPR_OK, spr_report_write(file, &s->analysis, &head, &report, NULL));
    fclose(file);
    return test_read("answer", NULL);
}

static void answers(void)
{
    static const char *const table[] = {
        "expected: sproof's own kernels, avx2, 4 threads, residency network",
        "Expected, not measured; the bound is the hardware potential.",
        "Fastest here: v",
        "x expected: ",
        "bound ",
        " over the rates' range",
        "kernel against bound",
        "expected  bound     both",
        "limited by",
        "expected at batch",
        "bound, not expected",
        "Expected: operators that no kernel was timed for",
        "convolutions run as a product",
        NULL};
    static const char *const markdown[] = {"| expected |", "bound |", ": expected ",
                                           "; bound ", NULL};
    static const char *const partial[] = {"Fastest here: v",
                                          "no kernel for it is known on this machine",
                                          "expected at batch", NULL};
    struct setup s;
    start(&s, true, false);
    char *text = answer(&s, SPR_FORMAT_TABLE, true);
    in_order(text, table);
    narrow(text);
    CHECK(strstr(text, "even at") == NULL ||
          strstr(text, "Layers of") < strstr(text, "even at"));
    free(text);
    text = answer(&s, SPR_FORMAT_MD, true);
    in_order(text, markdown);
    free(text);
    stop(&s);
    start(&s, true, true);
    text = answer(&s, SPR_FORMAT_TABLE, false);
    in_order(text, partial);
    narrow(text);
    free(text);
    stop(&s);
    start(&s, false, false);
    text = answer(&s, SPR_FORMAT_TABLE, true);
    CHECK(strstr(text, "xpected") == NULL && strstr(text, "Hardware potential") != NULL);
    free(text);
    stop(&s);
}

static char *explanation(const struct setup *s, enum spr_format format)
{
    struct spr_measured measured = {42e-3, 30e-3};
    struct spr_explanation e = {.result = spr_analysis_find(&s->analysis, "w", 0),
                                .measured = &measured};
    spr_explain_waterfall(&s->analysis, e.result, &measured, &e.waterfall);
    FILE *file = fopen("explanation", "wb");
    CHECK_INT(SPR_OK, spr_report_explanation(file, &s->analysis, &e, format, NULL));
    fclose(file);
    return test_read("explanation", NULL);
}

static void explanations(void)
{
    static const char *const table[] = {"x expected\nbound: ",
                                        "hardware potential",
                                        "kernel against bound",
                                        "of its bound",
                                        "your runtime",
                                        "Layers better left dense: 3 of 3",
                                        "(bound)",
                                        "expected: rows of X from L2;",
                                        "bound, not expected",
                                        "dense",
                                        " ms expected: ",
                                        "of it reached",
                                        "of the bound reached",
                                        "sparse",
                                        "of it reached",
                                        "of the bound reached",
                                        "x expected\n",
                                        NULL};
    static const char *const json[] = {"\"expected_speedup\":0.",
                                       "\"expected_dense_time_s\":",
                                       "\"expected_time_s\":",
                                       "\"dense_fraction_of_bound\":",
                                       "\"dense_fraction_of_expected\":",
                                       "\"sparse_fraction_of_expected\":",
                                       "\"kernel against bound\"",
                                       NULL};
    struct setup s;
    start(&s, true, false);
    char *text = explanation(&s, SPR_FORMAT_TABLE);
    in_order(text, table);
    narrow(text);
    free(text);
    text = explanation(&s, SPR_FORMAT_JSON);
    in_order(text, json);
    free(text);
    stop(&s);
    start(&s, false, false);
    text = explanation(&s, SPR_FORMAT_JSON);
    CHECK(strstr(text, "expected") == NULL);
    free(text);
    stop(&s);
}

/* Times of some layers: the others as expected, and both shares of both kernels. */
static void own_times(void)
{
    static const char *const fragments[] = {"with your layers, the others as expected",
                                            "expected",
                                            "dense at",
                                            "something else",
                                            "percent of the expected time / of the bound",
                                            NULL};
    struct setup s;
    struct spr_times times;
    start(&s, true, false);
    struct spr_explanation e = {.result = spr_analysis_find(&s.analysis, "w", 0)};
    test_write("times.csv", "layer,dense_s,sparse_s\na,1e-1,1e-1\n");
    CHECK_INT(SPR_OK, spr_times_read("times.csv", &s.analysis, e.result, &times, NULL, NULL));
    spr_times_sum(&times, &s.analysis, e.result, &e.sums);
    e.times = &times;
    e.measured = &e.sums.network;
    const struct spr_layer_expected *dense = spr_analysis_expected_dense(&s.analysis, 0, 0);
    CHECK_NEAR(3 * dense[0].time_s, e.sums.expected.dense_s, 1e-12);
    CHECK_NEAR(3 * e.result->layers[0].expected.time_s, e.sums.expected.sparse_s, 1e-12);
    CHECK_NEAR(0.3 + dense[1].time_s + 2 * dense[2].time_s + dense[3].time_s,
               e.sums.network.dense_s, 1e-12);
    spr_explain_waterfall(&s.analysis, e.result, e.measured, &e.waterfall);
    FILE *file = fopen("explanation", "wb");
    CHECK_INT(SPR_OK, spr_report_explanation(file, &s.analysis, &e, SPR_FORMAT_TABLE, NULL));
    fclose(file);
    char *text = test_read("explanation", NULL), shares[64];
    in_order(text, fragments);
    narrow(text);
    snprintf(shares, sizeof shares, "%.3g/%.3g%%", 100 * dense->time_s / 0.1,
             100 * s.analysis.dense[0].time_s / 0.1);
    CHECK(strstr(text, shares) != NULL);
    free(text);
    spr_times_free(&times);
    stop(&s);
}

/* The last cell of the first row of points. */
static double last_cell(const char *csv)
{
    const char *row = strchr(csv, '\n');
    const char *end = row ? strchr(row + 1, '\n') : NULL;
    const char *cell = end;
    while (cell && cell > row && *cell != ',') {
        cell--;
    }
    return cell ? strtod(cell + 1, NULL) : (double)NAN;
}

static void pictures(void)
{
    static const struct {
        const char *file, *column;
    } rows[] = {{"p-speedup.csv", ",expected_speedup\n"},
                {"p-sparsity.csv", ",expected_speedup\n"},
                {"p-layers.csv", ",expected_dense_time_s,expected_time_s,dense_fma_s,fma_s,"},
                {"p-waterfall.csv", "kernel against bound"},
                {"p-speedup.gp", "expected of sproof"},
                {"p-sparsity.gp", "Markers, Amdahl ceiling: expected."},
                {"p-layers.gp", "Bars: expected; thin line across: bound"},
                {"p-roofline.gp", "hardware potential (roofline bound)"}};
    for (int probed = 0; probed < 2; probed++) {
        struct setup s;
        struct spr_plot_files written;
        struct spr_plot_request request = {
            .kind = SPR_PLOT_ALL, .output = "p", .variant = "v"};
        start(&s, probed, false);
        (void)spr_plot(&s.analysis, &request, &written, NULL);
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            char *text = test_read(rows[i].file, NULL);
            test_row = rows[i].file;
            CHECK((strstr(text, rows[i].column) != NULL) ==
                  (probed || strcmp(rows[i].file, "p-roofline.gp") == 0));
            free(text);
        }
        test_row = "";
        char *points = test_read("p-speedup.csv", NULL);
        if (probed) {
            CHECK_NEAR(s.analysis.results[0].expected.speedup, last_cell(points), 1e-9);
        }
        free(points);
        stop(&s);
    }
}

int main(void)
{
    answers();
    explanations();
    own_times();
    pictures();
    return test_end();
}
