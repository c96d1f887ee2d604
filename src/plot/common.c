/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of pictures share: headings, captions, and which result is looked at. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "plot/draw.h"

static double batch_of(const struct spr_analysis *analysis,
                       const struct spr_plot_request *request)
{
    return analysis->options.batches[request->batch_index];
}

static void add_changes(struct spr_figure *figure, const struct spr_options *options)
{
    char clean[SPR_CLEAN_TEXT], before[SPR_SHORT_TEXT] = "unknown";
    for (size_t i = 0; i < options->change_count; i++) {
        const struct spr_machine_change *change = &options->changes[i];
        if (isfinite(change->before)) {
            snprintf(before, sizeof before, "%.4g", change->before);
        }
        spr_text_add(&figure->facts, ", with %s %s -> %.4g",
                     spr_text_clean(change->path, 60, clean), before, change->after);
    }
}

void spr_draw_heading(struct spr_figure *figure, const struct spr_analysis *analysis,
                      const struct spr_plot_request *request, const char *question)
{
    char network[SPR_CLEAN_TEXT], machine[SPR_CLEAN_TEXT], engine[SPR_CLEAN_TEXT];
    char types[SPR_TYPES_TEXT], dense[SPR_TYPES_TEXT];
    const struct spr_model *model = &analysis->dense_model;
    spr_options_words(&analysis->options, types, dense);
    spr_text_clean(analysis->network->name, 40, network);
    spr_text_clean(model->machine->name, 30, machine);
    spr_text_clean(model->machine->engines[model->dense_engine].name, 30, engine);
    if (figure->dumb) {
        spr_text_add(&figure->title, "%s: %s", network, question);
        spr_text_add(&figure->facts, "%s, %s, batch %g%s%s; %s, not measured", machine, types,
                     batch_of(analysis, request), dense[0] ? ", dense" : "", dense,
                     figure->expected ? "expected" : "bound");
        return;
    }
    spr_text_add(&figure->title, "%s on %s: %s", network, machine, question);
    spr_text_add(&figure->facts, "%s, %s, batch %g, dense%s on engine %s", machine, types,
                 batch_of(analysis, request), dense, engine);
    if (analysis->options.native) {
        spr_text_add(&figure->facts, ", execution native");
    }
    if (analysis->options.ideal_tiles) {
        spr_text_add(&figure->facts, ", ideal tiles");
    }
    if (analysis->options.fuse) {
        spr_text_add(&figure->facts, ", fusion epilogue");
    }
    add_changes(figure, &analysis->options);
    if (figure->expected) {
        char kernels[SPR_KERNELS_TEXT];
        spr_text_add(&figure->facts,
                     "; 2 FLOP per multiply-add; expected of %s, not a measurement; bound: "
                     "hardware potential (residency %s)",
                     spr_expected_kernels(analysis, kernels),
                     spr_residency_name(analysis->options.residency));
        return;
    }
    spr_text_add(&figure->facts,
                 "; 2 FLOP per multiply-add; residency %s; hardware potential (roofline "
                 "bound), not a measurement",
                 spr_residency_name(analysis->options.residency));
}

void spr_draw_note(struct spr_figure *figure, const char *format, ...)
{
    char line[SPR_CLEAN_TEXT];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    spr_text_add(&figure->caption, "%s%s", figure->caption.used ? " " : "", line);
}

void spr_draw_expected_note(struct spr_figure *figure, bool amdahl, bool thin_lines)
{
    if (figure->expected && !figure->dumb) {
        spr_draw_note(figure, "Markers%s: expected%s.", amdahl ? ", Amdahl ceiling" : "",
                      thin_lines ? "; thin lines: bound" : "");
    }
}

bool spr_draw_wants(const struct spr_plot_request *request, const struct spr_pattern *pattern)
{
    for (size_t i = 0; i < request->pattern_count; i++) {
        if (pattern->kind && spr_pattern_equal(pattern, &request->patterns[i])) {
            return true;
        }
    }
    return request->pattern_count == 0;
}

