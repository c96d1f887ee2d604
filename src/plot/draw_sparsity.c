/* SPDX-License-Identifier: Apache-2.0 */
/* The Sparsity Roofline: accuracy against speedup, a curve per pattern (arXiv 2310.00496). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "plot/draw.h"

#define PANEL 230

struct scene {
    const struct spr_analysis *analysis;
    const struct spr_plot_request *request;
    struct spr_figure *figure;
    struct spr_series_set set;
    struct spr_overlay overlay;
    bool accuracy;         /* y is the metric; else sparsity in percent */
    double dense_accuracy; /* of most points; NAN unknown */
    double limit;          /* the least good accuracy within --max-drop; NAN: no band */
    bool dense_differs;    /* sources disagree on dense_accuracy */
    double amdahl;         /* the highest ceiling of all points; NAN unknown */
    bool hollow;           /* some markers are */
};

static bool better_is_lower(const struct scene *scene)
{
    return scene->accuracy && scene->analysis->network->lower_is_better;
}

static double height_of(const struct scene *scene, const struct spr_point *point)
{
    return scene->accuracy ? point->accuracy : 100 * point->sparsity;
}

/* Points whose accuracy was not measured for this network as it is. */
static bool hollow(const struct scene *scene, const struct spr_point *point)
{
    const struct spr_result *result = point->result;
    return scene->accuracy &&
           (!result->counted || result->variant->accuracy_source == SPR_ACCURACY_INTERPOLATED);
}

static double dense_of(const struct scene *scene, const struct spr_point *point)
{
    double own = point->result->variant->dense_accuracy;
    return isfinite(own) ? own : scene->analysis->network->dense_accuracy;
}

static void survey(struct scene *scene)
{
    const struct spr_options *options = &scene->analysis->options;
    scene->dense_accuracy = scene->limit = scene->amdahl = (double)NAN;
    for (size_t i = 0; i < scene->set.point_count; i++) {
        struct spr_point *point = &scene->set.points[i];
        double dense = dense_of(scene, point);
        scene->amdahl =
            fmax(scene->amdahl,
                 spr_result_answer(point->result, scene->figure->expected).amdahl_ceiling);
        point->hollow = hollow(scene, point);
        scene->hollow = scene->hollow || point->hollow;
        if (!scene->accuracy || !isfinite(dense)) {
            continue;
        }
        if (isfinite(scene->dense_accuracy) && fabs(dense - scene->dense_accuracy) > 1e-9) {
            scene->dense_differs = true;
        } else {
            scene->dense_accuracy = dense;
        }
    }
    if (options->has_max_drop && isfinite(scene->dense_accuracy)) {
        double drop = options->max_drop_relative
                          ? options->max_drop * fabs(scene->dense_accuracy)
                          : options->max_drop;
        scene->limit = scene->dense_accuracy + (better_is_lower(scene) ? drop : -drop);
    }
}

static void widen(double value, double *low, double *high)
{
    if (isfinite(value)) {
        *low = fmin(*low, value);
        *high = fmax(*high, value);
    }
}

static void set_axes(struct scene *scene)
{
    char label[200], metric[SPR_CLEAN_TEXT];
    double x[2] = {1, 1}, y[2] = {HUGE_VAL, -HUGE_VAL};
    for (size_t i = 0; i < scene->set.point_count; i++) {
        widen(scene->set.points[i].speedup, &x[0], &x[1]);
        widen(scene->overlay.speedup[i], &x[0], &x[1]);
        widen(scene->set.points[i].result->speedup, &x[0], &x[1]);
        widen(height_of(scene, &scene->set.points[i]), &y[0], &y[1]);
    }
    /* A ceiling far away would squeeze the points; it is named at the edge instead. */
    if (scene->amdahl < x[1] * 1.4) {
        widen(scene->amdahl, &x[0], &x[1]);
    }
    widen(scene->dense_accuracy, &y[0], &y[1]);
    widen(scene->limit, &y[0], &y[1]);
    bool steep = better_is_lower(scene) && y[0] > 0 && y[1] > 8 * y[0];
    const char *name = scene->analysis->network->metric;
    spr_text_clean(name && name[0] ? name : "accuracy", 60, metric);
    if (!scene->accuracy) {
        snprintf(label, sizeof label, "sparsity (%%); no accuracy was given");
    } else {
        snprintf(label, sizeof label, "%.100s%s", metric,
                 better_is_lower(scene) ? " (lower is better: axis upside down)" : "");
    }
    scene->figure->x = spr_axis_make(x[1] > 12 * x[0], x[0], x[1], SPR_TICK_PLAIN,
                                     "speedup of the network over dense (x)");
    scene->figure->y = spr_axis_make(steep, y[0], y[1], SPR_TICK_PLAIN, label);
    scene->figure->y.flipped = better_is_lower(scene);
}

