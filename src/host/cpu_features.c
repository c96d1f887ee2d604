/* SPDX-License-Identifier: Apache-2.0 */
/* Which instructions this CPU has. Feature bits decide, never a name, and the system must save
 * the registers: a guest may have the instructions and a kernel that does not know them. */
/* syscall. NOLINTNEXTLINE(bugprone-reserved-identifier): glibc reads it */
#define _GNU_SOURCE
#include "sproof/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#include <sys/prctl.h>
#endif

/* --- x86-64: bits by the Intel and AMD manuals. */

/* State that the system saves, in XCR0. */
#define SAVES_AVX 0x6u
#define SAVES_AVX512 0xE6u
#define SAVES_TILES 0x60000u

static struct spr_cpuid leaf_of(const struct spr_cpu_snapshot *s, uint32_t leaf,
                                uint32_t subleaf)
{
    for (size_t i = 0; i < sizeof s->leaves / sizeof *s->leaves; i++) {
        if (s->leaves[i].leaf == leaf && s->leaves[i].subleaf == subleaf) {
            return s->leaves[i];
        }
    }
    return (struct spr_cpuid){0};
}

static bool has(uint32_t word, int bit)
{
    return word >> bit & 1;
}

static bool saves(const struct spr_cpu_snapshot *s, uint64_t state)
{
    /* OSXSAVE: without it nothing can be said of XCR0. */
    return has(leaf_of(s, 1, 0).ecx, 27) && (s->xcr0 & state) == state;
}

/* The tiles that the loops use: eight, of 16 rows of 64 bytes, multiplied whole. */
static bool has_whole_tiles(const struct spr_cpu_snapshot *s)
{
    const struct spr_cpuid palette = leaf_of(s, 0x1D, 1), multiplier = leaf_of(s, 0x1E, 0);
    return palette.ebx >> 16 >= 8 && (palette.ebx & 0xFFFF) >= 64 &&
           (palette.ecx & 0xFFFF) >= 16 && (multiplier.ebx & 0xFF) >= 16 &&
           (multiplier.ebx >> 8 & 0xFFFF) >= 64;
}

static unsigned avx512_features(const struct spr_cpu_snapshot *s)
{
    const struct spr_cpuid seven = leaf_of(s, 7, 0), more = leaf_of(s, 7, 1);
    const uint32_t b = seven.ebx;
    if (!saves(s, SAVES_AVX512) || !(has(b, 16) && has(b, 17) && has(b, 30) && has(b, 31))) {
        return 0;
    }
    return SPR_CPU_AVX512 | (has(seven.ecx, 11) ? SPR_CPU_AVX512_VNNI : 0u) |
           (has(more.eax, 5) ? SPR_CPU_AVX512_BF16 : 0u) |
           (has(seven.edx, 23) ? SPR_CPU_AVX512_FP16 : 0u);
}

static unsigned tile_features(const struct spr_cpu_snapshot *s)
{
    const uint32_t d = leaf_of(s, 7, 0).edx;
    if (!saves(s, SAVES_TILES) || !has(d, 24) || !has_whole_tiles(s)) {
        return 0;
    }
    return (has(d, 22) ? SPR_CPU_AMX_BF16 : 0u) | (has(d, 25) ? SPR_CPU_AMX_I8 : 0u);
}

static unsigned x86_features(const struct spr_cpu_snapshot *s)
{
    const uint32_t c = leaf_of(s, 1, 0).ecx;
    if (!saves(s, SAVES_AVX) || !has(c, 28) || !has(c, 12) || !has(leaf_of(s, 7, 0).ebx, 5)) {
        return 0;
    }
    return SPR_CPU_AVX2 | (has(leaf_of(s, 7, 1).eax, 4) ? SPR_CPU_AVX_VNNI : 0u) |
           avx512_features(s) | tile_features(s);
}

/* --- AArch64: bits by Linux, arch/arm64/include/uapi/asm/hwcap.h. */

static unsigned neon_features(const struct spr_cpu_snapshot *s)
{
    return (s->hwcap >> 20 & 1 ? SPR_CPU_NEON_DOT : 0u) |
           (s->hwcap2 >> 13 & 1 ? SPR_CPU_NEON_I8MM : 0u) |
           (s->hwcap2 >> 14 & 1 ? SPR_CPU_NEON_BF16 : 0u);
}

unsigned spr_cpu_features(const struct spr_cpu_snapshot *snapshot)
{
    return x86_features(snapshot) | neon_features(snapshot);
}

/* --- This machine. */

#if defined(__x86_64__)
static void look_at(struct spr_cpuid *at, uint32_t leaf, uint32_t subleaf)
{
    *at = (struct spr_cpuid){.leaf = leaf, .subleaf = subleaf};
    /* 0 where the CPU has no such leaf. */
    (void)__get_cpuid_count(leaf, subleaf, &at->eax, &at->ebx, &at->ecx, &at->edx);
}

void spr_cpu_look(struct spr_cpu_snapshot *snapshot)
{
    *snapshot = (struct spr_cpu_snapshot){0};
    look_at(&snapshot->leaves[0], 1, 0);
    look_at(&snapshot->leaves[1], 7, 0);
    if (snapshot->leaves[1].eax >= 1) {
        look_at(&snapshot->leaves[2], 7, 1);
    }
    look_at(&snapshot->leaves[3], 0x1D, 1);
    look_at(&snapshot->leaves[4], 0x1E, 0);
    if (has(snapshot->leaves[0].ecx, 27)) {
        uint32_t low, high;
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        snapshot->xcr0 = (uint64_t)high << 32 | low;
    }
}

/* Linux since 5.16: the state is large and is given to who asks for it. */
#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_XTILEDATA 18

bool spr_cpu_permit_amx(void)
{
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
#elif defined(__aarch64__)
#define HWCAP_SVE_BIT 22

void spr_cpu_look(struct spr_cpu_snapshot *snapshot)
{
    *snapshot = (struct spr_cpu_snapshot){.hwcap = getauxval(AT_HWCAP),
                                          .hwcap2 = getauxval(AT_HWCAP2)};
    if (snapshot->hwcap >> HWCAP_SVE_BIT & 1) {
        int length = prctl(PR_SVE_GET_VL);
        snapshot->sve_bytes = length > 0 ? length & PR_SVE_VL_LEN_MASK : 0;
    }
}

bool spr_cpu_permit_amx(void)
{
    return false;
}
#else
void spr_cpu_look(struct spr_cpu_snapshot *snapshot)
{
    *snapshot = (struct spr_cpu_snapshot){0};
}

bool spr_cpu_permit_amx(void)
{
    return false;
}
#endif
