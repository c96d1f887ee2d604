/* SPDX-License-Identifier: Apache-2.0 */
/* The expected time from made-up rates: every part by hand. */
#include "sproof/schedule.h"
#include "test.h"

/* One lane, so that counts are easy: a step of R x T takes R*T ns, more when X is beyond 10 KB
 * or W beyond 1 MB; a row group 10 ns, 4 more in a later panel. */
static struct spr_tile_rates tiles[200];
static struct spr_kernel_rates kernels = {
    .tiles = tiles, .call_s = 1e-7, .parallel_s = 3e-7, .parallel_threads = 2};
static struct spr_machine machine = {.name = "host", .kernels = &kernels};

static void add_tile(struct spr_tile_shape tile, double step_s)
{
    tiles[kernels.count++] = (struct spr_tile_rates){
        .isa = SPR_ISA_SCALAR,
        .threads = 1,
        .tile = tile,
        .x = {2, {1e4, 1e7}, {step_s, 4 * step_s}},
        .w = {2, {1e6, 1e9}, {step_s, 3 * step_s}},
        .group = {2, {1, 100}, {10e-9, 10e-9}},
        .panel_group_s = 4e-9,
        .unaligned = {1, {1e3}, {step_s}},
    };
}

static void make_tiles(void)
{
    static const int heights[] = {1, 2, 4, 6, 8, 12, 16, 24};
    for (size_t h = 0; h < COUNT_OF(heights); h++) {
        for (int t = 1; t <= 8; t++) {
            struct spr_tile_shape tile = {
                .form = SPR_TILE_MATRIX, .rows = heights[h], .vectors = t};
            add_tile(tile, heights[h] * t * 1e-9);
            tile.dense = true;
            add_tile(tile, heights[h] * t * 1e-9);
        }
    }
    for (int t = 12; t >= 4; t -= 4) {
        /* An interleaved input takes 2 ns; a row group 30 ns more where rows of Y compete. */
        const struct spr_tile_shape tile = {
            .form = SPR_TILE_TOKENS, .vectors = 1, .chunk = 1, .tokens = t};
        add_tile(tile, t * 1e-9);
        tiles[kernels.count - 1].y = (struct spr_sweep){1, {4096}, {30e-9}};
        tiles[kernels.count - 1].input = (struct spr_sweep){1, {1e3}, {2e-9}};
    }
    struct spr_tile_shape tile = {.form = SPR_TILE_VECTOR, .vectors = 1};
    add_tile(tile, 2e-9);
    tile.chunk = 1;
    for (tile.vectors = 4; tile.vectors >= 1; tile.vectors /= 2) {
        add_tile(tile, tile.vectors * 1e-9);
    }
}

static struct spr_expected expect_in(enum spr_layout layout, const char *pattern, int64_t m,
                                     int64_t k, int64_t n, double kept)
{
    struct spr_error err = {0};
    struct spr_expected out = {0};
    struct spr_expected_case of = {.m = m,
                                   .k = k,
                                   .n = n,
                                   .kept = kept,
                                   .threads = 1,
                                   .isa = SPR_ISA_SCALAR,
                                   .layout = layout,
                                   .residency = SPR_RESIDENCY_WARM};
    CHECK_STATUS(SPR_OK, spr_pattern_parse(pattern, &of.pattern, &err), &err);
    /* By the rules of thumb: which plan is best is another test's matter. */
    struct spr_plan plan =
        layout == SPR_LAYOUT_NK
            ? spr_plan_choose_nk(&of.pattern, of.isa, of.m, of.k, of.n, of.kept, of.threads)
            : spr_plan_choose(&of.pattern, of.isa, of.m, of.k, of.n, of.kept, of.threads);
    CHECK(spr_expected_of_plan(&machine, &of, &plan, &out));
    double sum = 0;
    for (int i = 0; i < SPR_LIMIT_COUNT; i++) {
        CHECK(out.part_s[i] >= 0);
        sum += out.part_s[i];
    }
    CHECK_NEAR(out.time_s, sum, 1e-12);
    return out;
}

static struct spr_expected expect(const char *pattern, int64_t m, int64_t k, int64_t n,
                                  double kept)
{
    return expect_in(SPR_LAYOUT_KN, pattern, m, k, n, kept);
}

