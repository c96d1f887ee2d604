/* SPDX-License-Identifier: Apache-2.0 */
/* The user's own times per layer, matched with one variant. */
#include "sproof/times.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/csv.h"
#include "base/limits.h"
#include "base/mem.h"

enum column { LAYER, DENSE_S, SPARSE_S, PATTERN, SPARSITY, N, DTYPE, THREADS, KERNEL };
#define NEEDED_COLUMNS 3

static const char *const columns[] = {"layer", "dense_s", "sparse_s", "pattern", "sparsity",
                                      "n",     "dtype",   "threads",  "kernel",  NULL};

struct reading {
    struct spr_times *times;
    const struct spr_analysis *analysis;
    const struct spr_result *result;
    struct spr_names names;
};

/* Whether a row's optional cells describe this layer as the variant has it. */
static enum spr_status describes(struct reading *r, struct spr_csv *csv, size_t layer,
                                 bool *same)
{
    const struct spr_choice *choice = &r->result->layers[layer].choice;
    const struct spr_layer *l = &r->analysis->network->layers[layer];
    const char *text = spr_csv_cell(csv, PATTERN);
    struct spr_pattern pattern = choice->pattern;
    struct spr_error why = {0};
    double sparsity = choice->sparsity, n = (double)l->n * r->result->batch, given = n;
    enum spr_dtype dtype = r->analysis->options.dtype;
    int64_t threads = r->analysis->options.threads, ran = threads;
    if (*text && spr_pattern_parse(text, &pattern, &why) != SPR_OK) {
        return spr_fail_more(csv->err, SPR_EINPUT, "%s:%zu: column 'pattern': %s", csv->path,
                             csv->line, why.text);
    }
    SPR_TRY(spr_csv_fraction(csv, SPARSITY, &sparsity));
    const char *counted = "a number of columns of 1 or more";
    SPR_TRY(spr_csv_count(csv, N, 1e15, counted, &given));
    if (given < 1) {
        return spr_csv_bad(csv, N, counted);
    }
    SPR_TRY(spr_csv_integer(csv, THREADS, 1, 1048576, &ran));
    text = spr_csv_cell(csv, DTYPE);
    if (*text && spr_dtype_parse(text, &dtype, NULL) != SPR_OK) {
        return spr_csv_bad(csv, DTYPE, "f64, f32, tf32, f16, bf16, fp8 or i8");
    }
    *same = spr_pattern_equal(&pattern, &choice->pattern) &&
            fabs(sparsity - choice->sparsity) <= SPR_SAME_SPARSITY && given == n &&
            dtype == r->analysis->options.dtype && (threads == 0 || ran == threads);
    return SPR_OK;
}

static enum spr_status on_row(struct spr_csv *csv, void *context)
{
    struct reading *r = context;
    const char *seconds = "seconds above 0";
    double dense_s = (double)NAN, sparse_s = (double)NAN;
    size_t layer = spr_names_find(&r->names, spr_csv_cell(csv, LAYER));
    bool same = false;
    if (layer == SIZE_MAX) {
        return spr_csv_bad(csv, LAYER, "a layer of the record");
    }
    SPR_TRY(spr_csv_number(csv, DENSE_S, 1e-12, 1e9, seconds, &dense_s));
    SPR_TRY(spr_csv_number(csv, SPARSE_S, 1e-12, 1e9, seconds, &sparse_s));
    if (isnan(dense_s)) {
        return spr_csv_bad(csv, DENSE_S, seconds);
    }
    if (isnan(sparse_s)) {
        return spr_csv_bad(csv, SPARSE_S, seconds);
    }
    SPR_TRY(describes(r, csv, layer, &same));
    if (!same) {
        r->times->rows_other++;
        return SPR_OK;
    }
    if (!isnan(r->times->dense_s[layer])) {
        return spr_csv_bad(csv, LAYER, "one row per layer, pattern and sparsity");
    }
    r->times->dense_s[layer] = dense_s;
    r->times->sparse_s[layer] = sparse_s;
    r->times->rows_used++;
    return SPR_OK;
}

static enum spr_status prepare(struct reading *r, struct spr_error *err)
{
    const struct spr_network *network = r->analysis->network;
    r->times->dense_s = spr_calloc(network->layer_count, sizeof(double));
    r->times->sparse_s = spr_calloc(network->layer_count, sizeof(double));
    if (!r->times->dense_s || !r->times->sparse_s) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < network->layer_count; i++) {
        r->times->dense_s[i] = r->times->sparse_s[i] = (double)NAN;
        if (!spr_names_add(&r->names, network->layers[i].name, i)) {
            return spr_no_memory(err);
        }
    }
    return SPR_OK;
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
    if (status == SPR_OK && times->rows_used == 0) {
        status = spr_fail(err, SPR_EINPUT,
                          "%s: no row is for variant '%.80s' in %s at batch %.0f: %zu are for "
                          "other patterns, sparsities, n or dtypes",
                          path, result->variant->name, spr_dtype_name(analysis->options.dtype),
                          result->batch, times->rows_other);
    }
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
        add(&sums->bound, bound);
        add(&sums->expected, expected);
    }
    sums->share = result->dense_time_s > 0 ? sums->bound.dense_s / result->dense_time_s : 0;
}
