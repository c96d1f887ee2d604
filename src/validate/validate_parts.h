/* SPDX-License-Identifier: Apache-2.0 */
/* The rooms of validate: which cases there are, one run over them, and the backend it runs on. */
#ifndef SPROOF_VALIDATE_VALIDATE_PARTS_H
#define SPROOF_VALIDATE_VALIDATE_PARTS_H

#include "validate/bench.h"
#include "base/mem.h"
#include "sproof/validate.h"

/* One thing to measure. */
struct spr_planned {
    const char *layer;   /* the first that has this shape */
    const char *variant; /* "dense", "4x4@0.9", the table's */
    int64_t m, k, n;     /* n: times batch */
    double count;        /* occurrences in the network */
    struct spr_pattern pattern;
    double sparsity;
    const char *mask;     /* path of a real mask; NULL: a random one */
    size_t shape;         /* equal for equal m, k, n */
    size_t variant_index; /* in the network; SIZE_MAX: none */
};

struct spr_agenda {
    struct spr_planned *items;
    size_t count, capacity;
    struct spr_arena arena; /* texts */
};

/* One kernel of a case. */
struct spr_contender {
    void *product;      /* the backend's */
    const char *kernel; /* its name, of the backend or static */
    double worst;       /* |y - y_ref| over its rounding-error bound, as checked */
    struct spr_measurement measured;
    struct spr_tried_plan *tried; /* of the arena: plans that were timed to choose this one */
    size_t tried_count, chosen;
};

/* Most kernels for one W. */
#define SPR_CONTENDERS_MAX 2

/* A W and the kernels that multiply it. */
struct spr_side {
    struct spr_planned planned;
    struct spr_matrix matrix; /* the dense one: empty but where the backend draws it */
    double kept;              /* stored cells */
    int visit;                /* that it was made in */
    void *made;               /* the backend's */
    struct spr_contender contenders[SPR_CONTENDERS_MAX];
    size_t count;
};

/* What the model says of one side of a case. */
struct spr_predicted {
    double bound_s, least_s; /* least_s: at the highest rates */
    double expected_s;       /* NAN: none */
    enum spr_limit limit;
};

struct spr_validate_run;

/* What is different from device to device. */
struct spr_backend {
    bool gpu;
    /* Once there are cases, before the first; NULL: nothing is to be done. Errors: any. */
    enum spr_status (*prepare)(struct spr_validate_run *run, const struct spr_network *network,
                               struct spr_error *err);
    /* Why no kernel takes a pattern; NULL: one does. The function may be NULL. */
    const char *(*lacks)(const struct spr_pattern *pattern);
    /* Makes the kernels of side->planned and checks the product of each. The dense side of a
     * shape, its random W and X too, comes before the pruned ones and stays until they are
     * measured. A pruned side of which no kernel works may stay without any. What was made is
     * freed by `free`, whatever the status. Errors: SPR_EWRONG, SPR_ENOMEM, the device's. */
    enum spr_status (*make)(struct spr_validate_run *run, struct spr_side *side,
                            struct spr_error *err);
    /* Times them in turns, the samples of the arena, and sees to it that their products are
     * still right. Errors: SPR_EINTERRUPTED, SPR_EWRONG, SPR_ENOMEM, the device's. */
    enum spr_status (*time)(struct spr_validate_run *run,
                            struct spr_contender *const *contenders, size_t count,
                            uint64_t seed, struct spr_error *err);
    struct spr_predicted (*predict)(const struct spr_validate_run *run,
                                    const struct spr_side *side);
    /* FLOP/s of this moment, NAN where it cannot be measured; NULL: nothing else that runs on
     * this machine makes the times longer. */
    double (*rate)(const struct spr_validate_run *run);
    /* All but the matrix; of an empty side: nothing. */
    void (*free)(struct spr_validate_run *run, struct spr_side *side);
};

/* What all cases of a run share. */
struct spr_validate_run {
    const struct spr_validate_options *options;
    const struct spr_backend *backend;
    void *own;   /* the backend's */
    int threads; /* of the host whose caches count; a GPU: 1 */
    struct spr_validation *validation;
    const struct spr_machine *machine; /* validation's */
    double (*clock_s)(void);
    struct spr_model model;        /* nominal rates */
    struct spr_model model_high;   /* the highest rates: no time below its bound is possible */
    size_t left_capacity;          /* of validation->not_measured */
    double dense_bytes;            /* residency network: bytes of one pass, dense */
    double *variant_bytes;         /* and of each variant; NULL for other residencies */
    struct spr_canaries *canaries; /* run beside the samples; NULL: the backend has none */
    double begin_s;                /* by clock_s */
    int visit;                     /* the one at hand, from 0 */
    struct spr_side dense;         /* of the shape at hand; count 0: none yet */
};

/* Begins a run whose options, backend, own, threads and validation are set: the validation is
 * emptied, takes over the machine, and *machine is empty. */
void spr_validate_begin(struct spr_validate_run *run, struct spr_machine *machine);

/* Prepares both models, residency included. Errors: SPR_EINPUT (no engine for dtype). */
enum spr_status spr_validate_models(struct spr_validate_run *run, enum spr_dtype dtype,
                                    struct spr_error *err);

