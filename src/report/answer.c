/* SPDX-License-Identifier: Apache-2.0 */
/* The answer on the screen: what to do, why not more, the table, what is not counted. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sproof/report.h"
#include "table.h"

/* Rows of a screen; --format csv has all of them. */
#define ROWS_MAX 24
#define PATTERNS_MAX 64

const char *spr_format_seconds(double seconds, char *text)
{
    static const struct {
        double scale;
        const char *unit;
    } units[] = {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}};
    size_t i = 0;
    while (i < 3 && seconds < units[i].scale) {
        i++;
    }
    snprintf(text, 24, "%.3g %s", seconds / units[i].scale, units[i].unit);
    return text;
}

static void put_batches(FILE *file, const struct spr_options *options)
{
    fprintf(file, "batch ");
    for (size_t i = 0; i < options->batch_count; i++) {
        fprintf(file, "%s%.0f", i ? "," : "", options->batches[i]);
    }
}

static const char *dense_engine_name(const struct spr_analysis *a)
{
    return a->machine->engines[a->model.dense_engine].name;
}

void spr_report_context(FILE *file, const struct spr_analysis *a)
{
    char name[SPR_TABLE_CELL];
    fprintf(file, "%s on %s, %s, ", spr_text_short(a->network->name, 40, name),
            a->machine->name, spr_dtype_name(a->options.dtype));
    put_batches(file, &a->options);
    fprintf(file, ", dense on %s", dense_engine_name(a));
    if (a->options.residency != SPR_RESIDENCY_DRAM) {
        fprintf(file, ", residency %s", spr_residency_name(a->options.residency));
    }
    if (a->options.ideal_tiles) {
        fprintf(file, ", ideal tiles");
    }
    fprintf(file, "\n");
    for (size_t i = 0; i < a->options.change_count; i++) {
        const struct spr_machine_change *change = &a->options.changes[i];
        fprintf(file, "set %s: %.4g -> %.4g\n", change->path, change->before, change->after);
    }
    if (!a->machine->probed && strcmp(a->machine->name, "host") == 0) {
        fprintf(file, "NOTHING WAS MEASURED on this machine: its rates are guesses from CPUID\n"
                      "(%.3g GFLOP/s %s, DRAM %.3g GB/s). Do not trust absolute times.\n",
                a->model.flops_per_s[a->model.dense_engine] / 1e9,
                spr_dtype_name(a->options.dtype),
                a->model.bytes_per_s[a->model.level_count - 1] / 1e9);
    }
}

static void put_interval(FILE *file, const struct spr_result *result)
{
    if (result->speedup_high > result->speedup_low * 1.005) {
        fprintf(file, "; %.2fx to %.2fx over the range of the rates", result->speedup_low,
                result->speedup_high);
    }
}

static const char *metric_name(const struct spr_analysis *a)
{
    return a->network->metric && *a->network->metric ? a->network->metric : "accuracy";
}

static void put_limit(FILE *file, const struct spr_analysis *a)
{
    if (a->options.max_drop_relative) {
        fprintf(file, "%.4g %%", 100 * a->options.max_drop);
    } else {
        fprintf(file, "%.4g", a->options.max_drop);
    }
}

