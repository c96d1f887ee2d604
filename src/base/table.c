/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned tables. */
#include "base/table.h"

#include <string.h>

#include "base/emit.h"
#include "base/markdown.h"
#include "base/mem.h"

#define TERMINAL_WIDTH 80

void spr_table_row(struct spr_table *table)
{
    if (!spr_grow(&table->cells, &table->capacity, table->row_count + 1,
                  sizeof *table->cells)) {
        table->lost = true;
        return;
    }
    memset(table->cells[table->row_count], 0, sizeof *table->cells);
    table->row_count++;
}

void spr_table_cell(struct spr_table *table, size_t column, const char *format, ...)
{
    if (table->row_count == 0 || table->lost) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(table->cells[table->row_count - 1][column], SPR_TABLE_CELL, format, arguments);
    va_end(arguments);
}

void spr_table_head(struct spr_table *table, size_t column, const char *head)
{
    const char *cut = table->markdown ? strchr(head, '\n') : NULL;
    const bool hyphen = cut && cut > head && cut[-1] == '-';
    if (cut) {
        spr_table_cell(table, column, "%.*s%s%s", (int)(cut - head - hyphen), head,
                       hyphen ? "" : " ", cut + 1);
    } else {
        spr_table_cell(table, column, "%s", head);
    }
}

void spr_table_heads(struct spr_table *table, const char *const *heads, size_t count)
{
    spr_table_row(table);
    for (size_t c = 0; c < count; c++) {
        spr_table_head(table, c, heads[c]);
    }
}

size_t spr_text_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++) {
        width += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return width;
}

/* Bytes of the character at text: 1, or a whole UTF-8 sequence. */
static size_t character(const char *text)
{
    size_t size = 1;
    if (((unsigned char)*text & 0xC0) == 0xC0) {
        while (((unsigned char)text[size] & 0xC0) == 0x80 && size < 4) {
            size++;
        }
    }
    return size;
}

const char *spr_text_short(const char *text, size_t width, char *cell)
{
    size_t length = spr_text_width(text), used = 0, at = 0;
    size_t head = width > 3 ? (width - 2) / 2 : width;
    size_t skip_to = length > width && width > 3 ? length - (width - 2 - head) : head;
    while (*text && used + 5 < SPR_TABLE_CELL) {
        size_t size = character(text);
        bool shown = length <= width || at < head || at >= skip_to;
        if (shown && size == 1) {
            unsigned char c = (unsigned char)*text;
            cell[used++] = c < 0x20 || c >= 0x7F ? '?' : (char)c;
        } else if (shown) {
            memcpy(cell + used, text, size);
            used += size;
        } else if (at == head) {
            memcpy(cell + used, "..", 2);
            used += 2;
        }
        at++;
        text += size;
    }
    cell[used] = '\0';
    spr_make_printable(cell, '?');
    return cell;
}

/* Names stand left; of figures some carry a mark of ours. */
static bool escapes(const struct spr_table *table, size_t column)
{
    return table->markdown && table->left[column];
}

/* Splits headings of two lines: the upper lines become a row above. */
static void split_heads(struct spr_table *table)
{
    char(*cells)[SPR_TABLE_CELL] = NULL;
    for (size_t c = 0; table->row_count > 0 && c < table->column_count; c++) {
        if (strchr(table->cells[0][c], '\n') && !cells) {
            spr_table_row(table);
            if (table->lost) {
                return;
            }
            memmove(table->cells + 1, table->cells,
                    (table->row_count - 1) * sizeof *table->cells);
            cells = table->cells[0];
            memset(cells, 0, sizeof *table->cells);
        }
    }
    for (size_t c = 0; cells && c < table->column_count; c++) {
        char *head = table->cells[1][c], *cut = strchr(head, '\n');
        if (cut) {
            memcpy(cells[c], head, (size_t)(cut - head));
            memmove(head, cut + 1, strlen(cut + 1) + 1);
        }
    }
}

