/* SPDX-License-Identifier: Apache-2.0 */
#include "compare.h"
#include "base/random.h"

#include <math.h>

#include "evict.h"

#define SEED 1
/* Beyond so many multiplications only some rows are checked. */
#define CHECK_TERMS 4e8
#define CHECK_ROWS 256

struct wanted {
    const char *pattern;
    int percent;
    int activation; /* percent of X that is zero; 0: it is dense */
};

static const struct wanted blocks[] = {{"4x1", 90, 0},   {"4x4", 90, 0},  {"8x8", 90, 0},
                                       {"16x16", 90, 0}, {"32x1", 90, 0}, {"32x32", 90, 0},
                                       {"4x1", 95, 0},   {"4x4", 95, 0},  {"8x8", 95, 0},
                                       {"16x16", 95, 0}, {"32x1", 95, 0}, {"32x32", 95, 0}};
static const struct wanted singles[] = {{"csr", 70, 0}, {"csr", 90, 0}, {"csr", 95, 0}};
/* comp:16 has 93.75 %. */
static const struct wanted matmul95[] = {
    {"csr", 95, 0},  {"comp:16", 94, 0}, {"comp:20", 95, 0}, {"4x1", 95, 0},
    {"32x1", 95, 0}, {"16x16", 95, 0},   {"csr", 95, 88},    {"32x1", 95, 88}};

/* Does a goal look at this matrix? */
static bool goal_needs(const struct wanted *wanted, int64_t n)
{
    bool single = strcmp(wanted->pattern, "csr") == 0;
    bool tall = strcmp(wanted->pattern, "32x1") == 0;
    bool four = strcmp(wanted->pattern, "4x1") == 0 || strcmp(wanted->pattern, "4x4") == 0;
    if (n == 1) {
        return wanted->percent == 95 &&
               (single || tall || strcmp(wanted->pattern, "16x16") == 0);
    }
    if (single) {
        return n == 128 && wanted->percent != 95;
    }
    if (n == 16) {
        return four && wanted->percent == 90;
    }
    return wanted->percent == 90 ||
           (wanted->percent == 95 && n >= 64 && strcmp(wanted->pattern, "32x32") != 0);
}

static void stop(const char *what, const char *why)
{
    fprintf(stderr, "peers: %s: %s\n", what, why);
    exit(1);
}

static void expect(struct bench_case *bench)
{
    const struct peer_case *c = &bench->c;
    double terms = (double)bench->matrix.nnz * (double)c->n;
    bench->row_count = (size_t)c->m;
    if (terms > CHECK_TERMS && c->m > CHECK_ROWS) {
        bench->row_count = CHECK_ROWS;
        bench->rows = peer_alloc(CHECK_ROWS * sizeof *bench->rows);
        for (int64_t i = 0; i < CHECK_ROWS; i++) {
            bench->rows[i] = i * (c->m - 1) / (CHECK_ROWS - 1);
        }
    }
    size_t values = bench->row_count * (size_t)c->n;
    double *counts = peer_alloc(bench->row_count * sizeof *counts);
    bench->y = peer_alloc(values * sizeof *bench->y);
    bench->bound = peer_alloc(values * sizeof *bench->bound);
    spr_matrix_product(&bench->matrix, c->n, c->x, bench->rows, bench->row_count, bench->y,
                       bench->bound, counts);
    for (size_t i = 0; i < values; i++) {
        bench->bound[i] *= (counts[i / (size_t)c->n] + 2) * 0x1p-24;
    }
    free(counts);
}

/* X with so many percent of each token's inputs zero. */
static const float *thinned(const float *x, const struct size *size, int percent)
{
    float *thin = peer_floats(size->k * size->n);
    const int64_t winners = size->k - size->k * percent / 100;
    uint64_t state = SEED + 1;
    for (int64_t j = 0; j < size->n; j++) {
        int64_t left = winners;
        for (int64_t i = 0; i < size->k; i++) {
            if ((int64_t)(spr_random(&state) % (uint64_t)(size->k - i)) < left) {
                thin[i * size->n + j] = x[i * size->n + j];
                left--;
            }
        }
    }
    return thin;
}

