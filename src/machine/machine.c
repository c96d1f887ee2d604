/* SPDX-License-Identifier: Apache-2.0 */
/* Machine files: JSON into engines and memory levels. */
#include "sproof/machine.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_reader.h"
#include "base/mem.h"
#include "machine/family_json.h"
#include "machine/machine_json.h"
#include "machine/rates_json.h"

#define DTYPES "f64, f32, tf32, f16, bf16, fp8 or i8"

/* A text that is not empty. */
static const char *name_of(struct spr_reader *r, const spr_json *object, const char *key)
{
    const char *text = spr_reader_text(r, object, key, true);
    if (text && !*text) {
        spr_reader_wrong(r, key, spr_json_get(object, key), "a text");
    }
    return text;
}

static void read_interval(struct spr_reader *r, const char *key, const spr_json *item,
                          const struct spr_range *range, struct spr_number *number)
{
    const spr_json *value = spr_json_get(item, "value");
    const spr_json *low = spr_json_get(item, "low");
    const spr_json *high = spr_json_get(item, "high");
    if (!value) {
        spr_reader_wrong(r, key, item, "a key 'value' (null when unknown)");
    }
    if (!spr_json_is_null(value)) {
        number->value = number->low = number->high = spr_reader_value(r, key, value, range);
        if (!spr_json_is_null(low)) {
            number->low = spr_reader_value(r, key, low, range);
        }
        if (!spr_json_is_null(high)) {
            number->high = spr_reader_value(r, key, high, range);
        }
        if (number->low > number->value || number->high < number->value) {
            spr_reader_wrong(r, key, item, "low <= value <= high");
        }
    }
    number->kind = spr_reader_text(r, item, "kind", false);
    number->source = spr_reader_text(r, item, "source", false);
    number->date = spr_reader_text(r, item, "date", false);
}

/* A plain number, an object with provenance, or null (unknown). */
static void read_number(struct spr_reader *r, const spr_json *object, const char *key,
                        struct spr_number *number)
{
    /* A rate of 0 would make times infinite; an overhead of 0 is a fine figure. */
    static const struct spr_range rate = {SPR_ABOVE_0, 1e30, true, "a number above 0 or null"};
    static const struct spr_range overhead = {0, 1e30, true, "a number of 0 or more, or null"};
    const struct spr_range *range = strcmp(key, "overhead_s") == 0 ? &overhead : &rate;
    const spr_json *item = spr_json_get(object, key);
    *number =
        (struct spr_number){.value = (double)NAN, .low = (double)NAN, .high = (double)NAN};
    if (spr_json_is_object(item)) {
        read_interval(r, key, item, range, number);
    } else {
        number->value = number->low = number->high = spr_reader_value(r, key, item, range);
    }
}

static bool parse_class(const char *text, struct spr_accept *accept)
{
    accept->form = SPR_ACCEPT_CLASS;
    for (int i = 0; i < SPR_CLASS_COUNT; i++) {
        if (strcmp(text, spr_class_name((enum spr_class)i)) == 0) {
            accept->pattern_class = (enum spr_class)i;
            return true;
        }
    }
    return false;
}

static void read_pattern(struct spr_reader *r, const spr_json *item, struct spr_accept *accept)
{
    const char *text = spr_json_text(item);
    if (!text) {
        spr_reader_wrong(r, "pattern", item, "any, a class or a pattern");
    } else if (strcmp(text, "any") == 0) {
        accept->form = SPR_ACCEPT_ANY;
    } else if (!parse_class(text, accept)) {
        accept->form = SPR_ACCEPT_PATTERN;
        if (spr_pattern_parse(text, &accept->pattern, NULL) != SPR_OK) {
            spr_reader_wrong(r, NULL, item,
                             "any, a class (dense, csr, block, nm, comp) or a pattern");
        }
    }
}

static bool parse_as(const char *text, struct spr_accept *accept)
{
    if (!text || spr_pattern_parse(text, &accept->as, NULL) != SPR_OK) {
        return false;
    }
    enum spr_class as_class = accept->as.kind->pattern_class;
    return as_class == SPR_CLASS_DENSE || as_class == SPR_CLASS_NM;
}

