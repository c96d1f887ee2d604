/* SPDX-License-Identifier: Apache-2.0 */
/* Speedup of one pattern over two sparsities, of W and of X: lines of equal speedup beside those
 * of the ideal product, 1/(1-s) 1/(1-a). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "plot/draw.h"
#include "result/measured.h"

#define PANEL 235
#define STEPS_MAX 128
#define IDEAL_POINTS 200

/* The speedups of a pattern at each pair of sparsities, as rows of one sparsity of X. */
struct grid {
    const struct spr_pattern *pattern;
    double w[STEPS_MAX], x[STEPS_MAX]; /* in rising order */
    size_t w_count, x_count;
    const struct spr_result **result; /* [x][w]; NULL: none */
};

struct scene {
    const struct spr_analysis *analysis;
    const struct spr_plot_request *request;
    struct spr_figure *figure;
    struct grid grid;
    double highest;
    size_t measured;
};

static bool belongs(const struct scene *scene, const struct spr_result *result)
{
    const struct spr_variant *variant = result->variant;
    return result->batch_index == scene->request->batch_index && variant->grid &&
           !isnan(variant->skipped) && variant->pattern.kind &&
           spr_pattern_equal(&variant->pattern, scene->grid.pattern);
}

/* Keeps numbers in rising order, each once; beyond STEPS_MAX nothing. */
static void add_number(double *numbers, size_t *count, double number)
{
    size_t at = 0;
    while (at < *count && numbers[at] < number) {
        at++;
    }
    if (*count == STEPS_MAX || (at < *count && !(numbers[at] > number))) {
        return;
    }
    for (size_t i = *count; i > at; i--) {
        numbers[i] = numbers[i - 1];
    }
    numbers[at] = number;
    (*count)++;
}

static size_t index_of(const double *numbers, size_t count, double number)
{
    size_t at = 0;
    while (at < count && numbers[at] < number) {
        at++;
    }
    return at;
}

/* The pattern asked for, else the first of the record that has several sparsities. */
static const struct spr_pattern *choose_pattern(const struct scene *scene)
{
    if (scene->request->pattern_count > 0) {
        return &scene->request->patterns[0];
    }
    for (size_t i = 0; i < scene->analysis->result_count; i++) {
        const struct spr_variant *variant = scene->analysis->results[i].variant;
        if (variant->grid && variant->skipped > 0 &&
            isnan(spr_pattern_fixed_sparsity(&variant->pattern))) {
            return &variant->pattern;
        }
    }
    return NULL;
}

static enum spr_status find_grid(struct scene *scene, struct spr_error *err)
{
    const struct spr_analysis *a = scene->analysis;
    struct grid *grid = &scene->grid;
    grid->pattern = choose_pattern(scene);
    for (size_t i = 0; grid->pattern && i < a->result_count; i++) {
        if (belongs(scene, &a->results[i])) {
            add_number(grid->w, &grid->w_count, a->results[i].variant->sparsity);
            add_number(grid->x, &grid->x_count, a->results[i].variant->skipped);
        }
    }
    if (grid->w_count < 2 || grid->x_count < 2) {
        return spr_fail(err, SPR_EINPUT,
                        "nothing to draw: two needs a pattern at several sparsities of W and "
                        "of X");
    }
    grid->result = spr_calloc(grid->w_count * grid->x_count, sizeof(struct spr_result *));
    if (!grid->result) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < a->result_count; i++) {
        const struct spr_result *result = &a->results[i];
        size_t w = index_of(grid->w, grid->w_count, result->variant->sparsity);
        size_t x = index_of(grid->x, grid->x_count, result->variant->skipped);
        if (belongs(scene, result) && w < grid->w_count && x < grid->x_count) {
            grid->result[x * grid->w_count + w] = result;
            scene->highest = fmax(scene->highest, result->speedup);
        }
    }
    return SPR_OK;
}

static double speedup_at(const struct grid *grid, size_t w, size_t x)
{
    const struct spr_result *result = grid->result[x * grid->w_count + w];
    return result ? result->speedup : (double)NAN;
}

/* Where the level lies between two neighbours, on a logarithmic scale; false: it does not. */
static bool crossing(double from, double to, double level, double *part)
{
    if (!(from < level && level <= to)) {
        return false;
    }
    *part = log(level / from) / log(to / from);
    return true;
}

/* Along a line of equal speedup more zeros of W need fewer of X. */
static int along(const void *left, const void *right)
{
    const double *a = left, *b = right;
    if (a[0] < b[0] || a[0] > b[0]) {
        return a[0] < b[0] ? -1 : 1;
    }
    return a[1] > b[1] ? -1 : a[1] < b[1];
}

