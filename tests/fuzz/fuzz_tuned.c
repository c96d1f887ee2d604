/* SPDX-License-Identifier: Apache-2.0 */
/* Tuned plans. What is read is a plan that the kernels have, where a case finds it; what is saved
 * is read as the same. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cache_dir.h"
#include "sproof/schedule.h"

#define PLANS_USED 50

/* The file is of this CPU, whatever runs here (linked with --wrap). */
void __wrap_spr_cache_identity(char identity[SPR_CPU_IDENTITY]);
void __wrap_spr_cache_identity(char identity[SPR_CPU_IDENTITY])
{
    snprintf(identity, SPR_CPU_IDENTITY, "a CPU, probe 1");
}

static bool same_plan(const struct spr_tuned_plan *a, const struct spr_tuned_plan *b)
{
    return a->isa == b->isa && a->threads == b->threads && a->layout == b->layout &&
           a->m == b->m && a->k == b->k && a->n == b->n &&
           spr_pattern_equal(&a->pattern, &b->pattern) && a->density == b->density &&
           a->rows == b->rows && a->vectors == b->vectors && a->slots == b->slots &&
           a->tokens == b->tokens && a->panel == b->panel;
}

static void use(const struct spr_tuned *tuned, const struct spr_tuned_plan *plan)
{
    struct spr_plan candidates[SPR_CANDIDATES_MAX];
    struct spr_kernel kernel;
    struct spr_expected_case of = {.pattern = plan->pattern,
                                   .m = plan->m,
                                   .k = plan->k,
                                   .n = plan->n,
                                   .threads = plan->threads,
                                   .isa = plan->isa,
                                   .layout = plan->layout,
                                   .tuned = tuned};
    const struct spr_shape shape = {plan->m, plan->k, 1};
    if (!spr_isa_usable(plan->isa) || !spr_kernel_find(&of.pattern, of.isa, &kernel)) {
        return;
    }
    of.kept = plan->density * of.pattern.kind->cells(&of.pattern, &shape);
    const struct spr_plan found = spr_plan_for(NULL, &of);
    const size_t count = spr_plan_candidates(&of, candidates);
    bool known = false;
    for (size_t i = 0; i < count; i++) {
        known = known ||
                (candidates[i].rows == found.rows && candidates[i].vectors == found.vectors &&
                 candidates[i].panel == found.panel && candidates[i].slots == found.slots &&
                 candidates[i].tokens == found.tokens);
    }
    fuzz_require(known, "only candidates are run, whatever a file says");
}

static void save_again(struct spr_tuned *tuned)
{
    struct spr_tuned again, once = {0};
    struct spr_error err = {0};
    char path[1024];
    for (size_t i = 0; i < tuned->count; i++) {
        tuned->plan[i].fresh = true;
        fuzz_require(spr_tuned_put(&once, &tuned->plan[i], NULL) == SPR_OK, "plans are put");
    }
    fuzz_empty_folder();
    setenv("XDG_CACHE_HOME", fuzz_folder(), 1);
    if (spr_tuned_save(tuned, &err) != SPR_OK) {
        fprintf(stderr, "%s\n", err.text);
        fuzz_require(false, "plans are saved");
    }
    snprintf(path, sizeof path, "%s/sproof/tuned.json", fuzz_folder());
    fuzz_require(spr_tuned_read_file(path, &again, NULL) == SPR_OK,
                 "plans that were saved can be read");
    fuzz_require(again.count == once.count, "no plan is lost");
    for (size_t i = 0; i < again.count; i++) {
        fuzz_require(same_plan(&again.plan[i], &once.plan[i]), "a plan stays what it was");
    }
    spr_tuned_free(&once);
    spr_tuned_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spr_tuned tuned;
    struct spr_error err = {0};
    if (spr_tuned_read_file(fuzz_file(data, size), &tuned, &err) != SPR_OK) {
        fuzz_check_error(&err);
        return 0;
    }
    for (size_t i = 0; i < tuned.count && i < PLANS_USED; i++) {
        use(&tuned, &tuned.plan[i]);
    }
    if (tuned.count > 0) {
        save_again(&tuned);
    }
    spr_tuned_free(&tuned);
    return 0;
}
