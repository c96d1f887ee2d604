/* SPDX-License-Identifier: Apache-2.0 */
/* Checked allocation, arenas and growing arrays. */
#ifndef SPROOF_BASE_MEM_H
#define SPROOF_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "sproof/arena.h"
#include "sproof/status.h"

/* Zeroed memory for count items of size bytes; NULL on overflow or when out of memory.
 * A count of 0 gives a valid pointer. */
void *spr_calloc(size_t count, size_t size);

/* Like realloc for count items; new bytes are not cleared. */
void *spr_reallocarray(void *old, size_t count, size_t size);

/* `size` bytes at a multiple of `alignment` (a power of two, a multiple of the pointer size),
 * not cleared, freed with spr_free; NULL when out of memory. */
void *spr_aligned_alloc(size_t alignment, size_t size);

void spr_free(void *pointer);

/* Test hook: the allocation number `n` from now (1 = the next) and all later ones fail;
 * 0 switches the hook off. Returns how many allocations were asked for since the last call. */
size_t spr_mem_fail_from(size_t n);

/* `size` bytes, aligned for any type, not cleared, owned by the arena; NULL when out of
 * memory. */
void *spr_arena_alloc(struct spr_arena *arena, size_t size);

/* Copy of text[0..length) with a final NUL. */
char *spr_arena_text(struct spr_arena *arena, const char *text, size_t length);

void spr_arena_free(struct spr_arena *arena);

/* Room for at least `need` items of `size` bytes in *items (capacity in *capacity), growing
 * by doubling. false when out of memory. */
bool spr_grow(void *items_pointer, size_t *capacity, size_t need, size_t size);

/* Map from text to index. Zeroed means empty. Keys are borrowed. */
struct spr_names {
    const char **keys;
    size_t *values;
    size_t *hashes; /* of the keys: most other keys differ here already */
    size_t slots, count;
};

/* Index of key, or SIZE_MAX. */
size_t spr_names_find(const struct spr_names *names, const char *key);

/* Adds a key that is not there yet. false when out of memory. */
bool spr_names_add(struct spr_names *names, const char *key, size_t value);

void spr_names_free(struct spr_names *names);

#endif
