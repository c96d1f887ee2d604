/* SPDX-License-Identifier: Apache-2.0 */
/* Which engines multiply a pattern, and as what. */
#include <string.h>

#include "sproof/model.h"

const char *spr_execution_name(enum spr_execution execution)
{
    static const char *const names[SPR_EXECUTIONS] = {"native", "expanded", "dense"};
    return names[execution];
}

bool spr_model_accepts(const struct spr_model *model, const struct spr_pattern *pattern)
{
    for (size_t i = 0; i < model->machine->engine_count; i++) {
        if (model->flops_per_s[i] > 0 &&
            spr_engine_accept(&model->machine->engines[i], pattern)) {
            return true;
        }
    }
    return false;
}

static struct spr_way *add_way(struct spr_ways *ways, enum spr_execution execution, int engine)
{
    struct spr_way *way = &ways->way[ways->count++];
    *way = (struct spr_way){.execution = execution, .engine = engine};
    return way;
}

/* Weights of any pattern are single weights somewhere. */
static bool takes_single_weights(const struct spr_accept *accept)
{
    return accept->form == SPR_ACCEPT_CLASS
               ? accept->pattern_class == SPR_CLASS_CSR
               : accept->form == SPR_ACCEPT_PATTERN &&
                     accept->pattern.kind->pattern_class == SPR_CLASS_CSR;
}

/* What the engine accepts that holds the pattern. An entry that is run as another pattern has the
 * FLOPs of that one, which is looked at by itself. */
static void add_expanded(struct spr_ways *ways, const struct spr_engine *engine, int index)
{
    for (size_t i = 0; i < engine->accept_count; i++) {
        const struct spr_accept *accept = &engine->accepts[i];
        const struct spr_pattern *pattern = &ways->pattern;
        struct spr_pattern slots = {0}, as = accept->pattern;
        if (accept->as.kind) {
            continue;
        }
        if (takes_single_weights(accept)) {
            if (accept->form == SPR_ACCEPT_CLASS) {
                (void)spr_pattern_parse("csr", &as, NULL);
            }
        } else if (accept->form != SPR_ACCEPT_PATTERN || !pattern->kind->spread ||
                   !pattern->kind->spread(pattern, &as, &slots)) {
            continue;
        }
        struct spr_way *way = add_way(ways, SPR_EXECUTION_EXPANDED, index);
        way->as = as;
        way->slots = slots;
    }
}

void spr_model_ways(const struct spr_model *model, const struct spr_pattern *pattern,
                    struct spr_ways *ways)
{
    ways->pattern = *pattern;
    ways->dense = spr_pattern_dense();
    ways->count = 0;
    for (size_t i = 0; i < model->machine->engine_count; i++) {
        const struct spr_engine *engine = &model->machine->engines[i];
        const struct spr_accept *accept =
            model->flops_per_s[i] > 0 ? spr_engine_accept(engine, pattern) : NULL;
        if (accept) {
            add_way(ways, SPR_EXECUTION_NATIVE, (int)i)->as = accept->as;
        }
        if (model->flops_per_s[i] > 0 && !model->native_only &&
            !spr_pattern_is_dense(pattern)) {
            add_expanded(ways, engine, (int)i);
        }
    }
    if (!model->native_only && !spr_pattern_is_dense(pattern)) {
        struct spr_way *way = add_way(ways, SPR_EXECUTION_EXPANDED, SPR_DENSE_ENGINE);
        way->as = way->slots = ways->dense;
    }
}
