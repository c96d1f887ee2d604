/* SPDX-License-Identifier: Apache-2.0 */
/* An analysis in each of its formats. */
#include "sproof/report.h"

#include "record/record_keys.h"
#include "report/report_format.h"

struct told {
    const struct spr_analysis *analysis;
    const struct spr_record_head *head;
};

static enum spr_status write_answer(FILE *file, const void *subject,
                                    const struct spr_report *report, struct spr_error *err)
{
    const struct told *told = subject;
    (void)err;
    spr_report_answer(file, told->analysis, report);
    return SPR_OK;
}

static void put_variant(struct spr_emit *out, const void *subject, size_t index)
{
    const struct spr_analysis *a = subject;
    spr_record_put_result(out, &a->results[index]);
}

static void put_layer(struct spr_emit *out, const void *subject, size_t index)
{
    const struct spr_analysis *a = subject;
    const struct spr_result *result = &a->results[index / a->network->layer_count];
    spr_emit_text(out, "variant", result->variant->name);
    spr_emit_number(out, "batch", result->batch);
    spr_record_put_layer(out, a, result, index % a->network->layer_count);
}

static enum spr_status write_lines(FILE *file, const void *subject,
                                   const struct spr_report *report, struct spr_error *err)
{
    const struct spr_analysis *a = ((const struct told *)subject)->analysis;
    struct spr_report_rows rows = {a, a->result_count, put_variant};
    if (report->layers) {
        rows.count *= a->network->layer_count;
        rows.put = put_layer;
    }
    return spr_report_lines(file, &rows, report->format, err);
}

static enum spr_status write_record(FILE *file, const void *subject,
                                    const struct spr_report *report, struct spr_error *err)
{
    const struct told *told = subject;
    const struct spr_record_form form = {.layers = true};
    (void)report;
    return spr_record_write(file, told->analysis, told->head, &form, err);
}

const struct spr_formats spr_analysis_formats = {{{SPR_FORMAT_TABLE, write_answer},
                                                  {SPR_FORMAT_CSV, write_lines},
                                                  {SPR_FORMAT_JSON, write_record},
                                                  {SPR_FORMAT_JSONL, write_lines},
                                                  {SPR_FORMAT_MD, write_answer}}};

enum spr_status spr_report_write(FILE *file, const struct spr_analysis *a,
                                 const struct spr_record_head *head,
                                 const struct spr_report *report, struct spr_error *err)
{
    const struct told told = {a, head};
    return spr_report_as(&spr_analysis_formats, file, &told, report, err);
}
