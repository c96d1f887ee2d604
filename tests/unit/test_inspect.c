/* SPDX-License-Identifier: Apache-2.0 */
/* Counting, detecting and pruning of weights made here. */
#include "sproof/inspect.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

#define M 70
#define K 131
#define SIDE 300 /* no matrix here has more rows or columns */

static float values[SIDE * SIDE];
static unsigned long long state = 9;

static struct spr_weight weight_of(int64_t m, int64_t k, bool transposed)
{
    return (struct spr_weight){.layer = "fc",
                               .op = SPR_OP_LINEAR,
                               .m = m,
                               .k = k,
                               .n = 8,
                               .count = 1,
                               .groups = 1,
                               .x_elements = (double)NAN,
                               .prunable = true,
                               .tensor = SIZE_MAX,
                               .storage = SPR_STORAGE_DENSE,
                               .element = SPR_ELEMENT_F32,
                               .data = (const unsigned char *)values,
                               .row_stride = transposed ? 1 : k,
                               .column_stride = transposed ? m : 1};
}

static struct spr_pattern pattern_of(const char *text)
{
    struct spr_error err = {0};
    struct spr_pattern pattern = spr_pattern_dense();
    CHECK_STATUS(SPR_OK, spr_pattern_parse(text, &pattern, &err), &err);
    return pattern;
}

static float *at(const struct spr_weight *w, int64_t i, int64_t j)
{
    return &values[i * w->row_stride + j * w->column_stride];
}

static void draw(const struct spr_weight *w, double density)
{
    for (int64_t i = 0; i < w->m; i++) {
        for (int64_t j = 0; j < w->k; j++) {
            bool keep = (double)test_between(&state, 0, 999999) < 1e6 * density;
            *at(w, i, j) = keep ? (float)test_between(&state, 1, 1000) / 100 *
                                      (test_between(&state, 0, 1) ? 1.0F : -1.0F)
                                : 0;
        }
    }
}

static bool cell_holds(const struct spr_weight *w, int64_t row, int64_t column, int64_t rows,
                       int64_t columns)
{
    for (int64_t i = row; i < row + rows && i < w->m; i++) {
        for (int64_t j = column; j < column + columns && j < w->k; j++) {
            if (*at(w, i, j) < 0 || *at(w, i, j) > 0) {
                return true;
            }
        }
    }
    return false;
}

/* Every figure against a plain recount. */
static void check_counts(const struct spr_weight *w)
{
    static const char *const texts[] = {"csr", "4x1", "1x16", "3x5", "16x16", "2:4", "3:7"};
    struct spr_pattern patterns[COUNT_OF(texts)];
    struct spr_weight copy = *w;
    struct spr_weights weights = {.weight = &copy, .weight_count = 1};
    struct spr_inspection in;
    struct spr_error err = {0};
    for (size_t p = 0; p < COUNT_OF(texts); p++) {
        patterns[p] = pattern_of(texts[p]);
    }
    CHECK_STATUS(SPR_OK, spr_inspect(&weights, patterns, COUNT_OF(texts), NULL, &in, &err),
                 &err);
    double nnz = 0, longest = 0, touched = 0;
    for (int64_t i = 0; i < w->m; i++) {
        double row = 0;
        for (int64_t j = 0; j < w->k; j++) {
            row += cell_holds(w, i, j, 1, 1);
        }
        nnz += row;
        longest = fmax(longest, row);
    }
    for (int64_t j = 0; j < w->k; j++) {
        touched += cell_holds(w, 0, j, w->m, 1);
    }
    CHECK_EXACT(nnz, in.layer[0].nnz);
    CHECK_EXACT(longest, in.layer[0].longest_row);
    CHECK_EXACT(touched, in.layer[0].touched_columns);
    for (size_t p = 0; p < COUNT_OF(texts); p++) {
        const struct spr_occupancy *o = &in.layer[0].occupancy[p];
        test_row = texts[p];
        if (patterns[p].kind->pattern_class == SPR_CLASS_BLOCK && o->fits) {
            double kept = 0;
            for (int64_t i = 0; i < w->m; i += patterns[p].a) {
                for (int64_t j = 0; j < w->k; j += patterns[p].b) {
                    kept += cell_holds(w, i, j, patterns[p].a, patterns[p].b);
                }
            }
            CHECK_EXACT(kept, o->kept);
        } else if (patterns[p].kind->pattern_class == SPR_CLASS_NM && o->fits) {
            bool legal = true;
            for (int64_t i = 0; i < w->m; i++) {
                for (int64_t j = 0; j < w->k; j += patterns[p].b) {
                    int64_t count = 0;
                    for (int64_t c = j; c < j + patterns[p].b && c < w->k; c++) {
                        count += cell_holds(w, i, c, 1, 1);
                    }
                    legal = legal && count <= patterns[p].a;
                }
            }
            CHECK(legal == o->legal);
        }
    }
    test_row = "";
    spr_inspection_free(&in);
}

