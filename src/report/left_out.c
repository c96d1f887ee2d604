/* SPDX-License-Identifier: Apache-2.0 */
/* Where parameters are, and what is left out of the layers. */
#include "report/left_out.h"

#include <math.h>
#include <string.h>

#include "base/table.h"

#define NAME_WIDTH 22
#define LEFT_OUT_SHOWN 10

const char *spr_grouped(double value, char text[32])
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%.0f", value), used = 0;
    for (int i = 0; i < length && used < 30; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            text[used++] = ',';
        }
        text[used++] = digits[i];
    }
    text[used] = '\0';
    return text;
}

void spr_report_account(FILE *file, const struct spr_account *account)
{
    const struct {
        double parameters;
        const char *where;
    } parts[] = {{account->aside, "tables, biases and norms"},
                 {account->scales, "scales"},
                 {account->left_out, "what is left out"}};
    char number[32];
    if (!(account->listed < account->parameters)) {
        return;
    }
    char line[256];
    size_t used = (size_t)snprintf(line, sizeof line, "%s of them in layers",
                                   spr_grouped(account->listed, number));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].parameters > 0) {
            used += (size_t)snprintf(line + used, sizeof line - used, ", %s in %s",
                                     spr_grouped(parts[i].parameters, number), parts[i].where);
        }
    }
    spr_text_wrapped(file, line, 0);
}

static bool left_out_alike(const struct spr_left_out *a, const struct spr_left_out *b)
{
    return strcmp(a->reason, b->reason) == 0 && !(a->weights < b->weights) &&
           !(a->weights > b->weights);
}

static void put_left_out_row(struct spr_table *table, const struct spr_weights *weights,
                             size_t first, double count, double all)
{
    const struct spr_left_out *l = &weights->left_out[first];
    char name[SPR_TABLE_CELL], number[32], prefix[24] = "";
    if (count > 1) {
        snprintf(prefix, sizeof prefix, "%.0f x ", count);
    }
    spr_table_row(table);
    spr_table_cell(table, 0, "%s%s", prefix,
                   spr_text_short(l->name, NAME_WIDTH - strlen(prefix), name));
    spr_table_cell(table, 1, "%s", spr_text_short(l->reason, 38, name));
    spr_table_cell(table, 2, "%s", spr_grouped(count * l->weights, number));
    spr_table_cell(table, 3, "%.1f%%", all > 0 ? 100 * count * l->weights / all : 0);
    if (!isnan(l->multiply_adds)) {
        spr_table_cell(table, 4, "%.3g", count * l->multiply_adds);
    }
}

void spr_report_left_out(FILE *file, const struct spr_weights *weights, bool layers)
{
    static const char *const heads[] = {"left out", "what it is", "weights", "share",
                                        "multiply-adds"};
    const struct spr_account account = spr_weights_account(weights);
    const struct spr_left_out *l = weights->left_out;
    const size_t count = weights->left_out_count;
    struct spr_table table = {.column_count = 5};
    size_t more = 0, rows = 0;
    table.left[0] = table.left[1] = true;
    spr_table_heads(&table, heads, 5);
    for (size_t i = 0; i < count; i++) {
        /* Alike ones follow each other. */
        double same = 1;
        size_t first = i;
        while (!layers && i + 1 < count && left_out_alike(&l[first], &l[i + 1])) {
            same++;
            i++;
        }
        if (layers || rows++ < LEFT_OUT_SHOWN) {
            put_left_out_row(&table, weights, first, same, account.listed + account.left_out);
        } else {
            more += (size_t)same;
        }
    }
    spr_table_write(&table, file, 0);
    spr_table_free(&table);
    if (more > 0) {
        fprintf(file, "and %zu more: --layers\n", more);
    }
    fputc('\n', file);
}

void spr_emit_account(struct spr_emit *out, const struct spr_weights *weights)
{
    const struct spr_account account = spr_weights_account(weights);
    spr_emit_number(out, "parameters", account.parameters);
    spr_emit_number(out, "parameters_listed", account.listed);
    spr_emit_number(out, "parameters_aside", account.aside);
    spr_emit_number(out, "parameters_scales", account.scales);
    spr_emit_number(out, "parameters_left_out", account.left_out);
    spr_emit_number(out, "bytes_listed", account.bytes);
    spr_emit_text(out, "stored_as", spr_weights_dtype(weights));
    spr_emit_number(out, "left_out_share", spr_left_out_share(&account));
    spr_emit_number(out, "multiply_adds", account.multiply_adds);
    spr_emit_open(out, "left_out", '[');
    for (size_t i = 0; i < weights->left_out_count; i++) {
        const struct spr_left_out *l = &weights->left_out[i];
        spr_emit_open(out, NULL, '{');
        spr_emit_text(out, "name", l->name);
        spr_emit_text(out, "reason", l->reason);
        spr_emit_number(out, "weights", l->weights);
        spr_emit_number(out, "multiply_adds", l->multiply_adds);
        spr_emit_close(out, '}');
    }
    spr_emit_close(out, ']');
}
