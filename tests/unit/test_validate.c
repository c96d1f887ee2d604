/* SPDX-License-Identifier: Apache-2.0 */
/* Which cases a network gives, in which order, and what a run keeps. */
#include "test.h"

#include <sys/stat.h>

#include "validate/bench.h"
#include "base/mem.h"
#include "validate.h"
#include "sproof/report.h"

#define MIXED                                                                                 \
    "layer,m,k,n,op,count,groups,prunable,flops,bytes\n"                                      \
    "a,32,48,8,linear,2,,,,\nb,32,48,8,linear,3,,,,\nc,16,48,8,conv,,,,,\n"                   \
    "head,10,48,1,linear,,,no,,\nqk,8,16,8,attention,4,,,,\n"                                 \
    "dw,16,9,64,depthwise,,,yes,,\ngrouped,32,36,64,conv,,2,,,\nsoftmax,,,,other,,,,1000,8\n"

static const double levels[] = {0.5, 0.75};

static const struct spr_validation_case *find(const struct spr_validation *v,
                                              const char *layer, const char *variant)
{
    for (size_t i = 0; i < v->case_count; i++) {
        if (strcmp(v->cases[i].layer, layer) == 0 &&
            strcmp(v->cases[i].variant, variant) == 0) {
            return &v->cases[i];
        }
    }
    return NULL;
}

static bool left_out(const struct spr_validation *v, const char *line)
{
    for (size_t i = 0; i < v->not_measured_count; i++) {
        if (strcmp(v->not_measured[i], line) == 0) {
            return true;
        }
    }
    return false;
}

static void test_cases(void)
{
    static const char *const patterns[] = {"csr", "4:2:8", "2:4", "4x4", "32x1"};
    struct test_validation t;
    struct spr_validation *v = &t.validation;
    test_validation_start(&t, MIXED);
    test_validation_grid(&t, patterns, 5, levels, 2);
    t.options.batch = 2;
    CHECK_STATUS(SPR_OK, test_validation_run(&t), &t.err);
    /* a and c: csr and 4x4 at two sparsities each, 2:4; a: 32x1 at two, on c it does not
     * fit, so that c is also measured dense; head and qk: dense. */
    CHECK_INT(7 + 6 + 2, v->case_count);
    const struct spr_validation_case *a = find(v, "a", "csr@0.75");
    CHECK(a && !find(v, "b", "csr@0.75"));
    if (a) {
        CHECK_INT(5, a->count); /* b is alike */
        CHECK_INT(16, a->n);    /* times batch */
        CHECK_INT(384, a->nnz);
        CHECK(!a->real_mask);
        CHECK(strncmp(a->kernel, "spr_spmm_csr_f32__", 18) == 0);
        CHECK(strncmp(a->dense.kernel, "spr_spmm_dense_f32__", 20) == 0);
        CHECK(a->bound_s > 0 && a->dense.bound_s > a->bound_s);
        CHECK(a->measured_speedup > 0);
        CHECK_NEAR(a->bound_s / a->measured.median_s, a->fraction_of_bound, 1e-12);
        CHECK(isnan(a->expected_s) && isnan(a->error) && !a->expected_bound);
    }
    const struct spr_validation_case *qk = find(v, "qk", "dense");
    CHECK(qk != NULL);
    if (qk) {
        CHECK_INT(8, qk->n); /* one product of a sequence, twice as many of them */
        CHECK_INT(8, qk->count);
        CHECK(isnan(qk->measured_speedup) && isnan(qk->speedup_error));
    }
    CHECK(find(v, "head", "dense") != NULL && find(v, "c", "dense") != NULL);
    CHECK(find(v, "a", "dense") == NULL);
    CHECK(left_out(v, "4:2:8: no kernel"));
    CHECK(left_out(v, "dw: depthwise"));
    CHECK(left_out(v, "grouped: a convolution in groups"));
    CHECK(left_out(v, "softmax: not a matrix product"));
    CHECK_INT(6, v->not_measured_count); /* and 32x1 on c, twice */
    CHECK(!v->interrupted && isnan(v->drift));
    test_validation_stop(&t);
}

