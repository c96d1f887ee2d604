/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that knows cJSON. Writing is emit.c: a record of a million layers must not
 * be held as a tree. */
#include "base/json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* cJSON says "no document" both for bad text and for no memory, and its hooks carry no
 * context: this tells the two apart. */
static _Thread_local bool ran_out;

static void *hook_alloc(size_t size)
{
    void *memory = spr_calloc(size, 1);
    ran_out = ran_out || !memory;
    return memory;
}

/* What may be read: how much, and whether a pipe or a device is meant. */
struct source_limits {
    size_t most;
    const char *most_text;
    bool regular;
};

/* Asked before anything is read. */
static enum spr_status check_file(const char *path, int file,
                                  const struct source_limits *limits, struct spr_error *err)
{
    struct stat info;
    if (fstat(file, &info) != 0) {
        return spr_fail(err, SPR_EINPUT, "%s: %s", path, strerror(errno));
    }
    if (S_ISDIR(info.st_mode)) {
        return spr_fail(err, SPR_EINPUT, "%s: is a directory: expected a JSON file", path);
    }
    if (limits->regular && !S_ISREG(info.st_mode)) {
        return spr_fail(err, SPR_EINPUT, "%s: not a regular file: expected a JSON file", path);
    }
    if (S_ISREG(info.st_mode) && (uintmax_t)info.st_size > limits->most) {
        return spr_fail(err, SPR_EINPUT, "%s: larger than %s", path, limits->most_text);
    }
    return SPR_OK;
}

/* Waits for the writer of a pipe only where one may be meant. */
static FILE *open_file(const char *path, const struct source_limits *limits)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | (limits->regular ? O_NONBLOCK : 0));
    FILE *stream = file < 0 ? NULL : fdopen(file, "rb");
    if (file >= 0 && !stream) {
        close(file);
    }
    return stream;
}

static enum spr_status read_all(const char *path, const struct source_limits *limits,
                                char **text, size_t *size, struct spr_error *err)
{
    FILE *file = open_file(path, limits);
    if (!file) {
        return spr_fail(err, SPR_EINPUT, "%s: %s", path, strerror(errno));
    }
    enum spr_status status = check_file(path, fileno(file), limits, err);
    size_t capacity = 0, used = 0, got = 1;
    while (status == SPR_OK && got > 0) {
        if (!spr_grow(text, &capacity, used + 4096, 1)) {
            status = spr_no_memory(err);
        } else if (used > limits->most) {
            status = spr_fail(err, SPR_EINPUT, "%s: larger than %s", path, limits->most_text);
        } else {
            got = fread(*text + used, 1, capacity - used - 1, file);
            used += got;
        }
    }
    if (status == SPR_OK && ferror(file)) {
        status = spr_fail(err, SPR_EINPUT, "%s: %s", path, strerror(errno));
    }
    fclose(file);
    *size = used;
    return status;
}

