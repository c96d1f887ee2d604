/* SPDX-License-Identifier: Apache-2.0 */
/* A validation: what was predicted, what was measured, how far apart they are. */
#ifndef SPROOF_VALIDATION_H
#define SPROOF_VALIDATION_H

#include "sproof/analysis.h"
#include "sproof/expected.h"
#include "sproof/measurement.h"
#include "sproof/record_head.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The dense side of a case. */
struct spr_validation_dense {
    const char *kernel; /* "spr_spmm_dense_f32__avx512", "openblas-SkylakeX" */
    double bound_s, expected_s;
    struct spr_measurement measured;
    double fraction_of_bound;
};

/* A plan that tuning timed. */
struct spr_tried_plan {
    int rows, vectors, tokens;
    int64_t panel;
    double expected_s, time_s;
};

struct spr_validation_case {
    const char *layer;
    const char *variant; /* "4x4@0.9" or the record's */
    int64_t m, k, n;     /* n: tokens times batch */
    double count;        /* occurrences in the network */
    struct spr_pattern pattern;
    double sparsity;
    double nnz;
    double kept;    /* stored cells */
    bool real_mask; /* mask: "real" or "random" */
    bool gpu;       /* by a kernel on an NVIDIA GPU: isa says nothing, threads is 1 */
    enum spr_isa isa;
    int threads;
    enum spr_residency residency;
    const char *kernel;
    double bound_s, expected_s; /* NAN: none */
    const char *expected_bound; /* spr_limit_name */
    struct spr_measurement measured;
    double fraction_of_bound; /* bound_s / time_s */
    struct spr_validation_dense dense;
    double bound_speedup, expected_speedup, measured_speedup;
    double error;                 /* expected_s / measured time_s - 1; NAN: none */
    double speedup_error;         /* expected_speedup / measured_speedup - 1 */
    double max_error_ratio;       /* worst |y - y_ref| over its rounding-error bound */
    bool above_roof;              /* measured faster than the bound allows */
    struct spr_tried_plan *tried; /* tuning: the best few plans, the model's choice first */
    size_t tried_count;           /* 0: not tuned */
    size_t chosen;                /* the one that was run */
    bool inconclusive;            /* its time or the dense one is in doubt */
};

/* Parts of an encoder's time: query, key, value and output; feed-forward; attention; gelu;
 * layer norm. */
#define SPR_END_TO_END_PARTS 5

/* Most parts of any network: the rows of a convolutional one's table. */
#define SPR_END_TO_END_PARTS_MAX 9

/* One network as a whole. */
struct spr_end_to_end_case {
    const char *variant;
    struct spr_pattern pattern; /* kind NULL: several */
    double sparsity;
    double weight_bytes;                              /* packed */
    double expected_s;                                /* NAN: not predicted */
    double expected_part_s[SPR_END_TO_END_PARTS_MAX]; /* NAN: not predicted */
    double part_s[SPR_END_TO_END_PARTS_MAX]; /* measured, least of runs with a clock between */
    struct spr_measurement measured;
    double expected_speedup, measured_speedup; /* over the dense encoder; NAN for dense */
    double amdahl_ceiling;                     /* its linear layers for nothing, as measured */
    double error, speedup_error;
    double max_error_ratio; /* worst error over its bound of the samples checked */
    bool inconclusive;
};

/* Figures over the conclusive cases of one group; NAN where no case has the figure. */
struct spr_validation_summary {
    bool real_mask;
    int threads;
    size_t cases, inconclusive; /* conclusive ones; the others, in no other figure */
    double median_abs_error, p90_abs_error; /* nearest rank */
    double bias;                            /* median signed error */
    double within_10_percent;               /* fraction of cases */
    double speedup_median_abs_error, speedup_p90_abs_error, speedup_within_10_percent;
    size_t above_roof;
};

struct spr_validation {
    struct spr_record_head head;
    struct spr_machine machine;
    struct spr_options options; /* of the analysis it checks; batch_count 0: null */
    uint64_t seed;
    double drift;              /* FMA rate after / before - 1; NAN: not measured */
    double peak_flops_per_s;   /* FMA peak of this run, all threads of the run */
    enum spr_layout layout;    /* of X and Y */
    const char *openblas_core; /* what OpenBLAS chose; NULL: not asked */
    bool interrupted;
    struct spr_validation_case *cases;
    size_t case_count, case_capacity;
    struct spr_end_to_end_case *end_to_end; /* of the arena; the first is dense */
    size_t end_to_end_count;
    const char *const
        *part_names;   /* of the arena: of a convolutional network's parts; NULL: the
                                    * parts are an encoder's */
    bool pool_after;   /* of that network: winners are taken before pooling */
    int64_t tokens;    /* of end_to_end; of a convolutional network its batch */
    double transfer_s; /* of end_to_end: a cache line to the next thread; NAN: not timed */
    const char **not_measured; /* "conv_dw_1: depthwise" */
    size_t not_measured_count;
    struct spr_arena arena; /* owns texts and samples; the two lists are of spr_grow */
};

/* What a case ran on, as records name it: its instruction set, or "cuda". */
const char *spr_validation_isa(const struct spr_validation_case *c);

/* Cases of one kind of mask and thread count, summarised; false when there is none. */
bool spr_validation_summarise(const struct spr_validation *validation, bool real_mask,
                              int threads, struct spr_validation_summary *summary);

/* true at the first case of its kind of mask and thread count. */
bool spr_validation_opens_group(const struct spr_validation *validation, size_t index);

/* Adds the samples of another run of the same cases, as visits of their own. Nothing is judged.
 * Errors: SPR_EINPUT (other cases), SPR_ENOMEM; *all is then to be freed only. */
enum spr_status spr_validation_join(struct spr_validation *all,
                                    const struct spr_validation *more, struct spr_error *err);

/* Lowers these to the quickest canaries of a validation; NAN: none yet. */
void spr_validation_canaries(const struct spr_validation *validation,
                             double least_s[SPR_CANARIES]);

/* Judges all times anew, by spr_measurements_judge, and what follows from them. false when out of
 * memory. */
bool spr_validation_judge_times(struct spr_validation *validation,
                                const double least_s[SPR_CANARIES]);

void spr_validation_free(struct spr_validation *validation);

#ifdef __cplusplus
}
#endif
#endif