static void vertical(struct scene *scene, double x, const struct spr_stroke *stroke,
                     const char *name)
{
    struct spr_figure *figure = scene->figure;
    const double line[2][2] = {{x, figure->y.low}, {x, figure->y.high}};
    double pixel[2];
    if (!(x >= figure->x.low && x <= figure->x.high)) {
        return;
    }
    spr_figure_line(figure, line, 2, stroke);
    spr_figure_pixel(figure, line[0], pixel);
    bool right = pixel[0] > figure->area.right - 180;
    pixel[0] += (right ? -0.8 : 0.8) * figure->char_width;
    pixel[1] = figure->area.bottom + 0.8 * figure->line_height;
    struct spr_lettering lettering = {right ? "right" : "left", SPR_DARK, 11, 0};
    if (figure->dumb) {
        return;
    }
    spr_figure_text(figure, pixel, &lettering, name);
    double length = (double)strlen(name) * figure->char_width;
    spr_place_take(&figure->placer,
                   (struct spr_box){pixel[0] - (right ? length : 0), figure->area.bottom,
                                    pixel[0] + (right ? 0 : length),
                                    pixel[1] + figure->line_height / 2});
}

static void draw_limits(struct scene *scene)
{
    struct spr_figure *figure = scene->figure;
    char text[SPR_CLEAN_TEXT], factor[SPR_SHORT_TEXT];
    struct spr_stroke one = {SPR_BLACK, "1", 1.2, '|', NULL};
    struct spr_stroke ceiling = {SPR_VERMILLION, "(14,5)", 1.6, ':', NULL};
    vertical(scene, 1, &one, "1x: as fast as dense");
    if (isfinite(scene->amdahl)) {
        spr_text_factor(scene->amdahl, factor);
        snprintf(text, sizeof text, "Amdahl ceiling %s", factor);
        vertical(scene, scene->amdahl, &ceiling, text);
    }
    if (isfinite(scene->limit)) {
        bool lower = better_is_lower(scene);
        struct spr_box band = {figure->x.low, lower ? figure->y.low : scene->limit,
                               figure->x.high, lower ? scene->limit : figure->y.high};
        spr_figure_band(figure, &band, "#E8F1F8");
    }
    if (isfinite(scene->dense_accuracy)) {
        const double line[2][2] = {{figure->x.low, scene->dense_accuracy},
                                   {figure->x.high, scene->dense_accuracy}};
        struct spr_stroke dense = {SPR_GREY, "(3,4)", 1.2, '-', NULL};
        spr_figure_line(figure, line, 2, &dense);
    }
}

static int by_speedup(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}

/* From the fastest to the slowest, keeps those more accurate than all before: among equally
 * fast points only the best belongs to the line. Returns how many; slowest last. */
static size_t thin_front(double (*front)[2], size_t count, bool lower)
{
    size_t kept = 0;
    qsort(front, count, sizeof *front, by_speedup);
    for (size_t i = count; i-- > 0;) {
        double x = front[i][0], y = front[i][1];
        double *last = kept ? front[count - kept] : NULL;
        bool better = !last || (lower ? y < last[1] : y > last[1]);
        if (better && !(last && last[0] <= x)) {
            kept++;
        }
        if (better) {
            front[count - kept][0] = x;
            front[count - kept][1] = y;
        }
    }
    memmove(front, front + (count - kept), kept * sizeof *front);
    return kept;
}

/* A wide pale line under the points no other beats in both accuracy and speed. */
static bool draw_front(struct scene *scene)
{
    double(*front)[2] = spr_calloc(scene->set.point_count, sizeof *front);
    size_t count = 0;
    for (size_t i = 0; front && i < scene->set.point_count; i++) {
        const struct spr_point *point = &scene->set.points[i];
        if (point->result->pareto) {
            front[count][0] = point->speedup;
            front[count++][1] = height_of(scene, point);
        }
    }
    if (front && count > 0 && scene->accuracy) {
        struct spr_stroke stroke = {"#F0D58C", "1", 9, 0, "Pareto front"};
        count = thin_front(front, count, better_is_lower(scene));
        spr_figure_line(scene->figure, (const double(*)[2])front, count, &stroke);
    }
    spr_free(front);
    return front != NULL;
}

