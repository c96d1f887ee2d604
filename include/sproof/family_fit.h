/* SPDX-License-Identifier: Apache-2.0 */
/* From measured times of products to the constants of kernel families, and how far these are off
 * for products that were left out. */
#ifndef SPROOF_FAMILY_FIT_H
#define SPROOF_FAMILY_FIT_H

#include <stdio.h>

#include "sproof/arena.h"
#include "sproof/family_time.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One measured call. */
struct spr_product {
    int64_t m, k, n;
    struct spr_pattern pattern;
    double sparsity;
    enum spr_dtype dtype;
    enum spr_residency residency; /* warm or cold */
    const char *kernel;
    double time_s;
    size_t line;       /* of the table */
    double fitted_s;   /* by the constants that all rows give; NAN: not fitted */
    double held_out_s; /* by those that the other folds give; NAN: too few products */
};

#define SPR_PRODUCTS_MAX 20000
struct spr_products {
    const char *path;
    struct spr_product *rows;
    size_t count;
    struct spr_arena arena;
};

/* Reads `m,k,n,pattern,sparsity,dtype,time[,kernel,residency]`; times are seconds or have a unit.
 * Of a call in several rows the least counts. Zeroes *products first.
 * Errors: SPR_EINPUT naming file, line, column and value, SPR_ENOMEM. */
enum spr_status spr_products_read(const char *path, struct spr_products *products,
                                  struct spr_notes *notes, struct spr_error *err);

/* Whether two rows are of one family: kernel, pattern, dtype and residency. */
bool spr_products_same_family(const struct spr_product *a, const struct spr_product *b);

/* The least dense time of the same product, dtype and residency; NULL: nobody measured it. */
const struct spr_product *spr_products_dense(const struct spr_products *products,
                                             const struct spr_product *row);

void spr_products_free(struct spr_products *products);

/* A family and what its rows say of it. */
struct spr_fitted {
    struct spr_family family;
    size_t rows, pairs;          /* measured calls; distinct m x k, which folds leave out */
    double within_15;            /* share of held-out times; NAN: too few products */
    double speedup_within_15;    /* of speedups over dense products, held out; NAN: none */
    double faster, faster_cases; /* the faster of two that differ by over 10 %: share, of */
    double roofline_p90;         /* of the simpler form, held out; NAN: not tried */
};

struct spr_family_fits {
    struct spr_fitted *fitted;
    size_t count;
    struct spr_arena arena; /* owns names and the list */
};

/* Fits a family to the rows of each kernel, pattern, dtype and residency, and sets fitted_s and
 * held_out_s of all rows. Folds leave out whole m x k with all their n and types, the same ones
 * for all families. Errors: SPR_EINPUT (an engine or rate that the machine lacks), SPR_ENOMEM. */
enum spr_status spr_fit_families(const struct spr_machine *machine,
                                 struct spr_products *products, struct spr_family_fits *out,
                                 struct spr_error *err);

void spr_family_fits_free(struct spr_family_fits *calibration);

/* Writes the machine with these families in place of its own, and of sproof's kernels.
 * Errors stay in ferror(file); SPR_ENOMEM. */
enum spr_status spr_family_fits_write(FILE *file, const struct spr_machine *machine,
                                      const struct spr_family_fits *calibration,
                                      struct spr_error *err);

/* Products worth measuring, most telling first: a call, a long product, ... NULL past the last. */
const int64_t *spr_products_worth(size_t index);

#ifdef __cplusplus
}
#endif
#endif
