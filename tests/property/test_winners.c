/* SPDX-License-Identifier: Apache-2.0 */
/* Products with winners alone against double precision: awkward shapes, every height of blocks
 * and instruction set, guard pages, special values. */
#include "base/random.h"
#include "reference.h"
#include "sproof/winners.h"

struct setting {
    const char *pattern;
    int64_t m, k, winners;
    double density;
    enum spr_isa isa;
    bool at_end;
};

/* Winners drawn without a search, so that nothing depends on one; x: their values, else 0. */
static void draw_winners(const struct setting *s, uint64_t *state, struct spr_winners *winners,
                         float *x)
{
    int64_t left = s->winners;
    memset(x, 0, (size_t)s->k * sizeof *x);
    for (int64_t i = 0; i < s->k; i++) {
        if ((double)left > spr_random_unit(state) * (double)(s->k - i)) {
            x[i] = (float)(2 * spr_random_unit(state) - 1);
            winners->index[winners->count] = (int32_t)i;
            winners->value[winners->count++] = x[i];
            left--;
        }
    }
}

static void make(const struct setting *s, struct spr_matrix *w, struct spr_columns *columns)
{
    struct spr_error err = {0};
    struct spr_pattern pattern;
    const struct spr_shape shape = {s->m, s->k, 1};
    CHECK(spr_pattern_parse(s->pattern, &pattern, &err) == SPR_OK);
    const double kept = spr_pattern_kept(&pattern, &shape, 1 - s->density);
    CHECK(spr_matrix_random(&pattern, s->m, s->k, kept, 7, w, &err) == SPR_OK);
    CHECK(spr_columns_pack(s->isa, spr_columns_rows(&pattern), w, columns, &err) == SPR_OK);
}

static void check_setting(const struct setting *s)
{
    struct spr_matrix w;
    struct spr_columns columns;
    uint64_t state = 3;
    char text[160];
    snprintf(text, sizeof text, "%s %lldx%lld winners %lld density %g %s", s->pattern,
             (long long)s->m, (long long)s->k, (long long)s->winners, s->density,
             spr_isa_name(s->isa));
    test_row = text;
    make(s, &w, &columns);
    struct guarded y = guard((size_t)s->m, s->at_end), value = guard((size_t)s->k, true);
    float *x = malloc((size_t)s->k * sizeof *x), *first = malloc((size_t)s->m * sizeof *first);
    struct spr_winners winners = {.index = malloc((size_t)s->k * sizeof *winners.index),
                                  .value = value.data};
    const struct spr_plan plan = {.m = s->m, .k = s->k, .n = 1};
    draw_winners(s, &state, &winners, x);
    spr_columns_run(&columns, &winners, y.data);
    struct reference r = reference_product(s->pattern, &plan, &w, x, y.data);
    CHECK_REFERENCE(&r);
    memcpy(first, y.data, (size_t)s->m * sizeof *first);
    reference_poison(y.data, (size_t)s->m * sizeof *first);
    spr_columns_run(&columns, &winners, y.data);
    CHECK_BITS(s->pattern, y.data, first, (size_t)s->m);
    free(winners.index);
    free(x);
    free(first);
    unguard(&y);
    unguard(&value);
    spr_columns_free(&columns);
    spr_matrix_free(&w);
    test_row = "";
}

static const char *const patterns[] = {
    "csr",  "2:4",  "4x1", "8x1",  "16x1",  "32x1", "64x1",  "96x1", "3x5",  "7x2",
    "12x3", "48x4", "4x4", "24x1", "16x16", "1x16", "dense", "5x1",  "40x1", "2x2"};

static void test_shapes(void)
{
    static const int64_t sizes[][2] = {{1, 1},   {1, 40},   {37, 1},   {33, 65},
                                       {64, 48}, {70, 131}, {301, 800}};
    static const double densities[] = {0, 1e-9, 0.05, 0.5, 1};
    for (size_t c = 0; c < COUNT_OF(patterns) * COUNT_OF(sizes) * SPR_ISA_COUNT; c++) {
        const size_t p = c % COUNT_OF(patterns), z = c / COUNT_OF(patterns) % COUNT_OF(sizes);
        const int64_t k = sizes[z][1];
        const int64_t winners[] = {0, 1, k, (k + 7) / 8};
        struct setting s = {patterns[p],
                            sizes[z][0],
                            k,
                            winners[c % 4],
                            densities[(c / 3) % 5],
                            (enum spr_isa)(c / COUNT_OF(patterns) / COUNT_OF(sizes)),
                            c % 2 == 0};
        if (spr_isa_usable(s.isa)) {
            check_setting(&s);
            s.winners = (k + 2) / 3;
            s.density = 0.1;
            check_setting(&s);
        }
    }
}

