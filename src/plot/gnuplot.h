/* SPDX-License-Identifier: Apache-2.0 */
/* The gnuplot process: the only place that knows it is one. */
#ifndef SPROOF_PLOT_GNUPLOT_H
#define SPROOF_PLOT_GNUPLOT_H

#include <stdbool.h>

#include "plot/plot_text.h"

/* What the gnuplot of this machine can draw. */
struct spr_gnuplot {
    bool present;
    bool svg, png, pdf, dumb;
};

/* Asks gnuplot for its terminals. A missing gnuplot is no error.
 * Errors: SPR_EENVIRONMENT with gnuplot's words, SPR_ENOMEM. */
enum spr_status spr_gnuplot_ask(struct spr_gnuplot *gnuplot, struct spr_error *err);

/* Runs a script whose first argument is the file to write.
 * Errors: SPR_EENVIRONMENT with gnuplot's words, SPR_ENOMEM. */
enum spr_status spr_gnuplot_draw(const char *script, const char *picture,
                                 struct spr_error *err);

#endif
