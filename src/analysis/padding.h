/* SPDX-License-Identifier: Apache-2.0 */
/* Why a format issues more FLOPs than are useful, for reasons and remedies. */
#ifndef SPROOF_ANALYSIS_PADDING_H
#define SPROOF_ANALYSIS_PADDING_H

#include "sproof/explain.h"

/* What pads this layer and what would help, into text[SPR_REASON_TEXT]; returns text. */
const char *spr_padding_text(const struct spr_analysis *analysis,
                             const struct spr_layer *layer,
                             const struct spr_layer_result *result, char *text);

#endif
