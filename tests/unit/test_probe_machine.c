/* SPDX-License-Identifier: Apache-2.0 */
/* The machine that a probe becomes, and whether others held its cores. */
#include "made_probe.h"

#include "machine/machine_json.h"

static void check_host(const struct spr_machine *machine)
{
    CHECK_TEXT("host", machine->name);
    CHECK(machine->host && machine->probed);
    CHECK_INT(3, machine->engine_count);
    CHECK_TEXT("simd-f32", machine->engines[0].name);
    CHECK_EXACT(250.123456789e9, machine->engines[0].flops_per_s.value);
    CHECK_TEXT("measured", machine->engines[0].flops_per_s.kind);
    CHECK_TEXT("sproof probe --quick, avx2, 2 threads",
               machine->engines[0].flops_per_s.source);
    CHECK_TEXT("2026-01-02T03:04:05Z", machine->engines[0].flops_per_s.date);
    CHECK(machine->engines[0].accepts[0].form == SPR_ACCEPT_ANY);
    CHECK_TEXT("simd-bf16", machine->engines[2].name);
    CHECK(machine->engines[2].accepts[0].form == SPR_ACCEPT_ANY);
    CHECK_INT(3, machine->memory_count);
    CHECK_TEXT("L1", machine->memory[0].level);
    CHECK_TEXT("declared", machine->memory[0].bytes.kind);
    CHECK_TEXT("L3", machine->memory[1].level);
    CHECK(machine->memory[1].shared && !machine->memory[0].shared);
    CHECK_EXACT(12 * MIB, machine->memory[1].bytes.value);
    CHECK_TEXT("DRAM", machine->memory[2].level);
    /* The best seen, be it of a copy. */
    CHECK_EXACT(1e9 / 3, machine->memory[2].bytes_per_s.value);
    CHECK_EXACT(9e9 / 7 * 1.1, machine->memory[2].bytes_per_s.high);
    /* The least a call costs. */
    CHECK_EXACT(2e-6 * 0.9, machine->overhead_s.value);
    CHECK(machine->kernels != NULL);
    CHECK_INT(1, machine->kernels ? machine->kernels->count : 0);
    CHECK(machine->kernels && machine->kernels->tiles[0].tile.rows == 4);
}

static void test_machine(void)
{
    struct spr_error err = {0};
    struct spr_probe probe = made_probe();
    struct spr_machine machine, back;
    CHECK_STATUS(SPR_OK, spr_machine_from_probe(&probe, SPR_ISA_AVX2, 0, &machine, &err),
                 &err);
    check_host(&machine);
    FILE *file = fopen("machine.json", "wb");
    struct spr_emit *out = calloc(1, sizeof *out);
    CHECK(file && out);
    spr_emit_begin(out, file, 2);
    spr_machine_to_json(out, NULL, &machine);
    spr_emit_flush(out);
    fclose(file);
    free(out);
    spr_machine_free(&machine);
    CHECK_STATUS(SPR_OK, spr_machine_read("machine.json", &back, &err), &err);
    check_host(&back);
    spr_machine_free(&back);
    CHECK_STATUS(SPR_EINPUT, spr_machine_from_probe(&probe, SPR_ISA_AVX512, 2, &machine, &err),
                 &err);
    CHECK_TEXT("host was not probed with avx512 on 2 threads: run sproof probe --threads 2",
               err.text);
    CHECK_STATUS(SPR_EINPUT, spr_machine_from_probe(&probe, SPR_ISA_AVX2, 1, &machine, NULL),
                 &err);
}

/* The roof of L1 and L2 is the fastest way to read from it that a kernel may take; beyond, reading
 * in turn. */
