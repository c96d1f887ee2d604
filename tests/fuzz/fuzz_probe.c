/* SPDX-License-Identifier: Apache-2.0 */
/* Kept probes, and the machines they become. */
#include "fuzz.h"
#include "sproof/probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spr_probe probe;
    struct spr_error err = {0};
    if (spr_probe_read(fuzz_file(data, size), &probe, &err) != SPR_OK) {
        fuzz_require(err.status != SPR_OK && err.text[0], "a failure has a cause");
        return 0;
    }
    for (int isa = 0; isa < SPR_ISA_COUNT; isa++) {
        struct spr_machine machine;
        struct spr_network network = fuzz_network();
        struct spr_options options = {.dtype = SPR_F32, .batches = {1}, .batch_count = 1};
        if (spr_machine_from_probe(&probe, (enum spr_isa)isa, 0, &machine, NULL) == SPR_OK) {
            fuzz_add_grid(&network);
            fuzz_analyze(&network, &machine, &options);
            spr_machine_free(&machine);
        }
        spr_network_free(&network);
    }
    spr_probe_free(&probe);
    return 0;
}
