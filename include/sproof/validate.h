/* SPDX-License-Identifier: Apache-2.0 */
/* Runs sproof's kernels on this machine and puts their times beside the predicted ones. */
#ifndef SPROOF_VALIDATE_H
#define SPROOF_VALIDATE_H

#include "sproof/analysis.h"
#include "sproof/validation.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How far a run is, told before each case. */
struct spr_validate_progress {
    size_t done, total;  /* cases */
    const char *variant; /* of the case that begins */
    const char *layer;
    double elapsed_s;
    double left_s; /* estimate; NAN at the start */
};

struct spr_validate_options {
    uint64_t seed;
    enum spr_isa isa;
    int threads;                  /* at least 1 */
    enum spr_layout layout;       /* of X and Y */
    bool tune;                    /* time the best few plans and run the winner */
    struct spr_tuned *tuned;      /* of host; takes the winners too; NULL: none */
    enum spr_residency residency; /* warm, cold or network */
    double batch;                 /* n of linear and conv is multiplied by it */
    double budget_s;              /* no further case is begun after it; NAN: none */
    double case_budget_s;         /* for the samples of a visit to a case; 0: the default */
    bool one_visit;               /* cases are not visited again after some seconds */
    /* The quickest readings of the canaries that are known, [SPR_CANARIES]; NULL: none. */
    const double *canary_least_s;
    const char *mask_directory; /* LAYER.smtx of each layer; NULL: random masks */
    /* with mask_directory: how the masks are stored; variants then do not count */
    const struct spr_pattern *patterns;
    size_t pattern_count;
    double (*clock_s)(void); /* NULL: the monotonic clock */
    bool (*stop)(void);      /* asked often; true ends the run; NULL: never */
    void (*progress)(void *context, const struct spr_validate_progress *progress);
    void *context;
    struct spr_notes *notes; /* what makes the times uncertain; NULL: not told */
    /* Runs a packed matrix; NULL: spr_kernel_run. Tests put a wrong one here. */
    void (*kernel_run)(const struct spr_packed *packed, const float *x, float *y);
    bool own_dense_only;  /* do not load OpenBLAS */
    bool pool_after;      /* of spr_convnet_end_to_end: winners are taken before pooling */
    const char *device;   /* of spr_cuda_validate: "cuda:0" */
    enum spr_dtype dtype; /* of spr_cuda_validate: f16 or bf16 */
};

/* Measures every distinct (m, k, n, pattern, sparsity) of the network's variants once, and
 * the layers that stay dense. Each product is checked against the double-precision one before
 * it is timed. *validation gets all but head.command and head.created, and takes over the
 * machine (*machine is empty afterwards, whatever the status). A stopped or spent run keeps the
 * complete cases and is SPR_OK. Errors: SPR_EINPUT (nothing to measure; a mask that does not fit;
 * a residency that cannot be measured), SPR_EWRONG (naming kernel, element and ratio),
 * SPR_ENOMEM. */
enum spr_status spr_validate(const struct spr_network *network, struct spr_machine *machine,
                             const struct spr_validate_options *options,
                             struct spr_validation *validation, struct spr_error *err);

#ifdef __cplusplus
}
#endif
#endif
