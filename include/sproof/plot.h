/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of an analysis: a gnuplot script with its data, the points as CSV, an image. */
#ifndef SPROOF_PLOT_H
#define SPROOF_PLOT_H

#include <stdio.h>

#include "sproof/analysis.h"
#include "sproof/explain.h"
#include "sproof/validation.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spr_plot_kind {
    SPR_PLOT_ROOFLINE,  /* FLOP/byte against FLOP/s under the roofs, dense and pruned */
    SPR_PLOT_SPARSITY,  /* accuracy against speedup, a curve per pattern */
    SPR_PLOT_SPEEDUP,   /* speedup against sparsity, the ideal and the ceilings */
    SPR_PLOT_LAYERS,    /* time per layer before and after, coloured by what limits it */
    SPR_PLOT_WATERFALL, /* from 1/density to the final speedup */
    SPR_PLOT_ERROR,     /* predicted against measured speedup of a validation */
    SPR_PLOT_TWO,       /* speedup over both sparsities, of W and of X */
    SPR_PLOT_ALL,       /* one picture of each kind but two */
};
#define SPR_PLOT_KIND_COUNT 8

/* "roofline", ..., "all". */
const char *spr_plot_kind_name(enum spr_plot_kind kind);

/* Errors: SPR_EINPUT with the nearest kind. */
enum spr_status spr_plot_kind_parse(const char *text, enum spr_plot_kind *kind,
                                    struct spr_error *err);

/* What to draw. Zeroed is a valid request: the roofline of the first batch, drawn to
 * sproof-roofline.svg in the working directory. */
struct spr_plot_request {
    enum spr_plot_kind kind;
    const struct spr_pattern *patterns; /* only these; pattern_count 0: all */
    size_t pattern_count;
    /* variant of waterfall, layers and roofline; NULL: the recommended, else the fastest */
    const char *variant;
    size_t batch_index;                  /* index into the analysis' batches */
    const struct spr_measured *measured; /* last step of the waterfall; NULL: none */
    /* of the same network: its points beside the predicted ones, and what SPR_PLOT_ERROR
     * draws; NULL: none */
    const struct spr_validation *validation;
    /* NULL: sproof-KIND.{gp,csv,svg}; else the picture's name ending in .svg, .png or .pdf,
     * beside which the script and the points are written; for SPR_PLOT_ALL a prefix, with or
     * without such an ending */
    const char *output;
    bool dumb;        /* draw with characters into `out` instead of making a picture */
    int dumb_columns; /* size of that drawing in characters; 0: 80 x 24 */
    int dumb_rows;
    FILE *out;
};

#define SPR_PLOT_FILES_MAX (3 * (SPR_PLOT_KIND_COUNT - 1))
#define SPR_PLOT_PATH 1024

/* What was written, for the caller to report. */
struct spr_plot_files {
    size_t count;
    char name[SPR_PLOT_FILES_MAX][SPR_PLOT_PATH];
    char note[SPR_PLOT_PATH + 160]; /* why there is no picture; "" when there is one */
};

/* Draws. analysis may be NULL for SPR_PLOT_ERROR. SPR_PLOT_ALL leaves out the kinds that
 * there is nothing for. Every file is complete or not there. A missing gnuplot is a note when no picture
 * was asked for by name, else an error; the script and the points are written either way.
 * Errors: SPR_EINPUT (unknown variant, bad ending, nothing to draw), SPR_EENVIRONMENT
 * (no gnuplot, its own error text, a file that cannot be written), SPR_ENOMEM. *written
 * tells the finished files also then. */
enum spr_status spr_plot(const struct spr_analysis *analysis,
                         const struct spr_plot_request *request,
                         struct spr_plot_files *written, struct spr_error *err);

#ifdef __cplusplus
}
#endif
#endif
