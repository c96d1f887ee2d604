/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a picture: their names, and writing them whole or not at all. */
#ifndef SPROOF_PLOT_PICTURE_FILES_H
#define SPROOF_PLOT_PICTURE_FILES_H

#include <stdbool.h>

#include "sproof/plot.h"
#include "plot/plot_text.h"

enum spr_picture { SPR_PICTURE_SVG, SPR_PICTURE_PNG, SPR_PICTURE_PDF };

struct spr_names_of_plot {
    enum spr_picture form;
    char script[SPR_PLOT_PATH];
    char points[SPR_PLOT_PATH];
    char picture[SPR_PLOT_PATH];
};

/* The names for one kind. `many`: output is a prefix to which the kind's name is added.
 * Errors: SPR_EINPUT (an ending that is no picture, too long). */
enum spr_status spr_plot_names(enum spr_plot_kind kind, const char *output, bool many,
                               struct spr_names_of_plot *names, struct spr_error *err);

/* Writes text to name, whole or not at all. Errors: SPR_EENVIRONMENT. */
enum spr_status spr_file_write(const char *name, const struct spr_text *text,
                               struct spr_error *err);

/* Appends the bytes of a file. Errors: SPR_EENVIRONMENT, SPR_ENOMEM. */
enum spr_status spr_file_read(const char *name, struct spr_text *text, struct spr_error *err);

/* svg.c: makes an SVG of gnuplot one self-sufficient file: hover texts as <title>, which
 * every viewer shows, in place of calls of a script it does not have. */
void spr_svg_finish(const struct spr_text *drawn, const char *title, struct spr_text *out);

#endif
