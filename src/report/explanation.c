/* SPDX-License-Identifier: Apache-2.0 */
/* The explanation of one variant: waterfall, ceilings, where the time goes, the runtime. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/markdown.h"
#include "base/mem.h"
#include "base/table.h"
#include "report/explained_groups.h"
#include "report/explained_runtime.h"
#include "report/explained_times.h"
#include "report/report_format.h"

#define GROUPS_MAX 8

/* What limits the expected time, and how far from the bound it stays. */
static void put_limit(FILE *file, const struct spr_analysis *a,
                      const struct spr_result *result, const struct spr_group *group)
{
    const struct spr_layer_result *r = &result->layers[group->layer];
    const struct spr_layer_expected *dense =
        spr_analysis_expected_dense(a, result->batch_index, group->layer);
    if (!isfinite(result->expected.speedup)) {
        return;
    }
    char line[200];
    int used = snprintf(line, sizeof line, "%s%.80s", r->expected.kernel ? "expected: " : "",
                        spr_explain_expected(&r->expected));
    if (r->expected.kernel) {
        double bound_s = spr_analysis_dense(a, result->batch_index, group->layer)->time_s;
        snprintf(line + used, sizeof line - (size_t)used,
                 "; %.3g %% of the bound, dense %.3g %%",
                 100 * r->run.time_s / r->expected.time_s, 100 * bound_s / dense->time_s);
    }
    spr_text_wrapped(file, line, 10);
}

static void put_group(FILE *file, const struct spr_analysis *a,
                      const struct spr_result *result, const struct spr_group *group)
{
    char shape[64], reason[SPR_REASON_TEXT], dense[24], now[24];
    spr_group_name(a, result, group, shape, sizeof shape);
    double whole = spr_result_answer(result, true).time_s;
    fprintf(file, "  %4.0f%%  %5.4g x %-32.32s %9s -> %9s\n",
            100 * group->seconds / (whole > 0 ? whole : 1), group->count, shape,
            spr_format_seconds(group->dense_seconds, dense),
            spr_format_seconds(group->seconds, now));
    put_limit(file, a, result, group);
    spr_text_wrapped(file, spr_explain_layer(a, result, group->layer, reason), 10);
}

static enum spr_status put_groups(FILE *file, const struct spr_analysis *a,
                                  const struct spr_result *result, struct spr_error *err)
{
    struct spr_group *groups = spr_calloc(a->network->layer_count, sizeof *groups);
    size_t count = groups ? spr_groups_make(a, result, groups) : SIZE_MAX;
    double rest = spr_result_answer(result, true).time_s, whole = rest > 0 ? rest : 1;
    if (count == SIZE_MAX) {
        spr_free(groups);
        return spr_no_memory(err);
    }
    fprintf(file, "\nWhere the time goes (dense -> this variant):\n");
    for (size_t i = 0; i < count && i < GROUPS_MAX; i++) {
        put_group(file, a, result, &groups[i]);
        rest -= groups[i].seconds;
    }
    if (count > GROUPS_MAX) {
        fprintf(file, "  %4.0f%%  other shapes\n", 100 * rest / whole);
    }
    spr_free(groups);
    return SPR_OK;
}

/* The gain, outside the chain, of leaving dense what loses. */
static void put_mixed(FILE *file, const struct spr_result *result)
{
    struct spr_answer answer = spr_result_answer(result, true);
    if (answer.layers_slower > 0 && answer.speedup_mixed > 1.0005 * answer.speedup) {
        fprintf(file,
                "\nLayers better left dense: %zu of %zu; %.2fx instead of %.2fx if they are\n",
                answer.layers_slower, result->layers_pruned, answer.speedup_mixed,
                answer.speedup);
    }
}

static void put_ceilings(FILE *file, const struct spr_result *result)
{
    struct spr_answer answer = spr_result_answer(result, true);
    fprintf(file, "\nCeilings: ");
    if (isnan(answer.amdahl_ceiling)) {
        fprintf(file, "none from other operators;\n          ");
    } else {
        fprintf(file, "%.2fx if all prunable operators were free;\n          ",
                answer.amdahl_ceiling);
    }
    if (isnan(result->activation_ceiling)) {
        fprintf(file, "no traffic but W\n");
    } else {
        fprintf(file, "%.2fx if W were free and X and Y still had to move%s\n",
                result->activation_ceiling, answer.expected ? " (bound)" : "");
    }
}

