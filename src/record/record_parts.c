/* SPDX-License-Identifier: Apache-2.0 */
/* The parts that all records share, written and read. */
#include "record/record_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/whole.h"
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

static void put_types(struct spr_emit *out, const struct spr_types *types)
{
    char text[SPR_TYPES_TEXT];
    spr_emit_text(out, "weights_dtype", spr_stored_text(&types->w, text));
    spr_emit_text(out, "x_dtype", spr_stored_text(&types->x, text));
    spr_emit_text(out, "y_dtype", spr_stored_text(&types->y, text));
}

/* What dtype does not say. */
static void put_all_types(struct spr_emit *out, const struct spr_options *options)
{
    const struct spr_types types = spr_options_types(options);
    const struct spr_types one = spr_types_of(options->dtype);
    if (!spr_types_equal(&types, &one)) {
        put_types(out, &types);
    }
    if (spr_options_differ(options)) {
        spr_emit_open(out, "against", '{');
        put_types(out, &options->against);
        spr_emit_close(out, '}');
    }
}

void spr_record_put_options(struct spr_emit *out, const struct spr_options *options,
                            const enum spr_residency *expected)
{
    spr_emit_open(out, "options", '{');
    spr_emit_text(out, "dtype", spr_dtype_name(options->dtype));
    put_all_types(out, options);
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
    spr_emit_text(out, "execution", options->native ? "native" : "best");
    spr_emit_bool(out, "ideal_tiles", options->ideal_tiles);
    spr_emit_text(out, "fusion", spr_fusion_name(options->fuse));
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

const struct spr_range spr_record_size = {1, (double)SPR_DIMENSION_MAX, false,
                                          "an integer 1..2^40"};

void spr_record_pattern(struct spr_reader *r, const spr_json *object,
                        struct spr_pattern *pattern)
{
    const char *text = spr_json_get_text(object, "pattern");
    const size_t smaller = strlen("smaller");
    if (text && strcmp(text, "smaller") == 0) {
        text = "dense";
    } else if (text && strncmp(text, "smaller+", smaller + 1) == 0) {
        text += smaller + 1;
    }
    if (!text || spr_pattern_parse(text, pattern, NULL) != SPR_OK) {
        spr_reader_fail(r, "pattern", "expected a pattern");
    }
}

static void read_batches(struct spr_reader *r, const spr_json *options,
                         struct spr_options *out)
{
    const spr_json *item = spr_json_first(spr_json_get(options, "batches"));
    for (; item && r->status == SPR_OK; item = spr_json_next(item)) {
        double batch;
        if (out->batch_count == SPR_BATCHES_MAX || !spr_json_number(item, &batch) ||
            !(batch >= 1 && batch <= (double)SPR_DIMENSION_MAX && spr_is_whole(batch))) {
            spr_reader_fail(r, "batches", "expected at most 64 integers 1..2^40");
        } else {
            out->batches[out->batch_count++] = batch;
        }
    }
    if (out->batch_count == 0) {
        spr_reader_fail(r, "batches", "expected at least one batch");
    }
}

static void read_changes(struct spr_options *out, const spr_json *options)
{
    const spr_json *list = spr_json_get(options, "set");
    for (const spr_json *item = spr_json_first(list);
         item && out->change_count < SPR_CHANGES_MAX; item = spr_json_next(item)) {
        struct spr_machine_change *change = &out->changes[out->change_count];
        const char *path = spr_json_get_text(item, "path");
        if (path) {
            snprintf(change->path, sizeof change->path, "%s", path);
            change->before = spr_json_get_number(item, "before");
            change->after = spr_json_get_number(item, "after");
            out->change_count++;
        }
    }
}

/* Leaves *types as they are where a record has none. */
static void read_types(struct spr_reader *r, const spr_json *item, struct spr_types *types)
{
    const char *w = spr_json_get_text(item, "weights_dtype");
    const char *x = spr_json_get_text(item, "x_dtype");
    const char *y = spr_json_get_text(item, "y_dtype");
    char text[SPR_TYPES_TEXT];
    struct spr_error err = {0};
    if (!w && !x && !y) {
        return;
    }
    snprintf(text, sizeof text, "w:%.20s,x:%.20s,y:%.20s", w ? w : "", x ? x : "", y ? y : "");
    if (spr_types_parse(text, SPR_F32, types, &err) != SPR_OK) {
        spr_reader_fail(r, "weights_dtype, x_dtype, y_dtype", "%s", err.text);
    }
}

void spr_record_read_options(struct spr_reader *r, const spr_json *root,
                             struct spr_options *out)
{
    const spr_json *options = spr_json_get(root, "options");
    const char *dtype = spr_json_get_text(options, "dtype");
    static const struct spr_range range = {0, 1e6, true, "an integer 1..10^6"};
    spr_reader_enter(r, "options", SIZE_MAX);
    const double threads = spr_reader_count(r, options, "threads", &range);
    if (!dtype || spr_dtype_parse(dtype, &out->dtype, NULL) != SPR_OK) {
        spr_reader_fail(r, "dtype", "expected f64, f32, tf32, f16, bf16, fp8 or i8");
    }
    read_types(r, options, &out->types);
    read_types(r, spr_json_get(options, "against"), &out->against);
    if (out->types.w.name && r->status == SPR_OK) {
        out->dtype = spr_types_engine(&out->types);
    }
    (void)spr_residency_find(spr_json_get_text(options, "residency"), &out->residency);
    out->threads = threads >= 1 ? (int64_t)threads : 0;
    /* They differ in records of old, which nobody asked for one. */
    const char *expected = spr_json_get_text(options, "expected_residency");
    out->has_residency = expected ? strcmp(expected, spr_residency_name(out->residency)) == 0
                                  : out->residency != SPR_RESIDENCY_DRAM;
    (void)spr_layout_find(spr_json_get_text(options, "layout"), &out->layout);
    /* A record from before there was a choice has none: it is native. */
    const char *execution = spr_json_get_text(options, "execution");
    out->native = !execution || strcmp(execution, "best") != 0;
    out->ideal_tiles = spr_json_get_bool(options, "ideal_tiles");
    const char *fusion = spr_json_get_text(options, "fusion");
    out->fuse = fusion && strcmp(fusion, spr_fusion_name(true)) == 0;
    out->assume_uniform = spr_json_get_bool(options, "assume_uniform");
    out->max_drop_relative = spr_json_get_bool(options, "max_drop_relative");
    double drop = spr_json_get_number(options, "max_drop");
    out->has_max_drop = !isnan(drop);
    out->max_drop = isnan(drop) ? 0 : drop;
    read_changes(out, options);
    read_batches(r, options, out);
    spr_reader_leave(r);
}

static void read_input(struct spr_reader *r, const spr_json *input, const char *key,
                       struct spr_record_input *out)
{
    const spr_json *item = spr_json_get(input, key);
    const char *hash = spr_json_get_text(item, "sha256");
    snprintf(out->sha256, sizeof out->sha256, "%s", hash ? hash : "");
    out->path = spr_reader_text(r, item, "path", false);
}

void spr_record_read_head(struct spr_reader *r, const spr_json *root,
                          const struct spr_record_kind *kind, struct spr_record_head *head)
{
    const spr_json *input = spr_json_get(root, "input");
    const char *schema = spr_json_get_text(root, "schema");
    double version = spr_json_get_number(root, "schema_version");
    if (!schema || strcmp(schema, kind->schema) != 0) {
        spr_reader_fail(r, "schema", "expected \"%s\", a record made by %s", kind->schema,
                        kind->maker);
    }
    if (!(version >= 1)) {
        spr_reader_fail(r, "schema_version", "missing: expected %d", kind->version);
    }
    if (version > kind->version) {
        spr_reader_fail(r, "schema_version", "%g: expected at most %d: made by a newer sproof",
                        version, kind->version);
    }
    head->created = spr_reader_text(r, root, "created", false);
    head->command = spr_reader_text(r, root, "command", false);
    read_input(r, input, "model", &head->model);
    read_input(r, input, "accuracy", &head->accuracy);
    read_input(r, input, "machine", &head->machine);
}

void spr_record_read_machine(struct spr_reader *r, const spr_json *root,
                             struct spr_machine *machine)
{
    const spr_json *item = spr_reader_object(r, root, "machine", "a machine");
    if (item) {
        r->status = spr_machine_from_json(item, r->file, machine, r->err);
    }
}