static void test_counts(void)
{
    static const int64_t sizes[][2] = {{1, 1}, {1, 64}, {33, 65}, {64, 64}, {70, 131}, {3, 7}};
    static const double densities[] = {0, 0.05, 0.5, 1};
    for (size_t s = 0; s < COUNT_OF(sizes); s++) {
        for (size_t d = 0; d < 2 * COUNT_OF(densities); d++) {
            struct spr_weight w = weight_of(sizes[s][0], sizes[s][1], d % 2);
            draw(&w, densities[d / 2]);
            check_counts(&w);
        }
    }
}

static struct spr_pattern detect(const struct spr_weight *w)
{
    struct spr_weight copy = *w;
    struct spr_weights weights = {.weight = &copy, .weight_count = 1};
    struct spr_inspection in;
    struct spr_error err = {0};
    CHECK_STATUS(SPR_OK, spr_inspect(&weights, NULL, 0, NULL, &in, &err), &err);
    struct spr_pattern found = in.layer[0].detected;
    spr_inspection_free(&in);
    return found;
}

/* A mask drawn under a pattern is told as that, and traps are not. */
static void test_detection(void)
{
    static const struct {
        const char *pattern, *expected;
        double sparsity;
        int64_t m, k;
    } rows[] = {
        {"csr", "csr", 0.5, 64, 64},      {"csr", "csr", 0.9, 64, 128},
        {"4x1", "4x1", 0.9, 64, 128},     {"1x4", "1x4", 0.8, 64, 128},
        {"4x4", "4x4", 0.7, 64, 128},     {"16x16", "16x16", 0.75, 64, 128},
        {"32x1", "32x1", 0.8, 64, 128},   {"16x16", "16x16", 0.75, 70, 131},
        {"2:4", "2:4", 0.5, 64, 128},     {"1:4", "1:4", 0.75, 64, 128},
        {"2:8", "2:8", 0.75, 64, 128},    {"dense", "dense", 0, 64, 128},
        {"csr", "dense", 0.005, 64, 128}, {"csr", "csr", 0.05, 64, 128},
    };
    for (size_t r = 0; r < COUNT_OF(rows); r++) {
        struct spr_error err = {0};
        struct spr_pattern pattern = pattern_of(rows[r].pattern), found;
        struct spr_shape shape = {rows[r].m, rows[r].k, 1};
        struct spr_weight w = weight_of(rows[r].m, rows[r].k, false);
        double kept = spr_pattern_kept(&pattern, &shape, rows[r].sparsity);
        char text[SPR_PATTERN_TEXT];
        w.storage = SPR_STORAGE_MATRIX;
        CHECK_STATUS(
            SPR_OK, spr_matrix_random(&pattern, w.m, w.k, kept, r + 1, &w.matrix, &err), &err);
        found = detect(&w);
        CHECK_TEXT(rows[r].expected, spr_pattern_text(&found, text));
        spr_matrix_free(&w.matrix);
    }
}

static double prune(struct spr_weight *w, size_t count, const char *pattern, double sparsity,
                    enum spr_prune_score score, bool global)
{
    struct spr_weights weights = {.weight = w, .weight_count = count};
    struct spr_prune_options options = {pattern_of(pattern), sparsity, global, score};
    struct spr_error err = {0};
    double energy[2] = {0};
    const char *reason[2] = {NULL, NULL};
    CHECK_STATUS(SPR_OK, spr_prune(&weights, &options, NULL, energy, reason, &err), &err);
    return energy[0];
}

static bool kept_at(const struct spr_weight *w, int64_t i, int64_t j)
{
    return w->keep[i * ((w->k + 63) / 64) + j / 64] >> (j % 64) & 1;
}

