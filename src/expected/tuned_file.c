/* SPDX-License-Identifier: Apache-2.0 */
/* Tuned plans in a file beside the probe. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/emit.h"
#include "base/json_reader.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/output.h"
#include "host/cache_dir.h"
#include "sproof/schedule.h"

#define PLANS_MAX 100000

#define NOT_OF_ONE "not of a tuned plan"

/* The numbers of a plan, some of which a message names together. */
static enum spr_status read_sizes(const spr_json *item, struct spr_tuned_plan *plan)
{
    static const struct spr_range size = {1, (double)SPR_DIMENSION_MAX, false, ""};
    static const struct spr_range threads = {1, 65536, false, ""};
    static const struct spr_range rows = {1, 4096, false, ""}, tile = {0, 4096, false, ""};
    struct spr_reader silent = {0};
    plan->m = spr_reader_whole(&silent, item, "m", &size);
    plan->k = spr_reader_whole(&silent, item, "k", &size);
    plan->n = spr_reader_whole(&silent, item, "n", &size);
    plan->panel = spr_reader_whole(&silent, item, "panel", &size);
    plan->threads = (int)spr_reader_whole(&silent, item, "threads", &threads);
    plan->rows = (int)spr_reader_whole(&silent, item, "rows", &rows);
    plan->vectors = (int)spr_reader_whole(&silent, item, "vectors", &tile);
    plan->slots = (int)spr_reader_whole(&silent, item, "slots", &tile);
    plan->tokens = (int)spr_reader_whole(&silent, item, "tokens", &tile);
    return silent.status;
}

static void read_plan(struct spr_reader *r, const spr_json *item, struct spr_tuned_plan *plan)
{
    const char *pattern = spr_json_get_text(item, "pattern");
    *plan = (struct spr_tuned_plan){0};
    if (!spr_isa_find(spr_json_get_text(item, "isa"), &plan->isa)) {
        spr_reader_fail(r, "isa", NOT_OF_ONE);
    }
    if (!pattern || spr_pattern_parse(pattern, &plan->pattern, NULL) != SPR_OK) {
        spr_reader_fail(r, "pattern", NOT_OF_ONE);
    }
    if (!spr_layout_find(spr_json_get_text(item, "layout"), &plan->layout)) {
        spr_reader_fail(r, "layout", NOT_OF_ONE);
    }
    if (read_sizes(item, plan) != SPR_OK) {
        spr_reader_fail(r, "m..tokens", NOT_OF_ONE);
    }
    plan->density = spr_json_get_number(item, "density");
    if (!(plan->density >= 0 && plan->density <= 1)) {
        spr_reader_fail(r, "density", NOT_OF_ONE);
    }
}

/* Those of another machine are none. */
static void read_plans(struct spr_reader *r, const spr_json *root, struct spr_tuned *tuned)
{
    char identity[SPR_CPU_IDENTITY];
    const char *of = spr_json_get_text(root, "identity");
    spr_cache_identity(identity);
    if (!of || strcmp(of, identity) != 0 || !spr_json_is_array(spr_json_get(root, "plans"))) {
        return;
    }
    const spr_json *item = spr_reader_list(r, root, "plans", false, NULL);
    for (; item; item = spr_reader_next(r, item)) {
        if (tuned->count == PLANS_MAX) {
            spr_reader_leave(r);
            spr_reader_fail(r, "plans", "expected at most %d", PLANS_MAX);
        } else if (spr_reader_have(r, spr_grow(&tuned->plan, &tuned->capacity,
                                               tuned->count + 1, sizeof *tuned->plan))) {
            read_plan(r, item, &tuned->plan[tuned->count++]);
        }
    }
}

enum spr_status spr_tuned_read_file(const char *path, struct spr_tuned *tuned,
                                    struct spr_error *err)
{
    spr_json *root;
    struct spr_reader r = {.file = path, .err = err};
    *tuned = (struct spr_tuned){0};
    r.status = spr_json_read(path, &root, err);
    const char *schema = spr_json_get_text(root, "schema");
    if (!schema || strcmp(schema, "sproof/tuned") != 0) {
        spr_reader_fail(&r, "schema", "expected sproof/tuned");
    }
    read_plans(&r, root, tuned);
    spr_json_free(root);
    if (r.status != SPR_OK) {
        spr_tuned_free(tuned);
    }
    return r.status;
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
    struct spr_emit *out = spr_emit_new(file, 2);
    if (!out) {
        return spr_no_memory(err);
    }
    spr_cache_identity(identity);
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
    spr_emit_end(out);
    return SPR_OK;
}

/* What is kept now, with the fresh plans of this run. */
static enum spr_status save(const char *path, const struct spr_tuned *tuned,
                            struct spr_tuned *kept, struct spr_error *err)
{
    struct spr_output output;
    /* A file of another CPU, or that holds no plans, is made anew; one that cannot be read is not:
     * it may hold what others found. */
    if (access(path, F_OK) == 0) {
        if (access(path, R_OK) != 0) {
            return spr_fail(err, SPR_EENVIRONMENT, "%s: %s", path, strerror(errno));
        }
        if (spr_tuned_read_file(path, kept, NULL) == SPR_ENOMEM) {
            return spr_no_memory(err);
        }
    }
    for (size_t i = 0; i < tuned->count; i++) {
        if (tuned->plan[i].fresh) {
            SPR_TRY(spr_tuned_put(kept, &tuned->plan[i], err));
        }
    }
    /* As many as can be read back, the latest. */
    if (kept->count > PLANS_MAX) {
        memmove(kept->plan, kept->plan + (kept->count - PLANS_MAX),
                PLANS_MAX * sizeof *kept->plan);
        kept->count = PLANS_MAX;
    }
    SPR_TRY(spr_output_open(&output, path, err));
    return spr_output_close(&output, write_plans(output.file, kept, err), err);
}

enum spr_status spr_tuned_save(const struct spr_tuned *tuned, struct spr_error *err)
{
    char path[SPR_CACHE_PATH];
    struct spr_tuned kept = {0};
    if (!spr_cache_path("tuned.json", path, sizeof path)) {
        return spr_fail(
            err, SPR_EENVIRONMENT,
            "no place to keep tuned plans: neither XDG_CACHE_HOME nor HOME is set");
    }
    spr_make_directories(path);
    const int lock = spr_cache_lock(path);
    enum spr_status status = save(path, tuned, &kept, err);
    spr_cache_unlock(lock);
    spr_tuned_free(&kept);
    return status;
}
