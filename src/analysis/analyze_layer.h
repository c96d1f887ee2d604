/* SPDX-License-Identifier: Apache-2.0 */
/* The operators of a variant, one by one. */
#ifndef SPROOF_ANALYSIS_ANALYZE_LAYER_H
#define SPROOF_ANALYSIS_ANALYZE_LAYER_H

#include <math.h>

#include "sproof/analysis.h"

/* The last break-even of a layer at a batch: variants of one pattern share it. */
struct spr_break_even {
    struct spr_pattern pattern;
    double skipped;
    double sparsity;
};

struct spr_evaluation {
    struct spr_analysis *analysis;
    struct spr_model corners[4]; /* engine low/high x memory low/high */
    size_t corner_count;
    struct spr_model dense_corners[4]; /* in the types of the dense side */
    double *corner_dense_s;            /* [corner][batch] */
    struct spr_break_even *break_even; /* [batch][layer] */
    struct spr_ways ways;              /* of the pattern that was evaluated last */
    struct spr_error *err;
};

/* 1 where nothing takes time. */
static inline double spr_ratio(double above, double below)
{
    return below > 0 ? above / below : 1;
}

/* How often an operator runs in a variant. */
double spr_runs_of(const struct spr_analysis *analysis, const struct spr_choice *choice);

/* Dense over pruned, of all occurrences; a layer that is gone takes no time. */
double spr_layer_speedup(const struct spr_analysis *analysis, const struct spr_choice *choice,
                         double dense_s, double time_s);

/* Every operator of a variant. The bytes of its pass are the least that its executions move when
 * the dense network's pass decides what stays in the caches: a bound must not count more. */
enum spr_status spr_evaluate_layers(struct spr_evaluation *evaluation,
                                    struct spr_result *result);

/* One operator of a result, at other rates than the nominal ones. */
void spr_predict_again(struct spr_evaluation *evaluation, const struct spr_model *model,
                       const struct spr_result *result, const struct spr_choice *choice,
                       struct spr_prediction *run);

#endif
