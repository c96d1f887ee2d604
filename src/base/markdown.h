/* SPDX-License-Identifier: Apache-2.0 */
/* Text as Markdown (CommonMark, with the tables of GitHub): what a name out of a file is made of
 * becomes neither markup nor HTML nor a further column. Names without such characters are
 * written as they are. */
#ifndef SPROOF_BASE_MARKDOWN_H
#define SPROOF_BASE_MARKDOWN_H

#include <stddef.h>
#include <stdio.h>

/* Text within a line or a cell of a table, escaped with backslashes; how many. file NULL: only
 * counts them. */
size_t spr_markdown_text(FILE *file, const char *text);

/* Whole lines, escaped as above and so that none begins a heading, a list or a quotation. */
void spr_markdown_lines(FILE *file, const char *lines);

/* A code span; its fence is longer than any in the text. */
void spr_markdown_code(FILE *file, const char *text);

/* A block of code out of whole lines, fenced likewise. */
void spr_markdown_block(FILE *file, const char *lines);

#endif
