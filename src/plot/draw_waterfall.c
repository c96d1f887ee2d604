/* SPDX-License-Identifier: Apache-2.0 */
/* The waterfall: from 1/density to the speedup, one factor a row. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plot/bars.h"
#include "plot/draw.h"

/* Height of a bar, of a row of height 1. */
#define THICKNESS 0.62

struct scene {
    const struct spr_analysis *analysis;
    const struct spr_result *result;
    struct spr_figure *figure;
    struct spr_waterfall waterfall;
    double rows;
    double row_height; /* of the drawing, in units of y */
};

static struct spr_bar bar_of(const struct scene *scene, size_t row, double from, double to)
{
    double middle = scene->rows - ((double)row + 0.5) * scene->row_height;
    if (scene->figure->dumb) {
        /* Characters are whole: the first line below the frame is at one. */
        middle = scene->rows - 1 - (double)row * scene->row_height;
    }
    double half = scene->row_height * THICKNESS / 2;
    return (struct spr_bar){fmin(from, to), fmax(from, to), middle - half, middle + half};
}

static void set_axes(struct scene *scene)
{
    double low = 1, high = 1;
    for (size_t i = 0; i < scene->waterfall.count; i++) {
        low = fmin(low, scene->waterfall.steps[i].speedup);
        high = fmax(high, scene->waterfall.steps[i].speedup);
    }
    scene->figure->x =
        spr_axis_make(true, low, high, SPR_TICK_PLAIN,
                      "speedup of the network over dense (x), factors multiply");
    if (low >= 1) {
        /* Bars of the ideal and of the answer begin at 1x: nothing lies left of it. */
        scene->figure->x.low = 1;
    }
    scene->figure->y = (struct spr_axis){.high = scene->rows, .form = SPR_TICK_NONE};
}

/* "x0.382 -> 2.82x; most 74 %: other softmax" */
static void step_text(const struct scene *scene, const struct spr_step *step, bool first,
                      char *text, size_t size)
{
    char shape[SPR_CLEAN_TEXT], after[SPR_SHORT_TEXT];
    spr_text_factor(step->speedup, after);
    if (first) {
        snprintf(text, size, "%s", after);
        return;
    }
    size_t used = (size_t)snprintf(text, size, "x%.3g -> %s", step->factor, after);
    bool known = step->worst_layer < scene->analysis->network->layer_count;
    if (known && !scene->figure->dumb && step->worst_share > 0) {
        snprintf(text + used, size - used, "    most (%.0f %%): %s", 100 * step->worst_share,
                 spr_draw_shape(&scene->analysis->network->layers[step->worst_layer],
                                step->alike == 1, shape));
    }
}

static void describe(const struct scene *scene, const struct spr_step *step,
                     const struct spr_bar *bar)
{
    char remedy[SPR_REASON_TEXT], clean[SPR_CLEAN_TEXT], text[2 * SPR_CLEAN_TEXT];
    double middle =
        scene->figure->x.log ? sqrt(bar->from * bar->to) : (bar->from + bar->to) / 2;
    const double at[2] = {middle, (bar->bottom + bar->top) / 2};
    remedy[0] = '\0';
    if (fabs(step->factor - 1) >= 0.005) {
        spr_step_remedy(scene->analysis, scene->result, step, remedy);
    }
    snprintf(text, sizeof text, "%s: x%.4g, then %.4gx | %zu operators lose time here | %s",
             spr_step_words(step->kind), step->factor, step->speedup, step->layers,
             spr_text_clean(remedy, 300, clean));
    spr_figure_hover(scene->figure, at, 14, text);
}

static void write_row(struct scene *scene, const char *name, double factor, double from,
                      double to)
{
    struct spr_text *csv = &scene->figure->csv;
    spr_text_add_csv(csv, scene->result->variant->name);
    spr_text_add(csv, ",");
    spr_text_add_csv(csv, name);
    spr_text_add_csv_number(csv, factor);
    spr_text_add_csv_number(csv, from);
    spr_text_add_csv_number(csv, to);
    spr_text_add(csv, "\n");
}

static void draw_row(struct scene *scene, const struct spr_bar *bar,
                     const struct spr_paint *paint, const char *text)
{
    spr_bars_draw(scene->figure, bar, 1, paint);
    spr_bars_text(scene->figure, bar, text);
}

