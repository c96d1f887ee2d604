/* SPDX-License-Identifier: Apache-2.0 */
/* k-winner-take-all: a threshold, then the values that reach it. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/isa_code.h"
#include "kernel/wta_methods.h"

const char *spr_wta_method_name(enum spr_wta_method method)
{
    static const char *const names[SPR_WTA_METHODS] = {"threshold", "histogram", "sort"};
    return names[method];
}

int64_t spr_wta_groups(const struct spr_wta *wta)
{
    return wta->scope == SPR_WTA_CHANNEL ? wta->channels
           : wta->scope == SPR_WTA_PIXEL ? wta->pixels
                                         : 1;
}

int64_t spr_wta_size(const struct spr_wta *wta)
{
    return wta->channels * wta->pixels / spr_wta_groups(wta);
}

int64_t spr_wta_count(int64_t size, double share)
{
    const double count = nearbyint((double)size * share);
    return count < 1 ? 1 : (int64_t)count;
}

enum spr_status spr_winners_alloc(const struct spr_wta *wta, struct spr_winners *winners,
                                  struct spr_error *err)
{
    *winners = (struct spr_winners){0};
    if (wta->channels > INT32_MAX / wta->pixels) {
        return spr_fail(err, SPR_EINPUT, "k-winner-take-all: more than 2^31-1 values");
    }
    const size_t room = (size_t)(wta->channels * wta->pixels) + SPR_LIST_SLACK;
    const size_t scratch = 3 * (size_t)spr_wta_size(wta) + SPR_WTA_SAMPLE;
    winners->index = spr_aligned_alloc(64, room * sizeof *winners->index);
    winners->value = spr_aligned_alloc(64, room * sizeof *winners->value);
    winners->scratch = spr_aligned_alloc(64, scratch * sizeof *winners->scratch);
    if (winners->index && winners->value && winners->scratch) {
        return SPR_OK;
    }
    spr_winners_free(winners);
    return spr_no_memory(err);
}

void spr_winners_free(struct spr_winners *winners)
{
    spr_free(winners->index);
    spr_free(winners->value);
    spr_free(winners->scratch);
    *winners = (struct spr_winners){0};
}

/* Of those that equal the least, only as many as are wanted: the first. */
static void cut_ties(struct spr_ranked *list, int64_t k)
{
    float least = list->rank[0];
    int64_t above = 0, kept = 0;
    for (int64_t i = 1; i < list->count; i++) {
        least = list->rank[i] < least ? list->rank[i] : least;
    }
    for (int64_t i = 0; i < list->count; i++) {
        above += list->rank[i] > least;
    }
    for (int64_t i = 0, ties = k - above; i < list->count; i++) {
        if (list->rank[i] > least || ties-- > 0) {
            list->rank[kept] = list->rank[i];
            list->index[kept++] = list->index[i];
        }
    }
    list->count = kept;
}

/* The winners of values that lie side by side. */
static void choose(const struct spr_wta *wta, const struct spr_wta_group *group,
                   struct spr_ranked *out)
{
    const struct spr_winner_loops *loops = spr_isa_code_of(wta->isa)->winners;
    float least = spr_wta_threshold(wta, group);
    loops->collect(group->x, group->factor, group->count, least, out);
    if (out->count < group->k && least > -HUGE_VALF) {
        least = -HUGE_VALF; /* the sample misled */
        loops->collect(group->x, group->factor, group->count, least, out);
    }
    if (out->count > group->k) {
        const struct spr_search search = {out->rank, out->count, group->k, 0};
        loops->keep(out, loops->search(&search));
    }
    if (wta->strict && out->count > group->k) {
        cut_ties(out, group->k);
    }
}

static const float *side_by_side(const float *from, int64_t step, int64_t count, float *to)
{
    for (int64_t i = 0; i < count; i++) {
        to[i] = from[i * step];
    }
    return to;
}

void spr_wta_run(const struct spr_wta *wta, const float *x, const float *factor,
                 struct spr_winners *winners)
{
    const int64_t groups = spr_wta_groups(wta), size = spr_wta_size(wta);
    const bool apart = wta->scope == SPR_WTA_PIXEL && groups > 1;
    const int64_t step = apart ? groups : 1, next = apart ? 1 : size;
    float *scratch = winners->scratch;
    winners->count = 0;
    for (int64_t g = 0; g < groups; g++) {
        struct spr_wta_group group = {x + g * next, factor ? factor + g * next : NULL, size,
                                      wta->k < size ? wta->k : size,
                                      scratch + (apart ? 2 * size : 0)};
        struct spr_ranked out = {winners->index + winners->count,
                                 winners->value + winners->count, 0};
        if (apart) {
            group.x = side_by_side(group.x, step, size, scratch);
            group.factor =
                factor ? side_by_side(group.factor, step, size, scratch + size) : NULL;
        }
        choose(wta, &group, &out);
        for (int64_t i = 0; (factor || groups > 1) && i < out.count; i++) {
            out.index[i] = (int32_t)(g * next + out.index[i] * step);
            out.rank[i] = x[out.index[i]];
        }
        winners->count += out.count;
    }
}

void spr_winners_spread(const struct spr_winners *winners, float *y, int64_t count)
{
    memset(y, 0, (size_t)count * sizeof *y);
    for (int64_t i = 0; i < winners->count; i++) {
        y[winners->index[i]] = winners->value[i];
    }
}
