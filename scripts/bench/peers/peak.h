/* SPDX-License-Identifier: Apache-2.0 */
/* The f32 multiply-add rate that everything is measured against. */
#ifndef PEAK_H
#define PEAK_H

#include "peer.h"
#include "sproof/isa.h"

/* Vectors of this instruction set from here on; false: no loop for it. */
bool peak_choose(enum spr_isa isa);

const struct peer *peak_peer(void);

/* FLOPs of one run on all its threads. */
double peak_flops(int threads);

#endif
