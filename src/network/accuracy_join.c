/* SPDX-License-Identifier: Apache-2.0 */
/* The join of an accuracy table with the variants of a network. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "sproof/accuracy.h"

/* What a table says of one (pattern, sparsity) by one method. */
struct answer {
    double accuracy, dense_accuracy;
    const char *method;
    bool layerwise, interpolated;
};

static struct answer interpolate(const struct spr_accuracy_point *below,
                                 const struct spr_accuracy_point *above, double sparsity)
{
    double share = (sparsity - below->sparsity) / (above->sparsity - below->sparsity);
    return (struct answer){.accuracy =
                               below->accuracy + share * (above->accuracy - below->accuracy),
                           .dense_accuracy = below->dense_accuracy,
                           .method = below->method,
                           .layerwise = below->layerwise || above->layerwise,
                           .interpolated = true};
}

/* A question to the table: who asks, at which point, and whether to interpolate. */
struct question {
    const struct spr_accuracy *accuracy;
    const char *variant;
    const struct spr_pattern *pattern;
    double sparsity;
    bool between;
    bool unnamed; /* points that name a variant belong to that variant alone */
    struct spr_error *err;
};

/* What the walk over one series found around a sparsity. */
struct around {
    const struct spr_accuracy_point *below, *above, *nearest;
    const struct spr_accuracy_point *rival; /* as near as the nearest */
};

static void look_around(const struct question *q, size_t lead, struct around *found)
{
    double sparsity = q->sparsity;
    *found = (struct around){0};
    for (size_t i = lead; i < q->accuracy->point_count; i++) {
        const struct spr_accuracy_point *point = &q->accuracy->points[i];
        double distance = fabs(point->sparsity - sparsity);
        double best =
            found->nearest ? fabs(found->nearest->sparsity - sparsity) : (double)INFINITY;
        if (point->series != lead || (q->unnamed && point->variant)) {
            continue;
        }
        if (distance <= SPR_SAME_SPARSITY && distance <= best) {
            found->rival = distance == best ? point : NULL;
            found->nearest = distance == best ? found->nearest : point;
        }
        if (point->sparsity < sparsity &&
            (!found->below || point->sparsity > found->below->sparsity)) {
            found->below = point;
        }
        if (point->sparsity > sparsity &&
            (!found->above || point->sparsity < found->above->sparsity)) {
            found->above = point;
        }
    }
}

#define ANSWERS_MAX 64

static enum spr_status ask_series(const struct question *q, size_t lead,
                                  struct answer *answers, size_t *count)
{
    struct around found;
    look_around(q, lead, &found);
    const struct spr_accuracy_point *point = found.nearest;
    if (point && found.rival && found.rival->accuracy != point->accuracy) {
        return spr_fail(q->err, SPR_EINPUT,
                        "%s:%zu: accuracy %.10g, but %.10g in line %zu, both for variant "
                        "'%.80s': expected one, or a column 'method' that tells them apart",
                        q->accuracy->path, found.rival->line, found.rival->accuracy,
                        point->accuracy, point->line, q->variant);
    }
    if (!point && !(q->between && found.below && found.above)) {
        return SPR_OK;
    }
    if (*count == ANSWERS_MAX) {
        return spr_fail(q->err, SPR_EINPUT, "%s: more than %d methods for variant '%.80s'",
                        q->accuracy->path, ANSWERS_MAX, q->variant);
    }
    answers[(*count)++] = point ? (struct answer){point->accuracy, point->dense_accuracy,
                                                  point->method, point->layerwise, false}
                                : interpolate(found.below, found.above, q->sparsity);
    return SPR_OK;
}

/* One answer per method that knows the point. */
static enum spr_status ask(const struct question *q, struct answer *answers, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < q->accuracy->point_count; i++) {
        if (q->accuracy->points[i].series == i &&
            spr_pattern_equal(&q->accuracy->points[i].pattern, q->pattern)) {
            SPR_TRY(ask_series(q, i, answers, count));
        }
    }
    return SPR_OK;
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
    return network->metric ? SPR_OK : spr_no_memory(err);
}