static void put_recommendation(FILE *file, const struct spr_analysis *a, size_t best)
{
    char seconds[24], dense[24], name[SPR_TABLE_CELL];
    const struct spr_result *result = &a->results[best];
    const struct spr_variant *variant = result->variant;
    if (a->options.has_max_drop) {
        fprintf(file, "Within ");
        put_limit(file, a);
        fprintf(file, " of dense %s (%.4g): use ", metric_name(a), variant->dense_accuracy);
    } else {
        fprintf(file, "Fastest here: ");
    }
    fprintf(file, "%s\n", spr_text_short(variant->name, 60, name));
    fprintf(file, "  %.2fx: %s -> %s", result->speedup,
            spr_format_seconds(result->dense_time_s, dense),
            spr_format_seconds(result->time_s, seconds));
    put_interval(file, result);
    fprintf(file, "\n");
    if (!isnan(variant->accuracy)) {
        fprintf(file, "  %s %.4g", metric_name(a), variant->accuracy);
        if (!isnan(result->drop)) {
            fprintf(file, ", %.3g %s than dense", fabs(result->drop),
                    result->drop > 0 ? "worse" : "better");
        }
        fprintf(file, "\n");
    }
    if (variant->accuracy_source == SPR_ACCURACY_INTERPOLATED) {
        fprintf(file, "  its accuracy is interpolated between two measured points\n");
    }
    if (variant->layerwise) {
        fprintf(file, "  its accuracy was measured with sparsity spread unevenly over layers,\n"
                      "  its speedup assumes the same sparsity in each: not one network\n");
    }
}

static void put_none_pays(FILE *file, const struct spr_analysis *a)
{
    if (a->options.has_max_drop) {
        fprintf(file, "None pays: no pattern is faster than dense within ");
        put_limit(file, a);
        fprintf(file, " of its %s\n", metric_name(a));
    } else {
        fprintf(file, "None pays: no pattern here is faster than dense\n");
    }
}

static void put_shape(const struct spr_analysis *a, const struct spr_step *step, char *text,
                      size_t size)
{
    text[0] = '\0';
    if (step->worst_layer < a->network->layer_count) {
        const struct spr_layer *layer = &a->network->layers[step->worst_layer];
        if (layer->op == SPR_OP_OTHER) {
            snprintf(text, size, "most %.0f%%: op=other rows", 100 * step->worst_share);
        } else {
            snprintf(text, size, "most %.0f%%: %lldx%lld, n %.10g", 100 * step->worst_share,
                     (long long)layer->m, (long long)layer->k, (double)layer->n);
        }
    }
}

/* A step that changes less than this is not worth a line in the short list. */
#define NEGLIGIBLE 0.01

void spr_report_waterfall(FILE *file, const struct spr_analysis *a,
                          const struct spr_result *result, const struct spr_waterfall *w,
                          bool brief)
{
    for (size_t i = 0; i < w->count; i++) {
        const struct spr_step *step = &w->steps[i];
        char shape[96], remedy[SPR_REASON_TEXT];
        if (brief && (i == 0 || fabs(step->factor - 1) < NEGLIGIBLE)) {
            continue;
        }
        put_shape(a, step, shape, sizeof shape);
        fprintf(file, "  %s%-8.3g %-25s -> %8.3gx", i ? "x" : " ", step->factor,
                spr_step_name(step->kind), step->speedup);
        fprintf(file, shape[0] ? "  %s\n" : "%s\n", shape);
        if (!brief && (i == 0 || fabs(step->factor - 1) >= NEGLIGIBLE)) {
            spr_step_remedy(a, result, step, remedy);
            if (remedy[0]) {
                spr_text_wrapped(file, remedy, 12);
            }
        }
    }
}

static void put_why(FILE *file, const struct spr_analysis *a, const struct spr_result *result)
{
    struct spr_waterfall w;
    if (isnan(result->density) || result->density <= 0) {
        return;
    }
    spr_explain_waterfall(a, result, NULL, &w);
    fprintf(file, "\nWhy not %.3gx (1/density, all else free)?\n", 1 / result->density);
    spr_report_waterfall(file, a, result, &w, true);
}

/* Break-even over the layers of a result: "93.8%" or "62-94%", "-" when there is none. */
static void put_break_even(struct spr_table *table, size_t column,
                           const struct spr_analysis *a, const struct spr_result *result)
{
    double low = INFINITY, high = -INFINITY;
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
            dense += spr_pattern_is_dense(&result->layers[i].choice.pattern)
                         ? (size_t)layer->count
                         : 0;
        }
    }
    return dense + result->layers_slower;
}

