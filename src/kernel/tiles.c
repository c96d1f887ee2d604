/* SPDX-License-Identifier: Apache-2.0 */
/* Register tiles. */
#include "vec.h"
int SPR_PER_ISA(spr_tiles_lanes)(void);
int SPR_PER_ISA(spr_tiles_lanes)(void)
{
    return VEC_LANES;
}
