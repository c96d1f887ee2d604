/* SPDX-License-Identifier: Apache-2.0 */
/* Which patterns an engine takes. */
#include <stdio.h>

#include "sproof/machine.h"

const char *spr_accept_text(const struct spr_accept *accept, char *text)
{
    if (accept->form == SPR_ACCEPT_PATTERN) {
        return spr_pattern_text(&accept->pattern, text);
    }
    snprintf(text, SPR_PATTERN_TEXT, "%s",
             accept->form == SPR_ACCEPT_ANY ? "any" : spr_class_name(accept->pattern_class));
    return text;
}

static bool accept_matches(const struct spr_accept *accept, const struct spr_pattern *pattern)
{
    switch (accept->form) {
    case SPR_ACCEPT_ANY:
        return true;
    case SPR_ACCEPT_CLASS:
        return accept->pattern_class == pattern->kind->pattern_class;
    case SPR_ACCEPT_PATTERN:
        break;
    }
    return spr_pattern_equal(&accept->pattern, pattern);
}

const struct spr_accept *spr_engine_accept(const struct spr_engine *engine,
                                           const struct spr_pattern *pattern)
{
    for (size_t i = 0; i < engine->accept_count; i++) {
        if (accept_matches(&engine->accepts[i], pattern)) {
            return &engine->accepts[i];
        }
    }
    return NULL;
}

double spr_engines_rate(const struct spr_machine *machine, const struct spr_pattern *pattern,
                        enum spr_dtype dtype)
{
    double rate = 0;
    for (size_t i = 0; i < machine->engine_count; i++) {
        const struct spr_engine *engine = &machine->engines[i];
        const double flops_per_s = engine->flops_per_s.value;
        if ((engine->dtypes & (1u << dtype)) != 0 && flops_per_s > rate &&
            spr_engine_accept(engine, pattern) != NULL) {
            rate = flops_per_s;
        }
    }
    return rate;
}
