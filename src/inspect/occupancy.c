/* SPDX-License-Identifier: Apache-2.0 */
/* Counting where the non-zeros of a weight matrix lie, in one pass over its rows. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "inspect/detect.h"
#include "inspect/seen.h"
#include "sproof/inspect.h"
#include "weights/reader.h"

/* Bits of this much are read at a time. */
#define STRIPE_BYTES ((int64_t)1 << 18)

/* What one pattern keeps from row to row. */
struct tally {
    struct spr_pattern pattern;
    struct spr_occupancy *out;
    struct spr_seen seen; /* the rows of this block row, or rows packed together */
    int64_t rows;         /* so many share them */
    int64_t *closed;      /* sparse, blocks: the last block row that held each block column */
};

struct counting {
    const struct spr_weight *weight;
    int64_t words;
    bool sparse;
    uint64_t *bits;          /* a stripe; sparse: a row, of the words `at` */
    int32_t *at;             /* sparse only */
    struct spr_seen touched; /* all rows of one group */
    struct tally *tally;
    size_t tally_count;
    struct spr_detector *detector;
    struct spr_inspected *out;
};

/* Groups of `columns` neighbouring bits of which one is set; *weights: bits in those groups. */
static int64_t count_groups(const uint64_t *bits, int64_t k, int64_t columns, int64_t *weights)
{
    int64_t groups = 0;
    *weights = 0;
    for (int64_t j = 0; j < k; j += columns) {
        int64_t end = j + columns < k ? j + columns : k;
        if (spr_count_range(bits, j, end) > 0) {
            groups++;
            *weights += end - j;
        }
    }
    return groups;
}

/* The same of the rows of a sparse block row. Their words come in any order: a block column
 * that is counted is marked with the number of its block row. */
static int64_t mark_groups(const struct tally *t, int64_t k, int64_t block_row,
                           int64_t *weights)
{
    const int64_t columns = t->pattern.b;
    int64_t groups = 0;
    *weights = 0;
    for (int64_t i = 0; i < t->seen.count; i++) {
        const int64_t first = (int64_t)t->seen.at[i] * 64;
        for (uint64_t word = t->seen.bits[t->seen.at[i]]; word; word &= word - 1) {
            const int64_t g = (first + __builtin_ctzll(word)) / columns;
            if (t->closed[g] != block_row + 1) {
                t->closed[g] = block_row + 1;
                groups++;
                *weights += (g + 1) * columns < k ? columns : k - g * columns;
            }
        }
    }
    return groups;
}

static bool group_over(const uint64_t *bits, int64_t k, const struct spr_pattern *pattern)
{
    for (int64_t j = 0; j < k; j += pattern->b) {
        int64_t end = j + pattern->b < k ? j + pattern->b : k;
        if (spr_count_range(bits, j, end) > pattern->a) {
            return true;
        }
    }
    return false;
}

static bool sparse_group_over(const struct spr_row *row, const struct spr_pattern *pattern)
{
    int64_t group = -1, count = 0;
    for (int64_t i = 0; i < row->count; i++) {
        for (uint64_t word = row->word[i]; word; word &= word - 1) {
            const int64_t g = ((int64_t)row->at[i] * 64 + __builtin_ctzll(word)) / pattern->b;
            count = g == group ? count + 1 : 1;
            group = g;
            if (count > pattern->a) {
                return true;
            }
        }
    }
    return false;
}

/* A block row is complete. */
static void close_block_row(const struct counting *c, struct tally *t, int64_t row)
{
    const int64_t k = c->weight->k, block_row = row / t->rows;
    int64_t weights, groups = c->sparse
                                  ? mark_groups(t, k, block_row, &weights)
                                  : count_groups(t->seen.bits, k, t->pattern.b, &weights);
    t->out->kept += (double)groups;
    t->out->stored += (double)(weights * (row % t->rows + 1));
}

static void tally_row(const struct counting *c, struct tally *t, int64_t row,
                      const struct spr_row *bits, int64_t nnz)
{
    const enum spr_class kind = t->pattern.kind->pattern_class;
    if (kind != SPR_CLASS_BLOCK) {
        t->out->kept += (double)nnz;
        t->out->stored += (double)nnz;
    }
    if (kind == SPR_CLASS_NM && t->out->legal) {
        t->out->legal = c->sparse ? !sparse_group_over(bits, &t->pattern)
                                  : !group_over(bits->word, c->weight->k, &t->pattern);
    }
    if (kind != SPR_CLASS_BLOCK && kind != SPR_CLASS_COMP) {
        return;
    }
    bool again = spr_seen_add(&t->seen, bits);
    t->out->legal = t->out->legal && (kind == SPR_CLASS_BLOCK || !again);
    if ((row + 1) % t->rows == 0 || row + 1 == c->weight->m) {
        if (kind == SPR_CLASS_BLOCK) {
            close_block_row(c, t, row);
        }
        spr_seen_clear(&t->seen);
    }
}

