/* SPDX-License-Identifier: Apache-2.0 */
/* The operators of a network as rows: those alike together, the least of them summed. */
#include "plot/rows.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

struct gathering {
    const struct spr_analysis *analysis;
    const struct spr_result *result;
    struct spr_rows *rows;
};

/* Of an operator that runs `count` times; call_s: of the calls of one. */
static void add_time(const struct spr_prediction *run, double count, double call_s,
                     double parts[SPR_PARTS_MAX])
{
    double overhead = fmin(call_s, run->time_s);
    int main = run->compute_s >= run->memory_s ? SPR_PART_COMPUTE
                                               : SPR_PART_MEMORY + run->memory_level;
    parts[SPR_PART_OVERHEAD] += count * overhead;
    parts[main] += count * (run->time_s - overhead);
}

static void add_expected(const struct spr_layer_expected *run, double count,
                         double parts[SPR_PARTS_MAX])
{
    parts[run->kernel ? (size_t)run->limit : SPR_PART_BOUND] += count * run->time_s;
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b));
}

/* The row of earlier operators that looks the same, or NULL. */
static struct spr_row *twin(struct gathering *g, size_t layer, const double times[2],
                            bool pruned)
{
    const struct spr_layer *layers = g->analysis->network->layers;
    for (size_t i = 0; i < g->rows->count; i++) {
        struct spr_row *row = &g->rows->row[i];
        if (row->pruned == pruned && spr_layer_alike(&layers[row->layer], &layers[layer]) &&
            near(row->before_s, times[0] * row->occurrences) &&
            (g->rows->by_shape || near(row->after_s, times[1] * row->occurrences))) {
            return row;
        }
    }
    return NULL;
}

static bool gather_layer(struct gathering *g, size_t layer)
{
    const struct spr_analysis *a = g->analysis;
    const struct spr_layer_result *after = &g->result->layers[layer];
    const struct spr_prediction *before = spr_analysis_dense(a, g->result->batch_index, layer);
    double count = (double)a->network->layers[layer].count;
    const struct spr_layer *now = spr_choice_layer(a->network, &after->choice);
    double runs = (double)now->count, left = runs / count;
    bool pruned = !spr_choice_unchanged(&after->choice);
    const struct spr_layer_expected *dense =
        spr_analysis_expected_dense(a, g->result->batch_index, layer);
    const double bound[2] = {before->time_s, left * after->run.time_s};
    const double expected[2] = {dense->time_s, left * after->expected.time_s};
    const double *times = g->rows->expected ? expected : bound;
    struct spr_row *row = twin(g, layer, times, pruned);
    if (!row) {
        if (!spr_grow(&g->rows->row, &g->rows->capacity, g->rows->count + 1,
                      sizeof *g->rows->row)) {
            return false;
        }
        row = &g->rows->row[g->rows->count++];
        *row = (struct spr_row){.layer = layer, .pruned = pruned};
    }
    row->layers++;
    row->occurrences += count;
    row->before_s += count * times[0];
    row->after_s += count * times[1];
    row->bound_before_s += count * bound[0];
    row->bound_after_s += count * bound[1];
    if (g->rows->expected) {
        add_expected(dense, count, row->before);
        add_expected(&after->expected, runs, row->after);
    } else {
        add_time(before, count, spr_model_call_s(&a->model, &a->network->layers[layer]),
                 row->before);
        add_time(&after->run, runs, spr_model_call_s(&a->model, now), row->after);
    }
    return true;
}

static bool gather(struct gathering *g)
{
    for (int pass = 0; pass < 2; pass++) {
        g->rows->count = 0;
        g->rows->by_shape = pass > 0;
        /* Of too many rows nothing is kept: looking through them for twins would take long. */
        for (size_t i = 0; i < g->analysis->network->layer_count &&
                           (g->rows->by_shape || g->rows->count <= SPR_ROWS_MAX);
             i++) {
            if (!gather_layer(g, i)) {
                return false;
            }
        }
        if (g->rows->count <= SPR_ROWS_MAX) {
            break;
        }
    }
    return true;
}

static int by_time(const void *left, const void *right)
{
    const struct spr_row *a = left, *b = right;
    if (a->before_s < b->before_s || a->before_s > b->before_s) {
        return a->before_s < b->before_s ? 1 : -1;
    }
    return a->layer < b->layer ? -1 : 1;
}

/* Rows worth showing: at most this many, and none of a sliver of the time. */
static size_t rows_shown(const struct gathering *g, size_t most)
{
    double sliver = 0.002 * spr_result_answer(g->result, g->rows->expected).dense_time_s;
    size_t shown = g->rows->count;
    while (shown > 1 && g->rows->row[shown - 1].before_s < sliver &&
           g->rows->row[shown - 1].after_s < sliver) {
        shown--;
    }
    /* The slivers share one row; a single one may as well be named. */
    shown = g->rows->count - shown > 1 ? shown + 1 : g->rows->count;
    return shown < most ? shown : most;
}

/* Sums all rows past the most that are shown into the last of these. */
static void merge_rest(struct gathering *g, size_t most)
{
    if (g->rows->count <= most) {
        return;
    }
    struct spr_row *rest = &g->rows->row[most - 1];
    for (size_t i = most; i < g->rows->count; i++) {
        const struct spr_row *row = &g->rows->row[i];
        rest->occurrences += row->occurrences;
        rest->before_s += row->before_s;
        rest->after_s += row->after_s;
        rest->bound_before_s += row->bound_before_s;
        rest->bound_after_s += row->bound_after_s;
        rest->pruned = rest->pruned || row->pruned;
        for (size_t p = 0; p < SPR_PARTS_MAX; p++) {
            rest->before[p] += row->before[p];
            rest->after[p] += row->after[p];
        }
    }
    rest->layer = g->analysis->network->layer_count;
    g->rows->count = most;
}

enum spr_status spr_rows_gather(const struct spr_analysis *analysis,
                                const struct spr_result *result, size_t most,
                                struct spr_rows *rows, struct spr_error *err)
{
    struct gathering g = {analysis, result, rows};
    rows->expected = spr_result_answer(result, true).expected;
    if (!gather(&g)) {
        return spr_no_memory(err);
    }
    if (rows->count > 1) {
        qsort(rows->row, rows->count, sizeof *rows->row, by_time);
    }
    merge_rest(&g, rows_shown(&g, most));
    return SPR_OK;
}
