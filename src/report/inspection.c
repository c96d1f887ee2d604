/* SPDX-License-Identifier: Apache-2.0 */
/* What inspect found, for people and for programs. */
#include <math.h>
#include <string.h>

#include "base/table.h"
#include "report/left_out.h"
#include "report/report_format.h"
#include "sproof/types.h"

/* Columns of the table that patterns may take; csv and json have all. */
#define PATTERNS_SHOWN 5
#define NAME_WIDTH 22
#define FIXED_COLUMNS 5

static double weights_of(const struct spr_inspected *l)
{
    return (double)l->weight->m * (double)l->weight->k;
}

static double zeros_of(const struct spr_inspected *l)
{
    return 1 - l->nnz / weights_of(l);
}

/* Non-zeros of the fullest row over those of the mean one: 1 is balanced. */
static double imbalance_of(const struct spr_inspected *l)
{
    return l->nnz > 0 ? l->longest_row * (double)l->weight->m / l->nnz : (double)NAN;
}

/* Weights stored that are no zeros. */
static double fill_of(const struct spr_inspected *l, const struct spr_occupancy *o)
{
    return o->stored > 0 ? l->nnz / o->stored : (double)NAN;
}

/* Share of the stored bytes that are indices, f32. */
static double index_share(const struct spr_inspected *l, const struct spr_pattern *pattern,
                          double kept)
{
    struct spr_shape shape = {l->weight->m, l->weight->k, l->weight->groups};
    struct spr_counted counted = {l->nnz, l->touched_columns, l->longest_row};
    struct spr_weight_cost cost = pattern->kind->cost(pattern, &shape, kept, &counted, 4);
    double all = cost.value_bytes + cost.index_bytes;
    return all > 0 ? cost.index_bytes / all : 0;
}

struct totals {
    double prunable, weights, nnz; /* layers; weights of prunable layers; their non-zeros */
    double energy;                 /* mean over pruned weights; NAN: nothing pruned */
};

static struct totals sum_up(const struct spr_inspection *in)
{
    struct totals t = {0};
    double pruned = 0, energy = 0;
    for (size_t i = 0; i < in->layer_count; i++) {
        const struct spr_inspected *l = &in->layer[i];
        double count = (double)l->weight->count;
        if (l->weight->prunable) {
            t.prunable += count;
            t.weights += count * weights_of(l);
            t.nnz += count * l->nnz;
        }
        if (!isnan(l->energy)) {
            pruned += count * weights_of(l);
            energy += count * weights_of(l) * l->energy;
        }
    }
    t.energy = pruned > 0 ? energy / pruned : (double)NAN;
    return t;
}

/* What other patterns would have kept at this sparsity. */
static void put_beside(FILE *file, const struct spr_inspection *in)
{
    char text[SPR_PATTERN_TEXT];
    const char *before = "  at the same sparsity";
    for (int i = 0; i < SPR_KEPT_BESIDE; i++) {
        const struct spr_kept_beside *b = &in->beside[i];
        if (b->pattern.kind && !isnan(b->energy)) {
            fprintf(file, "%s %s would keep %.4g %%", before,
                    spr_pattern_text(&b->pattern, text), 100 * b->energy);
            before = ",";
        }
    }
    fputs(*before == ',' ? "\n" : "", file);
}

static void put_totals(FILE *file, const struct spr_inspection *in)
{
    const struct totals t = sum_up(in);
    const struct spr_account account = spr_weights_account(in->weights);
    const double share = spr_left_out_share(&account);
    char parameters[32], weights[32];
    char line[256], left_out[64] = "";
    const char *origin = in->weights->origin;
    if (share > SPR_LEFT_OUT_SHARE) {
        snprintf(left_out, sizeof left_out, ", %.3g %% of the weights LEFT OUT", 100 * share);
    }
    snprintf(line, sizeof line, "%s parameters in %zu tensor%s%s%s%s",
             spr_grouped(account.parameters, parameters), in->weights->tensor_count,
             in->weights->tensor_count == 1 ? "" : "s", left_out,
             origin ? "; layers told by " : "", origin ? origin : "");
    spr_text_wrapped(file, line, 0);
    spr_report_account(file, &account);
    fprintf(file, "%.0f prunable layer%s, %s weights, %.4g %% of them zeros\n", t.prunable,
            t.prunable == 1 ? "" : "s", spr_grouped(t.weights, weights),
            t.weights > 0 ? 100 * (1 - t.nnz / t.weights) : 0);
    if (!isnan(t.energy)) {
        fprintf(file,
                "weight energy kept: %.4g %% of sum w^2 (a proxy; it is not an accuracy)\n",
                100 * t.energy);
        put_beside(file, in);
    }
}

