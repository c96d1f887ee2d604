/* SPDX-License-Identifier: Apache-2.0 */
/* Predicted against measured speedup: how far from the diagonal. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "plot/draw.h"
#include "sproof/report.h"

#define PANEL 200
#define BAND 0.1

struct scene {
    const struct spr_validation *validation;
    const struct spr_plot_request *request;
    struct spr_figure *figure;
    double low, high; /* of all speedups */
    size_t count;     /* cases drawn */
    size_t left_out;  /* inconclusive ones */
};

static bool drawable(const struct scene *scene, const struct spr_validation_case *c)
{
    return !c->inconclusive && c->expected_speedup > 0 && c->measured_speedup > 0 &&
           spr_draw_wants(scene->request, &c->pattern);
}

static void survey(struct scene *scene)
{
    scene->low = HUGE_VAL;
    scene->high = 0;
    for (size_t i = 0; i < scene->validation->case_count; i++) {
        const struct spr_validation_case *c = &scene->validation->cases[i];
        scene->left_out += c->inconclusive;
        if (drawable(scene, c)) {
            scene->count++;
            scene->low = fmin(scene->low, fmin(c->expected_speedup, c->measured_speedup));
            scene->high = fmax(scene->high, fmax(c->expected_speedup, c->measured_speedup));
        }
    }
}

static void set_heading(struct scene *scene)
{
    const struct spr_validation *v = scene->validation;
    struct spr_figure *figure = scene->figure;
    char path[SPR_CLEAN_TEXT], machine[SPR_CLEAN_TEXT], where[64];
    const char *model = v->head.model.path ? v->head.model.path : "a network";
    const char *slash = strrchr(model, '/');
    spr_text_clean(slash ? slash + 1 : model, 40, path);
    spr_text_clean(v->machine.description ? v->machine.description : "this machine", 50,
                   machine);
    spr_text_add(&figure->title, "%s: is the prediction true?", path);
    spr_text_add(&figure->facts, "%s, %s, %s caches", machine, spr_validation_where(v, where),
                 spr_residency_name(v->cases[0].residency));
    if (v->openblas_core && !figure->dumb) {
        char core[SPR_CLEAN_TEXT];
        spr_text_add(&figure->facts, "; dense: the faster of OpenBLAS (%s) and sproof",
                     spr_text_clean(v->openblas_core, 30, core));
    }
}

static void set_caption(struct scene *scene)
{
    struct spr_validity validity = spr_validation_judge(scene->validation);
    if (validity.judged > 0) {
        const bool told = !isnan(validity.worst_median); /* what limits each case */
        spr_draw_note(
            scene->figure, "Median error %.2g %%, 90 %% of %zu cases within %.2g %%%s%s.",
            100 * validity.speedup_median, validity.judged, 100 * validity.speedup_p90,
            told ? "; worst: " : "", told ? spr_limit_name(validity.worst) : "");
    }
    spr_draw_note(scene->figure, "%s: %g %% either way.",
                  scene->figure->dumb ? "Dots" : "Grey band", 100 * BAND);
    if (scene->left_out) {
        spr_draw_note(scene->figure, "%zu case%s too noisy and not shown.", scene->left_out,
                      scene->left_out == 1 ? " was" : "s were");
    }
}

static void draw_diagonals(struct scene *scene)
{
    struct spr_figure *figure = scene->figure;
    double low = fmax(figure->x.low, figure->y.low);
    double high = fmin(figure->x.high, figure->y.high);
    struct spr_stroke exact = {SPR_BLACK, "1", 1.4, '/', NULL};
    struct spr_stroke edge = {SPR_GREY, "(3,4)", 1.2, '.', NULL};
    const double diagonal[2][2] = {{low, low}, {high, high}};
    const double above[2][2] = {{low, low * (1 + BAND)}, {high / (1 + BAND), high}};
    const double below[2][2] = {{low / (1 - BAND), low}, {high, high * (1 - BAND)}};
    if (!figure->dumb) {
        size_t block = spr_figure_block(figure, "measured\tlow\thigh");
        spr_text_add(&figure->data, "%.10g\t%.10g\t%.10g\n%.10g\t%.10g\t%.10g\n", low,
                     low * (1 - BAND), low * (1 + BAND), high, high * (1 - BAND),
                     high * (1 + BAND));
        spr_figure_block_end(figure);
        spr_figure_plot(figure, block);
        spr_text_add(&figure->plots,
                     "using 1:2:3 with filledcurves fc rgb '#E4E4E4' fs solid noborder");
        spr_figure_title(figure, NULL);
    } else {
        spr_figure_line(figure, above, 2, &edge);
        spr_figure_line(figure, below, 2, &edge);
    }
    spr_figure_line(figure, diagonal, 2, &exact);
}

