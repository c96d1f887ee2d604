/* SPDX-License-Identifier: Apache-2.0 */
/* Plans: every candidate multiplies right, the least expected time wins, winners are kept. */
#include <stdlib.h>

#include "reference.h"
#include "sproof/schedule.h"

static struct spr_expected_case case_of(const char *pattern, int64_t m, int64_t k, int64_t n)
{
    struct spr_error err = {0};
    struct spr_expected_case of = {.m = m,
                                   .k = k,
                                   .n = n,
                                   .threads = 2,
                                   .isa = spr_isa_best(),
                                   .residency = SPR_RESIDENCY_WARM};
    struct spr_shape shape = {m, k, 1};
    CHECK_STATUS(SPR_OK, spr_pattern_parse(pattern, &of.pattern, &err), &err);
    of.kept = spr_pattern_kept(&of.pattern, &shape, 0.7);
    return of;
}

/* Y by each plan, within the rounding-error bound. */
static void run_plan(const struct spr_expected_case *of, const struct spr_plan *plan,
                     const struct spr_matrix *w)
{
    struct spr_error err = {0};
    struct spr_packed packed;
    size_t xs = (size_t)(of->k * of->n), ys = (size_t)(of->m * of->n);
    float *x = calloc(xs, sizeof *x), *y = calloc(ys, sizeof *y);
    unsigned long long state = 3;
    for (size_t i = 0; i < xs; i++) {
        x[i] = (float)test_between(&state, -100, 100) / 100;
    }
    reference_poison(y, ys * sizeof *y);
    CHECK_STATUS(SPR_OK, spr_pack(plan, w, &packed, &err), &err);
    CHECK_INT(packed.bytes, spr_packed_bytes(plan, w));
    spr_kernel_run(&packed, x, y);
    struct reference r = reference_product("candidate", plan, w, x, y);
    CHECK_REFERENCE(&r);
    spr_packed_free(&packed);
    free(x);
    free(y);
}

static void test_candidates(void)
{
    static const char *const patterns[] = {"dense", "csr",  "2:4",  "4x1",
                                           "4x4",   "1x16", "32x1", "16x16"};
    static const int64_t widths[] = {1, 5, 33, 128};
    for (size_t p = 0; p < COUNT_OF(patterns); p++) {
        for (size_t i = 0; i < 2 * COUNT_OF(widths); i++) {
            struct spr_error err = {0};
            struct spr_matrix w;
            struct spr_plan plans[SPR_CANDIDATES_MAX];
            struct spr_expected_case of = case_of(patterns[p], 70, 200, widths[i / 2]);
            of.layout = i % 2 ? SPR_LAYOUT_NK : SPR_LAYOUT_KN;
            test_row = patterns[p];
            size_t count = spr_plan_candidates(&of, plans);
            CHECK(count >= 1);
            CHECK_STATUS(SPR_OK,
                         spr_matrix_random(&of.pattern, of.m, of.k, of.kept, 5, &w, &err),
                         &err);
            for (size_t c = 0; c < count; c++) {
                run_plan(&of, &plans[c], &w);
            }
            spr_matrix_free(&w);
        }
    }
}

/* Rates under which one tile is far faster than all others: it is chosen. */
static void test_choice(void)
{
    static struct spr_tile_rates tiles[100];
    struct spr_kernel_rates rates = {.tiles = tiles};
    struct spr_machine machine = {.name = "host", .kernels = &rates};
    struct spr_expected_case of = case_of("16x16", 64, 64, 64);
    static const int heights[] = {1, 2, 4, 6, 8, 12, 16, 24};
    of.threads = 1;
    for (size_t h = 0; h < COUNT_OF(heights); h++) {
        for (int t = 1; t <= 8; t++) {
            double step_s = heights[h] == 2 && t == 1 ? 1e-12 : heights[h] * t * 1e-9;
            tiles[rates.count++] = (struct spr_tile_rates){
                .isa = of.isa,
                .threads = 1,
                .tile = {.form = SPR_TILE_MATRIX, .rows = heights[h], .vectors = t},
                .x = {1, {1e4}, {step_s}},
                .w = {1, {1e4}, {step_s}},
                .y = {1, {1e4}, {0}},
                .group = {1, {1}, {1e-12}}};
        }
    }
    tiles[rates.count] = tiles[0];
    tiles[rates.count++].tile = (struct spr_tile_shape){
        .form = SPR_TILE_MATRIX, .dense = true, .rows = 8, .vectors = 1};
    struct spr_plan usual =
        spr_plan_choose(&of.pattern, of.isa, of.m, of.k, of.n, of.kept, of.threads);
    struct spr_expected fast, slow, best;
    /* Candidates of two rows use tiles of at most this width. */
    of.n = spr_isa_lanes(of.isa);
    CHECK(spr_expected_time(&machine, &of, &best));
    CHECK_INT(2, best.plan.rows);
    CHECK_INT(1, best.plan.vectors);
    usual = spr_plan_choose(&of.pattern, of.isa, of.m, of.k, of.n, of.kept, of.threads);
    CHECK(spr_expected_of_plan(&machine, &of, &usual, &slow));
    CHECK(spr_expected_of_plan(&machine, &of, &best.plan, &fast));
    CHECK(fast.time_s < slow.time_s);
    CHECK_EXACT(fast.time_s, best.time_s);
    /* A tuned plan wins whatever is expected; another density is another case. */
    struct spr_error err = {0};
    struct spr_tuned tuned = {0};
    CHECK_STATUS(SPR_OK, spr_tuned_keep(&tuned, &of, &usual, &err), &err);
    of.tuned = &tuned;
    CHECK_INT(usual.rows, spr_plan_for(&machine, &of).rows);
    of.kept /= 2;
    CHECK_INT(2, spr_plan_for(&machine, &of).rows);
    spr_tuned_free(&tuned);
}

