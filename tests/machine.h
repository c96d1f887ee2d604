/* SPDX-License-Identifier: Apache-2.0 */
/* A machine with the figures of the reference table: 2:4 and 1:4 on an engine of their own,
 * single non-zeros at 1/16 of the dense peak. */
#ifndef SPROOF_TEST_MACHINE_H
#define SPROOF_TEST_MACHINE_H

#include "sproof/machine.h"
#include "test.h"

#define TEST_MACHINE                                                                          \
    "{\"schema\":\"sproof/machine\",\"schema_version\":1,\"name\":\"reference\","             \
    "\"default_dtype\":\"f16\",\"engines\":["                                                 \
    "{\"name\":\"tensor\",\"dtypes\":[\"f16\"],\"flops_per_s\":312e12,"                       \
    "\"accepts\":[\"dense\",\"block\"]},"                                                     \
    "{\"name\":\"sparse-tensor\",\"dtypes\":[\"f16\"],\"flops_per_s\":312e12,"                \
    "\"accepts\":[\"2:4\",{\"pattern\":\"1:4\",\"as\":\"2:4\"}]},"                            \
    "{\"name\":\"simt\",\"dtypes\":[\"f16\"],\"flops_per_s\":19.5e12,"                        \
    "\"accepts\":[\"csr\",\"comp\"]}],"                                                       \
    "\"memory\":[{\"level\":\"DRAM\",\"bytes_per_s\":1555e9}],\"overhead_s\":null}"

static inline struct spr_machine test_machine_of(const char *json)
{
    struct spr_machine machine;
    struct spr_error err = {0};
    test_write("machine.json", json);
    CHECK_STATUS(SPR_OK, spr_machine_read("machine.json", &machine, &err), &err);
    return machine;
}

static inline struct spr_machine test_machine(void)
{
    return test_machine_of(TEST_MACHINE);
}

#endif
