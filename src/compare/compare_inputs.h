/* SPDX-License-Identifier: Apache-2.0 */
/* Before two records are judged: are they about the same, and which case is which. */
#ifndef SPROOF_COMPARE_COMPARE_INPUTS_H
#define SPROOF_COMPARE_COMPARE_INPUTS_H

#include "sproof/compare.h"

/* Notes every input that is not the same in both. */
void spr_compare_inputs(struct spr_comparison *comparison);

/* Fills the rows, verdicts excepted; what does not match is noted too. */
enum spr_status spr_compare_match(struct spr_comparison *comparison, struct spr_error *err);

#endif
