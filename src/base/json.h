/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: reading, over cJSON, which only json.c knows. */
#ifndef SPROOF_BASE_JSON_H
#define SPROOF_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "sproof/status.h"

/* A value of a parsed document; borrowed from the document's root. */
typedef struct cJSON spr_json;

/* Bytes of a file; of a record, which holds a whole network. A tree takes about 10 bytes for
 * one of them. */
#define SPR_JSON_MAX ((size_t)64 << 20)
#define SPR_JSON_RECORD_MAX ((size_t)1 << 30)

/* Parses a whole file, or what comes out of a pipe. Errors: SPR_EINPUT naming file, line and
 * column, or that it is larger than SPR_JSON_MAX, which is asked before a file is read. */
enum spr_status spr_json_read(const char *path, spr_json **root, struct spr_error *err);

/* The same for a record, of at most SPR_JSON_RECORD_MAX. */
enum spr_status spr_json_read_record(const char *path, spr_json **root, struct spr_error *err);

/* The same as spr_json_read for a file that was found beside another: only a regular file;
 * nothing is waited for. Errors: as above. */
enum spr_status spr_json_read_beside(const char *path, spr_json **root, struct spr_error *err);

/* The same for text that lies in memory; `path` is for messages. */
enum spr_status spr_json_parse(const char *path, const char *text, size_t size,
                               spr_json **root, struct spr_error *err);
void spr_json_free(spr_json *root);

/* Member of an object (case counts), or NULL. */
const spr_json *spr_json_get(const spr_json *object, const char *key);

/* Name of a member of an object. */
const char *spr_json_key(const spr_json *member);

/* Member of an object that is a text, a finite number, true; NULL, NAN, false: it is none. */
const char *spr_json_get_text(const spr_json *object, const char *key);
double spr_json_get_number(const spr_json *object, const char *key);
bool spr_json_get_bool(const spr_json *object, const char *key);

/* First element and next sibling of an array or object; NULL at the end. */
const spr_json *spr_json_first(const spr_json *container);
const spr_json *spr_json_next(const spr_json *item);
size_t spr_json_count(const spr_json *container);

bool spr_json_is_object(const spr_json *item);
bool spr_json_is_array(const spr_json *item);
bool spr_json_is_null(const spr_json *item); /* also true for NULL */

/* Text of a string, or NULL when it is none. */
const char *spr_json_text(const spr_json *item);

/* true and *value for a finite number. */
bool spr_json_number(const spr_json *item, double *value);

/* true and *value for true or false. */
bool spr_json_bool(const spr_json *item, bool *value);

#endif
