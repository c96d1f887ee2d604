/* SPDX-License-Identifier: Apache-2.0 */
/* Checked allocation. Every allocation of the library passes here, so that tests can make
 * any one of them fail. */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

/* The only mutable state of the library: the failure-injection hook of the tests. Threads of
 * a calibration allocate at the same time. */
static _Atomic size_t fail_from;
static _Atomic size_t asked;

size_t spr_mem_fail_from(size_t n)
{
    size_t before = asked;
    asked = 0;
    fail_from = n;
    return before;
}

static bool must_fail(void)
{
    asked++;
    return fail_from != 0 && asked >= fail_from;
}

void *spr_calloc(size_t count, size_t size)
{
    if (must_fail() || (size != 0 && count > SIZE_MAX / 2 / size)) {
        return NULL;
    }
    return calloc(count ? count : 1, size ? size : 1);
}

void *spr_aligned_alloc(size_t alignment, size_t size)
{
    void *pointer = NULL;
    if (must_fail() || posix_memalign(&pointer, alignment, size ? size : 1) != 0) {
        return NULL;
    }
    return pointer;
}

void *spr_reallocarray(void *old, size_t count, size_t size)
{
    if (must_fail() || (size != 0 && count > SIZE_MAX / 2 / size)) {
        return NULL;
    }
    size_t bytes = count * size;
    return realloc(old, bytes ? bytes : 1);
}

void spr_free(void *pointer)
{
    free(pointer);
}

struct spr_chunk {
    struct spr_chunk *next;
    size_t used, size;
    max_align_t data[];
};

#define CHUNK_BYTES ((size_t)64 << 10)

void *spr_arena_alloc(struct spr_arena *arena, size_t size)
{
    const size_t align = sizeof(max_align_t);
    if (size > SIZE_MAX / 4) {
        return NULL;
    }
    size_t need = (size + align - 1) / align * align;
    struct spr_chunk *chunk = arena->head;
    if (!chunk || chunk->size - chunk->used < need) {
        size_t bytes = need > CHUNK_BYTES ? need : CHUNK_BYTES;
        chunk = spr_calloc(1, sizeof *chunk + bytes);
        if (!chunk) {
            return NULL;
        }
        chunk->size = bytes;
        chunk->next = arena->head;
        arena->head = chunk;
    }
    void *result = (char *)chunk->data + chunk->used;
    chunk->used += need;
    return result;
}

char *spr_arena_text(struct spr_arena *arena, const char *text, size_t length)
{
    char *copy = spr_arena_alloc(arena, length + 1);
    if (copy) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

void spr_arena_free(struct spr_arena *arena)
{
    while (arena->head) {
        struct spr_chunk *chunk = arena->head;
        arena->head = chunk->next;
        spr_free(chunk);
    }
}

bool spr_grow(void *items_pointer, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity) {
        return true;
    }
    size_t wanted = *capacity ? *capacity * 2 : 16;
    if (wanted < need) {
        wanted = need;
    }
    void *old;
    memcpy(&old, items_pointer, sizeof old);
    void *grown = spr_reallocarray(old, wanted, size);
    if (!grown) {
        return false;
    }
    memcpy(items_pointer, &grown, sizeof grown);
    *capacity = wanted;
    return true;
}

/* Hostile keys can only make look-ups slow, never wrong. */
static size_t hash_text(const char *text)
{
    uint64_t hash = SPR_HASH_START;
    for (; *text; text++) {
        hash = spr_hash(hash, (unsigned char)*text);
    }
    return (size_t)(hash ^ hash >> 32);
}

static size_t slot_of(const struct spr_names *names, const char *key, size_t hash)
{
    size_t slot = hash & (names->slots - 1);
    while (names->keys[slot] &&
           (names->hashes[slot] != hash || strcmp(names->keys[slot], key) != 0)) {
        slot = (slot + 1) & (names->slots - 1);
    }
    return slot;
}

size_t spr_names_find(const struct spr_names *names, const char *key)
{
    if (names->slots == 0) {
        return SIZE_MAX;
    }
    size_t slot = slot_of(names, key, hash_text(key));
    return names->keys[slot] ? names->values[slot] : SIZE_MAX;
}

static void put_name(struct spr_names *names, const char *key, size_t hash, size_t value)
{
    size_t slot = slot_of(names, key, hash);
    names->keys[slot] = key;
    names->hashes[slot] = hash;
    names->values[slot] = value;
}

static bool names_rehash(struct spr_names *names, size_t slots)
{
    struct spr_names grown = {.slots = slots, .count = names->count};
    grown.keys = spr_calloc(slots, sizeof *grown.keys);
    grown.values = spr_calloc(slots, sizeof *grown.values);
    grown.hashes = spr_calloc(slots, sizeof *grown.hashes);
    if (!grown.keys || !grown.values || !grown.hashes) {
        spr_names_free(&grown);
        return false;
    }
    for (size_t i = 0; i < names->slots; i++) {
        if (names->keys[i]) {
            put_name(&grown, names->keys[i], names->hashes[i], names->values[i]);
        }
    }
    struct spr_names old = *names;
    *names = grown;
    spr_names_free(&old);
    return true;
}

bool spr_names_add(struct spr_names *names, const char *key, size_t value)
{
    if (names->count * 2 >= names->slots &&
        !names_rehash(names, names->slots ? names->slots * 2 : 64)) {
        return false;
    }
    put_name(names, key, hash_text(key), value);
    names->count++;
    return true;
}

void spr_names_free(struct spr_names *names)
{
    spr_free(names->keys);
    spr_free(names->values);
    spr_free(names->hashes);
    *names = (struct spr_names){0};
}
