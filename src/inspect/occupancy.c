/* SPDX-License-Identifier: Apache-2.0 */
/* Counting where the non-zeros of a weight matrix lie, in one pass over its rows. */
#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "inspect/detect.h"
#include "sproof/inspect.h"
#include "weights/reader.h"

/* Bits of this much are read at a time. */
#define STRIPE_BYTES ((int64_t)1 << 18)

/* What one pattern keeps from row to row. */
struct tally {
    struct spr_pattern pattern;
    struct spr_occupancy *out;
    uint64_t *seen; /* bits of the rows of this block row, or rows packed together */
    int64_t rows;   /* so many share them */
};

struct counting {
    const struct spr_weight *weight;
    int64_t words;
    uint64_t *bits, *touched; /* a stripe; all rows of one group */
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

/* A block row is complete. */
static void close_block_row(const struct counting *c, struct tally *t, int64_t rows)
{
    int64_t weights;
    t->out->kept += (double)count_groups(t->seen, c->weight->k, t->pattern.b, &weights);
    t->out->stored += (double)(weights * rows);
}

static void tally_row(const struct counting *c, struct tally *t, int64_t row,
                      const uint64_t *bits, int64_t nnz)
{
    const enum spr_class kind = t->pattern.kind->pattern_class;
    if (kind != SPR_CLASS_BLOCK && kind != SPR_CLASS_COMP) {
        t->out->kept += (double)nnz;
        t->out->stored += (double)nnz;
        t->out->legal = t->out->legal &&
                        (kind != SPR_CLASS_NM || !group_over(bits, c->weight->k, &t->pattern));
        return;
    }
    for (int64_t i = 0; i < c->words; i++) {
        t->out->legal = t->out->legal && (kind == SPR_CLASS_BLOCK || !(t->seen[i] & bits[i]));
        t->seen[i] |= bits[i];
    }
    bool last = (row + 1) % t->rows == 0 || row + 1 == c->weight->m;
    if (kind == SPR_CLASS_COMP) {
        t->out->kept += (double)nnz;
        t->out->stored += (double)nnz;
    } else if (last) {
        close_block_row(c, t, row % t->rows + 1);
    }
    if (last) {
        memset(t->seen, 0, (size_t)c->words * sizeof *t->seen);
    }
}

/* The rows of one group of a convolution see the same inputs. */
static void touch(struct counting *c, int64_t row, const uint64_t *bits)
{
    int64_t per_group = (c->weight->m + c->weight->groups - 1) / c->weight->groups;
    for (int64_t i = 0; i < c->words; i++) {
        c->touched[i] |= bits[i];
    }
    if ((row + 1) % per_group == 0 || row + 1 == c->weight->m) {
        c->out->touched_columns += (double)spr_count_bits(c->touched, c->words);
        memset(c->touched, 0, (size_t)c->words * sizeof *c->touched);
    }
}

static void count_row(struct counting *c, int64_t row, const uint64_t *bits)
{
    int64_t nnz = spr_count_bits(bits, c->words);
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
        spr_weight_bits(c->weight, row, count, c->bits);
        for (int64_t i = 0; i < count; i++) {
            count_row(c, row + i, c->bits + i * c->words);
        }
    }
    return SPR_OK;
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
        c->tally[i].seen = spr_arena_alloc(arena, (size_t)c->words * sizeof *c->tally[i].seen);
        if (!c->tally[i].seen) {
            return false;
        }
        memset(c->tally[i].seen, 0, (size_t)c->words * sizeof *c->tally[i].seen);
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
    struct counting c = {.weight = w, .words = (w->k + 63) / 64, .out = out};
    const int64_t row_bytes = c.words * (int64_t)sizeof *c.bits;
    int64_t stripe = STRIPE_BYTES / row_bytes;
    stripe = stripe < 8 ? 8 : stripe > w->m ? w->m : stripe;
    c.bits = spr_arena_alloc(&arena, (size_t)(stripe * row_bytes));
    c.touched = spr_arena_alloc(&arena, (size_t)row_bytes);
    c.detector = spr_detector_make(w, &arena);
    enum spr_status status = SPR_OK;
    if (!c.bits || !c.touched || !c.detector ||
        !make_tallies(&c, in->patterns, in->pattern_count, &arena)) {
        status = spr_no_memory(err);
    } else {
        memset(c.touched, 0, (size_t)row_bytes);
        status = count_rows(&c, stripe, progress, err);
        out->touched_columns /= (double)w->groups;
        out->detected = spr_detect(c.detector, out->nnz);
    }
    spr_arena_free(&arena);
    return status;
}

enum spr_status spr_inspect(const struct spr_weights *weights,
                            const struct spr_pattern *patterns, size_t pattern_count,
                            const struct spr_inspect_progress *progress,
                            struct spr_inspection *inspection, struct spr_error *err)
{
    struct spr_inspection *in = inspection;
    enum spr_status status = SPR_OK;
    double all = 0, done = 0;
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
        status = inspect_weight(in, out, progress, err);
        done += (double)out->weight->m * (double)out->weight->k;
        in->layer_count++;
    }
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
