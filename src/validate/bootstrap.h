/* SPDX-License-Identifier: Apache-2.0 */
/* Medians of samples drawn again with replacement: how sure a median is. */
#ifndef SPROOF_VALIDATE_BOOTSTRAP_H
#define SPROOF_VALIDATE_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

#define SPR_BOOTSTRAP_DRAWS 1000

/* Fewer samples say nothing: the range of 5 holds the median with less than 95 %. */
#define SPR_BOOTSTRAP_SAMPLES_MIN 6

/* Adds `sign` times the logarithm of the median to each of the draws' sums. sorted: rising,
 * above 0. counts: room for `count` numbers. state: of the random numbers. */
void spr_bootstrap_log_medians(const double *sorted, size_t count, unsigned *counts,
                               uint64_t *state, double sign, double sums[SPR_BOOTSTRAP_DRAWS]);

/* Bounds of the middle 95 % of the draws; sorts them. */
void spr_bootstrap_interval(double draws[SPR_BOOTSTRAP_DRAWS], double *low, double *high);

#endif
