/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as the counting sees them, and several of them together. */
#ifndef SPROOF_INSPECT_SEEN_H
#define SPROOF_INSPECT_SEEN_H

#include <stdint.h>

#include "base/mem.h"

/* The non-zeros of one row, 64 columns to a word. */
struct spr_row {
    const uint64_t *word;
    const int32_t *at; /* which words these are, rising, none of them 0; NULL: all, in order */
    int64_t count;
};

/* Rows together: a bit for each column that holds anything. Of sparse rows only the words they
 * have are looked at, also when they are read and cleared. */
struct spr_seen {
    uint64_t *bits, *packed;
    int32_t *at; /* words that are not 0; NULL: rows are dense */
    int64_t words, count;
};

/* An empty one of so many words. false: out of memory. */
bool spr_seen_make(struct spr_seen *seen, int64_t words, bool sparse, struct spr_arena *arena);

/* Adds a row; true: it has a column that was there already. Dense or sparse as it was made. */
bool spr_seen_add(struct spr_seen *seen, const struct spr_row *row);

/* Its words in any order, without the empty ones where rows are sparse: *count of them. */
const uint64_t *spr_seen_words(const struct spr_seen *seen, int64_t *count);

void spr_seen_clear(struct spr_seen *seen);

#endif
