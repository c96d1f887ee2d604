/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of NumPy arrays (.npz): plain ones, and sparse matrices of SciPy. The only file
 * that knows libzip. Entries are decompressed into memory. */
#include <stdio.h>
#include <string.h>
#include <zip.h>

#include "base/mem.h"
#include "weights/scipy.h"

/* Deflate makes at most 1032 bytes of one. */
#define RATIO_MAX 1032

struct archive {
    const struct spr_source *source;
    zip_t *zip;
    zip_int64_t count;
    double claimed; /* bytes of all entries, as they say */
};

static enum spr_status zip_failed(const struct spr_source *source, const char *what,
                                  zip_error_t *error, struct spr_error *err)
{
    if (zip_error_code_zip(error) == ZIP_ER_MEMORY) {
        return spr_no_memory(err);
    }
    return spr_fail(err, SPR_EINPUT, "%s: %s: %s: expected a zip archive of arrays",
                    source->path, what, zip_error_strerror(error));
}

static enum spr_status archive_open(struct archive *archive, struct spr_error *err)
{
    const struct spr_source *source = archive->source;
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *bytes =
        zip_source_buffer_create(source->bytes, (zip_uint64_t)source->size, 0, &error);
    archive->zip = bytes ? zip_open_from_source(bytes, ZIP_RDONLY, &error) : NULL;
    enum spr_status status = SPR_OK;
    if (!archive->zip) {
        status = zip_failed(source, "archive", &error, err);
        zip_source_free(bytes);
    } else {
        archive->count = zip_get_num_entries(archive->zip, 0);
    }
    zip_error_fini(&error);
    return status;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* Facts of an entry, checked: nothing is claimed that its bytes cannot be. */
static enum spr_status entry_stat(struct archive *archive, zip_uint64_t index,
                                  zip_stat_t *facts, struct spr_error *err)
{
    const char *path = archive->source->path;
    const zip_uint64_t needed =
        ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    zip_stat_init(facts);
    if (zip_stat_index(archive->zip, index, 0, facts) != 0 ||
        (facts->valid & needed) != needed) {
        return spr_fail(err, SPR_EINPUT, "%s: entry %llu of the archive cannot be read", path,
                        (unsigned long long)index);
    }
    if (facts->comp_method != ZIP_CM_STORE && facts->comp_method != ZIP_CM_DEFLATE) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: entry '%.200s': compression method %d: expected stored or "
                        "deflated",
                        path, facts->name, facts->comp_method);
    }
    archive->claimed += (double)facts->size;
    if ((double)facts->size > (double)facts->comp_size * RATIO_MAX ||
        archive->claimed > (double)archive->source->size * RATIO_MAX) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: entry '%.200s': %llu bytes from %llu compressed ones: more than "
                        "deflate can make",
                        path, facts->name, (unsigned long long)facts->size,
                        (unsigned long long)facts->comp_size);
    }
    return SPR_OK;
}

/* The decompressed bytes of an entry, in the arena. */
static enum spr_status entry_bytes(const struct archive *archive, const zip_stat_t *facts,
                                   struct spr_arena *arena, const unsigned char **bytes,
                                   struct spr_error *err)
{
    unsigned char *buffer = spr_arena_alloc(arena, (size_t)facts->size + 1);
    if (!buffer) {
        return spr_no_memory(err);
    }
    zip_file_t *file = zip_fopen_index(archive->zip, facts->index, 0);
    if (!file) {
        return zip_failed(archive->source, facts->name, zip_get_error(archive->zip), err);
    }
    zip_uint64_t got = 0;
    zip_int64_t more = 1;
    while (got < facts->size && more > 0) {
        more = zip_fread(file, buffer + got, facts->size - got);
        got += more > 0 ? (zip_uint64_t)more : 0;
    }
    /* The end is read, too: that is where the checksum is compared. */
    more = more < 0 ? more : zip_fread(file, buffer + got, 1);
    enum spr_status status = SPR_OK;
    if (more < 0) {
        status = zip_failed(archive->source, facts->name, zip_file_get_error(file), err);
    } else if (got != facts->size || more > 0) {
        status = spr_fail(err, SPR_EINPUT, "%s: entry '%.200s': expected %llu bytes, got %s",
                          archive->source->path, facts->name, (unsigned long long)facts->size,
                          more > 0 ? "more" : "fewer");
    }
    zip_fclose(file);
    *bytes = buffer;
    return status;
}

/* Reads an entry and its header; label and bytes live in the arena. */
static enum spr_status entry_array(struct archive *archive, zip_uint64_t index,
                                   struct spr_arena *arena, struct spr_npy *npy,
                                   struct spr_error *err)
{
    zip_stat_t facts;
    char label[1024];
    *npy = (struct spr_npy){0};
    SPR_TRY(entry_stat(archive, index, &facts, err));
    int length = snprintf(label, sizeof label, "%.700s: entry '%.200s'", archive->source->path,
                          facts.name);
    npy->size = (size_t)facts.size;
    npy->label = spr_arena_text(arena, label, (size_t)length);
    if (!npy->label) {
        return spr_no_memory(err);
    }
    SPR_TRY(entry_bytes(archive, &facts, arena, &npy->bytes, err));
    return spr_npy_parse(npy, err);
}

