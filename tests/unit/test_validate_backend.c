/* SPDX-License-Identifier: Apache-2.0 */
/* One run, two backends: what is expected of a run on the CPU is expected of one on a GPU. */
#include "test.h"

#include <sys/stat.h>

#include "host_gpu.h"
#include "validate/bench.h"

#define TEST_GPU                                                                              \
    "{\"schema\":\"sproof/machine\",\"schema_version\":1,\"name\":\"gpu\",\"kind\":\"gpu\","  \
    "\"default_dtype\":\"f16\",\"engines\":[{\"name\":\"tensor\",\"dtypes\":[\"f16\"],"       \
    "\"flops_per_s\":1e14,\"accepts\":[\"any\"]}],\"memory\":[{\"level\":\"DRAM\","           \
    "\"bytes_per_s\":2e12}],\"overhead_s\":null}"

typedef enum spr_status validate_on(const struct spr_network *network,
                                    struct spr_machine *machine,
                                    const struct spr_validate_options *options,
                                    struct spr_validation *validation, struct spr_error *err);

static const struct device {
    const char *name;
    validate_on *validate;
    const char *machine;
    const char *dense; /* how the dense kernel's name begins */
} devices[] = {{"cpu", spr_validate, TEST_CPU, "spr_spmm_dense_f32__"},
               {"gpu", spr_cuda_validate, TEST_GPU, "cublaslt"}};

static const double levels[] = {0.5, 0.75};

/* The case at hand, and the one during which a dense product takes longer. */
static size_t case_number, slow_case;

/* What passes the samples' least length on both devices is one call each. */
static double call_s(bool dense)
{
    return dense && case_number == slow_case ? 30e-3 : 10e-3;
}

static void run_slow_once(const struct spr_packed *packed, const float *x, float *y)
{
    spr_kernel_run(packed, x, y);
    test_now_s += call_s(spr_pattern_is_dense(&packed->plan.pattern));
}

static void note_case(void *context, const struct spr_validate_progress *progress)
{
    (void)context;
    case_number = progress->done;
}

static void start(struct test_validation *t, const char *table)
{
    test_validation_start(t, table);
    t->options.kernel_run = run_slow_once;
    t->options.progress = note_case;
    t->options.device = "cuda:0";
    t->options.dtype = SPR_F16;
    test_gpu_call_s = call_s;
    slow_case = SIZE_MAX;
}

static enum spr_status run_on(const struct device *device, struct test_validation *t)
{
    struct spr_machine machine = test_machine_of(device->machine);
    return device->validate(&t->network, &machine, &t->options, &t->validation, &t->err);
}

static void test_products(const struct device *device)
{
    static const char *const patterns[] = {"csr", "2:4", "16x16"};
    struct test_validation t;
    size_t rows[] = {1, 1, 1};
    start(&t, "layer,m,k,n\nfc,32,64,8\n");
    test_validation_grid(&t, patterns, 3, levels, 1);
    CHECK_STATUS(SPR_OK, run_on(device, &t), &t.err);
    rows[2] += device->validate == spr_cuda_validate; /* by its own kernel and by cuSPARSE */
    CHECK_INT(rows[0] + rows[1] + rows[2], t.validation.case_count);
    for (size_t i = 0; i < t.validation.case_count; i++) {
        const struct spr_validation_case *c = &t.validation.cases[i];
        CHECK(strncmp(c->dense.kernel, device->dense, strlen(device->dense)) == 0);
        CHECK(c->bound_s > 0 && c->max_error_ratio <= 1 && !c->inconclusive);
        CHECK_NEAR(10e-3, c->measured.median_s, 0.2);
        CHECK_NEAR(c->dense.measured.median_s / c->measured.median_s, c->measured_speedup,
                   1e-12);
        CHECK_INT(1, c->threads);
        CHECK_TEXT(device->validate == spr_validate ? spr_isa_name(spr_isa_best()) : "cuda",
                   spr_validation_isa(c));
    }
    test_validation_stop(&t);
}

