/* SPDX-License-Identifier: Apache-2.0 */
/* Part of the analysis that compares variants with each other. */
#ifndef SPROOF_CHOOSE_H
#define SPROOF_CHOOSE_H

#include "sproof/analysis.h"

/* Sets `pareto` of every counted result at a batch. Errors: SPR_ENOMEM. */
enum spr_status spr_analysis_mark_pareto(struct spr_analysis *analysis, size_t batch_index,
                                         struct spr_error *err);

#endif
