/* SPDX-License-Identifier: Apache-2.0 */
/* Speedup against sparsity: each pattern under the ideal and the ceilings. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "plot/draw.h"

#define PANEL 230
#define IDEAL_POINTS 120

struct scene {
    const struct spr_analysis *analysis;
    const struct spr_plot_request *request;
    struct spr_figure *figure;
    struct spr_series_set set;
    struct spr_overlay overlay;
    double amdahl;        /* the highest; NAN unknown */
    double highest;       /* speedup */
    double (*ceiling)[2]; /* activation ceiling against sparsity in percent */
    size_t ceiling_count;
};

static int by_first(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}

/* The highest activation ceiling of any pattern up to each sparsity: more zeros leave fewer
 * rows of X, so it only rises. */
static bool find_ceiling(struct scene *scene)
{
    size_t count = 0;
    scene->ceiling = spr_calloc(scene->set.point_count, sizeof *scene->ceiling);
    for (size_t i = 0; scene->ceiling && i < scene->set.point_count; i++) {
        double ceiling = scene->set.points[i].result->activation_ceiling;
        if (isfinite(ceiling) && ceiling > 0) {
            scene->ceiling[count][0] = 100 * scene->set.points[i].sparsity;
            scene->ceiling[count++][1] = ceiling;
        }
    }
    if (count > 0) {
        qsort(scene->ceiling, count, sizeof *scene->ceiling, by_first);
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        double sparsity = scene->ceiling[i][0], ceiling = scene->ceiling[i][1];
        double before = kept ? scene->ceiling[kept - 1][1] : ceiling;
        kept += kept == 0 || sparsity - scene->ceiling[kept - 1][0] > 1e-7;
        scene->ceiling[kept - 1][0] = sparsity;
        scene->ceiling[kept - 1][1] = fmax(ceiling, before);
    }
    scene->ceiling_count = kept;
    return scene->ceiling != NULL;
}

static void set_axes(struct scene *scene)
{
    double x[2] = {100, 0}, y[2] = {1, 1};
    scene->amdahl = (double)NAN;
    for (size_t i = 0; i < scene->set.point_count; i++) {
        const struct spr_point *point = &scene->set.points[i];
        x[0] = fmin(x[0], 100 * point->sparsity);
        x[1] = fmax(x[1], 100 * point->sparsity);
        y[0] = fmin(y[0], point->speedup);
        y[1] = fmax(y[1], fmax(point->speedup, point->result->speedup));
        y[0] = fmin(y[0], scene->overlay.speedup[i]); /* fmin and fmax pass over NAN */
        y[1] = fmax(y[1], scene->overlay.speedup[i]);
        scene->amdahl =
            fmax(scene->amdahl,
                 spr_result_answer(point->result, scene->figure->expected).amdahl_ceiling);
    }
    scene->highest = y[1];
    /* The ideal goes to infinity: it may leave the frame once it is clearly above all. */
    double ideal = x[1] < 100 ? 1 / (1 - x[1] / 100) : HUGE_VAL;
    y[1] = fmin(fmax(ideal, y[1]), fmax(3 * y[1], 4));
    if (scene->amdahl < 2 * y[1]) {
        y[1] = fmax(y[1], scene->amdahl);
    }
    if (x[1] - x[0] < 10) {
        x[0] = fmax(0, x[0] - 10);
        x[1] = fmin(100, x[1] + 10);
    }
    scene->figure->x = spr_axis_make(false, x[0], x[1], SPR_TICK_PLAIN,
                                     "sparsity: zeros in the weights of pruned layers (%)");
    scene->figure->x.high = fmin(scene->figure->x.high, 100);
    scene->figure->x.low = fmax(scene->figure->x.low, 0);
    scene->figure->y = spr_axis_make(true, y[0], y[1], SPR_TICK_PLAIN,
                                     "speedup of the network over dense (x)");
}