/* Without rates: the rules of thumb. */
static void test_unknown(void)
{
    struct spr_expected_case of = case_of("4x4", 64, 64, 64);
    struct spr_plan plan = spr_plan_for(NULL, &of);
    struct spr_plan usual =
        spr_plan_choose(&of.pattern, of.isa, of.m, of.k, of.n, of.kept, of.threads);
    CHECK_INT(usual.rows, plan.rows);
    CHECK_INT(usual.vectors, plan.vectors);
    CHECK_INT(usual.panel, plan.panel);
}

static void test_file(void)
{
    struct spr_error err = {0};
    struct spr_tuned tuned = {0}, back;
    struct spr_expected_case of = case_of("4x4", 64, 96, 32);
    setenv("XDG_CACHE_HOME", ".", 1);
    CHECK_STATUS(SPR_OK, spr_tuned_read(&back, NULL, &err), &err);
    CHECK_INT(0, back.count);
    struct spr_plan plan = spr_plan_for(NULL, &of);
    CHECK_STATUS(SPR_OK, spr_tuned_keep(&tuned, &of, &plan, &err), &err);
    plan.panel = 48;
    CHECK_STATUS(SPR_OK, spr_tuned_keep(&tuned, &of, &plan, &err), &err);
    CHECK_INT(1, tuned.count); /* in the place of the older one */
    CHECK_STATUS(SPR_OK, spr_tuned_save(&tuned, &err), &err);
    CHECK_STATUS(SPR_OK, spr_tuned_read(&back, NULL, &err), &err);
    CHECK_INT(1, back.count);
    if (back.count == 1) {
        CHECK_INT(48, back.plan[0].panel);
        CHECK_INT(96, back.plan[0].k);
        CHECK_EXACT(tuned.plan[0].density, back.plan[0].density);
        CHECK(spr_pattern_equal(&tuned.plan[0].pattern, &back.plan[0].pattern));
    }
    /* Another run, that read the file when it was empty, has found another plan; neither is lost,
     * and what was only read does not take the place of what is newer. */
    struct spr_tuned other = {0};
    struct spr_expected_case second = case_of("csr", 32, 32, 8);
    struct spr_plan its = spr_plan_for(NULL, &second);
    CHECK_STATUS(SPR_OK, spr_tuned_keep(&other, &second, &its, &err), &err);
    CHECK_STATUS(SPR_OK, spr_tuned_save(&other, &err), &err);
    plan.panel = 96;
    CHECK_STATUS(SPR_OK, spr_tuned_keep(&other, &of, &plan, &err), &err);
    CHECK_STATUS(SPR_OK, spr_tuned_save(&other, &err), &err);
    CHECK_STATUS(SPR_OK, spr_tuned_save(&back, &err), &err); /* nothing fresh */
    spr_tuned_free(&back);
    CHECK_STATUS(SPR_OK, spr_tuned_read(&back, NULL, &err), &err);
    CHECK_INT(2, back.count);
    CHECK_INT(96, back.count == 2 ? back.plan[0].panel : 0);
    spr_tuned_free(&other);
    spr_tuned_free(&back);
    setenv("SPROOF_TUNED", "off", 1);
    CHECK_STATUS(SPR_OK, spr_tuned_read(&back, NULL, &err), &err);
    CHECK_INT(0, back.count);
    unsetenv("SPROOF_TUNED");
    spr_tuned_free(&tuned);
}

/* What is no tuned file is refused by name, and left out with one warning. */
static void test_hostile(void)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"", "bad.json: empty file: expected a JSON object"},
        {"{}", "bad.json: schema: expected sproof/tuned"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_error err = {0};
        struct spr_tuned tuned;
        test_write("bad.json", rows[i].text);
        CHECK_STATUS(SPR_EINPUT, spr_tuned_read_file("bad.json", &tuned, &err), &err);
        CHECK_TEXT(rows[i].expected, err.text);
        CHECK_INT(0, tuned.count);
    }
    struct spr_error err = {0};
    struct spr_notes notes = {0};
    struct spr_tuned tuned;
    test_write("sproof/tuned.json", "[1");
    CHECK_STATUS(SPR_OK, spr_tuned_read(&tuned, &notes, &err), &err);
    CHECK_INT(1, notes.count);
    /* another machine's: no error, nothing taken */
    test_write("sproof/tuned.json",
               "{\"schema\":\"sproof/tuned\",\"identity\":\"x\",\"plans\":[{}]}");
    CHECK_STATUS(SPR_OK, spr_tuned_read(&tuned, &notes, &err), &err);
    CHECK_INT(0, tuned.count);
    CHECK_INT(1, notes.count);
    spr_notes_free(&notes);
}

int main(void)
{
    test_candidates();
    test_choice();
    test_unknown();
    test_file();
    test_hostile();
    return test_end();
}
