/* SPDX-License-Identifier: Apache-2.0 */
/* Expected times of k-winner-take-all and of products with winners, on rates made up. */
#include "machine/rates_json.h"
#include "sproof/calibrate.h"
#include "sproof/expected_winners.h"
#include "test.h"

static struct spr_winner_rates made[] = {
    {.isa = SPR_ISA_SCALAR,
     .method = SPR_WTA_THRESHOLD,
     .each = {2, {400, 40000}, {2, 1}},
     .winner = {1, {400}, {5}},
     .other_s = 3},
    {.isa = SPR_ISA_SCALAR,
     .method = SPR_WTA_SORT,
     .each = {1, {400}, {1.5}},
     .winner = {1, {400}, {5}}},
    {.isa = SPR_ISA_SCALAR,
     .rows = 1,
     .each = {1, {400}, {1}},
     .winner = {1, {400}, {4}},
     .other_s = 0.5},
    {.isa = SPR_ISA_SCALAR,
     .rows = 16,
     .each = {2, {6400, 64000}, {2, 6}},
     .winner = {1, {400}, {4}},
     .other_s = 0.5},
};
static const struct spr_kernel_rates rates = {.winners = made, .winner_count = COUNT_OF(made)};

static void test_wta(void)
{
    struct spr_wta wta = {.isa = SPR_ISA_SCALAR, .channels = 100, .pixels = 1, .k = 10};
    CHECK_EXACT(100 * 2 + 10 * 5, spr_wta_expected(&rates, &wta));
    wta.k = 200; /* all win */
    CHECK_EXACT(100 * 2 + 100 * 5, spr_wta_expected(&rates, &wta));
    CHECK_INT(SPR_WTA_SORT, spr_wta_choose(&rates, &wta));
    wta.channels = 10000;
    CHECK_INT(SPR_WTA_THRESHOLD, spr_wta_choose(&rates, &wta));
    wta = (struct spr_wta){
        .isa = SPR_ISA_SCALAR, .scope = SPR_WTA_PIXEL, .channels = 100, .pixels = 4, .k = 10};
    CHECK_EXACT(4 * (100 * (2 + 3) + 10 * 5), spr_wta_expected(&rates, &wta));
    wta.scope = SPR_WTA_CHANNEL;
    CHECK_EXACT(100 * (4 * 2 + 4 * 5), spr_wta_expected(&rates, &wta));
    wta.isa = SPR_ISA_AVX2;
    CHECK(isnan(spr_wta_expected(&rates, &wta)));
    CHECK(isnan(spr_wta_expected(NULL, &wta)));
    CHECK_INT(SPR_WTA_THRESHOLD, spr_wta_choose(NULL, &wta));
}

static void test_products(void)
{
    struct spr_winners_case of = {
        .isa = SPR_ISA_SCALAR, .rows = 16, .m = 160, .k = 100, .blocks = 100, .winners = 10};
    CHECK_EXACT(160 * 0.5 + 10 * (4 + 2), spr_winners_expected(&rates, &of));
    of.passed_bytes = 64000;
    CHECK_EXACT(160 * 0.5 + 10 * (4 + 6), spr_winners_expected(&rates, &of));
    of.passed_bytes = 0;
    of.rows = 24; /* as two blocks of 16 */
    of.blocks = 50;
    CHECK_EXACT(160 * 0.5 + 10 * (4 + 0.5 * 2 * 2), spr_winners_expected(&rates, &of));
    of.rows = 1;
    of.blocks = 300;
    CHECK_EXACT(160 * 0.5 + 10 * (4 + 3), spr_winners_expected(&rates, &of));
    of.rows = 8; /* lower than any that was measured */
    CHECK(isnan(spr_winners_expected(&rates, &of)));
    CHECK(isnan(spr_winners_expected(NULL, &of)));
}

/* At the crossover both take as long. */
static void test_crossover(void)
{
    const struct spr_winners_case of = {
        .isa = SPR_ISA_SCALAR, .rows = 1, .m = 160, .k = 100, .blocks = 300};
    /* 80 for outputs, 150 to choose by sorting; 4 + 3 and 5 for each winner. */
    CHECK_NEAR(0.7, spr_winners_crossover(&rates, &of, 80 + 150 + 30 * 12), 1e-12);
    CHECK_EXACT(0, spr_winners_crossover(&rates, &of, 1e6)); /* always */
    CHECK(isnan(spr_winners_crossover(&rates, &of, 200)));   /* never */
    CHECK(isnan(spr_winners_crossover(NULL, &of, 1e6)));
    CHECK(isnan(spr_winners_crossover(&rates, &of, (double)NAN)));
}

static double now_s;
static double looking_clock(void)
{
    return now_s += 1e-5;
}

/* Writes rates into an object and reads them back. */
static void write_and_read(const struct spr_kernel_rates *from, struct spr_kernel_rates *to)
{
    struct spr_error err = {0};
    spr_json *root;
    FILE *file = fopen("rates.json", "w");
    struct spr_emit *out = spr_emit_new(file, 1);
    spr_tiles_to_json(out, NULL, from);
    spr_emit_end(out);
    fclose(file);
    CHECK_STATUS(SPR_OK, spr_json_read("rates.json", &root, &err), &err);
    CHECK_STATUS(SPR_OK, spr_tiles_from_json(root, "rates.json", to, &err), &err);
    spr_json_free(root);
}

static void check_sweep(const struct spr_sweep *expected, const struct spr_sweep *sweep)
{
    CHECK_INT(expected->count, sweep->count);
    for (size_t i = 0; i < expected->count; i++) {
        CHECK_EXACT(expected->bytes[i], sweep->bytes[i]);
        CHECK_EXACT(expected->step_s[i], sweep->step_s[i]);
    }
}

/* What is calibrated covers every method and height, and survives a file. */
static void test_calibrated(void)
{
    struct spr_kernel_rates found = {0}, read = {0};
    struct spr_error err = {0};
    const struct spr_calibration calibration = {
        .isa = SPR_ISA_SCALAR, .threads = 1, .quick = true, .clock_s = looking_clock};
    CHECK_STATUS(SPR_OK, spr_calibrate_winners(&calibration, &found, &err), &err);
    write_and_read(&found, &read);
    CHECK_INT(SPR_WTA_METHODS + 6, found.winner_count);
    CHECK_INT(found.winner_count, read.winner_count);
    for (size_t i = 0; i < read.winner_count; i++) {
        const struct spr_winner_rates *a = &found.winners[i], *b = &read.winners[i];
        CHECK(a->each.count > 0 && a->winner.count > 0);
        CHECK(a->isa == b->isa && a->rows == b->rows && a->method == b->method);
        CHECK_EXACT(a->other_s, b->other_s);
        check_sweep(&a->each, &b->each);
        check_sweep(&a->winner, &b->winner);
    }
    spr_tiles_free(&found);
    spr_tiles_free(&read);
}

/* Files of before there were any: nothing is expected. */
static void test_absent(void)
{
    const struct spr_kernel_rates none = {.call_s = 1, .parallel_s = 1, .transfer_s = 1};
    struct spr_kernel_rates read = {0};
    const struct spr_wta wta = {.isa = SPR_ISA_SCALAR, .channels = 100, .pixels = 1, .k = 10};
    write_and_read(&none, &read);
    CHECK_INT(0, read.winner_count);
    CHECK(isnan(spr_wta_expected(&read, &wta)));
    spr_tiles_free(&read);
}

int main(void)
{
    test_wta();
    test_products();
    test_crossover();
    test_calibrated();
    test_absent();
    return test_end();
}