/* A label on a level line, at the left where curves are low. */
static void name_level(struct scene *scene, const double at[2], const char *text, double side)
{
    struct spr_figure *figure = scene->figure;
    struct spr_lettering lettering = {"left", SPR_DARK, 11, 0};
    double pixel[2];
    if (!spr_figure_pixel(figure, at, pixel)) {
        return;
    }
    pixel[0] = fmax(pixel[0], figure->area.left) + figure->char_width;
    pixel[1] += side * 0.75 * figure->line_height;
    spr_figure_text(figure, pixel, &lettering, text);
    spr_place_take(&figure->placer,
                   (struct spr_box){pixel[0], pixel[1] - figure->line_height / 2,
                                    pixel[0] + (double)strlen(text) * figure->char_width,
                                    pixel[1] + figure->line_height / 2});
}

static void draw_ideal(struct scene *scene)
{
    struct spr_figure *figure = scene->figure;
    double ideal[IDEAL_POINTS][2];
    size_t count = 0;
    for (int i = 0; i < IDEAL_POINTS; i++) {
        double sparsity =
            figure->x.low + (figure->x.high - figure->x.low) * i / (IDEAL_POINTS - 1);
        double speedup = sparsity < 100 ? 1 / (1 - sparsity / 100) : HUGE_VAL;
        if (speedup <= figure->y.high) {
            ideal[count][0] = sparsity;
            ideal[count++][1] = speedup;
        }
    }
    struct spr_stroke stroke = {SPR_BLACK, "(10,5)", 1.6, '.',
                                figure->dumb ? "ideal" : "ideal: 1/density"};
    spr_figure_line(figure, (const double(*)[2])ideal, count, &stroke);
}

static void draw_levels(struct scene *scene)
{
    struct spr_figure *figure = scene->figure;
    char text[SPR_CLEAN_TEXT], factor[SPR_SHORT_TEXT];
    const double one[2][2] = {{figure->x.low, 1}, {figure->x.high, 1}};
    struct spr_stroke stroke = {SPR_BLACK, "1", 1.4, '-', NULL};
    spr_figure_line(figure, one, 2, &stroke);
    name_level(scene, one[0], "1x: as fast as dense", -1);
    if (scene->amdahl <= figure->y.high) {
        const double line[2][2] = {{figure->x.low, scene->amdahl},
                                   {figure->x.high, scene->amdahl}};
        struct spr_stroke ceiling = {SPR_VERMILLION, "(14,5)", 1.6, '=', NULL};
        spr_figure_line(figure, line, 2, &ceiling);
        snprintf(text, sizeof text, "Amdahl ceiling %s: pruned operators take no time",
                 spr_text_factor(scene->amdahl, factor));
        name_level(scene, line[0], text, 1);
    }
    if (scene->ceiling_count > 0) {
        struct spr_stroke weights = {SPR_GREY, "(3,4)", 1.6, 0,
                                     figure->expected ? "activation ceiling (bound)"
                                                      : "activation ceiling"};
        spr_figure_line(figure, (const double(*)[2])scene->ceiling, scene->ceiling_count,
                        &weights);
    }
}

static void describe(struct scene *scene, const struct spr_point *point)
{
    const struct spr_result *result = point->result;
    char name[SPR_CLEAN_TEXT], text[2 * SPR_CLEAN_TEXT], limit[SPR_REASON_TEXT];
    char clean[SPR_CLEAN_TEXT], time[2][SPR_SHORT_TEXT];
    char bound[SPR_BOUND_TEXT];
    const double at[2] = {100 * point->sparsity, point->speedup};
    struct spr_answer answer = spr_result_answer(result, scene->figure->expected);
    spr_explain_limit(scene->analysis, result, limit);
    snprintf(text, sizeof text,
             "%s | speedup %.3gx (%s), %s -> %s | ideal %.3gx, with losing layers "
             "left dense %.3gx | limited by %s",
             spr_text_clean(result->variant->name, 80, name), point->speedup,
             spr_draw_range(result, answer.expected, bound),
             spr_text_time(answer.dense_time_s, false, time[0]),
             spr_text_time(answer.time_s, false, time[1]), 1 / result->density,
             answer.speedup_mixed, spr_text_clean(limit, 120, clean));
    spr_figure_hover(scene->figure, at, 7, text);
}

