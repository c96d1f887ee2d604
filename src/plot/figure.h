/* SPDX-License-Identifier: Apache-2.0 */
/* One picture: its frame, its axes, and the gnuplot script and points it becomes. */
#ifndef SPROOF_PLOT_FIGURE_H
#define SPROOF_PLOT_FIGURE_H

#include "place.h"
#include "text.h"
#include "sproof/plot.h"

enum spr_tick_form {
    SPR_TICK_PLAIN,
    SPR_TICK_SI,   /* "1 G" */
    SPR_TICK_NONE, /* the kind writes its own */
};

/* One axis. low and high in data units; set flipped when up or right is the smaller. */
struct spr_axis {
    bool log, flipped;
    double low, high;
    enum spr_tick_form form;
    char label[160];
};

/* How one series looks; distinct by shape and dash too, for greyscale and colour blindness. */
struct spr_style {
    const char *color;    /* "#rrggbb" */
    int point, hollow;    /* gnuplot point types, filled and open */
    const char *dash;     /* gnuplot dash type */
    char letter;          /* in a drawing with characters */
};

struct spr_figure {
    enum spr_plot_kind kind;
    bool dumb;
    /* Everything below counts in pixels from the lower left corner, with dumb in characters. */
    double width, height;
    double char_width, line_height; /* of a label */
    struct spr_box area;            /* of the axes */
    struct spr_axis x, y;
    struct spr_placer placer;
    const char *file; /* the picture the script makes when run by hand */
    const char *script_name;
    struct spr_text title, facts, caption; /* lines of the frame; facts and caption wrap */
    struct spr_text data;                  /* data blocks */
    struct spr_text settings;              /* commands before plot */
    struct spr_text plots;                 /* elements of the plot command */
    struct spr_text labels;                /* placed labels: x y text */
    struct spr_text hovers;                /* x y text */
    struct spr_text csv;
    size_t blocks; /* data blocks named so far */
    bool failed;   /* out of memory; sticks */
};

/* Sets the frame: `panel` true leaves room for a key at the right. */
void spr_figure_frame(struct spr_figure *figure, const struct spr_plot_request *request,
                      bool panel);

void spr_figure_free(struct spr_figure *figure);

/* Series style number i; they repeat after 24. */
struct spr_style spr_figure_style(size_t i);

/* An axis from low to high, a little wider. The range is made sane when it is empty. */
struct spr_axis spr_figure_axis(bool log, double low, double high, enum spr_tick_form form,
                                const char *label);

/* Data units to pixels. */
void spr_figure_pixel(const struct spr_figure *figure, double x, double y, double pixel[2]);

bool spr_figure_inside(const struct spr_figure *figure, double x, double y);

struct spr_stroke {
    const char *color, *dash;
    double width;
    char letter;       /* with dumb; 0: not drawn there */
    const char *title; /* in the key; NULL: none. Cleaned text only */
};

/* A polyline through count points, cut at the frame. */
void spr_figure_line(struct spr_figure *figure, const double (*points)[2], size_t count,
                     const struct spr_stroke *stroke);

/* One point of a series. */
void spr_figure_marker(struct spr_figure *figure, double x, double y,
                       const struct spr_style *style, bool hollow, double size);

/* A label beside (x, y), left out where there is no room. Returns whether there was. */
bool spr_figure_label(struct spr_figure *figure, double x, double y, double gap,
                      const char *text);

/* A text at fixed pixels; align is left, center or right. color NULL: dark grey. */
void spr_figure_text(struct spr_figure *figure, const double pixel[2], const char *align,
                     const char *color, const char *text);

/* A text along a line of this many degrees. Not drawn with dumb. */
void spr_figure_rotated(struct spr_figure *figure, const double pixel[2], double degrees,
                        const char *color, const char *text);

/* An arrow or line piece between data points. Not drawn with dumb. */
void spr_figure_arrow(struct spr_figure *figure, const double from[2], const double to[2],
                      const char *color, bool head);

/* A filled rectangle behind everything, in data units, cut at the frame. */
void spr_figure_band(struct spr_figure *figure, const struct spr_box *box, const char *color);

/* A text shown when the pointer rests on a marker of this radius in pixels. */
void spr_figure_hover(struct spr_figure *figure, double x, double y, double radius,
                      const char *text);

/* An entry of the key that stands for `style`, with or without its line. */
void spr_figure_key(struct spr_figure *figure, const struct spr_style *style, bool line,
                    const char *title);

/* The complete script, in *script. */
void spr_figure_script(struct spr_figure *figure, struct spr_text *script);

#endif
