/* SPDX-License-Identifier: Apache-2.0 */
/* A probe made by hand. */
#ifndef SPROOF_TEST_MADE_PROBE_H
#define SPROOF_TEST_MADE_PROBE_H

#include "host/cache_dir.h"
#include "sproof/probe.h"
#include "test.h"

#define KIB 1024.0
#define MIB 1048576.0
#define NONE ((double)NAN)

/* Of two threads. */
#define RATE(name, unit, level, threads, value)                                               \
    {                                                                                         \
        name, unit, level, SPR_ISA_AVX2, threads, value, (value)*0.9, (value)*1.1             \
    }
static struct spr_probe_rate rates[] = {
    RATE("f32_fma", "FLOP/s", NULL, 2, 250.123456789e9),
    RATE("f64_fma", "FLOP/s", NULL, 2, 125e9),
    RATE("bf16_dot", "FLOP/s", NULL, 2, 500e9),
    RATE("parallel_region", "s", NULL, 2, 2e-6),
    RATE("read", "B/s", "L1", 2, 400e9),
    RATE("read", "B/s", "L3", 2, 200e9),
    RATE("read", "B/s", "DRAM", 2, 1e9 / 3),
    RATE("copy", "B/s", "DRAM", 2, 9e9 / 7),
    RATE("f32_fma", "FLOP/s", NULL, 1, 130e9),
};
static struct spr_probe_point points[] = {{1, 8192, 1e11}, {2, 12288, 1e11 / 3}};
static struct spr_tile_rates tiles[] = {
    {.isa = SPR_ISA_AVX2,
     .threads = 2,
     .tile = {.form = SPR_TILE_MATRIX, .rows = 4, .vectors = 2},
     .x = {2, {4096, 65536}, {1e-9 / 3, 2e-9}},
     .w = {1, {8192}, {1.5e-9}},
     .y = {1, {64}, {0}},
     .input = {2, {64, 4096}, {1e-10 / 3, 2e-10}},
     .group = {2, {0, 8}, {1e-8, 1e-9 / 7}},
     .unaligned = {1, {4096}, {2e-9}},
     .unaligned_group_s = 1e-8 / 7,
     .panel_group_s = NONE},
    {.isa = SPR_ISA_SCALAR, .threads = 2, .tile = {.form = SPR_TILE_VECTOR, .vectors = 8}},
    {.isa = SPR_ISA_AVX2,
     .threads = 1,
     .tile = {.form = SPR_TILE_MATRIX, .dense = true, .rows = 1, .vectors = 1}},
};

static struct spr_function_rates functions[] = {{.isa = SPR_ISA_AVX2,
                                                 .threads = 1,
                                                 .function = SPR_FUNCTION_GELU,
                                                 .element = {2, {16384, 1e6}, {5e-10, 7e-10}}},
                                                {.isa = SPR_ISA_SCALAR,
                                                 .threads = 2,
                                                 .function = SPR_FUNCTION_EXCHANGE,
                                                 .element = {1, {65536}, {1e-9}}}};

static struct spr_probe made_probe(void)
{
    struct spr_probe probe = {.cpu = "Some CPU \"quoted\"",
                              .created = "2026-01-02T03:04:05Z",
                              .quick = true,
                              .threads = 2,
                              .drift = -1.0 / 3,
                              .rates = rates,
                              .rate_count = COUNT_OF(rates),
                              .points = points,
                              .point_count = COUNT_OF(points),
                              .kernels = {.tiles = tiles,
                                          .count = COUNT_OF(tiles),
                                          .functions = functions,
                                          .function_count = COUNT_OF(functions),
                                          .call_s = 1e-8,
                                          .parallel_s = 2e-6,
                                          .parallel_threads = 2,
                                          .transfer_s = 1e-8 / 3},
                              .quality = {.tiles_interpolated = 2,
                                          .widths_checked = 7,
                                          .error_median = 0.1 / 3,
                                          .error_p90 = 0.25,
                                          .points_disturbed = 0.01 / 3}};
    spr_cache_identity(probe.identity);
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        probe.cache[i].declared_bytes = i < 3 ? 32 * KIB * ldexp(1, 5 * i) : NONE;
        probe.cache[i].detected_bytes = i == 2 ? 12 * MIB : NONE;
        probe.cache[i].shared = i >= 2;
    }
    return probe;
}

#endif
