/* SPDX-License-Identifier: Apache-2.0 */
/* OpenBLAS, loaded when asked for: it starts threads when it is loaded. */
#ifndef SPROOF_KERNEL_BLAS_H
#define SPROOF_KERNEL_BLAS_H

#include <stdbool.h>
#include <stdint.h>

#include "sproof/isa.h"

/* After a call its threads sleep no later than this, at 500 MHz and above. */
#define SPR_BLAS_IDLE_S 2e-3

/* A loaded library. Zeroed means none. */
struct spr_blas {
    void *library;
    void (*sgemm)(int, int, int, int, int, int, float, const float *, int, const float *, int,
                  float, float *, int);
    void (*sgemv)(int, int, int, int, float, const float *, int, const float *, int, float,
                  float *, int);
    char core[32];  /* which core type it chose, "SkylakeX"; "" unknown */
    char note[160]; /* why there is none, or why it is not as asked; "" */
};

/* Loads it for `threads` threads and at most this instruction set. false, with a note, when
 * there is none. Sets OPENBLAS_* in the environment first, which it reads as it is loaded. */
bool spr_blas_load(struct spr_blas *blas, enum spr_isa isa, int threads);

void spr_blas_free(struct spr_blas *blas);

/* true when a product of this shape can be asked of it: its integers have 32 bits. */
bool spr_blas_takes(const struct spr_blas *blas, int64_t m, int64_t k, int64_t n);

/* Y = W X, row-major. */
void spr_blas_product(const struct spr_blas *blas, int64_t m, int64_t k, int64_t n,
                      const float *w, const float *x, float *y);

/* Y = X W^T with X n x k and Y n x m, row-major. */
void spr_blas_product_nk(const struct spr_blas *blas, int64_t m, int64_t k, int64_t n,
                         const float *w, const float *x, float *y);

#endif
