/* SPDX-License-Identifier: Apache-2.0 */
/* A comparison for people and for programs. */

#include <math.h>
#include <string.h>

#include "base/markdown.h"
#include "base/table.h"
#include "report/figures.h"
#include "report/report_format.h"
#include "sproof/compare.h"
#include "validate/bootstrap.h"

/* Rows of the table on the screen; csv and json have all. */
#define ROWS_SHOWN 30

#define RATIO_TEXT 64
static const char *factor(double value, char text[16])
{
    const char *format = value < 9.995 ? "%.2f" : value < 99.95 ? "%.1f" : "%.3g";
    snprintf(text, 16, format, value);
    return text;
}

/* "1.02x (0.99-1.04)" with "x" as the unit. */
static const char *ratio_text(const struct spr_ratio *ratio, const char *unit,
                              char text[RATIO_TEXT])
{
    char value[16], low[16], high[16];
    if (isnan(ratio->value)) {
        snprintf(text, RATIO_TEXT, "-");
    } else if (ratio->low == ratio->high) {
        snprintf(text, RATIO_TEXT, "%s%s", factor(ratio->value, value), unit);
    } else {
        snprintf(text, RATIO_TEXT, "%s%s (%s-%s)", factor(ratio->value, value), unit,
                 factor(ratio->low, low), factor(ratio->high, high));
    }
    return text;
}

static const struct spr_timing *point_of(const struct spr_compared *row)
{
    return row->base ? row->base : row->next;
}

/* As the row was judged: of two records of which one has medians only, the medians of both. */
static double time_of(const struct spr_compared *row, const struct spr_timing *point)
{
    return !point ? (double)NAN : row->by_median ? point->samples.median_s : point->time_s;
}

static double speedup_of(const struct spr_compared *row, const struct spr_timing *point)
{
    if (point && row->by_median && point->dense_kernel) {
        return point->dense_samples.median_s / point->samples.median_s;
    }
    return point ? point->speedup : (double)NAN;
}

/* The time itself is in doubt, rather than the dense one only. */
static bool noisy(const struct spr_timing *p)
{
    return p && p->measured &&
           (p->samples.doubt != SPR_DOUBT_NONE ||
            p->samples.sample_count < SPR_BOOTSTRAP_SAMPLES_MIN ||
            (p->inconclusive && p->dense_samples.doubt == SPR_DOUBT_NONE));
}

/* "noisy" where it is in doubt, as validate says it. */
static const char *time_text(const struct spr_compared *row, const struct spr_timing *point,
                             char text[RATIO_TEXT])
{
    return noisy(point) ? "noisy" : spr_seconds_or_dash(time_of(row, point), text);
}

static const char *speedup_text(const struct spr_compared *row, const struct spr_timing *point,
                                char text[RATIO_TEXT])
{
    const double value = noisy(point) ? (double)NAN : speedup_of(row, point);
    const bool doubt = point && point->inconclusive && !isnan(value);
    return doubt ? "noisy" : ratio_text(&(struct spr_ratio){value, value, value}, "x", text);
}

/* "4x4@0.9 of encoder.0", cut to fit a line. */
static void name_of(const struct spr_compared *row, char *text, size_t size)
{
    char variant[SPR_TABLE_CELL], layer[SPR_TABLE_CELL];
    const struct spr_timing *p = point_of(row);
    snprintf(text, size, "%s%s%s", spr_text_short(p->variant, 30, variant),
             p->layer ? " of " : "", p->layer ? spr_text_short(p->layer, 30, layer) : "");
}

/* The slowest row that was judged, or NULL. */
static const struct spr_compared *worst_of(const struct spr_comparison *c)
{
    const struct spr_compared *worst = NULL;
    for (size_t i = 0; i < c->row_count; i++) {
        const struct spr_compared *row = &c->rows[i];
        if (!isnan(row->ratio.value) && (!worst || row->ratio.value > worst->ratio.value)) {
            worst = row;
        }
    }
    return worst;
}