static void describe(struct scene *scene, const struct spr_point *point)
{
    const struct spr_result *result = point->result;
    const struct spr_variant *variant = result->variant;
    static const char *const sources[] = {"unknown", "from the layer table",
                                          "from the accuracy table", "interpolated"};
    char name[SPR_CLEAN_TEXT], method[SPR_CLEAN_TEXT], text[3 * SPR_CLEAN_TEXT];
    char accuracy[64] = "", limit[SPR_REASON_TEXT], clean[SPR_CLEAN_TEXT];
    char bound[SPR_BOUND_TEXT];
    const double at[2] = {point->speedup, height_of(scene, point)};
    if (scene->accuracy) {
        snprintf(accuracy, sizeof accuracy, " | accuracy %.5g (%s)", point->accuracy,
                 sources[variant->accuracy_source]);
    }
    spr_text_clean(variant->method, 80, method);
    spr_explain_limit(scene->analysis, result, limit);
    snprintf(text, sizeof text,
             "%s | %.4g %% zeros, speedup %.3gx (%s)%s%s%s%s | "
             "limited by %s%s",
             spr_text_clean(variant->name, 80, name), 100 * point->sparsity, point->speedup,
             spr_draw_range(result, scene->figure->expected, bound), accuracy,
             method[0] ? " | " : "", method,
             variant->layerwise ? " | accuracy of a network with uneven sparsity" : "",
             spr_text_clean(limit, 120, clean),
             result->pareto ? " | on the Pareto front" : "");
    spr_figure_hover(scene->figure, at, 8, text);
}

static void write_point(struct scene *scene, const struct spr_point *point)
{
    const struct spr_variant *variant = point->result->variant;
    struct spr_text *csv = &scene->figure->csv;
    char pattern[SPR_CHANGE_TEXT];
    spr_text_add_csv(csv, variant->name);
    spr_text_add(csv, ",%s,", spr_change_text(&variant->pattern, variant->smaller, pattern));
    spr_text_add_csv(csv, variant->method);
    spr_text_add_csv_number(csv, point->sparsity);
    spr_text_add_csv_number(csv, point->result->speedup);
    spr_text_add_csv_number(csv, point->result->speedup_low);
    spr_text_add_csv_number(csv, point->result->speedup_high);
    spr_text_add_csv_number(csv, point->accuracy);
    spr_text_add_csv_number(csv, point->result->amdahl_ceiling);
    spr_text_add(csv, ",%d,%d,%d", point->result->counted, point->result->pareto,
                 point->result->within_drop);
    if (scene->figure->expected) {
        spr_text_add_csv_number(csv, point->speedup);
    }
    spr_text_add(csv, "\n");
}

/* Networks of a table need not lie on one curve: a line is drawn where more zeros never come
 * with a better accuracy. A grid is one network pruned further and further. */
static bool joined(const struct scene *scene, const struct spr_series *series)
{
    double sign = better_is_lower(scene) ? -1 : 1;
    const struct spr_point *points = &scene->set.points[series->first];
    for (size_t i = 1; series->curve && i < series->count && scene->accuracy; i++) {
        bool grid = points[i].result->variant->grid;
        if (!grid && sign * points[i].accuracy > sign * points[i - 1].accuracy) {
            return false;
        }
    }
    return series->curve;
}

static void place(const void *context, const struct spr_point *point, double speedup,
                  double at[2])
{
    at[0] = speedup;
    at[1] = height_of(context, point);
}

static bool draw_series(struct scene *scene, const struct spr_series *series)
{
    const struct spr_series_look look = {place, scene, 6.5, joined(scene, series)};
    for (size_t i = 0; i < series->count; i++) {
        describe(scene, &scene->set.points[series->first + i]);
        write_point(scene, &scene->set.points[series->first + i]);
    }
    return spr_series_draw(scene->figure, &scene->set, series, &look);
}

/* The front first, then the ends of curves: these are asked for most. */
static void label_points(struct scene *scene)
{
    for (int pass = 0; pass < 3 && scene->accuracy && !scene->figure->dumb; pass++) {
        for (size_t i = 0; i < scene->set.point_count; i++) {
            const struct spr_point *point = &scene->set.points[i];
            const struct spr_series *series = &scene->set.series[point->series];
            bool end = i == series->first || i + 1 == series->first + series->count;
            int own = point->result->pareto ? 0 : end ? 1 : 2;
            const double at[2] = {point->speedup, height_of(scene, point)};
            char text[SPR_SHORT_TEXT];
            if (own == pass) {
                snprintf(text, sizeof text, "%.3g%%", 100 * point->sparsity);
                spr_figure_label(scene->figure, at, 10, text, NULL);
            }
        }
    }
}

