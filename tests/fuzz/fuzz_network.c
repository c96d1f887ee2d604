/* SPDX-License-Identifier: Apache-2.0 */
/* Layer tables. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spr_network network;
    struct spr_notes notes = {0};
    struct spr_error err = {0};
    struct spr_machine machine = fuzz_machine();
    struct spr_options options = {.dtype = SPR_F32, .batches = {1, 7}, .batch_count = 2};
    if (spr_network_read(fuzz_file(data, size), &network, &notes, &err) == SPR_OK) {
        if (network.layer_count <= FUZZ_LAYERS_MAX) {
            if (network.variant_count == 0) {
                fuzz_add_grid(&network);
            }
            options.residency = (enum spr_residency)(size % 4);
            fuzz_analyze(&network, &machine, &options);
        }
        spr_network_free(&network);
    } else {
        fuzz_require(err.status != SPR_OK && err.text[0], "a failure has a cause");
    }
    spr_notes_free(&notes);
    return 0;
}