/* "csr" from the array `format` of bytes or of UCS-4. */
static void format_text(const struct spr_npy *npy, char text[8])
{
    size_t step = npy->kind == 'U' ? 4 : 1, used = 0;
    const unsigned char *data = npy->bytes + npy->offset;
    if (npy->elements != 1 || (npy->kind != 'U' && npy->kind != 'S')) {
        return;
    }
    for (size_t b = 0; b < npy->item_bytes && used < 7; b += step) {
        unsigned char c = data[b + (npy->big_endian ? step - 1 : 0)];
        text[used] = (char)(c >= 0x20 && c < 0x7F ? c : '\0');
        used += text[used] != '\0';
    }
    text[used] = '\0';
}

static enum spr_status read_sparse(struct archive *archive, struct spr_error *err)
{
    struct spr_scipy parts = {0};
    struct spr_npy format = {0};
    struct spr_arena arena = {0}; /* what the matrix is made of is not kept */
    const struct {
        const char *entry;
        struct spr_npy *npy;
    } wanted[] = {{"format.npy", &format},         {"shape.npy", &parts.shape},
                  {"data.npy", &parts.data},       {"indptr.npy", &parts.indptr},
                  {"indices.npy", &parts.indices}, {"row.npy", &parts.row},
                  {"col.npy", &parts.col}};
    enum spr_status status = SPR_OK;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted && status == SPR_OK; i++) {
        zip_int64_t index = zip_name_locate(archive->zip, wanted[i].entry, 0);
        if (index >= 0) {
            status = entry_array(archive, (zip_uint64_t)index, &arena, wanted[i].npy, err);
        }
    }
    if (status == SPR_OK) {
        const char *name = spr_file_stem(archive->source->weights, archive->source->path);
        format_text(&format, parts.format);
        status = name ? spr_add_scipy(archive->source, &parts, name, err) : spr_no_memory(err);
    }
    spr_arena_free(&arena);
    return status;
}

static enum spr_status read_plain(struct archive *archive, struct spr_error *err)
{
    const struct spr_source *source = archive->source;
    struct spr_arena *arena = &source->weights->arena;
    long long others = 0;
    for (zip_int64_t i = 0; i < archive->count; i++) {
        const char *entry = zip_get_name(archive->zip, (zip_uint64_t)i, 0);
        struct spr_npy npy;
        if (!entry || !ends_with(entry, ".npy")) {
            others++;
            continue;
        }
        char *name = spr_arena_text(arena, entry, strlen(entry) - 4);
        if (!name) {
            return spr_no_memory(err);
        }
        SPR_TRY(entry_array(archive, (zip_uint64_t)i, arena, &npy, err));
        SPR_TRY(spr_npy_add(source, &npy, name, 0, err));
    }
    if (others > 0) {
        spr_note(source->notes, "%s: %lld entries that are not .npy are left out",
                 source->path, others);
    }
    return SPR_OK;
}

/* All arrays are held together: checked before one is inflated. What an entry cannot be counts
 * when it is read. */
static enum spr_status check_inflated(const struct archive *archive, struct spr_error *err)
{
    const zip_uint64_t needed =
        ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    double inflated = 0;
    for (zip_int64_t i = 0; i < archive->count; i++) {
        zip_stat_t facts;
        zip_stat_init(&facts);
        if (zip_stat_index(archive->zip, (zip_uint64_t)i, 0, &facts) == 0 &&
            (facts.valid & needed) == needed && ends_with(facts.name, ".npy") &&
            facts.comp_method == ZIP_CM_DEFLATE &&
            (double)facts.size <= (double)facts.comp_size * RATIO_MAX) {
            inflated += (double)facts.size;
        }
    }
    return spr_check_inflated(archive->source, inflated, err);
}

/* torch.save makes archives, too. */
static bool holds_pickle(const struct archive *archive)
{
    for (zip_int64_t i = 0; i < archive->count; i++) {
        const char *name = zip_get_name(archive->zip, (zip_uint64_t)i, 0);
        if (name && (ends_with(name, "/data.pkl") || strcmp(name, "data.pkl") == 0)) {
            return true;
        }
    }
    return false;
}

bool spr_sniff_npz(const struct spr_source *source)
{
    return source->size >= 4 && (memcmp(source->bytes, "PK\3\4", 4) == 0 ||
                                 memcmp(source->bytes, "PK\5\6", 4) == 0);
}

enum spr_status spr_read_npz(const struct spr_source *source, struct spr_error *err)
{
    struct archive archive = {.source = source};
    enum spr_status status = archive_open(&archive, err);
    if (status != SPR_OK) {
        return status;
    }
    const bool pickle = holds_pickle(&archive);
    status = pickle ? spr_read_pickle(source, err) : check_inflated(&archive, err);
    const bool sparse = zip_name_locate(archive.zip, "format.npy", 0) >= 0 &&
                        zip_name_locate(archive.zip, "shape.npy", 0) >= 0;
    if (status == SPR_OK && !pickle) {
        status = sparse ? read_sparse(&archive, err) : read_plain(&archive, err);
    }
    zip_discard(archive.zip);
    return status;
}
