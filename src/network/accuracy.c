/* SPDX-License-Identifier: Apache-2.0 */
/* Accuracy tables, read. */
#include "sproof/accuracy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/csv.h"
#include "base/limits.h"
#include "base/mem.h"

enum column {
    PATTERN,
    SPARSITY,
    ACCURACY,
    VARIANT,
    METRIC,
    BETTER,
    DENSE_ACCURACY,
    METHOD,
    ALLOCATION,
    SOURCE,
};
#define NEEDED_COLUMNS 3

/* Every point is compared with every other; far above any published table. */
#define POINTS_MAX 10000

static const char *const columns[] = {
    "pattern",        "sparsity", "accuracy",   "variant", "metric", "better",
    "dense_accuracy", "method",   "allocation", "source",  NULL};

struct reading {
    struct spr_accuracy *accuracy;
    size_t capacity;
    bool direction_seen;
    struct spr_error *err;
};

static enum spr_status read_text(struct reading *r, struct spr_csv *csv, size_t column,
                                 const char **text)
{
    const char *cell;
    SPR_TRY(spr_csv_name(csv, column, &cell));
    size_t count = r->accuracy->point_count;
    /* Methods and sources repeat from row to row: keep one copy. */
    const struct spr_accuracy_point *last = count > 0 ? &r->accuracy->points[count - 1] : NULL;
    if (last && last->method && strcmp(last->method, cell) == 0) {
        *text = last->method;
        return SPR_OK;
    }
    if (last && last->source && strcmp(last->source, cell) == 0) {
        *text = last->source;
        return SPR_OK;
    }
    *text = spr_arena_text(&r->accuracy->arena, cell, strlen(cell));
    return *text ? SPR_OK : spr_no_memory(r->err);
}

static enum spr_status read_metric(struct reading *r, struct spr_csv *csv)
{
    struct spr_accuracy *accuracy = r->accuracy;
    const char *metric;
    SPR_TRY(spr_csv_name(csv, METRIC, &metric));
    if (!accuracy->metric) {
        accuracy->metric = spr_arena_text(&accuracy->arena, metric, strlen(metric));
        return accuracy->metric ? SPR_OK : spr_no_memory(r->err);
    }
    if (strcmp(accuracy->metric, metric) != 0) {
        char expected[128];
        snprintf(expected, sizeof expected, "'%.60s', one metric in a table",
                 accuracy->metric);
        return spr_csv_bad(csv, METRIC, expected);
    }
    return SPR_OK;
}

static enum spr_status read_better(struct reading *r, struct spr_csv *csv)
{
    const char *text = spr_csv_cell(csv, BETTER);
    bool lower = strcmp(text, "lower") == 0;
    if (*text && !lower && strcmp(text, "higher") != 0) {
        return spr_csv_bad(csv, BETTER, "higher or lower");
    }
    if (r->direction_seen && lower != r->accuracy->lower_is_better) {
        return spr_csv_bad(csv, BETTER, "the same direction in every row");
    }
    r->accuracy->lower_is_better = lower;
    r->direction_seen = true;
    return SPR_OK;
}

static enum spr_status read_allocation(struct spr_csv *csv, bool *layerwise)
{
    const char *text = spr_csv_cell(csv, ALLOCATION);
    *layerwise = strcmp(text, "layerwise") == 0;
    if (*text && !*layerwise && strcmp(text, "uniform") != 0) {
        return spr_csv_bad(csv, ALLOCATION, "uniform or layerwise");
    }
    return SPR_OK;
}

static enum spr_status read_sparsity(struct spr_csv *csv, struct spr_accuracy_point *point)
{
    double fixed = spr_pattern_fixed_sparsity(&point->pattern);
    point->sparsity = (double)NAN;
    SPR_TRY(spr_csv_fraction(csv, SPARSITY, &point->sparsity));
    if (isnan(fixed)) {
        return isnan(point->sparsity)
                   ? spr_csv_bad(csv, SPARSITY, "a fraction 0..1 or a percentage 0%..100%")
                   : SPR_OK;
    }
    if (!isnan(point->sparsity) && fabs(point->sparsity - fixed) > SPR_SPARSITY_SLACK) {
        char expected[64];
        snprintf(expected, sizeof expected, "%.6g, the sparsity the pattern fixes", fixed);
        return spr_csv_bad(csv, SPARSITY, expected);
    }
    point->sparsity = fixed;
    return SPR_OK;
}