static size_t cells_used(const struct spr_table *table, size_t row)
{
    size_t used = table->column_count;
    while (used > 0 && !*table->cells[row][used - 1]) {
        used--;
    }
    return used;
}

static size_t cell_width(const struct spr_table *table, size_t row, size_t column)
{
    const char *text = table->cells[row][column];
    return spr_text_width(text) + (escapes(table, column) ? spr_markdown_text(NULL, text) : 0);
}

static void write_cell(const struct spr_table *table, FILE *file, size_t row, size_t column,
                       size_t width)
{
    const char *text = table->cells[row][column];
    size_t pad = width - cell_width(table, row, column);
    bool last = !table->markdown && column + 1 == cells_used(table, row);
    if (!table->left[column]) {
        fprintf(file, "%*s", (int)pad, "");
    }
    if (escapes(table, column)) {
        spr_markdown_text(file, text);
    } else {
        fputs(text, file);
    }
    if (table->left[column] && !last) {
        fprintf(file, "%*s", (int)pad, "");
    }
}

static void write_rule(const struct spr_table *table, FILE *file, const size_t *widths)
{
    for (size_t c = 0; c < table->column_count; c++) {
        fputc('|', file);
        for (size_t i = 0; i < widths[c] + 2; i++) {
            bool colon = !table->left[c] && i + 1 == widths[c] + 2;
            fputc(colon ? ':' : '-', file);
        }
    }
    fputs("|\n", file);
}

static void find_widths(const struct spr_table *table, size_t widths[SPR_TABLE_COLUMNS])
{
    for (size_t r = 0; r < table->row_count; r++) {
        for (size_t c = 0; c < table->column_count; c++) {
            size_t width = cell_width(table, r, c);
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
}

size_t spr_table_fit(struct spr_table *table, size_t least)
{
    size_t widths[SPR_TABLE_COLUMNS] = {0}, all = 0;
    find_widths(table, widths);
    for (size_t c = 0; c < table->column_count; c++) {
        all += widths[c] + (c > 0 ? 2 : 0);
    }
    while (all > TERMINAL_WIDTH && table->column_count > least) {
        all -= widths[--table->column_count] + 2;
    }
    return table->column_count;
}

void spr_table_write(struct spr_table *table, FILE *file, int indent)
{
    size_t widths[SPR_TABLE_COLUMNS] = {0};
    split_heads(table);
    find_widths(table, widths);
    for (size_t r = 0; r < table->row_count; r++) {
        fprintf(file, "%*s%s", table->markdown ? 0 : indent, "", table->markdown ? "| " : "");
        /* no trailing blanks on a terminal */
        const size_t shown = table->markdown ? table->column_count : cells_used(table, r);
        for (size_t c = 0; c < shown; c++) {
            fputs(c == 0 ? "" : table->markdown ? " | " : "  ", file);
            write_cell(table, file, r, c, widths[c]);
        }
        fputs(table->markdown ? " |\n" : "\n", file);
        if (table->markdown && r == 0) {
            write_rule(table, file, widths);
        }
    }
    if (table->lost) {
        fputs("(out of memory: rows are missing)\n", file);
    }
}

void spr_table_free(struct spr_table *table)
{
    spr_free(table->cells);
    *table = (struct spr_table){0};
}

void spr_text_wrapped(FILE *file, const char *text, size_t indent)
{
    const size_t width = TERMINAL_WIDTH - 1;
    size_t used = indent;
    fprintf(file, "%*s", (int)indent, "");
    text += strspn(text, " \n");
    while (*text) {
        size_t word = strcspn(text, " \n");
        if (used > indent && used + 1 + word > width) {
            fprintf(file, "\n%*s", (int)indent, "");
            used = indent;
        } else if (used > indent) {
            fputc(' ', file);
            used++;
        }
        fprintf(file, "%.*s", (int)word, text);
        used += word;
        text += word;
        text += strspn(text, " \n");
    }
    fputc('\n', file);
}
