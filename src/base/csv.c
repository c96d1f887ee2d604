/* SPDX-License-Identifier: Apache-2.0 */
/* Thin wrapper of libcsv: RFC 4180 tables with a header row, `#` lines and a BOM. */
#include "base/csv.h"

#include <csv.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

/* Longest physical line, longest quoted cell and most cells of a row: far above any real
 * table, low enough that a hostile file cannot make the parser buffer without bound. */
#define LINE_MAX_BYTES ((size_t)1 << 20)
#define CELLS_MAX 1024

struct reader {
    struct spr_csv table;
    struct csv_parser parser;
    spr_csv_row *row;
    void *context;
    size_t needed;
    size_t physical_line;
    char *text; /* cells of the row, one after the other, NUL-separated */
    size_t used, capacity;
    size_t offsets[CELLS_MAX];
    char *cells[CELLS_MAX];
    size_t cell_count;
    bool row_open; /* between the first cell and the end of its row */
    bool header_seen;
    size_t header_cells;
    enum spr_status status;
};

static void fail_line(struct reader *r, const char *what)
{
    if (r->status == SPR_OK) {
        r->status = spr_fail_more(r->table.err, SPR_EINPUT, "%s:%zu: %s", r->table.path,
                                  r->table.line, what);
    }
}

static void on_cell(void *data, size_t size, void *context)
{
    struct reader *r = context;
    if (r->status != SPR_OK) {
        return;
    }
    if (!r->row_open) {
        r->row_open = true;
        r->table.line = r->physical_line;
    }
    if (r->cell_count == CELLS_MAX) {
        fail_line(r, "more than 1024 cells in a row");
        return;
    }
    if (size > 0 && memchr(data, '\0', size)) {
        fail_line(r, "a NUL byte: expected a text file in CSV");
        return;
    }
    if (!spr_grow(&r->text, &r->capacity, r->used + size + 1, 1)) {
        r->status = spr_no_memory(r->table.err);
        return;
    }
    if (size > 0) {
        memcpy(r->text + r->used, data, size);
    }
    r->text[r->used + size] = '\0';
    r->offsets[r->cell_count++] = r->used;
    r->used += size + 1;
}

static size_t find_column(const char *const *columns, const char *name)
{
    size_t i = 0;
    while (columns[i] && strcmp(columns[i], name) != 0) {
        i++;
    }
    return i;
}

static void unknown_column(struct reader *r, const char *name)
{
    const char *near = spr_nearest(name, r->table.columns);
    if (*name == '\0') {
        return; /* a trailing comma */
    }
    if (near) {
        spr_note(r->table.notes,
                 "%s:%zu: unknown column '%.60s' is ignored; did you mean '%s'?",
                 r->table.path, r->table.line, name, near);
    } else {
        spr_note(r->table.notes, "%s:%zu: unknown column '%.60s' is ignored", r->table.path,
                 r->table.line, name);
    }
}

static void read_header(struct reader *r)
{
    const char *const *columns = r->table.columns;
    r->header_seen = true;
    r->header_cells = r->cell_count;
    for (size_t i = 0; i < r->cell_count && r->status == SPR_OK; i++) {
        size_t column = find_column(columns, r->cells[i]);
        if (!columns[column]) {
            unknown_column(r, r->cells[i]);
        } else if (r->table.position[column] >= 0) {
            r->status = spr_fail(r->table.err, SPR_EINPUT, "%s:%zu: column '%s' appears twice",
                                 r->table.path, r->table.line, columns[column]);
        } else {
            r->table.position[column] = (int)i;
        }
    }
    for (size_t i = 0; i < r->needed && r->status == SPR_OK; i++) {
        if (r->table.position[i] < 0) {
            r->status =
                spr_fail(r->table.err, SPR_EINPUT,
                         "%s:%zu: column '%s' is missing: expected a header row with '%s'",
                         r->table.path, r->table.line, columns[i], columns[i]);
        }
    }
}

/* A decimal comma makes one cell too many: taken as it stands it would change figures. */
static enum spr_status check_width(struct reader *r)
{
    for (size_t i = r->header_cells; i < r->cell_count; i++) {
        if (r->cells[i][0] != '\0') {
            return spr_fail_more(r->table.err, SPR_EINPUT,
                                 "%s:%zu: %zu cells, the header has %zu: expected a cell that "
                                 "holds a comma in quotes",
                                 r->table.path, r->table.line, r->cell_count, r->header_cells);
        }
    }
    return SPR_OK;
}

static void read_row(struct reader *r)
{
    r->table.cells = r->cells;
    r->table.cell_count = r->cell_count;
    enum spr_status status = check_width(r);
    status = status ? status : r->row(&r->table, r->context);
    if (status == SPR_EINPUT) {
        r->table.bad_rows++;
        if (r->table.bad_rows < SPR_BAD_ROWS_MAX) {
            return;
        }
        spr_fail_more(r->table.err, SPR_EINPUT, "%s: %d bad rows, reading stopped",
                      r->table.path, SPR_BAD_ROWS_MAX);
    }
    r->status = status;
}

static void on_row(int terminator, void *context)
{
    struct reader *r = context;
    (void)terminator;
    r->row_open = false;
    for (size_t i = 0; i < r->cell_count; i++) {
        r->cells[i] = r->text + r->offsets[i];
    }
    bool empty = r->cell_count == 0 || (r->cell_count == 1 && r->cells[0][0] == '\0');
    if (r->status == SPR_OK && !empty) {
        if (r->header_seen) {
            read_row(r);
        } else {
            read_header(r);
        }
    }
    r->cell_count = 0;
    r->used = 0;
}

