/* SPDX-License-Identifier: Apache-2.0 */
/* The explanation of one variant: waterfall, ceilings, where the time goes, the runtime. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/markdown.h"
#include "base/mem.h"
#include "base/table.h"
#include "report/explained_times.h"
#include "report/report_format.h"
#include "report/verdict.h"

/* A runtime below this fraction of its bound is limited by something not modelled. */
#define FAR 0.05

#define GROUPS_MAX 8

/* Layers of one shape and pattern. */
struct group {
    size_t layer; /* the slowest of them stands for all */
    double count, seconds, dense_seconds, slowest;
};

/* The key of a layer's group. */
static void group_key(const struct spr_analysis *a, const struct spr_result *result,
                      size_t index, char *key, size_t size)
{
    const struct spr_layer *layer = &a->network->layers[index];
    char pattern[SPR_PATTERN_TEXT];
    if (layer->op == SPR_OP_OTHER) {
        snprintf(key, size, "other");
        return;
    }
    snprintf(key, size, "%s %lld %lld %lld %s", spr_op_name(layer->op), (long long)layer->m,
             (long long)layer->k, (long long)layer->n,
             spr_pattern_text(&result->layers[index].choice.pattern, pattern));
}

static void add_to_group(const struct spr_analysis *a, const struct spr_result *result,
                         size_t index, struct group *group)
{
    double times = (double)a->network->layers[index].count;
    bool expected = isfinite(result->expected.speedup);
    double seconds =
        expected ? result->layers[index].expected.time_s : result->layers[index].run.time_s;
    double dense_seconds =
        expected ? spr_analysis_expected_dense(a, result->batch_index, index)->time_s
                 : spr_analysis_dense(a, result->batch_index, index)->time_s;
    if (group->count == 0 || seconds > group->slowest) {
        group->layer = index;
        group->slowest = seconds;
    }
    group->count += times;
    group->seconds += times * seconds;
    group->dense_seconds += times * dense_seconds;
}

/* Fills groups[layer_count]; SIZE_MAX when out of memory. */
static size_t make_groups(const struct spr_analysis *a, const struct spr_result *result,
                          struct group *groups)
{
    struct spr_names names = {0};
    struct spr_arena arena = {0};
    size_t count = 0;
    bool complete = true;
    for (size_t i = 0; i < a->network->layer_count && complete; i++) {
        char key[128];
        group_key(a, result, i, key, sizeof key);
        size_t g = spr_names_find(&names, key);
        if (g == SIZE_MAX) {
            const char *kept = spr_arena_text(&arena, key, strlen(key));
            g = count++;
            complete = kept && spr_names_add(&names, kept, g);
        }
        add_to_group(a, result, i, &groups[g]);
    }
    spr_names_free(&names);
    spr_arena_free(&arena);
    return complete ? count : SIZE_MAX;
}

static int by_seconds(const void *left, const void *right)
{
    const struct group *a = left, *b = right;
    return a->seconds > b->seconds ? -1 : a->seconds < b->seconds;
}

/* What limits the expected time, and how far from the bound it stays. */
static void put_limit(FILE *file, const struct spr_analysis *a,
                      const struct spr_result *result, const struct group *group)
{
    const struct spr_layer_result *r = &result->layers[group->layer];
    const struct spr_layer_expected *dense =
        spr_analysis_expected_dense(a, result->batch_index, group->layer);
    if (!isfinite(result->expected.speedup)) {
        return;
    }
    fprintf(file, "          %s%s", r->expected.kernel ? "expected: " : "",
            spr_explain_expected(&r->expected));
    if (r->expected.kernel) {
        double bound_s = spr_analysis_dense(a, result->batch_index, group->layer)->time_s;
        fprintf(file, "; %.3g %% of the bound, dense %.3g %%",
                100 * r->run.time_s / r->expected.time_s, 100 * bound_s / dense->time_s);
    }
    fputc('\n', file);
}