/* Exactly as many cells as promised, all of them at least as large as those that went. */
static void test_pruning(void)
{
    static const char *const texts[] = {"csr", "4x1", "1x16", "3x5", "32x1", "16x16"};
    for (size_t t = 0; t < 2 * COUNT_OF(texts); t++) {
        struct spr_weight w = weight_of(M, K, t % 2);
        struct spr_pattern pattern = pattern_of(texts[t / 2]);
        struct spr_shape shape = {M, K, 1};
        int64_t rows = pattern.a ? pattern.a : 1, columns = pattern.b ? pattern.b : 1;
        double kept = 0, least_kept = HUGE_VAL, most_cut = 0;
        test_row = texts[t / 2];
        draw(&w, 1);
        prune(&w, 1, texts[t / 2], 0.8, t % 2 ? SPR_SCORE_L1 : SPR_SCORE_L2, false);
        for (int64_t i = 0; i < M; i += rows) {
            for (int64_t j = 0; j < K; j += columns) {
                double norm = 0;
                bool keep = kept_at(&w, i, j);
                for (int64_t a = i; a < i + rows && a < M; a++) {
                    for (int64_t b = j; b < j + columns && b < K; b++) {
                        double value = fabs((double)*at(&w, a, b));
                        norm += t % 2 ? value : value * value;
                        CHECK(kept_at(&w, a, b) == keep);
                    }
                }
                kept += keep;
                least_kept = keep ? fmin(least_kept, norm) : least_kept;
                most_cut = keep ? most_cut : fmax(most_cut, norm);
            }
        }
        CHECK_EXACT(spr_pattern_kept(&pattern, &shape, 0.8), kept);
        CHECK(least_kept >= most_cut * (1 - 1e-6));
        free(w.keep);
    }
    test_row = "";
}

/* By hand: ties go to the first, N:M and comp keep the largest of their groups, energy is the
 * share of the squares. */
static void test_by_hand(void)
{
    struct spr_weight w = weight_of(2, 4, false);
    const float example[8] = {1, -3, 2, 1, 1, 1, -1, 4};
    memcpy(values, example, sizeof example);
    double energy = prune(&w, 1, "csr", 0.5, SPR_SCORE_L2, false); /* 4, 3, 2, first 1 */
    CHECK_NEAR((16.0 + 9 + 4 + 1) / (1 + 9 + 4 + 1 + 1 + 1 + 1 + 16), energy, 1e-12);
    CHECK(kept_at(&w, 0, 0) && kept_at(&w, 0, 1) && kept_at(&w, 0, 2) && kept_at(&w, 1, 3));
    prune(&w, 1, "2:4", 0.5, SPR_SCORE_L2, false);
    CHECK(kept_at(&w, 0, 1) && kept_at(&w, 0, 2) && !kept_at(&w, 0, 0) && !kept_at(&w, 0, 3));
    free(w.keep);
    w.keep = NULL;
    prune(&w, 1, "comp:2", 0.5, SPR_SCORE_L2, false);
    /* Of two columns each row keeps one: 9 + 1 are more than 1 + 1. */
    CHECK(kept_at(&w, 0, 1) && kept_at(&w, 1, 0) && !kept_at(&w, 0, 0) && !kept_at(&w, 1, 1));
    CHECK(kept_at(&w, 0, 2) && kept_at(&w, 1, 3) && !kept_at(&w, 1, 2) && !kept_at(&w, 0, 3));
    free(w.keep);
}

/* The largest sum of squares of a tile's weights, no two in a row or column: all of them tried. */
static double best_matching(const struct spr_weight *w, int64_t row, int64_t rows,
                            int64_t column, int64_t columns, unsigned taken)
{
    double best = 0;
    if (rows == 0) {
        return 0;
    }
    best = best_matching(w, row + 1, rows - 1, column, columns, taken);
    for (int64_t j = 0; j < columns; j++) {
        if (!(taken >> j & 1)) {
            const double value = (double)*at(w, row, column + j);
            best = fmax(best, value * value + best_matching(w, row + 1, rows - 1, column,
                                                            columns, taken | 1u << j));
        }
    }
    return best;
}

/* comp:P keeps the best assignment of each tile, and as many weights of each row. */
static void test_owners(void)
{
    static const int64_t sides[] = {2, 3, 5, 6};
    for (int run = 0; run < 40; run++) {
        const int64_t side = sides[run % 4];
        struct spr_weight w =
            weight_of(test_between(&state, side, 13), test_between(&state, 1, 14), run % 2);
        char text[16];
        draw(&w, run % 3 ? 1 : 0.4);
        snprintf(text, sizeof text, "comp:%d", (int)side);
        prune(&w, 1, text, 0.5, SPR_SCORE_L2, false);
        test_row = text;
        for (int64_t row = 0; row < w.m; row += side) {
            for (int64_t column = 0; column < w.k; column += side) {
                const int64_t rows = row + side <= w.m ? side : w.m - row;
                const int64_t columns = column + side <= w.k ? side : w.k - column;
                double sum = 0;
                int in_row[8] = {0}, in_column[8] = {0};
                for (int64_t i = 0; i < rows; i++) {
                    for (int64_t j = 0; j < columns; j++) {
                        const bool stays = kept_at(&w, row + i, column + j);
                        const double value = (double)*at(&w, row + i, column + j);
                        sum += stays ? value * value : 0;
                        in_row[i] += stays;
                        in_column[j] += stays;
                    }
                }
                CHECK_NEAR(best_matching(&w, row, rows, column, columns, 0), sum, 1e-9);
                for (int i = 0; i < 8; i++) {
                    CHECK(in_row[i] <= 1 && in_column[i] <= 1);
                }
            }
        }
        free(w.keep);
    }
    test_row = "";
}

