/* SPDX-License-Identifier: Apache-2.0 */
/* Files mapped into memory, and paths that must stay beside the model. */
#define _XOPEN_SOURCE 700 /* realpath */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reader.h"

struct spr_mapping {
    void *memory;
    size_t size;
};

enum spr_status spr_map_file(struct spr_weights *weights, const char *path,
                             const unsigned char **bytes, size_t *size, struct spr_error *err)
{
    struct stat facts;
    enum spr_status status = SPR_OK;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *bytes = (const unsigned char *)"";
    *size = 0;
    if (file < 0 || fstat(file, &facts) != 0) {
        status = spr_fail(err, SPR_EINPUT, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(facts.st_mode)) {
        status = spr_fail(err, SPR_EINPUT, "%s: not a regular file", path);
    } else if (!spr_grow(&weights->mapping, &weights->mapping_capacity,
                         weights->mapping_count + 1, sizeof *weights->mapping)) {
        status = spr_fail(err, SPR_ENOMEM, "out of memory");
    } else if (facts.st_size > 0) {
        void *memory = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (memory == MAP_FAILED) {
            status =
                spr_fail(err, SPR_EINPUT, "%s: cannot be mapped: %s", path, strerror(errno));
        } else {
            *bytes = memory;
            *size = (size_t)facts.st_size;
            weights->mapping[weights->mapping_count++] =
                (struct spr_mapping){memory, (size_t)facts.st_size};
        }
    }
    if (file >= 0) {
        close(file);
    }
    return status;
}

void spr_unmap_all(struct spr_weights *weights)
{
    for (size_t i = 0; i < weights->mapping_count; i++) {
        munmap(weights->mapping[i].memory, weights->mapping[i].size);
    }
    spr_free(weights->mapping);
}

static bool has_parent_step(const char *name)
{
    for (const char *at = name; at; at = strchr(at, '/'), at = at ? at + 1 : NULL) {
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0')) {
            return true;
        }
    }
    return false;
}

/* Links are followed to where they really lead. */
static bool stays_inside(const char *directory, const char *path)
{
    char *real_directory = realpath(directory, NULL), *real = realpath(path, NULL);
    size_t length = real_directory ? strlen(real_directory) : 0;
    bool inside = !real || (real_directory && strncmp(real, real_directory, length) == 0 &&
                            (real[length] == '/' || length == 1));
    free(real_directory);
    free(real);
    return inside;
}

enum spr_status spr_sibling(struct spr_weights *weights, const char *path, const char *name,
                            const char **out, struct spr_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t directory = slash ? (size_t)(slash - path) + 1 : 0, length = strlen(name);
    char *text = spr_arena_alloc(&weights->arena, directory + length + 1);
    char *parent = spr_arena_alloc(&weights->arena, directory + 2);
    if (!text || !parent) {
        return spr_fail(err, SPR_ENOMEM, "out of memory");
    }
    memcpy(text, path, directory);
    memcpy(text + directory, name, length + 1);
    memcpy(parent, directory ? path : "./", directory ? directory : 2);
    parent[directory ? directory : 2] = '\0';
    *out = text;
    if (length == 0 || name[0] == '/' || has_parent_step(name) ||
        !stays_inside(parent, text)) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: names the file '%.200s': expected one inside its own directory",
                        path, name);
    }
    return SPR_OK;
}
