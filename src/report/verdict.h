/* SPDX-License-Identifier: Apache-2.0 */
/* What a user's times say of the runtime that made them. */
#ifndef SPROOF_REPORT_VERDICT_H
#define SPROOF_REPORT_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "sproof/report.h"

/* A runtime below this fraction of its bound is limited by something not modelled. */
#define SPR_FAR 0.05

/* An expected time that is off by no more explains a measured one. */
#define SPR_EXPLAINED 0.25

/* What preparing a sparse call takes: descriptors, conversions, plans. */
#define SPR_SET_UP_LEAST_S 100e-6
#define SPR_SET_UP_MOST_S 1e-3

/* Whether all operands of what beats its bound fit in the last cache. */
struct spr_fit {
    const char *level;          /* the last cache; NULL: the machine has none */
    double bytes, cache_bytes;  /* operands, the cache */
    bool asked;                 /* the analysis has them in the caches already */
    enum spr_residency instead; /* the residency that has */
    bool explains;              /* with them there no time beats its bound */
};

/* Whether that is why a time beats its bound. */
bool spr_fit_is_it(const struct spr_fit *fit);

/* What was measured beside the bound of the same operators. */
struct spr_judged {
    struct spr_measured measured, bound;
    struct spr_measured expected; /* NAN: nothing is expected */
    struct spr_time_errors errors;
    double density;           /* of the prunable weights; NAN: there are none */
    double operators, pruned; /* of the network, times count */
    bool same_excess;         /* layers of different sizes lose the same time */
    struct spr_two_sparsities two;
    struct spr_fit fit;
};

enum spr_finding {
    SPR_FINDING_BELOW_BOUND,     /* none: a time beats its bound */
    SPR_FINDING_RESIDENT,        /* none: it does, and its operands fit in the last cache */
    SPR_FINDING_NO_ZEROS,        /* the variant has none */
    SPR_FINDING_AS_EXPECTED,     /* both are far above their bounds, as expected: calls */
    SPR_FINDING_SOMETHING_ELSE,  /* both times are far above their bounds */
    SPR_FINDING_SET_UP,          /* each call of the sparse kernel pays for a set-up */
    SPR_FINDING_SLOWER,          /* sparse is slower */
    SPR_FINDING_NOTHING_ALLOWED, /* alike, and no gain is allowed or expected */
    SPR_FINDING_CANNOT_TELL,     /* the errors cover no gain and most of what can be had */
    SPR_FINDING_SAME_TIME,       /* alike although much more can be had: two readings */
    SPR_FINDING_NOT_SKIPPED,     /* alike, and alike at another sparsity */
    SPR_FINDING_SKIPPED_SLOWLY,  /* alike, but not at another sparsity */
    SPR_FINDING_SKIPPED_IN_PART, /* faster by less than allowed */
    SPR_FINDING_SLOW_BASELINE,   /* faster by more than allowed */
    SPR_FINDING_AS_ALLOWED,      /* faster by what is allowed */
    SPR_FINDING_LAYERS_DIFFER,   /* of layers whose verdicts are not alike */
};
#define SPR_FINDING_COUNT (SPR_FINDING_LAYERS_DIFFER + 1)

/* Which way a verdict goes. */
enum spr_fate { SPR_FATE_OPEN, SPR_FATE_FASTER, SPR_FATE_SLOWER, SPR_FATE_SAME };
#define SPR_FATE_COUNT (SPR_FATE_SAME + 1)

/* dense / sparse, and its ends when both times are off by their errors. */
struct spr_gain {
    double value, low, high;
};
struct spr_gain spr_gain_of(const struct spr_measured *measured,
                            const struct spr_time_errors *errors);

/* The share of a gain that a speedup reaches: (speedup - 1) / (most - 1). */
double spr_gain_share(double speedup, double most);

/* Speedup of the model's times; 1 where sparse takes none. */
double spr_speedup_allowed(const struct spr_measured *times);

/* Percent of the times `of` that the measured ones reach. */
struct spr_measured spr_percent_reached(const struct spr_measured *of,
                                        const struct spr_measured *measured);

/* Whether the runtime is known to multiply zeros. runtime NULL: none was named. */
bool spr_multiplies(const struct spr_runtime *runtime);

/* Whether a verdict has it that zeros are skipped. */
bool spr_finding_skips(enum spr_finding finding);

/* The verdict on two times, of one layer or of several together. */
enum spr_finding spr_finding_of(const struct spr_judged *judged);

enum spr_fate spr_finding_fate(enum spr_finding finding);

/* What records call it: "cannot_tell". */
const char *spr_finding_name(enum spr_finding finding);

/* In at most two words, for a table: "cannot tell"; "" where the figures tell it. */
const char *spr_finding_remark(enum spr_finding finding);

/* The error that lets two times that are alike be told from a gain of half of `most`, as a
 * fraction of each. */
double spr_error_needed(double most);

/* The speedup that a kernel can be held to: allowed, or expected where that is less. */
double spr_speedup_possible(const struct spr_judged *judged);

#endif
