/* SPDX-License-Identifier: Apache-2.0 */
/* What CPUID, sysfs and the operating system say of this machine. With cpu_features.c alone reads
 * them; in a container or a virtual machine any of it may be missing or wrong. */
/* sched_getaffinity, madvise. NOLINTNEXTLINE(bugprone-reserved-identifier): glibc reads it */
#define _GNU_SOURCE
#include "sproof/cpu.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

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

void spr_cpu_caches(struct spr_cpu_cache caches[SPR_CPU_CACHES])
{
    const char *base = "/sys/devices/system/cpu/cpu0/cache/index";
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        caches[i] = (struct spr_cpu_cache){(double)NAN, false};
    }
    for (int i = 0; i < 8; i++) {
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
        int number = known ? atoi(level) : 0;
        if (number >= 1 && number <= SPR_CPU_CACHES && parse_size(size) > 0) {
            caches[number - 1] =
                (struct spr_cpu_cache){parse_size(size), number >= 3 && count_list(cpus) > 1};
        }
    }
}

void spr_cpu_brand(char text[SPR_CPU_BRAND])
{
    snprintf(text, SPR_CPU_BRAND, "this machine");
#if defined(__x86_64__) || defined(__i386__)
    unsigned words[12], most = (unsigned)__get_cpuid_max(0x80000000, NULL);
    for (unsigned i = 0; i < 3 && most >= 0x80000004; i++) {
        unsigned *w = words + 4 * i;
        __get_cpuid(0x80000002 + i, w, w + 1, w + 2, w + 3);
        if (i == 2) {
            char brand[sizeof words + 1];
            memcpy(brand, words, sizeof words);
            brand[sizeof words] = '\0';
            snprintf(text, SPR_CPU_BRAND, "%s", brand + strspn(brand, " "));
        }
    }
#endif
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == ' ') {
        text[--length] = '\0';
    }
}

void spr_cpu_identity(char text[SPR_CPU_IDENTITY])
{
    char brand[SPR_CPU_BRAND], model[40] = "";
    spr_cpu_brand(brand);
#if defined(__x86_64__) || defined(__i386__)
    unsigned a = 0, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d)) {
        unsigned family = a >> 8 & 15, number = a >> 4 & 15;
        number += family == 6 || family == 15 ? (a >> 16 & 15) << 4 : 0;
        family += family == 15 ? a >> 20 & 255 : 0;
        snprintf(model, sizeof model, " %u.%u.%u", family, number, a & 15);
    }
#elif defined(__aarch64__)
    char midr[24];
    if (read_line("/sys/devices/system/cpu/cpu0/regs/identification/midr_el1", midr,
                  sizeof midr)) {
        snprintf(model, sizeof model, " midr %s", midr);
    }
#endif
    snprintf(text, SPR_CPU_IDENTITY, "%.47s%.32s, %d threads", brand, model,
             spr_cpu_threads());
}

int64_t spr_cpu_cores(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t cores = 0, cpus = online > 0 ? online : 1;
    for (int64_t i = 0; i < cpus; i++) {
        char path[128], list[64];
        snprintf(path, sizeof path,
                 "/sys/devices/system/cpu/cpu%lld/topology/thread_siblings_list",
                 (long long)i);
        /* A core counts once: by the first of its siblings. */
        if (!read_line(path, list, sizeof list) || strtoll(list, NULL, 10) == i) {
            cores++;
        }
    }
    return cores > 0 ? cores : 1;
}

/* CPUs' worth of time that the control group grants, rounded up; 0 when it sets no limit. */
static double quota_threads(void)
{
    char text[64], period[32];
    if (read_line("/sys/fs/cgroup/cpu.max", text, sizeof text)) {
        char *end;
        double quota = strtod(text, &end), each = strtod(end, NULL);
        return quota > 0 && each > 0 ? ceil(quota / each) : 0;
    }
    if (read_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", text, sizeof text) &&
        read_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period, sizeof period) &&
        atof(text) > 0 && atof(period) > 0) {
        return ceil(atof(text) / atof(period));
    }
    return 0;
}

int spr_cpu_threads(void)
{
    cpu_set_t set;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    double threads = online > 0 ? (double)online : 1, quota = quota_threads();
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) {
        threads = CPU_COUNT(&set);
    }
    return (int)(quota >= 1 && quota < threads ? quota : threads);
}

double spr_cpu_memory_bytes(void)
{
    static const char *const limits[] = {"/sys/fs/cgroup/memory.max",
                                         "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    double bytes = pages > 0 && page > 0 ? (double)pages * (double)page : (double)NAN;
    for (int i = 0; i < 2; i++) {
        char text[64];
        double limit = read_line(limits[i], text, sizeof text) ? atof(text) : 0;
        bytes = limit > 0 && !(limit > bytes) ? limit : bytes;
    }
    return bytes;
}

double spr_cpu_max_hz(void)
{
    char text[32];
    const char *path = "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq";
    return read_line(path, text, sizeof text) && atof(text) > 0 ? atof(text) * 1e3 : 0;
}

double spr_cpu_clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void spr_cpu_huge_pages(void *memory, size_t bytes)
{
#if defined(MADV_HUGEPAGE)
    const size_t page = 4096;
    size_t skip = (page - (size_t)memory % page) % page;
    if (bytes > skip + page) {
        (void)madvise((char *)memory + skip, (bytes - skip) / page * page, MADV_HUGEPAGE);
    }
#else
    (void)memory, (void)bytes;
#endif
}
