/* SPDX-License-Identifier: Apache-2.0 */
/* Measured times with their errors, as people write them. */
#include "base/time_error.h"

#include <string.h>

#include "base/csv.h"
#include "base/seconds.h"

/* With more than this nothing can be told of a time. */
#define ERROR_MOST 0.5

/* Where "+-" begins in the first `length` characters, else length. */
static size_t find_error(const char *text, size_t length)
{
    for (size_t i = 0; i + 1 < length; i++) {
        if (text[i] == '+' && text[i + 1] == '-') {
            return i;
        }
    }
    return length;
}

static bool read_percent(const char *text, size_t length, double *error)
{
    char number[32];
    if (length < 2 || length > sizeof number || text[length - 1] != '%') {
        return false;
    }
    memcpy(number, text, length - 1);
    number[length - 1] = '\0';
    double percent;
    if (!spr_parse_number(number, &percent) || !(percent >= 0) || percent > 100 * ERROR_MOST) {
        return false;
    }
    *error = percent / 100;
    return true;
}

bool spr_parse_time_error(const char *text, size_t length, bool bare, double *seconds,
                          double *error)
{
    const size_t end = find_error(text, length);
    if (end < length && !read_percent(text + end + 2, length - end - 2, error)) {
        return false;
    }
    return spr_parse_seconds(text, end, bare, seconds) && *seconds > 0;
}
