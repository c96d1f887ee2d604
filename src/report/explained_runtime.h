/* SPDX-License-Identifier: Apache-2.0 */
/* The user's runtime: its times, its gain and the verdict on them. */
#ifndef SPROOF_REPORT_EXPLAINED_RUNTIME_H
#define SPROOF_REPORT_EXPLAINED_RUNTIME_H

#include "base/emit.h"
#include "sproof/report.h"

/* What was measured, if anything, and what is known of the runtime, if one was named. */
void spr_explained_runtime(FILE *file, const struct spr_analysis *analysis,
                           const struct spr_explanation *explanation);

/* The same as the members "runtime", where one was named, and "measured", null where nothing
 * was. */
void spr_emit_runtime(struct spr_emit *out, const struct spr_analysis *analysis,
                      const struct spr_explanation *explanation);

#endif
