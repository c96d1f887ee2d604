/* SPDX-License-Identifier: Apache-2.0 */
/* Magnitude pruning: the cells of the largest norm stay. The norm at which cells are cut is
 * found by counting its bits in two passes, so that no list of all norms is kept. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "inspect/prune.h"
#include "weights/reader.h"

/* Norms are floats of no sign: their bits rise with them, and the upper half is counted
 * first. */
#define BUCKETS ((size_t)1 << 16)

static struct spr_shape shape_of(const struct spr_weight *w)
{
    return (struct spr_shape){w->m, w->k, w->groups};
}

static bool takes_part(const struct spr_pruning *p, size_t index)
{
    const struct spr_weight *w = &p->weights->weight[index];
    return w->prunable && w->storage != SPR_STORAGE_NONE && !p->reason[index];
}

/* Norms of the cells whose first row is `row`. Single weights need no sum. */
static void dense_norms(struct spr_pruning *p, const struct spr_weight *w, int64_t row)
{
    const int64_t rows = row + p->rows <= w->m ? p->rows : w->m - row;
    const int64_t cells = (w->k + p->columns - 1) / p->columns;
    spr_weight_values(w, row, rows, p->values);
    if (p->rows == 1 && p->columns == 1) {
        for (int64_t j = 0; j < w->k; j++) {
            p->norms[j] = spr_norm_bits(fabsf(p->values[j]));
        }
        return;
    }
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < w->k; j++) {
            double value = fabs((double)p->values[i * w->k + j]);
            p->sums[j / p->columns] +=
                p->options->score == SPR_SCORE_L1 ? value : value * value;
        }
    }
    for (int64_t c = 0; c < cells; c++) {
        double sum = p->options->score == SPR_SCORE_L1 ? p->sums[c] : sqrt(p->sums[c]);
        p->norms[c] = spr_norm_bits((float)sum);
        p->sums[c] = 0;
    }
}

/* Norms of the cells whose first row is `row`: of all, or of those that hold anything. Returns
 * how many. */
static int64_t cell_norms(struct spr_pruning *p, const struct spr_weight *w, int64_t row)
{
    if (w->storage == SPR_STORAGE_MATRIX) {
        return spr_entry_norms(p, w, row);
    }
    dense_norms(p, w, row);
    return (w->k + p->columns - 1) / p->columns;
}

/* Counts norms by their upper half, or those of one upper half by their lower. */
static enum spr_status count_norms(struct spr_pruning *p, size_t begin, size_t end,
                                   int64_t upper, struct spr_error *err)
{
    memset(p->bucket, 0, BUCKETS * sizeof *p->bucket);
    for (size_t i = begin; i < end; i++) {
        const struct spr_weight *w = &p->weights->weight[i];
        if (!takes_part(p, i)) {
            continue;
        }
        if (p->progress && p->progress->stop && p->progress->stop()) {
            return spr_fail(err, SPR_EINTERRUPTED, "interrupted");
        }
        SPR_TRY(spr_weights_hold(p->weights, w->tensor, err));
        for (int64_t row = 0; row < w->m; row += p->rows) {
            const int64_t cells = cell_norms(p, w, row);
            if (upper <= 0) {
                p->bucket[0] += (double)((w->k + p->columns - 1) / p->columns - cells);
            }
            for (int64_t c = 0; c < cells; c++) {
                uint32_t norm = p->norms[c];
                if (upper < 0) {
                    p->bucket[norm >> 16]++;
                } else if (norm >> 16 == (uint32_t)upper) {
                    p->bucket[norm & 0xFFFFu]++;
                }
            }
        }
    }
    return SPR_OK;
}

/* The bucket in which the kept-th largest falls; *left: how many of it stay. */
static uint32_t find_bucket(const struct spr_pruning *p, double kept, double *left)
{
    uint32_t b = BUCKETS - 1;
    *left = kept;
    while (b > 0 && p->bucket[b] < *left) {
        *left -= p->bucket[b--];
    }
    return b;
}

static enum spr_status find_cut(struct spr_pruning *p, size_t begin, size_t end, double kept,
                                struct spr_error *err)
{
    double left;
    SPR_TRY(count_norms(p, begin, end, -1, err));
    uint32_t upper = find_bucket(p, kept, &left);
    SPR_TRY(count_norms(p, begin, end, (int64_t)upper, err));
    uint32_t lower = find_bucket(p, left, &p->ties);
    p->cut = upper << 16 | lower;
    return SPR_OK;
}

static void keep_cell(const struct spr_weight *w, uint64_t *keep, int64_t row, int64_t column,
                      const struct spr_pruning *p)
{
    const int64_t words = (w->k + 63) / 64;
    for (int64_t i = row; i < row + p->rows && i < w->m; i++) {
        for (int64_t j = column; j < column + p->columns && j < w->k; j++) {
            keep[i * words + j / 64] |= (uint64_t)1 << (j % 64);
        }
    }
}