/* Beside comp:P: what csr and 1:P keep; the weights stay as they are. */
static void test_beside(void)
{
    struct spr_weight w = weight_of(32, 64, false);
    struct spr_weights weights = {.weight = &w, .weight_count = 1};
    struct spr_prune_options options = {pattern_of("comp:16"), 0.9375, false, SPR_SCORE_L2};
    struct spr_kept_beside beside[SPR_KEPT_BESIDE];
    struct spr_error err = {0};
    draw(&w, 1);
    CHECK_STATUS(SPR_OK, spr_prune_beside(&weights, &options, NULL, beside, &err), &err);
    CHECK(!w.keep);
    const double energy = prune(&w, 1, "comp:16", 0.9375, SPR_SCORE_L2, false);
    CHECK(beside[0].energy > beside[1].energy && beside[1].energy > energy);
    free(w.keep);
    w.keep = NULL;
    CHECK_EXACT(beside[0].energy, prune(&w, 1, "csr", 0.9375, SPR_SCORE_L2, false));
    free(w.keep);
    w.keep = NULL;
    CHECK_EXACT(beside[1].energy, prune(&w, 1, "1:16", 0.9375, SPR_SCORE_L2, false));
    free(w.keep);
    w.keep = NULL;
    options.pattern = pattern_of("comp:257");
    CHECK_STATUS(
        SPR_EINPUT,
        spr_prune(&weights, &options, NULL, &(double){0}, &(const char *){NULL}, &err), &err);
    CHECK_TEXT("pruning to comp:257: expected at most 256 rows packed together", err.text);
}

/* One threshold for two layers: the one with the larger weights keeps more. */
static void test_global(void)
{
    static float small[64];
    struct spr_weight two[2] = {weight_of(8, 8, false), weight_of(8, 8, false)};
    draw(&two[0], 1);
    for (int i = 0; i < 64; i++) {
        small[i] = values[i] * 1e-3F;
    }
    two[1].data = (const unsigned char *)small;
    prune(two, 2, "csr", 0.5, SPR_SCORE_L2, true);
    double first = 0, second = 0;
    for (int64_t i = 0; i < 8; i++) {
        for (int64_t j = 0; j < 8; j++) {
            first += kept_at(&two[0], i, j);
            second += kept_at(&two[1], i, j);
        }
    }
    CHECK_EXACT(64, first);
    CHECK_EXACT(0, second);
    free(two[0].keep);
    free(two[1].keep);
}

/* --- A matrix of entries and the same stored densely. */

/* The values of w as entries, a stored zero among them now and then. */
static struct spr_matrix entries_of(const struct spr_weight *w)
{
    struct spr_matrix matrix = {.m = w->m, .k = w->k};
    matrix.row = calloc((size_t)w->m + 1, sizeof *matrix.row);
    matrix.column = calloc((size_t)(w->m * w->k), sizeof *matrix.column);
    matrix.value = calloc((size_t)(w->m * w->k), sizeof *matrix.value);
    for (int64_t i = 0; i < w->m; i++) {
        for (int64_t j = 0; j < w->k; j++) {
            if (cell_holds(w, i, j, 1, 1) || test_between(&state, 0, 40) == 0) {
                matrix.column[matrix.nnz] = (int32_t)j;
                matrix.value[matrix.nnz++] = *at(w, i, j);
            }
        }
        matrix.row[i + 1] = matrix.nnz;
    }
    return matrix;
}

static const char *const every_pattern[] = {
    "dense", "csr",   "csr16", "bitmask", "ell",   "1x2",    "4x1",    "3x5",
    "4x4",   "16x16", "32x1",  "2x64",    "64x2",  "7x70",   "1x300",  "5x131",
    "2:4",   "1:2",   "3:7",   "4:64",    "5:100", "comp:2", "comp:5", "comp:64"};
#define PATTERNS COUNT_OF(every_pattern)

