/* SPDX-License-Identifier: Apache-2.0 */
/* One reader of weights, FUZZ_READER, on the bytes themselves. What it accepts must be rows
 * whose bits and values tell the same zeros. */
#include "fuzz.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "weights/layers.h"

/* With a checkpoint of one layer in it. */
static const char *directory(void)
{
    static bool filled;
    static const char header[] =
        "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}";
    unsigned char shard[8 + sizeof header - 1 + 8] = {sizeof header - 1};
    if (!filled) {
        memcpy(shard + 8, header, sizeof header - 1);
        filled = fuzz_write("1.safetensors", shard, sizeof shard);
    }
    return fuzz_folder();
}

/* config.json beside an encoder of two blocks. */
__attribute__((unused)) static enum spr_status read_config(const struct spr_source *source,
                                                           struct spr_error *err)
{
    static const char *const parts[] = {"attention.self.query", "attention.self.key",
                                        "attention.self.value", "attention.output.dense",
                                        "intermediate.dense",   "output.dense"};
    static const float data[64];
    (void)fuzz_write("config.json", source->bytes, source->size);
    enum spr_status status = SPR_OK;
    for (int i = 0; i < 12 && status == SPR_OK; i++) {
        char name[96];
        int64_t m = i % 6 == 4 ? 16 : 4, k = i % 6 == 5 ? 16 : 4;
        snprintf(name, sizeof name, "bert.encoder.layer.%d.%s.weight", i / 6, parts[i % 6]);
        struct spr_tensor tensor = {.name = name,
                                    .element = SPR_ELEMENT_F32,
                                    .dtype = "F32",
                                    .rank = 2,
                                    .shape = {m, k},
                                    .data = (const unsigned char *)data};
        status = spr_add_tensor(source, &tensor, NULL, err);
    }
    return status ? status : spr_layers_of_tensors(source, 0, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spr_weights weights = {0};
    struct spr_notes notes = {0};
    struct spr_error err = {0};
    const struct spr_weights_options options = {.tokens = size % 3 == 0 ? 0 : 8};
    char path[96] = "/nonexistent/file.bin";
    if (FUZZ_NEEDS_FILE) {
        snprintf(path, sizeof path, "%s", fuzz_file(data, size));
    } else if (FUZZ_NEEDS_DIRECTORY) {
        snprintf(path, sizeof path, "%s/x.json", directory());
    }
    if (size == 0) {
        return 0; /* an empty file is refused before a reader sees it */
    }
    const struct spr_source source = {.path = path,
                                      .bytes = data,
                                      .size = size,
                                      .options = &options,
                                      .weights = &weights,
                                      .notes = &notes};
    if (FUZZ_READER(&source, &err) != SPR_OK) {
        fuzz_check_error(&err);
    } else {
        fuzz_check_weights(&weights);
    }
    spr_notes_free(&notes);
    spr_weights_free(&weights);
    return 0;
}
