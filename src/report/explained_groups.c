/* SPDX-License-Identifier: Apache-2.0 */
/* The operators of a network in groups: those that are the same work and are pruned alike. */
#include "report/explained_groups.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/table.h"

/* As spr_layer_alike compares. */
static int shape_key(const struct spr_layer *layer, char *key, size_t size)
{
    return snprintf(key, size, "%s %lld %lld %lld %lld %a %a %a %a", spr_op_name(layer->op),
                    (long long)layer->m, (long long)layer->k, (long long)layer->n,
                    (long long)layer->groups, layer->x_elements, layer->other_flops,
                    layer->other_bytes, layer->y_elements);
}

#define KEY_TEXT 512

/* The key of a layer's group. */
static void group_key(const struct spr_analysis *a, const struct spr_result *result,
                      size_t index, char *key, size_t size)
{
    const struct spr_layer *layer = &a->network->layers[index];
    const struct spr_choice *choice = &result->layers[index].choice;
    char pattern[SPR_PATTERN_TEXT];
    int used = shape_key(layer, key, size);
    used += snprintf(key + used, size - (size_t)used, " %s ",
                     spr_pattern_text(&choice->pattern, pattern));
    if (choice->smaller) {
        shape_key(choice->smaller, key + used, size - (size_t)used);
    }
}

static void add_to_group(const struct spr_analysis *a, const struct spr_result *result,
                         size_t index, struct spr_group *group)
{
    double times = (double)a->network->layers[index].count;
    double runs = (double)spr_choice_layer(a->network, &result->layers[index].choice)->count;
    bool expected = isfinite(result->expected.speedup);
    double seconds =
        expected ? result->layers[index].expected.time_s : result->layers[index].run.time_s;
    double dense_seconds =
        expected ? spr_analysis_expected_dense(a, result->batch_index, index)->time_s
                 : spr_analysis_dense(a, result->batch_index, index)->time_s;
    if (group->count == 0 || seconds > group->slowest) {
        group->layer = index;
        group->slowest = seconds;
    }
    group->layers++;
    group->count += times;
    group->seconds += runs * seconds;
    group->dense_seconds += times * dense_seconds;
}

static int by_seconds(const void *left, const void *right)
{
    const struct spr_group *a = left, *b = right;
    return a->seconds > b->seconds ? -1 : a->seconds < b->seconds;
}

size_t spr_groups_make(const struct spr_analysis *a, const struct spr_result *result,
                       struct spr_group *groups)
{
    struct spr_names names = {0};
    struct spr_arena arena = {0};
    size_t count = 0;
    bool complete = true;
    for (size_t i = 0; i < a->network->layer_count && complete; i++) {
        char key[KEY_TEXT];
        group_key(a, result, i, key, sizeof key);
        size_t g = spr_names_find(&names, key);
        if (g == SIZE_MAX) {
            const char *kept = spr_arena_text(&arena, key, strlen(key));
            g = count++;
            complete = kept && spr_names_add(&names, kept, g);
        }
        add_to_group(a, result, i, &groups[g]);
    }
    spr_names_free(&names);
    spr_arena_free(&arena);
    qsort(groups, count, sizeof *groups, by_seconds);
    return complete ? count : SIZE_MAX;
}

void spr_group_name(const struct spr_analysis *a, const struct spr_result *result,
                    const struct spr_group *group, char *text, size_t size)
{
    const struct spr_layer *layer = &a->network->layers[group->layer];
    char name[SPR_TABLE_CELL], shape[64] = "";
    if (layer->op != SPR_OP_OTHER) {
        snprintf(shape, sizeof shape, " %lldx%lld, n %.10g", (long long)layer->m,
                 (long long)layer->k,
                 (double)layer->n * (layer->op == SPR_OP_ATTENTION ? 1 : result->batch));
    }
    size_t room = strlen(shape) < 22 ? 32 - strlen(shape) : 10;
    if (group->layers == 1) {
        snprintf(text, size, "%s%s", spr_text_short(layer->name, room, name), shape);
    } else if (layer->op == SPR_OP_OTHER) {
        snprintf(text, size, "like %s", spr_text_short(layer->name, room - 5, name));
    } else {
        snprintf(text, size, "%s%s", spr_op_name(layer->op), shape);
    }
}
