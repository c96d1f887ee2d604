/* SPDX-License-Identifier: Apache-2.0 */
/* One picture: what is drawn into its frame. */
#include "plot/figure.h"

#include <math.h>
#include <stdio.h>

/* Radius in pixels of gnuplot's point size 1, at the font size the script sets. */
#define POINT_RADIUS 4.9

struct spr_style spr_figure_style(size_t i)
{
    static const char *const colors[] = {SPR_BLUE,   SPR_VERMILLION, SPR_GREEN, SPR_PURPLE,
                                         SPR_ORANGE, SPR_SKY,        SPR_BLACK, SPR_GREY};
    static const int shapes[][2] = {{7, 6}, {5, 4}, {9, 8}, {13, 12}, {11, 10}, {15, 14}};
    static const char *const dashes[] = {"1",          "(12,4)", "(4,4)",
                                         "(12,4,3,4)", "(20,5)", "(2,3)"};
    static const char letters[] = "abcdefghijklmnpqrstuvwyz";
    return (struct spr_style){.color = colors[i % 8],
                              .point = shapes[i % 6][0],
                              .hollow = shapes[i % 6][1],
                              .dash = dashes[i % 6],
                              .letter = letters[i % (sizeof letters - 1)]};
}

void spr_figure_screen(const struct spr_figure *figure, const double pixel[2],
                       double screen[2])
{
    /* The last of n characters is at 1, not the end of it. */
    double last = figure->dumb ? 1 : 0;
    screen[0] = pixel[0] / (figure->width - last);
    screen[1] = pixel[1] / (figure->height - last);
}

bool spr_figure_pixel(const struct spr_figure *figure, const double at[2], double pixel[2])
{
    const struct spr_box *area = &figure->area;
    double x = spr_axis_fraction(&figure->x, at[0]), y = spr_axis_fraction(&figure->y, at[1]);
    pixel[0] = area->left + x * (area->right - area->left);
    pixel[1] = area->bottom + y * (area->top - area->bottom);
    return x >= 0 && x <= 1 && y >= 0 && y <= 1;
}

void spr_figure_unpixel(const struct spr_figure *figure, const double pixel[2], double at[2])
{
    const struct spr_box *area = &figure->area;
    at[0] = spr_axis_value(&figure->x, (pixel[0] - area->left) / (area->right - area->left));
    at[1] = spr_axis_value(&figure->y, (pixel[1] - area->bottom) / (area->top - area->bottom));
}

size_t spr_figure_block(struct spr_figure *figure, const char *columns)
{
    figure->blocks++;
    spr_text_add(&figure->data, "$data_%zu << EOD\n# %s%s%s\n", figure->blocks,
                 figure->subject ? figure->subject : "", figure->subject ? ":\t" : "",
                 columns);
    return figure->blocks;
}

void spr_figure_block_end(struct spr_figure *figure)
{
    spr_text_add(&figure->data, "EOD\n");
}

void spr_figure_plot(struct spr_figure *figure, size_t block)
{
    if (figure->plots.used) {
        spr_text_add(&figure->plots, ", \\\n    ");
    }
    if (block) {
        spr_text_add(&figure->plots, "$data_%zu ", block);
    } else {
        spr_text_add(&figure->plots, "NaN ");
    }
}

void spr_figure_title(struct spr_figure *figure, const char *title)
{
    if (title) {
        spr_text_add(&figure->plots, " title ");
        spr_text_add_quoted(&figure->plots, title);
    } else {
        spr_text_add(&figure->plots, " notitle");
    }
}

/* Characters of a line: gnuplot's own line characters cannot be chosen. */
static void dumb_line(struct spr_figure *figure, const double (*points)[2], size_t count)
{
    for (size_t i = 1; i < count; i++) {
        double from[2], to[2], here[2], at[2];
        spr_figure_pixel(figure, points[i - 1], from);
        spr_figure_pixel(figure, points[i], to);
        double longest = fmax(fabs(to[0] - from[0]), fabs(to[1] - from[1]));
        int steps = (int)fmin(fmax(ceil(longest), 1), 500);
        for (int s = 0; s <= steps; s++) {
            here[0] = from[0] + (to[0] - from[0]) * s / steps;
            here[1] = from[1] + (to[1] - from[1]) * s / steps;
            spr_figure_unpixel(figure, here, at);
            spr_text_add(&figure->data, "%.10g\t%.10g\n", at[0], at[1]);
        }
    }
}

