/* SPDX-License-Identifier: Apache-2.0 */
/* What pictures say of themselves: of what they show and of nothing else. Held on the scripts,
 * which are written without gnuplot too. */
#include "test.h"

#include <unistd.h>

#include "machine.h"
#include "sproof/plot.h"

/* The last two operators take under 1 % of the time. */
#define TABLE                                                                                 \
    "layer,m,k,n,op,count,prunable\na,4096,4096,8,,10,\nb,64,64,8,,1,0\nc,64,32,8,,1,0\n"

struct fixture {
    struct spr_network network;
    struct spr_machine machine;
    struct spr_analysis analysis;
};

static void start(struct fixture *f)
{
    static const double sparsities[] = {0.5, 0.75};
    struct spr_pattern patterns[2];
    struct spr_grid grid = {patterns, 2, sparsities, 2};
    struct spr_options options = {.dtype = SPR_F16, .batches = {1}, .batch_count = 1};
    struct spr_error err = {0};
    *f = (struct fixture){.machine = test_machine()};
    test_write("net.csv", TABLE);
    CHECK_STATUS(SPR_OK, spr_network_read("net.csv", &f->network, NULL, &err), &err);
    CHECK_STATUS(SPR_OK, spr_pattern_parse("4x4", &patterns[0], &err), &err);
    CHECK_STATUS(SPR_OK, spr_pattern_parse("2:4", &patterns[1], &err), &err);
    CHECK_STATUS(SPR_OK, spr_network_add_grid(&f->network, &grid, &err), &err);
    CHECK_STATUS(SPR_OK, spr_analyze(&f->network, &f->machine, &options, &f->analysis, &err),
                 &err);
    CHECK_INT(3, f->analysis.result_count);
}

static void stop(struct fixture *f)
{
    spr_analysis_free(&f->analysis);
    spr_network_free(&f->network);
    spr_machine_free(&f->machine);
}

/* The script of a picture of one pattern, NULL: of all. To be freed. */
static char *drawn(const struct fixture *f, enum spr_plot_kind kind, const char *pattern)
{
    static struct spr_plot_files files;
    struct spr_pattern asked;
    struct spr_error err = {0};
    struct spr_plot_request request = {.kind = kind};
    if (pattern) {
        CHECK_STATUS(SPR_OK, spr_pattern_parse(pattern, &asked, &err), &err);
        request.patterns = &asked;
        request.pattern_count = 1;
    }
    CHECK_STATUS(SPR_OK, spr_plot(&f->analysis, &request, &files, &err), &err);
    char *script = files.count > 0 ? test_read(files.name[0], NULL) : calloc(1, 1);
    for (size_t i = 0; i < files.count; i++) {
        unlink(files.name[i]);
    }
    return script;
}

struct row {
    const char *pattern;
    double fastest; /* of 4x4, the other is 0.8 times as fast as dense */
    bool expected;
    bool crosses, ceiling, highest; /* what is said */
    const char *markers;            /* NULL: nothing */
};

static void check_speedup(struct fixture *f, const struct row *row)
{
    struct spr_result *results = f->analysis.results;
    f->analysis.expected_leads = row->expected;
    for (size_t i = 0; i < f->analysis.result_count; i++) {
        bool first = results[i].variant->sparsity < 0.6;
        results[i].speedup = results[i].expected.speedup = first ? 0.8 : row->fastest;
        results[i].amdahl_ceiling = results[i].expected.amdahl_ceiling = 3;
    }
    char *script = drawn(f, SPR_PLOT_SPEEDUP, row->pattern);
    test_row = row->pattern ? row->pattern : "all";
    CHECK_INT(row->crosses, strstr(script, "Crosses: break-even") != NULL);
    CHECK_INT(row->ceiling, strstr(script, "Activation ceiling: W") != NULL);
    CHECK_INT(row->ceiling, strstr(script, "title 'activation ceiling") != NULL);
    CHECK_INT(row->highest, strstr(script, "the highest of the patterns") != NULL);
    CHECK_INT(row->markers != NULL, strstr(script, "'Markers") != NULL);
    CHECK(!row->markers || strstr(script, row->markers) != NULL);
    test_row = "";
    free(script);
}

/* The legend of the picture of speedups, and of that of accuracy where it says the same. */
static void explains_what_is_drawn(struct fixture *f)
{
    static const char both[] = "Markers, Amdahl ceiling: expected; thin lines: bound.";
    static const char points[] = "Markers, Amdahl ceiling: expected.";
    static const struct row rows[] = {
        {NULL, 1.5, false, true, true, true, NULL},
        {NULL, 0.9, false, false, true, true, NULL},
        {"4x4", 1.5, false, true, true, false, NULL},
        {"2:4", 1.5, false, false, false, false, NULL},
        {"4x4", 1.5, true, true, true, false, both},
        {"4x4", 0.9, true, false, true, false, both},
        {"2:4", 1.5, true, false, false, false, points},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        check_speedup(f, &rows[i]);
    }
    char *script = drawn(f, SPR_PLOT_SPARSITY, "2:4");
    CHECK(strstr(script, points) != NULL);
    free(script);
    for (size_t i = 0; i < f->analysis.result_count; i++) {
        f->analysis.results[i].expected.amdahl_ceiling = (double)NAN;
    }
    script = drawn(f, SPR_PLOT_SPEEDUP, "4x4");
    CHECK(strstr(script, "'Markers: expected; thin lines: bound.") != NULL);
    free(script);
    f->analysis.expected_leads = false;
}

static void explains_bare_circles(struct fixture *f)
{
    char *script = drawn(f, SPR_PLOT_ROOFLINE, NULL);
    CHECK(strstr(script, "set label '1:  100 %  10x a 4096x4096, n 8'") != NULL);
    CHECK(strstr(script, "set label '2:") == NULL);
    CHECK(strstr(script, "set label 'no number:  0.0047 %  all others'") != NULL);
    free(script);
}

/* The same, of a table whose operators all have a number. */
static void all_circles_numbered(void)
{
    struct fixture f;
    start(&f);
    f.network.layer_count = 1;
    char *script = drawn(&f, SPR_PLOT_ROOFLINE, NULL);
    CHECK(strstr(script, "set label '1:") != NULL);
    CHECK(strstr(script, "no number:") == NULL);
    free(script);
    f.network.layer_count = 3;
    stop(&f);
}

int main(void)
{
    struct fixture fixture;
    start(&fixture);
    explains_bare_circles(&fixture);
    explains_what_is_drawn(&fixture);
    all_circles_numbered();
    stop(&fixture);
    return test_end();
}