static void write_point(struct scene *scene, const struct spr_point *point)
{
    const struct spr_result *result = point->result;
    struct spr_text *csv = &scene->figure->csv;
    char pattern[SPR_CHANGE_TEXT];
    spr_text_add_csv(csv, result->variant->name);
    spr_text_add(
        csv, ",%s,",
        spr_change_text(&result->variant->pattern, result->variant->smaller, pattern));
    spr_text_add_csv(csv, result->variant->method);
    spr_text_add_csv_number(csv, point->sparsity);
    spr_text_add_csv_number(csv, result->speedup);
    spr_text_add_csv_number(csv, result->speedup_low);
    spr_text_add_csv_number(csv, result->speedup_high);
    spr_text_add_csv_number(csv, result->speedup_mixed);
    spr_text_add_csv_number(csv, 1 / result->density);
    spr_text_add_csv_number(csv, result->amdahl_ceiling);
    spr_text_add_csv_number(csv, result->activation_ceiling);
    if (scene->figure->expected) {
        spr_text_add_csv_number(csv, point->speedup);
    }
    spr_text_add(csv, "\n");
}

/* Where the curve between two points passes 1x, straight on the drawn (logarithmic) scale. */
static void mark_break_even(struct scene *scene, const double from[2], const double to[2])
{
    char text[SPR_SHORT_TEXT];
    double part = log(from[1]) / (log(from[1]) - log(to[1]));
    const double at[2] = {from[0] + part * (to[0] - from[0]), 1};
    static const struct spr_style cross = {SPR_BLACK, 2, 2, "1", 'x'};
    struct spr_marker marker = {{at[0], at[1]}, 8, false};
    spr_figure_markers(scene->figure, &marker, 1, &cross, NULL);
    snprintf(text, sizeof text, "%.0f%%", at[0]);
    spr_figure_label(scene->figure, at, 10, text, NULL);
}

static void place(const void *context, const struct spr_point *point, double speedup,
                  double at[2])
{
    (void)context;
    at[0] = 100 * point->sparsity;
    at[1] = speedup;
}

static bool draw_series(struct scene *scene, const struct spr_series *series)
{
    const struct spr_series_look look = {place, scene, 5.5, series->curve};
    for (size_t i = 0; i < series->count; i++) {
        describe(scene, &scene->set.points[series->first + i]);
        write_point(scene, &scene->set.points[series->first + i]);
    }
    return spr_series_draw(scene->figure, &scene->set, series, &look);
}

/* Whether the curve to this point from the one before it passes 1x. */
static bool crosses(const struct scene *scene, size_t point)
{
    const struct spr_point *from = &scene->set.points[point - 1], *to = from + 1;
    return from->series == to->series && scene->set.series[from->series].curve &&
           (from->speedup < 1) != (to->speedup < 1);
}

static void mark_crossings(struct scene *scene)
{
    for (size_t i = 1; i < scene->set.point_count; i++) {
        const struct spr_point *from = &scene->set.points[i - 1], *to = &scene->set.points[i];
        const double ends[2][2] = {{100 * from->sparsity, from->speedup},
                                   {100 * to->sparsity, to->speedup}};
        if (crosses(scene, i)) {
            mark_break_even(scene, ends[0], ends[1]);
        }
    }
}

struct drawn {
    size_t series;
    bool curves, crossings; /* there are some */
};

