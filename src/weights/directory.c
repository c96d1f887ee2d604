/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of weights as one network. Its files are told by their suffix: a checkpoint has
 * much beside its weights. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "weights/reader.h"

enum file_kind {
    FILE_INDEX,
    FILE_SAFETENSORS,
    FILE_GGUF,
    FILE_ONNX,
    FILE_MATRIX,
    FILE_PICKLE,
    FILE_COUNT, /* none of them */
};

/* The first that fits decides. */
static const struct {
    const char *suffix;
    enum file_kind kind;
} suffixes[] = {
    {".safetensors.index.json", FILE_INDEX},
    {".safetensors", FILE_SAFETENSORS},
    {".gguf", FILE_GGUF},
    {".onnx", FILE_ONNX},
    {".npy", FILE_MATRIX},
    {".npz", FILE_MATRIX},
    {".mtx", FILE_MATRIX},
    {".mtx.gz", FILE_MATRIX},
    {".smtx", FILE_MATRIX},
    {".bin", FILE_PICKLE},
    {".pt", FILE_PICKLE},
    {".pth", FILE_PICKLE},
};

struct file {
    const char *path;
    enum file_kind kind;
};

struct listing {
    struct file *file;
    size_t count, capacity;
    size_t of_kind[FILE_COUNT];
};

static enum file_kind kind_of(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t tail = strlen(suffixes[i].suffix);
        if (length > tail && strcmp(name + length - tail, suffixes[i].suffix) == 0) {
            return suffixes[i].kind;
        }
    }
    return FILE_COUNT;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static enum spr_status list_file(const struct spr_source *source, const char *name,
                                 struct listing *listing, struct spr_error *err)
{
    size_t length = strlen(source->path), more = strlen(name);
    enum file_kind kind = kind_of(name);
    struct stat facts;
    if (*name == '.' || kind == FILE_COUNT) {
        return SPR_OK;
    }
    char *path = spr_arena_alloc(&source->weights->arena, length + more + 2);
    if (!path || !spr_grow(&listing->file, &listing->capacity, listing->count + 1,
                           sizeof *listing->file)) {
        return spr_no_memory(err);
    }
    memcpy(path, source->path, length);
    path[length] = '/';
    memcpy(path + length + (length == 0 || path[length - 1] != '/'), name, more + 1);
    /* A pipe or a device is listed: reading it says what it is, leaving it out would make
     * another network. */
    if (stat(path, &facts) == 0 && !S_ISDIR(facts.st_mode)) {
        listing->file[listing->count++] = (struct file){path, kind};
        listing->of_kind[kind]++;
    }
    return SPR_OK;
}

static enum spr_status list_directory(const struct spr_source *source, struct listing *listing,
                                      struct spr_error *err)
{
    DIR *directory = opendir(source->path);
    const struct dirent *entry;
    enum spr_status status = SPR_OK;
    if (!directory) {
        return spr_fail(err, SPR_EINPUT, "%s: %s", source->path, strerror(errno));
    }
    while (status == SPR_OK && (entry = readdir(directory)) != NULL) {
        status = list_file(source, entry->d_name, listing, err);
    }
    closedir(directory);
    if (listing->count > 0) {
        qsort(listing->file, listing->count, sizeof *listing->file, by_path);
    }
    return status;
}

/* Makes file->path the part `path` of a checkpoint whose part before it is file->path; the
 * first, which is `directory` still, may be a link to anywhere. */
static enum spr_status place(struct spr_source *file, const char *directory, const char *path,
                             struct spr_error *err)
{
    if (file->path != directory) {
        SPR_TRY(spr_beside(file, "checkpoint", strrchr(path, '/') + 1, &path, err));
    }
    file->path = path;
    return SPR_OK;
}

/* Several safetensors files are one checkpoint, whose parts tell its layers together. */
static enum spr_status read_checkpoint(const struct spr_source *source,
                                       const struct listing *listing, struct spr_error *err)
{
    struct spr_source file = *source;
    size_t first = source->weights->tensor_count;
    for (size_t i = 0; i < listing->count; i++) {
        if (listing->file[i].kind == FILE_SAFETENSORS) {
            SPR_TRY(place(&file, source->path, listing->file[i].path, err));
            SPR_TRY(spr_map_file(file.weights, file.path, &file.bytes, &file.size, err));
            SPR_TRY(spr_add_safetensors(&file, err));
        }
    }
    return spr_layers_of_tensors(&file, first, err);
}

static enum spr_status read_kind(const struct spr_source *source,
                                 const struct listing *listing, enum file_kind kind,
                                 struct spr_error *err)
{
    struct spr_source file = *source;
    enum spr_status status = SPR_OK;
    for (size_t i = 0; i < listing->count && status == SPR_OK; i++) {
        if (listing->file[i].kind == kind) {
            file.path = listing->file[i].path;
            status = spr_read_file(&file, err);
        }
    }
    return status;
}

/* The most telling form of a network that is there several times. */
static enum file_kind best_kind(const struct listing *listing)
{
    enum file_kind kind = FILE_INDEX;
    while (kind < FILE_COUNT && listing->of_kind[kind] == 0) {
        kind++;
    }
    return kind;
}

enum spr_status spr_read_directory(const struct spr_source *source, struct spr_error *err)
{
    struct listing listing = {0};
    enum spr_status status = list_directory(source, &listing, err);
    enum file_kind kind = best_kind(&listing);
    if (status == SPR_OK && kind == FILE_COUNT) {
        status =
            spr_fail(err, SPR_EINPUT,
                     "%s: no weights: expected files .safetensors, .gguf, .onnx, .npy, .npz, "
                     ".mtx, .mtx.gz or .smtx",
                     source->path);
    }
    /* The files of an index are its parts, not others. */
    size_t others = listing.count;
    if (kind < FILE_COUNT) {
        others -= listing.of_kind[kind];
        others -= kind == FILE_INDEX ? listing.of_kind[FILE_SAFETENSORS] : 0;
    }
    if (status == SPR_OK) {
        status = kind == FILE_SAFETENSORS ? read_checkpoint(source, &listing, err)
                                          : read_kind(source, &listing, kind, err);
    }
    if (status == SPR_OK && others > 0) {
        spr_note(source->notes, "%s: %zu files of other formats are left out", source->path,
                 others);
    }
    spr_free(listing.file);
    return status;
}