/* A mask that is read must be of the layer's shape, and legal for an N:M pattern. */
static void test_masks(const struct device *device)
{
    static const struct {
        const char *table, *mask, *error;
    } rows[] = {
        {"layer,m,k,n\na,2,8,3\n", "2, 8, 5\n0 4 5\n0 3 4 5 7\n", ""},
        {"layer,m,k,n\na,2,8,3\n", "2, 8, 5\n0 2 5\n2 3 4 6 7\n",
         "masks/a.smtx: row 1, columns 4 to 7 (from 0): expected at most 2 weights in a "
         "mask of 2:4"},
        {"layer,m,k,n\na,2,4,3\n", "2, 8, 5\n0 4 5\n0 3 4 5 7\n",
         "masks/a.smtx: mask of 2 x 8: expected 2 x 4, the shape of layer a"},
    };
    mkdir("masks", 0777);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct test_validation t;
        struct spr_pattern pattern;
        test_write("masks/a.smtx", rows[i].mask);
        start(&t, rows[i].table);
        CHECK_STATUS(SPR_OK, spr_pattern_parse("2:4", &pattern, &t.err), &t.err);
        t.options.mask_directory = "masks";
        t.options.patterns = &pattern;
        t.options.pattern_count = 1;
        CHECK_INT(rows[i].error[0] ? SPR_EINPUT : SPR_OK, run_on(device, &t));
        CHECK_TEXT(rows[i].error, t.err.text);
        if (!rows[i].error[0]) {
            CHECK_INT(1, t.validation.case_count);
            CHECK(t.validation.cases[0].real_mask);
            CHECK_INT(5, t.validation.cases[0].nnz);
            CHECK_NEAR(1 - 5 / 16.0, t.validation.cases[0].sparsity, 1e-15);
        }
        test_validation_stop(&t);
    }
}

#define LAYERS 8
#define BUDGET_CASES 5

/* Ends a run that began as many cases: the clock then passes the budget. */
static void spend(void *context, const struct spr_validate_progress *progress)
{
    (void)context;
    test_now_s += progress->done + 1 == BUDGET_CASES ? 1e6 : 0;
}

/* Which layers a run under a budget measured, "a c d f h". */
static void sample(const struct device *device, uint64_t seed, char text[2 * LAYERS + 1])
{
    static const char *const patterns[] = {"csr"};
    struct test_validation t;
    start(&t, "layer,m,k,n\na,8,8,1\nb,8,8,2\nc,8,8,3\nd,8,8,4\ne,8,8,5\nf,8,8,6\ng,8,8,7\n"
              "h,8,8,8\n");
    test_validation_grid(&t, patterns, 1, levels, 1);
    t.options.seed = seed;
    t.options.budget_s = 1e5;
    t.options.progress = spend;
    CHECK_STATUS(SPR_OK, run_on(device, &t), &t.err);
    CHECK_INT(BUDGET_CASES, t.validation.case_count);
    *text = '\0';
    for (size_t i = 0; i < t.validation.case_count && i < LAYERS; i++) {
        strcat(text, t.validation.cases[i].layer);
        strcat(text, " ");
    }
    CHECK(t.notes.count > 0);
    CHECK_TEXT("the budget of 100000 s is spent: 5 of 8 cases, chosen at random",
               t.notes.count ? t.notes.line[t.notes.count - 1] : "");
    test_validation_stop(&t);
}

/* The same of each seed on every device, and not the first ones of each. */
static void test_budget(const struct device *device)
{
    static const char *const expected[] = {"c d e f h ", "b c e f h ", "a b c e h "};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        char text[2 * LAYERS + 1];
        sample(device, i + 1, text);
        CHECK_TEXT(expected[i], text);
    }
}

