/* SPDX-License-Identifier: Apache-2.0 */
/* CSV tables: header row, named columns, line numbers. The only file that knows libcsv is
 * csv.c. */
#ifndef SPROOF_BASE_CSV_H
#define SPROOF_BASE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sproof/status.h"

/* Bad rows reported before a table is given up. */
#define SPR_BAD_ROWS_MAX 20

struct spr_csv {
    const char *path;
    const char *const *columns; /* known names, ended by NULL */
    int *position;              /* [known column] cell index or -1 */
    struct spr_notes *notes;
    struct spr_error *err;
    size_t line;  /* line of the row at hand, from 1 */
    char **cells; /* cells of the row at hand, NUL-terminated */
    size_t cell_count;
    size_t bad_rows;
    char left_out[256]; /* what a comment says that the table lacks; "" nothing */
};

/* Handles one data row; a status other than SPR_OK ends the reading, except that
 * SPR_EINPUT goes on to the next row until SPR_BAD_ROWS_MAX rows were bad. */
typedef enum spr_status spr_csv_row(struct spr_csv *csv, void *context);

/* Reads a whole table. `columns` are the known names, the first `needed` of them are
 * required. Errors: SPR_EINPUT for every kind of bad input, SPR_ENOMEM. */
enum spr_status spr_csv_read(const char *path, const char *const *columns, size_t needed,
                             spr_csv_row *row, void *context, struct spr_notes *notes,
                             struct spr_error *err);

/* The cell of a known column, "" when the column or the cell is missing. */
const char *spr_csv_cell(const struct spr_csv *csv, size_t column);

/* The cell as a name: control characters and what is not UTF-8 are refused. */
enum spr_status spr_csv_name(struct spr_csv *csv, size_t column, const char **text);

/* Reports `file:line: column 'k': 'abc': expected ...`. Returns SPR_EINPUT. */
enum spr_status spr_csv_bad(struct spr_csv *csv, size_t column, const char *expected);

/* An integer low..high. An empty cell gives *value unchanged and SPR_OK. */
enum spr_status spr_csv_integer(struct spr_csv *csv, size_t column, int64_t low, int64_t high,
                                int64_t *value);

/* A finite number low..high; `expected` names the range. An empty cell leaves *value. */
enum spr_status spr_csv_number(struct spr_csv *csv, size_t column, double low, double high,
                               const char *expected, double *value);

/* The same for a count: a whole number (spr_parse_whole). */
enum spr_status spr_csv_count(struct spr_csv *csv, size_t column, double high,
                              const char *expected, double *value);

/* A fraction 0..1, also written as 90%. An empty cell leaves *value. */
enum spr_status spr_csv_fraction(struct spr_csv *csv, size_t column, double *value);

/* Parses all of text as a finite decimal number; no hexadecimal, no infinity, no NaN. */
bool spr_parse_number(const char *text, double *value);

/* Parses 0.9 or 90% into a fraction; false unless it is within 0..1. */
bool spr_parse_fraction(const char *text, double *value);

#endif
