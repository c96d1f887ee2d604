/* SPDX-License-Identifier: Apache-2.0 */
/* Counts: whole numbers that a double holds exactly. */
#ifndef SPROOF_BASE_WHOLE_H
#define SPROOF_BASE_WHOLE_H

#include <stdbool.h>
#include <stdint.h>

/* 0, or whole and within +-2^53. */
bool spr_is_whole(double value);

/* NAN, or the mean of so many counts, as far as a decimal number tells. */
bool spr_is_mean_count(double mean, int64_t of);

/* Parses all of text as a whole number within +-2^53: 12, 12.0 and 1.2e1 are, 12.5 is not, nor is
 * a number that only becomes whole when it is rounded, such as 1e-400. -0 is 0. */
bool spr_parse_whole(const char *text, double *value);

#endif
