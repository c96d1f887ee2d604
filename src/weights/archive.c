/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that knows libzip. */
#include "weights/archive.h"

#include <string.h>
#include <zip.h>

/* Deflate makes at most 1032 bytes of one. */
#define RATIO_MAX 1032

#define NEEDED (ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD)

/* Bytes of an entry that is checked only. */
#define PIECE ((uint64_t)1 << 16)

static enum spr_status zip_failed(const struct spr_archive *archive, const char *what,
                                  zip_error_t *error, struct spr_error *err)
{
    if (zip_error_code_zip(error) == ZIP_ER_MEMORY) {
        return spr_no_memory(err);
    }
    return spr_fail(err, SPR_EINPUT, "%s: %s: %s: expected a zip archive of arrays",
                    archive->path, what, zip_error_strerror(error));
}

static zip_int64_t read_bytes(struct spr_archive *archive, void *out, zip_uint64_t count)
{
    const size_t left = archive->size - archive->at;
    const size_t taken = count < left ? (size_t)count : left;
    memcpy(out, archive->bytes + archive->at, taken);
    archive->last = archive->at;
    archive->at += taken;
    return (zip_int64_t)taken;
}

/* The file's bytes for libzip, which does not tell where an entry lies in them: it is seen
 * where it reads. */
static zip_int64_t serve(void *context, void *data, zip_uint64_t size,
                         zip_source_cmd_t command)
{
    struct spr_archive *archive = context;
    zip_int64_t at;
    switch ((int)command) {
    case ZIP_SOURCE_OPEN:
        archive->at = 0;
        return 0;
    case ZIP_SOURCE_READ:
        return read_bytes(archive, data, size);
    case ZIP_SOURCE_SEEK:
        at = zip_source_seek_compute_offset(archive->at, archive->size, data, size, NULL);
        archive->at = at < 0 ? archive->at : (size_t)at;
        return at < 0 ? -1 : 0;
    case ZIP_SOURCE_TELL:
        return (zip_int64_t)archive->at;
    case ZIP_SOURCE_STAT:
        zip_stat_init(data);
        ((zip_stat_t *)data)->size = archive->size;
        ((zip_stat_t *)data)->valid = ZIP_STAT_SIZE;
        return sizeof(zip_stat_t);
    case ZIP_SOURCE_ERROR:
        memset(data, 0, 2 * sizeof(int));
        return 2 * sizeof(int);
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(
            ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL,
            ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, -1);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
        return 0;
    default:
        return -1;
    }
}

enum spr_status spr_archive_open(struct spr_archive *archive, const struct spr_source *source,
                                 struct spr_error *err)
{
    zip_error_t error;
    zip_error_init(&error);
    *archive = (struct spr_archive){
        .path = source->path, .bytes = source->bytes, .size = source->size};
    zip_source_t *bytes = zip_source_function_create(serve, archive, &error);
    archive->zip = bytes ? zip_open_from_source(bytes, ZIP_RDONLY, &error) : NULL;
    enum spr_status status = SPR_OK;
    if (!archive->zip) {
        status = zip_failed(archive, "archive", &error, err);
        zip_source_free(bytes);
    } else {
        archive->count = zip_get_num_entries(archive->zip, 0);
    }
    zip_error_fini(&error);
    return status;
}

void spr_archive_close(struct spr_archive *archive)
{
    if (archive->zip) {
        zip_discard(archive->zip);
    }
    archive->zip = NULL;
}

const char *spr_archive_name(const struct spr_archive *archive, int64_t index)
{
    return zip_get_name(archive->zip, (zip_uint64_t)index, 0);
}

int64_t spr_archive_find(const struct spr_archive *archive, const char *name)
{
    return zip_name_locate(archive->zip, name, 0);
}

double spr_archive_inflated(const struct spr_archive *archive, const char *end)
{
    double inflated = 0;
    for (zip_int64_t i = 0; i < archive->count; i++) {
        zip_stat_t facts;
        zip_stat_init(&facts);
        if (zip_stat_index(archive->zip, (zip_uint64_t)i, 0, &facts) == 0 &&
            (facts.valid & NEEDED) == NEEDED && spr_ends_with(facts.name, end) &&
            facts.comp_method == ZIP_CM_DEFLATE &&
            (double)facts.size <= (double)facts.comp_size * RATIO_MAX) {
            inflated += (double)facts.size;
        }
    }
    return inflated;
}

