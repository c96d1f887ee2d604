/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of the expected time in words. */
#ifndef SPROOF_ANALYSIS_LIMIT_WORDS_H
#define SPROOF_ANALYSIS_LIMIT_WORDS_H

#include "sproof/explain.h"

/* What would lessen a limit of a pattern, in plain words. pattern->kind NULL: of several. */
const char *spr_limit_remedy(enum spr_limit limit, const struct spr_pattern *pattern);

/* At most ten characters, for a column: "FMA issue", "X from L2". */
const char *spr_limit_short(enum spr_limit limit);

/* The limit that takes the largest share of a variant's expected time ("X from L2 43%");
 * returns text[SPR_REASON_TEXT]. */
const char *spr_limit_share(const struct spr_analysis *analysis,
                            const struct spr_result *result, char *text);

#endif
