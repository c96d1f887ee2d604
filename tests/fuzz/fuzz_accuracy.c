/* SPDX-License-Identifier: Apache-2.0 */
/* Accuracy tables: read, made into variants, joined with a grid. */
#include "fuzz.h"

static void analyze_points(const struct spr_accuracy *accuracy, bool join)
{
    struct spr_network network = fuzz_network();
    struct spr_machine machine = fuzz_machine();
    struct spr_options options = {.dtype = SPR_F16,
                                  .batches = {1},
                                  .batch_count = 1,
                                  .has_max_drop = true,
                                  .max_drop = 1};
    enum spr_status status;
    if (join) {
        fuzz_add_grid(&network);
        status = spr_accuracy_join(accuracy, true, &network, NULL);
    } else {
        status = spr_accuracy_make_variants(accuracy, false, &network, NULL);
    }
    if (status == SPR_OK) {
        fuzz_analyze(&network, &machine, &options);
    }
    spr_network_free(&network);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spr_accuracy accuracy;
    struct spr_notes notes = {0};
    struct spr_error err = {0};
    if (spr_accuracy_read(fuzz_file(data, size), &accuracy, &notes, &err) == SPR_OK) {
        if (accuracy.point_count <= 64) {
            analyze_points(&accuracy, false);
            analyze_points(&accuracy, true);
        }
        spr_accuracy_free(&accuracy);
    } else {
        fuzz_require(err.status != SPR_OK && err.text[0], "a failure has a cause");
    }
    spr_notes_free(&notes);
    return 0;
}
