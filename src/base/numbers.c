/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting numbers, and what lies where among them. */
#include "base/numbers.h"

#include <math.h>
#include <stdlib.h>

static int rising(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

void spr_sort_numbers(double *values, size_t count)
{
    qsort(values, count, sizeof *values, rising);
}

double spr_median_sorted(const double *sorted, size_t count)
{
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

double spr_median(double *values, size_t count)
{
    spr_sort_numbers(values, count);
    return spr_median_sorted(values, count);
}

double spr_least(const double *values, size_t count)
{
    double least = values[0];
    for (size_t i = 1; i < count; i++) {
        least = fmin(least, values[i]);
    }
    return least;
}

void spr_keep_least(double *least, size_t count, double value)
{
    for (size_t i = 0; i < count; i++) {
        if (value < least[i]) {
            const double moved = least[i];
            least[i] = value;
            value = moved;
        }
    }
}

struct spr_spread spr_spread_of(double *values, size_t count)
{
    double median = spr_median(values, count);
    return (struct spr_spread){values[0], median, values[count - 1]};
}
