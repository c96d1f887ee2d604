/* SPDX-License-Identifier: Apache-2.0 */
/* Measured points beside predicted ones, where a validation covers the variant. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "plot/draw.h"
#include "result/measured.h"

bool spr_overlay_make(const struct spr_analysis *analysis,
                      const struct spr_plot_request *request, const struct spr_series_set *set,
                      struct spr_overlay *overlay)
{
    *overlay = (struct spr_overlay){.speedup = spr_calloc(set->point_count, sizeof(double))};
    for (size_t i = 0; overlay->speedup && i < set->point_count; i++) {
        struct spr_measured_network network;
        overlay->speedup[i] = (double)NAN;
        if (request->validation && spr_measured_network(request->validation, analysis,
                                                        set->points[i].result, &network)) {
            overlay->speedup[i] = network.dense_s / network.sparse_s;
            overlay->count++;
            overlay->unmeasured = network.unmeasured;
            overlay->residency = request->validation->cases[0].residency;
        }
    }
    return overlay->speedup != NULL;
}

void spr_overlay_free(struct spr_overlay *overlay)
{
    spr_free(overlay->speedup);
    *overlay = (struct spr_overlay){0};
}

/* In pixels. A star has the colour of its marker, which may lie under it: its arms reach well
 * beyond the marker, whose radius is 6.5 at most. */
#define STAR_RADIUS 10

/* A star in the colour of its series, joined to what was predicted. */
static void draw_point(struct spr_figure *figure, const struct spr_style *style,
                       const double predicted[2], const double measured[2])
{
    struct spr_style star = *style;
    struct spr_marker marker = {{measured[0], measured[1]}, STAR_RADIUS, false};
    const double link[4] = {predicted[0], predicted[1], measured[0], measured[1]};
    star.point = star.hollow = 3;
    star.letter = '*';
    spr_figure_links(figure, &link, 1, style->color);
    spr_figure_markers(figure, &marker, 1, &star, NULL);
}

void spr_overlay_draw(const struct spr_overlay *overlay, const struct spr_series_set *set,
                      struct spr_figure *figure, spr_point_place *place, const void *context)
{
    static const struct spr_style key = {SPR_DARK, 3, 3, "1", '*'};
    for (size_t i = 0; overlay->count && i < set->point_count; i++) {
        const struct spr_point *point = &set->points[i];
        double predicted[2], measured[2];
        char text[SPR_CLEAN_TEXT], name[SPR_CLEAN_TEXT];
        if (isnan(overlay->speedup[i])) {
            continue;
        }
        place(context, point, point->speedup, predicted);
        place(context, point, overlay->speedup[i], measured);
        draw_point(figure, &set->series[point->series].style, predicted, measured);
        snprintf(text, sizeof text, "%s | measured speedup %.3gx, predicted %.3gx",
                 spr_text_clean(point->result->variant->name, 80, name), overlay->speedup[i],
                 point->speedup);
        spr_figure_hover(figure, measured, 8, text);
    }
    if (overlay->count) {
        spr_figure_key(figure, &key, false, "measured");
    }
}

void spr_overlay_note(const struct spr_overlay *overlay, struct spr_figure *figure)
{
    char others[96] = "";
    if (overlay->unmeasured) {
        snprintf(others, sizeof others, "; %zu operator%s not and count%s at the bound",
                 overlay->unmeasured, overlay->unmeasured == 1 ? " was" : "s were",
                 overlay->unmeasured == 1 ? "s" : "");
    }
    if (overlay->count) {
        spr_draw_note(figure, "Stars: measured, caches %s%s.",
                      spr_residency_name(overlay->residency), others);
    }
}
