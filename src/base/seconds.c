/* SPDX-License-Identifier: Apache-2.0 */
/* Times as people write them. */
#include "base/seconds.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/csv.h"

/* What the letters at the end of a time stand for, in seconds; 0: nothing. */
static double time_unit(const char *letters)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1},
                 {"min", 60},  {"m", 60},    {"h", 3600}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(letters, units[i].unit) == 0) {
            return units[i].seconds;
        }
    }
    return 0;
}

bool spr_parse_seconds(const char *text, size_t length, bool bare, double *seconds)
{
    char number[64];
    size_t digits = length;
    double value = 0;
    if (length >= sizeof number) {
        return false;
    }
    memcpy(number, text, length);
    number[length] = '\0';
    while (digits > 0 && isalpha((unsigned char)number[digits - 1])) {
        digits--;
    }
    const double unit = digits < length ? time_unit(number + digits) : bare ? 1 : 0;
    number[digits] = '\0';
    if (unit == 0 || !spr_parse_number(number, &value)) {
        return false;
    }
    *seconds = value * unit;
    return isfinite(*seconds) && (*seconds != 0 || value == 0);
}
