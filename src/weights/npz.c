/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of NumPy arrays (.npz): plain ones, and sparse matrices of SciPy. An array that is
 * compressed is inflated when its elements are looked at, and no two are at a time. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "weights/archive.h"
#include "weights/scipy.h"

/* A header of the greatest size that is read, and what stands before it. */
#define HEAD_BYTES (SPR_NPY_HEADER_MAX + 12)

/* An array that is not in memory yet. */
struct spr_packed {
    struct spr_archive *archive;
    struct spr_archive_entry entry;
    struct spr_npy npy; /* its header */
};

static enum spr_status make_label(const struct spr_archive *archive,
                                  const struct spr_archive_entry *entry,
                                  struct spr_arena *arena, struct spr_npy *npy,
                                  struct spr_error *err)
{
    char label[1024];
    int length =
        snprintf(label, sizeof label, "%.700s: entry '%.200s'", archive->path, entry->name);
    npy->size = (size_t)entry->size;
    npy->label = spr_arena_text(arena, label, (size_t)length);
    return npy->label ? SPR_OK : spr_no_memory(err);
}

/* Reads an entry and its header; label and bytes live in the arena, or in the file. */
static enum spr_status entry_array(struct spr_archive *archive, int64_t index,
                                   struct spr_arena *arena, struct spr_npy *npy,
                                   struct spr_error *err)
{
    struct spr_archive_entry entry;
    unsigned char head[64];
    *npy = (struct spr_npy){0};
    SPR_TRY(spr_archive_entry(archive, index, &entry, err));
    SPR_TRY(make_label(archive, &entry, arena, npy, err));
    SPR_TRY(spr_archive_head(archive, &entry, head, sizeof head, &npy->bytes, err));
    unsigned char *buffer = npy->bytes ? NULL : spr_arena_alloc(arena, (size_t)entry.size + 1);
    if (!npy->bytes && !buffer) {
        return spr_no_memory(err);
    }
    SPR_TRY(spr_archive_read(archive, &entry, buffer, err));
    npy->bytes = npy->bytes ? npy->bytes : buffer;
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

static enum spr_status read_sparse(const struct spr_source *source,
                                   struct spr_archive *archive, struct spr_error *err)
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
                  {"col.npy", &parts.col},         {"offsets.npy", &parts.offsets}};
    enum spr_status status = SPR_OK;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted && status == SPR_OK; i++) {
        const int64_t index = spr_archive_find(archive, wanted[i].entry);
        if (index >= 0) {
            status = entry_array(archive, index, &arena, wanted[i].npy, err);
        }
    }
    if (status == SPR_OK) {
        const char *name = spr_file_stem(source->weights, source->path);
        format_text(&format, parts.format);
        status = name ? spr_add_scipy(source, &parts, name, err) : spr_no_memory(err);
    }
    spr_arena_free(&arena);
    return status;
}

/* Room for a header, which an array's is read into: one for all arrays of an archive. */
struct plain {
    const struct spr_source *source;
    struct spr_archive *archive;
    unsigned char *head;
};

/* The header of an array; its bytes where they lie, or what finds them later. */
static enum spr_status plain_array(const struct plain *p,
                                   const struct spr_archive_entry *entry, struct spr_npy *npy,
                                   struct spr_error *err)
{
    struct spr_arena *arena = &p->source->weights->arena;
    const unsigned char *place;
    *npy = (struct spr_npy){0};
    SPR_TRY(make_label(p->archive, entry, arena, npy, err));
    SPR_TRY(spr_archive_head(p->archive, entry, p->head, HEAD_BYTES, &place, err));
    npy->bytes = p->head;
    SPR_TRY(spr_npy_parse(npy, err));
    if (place && spr_npy_as_it_is(npy)) {
        npy->bytes = place;
        return SPR_OK;
    }
    npy->packed = spr_arena_alloc(arena, sizeof *npy->packed);
    if (!npy->packed) {
        return spr_no_memory(err);
    }
    *npy->packed = (struct spr_packed){p->archive, *entry, *npy};
    return SPR_OK;
}

/* Layers that are compressed are checked when they are inflated, all else here. */
static enum spr_status add_array(const struct plain *p, int64_t index, const char *name,
                                 struct spr_error *err)
{
    struct spr_archive_entry entry;
    struct spr_npy npy;
    const size_t layers = p->source->weights->weight_count;
    SPR_TRY(spr_archive_entry(p->archive, index, &entry, err));
    SPR_TRY(plain_array(p, &entry, &npy, err));
    SPR_TRY(spr_npy_add(p->source, &npy, name, 0, err));
    const bool later = npy.packed && p->source->weights->weight_count > layers;
    return later ? SPR_OK : spr_archive_read(p->archive, &entry, NULL, err);
}

