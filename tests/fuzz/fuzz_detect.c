/* SPDX-License-Identifier: Apache-2.0 */
/* Which format a file is in and what a directory holds. Each piece of the input is a file: a line
 * with its name, then its bytes; a name that ends in '/' is a directory. The whole is read as a
 * directory, and each file by itself. */
#include "fuzz.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sproof/weights.h"

#define FILES_MAX 8

static bool read_path(const char *path, int64_t tokens, size_t *layers)
{
    const struct spr_weights_options options = {.tokens = tokens, .inflated_most = 1 << 24};
    struct spr_weights weights = {0};
    struct spr_notes notes = {0};
    struct spr_error err = {0};
    const bool read = spr_weights_read(path, &options, &weights, &notes, &err) == SPR_OK;
    if (read) {
        fuzz_check_weights(&weights);
        *layers = weights.weight_count;
    } else {
        fuzz_check_error(&err);
    }
    spr_notes_free(&notes);
    spr_weights_free(&weights);
    return read;
}

/* One file of the input; false when it has no name that a file can have. */
static bool make_file(struct fuzz_piece *piece, char name[128])
{
    char path[1024];
    fuzz_line(piece, name, 128);
    const size_t length = strlen(name);
    if (length > 1 && strcspn(name, "/") == length - 1) {
        name[length - 1] = '\0';
        snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
        (void)mkdir(path, 0700);
        return false;
    }
    return length > 0 && !strchr(name, '/') && fuzz_write(name, piece->bytes, piece->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_piece rest = {data, size}, piece;
    char path[1024], name[FILES_MAX][128];
    const int64_t tokens = size % 3 == 0 ? 0 : 8;
    size_t files = 0, alone = 0, together = 0;
    bool readable = false;
    fuzz_empty_folder();
    while (files < FILES_MAX && fuzz_next(&rest, &piece)) {
        files += make_file(&piece, name[files]);
    }
    for (size_t i = 0; i < files; i++) {
        snprintf(path, sizeof path, "%s/%.127s", fuzz_folder(), name[i]);
        readable = read_path(path, tokens, &alone);
    }
    const bool read = read_path(fuzz_folder(), tokens, &together);
    if (files == 1 && read) {
        fuzz_require(readable && alone == together, "a directory of one file is that file");
    }
    return 0;
}
