/* SPDX-License-Identifier: Apache-2.0 */
/* Whole networks: predicted beside measured, and where the time goes. */
#include <math.h>

#include "base/table.h"
#include "report/end_to_end_rows.h"
#include "report/figures.h"
#include "sproof/report.h"

static const char *const part_heads[SPR_END_TO_END_PARTS + 1] = {
    "", "q, k, v, o", "feed-fwd", "attention", "gelu", "norm"};

void spr_end_to_end_times(FILE *file, const struct spr_validation *v, size_t name_width)
{
    static const char *const heads[] = {"",        "expected", "measured", "+-",     "error",
                                        "speedup", "measured", "ceiling",  "weights"};
    struct spr_table table = {.column_count = 9};
    char cell[SPR_TABLE_CELL], text[24];
    table.left[0] = true;
    spr_table_heads(&table, heads, 9);
    for (size_t i = 0; i < v->end_to_end_count; i++) {
        const struct spr_end_to_end_case *c = &v->end_to_end[i];
        double width = (c->measured.high_s - c->measured.low_s) / 2 / c->measured.time_s;
        spr_table_row(&table);
        spr_table_cell(&table, 0, "%s", spr_text_short(c->variant, name_width, cell));
        spr_table_cell(&table, 1, "%s", spr_seconds_or_dash(c->expected_s, text));
        spr_table_cell(&table, 2, "%s", spr_format_seconds(c->measured.time_s, text));
        spr_table_cell(&table, 3, isnan(width) ? "-" : "%.1f%%", 100 * width);
        spr_table_cell(&table, 4, "%s", spr_error_or_dash(c->error, text));
        spr_table_cell(&table, 5, "%s", spr_factor_or_dash(c->expected_speedup, text));
        spr_table_cell(&table, 6, "%s", spr_factor_or_dash(c->measured_speedup, text));
        spr_table_cell(&table, 7, "%s", spr_factor_or_dash(c->amdahl_ceiling, text));
        spr_table_cell(&table, 8, "%.3g MB", c->weight_bytes / 1e6);
    }
    spr_table_write(&table, file, 0);
    spr_table_free(&table);
}

static void put_parts(FILE *file, const struct spr_validation *v)
{
    struct spr_table table = {.column_count = SPR_END_TO_END_PARTS + 1};
    char cell[SPR_TABLE_CELL], text[24];
    table.left[0] = true;
    spr_table_heads(&table, part_heads, SPR_END_TO_END_PARTS + 1);
    for (size_t i = 0; i < v->end_to_end_count; i++) {
        const struct spr_end_to_end_case *c = &v->end_to_end[i];
        spr_table_row(&table);
        spr_table_cell(&table, 0, "%s", spr_text_short(c->variant, 16, cell));
        for (size_t p = 0; p < SPR_END_TO_END_PARTS; p++) {
            double error = c->expected_part_s[p] / c->part_s[p] - 1;
            spr_format_seconds(c->part_s[p], text);
            if (isnan(error)) {
                spr_table_cell(&table, p + 1, "%s", text);
            } else {
                spr_table_cell(&table, p + 1, "%s %+.0f%%", text, 100 * error);
            }
        }
    }
    spr_table_write(&table, file, 0);
    spr_table_free(&table);
}

static const struct spr_end_to_end_case *worst_of(const struct spr_validation *v)
{
    const struct spr_end_to_end_case *worst = &v->end_to_end[0];
    for (size_t i = 1; i < v->end_to_end_count; i++) {
        const struct spr_end_to_end_case *c = &v->end_to_end[i];
        worst = fabs(c->error) > fabs(worst->error) ? c : worst;
    }
    return worst;
}

/* It varies; that much tells that the cores are others, and no two are so far apart that a line
 * takes microseconds. */
#define FARTHER 1.5
#define WAITING_S 2e-6

static void put_transfer(FILE *file, const struct spr_validation *v)
{
    const double probed_s = v->machine.kernels ? v->machine.kernels->transfer_s : (double)NAN;
    char line[256];
    if (v->transfer_s > 0 && probed_s > 0) {
        bool other = v->transfer_s > FARTHER * probed_s || probed_s > FARTHER * v->transfer_s;
        snprintf(line, sizeof line,
                 "a cache line goes to the next thread in %.0f ns, when probed in %.0f%s",
                 1e9 * v->transfer_s, 1e9 * probed_s,
                 v->transfer_s > WAITING_S
                     ? ": threads wait for cores that other programs hold"
                 : other ? ": the threads are on other cores now, and times differ for that"
                         : "");
        spr_text_wrapped(file, line, 0);
    }
}

static void put_encoders(FILE *file, const struct spr_validation *v)
{
    put_transfer(file, v);
    fprintf(file, "\nend to end, %lld tokens, activations flowing through the layers\n\n",
            (long long)v->tokens);
    spr_end_to_end_times(file, v, 16);
    fputs("\nwhere the measured time goes, and how far off the expected one is\n", file);
    put_parts(file, v);
    spr_text_wrapped(
        file,
        "ceiling: the pruned layers for nothing. attention: scores, softmax, context. norm: "
        "with bias and residual. Every piece was checked against double precision before.",
        0);
}

void spr_report_end_to_end(FILE *file, const struct spr_validation *validation)
{
    const struct spr_validation *v = validation;
    const struct spr_end_to_end_case *worst = worst_of(v);
    char text[512];
    if (v->part_names) {
        spr_report_convnet(file, v);
    } else {
        put_encoders(file, v);
    }
    if (!isnan(worst->error)) {
        char name[SPR_TABLE_CELL];
        snprintf(text, sizeof text,
                 "Is the prediction true end to end? The worst of %zu is %s, off by %+.0f "
                 "%%.",
                 v->end_to_end_count, spr_text_short(worst->variant, 30, name),
                 100 * worst->error);
        fputc('\n', file);
        spr_text_wrapped(file, text, 0);
    }
}
