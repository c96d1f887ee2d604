/* SPDX-License-Identifier: Apache-2.0 */
/* Part of the analysis that compares variants with each other. */
#ifndef SPROOF_ANALYSIS_CHOOSE_H
#define SPROOF_ANALYSIS_CHOOSE_H

#include "sproof/analysis.h"

/* Sets what a result loses in accuracy, and whether that is within the limit. */
void spr_analysis_set_drop(const struct spr_analysis *analysis, struct spr_result *result);

/* Sets what ranks the results, and `pareto` of every counted one. Errors: SPR_ENOMEM. */
enum spr_status spr_analysis_compare(struct spr_analysis *analysis, struct spr_error *err);

#endif
