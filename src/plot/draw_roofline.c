/* SPDX-License-Identifier: Apache-2.0 */
/* The roofline: each operator's useful FLOP/byte against its useful FLOP/s. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include "base/mem.h"
#include "plot/dots.h"
#include "plot/draw.h"
#include "plot/roofs.h"

/* More patterns at once hide each other. */
#define FOCUS_MAX 3
/* Operators named in the panel. */
#define NAMED_MAX 10
#define NAMED_SHARE 0.015
#define PANEL 285

struct scene {
    const struct spr_analysis *analysis;
    const struct spr_plot_request *request;
    struct spr_figure *figure;
    const struct spr_result *results[FOCUS_MAX];
    size_t result_count;
    struct spr_dots dense, sparse[FOCUS_MAX];
    size_t left_out;
};

static bool position(const struct spr_prediction *run, double at[2])
{
    at[0] = run->flops_useful / run->bytes;
    at[1] = run->flops_useful / run->time_s;
    return isfinite(at[0]) && isfinite(at[1]) && at[0] > 0 && at[1] > 0;
}

static bool gather_layer(struct scene *scene, size_t layer)
{
    const struct spr_analysis *a = scene->analysis;
    size_t batch = scene->request->batch_index;
    double total = a->dense_time_s[batch], count = (double)a->network->layers[layer].count;
    const struct spr_prediction *run = spr_analysis_dense(a, batch, layer);
    struct spr_dot dot = {.layer = layer,
                          .layers = 1,
                          .dense = SIZE_MAX,
                          .occurrences = count,
                          .share = total > 0 ? count * run->time_s / total : 0};
    if (!position(run, dot.at)) {
        scene->left_out++;
        return true;
    }
    size_t dense = spr_dots_add(&scene->dense, &dot);
    for (size_t r = 0; r < scene->result_count && dense != SIZE_MAX; r++) {
        const struct spr_layer_result *pruned = &scene->results[r]->layers[layer];
        dot.dense = dense;
        double runs = (double)spr_choice_layer(a->network, &pruned->choice)->count;
        dot.share = total > 0 ? runs * pruned->run.time_s / total : 0;
        if (!spr_choice_unchanged(&pruned->choice) && position(&pruned->run, dot.at) &&
            spr_dots_add(&scene->sparse[r], &dot) == SIZE_MAX) {
            return false;
        }
    }
    return dense != SIZE_MAX;
}

static void widen(const struct spr_dots *dots, struct spr_box *range)
{
    for (size_t i = 0; i < dots->count; i++) {
        range->left = fmin(range->left, dots->dot[i].at[0]);
        range->right = fmax(range->right, dots->dot[i].at[0]);
        range->bottom = fmin(range->bottom, dots->dot[i].at[1]);
        range->top = fmax(range->top, dots->dot[i].at[1]);
    }
}

/* An engine has one rate for all of its types: the roofs are those of both sides. */
static struct spr_model both_sides(const struct spr_analysis *a)
{
    struct spr_model model = a->model;
    for (size_t i = 0; i < a->machine->engine_count; i++) {
        model.flops_per_s[i] = fmax(model.flops_per_s[i], a->dense_model.flops_per_s[i]);
    }
    return model;
}

static void set_axes(struct scene *scene, const struct spr_model *model)
{
    double peak = spr_roofs_peak(model), ridge = spr_roofs_ridge(model);
    struct spr_box range = {ridge, peak, ridge, peak};
    widen(&scene->dense, &range);
    for (size_t r = 0; r < scene->result_count; r++) {
        widen(&scene->sparse[r], &range);
    }
    /* The flat roofs need some length, and their names some room above. */
    scene->figure->x = spr_axis_make(true, range.left, range.right * 4, SPR_TICK_SI,
                                     "operational intensity (useful FLOP / byte)");
    scene->figure->x.form = SPR_TICK_PLAIN;
    scene->figure->y =
        spr_axis_make(true, range.bottom, range.top * 1.3, SPR_TICK_SI, "useful FLOP/s");
}

static double radius_of(double share)
{
    return fmax(2.5, 30 * sqrt(share));
}

