/* SPDX-License-Identifier: Apache-2.0 */
/* Variants grouped into curves: one per pattern, and per method where there are several. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "plot/draw.h"

static bool same_pattern(const struct spr_pattern *a, const struct spr_pattern *b)
{
    return a->kind && b->kind ? spr_pattern_equal(a, b) : a->kind == b->kind;
}

static bool same_skipped(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool same_method(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Index of the series a variant belongs to, adding it when it is the first. SIZE_MAX: out of
 * memory. */
static size_t series_of(struct spr_series_set *set, size_t *capacity,
                        const struct spr_variant *variant)
{
    for (size_t i = 0; i < set->count; i++) {
        if (same_pattern(&set->series[i].pattern, &variant->pattern) &&
            set->series[i].smaller == variant->smaller &&
            same_skipped(set->series[i].skipped, variant->skipped) &&
            same_method(set->series[i].method, variant->method)) {
            return i;
        }
    }
    if (!spr_grow(&set->series, capacity, set->count + 1, sizeof *set->series)) {
        return SIZE_MAX;
    }
    set->series[set->count] = (struct spr_series){.pattern = variant->pattern,
                                                  .smaller = variant->smaller,
                                                  .skipped = variant->skipped,
                                                  .method = variant->method,
                                                  .style = spr_figure_style(set->count)};
    return set->count++;
}

static int by_series(const void *left, const void *right)
{
    const struct spr_point *a = left, *b = right;
    if (a->series != b->series) {
        return a->series < b->series ? -1 : 1;
    }
    if (a->sparsity < b->sparsity || a->sparsity > b->sparsity) {
        return a->sparsity < b->sparsity ? -1 : 1;
    }
    if (a->result != b->result) {
        return a->result < b->result ? -1 : 1;
    }
    return 0;
}

/* The first series of the pattern of this one. */
static size_t first_of_pattern(const struct spr_series_set *set, size_t series)
{
    size_t first = 0;
    while (!same_pattern(&set->series[first].pattern, &set->series[series].pattern) ||
           !same_skipped(set->series[first].skipped, set->series[series].skipped)) {
        first++;
    }
    return first;
}

/* A method is told only where a pattern has several. */
static void name_series(struct spr_series_set *set, size_t index)
{
    struct spr_series *series = &set->series[index];
    char pattern[SPR_CHANGE_TEXT], skipped[SPR_SKIPPED_TEXT], method[SPR_CLEAN_TEXT];
    bool several = false;
    for (size_t i = 0; i < set->count; i++) {
        several = several || (i != index && set->series[i].count > 0 &&
                              same_pattern(&set->series[i].pattern, &series->pattern) &&
                              same_skipped(set->series[i].skipped, series->skipped));
    }
    spr_text_clean(series->method, 22, method);
    snprintf(series->name, sizeof series->name, "%s%s%s%.200s",
             spr_change_text(&series->pattern, series->smaller, pattern),
             spr_skipped_text(series->skipped, skipped), several && method[0] ? " " : "",
             several ? method : "");
}

/* Networks of different layers under `mixed`, or two at one sparsity, are no curve. */
static void finish_series(struct spr_series_set *set, bool by_method)
{
    for (size_t i = 0; i < set->point_count; i++) {
        const struct spr_point *point = &set->points[i];
        struct spr_series *series = &set->series[point->series];
        if (series->count++ == 0) {
            series->first = i;
            series->curve = series->pattern.kind != NULL && !series->smaller;
        } else if (point->sparsity - point[-1].sparsity < 1e-9) {
            bool same = fabs(point->speedup - point[-1].speedup) < 1e-9 * point->speedup;
            series->curve = series->curve && same && !by_method;
        }
    }
    for (size_t i = 0; i < set->count; i++) {
        name_series(set, i);
    }
}