static enum spr_status add_arrays(const struct plain *p, struct spr_error *err)
{
    const struct spr_source *source = p->source;
    long long others = 0;
    for (int64_t i = 0; i < p->archive->count; i++) {
        const char *entry = spr_archive_name(p->archive, i);
        if (!entry || !spr_ends_with(entry, ".npy")) {
            others++;
            continue;
        }
        char *name = spr_arena_text(&source->weights->arena, entry, strlen(entry) - 4);
        if (!name) {
            return spr_no_memory(err);
        }
        SPR_TRY(add_array(p, i, name, err));
    }
    if (others > 0) {
        spr_note(source->notes, "%s: %lld entries that are not .npy are left out",
                 source->path, others);
    }
    return SPR_OK;
}

static enum spr_status read_plain(const struct spr_source *source, struct spr_archive *archive,
                                  struct spr_error *err)
{
    const struct plain p = {source, archive, spr_calloc(HEAD_BYTES, 1)};
    enum spr_status status = p.head ? add_arrays(&p, err) : spr_no_memory(err);
    spr_free(p.head);
    return status;
}

/* torch.save makes archives, too. */
static bool holds_pickle(const struct spr_archive *archive)
{
    for (int64_t i = 0; i < archive->count; i++) {
        const char *name = spr_archive_name(archive, i);
        if (name && (spr_ends_with(name, "/data.pkl") || strcmp(name, "data.pkl") == 0)) {
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

static enum spr_status read_archive(const struct spr_source *source,
                                    struct spr_archive *archive, struct spr_error *err)
{
    if (holds_pickle(archive)) {
        return spr_read_pickle(source, err);
    }
    SPR_TRY(spr_check_inflated(source, spr_archive_inflated(archive, ".npy"), err));
    const bool sparse = spr_archive_find(archive, "format.npy") >= 0 &&
                        spr_archive_find(archive, "shape.npy") >= 0;
    return sparse ? read_sparse(source, archive, err) : read_plain(source, archive, err);
}

enum spr_status spr_read_npz(const struct spr_source *source, struct spr_error *err)
{
    struct spr_weights *weights = source->weights;
    struct spr_archive *archive = spr_arena_alloc(&weights->arena, sizeof *archive);
    if (!archive) {
        return spr_no_memory(err);
    }
    SPR_TRY(spr_archive_open(archive, source, err));
    archive->next = weights->archive;
    weights->archive = archive;
    return read_archive(source, archive, err);
}

/* Where the bytes of a tensor are now; NULL: nowhere. */
static void place_tensor(struct spr_weights *weights, size_t index, const unsigned char *data)
{
    weights->tensor[index].data = data;
    for (size_t i = 0; i < weights->weight_count; i++) {
        if (weights->weight[i].tensor == index) {
            weights->weight[i].data = data;
        }
    }
}

static void release(struct spr_weights *weights)
{
    if (weights->inflated.head) {
        place_tensor(weights, weights->held, NULL);
    }
    spr_arena_free(&weights->inflated);
}

enum spr_status spr_weights_hold(struct spr_weights *weights, size_t index,
                                 struct spr_error *err)
{
    struct spr_packed *packed =
        index < weights->tensor_count ? weights->tensor[index].packed : NULL;
    if (!packed || weights->tensor[index].data) {
        return SPR_OK;
    }
    release(weights);
    weights->held = index;
    unsigned char *buffer =
        spr_arena_alloc(&weights->inflated, (size_t)packed->entry.size + 1);
    if (!buffer) {
        return spr_no_memory(err);
    }
    SPR_TRY(spr_archive_read(packed->archive, &packed->entry, buffer, err));
    struct spr_npy npy = packed->npy;
    npy.bytes = buffer;
    const unsigned char *data = spr_npy_data(&npy, &weights->inflated);
    place_tensor(weights, index, data);
    return data ? SPR_OK : spr_no_memory(err);
}

void spr_archives_close(struct spr_weights *weights)
{
    spr_arena_free(&weights->inflated);
    for (struct spr_archive *archive = weights->archive; archive; archive = archive->next) {
        spr_archive_close(archive);
    }
}