/* The rows of one group of a convolution see the same inputs. */
static void touch(struct counting *c, int64_t row, const struct spr_row *bits)
{
    int64_t per_group = (c->weight->m + c->weight->groups - 1) / c->weight->groups;
    (void)spr_seen_add(&c->touched, bits);
    if ((row + 1) % per_group == 0 || row + 1 == c->weight->m) {
        int64_t count;
        const uint64_t *word = spr_seen_words(&c->touched, &count);
        c->out->touched_columns += (double)spr_count_bits(word, count);
        spr_seen_clear(&c->touched);
    }
}

static void count_row(struct counting *c, int64_t row, const struct spr_row *bits)
{
    int64_t nnz = spr_count_bits(bits->word, bits->count);
    c->out->nnz += (double)nnz;
    c->out->longest_row = fmax(c->out->longest_row, (double)nnz);
    touch(c, row, bits);
    for (size_t t = 0; t < c->tally_count; t++) {
        if (c->tally[t].out->fits) {
            tally_row(c, &c->tally[t], row, bits, nnz);
        }
    }
    spr_detect_row(c->detector, row, bits);
}

static bool stopped(const struct spr_inspect_progress *progress)
{
    return progress && progress->stop && progress->stop();
}

static enum spr_status count_rows(struct counting *c, int64_t stripe,
                                  const struct spr_inspect_progress *progress,
                                  struct spr_error *err)
{
    for (int64_t row = 0; row < c->weight->m; row += stripe) {
        int64_t count = row + stripe < c->weight->m ? stripe : c->weight->m - row;
        if (stopped(progress)) {
            return spr_fail(err, SPR_EINTERRUPTED, "interrupted");
        }
        if (!c->sparse) {
            spr_weight_bits(c->weight, row, count, c->bits);
        }
        for (int64_t i = 0; i < count; i++) {
            struct spr_row bits = {c->bits + i * c->words, NULL, c->words};
            if (c->sparse) {
                bits = (struct spr_row){c->bits, c->at,
                                        spr_weight_words(c->weight, row + i, c->bits, c->at)};
            }
            count_row(c, row + i, &bits);
        }
    }
    return SPR_OK;
}

/* What the pattern keeps from row to row. */
static bool make_tally(const struct counting *c, struct tally *t, struct spr_arena *arena)
{
    const enum spr_class kind = t->pattern.kind->pattern_class;
    if (kind != SPR_CLASS_BLOCK && kind != SPR_CLASS_COMP) {
        return true;
    }
    if (c->sparse && kind == SPR_CLASS_BLOCK) {
        const int64_t columns = (c->weight->k + t->pattern.b - 1) / t->pattern.b;
        const size_t bytes = (size_t)columns * sizeof *t->closed;
        t->closed = spr_arena_alloc(arena, bytes);
        if (!t->closed) {
            return false;
        }
        memset(t->closed, 0, bytes);
    }
    return spr_seen_make(&t->seen, c->words, c->sparse, arena);
}

static bool make_tallies(struct counting *c, const struct spr_pattern *patterns, size_t count,
                         struct spr_arena *arena)
{
    const struct spr_shape shape = {c->weight->m, c->weight->k, c->weight->groups};
    c->tally = spr_arena_alloc(arena, (count + 1) * sizeof *c->tally);
    for (size_t i = 0; c->tally && i < count; i++) {
        struct spr_occupancy *out = &c->out->occupancy[i];
        const struct spr_pattern *p = &patterns[i];
        bool fits = !p->kind->misfit || !p->kind->misfit(p, &shape);
        *out = (struct spr_occupancy){
            .cells = p->kind->cells(p, &shape), .legal = true, .fits = fits};
        c->tally[i] = (struct tally){.pattern = *p, .out = out, .rows = p->a > 0 ? p->a : 1};
        if (!make_tally(c, &c->tally[i], arena)) {
            return false;
        }
        c->tally_count++;
    }
    return c->tally != NULL;
}

static enum spr_status inspect_weight(const struct spr_inspection *in,
                                      struct spr_inspected *out,
                                      const struct spr_inspect_progress *progress,
                                      struct spr_error *err)
{
    const struct spr_weight *w = out->weight;
    struct spr_arena arena = {0};
    struct counting c = {.weight = w,
                         .words = (w->k + 63) / 64,
                         .sparse = w->storage == SPR_STORAGE_MATRIX,
                         .out = out};
    const int64_t row_bytes = c.words * (int64_t)sizeof *c.bits;
    int64_t stripe = STRIPE_BYTES / row_bytes;
    stripe = stripe < 8 ? 8 : stripe > w->m ? w->m : stripe;
    c.bits = spr_arena_alloc(&arena, (size_t)((c.sparse ? 1 : stripe) * row_bytes));
    c.at = spr_arena_alloc(&arena, (size_t)c.words * sizeof *c.at);
    c.detector = spr_detector_make(w, &arena);
    enum spr_status status = SPR_OK;
    if (!c.bits || !c.at || !c.detector ||
        !spr_seen_make(&c.touched, c.words, c.sparse, &arena) ||
        !make_tallies(&c, in->patterns, in->pattern_count, &arena)) {
        status = spr_no_memory(err);
    } else {
        status = count_rows(&c, stripe, progress, err);
        out->touched_columns /= (double)w->groups;
        out->detected = spr_detect(c.detector, out->nnz);
    }
    spr_arena_free(&arena);
    return status;
}

