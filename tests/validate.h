/* SPDX-License-Identifier: Apache-2.0 */
/* Validation without real time: a clock that moves by a millisecond whenever it is read. */
#ifndef SPROOF_TEST_VALIDATE_H
#define SPROOF_TEST_VALIDATE_H

#include "machine.h"
#include "sproof/validate.h"

static double test_now_s;
static size_t test_clock_reads;

static double test_clock(void)
{
    test_clock_reads++;
    return test_now_s += 1e-3;
}

#define TEST_CPU                                                                              \
    "{\"schema\":\"sproof/machine\",\"schema_version\":1,\"name\":\"cpu\",\"kind\":\"cpu\","  \
    "\"default_dtype\":\"f32\",\"engines\":[{\"name\":\"simd\",\"dtypes\":[\"f32\"],"         \
    "\"flops_per_s\":1e11,\"accepts\":[\"any\"]}],\"memory\":[{\"level\":\"L2\","             \
    "\"bytes\":1048576,\"bytes_per_s\":1e11},{\"level\":\"DRAM\",\"bytes_per_s\":2e10}],"     \
    "\"overhead_s\":null}"

struct test_validation {
    struct spr_network network;
    struct spr_validate_options options;
    struct spr_validation validation;
    struct spr_notes notes;
    struct spr_error err;
};

/* Reads a layer table; options for one thread, our own kernels only. */
static inline void test_validation_start(struct test_validation *t, const char *table)
{
    *t = (struct test_validation){.options = {.seed = 1,
                                              .isa = spr_isa_best(),
                                              .threads = 1,
                                              .residency = SPR_RESIDENCY_WARM,
                                              .batch = 1,
                                              .budget_s = (double)NAN,
                                              .case_budget_s = 1e-3,
                                              .clock_s = test_clock,
                                              .own_dense_only = true}};
    t->options.notes = &t->notes;
    test_write("net.csv", table);
    CHECK_STATUS(SPR_OK, spr_network_read("net.csv", &t->network, NULL, &t->err), &t->err);
}

static inline void test_validation_grid(struct test_validation *t, const char *const *patterns,
                                        size_t count, const double *sparsities,
                                        size_t sparsity_count)
{
    struct spr_pattern parsed[16];
    struct spr_grid grid = {parsed, count, sparsities, sparsity_count};
    for (size_t i = 0; i < count; i++) {
        CHECK_STATUS(SPR_OK, spr_pattern_parse(patterns[i], &parsed[i], &t->err), &t->err);
    }
    CHECK_STATUS(SPR_OK, spr_network_add_grid(&t->network, &grid, &t->err), &t->err);
}

static inline enum spr_status test_validation_run(struct test_validation *t)
{
    struct spr_machine machine = test_machine_of(TEST_CPU);
    t->err = (struct spr_error){0};
    return spr_validate(&t->network, &machine, &t->options, &t->validation, &t->err);
}

static inline void test_validation_stop(struct test_validation *t)
{
    spr_validation_free(&t->validation);
    spr_network_free(&t->network);
    spr_notes_free(&t->notes);
}

#endif
