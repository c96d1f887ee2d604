/* SPDX-License-Identifier: Apache-2.0 */
/* The user's times beside the model's, layer by layer. */
#include "report/explained_times.h"

#include <math.h>

#include "base/table.h"
#include "report/verdict.h"

/* One measured layer and what the model says of it. */
struct row {
    struct spr_measured measured, bound, expected;
    bool pruned, same;
};

static struct row row_of(const struct spr_analysis *a, const struct spr_explanation *e,
                         size_t layer)
{
    const struct spr_layer_result *r = &e->result->layers[layer];
    size_t batch = e->result->batch_index;
    struct row row = {
        .measured = {e->times->dense_s[layer], e->times->sparse_s[layer]},
        .bound = {spr_analysis_dense(a, batch, layer)->time_s, r->run.time_s},
        .expected = {spr_analysis_expected_dense(a, batch, layer)->time_s, r->expected.time_s},
        .pruned = !spr_choice_unchanged(&r->choice)};
    row.same = spr_alike(row.measured.dense_s, row.measured.sparse_s);
    return row;
}

/* Shorter where the expected time needs the room. */
static const char *remark(const struct row *row, bool expected)
{
    return spr_beats_bound(&row->measured, &row->bound)
               ? (expected ? "beats bound?" : "beats its bound?")
           : !row->pruned ? ""
           : row->same    ? (expected ? "not skipped?" : "zeros not skipped?")
           : row->measured.sparse_s > row->measured.dense_s
               ? (expected ? "slower" : "slower than dense")
               : "";
}

static void put_row(struct spr_table *table, const struct row *row, bool expected)
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
    spr_table_cell(table, 5, "%s", remark(row, expected));
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

void spr_explained_times(FILE *file, const struct spr_analysis *a,
                         const struct spr_explanation *e)
{
    bool expected = isfinite(e->result->expected.speedup);
    struct spr_table table;
    size_t fates[3] = {0};
    start_table(&table, expected);
    for (size_t i = 0; i < a->network->layer_count; i++) {
        char name[SPR_TABLE_CELL];
        if (isnan(e->times->dense_s[i])) {
            continue;
        }
        struct row row = row_of(a, e, i);
        fates[row.same ? 0 : row.measured.sparse_s < row.measured.dense_s ? 1 : 2]++;
        spr_table_row(&table);
        spr_table_cell(&table, 0, "%s",
                       spr_text_short(a->network->layers[i].name, expected ? 16 : 24, name));
        put_row(&table, &row, expected);
    }
    fprintf(file, "\nYour layers (%zu measured, %.0f %% of the dense bound):\n",
            e->times->rows_used, 100 * e->sums.share);
    spr_table_write(&table, file, 2);
    spr_table_free(&table);
    if (expected) {
        fprintf(file, "  dense at, sparse at: percent of the expected time / of the bound\n");
    }
    fprintf(file, "  %zu take as long as dense, %zu are faster, %zu slower\n", fates[0],
            fates[1], fates[2]);
}
