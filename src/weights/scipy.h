/* SPDX-License-Identifier: Apache-2.0 */
/* Sparse matrices of SciPy in an archive of arrays. */
#ifndef SPROOF_WEIGHTS_SCIPY_H
#define SPROOF_WEIGHTS_SCIPY_H

#include "weights/npy.h"

/* The arrays of the archive; bytes NULL: not there. */
struct spr_scipy {
    char format[8]; /* "csr" */
    struct spr_npy shape, data, indptr, indices, row, col, offsets;
};

/* Adds the matrix as a layer. Errors: SPR_EINPUT naming array and element. */
enum spr_status spr_add_scipy(const struct spr_source *source, const struct spr_scipy *parts,
                              const char *name, struct spr_error *err);

#endif