static void draw_steps(struct scene *scene, struct spr_text *names)
{
    static const struct spr_paint ideal = {SPR_GREY, SPR_GREY, '#', NULL};
    static const struct spr_paint loss = {SPR_VERMILLION, SPR_VERMILLION, '-', NULL};
    static const struct spr_paint gain = {SPR_GREEN, SPR_GREEN, '+', NULL};
    static const struct spr_paint answer = {SPR_BLUE, SPR_BLUE, '#', NULL};
    char text[SPR_CLEAN_TEXT + 128], factor[SPR_SHORT_TEXT];
    double before = 1;
    for (size_t i = 0; i < scene->waterfall.count; i++) {
        const struct spr_step *step = &scene->waterfall.steps[i];
        struct spr_bar bar = bar_of(scene, i, before, step->speedup);
        step_text(scene, step, i == 0, text, sizeof text);
        draw_row(scene, &bar, i == 0 ? &ideal : step->factor < 1 ? &loss : &gain, text);
        describe(scene, step, &bar);
        write_row(scene, spr_step_words(step->kind), step->factor, before, step->speedup);
        spr_bars_name(names, (bar.bottom + bar.top) / 2, spr_step_words(step->kind));
        before = step->speedup;
    }
    size_t last = scene->waterfall.count;
    struct spr_bar bar = bar_of(scene, last, 1, scene->waterfall.speedup);
    draw_row(scene, &bar, &answer, spr_text_factor(scene->waterfall.speedup, factor));
    write_row(scene, "speedup", scene->waterfall.speedup, 1, scene->waterfall.speedup);
    spr_bars_name(names, (bar.bottom + bar.top) / 2, "speedup");
}

/* Thin lines from the end of each bar to the beginning of the next. */
static void draw_connectors(struct scene *scene)
{
    for (size_t i = 0; i < scene->waterfall.count; i++) {
        double x = scene->waterfall.steps[i].speedup;
        const double ends[1][4] = {
            {x, bar_of(scene, i, 1, x).bottom, x, bar_of(scene, i + 1, 1, x).top}};
        spr_figure_links(scene->figure, ends, 1, SPR_GREY);
    }
    const double one[2][2] = {{1, 0}, {1, scene->rows}};
    struct spr_stroke stroke = {SPR_BLACK, "1", 1.4, '|', NULL};
    spr_figure_line(scene->figure, one, 2, &stroke);
}

static bool drawable(const struct spr_waterfall *waterfall)
{
    for (size_t i = 0; i < waterfall->count; i++) {
        const struct spr_step *step = &waterfall->steps[i];
        if (!isfinite(step->speedup) || !(step->speedup > 0) || !isfinite(step->factor)) {
            return false;
        }
    }
    return waterfall->count > 0;
}

static void draw_scene(struct scene *scene, const struct spr_plot_request *request)
{
    struct spr_figure *figure = scene->figure;
    struct spr_text names = {0};
    char variant[SPR_CLEAN_TEXT], question[SPR_CLEAN_TEXT], time[2][SPR_SHORT_TEXT];
    char factor[SPR_SHORT_TEXT];
    struct spr_answer answer = spr_result_answer(scene->result, true);
    figure->expected = answer.expected;
    spr_text_clean(scene->result->variant->name, 60, variant);
    snprintf(question, sizeof question, "why is %.100s not as fast as its zeros promise?",
             variant);
    spr_draw_heading(figure, scene->analysis, request, question);
    spr_draw_note(figure, "%s%s -> %s.", answer.expected ? "Expected: " : "",
                  spr_text_time(answer.dense_time_s, figure->dumb, time[0]),
                  spr_text_time(answer.time_s, figure->dumb, time[1]));
    if (answer.expected) {
        spr_draw_note(figure, "Bound: %s -> %s, %s.",
                      spr_text_time(scene->result->dense_time_s, figure->dumb, time[0]),
                      spr_text_time(scene->result->time_s, figure->dumb, time[1]),
                      spr_text_factor(scene->result->speedup, factor));
    }
    spr_figure_frame(figure, 0, figure->dumb ? 27 : 200);
    /* With characters a row of the drawing is one line of text, or two where there is room. */
    scene->rows = (double)scene->waterfall.count + 1;
    scene->row_height = 1;
    if (figure->dumb) {
        double lines = figure->area.top - figure->area.bottom;
        scene->row_height = fmax(1, floor((lines - 1) / scene->rows));
        scene->rows = lines;
    }
    set_axes(scene);
    spr_text_add(&figure->csv, "variant,step,factor,speedup_before,speedup_after\n");
    draw_connectors(scene);
    draw_steps(scene, &names);
    spr_bars_names_end(figure, &names);
    spr_text_add(&figure->settings, "unset key\n");
}

enum spr_status spr_draw_waterfall(const struct spr_analysis *analysis,
                                   const struct spr_plot_request *request,
                                   struct spr_figure *figure, struct spr_error *err)
{
    static const struct spr_measured nothing = {(double)NAN, (double)NAN};
    struct scene scene = {.analysis = analysis, .figure = figure};
    const struct spr_result *results[1];
    size_t count = 0;
    SPR_TRY(spr_draw_focus(analysis, request, results, 1, &count, err));
    scene.result = results[0];
    spr_explain_waterfall(analysis, scene.result,
                          request->measured ? request->measured : &nothing, &scene.waterfall);
    if (!drawable(&scene.waterfall)) {
        return spr_fail(err, SPR_EINPUT,
                        "no waterfall: nothing is left of the pruned weights");
    }
    draw_scene(&scene, request);
    return SPR_OK;
}
