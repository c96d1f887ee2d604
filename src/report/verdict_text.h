/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict in plain words. */
#ifndef SPROOF_REPORT_VERDICT_TEXT_H
#define SPROOF_REPORT_VERDICT_TEXT_H

#include "report/judged.h"

/* Bytes enough for a verdict. */
#define SPR_FINDING_TEXT 1024

/* What the words of a verdict are made of. */
struct spr_told {
    const struct spr_analysis *analysis;
    const struct spr_explanation *explanation;
    const struct spr_judged *judged;
    const struct spr_layer_fates *fates; /* of times per layer */
};

/* What was found and what to do about it, into text[SPR_FINDING_TEXT]; returns text. */
const char *spr_finding_text(enum spr_finding finding, const struct spr_told *told,
                             char *text);

/* "5 % on each time", "1 % and 5 % on them", into text[64]; returns text. */
const char *spr_errors_text(const struct spr_time_errors *errors, char *text);

#endif
