/* SPDX-License-Identifier: Apache-2.0 */
/* The user's own times per layer, matched with one variant. */
#include "sproof/times.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "base/table.h"
#include "base/time_error.h"

enum column { LAYER, DENSE_S, SPARSE_S, PATTERN, SPARSITY, N, DTYPE, THREADS, KERNEL };
#define NEEDED_COLUMNS 3

static const char *const columns[] = {"layer", "dense_s", "sparse_s", "pattern", "sparsity",
                                      "n",     "dtype",   "threads",  "kernel",  NULL};

/* A row that may count. */
struct row {
    size_t layer;
    double sparsity;
    struct spr_measured seconds;
    struct spr_time_errors errors;
};

struct reading {
    struct spr_times *times;
    const struct spr_analysis *analysis;
    const struct spr_result *result;
    struct spr_names names;
    struct row *rows;
    size_t row_count, row_capacity;
};

/* Whether a row's optional cells describe this layer as the variant has it, but for the
 * sparsity, which is given back. */
static enum spr_status describes(struct reading *r, struct spr_csv *csv, struct row *row,
                                 bool *same)
{
    const struct spr_choice *choice = &r->result->layers[row->layer].choice;
    const struct spr_layer *l = &r->analysis->network->layers[row->layer];
    const char *text = spr_csv_cell(csv, PATTERN);
    struct spr_pattern pattern = choice->pattern;
    struct spr_error why = {0};
    double n = (double)l->n * r->result->batch, given = n;
    enum spr_dtype dtype = r->analysis->options.dtype;
    int64_t threads = r->analysis->options.threads, ran = threads;
    if (*text && spr_pattern_parse(text, &pattern, &why) != SPR_OK) {
        return spr_fail_more(csv->err, SPR_EINPUT, "%s:%zu: column 'pattern': %s", csv->path,
                             csv->line, why.text);
    }
    row->sparsity = choice->sparsity;
    SPR_TRY(spr_csv_fraction(csv, SPARSITY, &row->sparsity));
    const char *counted = "a number of columns of 1 or more";
    SPR_TRY(spr_csv_count(csv, N, 1e15, counted, &given));
    if (given < 1 && *spr_csv_cell(csv, N)) {
        return spr_csv_bad(csv, N, counted);
    }
    SPR_TRY(spr_csv_integer(csv, THREADS, 1, 1048576, &ran));
    text = spr_csv_cell(csv, DTYPE);
    if (*text && spr_dtype_parse(text, &dtype, NULL) != SPR_OK) {
        return spr_csv_bad(csv, DTYPE, "f64, f32, tf32, f16, bf16, fp8 or i8");
    }
    *same = spr_pattern_equal(&pattern, &choice->pattern) && given == n &&
            dtype == r->analysis->options.dtype && (threads == 0 || ran == threads);
    return SPR_OK;
}

static enum spr_status read_time(struct spr_csv *csv, size_t column, double *seconds,
                                 double *error)
{
    const char *text = spr_csv_cell(csv, column);
    *error = SPR_TIME_ERROR;
    if (!spr_parse_time_error(text, strlen(text), true, seconds, error) || *seconds < 1e-12 ||
        *seconds > 1e9) {
        return spr_csv_bad(csv, column, "seconds above 0");
    }
    return SPR_OK;
}

/* true when the name is in a list "a, b". */
static bool listed(const char *list, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = list; length > 0 && (at = strstr(at, name)) != NULL; at++) {
        if ((at == list || at[-1] == ' ') && (at[length] == '\0' || at[length] == ',')) {
            return true;
        }
    }
    return false;
}

/* Adds the name to those that are told, once. */
static enum spr_status unknown_layer(struct spr_times *times, struct spr_csv *csv)
{
    const char *whole = NULL;
    char name[SPR_TABLE_CELL];
    SPR_TRY(spr_csv_name(csv, LAYER, &whole));
    spr_text_short(whole, 40, name);
    const size_t used = strlen(times->unknown), room = sizeof times->unknown - used;
    times->rows_unknown++;
    if (!listed(times->unknown, name) && strlen(name) + 3 < room) {
        snprintf(times->unknown + used, room, "%s%s", used ? ", " : "", name);
    }
    return SPR_OK;
}

static enum spr_status on_row(struct spr_csv *csv, void *context)
{
    struct reading *r = context;
    struct row row = {.layer = spr_names_find(&r->names, spr_csv_cell(csv, LAYER))};
    bool same = false;
    SPR_TRY(read_time(csv, DENSE_S, &row.seconds.dense_s, &row.errors.dense));
    SPR_TRY(read_time(csv, SPARSE_S, &row.seconds.sparse_s, &row.errors.sparse));
    if (row.layer == SIZE_MAX) {
        return unknown_layer(r->times, csv);
    }
    SPR_TRY(describes(r, csv, &row, &same));
    if (!same) {
        r->times->rows_other++;
        return SPR_OK;
    }
    if (!spr_grow(&r->rows, &r->row_capacity, r->row_count + 1, sizeof row)) {
        return spr_no_memory(csv->err);
    }
    r->rows[r->row_count++] = row;
    return SPR_OK;
}

