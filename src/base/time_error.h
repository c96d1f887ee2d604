/* SPDX-License-Identifier: Apache-2.0 */
/* Measured times with their errors, as people write them. */
#ifndef SPROOF_BASE_TIME_ERROR_H
#define SPROOF_BASE_TIME_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* "42ms" or "42ms+-1%" in the first `length` characters of text: a time above 0 as
 * spr_parse_seconds reads it, and its error, 0 to 50 %, as a fraction. Without "+-" *error stays as
 * it is. False for anything else. */
bool spr_parse_time_error(const char *text, size_t length, bool bare, double *seconds,
                          double *error);

#endif
