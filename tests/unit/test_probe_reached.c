/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernels' calibration adds to the rates of a machine: nothing where the probe's own loops
 * were as fast. */
#include "made_probe.h"

#define MATRIX                                                                                \
    {                                                                                         \
        .form = SPR_TILE_MATRIX, .rows = 4, .vectors = 2                                      \
    }

/* 8 floats in a vector: a step of 4 x 2 is 128 FLOP and 16 bytes of weights. */
static struct spr_tile_rates reached[] = {
    {.isa = SPR_ISA_AVX2,
     .threads = 2,
     .tile = MATRIX,
     .x = {2, {4096, 65536}, {0.5e-9, 2e-9}},
     .w = {3, {8192, 16 * MIB, 96 * MIB}, {0.5e-9, 1e-9, 16e-9}}},
    {.isa = SPR_ISA_AVX2,
     .threads = 1,
     .tile = MATRIX,
     .x = {1, {4096}, {0.1e-9}},
     .w = {1, {96 * MIB}, {0.1e-9}}},
};

static struct spr_machine machine_with(const struct spr_tile_rates *with, size_t count,
                                       bool quick, double one_thread)
{
    struct spr_machine machine;
    struct spr_error err = {0};
    struct spr_probe probe = made_probe();
    struct spr_probe_rate changed[COUNT_OF(rates)];
    memcpy(changed, rates, sizeof changed);
    changed[COUNT_OF(rates) - 1].value = one_thread;
    changed[COUNT_OF(rates) - 1].high = one_thread * 1.1;
    struct spr_tile_rates tiles_with[COUNT_OF(reached)];
    memcpy(tiles_with, with, count * sizeof *with);
    probe.rates = changed;
    probe.quick = quick;
    probe.kernels.tiles = tiles_with;
    probe.kernels.count = count;
    CHECK_STATUS(SPR_OK, spr_machine_from_probe(&probe, SPR_ISA_AVX2, 2, &machine, &err),
                 &err);
    return machine;
}

static double flops_high(const struct spr_machine *machine)
{
    return machine->engines[0].flops_per_s.high;
}

static double memory_high(const struct spr_machine *machine)
{
    return machine->memory[machine->memory_count - 1].bytes_per_s.high;
}

/* 2 threads x 16 bytes in 16 ns: 2 GB/s, where copying reached 9/7 x 1.1. */
static void streams(void)
{
    struct spr_machine m = machine_with(reached, COUNT_OF(reached), false, 130e9);
    CHECK_NEAR(2e9, memory_high(&m), 1e-12);
    CHECK_EXACT(1e9 / 3, m.memory[m.memory_count - 1].bytes_per_s.value);
    spr_machine_free(&m);
    m = machine_with(reached, COUNT_OF(reached), true, 130e9);
    CHECK_NEAR(1.1 * 9e9 / 7, memory_high(&m), 1e-12); /* perhaps out of the caches */
    spr_machine_free(&m);
    m = machine_with(reached, 0, false, 130e9);
    CHECK_NEAR(1.1 * 9e9 / 7, memory_high(&m), 1e-12);
    spr_machine_free(&m);
}

/* 2 threads x 128 FLOP in 0.5 ns: 512 GFLOP/s, which counts only where a team had not the cores. */
static void teams(void)
{
    struct spr_machine m = machine_with(reached, COUNT_OF(reached), false, 130e9);
    CHECK_NEAR(1.1 * 250.123456789e9, flops_high(&m), 1e-12);
    spr_machine_free(&m);
    m = machine_with(reached, 0, false, 280e9); /* one alone is faster: crowded */
    CHECK_NEAR(2 * 1.1 * 280e9, flops_high(&m), 1e-12);
    CHECK_EXACT(250.123456789e9, m.engines[0].flops_per_s.value);
    spr_machine_free(&m);
    struct spr_tile_rates fast = reached[0];
    fast.x.step_s[0] = 0.25e-9;
    m = machine_with(&fast, 1, false, 280e9);
    CHECK_NEAR(2 * 128 / 0.25e-9, flops_high(&m), 1e-12);
    spr_machine_free(&m);
}

/* The shorter of the probe's empty region and the kernels' call. */
static void calls(void)
{
    static const double parallel_s[] = {1e-6, 3e-6, 0};
    for (size_t i = 0; i < COUNT_OF(parallel_s); i++) {
        struct spr_machine machine;
        struct spr_error err = {0};
        struct spr_probe probe = made_probe();
        probe.kernels.parallel_s = parallel_s[i];
        CHECK_STATUS(SPR_OK, spr_machine_from_probe(&probe, SPR_ISA_AVX2, 2, &machine, &err),
                     &err);
        CHECK_NEAR(i == 0 ? 1e-6 : 2e-6 * 0.9, machine.overhead_s.value, 1e-12);
        spr_machine_free(&machine);
    }
}

int main(void)
{
    streams();
    teams();
    calls();
    return test_end();
}
