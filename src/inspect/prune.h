/* SPDX-License-Identifier: Apache-2.0 */
/* What pruning of dense weights and that of a matrix of entries share. Of a matrix only the
 * entries are looked at: a place without one has norm 0, and whether it stays changes nothing. */
#ifndef SPROOF_INSPECT_PRUNE_H
#define SPROOF_INSPECT_PRUNE_H

#include "inspect/prune_owners.h"
#include "sproof/inspect.h"

struct spr_pruning {
    struct spr_weights *weights;
    const struct spr_prune_options *options;
    const struct spr_inspect_progress *progress;
    int64_t rows, columns;    /* of a cell */
    int64_t *cell;            /* of a matrix of entries: the cells of this cell row, rising */
    bool *stays;              /* of each cell; false between the cell rows */
    struct spr_owners owners; /* comp:P */
    float *values;            /* of one cell row */
    uint32_t *norms;          /* bits of its cells' norms */
    double *sums;             /* of cells; 0 between the cell rows */
    double *bucket;
    /* the cut: norms above stay, of equal ones the first `ties` */
    uint32_t cut;
    double ties;
    double *energy;
    const char **reason;
};

/* The bits of a norm, which rise with it. */
uint32_t spr_norm_bits(float norm);

/* Sets kept[i] for `most` of the values[0], values[stride], ... that are largest; count of
 * them. */
void spr_select_largest(int64_t stride, int64_t count, int64_t most, const float *values,
                        bool *kept);

/* Norms of the cells that hold anything and whose first row is `row`, into p->norms, and
 * which these are, into p->cell. Returns their number. */
int64_t spr_entry_norms(struct spr_pruning *p, const struct spr_weight *w, int64_t row);

/* Keeps the entries of this cell row whose cell stays, and clears p->stays; cells: as many as
 * spr_entry_norms told. */
void spr_keep_cells(struct spr_pruning *p, const struct spr_weight *w, int64_t row,
                    int64_t cells, uint64_t *keep);

/* N of every M along a row; kept: room for M. */
void spr_entry_groups(struct spr_pruning *p, const struct spr_weight *w, uint64_t *keep,
                      bool *kept);

/* comp:P: of every P rows and P columns those that spr_owners_match says. */
void spr_entry_owners(struct spr_pruning *p, const struct spr_weight *w, uint64_t *keep);

/* Adds a weight to the tile of p->owners, unless it is 0; at: for whoever keeps it. */
void spr_add_owned(struct spr_pruning *p, int64_t row, int64_t column, float value, size_t at);

/* SPR_EINPUT naming the first weight that is no finite number; values: room for a row, unless
 * it is a matrix of entries. */
enum spr_status spr_check_finite(const struct spr_weight *w, float *values,
                                 struct spr_error *err);

/* Share of sum w^2 in what stays; values: as above. */
double spr_energy_kept(const struct spr_weight *w, const uint64_t *keep, float *values);

#endif
