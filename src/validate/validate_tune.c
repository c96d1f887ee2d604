/* SPDX-License-Identifier: Apache-2.0 */
/* Plans of one case timed against each other. */
#include <math.h>

#include "sproof/cpu.h"
#include "sproof/schedule.h"
#include "validate/validate_cpu.h"

/* What a run of the plans brings. */
struct tuning {
    struct spr_plan plan[SPR_CPU_SUBJECTS_MAX];
    struct spr_cpu_side *made[SPR_CPU_SUBJECTS_MAX];
    struct spr_contender contender[SPR_CPU_SUBJECTS_MAX];
    size_t count;
};

/* By so much a plan has to be better than the model's choice, and without doubt. */
#define BETTER 0.98

static size_t fastest_plan(const struct tuning *t)
{
    size_t best = 0;
    for (size_t i = 1; i < t->count; i++) {
        const struct spr_measurement *m = &t->contender[i].measured;
        const struct spr_measurement *b = &t->contender[best].measured;
        const bool sure = m->doubt == SPR_DOUBT_NONE && b->doubt == SPR_DOUBT_NONE;
        best = sure && m->high_s < BETTER * b->low_s ? i : best;
    }
    return best;
}

static enum spr_status judge_plans(const struct spr_validate_run *run, struct tuning *t,
                                   struct spr_error *err)
{
    struct spr_measurement *all[SPR_CPU_SUBJECTS_MAX];
    for (size_t i = 0; i < t->count; i++) {
        all[i] = &t->contender[i].measured;
    }
    return spr_measurements_judge(all, t->count, run->canaries ? run->canaries->least_s : NULL)
               ? SPR_OK
               : spr_no_memory(err);
}

static enum spr_status time_plans(struct spr_validate_run *run, const struct spr_side *side,
                                  struct tuning *t, struct spr_error *err)
{
    struct spr_contender *contenders[SPR_CPU_SUBJECTS_MAX];
    for (size_t i = 0; i < t->count; i++) {
        const struct spr_cpu_make make = {run, side, &t->plan[i], &t->contender[i]};
        SPR_TRY(spr_cpu_side_make(&make, &t->made[i], err));
        contenders[i] = &t->contender[i];
    }
    uint64_t seed = spr_seed(run->options->seed, "tune", &side->planned);
    SPR_TRY(spr_cpu_time_all(run, contenders, t->count, seed, err));
    return judge_plans(run, t, err);
}

/* Puts the winner, where it is not the usual plan, in that one's place, and notes in the side
 * what was tried. */
static enum spr_status choose(const struct spr_validate_run *run, struct spr_side *side,
                              struct tuning *t, struct spr_error *err)
{
    const struct spr_expected_case of = spr_case_of(run, side);
    struct spr_contender *chosen = &side->contenders[0];
    size_t best = fastest_plan(t);
    struct spr_tried_plan *tried =
        spr_arena_alloc(&run->validation->arena, t->count * sizeof *tried);
    if (!tried) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < t->count; i++) {
        const struct spr_plan *p = &t->plan[i];
        struct spr_expected expected = {.time_s = (double)NAN};
        (void)spr_expected_of_plan(run->machine, &of, p, &expected);
        tried[i] = (struct spr_tried_plan){p->rows,         p->vectors,
                                           p->tokens,       p->panel,
                                           expected.time_s, t->contender[i].measured.time_s};
    }
    if (run->options->tuned) {
        SPR_TRY(spr_tuned_keep(run->options->tuned, &of, &t->plan[best], err));
    }
    if (best > 0) {
        struct spr_cpu_side *usual = side->made;
        side->made = t->made[best];
        t->made[best] = usual;
        *chosen = t->contender[best];
        chosen->measured = (struct spr_measurement){0};
    }
    chosen->tried = tried;
    chosen->tried_count = t->count;
    chosen->chosen = best;
    return SPR_OK;
}

enum spr_status spr_cpu_tune(struct spr_validate_run *run, struct spr_side *side,
                             struct spr_error *err)
{
    const struct spr_expected_case of = spr_case_of(run, side);
    struct tuning t = {.count = 0};
    t.count = spr_plan_best(run->machine, &of, t.plan, SPR_CPU_SUBJECTS_MAX);
    enum spr_status status = time_plans(run, side, &t, err);
    status = status ? status : choose(run, side, &t, err);
    for (size_t i = 0; i < t.count; i++) {
        spr_cpu_side_free(t.made[i]);
    }
    return status;
}
