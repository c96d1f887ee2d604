/* SPDX-License-Identifier: Apache-2.0 */
/* A reader of parsed JSON whose first failure sticks: reading on does nothing, so that the
 * status is looked at once, at the end. What is read may be hostile. */
#ifndef SPROOF_BASE_JSON_READER_H
#define SPROOF_BASE_JSON_READER_H

#include <float.h>
#include <stdint.h>

#include "base/json.h"
#include "sproof/arena.h"

#define SPR_READER_DEPTH 4

/* Set file and err (NULL: nobody is told), and where texts are kept arena and blank; the rest
 * is zero. */
struct spr_reader {
    const char *file;        /* for messages */
    struct spr_arena *arena; /* owns what is kept */
    struct spr_error *err;
    bool show_values; /* messages say what stands there, not only what was expected */
    char blank;       /* stands in kept texts for control characters: texts are printed */
    enum spr_status status;
    /* The place, "engines[1].accepts[0]": the objects and elements on the way to it. */
    struct {
        const char *key;
        size_t index; /* SIZE_MAX: no element of a list */
    } way[SPR_READER_DEPTH];
    size_t depth;
};

/* The numbers that a member may have. */
struct spr_range {
    double least, most;
    bool or_null;         /* null, and no such member, are read as NAN */
    const char *expected; /* "a number above 0 or null" */
};

/* The least number above 0, for an end that is not of the range. */
#define SPR_ABOVE_0 DBL_TRUE_MIN

/* Fails with SPR_EINPUT and "FILE: PLACE.KEY: TEXT"; a NULL key is the place itself. */
void spr_reader_fail(struct spr_reader *r, const char *key, const char *format, ...)
    SPR_PRINTF(3, 4);

/* The same with the text "expected ...", after the item's value ("missing" for NULL) where
 * values are shown. */
void spr_reader_wrong(struct spr_reader *r, const char *key, const spr_json *item,
                      const char *expected);

/* Fails with SPR_ENOMEM where memory was asked for in vain. Returns whether reading goes
 * on. */
bool spr_reader_have(struct spr_reader *r, bool memory);

/* The member `key`, or its element `index` (SIZE_MAX: it is no list), becomes the place, at
 * most SPR_READER_DEPTH deep. */
void spr_reader_enter(struct spr_reader *r, const char *key, size_t index);
void spr_reader_leave(struct spr_reader *r);

/* A member that must be an object, or NULL. */
const spr_json *spr_reader_object(struct spr_reader *r, const spr_json *object,
                                  const char *key, const char *expected);

/* First element of a list, which becomes the place, or NULL: there is none. The member must be
 * a list, and not an empty one where it must be `filled`; with a NULL `expected` it may be
 * anything, and what it holds is walked. */
const spr_json *spr_reader_list(struct spr_reader *r, const spr_json *object, const char *key,
                                bool filled, const char *expected);

/* The element behind one of spr_reader_list, now the place; NULL behind the last, where the
 * place is again what it was, and after a failure. */
const spr_json *spr_reader_next(struct spr_reader *r, const spr_json *item);

/* Copy of a text, kept by the arena; NULL: failed. */
const char *spr_reader_copy(struct spr_reader *r, const char *source);

/* The same of a member. What is no text is an error where it is needed, otherwise NULL. */
const char *spr_reader_text(struct spr_reader *r, const spr_json *object, const char *key,
                            bool needed);

/* A number of the range; NAN: null or failed. */
double spr_reader_number(struct spr_reader *r, const spr_json *object, const char *key,
                         const struct spr_range *range);

/* The same of a value at hand; `key` is for messages. */
double spr_reader_value(struct spr_reader *r, const char *key, const spr_json *item,
                        const struct spr_range *range);

/* A whole number of a range within +-2^53, which has no null; the least: failed. */
int64_t spr_reader_whole(struct spr_reader *r, const spr_json *object, const char *key,
                         const struct spr_range *range);

/* A whole number of the range; NAN: null or failed. */
double spr_reader_count(struct spr_reader *r, const spr_json *object, const char *key,
                        const struct spr_range *range);

/* True or false; null and no such member are false unless it is needed. */
bool spr_reader_bool(struct spr_reader *r, const spr_json *object, const char *key,
                     bool needed);

#endif
