/* SPDX-License-Identifier: Apache-2.0 */
/* Pruning of a matrix of entries, in time that follows the entries. */
#include <math.h>
#include <stdlib.h>

#include "inspect/prune.h"
#include "weights/reader.h"

static void keep_entry(uint64_t *keep, size_t entry)
{
    keep[entry / 64] |= (uint64_t)1 << (entry % 64);
}

static size_t last_entry(const struct spr_weight *w, int64_t row, int64_t rows)
{
    return w->matrix.row[row + rows < w->m ? row + rows : w->m];
}

static int by_cell(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int64_t spr_entry_norms(struct spr_pruning *p, const struct spr_weight *w, int64_t row)
{
    const bool l1 = p->options->score == SPR_SCORE_L1, single = p->rows * p->columns == 1;
    const size_t end = last_entry(w, row, p->rows);
    int64_t cells = 0;
    for (size_t e = w->matrix.row[row]; e < end; e++) {
        const double value = fabs((double)spr_weight_entry(w, e));
        const int64_t c = w->matrix.column[e] / p->columns;
        if (value == 0) {
            continue;
        }
        if (p->sums[c] == 0) {
            p->cell[cells++] = c;
        }
        p->sums[c] += l1 || single ? value : value * value;
    }
    if (p->rows > 1) {
        qsort(p->cell, (size_t)cells, sizeof *p->cell, by_cell);
    }
    for (int64_t i = 0; i < cells; i++) {
        double *sum = &p->sums[p->cell[i]];
        p->norms[i] = spr_norm_bits((float)(l1 || single ? *sum : sqrt(*sum)));
        *sum = 0;
    }
    return cells;
}

void spr_keep_cells(struct spr_pruning *p, const struct spr_weight *w, int64_t row,
                    int64_t cells, uint64_t *keep)
{
    const size_t end = last_entry(w, row, p->rows);
    for (size_t e = w->matrix.row[row]; e < end; e++) {
        if (p->stays[w->matrix.column[e] / p->columns]) {
            keep_entry(keep, e);
        }
    }
    for (int64_t i = 0; i < cells; i++) {
        p->stays[p->cell[i]] = false;
    }
}

void spr_entry_groups(struct spr_pruning *p, const struct spr_weight *w, uint64_t *keep,
                      bool *kept)
{
    const struct spr_pattern *pattern = &p->options->pattern;
    const int32_t *column = w->matrix.column;
    for (int64_t row = 0; row < w->m; row++) {
        for (size_t e = w->matrix.row[row], end = e; e < w->matrix.row[row + 1]; e = end) {
            while (end < w->matrix.row[row + 1] &&
                   column[end] / pattern->b == column[e] / pattern->b) {
                p->values[end - e] = spr_weight_entry(w, end);
                end++;
            }
            spr_select_largest(1, (int64_t)(end - e), pattern->a, p->values, kept);
            for (size_t i = e; i < end; i++) {
                if (kept[i - e]) {
                    keep_entry(keep, i);
                }
            }
        }
    }
}

/* Entries of the next tile of a group of rows that holds any, of which next[] are the first not
 * seen yet; false: there is none. */
static bool next_tile(struct spr_pruning *p, const struct spr_weight *w, int64_t row,
                      int64_t rows, size_t *next)
{
    const int32_t *column = w->matrix.column;
    const int64_t side = p->options->pattern.a;
    int64_t tile = INT64_MAX;
    for (int64_t i = 0; i < rows; i++) {
        if (next[i] < w->matrix.row[row + i + 1] && column[next[i]] / side < tile) {
            tile = column[next[i]] / side;
        }
    }
    p->owners.count = 0;
    for (int64_t i = 0; i < rows; i++) {
        for (; next[i] < w->matrix.row[row + i + 1] && column[next[i]] / side == tile;
             next[i]++) {
            spr_add_owned(p, i, column[next[i]] % side, spr_weight_entry(w, next[i]), next[i]);
        }
    }
    return tile < INT64_MAX;
}

void spr_entry_owners(struct spr_pruning *p, const struct spr_weight *w, uint64_t *keep)
{
    const int64_t side = p->options->pattern.a;
    size_t next[SPR_OWNERS_MOST];
    for (int64_t row = 0; row < w->m; row += side) {
        const int64_t rows = row + side <= w->m ? side : w->m - row;
        for (int64_t i = 0; i < rows; i++) {
            next[i] = w->matrix.row[row + i];
        }
        while (next_tile(p, w, row, rows, next)) {
            spr_owners_match(&p->owners);
            for (size_t e = 0; e < p->owners.count; e++) {
                if (p->owners.entry[e].stays) {
                    keep_entry(keep, p->owners.entry[e].at);
                }
            }
        }
    }
}