/* The columns of the answer; accuracy only where some variant has one. */
enum { NAME, SPARSITY, ACCURACY, SPEEDUP, MIXED, LEFT_DENSE, BREAK_EVEN, LIMIT, COLUMN_COUNT };

struct answer_table {
    struct spr_table table;
    size_t column[COLUMN_COUNT];
    bool accuracy;
};

static bool any_accuracy(const struct spr_analysis *a)
{
    bool found = false;
    for (size_t i = 0; i < a->network->variant_count; i++) {
        found = found || !isnan(a->network->variants[i].accuracy);
    }
    return found;
}

static void start_table(struct answer_table *t, const struct spr_analysis *a, bool markdown)
{
    static const char *const heads[COLUMN_COUNT] = {"variant",    "zeros",      "accuracy",
                                                    "speedup",    "mixed",      "dense",
                                                    "even at", "limited by"};
    size_t count = 0;
    *t = (struct answer_table){.table.markdown = markdown, .accuracy = any_accuracy(a)};
    for (size_t c = 0; c < COLUMN_COUNT; c++) {
        t->column[c] = count;
        count += c != ACCURACY || t->accuracy;
    }
    t->table.column_count = count;
    t->table.left[t->column[NAME]] = t->table.left[t->column[LIMIT]] = true;
    spr_table_row(&t->table);
    for (size_t c = 0; c < COLUMN_COUNT; c++) {
        if (c != ACCURACY || t->accuracy) {
            spr_table_cell(&t->table, t->column[c], "%s", heads[c]);
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
    if (t->accuracy && isnan(variant->accuracy)) {
        spr_table_cell(table, t->column[ACCURACY], "- ");
    } else if (t->accuracy) {
        spr_table_cell(table, t->column[ACCURACY], "%.4g%c", variant->accuracy,
                       accuracy_mark(result));
    }
    spr_table_cell(table, t->column[SPEEDUP], "%.2fx", result->speedup);
    spr_table_cell(table, t->column[MIXED], "%.2fx", result->speedup_mixed);
    spr_table_cell(table, t->column[LEFT_DENSE], "%zu/%zu", dense, prunable);
    put_break_even(table, t->column[BREAK_EVEN], a, result);
    spr_table_cell(table, t->column[LIMIT], "%s", spr_explain_limit(a, result, text));
}

static const char *table_caption(const struct spr_analysis *a)
{
    return a->options.has_max_drop ? "Per pattern the fastest point within the limit"
                                   : "Per pattern the fastest point";
}

static void put_table(FILE *file, const struct spr_analysis *a, size_t batch_index,
                      bool markdown)
{
    size_t indices[PATTERNS_MAX];
    size_t count = spr_analysis_best_per_pattern(a, batch_index, indices, PATTERNS_MAX);
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
    fprintf(file, "\n%s, batch %.0f:\n%s", table_caption(a),
            a->options.batches[batch_index], markdown ? "\n" : "");
    spr_table_write(&t.table, file, 0);
    spr_table_free(&t.table);
    if (count > ROWS_MAX) {
        fprintf(file, "and %zu more patterns: --format csv lists all\n", count - ROWS_MAX);
    }
    fprintf(file, "%szeros: share of W; mixed: speedup if layers where the pattern loses stay dense;\n"
                  "dense: how many prunable operators those are; even at: sparsity where it breaks\n"
                  "even with dense, over the layers%s\n",
            markdown ? "\n" : "", marked['*'] ? "; *: nothing as accurate is faster" : "");
    if (marked['~']) {
        fprintf(file, "~: interpolated between two measured accuracies\n");
    }
    if (marked['!']) {
        fprintf(file, "!: measured with sparsity spread unevenly over layers, speedup with even\n"
                      "sparsity: not one network (--assume-uniform counts it all the same)\n");
    }
}

/* Results at one pattern and up to five sparsities of the grid side by side. */
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
    size_t picked = count < MATRIX_MAX ? count : MATRIX_MAX;
    for (size_t i = 0; i < picked; i++) {
        sparsities[i] = all[picked > 1 ? i * (count - 1) / (picked - 1) : 0];
    }
    return picked;
}

static const struct spr_result *at_point(const struct spr_analysis *a, size_t batch_index,
                                         const struct spr_pattern *pattern, double sparsity)
{
    for (size_t i = 0; i < a->result_count; i++) {
        const struct spr_result *result = &a->results[i];
        if (result->batch_index == batch_index &&
            spr_pattern_equal(&result->variant->pattern, pattern) &&
            (result->variant->sparsity == sparsity ||
             !isnan(spr_pattern_fixed_sparsity(pattern)))) {
            return result;
        }
    }
    return NULL;
}

static void put_matrix(FILE *file, const struct spr_analysis *a, size_t batch_index,
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
    spr_table_cell(&table, 0, "speedup at");
    for (size_t s = 0; s < columns; s++) {
        spr_table_cell(&table, s + 1, "%.4g%%", 100 * sparsities[s]);
    }
    for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
        const struct spr_variant *variant = a->results[indices[i]].variant;
        char text[SPR_PATTERN_TEXT];
        if (!isnan(spr_pattern_fixed_sparsity(&variant->pattern))) {
            continue;
        }
        spr_table_row(&table);
        spr_table_cell(&table, 0, "%s", spr_pattern_text(&variant->pattern, text));
        for (size_t s = 0; s < columns; s++) {
            const struct spr_result *result =
                at_point(a, batch_index, &variant->pattern, sparsities[s]);
            spr_table_cell(&table, s + 1, result ? "%.2fx" : "-", result ? result->speedup : 0);
        }
    }
    fputs("\n", file);
    spr_table_write(&table, file, 0);
    spr_table_free(&table);
}

