/* SPDX-License-Identifier: Apache-2.0 */
/* A stand-in for the kernels' model, for tests of what is made of its times: linked in place
 * of spr_expected_time (tests/CMakeLists.txt). Every figure is made up. */
#ifndef SPROOF_TEST_EXPECTED_H
#define SPROOF_TEST_EXPECTED_H

#include <stdio.h>

#include "sproof/expected.h"

/* The last case asked for, and how many were. */
static struct spr_expected_case fake_last;
static size_t fake_calls;

bool __wrap_spr_expected_time(const struct spr_machine *machine,
                              const struct spr_expected_case *of, struct spr_expected *out);

/* Elements multiplied per stored cell of a pattern. */
static inline double fake_cell(const struct spr_pattern *pattern)
{
    return pattern->kind->pattern_class == SPR_CLASS_BLOCK
               ? (double)pattern->a * (double)pattern->b
               : 1;
}

/* 1 us a call; a multiply-add per thread 1 ns, with an index 2.5, without blocks 5; values
 * at 1 GB/s where a pass of the network does not stay in 1 MB. */
static inline double fake_time(const struct spr_expected_case *of, enum spr_limit *limit)
{
    double elements = of->kept * fake_cell(&of->pattern);
    enum spr_class form = of->pattern.kind->pattern_class;
    bool indexed = form != SPR_CLASS_DENSE;
    double each_s = form == SPR_CLASS_CSR ? 5e-9 : indexed ? 2.5e-9 : 1e-9;
    double multiply_s = each_s * elements * (double)of->n / of->threads;
    bool far = of->residency == SPR_RESIDENCY_DRAM || of->residency == SPR_RESIDENCY_COLD ||
               of->network_bytes > 1e6;
    double stream_s = far ? 4e-9 * elements : 0;
    double longest = multiply_s > stream_s ? multiply_s : stream_s;
    *limit = longest < 1e-6          ? SPR_LIMIT_CALL
             : stream_s > multiply_s ? SPR_LIMIT_W
             : indexed               ? SPR_LIMIT_X
                                     : SPR_LIMIT_FMA;
    return 1e-6 + longest;
}

bool __wrap_spr_expected_time(const struct spr_machine *machine,
                              const struct spr_expected_case *of, struct spr_expected *out)
{
    fake_last = *of;
    fake_calls++;
    if (!machine->kernels || !of->pattern.kind->kernel) {
        return false;
    }
    enum spr_limit limit;
    double time_s = fake_time(of, &limit);
    *out = (struct spr_expected){.time_s = time_s, .limit = limit};
    out->part_s[limit] = time_s;
    snprintf(out->kernel, sizeof out->kernel, "spr_spmm_%s_f32__%s",
             spr_pattern_is_dense(&of->pattern) ? "dense" : "sparse", spr_isa_name(of->isa));
    return true;
}

/* Rates nobody reads here: that they are there says that the machine was probed. */
#define LEAST_TILE                                                                            \
    {                                                                                         \
        .form = SPR_TILE_VECTOR, .dense = true, .vectors = 1, .chunk = 1                      \
    }
static struct spr_tile_rates fake_tiles[] = {
    {.isa = SPR_ISA_SCALAR, .threads = 1, .tile = LEAST_TILE},
    {.isa = SPR_ISA_AVX2, .threads = 4, .tile = LEAST_TILE},
    {.isa = SPR_ISA_SCALAR, .threads = 4, .tile = LEAST_TILE}};
static const struct spr_kernel_rates fake_kernels = {.tiles = fake_tiles, .count = 3};

#endif
