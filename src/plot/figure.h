/* SPDX-License-Identifier: Apache-2.0 */
/* One picture: its frame, its axes, and the gnuplot script and points it becomes. */
#ifndef SPROOF_PLOT_FIGURE_H
#define SPROOF_PLOT_FIGURE_H

#include "plot/place.h"
#include "plot/plot_text.h"
#include "sproof/plot.h"

enum spr_tick_form {
    SPR_TICK_PLAIN,
    SPR_TICK_SI,   /* "1 G" */
    SPR_TICK_NONE, /* the kind writes its own */
};

/* One axis; flipped when its low end is at the top or right. */
struct spr_axis {
    bool log, flipped;
    double low, high; /* data units */
    enum spr_tick_form form;
    char label[160];
};

/* How one series looks; distinct by shape and dash too, for greyscale and colour blindness. */
struct spr_style {
    const char *color; /* "#rrggbb" */
    int point, hollow; /* gnuplot point types, filled and open */
    const char *dash;  /* gnuplot dash type */
    char letter;       /* in a drawing with characters */
};

/* Blue, vermillion, ...: Okabe & Ito, "Color Universal Design" (2008). */
#define SPR_BLUE "#0072B2"
#define SPR_VERMILLION "#D55E00"
#define SPR_GREEN "#009E73"
#define SPR_PURPLE "#CC79A7"
#define SPR_ORANGE "#E69F00"
#define SPR_SKY "#56B4E9"
#define SPR_BLACK "#000000"
#define SPR_GREY "#767676"
#define SPR_DARK "#404040"

struct spr_figure {
    enum spr_plot_kind kind;
    bool dumb;
    bool expected; /* shows expected times, the bounds beside them */
    /* Pixels from the lower left corner; with dumb characters. */
    double width, height;
    double char_width, line_height; /* of a label */
    struct spr_box area;            /* of the axes */
    struct spr_axis x, y;
    struct spr_placer placer;
    const char *file;                      /* the picture the script makes when run by hand */
    const char *script;                    /* name of the script itself */
    struct spr_text title, facts, caption; /* set these before the frame */
    struct spr_text data, settings, plots;
    struct spr_text labels, hovers; /* lines of their data blocks */
    struct spr_text csv;
    size_t blocks;       /* data blocks named so far */
    const char *subject; /* what the next ones show, for who edits the script; NULL: nothing */
};

/* Sets the frame, and leaves `panel` pixels (with dumb: characters) for a key at the right
 * and `names` for the tick texts at the left. */
void spr_figure_frame(struct spr_figure *figure, double panel, double names);

void spr_figure_free(struct spr_figure *figure);

/* Series style number i; they repeat after 24. */
struct spr_style spr_figure_style(size_t i);

/* gnuplot's screen coordinates of pixels. */
void spr_figure_screen(const struct spr_figure *figure, const double pixel[2],
                       double screen[2]);

/* Data units to pixels, and whether that is inside the frame. */
bool spr_figure_pixel(const struct spr_figure *figure, const double at[2], double pixel[2]);

/* Pixels to data units. */
void spr_figure_unpixel(const struct spr_figure *figure, const double pixel[2], double at[2]);

struct spr_stroke {
    const char *color, *dash;
    double width;
    char letter;       /* with dumb; 0: not drawn there */
    const char *title; /* in the key, cleaned; NULL: none */
};

/* A polyline through count points. */
void spr_figure_line(struct spr_figure *figure, const double (*points)[2], size_t count,
                     const struct spr_stroke *stroke);

struct spr_marker {
    double at[2];
    double radius; /* pixels */
    bool hollow;
};

/* The markers of one series; title NULL: not in the key. */
void spr_figure_markers(struct spr_figure *figure, const struct spr_marker *markers,
                        size_t count, const struct spr_style *style, const char *title);

/* An entry of the key for a style with its line. */
void spr_figure_key(struct spr_figure *figure, const struct spr_style *style, bool line,
                    const char *title);

/* A label beside a data point, left out where there is no room. Returns whether there was;
 * `place`, which may be NULL, gets its middle in data units. */
bool spr_figure_label(struct spr_figure *figure, const double at[2], double gap,
                      const char *text, double place[2]);

struct spr_lettering {
    const char *align; /* left, center, right */
    const char *color;
    double size;    /* points; 0: that of labels. With dumb all are one */
    double degrees; /* turned; with dumb ignored */
};

/* A cleaned text at fixed pixels. */
void spr_figure_text(struct spr_figure *figure, const double pixel[2],
                     const struct spr_lettering *lettering, const char *text);

/* Thin lines between data points {x, y, x, y}. Not drawn with dumb. */
void spr_figure_links(struct spr_figure *figure, const double (*ends)[4], size_t count,
                      const char *color);

/* The same bent to the lower right and with heads: an arrow along a roof is seen below it. */
void spr_figure_arrows(struct spr_figure *figure, const double (*ends)[4], size_t count,
                       const char *color);

/* A filled rectangle behind everything, in data units, cut at the frame. Not with dumb. */
void spr_figure_band(struct spr_figure *figure, const struct spr_box *box, const char *color);

/* A text shown while the pointer rests within `radius` pixels. Not with dumb. */
void spr_figure_hover(struct spr_figure *figure, const double at[2], double radius,
                      const char *text);

/* Opens a data block: returns its number, "$data_N". `columns` names its columns. */
size_t spr_figure_block(struct spr_figure *figure, const char *columns);
void spr_figure_block_end(struct spr_figure *figure);

/* Begins an element of the plot command; the caller adds the rest to figure->plots. */
void spr_figure_plot(struct spr_figure *figure, size_t block);

/* " title '...'" or " notitle". */
void spr_figure_title(struct spr_figure *figure, const char *title);

/* Writes the whole script. Returns false when out of memory. */
bool spr_figure_script(struct spr_figure *figure, struct spr_text *script);

/* axis.c */

/* An axis from low to high, a little wider. An empty range is made a sane one. */
struct spr_axis spr_axis_make(bool log, double low, double high, enum spr_tick_form form,
                              const char *label);

/* 0 at the left or bottom end, 1 at the other. */
double spr_axis_fraction(const struct spr_axis *axis, double value);
double spr_axis_value(const struct spr_axis *axis, double fraction);

/* Range, ticks and label of axis 'x' or 'y', `length` pixels long; ticks at least `apart`. */
void spr_axis_settings(const struct spr_axis *axis, char name, double length, double apart,
                       struct spr_text *settings);

#endif