/* Infinities and NaN reach the rows that store a weight for them, and no others. */
static void test_special_values(void)
{
    for (size_t c = 0; c < COUNT_OF(patterns) * SPR_ISA_COUNT; c++) {
        const struct setting s = {patterns[c % COUNT_OF(patterns)],       45,  64, 3, 0.3,
                                  (enum spr_isa)(c / COUNT_OF(patterns)), true};
        struct spr_matrix w;
        struct spr_columns columns;
        int32_t index[] = {3, 17, 30};
        float value[] = {INFINITY, NAN, 1e-41F}, y[45];
        const struct spr_winners winners = {.index = index, .value = value, .count = 3};
        struct reference r = {.kernel = s.pattern};
        if (!spr_isa_usable(s.isa)) {
            continue;
        }
        make(&s, &w, &columns);
        spr_columns_run(&columns, &winners, y);
        for (int64_t i = 0; i < s.m; i++) {
            double special = 0, small = 0;
            for (size_t e = w.row[i]; e < w.row[i + 1]; e++) {
                const double weight = (double)w.value[e];
                special += w.column[e] == 3 ? weight * HUGE_VAL : 0;
                special += w.column[e] == 17 ? weight * (double)NAN : 0;
                small += w.column[e] == 30 ? weight * (double)1e-41F : 0;
            }
            if (isfinite(special)) {
                reference_next(&r, (double)y[i], small, 0x1p-149);
            } else {
                reference_special(&r, (double)y[i], special);
            }
        }
        CHECK_REFERENCE(&r);
        spr_columns_free(&columns);
        spr_matrix_free(&w);
    }
}

/* Complementary rows: of every P rows at most one holds a column. */
static void test_complementary(enum spr_isa isa)
{
    enum { ROWS = 37, COLUMNS = 50, TOGETHER = 5 };
    size_t row[ROWS + 1] = {0};
    int32_t column[ROWS * COLUMNS];
    float value[ROWS * COLUMNS], x[COLUMNS] = {0}, y[ROWS], won[COLUMNS];
    int32_t index[COLUMNS];
    struct spr_matrix w = {
        .m = ROWS, .k = COLUMNS, .row = row, .column = column, .value = value};
    struct spr_columns columns;
    struct spr_error err = {0};
    uint64_t state = 9;
    const struct setting s = {"comp", ROWS, COLUMNS, 9, 1, isa, true};
    const struct spr_plan plan = {.m = ROWS, .k = COLUMNS, .n = 1};
    struct spr_winners winners = {.index = index, .value = won};
    for (int64_t i = 0; i < ROWS; i++) {
        for (int32_t j = 0; j < COLUMNS; j++) {
            if ((j + i / TOGETHER) % TOGETHER == i % TOGETHER) {
                column[w.nnz] = j;
                value[w.nnz++] = (float)(spr_random_unit(&state) - 0.5);
            }
        }
        row[i + 1] = w.nnz;
    }
    CHECK(spr_columns_pack(isa, 1, &w, &columns, &err) == SPR_OK);
    draw_winners(&s, &state, &winners, x);
    spr_columns_run(&columns, &winners, y);
    struct reference r = reference_product("comp", &plan, &w, x, y);
    CHECK_REFERENCE(&r);
    spr_columns_free(&columns);
}

static void test_too_large(void)
{
    struct spr_error err = {0};
    struct spr_columns columns;
    size_t *row = calloc(70001, sizeof *row);
    const struct spr_matrix w = {.m = 70000, .k = 1, .row = row};
    CHECK_STATUS(SPR_EINPUT, spr_columns_pack(SPR_ISA_SCALAR, 1, &w, &columns, &err), &err);
    CHECK_STATUS(SPR_OK, spr_columns_pack(SPR_ISA_SCALAR, 4, &w, &columns, &err), &err);
    spr_columns_free(&columns);
    free(row);
}

int main(void)
{
    test_shapes();
    test_special_values();
    for (int isa = 0; isa < SPR_ISA_COUNT; isa++) {
        if (spr_isa_usable((enum spr_isa)isa)) {
            test_complementary((enum spr_isa)isa);
        }
    }
    test_too_large();
    return test_end();
}
