/* SPDX-License-Identifier: Apache-2.0 */
/* The constants of one family from the times of its calls. */
#ifndef SPROOF_FAMILY_FIT_H_
#define SPROOF_FAMILY_FIT_H_

#include "sproof/family_fit.h"

/* What is known of a constant before anything was measured: log-normal. */
struct spr_prior {
    double usual;  /* 0: the form has no such constant */
    double spread; /* standard deviation of its logarithm */
};

void spr_family_priors(enum spr_form form, const struct spr_pattern *pattern,
                       const struct spr_family_view *view,
                       struct spr_prior prior[SPR_CONSTANT_COUNT]);

/* Calls with their times, and the machine as their family sees it. */
struct spr_fit_data {
    const struct spr_family_view *view;
    const struct spr_family_case *cases;
    const double *time_s;
    size_t count;
};

/* Sets family->constant by those calls whose `used` is true: least squares of the logarithms of
 * times, in which few far ones count little, with the priors. Errors: SPR_ENOMEM. */
enum spr_status spr_family_fit(const struct spr_fit_data *data, const bool *used,
                               const struct spr_prior prior[SPR_CONSTANT_COUNT],
                               struct spr_family *family, struct spr_error *err);

#endif