/* Rows of the table that say the same of several layers are one. */
static bool alike(const struct spr_inspected *a, const struct spr_inspected *b)
{
    return a->weight->op == b->weight->op && a->weight->m == b->weight->m &&
           a->weight->k == b->weight->k && a->weight->prunable == b->weight->prunable &&
           spr_pattern_equal(&a->detected, &b->detected);
}

static void put_occupied(struct spr_table *table, const struct spr_inspection *in,
                         size_t first, size_t p, bool layers)
{
    const size_t column = FIXED_COLUMNS + p;
    double kept = 0, cells = 0;
    bool legal = true, fits = true;
    for (size_t i = first; i < in->layer_count; i++) {
        const struct spr_inspected *l = &in->layer[i];
        if (i == first || (!layers && alike(&in->layer[first], l))) {
            kept += l->occupancy[p].kept;
            cells += l->occupancy[p].cells;
            legal = legal && l->occupancy[p].legal;
            fits = fits && l->occupancy[p].fits;
        }
    }
    if (!fits) {
        spr_table_cell(table, column, "-");
    } else if (!legal) {
        spr_table_cell(table, column, "no");
    } else {
        spr_table_cell(table, column, "%.1f%%", 100 * kept / cells);
    }
}

static void put_row(struct spr_table *table, const struct spr_inspection *in, size_t first,
                    bool layers)
{
    const struct spr_inspected *l = &in->layer[first];
    char name[SPR_TABLE_CELL], text[SPR_PATTERN_TEXT];
    double count = 0, zeros = 0, imbalance = 0;
    for (size_t i = first; i < in->layer_count; i++) {
        if (i == first || (!layers && alike(l, &in->layer[i]))) {
            count++;
            zeros += zeros_of(&in->layer[i]);
            imbalance = fmax(imbalance, imbalance_of(&in->layer[i]));
        }
    }
    spr_table_row(table);
    if (count > 1) {
        char number[24];
        size_t used = (size_t)snprintf(number, sizeof number, "%.0f x ", count);
        spr_table_cell(table, 0, "%s%s", number,
                       spr_text_short(l->weight->layer, NAME_WIDTH - used, name));
    } else {
        spr_table_cell(table, 0, "%s", spr_text_short(l->weight->layer, NAME_WIDTH, name));
    }
    spr_table_cell(table, 1, "%lldx%lld", (long long)l->weight->m, (long long)l->weight->k);
    spr_table_cell(table, 2, "%.1f%%", 100 * zeros / count);
    spr_table_cell(table, 3, "%s", spr_pattern_text(&l->detected, text));
    spr_table_cell(table, 4, isnan(imbalance) ? "-" : "%.2f", imbalance);
    for (size_t p = 0; p < in->pattern_count && p < PATTERNS_SHOWN; p++) {
        put_occupied(table, in, first, p, layers);
    }
}

