/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the compiled instruction sets this CPU runs. Feature bits decide, never a name. */
#include "sproof/isa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int lanes;
} sets[SPR_ISA_COUNT] = {
    [SPR_ISA_SCALAR] = {"scalar", 1},
    [SPR_ISA_NEON] = {"neon", 4},
    [SPR_ISA_AVX2] = {"avx2", 8},
    [SPR_ISA_AVX512] = {"avx512", 16},
};

const char *spr_isa_name(enum spr_isa isa)
{
    return sets[isa].name;
}

bool spr_isa_find(const char *name, enum spr_isa *isa)
{
    for (int i = 0; name && i < SPR_ISA_COUNT; i++) {
        if (strcmp(name, sets[i].name) == 0) {
            *isa = (enum spr_isa)i;
            return true;
        }
    }
    return false;
}

int spr_isa_lanes(enum spr_isa isa)
{
    return sets[isa].lanes;
}

/* What the CPU says of each set that can be compiled in. The builtins ask the operating system
 * too: it must save the wide registers. Neon is part of every AArch64. */
#define CPU_RUNS_scalar true
#define CPU_RUNS_neon true
#define CPU_RUNS_avx2 (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#define CPU_RUNS_avx512                                                                       \
    (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&               \
     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))

bool spr_isa_usable(enum spr_isa isa)
{
    switch ((int)isa) {
#define SPR_ISA_OBJECT(name, NAME)                                                            \
    case SPR_ISA_##NAME:                                                                      \
        return CPU_RUNS_##name;
#include "isa_list.inc"
#undef SPR_ISA_OBJECT
    default:
        return false; /* not compiled in */
    }
}

enum spr_isa spr_isa_best(void)
{
    int best = SPR_ISA_SCALAR;
    for (int isa = 0; isa < SPR_ISA_COUNT; isa++) {
        best = spr_isa_usable((enum spr_isa)isa) ? isa : best;
    }
    return (enum spr_isa)best;
}

enum spr_status spr_isa_choose(const char *option, enum spr_isa *isa, struct spr_error *err)
{
    const char *from = "--isa";
    char usable[64] = "";
    enum spr_isa found;
    if (!option) {
        option = getenv("SPROOF_ISA");
        from = "SPROOF_ISA";
    }
    if (!option || !*option) {
        *isa = spr_isa_best();
        return SPR_OK;
    }
    if (spr_isa_find(option, &found) && spr_isa_usable(found)) {
        *isa = found;
        return SPR_OK;
    }
    for (int i = 0; i < SPR_ISA_COUNT; i++) {
        if (spr_isa_usable((enum spr_isa)i)) {
            strcat(usable, usable[0] ? ", " : "");
            strcat(usable, sets[i].name);
        }
    }
    return spr_fail(err, SPR_EINPUT, "%s: '%.40s': expected one of %s on this machine", from,
                    option, usable);
}
