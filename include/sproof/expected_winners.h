/* SPDX-License-Identifier: Apache-2.0 */
/* The expected time of k-winner-take-all and of products with winners alone, on one thread of a
 * probed machine. No I/O, no allocation. */
#ifndef SPROOF_EXPECTED_WINNERS_H
#define SPROOF_EXPECTED_WINNERS_H

#include "sproof/rates.h"
#include "sproof/winners.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A product with the winners of one token. */
struct spr_winners_case {
    enum spr_isa isa;
    int rows;       /* spr_columns_rows */
    int64_t m, k;   /* of W */
    double blocks;  /* of rows x 1 of W, evenly over its columns, before these are filled up */
    double winners; /* of k */
    double passed_bytes; /* between two calls through the caches; 0: nothing does */
};

/* Seconds; NAN: not measured (rates NULL or of before there were any). */
double spr_wta_expected(const struct spr_kernel_rates *rates, const struct spr_wta *wta);
double spr_winners_expected(const struct spr_kernel_rates *rates,
                            const struct spr_winners_case *of);

/* The method that is expected to be fastest; threshold where nothing is known. */
enum spr_wta_method spr_wta_choose(const struct spr_kernel_rates *rates,
                                   const struct spr_wta *wta);

/* Share of inputs that must be zero before global k-winner-take-all and the product with its
 * winners are expected to take less than other_s, the seconds of a product with all inputs.
 * NAN: not known, or never. of->winners does not count. */
double spr_winners_crossover(const struct spr_kernel_rates *rates,
                             const struct spr_winners_case *of, double other_s);

#ifdef __cplusplus
}
#endif
#endif