/* Inputs depend on the seed and the case, not on what was measured before. */
static void test_budget_order(void)
{
    static const char *const patterns[] = {"csr", "4x4"};
    struct test_validation all, some, again;
    test_validation_start(&all, MIXED);
    test_validation_grid(&all, patterns, 2, levels, 2);
    CHECK_STATUS(SPR_OK, test_validation_run(&all), &all.err);
    test_validation_start(&some, MIXED);
    test_validation_grid(&some, patterns, 2, levels, 2);
    some.options.budget_s = 0.5;
    CHECK_STATUS(SPR_OK, test_validation_run(&some), &some.err);
    size_t count = some.validation.case_count;
    CHECK(count > 0 && count < all.validation.case_count);
    CHECK(some.notes.count > 0 && strstr(some.notes.line[some.notes.count - 1], "budget"));
    for (size_t i = 0; i < count; i++) {
        const struct spr_validation_case *c = &some.validation.cases[i];
        const struct spr_validation_case *same = find(&all.validation, c->layer, c->variant);
        CHECK(same != NULL);
        CHECK_EXACT(same ? same->max_error_ratio : -1, c->max_error_ratio);
    }
    test_validation_start(&again, MIXED);
    test_validation_grid(&again, patterns, 2, levels, 2);
    again.options.budget_s = 0.5;
    CHECK_STATUS(SPR_OK, test_validation_run(&again), &again.err);
    CHECK_INT(count, again.validation.case_count);
    for (size_t i = 0; i < count && i < again.validation.case_count; i++) {
        CHECK_TEXT(some.validation.cases[i].variant, again.validation.cases[i].variant);
        CHECK_TEXT(some.validation.cases[i].layer, again.validation.cases[i].layer);
    }
    test_validation_stop(&all);
    test_validation_stop(&some);
    test_validation_stop(&again);
}

static size_t stop_in; /* times it may still be asked */

static bool stop_soon(void)
{
    stop_in -= stop_in > 0;
    return stop_in == 0;
}

/* Wherever it is stopped: complete cases are kept, the one at hand is dropped. */
static void test_interrupted(void)
{
    static const char *const patterns[] = {"csr"};
    size_t last = 0;
    for (size_t when = 1; when < 800; when += 23) {
        struct test_validation t;
        test_validation_start(&t, MIXED);
        test_validation_grid(&t, patterns, 1, levels, 2);
        t.options.stop = stop_soon;
        t.options.one_visit = true;
        stop_in = when;
        CHECK_STATUS(SPR_OK, test_validation_run(&t), &t.err);
        CHECK(t.validation.interrupted == (t.validation.case_count < 6));
        CHECK(t.validation.case_count >= last);
        for (size_t i = 0; i < t.validation.case_count; i++) {
            CHECK(t.validation.cases[i].measured.sample_count >= 6);
        }
        last = t.validation.case_count;
        test_validation_stop(&t);
    }
    CHECK_INT(6, last);
}

static void test_real_masks(void)
{
    struct test_validation t;
    struct spr_pattern patterns[2];
    mkdir("masks", 0777);
    test_write("masks/block_0_fc.smtx", "4, 8, 6\n0 2 3 3 6\n0 1 5 2 3 7\n");
    test_validation_start(&t, "layer,m,k,n\nblock/0/fc,4,8,3\nother,4,8,3\n");
    spr_pattern_parse("csr", &patterns[0], NULL);
    spr_pattern_parse("2x2", &patterns[1], NULL);
    t.options.mask_directory = "masks";
    t.options.patterns = patterns;
    t.options.pattern_count = 2;
    CHECK_STATUS(SPR_OK, test_validation_run(&t), &t.err);
    CHECK_INT(3, t.validation.case_count);
    CHECK(left_out(&t.validation, "other: no mask"));
    const struct spr_validation_case *csr = find(&t.validation, "block/0/fc", "csr");
    const struct spr_validation_case *block = find(&t.validation, "block/0/fc", "2x2");
    CHECK(csr && block);
    if (csr && block) {
        CHECK(csr->real_mask && block->real_mask);
        CHECK_INT(6, csr->nnz);
        CHECK_NEAR(1 - 6 / 32.0, csr->sparsity, 1e-15);
        CHECK_INT(4, block->kept); /* columns 0-1 and 4-5 above, 2-3 and 6-7 below */
        CHECK_NEAR(0.5, block->sparsity, 1e-15);
    }
    test_validation_stop(&t);

    test_validation_start(&t, "layer,m,k,n\nblock/0/fc,4,9,3\n");
    t.options.mask_directory = "masks";
    t.options.patterns = patterns;
    t.options.pattern_count = 1;
    CHECK_STATUS(SPR_EINPUT, test_validation_run(&t), &t.err);
    CHECK_TEXT("masks/block_0_fc.smtx: mask of 4 x 8: expected 4 x 9, the shape of layer "
               "block/0/fc",
               t.err.text);
    test_validation_stop(&t);

    test_validation_start(&t, "layer,m,k,n\nnone,4,9,3\n");
    t.options.mask_directory = "masks";
    t.options.patterns = patterns;
    t.options.pattern_count = 1;
    CHECK_STATUS(SPR_EINPUT, test_validation_run(&t), &t.err);
    CHECK(strstr(t.err.text, "no mask of any layer") != NULL);
    test_validation_stop(&t);
}

