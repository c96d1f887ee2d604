/* SPDX-License-Identifier: Apache-2.0 */
/* The dots of a roofline: operators alike at one position share one. */
#ifndef SPROOF_PLOT_DOTS_H
#define SPROOF_PLOT_DOTS_H

#include <stdbool.h>
#include <stddef.h>

#include "sproof/layer.h"

/* Operators at one position. */
struct spr_dot {
    double at[2]; /* both above 0 */
    double share; /* time of all of them over the dense network's time */
    double occurrences;
    size_t layer;  /* the first of them */
    size_t layers; /* rows of the table */
    size_t dense;  /* where its arrow begins; SIZE_MAX for a dense dot */
    bool named;    /* in the panel */
    size_t next;   /* of its slot; SIZE_MAX: the last */
};

/* Zeroed means empty. */
struct spr_dots {
    struct spr_dot *dot;
    size_t count, capacity;
    size_t *slot; /* the last dot of each, SIZE_MAX: none */
    size_t slots;
    const struct spr_layer *layers; /* borrowed; NULL: position alone makes two dots one */
};

/* Index of the dot that this one joins or becomes, SIZE_MAX when out of memory. */
size_t spr_dots_add(struct spr_dots *dots, const struct spr_dot *dot);

void spr_dots_free(struct spr_dots *dots);

#endif
