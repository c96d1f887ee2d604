/* SPDX-License-Identifier: Apache-2.0 */
/* What the objects of src/kernel/isa export, of each instruction set they were compiled for. */
#ifndef SPROOF_KERNEL_ISA_CODE_H
#define SPROOF_KERNEL_ISA_CODE_H

#include "kernel/isa/elementwise.h"
#include "kernel/isa/maps.h"
#include "kernel/isa/probe_loops.h"
#include "kernel/isa/strips.h"
#include "kernel/isa/winners.h"
#include "sproof/isa.h"

struct spr_isa_code {
    const struct spr_tiles *tiles;
    const struct spr_elementwise *elementwise;
    const struct spr_probe_loops *probe_loops;
    const struct spr_winner_loops *winners;
    const struct spr_map_loops *maps;
};

/* The code of a CPU's instruction set; all NULL when it was not compiled in. */
const struct spr_isa_code *spr_isa_code_of(enum spr_isa isa);

/* Widest tile of a height in vectors, 0 when the instruction set has no such height. */
int spr_widest_tile(enum spr_isa isa, int rows);

#endif
