/* SPDX-License-Identifier: Apache-2.0 */
/* The join of an accuracy table with the variants of a network. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "limits.h"
#include "mem.h"
#include "sproof/accuracy.h"

static enum spr_status out_of_memory(struct spr_error *err)
{
    return spr_fail(err, SPR_ENOMEM, "out of memory");
}

/* What a table says of one (pattern, sparsity) by one method. */
struct answer {
    double accuracy, dense_accuracy;
    const char *method;
    bool layerwise, interpolated;
};

static bool same_series(const struct spr_accuracy_point *a, const struct spr_accuracy_point *b)
{
    return spr_pattern_equal(&a->pattern, &b->pattern) && strcmp(a->method, b->method) == 0;
}

/* The first point of its pattern and method: stands for the series. */
static bool leads_series(const struct spr_accuracy *accuracy, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (same_series(&accuracy->points[i], &accuracy->points[index])) {
            return false;
        }
    }
    return true;
}

static struct answer interpolate(const struct spr_accuracy_point *below,
                                 const struct spr_accuracy_point *above, double sparsity)
{
    double share = (sparsity - below->sparsity) / (above->sparsity - below->sparsity);
    return (struct answer){
        .accuracy = below->accuracy + share * (above->accuracy - below->accuracy),
        .dense_accuracy = below->dense_accuracy,
        .method = below->method,
        .layerwise = below->layerwise || above->layerwise,
        .interpolated = true};
}

/* The series of points[lead] at `sparsity`: nearest point within SPR_SAME_SPARSITY, else between
 * its neighbours when `between` allows it. */
static bool ask_series(const struct spr_accuracy *accuracy, size_t lead, double sparsity,
                       bool between, struct answer *answer)
{
    const struct spr_accuracy_point *below = NULL, *above = NULL, *nearest = NULL;
    for (size_t i = lead; i < accuracy->point_count; i++) {
        const struct spr_accuracy_point *point = &accuracy->points[i];
        if (!same_series(point, &accuracy->points[lead])) {
            continue;
        }
        double distance = fabs(point->sparsity - sparsity);
        if (distance <= SPR_SAME_SPARSITY &&
            (!nearest || distance < fabs(nearest->sparsity - sparsity))) {
            nearest = point;
        }
        if (point->sparsity < sparsity && (!below || point->sparsity > below->sparsity)) {
            below = point;
        }
        if (point->sparsity > sparsity && (!above || point->sparsity < above->sparsity)) {
            above = point;
        }
    }
    if (nearest) {
        *answer = (struct answer){nearest->accuracy, nearest->dense_accuracy, nearest->method,
                                  nearest->layerwise, false};
        return true;
    }
    if (between && below && above) {
        *answer = interpolate(below, above, sparsity);
        return true;
    }
    return false;
}

#define ANSWERS_MAX 64

static size_t ask(const struct spr_accuracy *accuracy, const struct spr_pattern *pattern,
                  double sparsity, bool between, struct answer *answers)
{
    size_t count = 0;
    for (size_t i = 0; i < accuracy->point_count && count < ANSWERS_MAX; i++) {
        if (spr_pattern_equal(&accuracy->points[i].pattern, pattern) &&
            leads_series(accuracy, i) &&
            ask_series(accuracy, i, sparsity, between, &answers[count])) {
            count++;
        }
    }
    return count;
}

/* false when out of memory. */
static bool apply(struct spr_network *network, struct spr_variant *variant,
                  const struct answer *answer, bool assume_uniform)
{
    const char *method = answer->method;
    variant->accuracy = answer->accuracy;
    if (!isnan(answer->dense_accuracy)) {
        variant->dense_accuracy = answer->dense_accuracy;
    }
    variant->accuracy_source =
        answer->interpolated ? SPR_ACCURACY_INTERPOLATED : SPR_ACCURACY_TABLE;
    variant->layerwise = answer->layerwise && variant->grid && !assume_uniform;
    variant->method =
        method && *method ? spr_arena_text(&network->arena, method, strlen(method)) : NULL;
    return variant->method || !method || !*method;
}

static bool set_name(struct spr_network *network, struct spr_variant *variant,
                     const char *method)
{
    char text[SPR_PATTERN_TEXT], name[SPR_PATTERN_TEXT + 200];
    spr_pattern_text(&variant->pattern, text);
    snprintf(name, sizeof name, method ? "%s@%.12g/%.120s" : "%s@%.12g", text,
             variant->sparsity, method);
    variant->name = spr_arena_text(&network->arena, name, strlen(name));
    return variant->name != NULL;
}

static enum spr_status set_metric(const struct spr_accuracy *accuracy,
                                  struct spr_network *network, struct spr_error *err)
{
    const char *metric = accuracy->metric ? accuracy->metric : "";
    network->metric = spr_arena_text(&network->arena, metric, strlen(metric));
    network->lower_is_better = accuracy->lower_is_better;
    return network->metric ? SPR_OK : out_of_memory(err);
}

