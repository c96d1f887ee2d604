/* SPDX-License-Identifier: Apache-2.0 */
/* Operands that change from call to call, in the packed form of a dense matrix. */
#ifndef SPROOF_KERNEL_OPERANDS_H
#define SPROOF_KERNEL_OPERANDS_H

#include "sproof/kernel.h"

/* A packed dense m x k matrix for products with n columns, on one thread, to be filled by the
 * functions below; shape: m, k, n. Errors: SPR_ENOMEM. */
enum spr_status spr_pack_template(enum spr_isa isa, const int64_t shape[3],
                                  struct spr_packed *packed, struct spr_error *err);

/* Fills the tokens [range[0], range[1]) of a packed dense matrix (of a template) from source +
 * bias; source: features x the tokens of the range, rows n apart. Columns: the matrix is tokens
 * x features; rows: features x tokens. A bias is a feature's. */
void spr_pack_columns(const struct spr_packed *packed, const int64_t range[2],
                      const float *source, int64_t n, const float *bias);
void spr_pack_rows(const struct spr_packed *packed, const int64_t range[2],
                   const float *source, int64_t n, const float *bias);

#endif