static void check_alike(const struct spr_weight *dense, const struct spr_weight *sparse,
                        const struct spr_pattern *patterns)
{
    struct spr_weight two[2] = {*dense, *sparse};
    struct spr_weights weights = {.weight = two, .weight_count = 2};
    struct spr_inspection in;
    struct spr_error err = {0};
    char found[2][SPR_PATTERN_TEXT];
    CHECK_STATUS(SPR_OK, spr_inspect(&weights, patterns, PATTERNS, NULL, &in, &err), &err);
    const struct spr_inspected *a = &in.layer[0], *b = &in.layer[1];
    CHECK_EXACT(a->nnz, b->nnz);
    CHECK_EXACT(a->longest_row, b->longest_row);
    CHECK_EXACT(a->touched_columns, b->touched_columns);
    CHECK_TEXT(spr_pattern_text(&a->detected, found[0]),
               spr_pattern_text(&b->detected, found[1]));
    for (size_t p = 0; p < PATTERNS; p++) {
        test_row = every_pattern[p];
        CHECK_EXACT(a->occupancy[p].cells, b->occupancy[p].cells);
        CHECK_EXACT(a->occupancy[p].kept, b->occupancy[p].kept);
        CHECK_EXACT(a->occupancy[p].stored, b->occupancy[p].stored);
        CHECK(a->occupancy[p].legal == b->occupancy[p].legal);
        CHECK(a->occupancy[p].fits == b->occupancy[p].fits);
    }
    test_row = "";
    spr_inspection_free(&in);
}

/* Two layers pruned, once stored densely and once as entries: alike after it. */
static void check_pruned_alike(const struct spr_weight *dense, const struct spr_weight *sparse,
                               const struct spr_pattern *patterns, size_t p)
{
    struct spr_weight two[2][2] = {{*dense, *dense}, {*sparse, *sparse}};
    const bool fixed = spr_pattern_fixed_sparsity(&patterns[p]) >= 0;
    struct spr_prune_options options = {
        patterns[p], (double)test_between(&state, 0, 100) / 100,
        !fixed && test_between(&state, 0, 1) == 1,
        test_between(&state, 0, 1) ? SPR_SCORE_L1 : SPR_SCORE_L2};
    double energy[2][2];
    const char *reason[2][2];
    enum spr_status status[2];
    for (int s = 0; s < 2; s++) {
        struct spr_weights weights = {.weight = two[s], .weight_count = 2};
        struct spr_error err = {0};
        status[s] = spr_prune(&weights, &options, NULL, energy[s], reason[s], &err);
    }
    CHECK(status[0] == status[1]);
    for (int l = 0; l < 2 && status[0] == SPR_OK; l++) {
        test_row = every_pattern[p];
        CHECK_EXACT(energy[0][l], energy[1][l]);
        check_alike(&two[0][l], &two[1][l], patterns);
        for (int64_t i = 0; i < dense->m; i++) {
            static float row[2][SIDE];
            spr_weight_values(&two[0][l], i, 1, row[0]);
            spr_weight_values(&two[1][l], i, 1, row[1]);
            CHECK(memcmp(row[0], row[1], (size_t)dense->k * sizeof(float)) == 0);
        }
        free(two[0][l].keep);
        free(two[1][l].keep);
    }
    test_row = "";
}

static void test_entries_as_dense(void)
{
    const char *runs = getenv("SPROOF_RUNS");
    struct spr_pattern patterns[PATTERNS];
    for (size_t p = 0; p < PATTERNS; p++) {
        patterns[p] = pattern_of(every_pattern[p]);
    }
    for (int run = runs ? atoi(runs) : 60; run > 0; run--) {
        struct spr_weight w =
            weight_of(test_between(&state, 1, SIDE), test_between(&state, 1, SIDE), false);
        struct spr_weight two[2];
        w.groups = test_between(&state, 1, w.m < 5 ? w.m : 5);
        draw(&w,
             (double)test_between(&state, 0, 10) * (double)test_between(&state, 0, 10) / 100);
        two[0] = two[1] = w;
        two[1].layer = "entries";
        two[1].storage = SPR_STORAGE_MATRIX;
        two[1].matrix = entries_of(&w);
        check_alike(&two[0], &two[1], patterns);
        check_pruned_alike(&two[0], &two[1], patterns,
                           (size_t)test_between(&state, 1, PATTERNS - 1));
        spr_matrix_free(&two[1].matrix);
    }
}

int main(void)
{
    test_counts();
    test_detection();
    test_pruning();
    test_by_hand();
    test_owners();
    test_beside();
    test_global();
    test_entries_as_dense();
    return test_end();
}
