/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of pictures, and what they share. */
#ifndef SPROOF_PLOT_DRAW_H
#define SPROOF_PLOT_DRAW_H

#include "plot/figure.h"

/* Each fills a figure whose kind, size and names are set. Errors: SPR_EINPUT (nothing to
 * draw), SPR_ENOMEM. */
typedef enum spr_status spr_draw(const struct spr_analysis *analysis,
                                 const struct spr_plot_request *request,
                                 struct spr_figure *figure, struct spr_error *err);

spr_draw spr_draw_roofline;
spr_draw spr_draw_sparsity;
spr_draw spr_draw_speedup;
spr_draw spr_draw_layers;
spr_draw spr_draw_waterfall;
spr_draw spr_draw_two;
spr_draw spr_draw_error; /* of request->validation; the analysis may be NULL */

/* Title "NETWORK on MACHINE: question", and the facts every picture states. */
void spr_draw_heading(struct spr_figure *figure, const struct spr_analysis *analysis,
                      const struct spr_plot_request *request, const char *question);

/* One more sentence of the caption. */
void spr_draw_note(struct spr_figure *figure, const char *format, ...) SPR_PRINTF(2, 3);

/* Which values of a picture are expected and which bounds, of those it shows. Says nothing
 * where the picture shows bounds only, and with characters. */
void spr_draw_expected_note(struct spr_figure *figure, bool amdahl, bool thin_lines);

/* The results to look at closely: the variant asked for; else the fastest within the limit
 * of each pattern asked for; else the recommended one; else the fastest. Fills at most
 * `size`, and *count. Errors: SPR_EINPUT with the nearest variant, or nothing to draw. */
enum spr_status spr_draw_focus(const struct spr_analysis *analysis,
                               const struct spr_plot_request *request,
                               const struct spr_result **results, size_t size, size_t *count,
                               struct spr_error *err);

/* true when the request wants this pattern. */
bool spr_draw_wants(const struct spr_plot_request *request, const struct spr_pattern *pattern);

/* "linear 3072x768, n 128", cleaned; alone: by its own name. Returns text[SPR_CLEAN_TEXT]. */
const char *spr_draw_shape(const struct spr_layer *layer, bool alone, char *text);

/* "1.4x to 1.7x", the range of a result's bound, or "bound 1.6x, 1.4x to 1.7x" beside an
 * expected speedup; returns text[SPR_BOUND_TEXT]. */
#define SPR_BOUND_TEXT 96
const char *spr_draw_range(const struct spr_result *result, bool expected, char *text);

/* One variant of a series. */
struct spr_point {
    const struct spr_result *result;
    double sparsity, speedup, accuracy; /* accuracy NAN when unknown */
    size_t series;
    bool hollow; /* its marker */
};

/* Where a picture draws a point of this speedup. */
typedef void spr_point_place(const void *context, const struct spr_point *point,
                             double speedup, double at[2]);

/* The variants of one pattern, and of one method where a pattern has several. */
struct spr_series {
    struct spr_pattern pattern;
    bool smaller;           /* layers are */
    double skipped;         /* of X, as a variant has it */
    const char *method;     /* NULL: all methods of the pattern are one, or none is known */
    size_t first, count;    /* its points, in rising sparsity */
    struct spr_style style; /* the same in every picture of an analysis */
    bool curve;             /* its points lie on one curve */
    char name[SPR_CLEAN_TEXT];
};

struct spr_series_set {
    struct spr_point *points;
    size_t point_count;
    struct spr_series *series;
    size_t count;
    size_t left_out; /* variants with nothing that can be drawn */
};

struct spr_grouping {
    bool need_accuracy; /* leave out variants without */
    bool by_method;     /* a series for each method of a pattern */
};

/* Groups the results of the request's batch and patterns. Errors: SPR_EINPUT when none is
 * left, SPR_ENOMEM. */
enum spr_status spr_series_collect(const struct spr_analysis *analysis,
                                   const struct spr_plot_request *request,
                                   struct spr_grouping grouping, struct spr_series_set *set,
                                   struct spr_error *err);

void spr_series_free(struct spr_series_set *set);

/* How a picture draws series. */
struct spr_series_look {
    spr_point_place *place;
    const void *context; /* of place */
    double radius;       /* of the markers */
    bool line;           /* through them */
};

/* The markers of a series, their line and their entry in the key; behind expected times their
 * bounds, a thin line. false: out of memory. */
bool spr_series_draw(struct spr_figure *figure, const struct spr_series_set *set,
                     const struct spr_series *series, const struct spr_series_look *look);

/* Measured speedups of a set's points. */
struct spr_overlay {
    double *speedup;              /* [point]; NAN: not measured */
    size_t count;                 /* of those measured */
    size_t unmeasured;            /* operators of the network that count their bound */
    enum spr_residency residency; /* that was measured */
};

/* false when out of memory. Without a validation nothing is measured. */
bool spr_overlay_make(const struct spr_analysis *analysis,
                      const struct spr_plot_request *request, const struct spr_series_set *set,
                      struct spr_overlay *overlay);
void spr_overlay_free(struct spr_overlay *overlay);

/* A star for each measured point, joined to the predicted one. */
void spr_overlay_draw(const struct spr_overlay *overlay, const struct spr_series_set *set,
                      struct spr_figure *figure, spr_point_place *place, const void *context);

/* What the stars are, in the caption. */
void spr_overlay_note(const struct spr_overlay *overlay, struct spr_figure *figure);

#endif