static void write_notes(struct scene *scene)
{
    struct spr_figure *figure = scene->figure;
    const struct spr_options *options = &scene->analysis->options;
    char factor[SPR_SHORT_TEXT];
    bool lines = false;
    for (size_t i = 0; i < scene->set.count; i++) {
        const struct spr_series *series = &scene->set.series[i];
        lines = lines || (series->count > 1 && joined(scene, series));
    }
    spr_draw_expected_note(figure, isfinite(scene->amdahl), lines);
    if (!scene->accuracy) {
        spr_draw_note(figure, "No accuracy was given: y is the share of zeros, not accuracy.");
    } else if (!figure->dumb) {
        spr_draw_note(figure, "Beside the markers: sparsity.");
    }
    if (isfinite(scene->dense_accuracy) && !figure->dumb) {
        spr_draw_note(figure, "Dotted: dense, %.5g.", scene->dense_accuracy);
    }
    if (isfinite(scene->limit)) {
        spr_draw_note(figure, "%s within %.4g%s of dense.",
                      figure->dumb ? "Limit:" : "Shaded:",
                      options->max_drop * (options->max_drop_relative ? 100 : 1),
                      options->max_drop_relative ? " %" : "");
    }
    if (scene->dense_differs) {
        spr_draw_note(figure, "The sources disagree on dense accuracy: losses count from each "
                              "one's own.");
    }
    if (scene->hollow && !figure->dumb) {
        spr_draw_note(figure, "Hollow: accuracy interpolated, or of a network with another "
                              "distribution of zeros (not in the Pareto front).");
    }
    if (isfinite(scene->amdahl) && !(scene->amdahl <= figure->x.high)) {
        spr_draw_note(figure, "Amdahl ceiling %s, beyond the right edge.",
                      spr_text_factor(scene->amdahl, factor));
    }
    spr_overlay_note(&scene->overlay, figure);
    if (scene->set.left_out) {
        spr_draw_note(figure, "%zu variants without accuracy or a known kernel are not shown.",
                      scene->set.left_out);
    }
}

static enum spr_status draw_scene(struct scene *scene, struct spr_error *err)
{
    struct spr_figure *figure = scene->figure;
    figure->expected = scene->analysis->expected_leads;
    survey(scene);
    spr_draw_heading(figure, scene->analysis, scene->request,
                     scene->accuracy ? "which accuracy at which speedup?"
                                     : "which speedup at which sparsity?");
    set_axes(scene);
    write_notes(scene);
    spr_figure_frame(figure, figure->dumb ? 16 : PANEL, figure->dumb ? 8 : 96);
    spr_text_add(&figure->csv,
                 "variant,pattern,method,sparsity,speedup,speedup_low,"
                 "speedup_high,accuracy,amdahl_ceiling,counted,pareto,"
                 "within_max_drop%s\n",
                 figure->expected ? ",expected_speedup" : "");
    bool done = draw_front(scene);
    draw_limits(scene);
    for (size_t i = 0; done && i < scene->set.count; i++) {
        done = scene->set.series[i].count == 0 || draw_series(scene, &scene->set.series[i]);
    }
    spr_overlay_draw(&scene->overlay, &scene->set, figure, place, scene);
    label_points(scene);
    return done ? SPR_OK : spr_no_memory(err);
}

enum spr_status spr_draw_sparsity(const struct spr_analysis *analysis,
                                  const struct spr_plot_request *request,
                                  struct spr_figure *figure, struct spr_error *err)
{
    struct scene scene = {.analysis = analysis, .request = request, .figure = figure};
    for (size_t i = 0; i < analysis->result_count; i++) {
        const struct spr_variant *variant = analysis->results[i].variant;
        scene.accuracy = scene.accuracy || (isfinite(variant->accuracy) &&
                                            spr_draw_wants(request, &variant->pattern));
    }
    enum spr_status status = spr_series_collect(
        analysis, request, (struct spr_grouping){scene.accuracy, scene.accuracy}, &scene.set,
        err);
    if (status == SPR_OK) {
        status = spr_overlay_make(analysis, request, &scene.set, &scene.overlay)
                     ? draw_scene(&scene, err)
                     : spr_no_memory(err);
    }
    spr_overlay_free(&scene.overlay);
    spr_series_free(&scene.set);
    return status;
}
