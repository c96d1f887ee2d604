/* SPDX-License-Identifier: Apache-2.0 */
/* The user's times beside the model's, layer by layer. */
#include "report/explained_times.h"

#include <math.h>

#include "base/table.h"
#include "report/judged.h"

static void put_row(struct spr_table *table, const struct spr_judged *row, bool expected)
{
    const struct spr_measured bound = spr_percent_reached(&row->bound, &row->measured);
    spr_table_cell(table, 1, "%.2fx", row->measured.dense_s / row->measured.sparse_s);
    spr_table_cell(table, 2, "%.2fx",
                   spr_speedup_allowed(expected ? &row->expected : &row->bound));
    if (expected) {
        const struct spr_measured of = spr_percent_reached(&row->expected, &row->measured);
        spr_table_cell(table, 3, "%.3g/%.3g%%", of.dense_s, bound.dense_s);
        spr_table_cell(table, 4, "%.3g/%.3g%%", of.sparse_s, bound.sparse_s);
    } else {
        spr_table_cell(table, 3, "%.1f%%", bound.dense_s);
        spr_table_cell(table, 4, "%.1f%%", bound.sparse_s);
    }
    spr_table_cell(table, 5, "%s", spr_finding_remark(spr_finding_of(row)));
}

static void start_table(struct spr_table *table, bool expected)
{
    static const char *const heads[] = {"layer",    "measured",  "bound",
                                        "dense at", "sparse at", "remark"};
    *table = (struct spr_table){.column_count = 6};
    table->left[0] = table->left[5] = true;
    spr_table_heads(table, heads, 6);
    if (expected) {
        spr_table_cell(table, 2, "expected");
    }
}

/* Rows that count twice, or not at all. */
static void put_left_out(FILE *file, const struct spr_times *times)
{
    char line[SPR_TIMES_UNKNOWN + 120];
    if (times->rows_used > times->layers_used) {
        fprintf(file, "  of %zu rows, repeats count as their median\n", times->rows_used);
    }
    if (times->rows_sparsity > 0) {
        fprintf(file, "  %zu row%s at another sparsity, to tell whether time follows zeros\n",
                times->rows_sparsity, times->rows_sparsity == 1 ? " is" : "s are");
    }
    if (times->rows_other > 0) {
        fprintf(file, "  left out: %zu row%s for other patterns, n, dtypes or threads\n",
                times->rows_other, times->rows_other == 1 ? "" : "s");
    }
    if (times->rows_unknown > 0) {
        snprintf(line, sizeof line, "left out: %zu row%s of layers that the record lacks: %s",
                 times->rows_unknown, times->rows_unknown == 1 ? "" : "s", times->unknown);
        spr_text_wrapped(file, line, 2);
    }
}

void spr_explained_times(FILE *file, const struct spr_analysis *a,
                         const struct spr_explanation *e)
{
    bool expected = isfinite(e->result->expected.speedup);
    struct spr_table table;
    size_t faster = 0, slower = 0;
    start_table(&table, expected);
    for (size_t i = 0; i < a->network->layer_count; i++) {
        char name[SPR_TABLE_CELL];
        if (isnan(e->times->dense_s[i])) {
            continue;
        }
        const struct spr_judged row = spr_judge_layer(a, e, i);
        const struct spr_gain gain = spr_gain_of(&row.measured, &row.errors);
        faster += gain.low > 1;
        slower += gain.high < 1;
        spr_table_row(&table);
        spr_table_cell(&table, 0, "%s",
                       spr_text_short(a->network->layers[i].name, expected ? 16 : 24, name));
        put_row(&table, &row, expected);
    }
    fprintf(file, "\nYour layers (%zu measured, %.0f %% of the dense bound):\n",
            e->times->layers_used, 100 * e->sums.share);
    spr_table_write(&table, file, 2);
    spr_table_free(&table);
    if (expected) {
        fprintf(file, "  dense at, sparse at: percent of the expected time / of the bound\n");
    }
    fprintf(file,
            "  %zu take as long as dense within the errors, %zu are faster, %zu slower\n",
            e->times->layers_used - faster - slower, faster, slower);
    put_left_out(file, e->times);
}
