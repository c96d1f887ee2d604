/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel families as JSON. What is read may be hostile: every number is checked before the
 * equations divide by it. */
#include "machine/family_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/data.h"
#include "base/mem.h"
#include "machine/machine_json.h"

static void read_dtypes(struct spr_reader *r, const spr_json *object,
                        struct spr_family *family)
{
    const spr_json *item = spr_reader_list(r, object, "dtypes", true, "a list of dtypes");
    for (; item; item = spr_reader_next(r, item)) {
        enum spr_dtype dtype = SPR_F32;
        const char *text = spr_json_text(item);
        if (!text || spr_dtype_parse(text, &dtype, NULL) != SPR_OK) {
            spr_reader_wrong(r, NULL, item, "f64, f32, tf32, f16, bf16, fp8 or i8");
        }
        family->dtypes |= 1u << dtype;
    }
}

static void read_form(struct spr_reader *r, const spr_json *object, struct spr_family *family)
{
    const char *text = spr_json_get_text(object, "form");
    int form = 0;
    while (form < SPR_FORM_COUNT &&
           (!text || strcmp(text, spr_form_name((enum spr_form)form)) != 0)) {
        form++;
    }
    if (form == SPR_FORM_COUNT) {
        spr_reader_wrong(r, "form", spr_json_get(object, "form"),
                         "roofline, tiles, blocks or rows");
        return;
    }
    family->form = (enum spr_form)form;
}

static void read_constants(struct spr_reader *r, const spr_json *object,
                           struct spr_family *family)
{
    static const struct spr_range range = {1e-18, 1e18, false, "a number of 1e-18 to 1e18"};
    const spr_json *constants =
        spr_reader_object(r, object, "constants", "the constants of the form");
    if (!constants) {
        return;
    }
    spr_reader_enter(r, "constants", SIZE_MAX);
    for (int i = 0; i < SPR_CONSTANT_COUNT; i++) {
        const enum spr_constant constant = (enum spr_constant)i;
        family->constant[i] = (double)NAN;
        if (spr_form_has(family->form, constant)) {
            family->constant[i] =
                spr_reader_number(r, constants, spr_constant_name(constant), &range);
        }
    }
    spr_reader_leave(r);
}

static void read_error(struct spr_reader *r, const spr_json *object, struct spr_family *family)
{
    static const struct spr_range share = {0, 1e6, true, "a share of 0 or more, or null"};
    static const struct spr_range count = {0, 1e9, true, "a number of 0 or more, or null"};
    const spr_json *error = spr_json_get(object, "error");
    if (!spr_json_is_null(error) && !spr_json_is_object(error)) {
        spr_reader_wrong(r, "error", error, "an object or null");
        return;
    }
    family->median_error = spr_reader_number(r, error, "median", &share);
    family->p90_error = spr_reader_number(r, error, "p90", &share);
    family->products = spr_reader_number(r, error, "products", &count);
}

static const char *read_name(struct spr_reader *r, const spr_json *object)
{
    const char *name = spr_reader_text(r, object, "name", true);
    if (name && strlen(name) >= SPR_FAMILY_NAME) {
        spr_reader_wrong(r, "name", spr_json_get(object, "name"), "at most 63 bytes");
    }
    return name;
}

static void read_family(struct spr_reader *r, const spr_json *object,
                        struct spr_family *family)
{
    const spr_json *pattern = spr_json_get(object, "pattern");
    const spr_json *residency = spr_json_get(object, "residency");
    *family = (struct spr_family){.residency = SPR_RESIDENCY_WARM};
    family->name = read_name(r, object);
    if (!spr_json_text(pattern) ||
        spr_pattern_parse(spr_json_text(pattern), &family->pattern, NULL) != SPR_OK) {
        spr_reader_wrong(r, "pattern", pattern, "a pattern");
    }
    if (!spr_json_is_null(residency) &&
        (!spr_residency_find(spr_json_text(residency), &family->residency) ||
         (family->residency != SPR_RESIDENCY_WARM &&
          family->residency != SPR_RESIDENCY_COLD))) {
        spr_reader_wrong(r, "residency", residency, "warm or cold");
    }
    read_dtypes(r, object, family);
    read_form(r, object, family);
    read_constants(r, object, family);
    read_error(r, object, family);
    family->as_dense = spr_reader_bool(r, object, "as_dense", false);
    family->kind = spr_reader_text(r, object, "kind", false);
    family->source = spr_reader_text(r, object, "source", false);
    family->date = spr_reader_text(r, object, "date", false);
}

static void read_list(struct spr_reader *r, const spr_json *root, struct spr_machine *machine)
{
    const spr_json *item =
        spr_reader_list(r, root, "kernels", false, "a list of kernel families");
    struct spr_family *families =
        spr_arena_alloc(&machine->arena, SPR_FAMILIES_MAX * sizeof *families);
    if (!spr_reader_have(r, families != NULL)) {
        return;
    }
    machine->families = families;
    for (; item; item = spr_reader_next(r, item)) {
        if (machine->family_count == SPR_FAMILIES_MAX) {
            spr_reader_wrong(r, NULL, item, "at most 64 families");
        } else {
            read_family(r, item, &families[machine->family_count++]);
        }
    }
    machine->families_from = spr_reader_text(r, root, "kernels_from", false);
}

/* The engine's rate for what the family multiplies: of the first dtype that both engines know. */
static double engine_ratio(const struct spr_machine *from, const struct spr_machine *to,
                           const struct spr_family *family)
{
    for (int i = 0; i < SPR_DTYPE_COUNT; i++) {
        const enum spr_dtype dtype = (enum spr_dtype)i;
        const double of_from = spr_engines_rate(from, &family->pattern, dtype);
        const double of_to = spr_engines_rate(to, &family->pattern, dtype);
        if ((family->dtypes & (1u << i)) != 0 && of_from > 0 && of_to > 0) {
            return of_to / of_from;
        }
    }
    return 1;
}