static void test_masks_of_groups(void)
{
    static const struct {
        const char *pattern, *mask, *error;
    } rows[] = {
        {"2:4", "2, 8, 5\n0 4 5\n0 3 4 5 7\n", ""},
        {"2:4", "2, 8, 5\n0 2 5\n2 3 4 6 7\n",
         "masks/a.smtx: row 1, columns 4 to 7 (from 0): expected at most 2 weights in a "
         "mask of 2:4"},
        {"1:4", "2, 6, 3\n0 1 3\n2 4 5\n",
         "masks/a.smtx: row 1, columns 4 to 5 (from 0): expected at most 1 weight in a "
         "mask of 1:4"},
        {"ell", "2, 8, 4\n0 3 4\n0 1 2 0\n", ""},
        {"comp:2", "2, 8, 4\n0 2 4\n0 5 1 7\n", ""},
        {"comp:2", "2, 8, 4\n0 2 4\n0 5 1 5\n",
         "masks/a.smtx: column 5 (from 0), rows 0 and 1: expected at most one weight of 2 "
         "rows "
         "in a mask of comp:2"},
    };
    mkdir("masks", 0777);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct test_validation t;
        struct spr_pattern pattern;
        test_row = rows[i].mask;
        test_write("masks/a.smtx", rows[i].mask);
        test_validation_start(&t, rows[i].mask[3] == '6' ? "layer,m,k,n\na,2,6,3\n"
                                                         : "layer,m,k,n\na,2,8,3\n");
        CHECK_STATUS(SPR_OK, spr_pattern_parse(rows[i].pattern, &pattern, &t.err), &t.err);
        t.options.mask_directory = "masks";
        t.options.patterns = &pattern;
        t.options.pattern_count = 1;
        CHECK_INT(rows[i].error[0] ? SPR_EINPUT : SPR_OK, test_validation_run(&t));
        CHECK_TEXT(rows[i].error, t.err.text);
        test_validation_stop(&t);
    }
    test_row = "";
}

static void test_refusals(void)
{
    struct test_validation t;
    test_validation_start(&t, "layer,m,k,n\nfc,4,9,3\n");
    t.options.residency = SPR_RESIDENCY_DRAM;
    CHECK_STATUS(SPR_EINPUT, test_validation_run(&t), &t.err);
    CHECK(strstr(t.err.text, "expected warm") != NULL);
    test_validation_stop(&t);
    test_validation_start(&t, "layer,m,k,n,op,flops,bytes\nsoft,,,,other,5,4\n");
    CHECK_STATUS(SPR_EINPUT, test_validation_run(&t), &t.err);
    CHECK_TEXT("net.csv: nothing to measure: soft: not a matrix product", t.err.text);
    test_validation_stop(&t);
}

/* A point above its roof is measured twice and marked. */
static void test_above_roof(void)
{
    static const char *const patterns[] = {"csr"};
    for (int slow = 0; slow < 2; slow++) {
        struct test_validation t;
        struct spr_machine machine = test_machine_of(TEST_CPU);
        test_validation_start(&t, "layer,m,k,n\nfc,64,64,16\n");
        test_validation_grid(&t, patterns, 1, levels, 1);
        if (slow) { /* the fake clock cannot be this slow */
            machine.engines[0].flops_per_s.value = machine.engines[0].flops_per_s.high = 1;
        }
        CHECK_STATUS(SPR_OK,
                     spr_validate(&t.network, &machine, &t.options, &t.validation, &t.err),
                     &t.err);
        CHECK_INT(1, t.validation.case_count);
        CHECK_INT(slow, t.validation.cases[0].above_roof);
        test_validation_stop(&t);
    }
}

static size_t case_number, slow_case;

static void note_case(void *context, const struct spr_validate_progress *progress)
{
    (void)context;
    case_number = progress->done;
}

