/* SPDX-License-Identifier: Apache-2.0 */
/* What all records share: head, machine, options. */
#ifndef SPROOF_RECORD_RECORD_PARTS_H
#define SPROOF_RECORD_RECORD_PARTS_H

#include "base/emit.h"
#include "base/json_reader.h"
#include "sproof/record.h"

/* A kind of record. */
struct spr_record_kind {
    const char *schema; /* "sproof/analysis" */
    int version;
    const char *maker; /* "sproof analyze": what makes one */
};

/* The members from `schema` to `machine`, into an open object. */
void spr_record_put_head(struct spr_emit *out, const struct spr_record_kind *kind,
                         const struct spr_record_head *head,
                         const struct spr_machine *machine);

/* The member `options`. expected: residency of the expected times; NULL: there are none. */
void spr_record_put_options(struct spr_emit *out, const struct spr_options *options,
                            const enum spr_residency *expected);

/* What a dimension or a count of a record may be. */
extern const struct spr_range spr_record_size;

/* The member `pattern`. This and what follows reads with a reader whose .blank is '?'. */
void spr_record_pattern(struct spr_reader *r, const spr_json *object,
                        struct spr_pattern *pattern);

/* Checks schema and version, reads the head. */
void spr_record_read_head(struct spr_reader *r, const spr_json *root,
                          const struct spr_record_kind *kind, struct spr_record_head *head);

void spr_record_read_machine(struct spr_reader *r, const spr_json *root,
                             struct spr_machine *machine);

void spr_record_read_options(struct spr_reader *r, const spr_json *root,
                             struct spr_options *options);

#endif
