/* SPDX-License-Identifier: Apache-2.0 */
/* Records of analyses and validations: JSON that plot, explain, compare and later readers start
 * from. */
#ifndef SPROOF_RECORD_H
#define SPROOF_RECORD_H

#include <stdio.h>

#include "sproof/analysis.h"
#include "sproof/record_head.h"
#include "sproof/validation.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How much a record holds. */
struct spr_record_form {
    bool layers; /* of every variant too; else what they can be computed from alone */
    size_t most; /* bytes; 0: any number */
};

/* Writes the record. Errors: SPR_EINPUT (larger than form->most: what was written by then is no
 * record), SPR_ENOMEM; those of the file stay in ferror(file). */
enum spr_status spr_record_write(FILE *file, const struct spr_analysis *analysis,
                                 const struct spr_record_head *head,
                                 const struct spr_record_form *form, struct spr_error *err);

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

/* Writes a validation record. Errors stay in ferror(file); SPR_ENOMEM. */
enum spr_status spr_validation_write(FILE *file, const struct spr_validation *validation,
                                     struct spr_error *err);

/* Zeroes *validation first. Errors: SPR_EINPUT (not a validation record, a newer
 * schema_version, a wrong value: file and JSON path named), SPR_ENOMEM. */
enum spr_status spr_validation_read(const char *path, struct spr_validation *validation,
                                    struct spr_error *err);

#ifdef __cplusplus
}
#endif
#endif
