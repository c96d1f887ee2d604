/* SPDX-License-Identifier: Apache-2.0 */
/* Every kernel of the registry on awkward shapes: the identity, random data within the
 * rounding-error bound, declared bytes, guard pages, special values, repeatability. */
#include "base/random.h"
#include "patterns.h"
#include "reference.h"

struct setting {
    const char *pattern;
    int64_t m, k, n;
    double density;
    enum spr_isa isa;
    int threads;
    bool at_end;
    enum spr_layout layout;
    bool mixed; /* columns change places: comp:P stays legal, its rows lose their order */
};

static void describe(const struct setting *s, char *text, size_t size)
{
    snprintf(text, size, "%s %lldx%lld n=%lld density %g %s threads %d layout %s", s->pattern,
             (long long)s->m, (long long)s->k, (long long)s->n, s->density,
             spr_isa_name(s->isa), s->threads, spr_layout_name(s->layout));
}

static struct spr_plan plan_of(const struct spr_pattern *pattern, const struct setting *s,
                               double kept)
{
    return s->layout == SPR_LAYOUT_NK
               ? spr_plan_choose_nk(pattern, s->isa, s->m, s->k, s->n, kept, s->threads)
               : spr_plan_choose(pattern, s->isa, s->m, s->k, s->n, kept, s->threads);
}

static void check_layout(const struct setting *s);

