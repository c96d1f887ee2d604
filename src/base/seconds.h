/* SPDX-License-Identifier: Apache-2.0 */
/* Times as people write them. */
#ifndef SPROOF_BASE_SECONDS_H
#define SPROOF_BASE_SECONDS_H

#include <stdbool.h>
#include <stddef.h>

/* "42ms" -> 0.042: the first `length` characters of text are a number and a unit (ns, us, ms, s,
 * min, m, h), which a number of seconds may lack where `bare` is allowed. False for anything else,
 * and for what is too small or too large for a double. */
bool spr_parse_seconds(const char *text, size_t length, bool bare, double *seconds);

#endif