/* The run: lists the cases and measures them. Errors: as spr_validate, and the backend's; the
 * validation is then of no use but has to be freed. */
enum spr_status spr_validate_on(struct spr_validate_run *run,
                                const struct spr_network *network, struct spr_error *err);

/* Lists the cases, layers outer and variants inner, each once; what cannot be measured is left
 * out with its reason. Errors: SPR_EINPUT (a mask directory without any mask), SPR_ENOMEM. */
enum spr_status spr_agenda_make(struct spr_validate_run *run,
                                const struct spr_network *network, struct spr_agenda *agenda,
                                struct spr_error *err);

void spr_agenda_free(struct spr_agenda *agenda);

/* One more line of what is not measured, "what: why"; each only once. Errors: SPR_ENOMEM. */
enum spr_status spr_validate_leave_out(struct spr_validate_run *run, const char *what,
                                       const char *why, struct spr_error *err);

/* What is kept of a case from visit to visit. */
struct spr_case_rows {
    struct spr_validation_case row[SPR_CONTENDERS_MAX]; /* one for each of its kernels */
    double least_s[SPR_CONTENDERS_MAX];                 /* of each row: at the highest rates */
    size_t count;
    const char *dense_kernel[SPR_CONTENDERS_MAX];
    size_t dense_count;
    double dense_least_s;
    /* Of the dense kernels, then, but for a dense case, of those of the rows. */
    struct spr_measurement measured[2 * SPR_CONTENDERS_MAX];
    size_t measured_count;
    int visits;     /* complete ones */
    double begun_s; /* when the last one began, by the run's clock */
};

/* One visit of a planned case: makes it, measures it, judges what is known by now. Errors:
 * SPR_EINPUT (a mask that does not fit, or is not legal for its pattern), SPR_ENOMEM, the
 * backend's. */
enum spr_status spr_validate_case(struct spr_validate_run *run,
                                  const struct spr_planned *planned,
                                  struct spr_case_rows *rows, struct spr_error *err);

/* Frees a side, its matrix too. */
void spr_side_free(struct spr_validate_run *run, struct spr_side *side);

/* What a row is made of. */
struct spr_measured_case {
    const struct spr_planned *planned;
    const struct spr_side *side; /* its W; the dense one: a case that is dense */
    const struct spr_contender *kernel;
    struct spr_predicted predicted, dense;
};

/* What it is and what is predicted of it; nothing measured yet. Errors: SPR_ENOMEM. */
enum spr_status spr_case_row(const struct spr_validate_run *run,
                             const struct spr_measured_case *of,
                             struct spr_validation_case *out, struct spr_error *err);

/* Judges the measurements by the canaries known by now and puts them into the rows. Errors:
 * SPR_ENOMEM. */
enum spr_status spr_case_judge(const struct spr_validate_run *run, struct spr_case_rows *rows,
                               struct spr_error *err);

/* Bound of a side at the nominal and at the highest rates, those with least_kept cells;
 * false: no engine takes the pattern. */
bool spr_validate_bound(const struct spr_validate_run *run, const struct spr_side *side,
                        double least_kept, struct spr_prediction *bound,
                        struct spr_prediction *high);

/* The multiply-add rate of this moment; NAN where the backend knows none. */
double spr_validate_rate(const struct spr_validate_run *run);

/* A rate seen on this machine is no roof any more: the highest rate of the dense engine is at
 * least this. NAN changes nothing. */
void spr_validate_raise_roof(struct spr_validate_run *run, double flops_per_s);

/* Fills the bytes of one pass, to be freed: variant_bytes. Errors: SPR_ENOMEM. */
enum spr_status spr_validate_pass(struct spr_validate_run *run,
                                  const struct spr_network *network, struct spr_error *err);

/* Bytes of one pass of the network a case belongs to, the dense network for a dense one; 0 for
 * other residencies than network. */
double spr_validate_pass_bytes(const struct spr_validate_run *run,
                               const struct spr_planned *planned);

/* Bytes that measuring a case takes, roughly. */
double spr_planned_bytes(const struct spr_planned *planned);

/* A seed for one purpose of one case: the order of cases does not matter. */
uint64_t spr_seed(uint64_t seed, const char *purpose, const struct spr_planned *planned);

/* The worst |y - y_ref| of a product over its rounding-error bound (terms+2) 2^-24 sum |w||x|:
 * all rows up to 1e9 multiply-adds, else 64 of them. Errors: SPR_EWRONG when it is above 1,
 * naming kernel, element and ratio; SPR_ENOMEM. */
struct spr_product {
    const struct spr_matrix *matrix;
    int64_t n;
    const float *x, *y;
    const char *kernel;
    uint64_t seed; /* picks the rows */
    enum spr_layout layout;
};
enum spr_status spr_check_product(const struct spr_product *product, double *worst,
                                  struct spr_error *err);

/* Fingerprint of an output's bits. */
uint64_t spr_bits(const float *y, size_t count);

/* FLOP/s of fused multiply-adds on all threads of the run; NAN when it cannot be measured. */
double spr_fma_rate(enum spr_isa isa, int threads, double (*clock_s)(void));

#endif
