/* SPDX-License-Identifier: Apache-2.0 */
/* Percentile bootstrap of medians (Efron 1979), seeded: the same answer on every machine. */
#include "validate/bootstrap.h"

#include <math.h>
#include <string.h>

#include "base/numbers.h"
#include "base/random.h"

/* The sample that `rank` drawn ones (from 0) lie below, by counting: drawing needs no sort. */
static double drawn_at(const double *sorted, const unsigned *counts, size_t rank)
{
    size_t seen = 0, i = 0;
    for (; seen + counts[i] <= rank; i++) {
        seen += counts[i];
    }
    return sorted[i];
}

void spr_bootstrap_log_medians(const double *sorted, size_t count, unsigned *counts,
                               uint64_t *state, double sign, double sums[SPR_BOOTSTRAP_DRAWS])
{
    for (size_t draw = 0; draw < SPR_BOOTSTRAP_DRAWS; draw++) {
        memset(counts, 0, count * sizeof *counts);
        for (size_t i = 0; i < count; i++) {
            counts[spr_random(state) % count]++;
        }
        double median =
            (drawn_at(sorted, counts, (count - 1) / 2) + drawn_at(sorted, counts, count / 2)) /
            2;
        sums[draw] += sign * log(median);
    }
}

void spr_bootstrap_interval(double draws[SPR_BOOTSTRAP_DRAWS], double *low, double *high)
{
    size_t outside = SPR_BOOTSTRAP_DRAWS / 40; /* 2.5 % on either side */
    spr_sort_numbers(draws, SPR_BOOTSTRAP_DRAWS);
    *low = draws[outside];
    *high = draws[SPR_BOOTSTRAP_DRAWS - 1 - outside];
}
