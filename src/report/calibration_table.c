/* SPDX-License-Identifier: Apache-2.0 */
/* What calibrate found: families with their errors, what does not fit, what to measure next. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/table.h"
#include "report/report_format.h"
#include "sproof/calibration_report.h"

/* A family whose times are off by more at the median says little. */
#define FITS 0.25

/* So many products of a family, and most of what can be told is told. */
#define ENOUGH_PRODUCTS 6
#define NEXT_MAX 3

static void put_percent(struct spr_table *table, size_t column, double share)
{
    spr_table_cell(table, column, isnan(share) ? "-" : "%.0f%%", 100 * share);
}

static const char *dtypes_text(unsigned dtypes, char text[48])
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < SPR_DTYPE_COUNT; i++) {
        if (dtypes & (1u << i)) {
            used += (size_t)snprintf(text + used, 48 - used, "%s%s", used ? "," : "",
                                     spr_dtype_name((enum spr_dtype)i));
        }
    }
    return text;
}

static void put_family(struct spr_table *table, const struct spr_fitted *fitted)
{
    const struct spr_family *family = &fitted->family;
    char text[SPR_TABLE_CELL], dtypes[48], pattern[SPR_PATTERN_TEXT];
    spr_table_row(table);
    spr_table_cell(table, 0, "%s", spr_text_short(family->name, 12, text));
    spr_table_cell(table, 1, "%s", spr_pattern_text(&family->pattern, pattern));
    spr_table_cell(table, 2, "%s", dtypes_text(family->dtypes, dtypes));
    spr_table_cell(table, 3, "%s", spr_residency_name(family->residency));
    spr_table_cell(table, 4, "%zu/%zu", fitted->rows, fitted->pairs);
    if (isnan(family->median_error)) {
        spr_table_cell(table, 5, "-");
    } else {
        spr_table_cell(table, 5, "%.1f/%.0f%%", 100 * family->median_error,
                       100 * family->p90_error);
    }
    put_percent(table, 6, fitted->within_15);
    const bool dense = spr_pattern_is_dense(&family->pattern);
    put_percent(table, 7, dense ? (double)NAN : fitted->speedup_within_15);
    put_percent(table, 8, dense ? (double)NAN : fitted->faster);
    spr_table_cell(table, 9, "%s",
                   family->as_dense ? "as dense" : spr_form_name(family->form));
}

static void put_doubt(FILE *file, const struct spr_fitted *fitted)
{
    const struct spr_family *family = &fitted->family;
    char line[512], name[SPR_TABLE_CELL], pattern[SPR_PATTERN_TEXT];
    spr_pattern_text(&family->pattern, pattern);
    spr_text_short(family->name, 40, name);
    if (family->as_dense) {
        snprintf(line, sizeof line,
                 "%s %s: its time does not depend on sparsity and is that of a dense product: "
                 "it has no kernel for this, zeros are multiplied.",
                 name, pattern);
        spr_text_wrapped(file, line, 0);
    } else if (family->median_error > FITS) {
        snprintf(
            line, sizeof line,
            "%s %s, %s: does not fit: half of the times are off by more than %.0f %%. Are "
            "they of one kernel, of one machine, undisturbed?",
            name, pattern, spr_residency_name(family->residency), 100 * family->median_error);
        spr_text_wrapped(file, line, 0);
    } else if (isnan(family->median_error)) {
        snprintf(
            line, sizeof line,
            "%s %s: a first answer: %zu product%s, completed by what is usual; how far it "
            "is off is not known.",
            name, pattern, fitted->rows, fitted->rows == 1 ? "" : "s");
        spr_text_wrapped(file, line, 0);
    }
}

static bool measured(const struct spr_products *products, const int64_t *mkn)
{
    for (size_t i = 0; i < products->count; i++) {
        const struct spr_product *row = &products->rows[i];
        if (row->m == mkn[0] && row->k == mkn[1] && row->n == mkn[2]) {
            return true;
        }
    }
    return false;
}

