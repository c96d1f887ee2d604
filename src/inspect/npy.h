/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy arrays in memory: a file, or a member of an archive. */
#ifndef SPROOF_INSPECT_NPY_H
#define SPROOF_INSPECT_NPY_H

#include "reader.h"

struct spr_npy_bytes {
    const char *path, *member; /* for messages; member NULL: a file of its own */
    const unsigned char *bytes;
    size_t size;
};

struct spr_npy {
    enum spr_element element;
    size_t element_bytes; /* of SPR_ELEMENT_OTHER too */
    const char *dtype;    /* "f4" */
    int rank;
    int64_t shape[SPR_RANK_MAX];
    int64_t elements;
    bool fortran; /* the first dimension runs fastest */
    size_t offset;
    const unsigned char *data;
};

/* Errors: SPR_EINPUT naming file, member and what was expected. */
enum spr_status spr_npy_parse(const struct spr_npy_bytes *in, struct spr_npy *array,
                              struct spr_error *err);

/* Adds an array as a tensor and, when it has 2 to 5 dimensions, as a layer of that name. */
enum spr_status spr_npy_add(const struct spr_source *source, const struct spr_npy *array,
                            const char *layer, struct spr_error *err);

#endif
