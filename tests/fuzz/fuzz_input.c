/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs of several pieces, files in a folder, and the law of weights that were read. */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "sproof/weights.h"
#include "weights/reader.h"

#define CELLS_MAX ((double)(1 << 20))

_Noreturn static void give_up(const char *what)
{
    perror(what);
    exit(99);
}

/* A child that outlives this process, whatever ends it, and then removes the folder. */
static void remove_at_end(const char *folder)
{
    int ends[2];
    if (pipe(ends) != 0) {
        give_up("pipe");
    }
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    const pid_t child = fork();
    if (child < 0) {
        give_up("fork");
    }
    if (child == 0) {
        char byte;
        close(ends[1]);
        setsid();
        while (read(ends[0], &byte, 1) > 0) {
        }
        execl("/bin/rm", "rm", "-rf", folder, (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
}

const char *fuzz_folder(void)
{
    static char folder[512];
    if (!folder[0]) {
        const char *place = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%.400s/sproof-fuzz-XXXXXX", place ? place : "/tmp");
        if (!mkdtemp(folder)) {
            give_up(folder);
        }
        remove_at_end(folder);
    }
    return folder;
}

static void empty(int folder)
{
    DIR *directory = folder < 0 ? NULL : fdopendir(folder);
    const struct dirent *entry;
    if (!directory) {
        give_up("scratch folder");
    }
    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlinkat(folder, entry->d_name, 0) != 0) {
            empty(openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
            (void)unlinkat(folder, entry->d_name, AT_REMOVEDIR);
        }
    }
    closedir(directory);
}

void fuzz_empty_folder(void)
{
    empty(open(fuzz_folder(), O_RDONLY | O_DIRECTORY));
}

bool fuzz_write(const char *name, const void *bytes, size_t size)
{
    char path[1024];
    fuzz_require(!strchr(name, '/'), "fuzzers write into their folder");
    const int length = snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        length >= (int)sizeof path) {
        return false;
    }
    FILE *file = fopen(path, "wb");
    if (!file) {
        return false;
    }
    if (fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        give_up(path);
    }
    return true;
}

bool fuzz_next(struct fuzz_piece *rest, struct fuzz_piece *piece)
{
    const size_t split = sizeof FUZZ_SPLIT - 1;
    if (!rest->bytes) {
        return false;
    }
    *piece = *rest;
    for (size_t i = 0; i + split <= rest->size; i++) {
        if (memcmp(rest->bytes + i, FUZZ_SPLIT, split) == 0) {
            piece->size = i;
            rest->bytes += i + split;
            rest->size -= i + split;
            return true;
        }
    }
    rest->bytes = NULL;
    return true;
}

void fuzz_line(struct fuzz_piece *piece, char *text, size_t size)
{
    size_t length = 0;
    while (length < piece->size && piece->bytes[length] != '\n') {
        length++;
    }
    const size_t kept = length < size ? length : size - 1;
    if (kept > 0) {
        memcpy(text, piece->bytes, kept);
    }
    text[kept] = '\0';
    length += length < piece->size;
    piece->bytes += length;
    piece->size -= length;
}

void fuzz_check_error(const struct spr_error *err)
{
    fuzz_require(err->status != SPR_OK && err->text[0], "a failure has a cause");
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

void fuzz_check_weights(struct spr_weights *weights)
{
    struct spr_error err = {0};
    const struct spr_account a = spr_weights_account(weights);
    fuzz_require(a.parameters >= 0 && fabs(a.listed + a.aside + a.scales + a.left_out -
                                           a.parameters) <= 1e-9 * a.parameters,
                 "the parts add up to the parameters");
    for (size_t i = 0; i < weights->weight_count; i++) {
        if (spr_weights_hold(weights, weights->weight[i].tensor, &err) == SPR_OK) {
            check_weight(&weights->weight[i]);
        }
    }
}
