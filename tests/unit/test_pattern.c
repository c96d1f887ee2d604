/* SPDX-License-Identifier: Apache-2.0 */
/* The pattern grammar, what each pattern costs, and where it does not fit. */
#include "test.h"

#include "sproof/pattern.h"

static void spellings(void)
{
    static const struct {
        const char *text, *canonical; /* NULL: refused */
    } rows[] = {
        {"dense", "dense"},
        {"csr", "csr"},
        {"unstructured", "csr"},
        {"1x1", "csr"},
        {"bsr:1x1", "csr"},
        {"csr16", "csr16"},
        {"bitmask", "bitmask"},
        {"ell", "ell"},
        {"4x4", "4x4"},
        {"bsr:4x4", "4x4"},
        {"32x1", "32x1"},
        {"1x8", "1x8"},
        {"2:4", "2:4"},
        {"1:16", "1:16"},
        {"comp:16", "comp:16"},
        {"1099511627776x1", "1099511627776x1"},
        {"", NULL},
        {"CSR", NULL},
        {" csr", NULL},
        {"4x", NULL},
        {"x4", NULL},
        {"4x4x4", NULL},
        {"0x4", NULL},
        {"04x4", NULL},
        {"-4x4", NULL},
        {"4X4", NULL},
        {"4:2", NULL},
        {"4:4", NULL},
        {"0:4", NULL},
        {"2:4:8", "2:4:8"},
        {"64:5:8", NULL},
        {"64:2:4", NULL},
        {"64:2:", NULL},
        {":2:8", NULL},
        {"comp:1", NULL},
        {"comp:", NULL},
        {"comp", NULL},
        {"1099511627777x1", NULL},
        {"99999999999999999999x1", NULL},
        {"2:4 ", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_pattern pattern = {0}, again;
        char text[SPR_PATTERN_TEXT];
        test_row = rows[i].text;
        enum spr_status status = spr_pattern_parse(rows[i].text, &pattern, NULL);
        CHECK_INT(rows[i].canonical ? SPR_OK : SPR_EINPUT, status);
        if (status == SPR_OK && rows[i].canonical) {
            CHECK_TEXT(rows[i].canonical, spr_pattern_text(&pattern, text));
            CHECK_INT(SPR_OK, spr_pattern_parse(text, &again, NULL));
            CHECK(spr_pattern_equal(&pattern, &again));
        }
    }
    test_row = "";
}

static void refusals(void)
{
    static const struct {
        const char *text, *near;
    } rows[] = {
        {"crs", "did you mean 'csr'?"},
        {"bitmaks", "did you mean 'bitmask'?"},
        {"unstructred", "did you mean 'unstructured'?"},
        {"wombat", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_error err = {0};
        struct spr_pattern pattern;
        test_row = rows[i].text;
        CHECK_STATUS(SPR_EINPUT, spr_pattern_parse(rows[i].text, &pattern, &err), &err);
        CHECK(strncmp(err.text, "unknown pattern '", 17) == 0);
        CHECK(rows[i].near ? strstr(err.text, rows[i].near) != NULL
                           : strstr(err.text, "did you mean") == NULL);
    }
    test_row = "";
}

/* m = 6, k = 10, sparsity 0.5, 2-byte values: worked out by hand from src/pattern/README.md. */
static void costs(void)
{
    static const struct {
        const char *text;
        int64_t groups;
        struct spr_counted counted;
        double kept, nnz, issued, value_bytes, index_bytes, tau;
    } rows[] = {
#define NONE {(double)NAN, (double)NAN, (double)NAN}
        {"dense", 1, NONE, 60, 60, 60, 120, 0, 1},
        {"csr", 1, NONE, 30, 30, 30, 60, 30 * 4 + 7 * 4, 1 - 1.0 / 64},
        {"csr", 2, NONE, 30, 30, 30, 60, 30 * 4 + 7 * 4, 1 - 1.0 / 8},
        {"csr", 1, {20, 5, (double)NAN}, 30, 20, 20, 40, 20 * 4 + 7 * 4, 0.5},
        {"csr16", 1, NONE, 30, 30, 30, 60, 30 * 2 + 7 * 4, 1 - 1.0 / 64},
        {"bitmask", 1, NONE, 30, 30, 30, 60, 8 + 7 * 4, 1 - 1.0 / 64},
        {"4:2:8", 1, NONE, 24, 24, 24, 48, 24 / 4.0 + 2 * 2 * 4 * 3 / 8.0, 0.75},
        {"ell", 1, NONE, 30, 30, 30, 60, 30 * 4, 1 - 1.0 / 64},
        {"ell",
         1,
         {30, (double)NAN, 8},
         30,
         30,
         48,
         96,
         48 * 4,
         1 - 0.2 * 0.2 * 0.2 * 0.2 * 0.2 * 0.2},
        /* 2 x 3 blocks, 3 kept, stored whole: 16 weights each; edge blocks hold less */
        {"4x4", 1, NONE, 3, 30, 48, 96, 3 * 4 + 3 * 4, 1 - 0.25},
        {"4x4", 3, NONE, 3, 30, 48, 96, 3 * 4 + 3 * 4, 0.5},
        {"4x4", 1, {22, 10, (double)NAN}, 3, 22, 48, 96, 3 * 4 + 3 * 4, 1},
        /* 10 = 2 groups of 4 and a rest of 2: 6 kept a row; 2 bits an index */
        {"2:4", 1, NONE, 36, 36, 36, 72, 9, 1 - 0.4 * 0.4 * 0.4 * 0.4 * 0.4 * 0.4},
        {"1:4", 1, NONE, 18, 18, 18, 36, 4.5, 1 - 0.7 * 0.7 * 0.7 * 0.7 * 0.7 * 0.7},
        /* two packed rows of 10; 2 bits say which of 4 rows */
        {"comp:4", 1, NONE, 20, 15, 20, 40, 5, 1},
        {"comp:5", 1, NONE, 20, 12, 20, 40, 7.5, 1},
#undef NONE
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_pattern pattern;
        struct spr_shape shape = {6, 10, rows[i].groups};
        test_row = rows[i].text;
        CHECK_INT(SPR_OK, spr_pattern_parse(rows[i].text, &pattern, NULL));
        double fixed = spr_pattern_fixed_sparsity(&pattern);
        double kept = spr_pattern_kept(&pattern, &shape, isnan(fixed) ? 0.5 : fixed);
        CHECK_EXACT(rows[i].kept, kept);
        struct spr_weight_cost cost =
            pattern.kind->cost(&pattern, &shape, kept, &rows[i].counted, 2);
        CHECK_EXACT(rows[i].nnz, cost.nnz);
        CHECK_EXACT(rows[i].issued, cost.issued);
        CHECK_EXACT(rows[i].value_bytes, cost.value_bytes);
        CHECK_EXACT(rows[i].index_bytes, cost.index_bytes);
        CHECK_NEAR(rows[i].tau, cost.tau, 1e-14);
    }
    test_row = "";
}

/* 0.3 of 10 columns are 3.0000000000000004 in binary: still 3 in a row of ell. */
static void ell_row(void)
{
    struct spr_pattern ell;
    struct spr_shape shape = {6, 10, 1};
    struct spr_counted none = {(double)NAN, (double)NAN, (double)NAN};
    CHECK_INT(SPR_OK, spr_pattern_parse("ell", &ell, NULL));
    struct spr_weight_cost cost =
        ell.kind->cost(&ell, &shape, spr_pattern_kept(&ell, &shape, 0.7), &none, 2);
    CHECK_EXACT(18, cost.issued);
}

/* Halves go up, never to even; the product of the dimensions comes first. */
static void kept_cells(void)
{
    static const struct {
        const char *text;
        int64_t m, k;
        double sparsity, kept;
    } rows[] = {
        {"csr", 1, 1, 0.5, 1},
        {"csr", 1, 5, 0.5, 3},
        {"csr", 4, 1, 0.875, 1},
        {"csr", 3072, 768, 0.8, 471859},
        {"csr", 10, 10, 1, 0},
        {"csr", 10, 10, 0, 100},
        {"4x4", 3072, 768, 0.9, 14746},
        {"4x4", 5, 5, 0.5, 2},
        {"ell", 3, 3, 0.5, 4.5},
        {"2:4", 1, 3, 0, 2},
        {"2:4", 1, 5, 0, 3},
        {"csr", 1 << 26, 1 << 27, 0.5, 4503599627370496.0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_pattern pattern;
        struct spr_shape shape = {rows[i].m, rows[i].k, 1};
        test_row = rows[i].text;
        CHECK_INT(SPR_OK, spr_pattern_parse(rows[i].text, &pattern, NULL));
        CHECK_EXACT(rows[i].kept, spr_pattern_kept(&pattern, &shape, rows[i].sparsity));
    }
    test_row = "";
}

static void fixed_sparsities(void)
{
    static const struct {
        const char *text;
        double sparsity;
    } rows[] = {
        {"dense", 0},
        {"2:4", 0.5},
        {"1:4", 0.75},
        {"1:3", 0.666666666667},
        {"comp:3", 0.666666666667},
        {"comp:16", 0.9375},
        {"csr", (double)NAN},
        {"4x4", (double)NAN},
        {"ell", (double)NAN},
        {"bitmask", (double)NAN},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_pattern pattern;
        test_row = rows[i].text;
        CHECK_INT(SPR_OK, spr_pattern_parse(rows[i].text, &pattern, NULL));
        CHECK_EXACT(rows[i].sparsity, spr_pattern_fixed_sparsity(&pattern));
    }
    test_row = "";
}

static void misfits(void)
{
    static const struct {
        const char *text;
        int64_t m, k;
        const char *why;
        bool is_error;
    } rows[] = {
        {"4x4", 4, 4, NULL, false},
        {"4x4", 3, 100, "it has fewer rows than the block", false},
        {"4x4", 100, 3, "it has fewer columns than the block", false},
        {"2:4", 100, 3, "it has fewer columns than M", false},
        {"comp:4", 3, 100, "it has fewer rows than are packed together", true},
        {"csr16", 1, 65536, NULL, true},
        {"csr16", 1, 65537, "k is above 65536, more than 16-bit indices reach", true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_pattern pattern;
        struct spr_shape shape = {rows[i].m, rows[i].k, 1};
        test_row = rows[i].text;
        CHECK_INT(SPR_OK, spr_pattern_parse(rows[i].text, &pattern, NULL));
        CHECK_TEXT(rows[i].why, pattern.kind->misfit(&pattern, &shape));
        CHECK_INT(rows[i].is_error, pattern.kind->misfit_is_error);
    }
    test_row = "";
}

/* All are legal spellings of their row, and the first is how it is written. */
static void examples(const struct spr_pattern_kind *kind)
{
    char text[SPR_PATTERN_TEXT];
    CHECK(kind->examples->text != NULL);
    for (const struct spr_example *e = kind->examples; e->text; e++) {
        struct spr_pattern pattern = {0};
        test_row = e->text;
        CHECK_INT(SPR_OK, spr_pattern_parse(e->text, &pattern, NULL));
        CHECK(pattern.kind == kind);
        CHECK(e->place > 0);
        CHECK(e > kind->examples || strcmp(spr_pattern_text(&pattern, text), e->text) == 0);
    }
}

/* Whatever files src/pattern/kind has: every row is complete and its spelling is its own. */
static void registry(void)
{
    size_t count = 0;
    const struct spr_pattern_kind *kind;
    for (; (kind = spr_pattern_kind_at(count)) != NULL; count++) {
        test_row = kind->name;
        CHECK(kind->spelling && *kind->spelling && kind->summary && *kind->summary &&
              kind->storage && *kind->storage);
        CHECK(kind->parse && kind->format && kind->cells && kind->cost);
        CHECK((int)kind->pattern_class >= 0 && (int)kind->pattern_class < SPR_CLASS_COUNT);
        for (size_t i = 0; i < count; i++) {
            CHECK(strcmp(spr_pattern_kind_at(i)->name, kind->name) != 0);
        }
        examples(kind);
    }
    test_row = "";
    CHECK(count >= 8);
    struct spr_pattern dense = spr_pattern_dense(), none = {0};
    char text[SPR_PATTERN_TEXT];
    CHECK(spr_pattern_is_dense(&dense));
    CHECK(!spr_pattern_is_dense(&none));
    CHECK_TEXT("mixed", spr_pattern_text(&none, text));
}

static void touched_columns(void)
{
    CHECK_EXACT(1, spr_expected_touched(1, 5));
    CHECK_EXACT(0, spr_expected_touched(0, 5));
    CHECK_NEAR(0.75, spr_expected_touched(0.5, 2), 1e-15);
    /* 1 - (1-d)^n by subtraction would be 0 here. */
    CHECK_NEAR(1e-17, spr_expected_touched(1e-20, 1000), 1e-12);
    CHECK_EXACT(0.666666666667, spr_round12(2.0 / 3));
    CHECK_EXACT(0.3, spr_round12(0.1 + 0.2));
}

int main(void)
{
    spellings();
    refusals();
    costs();
    ell_row();
    kept_cells();
    fixed_sparsities();
    misfits();
    registry();
    touched_columns();
    return test_end();
}
