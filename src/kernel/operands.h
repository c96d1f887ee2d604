/* SPDX-License-Identifier: Apache-2.0 */
/* Operands that change from call to call, in the packed form of a dense matrix. */
#ifndef SPROOF_KERNEL_OPERANDS_H
#define SPROOF_KERNEL_OPERANDS_H

#include "kernel/isa/elementwise.h"
#include "sproof/kernel.h"

/* A dense m x k matrix, for products with n columns. */
struct spr_dense_shape {
    int64_t m, k, n;
};

/* One such matrix packed, for one thread, to be filled by the functions below. Errors:
 * SPR_ENOMEM. */
enum spr_status spr_pack_template(enum spr_isa isa, const struct spr_dense_shape *shape,
                                  struct spr_packed *packed, struct spr_error *err);

/* Fills some tokens of a packed dense matrix (of a template) from source + bias; source:
 * features x those tokens, rows n apart. Columns: the matrix is tokens x features; rows:
 * features x tokens. A bias is a feature's. */
void spr_pack_columns(const struct spr_packed *packed, const struct spr_span *tokens,
                      const float *source, int64_t n, const float *bias);
void spr_pack_rows(const struct spr_packed *packed, const struct spr_span *tokens,
                   const float *source, int64_t n, const float *bias);

#endif
