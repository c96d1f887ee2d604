/* SPDX-License-Identifier: Apache-2.0 */
/* A test program in one header: checks that print file:line and both values, temporary
 * files, an exit status. A failed check does not end the program. */
#ifndef SPROOF_TEST_H
#define SPROOF_TEST_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sproof/status.h"

static int test_checks;
static int test_failures;
static const char *test_row = ""; /* which row of a table is at hand */

#define TEST_FAILURES_SHOWN 25

static bool test_note(bool passed, const char *file, int line, const char *what)
{
    test_checks++;
    if (!passed && test_failures++ < TEST_FAILURES_SHOWN) {
        printf("%s:%d: failed%s%s%s: %s\n", file, line, *test_row ? " [" : "", test_row,
               *test_row ? "]" : "", what);
        return true;
    }
    return false;
}

static inline void test_number(double expected, double actual, double relative,
                               const char *file, int line, const char *what)
{
    bool same = (isnan(expected) && isnan(actual)) || expected == actual ||
                fabs(actual - expected) <= relative * fmax(fabs(expected), fabs(actual));
    if (test_note(same, file, line, what)) {
        printf("  expected %.17g\n  actual   %.17g\n", expected, actual);
    }
}

static inline void test_text(const char *expected, const char *actual, const char *file,
                             int line, const char *what)
{
    bool same = expected && actual ? strcmp(expected, actual) == 0 : expected == actual;
    if (test_note(same, file, line, what)) {
        printf("  expected %s\n  actual   %s\n", expected ? expected : "(null)",
               actual ? actual : "(null)");
    }
}

static inline void test_status(enum spr_status expected, enum spr_status actual,
                               const struct spr_error *err, const char *file, int line,
                               const char *what)
{
    if (test_note(expected == actual, file, line, what)) {
        printf("  expected status %d\n  actual   status %d: %s\n", (int)expected, (int)actual,
               err ? err->text : "");
    }
}

#define CHECK(condition) (void)test_note((condition), __FILE__, __LINE__, #condition)
#define CHECK_INT(expected, actual)                                                           \
    test_number((double)(expected), (double)(actual), 0, __FILE__, __LINE__, #actual)
#define CHECK_EXACT(expected, actual)                                                         \
    test_number((expected), (actual), 0, __FILE__, __LINE__, #actual)
#define CHECK_NEAR(expected, actual, relative)                                                \
    test_number((expected), (actual), (relative), __FILE__, __LINE__, #actual)
#define CHECK_TEXT(expected, actual)                                                          \
    test_text((expected), (actual), __FILE__, __LINE__, #actual)
#define CHECK_STATUS(expected, actual, err)                                                   \
    test_status((expected), (actual), (err), __FILE__, __LINE__, #actual)

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Writes a file of the working directory, which CTest makes for each program. */
static inline void test_write_bytes(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(name, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        perror(name);
        exit(99);
    }
}

static inline void test_write(const char *name, const char *text)
{
    test_write_bytes(name, text, strlen(text));
}

/* All of a file, with a final NUL; owned by the caller. */
static inline char *test_read(const char *name, size_t *size)
{
    FILE *file = fopen(name, "rb");
    size_t capacity = 1 << 16, used = 0, got;
    char *text = malloc(capacity);
    if (!file || !text) {
        perror(name);
        exit(99);
    }
    while ((got = fread(text + used, 1, capacity - used - 1, file)) > 0) {
        used += got;
        if (capacity - used < 2) {
            capacity *= 2;
            text = realloc(text, capacity);
            if (!text) {
                exit(99);
            }
        }
    }
    fclose(file);
    text[used] = '\0';
    if (size) {
        *size = used;
    }
    return text;
}

/* Pseudo-random numbers (splitmix64): the same on every machine. */
static inline unsigned long long test_random(unsigned long long *state)
{
    unsigned long long z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* An integer low..high. */
static inline long long test_between(unsigned long long *state, long long low, long long high)
{
    return low + (long long)(test_random(state) % (unsigned long long)(high - low + 1));
}

/* Last line of main. A program without checks has failed. */
static inline int test_end(void)
{
    printf("%d checks, %d failed\n", test_checks, test_failures);
    return test_failures > 0 || test_checks == 0;
}

#endif
