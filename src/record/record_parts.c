/* SPDX-License-Identifier: Apache-2.0 */
/* The parts that all records share, written and read. */
#include "record/record_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "machine/machine_json.h"
#include "sproof/version.h"

static void put_input(struct spr_emit *out, const char *key,
                      const struct spr_record_input *input)
{
    if (!input->path) {
        spr_emit_null(out, key);
        return;
    }
    spr_emit_open(out, key, '{');
    spr_emit_text(out, "path", input->path);
    spr_emit_text(out, "sha256", input->sha256[0] ? input->sha256 : NULL);
    spr_emit_close(out, '}');
}

void spr_record_put_head(struct spr_emit *out, const struct spr_record_kind *kind,
                         const struct spr_record_head *head, const struct spr_machine *machine)
{
    spr_emit_text(out, "schema", kind->schema);
    spr_emit_number(out, "schema_version", kind->version);
    spr_emit_open(out, "tool", '{');
    spr_emit_text(out, "name", "sproof");
    spr_emit_text(out, "version", spr_version());
    spr_emit_text(out, "commit", spr_commit());
    spr_emit_close(out, '}');
    spr_emit_text(out, "created", head->created);
    spr_emit_text(out, "command", head->command);
    spr_emit_open(out, "input", '{');
    put_input(out, "model", &head->model);
    put_input(out, "accuracy", &head->accuracy);
    put_input(out, "machine", &head->machine);
    spr_emit_close(out, '}');
    spr_machine_to_json(out, "machine", machine);
}

void spr_record_put_options(struct spr_emit *out, const struct spr_options *options,
                            const enum spr_residency *expected)
{
    spr_emit_open(out, "options", '{');
    spr_emit_text(out, "dtype", spr_dtype_name(options->dtype));
    spr_emit_open(out, "batches", '[');
    for (size_t i = 0; i < options->batch_count; i++) {
        spr_emit_number(out, NULL, options->batches[i]);
    }
    spr_emit_close(out, ']');
    spr_emit_number(out, "threads", options->threads ? (double)options->threads : (double)NAN);
    spr_emit_text(out, "residency", spr_residency_name(options->residency));
    if (expected) {
        spr_emit_text(out, "expected_residency", spr_residency_name(*expected));
        spr_emit_text(out, "layout", spr_layout_name(options->layout));
    }
    spr_emit_bool(out, "ideal_tiles", options->ideal_tiles);
    spr_emit_bool(out, "assume_uniform", options->assume_uniform);
    spr_emit_number(out, "max_drop", options->has_max_drop ? options->max_drop : (double)NAN);
    spr_emit_bool(out, "max_drop_relative", options->max_drop_relative);
    spr_emit_open(out, "set", '[');
    for (size_t i = 0; i < options->change_count; i++) {
        spr_emit_open(out, NULL, '{');
        spr_emit_text(out, "path", options->changes[i].path);
        spr_emit_number(out, "before", options->changes[i].before);
        spr_emit_number(out, "after", options->changes[i].after);
        spr_emit_close(out, '}');
    }
    spr_emit_close(out, ']');
    spr_emit_close(out, '}');
}

enum spr_status spr_record_bad(const struct spr_record_place *at, const char *key,
                               const char *expected)
{
    return spr_fail(at->err, SPR_EINPUT, "%s: %s[%zu].%s: expected %s", at->path, at->where,
                    at->index, key, expected);
}

enum spr_status spr_record_no_memory(const struct spr_record_place *at)
{
    return spr_no_memory(at->err);
}

char *spr_record_copy(const struct spr_record_place *at, const char *source)
{
    char *copy = spr_arena_text(at->arena, source, strlen(source));
    /* Texts are printed: a terminal must not act on them. */
    for (char *c = copy; c && *c; c++) {
        *c = (char)((unsigned char)*c < 0x20 || *c == 0x7F ? '?' : *c);
    }
    return copy;
}

enum spr_status spr_record_text(const struct spr_record_place *at, const spr_json *object,
                                const char *key, bool needed, const char **text)
{
    const char *source = spr_json_text(spr_json_get(object, key));
    *text = source ? spr_record_copy(at, source) : NULL;
    if (source && !*text) {
        return spr_record_no_memory(at);
    }
    return source || !needed ? SPR_OK : spr_record_bad(at, key, "a text");
}

double spr_record_number(const spr_json *object, const char *key)
{
    double value;
    return spr_json_number(spr_json_get(object, key), &value) ? value : (double)NAN;
}

enum spr_status spr_record_integer(const struct spr_record_place *at, const spr_json *object,
                                   const char *key, int64_t *value)
{
    double number = spr_record_number(object, key);
    if (!(number >= 1 && number <= (double)SPR_DIMENSION_MAX && number == floor(number))) {
        return spr_record_bad(at, key, "an integer 1..2^40");
    }
    *value = (int64_t)number;
    return SPR_OK;
}

enum spr_status spr_record_pattern(const struct spr_record_place *at, const spr_json *object,
                                   struct spr_pattern *pattern)
{
    const char *text = spr_json_text(spr_json_get(object, "pattern"));
    if (!text || spr_pattern_parse(text, pattern, NULL) != SPR_OK) {
        return spr_record_bad(at, "pattern", "a pattern");
    }
    return SPR_OK;
}

