/* SPDX-License-Identifier: Apache-2.0 */
/* The answer on the screen: what to do, why not more, the table, what is not counted. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/markdown.h"
#include "base/table.h"
#include "report/answer_tables.h"
#include "report/report_format.h"
#include "report/resident.h"
#include "sproof/report.h"

/* A step that changes less than this is not worth a line in the short list. */
#define NEGLIGIBLE 0.01

/* "1, 8, 64"; a space behind each comma lets the line be broken. */
static void list_batches(const struct spr_options *options, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < options->batch_count && used + 16 < size; i++) {
        used += (size_t)snprintf(text + used, size - used, "%s%.0f", i ? ", " : "",
                                 options->batches[i]);
    }
}

static const char *dense_engine_name(const struct spr_analysis *a)
{
    return a->machine->engines[a->dense_model.dense_engine].name;
}

/* Cache levels whose bandwidth nobody stated: what stays in them moves for free. */
static void put_free_levels(FILE *file, const struct spr_analysis *a)
{
    char list[256] = "", line[512];
    size_t used = 0;
    for (size_t i = 0; i < a->model.level_count && used + 40 < sizeof list; i++) {
        if (a->model.bytes_per_s[i] <= 0) {
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%.30s",
                                     used ? ", " : "", a->machine->memory[i].level);
        }
    }
    if (a->options.residency != SPR_RESIDENCY_DRAM && used > 0) {
        snprintf(line, sizeof line,
                 "The bandwidth of %s is unknown: what stays there moves for free, and bounds "
                 "are too short. Give it with --set memory.LEVEL.bytes_per_s=VALUE.",
                 list);
        spr_text_wrapped(file, line, 0);
    }
}

/* Whose expected times follow. */
static void put_kernels(FILE *file, const struct spr_analysis *a)
{
    char kernels[SPR_KERNELS_TEXT], line[SPR_KERNELS_TEXT + 16];
    if (a->expected_leads) {
        snprintf(line, sizeof line, "expected: %s", spr_expected_kernels(a, kernels));
        spr_text_wrapped(file, line, 0);
    }
}

void spr_report_context(FILE *file, const struct spr_analysis *a,
                        const struct spr_result *result)
{
    char name[SPR_TABLE_CELL], line[1600], batches[800];
    char types[SPR_TYPES_TEXT], dense[SPR_TYPES_TEXT];
    /* The next line says it, or the last one of the answer. */
    const bool told = (a->expected_leads && a->expected_residency == a->options.residency) ||
                      a->options.residency == SPR_RESIDENCY_DRAM;
    list_batches(&a->options, batches, sizeof batches);
    snprintf(line, sizeof line, "%s on %.60s, %s, batch %s, dense%s on %.60s%s%s%s%s%s",
             spr_text_short(a->network->name, 40, name), a->machine->name,
             spr_options_words(&a->options, types, dense), batches, dense,
             dense_engine_name(a), told ? "" : ", residency ",
             told ? "" : spr_residency_name(a->options.residency),
             a->options.native ? ", execution native" : "",
             a->options.ideal_tiles ? ", ideal tiles" : "",
             a->options.fuse ? ", fusion epilogue" : "");
    spr_text_wrapped(file, line, 0);
    put_kernels(file, a);
    for (size_t i = 0; i < a->options.change_count; i++) {
        const struct spr_machine_change *change = &a->options.changes[i];
        char before[32] = "unknown";
        if (!isnan(change->before)) {
            snprintf(before, sizeof before, "%.4g", change->before);
        }
        fprintf(file, "set %s: %s -> %.4g\n", change->path, before, change->after);
    }
    put_free_levels(file, a);
    spr_report_resident(file, a, result);
    if (!a->machine->probed && a->machine->host) {
        fprintf(file,
                "NOTHING WAS MEASURED on this machine: its rates are guesses from CPUID\n"
                "(%.3g GFLOP/s %s, DRAM %.3g GB/s). Do not trust absolute times.\n",
                a->model.flops_per_s[a->model.dense_engine] / 1e9,
                spr_dtype_name(a->options.dtype),
                a->model.bytes_per_s[a->model.level_count - 1] / 1e9);
    }
}

