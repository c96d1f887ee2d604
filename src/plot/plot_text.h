/* SPDX-License-Identifier: Apache-2.0 */
/* Growing text, and what a plotted text may contain. */
#ifndef SPROOF_PLOT_PLOT_TEXT_H
#define SPROOF_PLOT_PLOT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "sproof/status.h"

/* Zeroed means empty; `failed` sticks when memory ran out. */
struct spr_text {
    char *data; /* NUL-terminated once anything was added, else NULL */
    size_t used, capacity;
    bool failed;
};

void spr_text_add(struct spr_text *text, const char *format, ...) SPR_PRINTF(2, 3);
void spr_text_add_bytes(struct spr_text *text, const char *bytes, size_t count);
void spr_text_free(struct spr_text *text);

/* Bytes enough for any text in a picture. */
#define SPR_CLEAN_TEXT 640

/* Copies names that come from users' tables into a form no quoting rule of gnuplot, SVG or
 * JavaScript can trip over: one line of valid UTF-8 in which quotes, back-quotes and
 * back-slashes are replaced by look-alikes; more than `most` characters end in "...".
 * Fills and returns clean[SPR_CLEAN_TEXT]. */
const char *spr_text_clean(const char *source, size_t most, char *clean);

/* Appends a gnuplot expression whose value is exactly these bytes, whatever they are. */
void spr_text_add_quoted(struct spr_text *text, const char *bytes);

/* A file name for gnuplot, quoted, and never one of the names that it takes for a command, an
 * option or a home: "./" stands before it. */
void spr_text_add_file(struct spr_text *text, const char *name);

/* A file name as a word of a shell, for people to copy; control characters become spaces. */
void spr_text_add_shell_word(struct spr_text *text, const char *name);

/* Appends one CSV field, quoted where RFC 4180 asks for it; an apostrophe keeps spreadsheets from
 * running it. NULL: nothing. */
void spr_text_add_csv(struct spr_text *text, const char *field);

/* Appends ",number"; nothing after the comma for NAN and infinities. */
void spr_text_add_csv_number(struct spr_text *text, double value);

#define SPR_SHORT_TEXT 48

/* "312 T", "19.5 G": at most 4 significant digits; returns text[SPR_SHORT_TEXT]. */
const char *spr_text_si(double value, char *text);

/* "183 µs", "9.21 ms"; ascii writes "us". Returns text[SPR_SHORT_TEXT]. */
const char *spr_text_time(double seconds, bool ascii, char *text);

/* "1.62x", "0.07x", "18x": as many digits as are worth reading. */
const char *spr_text_factor(double factor, char *text);

#endif
