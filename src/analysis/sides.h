/* SPDX-License-Identifier: Apache-2.0 */
/* The models of both sides of a speedup: the dense network, and the pruned one. */
#ifndef SPROOF_ANALYSIS_SIDES_H
#define SPROOF_ANALYSIS_SIDES_H

#include "sproof/analysis.h"

/* Models of the pruned side and of the dense one, with the engines at one end of their rates and
 * the memory at another: at[0] and at[1]. Errors: SPR_EINPUT (no engine for the types). */
enum spr_status spr_sides_prepare(const struct spr_analysis *analysis,
                                  const enum spr_corner at[2], struct spr_model *pruned,
                                  struct spr_model *dense, struct spr_error *err);

#endif
