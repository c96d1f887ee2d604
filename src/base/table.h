/* SPDX-License-Identifier: Apache-2.0 */
/* Small aligned tables for the terminal and for Markdown. */
#ifndef SPROOF_BASE_TABLE_H
#define SPROOF_BASE_TABLE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "sproof/status.h"

#define SPR_TABLE_COLUMNS 12
#define SPR_TABLE_CELL 72

/* Rows are kept until the widths are known. Zeroed plus column_count is empty. A heading may have
 * two lines ("breaks\neven at"; "accu-\nracy"), which in Markdown become one. */
struct spr_table {
    size_t column_count;
    bool left[SPR_TABLE_COLUMNS]; /* left-aligned, else right-aligned */
    bool markdown;                /* names, which are left-aligned, are escaped */
    size_t row_count, capacity;
    char (*cells)[SPR_TABLE_COLUMNS][SPR_TABLE_CELL]; /* [row], the first is the heading */
    bool lost;                                        /* a row could not be stored */
};

/* Starts a new row; its cells are empty until set. */
void spr_table_row(struct spr_table *table);

/* A new row whose first cells are these headings: in Markdown two lines become one. */
void spr_table_heads(struct spr_table *table, const char *const *heads, size_t count);

/* Sets a heading of the last row. */
void spr_table_head(struct spr_table *table, size_t column, const char *head);

/* Sets a cell of the last row. */
void spr_table_cell(struct spr_table *table, size_t column, const char *format, ...)
    SPR_PRINTF(3, 4);

/* Leaves the last columns out, but for `least`, until the lines fit a terminal of 80; how many
 * are left. */
size_t spr_table_fit(struct spr_table *table, size_t least);

/* Writes the table with `indent` spaces before each line. */
void spr_table_write(struct spr_table *table, FILE *file, int indent);

void spr_table_free(struct spr_table *table);

/* Columns of text on a terminal: characters, not bytes, of UTF-8. */
size_t spr_text_width(const char *text);

/* text cut to `width` columns in the middle ("encoder...dense"), into cell[SPR_TABLE_CELL];
 * bytes that a terminal would act on become '?'. */
const char *spr_text_short(const char *text, size_t width, char *cell);

/* Writes text indented, broken at spaces before column 80, and a newline. */
void spr_text_wrapped(FILE *file, const char *text, size_t indent);

#endif