/* Points of a line of equal speedup in percent, up to 2 of them per cell; returns how many. More
 * zeros never take more time: every row and column is crossed once at most. */
static size_t trace(const struct grid *grid, double level, double (*points)[2])
{
    size_t count = 0;
    double part;
    for (size_t x = 0; x < grid->x_count; x++) {
        for (size_t w = 0; w < grid->w_count; w++) {
            const double here = speedup_at(grid, w, x);
            if (w + 1 < grid->w_count &&
                crossing(here, speedup_at(grid, w + 1, x), level, &part)) {
                points[count][0] = 100 * (grid->w[w] + part * (grid->w[w + 1] - grid->w[w]));
                points[count++][1] = 100 * grid->x[x];
            }
            if (x + 1 < grid->x_count &&
                crossing(here, speedup_at(grid, w, x + 1), level, &part)) {
                points[count][0] = 100 * grid->w[w];
                points[count++][1] = 100 * (grid->x[x] + part * (grid->x[x + 1] - grid->x[x]));
            }
        }
    }
    qsort(points, count, sizeof *points, along);
    return count;
}

/* The same of the ideal product. */
static size_t trace_ideal(const struct spr_figure *figure, double level, double (*points)[2])
{
    size_t count = 0;
    const double last = fmin(100 * (1 - 1 / level), figure->x.high);
    for (size_t i = 0; i < IDEAL_POINTS; i++) {
        const double w = last * (double)i / (IDEAL_POINTS - 1);
        const double x = 100 * fmax(0, 1 - 1 / (level * (1 - w / 100)));
        if (x <= figure->y.high) {
            points[count][0] = w;
            points[count++][1] = x;
        }
    }
    return count;
}

/* A label near the middle of a line, or nearer an end where there is no room. */
static void name_line(struct spr_figure *figure, const double (*points)[2], size_t count,
                      const char *text)
{
    static const double parts[] = {0.5, 0.35, 0.65, 0.2, 0.8};
    bool done = count == 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !done; i++) {
        done = spr_figure_label(figure, points[(size_t)(parts[i] * (double)(count - 1))], 4,
                                text, NULL);
    }
}

static const double levels[] = {1.2, 1.5, 2,  3,  4,   5,   7,   10,
                                15,  20,  30, 50, 100, 200, 500, 1000};
static const char *const colors[] = {SPR_SKY,        SPR_BLUE,   SPR_GREEN, SPR_ORANGE,
                                     SPR_VERMILLION, SPR_PURPLE, SPR_GREY,  SPR_DARK};

/* One line with its ideal. */
static void draw_level(struct scene *scene, size_t level, double (*points)[2])
{
    struct spr_figure *figure = scene->figure;
    char text[SPR_SHORT_TEXT];
    struct spr_stroke ideal = {colors[level % (sizeof colors / sizeof *colors)], "(8,5)", 1.1,
                               0, NULL};
    struct spr_stroke allowed = {colors[level % (sizeof colors / sizeof *colors)], "1", 2.2,
                                 '#', NULL};
    snprintf(text, sizeof text, "%gx", levels[level]);
    figure->subject = text;
    size_t count = trace_ideal(figure, levels[level], points);
    if (count > 1) {
        spr_figure_line(figure, (const double(*)[2])points, count, &ideal);
    }
    count = trace(&scene->grid, levels[level], points);
    if (count > 1) {
        spr_figure_line(figure, (const double(*)[2])points, count, &allowed);
        name_line(figure, (const double(*)[2])points, count, text);
    }
    figure->subject = NULL;
}

/* From where on the pattern pays. */
static void draw_break_even(struct scene *scene, double (*points)[2])
{
    struct spr_figure *figure = scene->figure;
    struct spr_stroke stroke = {SPR_BLACK, "1", 3, '=', NULL};
    size_t count = trace(&scene->grid, SPR_PAYS, points);
    if (count > 1) {
        spr_figure_line(figure, (const double(*)[2])points, count, &stroke);
    }
}

/* A star at what was measured, with its speedup. */
static void draw_measured(struct scene *scene)
{
    const struct grid *grid = &scene->grid;
    static const struct spr_style star = {SPR_BLACK, 3, 3, "1", '*'};
    for (size_t i = 0; scene->request->validation && i < grid->w_count * grid->x_count; i++) {
        const struct spr_result *result = grid->result[i];
        struct spr_measured_network network;
        char text[SPR_SHORT_TEXT];
        if (!result || !spr_measured_network(scene->request->validation, scene->analysis,
                                             result, &network)) {
            continue;
        }
        const double at[2] = {100 * result->variant->sparsity, 100 * result->variant->skipped};
        struct spr_marker marker = {{at[0], at[1]}, 9, false};
        spr_figure_markers(scene->figure, &marker, 1, &star, NULL);
        if (scene->measured++ == 0) {
            spr_figure_key(scene->figure, &star, false, "measured");
        }
        snprintf(text, sizeof text, "%.2gx", network.dense_s / network.sparse_s);
        spr_figure_label(scene->figure, at, 14, text, NULL);
    }
}