/* Smallest batch from which a result's variant pays; SIZE_MAX when it never does. */
static size_t pays_from(const struct spr_analysis *a, size_t variant)
{
    size_t batches = a->options.batch_count, from = SIZE_MAX;
    for (size_t b = batches; b-- > 0;) {
        if (a->results[variant * batches + b].speedup <= 1) {
            break;
        }
        from = b;
    }
    return from;
}

static void put_batch_table(FILE *file, const struct spr_analysis *a, bool markdown)
{
    size_t batches = a->options.batch_count;
    size_t shown = batches < 6 ? batches : 6, indices[PATTERNS_MAX];
    size_t count = spr_analysis_best_per_pattern(a, 0, indices, PATTERNS_MAX);
    struct spr_table table = {.column_count = shown + 2, .markdown = markdown};
    table.left[0] = true;
    spr_table_row(&table);
    spr_table_cell(&table, 0, "speedup at batch");
    for (size_t b = 0; b < shown; b++) {
        spr_table_cell(&table, b + 1, "%.0f", a->options.batches[b]);
    }
    spr_table_cell(&table, shown + 1, "pays from batch");
    for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
        size_t variant = indices[i] / batches, from = pays_from(a, variant);
        char text[SPR_TABLE_CELL];
        spr_table_row(&table);
        spr_table_cell(&table, 0, "%s",
                       spr_text_short(a->results[indices[i]].variant->name, 24, text));
        for (size_t b = 0; b < shown; b++) {
            spr_table_cell(&table, b + 1, "%.2fx", a->results[variant * batches + b].speedup);
        }
        if (from == SIZE_MAX) {
            spr_table_cell(&table, shown + 1, "never");
        } else {
            spr_table_cell(&table, shown + 1, "%.0f", a->options.batches[from]);
        }
    }
    fputs("\n", file);
    spr_table_write(&table, file, 0);
    spr_table_free(&table);
}

