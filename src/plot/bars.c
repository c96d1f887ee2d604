/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of lying bars with names at their left. */
#include "plot/bars.h"

#include <math.h>
#include <string.h>

/* Returns how many. */
static size_t fill_with_letters(struct spr_figure *figure, const struct spr_bar *bar)
{
    double from[2], to[2], at[2];
    const double ends[2][2] = {{bar->from, (bar->bottom + bar->top) / 2},
                               {bar->to, (bar->bottom + bar->top) / 2}};
    spr_figure_pixel(figure, ends[0], from);
    spr_figure_pixel(figure, ends[1], to);
    double first = fmax(ceil(from[0]), figure->area.left + 1);
    size_t letters = to[0] >= first ? (size_t)(to[0] - first) + 1 : 0;
    for (size_t i = 0; i < letters; i++) {
        const double here[2] = {first + (double)i, from[1]};
        spr_figure_unpixel(figure, here, at);
        spr_text_add(&figure->data, "%.10g\t%.10g\n", at[0], at[1]);
    }
    return letters;
}

void spr_bars_draw(struct spr_figure *figure, const struct spr_bar *bars, size_t count,
                   const struct spr_paint *paint)
{
    if (count == 0) {
        return;
    }
    size_t letters = figure->dumb ? 0 : count,
           block = spr_figure_block(figure, figure->dumb ? "x\ty" : "from\tto\tbottom\ttop");
    for (size_t i = 0; i < count; i++) {
        const struct spr_bar *bar = &bars[i];
        if (figure->dumb) {
            letters += fill_with_letters(figure, bar);
        } else {
            spr_text_add(&figure->data, "%.10g\t%.10g\t%.10g\t%.10g\n", bar->from, bar->to,
                         bar->bottom, bar->top);
        }
    }
    spr_figure_block_end(figure);
    /* Bars too short for a character leave an empty block, which gnuplot refuses to plot. */
    if (letters == 0) {
        return;
    }
    spr_figure_plot(figure, block);
    if (figure->dumb) {
        spr_text_add(&figure->plots, "using 1:2 with points pt '%c'", paint->letter);
    } else {
        spr_text_add(&figure->plots,
                     "using (($1+$2)/2):(($3+$4)/2):1:2:3:4 with boxxyerror "
                     "fc rgb '%s' fs solid border lc rgb '%s'",
                     paint->fill, paint->border);
    }
    spr_figure_title(figure, paint->title);
}

void spr_bars_text(struct spr_figure *figure, const struct spr_bar *bar, const char *text)
{
    struct spr_lettering lettering = {"left", SPR_DARK, 11, 0};
    double height = (bar->bottom + bar->top) / 2, from[2], to[2];
    const double ends[2][2] = {{fmin(bar->from, bar->to), height},
                               {fmax(bar->from, bar->to), height}};
    double length = (double)strlen(text) * figure->char_width;
    spr_figure_pixel(figure, ends[0], from);
    spr_figure_pixel(figure, ends[1], to);
    double gap = figure->dumb ? 2 : 6;
    if (to[0] + gap + length <= figure->area.right) {
        to[0] += gap;
    } else if (length + 2 * gap < to[0] - from[0]) {
        to[0] -= gap;
        lettering.align = "right";
        lettering.color = "#FFFFFF";
    } else {
        to[0] = from[0] - gap;
        lettering.align = "right";
    }
    spr_figure_text(figure, to, &lettering, text);
}

void spr_bars_name(struct spr_text *names, double height, const char *name)
{
    spr_text_add(names, "%s", names->used ? ", " : "set ytics (");
    spr_text_add_quoted(names, name);
    spr_text_add(names, " %.10g", height);
}

void spr_bars_names_end(struct spr_figure *figure, struct spr_text *names)
{
    if (names->used) {
        spr_text_add(&figure->settings, "%s) scale 0 nomirror\nset grid noytics\n",
                     names->data);
    }
    figure->settings.failed = figure->settings.failed || names->failed;
    spr_text_free(names);
}