enum spr_status spr_accuracy_make_variants(const struct spr_accuracy *accuracy,
                                           bool assume_uniform, struct spr_network *network,
                                           struct spr_error *err)
{
    struct spr_variant *variants = spr_calloc(accuracy->point_count, sizeof *variants);
    if (!variants) {
        return out_of_memory(err);
    }
    spr_free(network->variants);
    network->variants = variants;
    network->variant_count = accuracy->point_count;
    for (size_t i = 0; i < accuracy->point_count; i++) {
        const struct spr_accuracy_point *point = &accuracy->points[i];
        bool several = false;
        for (size_t j = 0; j < accuracy->point_count; j++) {
            several = several ||
                      (j != i && spr_pattern_equal(&point->pattern, &accuracy->points[j].pattern) &&
                       point->sparsity == accuracy->points[j].sparsity);
        }
        variants[i] = (struct spr_variant){.pattern = point->pattern,
                                           .sparsity = point->sparsity,
                                           .grid = true,
                                           .accuracy = (double)NAN,
                                           .dense_accuracy = network->dense_accuracy};
        bool named = point->variant != NULL;
        if (named) {
            variants[i].name =
                spr_arena_text(&network->arena, point->variant, strlen(point->variant));
        }
        if (named ? !variants[i].name
                  : !set_name(network, &variants[i], several ? point->method : NULL)) {
            return out_of_memory(err);
        }
        struct answer answer = {point->accuracy, point->dense_accuracy, point->method,
                                point->layerwise, false};
        if (!apply(network, &variants[i], &answer, assume_uniform)) {
            return out_of_memory(err);
        }
    }
    return set_metric(accuracy, network, err);
}

/* The point that names a variant, or NULL. */
static const struct spr_accuracy_point *by_name(const struct spr_accuracy *accuracy,
                                                const char *variant)
{
    for (size_t i = 0; i < accuracy->point_count; i++) {
        const char *name = accuracy->points[i].variant;
        if (name && strcmp(name, variant) == 0) {
            return &accuracy->points[i];
        }
    }
    return NULL;
}

static enum spr_status join_table_variant(const struct spr_accuracy *accuracy,
                                          struct spr_network *network,
                                          struct spr_variant *variant, struct spr_error *err)
{
    struct answer answers[ANSWERS_MAX];
    const struct spr_accuracy_point *named = by_name(accuracy, variant->name);
    if (named) {
        struct answer answer = {named->accuracy, named->dense_accuracy, named->method,
                                named->layerwise, false};
        return apply(network, variant, &answer, false) ? SPR_OK : out_of_memory(err);
    }
    /* A 2:4 variant that leaves layers dense averages below 0.5, yet its point says 0.5. */
    double fixed = spr_pattern_fixed_sparsity(&variant->pattern);
    double sparsity = isnan(fixed) ? variant->sparsity : fixed;
    size_t count = variant->pattern.kind
                       ? ask(accuracy, &variant->pattern, sparsity, false, answers)
                       : 0;
    if (count > 1) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: variant '%.80s' matches %zu methods ('%.40s', '%.40s'): expected "
                        "a column 'variant' that says which",
                        accuracy->path, variant->name, count, answers[0].method,
                        answers[1].method);
    }
    return count == 0 || apply(network, variant, &answers[0], false) ? SPR_OK
                                                                     : out_of_memory(err);
}

static enum spr_status join_grid(const struct spr_accuracy *accuracy, bool assume_uniform,
                                 struct spr_network *network, struct spr_error *err)
{
    struct spr_variant *joined = NULL;
    size_t capacity = 0, count = 0;
    for (size_t i = 0; i < network->variant_count; i++) {
        const struct spr_variant *old = &network->variants[i];
        struct answer answers[ANSWERS_MAX];
        size_t found = ask(accuracy, &old->pattern, old->sparsity, true, answers);
        size_t copies = found > 0 ? found : 1;
        if (!spr_grow(&joined, &capacity, count + copies, sizeof *joined)) {
            spr_free(joined);
            return out_of_memory(err);
        }
        for (size_t a = 0; a < copies; a++) {
            struct spr_variant *variant = &joined[count++];
            *variant = *old;
            if ((found > 1 && !set_name(network, variant, answers[a].method)) ||
                (found > 0 && !apply(network, variant, &answers[a], assume_uniform))) {
                spr_free(joined);
                return out_of_memory(err);
            }
        }
    }
    spr_free(network->variants);
    network->variants = joined;
    network->variant_count = count;
    return SPR_OK;
}

enum spr_status spr_accuracy_join(const struct spr_accuracy *accuracy, bool assume_uniform,
                                  struct spr_network *network, struct spr_error *err)
{
    enum spr_status status = set_metric(accuracy, network, err);
    if (status != SPR_OK) {
        return status;
    }
    if (network->variant_count > 0 && network->variants[0].grid) {
        return join_grid(accuracy, assume_uniform, network, err);
    }
    for (size_t i = 0; i < network->variant_count && status == SPR_OK; i++) {
        status = join_table_variant(accuracy, network, &network->variants[i], err);
    }
    return status;
}
