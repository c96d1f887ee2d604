/* SPDX-License-Identifier: Apache-2.0 */
/* Sparse matrices from entries in any order. */
#ifndef SPROOF_INSPECT_TRIPLES_H
#define SPROOF_INSPECT_TRIPLES_H

#include "reader.h"

struct spr_triple {
    int32_t row, column;
    float value;
};

struct spr_triples {
    int64_t m, k;
    struct spr_triple *item;
    size_t count;
};

/* Appends a sparse layer: rows sorted, columns rising, entries of one place summed as SciPy
 * does. The entries are sorted in place. Errors: SPR_EINPUT (a place outside m x k, or m or k
 * not 1..2^31-1: source->path and layer named), SPR_ENOMEM. */
enum spr_status spr_triples_add(const struct spr_source *source, struct spr_triples *triples,
                                const char *layer, struct spr_error *err);

#endif
