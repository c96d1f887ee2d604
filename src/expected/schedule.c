/* SPDX-License-Identifier: Apache-2.0 */
/* Candidates of a plan, in the order of their expected times; plans that were timed. */
#include "sproof/schedule.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/pack_shuffle.h"

/* A candidate must be expected to be this much faster than the plan of the rules of thumb,
 * which no error of the model misleads. */
#define WORTH_CHANGING 0.98

/* Tuned plans hold for densities this close. */
#define SAME_DENSITY 0.1

static bool same_plan(const struct spr_plan *a, const struct spr_plan *b)
{
    return a->rows == b->rows && a->vectors == b->vectors && a->panel == b->panel &&
           a->slots == b->slots && a->tokens == b->tokens;
}

static void add(struct spr_plan *plans, size_t *count, const struct spr_plan *plan)
{
    for (size_t i = 0; i < *count; i++) {
        if (same_plan(&plans[i], plan)) {
            return;
        }
    }
    if (*count < SPR_CANDIDATES_MAX) {
        plans[(*count)++] = *plan;
    }
}

/* Half and twice the panel, and all of k. */
static void add_panels(struct spr_plan *plans, size_t *count, struct spr_plan plan)
{
    const int64_t panel = plan.panel, k = plan.k;
    const int64_t other[] = {panel, (panel / 2 + 15) / 16 * 16, panel * 2, (k + 15) / 16 * 16};
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        plan.panel = other[i];
        if (other[i] >= 16 && other[i] <= SPR_PANEL_MAX && (i == 0 || other[i] < 2 * k)) {
            add(plans, count, &plan);
        }
    }
}

/* Every height that fits a block of so many rows: its widest tile, and half of it. */
static void add_heights(const struct spr_expected_case *of, int64_t block_rows,
                        struct spr_plan plan, struct spr_plan *plans, size_t *count)
{
    const struct spr_tiles *tiles = spr_isa_code_of(of->isa)->tiles;
    const int64_t lanes = tiles->lanes, vectors = (of->n + lanes - 1) / lanes;
    for (size_t i = tiles->height_count; i-- > 0;) {
        const int widest = tiles->heights[i].widest;
        plan.rows = tiles->heights[i].rows;
        if (plan.rows > block_rows) {
            continue;
        }
        plan.vectors = (int)(vectors < widest ? vectors : widest);
        add_panels(plans, count, plan);
        if (plan.vectors > 2) {
            plan.vectors /= 2;
            add_panels(plans, count, plan);
        }
    }
}

size_t spr_plan_candidates(const struct spr_expected_case *of,
                           struct spr_plan plans[SPR_CANDIDATES_MAX])
{
    struct spr_cell_shape cell;
    const bool dense = of->pattern.kind->pattern_class == SPR_CLASS_DENSE;
    const bool nk = of->layout == SPR_LAYOUT_NK;
    size_t count = 0;
    struct spr_plan plan = nk ? spr_plan_choose_nk(&of->pattern, of->isa, of->m, of->k, of->n,
                                                   of->kept, of->threads)
                              : spr_plan_choose(&of->pattern, of->isa, of->m, of->k, of->n,
                                                of->kept, of->threads);
    add(plans, &count, &plan);
    if (of->n == 1) {
        /* Scattered weights: more or fewer slots of a shuffled tile. */
        for (int slots = plan.slots - 1; plan.slots > 0 && slots <= plan.slots + 1; slots++) {
            struct spr_plan other = plan;
            other.slots = slots;
            if (slots > 0 && slots <= SPR_SHUFFLE_COLUMNS) {
                add(plans, &count, &other);
            }
        }
        return count;
    }
    if (plan.tokens > 0) {
        if (!dense) {
            add_panels(plans, &count, plan);
        }
        return count;
    }
    of->pattern.kind->cell(&of->pattern, of->m, of->k, of->kept, &cell);
    add_heights(of, dense ? of->m : cell.rows, plan, plans, &count);
    return count;
}

double spr_case_density(const struct spr_expected_case *of)
{
    struct spr_shape shape = {of->m, of->k, 1};
    return of->kept / of->pattern.kind->cells(&of->pattern, &shape);
}

/* What a plan is found again by; it has no plan yet. */
static struct spr_tuned_plan key_of(const struct spr_expected_case *of)
{
    return (struct spr_tuned_plan){.isa = of->isa,
                                   .threads = of->threads,
                                   .layout = of->layout,
                                   .m = of->m,
                                   .k = of->k,
                                   .n = of->n,
                                   .pattern = of->pattern,
                                   .density = spr_case_density(of)};
}