static void test_counts(void)
{
    /* csr: 20 weights, 5 rows, 4 columns of X in one tile; X is 10 x 16 B */
    struct spr_expected e = expect("csr", 5, 10, 4, 20);
    CHECK_NEAR(20 * 4e-9 + 5 * 10e-9 + 1e-7, e.time_s, 1e-9);
    CHECK_NEAR(5 * 10e-9, e.part_s[SPR_LIMIT_SEGMENTS], 1e-9);
    CHECK_NEAR(1e-7, e.part_s[SPR_LIMIT_CALL], 1e-9);
    CHECK_NEAR(20 * 4e-9, e.part_s[SPR_LIMIT_FMA], 1e-9);
    CHECK_TEXT("spr_spmm_csr_f32__scalar", e.kernel);
    CHECK_INT(SPR_LIMIT_CALL, e.limit);
    /* two tiles of 8 along 16 columns: twice the row groups */
    e = expect("csr", 5, 10, 16, 20);
    CHECK_NEAR(20 * 16e-9 + 10 * 10e-9 + 1e-7, e.time_s, 1e-9);
    /* a dense matrix multiplies everything whatever its tile is */
    e = expect("dense", 24, 10, 4, 240);
    CHECK_NEAR(240 * 4e-9, e.part_s[SPR_LIMIT_FMA], 1e-9);
    /* blocks of 2 x 1: one step for both rows */
    e = expect("2x1", 6, 10, 4, 12);
    CHECK_NEAR(24 * 4e-9, e.part_s[SPR_LIMIT_FMA], 1e-9);
    CHECK_NEAR(3 * 10e-9, e.part_s[SPR_LIMIT_SEGMENTS], 1e-9);
    /* comp:4: a fourth of the columns in each row, 5 rows as well as 8 */
    e = expect("comp:4", 5, 12, 4, 24);
    CHECK_NEAR(15 * 4e-9, e.part_s[SPR_LIMIT_FMA], 1e-9);
    /* n = 1: 1 ns a weight, a row group a row */
    e = expect("csr", 5, 10, 1, 20);
    CHECK_NEAR(20 * 1e-9 + 5 * 10e-9 + 1e-7, e.time_s, 1e-9);
}

/* X beyond 10 KB: steps grow with the logarithm of the tile's bytes; rows of X that are met
 * for the first time come from where all of W, X and Y are. */
static void test_far_x(void)
{
    struct spr_expected near = expect("4x1", 40, 50, 4, 50);
    struct spr_expected far = expect("4x1", 400, 3000, 4, 500);
    CHECK_EXACT(0, near.part_s[SPR_LIMIT_X]);
    double bytes = 3000 * 16.0, all = 500 * 18 + 16.0 * (3000 + 400);
    double per_step = 16e-9 * 3 * log(bytes / 1e4) / log(1e3);
    double first = 16e-9 * 3 * log(all / bytes) / log(1e3);
    double met = 3000 * (1 - exp(-500.0 / 3000));
    CHECK_NEAR(500 * per_step + met * first, far.part_s[SPR_LIMIT_X], 1e-9);
    CHECK_INT(SPR_LIMIT_X, far.limit);
}

/* By the rules of thumb. */
static bool by_usual_plan(const struct spr_expected_case *of, struct spr_expected *out)
{
    struct spr_plan plan =
        spr_plan_choose(&of->pattern, of->isa, of->m, of->k, of->n, of->kept, of->threads);
    return spr_expected_of_plan(&machine, of, &plan, out);
}

/* Cold weights come from the farthest level whatever their size; warm ones by size. */
static void test_residency(void)
{
    struct spr_error err = {0};
    struct spr_expected warm, cold, network;
    struct spr_expected_case of = {.m = 100,
                                   .k = 60,
                                   .n = 4,
                                   .kept = 600,
                                   .threads = 1,
                                   .isa = SPR_ISA_SCALAR,
                                   .residency = SPR_RESIDENCY_WARM};
    CHECK_STATUS(SPR_OK, spr_pattern_parse("csr", &of.pattern, &err), &err);
    CHECK(by_usual_plan(&of, &warm));
    of.residency = SPR_RESIDENCY_COLD;
    CHECK(by_usual_plan(&of, &cold));
    of.residency = SPR_RESIDENCY_NETWORK;
    of.network_bytes = 1e9;
    CHECK(by_usual_plan(&of, &network));
    CHECK_EXACT(0, warm.part_s[SPR_LIMIT_W]);
    CHECK_NEAR(600 * 2 * 4e-9, cold.part_s[SPR_LIMIT_W], 1e-9);
    CHECK_NEAR(cold.time_s, network.time_s, 1e-9);
    of.network_bytes = 1e3;
    CHECK(by_usual_plan(&of, &network));
    CHECK_NEAR(warm.time_s, network.time_s, 1e-9);
}

