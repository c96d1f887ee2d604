/* SPDX-License-Identifier: Apache-2.0 */
/* One reader of weights, FUZZ_READER, on the bytes themselves. What it accepts must be rows
 * whose bits and values tell the same zeros. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/layers.h"
#include "base/mem.h"

#define CELLS_MAX ((double)(1 << 20))

/* A checkpoint of one layer beside the file at hand. */
static void write_file(const char *directory, const char *name, const void *bytes, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        perror(path);
        exit(99);
    }
}

static const char *directory(void)
{
    static char path[64];
    static const char header[] =
        "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}";
    unsigned char shard[8 + sizeof header - 1 + 8] = {sizeof header - 1};
    if (!path[0]) {
        snprintf(path, sizeof path, "/tmp/sproof-fuzz-weights-XXXXXX");
        if (!mkdtemp(path)) {
            perror(path);
            exit(99);
        }
        memcpy(shard + 8, header, sizeof header - 1);
        write_file(path, "1.safetensors", shard, sizeof shard);
    }
    return path;
}

/* config.json beside an encoder of two blocks. */
__attribute__((unused)) static enum spr_status read_config(const struct spr_source *source,
                                                           struct spr_error *err)
{
    static const char *const parts[] = {"attention.self.query", "attention.self.key",
                                        "attention.self.value", "attention.output.dense",
                                        "intermediate.dense",   "output.dense"};
    static const float data[64];
    write_file(directory(), "config.json", source->bytes, source->size);
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

static void check_weight(const struct spr_weight *weight)
{
    fuzz_require(weight->layer && weight->layer[0], "a layer has a name");
    if (weight->storage == SPR_STORAGE_NONE) {
        return;
    }
    fuzz_require(weight->m > 0 && weight->k > 0, "a matrix has rows and columns");
    if ((double)weight->m * (double)weight->k > CELLS_MAX) {
        return;
    }
    size_t words = (size_t)(weight->k + 63) / 64, m = (size_t)weight->m, k = (size_t)weight->k;
    uint64_t *bits = malloc(m * words * sizeof *bits);
    float *values = malloc(m * k * sizeof *values);
    fuzz_require(bits && values, "there is memory");
    spr_weight_bits(weight, 0, weight->m, bits);
    spr_weight_values(weight, 0, weight->m, values);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < words * 64; j++) {
            bool set = bits[i * words + j / 64] >> j % 64 & 1;
            fuzz_require(set == (j < k && values[i * k + j] != 0), "bits are the non-zeros");
        }
    }
    free(bits);
    free(values);
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
        fuzz_require(err.status != SPR_OK && err.text[0], "a failure has a cause");
    } else {
        fuzz_require(spr_weights_parameters(&weights) >= 0, "parameters are counted");
        for (size_t i = 0; i < weights.weight_count; i++) {
            if (spr_weights_hold(&weights, weights.weight[i].tensor, &err) == SPR_OK) {
                check_weight(&weights.weight[i]);
            }
        }
    }
    spr_notes_free(&notes);
    spr_weights_free(&weights);
    return 0;
}
