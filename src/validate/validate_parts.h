/* SPDX-License-Identifier: Apache-2.0 */
/* The rooms of validate: which cases there are, whether a product is right, one case timed. */
#ifndef SPROOF_VALIDATE_VALIDATE_PARTS_H
#define SPROOF_VALIDATE_VALIDATE_PARTS_H

#include "validate/bench.h"
#include "kernel/blas.h"
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

/* Lists the cases, layers outer and variants inner, each once; what cannot be measured goes
 * to validation->not_measured with its reason. Errors: SPR_EINPUT (a mask directory without
 * any mask), SPR_ENOMEM. */
enum spr_status spr_agenda_make(const struct spr_network *network,
                                const struct spr_validate_options *options,
                                struct spr_agenda *agenda, struct spr_validation *validation,
                                struct spr_error *err);

void spr_agenda_free(struct spr_agenda *agenda);

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

/* What all cases of a run share. */
struct spr_validate_run {
    const struct spr_validate_options *options;
    const struct spr_machine *machine;
    struct spr_validation *validation;
    struct spr_model model;      /* nominal rates */
    struct spr_model model_high; /* the highest rates: no time below its bound is possible */
    struct spr_blas blas;
    double (*clock_s)(void);
    void (*kernel_run)(const struct spr_packed *packed, const float *x, float *y);
    float *flood; /* read and written to evict everything; NULL when warm */
    size_t flood_count;
    double dense_bytes;             /* residency network: bytes of one pass, dense */
    double *variant_bytes;          /* and of each variant; NULL for other residencies */
    struct spr_dense_inputs *dense; /* of the shape at hand */
};

/* Measures one planned case. Errors: SPR_EINTERRUPTED, SPR_EWRONG, SPR_EINPUT (a mask
 * that does not fit), SPR_ENOMEM. */
enum spr_status spr_validate_case(struct spr_validate_run *run,
                                  const struct spr_planned *planned,
                                  struct spr_validation_case *out, struct spr_error *err);

void spr_dense_inputs_free(struct spr_dense_inputs *inputs);

/* The multiply-add rate of this moment; NAN under a clock of the caller's, by which no loop
 * can be timed. */
double spr_validate_rate(const struct spr_validate_run *run);

/* A rate seen on this machine is no roof any more: the highest rate of the dense engine is at
 * least this. NAN changes nothing. */
void spr_validate_raise_roof(struct spr_validate_run *run, double flops_per_s);

/* Fills the bytes of one pass; frees: variant_bytes. Errors: SPR_ENOMEM. */
enum spr_status spr_validate_pass(struct spr_validate_run *run,
                                  const struct spr_network *network, struct spr_error *err);

/* Bytes of one pass of the network a case belongs to; 0 for other residencies than network. */
double spr_validate_pass_bytes(const struct spr_validate_run *run,
                               const struct spr_planned *planned, bool sparse);

/* Bytes that measuring a case takes, roughly. */
double spr_planned_bytes(const struct spr_planned *planned);

/* The layer that is measured: an explicit k x n operand, of convolutions too. */
struct spr_layer spr_planned_layer(const struct spr_planned *planned);

/* What a mask's bound needs counted. */
struct spr_counted spr_matrix_counted(const struct spr_matrix *matrix);

/* A seed for one purpose of one case: the order of cases does not matter. */
uint64_t spr_seed(uint64_t seed, const char *purpose, const struct spr_planned *planned);

/* FLOP/s of fused multiply-adds on all threads of the run; NAN when it cannot be measured. */
double spr_fma_rate(enum spr_isa isa, int threads, double (*clock_s)(void));

#endif
