/* SPDX-License-Identifier: Apache-2.0 */
/* What is made of many numbers, none of them NaN, at least one. */
#ifndef SPROOF_BASE_NUMBERS_H
#define SPROOF_BASE_NUMBERS_H

#include <stddef.h>

/* Rising. */
void spr_sort_numbers(double *values, size_t count);

/* Of an even count the mean of the two in the middle. */
double spr_median_sorted(const double *sorted, size_t count);

/* The same of numbers in any order; sorts them. */
double spr_median(double *values, size_t count);

double spr_least(const double *values, size_t count);

/* Puts a value in its place among the `count` least so far, which rise; HUGE_VAL: fewer yet. */
void spr_keep_least(double *least, size_t count, double value);

struct spr_spread {
    double low, value, high; /* the least, the median and the most of them */
};

/* Sorts them. */
struct spr_spread spr_spread_of(double *values, size_t count);

#endif
