/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of one family, from times to constants. */
#ifndef SPROOF_FAMILY_FIT_GROUP_H
#define SPROOF_FAMILY_FIT_GROUP_H

#include "sproof/family_fit.h"

/* A held-out time or speedup within this of the measured one counts as found. */
#define SPR_NEAR 0.15

/* What all families share. */
struct spr_fitting {
    const struct spr_machine *machine;
    struct spr_products *products;
    struct spr_family_fits *out;
    size_t *fold; /* [row] */
    size_t folds;
    struct spr_error *err;
};

/* The rows of one family, in order. */
struct spr_group {
    struct spr_product **rows;
    size_t *fold; /* [row of the group] */
    struct spr_family_case *cases;
    double *time_s, *held_out_s, *errors;
    bool *used;
    struct spr_family_view view;
    size_t count, pairs;
};

/* Orders products by m, then k: 0 for the same weights. Of qsort: elements are pointers. */
int spr_product_by_pair(const void *left, const void *right);

/* All rows of the family of row `first`; owned by the caller, spr_group_free. Errors: SPR_ENOMEM. */
enum spr_status spr_group_gather(struct spr_fitting *fitting, size_t first,
                                 struct spr_group *group);
void spr_group_free(struct spr_group *group);

/* Chooses the form by products held out, then sets constants, errors, and the rows' fitted_s and
 * held_out_s. Errors: SPR_EINPUT (no engine), SPR_ENOMEM. */
enum spr_status spr_fit_group(struct spr_fitting *fitting, struct spr_group *group,
                              struct spr_fitted *fitted);

#endif