static void put_interval(FILE *file, const struct spr_result *result)
{
    if (result->speedup_high > result->speedup_low * 1.005) {
        fprintf(file, "; %.2fx to %.2fx over the rates' range", result->speedup_low,
                result->speedup_high);
    }
}

/* The answer in times; the bound and its interval stand second where more is known. */
static void put_speedups(FILE *file, const struct spr_result *result, bool native)
{
    char seconds[24], dense[24];
    struct spr_answer answer = spr_result_answer(result, true);
    if (answer.expected) {
        fprintf(file, "  %.2fx expected: %s -> %s\n  bound ", answer.speedup,
                spr_format_seconds(answer.dense_time_s, dense),
                spr_format_seconds(answer.time_s, seconds));
    }
    fprintf(file, "%s%.2fx: %s -> %s", answer.expected ? "" : "  ", result->speedup,
            spr_format_seconds(result->dense_time_s, dense),
            spr_format_seconds(result->time_s, seconds));
    if (!native) {
        fprintf(file, ", %s", spr_execution_name(result->execution));
    }
    put_interval(file, result);
    fprintf(file, "\n");
    if (answer.speedup_mixed > 1.01 * answer.speedup) {
        fprintf(file, "  %.2fx if the %zu of %zu layers that lose stay dense\n",
                answer.speedup_mixed, answer.layers_slower, result->layers_pruned);
    }
}

static const char *metric_name(const struct spr_analysis *a)
{
    return a->network->metric && *a->network->metric ? a->network->metric : "accuracy";
}

static void put_limit(FILE *file, const struct spr_analysis *a)
{
    if (a->options.max_drop_relative) {
        fprintf(file, "%.4g %%", 100 * a->options.max_drop);
    } else {
        fprintf(file, "%.4g", a->options.max_drop);
    }
}

/* What no kernel is known for, in one line. */
static void put_potential(FILE *file, const struct spr_analysis *a, size_t potential)
{
    char name[SPR_TABLE_CELL], line[256];
    const struct spr_result *result = &a->results[potential];
    snprintf(line, sizeof line,
             "Potential only: %s %.2fx; no kernel for it is known on this machine",
             spr_text_short(result->variant->name, 60, name), result->speedup);
    spr_text_wrapped(file, line, 0);
}

/* Figures of a variant below its first line. */
static void put_figures(FILE *file, const struct spr_analysis *a,
                        const struct spr_result *result)
{
    const struct spr_variant *variant = result->variant;
    put_speedups(file, result, a->options.native);
    if (!isnan(variant->accuracy)) {
        fprintf(file, "  %s %.4g", metric_name(a), variant->accuracy);
        if (result->drop == 0) {
            fprintf(file, ", as dense");
        } else if (!isnan(result->drop)) {
            fprintf(file, ", %.3g %s than dense", fabs(result->drop),
                    result->drop > 0 ? "worse" : "better");
        }
        fprintf(file, "\n");
    }
    if (variant->accuracy_source == SPR_ACCURACY_INTERPOLATED) {
        fprintf(file, "  its accuracy is interpolated between two measured points\n");
    }
    if (variant->layerwise) {
        fprintf(file,
                "  its accuracy was measured with sparsity spread unevenly over layers,\n"
                "  its speedup assumes the same sparsity in each: not one network\n");
    }
}

static void put_recommendation(FILE *file, const struct spr_analysis *a, size_t best)
{
    char name[SPR_TABLE_CELL];
    const struct spr_result *result = &a->results[best];
    if (a->options.has_max_drop) {
        fprintf(file, "Within ");
        put_limit(file, a);
        fprintf(file, " of dense %s (%.4g): use ", metric_name(a),
                result->variant->dense_accuracy);
    } else {
        fprintf(file, "Fastest here: ");
    }
    fprintf(file, "%s", spr_text_short(result->variant->name, 60, name));
    if (a->options.batch_count > 1) {
        fprintf(file, " (at batch %.0f)", result->batch);
    }
    fputc('\n', file);
    put_figures(file, a, result);
}

