/* SPDX-License-Identifier: Apache-2.0 */
/* Shipped data by name. */
#include "base/data.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define DIRECTORIES 4

/* PREFIX/share/sproof for a program in PREFIX/bin: an installation may be moved, or made with
 * another prefix than it was configured for. For a program elsewhere share/sproof beside it: in
 * a build that is a link to the sources, whose place the program does not hold. */
static bool beside_program(char path[SPR_DATA_PATH])
{
    static const char bin[] = "/bin/sproof", beside[] = "/share/sproof";
    ssize_t length = readlink("/proc/self/exe", path, SPR_DATA_PATH - 64);
    if (length <= 0) {
        return false;
    }
    path[length] = '\0';
    const size_t tail = sizeof bin - 1;
    char *end = path + ((size_t)length > tail ? (size_t)length - tail : 0);
    if (strcmp(end, bin) != 0) {
        end = strrchr(path, '/');
    }
    if (!end) {
        return false;
    }
    memcpy(end, beside, sizeof beside); /* 64 bytes are left for it */
    return true;
}

/* The i-th directory that may hold `kind`; false when it is not set. */
static bool directory(int i, const char *kind, char path[SPR_DATA_PATH])
{
    char program[SPR_DATA_PATH];
    const char *base = NULL, *middle = "";
    const char *home = getenv("HOME"), *xdg = getenv("XDG_DATA_HOME");
    switch (i) {
    case 0:
        base = getenv("SPROOF_DATA");
        break;
    case 1:
        base = xdg && *xdg ? xdg : home;
        middle = xdg && *xdg ? "/sproof" : "/.local/share/sproof";
        break;
    case 2:
        base = beside_program(program) ? program : NULL;
        break;
    case 3:
        base = SPROOF_INSTALL_DATA;
        break;
    }
    if (!base || !*base) {
        return false;
    }
    int size = snprintf(path, SPR_DATA_PATH, "%s%s/%s", base, middle, kind);
    return size > 0 && size < SPR_DATA_PATH - 256;
}

bool spr_data_find(const char *kind, const char *name, const char *suffix,
                   char path[SPR_DATA_PATH])
{
    for (int i = 0; i < DIRECTORIES; i++) {
        char base[SPR_DATA_PATH];
        if (!directory(i, kind, base)) {
            continue;
        }
        int size = snprintf(path, SPR_DATA_PATH, "%s/%s%s", base, name, suffix);
        if (size > 0 && size < SPR_DATA_PATH && access(path, F_OK) == 0) {
            return true;
        }
    }
    return false;
}

static bool add_name(char ***names, size_t *capacity, size_t *count, const char *name,
                     size_t length)
{
    for (size_t i = 0; i < *count; i++) {
        if (strncmp((*names)[i], name, length) == 0 && (*names)[i][length] == '\0') {
            return true;
        }
    }
    char *copy = spr_calloc(length + 1, 1);
    if (!copy || !spr_grow(names, capacity, *count + 1, sizeof **names)) {
        spr_free(copy);
        return false;
    }
    memcpy(copy, name, length);
    (*names)[(*count)++] = copy;
    return true;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

enum spr_status spr_data_names(const char *kind, const char *suffix, char ***names,
                               size_t *count, struct spr_error *err)
{
    size_t capacity = 0, tail = strlen(suffix);
    bool complete = true;
    *names = NULL;
    *count = 0;
    for (int i = 0; i < DIRECTORIES && complete; i++) {
        char base[SPR_DATA_PATH];
        DIR *open = directory(i, kind, base) ? opendir(base) : NULL;
        struct dirent *entry;
        while (open && complete && (entry = readdir(open)) != NULL) {
            size_t length = strlen(entry->d_name);
            if (length > tail && strcmp(entry->d_name + length - tail, suffix) == 0 &&
                entry->d_name[0] != '.') {
                complete = add_name(names, &capacity, count, entry->d_name, length - tail);
            }
        }
        if (open) {
            closedir(open);
        }
    }
    if (!complete) {
        spr_data_free_names(*names, *count);
        *names = NULL;
        *count = 0;
        return spr_no_memory(err);
    }
    if (*count > 1) {
        qsort(*names, *count, sizeof **names, by_text);
    }
    return SPR_OK;
}

void spr_data_free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        spr_free(names[i]);
    }
    spr_free(names);
}