static enum spr_status read_numbers(struct spr_csv *csv, struct spr_accuracy_point *point)
{
    const char *expected = "a finite number";
    point->accuracy = (double)NAN;
    point->dense_accuracy = (double)NAN;
    SPR_TRY(spr_csv_number(csv, ACCURACY, -1e300, 1e300, expected, &point->accuracy));
    if (isnan(point->accuracy)) {
        return spr_csv_bad(csv, ACCURACY, expected);
    }
    return spr_csv_number(csv, DENSE_ACCURACY, -1e300, 1e300, expected,
                          &point->dense_accuracy);
}

static bool same_series(const struct spr_accuracy_point *a, const struct spr_accuracy_point *b)
{
    return spr_pattern_equal(&a->pattern, &b->pattern) && strcmp(a->method, b->method) == 0;
}

/* The same variant named twice, or the same pattern, sparsity and method without a name. */
static bool same_point(const struct spr_accuracy_point *a, const struct spr_accuracy_point *b)
{
    if (a->variant && b->variant) {
        return strcmp(a->variant, b->variant) == 0;
    }
    bool same_variant = a->variant == b->variant;
    return spr_pattern_equal(&a->pattern, &b->pattern) && a->sparsity == b->sparsity &&
           same_variant && strcmp(a->method, b->method) == 0;
}

static enum spr_status on_row(struct spr_csv *csv, void *context)
{
    struct reading *r = context;
    struct spr_accuracy *accuracy = r->accuracy;
    struct spr_accuracy_point point = {.line = csv->line};
    struct spr_error why = {0};
    if (spr_pattern_parse(spr_csv_cell(csv, PATTERN), &point.pattern, &why) != SPR_OK) {
        return spr_fail_more(csv->err, SPR_EINPUT, "%s:%zu: column 'pattern': %s", csv->path,
                             csv->line, why.text);
    }
    SPR_TRY(read_sparsity(csv, &point));
    SPR_TRY(read_numbers(csv, &point));
    SPR_TRY(read_metric(r, csv));
    SPR_TRY(read_better(r, csv));
    SPR_TRY(read_allocation(csv, &point.layerwise));
    SPR_TRY(read_text(r, csv, METHOD, &point.method));
    SPR_TRY(read_text(r, csv, SOURCE, &point.source));
    const char *variant = "";
    SPR_TRY(spr_csv_name(csv, VARIANT, &variant));
    if (*variant) {
        point.variant = spr_arena_text(&accuracy->arena, variant, strlen(variant));
        if (!point.variant) {
            return spr_no_memory(r->err);
        }
    }
    point.series = accuracy->point_count;
    for (size_t i = 0; i < accuracy->point_count; i++) {
        if (point.series == accuracy->point_count &&
            same_series(&accuracy->points[i], &point)) {
            point.series = accuracy->points[i].series;
        }
        if (same_point(&accuracy->points[i], &point)) {
            char expected[80];
            snprintf(expected, sizeof expected, "a point given once; first given in line %zu",
                     accuracy->points[i].line);
            return spr_csv_bad(csv, ACCURACY, expected);
        }
    }
    if (accuracy->point_count == POINTS_MAX) {
        return spr_csv_bad(csv, PATTERN, "at most 10000 points in a table");
    }
    if (!spr_grow(&accuracy->points, &r->capacity, accuracy->point_count + 1, sizeof point)) {
        return spr_no_memory(r->err);
    }
    accuracy->points[accuracy->point_count++] = point;
    return SPR_OK;
}

enum spr_status spr_accuracy_read(const char *path, struct spr_accuracy *accuracy,
                                  struct spr_notes *notes, struct spr_error *err)
{
    *accuracy = (struct spr_accuracy){0};
    struct reading r = {.accuracy = accuracy, .err = err};
    enum spr_status status;
    accuracy->path = spr_arena_text(&accuracy->arena, path, strlen(path));
    if (!accuracy->path) {
        status = spr_no_memory(err);
    } else {
        status = spr_csv_read(path, columns, NEEDED_COLUMNS, on_row, &r, notes, err);
    }
    if (status == SPR_OK && accuracy->point_count == 0) {
        status = spr_fail(err, SPR_EINPUT,
                          "%s: no rows below the header: expected accuracy points", path);
    }
    if (status != SPR_OK) {
        spr_accuracy_free(accuracy);
    }
    return status;
}

void spr_accuracy_free(struct spr_accuracy *accuracy)
{
    spr_free(accuracy->points);
    spr_arena_free(&accuracy->arena);
    *accuracy = (struct spr_accuracy){0};
}
