/* SPDX-License-Identifier: Apache-2.0 */
/* A validation's cases beside an analysis of the same network. */
#ifndef SPROOF_RESULT_MEASURED_H
#define SPROOF_RESULT_MEASURED_H

#include "sproof/analysis.h"
#include "sproof/validation.h"

/* The case that measured a layer as a result prunes it; NULL when none is conclusive. Cases
 * are found by shape: layers alike were measured once. */
const struct spr_validation_case *spr_measured_case(const struct spr_validation *validation,
                                                    const struct spr_analysis *analysis,
                                                    const struct spr_result *result,
                                                    size_t layer);

/* A network's measured times, layer by layer. */
struct spr_measured_network {
    double dense_s, sparse_s; /* sums over the operators, times count */
    size_t unmeasured;        /* operators at their bound on both sides, times count */
};

/* false unless every pruned layer of the result was measured. Operators of no validation
 * (softmax, depthwise) count their bound on both sides. */
bool spr_measured_network(const struct spr_validation *validation,
                          const struct spr_analysis *analysis, const struct spr_result *result,
                          struct spr_measured_network *network);

#endif