/* The comment of a table that lacks a part of what it was made of. */
static void tell_left_out(struct reader *r, const char *line, size_t size)
{
    static const char start[] = "# left out: ";
    if (size > sizeof start && memcmp(line, start, sizeof start - 1) == 0) {
        const int length = (int)strcspn(line + 2, "\r\n");
        spr_note(r->table.notes, "%s:%zu: %.*s", r->table.path, r->physical_line, length,
                 line + 2);
        snprintf(r->table.left_out, sizeof r->table.left_out, "%.*s", length, line + 2);
    }
}

/* One physical line, its end included. `#` starts a comment only where a row starts. */
static void feed_line(struct reader *r, char *line, size_t size)
{
    r->physical_line++;
    if (r->physical_line == 1 && size >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) {
        line += 3;
        size -= 3;
    }
    if (!r->row_open && size > 0 && line[0] == '#') {
        tell_left_out(r, line, size);
        return;
    }
    if (!r->row_open) {
        r->table.line = r->physical_line;
    }
    if (csv_parse(&r->parser, line, size, on_cell, on_row, r) != size && r->status == SPR_OK) {
        r->status =
            csv_error(&r->parser) == CSV_ENOMEM
                ? spr_no_memory(r->table.err)
                : spr_fail_more(r->table.err, SPR_EINPUT,
                                "%s:%zu: a quote in the wrong place: expected RFC 4180 CSV, "
                                "quotes around a whole cell and doubled inside it",
                                r->table.path, r->physical_line);
    }
    /* libcsv reports no event while a quoted cell goes on; state 0 is "row not begun". */
    r->row_open = r->parser.pstate != 0;
    if (r->row_open && csv_get_buffer_size(&r->parser) > LINE_MAX_BYTES) {
        fail_line(r, "a quoted cell longer than 1 MiB starts here: is its quote closed?");
    }
}

static void feed_file(struct reader *r, FILE *file)
{
    char *line = NULL;
    size_t capacity = 0, used = 0, got;
    char chunk[1 << 15];
    while (r->status == SPR_OK && (got = fread(chunk, 1, sizeof chunk, file)) > 0) {
        char *from = chunk, *end = chunk + got;
        while (from < end && r->status == SPR_OK) {
            char *newline = memchr(from, '\n', (size_t)(end - from));
            char *stop = newline ? newline + 1 : end;
            size_t size = (size_t)(stop - from);
            if (used + size > LINE_MAX_BYTES) {
                r->table.line = r->physical_line + 1;
                fail_line(r, "a line longer than 1 MiB: expected a CSV table");
            } else if (newline && used == 0) {
                feed_line(r, from, size);
            } else if (!spr_grow(&line, &capacity, used + size, 1)) {
                r->status = spr_no_memory(r->table.err);
            } else {
                memcpy(line + used, from, size);
                used += size;
                if (newline) {
                    feed_line(r, line, used);
                    used = 0;
                }
            }
            from = stop;
        }
    }
    if (r->status == SPR_OK && ferror(file)) {
        r->status =
            spr_fail(r->table.err, SPR_EINPUT, "%s: %s", r->table.path, strerror(errno));
    }
    if (r->status == SPR_OK && used > 0) {
        feed_line(r, line, used);
    }
    spr_free(line);
}

static void finish(struct reader *r)
{
    if (r->status != SPR_OK) {
        return;
    }
    size_t row_line = r->table.line;
    if (csv_fini(&r->parser, on_cell, on_row, r) != 0 && r->status == SPR_OK) {
        r->status = spr_fail_more(r->table.err, SPR_EINPUT,
                                  "%s:%zu: a quoted cell that starts here is never closed",
                                  r->table.path, row_line);
    }
    if (r->status == SPR_OK && r->table.bad_rows > 0) {
        r->status = SPR_EINPUT;
    }
    if (r->status == SPR_OK && !r->header_seen) {
        r->status = spr_fail(r->table.err, SPR_EINPUT,
                             "%s: empty file: expected a header row with '%s'", r->table.path,
                             r->table.columns[0]);
    }
}

static enum spr_status open_table(const char *path, FILE **file, struct spr_error *err)
{
    struct stat info;
    *file = fopen(path, "rb");
    if (!*file) {
        return spr_fail(err, SPR_EINPUT, "%s: %s", path, strerror(errno));
    }
    if (fstat(fileno(*file), &info) == 0 && S_ISDIR(info.st_mode)) {
        fclose(*file);
        return spr_fail(err, SPR_EINPUT, "%s: is a directory: expected a CSV file", path);
    }
    return SPR_OK;
}

static void *resize(void *old, size_t size)
{
    return spr_reallocarray(old, size, 1);
}

enum spr_status spr_csv_read(const char *path, const char *const *columns, size_t needed,
                             spr_csv_row *row, void *context, struct spr_notes *notes,
                             struct spr_error *err)
{
    FILE *file;
    enum spr_status status = open_table(path, &file, err);
    if (status != SPR_OK) {
        return status;
    }
    size_t column_count = 0;
    while (columns[column_count]) {
        column_count++;
    }
    struct reader *r = spr_calloc(1, sizeof *r);
    int *position = spr_calloc(column_count, sizeof *position);
    if (!r || !position || csv_init(&r->parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
        status = spr_no_memory(err);
        goto out;
    }
    csv_set_realloc_func(&r->parser, resize);
    for (size_t i = 0; i < column_count; i++) {
        position[i] = -1;
    }
    r->table = (struct spr_csv){
        .path = path, .columns = columns, .position = position, .notes = notes, .err = err};
    r->row = row;
    r->context = context;
    r->needed = needed;
    feed_file(r, file);
    finish(r);
    status = r->status;
    csv_free(&r->parser);
    spr_free(r->text);
out:
    spr_free(position);
    spr_free(r);
    fclose(file);
    return status;
}
