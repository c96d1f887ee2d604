/* SPDX-License-Identifier: Apache-2.0 */
/* A probe as JSON. What is read may be hostile: every number is checked. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "machine/rates_json.h"
#include "sproof/cpu.h"
#include "sproof/probe.h"

#define SCHEMA "sproof/probe"
#define SCHEMA_VERSION 1
#define ITEMS_MAX 65536

static const char *const levels[] = {"L1", "L2", "L3", "L4"};

static void put_rate(struct spr_emit *out, const struct spr_probe_rate *rate)
{
    spr_emit_open(out, NULL, '{');
    spr_emit_text(out, "name", rate->name);
    spr_emit_text(out, "unit", rate->unit);
    spr_emit_text(out, "level", rate->level);
    spr_emit_text(out, "isa", spr_isa_name(rate->isa));
    spr_emit_number(out, "threads", rate->threads);
    spr_emit_number(out, "value", rate->value);
    spr_emit_number(out, "low", rate->low);
    spr_emit_number(out, "high", rate->high);
    spr_emit_close(out, '}');
}

static void put_arrays(struct spr_emit *out, const struct spr_probe *probe)
{
    spr_emit_open(out, "caches", '[');
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        spr_emit_open(out, NULL, '{');
        spr_emit_text(out, "level", levels[i]);
        spr_emit_number(out, "detected_bytes", probe->cache[i].detected_bytes);
        spr_emit_number(out, "declared_bytes", probe->cache[i].declared_bytes);
        spr_emit_bool(out, "shared", probe->cache[i].shared);
        spr_emit_close(out, '}');
    }
    spr_emit_close(out, ']');
    spr_emit_open(out, "rates", '[');
    for (size_t i = 0; i < probe->rate_count; i++) {
        put_rate(out, &probe->rates[i]);
    }
    spr_emit_close(out, ']');
    spr_emit_open(out, "sweep", '[');
    for (size_t i = 0; i < probe->point_count; i++) {
        spr_emit_open(out, NULL, '{');
        spr_emit_number(out, "threads", probe->points[i].threads);
        spr_emit_number(out, "bytes", probe->points[i].bytes);
        spr_emit_number(out, "bytes_per_s", probe->points[i].bytes_per_s);
        spr_emit_close(out, '}');
    }
    spr_emit_close(out, ']');
}

enum spr_status spr_probe_write(FILE *file, const struct spr_probe *probe,
                                struct spr_error *err)
{
    struct spr_emit *out = spr_calloc(1, sizeof *out);
    if (!out) {
        return spr_no_memory(err);
    }
    spr_emit_begin(out, file, 3);
    spr_emit_open(out, NULL, '{');
    spr_emit_text(out, "schema", SCHEMA);
    spr_emit_number(out, "schema_version", SCHEMA_VERSION);
    spr_emit_text(out, "cpu", probe->cpu);
    spr_emit_text(out, "identity", probe->identity);
    spr_emit_text(out, "created", probe->created);
    spr_emit_bool(out, "quick", probe->quick);
    spr_emit_number(out, "threads", probe->threads);
    spr_emit_number(out, "drift", probe->drift);
    put_arrays(out, probe);
    spr_tiles_to_json(out, "kernels", &probe->kernels);
    spr_emit_close(out, '}');
    spr_emit_newline(out);
    spr_emit_flush(out);
    spr_free(out);
    return ferror(file) ? spr_fail(err, SPR_EENVIRONMENT, "the probe cannot be written")
                        : SPR_OK;
}

struct place {
    struct spr_probe *probe;
    const char *file;
    char path[64];
    struct spr_error *err;
};

static enum spr_status bad(const struct place *at, const char *key, const char *expected)
{
    return spr_fail(at->err, SPR_EINPUT, "%s: %s%s%s: expected %s", at->file, at->path,
                    at->path[0] ? "." : "", key, expected);
}

/* Printable text of at most size - 1 bytes; texts are shown on terminals. */
static enum spr_status read_text(const struct place *at, const spr_json *object,
                                 const char *key, char *text, size_t size)
{
    const char *source = spr_json_text(spr_json_get(object, key));
    if (!source || strlen(source) >= size) {
        return bad(at, key, "a short text");
    }
    for (const char *c = source; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F) {
            return bad(at, key, "printable text");
        }
    }
    snprintf(text, size, "%s", source);
    return SPR_OK;
}

