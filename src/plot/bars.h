/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of lying bars with names at their left. */
#ifndef SPROOF_PLOT_BARS_H
#define SPROOF_PLOT_BARS_H

#include "plot/figure.h"

/* One bar; y runs from 0 at the bottom to the number of rows. */
struct spr_bar {
    double from, to;    /* x, in data units */
    double bottom, top; /* y */
};

/* Look of a group of bars. */
struct spr_paint {
    const char *fill;   /* "#rrggbb" */
    const char *border; /* "#rrggbb" */
    char letter;        /* what fills a bar in a drawing with characters */
    const char *title;  /* in the key; NULL: none */
};

void spr_bars_draw(struct spr_figure *figure, const struct spr_bar *bars, size_t count,
                   const struct spr_paint *paint);

/* Text at the end of a bar: after it, else within its end, else before it. */
void spr_bars_text(struct spr_figure *figure, const struct spr_bar *bar, const char *text);

/* Adds the name of the row around this height. */
void spr_bars_name(struct spr_text *names, double height, const char *name);

/* Writes the names gathered, and frees them. */
void spr_bars_names_end(struct spr_figure *figure, struct spr_text *names);

#endif
