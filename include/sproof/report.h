/* SPDX-License-Identifier: Apache-2.0 */
/* Writing an analysis for people and for programs. */
#ifndef SPROOF_REPORT_H
#define SPROOF_REPORT_H

#include <stdio.h>

#include "sproof/analysis.h"
#include "sproof/explain.h"
#include "sproof/record.h"
#include "sproof/times.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spr_format {
    SPR_FORMAT_TABLE, /* the answer, 80 columns */
    SPR_FORMAT_CSV,
    SPR_FORMAT_JSON, /* the record */
    SPR_FORMAT_JSONL,
    SPR_FORMAT_MD,
};

/* Errors: SPR_EINPUT with the nearest name. */
enum spr_status spr_format_parse(const char *text, enum spr_format *format,
                                 struct spr_error *err);

struct spr_report {
    enum spr_format format;
    bool layers;       /* one row per layer of each variant */
    const char *saved; /* name of the saved record, NULL when none */
};

/* Writes the analysis. Failures to write stay in ferror(file). Errors: SPR_ENOMEM. */
enum spr_status spr_report_write(FILE *file, const struct spr_analysis *analysis,
                                 const struct spr_record_head *head,
                                 const struct spr_report *report, struct spr_error *err);

/* The answer on the screen: context, recommendation, why not 1/density, the table. */
void spr_report_answer(FILE *file, const struct spr_analysis *analysis,
                       const struct spr_report *report);

/* The line of context: model, machine, dtype, batch, what kind of figure follows. */
void spr_report_context(FILE *file, const struct spr_analysis *analysis);

/* The waterfall of one result, one line a step with remedy. brief: no remedies. */
void spr_report_waterfall(FILE *file, const struct spr_analysis *analysis,
                          const struct spr_result *result,
                          const struct spr_waterfall *waterfall, bool brief);

/* What explain has to say of one result. */
struct spr_explanation {
    const struct spr_result *result;
    struct spr_waterfall waterfall;
    const struct spr_measured *measured; /* of the network; NULL: nothing was measured */
    const struct spr_times *times;       /* NULL: no times per layer */
    struct spr_times_sums sums;          /* of times */
};

/* Writes an explanation. Errors: SPR_ENOMEM. */
enum spr_status spr_report_explanation(FILE *file, const struct spr_analysis *analysis,
                                       const struct spr_explanation *explanation,
                                       enum spr_format format, struct spr_error *err);

/* "1.23 ms" into text[24]; returns text. */
const char *spr_format_seconds(double seconds, char *text);

#ifdef __cplusplus
}
#endif
#endif
