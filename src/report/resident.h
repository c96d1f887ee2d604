/* SPDX-License-Identifier: Apache-2.0 */
/* What residency network takes for granted. */
#ifndef SPROOF_REPORT_RESIDENT_H
#define SPROOF_REPORT_RESIDENT_H

#include <stdio.h>

#include "sproof/analysis.h"

/* Says so where a pass of the result's network, dense or pruned, fits in the caches. */
void spr_report_resident(FILE *file, const struct spr_analysis *analysis,
                         const struct spr_result *result);

#endif
