/* SPDX-License-Identifier: Apache-2.0 */
/* The part of an analysis that asks what sproof's own kernels should take. */
#ifndef SPROOF_ANALYSIS_ANALYZE_EXPECTED_H
#define SPROOF_ANALYSIS_ANALYZE_EXPECTED_H

#include "sproof/analysis.h"

/* Decides whether there is anything to expect, and with it the residency where none was asked
 * for. */
void spr_expected_begin(struct spr_analysis *analysis);

/* Decides with which threads and instruction set. Errors: SPR_ENOMEM. */
enum spr_status spr_expected_prepare(struct spr_analysis *analysis, struct spr_error *err);

/* The dense operators at a batch whose bounds are known. */
void spr_expected_batch(struct spr_analysis *analysis, size_t batch_index);

/* The operators of a result whose bounds are known, and their sums. */
void spr_expected_result(struct spr_analysis *analysis, struct spr_result *result);

void spr_expected_free(struct spr_analysis *analysis);

#endif
