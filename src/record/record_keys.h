/* SPDX-License-Identifier: Apache-2.0 */
/* What the writers and readers of records share, and reports that show their members. */
#ifndef SPROOF_RECORD_RECORD_KEYS_H
#define SPROOF_RECORD_RECORD_KEYS_H

#include "base/emit.h"
#include "base/json.h"
#include "sproof/record.h"

struct spr_record_kind;
extern const struct spr_record_kind spr_analysis_kind, spr_validation_kind;

/* The members of one variant, its layers excepted, into an open object. */
void spr_record_put_result(struct spr_emit *out, const struct spr_result *result);

/* The members of one layer of one variant, into an open object. */
void spr_record_put_layer(struct spr_emit *out, const struct spr_analysis *analysis,
                          const struct spr_result *result, size_t layer);

/* Members of one validation case, into an open object: what was multiplied; how it ran, with the
 * time that was expected; how far off that was. */
struct spr_validation_case;
void spr_validation_put_what(struct spr_emit *out, const struct spr_validation_case *one);
void spr_validation_put_run(struct spr_emit *out, const struct spr_validation_case *one);
void spr_validation_put_errors(struct spr_emit *out, const struct spr_validation_case *one);

/* spr_record_read, of a parsed file. */
enum spr_status spr_record_parse(const spr_json *root, const char *path,
                                 struct spr_record *record, struct spr_error *err);

/* spr_validation_read, of a parsed file. */
struct spr_validation;
enum spr_status spr_validation_parse(const spr_json *root, const char *path,
                                     struct spr_validation *validation, struct spr_error *err);

/* "model", "table", "interpolated", or NULL. */
const char *spr_accuracy_source_name(enum spr_accuracy_source source);

#endif