static enum spr_status put_text(FILE *file, const struct spr_analysis *a,
                                const struct spr_explanation *e, struct spr_error *err)
{
    char name[SPR_TABLE_CELL], dense[24], now[24];
    const struct spr_result *result = e->result;
    spr_report_context(file, a, result);
    fprintf(file, "Variant %s", spr_text_short(result->variant->name, 60, name));
    if (a->options.batch_count > 1) {
        fprintf(file, ", batch %.0f", result->batch);
    }
    struct spr_answer answer = spr_result_answer(result, true);
    fprintf(file, ": %s -> %s, %.2fx %s\n", spr_format_seconds(answer.dense_time_s, dense),
            spr_format_seconds(answer.time_s, now), answer.speedup,
            answer.expected ? "expected" : "hardware potential");
    if (answer.expected) {
        fprintf(file, "bound: %s -> %s, %.2fx hardware potential\n",
                spr_format_seconds(result->dense_time_s, dense),
                spr_format_seconds(result->time_s, now), result->speedup);
    }
    fputc('\n', file);
    spr_report_waterfall(file, a, result, &e->waterfall, false);
    fprintf(file, "  =%-8.3g %s\n", e->waterfall.speedup,
            e->times          ? (answer.expected ? "with your layers, the others as expected"
                                                 : "with your layers, the others at their bound")
            : e->measured     ? "measured speedup"
            : answer.expected ? "speedup expected"
                              : "speedup the hardware allows");
    put_mixed(file, result);
    put_ceilings(file, result);
    enum spr_status status = put_groups(file, a, result, err);
    if (e->times) {
        spr_explained_times(file, a, e);
    }
    spr_explained_runtime(file, a, e);
    return status;
}

/* What is explained, and of what. */
struct told {
    const struct spr_analysis *analysis;
    const struct spr_explanation *explanation;
};

static void put_step(struct spr_emit *out, const void *subject, size_t index)
{
    const struct spr_analysis *a = ((const struct told *)subject)->analysis;
    const struct spr_explanation *e = ((const struct told *)subject)->explanation;
    const struct spr_step *step = &e->waterfall.steps[index];
    char remedy[SPR_REASON_TEXT];
    bool known = step->worst_layer < a->network->layer_count;
    spr_emit_text(out, "variant", e->result->variant->name);
    spr_emit_number(out, "batch", e->result->batch);
    spr_emit_text(out, "step", spr_step_name(step->kind));
    spr_emit_number(out, "factor", step->factor);
    spr_emit_number(out, "speedup", step->speedup);
    spr_emit_text(out, "worst_layer",
                  known ? a->network->layers[step->worst_layer].name : NULL);
    spr_emit_number(out, "worst_share", known ? step->worst_share : (double)NAN);
    bool matters = index == 0 || fabs(step->factor - 1) >= 0.005;
    spr_emit_text(out, "remedy", matters ? spr_step_remedy(a, e->result, step, remedy) : NULL);
}

static struct spr_report_rows steps_of(const struct told *told)
{
    return (struct spr_report_rows){told, told->explanation->waterfall.count, put_step};
}

static void put_document(struct spr_emit *out, const void *subject)
{
    const struct told *told = subject;
    const struct spr_result *r = told->explanation->result;
    const struct spr_report_rows steps = steps_of(told);
    struct spr_answer answer = spr_result_answer(r, true);
    spr_emit_text(out, "variant", r->variant->name);
    spr_emit_number(out, "batch", r->batch);
    spr_emit_number(out, "speedup", r->speedup);
    spr_emit_number(out, "dense_time_s", r->dense_time_s);
    spr_emit_number(out, "time_s", r->time_s);
    if (answer.expected) {
        spr_emit_number(out, "expected_speedup", answer.speedup);
        spr_emit_number(out, "expected_dense_time_s", answer.dense_time_s);
        spr_emit_number(out, "expected_time_s", answer.time_s);
    }
    spr_emit_runtime(out, told->analysis, told->explanation);
    spr_report_put_rows(out, "steps", &steps);
}

static enum spr_status write_document(FILE *file, const void *subject,
                                      const struct spr_report *report, struct spr_error *err)
{
    (void)report;
    return spr_report_document(file, "sproof/explanation", put_document, subject, err);
}

static enum spr_status write_lines(FILE *file, const void *subject,
                                   const struct spr_report *report, struct spr_error *err)
{
    const struct spr_report_rows steps = steps_of(subject);
    return spr_report_lines(file, &steps, report->format, err);
}

/* The text and what writing it came to. */
struct told_text {
    const struct told *told;
    enum spr_status *status;
    struct spr_error *err;
};

static void put_told(FILE *file, const void *subject)
{
    const struct told_text *text = subject;
    *text->status = put_text(file, text->told->analysis, text->told->explanation, text->err);
}

static enum spr_status write_text(FILE *file, const void *subject,
                                  const struct spr_report *report, struct spr_error *err)
{
    enum spr_status status = SPR_OK;
    const struct told_text text = {subject, &status, err};
    spr_report_through(file, report->format == SPR_FORMAT_MD ? spr_markdown_block : NULL,
                       put_told, &text);
    return status;
}

const struct spr_formats spr_explanation_formats = {{{SPR_FORMAT_TABLE, write_text},
                                                     {SPR_FORMAT_CSV, write_lines},
                                                     {SPR_FORMAT_JSON, write_document},
                                                     {SPR_FORMAT_JSONL, write_lines},
                                                     {SPR_FORMAT_MD, write_text}}};

enum spr_status spr_report_explanation(FILE *file, const struct spr_analysis *a,
                                       const struct spr_explanation *explanation,
                                       enum spr_format format, struct spr_error *err)
{
    const struct told told = {a, explanation};
    const struct spr_report report = {.format = format};
    return spr_report_as(&spr_explanation_formats, file, &told, &report, err);
}
