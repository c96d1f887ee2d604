/* SPDX-License-Identifier: Apache-2.0 */
/* Machine files: JSON into engines and memory levels. */
#include "sproof/machine.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "machine/machine_json.h"
#include "machine/rates_json.h"

const char *spr_accept_text(const struct spr_accept *accept, char *text)
{
    if (accept->form == SPR_ACCEPT_PATTERN) {
        return spr_pattern_text(&accept->pattern, text);
    }
    snprintf(text, SPR_PATTERN_TEXT, "%s",
             accept->form == SPR_ACCEPT_ANY ? "any" : spr_class_name(accept->pattern_class));
    return text;
}

/* Where in the file we are, for messages. */
struct place {
    struct spr_machine *machine;
    const char *file;
    char path[160]; /* "engines[1].flops_per_s" */
    struct spr_error *err;
};

static enum spr_status bad(const struct place *at, const char *key, const spr_json *item,
                           const char *expected)
{
    char value[80] = "missing";
    double number;
    bool flag;
    if (spr_json_text(item)) {
        snprintf(value, sizeof value, "'%.60s'", spr_json_text(item));
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
    return spr_fail(at->err, SPR_EINPUT, "%s: %s%s%s: %s: expected %s", at->file, at->path,
                    at->path[0] && key[0] && key[0] != '[' ? "." : "", key, value, expected);
}

static enum spr_status copy_text(struct place *at, const spr_json *item, const char **text)
{
    const char *source = spr_json_text(item);
    *text = NULL;
    if (source) {
        char *copy = spr_arena_text(&at->machine->arena, source, strlen(source));
        if (!copy) {
            return spr_no_memory(at->err);
        }
        /* Texts are printed: a terminal must not act on them. */
        for (char *c = copy; *c; c++) {
            *c = (char)((unsigned char)*c < 0x20 || *c == 0x7F ? ' ' : *c);
        }
        *text = copy;
    }
    return SPR_OK;
}

static enum spr_status need_text(struct place *at, const spr_json *object, const char *key,
                                 const char **text)
{
    const spr_json *item = spr_json_get(object, key);
    if (!spr_json_text(item) || !*spr_json_text(item)) {
        return bad(at, key, item, "a text");
    }
    return copy_text(at, item, text);
}

static enum spr_status positive(struct place *at, const char *key, const spr_json *item,
                                double *value)
{
    /* A rate of 0 would make times infinite; an overhead of 0 is a fine figure. */
    bool zero_allowed = strcmp(key, "overhead_s") == 0;
    if (!spr_json_number(item, value) || *value > 1e30 || *value < 0 ||
        (*value == 0 && !zero_allowed)) {
        return bad(at, key, item,
                   zero_allowed ? "a number of 0 or more, or null"
                                : "a number above 0 or null");
    }
    return SPR_OK;
}

static enum spr_status read_interval(struct place *at, const char *key, const spr_json *item,
                                     struct spr_number *number)
{
    const spr_json *value = spr_json_get(item, "value");
    const spr_json *low = spr_json_get(item, "low");
    const spr_json *high = spr_json_get(item, "high");
    enum spr_status status = SPR_OK;
    if (!value) {
        return bad(at, key, item, "a key 'value' (null when unknown)");
    }
    if (!spr_json_is_null(value)) {
        status = positive(at, key, value, &number->value);
        number->low = number->high = number->value;
        if (status == SPR_OK && !spr_json_is_null(low)) {
            status = positive(at, key, low, &number->low);
        }
        if (status == SPR_OK && !spr_json_is_null(high)) {
            status = positive(at, key, high, &number->high);
        }
        if (status == SPR_OK &&
            (number->low > number->value || number->high < number->value)) {
            status = bad(at, key, item, "low <= value <= high");
        }
    }
    status = status ? status : copy_text(at, spr_json_get(item, "kind"), &number->kind);
    status = status ? status : copy_text(at, spr_json_get(item, "source"), &number->source);
    return status ? status : copy_text(at, spr_json_get(item, "date"), &number->date);
}

/* A plain number, an object with provenance, or null (unknown). */
static enum spr_status read_number(struct place *at, const spr_json *object, const char *key,
                                   struct spr_number *number)
{
    const spr_json *item = spr_json_get(object, key);
    *number =
        (struct spr_number){.value = (double)NAN, .low = (double)NAN, .high = (double)NAN};
    if (spr_json_is_null(item)) {
        return SPR_OK;
    }
    if (spr_json_is_object(item)) {
        return read_interval(at, key, item, number);
    }
    enum spr_status status = positive(at, key, item, &number->value);
    number->low = number->high = number->value;
    return status;
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

static enum spr_status parse_accept(struct place *at, const spr_json *item,
                                    struct spr_accept *accept)
{
    const char *text = spr_json_text(item);
    if (!text) {
        return bad(at, "pattern", item, "any, a class or a pattern");
    }
    if (strcmp(text, "any") == 0) {
        accept->form = SPR_ACCEPT_ANY;
        return SPR_OK;
    }
    if (parse_class(text, accept)) {
        return SPR_OK;
    }
    accept->form = SPR_ACCEPT_PATTERN;
    if (spr_pattern_parse(text, &accept->pattern, NULL) != SPR_OK) {
        return bad(at, "", item, "any, a class (dense, csr, block, nm, comp) or a pattern");
    }
    return SPR_OK;
}

static enum spr_status parse_as(struct place *at, const spr_json *item,
                                struct spr_accept *accept)
{
    const char *text = spr_json_text(item);
    const char *expected = "dense or an N:M pattern";
    if (!text || spr_pattern_parse(text, &accept->as, NULL) != SPR_OK) {
        return bad(at, "as", item, expected);
    }
    enum spr_class as_class = accept->as.kind->pattern_class;
    return as_class == SPR_CLASS_DENSE || as_class == SPR_CLASS_NM
               ? SPR_OK
               : bad(at, "as", item, expected);
}

static enum spr_status read_accepts(struct place *at, const spr_json *object,
                                    struct spr_engine *engine)
{
    const spr_json *list = spr_json_get(object, "accepts");
    if (!spr_json_is_array(list) || !spr_json_first(list)) {
        return bad(at, "accepts", list, "a list of patterns");
    }
    size_t base = strlen(at->path);
    for (const spr_json *item = spr_json_first(list); item; item = spr_json_next(item)) {
        struct spr_accept *accept = &engine->accepts[engine->accept_count];
        if (engine->accept_count == SPR_ACCEPTS_MAX) {
            return bad(at, "accepts", list, "at most 24 entries");
        }
        snprintf(at->path + base, sizeof at->path - base, ".accepts[%zu]",
                 engine->accept_count);
        bool object_form = spr_json_is_object(item);
        enum spr_status status =
            parse_accept(at, object_form ? spr_json_get(item, "pattern") : item, accept);
        const spr_json *as = object_form ? spr_json_get(item, "as") : NULL;
        if (status == SPR_OK && !spr_json_is_null(as)) {
            status = parse_as(at, as, accept);
        }
        if (status != SPR_OK) {
            return status;
        }
        engine->accept_count++;
    }
    at->path[base] = '\0';
    return SPR_OK;
}

static enum spr_status read_dtypes(struct place *at, const spr_json *object,
                                   struct spr_engine *engine)
{
    const spr_json *list = spr_json_get(object, "dtypes");
    if (!spr_json_is_array(list) || !spr_json_first(list)) {
        return bad(at, "dtypes", list, "a list of dtypes");
    }
    for (const spr_json *item = spr_json_first(list); item; item = spr_json_next(item)) {
        enum spr_dtype dtype = SPR_F32;
        const char *text = spr_json_text(item);
        if (!text || spr_dtype_parse(text, &dtype, NULL) != SPR_OK) {
            return bad(at, "dtypes", item, "f64, f32, tf32, f16, bf16, fp8 or i8");
        }
        engine->dtypes |= 1u << dtype;
    }
    return SPR_OK;
}

static enum spr_status read_engine(struct place *at, const spr_json *item,
                                   struct spr_engine *engine)
{
    const spr_json *tile = spr_json_get(item, "tile_rows");
    double tile_rows = 1;
    enum spr_status status = need_text(at, item, "name", &engine->name);
    status = status ? status : read_dtypes(at, item, engine);
    status = status ? status : read_number(at, item, "flops_per_s", &engine->flops_per_s);
    status = status ? status : read_accepts(at, item, engine);
    if (status == SPR_OK && !spr_json_is_null(tile) &&
        (!spr_json_number(tile, &tile_rows) || tile_rows < 1 || tile_rows > 1048576 ||
         tile_rows != floor(tile_rows))) {
        status = bad(at, "tile_rows", tile, "an integer 1..2^20");
    }
    if (status == SPR_OK) {
        engine->tile_rows = (int64_t)tile_rows;
    }
    return status;
}

static enum spr_status read_memory(struct place *at, const spr_json *item,
                                   struct spr_memory *memory)
{
    const spr_json *shared = spr_json_get(item, "shared");
    enum spr_status status = need_text(at, item, "level", &memory->level);
    status = status ? status : read_number(at, item, "bytes", &memory->bytes);
    status = status ? status : read_number(at, item, "bytes_per_s", &memory->bytes_per_s);
    if (status == SPR_OK && !spr_json_is_null(shared) &&
        !spr_json_bool(shared, &memory->shared)) {
        status = bad(at, "shared", shared, "true or false");
    }
    return status;
}

static enum spr_status read_engines(struct place *at, const spr_json *root)
{
    struct spr_machine *machine = at->machine;
    const spr_json *list = spr_json_get(root, "engines");
    if (!spr_json_is_array(list) || !spr_json_first(list)) {
        return bad(at, "engines", list, "a list of engines");
    }
    for (const spr_json *item = spr_json_first(list); item; item = spr_json_next(item)) {
        if (machine->engine_count == SPR_ENGINES_MAX) {
            return bad(at, "engines", list, "at most 16 engines");
        }
        snprintf(at->path, sizeof at->path, "engines[%zu]", machine->engine_count);
        struct spr_engine *engine = &machine->engines[machine->engine_count];
        enum spr_status status = read_engine(at, item, engine);
        for (size_t i = 0; status == SPR_OK && i < machine->engine_count; i++) {
            if (strcmp(machine->engines[i].name, engine->name) == 0) {
                status = bad(at, "name", spr_json_get(item, "name"), "a name used once");
            }
        }
        if (status != SPR_OK) {
            return status;
        }
        machine->engine_count++;
    }
    at->path[0] = '\0';
    return SPR_OK;
}

static enum spr_status read_memories(struct place *at, const spr_json *root)
{
    struct spr_machine *machine = at->machine;
    const spr_json *list = spr_json_get(root, "memory");
    if (!spr_json_is_array(list) || !spr_json_first(list)) {
        return bad(at, "memory", list, "a list of memory levels, nearest first");
    }
    for (const spr_json *item = spr_json_first(list); item; item = spr_json_next(item)) {
        if (machine->memory_count == SPR_MEMORIES_MAX) {
            return bad(at, "memory", list, "at most 8 levels");
        }
        snprintf(at->path, sizeof at->path, "memory[%zu]", machine->memory_count);
        struct spr_memory *memory = &machine->memory[machine->memory_count];
        enum spr_status status = read_memory(at, item, memory);
        for (size_t i = 0; status == SPR_OK && i < machine->memory_count; i++) {
            if (strcmp(machine->memory[i].level, memory->level) == 0) {
                status = bad(at, "level", spr_json_get(item, "level"), "a level named once");
            }
        }
        if (status != SPR_OK) {
            return status;
        }
        machine->memory_count++;
    }
    const struct spr_memory *last = &machine->memory[machine->memory_count - 1];
    if (isnan(last->bytes_per_s.value)) {
        return bad(at, "bytes_per_s", NULL,
                   "a number above 0: the last memory level bounds every layer");
    }
    at->path[0] = '\0';
    return SPR_OK;
}

static enum spr_status read_head(struct place *at, const spr_json *root)
{
    const spr_json *schema = spr_json_get(root, "schema");
    const spr_json *version = spr_json_get(root, "schema_version");
    double number = 0;
    if (!spr_json_text(schema) || strcmp(spr_json_text(schema), SPR_MACHINE_SCHEMA) != 0) {
        return bad(at, "schema", schema, "\"" SPR_MACHINE_SCHEMA "\"");
    }
    if (!spr_json_number(version, &number) || number < 1 || number != floor(number)) {
        return bad(at, "schema_version", version, "1");
    }
    if (number > SPR_MACHINE_VERSION) {
        return bad(at, "schema_version", version, "at most 1: made by a newer sproof");
    }
    return SPR_OK;
}

static enum spr_status read_rest(struct place *at, const spr_json *root)
{
    struct spr_machine *machine = at->machine;
    const spr_json *dtype = spr_json_get(root, "default_dtype");
    const spr_json *probed = spr_json_get(root, "probed");
    double cores = 0;
    machine->default_dtype = SPR_F32;
    if (!spr_json_is_null(dtype) &&
        (!spr_json_text(dtype) ||
         spr_dtype_parse(spr_json_text(dtype), &machine->default_dtype, NULL) != SPR_OK)) {
        return bad(at, "default_dtype", dtype, "f64, f32, tf32, f16, bf16, fp8 or i8");
    }
    const spr_json *count = spr_json_get(root, "cores");
    if (!spr_json_is_null(count)) {
        if (!spr_json_number(count, &cores) || cores < 1 || cores > 1e6 ||
            cores != floor(cores)) {
            return bad(at, "cores", count, "an integer 1..10^6");
        }
        machine->cores = (int64_t)cores;
    }
    (void)spr_json_bool(probed, &machine->probed);
    (void)spr_json_bool(spr_json_get(root, "host"), &machine->host);
    SPR_TRY(copy_text(at, spr_json_get(root, "description"), &machine->description));
    SPR_TRY(copy_text(at, spr_json_get(root, "kind"), &machine->kind));
    return read_number(at, root, "overhead_s", &machine->overhead_s);
}

/* What the probe found of the kernels; null where nothing was probed. */
static enum spr_status read_kernels(struct place *at, const spr_json *root)
{
    struct spr_kernel_rates rates;
    const spr_json *kernels = spr_json_get(root, "kernels");
    if (spr_json_is_null(kernels)) {
        return SPR_OK;
    }
    enum spr_status status =
        spr_tiles_from_json(kernels, at->file, "kernels", &rates, at->err);
    if (status == SPR_OK) {
        at->machine->kernels = spr_tiles_keep(&at->machine->arena, &rates, SPR_ISA_COUNT, 0);
        status = at->machine->kernels ? status : spr_no_memory(at->err);
    }
    spr_tiles_free(&rates);
    return status;
}

enum spr_status spr_machine_from_json(const spr_json *root, const char *file,
                                      struct spr_machine *machine, struct spr_error *err)
{
    *machine = (struct spr_machine){0};
    struct place at = {.machine = machine, .file = file, .err = err};
    enum spr_status status = read_head(&at, root);
    status = status ? status : need_text(&at, root, "name", &machine->name);
    status = status ? status : read_rest(&at, root);
    status = status ? status : read_engines(&at, root);
    status = status ? status : read_memories(&at, root);
    status = status ? status : read_kernels(&at, root);
    if (status == SPR_OK) {
        machine->path = spr_arena_text(&machine->arena, file, strlen(file));
        status = machine->path ? SPR_OK : spr_no_memory(err);
    }
    if (status != SPR_OK) {
        spr_machine_free(machine);
    }
    return status;
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
