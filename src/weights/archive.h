/* SPDX-License-Identifier: Apache-2.0 */
/* A zip archive and its entries, read one at a time. */
#ifndef SPROOF_WEIGHTS_ARCHIVE_H
#define SPROOF_WEIGHTS_ARCHIVE_H

#include "weights/reader.h"

/* An open archive. */
struct spr_archive {
    const char *path; /* borrowed, as the bytes of the whole file are */
    const unsigned char *bytes;
    size_t size;
    struct zip *zip;
    int64_t count;            /* entries */
    double claimed;           /* bytes of all entries asked for, as they say */
    size_t at, last;          /* where libzip reads next, and where it last began to */
    struct spr_archive *next; /* of the same weights */
};

struct spr_archive_entry {
    int64_t index;
    const char *name; /* owned by the archive */
    uint64_t size;    /* bytes, inflated */
    bool stored;      /* not compressed */
};

/* Opens the archive in the bytes of the source. Errors: SPR_EINPUT, SPR_ENOMEM. */
enum spr_status spr_archive_open(struct spr_archive *archive, const struct spr_source *source,
                                 struct spr_error *err);
void spr_archive_close(struct spr_archive *archive);

/* The name of entry `index`; NULL: it has none. */
const char *spr_archive_name(const struct spr_archive *archive, int64_t index);

/* The entry of a name, or -1. */
int64_t spr_archive_find(const struct spr_archive *archive, const char *name);

/* Bytes that the compressed entries whose names end in `end` say they inflate to; what an
 * entry cannot be does not count. */
double spr_archive_inflated(const struct spr_archive *archive, const char *end);

/* Facts of an entry, checked: nothing is claimed that its bytes cannot be. SPR_EINPUT. */
enum spr_status spr_archive_entry(struct spr_archive *archive, int64_t index,
                                  struct spr_archive_entry *entry, struct spr_error *err);

/* All bytes of an entry, their checksum compared; room for one more. buffer NULL: they are
 * checked, not kept. Errors: SPR_EINPUT, SPR_ENOMEM. */
enum spr_status spr_archive_read(struct spr_archive *archive,
                                 const struct spr_archive_entry *entry, unsigned char *buffer,
                                 struct spr_error *err);

/* The first `count` bytes of an entry, or all. *place: where its bytes lie in the file; NULL:
 * they do not. Errors: as spr_archive_read. */
enum spr_status spr_archive_head(struct spr_archive *archive,
                                 const struct spr_archive_entry *entry, unsigned char *buffer,
                                 size_t count, const unsigned char **place,
                                 struct spr_error *err);

#endif