static void first_words(const struct spr_comparison *c, char *text, size_t size)
{
    double percent = c->max_regression * 100;
    size_t slower = c->verdicts[SPR_SLOWER];
    size_t unsure = c->verdicts[SPR_STRADDLING] + c->verdicts[SPR_NOISY];
    if (c->verdict == SPR_WITHIN) {
        snprintf(text, size, "No regression beyond %g %%: %zu case%s", percent, c->matched,
                 c->matched == 1 ? "" : "s");
    } else if (c->verdict == SPR_SLOWER && slower > 0) {
        snprintf(text, size, "Regression: %zu of %zu case%s slower by more than %g %%", slower,
                 c->matched, c->matched == 1 ? "" : "s", percent);
    } else if (c->verdict == SPR_SLOWER) {
        snprintf(text, size, "Regression: the mean is slower by more than %g %%", percent);
    } else {
        snprintf(
            text, size,
            "Inconclusive: %zu of %zu case%s too noisy to tell from a regression of %g %%",
            unsure, c->matched, c->matched == 1 ? "" : "s", percent);
    }
}

static void put_answer(FILE *file, const void *subject)
{
    const struct spr_comparison *c = subject;
    char text[512], words[160], name[80], ratio[RATIO_TEXT], mean[RATIO_TEXT];
    const struct spr_compared *worst = worst_of(c);
    first_words(c, words, sizeof words);
    if (!worst) {
        snprintf(text, sizeof text, "%s.", words);
    } else {
        name_of(worst, name, sizeof name);
        snprintf(text, sizeof text, "%s; worst %s %s; geometric mean %s.", words, name,
                 ratio_text(&worst->ratio, "x", ratio), ratio_text(&c->mean, "x", mean));
    }
    spr_text_wrapped(file, text, 0);
}

/* What tells the rows of one layer apart, where the record has several; how some are judged. */
struct varied {
    bool layers, threads, n, by_speedup, by_median, dense;
};

static struct varied what_varies(const struct spr_comparison *c)
{
    struct varied varied = {0};
    const struct spr_timing *first = point_of(&c->rows[0]);
    for (size_t i = 0; i < c->row_count; i++) {
        const struct spr_timing *p = point_of(&c->rows[i]);
        varied.layers = varied.layers || p->layer;
        varied.threads = varied.threads || p->threads != first->threads;
        varied.n = varied.n || (!p->measured && p->n != first->n);
        varied.by_speedup = varied.by_speedup || c->rows[i].by_speedup;
        varied.by_median = varied.by_median || c->rows[i].by_median;
        varied.dense = varied.dense || strcmp(p->pattern, "dense") == 0;
    }
    return varied;
}

static void put_context(FILE *file, const void *subject)
{
    const struct spr_comparison *c = subject;
    char text[512], base[SPR_TABLE_CELL], next[SPR_TABLE_CELL];
    const struct varied varied = what_varies(c);
    const char *intervals = !c->base->validation ? ""
                            : varied.by_median   ? ", with their 95 % intervals"
                                                 : ", with what visits leave open";
    const char *made = c->base->record.head.created, *remade = c->next->record.head.created;
    snprintf(text, sizeof text,
             "Base %s%s%.24s, new %s%s%.24s; ratios are new over base, "
             "above 1 is slower%s; x: speedup over %s.",
             spr_text_short(c->base->path, 60, base), made ? " of " : "", made ? made : "",
             spr_text_short(c->next->path, 60, next), remade ? " of " : "",
             remade ? remade : "", intervals,
             c->base->validation ? "the fastest dense kernel of the run" : "dense");
    spr_text_wrapped(file, text, 0);
    if (varied.by_median) {
        spr_text_wrapped(file,
                         "Judged by medians, which neighbours move: a record has no canaries "
                         "(of a GPU, or of before schema 2).",
                         0);
    }
    if (varied.by_speedup) {
        snprintf(text, sizeof text,
                 "Ratios are of a time over the fastest dense time of its shape and run: a "
                 "slower machine is no regression.%s",
                 varied.dense ? " A dense row is of sproof's own dense kernel, and tells "
                                "nothing where that is the fastest."
                              : "");
        spr_text_wrapped(file, text, 0);
    }
}

static const char *const marks[] = {
    [SPR_WITHIN] = "", [SPR_SLOWER] = "!",       [SPR_STRADDLING] = "?",
    [SPR_NOISY] = "?", [SPR_ONLY_IN_BASE] = "-", [SPR_ONLY_IN_NEW] = "+",
};

