/* SPDX-License-Identifier: Apache-2.0 */
/* The user's times beside the model's, layer by layer. */
#ifndef SPROOF_REPORT_EXPLAINED_TIMES_H
#define SPROOF_REPORT_EXPLAINED_TIMES_H

#include "sproof/report.h"

/* One row per measured layer: the speedup, what was allowed, how much of it each kernel
 * reached, and a remark. */
void spr_explained_times(FILE *file, const struct spr_analysis *analysis,
                         const struct spr_explanation *explanation);

#endif
