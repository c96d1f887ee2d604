/* SPDX-License-Identifier: Apache-2.0 */
/* Tuned plans in a file beside the probe. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/emit.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "host/cache_dir.h"
#include "sproof/schedule.h"

#define PLANS_MAX 100000

static enum spr_status bad(const char *path, size_t index, const char *key,
                           struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT, "%s: plans[%zu].%s: not of a tuned plan", path, index,
                    key);
}

static bool integer(const spr_json *object, const char *key, double least, double most,
                    int64_t *value)
{
    double number;
    if (!spr_json_number(spr_json_get(object, key), &number) || number < least ||
        number > most || number != floor(number)) {
        return false;
    }
    *value = (int64_t)number;
    return true;
}

static enum spr_status read_plan(const char *path, size_t index, const spr_json *item,
                                 struct spr_tuned_plan *plan, struct spr_error *err)
{
    const double most = (double)SPR_DIMENSION_MAX;
    const char *pattern = spr_json_text(spr_json_get(item, "pattern"));
    int64_t threads, rows, vectors, slots, tokens;
    if (!spr_isa_find(spr_json_text(spr_json_get(item, "isa")), &plan->isa)) {
        return bad(path, index, "isa", err);
    }
    if (!pattern || spr_pattern_parse(pattern, &plan->pattern, NULL) != SPR_OK) {
        return bad(path, index, "pattern", err);
    }
    if (!spr_layout_find(spr_json_text(spr_json_get(item, "layout")), &plan->layout)) {
        return bad(path, index, "layout", err);
    }
    if (!integer(item, "m", 1, most, &plan->m) || !integer(item, "k", 1, most, &plan->k) ||
        !integer(item, "n", 1, most, &plan->n) ||
        !integer(item, "panel", 1, most, &plan->panel) ||
        !integer(item, "threads", 1, 65536, &threads) ||
        !integer(item, "rows", 1, 4096, &rows) ||
        !integer(item, "vectors", 0, 4096, &vectors) ||
        !integer(item, "slots", 0, 4096, &slots) ||
        !integer(item, "tokens", 0, 4096, &tokens)) {
        return bad(path, index, "m..tokens", err);
    }
    plan->threads = (int)threads;
    plan->rows = (int)rows;
    plan->vectors = (int)vectors;
    plan->slots = (int)slots;
    plan->tokens = (int)tokens;
    return spr_json_number(spr_json_get(item, "density"), &plan->density) &&
                   plan->density >= 0 && plan->density <= 1
               ? SPR_OK
               : bad(path, index, "density", err);
}

enum spr_status spr_tuned_read_file(const char *path, struct spr_tuned *tuned,
                                    struct spr_error *err)
{
    char identity[SPR_CPU_IDENTITY];
    spr_json *root;
    *tuned = (struct spr_tuned){0};
    enum spr_status status = spr_json_read(path, &root, err);
    const char *schema = status == SPR_OK ? spr_json_text(spr_json_get(root, "schema")) : NULL;
    if (status == SPR_OK && (!schema || strcmp(schema, "sproof/tuned") != 0)) {
        status = spr_fail(err, SPR_EINPUT, "%s: schema: expected sproof/tuned", path);
    }
    const char *of = status == SPR_OK ? spr_json_text(spr_json_get(root, "identity")) : NULL;
    spr_cache_identity(identity);
    const spr_json *list =
        of && strcmp(of, identity) == 0 ? spr_json_get(root, "plans") : NULL;
    for (const spr_json *i = spr_json_is_array(list) ? spr_json_first(list) : NULL;
         i && status == SPR_OK; i = spr_json_next(i)) {
        if (tuned->count == PLANS_MAX) {
            status =
                spr_fail(err, SPR_EINPUT, "%s: plans: expected at most %d", path, PLANS_MAX);
        } else if (!spr_grow(&tuned->plan, &tuned->capacity, tuned->count + 1,
                             sizeof *tuned->plan)) {
            status = spr_no_memory(err);
        } else {
            status = read_plan(path, tuned->count, i, &tuned->plan[tuned->count], err);
            tuned->count += status == SPR_OK;
        }
    }
    spr_json_free(root);
    if (status != SPR_OK) {
        spr_tuned_free(tuned);
    }
    return status;
}

enum spr_status spr_tuned_read(struct spr_tuned *tuned, struct spr_notes *notes,
                               struct spr_error *err)
{
    const char *wanted = getenv("SPROOF_TUNED");
    char path[SPR_CACHE_PATH];
    struct spr_error why = {0};
    *tuned = (struct spr_tuned){0};
    if ((wanted && strcmp(wanted, "off") == 0) ||
        !spr_cache_path("tuned.json", path, sizeof path) || access(path, F_OK) != 0) {
        return SPR_OK;
    }
    enum spr_status status = spr_tuned_read_file(path, tuned, &why);
    if (status == SPR_ENOMEM) {
        return spr_no_memory(err);
    }
    if (status != SPR_OK) {
        spr_note(notes, "tuned plans are left out: %.400s", why.text);
    }
    return SPR_OK;
}

static void put_plan(struct spr_emit *out, const struct spr_tuned_plan *plan)
{
    char text[SPR_PATTERN_TEXT];
    spr_emit_open(out, NULL, '{');
    spr_emit_text(out, "isa", spr_isa_name(plan->isa));
    spr_emit_number(out, "threads", plan->threads);
    spr_emit_text(out, "layout", spr_layout_name(plan->layout));
    spr_emit_number(out, "m", (double)plan->m);
    spr_emit_number(out, "k", (double)plan->k);
    spr_emit_number(out, "n", (double)plan->n);
    spr_emit_text(out, "pattern", spr_pattern_text(&plan->pattern, text));
    spr_emit_number(out, "density", plan->density);
    spr_emit_number(out, "rows", plan->rows);
    spr_emit_number(out, "vectors", plan->vectors);
    spr_emit_number(out, "panel", (double)plan->panel);
    spr_emit_number(out, "slots", plan->slots);
    spr_emit_number(out, "tokens", plan->tokens);
    spr_emit_close(out, '}');
}

static enum spr_status write_plans(FILE *file, const struct spr_tuned *tuned,
                                   struct spr_error *err)
{
    char identity[SPR_CPU_IDENTITY];
    struct spr_emit *out = spr_calloc(1, sizeof *out);
    if (!out) {
        return spr_no_memory(err);
    }
    spr_cache_identity(identity);
    spr_emit_begin(out, file, 2);
    spr_emit_open(out, NULL, '{');
    spr_emit_text(out, "schema", "sproof/tuned");
    spr_emit_number(out, "schema_version", 1);
    spr_emit_text(out, "identity", identity);
    spr_emit_open(out, "plans", '[');
    for (size_t i = 0; i < tuned->count; i++) {
        put_plan(out, &tuned->plan[i]);
    }
    spr_emit_close(out, ']');
    spr_emit_close(out, '}');
    spr_emit_newline(out);
    spr_emit_flush(out);
    spr_free(out);
    return SPR_OK;
}

enum spr_status spr_tuned_save(const struct spr_tuned *tuned, struct spr_error *err)
{
    char path[SPR_CACHE_PATH], temporary[SPR_CACHE_PATH + 32];
    if (!spr_cache_path("tuned.json", path, sizeof path)) {
        return spr_fail(
            err, SPR_EENVIRONMENT,
            "no place to keep tuned plans: neither XDG_CACHE_HOME nor HOME is set");
    }
    spr_make_directories(path);
    snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    FILE *file = fopen(temporary, "wb");
    if (!file) {
        return spr_fail(err, SPR_EENVIRONMENT, "%s: %s", path, strerror(errno));
    }
    enum spr_status status = write_plans(file, tuned, err);
    bool failed = ferror(file) != 0;
    failed = fclose(file) != 0 || failed;
    if (status == SPR_OK && (failed || rename(temporary, path) != 0)) {
        status = spr_fail(err, SPR_EENVIRONMENT, "%s: %s", path, strerror(errno));
    }
    if (status != SPR_OK) {
        unlink(temporary);
    }
    return status;
}
