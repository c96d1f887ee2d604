/* SPDX-License-Identifier: Apache-2.0 */
/* The patterns a test goes through: every row of the registry by its examples, and more sizes. */
#ifndef SPROOF_TEST_PATTERNS_H
#define SPROOF_TEST_PATTERNS_H

#include "sproof/pattern.h"
#include "test.h"

#define TEST_PATTERNS_MAX 96

struct test_patterns {
    const char *text[TEST_PATTERNS_MAX]; /* canonical, all different */
    size_t count;
};

static void test_patterns_add(struct test_patterns *list, const char *text,
                              bool (*wanted)(const struct spr_pattern *pattern))
{
    struct spr_pattern pattern;
    char canonical[SPR_PATTERN_TEXT];
    bool known = false;
    CHECK_INT(SPR_OK, spr_pattern_parse(text, &pattern, NULL));
    for (size_t i = 0; i < list->count; i++) {
        known = known || strcmp(list->text[i], text) == 0;
    }
    if (!known && wanted(&pattern) &&
        strcmp(spr_pattern_text(&pattern, canonical), text) == 0) {
        CHECK(list->count < TEST_PATTERNS_MAX);
        list->text[list->count++] = text;
    }
}

/* The examples of all rows, then `more` (up to a NULL), as far as they are wanted. */
static inline struct test_patterns
test_patterns_of(bool (*wanted)(const struct spr_pattern *pattern), const char *const *more)
{
    struct test_patterns list = {.count = 0};
    const struct spr_pattern_kind *kind;
    for (size_t i = 0; (kind = spr_pattern_kind_at(i)) != NULL; i++) {
        for (const struct spr_example *e = kind->examples; e->text; e++) {
            test_patterns_add(&list, e->text, wanted);
        }
    }
    for (; *more; more++) {
        test_patterns_add(&list, *more, wanted);
    }
    return list;
}

/* One of them at random. */
static inline const char *test_patterns_pick(const struct test_patterns *list,
                                             unsigned long long *state)
{
    return list->text[test_between(state, 0, (long long)list->count - 1)];
}

#endif