/* The cells above the cut. */
static void select_cells(struct spr_pruning *p, const struct spr_weight *w, uint64_t *keep)
{
    for (int64_t row = 0; row < w->m; row += p->rows) {
        const int64_t cells = cell_norms(p, w, row);
        for (int64_t c = 0; c < cells; c++) {
            bool tie = p->norms[c] == p->cut && p->ties > 0;
            p->ties -= tie;
            if (p->norms[c] > p->cut || tie) {
                if (w->storage == SPR_STORAGE_MATRIX) {
                    p->stays[p->cell[c]] = true;
                    continue;
                }
                keep_cell(w, keep, row, c * p->columns, p);
            }
        }
        if (w->storage == SPR_STORAGE_MATRIX) {
            spr_keep_cells(p, w, row, cells, keep);
        }
    }
}

/* N of every M along a row. */
static void select_groups(struct spr_pruning *p, const struct spr_weight *w, uint64_t *keep,
                          bool *kept)
{
    const struct spr_pattern *pattern = &p->options->pattern;
    for (int64_t row = 0; row < w->m; row++) {
        spr_weight_values(w, row, 1, p->values);
        for (int64_t j = 0; j < w->k; j += pattern->b) {
            int64_t count = j + pattern->b <= w->k ? pattern->b : w->k - j;
            spr_select_largest(1, count, pattern->a, p->values + j, kept);
            for (int64_t i = 0; i < count; i++) {
                if (kept[i]) {
                    keep_cell(w, keep, row, j + i, p);
                }
            }
        }
    }
}

/* Of every P rows and P columns a matching. */
static void select_owners(struct spr_pruning *p, const struct spr_weight *w, uint64_t *keep)
{
    const int64_t side = p->options->pattern.a;
    for (int64_t row = 0; row < w->m; row += side) {
        const int64_t rows = row + side <= w->m ? side : w->m - row;
        spr_weight_values(w, row, rows, p->values);
        for (int64_t start = 0; start < w->k; start += side) {
            p->owners.count = 0;
            for (int64_t i = 0; i < rows; i++) {
                for (int64_t j = start; j < start + side && j < w->k; j++) {
                    spr_add_owned(p, i, j - start, p->values[i * w->k + j], 0);
                }
            }
            spr_owners_match(&p->owners);
            for (size_t e = 0; e < p->owners.count; e++) {
                const struct spr_owned *owned = &p->owners.entry[e];
                if (owned->stays) {
                    keep_cell(w, keep, row + owned->row, start + owned->column, p);
                }
            }
        }
    }
}

static enum spr_status prune_weight(struct spr_pruning *p, size_t index, struct spr_error *err)
{
    struct spr_weight *w = &p->weights->weight[index];
    const enum spr_class kind = p->options->pattern.kind->pattern_class;
    const int64_t words = (w->k + 63) / 64;
    SPR_TRY(spr_weights_hold(p->weights, w->tensor, err));
    SPR_TRY(spr_check_finite(w, p->values, err));
    enum spr_status status = SPR_OK;
    const bool sparse = w->storage == SPR_STORAGE_MATRIX;
    uint64_t *keep =
        spr_calloc(sparse ? w->matrix.nnz / 64 + 1 : (size_t)(w->m * words), sizeof *keep);
    int64_t most = p->options->pattern.a > p->options->pattern.b ? p->options->pattern.a
                                                                 : p->options->pattern.b;
    bool *kept = spr_calloc((size_t)(most + 1), sizeof *kept);
    if (!keep || !kept) {
        spr_free(keep);
        spr_free(kept);
        return spr_no_memory(err);
    }
    if (kind == SPR_CLASS_NM) {
        (sparse ? spr_entry_groups : select_groups)(p, w, keep, kept);
    } else if (kind == SPR_CLASS_COMP) {
        (sparse ? spr_entry_owners : select_owners)(p, w, keep);
    } else {
        if (!p->options->global) {
            struct spr_shape shape = shape_of(w);
            double cells =
                spr_pattern_kept(&p->options->pattern, &shape, p->options->sparsity);
            status = find_cut(p, index, index + 1, cells, err);
        }
        if (status == SPR_OK) {
            select_cells(p, w, keep);
        }
    }
    spr_free(kept);
    if (status != SPR_OK) {
        spr_free(keep);
        return status;
    }
    p->energy[index] = spr_energy_kept(w, keep, p->values);
    spr_free(w->keep);
    w->keep = keep;
    return SPR_OK;
}

