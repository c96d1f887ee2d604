/* SPDX-License-Identifier: Apache-2.0 */
/* How a report comes in several formats: a table of rows, each a format and what writes it. */
#ifndef SPROOF_REPORT_REPORT_FORMAT_H
#define SPROOF_REPORT_REPORT_FORMAT_H

#include "base/emit.h"
#include "sproof/report.h"

/* Writes a report's subject, of the type that its formats agree on. Failures to write stay in
 * ferror(file). Errors: SPR_ENOMEM. */
typedef enum spr_status spr_write(FILE *file, const void *subject,
                                  const struct spr_report *report, struct spr_error *err);

/* The formats of one report, in the order in which messages name them; the first is what is
 * written when none is asked for. Ended by a row without write. */
struct spr_formats {
    struct spr_writer {
        enum spr_format format;
        spr_write *write;
    } row[SPR_FORMAT_COUNT + 1];
};

/* Calls what writes report->format. Errors: the writer's; SPR_EINPUT when there is none. */
enum spr_status spr_report_as(const struct spr_formats *formats, FILE *file,
                              const void *subject, const struct spr_report *report,
                              struct spr_error *err);

/* What is written as lines and as a list alike; put writes the members of one row. */
struct spr_report_rows {
    const void *subject;
    size_t count;
    void (*put)(struct spr_emit *out, const void *subject, size_t index);
};

/* A line for each row: of CSV, below one with the keys, or of JSON. Errors: SPR_ENOMEM. */
enum spr_status spr_report_lines(FILE *file, const struct spr_report_rows *rows,
                                 enum spr_format format, struct spr_error *err);

/* The member `key`: a list with an object for each row. */
void spr_report_put_rows(struct spr_emit *out, const char *key,
                         const struct spr_report_rows *rows);

/* One JSON object: schema, schema_version 1, then the members that put writes. Errors:
 * SPR_ENOMEM. */
enum spr_status spr_report_document(FILE *file, const char *schema,
                                    void (*put)(struct spr_emit *out, const void *subject),
                                    const void *subject, struct spr_error *err);

/* Writes lines of text. */
typedef void spr_put(FILE *file, const void *subject);

/* What put writes, handed as a whole to a writer of base/markdown; `write` NULL: as it is. Out of
 * memory a line says so. */
void spr_report_through(FILE *file, void (*write)(FILE *file, const char *lines), spr_put *put,
                        const void *subject);

#endif