static void describe(struct scene *scene, const struct spr_validation_case *c)
{
    char text[2 * SPR_CLEAN_TEXT], layer[SPR_CLEAN_TEXT], variant[SPR_CLEAN_TEXT];
    char time[2][SPR_SHORT_TEXT];
    const double at[2] = {c->measured_speedup, c->expected_speedup};
    snprintf(text, sizeof text,
             "%s %s | %lldx%lld, n %lld | expected %s, measured %s | speedup %.3gx, measured "
             "%.3gx (%+.0f %%) | limited by %s",
             spr_text_clean(c->layer, 60, layer), spr_text_clean(c->variant, 40, variant),
             (long long)c->m, (long long)c->k, (long long)c->n,
             spr_text_time(c->expected_s, false, time[0]),
             spr_text_time(c->measured.time_s, false, time[1]), c->expected_speedup,
             c->measured_speedup, 100 * c->speedup_error,
             c->expected_bound ? c->expected_bound : "unknown");
    spr_figure_hover(scene->figure, at, 7, text);
}

static void write_case(struct scene *scene, const struct spr_validation_case *c)
{
    struct spr_text *csv = &scene->figure->csv;
    char pattern[SPR_PATTERN_TEXT];
    spr_text_add_csv(csv, c->layer);
    spr_text_add(csv, ",");
    spr_text_add_csv(csv, c->variant);
    spr_text_add(csv, ",%s", spr_pattern_text(&c->pattern, pattern));
    spr_text_add_csv_number(csv, c->sparsity);
    spr_text_add_csv_number(csv, c->expected_speedup);
    spr_text_add_csv_number(csv, c->measured_speedup);
    spr_text_add_csv_number(csv, c->speedup_error);
    spr_text_add_csv_number(csv, c->expected_s);
    spr_text_add_csv_number(csv, c->measured.time_s);
    spr_text_add_csv_number(csv, c->measured.low_s);
    spr_text_add_csv_number(csv, c->measured.high_s);
    spr_text_add(csv, ",");
    spr_text_add_csv(csv, c->expected_bound);
    spr_text_add(csv, "\n");
}

/* All cases of the pattern of case `first`. */
static bool draw_pattern(struct scene *scene, size_t first, size_t style_number)
{
    const struct spr_validation *v = scene->validation;
    char name[SPR_PATTERN_TEXT];
    struct spr_style style = spr_figure_style(style_number);
    struct spr_marker *markers = spr_calloc(v->case_count, sizeof *markers);
    size_t count = 0;
    spr_pattern_text(&v->cases[first].pattern, name);
    for (size_t i = first; markers && i < v->case_count; i++) {
        const struct spr_validation_case *c = &v->cases[i];
        if (drawable(scene, c) && spr_pattern_equal(&c->pattern, &v->cases[first].pattern)) {
            markers[count++] = (struct spr_marker){
                {c->measured_speedup, c->expected_speedup}, 5.5, c->real_mask};
            describe(scene, c);
            write_case(scene, c);
        }
    }
    if (markers) {
        scene->figure->subject = name;
        spr_figure_markers(scene->figure, markers, count, &style, NULL);
        spr_figure_key(scene->figure, &style, false, name);
        scene->figure->subject = NULL;
    }
    spr_free(markers);
    return markers != NULL;
}

/* true when an earlier case has the pattern of case `index`. */
static bool seen(const struct scene *scene, size_t index)
{
    const struct spr_validation_case *cases = scene->validation->cases;
    for (size_t i = 0; i < index; i++) {
        if (drawable(scene, &cases[i]) &&
            spr_pattern_equal(&cases[i].pattern, &cases[index].pattern)) {
            return true;
        }
    }
    return false;
}

static bool draw_cases(struct scene *scene)
{
    size_t styles = 0;
    bool done = true;
    for (size_t i = 0; i < scene->validation->case_count && done; i++) {
        if (drawable(scene, &scene->validation->cases[i]) && !seen(scene, i)) {
            done = draw_pattern(scene, i, styles++);
        }
    }
    return done;
}

enum spr_status spr_draw_error(const struct spr_analysis *analysis,
                               const struct spr_plot_request *request,
                               struct spr_figure *figure, struct spr_error *err)
{
    struct scene scene = {
        .validation = request->validation, .request = request, .figure = figure};
    (void)analysis;
    if (!scene.validation) {
        return spr_fail(err, SPR_EINPUT,
                        "nothing to draw: the error needs a validation: make one with: sproof "
                        "validate");
    }
    survey(&scene);
    if (scene.count == 0) {
        return spr_fail(err, SPR_EINPUT,
                        "nothing to draw: the validation has no conclusive case with an "
                        "expected speedup%s",
                        request->pattern_count ? " of these patterns" : "");
    }
    set_heading(&scene);
    figure->x = spr_axis_make(true, scene.low, scene.high, SPR_TICK_PLAIN,
                              "measured speedup of a layer over dense (x)");
    figure->y =
        spr_axis_make(true, scene.low, scene.high, SPR_TICK_PLAIN, "expected speedup (x)");
    set_caption(&scene);
    spr_figure_frame(figure, figure->dumb ? 16 : PANEL, figure->dumb ? 8 : 96);
    spr_text_add(&figure->csv,
                 "layer,variant,pattern,sparsity,expected_speedup,measured_speedup,"
                 "speedup_error,expected_s,measured_s,measured_low_s,measured_high_s,limit\n");
    draw_diagonals(&scene);
    return draw_cases(&scene) ? SPR_OK : spr_no_memory(err);
}
