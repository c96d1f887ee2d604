/* SPDX-License-Identifier: Apache-2.0 */
/* The probe on a clock of its own: a run, and what rounds of a calibration have in common. */
#include "sproof/calibrate.h"
#include "sproof/probe.h"

#include "base/mem.h"
#include "test.h"

/* A clock that moves when it is looked at: one thread only. */
static double fake_now;
static double fake_clock(void)
{
    return fake_now += 2e-3;
}

static double stopped_clock(void)
{
    return 1;
}

struct seen {
    int calls;
    double last;
    bool rising;
};

static void note_progress(void *context, const char *what, double fraction)
{
    struct seen *seen = context;
    seen->calls++;
    seen->rising = seen->rising && *what && fraction >= seen->last && fraction <= 1;
    seen->last = fraction;
}

static void check_rates(const struct spr_probe *probe, enum spr_isa isa)
{
    static const char *const near[] = {"f32_fma", "f64_fma", "load", "broadcast", "store"};
    for (size_t i = 0; i < COUNT_OF(near); i++) {
        test_row = near[i];
        CHECK(spr_probe_find(probe, near[i], NULL, isa, 1).value > 0);
    }
    test_row = "";
    CHECK(spr_probe_find(probe, "read", "DRAM", isa, 1).value > 0);
    CHECK(spr_probe_find(probe, "call", NULL, isa, 1).value > 0);
    CHECK(spr_probe_find(probe, "kernel_read", "L1", isa, 1).value > 0 ||
          isnan(spr_probe_find(probe, "read", "L1", isa, 1).value));
    CHECK(isnan(spr_probe_find(probe, "kernel_read", "DRAM", isa, 1).value) ||
          isnan(probe->cache[1].declared_bytes));
    CHECK(isnan(spr_probe_find(probe, "read", NULL, isa, 1).value));
    CHECK(isnan(spr_probe_find(probe, "f32_fma", NULL, isa, 99).value));
    for (size_t i = 0; i < probe->rate_count; i++) {
        const struct spr_probe_rate *rate = &probe->rates[i];
        test_row = rate->name;
        CHECK(rate->low > 0 && rate->low <= rate->value && rate->value <= rate->high);
        CHECK(isfinite(rate->high));
    }
    test_row = "";
}

static void test_run(double (*clock_s)(void))
{
    struct seen seen = {.rising = true};
    struct spr_error err = {0};
    struct spr_probe probe;
    struct spr_machine machine;
    struct spr_probe_options options = {.quick = true,
                                        .rates_only = true,
                                        .threads = 1,
                                        .clock_s = clock_s,
                                        .progress = note_progress,
                                        .context = &seen};
    CHECK_STATUS(SPR_OK, spr_probe_run(&options, &probe, &err), &err);
    CHECK_INT(1, probe.threads);
    CHECK(probe.quick && probe.cpu[0] && probe.identity[0] && probe.created[0]);
    CHECK(isfinite(probe.drift));
    CHECK(probe.point_count > 4);
    CHECK(seen.calls > 10 && seen.rising);
    enum spr_isa isa;
    CHECK_STATUS(SPR_OK, spr_isa_choose(NULL, &isa, &err), &err);
    check_rates(&probe, isa);
    CHECK_STATUS(SPR_OK, spr_machine_from_probe(&probe, isa, 0, &machine, &err), &err);
    CHECK(machine.memory_count >= 1 && machine.engine_count >= 2);
    spr_machine_free(&machine);
    spr_probe_free(&probe);
}

static double step_s;
static double stepping_clock(void)
{
    static double now;
    return now += step_s;
}

/* Times with a clock of that step, among those of earlier rounds: of a function, of a tile of
 * either layout unless it is brief. */
static void time_round(double clock_step_s, bool brief, struct spr_least_times *least,
                       double *seconds)
{
    struct spr_kernel_rates found = {0};
    struct spr_error err = {0};
    const struct spr_calibration calibration = {.isa = SPR_ISA_SCALAR,
                                                .threads = 1,
                                                .quick = true,
                                                .clock_s = stepping_clock,
                                                .least = least};
    step_s = clock_step_s;
    least->next = 0;
    CHECK_STATUS(SPR_OK, spr_calibrate_functions(&calibration, &found, &err), &err);
    CHECK(found.function_count > 0 && found.functions[0].element.count > 0);
    seconds[0] = found.functions[0].element.step_s[0];
    if (!brief) {
        CHECK_STATUS(SPR_OK, spr_calibrate_tokens(&calibration, &found, &err), &err);
        CHECK(found.count > 0 && found.tiles[0].group.count > 0);
        seconds[1] = found.tiles[0].group.step_s[0];
        CHECK_STATUS(SPR_OK, spr_calibrate(&calibration, &found, &err), &err);
        seconds[2] = found.tiles[found.count - 1].x.step_s[0];
        CHECK_INT(least->count, least->next);
    }
    spr_free(found.tiles);
    spr_free(found.functions);
}

/* What disturbs one round is not in the rates of two. */
static void test_rounds(void)
{
    struct spr_least_times least = {0};
    double first[3] = {0}, slow[3] = {0}, fast[1] = {0};
    time_round(1, false, &least, first);
    size_t trials = least.count;
    CHECK(trials > 500);
    time_round(4, false, &least, slow);
    CHECK_INT(trials, least.count);
    for (size_t i = 0; i < COUNT_OF(first); i++) {
        CHECK(first[i] > 0);
        CHECK_EXACT(first[i], slow[i]);
    }
    time_round(0.5, true, &least, fast);
    CHECK_NEAR(first[0] / 2, fast[0], 1e-12);
    spr_free(least.points);
}

int main(void)
{
    test_rounds();
    test_run(fake_clock);
    test_run(stopped_clock);
    return test_end();
}