static void put_group(FILE *file, const struct spr_analysis *a,
                      const struct spr_result *result, const struct group *group)
{
    const struct spr_layer *layer = &a->network->layers[group->layer];
    char shape[64], reason[SPR_REASON_TEXT], dense[24], now[24];
    if (layer->op == SPR_OP_OTHER) {
        snprintf(shape, sizeof shape, "softmax, norms, ... (op=other)");
    } else {
        snprintf(shape, sizeof shape, "%s %lldx%lld, n %.10g", spr_op_name(layer->op),
                 (long long)layer->m, (long long)layer->k,
                 (double)layer->n * (layer->op == SPR_OP_ATTENTION ? 1 : result->batch));
    }
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
    struct group *groups = spr_calloc(a->network->layer_count, sizeof *groups);
    size_t count = groups ? make_groups(a, result, groups) : SIZE_MAX;
    double rest = spr_result_answer(result, true).time_s, whole = rest > 0 ? rest : 1;
    if (count == SIZE_MAX) {
        spr_free(groups);
        return spr_no_memory(err);
    }
    qsort(groups, count, sizeof *groups, by_seconds);
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
    if (answer.layers_slower > 0) {
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

/* Percent of the expected time and of the bound a measured time reaches, with a warning when
 * it beats the bound. expected_s NAN: nothing is expected. */
static void put_fraction(FILE *file, const char *what, double bound_s, double expected_s,
                         double measured_s)
{
    char bound[24], measured[24], expected[24];
    fprintf(file, "  %-7s %10s measured, ", what, spr_format_seconds(measured_s, measured));
    if (isfinite(expected_s)) {
        fprintf(file, "%10s expected: %.3g %% of it reached\n%31s",
                spr_format_seconds(expected_s, expected), 100 * expected_s / measured_s, "");
    }
    fprintf(file, "%10s bound: %.3g %% of the bound reached\n",
            spr_format_seconds(bound_s, bound), 100 * bound_s / measured_s);
    if (measured_s < bound_s) {
        spr_text_wrapped(file,
                         "faster than the bound: check the unit, batch, dtype and machine of "
                         "this analysis; no kernel beats its roofline",
                         10);
    }
}

static void put_measured(FILE *file, const struct spr_explanation *e)
{
    char text[640];
    if (!e->measured) {
        return;
    }
    struct spr_judged j = spr_judge(e);
    fprintf(file, e->times ? "\nYour runtime, the measured layers:\n" : "\nYour runtime:\n");
    put_fraction(file, "dense", j.bound.dense_s, j.expected.dense_s, j.measured.dense_s);
    put_fraction(file, "sparse", j.bound.sparse_s, j.expected.sparse_s, j.measured.sparse_s);
    fputc('\n', file);
    if (spr_beats_bound(&j.measured, &j.bound)) {
        spr_text_wrapped(file,
                         "No verdict: a time beats its bound, so the analysis is not of "
                         "what was measured.",
                         0);
        return;
    }
    spr_verdict_text(e, &j, text, sizeof text);
    spr_text_wrapped(file, text, 0);
    if (isfinite(j.expected.sparse_s)) {
        fprintf(file, "Of sproof's own kernels %.2fx is expected here.\n",
                spr_speedup_allowed(&j.expected));
    }
    if (j.bound.dense_s < FAR * j.measured.dense_s &&
        j.bound.sparse_s < FAR * j.measured.sparse_s) {
        spr_text_wrapped(
            file,
            "Both times are far above their bounds: another machine or batch than "
            "analysed here, few threads, or the runtime's own overhead.",
            0);
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
            : answer.expected ? "speedup expected of sproof's kernels"
                              : "speedup the hardware allows");
    put_mixed(file, result);
    put_ceilings(file, result);
    enum spr_status status = put_groups(file, a, result, err);
    if (e->times) {
        spr_explained_times(file, a, e);
    }
    put_measured(file, e);
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

static void put_reached(struct spr_emit *out, const struct spr_explanation *e, bool expected)
{
    if (!e->measured) {
        spr_emit_null(out, "measured");
        return;
    }
    struct spr_judged j = spr_judge(e);
    spr_emit_open(out, "measured", '{');
    spr_emit_number(out, "dense_s", j.measured.dense_s);
    spr_emit_number(out, "sparse_s", j.measured.sparse_s);
    spr_emit_number(out, "dense_fraction_of_bound", j.bound.dense_s / j.measured.dense_s);
    spr_emit_number(out, "sparse_fraction_of_bound", j.bound.sparse_s / j.measured.sparse_s);
    if (expected) {
        spr_emit_number(out, "dense_fraction_of_expected",
                        j.expected.dense_s / j.measured.dense_s);
        spr_emit_number(out, "sparse_fraction_of_expected",
                        j.expected.sparse_s / j.measured.sparse_s);
    }
    spr_emit_number(out, "share_of_dense_bound", e->times ? e->sums.share : 1);
    spr_emit_bool(out, "zeros_not_skipped", spr_not_skipped(e, &j));
    spr_emit_close(out, '}');
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
    put_reached(out, told->explanation, answer.expected);
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