static void put_row(struct spr_table *table, const struct spr_compared *row,
                    const struct varied *varied)
{
    char text[RATIO_TEXT], cell[SPR_TABLE_CELL], more[32] = "";
    const struct spr_timing *p = point_of(row);
    size_t column = 0;
    spr_table_row(table);
    if (varied->threads) {
        snprintf(more, sizeof more, " t%d", p->threads);
    } else if (varied->n) {
        snprintf(more, sizeof more, " b%g", p->n);
    }
    spr_table_cell(table, column++, "%s%s",
                   spr_text_short(p->variant, (varied->layers ? 12 : 24) - strlen(more), cell),
                   more);
    if (varied->layers) {
        spr_table_cell(table, column++, "%s",
                       p->layer ? spr_text_short(p->layer, 11, cell) : "network");
    }
    spr_table_cell(table, column++, "%s", time_text(row, row->base, text));
    spr_table_cell(table, column++, "%s", time_text(row, row->next, text));
    spr_table_cell(table, column++, "%s", speedup_text(row, row->base, text));
    spr_table_cell(table, column++, "%s", speedup_text(row, row->next, text));
    spr_table_cell(table, column++, "%s", ratio_text(&row->ratio, "", text));
    spr_table_cell(table, column, "%s", marks[row->verdict]);
}

static void put_headings(struct spr_table *table, const struct varied *varied)
{
    const char *const headings[] = {"variant",
                                    "layer",
                                    "base",
                                    "new",
                                    "base x",
                                    "new x",
                                    varied->by_speedup ? "time/dense ratio" : "ratio",
                                    ""};
    size_t column = 0;
    spr_table_row(table);
    for (size_t i = 0; i < sizeof headings / sizeof *headings; i++) {
        if (i != 1 || varied->layers) {
            table->left[column] = i < 2 || i == 7;
            spr_table_cell(table, column++, "%s", headings[i]);
        }
    }
}

static void put_table(FILE *file, const struct spr_comparison *c, bool markdown)
{
    struct varied varied = what_varies(c);
    struct spr_table table = {.column_count = varied.layers ? 8 : 7, .markdown = markdown};
    size_t shown = markdown || c->row_count < ROWS_SHOWN ? c->row_count : ROWS_SHOWN;
    put_headings(&table, &varied);
    for (size_t i = 0; i < shown; i++) {
        put_row(&table, &c->rows[i], &varied);
    }
    spr_table_write(&table, file, 0);
    spr_table_free(&table);
    if (shown < c->row_count) {
        fprintf(file, "and %zu more: --format csv\n", c->row_count - shown);
    }
}

static void put_legend(FILE *file, const struct spr_comparison *c)
{
    const size_t *n = c->verdicts;
    if (n[SPR_SLOWER] > 0) {
        fprintf(file, "!  past the limit: %zu\n", n[SPR_SLOWER]);
    }
    if (n[SPR_STRADDLING] + n[SPR_NOISY] > 0) {
        fprintf(file, "?  unsure, the limit lies inside the interval: %zu; too noisy: %zu\n",
                n[SPR_STRADDLING], n[SPR_NOISY]);
    }
    if (n[SPR_ONLY_IN_BASE] > 0) {
        fprintf(file, "-  only in base: %zu\n", n[SPR_ONLY_IN_BASE]);
    }
    if (n[SPR_ONLY_IN_NEW] > 0) {
        fprintf(file, "+  only in new: %zu\n", n[SPR_ONLY_IN_NEW]);
    }
}

static void put_ratio(struct spr_emit *out, const char *const keys[3],
                      const struct spr_ratio *ratio)
{
    spr_emit_number(out, keys[0], ratio->value);
    spr_emit_number(out, keys[1], ratio->low);
    spr_emit_number(out, keys[2], ratio->high);
}

static const char *const time_keys[] = {"time_ratio", "time_ratio_low", "time_ratio_high"};
static const char *const ratio_keys[] = {"ratio", "ratio_low", "ratio_high"};

