/* SPDX-License-Identifier: Apache-2.0 */
/* `host` before it is probed: what CPUID and sysfs declare, and a guess for the rest. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "mem.h"
#include "sproof/machine.h"

/* Guesses, marked as such in the output; `sproof` never presents them as measured.
 * One desktop memory channel pair moves about this much; servers move far more. */
#define GUESSED_DRAM_BYTES_PER_S 40e9
#define GUESSED_HZ 3e9

static struct spr_number declared(double value, const char *source)
{
    return (struct spr_number){value, value, value, "declared", source, NULL};
}

static bool read_line(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        return false;
    }
    bool read = fgets(text, (int)size, file) != NULL;
    fclose(file);
    text[read ? strcspn(text, "\n") : 0] = '\0';
    return read;
}

/* "48K" -> 49152; 0 when it is not a size. */
static double parse_size(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    return *end == 'K' ? value * 1024 : *end == 'M' ? value * 1048576 : value;
}

/* How many CPUs a list such as "0-3,8" names. */
static int64_t count_list(const char *text)
{
    int64_t count = 0;
    while (*text) {
        char *end;
        long low = strtol(text, &end, 10), high = low;
        if (end == text) {
            break;
        }
        if (*end == '-') {
            high = strtol(end + 1, &end, 10);
        }
        count += high >= low ? high - low + 1 : 0;
        text = *end == ',' ? end + 1 : end;
    }
    return count;
}

static void read_caches(struct spr_machine *machine)
{
    static const char *const names[] = {"L1", "L2", "L3", "L4"};
    const char *base = "/sys/devices/system/cpu/cpu0/cache/index";
    for (int i = 0; i < 8 && machine->memory_count < SPR_MEMORIES_MAX - 1; i++) {
        char path[128], type[32], level[16], size[32], cpus[256] = "";
        snprintf(path, sizeof path, "%s%d/type", base, i);
        if (!read_line(path, type, sizeof type) || strcmp(type, "Instruction") == 0) {
            continue;
        }
        snprintf(path, sizeof path, "%s%d/level", base, i);
        bool known = read_line(path, level, sizeof level);
        snprintf(path, sizeof path, "%s%d/size", base, i);
        known = read_line(path, size, sizeof size) && known;
        snprintf(path, sizeof path, "%s%d/shared_cpu_list", base, i);
        (void)read_line(path, cpus, sizeof cpus);
        int number = atoi(level);
        if (known && number >= 1 && number <= 4 && parse_size(size) > 0) {
            machine->memory[machine->memory_count++] = (struct spr_memory){
                .level = names[number - 1],
                .shared = number >= 3 && count_list(cpus) > 1,
                .bytes = declared(parse_size(size), "sysfs cache size of cpu0"),
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

static void read_brand(char *text, size_t size)
{
    snprintf(text, size, "this machine");
#if defined(__x86_64__) || defined(__i386__)
    unsigned words[12], most = (unsigned)__get_cpuid_max(0x80000000, NULL);
    for (unsigned i = 0; i < 3 && most >= 0x80000004; i++) {
        unsigned *w = words + 4 * i;
        __get_cpuid(0x80000002 + i, w, w + 1, w + 2, w + 3);
        if (i == 2) {
            char brand[sizeof words + 1];
            memcpy(brand, words, sizeof words);
            brand[sizeof words] = '\0';
            snprintf(text, size, "%s", brand + strspn(brand, " "));
        }
    }
#endif
}

static double clock_hz(const char **source)
{
    char text[32];
    if (read_line("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", text,
                  sizeof text) &&
        atof(text) > 0) {
        *source = "the highest clock in sysfs";
        return atof(text) * 1e3;
    }
    *source = "a guessed 3 GHz";
    return GUESSED_HZ;
}

/* Physical cores among the first `cpus`: those that lead their list of siblings. */
static int64_t count_cores(int64_t cpus)
{
    int64_t cores = 0;
    for (int64_t i = 0; i < cpus; i++) {
        char path[128], list[64];
        snprintf(path, sizeof path,
                 "/sys/devices/system/cpu/cpu%lld/topology/thread_siblings_list",
                 (long long)i);
        if (!read_line(path, list, sizeof list) || strtoll(list, NULL, 10) == i) {
            cores++;
        }
    }
    return cores > 0 ? cores : 1;
}

static enum spr_status set_engine(struct spr_machine *machine, int64_t threads,
                                  struct spr_error *err)
{
    const char *isa, *clock_source;
    char brand[64], source[160];
    double per_cycle = flops_per_cycle(&isa);
    double hz = clock_hz(&clock_source);
    read_brand(brand, sizeof brand);
    snprintf(
        source, sizeof source,
        "not measured: %lld threads x %g f32 FLOP per cycle, half as many f64 (%s, two FMA "
        "pipes assumed) x %s",
        (long long)threads, per_cycle, isa, clock_source);
    const char *kept = spr_arena_text(&machine->arena, source, strlen(source));
    machine->description = spr_arena_text(&machine->arena, brand, strlen(brand));
    if (!kept || !machine->description) {
        return spr_fail(err, SPR_ENOMEM, "out of memory");
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

enum spr_status spr_machine_host(int64_t threads, struct spr_machine *machine,
                                 struct spr_error *err)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t cores = count_cores(online > 0 ? online : 1);
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
