/* SPDX-License-Identifier: Apache-2.0 */
/* The expected time of k-winner-take-all and of products with winners alone. */
#include <math.h>

#include "expected/expected_parts.h"
#include "sproof/expected_winners.h"

/* Rates of the nearest height of blocks; 0: of k-winner-take-all by a method. */
static const struct spr_winner_rates *find(const struct spr_kernel_rates *rates,
                                           enum spr_isa isa, int rows, int method)
{
    const struct spr_winner_rates *best = NULL;
    for (size_t i = 0; rates && i < rates->winner_count; i++) {
        const struct spr_winner_rates *w = &rates->winners[i];
        const bool fits = w->isa == isa && w->each.count > 0 && w->winner.count > 0 &&
                          (rows == 0   ? w->rows == 0 && w->method == method
                           : rows == 1 ? w->rows == 1
                                       : w->rows > 1 && w->rows <= rows);
        if (fits && (!best || w->rows > best->rows)) {
            best = w;
        }
    }
    return best;
}

double spr_wta_expected(const struct spr_kernel_rates *rates, const struct spr_wta *wta)
{
    const struct spr_winner_rates *w = find(rates, wta->isa, 0, (int)wta->method);
    const double groups = (double)spr_wta_groups(wta), size = (double)spr_wta_size(wta);
    const double bytes = size * sizeof(float);
    if (!w) {
        return (double)NAN;
    }
    const double apart = wta->scope == SPR_WTA_PIXEL && wta->pixels > 1 ? w->other_s : 0;
    return groups * (size * (spr_sweep_at(&w->each, bytes) + apart) +
                     fmin((double)wta->k, size) * spr_sweep_at(&w->winner, bytes));
}

enum spr_wta_method spr_wta_choose(const struct spr_kernel_rates *rates,
                                   const struct spr_wta *wta)
{
    struct spr_wta of = *wta;
    enum spr_wta_method best = SPR_WTA_THRESHOLD;
    double best_s = HUGE_VAL;
    for (int m = 0; m < SPR_WTA_METHODS; m++) {
        of.method = (enum spr_wta_method)m;
        const double time_s = spr_wta_expected(rates, &of);
        if (time_s < best_s) {
            best_s = time_s;
            best = of.method;
        }
    }
    return best;
}

/* Seconds of a winner with its blocks. */
static double winner_time(const struct spr_winner_rates *w, const struct spr_winners_case *of)
{
    /* A height between those measured takes as long as so many of the lower one. */
    const double heights = of->rows > 1 ? ceil((double)of->rows / w->rows) : 1;
    const double blocks = of->blocks / (double)of->k;
    const double bytes = fmax(of->blocks * of->rows * sizeof(float), of->passed_bytes);
    return spr_sweep_at(&w->winner, bytes) + blocks * heights * spr_sweep_at(&w->each, bytes);
}

double spr_winners_expected(const struct spr_kernel_rates *rates,
                            const struct spr_winners_case *of)
{
    const struct spr_winner_rates *w = find(rates, of->isa, of->rows, 0);
    return w ? (double)of->m * w->other_s + of->winners * winner_time(w, of) : (double)NAN;
}

double spr_winners_crossover(const struct spr_kernel_rates *rates,
                             const struct spr_winners_case *of, double other_s)
{
    const struct spr_winner_rates *w = find(rates, of->isa, of->rows, 0);
    struct spr_wta wta = {.isa = of->isa, .channels = of->k, .pixels = 1};
    wta.method = spr_wta_choose(rates, &wta);
    const double none_s = spr_wta_expected(rates, &wta); /* k of 0 */
    wta.k = of->k;
    const double each_s = (spr_wta_expected(rates, &wta) - none_s) / (double)of->k;
    if (!w || !(none_s >= 0)) {
        return (double)NAN;
    }
    const double left_s = other_s - none_s - (double)of->m * w->other_s;
    const double winners = left_s / (winner_time(w, of) + each_s);
    return winners >= 1 ? fmax(0, 1 - winners / (double)of->k) : (double)NAN;
}
