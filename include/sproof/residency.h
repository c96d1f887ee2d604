/* SPDX-License-Identifier: Apache-2.0 */
/* Where weights and activations are when an operator starts. */
#ifndef SPROOF_RESIDENCY_H
#define SPROOF_RESIDENCY_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which bytes must cross which memory level (src/analysis/README.md, "Residency"). */
enum spr_residency {
    SPR_RESIDENCY_DRAM,    /* everything crosses the last level */
    SPR_RESIDENCY_WARM,    /* the same layer again and again */
    SPR_RESIDENCY_COLD,    /* weights evicted before each call */
    SPR_RESIDENCY_NETWORK, /* the layers in order */
};
#define SPR_RESIDENCY_COUNT 4

/* "dram", "warm", "cold", "network". */
const char *spr_residency_name(enum spr_residency residency);

/* The residency of a name; false when there is none of it, or text is NULL. */
bool spr_residency_find(const char *text, enum spr_residency *residency);

#ifdef __cplusplus
}
#endif
#endif