enum spr_status spr_accuracy_make_variants(const struct spr_accuracy *accuracy,
                                           bool assume_uniform, struct spr_network *network,
                                           struct spr_error *err)
{
    struct spr_variant *variants = spr_calloc(accuracy->point_count, sizeof *variants);
    if (!variants) {
        return spr_no_memory(err);
    }
    spr_free(network->variants);
    network->variants = variants;
    network->variant_count = accuracy->point_count;
    for (size_t i = 0; i < accuracy->point_count; i++) {
        const struct spr_accuracy_point *point = &accuracy->points[i];
        bool several = false;
        for (size_t j = 0; j < accuracy->point_count; j++) {
            several =
                several ||
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
            return spr_no_memory(err);
        }
        struct answer answer = {point->accuracy, point->dense_accuracy, point->method,
                                point->layerwise, false};
        if (!apply(network, &variants[i], &answer, assume_uniform)) {
            return spr_no_memory(err);
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

static enum spr_status join_by_name(const struct spr_accuracy *accuracy,
                                    const struct spr_accuracy_point *named,
                                    struct spr_network *network, struct spr_variant *variant,
                                    struct spr_error *err)
{
    char table[SPR_PATTERN_TEXT], here[SPR_PATTERN_TEXT];
    if (variant->pattern.kind && !spr_pattern_equal(&variant->pattern, &named->pattern)) {
        return spr_fail(err, SPR_EINPUT,
                        "%s:%zu: column 'pattern': '%s': expected %s, the pattern of variant "
                        "'%.80s'",
                        accuracy->path, named->line, spr_pattern_text(&named->pattern, table),
                        spr_pattern_text(&variant->pattern, here), variant->name);
    }
    struct answer answer = {named->accuracy, named->dense_accuracy, named->method,
                            named->layerwise, false};
    return apply(network, variant, &answer, false) ? SPR_OK : spr_no_memory(err);
}

static enum spr_status join_table_variant(const struct spr_accuracy *accuracy,
                                          struct spr_network *network,
                                          struct spr_variant *variant, struct spr_error *err)
{
    struct answer answers[ANSWERS_MAX];
    const struct spr_accuracy_point *named = by_name(accuracy, variant->name);
    size_t count = 0;
    if (named) {
        return join_by_name(accuracy, named, network, variant, err);
    }
    /* A 2:4 variant that leaves layers dense averages below 0.5, yet its point says 0.5. */
    double fixed = spr_pattern_fixed_sparsity(&variant->pattern);
    struct question question = {accuracy,
                                variant->name,
                                &variant->pattern,
                                isnan(fixed) ? variant->sparsity : fixed,
                                false,
                                true,
                                err};
    /* A point of a pattern is not of a network whose layers are smaller too. */
    if (variant->pattern.kind && !variant->smaller) {
        SPR_TRY(ask(&question, answers, &count));
    }
    if (count > 1) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: variant '%.80s' matches %zu methods ('%.40s', '%.40s'): expected "
                        "a column 'variant' that says which",
                        accuracy->path, variant->name, count, answers[0].method,
                        answers[1].method);
    }
    if (count == 1 && !apply(network, variant, &answers[0], false)) {
        return spr_no_memory(err);
    }
    return SPR_OK;
}

static enum spr_status join_grid(const struct spr_accuracy *accuracy, bool assume_uniform,
                                 struct spr_network *network, struct spr_error *err)
{
    struct spr_variant *joined = NULL;
    size_t capacity = 0, count = 0;
    for (size_t i = 0; i < network->variant_count; i++) {
        const struct spr_variant *old = &network->variants[i];
        struct answer answers[ANSWERS_MAX];
        struct question question = {accuracy, old->name, &old->pattern, old->sparsity, true,
                                    false,    err};
        size_t found;
        enum spr_status status = ask(&question, answers, &found);
        if (status != SPR_OK) {
            spr_free(joined);
            return status;
        }
        size_t copies = found > 0 ? found : 1;
        if (!spr_grow(&joined, &capacity, count + copies, sizeof *joined)) {
            spr_free(joined);
            return spr_no_memory(err);
        }
        for (size_t a = 0; a < copies; a++) {
            struct spr_variant *variant = &joined[count++];
            *variant = *old;
            if ((found > 1 && !set_name(network, variant, answers[a].method)) ||
                (found > 0 && !apply(network, variant, &answers[a], assume_uniform))) {
                spr_free(joined);
                return spr_no_memory(err);
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
    SPR_TRY(set_metric(accuracy, network, err));
    if (network->variant_count > 0 && network->variants[0].grid) {
        return join_grid(accuracy, assume_uniform, network, err);
    }
    for (size_t i = 0; i < network->variant_count; i++) {
        SPR_TRY(join_table_variant(accuracy, network, &network->variants[i], err));
    }
    return SPR_OK;
}
