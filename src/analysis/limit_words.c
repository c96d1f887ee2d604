/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of the expected time in words. */
#include "analysis/limit_words.h"

#include <math.h>
#include <stdio.h>

static const struct {
    const char *words, *brief, *remedy;
} limits[SPR_LIMIT_COUNT] = {
    [SPR_LIMIT_FMA] = {"multiply-add issue", "FMA issue",
                       "fewer stored weights, as blocks without padding"},
    [SPR_LIMIT_LATENCY] = {"the wait for sums", "FMA wait",
                           "more tokens, or blocks of more rows"},
    [SPR_LIMIT_LOADS] = {"loads", "loads",
                         "blocks of more rows use each load of X more often"},
    [SPR_LIMIT_X] = {"rows of X from L2", "X from L2",
                     "blocks of more rows, which share their rows of X"},
    [SPR_LIMIT_W] = {"stream of weights", "W stream",
                     "fewer stored weights, or more tokens to a pass"},
    [SPR_LIMIT_SEGMENTS] = {"short rows", "short rows", "blocks of more rows, or longer rows"},
    [SPR_LIMIT_CALL] = {"call overhead", "calls", "larger batches or fused calls"},
    [SPR_LIMIT_PEAK] = {"the engine's reached peak", "peak", "fewer weights multiplied"},
    [SPR_LIMIT_CACHE] = {"bytes out of the last cache", "L2 bytes",
                         "larger blocks, which use each row of X more often"},
    [SPR_LIMIT_MEMORY] = {"bytes from memory", "memory",
                          "fewer bytes: narrower types, a lighter format"},
    [SPR_LIMIT_UNITS] = {"few tiles for the machine's units", "few tiles",
                         "more tokens, or larger layers"},
};

const char *spr_limit_words(enum spr_limit limit)
{
    return limits[limit].words;
}

const char *spr_limit_short(enum spr_limit limit)
{
    return limits[limit].brief;
}

const char *spr_explain_expected(const struct spr_layer_expected *expected)
{
    return expected->kernel ? limits[expected->limit].words : "bound, not expected";
}

const char *spr_limit_remedy(enum spr_limit limit)
{
    return limits[limit].remedy;
}

/* Behind the limits of kernels: what is not pruned, and what no kernel runs. */
enum { NOT_PRUNED = SPR_LIMIT_COUNT, NO_KERNEL, SHARES };

/* Where most of the expected time goes, and its share of that. */
static size_t worst_share(const struct spr_analysis *a, const struct spr_result *result,
                          double *share)
{
    double seconds[SHARES] = {0}, total = 0;
    size_t worst = 0;
    for (size_t i = 0; i < a->network->layer_count; i++) {
        const struct spr_layer_result *r = &result->layers[i];
        size_t where = spr_choice_unchanged(&r->choice) ? NOT_PRUNED
                       : r->expected.kernel             ? (size_t)r->expected.limit
                                                        : NO_KERNEL;
        seconds[where] +=
            (double)spr_choice_layer(a->network, &r->choice)->count * r->expected.time_s;
    }
    for (size_t i = 0; i < SHARES; i++) {
        total += seconds[i];
        worst = seconds[i] > seconds[worst] ? i : worst;
    }
    *share = total > 0 ? seconds[worst] / total : 0;
    return worst;
}

const char *spr_limit_share(const struct spr_analysis *a, const struct spr_result *result,
                            char *text)
{
    double share;
    const size_t worst = worst_share(a, result, &share);
    snprintf(text, SPR_REASON_TEXT, "%s %.0f%%",
             worst == NOT_PRUNED  ? "not pruned"
             : worst == NO_KERNEL ? "no kernel"
                                  : limits[worst].brief,
             100 * share);
    return text;
}

bool spr_explain_stops(const struct spr_analysis *a, const struct spr_result *result,
                       char *text)
{
    double share;
    if (!isfinite(result->expected.time_s)) {
        return false;
    }
    const size_t worst = worst_share(a, result, &share);
    snprintf(text, SPR_REASON_TEXT, "%s (%.0f %%): %s",
             worst == NOT_PRUNED  ? "operators that are not pruned"
             : worst == NO_KERNEL ? "operators that no kernel was timed for"
                                  : limits[worst].words,
             100 * share,
             worst < SPR_LIMIT_COUNT ? limits[worst].remedy
                                     : "fuse them, or prune more layers");
    return true;
}
