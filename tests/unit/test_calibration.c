/* SPDX-License-Identifier: Apache-2.0 */
/* The calibration's time, what is interpolated when it is up, and what canaries say of its points.
 * All on a clock that moves when it is looked at: one thread, scalar tiles. */
#include <limits.h>

#include "base/mem.h"
#include "kernel/isa_code.h"
#include "probe/calibrate_list.h"
#include "probe/calibrate_points.h"
#include "probe/probe_parts.h"
#include "test.h"

static double now_s, look_s;
static double looking_clock(void)
{
    return now_s += look_s;
}

/* --- How far interpolation is off. */

#define WIDEST 8

/* Times that rise with the width, but for width 4, which takes a tenth more. */
static struct spr_tile_rates rising(int width)
{
    const double step_s = 1e-9 * width * (width == 4 ? 1.1 : 1);
    return (struct spr_tile_rates){
        .tile = {.form = SPR_TILE_MATRIX, .rows = 2, .vectors = width},
        .threads = 1,
        .x = {1, {64}, {step_s}},
        .group = {2, {1, 8}, {0, width == 5 ? 1 : 0}}}; /* of no step */
}

/* Neighbours of width 4: 2, 3.2 for 3, 4 for 4.4, 5.2 for 5; the others are on the line. */
static void test_errors(void)
{
    struct spr_tile_rates tiles[WIDEST + 3];
    struct spr_kernel_rates rates = {.tiles = tiles};
    struct spr_probe_quality quality = {.points_disturbed = 0.25};
    for (int width = WIDEST; width > 0; width--) {
        tiles[rates.count++] = rising(width);
    }
    /* Others in between: another form, another team, and what was not timed. */
    tiles[rates.count] = rising(4);
    tiles[rates.count++].tile.dense = true;
    tiles[rates.count] = rising(3);
    tiles[rates.count++].threads = 2;
    tiles[rates.count] = rising(4);
    tiles[rates.count].x.step_s[0] = 1;
    tiles[rates.count++].interpolated = true;
    CHECK(spr_check_widths(&rates, &quality));
    CHECK_INT(1, quality.tiles_interpolated);
    CHECK_INT(WIDEST - 2, quality.widths_checked);
    /* 0, 0, 0, 4 %, 6.7 %, 9.1 % */
    CHECK_NEAR(0.02, quality.error_median, 1e-12);
    CHECK_NEAR(1 - 4 / 4.4, quality.error_p90, 1e-12);
    CHECK_EXACT(0.25, quality.points_disturbed);
    rates.count = 2;
    CHECK(spr_check_widths(&rates, &quality));
    CHECK_INT(0, quality.widths_checked);
    CHECK(isnan(quality.error_median) && isnan(quality.error_p90));
}

/* --- The order of the list. */

static void test_list(void)
{
    struct spr_calibration c = {.isa = SPR_ISA_SCALAR};
    struct spr_tile_shape tiles[SPR_CALIBRATED_TILES_MAX], few[SPR_CALIBRATED_TILES_MAX];
    size_t needed, quick_needed;
    const size_t count = spr_list_tiles(&c, tiles, &needed);
    c.quick = true;
    const size_t quick = spr_list_tiles(&c, few, &quick_needed);
    CHECK(needed < quick && quick < count);
    CHECK_INT(needed, quick_needed);
    for (size_t i = 0; i < count; i++) {
        const struct spr_tile_shape *t = &tiles[i];
        const int widest = spr_widest_tile(c.isa, t->rows);
        const bool end = t->form != SPR_TILE_MATRIX || t->vectors == 1 || t->vectors == widest;
        CHECK(end == (i < needed));
        CHECK(i >= quick || spr_tile_equal(t, &few[i]));
        CHECK(i >= quick || end || (t->vectors & (t->vectors - 1)) == 0);
        if (t->form == SPR_TILE_MATRIX && t->dense) {
            CHECK(i > 0 && tiles[i - 1].rows == t->rows && !tiles[i - 1].dense);
            CHECK_INT(t->vectors, tiles[i - 1].vectors);
        }
    }
    CHECK(tiles[quick].vectors % 2 == 0 && tiles[count - 1].vectors % 2 == 1);
}

/* --- A calibration of tiles whose time is up. */

static size_t interpolated(const struct spr_kernel_rates *rates)
{
    size_t count = 0;
    for (size_t i = 0; i < rates->count; i++) {
        count += rates->tiles[i].interpolated;
    }
    return count;
}

