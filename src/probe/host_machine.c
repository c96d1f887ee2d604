/* SPDX-License-Identifier: Apache-2.0 */
/* `host`: as it was probed, else what CPUID and sysfs declare and a guess for the rest. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "probe/probe_parts.h"
#include "sproof/cpu.h"

/* Guesses, marked as such in the output; `sproof` never presents them as measured.
 * One desktop memory channel pair moves about this much; servers move far more. */
#define GUESSED_DRAM_BYTES_PER_S 40e9
#define GUESSED_HZ 3e9

static struct spr_number declared(double value, const char *source)
{
    return (struct spr_number){value, value, value, "declared", source, NULL};
}

static void read_caches(struct spr_machine *machine)
{
    static const char *const names[] = {"L1", "L2", "L3", "L4"};
    struct spr_cpu_cache caches[SPR_CPU_CACHES];
    spr_cpu_caches(caches);
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        if (!isnan(caches[i].bytes)) {
            machine->memory[machine->memory_count++] = (struct spr_memory){
                .level = names[i],
                .shared = caches[i].shared,
                .bytes = declared(caches[i].bytes, "sysfs cache size of cpu0"),
                .bytes_per_s = {(double)NAN, (double)NAN, (double)NAN, NULL, NULL, NULL}};
        }
    }
}

/* f32 FLOPs per cycle and core with fused multiply-adds on two pipes. */
static double flops_per_cycle(const char **isa)
{
#if defined(__x86_64__) || defined(__i386__)
    if (__builtin_cpu_supports("avx512f")) {
        *isa = "AVX-512";
        return 64;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        *isa = "AVX2+FMA";
        return 32;
    }
    *isa = "SSE2";
    return 16;
#elif defined(__aarch64__)
    *isa = "NEON";
    return 16;
#else
    *isa = "scalar";
    return 2;
#endif
}

static double clock_hz(const char **source)
{
    double hz = spr_cpu_max_hz();
    *source = hz > 0 ? "the highest clock in sysfs" : "a guessed 3 GHz";
    return hz > 0 ? hz : GUESSED_HZ;
}

static enum spr_status set_engine(struct spr_machine *machine, int64_t threads,
                                  struct spr_error *err)
{
    const char *isa, *clock_source;
    char brand[SPR_CPU_BRAND], source[160];
    double per_cycle = flops_per_cycle(&isa);
    double hz = clock_hz(&clock_source);
    spr_cpu_brand(brand);
    snprintf(
        source, sizeof source,
        "not measured: %lld threads x %g f32 FLOP per cycle, half as many f64 (%s, two FMA "
        "pipes assumed) x %s",
        (long long)threads, per_cycle, isa, clock_source);
    const char *kept = spr_arena_text(&machine->arena, source, strlen(source));
    machine->description = spr_arena_text(&machine->arena, brand, strlen(brand));
    if (!kept || !machine->description) {
        return spr_no_memory(err);
    }
    double f32 = (double)threads * per_cycle * hz;
    machine->engines[0] = (struct spr_engine){.name = "simd-f32",
                                              .dtypes = 1u << SPR_F32,
                                              .flops_per_s = declared(f32, kept),
                                              .tile_rows = 1,
                                              .accept_count = 1};
    machine->engines[1] = machine->engines[0];
    machine->engines[1].name = "simd-f64";
    machine->engines[1].dtypes = 1u << SPR_F64;
    machine->engines[1].flops_per_s = declared(f32 / 2, kept);
    machine->engine_count = 2;
    return SPR_OK;
}

static enum spr_status declare(int64_t threads, struct spr_machine *machine,
                               struct spr_error *err)
{
    int64_t cores = spr_cpu_cores();
    *machine = (struct spr_machine){
        .name = "host", .kind = "cpu", .default_dtype = SPR_F32, .host = true};
    machine->cores = cores;
    machine->overhead_s.value = machine->overhead_s.low = machine->overhead_s.high =
        (double)NAN;
    enum spr_status status = set_engine(machine, threads > 0 ? threads : cores, err);
    read_caches(machine);
    machine->memory[machine->memory_count++] = (struct spr_memory){
        .level = "DRAM",
        .shared = true,
        .bytes = {(double)NAN, (double)NAN, (double)NAN, NULL, NULL, NULL},
        .bytes_per_s = declared(GUESSED_DRAM_BYTES_PER_S, "not measured: a guess of 40 GB/s")};
    if (status != SPR_OK) {
        spr_machine_free(machine);
    }
    return status;
}

enum spr_status spr_machine_host(int64_t threads, struct spr_machine *machine,
                                 struct spr_error *err)
{
    struct spr_probe probe;
    enum spr_isa isa;
    if (spr_probe_wanted() && threads <= 65536 && spr_isa_choose(NULL, &isa, NULL) == SPR_OK &&
        spr_probe_cached(&probe)) {
        enum spr_status status =
            spr_machine_from_probe(&probe, isa, (int)threads, machine, NULL);
        spr_probe_free(&probe);
        if (status == SPR_OK) {
            return status;
        }
    }
    return declare(threads, machine, err);
}
