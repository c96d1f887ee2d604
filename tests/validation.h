/* SPDX-License-Identifier: Apache-2.0 */
/* A validation record with plain figures, to be written, read and compared. */
#ifndef SPROOF_TEST_VALIDATION_H
#define SPROOF_TEST_VALIDATION_H

#include "machine.h"
#include "sproof/record.h"
#include "sproof/validation.h"

#define TEST_SAMPLES 8

static inline struct spr_measurement test_measurement(double median_s)
{
    static const double steps[TEST_SAMPLES] = {1, 0.98, 1.02, 0.99, 1.01, 1, 0.995, 1.005};
    static struct spr_timed samples[256][TEST_SAMPLES];
    static size_t used;
    struct spr_timed *own = samples[used++ % 256];
    for (size_t i = 0; i < TEST_SAMPLES; i++) {
        own[i] = spr_timed_alone(median_s * steps[i]);
    }
    return (struct spr_measurement){.time_s = median_s,
                                    .median_s = median_s,
                                    .low_s = median_s * 0.99,
                                    .high_s = median_s * 1.01,
                                    .by_median = true,
                                    .visits = 1,
                                    .undisturbed_share = (double)NAN,
                                    .samples = own,
                                    .sample_count = TEST_SAMPLES};
}

/* The same, judged as undisturbed: two visits and canaries. */
static inline struct spr_measurement test_undisturbed(double time_s, double high_s)
{
    struct spr_measurement m = test_measurement(time_s);
    m.by_median = false;
    m.visits = 2;
    m.undisturbed_share = 0.75;
    m.low_s = time_s;
    m.high_s = high_s;
    for (size_t i = 0; i < TEST_SAMPLES; i++) {
        struct spr_timed *t = &m.samples[i];
        t->at_s = (double)i * 2;
        t->visit = i >= TEST_SAMPLES / 2;
        t->before_s[SPR_CANARY_MULTIPLY_ADD] = 4e-6 + (double)i * 1e-8;
        t->after_s[SPR_CANARY_MULTIPLY_ADD] = 4.1e-6;
        t->before_s[SPR_CANARY_L2] = 5e-6;
    }
    return m;
}

/* A case of 64 x 32 x 8, sparse time in seconds, dense time twice as long. */
static inline struct spr_validation_case test_case(const char *layer, const char *pattern,
                                                   double time_s)
{
    struct spr_validation_case c = {.layer = layer,
                                    .variant = "v",
                                    .m = 64,
                                    .k = 32,
                                    .n = 8,
                                    .count = 2,
                                    .sparsity = 0.5,
                                    .nnz = 1024,
                                    .kept = 1024,
                                    .isa = SPR_ISA_AVX2,
                                    .threads = 1,
                                    .residency = SPR_RESIDENCY_NETWORK,
                                    .kernel = "spr_spmm_bsr_f32__avx2",
                                    .bound_s = time_s / 2,
                                    .expected_s = time_s * 1.1,
                                    .expected_bound = "fma"};
    CHECK_INT(SPR_OK, spr_pattern_parse(pattern, &c.pattern, NULL));
    c.measured = test_measurement(time_s);
    c.fraction_of_bound = 0.5;
    c.dense = (struct spr_validation_dense){.kernel = "openblas-Haswell",
                                            .bound_s = time_s,
                                            .expected_s = (double)NAN,
                                            .measured = test_measurement(2 * time_s),
                                            .fraction_of_bound = 0.5};
    c.bound_speedup = 2;
    c.expected_speedup = 1.8;
    c.measured_speedup = 2;
    c.error = 0.1;
    c.speedup_error = -0.1;
    c.max_error_ratio = 0.25;
    return c;
}

static inline void test_write_validation(const char *path, const struct spr_validation *v)
{
    struct spr_error err = {0};
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK_STATUS(SPR_OK, spr_validation_write(file, v, &err), &err);
    CHECK_INT(0, fclose(file));
}

#endif
