/* SPDX-License-Identifier: Apache-2.0 */
/* Packing comp:P for n = 1 so that permutations fetch the inputs of its rows. */
#ifndef SPROOF_KERNEL_PACK_COMP_H
#define SPROOF_KERNEL_PACK_COMP_H

#include "kernel/pack_shuffle.h"

/* How a plan walks the columns of W in the comp form. */
struct spr_comp_form {
    int64_t
        columns; /* of a step, in which a row has at most one weight; 0: not in this form */
    int inputs;  /* vectors of X that a step reads */
};

/* The form of a plan: one token, comp:P, permutations, and at least two weights in a step. */
struct spr_comp_form spr_comp_form_of(const struct spr_plan *plan);

/* Each row has at most one weight in the columns of each step, and the matrix stores no 0. */
bool spr_comp_usable(const struct spr_comp_form *form, const struct spr_matrix *matrix);

/* As spr_shuffle_put. */
void spr_comp_put(const struct spr_plan *plan, const struct spr_matrix *matrix,
                  const struct spr_span *rows, struct spr_cursor *at, struct spr_strips *out);

#endif
