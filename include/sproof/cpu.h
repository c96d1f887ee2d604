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

/* Instructions beyond those of isa.h that the CPU has and whose registers the system saves. */
enum spr_cpu_feature {
    SPR_CPU_AVX2 = 1 << 0,        /* and FMA */
    SPR_CPU_AVX512 = 1 << 1,      /* F, BW, DQ, VL */
    SPR_CPU_AVX_VNNI = 1 << 2,    /* dot products of int8 on 256 bits */
    SPR_CPU_AVX512_VNNI = 1 << 3, /* on 512 */
    SPR_CPU_AVX512_BF16 = 1 << 4,
    SPR_CPU_AVX512_FP16 = 1 << 5,
    SPR_CPU_AMX_BF16 = 1 << 6, /* tiles; the system must also permit them */
    SPR_CPU_AMX_I8 = 1 << 7,
    SPR_CPU_NEON_DOT = 1 << 8,
    SPR_CPU_NEON_I8MM = 1 << 9,
    SPR_CPU_NEON_BF16 = 1 << 10,
};
#define SPR_CPU_AMX (SPR_CPU_AMX_BF16 | SPR_CPU_AMX_I8)

/* What CPUID answers to one leaf. */
struct spr_cpuid {
    uint32_t leaf, subleaf, eax, ebx, ecx, edx;
};

/* What CPU and system say of instructions; 0 what they do not say. */
struct spr_cpu_snapshot {
    struct spr_cpuid leaves[5]; /* x86-64: 1, 7.0, 7.1, 1D.1, 1E.0; in any order */
    uint64_t xcr0;              /* registers that the system saves; 0 when it does not say */
    uint64_t hwcap, hwcap2;     /* AArch64, Linux */
    int sve_bytes;              /* one SVE vector */
};
void spr_cpu_look(struct spr_cpu_snapshot *snapshot);

/* The bits of spr_cpu_feature that a snapshot has. */
unsigned spr_cpu_features(const struct spr_cpu_snapshot *snapshot);

/* Asks the system to let this process use tiles, as it must be before the first; false when it
 * refuses or knows none. Holds for all threads. */
bool spr_cpu_permit_amx(void);

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
