/* SPDX-License-Identifier: Apache-2.0 */
/* Runs every file of the given directories through a fuzz function, with any compiler. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static void replay(const char *path)
{
    static uint8_t bytes[1 << 21];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    /* A copy of the exact size, so that a sanitizer sees reads beyond the end. */
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) {
        exit(1);
    }
    memcpy(copy, bytes, size);
    fprintf(stderr, "%s\n", path);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *directory = opendir(argv[i]);
        const struct dirent *entry;
        if (!directory) {
            perror(argv[i]);
            return 1;
        }
        while ((entry = readdir(directory)) != NULL) {
            char path[4096];
            if (entry->d_name[0] != '.') {
                snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
                replay(path);
                count++;
            }
        }
        closedir(directory);
    }
    printf("%d inputs replayed\n", count);
    return count == 0;
}