static enum spr_status keep_text(const struct place *at, const spr_json *object,
                                 const char *key, const char **kept)
{
    char text[40];
    enum spr_status status = read_text(at, object, key, text, sizeof text);
    *kept = status ? NULL : spr_arena_text(&at->probe->arena, text, strlen(text));
    return status || *kept ? status : spr_no_memory(at->err);
}

/* Above 0, or null. */
static enum spr_status read_positive(const struct place *at, const spr_json *object,
                                     const char *key, bool null_allowed, double *value)
{
    const spr_json *item = spr_json_get(object, key);
    if (null_allowed && spr_json_is_null(item)) {
        *value = (double)NAN;
        return SPR_OK;
    }
    return spr_json_number(item, value) && *value > 0 && *value < 1e30
               ? SPR_OK
               : bad(at, key, null_allowed ? "a number above 0 or null" : "a number above 0");
}

static enum spr_status read_threads(const struct place *at, const spr_json *object,
                                    int *threads)
{
    double value;
    if (!spr_json_number(spr_json_get(object, "threads"), &value) || value < 1 ||
        value > 65536 || value != floor(value)) {
        return bad(at, "threads", "an integer 1..65536");
    }
    *threads = (int)value;
    return SPR_OK;
}

static enum spr_status read_rate(const struct place *at, const spr_json *item, size_t index)
{
    struct spr_probe_rate *rate = &at->probe->rates[index];
    const spr_json *level = spr_json_get(item, "level");
    enum spr_status status = keep_text(at, item, "name", &rate->name);
    status = status ? status : keep_text(at, item, "unit", &rate->unit);
    if (status == SPR_OK && !spr_json_is_null(level)) {
        status = keep_text(at, item, "level", &rate->level);
    }
    if (status == SPR_OK &&
        !spr_isa_find(spr_json_text(spr_json_get(item, "isa")), &rate->isa)) {
        status = bad(at, "isa", "scalar, neon, avx2 or avx512");
    }
    status = status ? status : read_threads(at, item, &rate->threads);
    status = status ? status : read_positive(at, item, "value", false, &rate->value);
    status = status ? status : read_positive(at, item, "low", false, &rate->low);
    status = status ? status : read_positive(at, item, "high", false, &rate->high);
    if (status == SPR_OK && (rate->low > rate->value || rate->value > rate->high)) {
        status = bad(at, "value", "low <= value <= high");
    }
    return status;
}

static enum spr_status read_point(const struct place *at, const spr_json *item, size_t index)
{
    struct spr_probe_point *point = &at->probe->points[index];
    SPR_TRY(read_threads(at, item, &point->threads));
    SPR_TRY(read_positive(at, item, "bytes", false, &point->bytes));
    return read_positive(at, item, "bytes_per_s", false, &point->bytes_per_s);
}

static enum spr_status read_cache(const struct place *at, const spr_json *item, size_t index)
{
    double *detected = &at->probe->cache[index].detected_bytes;
    double *declared = &at->probe->cache[index].declared_bytes;
    enum spr_status status = read_positive(at, item, "detected_bytes", true, detected);
    status = status ? status : read_positive(at, item, "declared_bytes", true, declared);
    if (status == SPR_OK &&
        !spr_json_bool(spr_json_get(item, "shared"), &at->probe->cache[index].shared)) {
        status = bad(at, "shared", "true or false");
    }
    return status;
}

typedef enum spr_status read_fn(const struct place *at, const spr_json *item, size_t index);