/* What is done each clock by each unit stays: rates move by both, steps of one unit by the clock.
 * Shares of the memory's rate and seconds of a call stay as they are. */
static void transfer(const struct spr_machine *from, const struct spr_machine *to,
                     struct spr_family *family)
{
    const double clock = to->clock_hz.value / from->clock_hz.value;
    const double both = clock * (double)to->cores / (double)from->cores;
    double *constant = family->constant;
    if (!isfinite(both) || !(both > 0)) {
        return;
    }
    /* A share of the engine's rate, which one file may have measured and the other declared. */
    constant[SPR_PEAK] *= both / engine_ratio(from, to, family);
    constant[SPR_CACHE_RATE] *= both;
    constant[SPR_STEP_S] /= clock;
    constant[SPR_ROW_S] /= clock;
    constant[SPR_OUTPUT_S] /= both;
    constant[SPR_WEIGHT_S] /= both;
    constant[SPR_LONG_ROW_S] /= both;
}

/* The machine that others take families from, which has a list of its own: so that none is
 * asked that asks again. */
static bool read_from(struct spr_reader *r, const char *name, struct spr_machine *from)
{
    char path[SPR_DATA_PATH];
    spr_json *root = NULL;
    *from = (struct spr_machine){0};
    if (strchr(name, '/') || !spr_data_find("machines", name, ".json", path)) {
        spr_reader_fail(r, "kernels", "'%.80s': expected families or a shipped machine", name);
        return false;
    }
    enum spr_status status = spr_json_read(path, &root, r->err);
    if (status == SPR_OK && !spr_json_is_array(spr_json_get(root, "kernels"))) {
        spr_reader_fail(r, "kernels", "'%.80s': expected a machine with families of its own",
                        name);
    } else if (status == SPR_OK) {
        status = spr_machine_from_json(root, path, from, r->err);
    }
    r->status = r->status ? r->status : status;
    spr_json_free(root);
    return r->status == SPR_OK;
}

static void take_family(struct spr_reader *r, const struct spr_machine *from,
                        struct spr_family *family)
{
    char source[600];
    snprintf(source, sizeof source, "taken from %.60s by units and clock: %.480s", from->name,
             family->source ? family->source : "");
    family->name = spr_reader_copy(r, family->name);
    family->date = family->date ? spr_reader_copy(r, family->date) : NULL;
    family->kind = "transferred";
    family->source = spr_reader_copy(r, source);
    family->median_error = family->p90_error = family->products = (double)NAN;
}

static void take_families(struct spr_reader *r, const char *name, struct spr_machine *machine)
{
    struct spr_machine from;
    if (!read_from(r, name, &from)) {
        return;
    }
    struct spr_family *families =
        spr_arena_alloc(&machine->arena, (from.family_count + 1) * sizeof *families);
    machine->families = families;
    for (size_t i = 0; spr_reader_have(r, families != NULL) && i < from.family_count; i++) {
        families[i] = from.families[i];
        transfer(&from, machine, &families[i]);
        take_family(r, &from, &families[i]);
        machine->family_count++;
    }
    machine->families_from = spr_reader_copy(r, from.name);
    spr_machine_free(&from);
}

void spr_families_from_json(struct spr_reader *r, const spr_json *root,
                            struct spr_machine *machine)
{
    const char *name = spr_json_get_text(root, "kernels");
    if (name) {
        take_families(r, name, machine);
    } else {
        read_list(r, root, machine);
    }
}

static void put_family(struct spr_emit *out, const struct spr_family *family)
{
    char text[SPR_PATTERN_TEXT];
    spr_emit_open(out, NULL, '{');
    spr_emit_text(out, "name", family->name);
    spr_emit_text(out, "pattern", spr_pattern_text(&family->pattern, text));
    spr_emit_open(out, "dtypes", '[');
    for (int i = 0; i < SPR_DTYPE_COUNT; i++) {
        if (family->dtypes & (1u << i)) {
            spr_emit_text(out, NULL, spr_dtype_name((enum spr_dtype)i));
        }
    }
    spr_emit_close(out, ']');
    spr_emit_text(out, "residency", spr_residency_name(family->residency));
    spr_emit_text(out, "form", spr_form_name(family->form));
    if (family->as_dense) {
        spr_emit_bool(out, "as_dense", true);
    }
    spr_emit_open(out, "constants", '{');
    for (int i = 0; i < SPR_CONSTANT_COUNT; i++) {
        if (spr_form_has(family->form, (enum spr_constant)i)) {
            spr_emit_number(out, spr_constant_name((enum spr_constant)i), family->constant[i]);
        }
    }
    spr_emit_close(out, '}');
    spr_emit_open(out, "error", '{');
    spr_emit_number(out, "median", family->median_error);
    spr_emit_number(out, "p90", family->p90_error);
    spr_emit_number(out, "products", family->products);
    spr_emit_close(out, '}');
    spr_emit_text(out, "kind", family->kind);
    spr_emit_text(out, "source", family->source);
    spr_emit_text(out, "date", family->date);
    spr_emit_close(out, '}');
}

void spr_families_to_json(struct spr_emit *out, const struct spr_machine *machine)
{
    if (machine->families_from) {
        spr_emit_text(out, "kernels_from", machine->families_from);
    }
    spr_emit_open(out, "kernels", '[');
    for (size_t i = 0; i < machine->family_count; i++) {
        put_family(out, &machine->families[i]);
    }
    spr_emit_close(out, ']');
}
