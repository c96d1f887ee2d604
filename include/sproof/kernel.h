/* SPDX-License-Identifier: Apache-2.0 */
/* sproof's own kernels: Y[m x n] = W[m x k] X[k x n], f32, X and Y in one of two layouts. */
#ifndef SPROOF_KERNEL_H
#define SPROOF_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "sproof/isa.h"
#include "sproof/matrix.h"
#include "sproof/pattern.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How X and Y lie in memory; the same thing for one token. */
enum spr_layout {
    SPR_LAYOUT_KN, /* X is k x n, Y is m x n, row-major: vectors run along tokens */
    SPR_LAYOUT_NK, /* X is n x k, Y is n x m: vectors run along rows of W */
};

/* "kn", "nk". */
const char *spr_layout_name(enum spr_layout layout);
/* The layout of a name; false when there is none of it, or text is NULL. */
bool spr_layout_find(const char *text, enum spr_layout *layout);

/* One kernel: a pattern kind on one instruction set. */
struct spr_kernel {
    const struct spr_pattern_kind *kind;
    enum spr_isa isa;
    char name[64]; /* "spr_spmm_bsr_f32__avx512" */
};

/* The `index`-th usable kernel; false past the last. */
bool spr_kernel_at(size_t index, struct spr_kernel *kernel);

/* The kernel of a pattern on an instruction set; false when the pattern has none (V:N:M). */
bool spr_kernel_find(const struct spr_pattern *pattern, enum spr_isa isa,
                     struct spr_kernel *kernel);

/* How a kernel walks one matrix. Made by spr_plan_choose; 0 < rows. */
struct spr_plan {
    int64_t m, k, n;
    enum spr_isa isa;
    int threads;
    int rows;      /* rows of W in one register tile */
    int vectors;   /* widest tile in vectors of X's row; 0: the n = 1 path */
    int64_t panel; /* columns of W in one K panel */
    int slots;     /* n = 1, scattered weights: slots of a shuffled tile; 0: row by row */
    int tokens;    /* layout nk, n > 1: tokens of one register tile; 0: layout kn */
    struct spr_pattern pattern;
};

/* The default plan for a pattern at a shape, `kept` cells stored. */
struct spr_plan spr_plan_choose(const struct spr_pattern *pattern, enum spr_isa isa, int64_t m,
                                int64_t k, int64_t n, double kept, int threads);

/* The same for the layout nk; with n = 1 it is the plan above. */
struct spr_plan spr_plan_choose_nk(const struct spr_pattern *pattern, enum spr_isa isa,
                                   int64_t m, int64_t k, int64_t n, double kept, int threads);

/* W as its kernel reads it: one aligned block. Zeroed means empty. */
struct spr_packed {
    struct spr_plan plan;
    void *block;
    size_t bytes;  /* of the block */
    float *inputs; /* layout nk: X as the kernel reads it, n x k floats; NULL: as it is */
};

/* Bytes spr_pack will make of a matrix; what it made must be equal. */
size_t spr_packed_bytes(const struct spr_plan *plan, const struct spr_matrix *matrix);

/* Errors: SPR_EINPUT (the plan's shape is not the matrix's; too large to index), ENOMEM. */
enum spr_status spr_pack(const struct spr_plan *plan, const struct spr_matrix *matrix,
                         struct spr_packed *packed, struct spr_error *err);

void spr_packed_free(struct spr_packed *packed);

/* Y = W X on plan.threads threads. Never allocates, prints or reads a clock. x: k x n, y:
 * m x n floats (a plan of layout nk: n x k, n x m), any alignment, not overlapping. Calls with
 * the same `packed` must follow each other: packed->inputs is theirs. */
void spr_kernel_run(const struct spr_packed *packed, const float *x, float *y);

#ifdef __cplusplus
}
#endif
#endif
