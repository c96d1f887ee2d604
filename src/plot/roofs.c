/* SPDX-License-Identifier: Apache-2.0 */
/* The roofs of a roofline: one per engine and per memory level. */
#include "plot/roofs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

double spr_roofs_peak(const struct spr_model *model)
{
    double peak = 0;
    for (size_t i = 0; i < model->machine->engine_count; i++) {
        peak = fmax(peak, model->flops_per_s[i]);
    }
    return peak;
}

static double last_bandwidth(const struct spr_model *model)
{
    return model->level_count ? model->bytes_per_s[model->level_count - 1] : 0;
}

static double best_bandwidth(const struct spr_model *model)
{
    double best = 0;
    for (size_t i = 0; i < model->level_count; i++) {
        best = fmax(best, model->bytes_per_s[i]);
    }
    return best;
}

double spr_roofs_ridge(const struct spr_model *model)
{
    double bandwidth = last_bandwidth(model);
    return bandwidth > 0 ? spr_roofs_peak(model) / bandwidth : 1;
}

/* Engines of one peak share a roof, and its name. */
static bool roof_name(const struct spr_model *model, size_t engine, char *text, size_t size)
{
    char clean[SPR_CLEAN_TEXT], peak[SPR_SHORT_TEXT];
    size_t used = 0;
    double height = model->flops_per_s[engine];
    for (size_t i = 0; i < model->machine->engine_count; i++) {
        bool same = model->flops_per_s[i] >= height && model->flops_per_s[i] <= height;
        if (same && i < engine) {
            return false;
        }
        if (same && used + 40 < size) {
            used +=
                (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
                                 spr_text_clean(model->machine->engines[i].name, 24, clean));
        }
    }
    snprintf(text + used, size - used, "  %sFLOP/s", spr_text_si(height, peak));
    return true;
}

static void flat_roof(struct spr_figure *figure, const struct spr_model *model, size_t engine)
{
    double height = model->flops_per_s[engine], bandwidth = best_bandwidth(model);
    double start = bandwidth > 0 ? fmax(height / bandwidth, figure->x.low) : figure->x.low;
    const double line[2][2] = {{start, height}, {figure->x.high, height}};
    struct spr_stroke stroke = {SPR_BLACK, "1", 1.6, '-', NULL};
    if (height > 0) {
        spr_figure_line(figure, line, 2, &stroke);
    }
}

/* Pixels to the next roof above, at the right end. */
static double room_above(const struct spr_figure *figure, const struct spr_model *model,
                         double height, double pixel_height)
{
    double room = HUGE_VAL, pixel[2];
    for (size_t i = 0; i < model->machine->engine_count; i++) {
        const double other[2] = {figure->x.high, model->flops_per_s[i]};
        if (model->flops_per_s[i] > height) {
            spr_figure_pixel(figure, other, pixel);
            room = fmin(room, pixel[1] - pixel_height);
        }
    }
    return room;
}

/* Above the roof at its right end; a roof with another close above it is named below. */
static void name_flat(struct spr_figure *figure, const struct spr_model *model, size_t engine)
{
    char text[160];
    double height = model->flops_per_s[engine], pixel[2], line = figure->line_height;
    const double end[2] = {figure->x.high, height};
    if (height <= 0 || !roof_name(model, engine, text, sizeof text)) {
        return;
    }
    spr_figure_pixel(figure, end, pixel);
    bool below = room_above(figure, model, height, pixel[1]) < 1.6 * line;
    pixel[0] -= figure->char_width;
    pixel[1] += (below ? -0.8 : 0.8) * line;
    struct spr_lettering lettering = {"right", SPR_BLACK, 11.5, 0};
    spr_figure_text(figure, pixel, &lettering, text);
    spr_place_take(&figure->placer,
                   (struct spr_box){pixel[0] - (double)strlen(text) * figure->char_width,
                                    pixel[1] - line / 2, pixel[0], pixel[1] + line / 2});
}

