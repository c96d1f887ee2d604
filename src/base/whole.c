/* SPDX-License-Identifier: Apache-2.0 */
/* Whole numbers, told by their digits: what they are rounded to may be whole. */
#include "base/whole.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/limits.h"

bool spr_is_whole(double value)
{
    return fabs(value) <= SPR_PRODUCT_MAX && value == floor(value);
}

bool spr_is_mean_count(double mean, int64_t of)
{
    const double sum = mean * (double)of;
    /* Twelve digits of the mean are enough. */
    return isnan(mean) || fabs(sum - floor(sum + 0.5)) <= (of == 1 ? 0 : 1e-11 * sum);
}

/* The last digit above 0 of a decimal number stands for units or more. */
static bool is_whole_decimal(const char *text)
{
    const char *end = text + strcspn(text, "eE"), *point = text + strcspn(text, ".");
    const char *last = end;
    while (last > text && (last[-1] < '1' || last[-1] > '9')) {
        last--;
    }
    if (last == text) {
        return true; /* 0 */
    }
    point = point < end ? point : end;
    const long long exponent = *end ? strtoll(end + 1, NULL, 10) : 0;
    const long long place = last <= point ? point - last : point - last + 1;
    return exponent >= -place;
}

bool spr_parse_whole(const char *text, double *value)
{
    double parsed;
    if (!spr_parse_number(text, &parsed) || !is_whole_decimal(text) || !spr_is_whole(parsed)) {
        return false;
    }
    *value = parsed + 0.0; /* -0 becomes 0 */
    return true;
}