/* A dense product that takes 30 ms more, always, while one of the cases is measured. */
static void run_slow_once(const struct spr_packed *packed, const float *x, float *y)
{
    spr_kernel_run(packed, x, y);
    bool slow = case_number == slow_case && spr_pattern_is_dense(&packed->plan.pattern);
    test_now_s += slow ? 30e-3 : 10e-3;
}

/* Samples that agree among themselves, but not with those of the other cases of the shape. */
static void test_disturbed_case(void)
{
    static const char *const patterns[] = {"csr", "4x4"};
    struct test_validation t;
    test_validation_start(&t, "layer,m,k,n\nfc,64,64,16\n");
    test_validation_grid(&t, patterns, 2, levels, 2);
    t.options.kernel_run = run_slow_once;
    t.options.progress = note_case;
    t.options.one_visit = true;
    slow_case = 2;
    CHECK_STATUS(SPR_OK, test_validation_run(&t), &t.err);
    CHECK_INT(4, t.validation.case_count);
    for (size_t i = 0; i < t.validation.case_count; i++) {
        CHECK(t.validation.cases[i].inconclusive == (i == slow_case));
        CHECK_INT(SPR_DOUBT_NONE, t.validation.cases[i].dense.measured.doubt);
    }
    test_validation_stop(&t);
}

static void test_out_of_memory(void)
{
    static const char *const patterns[] = {"csr", "4x4"};
    struct test_validation t;
    enum spr_status status = SPR_ENOMEM;
    size_t fail = 1;
    test_validation_start(&t, MIXED);
    test_validation_grid(&t, patterns, 2, levels, 1);
    t.options.notes = NULL;
    for (; status != SPR_OK && fail < 3000; fail++) {
        struct spr_machine machine = test_machine_of(TEST_CPU);
        t.err = (struct spr_error){0};
        spr_mem_fail_from(fail);
        status = spr_validate(&t.network, &machine, &t.options, &t.validation, &t.err);
        spr_mem_fail_from(0);
        if (status != SPR_OK) {
            CHECK_STATUS(SPR_ENOMEM, status, &t.err);
            CHECK_INT(0, t.validation.case_count);
        }
    }
    CHECK_INT(SPR_OK, status);
    CHECK(fail > 50);
    test_validation_stop(&t);
}

static void test_verdict(void)
{
    struct spr_validation_case cases[10];
    struct spr_validation v = {.cases = cases, .case_count = 10};
    char text[SPR_REASON_TEXT];
    for (int i = 0; i < 10; i++) {
        cases[i] = (struct spr_validation_case){.threads = 1,
                                                .expected_bound = i < 5 ? "fma" : "w-stream",
                                                .error = 0.01 * i,
                                                .speedup_error = i % 2 ? 0.01 * i : -0.01 * i};
    }
    struct spr_validity validity = spr_validation_judge(&v);
    CHECK_INT(10, validity.judged);
    CHECK_NEAR(0.045, validity.speedup_median, 1e-12);
    CHECK_NEAR(0.08, validity.speedup_p90, 1e-12);
    CHECK_TEXT("w-stream", spr_limit_name(validity.worst));
    CHECK_NEAR(0.07, validity.worst_median, 1e-12);
    CHECK(strstr(spr_validity_text(&validity, text), "true here? Yes: over 10") != NULL);
    for (int i = 0; i < 10; i++) {
        cases[i].speedup_error *= 3;
    }
    validity = spr_validation_judge(&v);
    CHECK(strstr(spr_validity_text(&validity, text), "true here? Mostly:") != NULL);
    for (int i = 0; i < 10; i++) {
        cases[i].speedup_error *= 3;
    }
    validity = spr_validation_judge(&v);
    CHECK(strstr(spr_validity_text(&validity, text), "true here? No:") != NULL);
    cases[9].inconclusive = true;
    validity = spr_validation_judge(&v);
    CHECK_INT(9, validity.judged);
    CHECK_INT(1, validity.inconclusive);
    for (int i = 0; i < 10; i++) {
        cases[i].inconclusive = true;
    }
    validity = spr_validation_judge(&v);
    CHECK_INT(0, validity.judged);
    CHECK(strstr(spr_validity_text(&validity, text), "too noisy") != NULL);
}

int main(void)
{
    test_cases();
    test_budget_order();
    test_interrupted();
    test_real_masks();
    test_masks_of_groups();
    test_refusals();
    test_above_roof();
    test_disturbed_case();
    test_out_of_memory();
    test_verdict();
    return test_end();
}
