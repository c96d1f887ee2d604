/* SPDX-License-Identifier: Apache-2.0 */
/* The expected time of one operator. */
#ifndef SPROOF_ANALYSIS_EXPECT_LAYER_H
#define SPROOF_ANALYSIS_EXPECT_LAYER_H

#include "sproof/analysis.h"

/* A kernel per pattern kind and instruction set has a name; results share them. */
#define NAMES_MAX 64
struct spr_expected_names {
    char name[NAMES_MAX][sizeof((struct spr_expected *)0)->kernel];
    size_t count;
};
_Static_assert(sizeof((struct spr_expected *)0)->kernel >= SPR_FAMILY_NAME, "families fit");

/* The dtype that W and X are stored in, which families are of; SPR_DTYPE_COUNT: none. */
int spr_plain_dtype(const struct spr_types *types);

/* What an operator is expected to take; choice NULL: dense. */
struct spr_asked {
    const struct spr_layer *layer;
    const struct spr_choice *choice;
    const struct spr_prediction *bound;
    double batch;
    double
        pass_bytes; /* what is passed before it runs again: the network, or with residency warm
                          the operator itself */
};

/* A product; time_s NAN: no kernel of its pattern is known. */
struct spr_layer_expected spr_expect_product(const struct spr_analysis *analysis,
                                             const struct spr_asked *asked);

/* An operator that is no product: its bound, and where families tell what a call takes here, the
 * calls that the bound does not have. */
double spr_expect_other(const struct spr_analysis *analysis, const struct spr_layer *layer,
                        const struct spr_prediction *bound);

#endif