static void make(const struct wanted *wanted, const struct options *options,
                 const struct size *size, const float *x, struct bench_case *bench)
{
    struct spr_error err = {0};
    struct spr_shape shape = {size->m, size->k, 1};
    memset(bench, 0, sizeof *bench);
    bench->c = (struct peer_case){
        .m = size->m, .k = size->k, .n = size->n, .threads = options->threads, .x = x};
    bench->percent = wanted->percent;
    bench->c.activation = wanted->activation;
    if (wanted->activation > 0) {
        bench->c.x = thinned(x, size, wanted->activation);
    }
    snprintf(bench->pattern, sizeof bench->pattern, "%s", wanted->pattern);
    if (spr_pattern_parse(wanted->pattern, &bench->c.pattern, &err) != SPR_OK) {
        stop(wanted->pattern, err.text);
    }
    bench->c.kept = spr_pattern_kept(&bench->c.pattern, &shape, wanted->percent / 100.0);
    if (spr_matrix_random(&bench->c.pattern, size->m, size->k, bench->c.kept, SEED,
                          &bench->matrix, &err) != SPR_OK) {
        stop(size->text, err.text);
    }
    bench->c.matrix = &bench->matrix;
    if (spr_pattern_is_dense(&bench->c.pattern)) {
        bench->c.w = peer_weights(&bench->c);
    }
    expect(bench);
}

/* Blocks that do not tile the matrix are left out. */
static bool fits(const struct wanted *wanted, const struct size *size)
{
    long rows = 1, columns = 1;
    char *end;
    if (wanted->pattern[0] >= '0' && wanted->pattern[0] <= '9') {
        rows = strtol(wanted->pattern, &end, 10);
        columns = strtol(end + 1, NULL, 10);
    }
    return size->m % rows == 0 && size->k % columns == 0;
}

static size_t add(const struct wanted *list, size_t length, const struct options *options,
                  const struct size *size, struct bench_case *cases, size_t count)
{
    const float *x = cases[0].c.x;
    for (size_t i = 0; i < length; i++) {
        if (fits(&list[i], size) &&
            (!options->goals_only || options->matmul95 || goal_needs(&list[i], size->n))) {
            make(&list[i], options, size, x, &cases[count++]);
        }
    }
    return count;
}

size_t cases_make(const struct options *options, const struct size *size,
                  struct bench_case *cases, size_t room)
{
    static const struct wanted dense = {"dense", 0, 0};
    uint64_t state = SEED;
    float *x = peer_floats(size->k * size->n);
    size_t count = 1;
    if (room < CASES_MAX) {
        stop(size->text, "too many cases");
    }
    for (int64_t i = 0; i < size->k * size->n; i++) {
        x[i] = (float)(2 * spr_random_unit(&state) - 1);
    }
    /* Always there: it carries X, and the multiply-add loop counts as its contender. */
    make(&dense, options, size, x, &cases[0]);
    if (options->matmul95) {
        count = add(matmul95, sizeof matmul95 / sizeof *matmul95, options, size, cases, count);
    } else if (options->sparse) {
        count = add(singles, sizeof singles / sizeof *singles, options, size, cases, count);
        count = add(blocks, sizeof blocks / sizeof *blocks, options, size, cases, count);
    }
    return count;
}

void cases_free(struct bench_case *cases, size_t count)
{
    union {
        const float *read;
        void *block;
    } x = {cases[0].c.x}, w = {cases[0].c.w};
    free(x.block);
    free(w.block);
    for (size_t i = 0; i < count; i++) {
        if (cases[i].c.activation > 0) {
            x.read = cases[i].c.x;
            free(x.block);
        }
        spr_matrix_free(&cases[i].matrix);
        free(cases[i].rows);
        free(cases[i].y);
        free(cases[i].bound);
    }
}

bool case_needs_memory(const struct bench_case *bench)
{
    return (double)bench->c.m * (double)bench->c.k * sizeof(float) > last_cache_bytes();
}

double case_error(const struct bench_case *bench, const struct peer_product *product)
{
    double largest = 0;
    for (size_t r = 0; r < bench->row_count; r++) {
        int64_t i = bench->rows != NULL ? bench->rows[r] : (int64_t)r;
        for (int64_t j = 0; j < bench->c.n; j++) {
            size_t at = r * (size_t)bench->c.n + (size_t)j;
            double got = (double)product->y[i * product->y_row + j * product->y_col];
            double error = fabs(got - bench->y[at]);
            if (!(error <= 0)) {
                error = bench->bound[at] > 0 && !isnan(error) ? error / bench->bound[at]
                                                              : HUGE_VAL;
            }
            largest = error > largest ? error : largest;
        }
    }
    return largest;
}
