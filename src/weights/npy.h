/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy's array format, alone in a file and as the entries of an archive. */
#ifndef SPROOF_WEIGHTS_NPY_H
#define SPROOF_WEIGHTS_NPY_H

#include "weights/reader.h"

/* Bytes of a header. NumPy itself writes 64 to some hundred. */
#define SPR_NPY_HEADER_MAX 65536

/* An array and where it comes from. */
struct spr_npy {
    const char *label; /* for messages: the file, or "file: entry 'x.npy'" */
    const unsigned char *bytes;
    size_t size;
    struct spr_packed *packed; /* the elements are still compressed; NULL: they are there */
    /* told by its header */
    char dtype[16]; /* as NumPy spells it: "<f4" */
    char kind;      /* f, i, u, b, ... */
    size_t item_bytes;
    bool big_endian, fortran_order;
    int rank;
    int64_t shape[SPR_RANK_MAX];
    int64_t elements;
    size_t offset; /* of the first element */
};

/* Reads the header of npy->bytes and checks that the elements are there. Errors:
 * SPR_EINPUT. */
enum spr_status spr_npy_parse(struct spr_npy *npy, struct spr_error *err);

enum spr_element spr_npy_element(const struct spr_npy *npy);

/* Whether the elements lie row-major and little-endian. */
bool spr_npy_as_it_is(const struct spr_npy *npy);

/* The elements row-major and little-endian: where they lie, or a copy in the arena. NULL: out
 * of memory. */
const unsigned char *spr_npy_data(const struct spr_npy *npy, struct spr_arena *arena);

/* Adds the array as a tensor called `name`, and as a layer where it is a matrix or the
 * weights of a convolution. */
enum spr_status spr_npy_add(const struct spr_source *source, const struct spr_npy *npy,
                            const char *name, uint64_t offset, struct spr_error *err);

#endif