static void test_near_rates(void)
{
    static const struct {
        const char *level;
        double read, kernel_read, row_64, row_512; /* 0: not measured */
        double copy, expected, high;
    } rows[] = {
        {"L1", 400e9, 450e9, 300e9, 310e9, 480e9, 450e9, 480e9 * 1.1},
        {"L1", 400e9, 390e9, 300e9, 310e9, 390e9, 400e9, 400e9 * 1.1},
        {"L2", 236e9, 240e9, 256e9, 250e9, 236e9, 256e9, 256e9 * 1.1},
        {"L2", 236e9, 240e9, 256e9, 264e9, 300e9, 264e9, 300e9 * 1.1},
        {"L2", 236e9, 0, 0, 0, 236e9, 236e9, 236e9 * 1.1}, /* an old probe */
        {"L3", 200e9, 0, 210e9, 220e9, 190e9, 200e9, 200e9 * 1.1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *const level = rows[i].level;
        struct spr_probe_rate made[] = {
            RATE("f32_fma", "FLOP/s", NULL, 2, 250e9),
            RATE("read", "B/s", "DRAM", 2, 30e9),
            RATE("read", "B/s", level, 2, rows[i].read),
            RATE("copy", "B/s", level, 2, rows[i].copy),
            RATE("kernel_read", "B/s", level, 2, rows[i].kernel_read),
            RATE("random_row_64", "B/s", level, 2, rows[i].row_64),
            RATE("random_row_512", "B/s", level, 2, rows[i].row_512)};
        struct spr_error err = {0};
        struct spr_machine machine;
        struct spr_probe probe = made_probe();
        test_row = level;
        probe.rates = made;
        probe.rate_count = COUNT_OF(made);
        for (size_t r = 0; r < probe.rate_count; r++) {
            made[r].name = made[r].value > 0 ? made[r].name : "other";
        }
        CHECK_STATUS(SPR_OK, spr_machine_from_probe(&probe, SPR_ISA_AVX2, 2, &machine, &err),
                     &err);
        const struct spr_number *rate = &machine.memory[0].bytes_per_s;
        CHECK_TEXT(level, machine.memory[0].level);
        CHECK_EXACT(rows[i].expected, rate->value);
        CHECK_EXACT(rows[i].expected * 0.9, rate->low);
        CHECK_EXACT(rows[i].high, rate->high);
        const bool near = strcmp(level, "L3") != 0;
        CHECK_TEXT(
            near ? "sproof probe --quick, avx2, 2 threads; the fastest of reading in turn, "
                   "in rows and for multiply-adds"
                 : "sproof probe --quick, avx2, 2 threads",
            rate->source);
        spr_machine_free(&machine);
    }
    test_row = "";
}

static void test_crowded(void)
{
    static const struct {
        const char *name;
        double one, all; /* 0: not measured */
        int threads;
        bool expected;
    } rows[] = {
        {"two cores", 100e9, 195e9, 2, false},
        {"two threads of one core", 100e9, 97e9, 2, false},
        {"others hold the cores", 100e9, 60e9, 2, true},
        {"one thread", 100e9, 100e9, 1, false},
        {"only one was measured", 100e9, 0, 2, false},
        {"only all were measured", 0, 60e9, 2, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_probe_rate made[] = {
            RATE("f32_fma", "FLOP/s", NULL, 1, rows[i].one),
            RATE("f32_fma", "FLOP/s", NULL, rows[i].threads, rows[i].all)};
        struct spr_probe probe = made_probe();
        size_t skipped = rows[i].one > 0 ? 0 : 1;
        test_row = rows[i].name;
        probe.threads = rows[i].threads;
        probe.rates = made + skipped;
        probe.rate_count = 2 - skipped - (rows[i].all > 0 ? 0 : 1);
        CHECK_INT(rows[i].expected, spr_probe_crowded(&probe));
    }
    test_row = "";
}

/* A doubtful probe is made again: a quick one at once, a full one no sooner than in ten minutes. */
static void test_due(void)
{
    static const struct {
        const char *name, *created;
        bool quick;
        double value; /* of the rate's best, 100e9 */
        bool expected;
    } rows[] = {
        {"quick, just made", "2026-01-02T03:04:05Z", true, 50e9, true},
        {"quick and good", "2026-01-02T03:04:05Z", true, 99e9, false},
        {"full, just made", "2026-01-02T03:04:05Z", false, 50e9, false},
        {"full, 9:59", "2026-01-02T02:54:06Z", false, 50e9, false},
        {"full, 10:01", "2026-01-02T02:54:04Z", false, 50e9, true},
        {"full, the day before", "2026-01-01T23:59:59Z", false, 50e9, true},
        {"full, old and good", "2025-01-01T00:00:00Z", false, 99e9, false},
        {"full, of the future", "2027-01-01T00:00:00Z", false, 50e9, false},
        {"full, of unknown date", "", false, 50e9, true},
    };
    const time_t now = 1767323045; /* 2026-01-02T03:04:05Z */
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_probe_rate made[] = {
            {"f32_fma", "FLOP/s", NULL, SPR_ISA_AVX2, 1, rows[i].value, 40e9, 100e9}};
        struct spr_probe probe = {.quick = rows[i].quick, .rates = made, .rate_count = 1};
        test_row = rows[i].name;
        snprintf(probe.created, sizeof probe.created, "%s", rows[i].created);
        CHECK_INT(rows[i].expected, spr_probe_due(&probe, now));
    }
    test_row = "";
}

/* The start of a team is that of a team of the size the machine has. */
static void test_team_start(void)
{
    static const struct {
        int parallel_threads;
        double expected_s;
    } rows[] = {{2, 9e-6}, {4, 2e-6}, {0, 2e-6}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_error err = {0};
        struct spr_probe probe = made_probe();
        struct spr_machine machine;
        probe.kernels.parallel_s = 9e-6;
        probe.kernels.parallel_threads = rows[i].parallel_threads;
        CHECK_STATUS(SPR_OK, spr_machine_from_probe(&probe, SPR_ISA_AVX2, 2, &machine, &err),
                     &err);
        CHECK(machine.kernels != NULL);
        if (machine.kernels) {
            CHECK_EXACT(rows[i].expected_s, machine.kernels->parallel_s);
            CHECK_INT(2, machine.kernels->parallel_threads);
        }
        spr_machine_free(&machine);
    }
}

/* A kernel's call that was measured shorter: the bound counts no more than the expected time. */
static void test_call_of_a_kernel(void)
{
    struct spr_error err = {0};
    struct spr_probe probe = made_probe();
    struct spr_machine machine;
    probe.kernels.parallel_s = 1e-6;
    probe.kernels.parallel_threads = 2;
    CHECK_STATUS(SPR_OK, spr_machine_from_probe(&probe, SPR_ISA_AVX2, 2, &machine, &err),
                 &err);
    CHECK_EXACT(1e-6, machine.overhead_s.value);
    CHECK_EXACT(1e-6, machine.overhead_s.low);
    spr_machine_free(&machine);
}

int main(void)
{
    test_machine();
    test_near_rates();
    test_call_of_a_kernel();
    test_team_start();
    test_crowded();
    test_due();
    return test_end();
}
