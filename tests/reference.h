/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays that a kernel computed against double precision, element by element. Whatever is not
 * a number, or infinite, is infinitely wrong: fmax and `error > worst` would let it pass. */
#ifndef SPROOF_TEST_REFERENCE_H
#define SPROOF_TEST_REFERENCE_H

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/worse.h"
#include "sproof/kernel.h"
#include "test.h"

/* The element whose error is largest beside its bound. */
struct reference {
    const char *kernel;
    double ratio; /* error over bound; good: at most 1 */
    size_t count; /* elements seen */
    size_t element;
    double value, expected, bound;
};

/* 0 where the value is exact, else the error over its bound. */
static inline double reference_ratio(double value, double expected, double bound)
{
    double error = fabs(value - expected);
    if (!isfinite(error) || !isfinite(bound) || bound < 0) {
        return HUGE_VAL;
    }
    return error <= 0 ? 0 : error / bound;
}

/* The next element. bound: of its error; 0: exact. */
static inline void reference_next(struct reference *r, double value, double expected,
                                  double bound)
{
    double ratio = reference_ratio(value, expected, bound);
    if (r->count == 0 || ratio > r->ratio) {
        r->ratio = ratio;
        r->element = r->count;
        r->value = value;
        r->expected = expected;
        r->bound = bound;
    }
    r->count++;
}

/* The next element where no number is due: NaN for NaN, infinity for the same infinity. */
static inline void reference_special(struct reference *r, double value, double expected)
{
    bool same = isnan(expected) ? isnan(value) : value >= expected && value <= expected;
    reference_next(r, same ? 0 : value, same ? 0 : expected, 0);
}

/* Says which element is worst, and fails when that is beyond its bound or none was seen. */
static inline void reference_check(const struct reference *r, const char *file, int line)
{
    char text[320];
    snprintf(text, sizeof text,
             "%s: element %zu of %zu is %.9g, expected %.17g within %.3g: %.3g times that",
             r->kernel, r->element, r->count, r->value, r->expected, r->bound, r->ratio);
    (void)test_note(r->count > 0 && r->ratio <= 1, file, line, text);
}
#define CHECK_REFERENCE(r) reference_check((r), __FILE__, __LINE__)

/* `count` floats that must have the bits expected. */
static inline void reference_bits(const char *kernel, const float *value,
                                  const float *expected, size_t count, const char *file,
                                  int line)
{
    size_t i = 0;
    while (i < count && memcmp(&value[i], &expected[i], sizeof *value) == 0) {
        i++;
    }
    char text[320];
    snprintf(text, sizeof text, "%s: element %zu of %zu is %a, expected exactly %a", kernel, i,
             count, i < count ? (double)value[i] : 0, i < count ? (double)expected[i] : 0);
    (void)test_note(i == count && count > 0, file, line, text);
}
#define CHECK_BITS(kernel, value, expected, count)                                            \
    reference_bits((kernel), (value), (expected), (count), __FILE__, __LINE__)

/* NaN everywhere, so that what stays unwritten shows. */
static inline void reference_poison(void *data, size_t bytes)
{
    memset(data, 0xFF, bytes);
}

/* Floats that end (or begin) at a page that may not be touched; the rest of their pages is
 * poisoned and must stay so. */
struct guarded {
    unsigned char *map, *body;
    size_t bytes, body_bytes, floats;
    float *data;
};

static inline struct guarded guard(size_t floats, bool at_end)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t body = (floats * sizeof(float) + page - 1) / page * page;
    struct guarded g = {.bytes = body + 2 * page, .body_bytes = body, .floats = floats};
    int zero = open("/dev/zero", O_RDWR);
    g.map = mmap(NULL, g.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    if (g.map == MAP_FAILED || mprotect(g.map, page, PROT_NONE) != 0 ||
        mprotect(g.map + page + body, page, PROT_NONE) != 0) {
        perror("guard pages");
        exit(99);
    }
    close(zero);
    g.body = g.map + page;
    g.data = (float *)(void *)(g.body + (at_end ? body - floats * sizeof(float) : 0));
    reference_poison(g.body, body);
    return g;
}

/* Nothing beside the floats was written. */
static inline void unguard(struct guarded *g)
{
    size_t begin = (size_t)((unsigned char *)(void *)g->data - g->body);
    size_t end = begin + g->floats * sizeof(float), changed = 0;
    for (size_t i = 0; i < g->body_bytes; i++) {
        changed += (i < begin || i >= end) && g->body[i] != 0xFF;
    }
    CHECK(changed == 0);
    munmap(g->map, g->bytes);
}

/* rows x columns of `from`, which lies as columns x rows in the layout nk; to be freed. */
static inline float *reference_rows(const float *from, int64_t rows, int64_t columns,
                                    enum spr_layout layout)
{
    float *to = malloc((size_t)(rows * columns) * sizeof *to + 1);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            to[i * columns + j] =
                layout == SPR_LAYOUT_NK ? from[j * rows + i] : from[i * columns + j];
        }
    }
    return to;
}

/* Y = W X as a plan lays them out, each element within (terms + 2) 2^-24 sum |w||x|. */
static inline struct reference reference_product(const char *kernel,
                                                 const struct spr_plan *plan,
                                                 const struct spr_matrix *w, const float *from,
                                                 const float *to)
{
    struct reference r = {.kernel = kernel};
    enum spr_layout layout = plan->tokens > 0 ? SPR_LAYOUT_NK : SPR_LAYOUT_KN;
    int64_t n = plan->n;
    size_t count = (size_t)(w->m * n), bytes = count * sizeof(double);
    float *x = reference_rows(from, w->k, n, layout), *y = reference_rows(to, w->m, n, layout);
    double *sum = malloc(bytes + 1), *size = malloc(bytes + 1),
           *terms = malloc((size_t)w->m * sizeof *terms + 1);
    reference_poison(sum, bytes);
    reference_poison(size, bytes);
    spr_matrix_product(w, n, x, NULL, 0, sum, size, terms);
    for (size_t i = 0; i < count; i++) {
        double bound = (terms[i / (size_t)n] + 2) * 0x1p-24 * size[i];
        reference_next(&r, (double)y[i], sum[i], bound);
    }
    free(x);
    free(y);
    free(sum);
    free(size);
    free(terms);
    return r;
}

#endif
