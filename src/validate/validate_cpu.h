/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU as a backend of validate: its operands, its kernels, how it times them. */
#ifndef SPROOF_VALIDATE_VALIDATE_CPU_H
#define SPROOF_VALIDATE_VALIDATE_CPU_H

#include "host/host_state.h"
#include "kernel/blas.h"
#include "sproof/cpu.h"
#include "sproof/kernel.h"
#include "validate/validate_parts.h"

/* Most kernels that are timed in one go: plans, or OpenBLAS, dense and pruned. */
#define SPR_CPU_SUBJECTS_MAX 4

#define SPR_CACHE_LINE 64

/* Floats that begin at a cache line, as an inference runtime would place them. */
struct spr_buffer {
    void *memory;
    float *values;
    size_t count;
};

/* What its cases share: run->own. */
struct spr_cpu {
    struct spr_blas blas;
    void (*kernel_run)(const struct spr_packed *packed, const float *x, float *y);
    float *flood; /* read and written to evict everything; NULL when warm */
    size_t flood_count;
    struct spr_buffer x; /* of the shape at hand */
};

/* One kernel and its output: the product of a contender. */
struct spr_cpu_product {
    const struct spr_validate_run *run;
    const struct spr_side *side;
    const struct spr_packed *packed; /* NULL: OpenBLAS */
    struct spr_buffer y;
    uint64_t bits;      /* of the checked y */
    size_t flood_count; /* floats that pass through the caches before each call */
    char name[64];
};

/* What is made of a side. */
struct spr_cpu_side {
    struct spr_buffer before; /* empty: it moves what is packed */
    struct spr_packed packed;
    struct spr_cpu_product products[SPR_CONTENDERS_MAX];
};

/* Bytes to skip before an operand of this visit, whole cache lines. Where operands lie, in the pages
 * that the system gives and within them, may change a time by some percent for as long as they lie
 * there; and what one visit frees is what the next one gets. Behind a piece of each visit's own
 * length they lie elsewhere, and so does what is made after them; the least time is one over several
 * places. operand: its name, for the draw. */
size_t spr_cpu_skip(const struct spr_validate_run *run, const struct spr_planned *planned,
                    const char *operand);

/* A side as the model of the kernels sees it. */
struct spr_expected_case spr_case_of(const struct spr_validate_run *run,
                                     const struct spr_side *side);

/* Its bound and the expected time of its first contender. */
struct spr_predicted spr_cpu_predict(const struct spr_validate_run *run,
                                     const struct spr_side *side);

/* Packs side->matrix by a plan, NULL: the usual one, enters it and checks its product. *made
 * and *contender are filled; spr_cpu_side_free frees, whatever the status. Errors: SPR_EWRONG,
 * SPR_ENOMEM. */
struct spr_cpu_make {
    struct spr_validate_run *run;
    const struct spr_side *side;
    const struct spr_plan *plan;
    struct spr_contender *contender;
};
enum spr_status spr_cpu_side_make(const struct spr_cpu_make *make, struct spr_cpu_side **made,
                                  struct spr_error *err);
void spr_cpu_side_free(struct spr_cpu_side *made);

/* Enters a packed matrix as one product of a side and checks what it computes. Errors: SPR_EWRONG,
 * SPR_ENOMEM. */
enum spr_status spr_cpu_enter(const struct spr_cpu_make *make, struct spr_cpu_product *product,
                              struct spr_error *err);

/* Room for so many floats that begin at a cache line, behind `skip` bytes that are touched; false
 * when out of memory. */
bool spr_buffer_make(struct spr_buffer *buffer, double count, size_t skip);
void spr_buffer_free(struct spr_buffer *buffer);

/* Times the best few plans of a pruned side and keeps the winner for this run and later ones.
 * Errors: those of time and SPR_ENOMEM. */
enum spr_status spr_cpu_tune(struct spr_validate_run *run, struct spr_side *side,
                             struct spr_error *err);

/* Runs a product once on an output full of NaN and checks it. Errors: SPR_EWRONG, SPR_ENOMEM. */
enum spr_status spr_cpu_check(struct spr_contender *contender, struct spr_error *err);

/* Times them in turns; the bits of their outputs must stay. Nothing is evicted that a product's
 * flood_count does not say. Errors: SPR_EINTERRUPTED, SPR_EWRONG, SPR_ENOMEM. */
enum spr_status spr_cpu_time_all(struct spr_validate_run *run,
                                 struct spr_contender *const *contenders, size_t count,
                                 uint64_t seed, struct spr_error *err);

/* The same of a case, behind what passes through the caches at the run's residency. */
enum spr_status spr_cpu_time(struct spr_validate_run *run,
                             struct spr_contender *const *contenders, size_t count,
                             uint64_t seed, struct spr_error *err);

#endif
