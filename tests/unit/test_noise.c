/* SPDX-License-Identifier: Apache-2.0 */
/* What a series of canaries says of a machine, and the canaries themselves. */
#include "base/mem.h"
#include "probe/canary.h"
#include "sproof/probe.h"
#include "test.h"
#include "validation.h"

#define STEP_S 20e-6
#define MOMENTS 50000 /* a second */

static struct spr_moment moments[MOMENTS];

/* Undisturbed for quiet_s, then not for busy_s, and so on. */
static struct spr_noise watched(double quiet_s, double busy_s)
{
    struct spr_noise noise = {0};
    for (size_t i = 0; i < MOMENTS; i++) {
        const double at_s = (double)i * STEP_S;
        moments[i] = (struct spr_moment){at_s, fmod(at_s, quiet_s + busy_s) < quiet_s};
    }
    spr_noise_of(moments, MOMENTS, &noise);
    return noise;
}

static void test_series(void)
{
    static const struct {
        const char *name;
        double quiet_s, busy_s;
        double undisturbed, longest_low, longest_high;
    } rows[] = {
        /* A visit has 0.75 s, a quarter of it for the call itself: three times 62 ms. */
        {"alone", 10, 0, 1, 0.055, 0.065},
        {"held", 0, 10, 0, 0, 0},
        /* Gaps of 2 ms: longer calls never fit, shorter ones often do. */
        {"gaps", 2e-3, 2e-3, 0.5, 1.8e-3, 2.0e-3},
        {"long spells", 50e-3, 50e-3, 0.5, 0.022, 0.026},
        {"mostly held", 0.2e-3, 9.8e-3, 0.02, 0.1e-3, 0.2e-3},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        test_row = rows[i].name;
        const struct spr_noise noise = watched(rows[i].quiet_s, rows[i].busy_s);
        CHECK_NEAR(rows[i].undisturbed, noise.undisturbed, 0.02);
        CHECK(noise.longest_s >= rows[i].longest_low &&
              noise.longest_s <= rows[i].longest_high);
    }
    test_row = "duty";
    CHECK(watched(10, 0).duty < 0.01 && watched(0, 10).duty > 0.99);
    CHECK(fabs(watched(50e-3, 50e-3).duty - 0.5) < 0.1);
    test_row = "too few";
    struct spr_noise none;
    spr_noise_of(moments, 1, &none);
    CHECK(isnan(none.undisturbed) && isnan(none.duty) && isnan(none.longest_s));
    test_row = "";
}

/* The real ones: they run, they know their quickest reading, and what was known before. */
static void test_canaries(void)
{
    const double known[SPR_CANARIES] = {1e-9, (double)NAN, 1};
    struct spr_canaries *canaries;
    struct spr_error err = {0};
    CHECK_STATUS(SPR_OK, spr_canaries_make(spr_isa_best(), 1, known, &canaries, &err), &err);
    for (int c = 0; c < SPR_CANARIES; c++) {
        double least = HUGE_VAL;
        test_row = spr_canary_name((enum spr_canary)c);
        for (int i = 0; i < 50; i++) {
            const double seconds = canaries->read(canaries, (enum spr_canary)c);
            CHECK(seconds > 0 && seconds < 1);
            least = fmin(least, seconds);
        }
        CHECK_EXACT(c == SPR_CANARY_MULTIPLY_ADD ? 1e-9 : least, canaries->least_s[c]);
    }
    test_row = "";
    spr_canaries_free(canaries);
}

static void test_threads(void)
{
    static const struct {
        double one, two;
        int fastest;
    } rows[] = {{100, 190, 2}, {100, 84, 1}, {100, 100, 2}, {(double)NAN, 100, 2}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_probe_rate rates[] = {
            {"f32_fma", "FLOP/s", NULL, SPR_ISA_AVX2, 1, rows[i].one, 1, 1},
            {"f32_fma", "FLOP/s", NULL, SPR_ISA_AVX2, 2, rows[i].two, 1, 1}};
        const struct spr_probe probe = {.threads = 2, .rates = rates, .rate_count = 2};
        CHECK_INT(rows[i].fastest, spr_probe_threads(&probe, SPR_ISA_AVX2));
    }
}

/* Two runs of the same cases are one with the visits of both. */
static void test_join(void)
{
    struct spr_validation_case cases[2] = {test_case("a", "4x4", 1e-3),
                                           test_case("a", "4x4", 1e-3)};
    const double unknown[SPR_CANARIES] = {(double)NAN, (double)NAN, (double)NAN};
    double least[SPR_CANARIES] = {(double)NAN, (double)NAN, (double)NAN};
    struct spr_error err = {0};
    cases[0].measured = test_undisturbed(2e-3, 2e-3);
    cases[1].measured = test_undisturbed(1e-3, 1e-3);
    cases[0].dense.measured = cases[1].dense.measured = test_undisturbed(4e-3, 4e-3);
    struct spr_validation all = {.cases = &cases[0], .case_count = 1};
    struct spr_validation more = {.cases = &cases[1], .case_count = 1};
    CHECK_STATUS(SPR_OK, spr_validation_join(&all, &more, &err), &err);
    const struct spr_measurement *m = &cases[0].measured;
    CHECK_INT(2 * TEST_SAMPLES, m->sample_count);
    CHECK_INT(4, m->visits);
    CHECK_INT(3, m->samples[2 * TEST_SAMPLES - 1].visit);
    CHECK(spr_validation_judge_times(&all, unknown));
    CHECK_NEAR(0.98e-3, m->time_s, 1e-12);
    CHECK_NEAR(4 * 0.98e-3, cases[0].dense.measured.time_s, 1e-12);
    CHECK_NEAR(4.0, cases[0].measured_speedup, 1e-9);
    CHECK(!cases[0].inconclusive);
    spr_validation_canaries(&all, least);
    CHECK_EXACT(4e-6, least[SPR_CANARY_MULTIPLY_ADD]);
    CHECK(isnan(least[SPR_CANARY_MEMORY]));
    cases[1].layer = "b";
    CHECK_STATUS(SPR_EINPUT, spr_validation_join(&all, &more, &err), &err);
    spr_arena_free(&all.arena);
}

int main(void)
{
    test_series();
    test_canaries();
    test_threads();
    test_join();
    return test_end();
}
