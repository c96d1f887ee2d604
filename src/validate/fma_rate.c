/* SPDX-License-Identifier: Apache-2.0 */
/* The multiply-add rate of this moment, to see whether the machine changed during a run. */
#include <math.h>

#include "probe/probe_parts.h"
#include "validate/validate_parts.h"

#define TIME_S 0.3

double spr_fma_rate(enum spr_isa isa, int threads, double (*clock_s)(void))
{
    struct spr_probe_team team;
    spr_probe_loop *loop = spr_probe_loop_of(isa, SPR_PROBE_FMA_F32);
    struct spr_probe_pace pace = {.clock_s = clock_s, .end_s = clock_s() + TIME_S, .left = 1};
    if (!loop ||
        spr_probe_team_make(&team, threads, SPR_PROBE_GRAIN, clock_s, NULL) != SPR_OK) {
        return (double)NAN;
    }
    spr_probe_team_set(&team, SPR_PROBE_GRAIN, 0);
    /* The best repetition: what other programs take away is reported apart. */
    double rate = spr_probe_measure(&pace, &team, loop).high;
    spr_probe_team_free(&team);
    return rate;
}
