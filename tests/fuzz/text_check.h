/* SPDX-License-Identifier: Apache-2.0 */
/* Small strict parsers of what sproof writes. */
#ifndef SPROOF_TEXT_CHECK_H
#define SPROOF_TEXT_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "plot/plot_text.h"

/* UTF-8 or not, nothing that a terminal acts on. */
bool check_printable(const char *text);

/* One line of UTF-8 without controls, quotes, back-quotes and back-slashes. */
bool check_clean(const char *text);

/* A gnuplot expression of quoted strings whose value is these bytes. */
bool check_gnuplot_string(const char *expression, const char *value);

/* The same of a file, which may stand behind "./", and is no command, option or home. */
bool check_gnuplot_file(const char *expression, const char *name);

/* One word of a POSIX shell: the name, behind "./" or not, with spaces for controls. */
bool check_shell_word(const char *word, const char *name);

/* One field (RFC 4180): the text, behind an apostrophe where a spreadsheet would run it. */
bool check_csv_field(const char *field, const char *text);

/* Every row has as many fields as the first. */
bool check_csv_table(const char *table);

/* Every row of a Markdown table has so many columns. */
bool check_markdown_table(const char *table, size_t columns);

/* Markdown that shows this text, with so many back-slashes. */
bool check_markdown_text(const char *markdown, const char *text, size_t escapes);

/* A code span of this text, and nothing behind it. */
bool check_code_span(const char *markdown, size_t size, const char *text);

/* A gnuplot script: ends the process unless each line is a command, a comment or data, quotes are
 * closed on their lines and outside of them stand only words that a script of plain names has
 * (`learn`: this is one). */
void check_script(const char *script, bool learn);

/* The SVG that gnuplot 5.4 would make of the texts of a script, as far as texts go. */
void picture_of_script(const char *script, struct spr_text *picture);

/* Well-formed XML 1.0 without a document type, in UTF-8. */
bool check_xml(const char *text);

#endif
