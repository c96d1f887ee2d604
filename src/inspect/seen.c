/* SPDX-License-Identifier: Apache-2.0 */
/* Columns that several rows hold together. */
#include "inspect/seen.h"

#include <string.h>

bool spr_seen_make(struct spr_seen *seen, int64_t words, bool sparse, struct spr_arena *arena)
{
    const size_t bytes = (size_t)words * sizeof *seen->bits;
    *seen = (struct spr_seen){.words = words, .bits = spr_arena_alloc(arena, bytes)};
    if (seen->bits) {
        memset(seen->bits, 0, bytes);
    }
    if (sparse) {
        seen->packed = spr_arena_alloc(arena, bytes);
        seen->at = spr_arena_alloc(arena, (size_t)words * sizeof *seen->at);
    }
    return seen->bits && (!sparse || (seen->packed && seen->at));
}

bool spr_seen_add(struct spr_seen *seen, const struct spr_row *row)
{
    uint64_t both = 0;
    if (!seen->at) {
        for (int64_t i = 0; i < seen->words; i++) {
            both |= seen->bits[i] & row->word[i];
            seen->bits[i] |= row->word[i];
        }
        return both != 0;
    }
    for (int64_t i = 0; i < row->count; i++) {
        uint64_t *bits = &seen->bits[row->at[i]];
        if (*bits == 0) {
            seen->at[seen->count++] = row->at[i];
        }
        both |= *bits & row->word[i];
        *bits |= row->word[i];
    }
    return both != 0;
}

const uint64_t *spr_seen_words(const struct spr_seen *seen, int64_t *count)
{
    *count = seen->at ? seen->count : seen->words;
    for (int64_t i = 0; seen->at && i < seen->count; i++) {
        seen->packed[i] = seen->bits[seen->at[i]];
    }
    return seen->at ? seen->packed : seen->bits;
}

void spr_seen_clear(struct spr_seen *seen)
{
    if (!seen->at) {
        memset(seen->bits, 0, (size_t)seen->words * sizeof *seen->bits);
    }
    for (int64_t i = 0; seen->at && i < seen->count; i++) {
        seen->bits[seen->at[i]] = 0;
    }
    seen->count = 0;
}