/* One line of figures and one of reason per layer: the reason is the point of the list. */
static void put_layer(FILE *file, const struct spr_analysis *a,
                      const struct spr_result *result, size_t index, bool markdown)
{
    const struct spr_layer *layer = &a->network->layers[index];
    const struct spr_layer_result *r = &result->layers[index];
    char name[SPR_TABLE_CELL], text[SPR_REASON_TEXT], dense[24], now[24], even[32] = "";
    char shape[80] = "";
    if (layer->op != SPR_OP_OTHER) {
        snprintf(shape, sizeof shape, " %lldx%lld, n %lld", (long long)layer->m,
                 (long long)layer->k, (long long)layer->n);
    }
    if (!isnan(r->break_even_sparsity)) {
        snprintf(even, sizeof even, ", even at %.1f%%", 100 * r->break_even_sparsity);
    }
    spr_text_short(layer->name, markdown ? 70 : 44, name);
    spr_format_seconds(spr_analysis_dense(a, result->batch_index, index)->time_s, dense);
    spr_format_seconds(r->run.time_s, now);
    spr_explain_layer(a, result, index, text);
    if (markdown) {
        fprintf(file, "- `%s`%s: %s -> %s, %.2fx%s; %s\n", name, shape, dense, now,
                r->speedup, even, text);
        return;
    }
    fprintf(file, "  %s%s\n    %s -> %s, %.2fx%s\n", name, shape, dense, now, r->speedup, even);
    spr_text_wrapped(file, text, 4);
}

static void put_layers(FILE *file, const struct spr_analysis *a,
                       const struct spr_result *result, bool markdown)
{
    fprintf(file, "\nLayers of %s, batch %.0f (one occurrence, dense -> pruned):\n%s",
            result->variant->name, result->batch, markdown ? "\n" : "");
    for (size_t i = 0; i < a->network->layer_count; i++) {
        put_layer(file, a, result, i, markdown);
    }
}

static void put_not_counted(FILE *file, const struct spr_analysis *a)
{
    fprintf(file, "\nNot counted: ");
    if (a->has_attention && !a->other_counted) {
        fprintf(file, "softmax, layer norm, GELU, residuals (no op=other rows\nin the table); ");
    }
    fprintf(file, "fusion of operators, unfolding of convolutions, transfers, the\n"
                  "runtime's own time. W weights, X inputs, Y outputs. FLOP: 2 per multiply-add.\n"
                  "Bytes: each operand once%s.\n",
            a->options.residency == SPR_RESIDENCY_DRAM ? " across the last memory level" : "");
}

/* What a reader would do next, as commands. */
static void put_next(FILE *file, const struct spr_analysis *a, size_t best,
                     const struct spr_report *report)
{
    if (!report->saved) {
        return;
    }
    bool standard = strcmp(report->saved, "sproof.json") == 0;
    char name[SPR_TABLE_CELL];
    fprintf(file, "\nSaved %s. Next:\n", report->saved);
    if (best < a->result_count) {
        fprintf(file, "  sproof explain '%s'%s%s\n",
                spr_text_short(a->results[best].variant->name, 60, name),
                standard ? "" : " -i ", standard ? "" : report->saved);
    }
    fprintf(file, "  sproof plot %s%s--kind sparsity\n", standard ? "" : report->saved,
            standard ? "" : " ");
}

void spr_report_answer(FILE *file, const struct spr_analysis *a,
                       const struct spr_report *report)
{
    bool markdown = report->format == SPR_FORMAT_MD;
    size_t best = spr_analysis_recommend(a, 0);
    spr_report_context(file, a);
    fprintf(file, "Hardware potential: the roofline's limit, not a measurement.\n\n");
    if (best < a->result_count) {
        put_recommendation(file, a, best);
        put_why(file, a, &a->results[best]);
    } else {
        put_none_pays(file, a);
    }
    put_table(file, a, 0, markdown);
    put_matrix(file, a, 0, markdown);
    if (a->options.batch_count > 1) {
        put_batch_table(file, a, markdown);
    }
    if (report->layers) {
        for (size_t i = 0; i < a->result_count; i++) {
            put_layers(file, a, &a->results[i], markdown);
        }
    }
    put_not_counted(file, a);
    put_next(file, a, best, report);
}
