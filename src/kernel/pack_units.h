/* SPDX-License-Identifier: Apache-2.0 */
/* What is packed: the units of a matrix, their columns, and which thread has them. */
#ifndef SPROOF_KERNEL_PACK_UNITS_H
#define SPROOF_KERNEL_PACK_UNITS_H

#include "kernel/pack_comp.h"

/* A unit is what shares its columns: a block row, a single row, a dense row group. */
struct spr_packer {
    const struct spr_plan *plan;
    const struct spr_matrix *matrix;
    struct spr_cell_shape cell;
    bool dense, comp;           /* comp: in that form */
    int slots;                  /* of the shuffle form; 0: row by row */
    bool lanes;                 /* lanes are weights, in tiles of the shape below */
    struct spr_tile_shape tile; /* else every row group has its own */
    int64_t chunk;              /* columns of a step */
    int64_t unit_rows, units, panels;
    uint32_t *steps;      /* [unit][panel] */
    int64_t *columns;     /* of one unit, rising */
    int64_t *position;    /* of a column within its unit, valid where seen */
    int64_t *seen, stamp; /* block columns of the unit at hand carry the stamp */
    int64_t *first;       /* [threads+1] units of each thread */
    struct spr_strips out;
    struct spr_cursor at;
};

/* Makes the lists of a packer that has a plan and a matrix; false when out of memory. */
bool spr_packer_make(struct spr_packer *packer);
void spr_packer_free(struct spr_packer *packer);

/* Counts the steps of every unit and panel, and gives threads runs of units with about as many
 * steps each. */
void spr_packer_count(struct spr_packer *packer);

/* Rows [begin, end) of a unit, and columns [begin, end) of a panel. */
struct spr_span spr_unit_rows(const struct spr_packer *packer, int64_t unit);
struct spr_span spr_panel_columns(const struct spr_packer *packer, int64_t panel);

/* Rows of the row group that starts at `row` of a unit that ends at `end`. */
int spr_unit_group(const struct spr_packer *packer, int64_t row, int64_t end);

/* Those of some columns that a unit stores, rising, into packer->columns; returns how many. */
int64_t spr_unit_columns(struct spr_packer *packer, int64_t unit,
                         const struct spr_span *columns);

#endif
