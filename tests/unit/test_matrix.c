/* SPDX-License-Identifier: Apache-2.0 */
/* Matrices drawn under a pattern, read from .smtx, counted and multiplied. */
#include "reference.h"

static struct spr_pattern pattern_of(const char *text)
{
    struct spr_pattern pattern = {0};
    struct spr_error err = {0};
    CHECK_STATUS(SPR_OK, spr_pattern_parse(text, &pattern, &err), &err);
    return pattern;
}

/* Kept cells are exactly as many as asked for, and every one is whole. */
static void test_draw(void)
{
    static const struct {
        const char *pattern;
        int64_t m, k;
        double kept;
        size_t nnz;
    } rows[] = {
        {"csr", 10, 20, 37, 37},   {"csr", 7, 3, 0, 0},       {"csr", 7, 3, 21, 21},
        {"4x1", 8, 5, 3, 12},      {"1x4", 3, 8, 2, 8},       {"4x4", 8, 8, 4, 64},
        {"2:4", 5, 16, 40, 40},    {"2:4", 5, 18, 50, 50},    {"1:4", 3, 9, 9, 9},
        {"dense", 4, 6, 24, 24},   {"bitmask", 9, 9, 80, 80}, {"ell", 4, 10, 12, 12},
        {"16x16", 32, 32, 1, 256}, {"comp:4", 8, 10, 20, 20}, {"comp:4", 6, 10, 20, 16},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_pattern pattern = pattern_of(rows[i].pattern);
        struct spr_matrix w, again;
        struct spr_error err = {0};
        test_row = rows[i].pattern;
        CHECK_STATUS(
            SPR_OK,
            spr_matrix_random(&pattern, rows[i].m, rows[i].k, rows[i].kept, 9, &w, &err),
            &err);
        CHECK_INT((long long)rows[i].nnz, (long long)w.nnz);
        CHECK_INT((long long)rows[i].nnz, (long long)w.row[rows[i].m]);
        for (int64_t r = 0; r < w.m; r++) {
            for (size_t e = w.row[r]; e < w.row[r + 1]; e++) {
                CHECK(w.column[e] >= 0 && w.column[e] < w.k);
                CHECK(e == w.row[r] || w.column[e] > w.column[e - 1]);
                CHECK(w.value[e] != 0 && fabs((double)w.value[e]) <= 1);
            }
        }
        CHECK_EXACT(rows[i].kept, spr_matrix_cells(&w, &pattern));
        /* the same seed the same matrix, another seed another */
        CHECK_INT(SPR_OK, spr_matrix_random(&pattern, rows[i].m, rows[i].k, rows[i].kept, 9,
                                            &again, &err));
        if (w.nnz > 0) {
            CHECK_BITS(rows[i].pattern, again.value, w.value, w.nnz);
        }
        CHECK(w.nnz == 0 || memcmp(w.column, again.column, w.nnz * sizeof *w.column) == 0);
        spr_matrix_free(&again);
        CHECK_INT(SPR_OK, spr_matrix_random(&pattern, rows[i].m, rows[i].k, rows[i].kept, 10,
                                            &again, &err));
        CHECK(w.nnz == 0 || memcmp(w.value, again.value, w.nnz * sizeof *w.value) != 0);
        spr_matrix_free(&again);
        spr_matrix_free(&w);
    }
    test_row = "";
}

/* comp:P: of P rows each has one weight in every P columns, no two in the same. */
static void test_owners(void)
{
    static const struct {
        const char *pattern;
        int64_t owners, m, k;
    } rows[] = {{"comp:4", 4, 30, 33}, {"comp:7", 7, 21, 70}, {"comp:9", 9, 20, 5}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct spr_pattern pattern = pattern_of(rows[i].pattern);
        const int64_t owners = rows[i].owners, rest = rows[i].k % owners;
        struct spr_matrix w;
        struct spr_error err = {0};
        int64_t taken[128] = {0}; /* by which row, from 1 on */
        test_row = rows[i].pattern;
        CHECK_INT(SPR_OK, spr_matrix_random(&pattern, rows[i].m, rows[i].k, 1, 3, &w, &err));
        for (int64_t r = 0; r < w.m; r++) {
            const int64_t count = (int64_t)(w.row[r + 1] - w.row[r]);
            CHECK(count == w.k / owners || (rest > 0 && count == w.k / owners + 1));
            for (size_t e = w.row[r]; e < w.row[r + 1]; e++) {
                int64_t *owner = &taken[w.column[e]];
                CHECK(*owner <= r / owners * owners);
                *owner = r + 1;
                CHECK(e == w.row[r] || w.column[e - 1] / owners < w.column[e] / owners);
            }
        }
        for (int64_t j = 0; j < w.k; j++) {
            CHECK(w.m % owners > 0 || taken[j] > w.m - owners); /* no column without one */
        }
        spr_matrix_free(&w);
    }
    test_row = "";
}

/* 2:4 keeps two of every four columns of every row. */
static void test_groups(void)
{
    struct spr_pattern pattern = pattern_of("2:4");
    struct spr_matrix w;
    struct spr_error err = {0};
    CHECK_INT(SPR_OK, spr_matrix_random(&pattern, 50, 64, 1600, 3, &w, &err));
    for (int64_t r = 0; r < 50; r++) {
        int count[16] = {0};
        for (size_t e = w.row[r]; e < w.row[r + 1]; e++) {
            count[w.column[e] / 4]++;
        }
        for (int g = 0; g < 16; g++) {
            CHECK_INT(2, count[g]);
        }
    }
    spr_matrix_free(&w);
}