static void describe(const struct scene *scene, const struct spr_dot *dot,
                     const struct spr_prediction *run, const char *who)
{
    const struct spr_analysis *a = scene->analysis;
    const struct spr_layer *layer = &a->network->layers[dot->layer];
    char name[SPR_CLEAN_TEXT], more[64] = "", speed[SPR_SHORT_TEXT], time[SPR_SHORT_TEXT];
    char text[2 * SPR_CLEAN_TEXT], shape[SPR_CLEAN_TEXT];
    if (dot->layers > 1) {
        snprintf(more, sizeof more, " and %zu more like it", dot->layers - 1);
    }
    snprintf(text, sizeof text,
             "%s%s | %s, %g in all | %s: %.3g FLOP/byte, %sFLOP/s | %s each, together %.1f %% "
             "of the dense network's time | limited by %s",
             spr_text_clean(layer->name, 80, name), more, spr_draw_shape(layer, false, shape),
             dot->occurrences, who, dot->at[0], spr_text_si(dot->at[1], speed),
             spr_text_time(run->time_s, false, time), 100 * dot->share,
             spr_bound_name(a->model.machine, run->bound));
    spr_figure_hover(scene->figure, dot->at, radius_of(dot->share), text);
}

static void write_points(struct scene *scene, const struct spr_dot *dot,
                         const struct spr_prediction *run, const char *variant,
                         const struct spr_choice *choice)
{
    const struct spr_analysis *a = scene->analysis;
    struct spr_text *csv = &scene->figure->csv;
    char text[SPR_CHANGE_TEXT];
    spr_text_add_csv(csv, variant);
    spr_text_add(csv, ",%s,",
                 spr_change_text(&choice->pattern, choice->smaller != NULL, text));
    spr_text_add_csv(csv, a->network->layers[dot->layer].name);
    spr_text_add(csv, ",%zu", dot->layers);
    spr_text_add_csv_number(csv, dot->occurrences);
    spr_text_add_csv_number(csv, dot->at[0]);
    spr_text_add_csv_number(csv, dot->at[1]);
    spr_text_add_csv_number(csv, run->time_s);
    spr_text_add_csv_number(csv, dot->share);
    spr_text_add(csv, ",");
    spr_text_add_csv(csv, spr_bound_name(a->model.machine, run->bound));
    spr_text_add(csv, ",");
    spr_text_add_csv(csv, a->model.machine->engines[run->engine].name);
    spr_text_add(csv, "\n");
}

static bool draw_markers(struct scene *scene, const struct spr_dots *dots,
                         const struct spr_style *style, bool hollow, const char *title)
{
    struct spr_marker *markers = spr_calloc(dots->count, sizeof *markers);
    for (size_t i = 0; markers && i < dots->count; i++) {
        const struct spr_dot *dot = &dots->dot[i];
        markers[i] =
            (struct spr_marker){{dot->at[0], dot->at[1]}, radius_of(dot->share), hollow};
    }
    if (markers) {
        spr_figure_markers(scene->figure, markers, dots->count, style, NULL);
        if (dots->count > 0) {
            struct spr_style shown = *style;
            shown.point = hollow ? style->hollow : style->point;
            spr_figure_key(scene->figure, &shown, false, title);
        }
    }
    spr_free(markers);
    return markers != NULL;
}

static bool draw_arrows(struct scene *scene, size_t r, const char *color)
{
    const struct spr_dots *sparse = &scene->sparse[r];
    double(*ends)[4] = spr_calloc(sparse->count, sizeof *ends);
    for (size_t i = 0; ends && i < sparse->count; i++) {
        const struct spr_dot *from = &scene->dense.dot[sparse->dot[i].dense];
        ends[i][0] = from->at[0];
        ends[i][1] = from->at[1];
        ends[i][2] = sparse->dot[i].at[0];
        ends[i][3] = sparse->dot[i].at[1];
    }
    if (ends) {
        spr_figure_arrows(scene->figure, (const double(*)[4])ends, sparse->count, color);
    }
    spr_free(ends);
    return ends != NULL;
}

