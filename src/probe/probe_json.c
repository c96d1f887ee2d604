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

static void put_quality(struct spr_emit *out, const struct spr_probe_quality *q)
{
    spr_emit_number(out, "tiles_interpolated", (double)q->tiles_interpolated);
    spr_emit_number(out, "widths_checked", (double)q->widths_checked);
    spr_emit_number(out, "interpolation_error_median", q->error_median);
    spr_emit_number(out, "interpolation_error_p90", q->error_p90);
    spr_emit_number(out, "points_disturbed", q->points_disturbed);
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
    struct spr_emit *out = spr_emit_new(file, 3);
    if (!out) {
        return spr_no_memory(err);
    }
    spr_emit_open(out, NULL, '{');
    spr_emit_text(out, "schema", SCHEMA);
    spr_emit_number(out, "schema_version", SCHEMA_VERSION);
    spr_emit_text(out, "cpu", probe->cpu);
    spr_emit_text(out, "identity", probe->identity);
    spr_emit_text(out, "created", probe->created);
    spr_emit_bool(out, "quick", probe->quick);
    spr_emit_number(out, "threads", probe->threads);
    spr_emit_number(out, "drift", probe->drift);
    put_quality(out, &probe->quality);
    put_arrays(out, probe);
    spr_tiles_to_json(out, "kernels", &probe->kernels);
    spr_emit_close(out, '}');
    spr_emit_newline(out);
    spr_emit_end(out);
    return ferror(file) ? spr_fail(err, SPR_EENVIRONMENT, "the probe cannot be written")
                        : SPR_OK;
}

/* Below 10^30. */
static const struct spr_range positive = {SPR_ABOVE_0, 0x1.93e5939a08ce9p+99, false,
                                          "a number above 0"};
static const struct spr_range positive_or_null = {SPR_ABOVE_0, 0x1.93e5939a08ce9p+99, true,
                                                  "a number above 0 or null"};

/* Printable text of at most size - 1 bytes; texts are shown on terminals. Borrowed. */
static const char *short_text(struct spr_reader *r, const spr_json *object, const char *key,
                              size_t size)
{
    const char *text = spr_json_get_text(object, key);
    if (!text || strlen(text) >= size) {
        spr_reader_fail(r, key, "expected a short text");
        return "";
    }
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F) {
            spr_reader_fail(r, key, "expected printable text");
        }
    }
    return text;
}

static const char *keep_text(struct spr_reader *r, const spr_json *object, const char *key)
{
    return spr_reader_copy(r, short_text(r, object, key, 40));
}

static int read_threads(struct spr_reader *r, const spr_json *object)
{
    static const struct spr_range range = {1, 65536, false, "an integer 1..65536"};
    return (int)spr_reader_whole(r, object, "threads", &range);
}

static void read_rate(struct spr_reader *r, const spr_json *item, struct spr_probe_rate *rate)
{
    rate->name = keep_text(r, item, "name");
    rate->unit = keep_text(r, item, "unit");
    if (!spr_json_is_null(spr_json_get(item, "level"))) {
        rate->level = keep_text(r, item, "level");
    }
    rate->isa = spr_isa_from_json(r, item);
    rate->threads = read_threads(r, item);
    rate->value = spr_reader_number(r, item, "value", &positive);
    rate->low = spr_reader_number(r, item, "low", &positive);
    rate->high = spr_reader_number(r, item, "high", &positive);
    if (rate->low > rate->value || rate->value > rate->high) {
        spr_reader_fail(r, "value", "expected low <= value <= high");
    }
}

/* Zeroed room for what a list holds, into *count; NULL: failed. */
static void *make_room(struct spr_reader *r, const spr_json *root, const char *key,
                       size_t size, size_t *count)
{
    const spr_json *list = spr_json_get(root, key);
    *count = spr_json_count(list);
    if (!spr_json_is_array(list)) {
        spr_reader_fail(r, key, "expected a list");
    } else if (*count > ITEMS_MAX) {
        spr_reader_fail(r, key, "expected at most 65536 entries");
    }
    void *items = r->status == SPR_OK ? spr_arena_alloc(r->arena, (*count + 1) * size) : NULL;
    if (!spr_reader_have(r, items != NULL) || !items) {
        return NULL;
    }
    return memset(items, 0, (*count + 1) * size);
}

