/* SPDX-License-Identifier: Apache-2.0 */
/* Why: one line per layer, and the waterfall from the ideal speedup to the answer. */
#ifndef SPROOF_EXPLAIN_H
#define SPROOF_EXPLAIN_H

#include "sproof/analysis.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes enough for a reason. */
#define SPR_REASON_TEXT 320

/* What limits this layer and what would change it, in plain words; returns text. */
const char *spr_explain_layer(const struct spr_analysis *analysis,
                              const struct spr_result *result, size_t layer, char *text);

enum spr_step_kind {
    SPR_STEP_IDEAL,       /* 1/density */
    SPR_STEP_PLACEMENT,   /* the zeros sit in layers with more or less time than weights */
    SPR_STEP_UNPRUNED,    /* operators not pruned (Amdahl) */
    SPR_STEP_TRAFFIC,     /* X, Y and index traffic */
    SPR_STEP_CALLS,       /* calls of all operators, where a call is known */
    SPR_STEP_ENGINE,      /* engine and tile */
    SPR_STEP_TYPES,       /* the dense side has other number types */
    SPR_STEP_KERNEL,      /* sproof's own kernels: expected against bound */
    SPR_STEP_RUNTIME,     /* the user's runtime against what stands before it */
    SPR_STEP_ACTIVATIONS, /* behind 1/density: multiply-adds with zeros of X are skipped */
};
#define SPR_STEPS_MAX 10

/* One step of the waterfall. */
struct spr_step {
    enum spr_step_kind kind;
    double factor;      /* what this step multiplies; the first step holds 1/density */
    double speedup;     /* after this step */
    size_t worst_layer; /* the layer that loses most time here; layer_count when none */
    double worst_share; /* its share of the time lost here, 0..1 */
    size_t alike;       /* rows of the table that are the same work as that layer */
    size_t layers;      /* operators that lose time here, times count */
};

/* Measured whole-network times; NAN where not given. */
struct spr_measured {
    double dense_s, sparse_s;
};

/* Errors of two measured times, as fractions of them. */
struct spr_time_errors {
    double dense, sparse;
};

/* Of a time whose error is not given. */
#define SPR_TIME_ERROR 0.05

struct spr_waterfall {
    struct spr_step steps[SPR_STEPS_MAX];
    size_t count;
    double speedup; /* product of all factors: the answer's speedup, or the measured one */
};

/* Fills the waterfall of one result; its factors multiply to the expected speedup, or to
 * result->speedup where nothing is expected, or with measured times to dense_s/sparse_s. */
void spr_explain_waterfall(const struct spr_analysis *analysis,
                           const struct spr_result *result,
                           const struct spr_measured *measured,
                           struct spr_waterfall *waterfall);

/* What records call a step ("where the zeros sit"): it never changes. */
const char *spr_step_name(enum spr_step_kind kind);

/* What people read ("uneven zeros"). */
const char *spr_step_words(enum spr_step_kind kind);

/* What would change this step, in plain words; returns text[SPR_REASON_TEXT]. */
const char *spr_step_remedy(const struct spr_analysis *analysis,
                            const struct spr_result *result, const struct spr_step *step,
                            char *text);

/* What a limit of the expected time is called in plain words: "multiply-add issue", "rows of
 * X from L2". */
const char *spr_limit_words(enum spr_limit limit);

/* "rows of X from L2", or that the bound stands in: "bound, not expected". */
const char *spr_explain_expected(const struct spr_layer_expected *expected);

/* What takes most of a result's expected time, with what would lessen it: "few tiles for the
 * machine's units (72 %): more tokens, or larger layers", into text[SPR_REASON_TEXT]. false where
 * nothing is expected. */
bool spr_explain_stops(const struct spr_analysis *analysis, const struct spr_result *result,
                       char *text);

/* In one or two words what limits a whole variant ("FLOPs 74%", "X, Y bytes 46%",
 * "not pruned 39%"), of its expected time where there is one; returns
 * text[SPR_REASON_TEXT]. */
const char *spr_explain_limit(const struct spr_analysis *analysis,
                              const struct spr_result *result, char *text);

#ifdef __cplusplus
}
#endif
#endif