/* Samples that agree among themselves, but not with those of the other cases of the shape. */
static void test_disturbed(const struct device *device)
{
    static const char *const patterns[] = {"csr", "16x16"};
    struct test_validation t;
    start(&t, "layer,m,k,n\nfc,64,64,16\n");
    test_validation_grid(&t, patterns, 2, levels, 2);
    t.options.one_visit = true;
    slow_case = 1;
    CHECK_STATUS(SPR_OK, run_on(device, &t), &t.err);
    CHECK(t.validation.case_count >= 4);
    for (size_t i = 0; i < t.validation.case_count; i++) {
        const struct spr_validation_case *c = &t.validation.cases[i];
        CHECK(c->inconclusive == (strcmp(c->variant, "csr@0.75") == 0));
        CHECK_INT(SPR_DOUBT_NONE, c->dense.measured.doubt);
    }
    test_validation_stop(&t);

    /* Of two cases nobody knows which is off, however many kernels each has. */
    start(&t, "layer,m,k,n\nfc,64,64,16\n");
    test_validation_grid(&t, patterns + 1, 1, levels, 2);
    t.options.one_visit = true;
    slow_case = 1;
    CHECK_STATUS(SPR_OK, run_on(device, &t), &t.err);
    CHECK(t.validation.case_count >= 2);
    for (size_t i = 0; i < t.validation.case_count; i++) {
        CHECK(!t.validation.cases[i].inconclusive);
    }
    test_validation_stop(&t);
}

/* What the GPU has no kernel for, or no library. */
static void test_left_out(void)
{
    static const char *const patterns[] = {"csr", "4x4", "2:4", "16x16"};
    struct test_validation t;
    start(&t, "layer,m,k,n\nfc,64,64,16\n");
    test_validation_grid(&t, patterns, 4, levels, 1);
    test_gpu_missing = SPR_GPU_OWN_BLOCKS;
    CHECK_STATUS(SPR_OK, run_on(&devices[1], &t), &t.err);
    CHECK_INT(3, t.validation.case_count);
    CHECK_INT(2, t.validation.not_measured_count);
    CHECK_TEXT("4x4: no GPU kernel", t.validation.not_measured[0]);
    CHECK_TEXT("fc 16x16@0.5: no library for kernel 3", t.validation.not_measured[1]);
    CHECK_INT(0, t.notes.count);
    test_validation_stop(&t);

    start(&t, "layer,m,k,n\nfc,64,64,16\n");
    test_validation_grid(&t, patterns, 1, levels, 1);
    test_gpu_missing = SPR_GPU_CUBLASLT;
    CHECK_STATUS(SPR_EENVIRONMENT, run_on(&devices[1], &t), &t.err);
    test_gpu_missing = -1;
    test_validation_stop(&t);
}

static void test_out_of_memory(void)
{
    static const char *const patterns[] = {"csr", "16x16"};
    struct test_validation t;
    enum spr_status status = SPR_ENOMEM;
    size_t fail = 1;
    start(&t, "layer,m,k,n\nfc,16,32,4\n");
    test_validation_grid(&t, patterns, 2, levels, 1);
    t.options.notes = NULL;
    for (; status != SPR_OK && fail < 1000; fail++) {
        struct spr_machine machine = test_machine_of(TEST_GPU);
        t.err = (struct spr_error){0};
        spr_mem_fail_from(fail);
        status = spr_cuda_validate(&t.network, &machine, &t.options, &t.validation, &t.err);
        spr_mem_fail_from(0);
        if (status != SPR_OK) {
            CHECK_STATUS(SPR_ENOMEM, status, &t.err);
            CHECK_INT(0, t.validation.case_count);
        }
    }
    CHECK_INT(SPR_OK, status);
    CHECK(fail > 30);
    test_validation_stop(&t);
}

int main(void)
{
    for (size_t i = 0; i < COUNT_OF(devices); i++) {
        test_row = devices[i].name;
        test_products(&devices[i]);
        test_masks(&devices[i]);
        test_budget(&devices[i]);
        test_disturbed(&devices[i]);
    }
    test_row = "";
    test_left_out();
    test_out_of_memory();
    return test_end();
}
