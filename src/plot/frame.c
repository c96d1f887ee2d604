/* SPDX-License-Identifier: Apache-2.0 */
/* One picture: the texts around it, and the script it becomes. */
#include <math.h>
#include <string.h>

#include "plot/figure.h"

#define PICTURE_WIDTH 1200
#define PICTURE_HEIGHT 800
#define FONT "Arial"

/* Mean width of a character of Arial, in ems; a little wide, since another font may stand
 * in for it. */
#define EM_SHARE 0.56

struct spacing {
    double title, facts, caption; /* from one line to the next */
    double above, below, side;    /* between texts and axes */
    double caption_characters, facts_characters;
};

static struct spacing spacing_of(const struct spr_figure *figure)
{
    if (figure->dumb) {
        return (struct spacing){1, 1, 1, 0, 2, 0, figure->width, figure->width};
    }
    double room = figure->width - 50;
    return (struct spacing){26, 18, 16, 26, 62, 25, room / (11 * 0.5), room / (12.5 * 0.5)};
}

/* Bytes of the next line of at most `room` characters, broken at a space. */
static size_t line_length(const char *text, double room)
{
    size_t last_space = 0, i = 0;
    double count = 0;
    for (; text[i]; i++) {
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
        if (text[i] == ' ' && i > 0) {
            last_space = i;
        }
        if (count > room && last_space > 0) {
            return last_space;
        }
    }
    return i;
}

static size_t line_count(const char *text, double room)
{
    size_t lines = 0;
    for (text = text ? text : ""; *text; lines++) {
        text += line_length(text, room);
        text += *text == ' ';
    }
    return lines;
}

/* Lines of text downward from *y. */
static void wrapped(struct spr_figure *figure, const char *text, double room, double *y,
                    double step)
{
    struct spr_lettering small = {"left", SPR_DARK, step > 17 ? 12.5 : 11, 0};
    char line[SPR_CLEAN_TEXT];
    text = text ? text : "";
    while (*text) {
        size_t bytes = line_length(text, room);
        size_t kept = bytes < sizeof line ? bytes : sizeof line - 1;
        double at[2] = {spacing_of(figure).side, *y};
        memcpy(line, text, kept);
        line[kept] = '\0';
        spr_figure_text(figure, at, &small, line);
        text += bytes;
        text += *text == ' ';
        *y -= step;
    }
}

void spr_figure_frame(struct spr_figure *figure, double panel, double names)
{
    if (!figure->dumb) {
        figure->width = PICTURE_WIDTH;
        figure->height = PICTURE_HEIGHT;
    }
    figure->char_width = figure->dumb ? 1 : 11 * EM_SHARE;
    figure->line_height = figure->dumb ? 1 : 14;
    struct spacing space = spacing_of(figure);
    size_t facts = line_count(figure->facts.data, space.facts_characters);
    size_t captions = line_count(figure->caption.data, space.caption_characters);
    figure->area = (struct spr_box){
        names, space.below + (double)captions * space.caption + (figure->dumb ? 1 : 8),
        figure->width - panel - (figure->dumb ? 1 : 25),
        figure->height - (figure->dumb ? 1 : 0) - space.title - (double)facts * space.facts -
            space.above};
    figure->placer.area = figure->area;
    double y = figure->height - (figure->dumb ? 1 : 24);
    struct spr_lettering large = {"left", SPR_BLACK, 17, 0};
    double at[2] = {space.side, y};
    spr_figure_text(figure, at, &large, figure->title.data ? figure->title.data : "");
    y -= space.title;
    wrapped(figure, figure->facts.data, space.facts_characters, &y, space.facts);
    y = (double)captions * space.caption - (figure->dumb ? 1.0 : 3.0);
    wrapped(figure, figure->caption.data, space.caption_characters, &y, space.caption);
}

void spr_figure_free(struct spr_figure *figure)
{
    spr_text_free(&figure->title);
    spr_text_free(&figure->facts);
    spr_text_free(&figure->caption);
    spr_text_free(&figure->data);
    spr_text_free(&figure->settings);
    spr_text_free(&figure->plots);
    spr_text_free(&figure->labels);
    spr_text_free(&figure->hovers);
    spr_text_free(&figure->csv);
    spr_placer_free(&figure->placer);
}