static bool same_case(const struct spr_tuned_plan *a, const struct spr_tuned_plan *b)
{
    return a->isa == b->isa && a->threads == b->threads && a->layout == b->layout &&
           a->m == b->m && a->k == b->k && a->n == b->n &&
           spr_pattern_equal(&a->pattern, &b->pattern) &&
           fabs(a->density - b->density) <= SAME_DENSITY * b->density;
}

/* Only what the candidates hold is legal, whatever a file says. */
static bool find_tuned(const struct spr_tuned *tuned, const struct spr_expected_case *of,
                       const struct spr_plan *plans, size_t count, struct spr_plan *plan)
{
    const struct spr_tuned_plan key = key_of(of);
    for (size_t i = 0; tuned && i < tuned->count; i++) {
        const struct spr_tuned_plan *t = &tuned->plan[i];
        for (size_t c = 0; c < count && same_case(t, &key); c++) {
            const struct spr_plan *p = &plans[c];
            if (p->rows == t->rows && p->vectors == t->vectors && p->panel == t->panel &&
                p->slots == t->slots && p->tokens == t->tokens) {
                *plan = *p;
                return true;
            }
        }
    }
    return false;
}

/* Candidates in the order of their expected times, unknown ones last. */
static void sort_plans(const struct spr_machine *machine, const struct spr_expected_case *of,
                       struct spr_plan *plans, size_t count)
{
    double times[SPR_CANDIDATES_MAX];
    for (size_t i = 0; i < count; i++) {
        struct spr_expected expected;
        const struct spr_plan plan = plans[i];
        double time_s =
            spr_expected_of_plan(machine, of, &plan, &expected) ? expected.time_s : HUGE_VAL;
        time_s *= i == 0 ? WORTH_CHANGING : 1;
        size_t at = i;
        for (; at > 0 && times[at - 1] > time_s; at--) {
            times[at] = times[at - 1];
            plans[at] = plans[at - 1];
        }
        times[at] = time_s;
        plans[at] = plan;
    }
}

struct spr_plan spr_plan_for(const struct spr_machine *machine,
                             const struct spr_expected_case *of)
{
    struct spr_plan plans[SPR_CANDIDATES_MAX], plan;
    size_t count = spr_plan_candidates(of, plans);
    if (find_tuned(of->tuned, of, plans, count, &plan)) {
        return plan;
    }
    if (machine && machine->kernels && machine->kernels->count > 0) {
        sort_plans(machine, of, plans, count);
    }
    return plans[0];
}

bool spr_expected_time(const struct spr_machine *machine, const struct spr_expected_case *of,
                       struct spr_expected *out)
{
    struct spr_kernel kernel;
    if (!machine->kernels || machine->kernels->count == 0 ||
        !spr_kernel_find(&of->pattern, of->isa, &kernel)) {
        return false;
    }
    const struct spr_plan plan = spr_plan_for(machine, of);
    return spr_expected_of_plan(machine, of, &plan, out);
}

size_t spr_plan_best(const struct spr_machine *machine, const struct spr_expected_case *of,
                     struct spr_plan *plans, size_t most)
{
    struct spr_plan all[SPR_CANDIDATES_MAX];
    size_t count = spr_plan_candidates(of, all);
    if (machine->kernels && machine->kernels->count > 0) {
        sort_plans(machine, of, all, count);
    }
    count = count < most ? count : most;
    memcpy(plans, all, count * sizeof *plans);
    return count;
}

enum spr_status spr_tuned_put(struct spr_tuned *tuned, const struct spr_tuned_plan *plan,
                              struct spr_error *err)
{
    for (size_t i = 0; i < tuned->count; i++) {
        if (same_case(&tuned->plan[i], plan)) {
            tuned->plan[i] = *plan;
            return SPR_OK;
        }
    }
    if (!spr_grow(&tuned->plan, &tuned->capacity, tuned->count + 1, sizeof *tuned->plan)) {
        return spr_no_memory(err);
    }
    tuned->plan[tuned->count++] = *plan;
    return SPR_OK;
}

enum spr_status spr_tuned_keep(struct spr_tuned *tuned, const struct spr_expected_case *of,
                               const struct spr_plan *plan, struct spr_error *err)
{
    struct spr_tuned_plan kept = key_of(of);
    kept.fresh = true;
    kept.rows = plan->rows;
    kept.vectors = plan->vectors;
    kept.slots = plan->slots;
    kept.tokens = plan->tokens;
    kept.panel = plan->panel;
    return spr_tuned_put(tuned, &kept, err);
}

void spr_tuned_free(struct spr_tuned *tuned)
{
    spr_free(tuned->plan);
    *tuned = (struct spr_tuned){0};
}