/* The style of a result is that of its pattern in the pictures of curves. */
static enum spr_status style_of(const struct scene *scene, const struct spr_result *result,
                                struct spr_style *style, struct spr_error *err)
{
    struct spr_series_set set;
    struct spr_plot_request everything = {.batch_index = scene->request->batch_index};
    enum spr_status status = spr_series_collect(
        scene->analysis, &everything, (struct spr_grouping){.by_method = true}, &set, err);
    for (size_t i = 0; status == SPR_OK && i < set.point_count; i++) {
        if (set.points[i].result == result) {
            *style = set.series[set.points[i].series].style;
        }
    }
    if (status == SPR_OK) {
        spr_series_free(&set);
    }
    return status;
}

static enum spr_status draw_result(struct scene *scene, size_t r, struct spr_error *err)
{
    const struct spr_result *result = scene->results[r];
    struct spr_style style = spr_figure_style(0);
    char title[SPR_CLEAN_TEXT];
    SPR_TRY(style_of(scene, result, &style, err));
    spr_text_clean(result->variant->name, scene->figure->dumb ? 12 : 30, title);
    scene->figure->subject = title;
    bool done = draw_markers(scene, &scene->sparse[r], &style, false, title) &&
                draw_arrows(scene, r, style.color);
    scene->figure->subject = NULL;
    if (!done) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < scene->sparse[r].count; i++) {
        const struct spr_dot *dot = &scene->sparse[r].dot[i];
        const struct spr_layer_result *layer = &result->layers[dot->layer];
        describe(scene, dot, &layer->run, title);
        write_points(scene, dot, &layer->run, result->variant->name, &layer->choice);
    }
    return SPR_OK;
}

static bool draw_dense(struct scene *scene)
{
    static const struct spr_style style = {SPR_DARK, 7, 6, "1", 'o'};
    const struct spr_choice dense = {.pattern = spr_pattern_dense()};
    scene->figure->subject = "dense";
    bool done = draw_markers(scene, &scene->dense, &style, true, "dense");
    scene->figure->subject = NULL;
    for (size_t i = 0; i < scene->dense.count; i++) {
        const struct spr_dot *dot = &scene->dense.dot[i];
        const struct spr_prediction *run =
            spr_analysis_dense(scene->analysis, scene->request->batch_index, dot->layer);
        describe(scene, dot, run, "dense");
        write_points(scene, dot, run, "dense", &dense);
    }
    return done;
}

/* Beside its marker, else a little away at the end of a line. */
static void number_dot(struct spr_figure *figure, const struct spr_dot *dot, const char *label)
{
    double place[2], from[2], to[2], ends[1][4], radius = radius_of(dot->share);
    for (int away = 0; away < 5; away++) {
        if (!spr_figure_label(figure, dot->at, radius + 4 + 18 * away, label, place)) {
            continue;
        }
        spr_figure_pixel(figure, dot->at, from);
        spr_figure_pixel(figure, place, to);
        double dx = to[0] - from[0], dy = to[1] - from[1], length = hypot(dx, dy);
        const double start[2] = {from[0] + dx / length * radius,
                                 from[1] + dy / length * radius};
        const double end[2] = {to[0] - dx / length * 8, to[1] - dy / length * 8};
        spr_figure_unpixel(figure, start, &ends[0][0]);
        spr_figure_unpixel(figure, end, &ends[0][2]);
        if (away > 0) {
            spr_figure_links(figure, (const double(*)[4])ends, 1, SPR_GREY);
        }
        return;
    }
}

/* What the circles without a number are. */
static void name_rest(struct scene *scene, const double at[2],
                      const struct spr_lettering *lettering)
{
    char line[SPR_CLEAN_TEXT];
    double share = 0;
    size_t dots = 0;
    for (size_t i = 0; i < scene->dense.count; i++) {
        const struct spr_dot *dot = &scene->dense.dot[i];
        dots += !dot->named;
        share += dot->named ? 0 : dot->share;
    }
    if (dots > 0) {
        snprintf(line, sizeof line, "no number:  %.2g %%  all others", 100 * share);
        spr_figure_text(scene->figure, at, lettering, line);
    }
}