static void read_accepts(struct spr_reader *r, const spr_json *object,
                         struct spr_engine *engine)
{
    const spr_json *list = spr_json_get(object, "accepts");
    const spr_json *item = spr_reader_list(r, object, "accepts", true, "a list of patterns");
    for (; item; item = spr_reader_next(r, item)) {
        struct spr_accept *accept = &engine->accepts[engine->accept_count++];
        bool object_form = spr_json_is_object(item);
        const spr_json *as = object_form ? spr_json_get(item, "as") : NULL;
        read_pattern(r, object_form ? spr_json_get(item, "pattern") : item, accept);
        if (!spr_json_is_null(as) && !parse_as(spr_json_text(as), accept)) {
            spr_reader_wrong(r, "as", as, "dense or an N:M pattern");
        }
        if (engine->accept_count == SPR_ACCEPTS_MAX && spr_json_next(item)) {
            spr_reader_wrong(r, "accepts", list, "at most 24 entries");
        }
    }
}

static void read_dtypes(struct spr_reader *r, const spr_json *object,
                        struct spr_engine *engine)
{
    const spr_json *list = spr_json_get(object, "dtypes"), *item = spr_json_first(list);
    if (!spr_json_is_array(list) || !item) {
        spr_reader_wrong(r, "dtypes", list, "a list of dtypes");
    }
    for (; item && r->status == SPR_OK; item = spr_json_next(item)) {
        enum spr_dtype dtype = SPR_F32;
        const char *text = spr_json_text(item);
        if (!text || spr_dtype_parse(text, &dtype, NULL) != SPR_OK) {
            spr_reader_wrong(r, "dtypes", item, DTYPES);
        }
        engine->dtypes |= 1u << dtype;
    }
}

static void read_engine(struct spr_reader *r, const spr_json *item, struct spr_engine *engine)
{
    static const struct spr_range rows = {1, 1048576, false, "an integer 1..2^20"};
    engine->name = name_of(r, item, "name");
    read_dtypes(r, item, engine);
    read_number(r, item, "flops_per_s", &engine->flops_per_s);
    read_accepts(r, item, engine);
    engine->tile_rows = spr_json_is_null(spr_json_get(item, "tile_rows"))
                            ? 1
                            : spr_reader_whole(r, item, "tile_rows", &rows);
}

static void read_engines(struct spr_reader *r, const spr_json *root,
                         struct spr_machine *machine)
{
    const spr_json *list = spr_json_get(root, "engines");
    const spr_json *item = spr_reader_list(r, root, "engines", true, "a list of engines");
    for (; item; item = spr_reader_next(r, item)) {
        struct spr_engine *engine = &machine->engines[machine->engine_count];
        read_engine(r, item, engine);
        for (size_t i = 0; r->status == SPR_OK && i < machine->engine_count; i++) {
            if (strcmp(machine->engines[i].name, engine->name) == 0) {
                spr_reader_wrong(r, "name", spr_json_get(item, "name"), "a name used once");
            }
        }
        if (++machine->engine_count == SPR_ENGINES_MAX && spr_json_next(item)) {
            spr_reader_wrong(r, "engines", list, "at most 16 engines");
        }
    }
}

static void read_memory(struct spr_reader *r, const spr_json *item, struct spr_memory *memory)
{
    memory->level = name_of(r, item, "level");
    read_number(r, item, "bytes", &memory->bytes);
    read_number(r, item, "bytes_per_s", &memory->bytes_per_s);
    memory->shared = spr_reader_bool(r, item, "shared", false);
}

static void read_memories(struct spr_reader *r, const spr_json *root,
                          struct spr_machine *machine)
{
    const spr_json *list = spr_json_get(root, "memory");
    const spr_json *item =
        spr_reader_list(r, root, "memory", true, "a list of memory levels, nearest first");
    for (; item; item = spr_reader_next(r, item)) {
        struct spr_memory *memory = &machine->memory[machine->memory_count];
        read_memory(r, item, memory);
        for (size_t i = 0; r->status == SPR_OK && i < machine->memory_count; i++) {
            if (strcmp(machine->memory[i].level, memory->level) == 0) {
                spr_reader_wrong(r, "level", spr_json_get(item, "level"),
                                 "a level named once");
            }
        }
        if (!spr_json_next(item) && isnan(memory->bytes_per_s.value)) {
            spr_reader_wrong(r, "bytes_per_s", NULL,
                             "a number above 0: the last memory level bounds every layer");
        }
        if (++machine->memory_count == SPR_MEMORIES_MAX && spr_json_next(item)) {
            spr_reader_wrong(r, "memory", list, "at most 8 levels");
        }
    }
}