/* Two threads: half the rows each, an odd row more than half. */
static void test_threads(void)
{
    struct spr_error err = {0};
    struct spr_expected two;
    struct spr_expected_case of = {.m = 5,
                                   .k = 10,
                                   .n = 4,
                                   .kept = 20,
                                   .threads = 2,
                                   .isa = SPR_ISA_SCALAR,
                                   .residency = SPR_RESIDENCY_WARM};
    CHECK_STATUS(SPR_OK, spr_pattern_parse("csr", &of.pattern, &err), &err);
    CHECK(spr_expected_time(&machine, &of, &two));
    CHECK_NEAR(12 * 4e-9 + 3 * 10e-9 + 3e-7, two.time_s, 1e-9);
}

/* Two blocks of two columns in every row; 16 tokens are 12 and 4. */
static void test_tokens(void)
{
    struct spr_expected e = expect_in(SPR_LAYOUT_NK, "1x2", 1008, 10, 16, 2016);
    CHECK_NEAR(160 * 2e-9, e.part_s[SPR_LIMIT_X], 1e-9);
    /* 4 bytes times 1008 are 63 cache lines: the tokens' rows spread. */
    CHECK_NEAR(2 * 1008 * 10e-9, e.part_s[SPR_LIMIT_SEGMENTS], 1e-9);
    CHECK_NEAR((4032 * 16 + 160 * 2 + 2016 * 10 + 100) * 1e-9, e.time_s, 1e-9);
    /* Times 1024 they are 4 KiB: 12 tokens' rows find no place, of 4 all do. */
    e = expect_in(SPR_LAYOUT_NK, "1x2", 1024, 10, 16, 2048);
    CHECK_NEAR(1024 * (2 * 10 + 30) * 1e-9, e.part_s[SPR_LIMIT_SEGMENTS], 1e-9);
    /* Times 512 they are 2 KiB, which are two places of eight. */
    e = expect_in(SPR_LAYOUT_NK, "1x2", 512, 10, 16, 1024);
    CHECK_NEAR(512 * 2 * 10 * 1e-9, e.part_s[SPR_LIMIT_SEGMENTS], 1e-9);
}

/* comp:P with one token on vectors of 16: a step is one weight of each of 16 rows. */
static void test_comp(void)
{
    static const struct {
        const char *pattern;
        double steps, step_s, groups; /* 0 groups: not in this form */
    } rows[] = {
        {"comp:16", 3 * 5, 1e-9, 3},                              /* 40 rows, 70 columns */
        {"comp:10", 3 * 7, 1e-9, 3}, {"comp:32", 3 * 3, 7e-9, 3}, /* out of two vectors */
        {"comp:64", 3 * 3, 7e-9, 3},                              /* half of each step */
        {"comp:34", 3 * 5, 7e-9, 3},                              /* 17 columns a step */
        {"comp:37", 0, 0, 0}, /* prime: a step would have one column */
    };
    const size_t before = kernels.count;
    if (!spr_isa_usable(SPR_ISA_AVX512)) {
        return;
    }
    for (int inputs = 1; inputs <= 2; inputs++) {
        add_tile((struct spr_tile_shape){.form = SPR_TILE_COMP, .vectors = inputs},
                 inputs == 1 ? 1e-9 : 7e-9);
        tiles[kernels.count - 1].isa = SPR_ISA_AVX512;
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_error err = {0};
        struct spr_expected out = {0};
        struct spr_expected_case of = {.m = 40,
                                       .k = 70,
                                       .n = 1,
                                       .kept = 210,
                                       .threads = 1,
                                       .isa = SPR_ISA_AVX512,
                                       .residency = SPR_RESIDENCY_WARM};
        test_row = rows[i].pattern;
        CHECK_STATUS(SPR_OK, spr_pattern_parse(rows[i].pattern, &of.pattern, &err), &err);
        const bool known = spr_expected_time(&machine, &of, &out);
        CHECK(known == (rows[i].groups > 0));
        if (known) {
            CHECK_NEAR(rows[i].steps * rows[i].step_s + rows[i].groups * 10e-9 + 1e-7,
                       out.time_s, 1e-9);
        }
    }
    test_row = "";
    kernels.count = before;
}

static void test_unknown(void)
{
    struct spr_error err = {0};
    struct spr_expected out;
    struct spr_machine bare = {.name = "file"};
    struct spr_expected_case of = {
        .m = 8, .k = 8, .n = 4, .kept = 16, .threads = 1, .isa = SPR_ISA_SCALAR};
    CHECK_STATUS(SPR_OK, spr_pattern_parse("csr", &of.pattern, &err), &err);
    CHECK(!spr_expected_time(&bare, &of, &out));
    CHECK_STATUS(SPR_OK, spr_pattern_parse("4:2:8", &of.pattern, &err), &err);
    CHECK(!spr_expected_time(&machine, &of, &out));
}

int main(void)
{
    make_tiles();
    test_counts();
    test_far_x();
    test_residency();
    test_threads();
    test_tokens();
    test_comp();
    test_unknown();
    return test_end();
}