/* Products that would tell most, where few were measured. */
static void put_next(FILE *file, const struct spr_family_fits *calibration,
                     const struct spr_products *products)
{
    char line[400];
    size_t used, count = 0, least = SIZE_MAX;
    for (size_t i = 0; i < calibration->count; i++) {
        least = calibration->fitted[i].rows < least ? calibration->fitted[i].rows : least;
    }
    used = (size_t)snprintf(line, sizeof line, "Measure next, dense and pruned:");
    for (size_t i = 0; spr_products_worth(i) && count < NEXT_MAX; i++) {
        const int64_t *mkn = spr_products_worth(i);
        if (!measured(products, mkn)) {
            used += (size_t)snprintf(line + used, sizeof line - used, "%s %lldx%lld n %lld",
                                     count ? "," : "", (long long)mkn[0], (long long)mkn[1],
                                     (long long)mkn[2]);
            count++;
        }
    }
    if (count > 0) {
        snprintf(line + used, sizeof line - used, "%s",
                 least < ENOUGH_PRODUCTS
                     ? "."
                     : "; better still, products of your network with n of 64 to 512.");
        spr_text_wrapped(file, line, 0);
    }
}

static enum spr_status write_table(FILE *file, const void *subject,
                                   const struct spr_report *report, struct spr_error *err)
{
    static const char *const heads[] = {
        "kernel",       "pattern", "dtype",     "resi-\ndency",  "calls/\nm x k",
        "error\n50/90", "in\n15%", "gain\n15%", "faster\nfound", "form"};
    const struct spr_fits_report *r = subject;
    struct spr_table table = {.column_count = sizeof heads / sizeof *heads};
    char line[400];
    (void)report, (void)err;
    table.left[0] = table.left[1] = table.left[2] = table.left[3] = table.left[9] = true;
    snprintf(line, sizeof line, "%.60s: %zu times of %zu families, from %.200s",
             r->machine->name, r->products->count, r->calibration->count, r->products->path);
    spr_text_wrapped(file, line, 0);
    fputc('\n', file);
    spr_table_heads(&table, heads, table.column_count);
    for (size_t i = 0; i < r->calibration->count; i++) {
        put_family(&table, &r->calibration->fitted[i]);
    }
    spr_table_write(&table, file, 0);
    spr_table_free(&table);
    fputs("error 50/90: |expected/measured - 1| of half and of 90 % of the times; in 15%:\n"
          "share of them; gain 15%: of speedups over dense; faster found: of dense and\n"
          "pruned that differ by more than 10 %. All for products that were left out: each\n"
          "m x k with all its n.\n",
          file);
    for (size_t i = 0; i < r->calibration->count; i++) {
        put_doubt(file, &r->calibration->fitted[i]);
    }
    put_next(file, r->calibration, r->products);
    return SPR_OK;
}

static void put_row(struct spr_emit *out, const void *subject, size_t index)
{
    const struct spr_fits_report *r = subject;
    const struct spr_product *row = &r->products->rows[index];
    char text[SPR_PATTERN_TEXT];
    spr_emit_number(out, "m", (double)row->m);
    spr_emit_number(out, "k", (double)row->k);
    spr_emit_number(out, "n", (double)row->n);
    spr_emit_text(out, "pattern", spr_pattern_text(&row->pattern, text));
    spr_emit_number(out, "sparsity", row->sparsity);
    spr_emit_text(out, "dtype", spr_dtype_name(row->dtype));
    spr_emit_text(out, "kernel", row->kernel);
    spr_emit_text(out, "residency", spr_residency_name(row->residency));
    spr_emit_number(out, "time_s", row->time_s);
    spr_emit_number(out, "fitted_s", row->fitted_s);
    spr_emit_number(out, "held_out_s", row->held_out_s);
}

static enum spr_status write_csv(FILE *file, const void *subject,
                                 const struct spr_report *report, struct spr_error *err)
{
    const struct spr_fits_report *r = subject;
    const struct spr_report_rows rows = {r, r->products->count, put_row};
    return spr_report_lines(file, &rows, report->format, err);
}

const struct spr_formats spr_fits_formats = {{{SPR_FORMAT_TABLE, write_table},
                                              {SPR_FORMAT_CSV, write_csv},
                                              {SPR_FORMAT_JSONL, write_csv},
                                              {SPR_FORMAT_TABLE, NULL}}};

enum spr_status spr_report_fits(FILE *file, const struct spr_fits_report *of,
                                const struct spr_report *report, struct spr_error *err)
{
    return spr_report_as(&spr_fits_formats, file, of, report, err);
}
