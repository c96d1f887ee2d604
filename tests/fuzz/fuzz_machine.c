/* SPDX-License-Identifier: Apache-2.0 */
/* Machine files, and a small network on what they describe. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spr_machine machine;
    struct spr_machine_change change;
    struct spr_error err = {0};
    if (spr_machine_read(fuzz_file(data, size), &machine, &err) != SPR_OK) {
        fuzz_require(err.status != SPR_OK && err.text[0], "a failure has a cause");
        return 0;
    }
    (void)spr_machine_set(&machine, "memory.DRAM.bytes_per_s=2x", &change, NULL);
    for (int dtype = 0; dtype < SPR_DTYPE_COUNT; dtype++) {
        struct spr_network network = fuzz_network();
        struct spr_options options = {.dtype = (enum spr_dtype)dtype,
                                      .residency = (enum spr_residency)(dtype % 4),
                                      .batches = {1, 64},
                                      .batch_count = 2};
        fuzz_add_grid(&network);
        fuzz_analyze(&network, &machine, &options);
        spr_network_free(&network);
    }
    spr_machine_free(&machine);
    return 0;
}