enum spr_status spr_archive_entry(struct spr_archive *archive, int64_t index,
                                  struct spr_archive_entry *entry, struct spr_error *err)
{
    zip_stat_t facts;
    zip_stat_init(&facts);
    if (zip_stat_index(archive->zip, (zip_uint64_t)index, 0, &facts) != 0 ||
        (facts.valid & NEEDED) != NEEDED) {
        return spr_fail(err, SPR_EINPUT, "%s: entry %lld of the archive cannot be read",
                        archive->path, (long long)index);
    }
    if (facts.comp_method != ZIP_CM_STORE && facts.comp_method != ZIP_CM_DEFLATE) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: entry '%.200s': compression method %d: expected stored or "
                        "deflated",
                        archive->path, facts.name, facts.comp_method);
    }
    archive->claimed += (double)facts.size;
    if ((double)facts.size > (double)facts.comp_size * RATIO_MAX ||
        archive->claimed > (double)archive->size * RATIO_MAX) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: entry '%.200s': %llu bytes from %llu compressed ones: more than "
                        "deflate can make",
                        archive->path, facts.name, (unsigned long long)facts.size,
                        (unsigned long long)facts.comp_size);
    }
    *entry = (struct spr_archive_entry){index, facts.name, facts.size,
                                        facts.comp_method == ZIP_CM_STORE &&
                                            facts.comp_size == facts.size};
    return SPR_OK;
}

static enum spr_status entry_open(struct spr_archive *archive,
                                  const struct spr_archive_entry *entry, zip_file_t **file,
                                  struct spr_error *err)
{
    *file = zip_fopen_index(archive->zip, (zip_uint64_t)entry->index, 0);
    return *file ? SPR_OK : zip_failed(archive, entry->name, zip_get_error(archive->zip), err);
}

enum spr_status spr_archive_read(struct spr_archive *archive,
                                 const struct spr_archive_entry *entry, unsigned char *buffer,
                                 struct spr_error *err)
{
    unsigned char piece[PIECE];
    zip_file_t *file;
    uint64_t got = 0;
    zip_int64_t more = 1;
    SPR_TRY(entry_open(archive, entry, &file, err));
    while (got < entry->size && more > 0) {
        const uint64_t left = entry->size - got;
        more = buffer ? zip_fread(file, buffer + got, left)
                      : zip_fread(file, piece, left < PIECE ? left : PIECE);
        got += more > 0 ? (uint64_t)more : 0;
    }
    /* The end is read, too: that is where the checksum is compared. */
    more = more < 0 ? more : zip_fread(file, piece, 1);
    enum spr_status status = SPR_OK;
    if (more < 0) {
        status = zip_failed(archive, entry->name, zip_file_get_error(file), err);
    } else if (got != entry->size || more > 0) {
        status = spr_fail(err, SPR_EINPUT, "%s: entry '%.200s': expected %llu bytes, got %s",
                          archive->path, entry->name, (unsigned long long)entry->size,
                          more > 0 ? "more" : "fewer");
    }
    zip_fclose(file);
    return status;
}

/* Where the first bytes of a stored entry were read from. */
static const unsigned char *find_place(const struct spr_archive *archive,
                                       const struct spr_archive_entry *entry,
                                       const unsigned char *head, size_t count)
{
    const unsigned char *place = archive->bytes + archive->last;
    const size_t left = archive->size - archive->last;
    const bool there = entry->stored && entry->size <= left && count <= left &&
                       memcmp(place, head, count) == 0;
    return there ? place : NULL;
}

enum spr_status spr_archive_head(struct spr_archive *archive,
                                 const struct spr_archive_entry *entry, unsigned char *buffer,
                                 size_t count, const unsigned char **place,
                                 struct spr_error *err)
{
    const size_t wanted = entry->size < count ? (size_t)entry->size : count;
    zip_file_t *file;
    size_t got = 0;
    zip_int64_t more = 1;
    *place = NULL;
    SPR_TRY(entry_open(archive, entry, &file, err));
    while (got < wanted && more > 0) {
        more = zip_fread(file, buffer + got, wanted - got);
        if (got == 0 && more > 0) {
            *place = find_place(archive, entry, buffer, (size_t)more);
        }
        got += more > 0 ? (size_t)more : 0;
    }
    enum spr_status status = SPR_OK;
    if (more < 0) {
        status = zip_failed(archive, entry->name, zip_file_get_error(file), err);
    } else if (got < wanted) {
        status =
            spr_fail(err, SPR_EINPUT, "%s: entry '%.200s': expected %llu bytes, got fewer",
                     archive->path, entry->name, (unsigned long long)entry->size);
    }
    zip_fclose(file);
    return status;
}