void spr_figure_line(struct spr_figure *figure, const double (*points)[2], size_t count,
                     const struct spr_stroke *stroke)
{
    if (count < 2 || (figure->dumb && !stroke->letter)) {
        return;
    }
    size_t block = spr_figure_block(figure, "x\ty");
    for (size_t i = 0; i < count && !figure->dumb; i++) {
        spr_text_add(&figure->data, "%.10g\t%.10g\n", points[i][0], points[i][1]);
    }
    if (figure->dumb) {
        dumb_line(figure, points, count);
    }
    spr_figure_block_end(figure);
    for (size_t i = 1; i < count; i++) {
        double from[2], to[2];
        spr_figure_pixel(figure, points[i - 1], from);
        spr_figure_pixel(figure, points[i], to);
        spr_place_line(&figure->placer, from, to, figure->char_width);
    }
    spr_figure_plot(figure, block);
    if (figure->dumb) {
        spr_text_add(&figure->plots, "using 1:2 with points pt '%c'", stroke->letter);
    } else {
        spr_text_add(&figure->plots, "using 1:2 with lines lc rgb '%s' lw %.3g dt %s",
                     stroke->color, stroke->width, stroke->dash);
    }
    spr_figure_title(figure, stroke->title);
}

void spr_figure_markers(struct spr_figure *figure, const struct spr_marker *markers,
                        size_t count, const struct spr_style *style, const char *title)
{
    if (count == 0) {
        return;
    }
    size_t block = spr_figure_block(figure, "x\ty\tpoint_size\tpoint_type");
    for (size_t i = 0; i < count; i++) {
        const struct spr_marker *marker = &markers[i];
        double pixel[2], r = figure->dumb ? 0.5 : marker->radius;
        spr_text_add(&figure->data, "%.10g\t%.10g\t%.3g\t%d\n", marker->at[0], marker->at[1],
                     marker->radius / POINT_RADIUS,
                     marker->hollow ? style->hollow : style->point);
        spr_figure_pixel(figure, marker->at, pixel);
        spr_place_take(&figure->placer, (struct spr_box){pixel[0] - r, pixel[1] - r,
                                                         pixel[0] + r, pixel[1] + r});
    }
    spr_figure_block_end(figure);
    spr_figure_plot(figure, block);
    if (figure->dumb) {
        spr_text_add(&figure->plots, "using 1:2 with points pt '%c'", style->letter);
    } else {
        spr_text_add(&figure->plots,
                     "using 1:2:3:4 with points ps variable pt variable lc rgb '%s'",
                     style->color);
    }
    spr_figure_title(figure, title);
}

void spr_figure_key(struct spr_figure *figure, const struct spr_style *style, bool line,
                    const char *title)
{
    spr_figure_plot(figure, 0);
    if (figure->dumb) {
        spr_text_add(&figure->plots, "with points pt '%c'", style->letter);
    } else {
        spr_text_add(&figure->plots, "with %s lc rgb '%s' pt %d ps 1.3",
                     line ? "linespoints" : "points", style->color, style->point);
        if (line) {
            spr_text_add(&figure->plots, " lw 1.8 dt %s", style->dash);
        }
    }
    spr_figure_title(figure, title);
}

/* Characters of UTF-8 text. */
static double characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return (double)count;
}

bool spr_figure_label(struct spr_figure *figure, const double at[2], double gap,
                      const char *text, double place[2])
{
    double pixel[2], center[2], middle[2];
    double size[2] = {characters(text) * figure->char_width, figure->line_height};
    struct spr_box box;
    if (!spr_figure_pixel(figure, at, pixel) ||
        !spr_place_label(&figure->placer, pixel, gap, size, &box)) {
        return false;
    }
    center[0] = (box.left + box.right) / 2;
    center[1] = (box.bottom + box.top) / 2;
    spr_figure_unpixel(figure, center, middle);
    spr_text_add(&figure->labels, "%.10g\t%.10g\t%s\n", middle[0], middle[1], text);
    if (place) {
        place[0] = middle[0];
        place[1] = middle[1];
    }
    return true;
}

void spr_figure_text(struct spr_figure *figure, const double pixel[2],
                     const struct spr_lettering *lettering, const char *text)
{
    const struct spr_box *area = &figure->area;
    double at[2];
    /* Characters are whole, and gnuplot rounds screen coordinates unlike those of data. */
    bool in_data = figure->dumb && pixel[1] > area->bottom && pixel[1] < area->top;
    if (in_data) {
        spr_figure_unpixel(figure, pixel, at);
    } else {
        spr_figure_screen(figure, pixel, at);
    }
    const char *system = in_data ? "first" : "screen";
    spr_text_add(&figure->settings, "set label ");
    spr_text_add_quoted(&figure->settings, text);
    spr_text_add(&figure->settings, " at %s %.8g, %s %.8g %s", system, at[0], system, at[1],
                 lettering->align);
    if (!figure->dumb) {
        spr_text_add(&figure->settings, " tc rgb '%s' font ',%g'", lettering->color,
                     lettering->size > 0 ? lettering->size : 11);
    }
    if (!figure->dumb && lettering->degrees != 0) {
        spr_text_add(&figure->settings, " rotate by %.1f", lettering->degrees);
    }
    spr_text_add(&figure->settings, " front\n");
}