static enum spr_status fail_option(const struct spr_record_place *at, const char *key,
                                   const char *expected)
{
    return spr_fail(at->err, SPR_EINPUT, "%s: options.%s: expected %s", at->path, key,
                    expected);
}

static enum spr_status read_batches(const struct spr_record_place *at, const spr_json *options,
                                    struct spr_options *out)
{
    const spr_json *list = spr_json_get(options, "batches");
    for (const spr_json *item = spr_json_first(list); item; item = spr_json_next(item)) {
        double batch;
        if (out->batch_count == SPR_BATCHES_MAX || !spr_json_number(item, &batch) ||
            !(batch >= 1 && batch <= (double)SPR_DIMENSION_MAX)) {
            return fail_option(at, "batches", "at most 64 integers 1..2^40");
        }
        out->batches[out->batch_count++] = batch;
    }
    return out->batch_count > 0 ? SPR_OK : fail_option(at, "batches", "at least one batch");
}

static void read_changes(struct spr_options *out, const spr_json *options)
{
    const spr_json *list = spr_json_get(options, "set");
    for (const spr_json *item = spr_json_first(list);
         item && out->change_count < SPR_CHANGES_MAX; item = spr_json_next(item)) {
        struct spr_machine_change *change = &out->changes[out->change_count];
        const char *path = spr_json_text(spr_json_get(item, "path"));
        if (path) {
            snprintf(change->path, sizeof change->path, "%s", path);
            change->before = spr_record_number(item, "before");
            change->after = spr_record_number(item, "after");
            out->change_count++;
        }
    }
}

enum spr_status spr_record_read_options(const struct spr_record_place *at,
                                        const spr_json *root, struct spr_options *out)
{
    const spr_json *options = spr_json_get(root, "options");
    const char *dtype = spr_json_text(spr_json_get(options, "dtype"));
    double threads = spr_record_number(options, "threads");
    if (!dtype || spr_dtype_parse(dtype, &out->dtype, NULL) != SPR_OK) {
        return fail_option(at, "dtype", "f64, f32, tf32, f16, bf16, fp8 or i8");
    }
    (void)spr_residency_find(spr_json_text(spr_json_get(options, "residency")),
                             &out->residency);
    out->threads = threads >= 1 && threads <= 1e6 ? (int64_t)threads : 0;
    /* Without being asked for, the two differ. */
    const char *expected = spr_json_text(spr_json_get(options, "expected_residency"));
    out->has_residency = expected ? strcmp(expected, spr_residency_name(out->residency)) == 0
                                  : out->residency != SPR_RESIDENCY_DRAM;
    (void)spr_layout_find(spr_json_text(spr_json_get(options, "layout")), &out->layout);
    (void)spr_json_bool(spr_json_get(options, "ideal_tiles"), &out->ideal_tiles);
    (void)spr_json_bool(spr_json_get(options, "assume_uniform"), &out->assume_uniform);
    (void)spr_json_bool(spr_json_get(options, "max_drop_relative"), &out->max_drop_relative);
    double drop = spr_record_number(options, "max_drop");
    out->has_max_drop = !isnan(drop);
    out->max_drop = isnan(drop) ? 0 : drop;
    read_changes(out, options);
    return read_batches(at, options, out);
}

static enum spr_status read_input(const struct spr_record_place *at, const spr_json *input,
                                  const char *key, struct spr_record_input *out)
{
    const spr_json *item = spr_json_get(input, key);
    const char *hash = spr_json_text(spr_json_get(item, "sha256"));
    snprintf(out->sha256, sizeof out->sha256, "%s", hash ? hash : "");
    return spr_record_text(at, item, "path", false, &out->path);
}

enum spr_status spr_record_read_head(struct spr_record_place *at, const spr_json *root,
                                     const struct spr_record_kind *kind,
                                     struct spr_record_head *head)
{
    const spr_json *input = spr_json_get(root, "input");
    const char *schema = spr_json_text(spr_json_get(root, "schema"));
    double version = spr_record_number(root, "schema_version");
    if (!schema || strcmp(schema, kind->schema) != 0) {
        return spr_fail(at->err, SPR_EINPUT,
                        "%s: schema: expected \"%s\", a record made by %s", at->path,
                        kind->schema, kind->maker);
    }
    if (!(version >= 1)) {
        return spr_fail(at->err, SPR_EINPUT, "%s: schema_version: missing: expected %d",
                        at->path, kind->version);
    }
    if (version > kind->version) {
        return spr_fail(at->err, SPR_EINPUT,
                        "%s: schema_version: %g: expected at most %d: made by a newer sproof",
                        at->path, version, kind->version);
    }
    at->where = "record";
    SPR_TRY(spr_record_text(at, root, "created", false, &head->created));
    SPR_TRY(spr_record_text(at, root, "command", false, &head->command));
    SPR_TRY(read_input(at, input, "model", &head->model));
    SPR_TRY(read_input(at, input, "accuracy", &head->accuracy));
    return read_input(at, input, "machine", &head->machine);
}

enum spr_status spr_record_read_machine(const struct spr_record_place *at,
                                        const spr_json *root, struct spr_machine *machine)
{
    const spr_json *item = spr_json_get(root, "machine");
    if (!spr_json_is_object(item)) {
        return spr_fail(at->err, SPR_EINPUT, "%s: machine: expected a machine", at->path);
    }
    return spr_machine_from_json(item, at->path, machine, at->err);
}