static void read_schema(struct spr_reader *r, const spr_json *root)
{
    const spr_json *version = spr_json_get(root, "schema_version");
    const char *schema = spr_json_get_text(root, "schema");
    double number = spr_json_get_number(root, "schema_version");
    if (!schema || strcmp(schema, SPR_MACHINE_SCHEMA) != 0) {
        spr_reader_wrong(r, "schema", spr_json_get(root, "schema"),
                         "\"" SPR_MACHINE_SCHEMA "\"");
    }
    if (!(number >= 1) || number != floor(number)) {
        spr_reader_wrong(r, "schema_version", version, "1");
    }
    if (number > SPR_MACHINE_VERSION) {
        spr_reader_wrong(r, "schema_version", version, "at most 1: made by a newer sproof");
    }
}

static void read_head(struct spr_reader *r, const spr_json *root, struct spr_machine *machine)
{
    static const struct spr_range cores = {1, 1e6, false, "an integer 1..10^6"};
    const spr_json *dtype = spr_json_get(root, "default_dtype");
    machine->name = name_of(r, root, "name");
    machine->default_dtype = SPR_F32;
    if (!spr_json_is_null(dtype) &&
        (!spr_json_text(dtype) ||
         spr_dtype_parse(spr_json_text(dtype), &machine->default_dtype, NULL) != SPR_OK)) {
        spr_reader_wrong(r, "default_dtype", dtype, DTYPES);
    }
    if (!spr_json_is_null(spr_json_get(root, "cores"))) {
        machine->cores = spr_reader_whole(r, root, "cores", &cores);
    }
    machine->probed = spr_json_get_bool(root, "probed");
    machine->host = spr_json_get_bool(root, "host");
    machine->description = spr_reader_text(r, root, "description", false);
    machine->kind = spr_reader_text(r, root, "kind", false);
    read_number(r, root, "overhead_s", &machine->overhead_s);
    read_number(r, root, "clock_hz", &machine->clock_hz);
}

/* What the probe found of sproof's kernels, families of others', or the name of the machine whose
 * families it takes; null where nothing was measured. */
static void read_kernels(struct spr_reader *r, const spr_json *root,
                         struct spr_machine *machine)
{
    struct spr_kernel_rates rates;
    const spr_json *kernels = spr_json_get(root, "kernels");
    if (r->status != SPR_OK || spr_json_is_null(kernels)) {
        return;
    }
    if (!spr_json_is_object(kernels)) {
        spr_families_from_json(r, root, machine);
        return;
    }
    r->status = spr_tiles_from_json(kernels, r->file, &rates, r->err);
    if (r->status == SPR_OK) {
        machine->kernels = spr_tiles_keep(&machine->arena, &rates, SPR_ISA_COUNT, 0);
        spr_reader_have(r, machine->kernels != NULL);
    }
    spr_tiles_free(&rates);
}

enum spr_status spr_machine_from_json(const spr_json *root, const char *file,
                                      struct spr_machine *machine, struct spr_error *err)
{
    *machine = (struct spr_machine){0};
    struct spr_reader r = {
        .file = file, .arena = &machine->arena, .err = err, .show_values = true, .blank = ' '};
    read_schema(&r, root);
    read_head(&r, root, machine);
    read_engines(&r, root, machine);
    read_memories(&r, root, machine);
    read_kernels(&r, root, machine);
    if (r.status == SPR_OK) {
        machine->path = spr_arena_text(&machine->arena, file, strlen(file));
        spr_reader_have(&r, machine->path != NULL);
    }
    if (r.status != SPR_OK) {
        spr_machine_free(machine);
    }
    return r.status;
}

enum spr_status spr_machine_read(const char *path, struct spr_machine *machine,
                                 struct spr_error *err)
{
    spr_json *root;
    *machine = (struct spr_machine){0};
    enum spr_status status = spr_json_read(path, &root, err);
    if (status == SPR_OK) {
        status = spr_machine_from_json(root, path, machine, err);
    }
    spr_json_free(root);
    return status;
}

void spr_machine_free(struct spr_machine *machine)
{
    spr_arena_free(&machine->arena);
    *machine = (struct spr_machine){0};
}