static int by_column(const void *a, const void *b)
{
    const int32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void mix_columns(struct spr_matrix *w)
{
    int32_t *place = calloc((size_t)w->k, sizeof *place);
    uint64_t state = 5;
    for (int64_t j = 0; j < w->k; j++) {
        const int64_t at = (int64_t)(spr_random(&state) % (uint64_t)(j + 1));
        place[j] = place[at];
        place[at] = (int32_t)j;
    }
    for (size_t e = 0; e < w->nnz; e++) {
        w->column[e] = place[w->column[e]];
    }
    for (int64_t i = 0; i < w->m; i++) {
        qsort(w->column + w->row[i], w->row[i + 1] - w->row[i], sizeof *w->column, by_column);
    }
    free(place);
}

/* In both layouts. */
static void check_setting(const struct setting *s)
{
    struct setting other = *s;
    other.layout = SPR_LAYOUT_NK;
    check_layout(s);
    check_layout(&other);
}

static void check_layout(const struct setting *s)
{
    struct spr_error err = {0};
    struct spr_pattern pattern;
    struct spr_matrix w;
    struct spr_packed packed;
    char text[160];
    describe(s, text, sizeof text);
    test_row = text;
    CHECK(spr_pattern_parse(s->pattern, &pattern, &err) == SPR_OK);
    struct spr_shape shape = {s->m, s->k, 1};
    if (pattern.kind->misfit_is_error && pattern.kind->misfit(&pattern, &shape)) {
        return;
    }
    double kept = spr_pattern_kept(&pattern, &shape, 1 - s->density);
    if (s->density > 0 && kept == 0) {
        kept = 1; /* one entry */
    }
    CHECK(spr_matrix_random(&pattern, s->m, s->k, kept, 7, &w, &err) == SPR_OK);
    if (s->mixed) {
        mix_columns(&w);
    }
    struct spr_plan plan = plan_of(&pattern, s, kept);
    CHECK(spr_pack(&plan, &w, &packed, &err) == SPR_OK);
    CHECK_INT(packed.bytes, spr_packed_bytes(&plan, &w)); /* those declared */
    struct guarded x = guard((size_t)(s->k * s->n), s->at_end);
    struct guarded y = guard((size_t)(s->m * s->n), s->at_end);
    size_t outputs = (size_t)(s->m * s->n);
    uint64_t state = 11;
    for (size_t i = 0; i < (size_t)(s->k * s->n); i++) {
        x.data[i] = (float)(2 * spr_random_unit(&state) - 1);
    }
    spr_kernel_run(&packed, x.data, y.data);
    struct reference r = reference_product(s->pattern, &plan, &w, x.data, y.data);
    CHECK_REFERENCE(&r);
    float *first = malloc(outputs * sizeof *first + 1);
    memcpy(first, y.data, outputs * sizeof *first);
    reference_poison(y.data, outputs * sizeof *first);
    spr_kernel_run(&packed, x.data, y.data);
    CHECK_BITS(s->pattern, y.data, first, outputs); /* a second run gives the same */
    free(first);
    unguard(&x);
    unguard(&y);
    test_row = "";
    spr_packed_free(&packed);
    spr_matrix_free(&w);
}

static bool has_kernel(const struct spr_pattern *pattern)
{
    return pattern->kind->kernel != NULL;
}

/* Sizes around those of registers, beside the examples of the registry. */
static const char *const sizes_too[] = {
    "1:4",    "4:8",     "1:8",     "2:8",     "3:7",     "4x1",     "8x1",
    "16x1",   "1x4",     "1x8",     "1x16",    "1x32",    "2x2",     "8x8",
    "16x16",  "32x32",   "3x5",     "7x2",     "5x1",     "1x3",     "64x1",
    "24x2",   "12x3",    "2x16",    "48x4",    "comp:2",  "comp:4",  "comp:7",
    "comp:8", "comp:10", "comp:20", "comp:32", "comp:48", "comp:64", NULL};
static const char *const few_too[] = {"4x1", "1x16", "comp:8", "comp:10", "comp:32", NULL};
static struct test_patterns patterns, few;

/* Every pattern x instruction set on shapes around the vector width. */
static void test_shapes(void)
{
    static const double densities[] = {0, 1e-9, 0.1, 0.5, 1};
    for (size_t p = 0; p < patterns.count; p++) {
        for (int isa = 0; isa < SPR_ISA_COUNT; isa++) {
            if (!spr_isa_usable((enum spr_isa)isa)) {
                continue;
            }
            int64_t v = spr_isa_lanes((enum spr_isa)isa);
            const int64_t widths[] = {1,     2,         3,         v - 1 > 1 ? v - 1 : 4,
                                      v,     v + 1,     2 * v + 3, 5 * v + 1,
                                      8 * v, 13 * v - 1};
            const int64_t sizes[][2] = {{1, 1},   {1, 40},  {37, 1},
                                        {33, 65}, {64, 48}, {70, 131}};
            for (size_t a = 0; a < sizeof widths / sizeof widths[0]; a++) {
                for (size_t b = 0; b < sizeof sizes / sizeof sizes[0]; b++) {
                    size_t d = (a + b + p) % 5;
                    struct setting s = {patterns.text[p], sizes[b][0],
                                        sizes[b][1],      widths[a],
                                        densities[d],     (enum spr_isa)isa,
                                        1 + (int)(a % 3), (a + b) % 2 == 0,
                                        SPR_LAYOUT_KN,    false};
                    check_setting(&s);
                }
            }
        }
    }
}

/* Masks of comp:P that were read from a file: rows need not have one weight in every P columns. */
static void test_mixed(void)
{
    static const int64_t widths[] = {1, 2, 17};
    for (size_t p = 0; p < patterns.count; p++) {
        for (size_t c = 0; c < 3 * SPR_ISA_COUNT; c++) {
            struct setting s = {patterns.text[p],      70, 131,  widths[c % 3], 0.1,
                                (enum spr_isa)(c / 3), 2,  true, SPR_LAYOUT_KN, true};
            if (strncmp(s.pattern, "comp", 4) == 0 && spr_isa_usable(s.isa)) {
                check_setting(&s);
            }
        }
    }
}

/* Panels: more columns than one panel holds, and more than 16 bits count. */
static void test_panels(void)
{
    for (size_t p = 0; p < few.count; p++) {
        struct setting deep = {few.text[p], 19,   9001,          70,   0.3, spr_isa_best(),
                               2,           true, SPR_LAYOUT_KN, false};
        struct setting wide = {few.text[p], 3,    70001,         17,   0.1, spr_isa_best(),
                               1,           true, SPR_LAYOUT_KN, false};
        struct setting vector = {few.text[p], 33,   70016,         1,    0.1, spr_isa_best(),
                                 2,           true, SPR_LAYOUT_KN, false};
        check_setting(&deep);
        check_setting(&wide);
        check_setting(&vector);
    }
}

/* W times the identity is W, bit for bit. */
static void test_identity(enum spr_layout layout)
{
    struct spr_error err = {0};
    const int64_t m = 21, k = 37;
    for (size_t p = 0; p < patterns.count; p++) {
        for (int isa = 0; isa < SPR_ISA_COUNT; isa++) {
            struct spr_pattern pattern;
            struct spr_matrix w;
            struct spr_packed packed;
            if (!spr_isa_usable((enum spr_isa)isa)) {
                continue;
            }
            CHECK(spr_pattern_parse(patterns.text[p], &pattern, &err) == SPR_OK);
            struct spr_shape shape = {m, k, 1};
            double kept = spr_pattern_kept(&pattern, &shape, 0.6);
            CHECK(spr_matrix_random(&pattern, m, k, kept, 3, &w, &err) == SPR_OK);
            const struct setting s = {.m = m,
                                      .k = k,
                                      .n = k,
                                      .isa = (enum spr_isa)isa,
                                      .threads = 1,
                                      .layout = layout};
            struct spr_plan plan = plan_of(&pattern, &s, kept);
            CHECK(spr_pack(&plan, &w, &packed, &err) == SPR_OK);
            float x[37 * 37] = {0}, y[21 * 37], expected[21 * 37] = {0};
            for (int i = 0; i < 37; i++) {
                x[i * 37 + i] = 1;
            }
            for (int64_t i = 0; i < m; i++) {
                for (size_t e = w.row[i]; e < w.row[i + 1]; e++) {
                    int64_t j = w.column[e];
                    expected[layout == SPR_LAYOUT_NK ? j * m + i : i * k + j] = w.value[e];
                }
            }
            reference_poison(y, sizeof y);
            spr_kernel_run(&packed, x, y);
            CHECK_BITS(patterns.text[p], y, expected, COUNT_OF(expected));
            spr_packed_free(&packed);
            spr_matrix_free(&w);
        }
    }
}

/* Infinities, NaN and denormals travel as IEEE 754 says, and only where a weight is. */
static void test_special_values(enum spr_layout layout)
{
    struct spr_error err = {0};
    static const int64_t widths[] = {1, 5, 16, 49};
    for (size_t p = 0; p < few.count; p++) {
        for (size_t c = 0; c < 4 * SPR_ISA_COUNT; c++) {
            const int64_t m = 40, k = 64, n = widths[c % 4];
            enum spr_isa isa = (enum spr_isa)(c / 4);
            struct spr_pattern pattern;
            struct spr_matrix w;
            struct spr_packed packed;
            if (!spr_isa_usable(isa)) {
                continue;
            }
            CHECK(spr_pattern_parse(few.text[p], &pattern, &err) == SPR_OK);
            struct spr_shape shape = {m, k, 1};
            double kept =
                spr_pattern_kept(&pattern, &shape, spr_pattern_is_dense(&pattern) ? 0 : 0.8);
            CHECK(spr_matrix_random(&pattern, m, k, kept, 5, &w, &err) == SPR_OK);
            const struct setting s = {
                .m = m, .k = k, .n = n, .isa = isa, .threads = 2, .layout = layout};
            const int64_t across = layout == SPR_LAYOUT_NK ? 1 : n;
            const int64_t along = layout == SPR_LAYOUT_NK ? k : 1;
            struct spr_plan plan = plan_of(&pattern, &s, kept);
            CHECK(spr_pack(&plan, &w, &packed, &err) == SPR_OK);
            float *x = calloc((size_t)(k * n), sizeof *x), *y = malloc((size_t)(m * n) * 4);
            struct reference r = {.kernel = few.text[p]};
            reference_poison(y, (size_t)(m * n) * sizeof *y);
            for (int64_t j = 0; j < n; j++) {
                x[3 * across + j * along] = INFINITY;
                x[17 * across + j * along] = NAN;
                x[30 * across + j * along] = 1e-41F;   /* a denormal */
                x[48 * across + j * along] = INFINITY; /* the first input of a step */
            }
            spr_kernel_run(&packed, x, y);
            for (int64_t i = 0; i < m; i++) {
                double special = 0, small = 0;
                for (size_t e = w.row[i]; e < w.row[i + 1]; e++) {
                    double value = (double)w.value[e];
                    special += w.column[e] == 3 || w.column[e] == 48 ? value * HUGE_VAL : 0;
                    special += w.column[e] == 17 ? value * (double)NAN : 0;
                    small += w.column[e] == 30 ? value * (double)1e-41F : 0;
                }
                for (int64_t j = 0; j < n; j++) {
                    double got = (double)y[layout == SPR_LAYOUT_NK ? j * m + i : i * n + j];
                    if (isfinite(special)) {
                        reference_next(&r, got, small, 0x1p-149);
                    } else {
                        reference_special(&r, got, special);
                    }
                }
            }
            CHECK_REFERENCE(&r);
            free(x);
            free(y);
            spr_packed_free(&packed);
            spr_matrix_free(&w);
        }
    }
}

/* Random settings, so that what nobody thought of is tried too. */
static void test_random_settings(size_t count)
{
    uint64_t state = 2026;
    for (size_t i = 0; i < count; i++) {
        struct setting s = {patterns.text[spr_random(&state) % patterns.count],
                            (int64_t)(spr_random(&state) % 90 + 1),
                            (int64_t)(spr_random(&state) % 200 + 1),
                            (int64_t)(spr_random(&state) % 140 + 1),
                            spr_random_unit(&state),
                            (enum spr_isa)(spr_random(&state) % SPR_ISA_COUNT),
                            (int)(spr_random(&state) % 5 + 1),
                            spr_random(&state) % 2 == 0,
                            SPR_LAYOUT_KN,
                            false};
        if (spr_isa_usable(s.isa)) {
            check_setting(&s);
        }
    }
}

int main(void)
{
    patterns = test_patterns_of(has_kernel, sizes_too);
    few = test_patterns_of(has_kernel, few_too);
    test_identity(SPR_LAYOUT_KN);
    test_identity(SPR_LAYOUT_NK);
    test_special_values(SPR_LAYOUT_KN);
    test_special_values(SPR_LAYOUT_NK);
    test_shapes();
    test_mixed();
    test_panels();
    test_random_settings(1000);
    return test_end();
}