/* Canaries that are slow from one reading on, until another. */
struct fake_canaries {
    struct spr_canaries canaries; /* first */
    int readings, slow_from, slow_until;
};

static double fake_read(struct spr_canaries *canaries, enum spr_canary canary)
{
    struct fake_canaries *fake = (struct fake_canaries *)(void *)canaries;
    const int reading = fake->readings++;
    CHECK(canary != SPR_CANARY_MEMORY);
    return reading >= fake->slow_from && reading < fake->slow_until ? 1.3e-6 : 1e-6;
}

static struct fake_canaries fake_of(int slow_from, int slow_until)
{
    return (struct fake_canaries){
        .canaries = {.read = fake_read, .least_s = {1e-6, 1e-6, (double)NAN}},
        .slow_from = slow_from,
        .slow_until = slow_until};
}

/* The rates of the tiles, how long they took. canaries: only what they find disturbed. */
static double calibrate(struct spr_least_times *least, double end_s,
                        struct fake_canaries *canaries, struct spr_kernel_rates *rates)
{
    struct spr_error err = {0};
    const struct spr_calibration c = {.isa = SPR_ISA_SCALAR,
                                      .threads = 1,
                                      .quick = true,
                                      .clock_s = looking_clock,
                                      .least = least,
                                      .end_s = end_s,
                                      .disturbed_only = canaries != NULL,
                                      .canaries = canaries ? &canaries->canaries : NULL};
    const double begin_s = now_s;
    *rates = (struct spr_kernel_rates){0};
    spr_points_begin(&c);
    CHECK_STATUS(SPR_OK, spr_calibrate(&c, rates, &err), &err);
    spr_points_end(&c);
    CHECK_INT(least->count, least->next);
    return now_s - begin_s;
}

static void test_time(void)
{
    struct spr_least_times all = {0}, some = {0}, needed = {0};
    struct spr_kernel_rates rates, again;
    look_s = 1e-3;
    const double whole_s = calibrate(&all, 0, NULL, &rates);
    const size_t tiles = rates.count, between = interpolated(&rates);
    spr_free(rates.tiles);
    CHECK(between > 0 && between < tiles);

    /* The last tiles are left out, and lie between others; none takes longer than two. */
    const double end_s = now_s + 0.9 * whole_s;
    CHECK(calibrate(&some, end_s, NULL, &rates) < whole_s);
    CHECK(now_s >= end_s && now_s < end_s + 2 * whole_s / (double)all.tiles);
    CHECK(some.tiles < all.tiles && some.count < all.count);
    CHECK_INT(tiles, rates.count);
    CHECK_INT(between + all.tiles - some.tiles, interpolated(&rates));

    /* Another round has time for more, but takes the same tiles. */
    const size_t points = some.count, timed = some.tiles;
    CHECK(calibrate(&some, 0, NULL, &again) > 0.5 * whole_s);
    CHECK_INT(points, some.count);
    CHECK_INT(timed, some.tiles);
    CHECK_INT(interpolated(&rates), interpolated(&again));
    spr_free(again.tiles);

    /* Once its time is up, it takes what is known. */
    CHECK(calibrate(&some, -1, NULL, &again) < 0.1 * whole_s);
    CHECK_INT(tiles, again.count);
    for (size_t i = 0; i < tiles && i < again.count; i++) {
        CHECK(spr_tile_equal(&rates.tiles[i].tile, &again.tiles[i].tile));
        CHECK(again.tiles[i].x.step_s[0] > 0);
        CHECK(again.tiles[i].x.step_s[0] <= rates.tiles[i].x.step_s[0]);
    }
    spr_free(again.tiles);
    spr_free(rates.tiles);

    /* No time at all: what cannot be interpolated is timed, with fewer samples. */
    const double least_s = calibrate(&needed, now_s, NULL, &rates);
    CHECK(least_s > 0.1 * whole_s && least_s < 0.5 * whole_s);
    CHECK_INT(tiles, rates.count);
    CHECK(needed.tiles < some.tiles);
    spr_free(rates.tiles);
    spr_free(all.points);
    spr_free(some.points);
    spr_free(needed.points);
}

/* --- What canaries say. */

static double time_canaries(struct spr_least_times *least, struct fake_canaries fake)
{
    struct spr_kernel_rates rates;
    const double seconds = calibrate(least, 0, &fake, &rates);
    spr_free(rates.tiles);
    return seconds;
}

