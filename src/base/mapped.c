/* SPDX-License-Identifier: Apache-2.0 */
/* Which file lies where in memory. */
#include "base/mapped.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MAPPED_MAX 4096

/* Lock-free types: a handler reads them while any thread adds. */
static struct {
    atomic_bool taken;
    uintptr_t begin;
    const char *path;
    atomic_size_t size; /* 0: not to be looked at. Written last, cleared first */
} slots[MAPPED_MAX];

void spr_mapped_remember(const void *bytes, size_t size, const char *path)
{
    for (size_t i = 0; i < MAPPED_MAX; i++) {
        bool taken = false;
        if (atomic_compare_exchange_strong(&slots[i].taken, &taken, true)) {
            slots[i].begin = (uintptr_t)bytes;
            slots[i].path = path;
            slots[i].size = size;
            return;
        }
    }
}

void spr_mapped_forget(const void *bytes)
{
    for (size_t i = 0; i < MAPPED_MAX; i++) {
        if (slots[i].size > 0 && slots[i].begin == (uintptr_t)bytes) {
            slots[i].size = 0;
            slots[i].taken = false;
            return;
        }
    }
}

const char *spr_mapped_file(const void *address)
{
    for (size_t i = 0; i < MAPPED_MAX; i++) {
        const size_t size = slots[i].size;
        if (size > 0 && (uintptr_t)address - slots[i].begin < size) {
            return slots[i].path;
        }
    }
    return NULL;
}