void spr_figure_links(struct spr_figure *figure, const double (*ends)[4], size_t count,
                      const char *color)
{
    if (count == 0 || figure->dumb) {
        return;
    }
    size_t block = spr_figure_block(figure, "x\ty\tx_to\ty_to");
    for (size_t i = 0; i < count; i++) {
        spr_text_add(&figure->data, "%.10g\t%.10g\t%.10g\t%.10g\n", ends[i][0], ends[i][1],
                     ends[i][2], ends[i][3]);
    }
    spr_figure_block_end(figure);
    spr_figure_plot(figure, block);
    spr_text_add(&figure->plots,
                 "using 1:2:($3-$1):($4-$2) with vectors nohead lc rgb '%s' lw 1 notitle",
                 color);
}

#define ARC_PIECES 16
/* How far the middle of an arc lies off the straight line, as a share of its length. */
#define ARC_BEND 0.12

/* Points of a quadratic arc from one data point to another. */
static void arc(struct spr_figure *figure, const double ends[4], double points[][2])
{
    double from[2], to[2], here[2];
    spr_figure_pixel(figure, &ends[0], from);
    spr_figure_pixel(figure, &ends[2], to);
    double dx = to[0] - from[0], dy = to[1] - from[1];
    /* To the lower right of the line whichever way it leads. */
    double side = dx - dy >= 0 ? -1 : 1;
    side = fabs(dx - dy) < 0.1 * hypot(dx, dy) || dx + dy < 0 ? 1 : side;
    for (int i = 0; i <= ARC_PIECES; i++) {
        double t = (double)i / ARC_PIECES, bend = 4 * ARC_BEND * t * (1 - t) * side;
        here[0] = from[0] + t * dx - bend * dy;
        here[1] = from[1] + t * dy + bend * dx;
        spr_figure_unpixel(figure, here, points[i]);
        if (i > 0) {
            double before[2];
            spr_figure_pixel(figure, points[i - 1], before);
            spr_place_line(&figure->placer, before, here, figure->char_width);
        }
    }
}

void spr_figure_arrows(struct spr_figure *figure, const double (*ends)[4], size_t count,
                       const char *color)
{
    double points[ARC_PIECES + 1][2];
    if (count == 0 || figure->dumb) {
        return;
    }
    size_t block = spr_figure_block(figure, "x\ty\tx_to\ty_to");
    for (size_t i = 0; i < count; i++) {
        arc(figure, ends[i], points);
        for (int p = 0; p < ARC_PIECES; p++) {
            spr_text_add(&figure->data, "%.10g\t%.10g\t%.10g\t%.10g%s\n", points[p][0],
                         points[p][1], points[p + 1][0], points[p + 1][1],
                         p + 1 == ARC_PIECES ? "\t1" : "\t0");
        }
    }
    spr_figure_block_end(figure);
    spr_figure_plot(figure, block);
    spr_text_add(&figure->plots,
                 "using 1:($5 == 0 ? $2 : NaN):($3-$1):($4-$2) "
                 "with vectors nohead lc rgb '%s' lw 1 notitle",
                 color);
    spr_figure_plot(figure, block);
    spr_text_add(&figure->plots,
                 "using 1:($5 == 1 ? $2 : NaN):($3-$1):($4-$2) with vectors head filled "
                 "size screen 0.008,18 fixed lc rgb '%s' lw 1 notitle",
                 color);
}

void spr_figure_band(struct spr_figure *figure, const struct spr_box *box, const char *color)
{
    const struct spr_axis *x = &figure->x, *y = &figure->y;
    if (figure->dumb) {
        return;
    }
    spr_text_add(&figure->settings,
                 "set object rectangle from %.10g,%.10g to %.10g,%.10g behind "
                 "fc rgb '%s' fs solid noborder\n",
                 fmax(box->left, x->low), fmax(box->bottom, y->low), fmin(box->right, x->high),
                 fmin(box->top, y->high), color);
}

void spr_figure_hover(struct spr_figure *figure, const double at[2], double radius,
                      const char *text)
{
    if (!figure->dumb) {
        spr_text_add(&figure->hovers, "%.10g\t%.10g\t%.3g\t%s\n", at[0], at[1],
                     radius / POINT_RADIUS, text);
    }
}
