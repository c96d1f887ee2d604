/* SPDX-License-Identifier: Apache-2.0 */
/* Formats by name, the writer of a format, and what lines and documents have in common. */
#include "report/report_format.h"

#include <stdlib.h>
#include <string.h>

static const char *const format_names[SPR_FORMAT_COUNT + 1] = {
    [SPR_FORMAT_TABLE] = "table", [SPR_FORMAT_CSV] = "csv", [SPR_FORMAT_JSON] = "json",
    [SPR_FORMAT_JSONL] = "jsonl", [SPR_FORMAT_MD] = "md",
};

void spr_format_names(const struct spr_formats *formats,
                      const char *names[SPR_FORMAT_COUNT + 1])
{
    size_t count = 0;
    for (const struct spr_writer *row = formats->row; row->write; row++) {
        names[count++] = format_names[row->format];
    }
    names[count] = NULL;
}

static enum spr_status fail_unknown(const struct spr_formats *formats, const char *text,
                                    struct spr_error *err)
{
    const char *names[SPR_FORMAT_COUNT + 1];
    char expected[SPR_SUGGESTION_TEXT];
    spr_format_names(formats, names);
    return spr_fail_unknown(err, text, names, "unknown format '%.40s': expected %s", text,
                            spr_alternatives(names, expected));
}

enum spr_status spr_format_parse(const struct spr_formats *formats, const char *text,
                                 enum spr_format *format, struct spr_error *err)
{
    for (const struct spr_writer *row = formats->row; row->write; row++) {
        if (!text || strcmp(format_names[row->format], text) == 0) {
            *format = row->format;
            return SPR_OK;
        }
    }
    return fail_unknown(formats, text, err);
}

enum spr_status spr_report_as(const struct spr_formats *formats, FILE *file,
                              const void *subject, const struct spr_report *report,
                              struct spr_error *err)
{
    for (const struct spr_writer *row = formats->row; row->write; row++) {
        if (row->format == report->format) {
            return row->write(file, subject, report, err);
        }
    }
    return fail_unknown(formats, format_names[report->format], err);
}

static void put_row(struct spr_emit *out, const struct spr_report_rows *rows, size_t index)
{
    spr_emit_open(out, NULL, '{');
    rows->put(out, rows->subject, index);
    spr_emit_close(out, '}');
}

enum spr_status spr_report_lines(FILE *file, const struct spr_report_rows *rows,
                                 enum spr_format format, struct spr_error *err)
{
    struct spr_emit *out = spr_emit_new(file, 0);
    if (!out) {
        return spr_no_memory(err);
    }
    if (format == SPR_FORMAT_CSV && rows->count > 0) {
        out->notation = SPR_EMIT_CSV_HEADER;
        put_row(out, rows, 0);
        spr_emit_newline(out);
        out->notation = SPR_EMIT_CSV_ROW;
    }
    for (size_t i = 0; i < rows->count; i++) {
        put_row(out, rows, i);
        spr_emit_newline(out);
    }
    spr_emit_end(out);
    return SPR_OK;
}

void spr_report_put_rows(struct spr_emit *out, const char *key,
                         const struct spr_report_rows *rows)
{
    spr_emit_open(out, key, '[');
    for (size_t i = 0; i < rows->count; i++) {
        put_row(out, rows, i);
    }
    spr_emit_close(out, ']');
}

enum spr_status spr_report_document(FILE *file, const char *schema,
                                    void (*put)(struct spr_emit *out, const void *subject),
                                    const void *subject, struct spr_error *err)
{
    struct spr_emit *out = spr_emit_new(file, 2);
    if (!out) {
        return spr_no_memory(err);
    }
    spr_emit_open(out, NULL, '{');
    spr_emit_text(out, "schema", schema);
    spr_emit_number(out, "schema_version", 1);
    put(out, subject);
    spr_emit_close(out, '}');
    spr_emit_newline(out);
    spr_emit_end(out);
    return SPR_OK;
}

void spr_report_through(FILE *file, void (*write)(FILE *file, const char *lines), spr_put *put,
                        const void *subject)
{
    char *lines = NULL;
    size_t size = 0;
    if (!write) {
        put(file, subject);
        return;
    }
    FILE *memory = open_memstream(&lines, &size);
    bool whole = memory != NULL;
    if (memory) {
        put(memory, subject);
        whole = ferror(memory) == 0;
        whole = fclose(memory) == 0 && whole;
    }
    if (whole) {
        write(file, lines);
    } else {
        fputs("(out of memory: lines are missing)\n", file);
    }
    free(lines); /* of open_memstream: not ours to count */
}
