/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the answer: per pattern, by sparsity, by batch. */
#include "report/answer_tables.h"

#include <math.h>
#include <stdio.h>

#include "base/numbers.h"
#include "base/table.h"

/* Rows of a screen; --format csv has all of them. */
#define ROWS_MAX 24
#define PATTERNS_MAX 64

/* Break-even over the layers of a result: "93.8%" or "62-94%", "-" when there is none. */
static void put_break_even(struct spr_table *table, size_t column,
                           const struct spr_analysis *a, const struct spr_result *result)
{
    double low = (double)INFINITY, high = -(double)INFINITY;
    size_t never = 0;
    for (size_t i = 0; i < a->network->layer_count; i++) {
        const struct spr_layer_result *r = &result->layers[i];
        if (spr_pattern_is_dense(&r->choice.pattern)) {
            continue;
        }
        if (!isnan(r->break_even_sparsity)) {
            low = fmin(low, r->break_even_sparsity);
            high = fmax(high, r->break_even_sparsity);
        } else if (isnan(spr_pattern_fixed_sparsity(&r->choice.pattern))) {
            never++;
        }
    }
    if (high < low) {
        spr_table_cell(table, column, never ? "never" : "-");
    } else if (never) {
        spr_table_cell(table, column, "%.0f%%-never", 100 * low);
    } else if (high - low < 0.005) {
        spr_table_cell(table, column, "%.1f%%", 100 * high);
    } else {
        spr_table_cell(table, column, "%.0f-%.0f%%", 100 * low, 100 * high);
    }
}

/* Prunable operators that run dense in this result, times count. */
static size_t left_dense(const struct spr_analysis *a, const struct spr_result *result,
                         size_t *prunable)
{
    size_t dense = 0;
    *prunable = 0;
    for (size_t i = 0; i < a->network->layer_count; i++) {
        const struct spr_layer *layer = &a->network->layers[i];
        if (layer->prunable) {
            *prunable += (size_t)layer->count;
            const struct spr_choice *choice = &result->layers[i].choice;
            const bool is = !choice->smaller && spr_pattern_is_dense(&choice->pattern);
            dense += is ? (size_t)layer->count : 0;
        }
    }
    return dense + spr_result_answer(result, true).layers_slower;
}

/* The columns of the answer; accuracy only where some variant has one. An expected time has
 * a column, and break-even, which is the bound's, has none beside it. Where layers are smaller
 * in some variant, what each does stands in its place. */
enum {
    NAME,
    SPARSITY,
    ACCURACY,
    EXPECTED,
    SPEEDUP,
    MIXED,
    LEFT_DENSE,
    CHANGE,
    BREAK_EVEN,
    EXECUTION,
    LIMIT,
    COLUMN_COUNT
};

struct answer_table {
    struct spr_table table;
    size_t column[COLUMN_COUNT];
    bool shown[COLUMN_COUNT];
};

static bool any_accuracy(const struct spr_analysis *a)
{
    bool found = false;
    for (size_t i = 0; i < a->network->variant_count; i++) {
        found = found || !isnan(a->network->variants[i].accuracy);
    }
    return found;
}

static bool any_smaller(const struct spr_analysis *a)
{
    bool found = false;
    for (size_t i = 0; i < a->network->variant_count; i++) {
        found = found || a->network->variants[i].smaller;
    }
    return found;
}

static void start_table(struct answer_table *t, const struct spr_analysis *a, bool markdown)
{
    static const char *const heads[COLUMN_COUNT] = {
        "variant",     "zeros",   "accu-\nracy",     "expected",  "speedup",   "best of\nboth",
        "stay\ndense", "pattern", "breaks\neven at", "execution", "limited by"};
    size_t count = 0;
    *t = (struct answer_table){.table.markdown = markdown};
    for (size_t c = 0; c < COLUMN_COUNT; c++) {
        t->shown[c] = c == ACCURACY     ? any_accuracy(a)
                      : c == EXPECTED   ? a->expected_leads
                      : c == MIXED      ? a->expected_leads || a->options.native
                      : c == CHANGE     ? any_smaller(a)
                      : c == BREAK_EVEN ? !a->expected_leads && !any_smaller(a)
                      : c == EXECUTION  ? !a->expected_leads && !a->options.native
                                        : true;
        t->column[c] = count;
        count += t->shown[c];
    }
    t->table.column_count = count;
    t->table.left[t->column[NAME]] = t->table.left[t->column[LIMIT]] = true;
    if (t->shown[EXECUTION]) {
        t->table.left[t->column[EXECUTION]] = true;
    }
    spr_table_row(&t->table);
    for (size_t c = 0; c < COLUMN_COUNT; c++) {
        if (t->shown[c]) {
            spr_table_head(&t->table, t->column[c],
                           c == SPEEDUP && a->expected_leads ? "bound" : heads[c]);
        }
    }
}

