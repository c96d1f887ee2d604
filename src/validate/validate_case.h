/* SPDX-License-Identifier: Apache-2.0 */
/* One case while it is measured: its operands, its kernels, what was predicted of them. */
#ifndef SPROOF_VALIDATE_VALIDATE_CASE_H
#define SPROOF_VALIDATE_VALIDATE_CASE_H

#include "validate/validate_parts.h"

/* Floats that begin at a cache line, as an inference runtime would place them. */
struct spr_buffer {
    void *memory;
    float *values;
    size_t count;
};

/* One kernel that is timed in a case. */
struct spr_contender {
    const struct spr_validate_run *run;
    const struct spr_packed *packed; /* NULL: OpenBLAS */
    const float *w;                  /* of OpenBLAS */
    int64_t m, k, n;
    const struct spr_buffer *x;
    struct spr_buffer y;
    const struct spr_matrix *matrix;
    const char *kernel;
    uint64_t bits; /* of the checked y */
    double worst;  /* of its check */
    struct spr_measurement measured;
    size_t flood_count; /* floats that pass through the caches before each call */
};

/* What all cases of one shape share: the dense side and X. */
struct spr_dense_inputs {
    size_t shape;
    struct spr_matrix matrix;
    struct spr_packed packed;
    struct spr_buffer x;
    struct spr_contender own, blas; /* blas.kernel NULL: there is none */
    char own_name[64], blas_name[64];
};

/* The sparse side of a case. */
struct spr_sparse_inputs {
    struct spr_matrix matrix;
    struct spr_packed packed;
    struct spr_contender contender;
    struct spr_kernel kernel;
    double kept;
    const struct spr_plan *plan; /* when tuning: the one to pack by; NULL: the usual one */
};

/* What the model says of one side of a case. */
struct spr_predicted {
    double bound_s, least_s; /* least_s: at the highest rates */
    double expected_s;       /* NAN: none */
    enum spr_limit limit;
};

/* A side of a case as the model sees it; sparse NULL: the dense one. */
struct spr_expected_case spr_case_of(const struct spr_validate_run *run,
                                     const struct spr_planned *planned,
                                     const struct spr_sparse_inputs *sparse);

struct spr_predicted spr_predict(const struct spr_validate_run *run,
                                 const struct spr_planned *planned,
                                 const struct spr_sparse_inputs *sparse);

/* What a case is, before it is timed; sparse NULL: a dense one. */
void spr_case_describe(const struct spr_validate_run *run, const struct spr_planned *planned,
                       const struct spr_sparse_inputs *sparse,
                       struct spr_validation_case *out);

/* Its times beside what was predicted of the pruned ([0]) and the dense ([1]) product.
 * Errors: SPR_ENOMEM. */
enum spr_status spr_case_fill(const struct spr_validate_run *run,
                              const struct spr_contender *main,
                              const struct spr_contender *fastest,
                              const struct spr_predicted predicted[2],
                              struct spr_validation_case *out, struct spr_error *err);

#endif