/* What tells one matrix from all others, where it is one of a file; "" where it is not. */
#define MATRIX_KEY 160
static void matrix_key(const struct spr_weight *w, char key[MATRIX_KEY])
{
    key[0] = '\0';
    if (w->storage == SPR_STORAGE_DENSE && w->data && !w->keep && !w->factor) {
        snprintf(key, MATRIX_KEY, "%zu %p %d %lld %lld %lld %lld %lld", w->tensor,
                 (const void *)w->data, (int)w->element, (long long)w->m, (long long)w->k,
                 (long long)w->groups, (long long)w->row_stride, (long long)w->column_stride);
    }
}

/* The layer of the same matrix that was counted before; NULL: there is none. A matrix that many
 * operators share is counted once. */
static const struct spr_inspected *counted_before(const struct spr_inspection *in,
                                                  const struct spr_inspected *out,
                                                  struct spr_names *seen,
                                                  struct spr_arena *arena)
{
    char key[MATRIX_KEY];
    matrix_key(out->weight, key);
    const size_t at = *key ? spr_names_find(seen, key) : SIZE_MAX;
    if (at < in->layer_count) {
        return &in->layer[at];
    }
    const char *copy = *key ? spr_arena_text(arena, key, strlen(key)) : NULL;
    if (copy) { /* without memory for it, it is counted again */
        (void)spr_names_add(seen, copy, in->layer_count);
    }
    return NULL;
}

static void copy_counts(const struct spr_inspection *in, const struct spr_inspected *from,
                        struct spr_inspected *out)
{
    out->nnz = from->nnz;
    out->longest_row = from->longest_row;
    out->touched_columns = from->touched_columns;
    out->detected = from->detected;
    memcpy(out->occupancy, from->occupancy, in->pattern_count * sizeof *out->occupancy);
}

enum spr_status spr_inspect(struct spr_weights *weights, const struct spr_pattern *patterns,
                            size_t pattern_count, const struct spr_inspect_progress *progress,
                            struct spr_inspection *inspection, struct spr_error *err)
{
    struct spr_inspection *in = inspection;
    enum spr_status status = SPR_OK;
    double all = 0, done = 0;
    struct spr_names seen = {0};
    struct spr_arena keys = {0};
    *in = (struct spr_inspection){
        .weights = weights, .patterns = patterns, .pattern_count = pattern_count};
    in->layer = spr_calloc(weights->weight_count + 1, sizeof *in->layer);
    in->occupancy =
        spr_calloc((weights->weight_count + 1) * (pattern_count + 1), sizeof *in->occupancy);
    if (!in->layer || !in->occupancy) {
        status = spr_no_memory(err);
    }
    for (size_t i = 0; i < weights->weight_count; i++) {
        all += (double)weights->weight[i].m * (double)weights->weight[i].k;
    }
    for (size_t i = 0; i < weights->weight_count && status == SPR_OK; i++) {
        if (weights->weight[i].storage == SPR_STORAGE_NONE) {
            continue;
        }
        struct spr_inspected *out = &in->layer[in->layer_count];
        out->weight = &weights->weight[i];
        out->occupancy = in->occupancy + in->layer_count * pattern_count;
        out->energy = (double)NAN;
        if (progress && progress->tell) {
            progress->tell(progress->context, done / all, out->weight->layer);
        }
        status = spr_weights_hold(weights, out->weight->tensor, err);
        const struct spr_inspected *before =
            status ? NULL : counted_before(in, out, &seen, &keys);
        if (before) {
            copy_counts(in, before, out);
        } else {
            status = status ? status : inspect_weight(in, out, progress, err);
        }
        done += (double)out->weight->m * (double)out->weight->k;
        in->layer_count++;
    }
    spr_names_free(&seen);
    spr_arena_free(&keys);
    if (status != SPR_OK) {
        spr_inspection_free(in);
    }
    return status;
}

void spr_inspection_free(struct spr_inspection *inspection)
{
    spr_free(inspection->layer);
    spr_free(inspection->occupancy);
    *inspection = (struct spr_inspection){0};
}

double spr_occupancy_sparsity(const struct spr_inspected *layer, size_t pattern)
{
    const struct spr_occupancy *o = &layer->occupancy[pattern];
    return o->cells > 0 ? 1 - o->kept / o->cells : 0;
}
