/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of a convolutional network: measured times, and how far off the expected ones are. */
#include <math.h>

#include "base/table.h"
#include "report/end_to_end_rows.h"
#include "report/figures.h"
#include "sproof/report.h"

/* Networks side by side. */
#define SIDE_BY_SIDE 3

static void put_cell(struct spr_table *table, size_t column, double expected_s,
                     double measured_s)
{
    char text[24];
    const double error = expected_s / measured_s - 1;
    if (!(measured_s > 0) || expected_s == 0) {
        spr_table_cell(table, column, "-");
        return;
    }
    spr_format_seconds(measured_s, text);
    if (isnan(error)) {
        spr_table_cell(table, column, "%s", text);
    } else {
        spr_table_cell(table, column, "%s %+.0f%%", text, 100 * error);
    }
}

static void put_some(FILE *file, const struct spr_validation *v, size_t first, size_t count)
{
    const char *heads[SIDE_BY_SIDE + 1] = {""};
    struct spr_table table = {.column_count = count + 1};
    char names[SIDE_BY_SIDE][SPR_TABLE_CELL];
    table.left[0] = true;
    for (size_t i = 0; i < count; i++) {
        heads[i + 1] = spr_text_short(v->end_to_end[first + i].variant, 20, names[i]);
    }
    spr_table_heads(&table, heads, count + 1);
    for (size_t p = 0; p <= SPR_END_TO_END_PARTS_MAX; p++) {
        const bool all = p == SPR_END_TO_END_PARTS_MAX;
        char name[SPR_TABLE_CELL];
        spr_table_row(&table);
        spr_table_cell(&table, 0, "%s",
                       all ? "all" : spr_text_short(v->part_names[p], 20, name));
        for (size_t i = 0; i < count; i++) {
            const struct spr_end_to_end_case *c = &v->end_to_end[first + i];
            put_cell(&table, i + 1, all ? c->expected_s : c->expected_part_s[p],
                     all ? c->measured.time_s : c->part_s[p]);
        }
    }
    spr_table_write(&table, file, 0);
    spr_table_free(&table);
}

void spr_report_convnet(FILE *file, const struct spr_validation *v)
{
    fprintf(file, "\nend to end, batch %lld, max pooling %s k-winner-take-all, one thread\n\n",
            (long long)v->tokens, v->pool_after ? "after" : "before");
    spr_end_to_end_times(file, v, 20);
    fputs("\nmeasured time of each layer, and how far off the expected one is\n", file);
    for (size_t i = 0; i < v->end_to_end_count; i += SIDE_BY_SIDE) {
        const size_t left = v->end_to_end_count - i;
        put_some(file, v, i, left < SIDE_BY_SIDE ? left : SIDE_BY_SIDE);
    }
    spr_text_wrapped(
        file,
        "winners: products take k-winner-take-all's winners alone; others end in ReLU, which "
        "is pooling's, as is the bias. Every value of every layer was checked against double "
        "precision before.",
        0);
}
