/* SPDX-License-Identifier: Apache-2.0 */
/* The words below the table of the answer. */
#ifndef SPROOF_REPORT_ANSWER_LEGEND_H
#define SPROOF_REPORT_ANSWER_LEGEND_H

#include "sproof/report.h"

/* What the rows of a table hold that its legend explains. */
struct spr_held {
    bool pareto, interpolated, layerwise;
    bool smaller;   /* layers are, in some variant */
    bool potential; /* nothing is expected of one */
    bool above;     /* more is expected of one than its bounds allow */
};

/* What the columns and marks of the answer's table mean. */
void spr_answer_legend(FILE *file, const struct spr_analysis *analysis, bool markdown,
                       const struct spr_held *held);

#endif