/* Returns how many patterns have a column. */
static size_t put_layers(FILE *file, const struct spr_inspection *in,
                         const struct spr_report *report)
{
    static const char *const heads[FIXED_COLUMNS] = {"layer", "m x k", "zeros", "found",
                                                     "rows"};
    size_t shown = in->pattern_count < PATTERNS_SHOWN ? in->pattern_count : PATTERNS_SHOWN;
    struct spr_table table = {.column_count = FIXED_COLUMNS + shown,
                              .markdown = report->format == SPR_FORMAT_MD};
    char text[SPR_PATTERN_TEXT];
    table.left[0] = table.left[3] = true;
    spr_table_heads(&table, heads, FIXED_COLUMNS);
    for (size_t p = 0; p < shown; p++) {
        spr_table_cell(&table, FIXED_COLUMNS + p, "%s",
                       spr_pattern_text(&in->patterns[p], text));
    }
    for (size_t i = 0; i < in->layer_count; i++) {
        bool first = true;
        for (size_t j = 0; j < i && first && !report->layers; j++) {
            first = !alike(&in->layer[j], &in->layer[i]);
        }
        if (first) {
            put_row(&table, in, i, report->layers);
        }
    }
    if (!table.markdown) {
        shown = spr_table_fit(&table, FIXED_COLUMNS) - FIXED_COLUMNS;
    }
    spr_table_write(&table, file, 0);
    spr_table_free(&table);
    return shown;
}

/* The option that says how the weights are stored, where analyze has a word for it. */
static void put_dtype(FILE *file, const struct spr_weights *weights)
{
    const char *dtype = spr_weights_dtype(weights), *name = NULL;
    for (size_t i = 0; dtype && (name = spr_stored_weights(i)) != NULL; i++) {
        if (strcmp(name + 2, dtype) == 0) {
            fprintf(file, " --dtype %s", name);
            break;
        }
    }
    fputc('\n', file);
}

static void put_answer(FILE *file, const struct spr_inspection *in,
                       const struct spr_report *report)
{
    put_totals(file, in);
    fputc('\n', file);
    if (in->weights->left_out_count > 0) {
        spr_report_left_out(file, in->weights, report->layers);
    }
    size_t shown = put_layers(file, in, report);
    char text[512];
    snprintf(text, sizeof text,
             "found: the largest block, 1 to 64 a side, whose stored blocks are 99 %% filled; "
             "else the smallest N:M that holds with 90 %% of its places used; else csr; dense "
             "below 1 %% zeros. rows: the fullest row over the mean. Under a pattern: cells "
             "that hold a non-zero; no: against its rule; -: the layer is too small.%s",
             shown < in->pattern_count ? " Patterns without a column: --format csv." : "");
    spr_text_wrapped(file, text, 0);
    if (report->saved) {
        fprintf(file, "\nSaved %s. Next:\n  sproof analyze %s", report->saved, report->saved);
        put_dtype(file, in->weights);
    }
}

static void put_counts(struct spr_emit *out, const struct spr_inspected *l)
{
    const struct spr_weight *w = l->weight;
    char text[SPR_PATTERN_TEXT];
    spr_emit_text(out, "layer", w->layer);
    spr_emit_text(out, "op", spr_op_name(w->op));
    spr_emit_number(out, "m", (double)w->m);
    spr_emit_number(out, "k", (double)w->k);
    spr_emit_number(out, "n", w->n > 0 ? (double)w->n : (double)NAN);
    spr_emit_number(out, "count", (double)w->count);
    spr_emit_number(out, "groups", (double)w->groups);
    spr_emit_bool(out, "prunable", w->prunable);
    spr_emit_number(out, "nnz", l->nnz);
    spr_emit_number(out, "sparsity", zeros_of(l));
    spr_emit_number(out, "touched_columns", l->touched_columns);
    spr_emit_number(out, "longest_row", l->longest_row);
    spr_emit_number(out, "row_imbalance", imbalance_of(l));
    spr_emit_text(out, "detected", spr_pattern_text(&l->detected, text));
    spr_emit_number(out, "energy_kept", l->energy);
    spr_emit_text(out, "stays_dense", l->stays_dense);
}

