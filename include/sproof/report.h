/* SPDX-License-Identifier: Apache-2.0 */
/* Writing analyses, explanations, comparisons, validations and inspections for people and for
 * programs. */
#ifndef SPROOF_REPORT_H
#define SPROOF_REPORT_H

#include <stdio.h>

#include "sproof/analysis.h"
#include "sproof/compare.h"
#include "sproof/explain.h"
#include "sproof/inspect.h"
#include "sproof/record.h"
#include "sproof/times.h"
#include "sproof/validation.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spr_format {
    SPR_FORMAT_TABLE, /* the answer, 80 columns */
    SPR_FORMAT_CSV,
    SPR_FORMAT_JSON, /* the record */
    SPR_FORMAT_JSONL,
    SPR_FORMAT_MD,
    SPR_FORMAT_COUNT,
};

/* The formats that each report is written in. */
struct spr_formats;
extern const struct spr_formats spr_analysis_formats, spr_explanation_formats,
    spr_comparison_formats, spr_validation_formats, spr_inspection_formats;

/* Their names, ended by NULL. */
void spr_format_names(const struct spr_formats *formats,
                      const char *names[SPR_FORMAT_COUNT + 1]);

/* The format of that name; text NULL: the one of a report that is not told. Errors: SPR_EINPUT,
 * naming what is expected and the nearest. */
enum spr_status spr_format_parse(const struct spr_formats *formats, const char *text,
                                 enum spr_format *format, struct spr_error *err);

struct spr_report {
    enum spr_format format;
    bool layers;       /* one row per layer of each variant */
    const char *saved; /* name of the saved record, NULL when none */
};

/* Each writer of a report below refuses a format that is not among the report's with
 * SPR_EINPUT. */

/* Writes the analysis. Failures to write stay in ferror(file). Errors: SPR_ENOMEM. */
enum spr_status spr_report_write(FILE *file, const struct spr_analysis *analysis,
                                 const struct spr_record_head *head,
                                 const struct spr_report *report, struct spr_error *err);

/* The answer on the screen: context, recommendation, why not 1/density, the table. */
void spr_report_answer(FILE *file, const struct spr_analysis *analysis,
                       const struct spr_report *report);

/* The line of context: model, machine, dtype, batch, what kind of figure follows. */
void spr_report_context(FILE *file, const struct spr_analysis *a,
                        const struct spr_result *result);

/* The waterfall of one result, one line a step with remedy. brief: no remedies. */
void spr_report_waterfall(FILE *file, const struct spr_analysis *analysis,
                          const struct spr_result *result,
                          const struct spr_waterfall *waterfall, bool brief);

/* What a runtime does with the zeros of a pattern, by data/runtimes.csv. */
enum spr_zeros {
    SPR_ZEROS_MULTIPLIED, /* like any other weight */
    SPR_ZEROS_UNPACKED,   /* stored packed, then multiplied */
    SPR_ZEROS_SKIPPED,
};
struct spr_runtime {
    char name[32];
    enum spr_zeros zeros;
    char condition[200]; /* when, in plain words */
    char source[240], looked_up[16];
};

/* "multiplied", "unpacked", "skipped". */
const char *spr_zeros_name(enum spr_zeros zeros);

/* What explain has to say of one result. */
struct spr_explanation {
    const struct spr_result *result;
    struct spr_waterfall waterfall;
    const struct spr_measured *measured; /* of the network; NULL: nothing was measured */
    struct spr_time_errors errors;       /* of measured, where times is NULL */
    const struct spr_times *times;       /* NULL: no times per layer */
    struct spr_times_sums sums;          /* of times */
    const struct spr_runtime *runtime;   /* NULL: none was named */
};

/* Writes an explanation. Errors: SPR_ENOMEM. */
enum spr_status spr_report_explanation(FILE *file, const struct spr_analysis *analysis,
                                       const struct spr_explanation *explanation,
                                       enum spr_format format, struct spr_error *err);

/* Writes a comparison. Failures to write stay in ferror(file). Errors: SPR_ENOMEM. */
enum spr_status spr_report_comparison(FILE *file, const struct spr_comparison *comparison,
                                      enum spr_format format, struct spr_error *err);

/* What a validation ran on, from its first case (there must be one): "avx512, 2 threads, f32"
 * or "cuda, f16". Returns text. */
const char *spr_validation_where(const struct spr_validation *validation, char text[64]);

/* A validation: one row per case with the limit, the summaries, the verdict; or one CSV row
 * per case; or the record. Errors: SPR_ENOMEM. */
enum spr_status spr_report_validation(FILE *file, const struct spr_validation *validation,
                                      const struct spr_report *report, struct spr_error *err);

/* Inspected weights: totals and a row for layers alike (report->layers: for each), or a CSV or
 * JSON line for each layer and pattern, or all as one document. Errors: SPR_ENOMEM. */
enum spr_status spr_report_inspection(FILE *file, const struct spr_inspection *inspection,
                                      const struct spr_report *report, struct spr_error *err);

/* The whole encoders of a validation. */
void spr_report_end_to_end(FILE *file, const struct spr_validation *validation);

/* What a validation of the same network measured of one result's pruned layers: the share of
 * the bound that the dense and the sparse kernel reach. Nothing when it covers none. */
void spr_report_measured_cases(FILE *file, const struct spr_analysis *analysis,
                               const struct spr_result *result,
                               const struct spr_validation *validation);

/* What a validation says of the prediction, over its conclusive cases. */
struct spr_validity {
    size_t cases, inconclusive;
    size_t judged;                      /* conclusive cases with an expected speedup */
    double speedup_median, speedup_p90; /* worst group's errors; NAN: nothing to judge */
    enum spr_limit worst;               /* the limit with the largest median error */
    double worst_median;                /* NAN: none */
};
struct spr_validity spr_validation_judge(const struct spr_validation *validation);

/* The answer to "is the prediction true here?", one sentence into text[SPR_REASON_TEXT];
 * returns text. */
const char *spr_validity_text(const struct spr_validity *validity, char *text);

/* "1.23 ms" into text[24]; returns text. */
const char *spr_format_seconds(double seconds, char *text);

/* A drift of more than a tenth as where the rate began and ended, "5.9 -> 118 GFLOP/s (disturbed at
 * the start)", into text[SPR_DRIFT_TEXT]; returns text. drift: last / first - 1; most: the greater
 * of both, FLOP/s. NULL: a smaller drift, or unknown, which a percentage tells as well. */
#define SPR_DRIFT_TEXT 80
const char *spr_format_drift(double drift, double most, char *text);

#ifdef __cplusplus
}
#endif
#endif
