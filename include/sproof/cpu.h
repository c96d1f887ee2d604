/* SPDX-License-Identifier: Apache-2.0 */
/* What CPUID, sysfs and the operating system say of this machine. Everything may be unknown. */
#ifndef SPROOF_CPU_H
#define SPROOF_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that caches move at once: of x86-64 and of nearly every AArch64. */
#define SPR_CACHE_LINE 64

/* Cache lines of rows that lie a multiple of this apart compete for the same few places. */
#define SPR_WAY_BYTES 4096

#define SPR_CPU_BRAND 64
#define SPR_CPU_IDENTITY 96

/* "AMD EPYC 9354", or the architecture when the CPU does not say. */
void spr_cpu_brand(char text[SPR_CPU_BRAND]);

/* Brand, family.model.stepping and usable threads: measured rates hold while it is equal. */
void spr_cpu_identity(char text[SPR_CPU_IDENTITY]);

struct spr_cpu_cache {
    double bytes; /* NAN: unknown */
    bool shared;  /* by several CPUs and not the first two levels */
};
#define SPR_CPU_CACHES 4
/* Data caches of CPU 0 by level: [0] is L1. */
void spr_cpu_caches(struct spr_cpu_cache caches[SPR_CPU_CACHES]);

/* Physical cores that are online; at least 1. */
int64_t spr_cpu_cores(void);

/* CPUs this process may run on: affinity and the quota of its control group; at least 1. */
int spr_cpu_threads(void);

/* Memory this process may use, bytes; NAN when unknown. */
double spr_cpu_memory_bytes(void);

/* The highest clock that sysfs names, Hz; 0 when unknown. */
double spr_cpu_max_hz(void);

/* Seconds of the monotonic clock. */
double spr_cpu_clock_s(void);

/* Asks for huge pages; only a hint. */
void spr_cpu_huge_pages(void *memory, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
