/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints in many files. The first piece of the input is the index, the others are its files,
 * 1.safetensors and so on: a header up to a NUL, whose length is put before it, then the data.
 * What does not begin with a brace is a file as it is. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sproof/weights.h"

#define SHARDS_MAX 40

static void write_shard(int number, const struct fuzz_piece *piece)
{
    char name[32];
    snprintf(name, sizeof name, "%d.safetensors", number);
    if (piece->size == 0 || piece->bytes[0] != '{') {
        (void)fuzz_write(name, piece->bytes, piece->size);
        return;
    }
    const uint8_t *nul = memchr(piece->bytes, 0, piece->size);
    const size_t header = nul ? (size_t)(nul - piece->bytes) : piece->size;
    const size_t data = nul ? piece->size - header - 1 : 0;
    uint8_t *file = calloc(8 + header + data, 1);
    fuzz_require(file != NULL, "there is memory");
    for (int b = 0; b < 4; b++) {
        file[b] = (uint8_t)(header >> 8 * b);
    }
    memcpy(file + 8, piece->bytes, header);
    if (data > 0) {
        memcpy(file + 8 + header, nul + 1, data);
    }
    (void)fuzz_write(name, file, 8 + header + data);
    free(file);
}

/* The index by its name, or the folder that it is found in. */
static void read_index(const char *path)
{
    struct spr_weights weights = {0};
    struct spr_notes notes = {0};
    struct spr_error err = {0};
    if (spr_weights_read(path, NULL, &weights, &notes, &err) == SPR_OK) {
        fuzz_check_weights(&weights);
    } else {
        fuzz_check_error(&err);
    }
    spr_notes_free(&notes);
    spr_weights_free(&weights);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char index[] = "model.safetensors.index.json";
    struct fuzz_piece rest = {data, size}, piece;
    char path[1024];
    fuzz_empty_folder();
    if (!fuzz_next(&rest, &piece) || !fuzz_write(index, piece.bytes, piece.size)) {
        return 0;
    }
    for (int i = 1; i <= SHARDS_MAX && fuzz_next(&rest, &piece); i++) {
        write_shard(i, &piece);
    }
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), index);
    read_index(path);
    read_index(fuzz_folder());
    return 0;
}