static enum spr_status read_list(struct place *at, const spr_json *root, const char *key,
                                 size_t most, read_fn *read)
{
    const spr_json *list = spr_json_get(root, key), *item = spr_json_first(list);
    size_t count = 0;
    enum spr_status status = SPR_OK;
    for (; item && status == SPR_OK && count < most; item = spr_json_next(item)) {
        snprintf(at->path, sizeof at->path, "%s[%zu]", key, count);
        status = read(at, item, count++);
    }
    at->path[0] = '\0';
    return status;
}

static enum spr_status make_room(struct place *at, const spr_json *root, const char *key,
                                 size_t size, size_t *count, void **items)
{
    const spr_json *list = spr_json_get(root, key);
    *count = 0;
    if (!spr_json_is_array(list)) {
        return bad(at, key, "a list");
    }
    for (const spr_json *item = spr_json_first(list); item; item = spr_json_next(item)) {
        ++*count;
    }
    if (*count > ITEMS_MAX) {
        return bad(at, key, "at most 65536 entries");
    }
    *items = spr_arena_alloc(&at->probe->arena, (*count + 1) * size);
    if (!*items) {
        return spr_no_memory(at->err);
    }
    memset(*items, 0, (*count + 1) * size);
    return SPR_OK;
}

static enum spr_status read_lists(struct place *at, const spr_json *root)
{
    struct spr_probe *probe = at->probe;
    void *rates = NULL, *points = NULL;
    SPR_TRY(make_room(at, root, "rates", sizeof *probe->rates, &probe->rate_count, &rates));
    SPR_TRY(make_room(at, root, "sweep", sizeof *probe->points, &probe->point_count, &points));
    probe->rates = rates;
    probe->points = points;
    SPR_TRY(read_list(at, root, "rates", probe->rate_count, read_rate));
    SPR_TRY(read_list(at, root, "sweep", probe->point_count, read_point));
    return read_list(at, root, "caches", SPR_CPU_CACHES, read_cache);
}

static enum spr_status read_head(struct place *at, const spr_json *root)
{
    struct spr_probe *probe = at->probe;
    const char *schema = spr_json_text(spr_json_get(root, "schema"));
    const spr_json *drift = spr_json_get(root, "drift");
    double version = 0;
    if (!schema || strcmp(schema, SCHEMA) != 0) {
        return bad(at, "schema", "\"" SCHEMA "\"");
    }
    if (!spr_json_number(spr_json_get(root, "schema_version"), &version) ||
        version != SCHEMA_VERSION) {
        return bad(at, "schema_version", "1");
    }
    if (!spr_json_bool(spr_json_get(root, "quick"), &probe->quick)) {
        return bad(at, "quick", "true or false");
    }
    probe->drift = (double)NAN;
    if (!spr_json_is_null(drift) && !spr_json_number(drift, &probe->drift)) {
        return bad(at, "drift", "a number or null");
    }
    SPR_TRY(read_text(at, root, "cpu", probe->cpu, sizeof probe->cpu));
    SPR_TRY(read_text(at, root, "identity", probe->identity, sizeof probe->identity));
    SPR_TRY(read_text(at, root, "created", probe->created, sizeof probe->created));
    return read_threads(at, root, &probe->threads);
}

enum spr_status spr_probe_read(const char *path, struct spr_probe *probe,
                               struct spr_error *err)
{
    spr_json *root;
    *probe = (struct spr_probe){0};
    struct place at = {.probe = probe, .file = path, .err = err};
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        probe->cache[i].detected_bytes = probe->cache[i].declared_bytes = (double)NAN;
    }
    enum spr_status status = spr_json_read(path, &root, err);
    status = status ? status : read_head(&at, root);
    status = status ? status : read_lists(&at, root);
    status = status ? status
                    : spr_tiles_from_json(spr_json_get(root, "kernels"), path, "kernels",
                                          &probe->kernels, err);
    spr_json_free(root);
    if (status != SPR_OK) {
        spr_probe_free(probe);
    }
    return status;
}