/* How an accuracy is to be read, in one character behind it. */
static char accuracy_mark(const struct spr_result *result)
{
    if (result->variant->layerwise) {
        return '!';
    }
    if (result->variant->accuracy_source == SPR_ACCURACY_INTERPOLATED) {
        return '~';
    }
    return result->counted && result->pareto ? '*' : ' ';
}

static void put_times(struct answer_table *t, const struct spr_result *result)
{
    struct spr_answer answer = spr_result_answer(result, true);
    if (t->shown[EXPECTED]) {
        spr_table_cell(&t->table, t->column[EXPECTED], answer.expected ? "%.2fx" : "-",
                       answer.speedup);
    }
    spr_table_cell(&t->table, t->column[SPEEDUP], "%.2fx", result->speedup);
    if (t->shown[MIXED]) {
        spr_table_cell(&t->table, t->column[MIXED], "%.2fx", answer.speedup_mixed);
    }
    if (t->shown[EXECUTION]) {
        spr_table_cell(&t->table, t->column[EXECUTION], "%s",
                       spr_execution_name(result->execution));
    }
}

static void add_row(struct answer_table *t, const struct spr_analysis *a,
                    const struct spr_result *result)
{
    char text[SPR_REASON_TEXT];
    size_t prunable, dense = left_dense(a, result, &prunable);
    const struct spr_variant *variant = result->variant;
    struct spr_table *table = &t->table;
    spr_table_row(table);
    spr_table_cell(table, t->column[NAME], "%s",
                   spr_text_short(variant->name, table->markdown ? 60 : 13, text));
    spr_table_cell(table, t->column[SPARSITY], "%.1f%%", 100 * variant->sparsity);
    if (t->shown[ACCURACY]) {
        spr_table_cell(table, t->column[ACCURACY], isnan(variant->accuracy) ? "- " : "%.4g%c",
                       variant->accuracy, accuracy_mark(result));
    }
    put_times(t, result);
    spr_table_cell(table, t->column[LEFT_DENSE], "%zu/%zu", dense, prunable);
    if (t->shown[CHANGE]) {
        spr_table_cell(table, t->column[CHANGE], "%s",
                       spr_change_text(&variant->pattern, variant->smaller, text));
    }
    if (t->shown[BREAK_EVEN]) {
        put_break_even(table, t->column[BREAK_EVEN], a, result);
    }
    spr_table_cell(table, t->column[LIMIT], "%s", spr_explain_limit(a, result, text));
}

/* Few variants of a table, with names of their own, are all shown; else the best of each
 * pattern. */
#define FEW_VARIANTS 12

static const char *table_caption(const struct spr_analysis *a)
{
    bool within = false;
    for (size_t i = 0; i < a->result_count; i++) {
        within = within || a->results[i].within_drop;
    }
    return within                    ? "Per pattern the fastest point within the limit"
           : a->options.has_max_drop ? "None is within the limit; per pattern the fastest"
           : a->network->variants[0].grid || a->network->variant_count > FEW_VARIANTS
               ? "Per pattern the fastest point"
               : "Variants";
}