static void put_pattern(struct spr_emit *out, const struct spr_inspection *in,
                        const struct spr_inspected *l, size_t p)
{
    const struct spr_occupancy *o = &l->occupancy[p];
    char text[SPR_PATTERN_TEXT];
    spr_emit_text(out, "pattern", spr_pattern_text(&in->patterns[p], text));
    spr_emit_bool(out, "fits", o->fits);
    spr_emit_bool(out, "legal", o->fits && o->legal);
    spr_emit_number(out, "cells", o->cells);
    spr_emit_number(out, "kept_cells", o->fits ? o->kept : (double)NAN);
    spr_emit_number(out, "cell_sparsity",
                    o->fits ? spr_occupancy_sparsity(l, p) : (double)NAN);
    spr_emit_number(out, "fill", o->fits ? fill_of(l, o) : (double)NAN);
    spr_emit_number(out, "index_share",
                    o->fits ? index_share(l, &in->patterns[p], o->kept) : (double)NAN);
}

/* A layer under one of the patterns. */
static void put_line(struct spr_emit *out, const void *subject, size_t index)
{
    const struct spr_inspection *in = subject;
    const struct spr_inspected *layer = &in->layer[index / in->pattern_count];
    put_counts(out, layer);
    put_pattern(out, in, layer, index % in->pattern_count);
}

static void put_document(struct spr_emit *out, const void *subject)
{
    const struct spr_inspection *in = subject;
    const struct totals t = sum_up(in);
    spr_emit_text(out, "origin", in->weights->origin);
    spr_emit_account(out, in->weights);
    spr_emit_number(out, "tensors", (double)in->weights->tensor_count);
    spr_emit_number(out, "prunable_layers", t.prunable);
    spr_emit_number(out, "prunable_weights", t.weights);
    spr_emit_number(out, "prunable_nnz", t.nnz);
    spr_emit_number(out, "energy_kept", t.energy);
    if (in->beside[0].pattern.kind) {
        spr_emit_open(out, "energy_kept_by", '{');
        for (int i = 0; i < SPR_KEPT_BESIDE; i++) {
            char text[SPR_PATTERN_TEXT];
            spr_emit_number(out, spr_pattern_text(&in->beside[i].pattern, text),
                            in->beside[i].energy);
        }
        spr_emit_close(out, '}');
    }
    spr_emit_open(out, "layers", '[');
    for (size_t i = 0; i < in->layer_count; i++) {
        spr_emit_open(out, NULL, '{');
        put_counts(out, &in->layer[i]);
        spr_emit_open(out, "patterns", '[');
        for (size_t p = 0; p < in->pattern_count; p++) {
            spr_emit_open(out, NULL, '{');
            put_pattern(out, in, &in->layer[i], p);
            spr_emit_close(out, '}');
        }
        spr_emit_close(out, ']');
        spr_emit_close(out, '}');
    }
    spr_emit_close(out, ']');
}

static enum spr_status write_answer(FILE *file, const void *subject,
                                    const struct spr_report *report, struct spr_error *err)
{
    (void)err;
    put_answer(file, subject, report);
    return SPR_OK;
}

static enum spr_status write_layers(FILE *file, const void *subject,
                                    const struct spr_report *report, struct spr_error *err)
{
    (void)err;
    put_layers(file, subject, report);
    return SPR_OK;
}

static enum spr_status write_lines(FILE *file, const void *subject,
                                   const struct spr_report *report, struct spr_error *err)
{
    const struct spr_inspection *in = subject;
    const struct spr_report_rows rows = {in, in->layer_count * in->pattern_count, put_line};
    return spr_report_lines(file, &rows, report->format, err);
}

static enum spr_status write_document(FILE *file, const void *subject,
                                      const struct spr_report *report, struct spr_error *err)
{
    (void)report;
    return spr_report_document(file, "sproof/inspection", put_document, subject, err);
}

const struct spr_formats spr_inspection_formats = {{{SPR_FORMAT_TABLE, write_answer},
                                                    {SPR_FORMAT_CSV, write_lines},
                                                    {SPR_FORMAT_JSON, write_document},
                                                    {SPR_FORMAT_JSONL, write_lines},
                                                    {SPR_FORMAT_MD, write_layers}}};

enum spr_status spr_report_inspection(FILE *file, const struct spr_inspection *inspection,
                                      const struct spr_report *report, struct spr_error *err)
{
    return spr_report_as(&spr_inspection_formats, file, inspection, report, err);
}
