/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the compiled instruction sets, made from the list of the build. */
#include "kernel/isa_code.h"

#define SPR_ISA_OBJECT(name, NAME)                                                            \
    extern const struct spr_tiles spr_tiles__##name;                                          \
    extern const struct spr_elementwise spr_elementwise__##name;                              \
    extern const struct spr_probe_loops spr_probe_loops__##name;                              \
    extern const struct spr_winner_loops spr_winner_loops__##name;                            \
    extern const struct spr_map_loops spr_map_loops__##name;
#include "isa_list.inc"
#undef SPR_ISA_OBJECT

#define SPR_ISA_OBJECT(name, NAME)                                                            \
    [SPR_ISA_##NAME] = {&spr_tiles__##name, &spr_elementwise__##name,                         \
                        &spr_probe_loops__##name, &spr_winner_loops__##name,                  \
                        &spr_map_loops__##name},
static const struct spr_isa_code codes[SPR_ISA_COUNT] = {
#include "isa_list.inc"
};
#undef SPR_ISA_OBJECT

const struct spr_isa_code *spr_isa_code_of(enum spr_isa isa)
{
    return &codes[isa];
}

int spr_widest_tile(enum spr_isa isa, int rows)
{
    const struct spr_tiles *tiles = codes[isa].tiles;
    for (size_t i = 0; i < tiles->height_count; i++) {
        if (tiles->heights[i].rows == rows) {
            return tiles->heights[i].widest;
        }
    }
    return 0;
}