static size_t pick_rows(const struct spr_analysis *a, size_t batch_index, size_t *indices)
{
    size_t count = a->network->variant_count, batches = a->options.batch_count;
    bool few =
        count <= FEW_VARIANTS && !a->options.has_max_drop && !a->network->variants[0].grid;
    if (!few) {
        return spr_analysis_best_per_pattern(a, batch_index, indices, PATTERNS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        indices[i] = i * batches + batch_index;
    }
    return count;
}

static void put_legend(FILE *file, const struct spr_analysis *a, bool markdown, bool pareto)
{
    static const char *const native =
        "zeros: share of W; best of both: speedup if layers where the pattern loses stay\n"
        "dense; stay dense: how many prunable operators those are; breaks even at:\n"
        "sparsity from which the pattern is no slower than dense, over\nthe layers";
    static const char *const bound =
        "zeros: share of W; stay dense: prunable operators that are fastest dense; breaks\n"
        "even at: sparsity from which native or expanded is faster than dense, over the\n"
        "layers; execution: native: the format, on an engine that takes it; expanded:\n"
        "stored in it, multiplied as 2:4 or dense";
    static const char *const smaller =
        "zeros: share of W; stay dense: prunable operators that are as they were;\n"
        "smaller: a dense product of what is left of a layer; smaller+2:4: a pattern of\n"
        "that";
    static const char *const expected =
        "zeros: share of W; expected: speedup of kernels that were timed; bound: of the\n"
        "bounds, hardware potential; best of both: expected if layers where the pattern\n"
        "loses stay dense; stay dense: how many prunable operators those are; limited\n"
        "by: share of the expected time";
    fprintf(file, "%s%s%s\n", markdown ? "\n" : "",
            a->expected_leads   ? expected
            : any_smaller(a)    ? smaller
            : a->options.native ? native
                                : bound,
            !pareto ? "" : "; *: nothing as accurate is faster");
}

void spr_answer_table(FILE *file, const struct spr_analysis *a, size_t batch_index,
                      bool markdown)
{
    size_t indices[PATTERNS_MAX];
    size_t count = pick_rows(a, batch_index, indices);
    struct answer_table t;
    bool marked[128] = {false};
    if (count == 0) {
        return;
    }
    start_table(&t, a, markdown);
    for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
        const struct spr_result *result = &a->results[indices[i]];
        marked[(unsigned char)accuracy_mark(result) & 127] = !isnan(result->variant->accuracy);
        add_row(&t, a, result);
    }
    fprintf(file, "\n%s, batch %.0f:\n%s", table_caption(a), a->options.batches[batch_index],
            markdown ? "\n" : "");
    spr_table_write(&t.table, file, 0);
    spr_table_free(&t.table);
    if (count > ROWS_MAX) {
        fprintf(file, "and %zu more patterns: --format csv lists all\n", count - ROWS_MAX);
    }
    put_legend(file, a, markdown, marked['*']);
    if (marked['~']) {
        fprintf(file, "~: interpolated between two measured accuracies\n");
    }
    if (marked['!']) {
        fprintf(file,
                "!: measured with sparsity spread unevenly over layers, speedup with even\n"
                "sparsity: not one network (--assume-uniform counts it all the same)\n");
    }
}

static const char *what_ranks(const struct spr_analysis *a)
{
    return a->expected_leads ? "expected" : a->expected_leads ? "bound" : "speedup";
}

/* Results at one pattern and a few sparsities of the grid side by side. */
#define MATRIX_MAX 6

static size_t pick_sparsities(const struct spr_analysis *a, size_t batch_index,
                              double *sparsities)
{
    double all[256];
    size_t count = 0;
    for (size_t i = 0; i < a->result_count; i++) {
        const struct spr_variant *variant = a->results[i].variant;
        bool known = a->results[i].batch_index != batch_index || !variant->grid ||
                     !isnan(spr_pattern_fixed_sparsity(&variant->pattern));
        for (size_t s = 0; s < count && !known; s++) {
            known = all[s] == variant->sparsity;
        }
        if (!known && count < sizeof all / sizeof *all) {
            all[count++] = variant->sparsity;
        }
    }
    spr_sort_numbers(all, count);
    /* Every stride-th and the last: 50, 60, ... 90, 95 of the default grid. */
    size_t stride = count > MATRIX_MAX ? (count + MATRIX_MAX - 3) / (MATRIX_MAX - 1) : 1;
    size_t picked = 0;
    for (size_t i = 0; i + 1 < count && picked + 1 < MATRIX_MAX; i += stride) {
        sparsities[picked++] = all[i];
    }
    if (count > 0) {
        sparsities[picked++] = all[count - 1];
    }
    return picked;
}

static const struct spr_result *at_point(const struct spr_analysis *a, size_t batch_index,
                                         const struct spr_variant *like, double sparsity)
{
    for (size_t i = 0; i < a->result_count; i++) {
        const struct spr_result *result = &a->results[i];
        if (result->batch_index == batch_index &&
            spr_variant_same_change(result->variant, like) &&
            (result->variant->sparsity == sparsity ||
             !isnan(spr_pattern_fixed_sparsity(&like->pattern)))) {
            return result;
        }
    }
    return NULL;
}

