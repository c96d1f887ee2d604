/* SPDX-License-Identifier: Apache-2.0 */
/* The analysis record: JSON that plot, explain and later readers start from. */
#ifndef SPROOF_RECORD_H
#define SPROOF_RECORD_H

#include <stdio.h>

#include "sproof/analysis.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPR_SHA256_TEXT 65

/* One input file of a record. */
struct spr_record_input {
    const char *path; /* NULL: there was none */
    char sha256[SPR_SHA256_TEXT];
};

/* What a record says of its making. */
struct spr_record_head {
    const char *command; /* the command line */
    const char *created; /* UTC, "2026-01-31T12:00:00Z" */
    struct spr_record_input model, accuracy, machine;
};

/* Writes the record. Errors stay in ferror(file); SPR_ENOMEM. */
enum spr_status spr_record_write(FILE *file, const struct spr_analysis *analysis,
                                 const struct spr_record_head *head, struct spr_error *err);

/* A record read back: everything needed to evaluate again. Owns all of it. */
struct spr_record {
    struct spr_record_head head;
    struct spr_network network;
    struct spr_machine machine;
    struct spr_options options;
};

/* Reads a record. Zeroes *record first. Errors: SPR_EINPUT (not a record, a newer
 * schema_version, a wrong value: file and JSON path named), SPR_ENOMEM. */
enum spr_status spr_record_read(const char *path, struct spr_record *record,
                                struct spr_error *err);

void spr_record_free(struct spr_record *record);

/* SHA-256 of a file as hexadecimal text (FIPS 180-4). Errors: SPR_EINPUT. */
enum spr_status spr_sha256_file(const char *path, char text[SPR_SHA256_TEXT],
                                struct spr_error *err);

/* Facts of this build: "0.1.0", the commit's short hash or "unknown", "Release". */
const char *spr_version(void);
const char *spr_commit(void);
const char *spr_build_type(void);

#ifdef __cplusplus
}
#endif
#endif