/* Numbers the operators that take most time, and names them in the panel. */
static void name_biggest(struct scene *scene)
{
    struct spr_figure *figure = scene->figure;
    struct spr_lettering lettering = {"left", SPR_DARK, 11, 0};
    double at[2] = {figure->area.right + 16,
                    figure->area.top - 50 - 20.0 * (double)(scene->result_count + 1)};
    if (figure->dumb) {
        return;
    }
    spr_figure_text(figure, at, &lettering, "share of dense time, operator");
    for (int number = 1; number <= NAMED_MAX; number++) {
        struct spr_dot *biggest = NULL;
        for (size_t i = 0; i < scene->dense.count; i++) {
            struct spr_dot *dot = &scene->dense.dot[i];
            if (!dot->named && (!biggest || dot->share > biggest->share)) {
                biggest = dot;
            }
        }
        if (!biggest || biggest->share < NAMED_SHARE) {
            break;
        }
        char label[16], shape[SPR_CLEAN_TEXT], line[SPR_CLEAN_TEXT + 64];
        biggest->named = true;
        snprintf(label, sizeof label, "%d", number);
        number_dot(figure, biggest, label);
        snprintf(line, sizeof line, "%d:  %.0f %%  %gx %s", number, 100 * biggest->share,
                 biggest->occurrences,
                 spr_draw_shape(&scene->analysis->network->layers[biggest->layer],
                                biggest->layers == 1, shape));
        at[1] -= 17;
        spr_figure_text(figure, at, &lettering, line);
    }
    at[1] -= 17;
    name_rest(scene, at, &lettering);
}

static void write_texts(struct scene *scene)
{
    struct spr_figure *figure = scene->figure;
    spr_draw_heading(figure, scene->analysis, scene->request, "what limits each operator?");
    if (!figure->dumb) {
        spr_draw_note(figure, "Marker area: time of all operators there, as a share of the "
                              "dense network's. Arrows lead from an operator's dense point to "
                              "its pruned one.");
    }
    if (scene->analysis->options.residency != SPR_RESIDENCY_DRAM && !figure->dumb) {
        spr_draw_note(figure, "Bytes that stay in a cache do not cross the levels behind it: "
                              "points may lie above these levels' roofs.");
    }
    if (scene->left_out) {
        spr_draw_note(figure, "%zu operators without FLOPs are not shown.", scene->left_out);
    }
    spr_text_add(&figure->csv, "variant,pattern,layer,layers,occurrences,oi_flop_per_byte,"
                               "flop_per_s,time_s,share_of_dense_time,bound,engine\n");
}

static enum spr_status draw_scene(struct scene *scene, struct spr_error *err)
{
    const struct spr_model model = both_sides(scene->analysis);
    write_texts(scene);
    spr_figure_frame(scene->figure, scene->figure->dumb ? 16 : PANEL,
                     scene->figure->dumb ? 8 : 96);
    set_axes(scene, &model);
    spr_roofs_draw(scene->figure, &model);
    for (size_t r = 0; r < scene->result_count; r++) {
        SPR_TRY(draw_result(scene, r, err));
    }
    if (!draw_dense(scene)) {
        return spr_no_memory(err);
    }
    spr_roofs_name(scene->figure, &model);
    name_biggest(scene);
    return SPR_OK;
}

enum spr_status spr_draw_roofline(const struct spr_analysis *analysis,
                                  const struct spr_plot_request *request,
                                  struct spr_figure *figure, struct spr_error *err)
{
    struct scene scene = {.analysis = analysis, .request = request, .figure = figure};
    size_t layers = analysis->network->layer_count;
    enum spr_status status = SPR_OK;
    scene.dense.layers = analysis->network->layers;
    if (analysis->result_count > 0 || request->variant) {
        status = spr_draw_focus(analysis, request, scene.results, FOCUS_MAX,
                                &scene.result_count, err);
    }
    bool failed = false;
    for (size_t i = 0; i < layers && !failed && status == SPR_OK; i++) {
        failed = !gather_layer(&scene, i);
    }
    if (failed && status == SPR_OK) {
        status = spr_no_memory(err);
    }
    status = status ? status : draw_scene(&scene, err);
    spr_dots_free(&scene.dense);
    for (size_t r = 0; r < FOCUS_MAX; r++) {
        spr_dots_free(&scene.sparse[r]);
    }
    return status;
}