static enum spr_status prepare(struct reading *r, struct spr_error *err)
{
    const struct spr_network *network = r->analysis->network;
    struct spr_times *times = r->times;
    times->dense_s = spr_calloc(network->layer_count, sizeof(double));
    times->sparse_s = spr_calloc(network->layer_count, sizeof(double));
    times->errors = spr_calloc(network->layer_count, sizeof *times->errors);
    times->other = spr_calloc(network->layer_count, sizeof *times->other);
    if (!times->dense_s || !times->sparse_s || !times->errors || !times->other) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < network->layer_count; i++) {
        times->dense_s[i] = times->sparse_s[i] = times->other[i].sparsity = (double)NAN;
        if (!spr_names_add(&r->names, network->layers[i].name, i)) {
            return spr_no_memory(err);
        }
    }
    return SPR_OK;
}

static int by_layer_and_sparsity(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    if (a->layer != b->layer) {
        return a->layer < b->layer ? -1 : 1;
    }
    return (a->sparsity > b->sparsity) - (a->sparsity < b->sparsity);
}

/* The median of repeats, and half of their range where that is more than their errors. */
static void join_repeats(const struct row *rows, size_t count, double *sorted,
                         struct row *joined)
{
    *joined = rows[0];
    double *const seconds[] = {&joined->seconds.dense_s, &joined->seconds.sparse_s};
    double *const errors[] = {&joined->errors.dense, &joined->errors.sparse};
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < count; i++) {
            const struct row *row = &rows[i];
            sorted[i] = side == 0 ? row->seconds.dense_s : row->seconds.sparse_s;
            *errors[side] =
                fmax(*errors[side], side == 0 ? row->errors.dense : row->errors.sparse);
        }
        struct spr_spread spread = spr_spread_of(sorted, count);
        *seconds[side] = spread.value;
        *errors[side] =
            fmax(*errors[side], fmin((spread.high - spread.low) / spread.value / 2, 0.5));
    }
}

/* Repeats of one layer at one sparsity, as the layer's times. */
static void use_repeats(struct reading *r, const struct row *joined, size_t count)
{
    struct spr_times *times = r->times;
    const size_t layer = joined->layer;
    const double sparsity = r->result->layers[layer].choice.sparsity;
    struct spr_other_sparsity *other = &times->other[layer];
    if (fabs(joined->sparsity - sparsity) <= SPR_SAME_SPARSITY) {
        times->layers_used += isnan(times->dense_s[layer]) ? 1 : 0;
        times->rows_used += count;
        times->dense_s[layer] = joined->seconds.dense_s;
        times->sparse_s[layer] = joined->seconds.sparse_s;
        times->errors[layer] = joined->errors;
        return;
    }
    times->rows_sparsity += count;
    if (!(fabs(other->sparsity - sparsity) >= fabs(joined->sparsity - sparsity))) {
        *other = (struct spr_other_sparsity){joined->sparsity, joined->seconds.sparse_s,
                                             joined->errors.sparse};
    }
}

static enum spr_status use_rows(struct reading *r, struct spr_error *err)
{
    double *sorted = spr_calloc(r->row_count, sizeof *sorted);
    if (!sorted) {
        return spr_no_memory(err);
    }
    if (r->row_count > 0) {
        qsort(r->rows, r->row_count, sizeof *r->rows, by_layer_and_sparsity);
    }
    for (size_t first = 0, end; first < r->row_count; first = end) {
        const struct row *row = &r->rows[first];
        struct row joined;
        for (end = first + 1; end < r->row_count && r->rows[end].layer == row->layer &&
                              r->rows[end].sparsity - row->sparsity <= SPR_SAME_SPARSITY;) {
            end++;
        }
        join_repeats(row, end - first, sorted, &joined);
        use_repeats(r, &joined, end - first);
    }
    spr_free(sorted);
    return SPR_OK;
}

static enum spr_status nothing_used(const char *path, const struct reading *r,
                                    struct spr_error *err)
{
    const struct spr_times *times = r->times;
    char unknown[SPR_TIMES_UNKNOWN + 64] = "";
    if (times->rows_unknown > 0) {
        snprintf(unknown, sizeof unknown, ", %zu for layers that the record lacks: %s",
                 times->rows_unknown, times->unknown);
    }
    return spr_fail(err, SPR_EINPUT,
                    "%s: no row is for variant '%.80s' in %s at batch %.0f: %zu are for "
                    "other patterns, sparsities, n or dtypes%s",
                    path, r->result->variant->name, spr_dtype_name(r->analysis->options.dtype),
                    r->result->batch, times->rows_other + times->rows_sparsity, unknown);
}