/* Where nothing is expected: what the hardware would allow, and of which limit it is the best. */
static void put_potential_alone(FILE *file, const struct spr_analysis *a, size_t potential)
{
    const struct spr_result *result = &a->results[potential];
    put_potential(file, a, potential);
    if (a->options.has_max_drop) {
        fprintf(file, "  the fastest within ");
        put_limit(file, a);
        fprintf(file, " of dense %s (%.4g)\n", metric_name(a),
                result->variant->dense_accuracy);
    }
    if (a->options.batch_count > 1) {
        fprintf(file, "  at batch %.0f\n", result->batch);
    }
    put_figures(file, a, result);
}

static void put_none_pays(FILE *file, const struct spr_analysis *a)
{
    char line[400];
    if (a->options.has_max_drop) {
        snprintf(line, sizeof line,
                 "None pays: no pattern is faster than dense within %.4g%s of its %.200s",
                 a->options.max_drop * (a->options.max_drop_relative ? 100 : 1),
                 a->options.max_drop_relative ? " %" : "", metric_name(a));
    } else {
        snprintf(line, sizeof line, "None pays: no pattern here is faster than dense");
    }
    spr_text_wrapped(file, line, 0);
}

static void put_shape(const struct spr_analysis *a, const struct spr_step *step, char *text,
                      size_t size)
{
    text[0] = '\0';
    if (step->worst_layer < a->network->layer_count) {
        const struct spr_layer *layer = &a->network->layers[step->worst_layer];
        if (layer->op == SPR_OP_OTHER || step->alike == 1) {
            char name[SPR_TABLE_CELL];
            snprintf(text, size, "most %.0f%%: %s", 100 * step->worst_share,
                     spr_text_short(layer->name, 17, name));
        } else {
            snprintf(text, size, "most %.0f%%: %lldx%lld", 100 * step->worst_share,
                     (long long)layer->m, (long long)layer->k);
        }
    }
}

/* The last of the steps that make the ideal. */
static size_t ideal_step(const struct spr_waterfall *w)
{
    return w->count > 1 && w->steps[1].kind == SPR_STEP_ACTIVATIONS ? 1 : 0;
}

void spr_report_waterfall(FILE *file, const struct spr_analysis *a,
                          const struct spr_result *result, const struct spr_waterfall *w,
                          bool brief)
{
    for (size_t i = 0; i < w->count; i++) {
        const struct spr_step *step = &w->steps[i];
        char shape[96], remedy[SPR_REASON_TEXT];
        if (brief && (i <= ideal_step(w) || fabs(step->factor - 1) < NEGLIGIBLE)) {
            continue;
        }
        put_shape(a, step, shape, sizeof shape);
        fprintf(file, "  %s%-8.3g %-25s -> %8.3gx", i ? "x" : " ", step->factor,
                spr_step_words(step->kind), step->speedup);
        fprintf(file, shape[0] ? "  %s\n" : "%s\n", shape);
        if (!brief && (i == 0 || fabs(step->factor - 1) >= NEGLIGIBLE)) {
            spr_step_remedy(a, result, step, remedy);
            if (remedy[0]) {
                spr_text_wrapped(file, remedy, 12);
            }
        }
    }
}

static void put_why(FILE *file, const struct spr_analysis *a, const struct spr_result *result)
{
    struct spr_waterfall w;
    if (isnan(result->density) || result->density <= 0) {
        return;
    }
    spr_explain_waterfall(a, result, NULL, &w);
    bool loss = false;
    const size_t ideal = ideal_step(&w);
    for (size_t i = ideal + 1; i < w.count; i++) {
        loss = loss || fabs(w.steps[i].factor - 1) >= NEGLIGIBLE;
    }
    if (!loss) {
        return;
    }
    fprintf(file, "\nWhy not %.3gx (1/density%s, all else free)?\n",
            ideal > 0 ? w.steps[ideal].speedup : 1 / result->density,
            ideal > 0 ? " and zeros of X" : "");
    spr_report_waterfall(file, a, result, &w, true);
}

/* What kind of figure follows. */
static void put_headline(FILE *file, const struct spr_analysis *a)
{
    if (!a->expected_leads) {
        fprintf(file, "Hardware potential: the roofline's limit, not a measurement.\n\n");
        return;
    }
    fprintf(file, "Expected, not measured; the bound is the hardware potential.\n\n");
}

