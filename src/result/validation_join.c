/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of the same cases joined to one of several visits. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "sproof/validation.h"

static enum spr_status append(struct spr_measurement *all, const struct spr_measurement *more,
                              struct spr_arena *arena, struct spr_error *err)
{
    const int first = all->visits;
    struct spr_timed *samples =
        spr_arena_alloc(arena, (all->sample_count + more->sample_count + 1) * sizeof *samples);
    if (!samples) {
        return spr_no_memory(err);
    }
    if (all->sample_count > 0) {
        memcpy(samples, all->samples, all->sample_count * sizeof *samples);
    }
    for (size_t i = 0; i < more->sample_count; i++) {
        samples[all->sample_count + i] = more->samples[i];
        samples[all->sample_count + i].visit += first;
    }
    all->samples = samples;
    all->sample_count += more->sample_count;
    all->visits = first + more->visits;
    return SPR_OK;
}

static bool same_case(const struct spr_validation_case *a, const struct spr_validation_case *b)
{
    return strcmp(a->layer, b->layer) == 0 && strcmp(a->variant, b->variant) == 0 &&
           a->m == b->m && a->k == b->k && a->n == b->n;
}

enum spr_status spr_validation_join(struct spr_validation *all,
                                    const struct spr_validation *more, struct spr_error *err)
{
    bool same = all->case_count == more->case_count;
    for (size_t i = 0; same && i < all->case_count; i++) {
        same = same_case(&all->cases[i], &more->cases[i]);
    }
    if (!same) {
        return spr_fail(err, SPR_EINPUT,
                        "two runs of the same cases measured %zu and %zu "
                        "different ones",
                        all->case_count, more->case_count);
    }
    for (size_t i = 0; i < all->case_count; i++) {
        struct spr_validation_case *c = &all->cases[i];
        SPR_TRY(append(&c->measured, &more->cases[i].measured, &all->arena, err));
        /* The fastest dense kernel may be another one in another run. */
        if (c->dense.kernel && more->cases[i].dense.kernel &&
            strcmp(c->dense.kernel, more->cases[i].dense.kernel) == 0) {
            SPR_TRY(
                append(&c->dense.measured, &more->cases[i].dense.measured, &all->arena, err));
        } else {
            c->dense.kernel = NULL;
        }
    }
    return SPR_OK;
}

static void add_least(const struct spr_measurement *m, double least_s[SPR_CANARIES])
{
    for (size_t i = 0; i < m->sample_count; i++) {
        for (int c = 0; c < SPR_CANARIES; c++) {
            const struct spr_timed *t = &m->samples[i];
            least_s[c] = fmin(least_s[c], fmin(t->before_s[c], t->after_s[c]));
        }
    }
}

void spr_validation_canaries(const struct spr_validation *v, double least_s[SPR_CANARIES])
{
    for (size_t i = 0; i < v->case_count; i++) {
        add_least(&v->cases[i].measured, least_s);
        add_least(&v->cases[i].dense.measured, least_s);
    }
}

bool spr_validation_judge_times(struct spr_validation *v, const double least_s[SPR_CANARIES])
{
    for (size_t i = 0; i < v->case_count; i++) {
        struct spr_validation_case *c = &v->cases[i];
        struct spr_measurement *const all[] = {&c->measured, &c->dense.measured};
        if (!spr_measurements_judge(all, c->dense.kernel ? 2 : 1, least_s)) {
            return false;
        }
        c->error = c->expected_s / c->measured.time_s - 1;
        c->fraction_of_bound = c->bound_s / c->measured.time_s;
        c->inconclusive = c->measured.doubt != SPR_DOUBT_NONE;
        if (c->dense.kernel && !spr_pattern_is_dense(&c->pattern)) {
            c->inconclusive = c->inconclusive || c->dense.measured.doubt != SPR_DOUBT_NONE;
            c->measured_speedup = c->dense.measured.time_s / c->measured.time_s;
            c->speedup_error = c->expected_speedup / c->measured_speedup - 1;
        }
    }
    return true;
}