void spr_answer_matrix(FILE *file, const struct spr_analysis *a, size_t batch_index,
                       bool markdown)
{
    double sparsities[MATRIX_MAX];
    size_t indices[PATTERNS_MAX], columns = pick_sparsities(a, batch_index, sparsities);
    size_t count = spr_analysis_best_per_pattern(a, batch_index, indices, PATTERNS_MAX);
    struct spr_table table = {.column_count = columns + 1, .markdown = markdown};
    if (columns < 2 || a->options.has_max_drop) {
        return;
    }
    table.left[0] = true;
    spr_table_row(&table);
    spr_table_cell(&table, 0, "%s at", what_ranks(a));
    for (size_t s = 0; s < columns; s++) {
        spr_table_cell(&table, s + 1, "%.4g%%", 100 * sparsities[s]);
    }
    for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
        const struct spr_variant *variant = a->results[indices[i]].variant;
        char text[SPR_PATTERN_TEXT], skipped[SPR_SKIPPED_TEXT];
        if (!isnan(spr_pattern_fixed_sparsity(&variant->pattern)) ||
            isnan(spr_analysis_speedup(a, &a->results[indices[i]]))) {
            continue;
        }
        spr_table_row(&table);
        spr_table_cell(&table, 0, "%s%s", spr_pattern_text(&variant->pattern, text),
                       spr_skipped_text(variant->skipped, skipped));
        for (size_t s = 0; s < columns; s++) {
            const struct spr_result *result = at_point(a, batch_index, variant, sparsities[s]);
            const double speedup = result ? spr_analysis_speedup(a, result) : (double)NAN;
            spr_table_cell(&table, s + 1, isnan(speedup) ? "-" : "%.2fx", speedup);
        }
    }
    if (table.row_count > 1) {
        fputs("\n", file);
        spr_table_write(&table, file, 0);
    }
    spr_table_free(&table);
}

/* The batches at which a variant pays: "from 8", "8-64", "only 1" or "never". */
static void put_pays(struct spr_table *table, size_t column, const struct spr_analysis *a,
                     size_t variant)
{
    const struct spr_result *results = &a->results[variant * a->options.batch_count];
    size_t batches = a->options.batch_count, first = batches, last = 0, count = 0;
    for (size_t b = 0; b < batches; b++) {
        if (spr_analysis_speedup(a, &results[b]) >= SPR_PAYS) {
            first = first < b ? first : b;
            last = b;
            count++;
        }
    }
    double low = count ? a->options.batches[first] : 0, high = a->options.batches[last];
    if (count == 0) {
        spr_table_cell(table, column, "never");
    } else if (count != last - first + 1) {
        spr_table_cell(table, column, "some %.0f-%.0f", low, high);
    } else if (last + 1 == batches) {
        spr_table_cell(table, column, "from %.0f", low);
    } else if (count == 1) {
        spr_table_cell(table, column, "only %.0f", low);
    } else if (first == 0) {
        spr_table_cell(table, column, "up to %.0f", high);
    } else {
        spr_table_cell(table, column, "%.0f-%.0f", low, high);
    }
}

void spr_answer_batches(FILE *file, const struct spr_analysis *a, bool markdown)
{
    size_t batches = a->options.batch_count;
    size_t shown = batches < 6 ? batches : 6, indices[PATTERNS_MAX];
    size_t count = batches ? spr_analysis_best_per_pattern(a, 0, indices, PATTERNS_MAX) : 0;
    struct spr_table table = {.column_count = shown + 2, .markdown = markdown};
    table.left[0] = true;
    spr_table_row(&table);
    spr_table_cell(&table, 0, "%s at batch", what_ranks(a));
    for (size_t b = 0; b < shown; b++) {
        spr_table_cell(&table, b + 1, "%.0f", a->options.batches[b]);
    }
    spr_table_cell(&table, shown + 1, "pays");
    for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
        size_t variant = indices[i] / batches;
        char text[SPR_TABLE_CELL];
        spr_table_row(&table);
        spr_table_cell(&table, 0, "%s",
                       spr_text_short(a->results[indices[i]].variant->name, 20, text));
        for (size_t b = 0; b < shown; b++) {
            const double speedup = spr_analysis_speedup(a, &a->results[variant * batches + b]);
            spr_table_cell(&table, b + 1, isnan(speedup) ? "-" : "%.2fx", speedup);
        }
        put_pays(&table, shown + 1, a, variant);
    }
    fputs("\n", file);
    spr_table_write(&table, file, 0);
    if (batches > shown) {
        fprintf(file, "and %zu more batches: --format csv lists all\n", batches - shown);
    }
    spr_table_free(&table);
}