/* Names that a shell takes as they are, whole. */
static bool plain_word(const char *text)
{
    return strlen(text) <= 60 &&
           strspn(text,
                  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@:._/+-") ==
               strlen(text);
}

/* What a reader would do next, as commands. Without a name explain takes the recommended. */
static void put_next(FILE *file, const struct spr_analysis *a, size_t best,
                     const struct spr_report *report)
{
    if (!report->saved) {
        return;
    }
    bool standard = strcmp(report->saved, "sproof.json") == 0;
    const char *name = best < a->result_count ? a->results[best].variant->name : "";
    fprintf(file, "\nSaved %s. Next:\n", report->saved);
    if (best < a->result_count) {
        fprintf(file, "  sproof explain%s%s%s%s\n", plain_word(name) ? " " : "",
                plain_word(name) ? name : "", standard ? "" : " -i ",
                standard ? "" : report->saved);
    }
    fprintf(file, "  sproof plot %s%s--kind sparsity\n", standard ? "" : report->saved,
            standard ? "" : " ");
}

/* What is told, in lines around the tables. */
struct told {
    const struct spr_analysis *analysis;
    const struct spr_report *report;
    size_t best, potential, fastest; /* results; beyond the last: none */
    size_t shown;                    /* that the lines below the first are about */
};

static const struct spr_result *shown_of(const struct told *told)
{
    return &told->analysis->results[told->shown];
}

/* What would make a "no" a "yes": less of what takes the time. */
static void put_remedy(FILE *file, const struct spr_analysis *a,
                       const struct spr_result *result)
{
    char line[SPR_REASON_TEXT + 64], reason[SPR_REASON_TEXT];
    if (a->expected_leads && spr_explain_stops(a, result, reason)) {
        snprintf(line, sizeof line, "It would pay with less of what takes the time: %s.",
                 reason);
        spr_text_wrapped(file, line, 0);
    }
}

/* What stands above the tables. */
static void put_advice(FILE *file, const void *subject)
{
    const struct told *told = subject;
    const struct spr_analysis *a = told->analysis;
    spr_report_context(file, a, shown_of(told));
    put_headline(file, a);
    const bool potential = told->potential < a->result_count;
    if (told->best < a->result_count) {
        put_recommendation(file, a, told->best);
    } else if (potential && !a->expected_leads) {
        put_potential_alone(file, a, told->potential);
    } else {
        put_none_pays(file, a);
        if (told->fastest < a->result_count) {
            char name[SPR_TABLE_CELL];
            fprintf(file, "The fastest, %s, reaches %.3gx\n",
                    spr_text_short(a->results[told->fastest].variant->name, 40, name),
                    spr_result_answer(&a->results[told->fastest], true).speedup);
            put_remedy(file, a, &a->results[told->fastest]);
        }
    }
    if (potential && a->expected_leads) {
        put_potential(file, a, told->potential);
    }
    if (told->shown < a->result_count) {
        put_why(file, a, shown_of(told));
    }
}

/* What stands below them. */
static void put_rest(FILE *file, const void *subject)
{
    const struct told *told = subject;
    spr_answer_notes(file, told->analysis, shown_of(told));
    const bool told_of = told->best < told->analysis->result_count ||
                         told->potential < told->analysis->result_count;
    put_next(file, told->analysis, told_of ? told->shown : told->analysis->result_count,
             told->report);
}

void spr_report_answer(FILE *file, const struct spr_analysis *a,
                       const struct spr_report *report)
{
    bool markdown = report->format == SPR_FORMAT_MD;
    const struct told told = {a,
                              report,
                              spr_analysis_recommend(a, 0),
                              spr_analysis_potential(a, 0),
                              spr_analysis_fastest(a, 0),
                              spr_analysis_shown(a, 0)};
    spr_report_through(file, markdown ? spr_markdown_lines : NULL, put_advice, &told);
    spr_answer_table(file, a, 0, markdown);
    spr_answer_matrix(file, a, 0, markdown);
    if (a->options.batch_count > 1) {
        spr_answer_batches(file, a, markdown);
    }
    if (report->layers) {
        spr_answer_layers(file, a, shown_of(&told), markdown);
    }
    spr_report_through(file, markdown ? spr_markdown_lines : NULL, put_rest, &told);
}