static enum spr_status no_variant(const struct spr_analysis *analysis, const char *name,
                                  struct spr_error *err)
{
    char clean[2][SPR_CLEAN_TEXT];
    const struct spr_network *network = analysis->network;
    const char **names = spr_calloc(network->variant_count + 1, sizeof *names);
    if (!names) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < network->variant_count; i++) {
        names[i] = network->variants[i].name;
    }
    const char *near = spr_nearest(name, names);
    enum spr_status status =
        spr_fail(err, SPR_EINPUT, "no variant '%s'%s%s%s", spr_text_clean(name, 120, clean[0]),
                 near ? ": did you mean '" : "",
                 near ? spr_text_clean(near, 120, clean[1]) : "", near ? "'?" : "");
    spr_free(names);
    return status;
}

/* A limit that nothing meets shows the fastest all the same: a picture says why. */
static const struct spr_result *fastest(const struct spr_analysis *analysis,
                                        const struct spr_plot_request *request,
                                        const struct spr_pattern *pattern)
{
    const struct spr_result *best = NULL;
    bool best_within = false, limited = analysis->options.has_max_drop;
    for (size_t i = 0; i < analysis->result_count; i++) {
        const struct spr_result *result = &analysis->results[i];
        bool within = !limited || result->within_drop;
        if (result->batch_index != request->batch_index ||
            !(spr_analysis_speedup(analysis, result) > 0) ||
            (pattern && !(result->variant->pattern.kind &&
                          spr_pattern_equal(&result->variant->pattern, pattern)))) {
            continue;
        }
        if (!best || (within && !best_within) ||
            (within == best_within &&
             spr_analysis_speedup(analysis, result) > spr_analysis_speedup(analysis, best))) {
            best = result;
            best_within = within;
        }
    }
    return best;
}

enum spr_status spr_draw_focus(const struct spr_analysis *analysis,
                               const struct spr_plot_request *request,
                               const struct spr_result **results, size_t size, size_t *count,
                               struct spr_error *err)
{
    *count = 0;
    if (request->variant) {
        results[0] = spr_analysis_find(analysis, request->variant, request->batch_index);
        *count = results[0] ? 1 : 0;
        return *count ? SPR_OK : no_variant(analysis, request->variant, err);
    }
    for (size_t i = 0; i < request->pattern_count && *count < size; i++) {
        const struct spr_result *best = fastest(analysis, request, &request->patterns[i]);
        if (best) {
            results[(*count)++] = best;
        }
    }
    if (request->pattern_count == 0) {
        size_t recommended = spr_analysis_shown(analysis, request->batch_index);
        results[0] = recommended < analysis->result_count ? &analysis->results[recommended]
                                                          : fastest(analysis, request, NULL);
        *count = results[0] ? 1 : 0;
    }
    if (*count == 0) {
        return spr_fail(err, SPR_EINPUT,
                        "nothing to draw: no pruned variant of %s at batch %g",
                        request->pattern_count ? "the patterns asked for" : "the network",
                        batch_of(analysis, request));
    }
    return SPR_OK;
}

/* The end of a dotted name says what an operator is: "encoder.layer.0.attention.softmax". */
static const char *name_tail(const char *name, size_t most)
{
    while (strlen(name) > most) {
        const char *next = name + strcspn(name, "./");
        if (!*next || !next[1]) {
            break;
        }
        name = next + 1;
    }
    return name;
}

const char *spr_draw_shape(const struct spr_layer *layer, bool alone, char *text)
{
    char name[SPR_CLEAN_TEXT];
    if (layer->op == SPR_OP_OTHER) {
        return spr_text_clean(name_tail(layer->name, 26), 26, text);
    }
    snprintf(text, SPR_CLEAN_TEXT, "%s %lldx%lld, n %lld",
             alone ? spr_text_clean(name_tail(layer->name, 16), 16, name)
                   : spr_op_name(layer->op),
             (long long)layer->m, (long long)layer->k, (long long)layer->n);
    return text;
}

const char *spr_draw_range(const struct spr_result *result, bool expected, char *text)
{
    int used = 0;
    if (expected) {
        used = snprintf(text, SPR_BOUND_TEXT, "bound %.3gx, ", result->speedup);
    }
    snprintf(text + used, SPR_BOUND_TEXT - (size_t)used, "%.3gx to %.3gx", result->speedup_low,
             result->speedup_high);
    return text;
}
