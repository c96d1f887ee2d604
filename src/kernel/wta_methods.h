/* SPDX-License-Identifier: Apache-2.0 */
/* Thresholds of k-winner-take-all. */
#ifndef SPROOF_KERNEL_WTA_METHODS_H
#define SPROOF_KERNEL_WTA_METHODS_H

#include "sproof/winners.h"

/* Values of a sample. */
#define SPR_WTA_SAMPLE 128

/* Values side by side that compete. */
struct spr_wta_group {
    const float *x, *factor; /* factor: NULL for 1 */
    int64_t count, k;        /* 1 <= k <= count */
    float *scratch;          /* `count` floats and SPR_WTA_SAMPLE */
};

/* A threshold that at least k are expected to reach, by the method of `wta`: with histogram and
 * sort the k-th largest, or -infinity where fewer than k are numbers. */
float spr_wta_threshold(const struct spr_wta *wta, const struct spr_wta_group *group);

#endif
