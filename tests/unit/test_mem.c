/* SPDX-License-Identifier: Apache-2.0 */
/* Checked allocation, arenas, growing arrays and the map from names. */
#include "test.h"

#include <stdalign.h>
#include <stdint.h>

#include "base/mem.h"

static void calloc_refuses_overflow(void)
{
    CHECK(spr_calloc(SIZE_MAX, 2) == NULL);
    CHECK(spr_calloc(SIZE_MAX / 2 + 1, 2) == NULL);
    CHECK(spr_reallocarray(NULL, SIZE_MAX / 8, 16) == NULL);
    CHECK(spr_reallocarray(NULL, SIZE_MAX / 16 + 2, 16) == NULL); /* wraps to 16 bytes */
    void *empty = spr_calloc(0, 16), *shrunk = spr_reallocarray(NULL, 0, 8);
    CHECK(empty != NULL);
    CHECK(shrunk != NULL);
    spr_free(empty);
    spr_free(shrunk);
    unsigned char *bytes = spr_calloc(1000, 3);
    size_t sum = 0;
    for (size_t i = 0; i < 3000; i++) {
        sum += bytes[i];
    }
    CHECK_INT(0, sum);
    spr_free(bytes);
    spr_free(NULL);
}

static void failure_hook(void)
{
    spr_mem_fail_from(2);
    void *first = spr_calloc(1, 1);
    CHECK(first != NULL);
    CHECK(spr_calloc(1, 1) == NULL);
    CHECK(spr_reallocarray(NULL, 1, 1) == NULL); /* and all later ones */
    CHECK_INT(3, spr_mem_fail_from(0));
    void *again = spr_calloc(1, 1);
    CHECK(again != NULL);
    CHECK_INT(1, spr_mem_fail_from(0));
    spr_free(first);
    spr_free(again);
}

static void arena(void)
{
    struct spr_arena arena = {0};
    for (size_t size = 0; size < 200; size++) {
        char *piece = spr_arena_alloc(&arena, size);
        CHECK(piece != NULL && (uintptr_t)piece % alignof(max_align_t) == 0);
        memset(piece, (int)size, size);
    }
    char *large = spr_arena_alloc(&arena, 1000000);
    CHECK(large != NULL);
    memset(large, 1, 1000000);
    CHECK(spr_arena_alloc(&arena, SIZE_MAX / 2) == NULL);
    char *text = spr_arena_text(&arena, "sparsity", 5);
    CHECK_TEXT("spars", text);
    spr_mem_fail_from(1);
    CHECK(spr_arena_alloc(&arena, 1000000) == NULL);
    spr_mem_fail_from(0);
    CHECK_TEXT("spars", text);
    spr_arena_free(&arena);
    CHECK(arena.head == NULL);
    spr_arena_free(&arena);
}

static void grow(void)
{
    int *items = NULL;
    size_t capacity = 0;
    for (size_t i = 0; i < 1000; i++) {
        CHECK(spr_grow(&items, &capacity, i + 1, sizeof *items));
        items[i] = (int)i;
    }
    CHECK_INT(999, items[999]);
    CHECK_INT(1024, capacity); /* doubling: few copies */
    CHECK(spr_grow(&items, &capacity, 5000, sizeof *items));
    CHECK_INT(5000, capacity);
    CHECK_INT(999, items[999]);
    spr_mem_fail_from(1);
    CHECK(!spr_grow(&items, &capacity, 10000, sizeof *items));
    spr_mem_fail_from(0);
    CHECK_INT(5000, capacity); /* the old array stays as it was */
    CHECK_INT(999, items[999]);
    spr_free(items);
}

static void names(void)
{
    static char keys[3000][16];
    struct spr_names names = {0};
    CHECK(spr_names_find(&names, "absent") == SIZE_MAX);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        snprintf(keys[i], sizeof keys[i], "layer.%zu", i);
        CHECK(spr_names_find(&names, keys[i]) == SIZE_MAX);
        CHECK(spr_names_add(&names, keys[i], i));
    }
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        CHECK_INT(i, spr_names_find(&names, keys[i]));
    }
    CHECK(spr_names_find(&names, "layer.3000") == SIZE_MAX);
    CHECK(spr_names_find(&names, "") == SIZE_MAX);
    spr_names_free(&names);
    spr_mem_fail_from(1);
    CHECK(!spr_names_add(&names, "a", 1));
    spr_mem_fail_from(0);
    spr_names_free(&names);
}

int main(void)
{
    calloc_refuses_overflow();
    failure_hook();
    arena();
    grow();
    names();
    return test_end();
}