static struct drawn find_drawn(const struct scene *scene)
{
    struct drawn drawn = {0};
    for (size_t i = 0; i < scene->set.count; i++) {
        const struct spr_series *series = &scene->set.series[i];
        drawn.series += series->count > 0;
        drawn.curves = drawn.curves || (series->curve && series->count > 1);
    }
    for (size_t i = 1; i < scene->set.point_count; i++) {
        drawn.crossings = drawn.crossings || crosses(scene, i);
    }
    return drawn;
}

static void write_notes(struct scene *scene)
{
    struct spr_figure *figure = scene->figure;
    char factor[SPR_SHORT_TEXT];
    struct drawn drawn = find_drawn(scene);
    spr_draw_expected_note(figure, isfinite(scene->amdahl), drawn.curves);
    if (drawn.crossings && !figure->dumb) {
        spr_draw_note(figure, "Crosses: break-even, between two points.");
    }
    if (scene->ceiling_count > 1 && !figure->dumb) {
        spr_draw_note(figure, "Activation ceiling: W costs nothing, X and Y remain%s.",
                      drawn.series > 1 ? " (the highest of the patterns)" : "");
    }
    spr_overlay_note(&scene->overlay, figure);
    if (isfinite(scene->amdahl) && !(scene->amdahl <= figure->y.high)) {
        spr_draw_note(figure, "Amdahl ceiling %s, above the upper edge.",
                      spr_text_factor(scene->amdahl, factor));
    }
}

/* Key entries in the order in which the curves end, highest first. */
static bool draw_all_series(struct scene *scene)
{
    double last = HUGE_VAL;
    size_t drawn = 0;
    bool done = true;
    bool *seen = spr_calloc(scene->set.count, sizeof *seen);
    while (seen && done && drawn < scene->set.count) {
        size_t best = scene->set.count;
        last = -HUGE_VAL;
        for (size_t i = 0; i < scene->set.count; i++) {
            const struct spr_series *series = &scene->set.series[i];
            double end = series->count
                             ? scene->set.points[series->first + series->count - 1].speedup
                             : 0;
            if (!seen[i] && end > last) {
                best = i;
                last = end;
            }
        }
        seen[best] = true;
        drawn++;
        const struct spr_series *series = &scene->set.series[best];
        done = series->count == 0 || draw_series(scene, series);
    }
    spr_free(seen);
    return seen != NULL && done;
}

enum spr_status spr_draw_speedup(const struct spr_analysis *analysis,
                                 const struct spr_plot_request *request,
                                 struct spr_figure *figure, struct spr_error *err)
{
    struct scene scene = {.analysis = analysis, .request = request, .figure = figure};
    enum spr_status status =
        spr_series_collect(analysis, request, (struct spr_grouping){0}, &scene.set, err);
    if (status != SPR_OK) {
        return status;
    }
    bool done = spr_overlay_make(analysis, request, &scene.set, &scene.overlay);
    if (!done) {
        spr_series_free(&scene.set);
        return spr_no_memory(err);
    }
    figure->expected = analysis->expected_leads;
    spr_draw_heading(figure, analysis, request, "how fast at which sparsity?");
    set_axes(&scene);
    done = find_ceiling(&scene);
    write_notes(&scene);
    spr_figure_frame(figure, figure->dumb ? 18 : PANEL, figure->dumb ? 8 : 96);
    spr_text_add(&figure->csv,
                 "variant,pattern,method,sparsity,speedup,speedup_low,speedup_high,"
                 "speedup_mixed,ideal_speedup,amdahl_ceiling,activation_ceiling%s\n",
                 figure->expected ? ",expected_speedup" : "");
    if (done) {
        draw_ideal(&scene);
        draw_levels(&scene);
        done = draw_all_series(&scene);
        mark_crossings(&scene);
        spr_overlay_draw(&scene.overlay, &scene.set, figure, place, &scene);
    }
    spr_overlay_free(&scene.overlay);
    spr_free(scene.ceiling);
    spr_series_free(&scene.set);
    return done ? SPR_OK : spr_no_memory(err);
}