static void read_lists(struct spr_reader *r, const spr_json *root, struct spr_probe *probe)
{
    probe->rates = make_room(r, root, "rates", sizeof *probe->rates, &probe->rate_count);
    probe->points = make_room(r, root, "sweep", sizeof *probe->points, &probe->point_count);
    struct spr_probe_rate *rate = probe->rates;
    struct spr_probe_point *point = probe->points;
    const spr_json *item = spr_reader_list(r, root, "rates", false, NULL);
    for (; rate && item; item = spr_reader_next(r, item)) {
        read_rate(r, item, rate++);
    }
    item = spr_reader_list(r, root, "sweep", false, NULL);
    for (; point && item; item = spr_reader_next(r, item), point++) {
        point->threads = read_threads(r, item);
        point->bytes = spr_reader_number(r, item, "bytes", &positive);
        point->bytes_per_s = spr_reader_number(r, item, "bytes_per_s", &positive);
    }
}

static void read_caches(struct spr_reader *r, const spr_json *root, struct spr_probe *probe)
{
    const spr_json *item = spr_reader_list(r, root, "caches", false, NULL);
    for (int i = 0; item; item = spr_reader_next(r, item), i++) {
        if (i < SPR_CPU_CACHES) {
            probe->cache[i].detected_bytes =
                spr_reader_number(r, item, "detected_bytes", &positive_or_null);
            probe->cache[i].declared_bytes =
                spr_reader_number(r, item, "declared_bytes", &positive_or_null);
            probe->cache[i].shared = spr_reader_bool(r, item, "shared", true);
        }
    }
}

/* Absent in probes that were made before anything was known of it. */
static void read_quality(struct spr_reader *r, const spr_json *root,
                         struct spr_probe_quality *q)
{
    static const struct spr_range count = {0, ITEMS_MAX, true, "an integer 0..65536"};
    static const struct spr_range error = {0, 0x1.93e5939a08ce9p+99, true,
                                           "a number 0 or above, or null"};
    static const struct spr_range share = {0, 1, true, "a number 0..1 or null"};
    const double interpolated = spr_reader_count(r, root, "tiles_interpolated", &count);
    const double checked = spr_reader_count(r, root, "widths_checked", &count);
    q->tiles_interpolated = isnan(interpolated) ? 0 : (size_t)interpolated;
    q->widths_checked = isnan(checked) ? 0 : (size_t)checked;
    q->error_median = spr_reader_number(r, root, "interpolation_error_median", &error);
    q->error_p90 = spr_reader_number(r, root, "interpolation_error_p90", &error);
    q->points_disturbed = spr_reader_number(r, root, "points_disturbed", &share);
}

static void read_head(struct spr_reader *r, const spr_json *root, struct spr_probe *probe)
{
    static const struct spr_range any = {-(double)INFINITY, (double)INFINITY, true,
                                         "a number or null"};
    const char *schema = spr_json_get_text(root, "schema");
    if (!schema || strcmp(schema, SCHEMA) != 0) {
        spr_reader_fail(r, "schema", "expected \"" SCHEMA "\"");
    }
    if (spr_json_get_number(root, "schema_version") != SCHEMA_VERSION) {
        spr_reader_fail(r, "schema_version", "expected 1");
    }
    probe->quick = spr_reader_bool(r, root, "quick", true);
    probe->drift = spr_reader_number(r, root, "drift", &any);
    snprintf(probe->cpu, sizeof probe->cpu, "%s",
             short_text(r, root, "cpu", sizeof probe->cpu));
    snprintf(probe->identity, sizeof probe->identity, "%s",
             short_text(r, root, "identity", sizeof probe->identity));
    snprintf(probe->created, sizeof probe->created, "%s",
             short_text(r, root, "created", sizeof probe->created));
    probe->threads = read_threads(r, root);
    read_quality(r, root, &probe->quality);
}

enum spr_status spr_probe_read(const char *path, struct spr_probe *probe,
                               struct spr_error *err)
{
    spr_json *root;
    *probe = (struct spr_probe){0};
    struct spr_reader r = {.file = path, .arena = &probe->arena, .err = err, .blank = '?'};
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        probe->cache[i].detected_bytes = probe->cache[i].declared_bytes = (double)NAN;
    }
    r.status = spr_json_read(path, &root, err);
    read_head(&r, root, probe);
    read_lists(&r, root, probe);
    read_caches(&r, root, probe);
    if (r.status == SPR_OK) {
        r.status =
            spr_tiles_from_json(spr_json_get(root, "kernels"), path, &probe->kernels, err);
    }
    spr_json_free(root);
    if (r.status != SPR_OK) {
        spr_probe_free(probe);
    }
    return r.status;
}
