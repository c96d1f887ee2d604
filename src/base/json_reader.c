/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of parsed JSON. The place is kept as keys and indices: as text it is needed once,
 * and a record has a million elements. */
#include "base/json_reader.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/emit.h"
#include "base/mem.h"
#include "base/whole.h"

/* Bytes enough for a place, and for what is wrong there: keys and texts are sproof's own. */
#define PLACE_TEXT 256
#define WRONG_TEXT 512

static void put_place(const struct spr_reader *r, const char *key, char text[PLACE_TEXT])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < r->depth && i < SPR_READER_DEPTH && used < PLACE_TEXT; i++) {
        used += (size_t)snprintf(text + used, PLACE_TEXT - used, "%s%s", i ? "." : "",
                                 r->way[i].key);
        if (r->way[i].index != SIZE_MAX && used < PLACE_TEXT) {
            used += (size_t)snprintf(text + used, PLACE_TEXT - used, "[%zu]", r->way[i].index);
        }
    }
    if (key && used < PLACE_TEXT) {
        snprintf(text + used, PLACE_TEXT - used, "%s%s", r->depth ? "." : "", key);
    }
}

void spr_reader_fail(struct spr_reader *r, const char *key, const char *format, ...)
{
    char place[PLACE_TEXT], wrong[WRONG_TEXT];
    if (r->status != SPR_OK) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(wrong, sizeof wrong, format, arguments);
    va_end(arguments);
    put_place(r, key, place);
    r->status = spr_fail(r->err, SPR_EINPUT, "%s: %s: %s", r->file, place, wrong);
}

void spr_reader_wrong(struct spr_reader *r, const char *key, const spr_json *item,
                      const char *expected)
{
    char value[80] = "missing";
    double number;
    bool flag;
    if (spr_json_text(item)) {
        snprintf(value, sizeof value, "'%.60s'", spr_json_text(item));
        spr_make_printable(value, '?'); /* a line break would begin another message */
    } else if (spr_json_number(item, &number)) {
        snprintf(value, sizeof value, "%.10g", number);
    } else if (spr_json_bool(item, &flag)) {
        snprintf(value, sizeof value, "%s", flag ? "true" : "false");
    } else if (item) {
        snprintf(value, sizeof value, "%s",
                 spr_json_is_array(item)    ? "an array"
                 : spr_json_is_object(item) ? "an object"
                 : spr_json_is_null(item)   ? "null"
                                            : "a number out of range");
    }
    spr_reader_fail(r, key, "%s%sexpected %s", r->show_values ? value : "",
                    r->show_values ? ": " : "", expected);
}

bool spr_reader_have(struct spr_reader *r, bool memory)
{
    if (r->status == SPR_OK && !memory) {
        r->status = spr_no_memory(r->err);
    }
    return r->status == SPR_OK;
}

void spr_reader_enter(struct spr_reader *r, const char *key, size_t index)
{
    if (r->status != SPR_OK) {
        return;
    }
    /* Deeper ones are counted, so that each leave finds its enter, but not told. */
    if (r->depth < SPR_READER_DEPTH) {
        r->way[r->depth].key = key;
        r->way[r->depth].index = index;
    }
    r->depth++;
}

void spr_reader_leave(struct spr_reader *r)
{
    r->depth -= r->status == SPR_OK && r->depth > 0;
}

const spr_json *spr_reader_object(struct spr_reader *r, const spr_json *object,
                                  const char *key, const char *expected)
{
    const spr_json *item = spr_json_get(object, key);
    if (r->status == SPR_OK && !spr_json_is_object(item)) {
        spr_reader_wrong(r, key, item, expected);
    }
    return r->status == SPR_OK ? item : NULL;
}

const spr_json *spr_reader_list(struct spr_reader *r, const spr_json *object, const char *key,
                                bool filled, const char *expected)
{
    const spr_json *list = spr_json_get(object, key), *first = spr_json_first(list);
    if (r->status == SPR_OK && expected && (!spr_json_is_array(list) || (filled && !first))) {
        spr_reader_wrong(r, key, list, expected);
    }
    if (r->status != SPR_OK || !first) {
        return NULL;
    }
    spr_reader_enter(r, key, 0);
    return first;
}

const spr_json *spr_reader_next(struct spr_reader *r, const spr_json *item)
{
    const spr_json *next = r->status == SPR_OK ? spr_json_next(item) : NULL;
    if (!next) {
        spr_reader_leave(r);
    } else if (r->depth <= SPR_READER_DEPTH) {
        r->way[r->depth - 1].index++;
    }
    return next;
}

const char *spr_reader_copy(struct spr_reader *r, const char *source)
{
    char *copy = NULL;
    if (r->status == SPR_OK) {
        copy = spr_arena_text(r->arena, source, strlen(source));
        spr_reader_have(r, copy != NULL);
    }
    if (copy) {
        spr_make_printable(copy, r->blank);
    }
    return copy;
}

const char *spr_reader_text(struct spr_reader *r, const spr_json *object, const char *key,
                            bool needed)
{
    const spr_json *item = spr_json_get(object, key);
    const char *source = spr_json_text(item);
    if (!source && needed) {
        spr_reader_wrong(r, key, item, "a text");
    }
    return source ? spr_reader_copy(r, source) : NULL;
}

static bool is_within(const spr_json *item, const struct spr_range *range, double *value)
{
    return spr_json_number(item, value) && *value >= range->least && *value <= range->most;
}

double spr_reader_value(struct spr_reader *r, const char *key, const spr_json *item,
                        const struct spr_range *range)
{
    double value;
    if (r->status == SPR_OK && is_within(item, range, &value)) {
        return value;
    }
    if (!range->or_null || !spr_json_is_null(item)) {
        spr_reader_wrong(r, key, item, range->expected);
    }
    return (double)NAN;
}

double spr_reader_number(struct spr_reader *r, const spr_json *object, const char *key,
                         const struct spr_range *range)
{
    return spr_reader_value(r, key, spr_json_get(object, key), range);
}

int64_t spr_reader_whole(struct spr_reader *r, const spr_json *object, const char *key,
                         const struct spr_range *range)
{
    const spr_json *item = spr_json_get(object, key);
    double value;
    if (r->status != SPR_OK || !is_within(item, range, &value) || value != floor(value)) {
        spr_reader_wrong(r, key, item, range->expected);
        return (int64_t)range->least;
    }
    return (int64_t)value;
}

double spr_reader_count(struct spr_reader *r, const spr_json *object, const char *key,
                        const struct spr_range *range)
{
    const spr_json *item = spr_json_get(object, key);
    const double value = spr_reader_value(r, key, item, range);
    if (!isnan(value) && !spr_is_whole(value)) {
        spr_reader_wrong(r, key, item, range->expected);
        return (double)NAN;
    }
    return value + 0.0; /* -0 becomes 0 */
}

bool spr_reader_bool(struct spr_reader *r, const spr_json *object, const char *key,
                     bool needed)
{
    const spr_json *item = spr_json_get(object, key);
    bool value = false;
    if (!spr_json_bool(item, &value) && (needed || !spr_json_is_null(item))) {
        spr_reader_wrong(r, key, item, "true or false");
    }
    return r->status == SPR_OK && value;
}