/* Which layers are left alone, and room for the widest of the others. */
static enum spr_status prepare(struct spr_pruning *p, struct spr_error *err)
{
    const struct spr_pattern *pattern = &p->options->pattern;
    const enum spr_class kind = pattern->kind->pattern_class;
    int64_t widest = 0, dense = 0, tall = kind == SPR_CLASS_COMP ? pattern->a : 1;
    p->rows = kind == SPR_CLASS_BLOCK ? pattern->a : 1;
    p->columns = kind == SPR_CLASS_BLOCK ? pattern->b : 1;
    tall = p->rows > tall ? p->rows : tall;
    for (size_t i = 0; i < p->weights->weight_count; i++) {
        const struct spr_weight *w = &p->weights->weight[i];
        struct spr_shape shape = shape_of(w);
        p->energy[i] = (double)NAN;
        p->reason[i] = !w->prunable || w->storage == SPR_STORAGE_NONE ? "not prunable"
                       : pattern->kind->misfit ? pattern->kind->misfit(pattern, &shape)
                                               : NULL;
        widest = !p->reason[i] && w->k > widest ? w->k : widest;
        dense =
            !p->reason[i] && w->storage != SPR_STORAGE_MATRIX && w->k > dense ? w->k : dense;
    }
    if (widest == 0) {
        (void)spr_fail(err, SPR_EINPUT, "no layer is prunable to this pattern");
        return SPR_EINPUT;
    }
    const size_t room = (size_t)widest;
    const size_t few = (size_t)pattern->b + 1; /* a group of N:M */
    p->values = spr_calloc((size_t)dense * (size_t)tall + few, sizeof *p->values);
    p->norms = spr_calloc(room, sizeof *p->norms);
    p->sums = spr_calloc(room, sizeof *p->sums);
    p->bucket = spr_calloc(BUCKETS, sizeof *p->bucket);
    p->cell = spr_calloc(room, sizeof *p->cell);
    p->stays = spr_calloc(room, sizeof *p->stays);
    const bool owners = kind != SPR_CLASS_COMP || spr_owners_make(&p->owners, pattern->a);
    if (!p->values || !p->norms || !p->sums || !p->bucket || !p->cell || !p->stays ||
        !owners) {
        (void)spr_no_memory(err);
        return SPR_ENOMEM;
    }
    return SPR_OK;
}

static enum spr_status check_options(const struct spr_prune_options *options,
                                     struct spr_error *err)
{
    enum spr_class kind = options->pattern.kind->pattern_class;
    char text[SPR_PATTERN_TEXT];
    spr_pattern_text(&options->pattern, text);
    if (kind == SPR_CLASS_DENSE || strcmp(options->pattern.kind->name, "ell") == 0) {
        return spr_fail(err, SPR_EINPUT,
                        "pruning to %s: expected csr, RxC blocks, N:M or comp:P", text);
    }
    if (kind == SPR_CLASS_COMP && options->pattern.a > SPR_OWNERS_MOST) {
        return spr_fail(err, SPR_EINPUT,
                        "pruning to %s: expected at most %d rows packed together", text,
                        SPR_OWNERS_MOST);
    }
    if (options->global && (kind == SPR_CLASS_NM || kind == SPR_CLASS_COMP)) {
        return spr_fail(err, SPR_EINPUT,
                        "scope global: %s keeps the same share of every layer: expected a "
                        "pattern of free sparsity, or scope layer",
                        text);
    }
    return SPR_OK;
}

/* Of all layers together. */
static enum spr_status find_global_cut(struct spr_pruning *p, struct spr_error *err)
{
    const struct spr_prune_options *options = p->options;
    double cells = 0;
    for (size_t i = 0; i < p->weights->weight_count; i++) {
        struct spr_shape shape = shape_of(&p->weights->weight[i]);
        cells +=
            takes_part(p, i) ? options->pattern.kind->cells(&options->pattern, &shape) : 0;
    }
    return find_cut(p, 0, p->weights->weight_count,
                    floor((1 - options->sparsity) * cells + 0.5), err);
}

static enum spr_status prune_all(struct spr_pruning *p, struct spr_error *err)
{
    const struct spr_inspect_progress *progress = p->progress;
    const size_t count = p->weights->weight_count;
    SPR_TRY(check_options(p->options, err));
    SPR_TRY(prepare(p, err));
    if (p->options->global) {
        SPR_TRY(find_global_cut(p, err));
    }
    for (size_t i = 0; i < count; i++) {
        if (takes_part(p, i)) {
            if (progress && progress->tell) {
                progress->tell(progress->context, (double)i / (double)count,
                               p->weights->weight[i].layer);
            }
            SPR_TRY(prune_weight(p, i, err));
        }
    }
    return SPR_OK;
}

enum spr_status spr_prune(struct spr_weights *weights, const struct spr_prune_options *options,
                          const struct spr_inspect_progress *progress,
                          double *energy, /* NOLINT(readability-non-const-parameter): p's */
                          const char **reason, struct spr_error *err)
{
    struct spr_pruning p = {.weights = weights,
                            .options = options,
                            .progress = progress,
                            .energy = energy,
                            .reason = reason};
    enum spr_status status = prune_all(&p, err);
    spr_free(p.values);
    spr_free(p.norms);
    spr_free(p.sums);
    spr_free(p.bucket);
    spr_free(p.cell);
    spr_free(p.stays);
    spr_owners_free(&p.owners);
    return status;
}
