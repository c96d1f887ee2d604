/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to judge of an explanation: the network, or each layer with times. */
#ifndef SPROOF_REPORT_JUDGED_H
#define SPROOF_REPORT_JUDGED_H

#include "report/verdict.h"

/* Layers with times that are pruned, by what became of them. */
struct spr_layer_fates {
    size_t count[SPR_FATE_COUNT];
    size_t below;       /* that beat their bounds */
    struct spr_fit fit; /* of the one of them with most bytes */
    double dense_s;     /* of all */
    double best_s;      /* of all when those that are slower stay dense */
};

/* One layer with times, all of its occurrences. */
struct spr_judged spr_judge_layer(const struct spr_analysis *analysis,
                                  const struct spr_explanation *explanation, size_t layer);

/* What was measured together. */
struct spr_judged spr_judge(const struct spr_analysis *analysis,
                            const struct spr_explanation *explanation);

/* The verdict on it, which does not contradict those on its layers; *fates (with times per layer)
 * may be NULL. */
enum spr_finding spr_judge_finding(const struct spr_analysis *analysis,
                                   const struct spr_explanation *explanation,
                                   const struct spr_judged *judged,
                                   struct spr_layer_fates *fates);

#endif
