/* SPDX-License-Identifier: Apache-2.0 */
/* Files mapped into memory, and which neighbours of a file may be opened. A file that another
 * program cuts short while it is mapped raises SIGBUS, as with every reader that maps: the
 * handler asks base/mapped which file it was. */
/* realpath. NOLINTNEXTLINE(bugprone-reserved-identifier): glibc reads it */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mapped.h"
#include "base/mem.h"
#include "weights/reader.h"

struct spr_mapping {
    void *bytes;
    size_t size;
};

static enum spr_status map_descriptor(struct spr_weights *weights, const char *path,
                                      int descriptor, struct spr_error *err)
{
    struct stat facts;
    if (fstat(descriptor, &facts) != 0) {
        return spr_fail(err, SPR_EINPUT, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(facts.st_mode)) {
        return spr_fail(err, SPR_EINPUT, "%s: not a regular file: expected a file of weights",
                        path);
    }
    if (facts.st_size == 0) {
        return spr_fail(err, SPR_EINPUT, "%s: empty file: expected a file of weights", path);
    }
    if (!spr_grow(&weights->mapping, &weights->mapping_capacity, weights->mapping_count + 1,
                  sizeof *weights->mapping)) {
        return spr_no_memory(err);
    }
    size_t size = (size_t)facts.st_size;
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (bytes == MAP_FAILED) {
        return spr_fail(err, SPR_EENVIRONMENT, "%s: cannot be mapped: %s", path,
                        strerror(errno));
    }
    spr_mapped_remember(bytes, size, path);
    weights->mapping[weights->mapping_count++] = (struct spr_mapping){bytes, size};
    return SPR_OK;
}

enum spr_status spr_map_file(struct spr_weights *weights, const char *path,
                             const unsigned char **bytes, size_t *size, struct spr_error *err)
{
    /* Not to wait for a pipe's writer: what is no regular file is refused. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        return spr_fail(err, SPR_EINPUT, "%s: %s", path, strerror(errno));
    }
    enum spr_status status = map_descriptor(weights, path, descriptor, err);
    close(descriptor);
    if (status == SPR_OK) {
        const struct spr_mapping *mapping = &weights->mapping[weights->mapping_count - 1];
        *bytes = mapping->bytes;
        *size = mapping->size;
    }
    return status;
}

void spr_unmap_files(struct spr_weights *weights)
{
    for (size_t i = 0; i < weights->mapping_count; i++) {
        spr_mapped_forget(weights->mapping[i].bytes);
        munmap(weights->mapping[i].bytes, weights->mapping[i].size);
    }
    spr_free(weights->mapping);
}

/* true unless a part of the name is "..", or it is empty or absolute. */
static bool stays_below(const char *name)
{
    if (!*name || *name == '/') {
        return false;
    }
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0')) {
            return false;
        }
    }
    return true;
}

/* true when `path`, links followed, lies below `directory`. */
static bool leads_below(const char *directory, const char *path)
{
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 &&
           (path[length] == '/' || strcmp(directory, "/") == 0);
}

/* true when the file that `path` leads to lies where the model's file does: below its
 * directory, or below that of the file it is a link to, since caches of downloads link a
 * model's files to a store. Also when there is no such file: opening it says so. */
static bool lies_with_model(const char *model, const char *directory, const char *path)
{
    char *real = realpath(path, NULL), *root = realpath(directory, NULL);
    char *target = realpath(model, NULL);
    char *slash = target ? strrchr(target, '/') : NULL;
    if (slash) {
        slash[slash == target] = '\0';
    }
    bool with =
        !real || (root && leads_below(root, real)) || (target && leads_below(target, real));
    free(real); /* of realpath: not ours to count */
    free(root);
    free(target);
    return with;
}

enum spr_status spr_beside(const struct spr_source *source, const char *what, const char *name,
                           const char **path, struct spr_error *err)
{
    const char *slash = strrchr(source->path, '/');
    size_t length = slash ? (size_t)(slash - source->path) + 1 : 0, more = strlen(name);
    char *joined = spr_arena_alloc(&source->weights->arena, length + more + 1);
    char *directory = spr_arena_text(&source->weights->arena, length ? source->path : "./",
                                     length ? length : 2);
    if (!joined || !directory) {
        return spr_no_memory(err);
    }
    memcpy(joined, source->path, length);
    memcpy(joined + length, name, more + 1);
    if (!stays_below(name) || !lies_with_model(source->path, directory, joined)) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: %s: '%.200s': leaves the directory of the model: refused",
                        source->path, what, name);
    }
    *path = joined;
    return SPR_OK;
}