/* Every point answers, and stands in the table. */
static void put_points(struct scene *scene)
{
    const struct grid *grid = &scene->grid;
    struct spr_text *csv = &scene->figure->csv;
    char text[2 * SPR_CLEAN_TEXT], pattern[SPR_PATTERN_TEXT], limit[SPR_REASON_TEXT],
        clean[SPR_CLEAN_TEXT];
    spr_pattern_text(grid->pattern, pattern);
    spr_text_add(csv, "pattern,sparsity,activations_skipped,speedup,ideal_speedup\n");
    for (size_t i = 0; i < grid->w_count * grid->x_count; i++) {
        const struct spr_result *result = grid->result[i];
        if (!result) {
            continue;
        }
        const double w = result->variant->sparsity, x = result->variant->skipped;
        const double ideal = 1 / ((1 - w) * (1 - x)), at[2] = {100 * w, 100 * x};
        spr_explain_limit(scene->analysis, result, limit);
        snprintf(text, sizeof text,
                 "%s | W %.4g %% zeros, X %.4g %% | %.3gx of ideal %.3gx | limited by %s",
                 pattern, at[0], at[1], result->speedup, ideal,
                 spr_text_clean(limit, 120, clean));
        spr_figure_hover(scene->figure, at, 7, text);
        spr_text_add(csv, "%s", pattern);
        spr_text_add_csv_number(csv, w);
        spr_text_add_csv_number(csv, x);
        spr_text_add_csv_number(csv, result->speedup);
        spr_text_add_csv_number(csv, ideal);
        spr_text_add(csv, "\n");
    }
}

/* The first line of each sort stands in the key for all. */
static void draw_key(struct spr_figure *figure)
{
    static const struct spr_stroke keys[] = {
        {SPR_DARK, "1", 2.2, '#', "speedup, the bound"},
        {SPR_DARK, "(8,5)", 1.1, 0, "ideal, 1/(1-W) 1/(1-X)"},
        {SPR_BLACK, "1", 3, '=', "pays beyond this"}};
    const double nowhere[2][2] = {{-1, -1}, {-1, -1}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        spr_figure_line(figure, nowhere, 2, &keys[i]);
    }
}

static void set_axes(struct scene *scene)
{
    const struct grid *grid = &scene->grid;
    struct spr_figure *figure = scene->figure;
    figure->x = spr_axis_make(false, 100 * grid->w[0], 100 * grid->w[grid->w_count - 1],
                              SPR_TICK_PLAIN, "zeros in the weights of pruned layers (%)");
    figure->y = spr_axis_make(false, 100 * grid->x[0], 100 * grid->x[grid->x_count - 1],
                              SPR_TICK_PLAIN, "zeros in their inputs, skipped (%)");
    figure->x.low = fmax(figure->x.low, 0);
    figure->y.low = fmax(figure->y.low, 0);
    figure->x.high = fmin(figure->x.high, 100);
    figure->y.high = fmin(figure->y.high, 100);
}

enum spr_status spr_draw_two(const struct spr_analysis *analysis,
                             const struct spr_plot_request *request, struct spr_figure *figure,
                             struct spr_error *err)
{
    struct scene scene = {.analysis = analysis, .request = request, .figure = figure};
    char pattern[SPR_PATTERN_TEXT], question[SPR_PATTERN_TEXT + 60];
    SPR_TRY(find_grid(&scene, err));
    const size_t most = 2 * scene.grid.w_count * scene.grid.x_count + IDEAL_POINTS;
    double(*points)[2] = spr_calloc(most, sizeof *points);
    snprintf(question, sizeof question, "which two sparsities, with %s?",
             spr_pattern_text(scene.grid.pattern, pattern));
    spr_draw_heading(figure, analysis, request, question);
    set_axes(&scene);
    spr_draw_note(figure, "Lines of equal speedup of the network over dense: the bound, "
                          "hardware potential.");
    spr_figure_frame(figure, figure->dumb ? 26 : PANEL, figure->dumb ? 8 : 96);
    if (points) {
        put_points(&scene);
        draw_key(figure);
        draw_measured(&scene); /* before lines take the room of its labels */
        for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
            if (levels[i] <= scene.highest) {
                draw_level(&scene, i, points);
            }
        }
        draw_break_even(&scene, points);
    }
    spr_free(points);
    spr_free(scene.grid.result);
    return points ? SPR_OK : spr_no_memory(err);
}