/* Takes the places of a text along a slope when they are free of markers. */
static bool slope_is_free(struct spr_figure *figure, const double center[2], double angle,
                          double length, bool take)
{
    double half = figure->line_height / 2;
    int steps = (int)(length / half);
    for (int i = 0; i <= steps; i++) {
        double s = -length / 2 + i * half;
        double x = center[0] + s * cos(angle), y = center[1] + s * sin(angle);
        struct spr_box box = {x - half, y - half, x + half, y + half};
        if (take) {
            spr_place_take(&figure->placer, box);
        } else if (!spr_place_is_free(&figure->placer, &box)) {
            return false;
        }
    }
    return true;
}

/* The name goes where the slope carries no markers, from its foot upwards. */
static void name_slope(struct spr_figure *figure, const double from[2], const double to[2],
                       const char *text)
{
    double angle = atan2(to[1] - from[1], to[0] - from[0]);
    double length = (double)strlen(text) * figure->char_width;
    double run = hypot(to[0] - from[0], to[1] - from[1]);
    double reach = figure->dumb ? 1 : 0.8 * figure->line_height;
    const double degrees = 57.29577951308232;
    struct spr_lettering lettering = {"center", SPR_BLACK, 11.5, angle * degrees};
    double center[2], best[2] = {0, 0};
    bool found = false;
    for (int side = 0; side < 2 && !found; side++) {
        double off = side == 0 ? reach : -reach;
        int steps = (int)((run - 1.2 * length) / 12);
        for (int i = 0; i <= steps && !found; i++) {
            double s = length * 0.6 + i * 12.0;
            center[0] = from[0] + s * cos(angle) - off * sin(angle);
            center[1] = from[1] + s * sin(angle) + off * cos(angle);
            found = slope_is_free(figure, center, angle, length, false);
            if (found) {
                memcpy(best, center, sizeof best);
            }
        }
    }
    if (found) {
        spr_figure_text(figure, best, &lettering, text);
        slope_is_free(figure, best, angle, length, true);
    }
}

/* The visible piece of a slanted roof. Returns whether there is one. */
static bool slope(const struct spr_figure *figure, const struct spr_model *model, size_t level,
                  double line[2][2])
{
    double rate = model->bytes_per_s[level], peak = spr_roofs_peak(model);
    if (rate <= 0 || peak <= 0) {
        return false;
    }
    line[0][0] = fmax(figure->x.low, figure->y.low / rate);
    line[0][1] = line[0][0] * rate;
    line[1][0] = peak / rate;
    line[1][1] = peak;
    return line[1][0] > line[0][0];
}

static void slanted_roof(struct spr_figure *figure, const struct spr_model *model,
                         size_t level)
{
    bool last = level + 1 == model->level_count;
    struct spr_stroke stroke = {SPR_BLACK, last ? "1" : "(8,5)", last ? 1.6 : 1.1, '.', NULL};
    double line[2][2];
    if (slope(figure, model, level, line)) {
        spr_figure_line(figure, (const double(*)[2])line, 2, &stroke);
    }
}

static void name_slanted(struct spr_figure *figure, const struct spr_model *model,
                         size_t level)
{
    char text[SPR_CLEAN_TEXT + 64], clean[SPR_CLEAN_TEXT];
    double line[2][2], from[2], to[2];
    if (!slope(figure, model, level, line)) {
        return;
    }
    spr_figure_pixel(figure, line[0], from);
    spr_figure_pixel(figure, line[1], to);
    snprintf(text, sizeof text, "%s  %.4g GB/s",
             spr_text_clean(model->machine->memory[level].level, 24, clean),
             model->bytes_per_s[level] / 1e9);
    if (figure->dumb) {
        double middle[2] = {sqrt(line[0][0] * line[1][0]), sqrt(line[0][1] * line[1][1])};
        spr_figure_label(figure, middle, 1.5, text, NULL);
    } else {
        name_slope(figure, from, to, text);
    }
}

void spr_roofs_draw(struct spr_figure *figure, const struct spr_model *model)
{
    for (size_t i = 0; i < model->machine->engine_count; i++) {
        flat_roof(figure, model, i);
    }
    for (size_t i = 0; i < model->level_count; i++) {
        slanted_roof(figure, model, i);
    }
}

void spr_roofs_name(struct spr_figure *figure, const struct spr_model *model)
{
    for (size_t i = 0; i < model->machine->engine_count; i++) {
        name_flat(figure, model, i);
    }
    for (size_t i = 0; i < model->level_count; i++) {
        name_slanted(figure, model, i);
    }
}