/* Cells are drawn evenly: each column gets its share within five standard deviations. */
static void test_uniform(void)
{
    struct spr_pattern pattern = pattern_of("csr");
    struct spr_matrix w;
    struct spr_error err = {0};
    CHECK_INT(SPR_OK, spr_matrix_random(&pattern, 1000, 50, 10000, 1, &w, &err));
    int count[50] = {0};
    for (size_t e = 0; e < w.nnz; e++) {
        count[w.column[e]]++;
    }
    for (int c = 0; c < 50; c++) {
        CHECK(fabs(count[c] - 200.0) < 5 * sqrt(1000 * 0.2 * 0.8));
    }
    CHECK_EXACT(50, spr_matrix_touched_columns(&w));
    spr_matrix_free(&w);
}

static void test_refused(void)
{
    struct spr_pattern venom = pattern_of("4:2:8"), csr = pattern_of("csr");
    struct spr_matrix w;
    struct spr_error err = {0};
    CHECK_INT(SPR_EINPUT, spr_matrix_random(&venom, 8, 8, 16, 1, &w, &err));
    CHECK_TEXT("pattern 4:2:8: sproof has no kernel for it", err.text);
    err = (struct spr_error){0};
    CHECK_INT(SPR_EINPUT, spr_matrix_random(&csr, 1, (int64_t)1 << 31, 1, 1, &w, &err));
}

static void test_product(void)
{
    size_t row[] = {0, 2, 2, 3};
    int32_t column[] = {0, 2, 1};
    float value[] = {2, -3, 0.5F}, x[] = {1, 2, 3, 4, 5, 6};
    struct spr_matrix w = {3, 3, 3, row, column, value};
    double y[6], size[6], terms[3];
    struct reference r = {.kernel = "product"};
    reference_poison(y, sizeof y);
    reference_poison(size, sizeof size);
    reference_poison(terms, sizeof terms);
    spr_matrix_product(&w, 2, x, NULL, 0, y, size, terms);
    static const double expected[] = {-13, -14, 0, 0, 1.5, 2},
                        sizes[] = {17, 22, 0, 0, 1.5, 2}, counts[] = {2, 0, 1};
    for (int i = 0; i < 6; i++) {
        reference_next(&r, y[i], expected[i], 0);
        reference_next(&r, size[i], sizes[i], 0);
        reference_next(&r, terms[i / 2], counts[i / 2], 0);
    }
    const int64_t last = 2;
    reference_poison(y, sizeof y);
    spr_matrix_product(&w, 2, x, &last, 1, y, size, terms);
    reference_next(&r, y[0], 1.5, 0);
    reference_next(&r, y[1], 2, 0);
    reference_next(&r, terms[0], 1, 0);
    CHECK_REFERENCE(&r);
    CHECK(isnan(y[2])); /* one row was asked for */
    CHECK_EXACT(2, spr_matrix_longest_row(&w));
    CHECK_EXACT(3, spr_matrix_touched_columns(&w));
}

static void test_smtx(void)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"2, 3, 3\n0 2 3\n0 2 1\n", NULL},
        {"2, 3, 0\n0 0 0\n\n", NULL},
        {"", "m.smtx:1: rows: 'end of file': expected an integer 0..2147483647"},
        {"2, 3, 3\n0 2 3\n0 2 \n",
         "m.smtx:4: column index: 'end of file': expected an integer 0..2"},
        {"2, 3, 3\n0 2 3\n0 2 3\n", "m.smtx:3: column index: '3': expected an integer 0..2"},
        {"2, 3, 3\n0 2 2\n0 2 1\n",
         "m.smtx:2: row offset 2: 2: expected offsets that rise from 0 to 3"},
        {"2, 3, 3\n0 3 2\n0 2 1\n",
         "m.smtx:2: row offset 2: 2: expected offsets that rise from 0 to 3"},
        {"2, 3, 3\n0 2 3\n2 0 1\n",
         "m.smtx:3: column index 0 in row 0: expected indices that rise within a row"},
        {"2, -3, 3\n", "m.smtx:1: columns: '-3': expected an integer 0..2147483647"},
        {"2, 3, x\n", "m.smtx:1: nnz: 'x': expected an integer 0..2147483647"},
        {"99999999999999999999, 3, 1\n",
         "m.smtx:1: rows: '99999999999999999999': expected an integer 0..2147483647"},
        {"2, 3, 3\n0 2 3\n0 00000000000000000000000002 1\n",
         "m.smtx:3: column index: '00000000000000000000000': expected an integer 0..2"},
        {"1000000000, 3, 1000000000\n", "m.smtx:1: 1000000000 rows, 3 columns, 1000000000 "
                                        "entries: more than a file of 26 bytes "
                                        "holds, or none"},
        {"0, 3, 0\n0\n\n", "m.smtx:1: 0 rows, 3 columns, 0 entries: more than a file of 11 "
                           "bytes holds, or none"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_matrix w;
        struct spr_error err = {0};
        test_write("m.smtx", rows[i].text);
        test_row = rows[i].text;
        enum spr_status status = spr_matrix_read_smtx("m.smtx", 1, &w, &err);
        CHECK_TEXT(rows[i].error ? rows[i].error : "", err.text);
        CHECK_INT(rows[i].error ? SPR_EINPUT : SPR_OK, status);
        spr_matrix_free(&w);
    }
    test_row = "";
    struct spr_matrix w;
    struct spr_error err = {0};
    CHECK_INT(SPR_EINPUT, spr_matrix_read_smtx("none.smtx", 1, &w, &err));
    CHECK_TEXT("none.smtx: cannot be read", err.text);
}

int main(void)
{
    test_draw();
    test_groups();
    test_owners();
    test_uniform();
    test_refused();
    test_product();
    test_smtx();
    return test_end();
}