static void put_case(struct spr_emit *out, const void *subject, size_t index)
{
    const struct spr_compared *row = &((const struct spr_comparison *)subject)->rows[index];
    const struct spr_timing *p = point_of(row);
    spr_emit_text(out, "variant", p->variant);
    spr_emit_text(out, "layer", p->layer);
    spr_emit_text(out, "pattern", p->pattern);
    spr_emit_number(out, "sparsity", p->sparsity);
    spr_emit_number(out, p->measured ? "n" : "batch", p->n);
    spr_emit_text(out, "mask", p->measured ? (p->real_mask ? "real" : "random") : NULL);
    spr_emit_text(out, "isa", p->measured ? p->isa : NULL);
    spr_emit_number(out, "threads", p->measured ? (double)p->threads : (double)NAN);
    spr_emit_text(out, "residency", p->measured ? spr_residency_name(p->residency) : NULL);
    spr_emit_number(out, "base_time_s", time_of(row, row->base));
    spr_emit_number(out, "new_time_s", time_of(row, row->next));
    put_ratio(out, time_keys, &row->time);
    spr_emit_number(out, "base_speedup", speedup_of(row, row->base));
    spr_emit_number(out, "new_speedup", speedup_of(row, row->next));
    spr_emit_text(out, "judged", row->by_speedup ? "time_over_dense_time" : "time");
    put_ratio(out, ratio_keys, &row->ratio);
    spr_emit_text(out, "verdict", spr_verdict_name(row->verdict));
}

static struct spr_report_rows rows_of(const struct spr_comparison *c)
{
    return (struct spr_report_rows){c, c->row_count, put_case};
}

static void put_source(struct spr_emit *out, const char *key, const struct spr_timings *points)
{
    spr_emit_open(out, key, '{');
    spr_emit_text(out, "path", points->path);
    spr_emit_text(out, "created", points->record.head.created);
    spr_emit_text(out, "command", points->record.head.command);
    spr_emit_close(out, '}');
}

static void put_document(struct spr_emit *out, const void *subject)
{
    const struct spr_comparison *c = subject;
    const struct spr_report_rows rows = rows_of(c);
    put_source(out, "base", c->base);
    put_source(out, "new", c->next);
    spr_emit_text(out, "records", c->base->validation ? "validation" : "analysis");
    spr_emit_number(out, "max_regression", c->max_regression);
    spr_emit_text(out, "verdict", spr_verdict_name(c->verdict));
    spr_emit_number(out, "matched", (double)c->matched);
    put_ratio(out, ratio_keys, &c->mean);
    spr_emit_open(out, "counts", '{');
    for (int v = SPR_WITHIN; v <= SPR_SLOWER; v++) {
        spr_emit_number(out, spr_verdict_name((enum spr_verdict)v), (double)c->verdicts[v]);
    }
    spr_emit_close(out, '}');
    spr_emit_open(out, "mismatches", '[');
    for (size_t i = 0; i < c->mismatches.count && i < SPR_NOTES_MAX; i++) {
        spr_emit_text(out, NULL, c->mismatches.line[i]);
    }
    spr_emit_close(out, ']');
    spr_report_put_rows(out, "cases", &rows);
}

static enum spr_status write_document(FILE *file, const void *subject,
                                      const struct spr_report *report, struct spr_error *err)
{
    (void)report;
    return spr_report_document(file, "sproof/comparison", put_document, subject, err);
}

static enum spr_status write_lines(FILE *file, const void *subject,
                                   const struct spr_report *report, struct spr_error *err)
{
    const struct spr_report_rows rows = rows_of(subject);
    return spr_report_lines(file, &rows, report->format, err);
}

static enum spr_status write_text(FILE *file, const void *subject,
                                  const struct spr_report *report, struct spr_error *err)
{
    const struct spr_comparison *c = subject;
    const bool markdown = report->format == SPR_FORMAT_MD;
    (void)err;
    spr_report_through(file, markdown ? spr_markdown_lines : NULL, put_answer, c);
    fputc('\n', file);
    put_table(file, c, markdown);
    fputc('\n', file);
    put_legend(file, c);
    spr_report_through(file, markdown ? spr_markdown_lines : NULL, put_context, c);
    return SPR_OK;
}

const struct spr_formats spr_comparison_formats = {{{SPR_FORMAT_TABLE, write_text},
                                                    {SPR_FORMAT_CSV, write_lines},
                                                    {SPR_FORMAT_JSON, write_document},
                                                    {SPR_FORMAT_JSONL, write_lines},
                                                    {SPR_FORMAT_MD, write_text}}};

enum spr_status spr_report_comparison(FILE *file, const struct spr_comparison *c,
                                      enum spr_format format, struct spr_error *err)
{
    const struct spr_report report = {.format = format};
    return spr_report_as(&spr_comparison_formats, file, c, &report, err);
}