static enum spr_status syntax_error(const char *path, const char *text, const char *at,
                                    size_t size, struct spr_error *err)
{
    size_t line = 1, column = 1;
    if (size == 0) {
        return spr_fail(err, SPR_EINPUT, "%s: empty file: expected a JSON object", path);
    }
    for (const char *c = text; at && c < at && c < text + size; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    return spr_fail(err, SPR_EINPUT, "%s:%zu:%zu: not JSON: expected a JSON object", path,
                    line, column);
}

/* Objects with more members are looked through by a map. */
#define FEW_MEMBERS 32

/* A key of an object that stands there twice, or NULL; false when out of memory. */
static bool find_twin(const spr_json *object, const char **twin)
{
    struct spr_names names = {0};
    bool complete = true;
    size_t count = 0;
    *twin = NULL;
    for (const spr_json *i = object->child; i && !*twin && complete; i = i->next) {
        if (count++ < FEW_MEMBERS) {
            for (const spr_json *j = object->child; j != i && !*twin; j = j->next) {
                *twin = strcmp(i->string, j->string) == 0 ? i->string : NULL;
            }
            continue;
        }
        const bool first = names.count == 0;
        for (const spr_json *j = object->child; first && j != i && complete; j = j->next) {
            complete = spr_names_add(&names, j->string, 0);
        }
        if (spr_names_find(&names, i->string) != SIZE_MAX) {
            *twin = i->string;
        }
        complete = complete && (*twin || spr_names_add(&names, i->string, 0));
    }
    spr_names_free(&names);
    return complete;
}

/* Of two members of one name a reader would take either: nothing is taken. */
static enum spr_status check_keys(const char *path, const spr_json *item,
                                  struct spr_error *err)
{
    const char *twin = NULL;
    if (cJSON_IsObject(item)) {
        if (!find_twin(item, &twin)) {
            return spr_no_memory(err);
        }
        if (twin) {
            return spr_fail(
                err, SPR_EINPUT,
                "%s: the key '%.200s' stands twice in one object: expected it once", path,
                twin);
        }
    }
    for (const spr_json *i = item->child; i; i = i->next) {
        if (i->child) {
            SPR_TRY(check_keys(path, i, err)); /* cJSON lets nothing nest deeper than 1000 */
        }
    }
    return SPR_OK;
}

enum spr_status spr_json_parse(const char *path, const char *text, size_t size,
                               spr_json **root, struct spr_error *err)
{
    cJSON_Hooks hooks = {hook_alloc, spr_free};
    const char *at = text;
    size_t skip = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    cJSON_InitHooks(&hooks);
    ran_out = false;
    *root = cJSON_ParseWithLengthOpts(text + skip, size - skip, &at, 0);
    bool whole = *root != NULL;
    for (; whole && at && at < text + size; at++) {
        whole = strchr(" \t\r\n", *at) && *at;
        if (!whole) {
            break;
        }
    }
    if (whole && cJSON_IsObject(*root)) {
        enum spr_status status = check_keys(path, *root, err);
        if (status != SPR_OK) {
            cJSON_Delete(*root);
            *root = NULL;
        }
        return status;
    }
    cJSON_Delete(*root);
    *root = NULL;
    return ran_out ? spr_no_memory(err) : syntax_error(path, text, at, size, err);
}

static enum spr_status read_within(const char *path, const struct source_limits *limits,
                                   spr_json **root, struct spr_error *err)
{
    char *text = NULL;
    size_t size = 0;
    *root = NULL;
    enum spr_status status = read_all(path, limits, &text, &size, err);
    if (status == SPR_OK) {
        status = spr_json_parse(path, text, size, root, err);
    }
    spr_free(text);
    return status;
}

enum spr_status spr_json_read(const char *path, spr_json **root, struct spr_error *err)
{
    const struct source_limits limits = {SPR_JSON_MAX, "64 MiB", false};
    return read_within(path, &limits, root, err);
}

enum spr_status spr_json_read_record(const char *path, spr_json **root, struct spr_error *err)
{
    const struct source_limits limits = {SPR_JSON_RECORD_MAX, "1 GiB", false};
    return read_within(path, &limits, root, err);
}

enum spr_status spr_json_read_beside(const char *path, spr_json **root, struct spr_error *err)
{
    const struct source_limits limits = {SPR_JSON_MAX, "64 MiB", true};
    return read_within(path, &limits, root, err);
}

void spr_json_free(spr_json *root)
{
    cJSON_Delete(root);
}

const spr_json *spr_json_get(const spr_json *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

const char *spr_json_get_text(const spr_json *object, const char *key)
{
    return spr_json_text(spr_json_get(object, key));
}

double spr_json_get_number(const spr_json *object, const char *key)
{
    double value;
    return spr_json_number(spr_json_get(object, key), &value) ? value : (double)NAN;
}

bool spr_json_get_bool(const spr_json *object, const char *key)
{
    return cJSON_IsTrue(spr_json_get(object, key));
}

const char *spr_json_key(const spr_json *member)
{
    return member->string;
}

const spr_json *spr_json_first(const spr_json *container)
{
    return container ? container->child : NULL;
}

const spr_json *spr_json_next(const spr_json *item)
{
    return item->next;
}

size_t spr_json_count(const spr_json *container)
{
    size_t count = 0;
    for (const spr_json *item = spr_json_first(container); item; item = spr_json_next(item)) {
        count++;
    }
    return count;
}

bool spr_json_is_object(const spr_json *item)
{
    return cJSON_IsObject(item);
}

bool spr_json_is_array(const spr_json *item)
{
    return cJSON_IsArray(item);
}

bool spr_json_is_null(const spr_json *item)
{
    return item == NULL || cJSON_IsNull(item);
}

const char *spr_json_text(const spr_json *item)
{
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

bool spr_json_number(const spr_json *item, double *value)
{
    if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble)) {
        return false;
    }
    *value = item->valuedouble;
    return true;
}

bool spr_json_bool(const spr_json *item, bool *value)
{
    if (!cJSON_IsBool(item)) {
        return false;
    }
    *value = cJSON_IsTrue(item);
    return true;
}
