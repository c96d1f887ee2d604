/* SPDX-License-Identifier: Apache-2.0 */
/* What all records share: head, machine, options; and how their readers report. */
#ifndef SPROOF_RECORD_RECORD_PARTS_H
#define SPROOF_RECORD_RECORD_PARTS_H

#include "base/emit.h"
#include "base/json.h"
#include "sproof/record.h"

/* A kind of record. */
struct spr_record_kind {
    const char *schema; /* "sproof/analysis" */
    int version;
    const char *maker; /* "sproof analyze": what makes one */
};

/* Where a reader stands, for its messages, and what owns the texts it keeps. */
struct spr_record_place {
    const char *path;
    const char *where; /* "layers", the list at hand */
    size_t index;      /* in that list */
    struct spr_arena *arena;
    struct spr_error *err;
};

/* The members from `schema` to `machine`, into an open object. */
void spr_record_put_head(struct spr_emit *out, const struct spr_record_kind *kind,
                         const struct spr_record_head *head,
                         const struct spr_machine *machine);

/* The member `options`. expected: residency of the expected times; NULL: there are none. */
void spr_record_put_options(struct spr_emit *out, const struct spr_options *options,
                            const enum spr_residency *expected);

/* "FILE: where[index].key: expected ..."; returns SPR_EINPUT. */
enum spr_status spr_record_bad(const struct spr_record_place *at, const char *key,
                               const char *expected);

enum spr_status spr_record_no_memory(const struct spr_record_place *at);

/* Copy of a text, kept by the arena, without control characters; NULL: out of memory. */
char *spr_record_copy(const struct spr_record_place *at, const char *source);

/* The same for a member, kept by the arena; *text NULL for null or a missing key. */
enum spr_status spr_record_text(const struct spr_record_place *at, const spr_json *object,
                                const char *key, bool needed, const char **text);

/* A finite number, or NAN for null, a missing key and anything else. */
double spr_record_number(const spr_json *object, const char *key);

/* An integer 1..2^40. */
enum spr_status spr_record_integer(const struct spr_record_place *at, const spr_json *object,
                                   const char *key, int64_t *value);

enum spr_status spr_record_pattern(const struct spr_record_place *at, const spr_json *object,
                                   struct spr_pattern *pattern);

/* Checks schema and version, reads the head. */
enum spr_status spr_record_read_head(struct spr_record_place *at, const spr_json *root,
                                     const struct spr_record_kind *kind,
                                     struct spr_record_head *head);

enum spr_status spr_record_read_machine(const struct spr_record_place *at,
                                        const spr_json *root, struct spr_machine *machine);

enum spr_status spr_record_read_options(const struct spr_record_place *at,
                                        const spr_json *root, struct spr_options *options);

#endif