static bool drawable(const struct spr_result *result, double speedup, bool need_accuracy)
{
    return isfinite(speedup) && speedup > 0 && isfinite(result->variant->sparsity) &&
           (!need_accuracy || isfinite(result->variant->accuracy));
}

enum spr_status spr_series_collect(const struct spr_analysis *analysis,
                                   const struct spr_plot_request *request,
                                   struct spr_grouping grouping, struct spr_series_set *set,
                                   struct spr_error *err)
{
    size_t capacity = 0;
    *set = (struct spr_series_set){0};
    set->points = spr_calloc(analysis->result_count, sizeof *set->points);
    bool failed = !set->points;
    for (size_t i = 0; i < analysis->result_count && !failed; i++) {
        const struct spr_result *result = &analysis->results[i];
        const struct spr_variant *variant = result->variant;
        /* Also those not drawn get their style, so that a colour means the same pattern in
         * every picture. */
        size_t series = series_of(set, &capacity, variant);
        failed = series == SIZE_MAX;
        if (failed || result->batch_index != request->batch_index ||
            !spr_draw_wants(request, &variant->pattern)) {
            continue;
        }
        double speedup = spr_analysis_speedup(analysis, result);
        if (!drawable(result, speedup, grouping.need_accuracy)) {
            set->left_out++;
            continue;
        }
        set->points[set->point_count++] =
            (struct spr_point){result,
                               variant->sparsity,
                               speedup,
                               variant->accuracy,
                               grouping.by_method ? series : first_of_pattern(set, series),
                               false};
    }
    if (failed) {
        spr_series_free(set);
        return spr_no_memory(err);
    }
    if (set->point_count == 0) {
        spr_series_free(set);
        return spr_fail(err, SPR_EINPUT, "nothing to draw: no pruned variant of %s",
                        request->pattern_count ? "the patterns asked for" : "the network");
    }
    qsort(set->points, set->point_count, sizeof *set->points, by_series);
    finish_series(set, grouping.by_method);
    return SPR_OK;
}

void spr_series_free(struct spr_series_set *set)
{
    spr_free(set->points);
    spr_free(set->series);
    *set = (struct spr_series_set){0};
}

/* A line through the points of a series, or through their bounds. false: out of memory. */
static bool draw_line(struct spr_figure *figure, const struct spr_series *series,
                      const struct spr_point *points, const struct spr_series_look *look,
                      bool bound)
{
    double(*curve)[2] = spr_calloc(series->count, sizeof *curve);
    for (size_t i = 0; curve && i < series->count; i++) {
        look->place(look->context, &points[i],
                    bound ? points[i].result->speedup : points[i].speedup, curve[i]);
    }
    if (curve) {
        struct spr_stroke stroke = {series->style.color, series->style.dash, bound ? 0.7 : 1.8,
                                    0, NULL};
        spr_figure_line(figure, (const double(*)[2])curve, series->count, &stroke);
    }
    spr_free(curve);
    return curve != NULL;
}

bool spr_series_draw(struct spr_figure *figure, const struct spr_series_set *set,
                     const struct spr_series *series, const struct spr_series_look *look)
{
    const struct spr_point *points = &set->points[series->first];
    struct spr_marker *markers = spr_calloc(series->count, sizeof *markers);
    bool done = markers && (!look->line || !figure->expected ||
                            draw_line(figure, series, points, look, true));
    figure->subject = series->name;
    done = done && (!look->line || draw_line(figure, series, points, look, false));
    for (size_t i = 0; done && i < series->count; i++) {
        markers[i] = (struct spr_marker){.radius = look->radius, .hollow = points[i].hollow};
        look->place(look->context, &points[i], points[i].speedup, markers[i].at);
    }
    if (done) {
        spr_figure_markers(figure, markers, series->count, &series->style, NULL);
        spr_figure_key(figure, &series->style, look->line && series->count > 1, series->name);
    }
    figure->subject = NULL;
    spr_free(markers);
    return done;
}
