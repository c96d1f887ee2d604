/* SPDX-License-Identifier: Apache-2.0 */
/* Where a label finds room: greedy placement against what is already drawn. */
#ifndef SPROOF_PLOT_PLACE_H
#define SPROOF_PLOT_PLACE_H

#include <stdbool.h>
#include <stddef.h>

struct spr_box {
    double left, bottom, right, top;
};

/* Zeroed means nothing drawn yet; `area` is where labels may lie. */
struct spr_placer {
    struct spr_box area;
    struct spr_box *taken; /* markers and labels: never covered */
    size_t taken_count, taken_capacity;
    struct spr_box *crossed; /* pieces of curves: covered only where nothing else is free */
    size_t crossed_count, crossed_capacity;
    bool failed; /* out of memory */
};

void spr_place_take(struct spr_placer *placer, struct spr_box box);

/* A line from (x0, y0) to (x1, y1), cut in pieces of `step`. */
void spr_place_line(struct spr_placer *placer, const double from[2], const double to[2],
                    double step);

/* Finds room for width x height beside a marker of radius `gap` at (x, y) and takes it.
 * false: there is none, and *box is not set. */
bool spr_place_label(struct spr_placer *placer, const double at[2], double gap,
                     const double size[2], struct spr_box *box);

/* true when nothing that must not be covered lies there, and it is within the area. */
bool spr_place_is_free(const struct spr_placer *placer, const struct spr_box *box);

void spr_placer_free(struct spr_placer *placer);

#endif
