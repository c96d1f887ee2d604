/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of arrays (.npz) without the zip: this program stores what the input tells of, with
 * its checksums, so that the readers behind see it.
 * FUZZ_SPARSE 0: each piece is an entry, a line with its name, then its bytes.
 * FUZZ_SPARSE 1: the pieces are the arrays of a sparse matrix of SciPy in the order of `entries`,
 * the format as text, the others a line with dtype, order and shape ("<i4 C 2 3"), then the
 * elements. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/layers.h"

struct zip {
    uint8_t *bytes;
    size_t used;
    uint8_t directory[1 << 12];
    size_t directory_used, count;
};

static void put(uint8_t *bytes, size_t *used, uint32_t value, int size)
{
    for (int b = 0; b < size; b++) {
        bytes[(*used)++] = (uint8_t)(value >> 8 * b);
    }
}

static uint32_t checksum(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int b = 0; b < 8; b++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
        }
    }
    return ~crc;
}

/* What both headers of an entry say. */
static void put_facts(uint8_t *bytes, size_t *used, uint32_t crc, size_t size, size_t name)
{
    put(bytes, used, 20, 2);
    put(bytes, used, 0, 2);
    put(bytes, used, 0, 2);
    put(bytes, used, 0x00210000, 4);
    put(bytes, used, crc, 4);
    put(bytes, used, (uint32_t)size, 4);
    put(bytes, used, (uint32_t)size, 4);
    put(bytes, used, (uint32_t)name, 2);
    put(bytes, used, 0, 2);
}

static void zip_add(struct zip *zip, const char *name, const uint8_t *bytes, size_t size)
{
    const size_t length = strlen(name), at = zip->used;
    const uint32_t crc = checksum(bytes, size);
    if (zip->directory_used + 46 + length > sizeof zip->directory) {
        return;
    }
    uint8_t *grown =
        realloc(zip->bytes, zip->used + size + length + sizeof zip->directory + 64);
    fuzz_require(grown != NULL, "there is memory");
    zip->bytes = grown;
    put(zip->bytes, &zip->used, 0x04034b50, 4);
    put_facts(zip->bytes, &zip->used, crc, size, length);
    memcpy(zip->bytes + zip->used, name, length);
    zip->used += length;
    if (size > 0) {
        memcpy(zip->bytes + zip->used, bytes, size);
    }
    zip->used += size;
    put(zip->directory, &zip->directory_used, 0x02014b50, 4);
    put(zip->directory, &zip->directory_used, 20, 2);
    put_facts(zip->directory, &zip->directory_used, crc, size, length);
    put(zip->directory, &zip->directory_used, 0, 4);
    put(zip->directory, &zip->directory_used, 0, 2);
    put(zip->directory, &zip->directory_used, 0, 4);
    put(zip->directory, &zip->directory_used, (uint32_t)at, 4);
    memcpy(zip->directory + zip->directory_used, name, length);
    zip->directory_used += length;
    zip->count++;
}

static void zip_end(struct zip *zip)
{
    const size_t at = zip->used;
    if (zip->count == 0) {
        return;
    }
    memcpy(zip->bytes + zip->used, zip->directory, zip->directory_used);
    zip->used += zip->directory_used;
    put(zip->bytes, &zip->used, 0x06054b50, 4);
    put(zip->bytes, &zip->used, 0, 4);
    put(zip->bytes, &zip->used, (uint32_t)zip->count, 2);
    put(zip->bytes, &zip->used, (uint32_t)zip->count, 2);
    put(zip->bytes, &zip->used, (uint32_t)zip->directory_used, 4);
    put(zip->bytes, &zip->used, (uint32_t)at, 4);
    put(zip->bytes, &zip->used, 0, 2);
}

/* "<i4 C 2 3" and elements become a .npy file. */
static size_t make_array(struct fuzz_piece *piece, uint8_t *array)
{
    char line[96], shape[128] = "", *rest = NULL, header[256];
    fuzz_line(piece, line, sizeof line);
    const char *dtype = strtok_r(line, " ", &rest), *order = strtok_r(NULL, " ", &rest);
    const char *length = strtok_r(NULL, " ", &rest);
    for (; length; length = strtok_r(NULL, " ", &rest)) {
        snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%s,", length);
    }
    const int size = snprintf(
        header, sizeof header, "{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }",
        dtype ? dtype : "", order && *order == 'F' ? "True" : "False", shape);
    memcpy(array, "\x93NUMPY\1\0\xf6\0", 10);
    memset(array + 10, ' ', 246);
    memcpy(array + 10, header, (size_t)(size < 245 ? size : 245));
    array[255] = '\n';
    if (piece->size > 0) {
        memcpy(array + 256, piece->bytes, piece->size);
    }
    return 256 + piece->size;
}

/* The text of the format as an array of bytes. */
static size_t make_format(const struct fuzz_piece *piece, uint8_t *array)
{
    char line[32];
    const size_t size = piece->size < 9 ? piece->size : 9;
    const int length = snprintf(line, sizeof line, "|S%zu C\n%.*s", size, (int)size,
                                (const char *)piece->bytes);
    struct fuzz_piece whole = {(const uint8_t *)line, (size_t)length};
    return make_array(&whole, array);
}

static void add_sparse(struct zip *zip, struct fuzz_piece *rest)
{
    static const char *const entries[] = {"format.npy",  "shape.npy", "data.npy", "indptr.npy",
                                          "indices.npy", "row.npy",   "col.npy"};
    struct fuzz_piece piece;
    for (size_t i = 0; i < sizeof entries / sizeof *entries && fuzz_next(rest, &piece); i++) {
        uint8_t *array = malloc(512 + piece.size);
        fuzz_require(array != NULL, "there is memory");
        const size_t size = i == 0 ? make_format(&piece, array) : make_array(&piece, array);
        if (piece.size > 0 || i == 0) {
            zip_add(zip, entries[i], array, size);
        }
        free(array);
    }
}

static void add_entries(struct zip *zip, struct fuzz_piece *rest)
{
    struct fuzz_piece piece;
    while (fuzz_next(rest, &piece)) {
        char name[64];
        fuzz_line(&piece, name, sizeof name);
        zip_add(zip, name, piece.bytes, piece.size);
    }
}

static void read_archive(const struct zip *zip)
{
    struct spr_weights weights = {0};
    struct spr_notes notes = {0};
    struct spr_error err = {0};
    const struct spr_weights_options options = {.tokens = zip->used % 3 == 0 ? 0 : 8};
    const struct spr_source source = {.path = "/nonexistent/arrays.npz",
                                      .bytes = zip->bytes,
                                      .size = zip->used,
                                      .options = &options,
                                      .weights = &weights,
                                      .notes = &notes};
    if (spr_read_npz(&source, &err) == SPR_OK) {
        fuzz_check_weights(&weights);
    } else {
        fuzz_check_error(&err);
        fuzz_require(!spr_ends_with(err.text, "expected a zip archive of arrays"),
                     "the archive itself is right");
    }
    spr_notes_free(&notes);
    spr_weights_free(&weights);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_piece rest = {data, size};
    struct zip zip = {0};
    if (FUZZ_SPARSE) {
        add_sparse(&zip, &rest);
    } else {
        add_entries(&zip, &rest);
    }
    zip_end(&zip);
    if (zip.count > 0) {
        read_archive(&zip);
    }
    free(zip.bytes);
    return 0;
}
