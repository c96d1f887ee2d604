/* SPDX-License-Identifier: Apache-2.0 */
/* Visits to whole networks. */
#include "validate/time_networks.h"

#include <math.h>

#define BUDGET_S 30.0
#define WARM_UP_S 0.05

/* A visit gets a share of the budget. */
#define VISITS 3
#define VISITS_APART_S 10.0
#define BUDGET_FOR_VISITS_S 30.0

static enum spr_status judge_times(const struct spr_networks *n, const struct spr_bench *bench,
                                   bool *doubtful, struct spr_error *err)
{
    struct spr_measurement *all[SPR_BENCH_SUBJECTS_MAX];
    const struct spr_canaries *canaries = bench->canaries;
    for (size_t i = 0; i < n->count; i++) {
        all[i] = n->subjects[i].result;
    }
    if (!spr_measurements_judge(all, n->count, canaries ? canaries->least_s : NULL)) {
        return spr_no_memory(err);
    }
    *doubtful = false;
    for (size_t i = 0; i < n->networks; i++) {
        *doubtful = *doubtful || all[i]->doubt != SPR_DOUBT_NONE;
    }
    return SPR_OK;
}

static enum spr_status visit_all(const struct spr_networks *n, struct spr_bench *bench,
                                 double budget_s, struct spr_error *err)
{
    const struct spr_validate_options *o = n->options;
    const int visits = o->one_visit || budget_s < BUDGET_FOR_VISITS_S ? 1 : VISITS;
    bench->begin_s = bench->clock_s();
    bench->budget_s = budget_s / visits;
    double begun_s = 0;
    bool doubtful = true;
    for (int visit = 0; visit < visits; visit++) {
        while (visit > 0 && !o->clock_s && !(o->stop && o->stop()) &&
               bench->clock_s() - begun_s < VISITS_APART_S) {
            spr_bench_sleep(0.05);
        }
        begun_s = bench->clock_s();
        if (visit == VISITS - 1 &&
            (!doubtful || begun_s - bench->begin_s + bench->budget_s > budget_s)) {
            break;
        }
        bench->visit = visit;
        SPR_TRY(spr_bench_visit(bench, n->subjects, n->count, n->arena, err));
        SPR_TRY(judge_times(n, bench, &doubtful, err));
    }
    return SPR_OK;
}

enum spr_status spr_time_networks(const struct spr_networks *networks, struct spr_error *err)
{
    const struct spr_validate_options *o = networks->options;
    uint64_t seed = o->seed;
    struct spr_bench bench = {.clock_s = networks->clock_s,
                              .random = &seed,
                              .warm_up_s = WARM_UP_S,
                              .sample_s = networks->sample_s,
                              .memory = true, /* their weights pass through the caches */
                              .stop = o->stop};
    enum spr_status status = SPR_OK;
    if (!o->clock_s) {
        status =
            spr_canaries_make(o->isa, o->threads, o->canary_least_s, &bench.canaries, err);
        if (status == SPR_OK) {
            spr_canaries_learn(bench.canaries, true);
        }
    }
    if (status == SPR_OK) {
        status = visit_all(networks, &bench, isnan(o->budget_s) ? BUDGET_S : o->budget_s, err);
    }
    spr_canaries_free(bench.canaries);
    return status;
}
