/* SPDX-License-Identifier: Apache-2.0 */
/* What a validation measured of one result: how much of their bounds both kernels reach. */
#include <math.h>

#include "base/table.h"
#include "result/measured.h"
#include "sproof/report.h"

/* true when an earlier layer was measured by the same case. */
static bool told(const struct spr_validation *v, const struct spr_analysis *a,
                 const struct spr_result *result, size_t layer)
{
    const struct spr_validation_case *c = spr_measured_case(v, a, result, layer);
    for (size_t i = 0; i < layer; i++) {
        if (spr_measured_case(v, a, result, i) == c) {
            return true;
        }
    }
    return false;
}

static void put_row(struct spr_table *table, const char *layer,
                    const struct spr_validation_case *c)
{
    char name[SPR_TABLE_CELL];
    spr_table_row(table);
    spr_table_cell(table, 0, "%s", spr_text_short(layer, 26, name));
    spr_table_cell(table, 1, isnan(c->expected_speedup) ? "-" : "%.3gx", c->expected_speedup);
    spr_table_cell(table, 2, "%.3gx", c->measured_speedup);
    spr_table_cell(table, 3, "%.0f%%", 100 * c->dense.fraction_of_bound);
    spr_table_cell(table, 4, "%.0f%%", 100 * c->fraction_of_bound);
    spr_table_cell(table, 5, "%s", c->expected_bound ? c->expected_bound : "-");
}

static void start_table(struct spr_table *table)
{
    static const char *const heads[] = {"layer",    "expected",  "measured",
                                        "dense at", "sparse at", "limit"};
    *table = (struct spr_table){.column_count = 6};
    table->left[0] = table->left[5] = true;
    spr_table_heads(table, heads, 6);
}

void spr_report_measured_cases(FILE *file, const struct spr_analysis *a,
                               const struct spr_result *result, const struct spr_validation *v)
{
    const struct spr_validation_case *any = NULL;
    struct spr_table table;
    size_t missing = 0;
    start_table(&table);
    for (size_t i = 0; i < a->network->layer_count; i++) {
        if (spr_pattern_is_dense(&result->layers[i].choice.pattern)) {
            continue;
        }
        const struct spr_validation_case *c = spr_measured_case(v, a, result, i);
        missing += c == NULL;
        if (c && !told(v, a, result, i)) {
            put_row(&table, a->network->layers[i].name, c);
            any = c;
        }
    }
    if (any) {
        fprintf(file, "\nMeasured here by sproof validate (%s, %d thread%s, caches %s):\n",
                spr_validation_isa(any), any->threads, any->threads == 1 ? "" : "s",
                spr_residency_name(any->residency));
        spr_table_write(&table, file, 2);
        fputs("  dense at, sparse at: percent of the bound that each kernel reaches; layers\n"
              "  alike are told once\n",
              file);
    }
    if (any && missing) {
        fprintf(file, "  %zu pruned layers were not measured, or too noisily\n", missing);
    }
    spr_table_free(&table);
}
