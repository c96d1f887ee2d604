/* SPDX-License-Identifier: Apache-2.0 */
/* Formats by name, and the machine-readable ones. */
#include "sproof/report.h"

#include <math.h>
#include <string.h>

#include "base/emit.h"
#include "base/mem.h"
#include "base/table.h"
#include "record/record_keys.h"

static const char *const format_names[] = {"table", "csv", "json", "jsonl", "md", NULL};

enum spr_status spr_format_parse(const char *text, enum spr_format *format,
                                 struct spr_error *err)
{
    for (int i = 0; format_names[i]; i++) {
        if (strcmp(format_names[i], text) == 0) {
            *format = (enum spr_format)i;
            return SPR_OK;
        }
    }
    return spr_fail_unknown(err, text, format_names,
                            "unknown format '%.40s': expected table, csv, json, jsonl or md",
                            text);
}

/* One variant, or one layer of it, as the members of an object. */
static void put_row(struct spr_emit *out, const struct spr_analysis *a,
                    const struct spr_result *result, size_t layer)
{
    spr_emit_open(out, NULL, '{');
    if (layer == SIZE_MAX) {
        spr_record_put_result(out, result);
    } else {
        spr_emit_text(out, "variant", result->variant->name);
        spr_emit_number(out, "batch", result->batch);
        spr_record_put_layer(out, a, result, layer);
    }
    spr_emit_close(out, '}');
    spr_emit_newline(out);
}

static void put_rows(struct spr_emit *out, const struct spr_analysis *a, bool layers)
{
    for (size_t i = 0; i < a->result_count; i++) {
        for (size_t l = 0; layers && l < a->network->layer_count; l++) {
            put_row(out, a, &a->results[i], l);
        }
        if (!layers) {
            put_row(out, a, &a->results[i], SIZE_MAX);
        }
    }
}

static enum spr_status write_rows(FILE *file, const struct spr_analysis *a,
                                  const struct spr_report *report, struct spr_error *err)
{
    struct spr_emit *out = spr_calloc(1, sizeof *out);
    if (!out) {
        return spr_no_memory(err);
    }
    spr_emit_begin(out, file, 0);
    if (report->format == SPR_FORMAT_CSV && a->result_count > 0) {
        out->notation = SPR_EMIT_CSV_HEADER;
        put_row(out, a, &a->results[0], report->layers ? 0 : SIZE_MAX);
        out->notation = SPR_EMIT_CSV_ROW;
    }
    put_rows(out, a, report->layers);
    spr_emit_flush(out);
    spr_free(out);
    return SPR_OK;
}

enum spr_status spr_report_write(FILE *file, const struct spr_analysis *a,
                                 const struct spr_record_head *head,
                                 const struct spr_report *report, struct spr_error *err)
{
    switch (report->format) {
    case SPR_FORMAT_JSON:
        return spr_record_write(file, a, head, err);
    case SPR_FORMAT_CSV:
    case SPR_FORMAT_JSONL:
        return write_rows(file, a, report, err);
    case SPR_FORMAT_MD:
    case SPR_FORMAT_TABLE:
        break;
    }
    spr_report_answer(file, a, report);
    return SPR_OK;
}