static void terminal_settings(const struct spr_figure *figure, struct spr_text *script)
{
    if (figure->dumb) {
        spr_text_add(script, "set terminal dumb nofeed size %.0f,%.0f mono noenhanced\n",
                     figure->width, figure->height);
        spr_text_add(script, "set output ARG1\n");
        return;
    }
    spr_text_add(script, "output = ");
    spr_text_add_file(script, figure->file);
    spr_text_add(script,
                 "\nif (exists('ARG1') && strlen(ARG1) > 0) { output = ARG1 }\n"
                 "ending = strlen(output) > 4 ? output[strlen(output)-3:*] : ''\n"
                 "if (ending eq '.pdf') {\n"
                 "    set terminal pdfcairo size 16.667in,11.111in noenhanced font '" FONT
                 ",13' "
                 "fontscale 0.8 pointscale 1.6\n"
                 "} else { if (ending eq '.png' && strstrt(GPVAL_TERMINALS, 'pngcairo')) {\n"
                 "    set terminal pngcairo size %d,%d noenhanced font '" FONT ",13' "
                 "fontscale 0.75 pointscale 1.6\n"
                 "} else { if (ending eq '.png') {\n"
                 "    set terminal png truecolor size %d,%d noenhanced font '" FONT ",13' "
                 "fontscale 0.75\n"
                 "} else {\n"
                 "    set terminal svg size %d,%d noenhanced font '" FONT ",13' "
                 "background 'white'\n"
                 "}}}\n"
                 "set output output\n",
                 PICTURE_WIDTH, PICTURE_HEIGHT, PICTURE_WIDTH, PICTURE_HEIGHT, PICTURE_WIDTH,
                 PICTURE_HEIGHT);
}

static void frame_settings(const struct spr_figure *figure, struct spr_text *script)
{
    const struct spr_box *area = &figure->area;
    /* gnuplot cuts fractions of a character off. */
    double up = figure->dumb ? 0.1 : 0;
    const double low[2] = {area->left + up, area->bottom + up};
    const double high[2] = {area->right + up, area->top + up};
    const double key[2] = {area->right + (figure->dumb ? 1 : 12),
                           area->top + (figure->dumb ? 0 : 6)};
    double from[2], to[2], at[2];
    spr_figure_screen(figure, low, from);
    spr_figure_screen(figure, high, to);
    spr_figure_screen(figure, key, at);
    spr_text_add(script,
                 "set lmargin at screen %.6f\nset rmargin at screen %.6f\n"
                 "set bmargin at screen %.6f\nset tmargin at screen %.6f\n",
                 from[0], to[0], from[1], to[1]);
    spr_text_add(script, "set key at screen %.5f, screen %.5f left top Left reverse %s\n",
                 at[0], at[1],
                 figure->dumb ? "samplen 1" : "samplen 3 spacing 1.3 font ',11.5'");
    if (!figure->dumb) {
        spr_text_add(script, "set border 3 lc rgb '" SPR_DARK "'\n"
                             "set tics out scale 0.6,0.35 font ',11.5'\n"
                             "set grid xtics ytics lc rgb '#E2E2E2' lw 1 dt 1\n");
    }
}

static void last_elements(struct spr_figure *figure)
{
    if (figure->labels.used) {
        size_t block = spr_figure_block(figure, "x\ty\ttext");
        spr_text_add_bytes(&figure->data, figure->labels.data, figure->labels.used);
        spr_figure_block_end(figure);
        spr_figure_plot(figure, block);
        spr_text_add(&figure->plots, "using 1:2:3 with labels center%s notitle",
                     figure->dumb ? "" : " tc rgb '" SPR_DARK "' font ',11'");
    }
    if (figure->hovers.used) {
        size_t block = spr_figure_block(figure, "x\ty\tpoint_size\ttext");
        spr_text_add_bytes(&figure->data, figure->hovers.data, figure->hovers.used);
        spr_figure_block_end(figure);
        spr_figure_plot(figure, block);
        spr_text_add(&figure->plots, "using 1:2:4:3 with labels hypertext point pt 7 "
                                     "ps variable lc rgb '#FEFFFFFF' notitle");
    }
}

static bool out_of_memory(const struct spr_figure *figure)
{
    return figure->title.failed || figure->facts.failed || figure->caption.failed ||
           figure->data.failed || figure->settings.failed || figure->plots.failed ||
           figure->labels.failed || figure->hovers.failed || figure->csv.failed ||
           figure->placer.failed;
}

bool spr_figure_script(struct spr_figure *figure, struct spr_text *script)
{
    const struct spr_box *area = &figure->area;
    last_elements(figure);
    spr_text_add(script, "# %s\n", figure->title.data ? figure->title.data : "");
    if (!figure->dumb) {
        spr_text_add(script, "# made by sproof; draw it again: gnuplot ");
        spr_text_add_shell_word(script, figure->script);
        spr_text_add(script, "\n# as another file (svg, png, pdf): gnuplot -c ");
        spr_text_add_shell_word(script, figure->script);
        spr_text_add(script, " FILE\n");
    }
    spr_text_add(script, "set encoding utf8\n");
    terminal_settings(figure, script);
    spr_text_add(script, "set datafile separator \"\\t\"\n");
    spr_text_add_bytes(script, figure->data.data ? figure->data.data : "", figure->data.used);
    frame_settings(figure, script);
    spr_axis_settings(&figure->x, 'x', area->right - area->left, figure->dumb ? 8 : 50,
                      script);
    spr_axis_settings(&figure->y, 'y', area->top - area->bottom, figure->dumb ? 3 : 44,
                      script);
    spr_text_add_bytes(script, figure->settings.data ? figure->settings.data : "",
                       figure->settings.used);
    spr_text_add(script, "plot %s\nset output\n",
                 figure->plots.data ? figure->plots.data : "NaN");
    return !script->failed && !out_of_memory(figure);
}
