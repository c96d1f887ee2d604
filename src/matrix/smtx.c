/* SPDX-License-Identifier: Apache-2.0 */
/* Masks of the Deep Learning Matrix Collection: three lines, "rows, columns, nnz", the
 * rows+1 row offsets, the nnz column indices. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "matrix/matrix_build.h"

struct reader {
    FILE *file;
    const char *path;
    int line;
};

/* The next integer 0..limit on the current line. */
static enum spr_status read_integer(struct reader *reader, const char *what, int64_t limit,
                                    int64_t *value, struct spr_error *err)
{
    char text[24];
    size_t length = 0;
    int c = fgetc(reader->file);
    while (c == ' ' || c == ',' || c == '\t' || c == '\r' || c == '\n') {
        reader->line += c == '\n';
        c = fgetc(reader->file);
    }
    bool fits = true;
    for (; c != EOF && c > ' ' && c != ',' && fits; c = fgetc(reader->file)) {
        fits = length + 1 < sizeof text;
        if (fits) {
            text[length++] = (char)(c < 0x7F ? c : '?');
        }
    }
    text[length] = '\0';
    if (c != EOF) {
        ungetc(c, reader->file);
    }
    *value = 0;
    bool digits = length > 0 && fits;
    for (size_t i = 0; i < length && digits; i++) {
        digits = text[i] >= '0' && text[i] <= '9' && *value <= limit;
        *value = digits ? *value * 10 + (text[i] - '0') : 0;
    }
    if (!digits || *value > limit) {
        return spr_fail(err, SPR_EINPUT, "%s:%d: %s: '%s': expected an integer 0..%lld",
                        reader->path, reader->line, what, length ? text : "end of file",
                        (long long)limit);
    }
    return SPR_OK;
}

static enum spr_status read_rows(struct reader *reader, struct spr_matrix *matrix,
                                 struct spr_error *err)
{
    int64_t value;
    for (int64_t i = 0; i <= matrix->m; i++) {
        enum spr_status status =
            read_integer(reader, "row offset", (int64_t)matrix->nnz, &value, err);
        if (status != SPR_OK) {
            return status;
        }
        int64_t least = i == 0 ? 0 : (int64_t)matrix->row[i - 1];
        int64_t most = i == 0 ? 0 : (int64_t)matrix->nnz;
        if (value < least || value > most || (i == matrix->m && value != most)) {
            return spr_fail(err, SPR_EINPUT,
                            "%s:%d: row offset %lld: %lld: expected offsets that rise from 0 "
                            "to %lld",
                            reader->path, reader->line, (long long)i, (long long)value,
                            (long long)matrix->nnz);
        }
        matrix->row[i] = (size_t)value;
    }
    return SPR_OK;
}

static enum spr_status read_columns(struct reader *reader, struct spr_matrix *matrix,
                                    struct spr_error *err)
{
    int64_t value;
    for (int64_t i = 0; i < matrix->m; i++) {
        for (size_t e = matrix->row[i]; e < matrix->row[i + 1]; e++) {
            enum spr_status status =
                read_integer(reader, "column index", matrix->k - 1, &value, err);
            if (status != SPR_OK) {
                return status;
            }
            if (e > matrix->row[i] && value <= matrix->column[e - 1]) {
                return spr_fail(err, SPR_EINPUT,
                                "%s:%d: column index %lld in row %lld: expected indices that "
                                "rise within a row",
                                reader->path, reader->line, (long long)value, (long long)i);
            }
            matrix->column[e] = (int32_t)value;
        }
    }
    int c = fgetc(reader->file);
    while (c == ' ' || c == ',' || c == '\t' || c == '\r' || c == '\n') {
        reader->line += c == '\n';
        c = fgetc(reader->file);
    }
    if (c != EOF) {
        return spr_fail(err, SPR_EINPUT,
                        "%s:%d: more after the last of %zu column indices: "
                        "expected the end of the file",
                        reader->path, reader->line, matrix->nnz);
    }
    return SPR_OK;
}

enum spr_status spr_matrix_read_smtx(const char *path, uint64_t seed,
                                     struct spr_matrix *matrix, struct spr_error *err)
{
    struct reader reader = {fopen(path, "r"), path, 1};
    struct stat facts = {0};
    int64_t rows = 0, columns = 0, nnz = 0;
    *matrix = (struct spr_matrix){0};
    if (!reader.file || fstat(fileno(reader.file), &facts) != 0 || S_ISDIR(facts.st_mode)) {
        if (reader.file) {
            fclose(reader.file);
        }
        return spr_fail(err, SPR_EINPUT, "%s: cannot be read", path);
    }
    enum spr_status status = read_integer(&reader, "rows", INT32_MAX, &rows, err);
    if (status == SPR_OK) {
        status = read_integer(&reader, "columns", INT32_MAX, &columns, err);
    }
    if (status == SPR_OK) {
        status = read_integer(&reader, "nnz", INT32_MAX, &nnz, err);
    }
    /* Every number takes two bytes at least: nothing larger than the file is allocated. */
    if (status == SPR_OK &&
        (rows < 1 || columns < 1 || (double)rows + (double)nnz > (double)facts.st_size)) {
        status = spr_fail(err, SPR_EINPUT,
                          "%s:1: %lld rows, %lld columns, %lld entries: more than a file of "
                          "%lld bytes holds, or none",
                          path, (long long)rows, (long long)columns, (long long)nnz,
                          (long long)facts.st_size);
    }
    if (status == SPR_OK) {
        status = spr_matrix_alloc(matrix, rows, columns, (size_t)nnz, err);
    }
    if (status == SPR_OK) {
        status = read_rows(&reader, matrix, err);
    }
    if (status == SPR_OK) {
        status = read_columns(&reader, matrix, err);
    }
    fclose(reader.file);
    if (status != SPR_OK) {
        spr_matrix_free(matrix);
        return status;
    }
    spr_matrix_draw_values(matrix, seed);
    return SPR_OK;
}
