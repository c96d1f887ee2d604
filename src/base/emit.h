/* SPDX-License-Identifier: Apache-2.0 */
/* Streaming writer: one walk over named members, written as JSON or as CSV. */
#ifndef SPROOF_BASE_EMIT_H
#define SPROOF_BASE_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define SPR_EMIT_CACHE 2048

enum spr_notation {
    SPR_EMIT_JSON,
    SPR_EMIT_CSV_HEADER, /* the keys of the outermost object */
    SPR_EMIT_CSV_ROW,    /* its values; nested containers are left out in both */
};

struct spr_emit {
    FILE *file;
    enum spr_notation notation;
    int depth;
    int flat_depth; /* JSON nested deeper than this goes on one line */
    bool first;
    size_t used;
    size_t flushed; /* bytes that have left the buffer */
    char buffer[1 << 15];
    struct {
        double value;
        unsigned char size;
        char text[26];
    } cache[SPR_EMIT_CACHE]; /* numbers repeat from layer to layer: format each once */
};

void spr_emit_begin(struct spr_emit *out, FILE *file, int flat_depth);

/* Writes what is buffered; failures stay in ferror(file). */
void spr_emit_flush(struct spr_emit *out);

/* Bytes of everything so far. */
size_t spr_emit_size(const struct spr_emit *out);

/* A writer, begun; NULL: out of memory. spr_emit_end flushes and frees it. */
struct spr_emit *spr_emit_new(FILE *file, int flat_depth);
void spr_emit_end(struct spr_emit *out);

/* End of a JSON line, a CSV row, or the document. */
void spr_emit_newline(struct spr_emit *out);

/* key NULL inside arrays. bracket is '{' or '[', '}' or ']'. */
void spr_emit_open(struct spr_emit *out, const char *key, char bracket);
void spr_emit_close(struct spr_emit *out, char bracket);

/* NAN and infinities become null. Integers are exact, other numbers read back the same. */
void spr_emit_number(struct spr_emit *out, const char *key, double value);
/* NULL becomes null. In CSV, which is for people and their spreadsheets, what is a formula to
 * these stands behind an apostrophe. */
void spr_emit_text(struct spr_emit *out, const char *key, const char *text);
void spr_emit_bool(struct spr_emit *out, const char *key, bool value);
void spr_emit_null(struct spr_emit *out, const char *key);

/* true for a text that a spreadsheet runs: it begins with = + - @, a tab or a carriage return. */
bool spr_csv_is_formula(const char *text);

/* Bytes of the UTF-8 sequence at text, 0 when it is malformed. */
size_t spr_utf8_length(const char *text);

/* Replaces what a terminal would act on: control characters, C1 (U+0080 to U+009F, and the bytes
 * 0x80 to 0x9F where they are no UTF-8) included. Of text that comes from a file, before it is
 * kept or leaves. `blank` is one byte. */
void spr_make_printable(char *text, char blank);

/* true for a name that can be printed: UTF-8 without control characters. */
bool spr_utf8_is_name(const char *text);

/* The shortest of %.15g, %.16g, %.17g that reads back the same; text holds 32 bytes. */
size_t spr_format_number(double value, char *text);

#endif
