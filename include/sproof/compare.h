/* SPDX-License-Identifier: Apache-2.0 */
/* Two records compared: what became slower, and whether that is more than noise. */
#ifndef SPROOF_COMPARE_H
#define SPROOF_COMPARE_H

#include "sproof/validation.h"

#ifdef __cplusplus
extern "C" {
#endif

/* New over base, above 1 is worse; low and high: 95 % interval, equal for computed times.
 * All NAN: unknown. */
struct spr_ratio {
    double value, low, high;
};

/* In rising order of concern. */
enum spr_verdict {
    SPR_WITHIN,       /* the whole interval is at most the limit */
    SPR_ONLY_IN_NEW,  /* nothing to compare with */
    SPR_STRADDLING,   /* the limit lies inside the interval */
    SPR_NOISY,        /* one of the measurements is inconclusive */
    SPR_ONLY_IN_BASE, /* missing from the new record */
    SPR_SLOWER,       /* the whole interval is past the limit */
};

/* One time of a record. */
struct spr_timing {
    const char *layer; /* NULL: the network */
    const char *variant;
    char pattern[SPR_PATTERN_TEXT]; /* "mixed" too */
    double sparsity;
    double n;            /* validation: columns of X; analysis: the batch */
    double time_s;       /* of the pruned layer or network */
    double dense_time_s; /* NAN: unknown */
    double speedup;      /* NAN: unknown */
    bool measured;       /* the six below belong to measured ones */
    bool real_mask;
    const char *isa; /* as spr_validation_isa */
    int threads;
    enum spr_residency residency;
    bool inconclusive;
    struct spr_measurement samples, dense_samples;
    const char *dense_kernel;
    const char *key, *loose_key; /* what the point is; loose: but isa, threads, residency */
};

/* A record as far as comparing needs it. */
struct spr_timings {
    const char *path;
    bool validation;
    struct spr_validation record; /* of an analysis: head, machine, options, arena only */
    struct spr_timing *points;
    size_t count, capacity;
};

/* Reads an analysis or a validation record. layers: of an analysis, every layer too.
 * Errors: SPR_EINPUT (neither kind; a wrong value: file and JSON path named), SPR_ENOMEM. */
enum spr_status spr_timings_read(const char *path, bool layers, struct spr_timings *points,
                                 struct spr_error *err);
void spr_timings_free(struct spr_timings *points);

struct spr_compared {
    const struct spr_timing *base, *next; /* NULL: only in the other */
    struct spr_ratio time;                /* of the pruned times */
    struct spr_ratio ratio;               /* what is judged */
    bool by_speedup; /* ratio is of pruned time / dense time: the machine cancels out */
    bool by_median;  /* of two records, one of before schema 2: by what it has */
    enum spr_verdict verdict;
};

struct spr_comparison {
    const struct spr_timings *base, *next; /* borrowed */
    double max_regression;                 /* 0.05: slower by more than 5 % is a regression */
    struct spr_compared *rows;             /* the most worrying first */
    size_t row_count;
    size_t matched;                  /* rows of both records */
    size_t verdicts[SPR_SLOWER + 1]; /* rows of each */
    struct spr_ratio mean;           /* geometric, over the rows that have a ratio */
    enum spr_verdict verdict;        /* of all: slower, straddling or within */
    struct spr_notes mismatches;     /* inputs that are not the same, one line each */
};

/* Compares. base and next are borrowed and must outlive *comparison. Errors: SPR_EINPUT (two
 * kinds of records, nothing in common), SPR_ENOMEM. */
enum spr_status spr_compare(const struct spr_timings *base, const struct spr_timings *next,
                            double max_regression, struct spr_comparison *comparison,
                            struct spr_error *err);
void spr_comparison_free(struct spr_comparison *comparison);

/* "within", "only-in-new", "straddling", "noisy", "only-in-base", "slower". */
const char *spr_verdict_name(enum spr_verdict verdict);

#ifdef __cplusplus
}
#endif
#endif