static void test_canaries(void)
{
    struct spr_least_times all = {0}, half = {0};
    struct spr_kernel_rates rates;
    struct fake_canaries quiet = fake_of(0, 0);
    look_s = 1e-4;
    const double once_s = calibrate(&all, 0, &quiet, &rates);
    spr_free(rates.tiles);
    CHECK(quiet.readings > 100 && quiet.readings < 2 * (int)all.count);
    CHECK_INT(0, spr_points_disturbed(&all));
    CHECK(time_canaries(&all, quiet) < 0.01 * once_s);

    /* One of the two is slow once: what lies before and behind it is disturbed. */
    const int middle = quiet.readings / 2;
    struct spr_least_times brief = {0};
    (void)time_canaries(&brief, fake_of(middle, middle + 1));
    const size_t few = spr_points_disturbed(&brief);
    CHECK(few > 0 && few < brief.count / 20);
    (void)time_canaries(&brief, fake_of(0, INT_MAX));
    CHECK_INT(few, spr_points_disturbed(&brief)); /* what was quiet once remains so */
    spr_free(brief.points);

    /* The reading before the first trial speaks for it as well. */
    struct spr_least_times first = {0};
    (void)time_canaries(&first, fake_of(0, 1));
    CHECK(!first.points[0].quiet && first.points[first.count - 1].quiet);
    spr_free(first.points);

    /* All of the second half: it is timed once more. */
    (void)time_canaries(&half, fake_of(middle, INT_MAX));
    const double share = (double)spr_points_disturbed(&half) / (double)half.count;
    CHECK(share > 0.3 && share < 0.7);
    CHECK_NEAR(share * once_s, time_canaries(&half, fake_of(0, 0)), 0.2 * once_s);
    CHECK_INT(0, spr_points_disturbed(&half));
    CHECK_INT(all.count, half.count);
    spr_free(all.points);
    spr_free(half.points);
}

/* More than a tenth is too much. */
static void test_doubtful(void)
{
    struct spr_probe probe = {.threads = 1, .quality.points_disturbed = (double)NAN};
    CHECK(!spr_probe_doubtful(&probe));
    probe.quality.points_disturbed = 0.1;
    CHECK(!spr_probe_doubtful(&probe));
    probe.quality.points_disturbed = 0.11;
    CHECK(spr_probe_doubtful(&probe));
}

/* --- All of the kernels' calibration. */

static double probe_kernels(double seconds, struct fake_canaries *fake,
                            struct spr_probe *probe)
{
    static const enum spr_isa isas[] = {SPR_ISA_SCALAR};
    const struct spr_probe_options options = {.quick = true, .clock_s = looking_clock};
    const double begin_s = now_s;
    const struct spr_probe_sets sets = {.isas = isas,
                                        .count = 1,
                                        .end_s = begin_s + seconds,
                                        .canaries = fake ? &fake->canaries : NULL};
    struct spr_error err = {0};
    *probe = (struct spr_probe){.threads = 1};
    CHECK_STATUS(SPR_OK, spr_probe_kernels(&options, &sets, probe, &err), &err);
    return now_s - begin_s;
}

/* Disturbed all the time: three rounds, in vain. A slower machine is done in the time of one, with
 * fewer tiles; functions and the layout nk are never left out. */
static void test_budget(void)
{
    struct fake_canaries never = fake_of(0, INT_MAX), quiet = fake_of(0, 0);
    struct spr_probe whole, slow;
    look_s = 1e-4;
    const double once_s = probe_kernels(1e9, &never, &whole) / 3;
    CHECK_EXACT(1, whole.quality.points_disturbed);
    CHECK(whole.quality.widths_checked > 0 && whole.quality.error_p90 >= 0);
    look_s *= 1.1;
    CHECK(probe_kernels(once_s, &quiet, &slow) < 1.03 * once_s);
    CHECK_EXACT(0, slow.quality.points_disturbed);
    CHECK_INT(whole.kernels.count, slow.kernels.count);
    CHECK_INT(whole.kernels.function_count, slow.kernels.function_count);
    CHECK(slow.quality.tiles_interpolated > whole.quality.tiles_interpolated);
    CHECK(slow.kernels.call_s > 0);
    spr_probe_free(&slow);
    spr_probe_free(&whole);
}

int main(void)
{
    test_errors();
    test_list();
    test_time();
    test_canaries();
    test_doubtful();
    test_budget();
    return test_end();
}
