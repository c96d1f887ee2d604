/* SPDX-License-Identifier: Apache-2.0 */
/* Instruction sets the kernels are compiled for, and what this CPU runs. */
#ifndef SPROOF_ISA_H
#define SPROOF_ISA_H

#include <stdbool.h>

#include "sproof/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In rising order of preference on the CPUs that have several. */
enum spr_isa {
    SPR_ISA_SCALAR,
    SPR_ISA_NEON,
    SPR_ISA_AVX2,   /* AVX2 and FMA */
    SPR_ISA_AVX512, /* AVX-512 F, BW, DQ, VL */
};
#define SPR_ISA_COUNT 4

/* "scalar", "neon", "avx2", "avx512". */
const char *spr_isa_name(enum spr_isa isa);

/* The set of a name; false when there is none of it, or name is NULL. */
bool spr_isa_find(const char *name, enum spr_isa *isa);

/* Compiled in, and the CPU and operating system run it. Scalar always is. */
bool spr_isa_usable(enum spr_isa isa);

/* The highest usable. */
enum spr_isa spr_isa_best(void);

/* f32 lanes of one vector: 1, 4, 8, 16. */
int spr_isa_lanes(enum spr_isa isa);

/* The one to use: option (NULL: not given), else $SPROOF_ISA, else the highest usable.
 * Errors: SPR_EINPUT naming the usable ones. */
enum spr_status spr_isa_choose(const char *option, enum spr_isa *isa, struct spr_error *err);

#ifdef __cplusplus
}
#endif
#endif