enum spr_status spr_times_read(const char *path, const struct spr_analysis *analysis,
                               const struct spr_result *result, struct spr_times *times,
                               struct spr_notes *notes, struct spr_error *err)
{
    *times = (struct spr_times){0};
    struct reading r = {.times = times, .analysis = analysis, .result = result};
    enum spr_status status = prepare(&r, err);
    status =
        status ? status : spr_csv_read(path, columns, NEEDED_COLUMNS, on_row, &r, notes, err);
    status = status ? status : use_rows(&r, err);
    if (status == SPR_OK && times->rows_used == 0) {
        status = nothing_used(path, &r, err);
    }
    spr_free(r.rows);
    spr_names_free(&r.names);
    if (status != SPR_OK) {
        spr_times_free(times);
    }
    return status;
}

void spr_times_free(struct spr_times *times)
{
    spr_free(times->dense_s);
    spr_free(times->sparse_s);
    spr_free(times->errors);
    spr_free(times->other);
    *times = (struct spr_times){0};
}

/* What the model says of one layer, times its counts: in the network and in the variant. */
static struct spr_measured times_count(const double count[2], double dense_s, double sparse_s)
{
    return (struct spr_measured){count[0] * dense_s, count[1] * sparse_s};
}

static void add(struct spr_measured *sum, struct spr_measured one)
{
    sum->dense_s += one.dense_s;
    sum->sparse_s += one.sparse_s;
}

/* The bound of a layer's sparse product at another sparsity. */
static double bound_at(const struct spr_analysis *a, const struct spr_result *result,
                       size_t layer, double sparsity)
{
    const struct spr_pattern *pattern = &result->layers[layer].choice.pattern;
    const struct spr_layer *l = spr_choice_layer(a->network, &result->layers[layer].choice);
    struct spr_shape shape = spr_layer_shape(l);
    struct spr_prediction run;
    struct spr_model model = a->model;
    model.network_bytes = result->network_bytes;
    bool known = spr_model_sparse(&model, l, result->batch, pattern,
                                  spr_pattern_kept(pattern, &shape, sparsity), NULL, &run);
    return known ? run.time_s : (double)NAN;
}

void spr_times_add_sparsities(const struct spr_times *times, const struct spr_analysis *a,
                              const struct spr_result *result, size_t layer,
                              struct spr_two_sparsities *sum)
{
    const struct spr_other_sparsity *other = &times->other[layer];
    const double own = result->layers[layer].choice.sparsity;
    if (isnan(times->dense_s[layer]) || isnan(other->sparsity)) {
        return;
    }
    const double count = (double)a->network->layers[layer].count;
    const bool fuller = other->sparsity < own;
    const double other_s = count * other->sparse_s, own_s = count * times->sparse_s[layer];
    const double other_error_s = other_s * other->error;
    const double own_error_s = own_s * times->errors[layer].sparse;
    const double other_bound_s = count * bound_at(a, result, layer, other->sparsity);
    const double own_bound_s = count * bound_at(a, result, layer, own);
    sum->fuller_s += fuller ? other_s : own_s;
    sum->emptier_s += fuller ? own_s : other_s;
    sum->fuller_error_s += fuller ? other_error_s : own_error_s;
    sum->emptier_error_s += fuller ? own_error_s : other_error_s;
    sum->fuller_bound_s += fuller ? other_bound_s : own_bound_s;
    sum->emptier_bound_s += fuller ? own_bound_s : other_bound_s;
}

void spr_times_sum(const struct spr_times *times, const struct spr_analysis *analysis,
                   const struct spr_result *result, struct spr_times_sums *sums)
{
    bool expects = isfinite(result->expected.speedup);
    *sums = (struct spr_times_sums){0};
    for (size_t i = 0; i < analysis->network->layer_count; i++) {
        const struct spr_layer_result *r = &result->layers[i];
        const double count[2] = {
            (double)analysis->network->layers[i].count,
            (double)spr_choice_layer(analysis->network, &r->choice)->count};
        struct spr_measured bound =
            times_count(count, spr_analysis_dense(analysis, result->batch_index, i)->time_s,
                        r->run.time_s);
        struct spr_measured expected = times_count(
            count, spr_analysis_expected_dense(analysis, result->batch_index, i)->time_s,
            r->expected.time_s);
        struct spr_measured own = times_count(count, times->dense_s[i], times->sparse_s[i]);
        if (isnan(times->dense_s[i])) {
            add(&sums->network, expects ? expected : bound);
            continue;
        }
        add(&sums->network, own);
        add(&sums->measured, own);
        sums->errors.dense += own.dense_s * times->errors[i].dense;
        sums->errors.sparse += own.sparse_s * times->errors[i].sparse;
        spr_times_add_sparsities(times, analysis, result, i, &sums->two);
        add(&sums->bound, bound);
        add(&sums->expected, expected);
    }
    if (times->layers_used > 0) {
        sums->errors.dense /= sums->measured.dense_s;
        sums->errors.sparse /= sums->measured.sparse_s;
    }
    sums->share = result->dense_time_s > 0 ? sums->bound.dense_s / result->dense_time_s : 0;
}
