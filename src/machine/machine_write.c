/* SPDX-License-Identifier: Apache-2.0 */
/* Machines as JSON, inside records. */
#include <math.h>

#include "machine/family_json.h"
#include "machine/machine_json.h"
#include "machine/rates_json.h"

static void put_number(struct spr_emit *out, const char *key, const struct spr_number *number)
{
    bool plain = !number->kind && !number->source && !number->date;
    if (plain && number->low == number->high) {
        spr_emit_number(out, key, number->value);
        return;
    }
    if (plain && isnan(number->value)) {
        spr_emit_null(out, key);
        return;
    }
    spr_emit_open(out, key, '{');
    spr_emit_number(out, "value", number->value);
    spr_emit_number(out, "low", number->low);
    spr_emit_number(out, "high", number->high);
    spr_emit_text(out, "kind", number->kind);
    spr_emit_text(out, "source", number->source);
    spr_emit_text(out, "date", number->date);
    spr_emit_close(out, '}');
}

static void put_engine(struct spr_emit *out, const struct spr_engine *engine)
{
    char text[SPR_PATTERN_TEXT], as[SPR_PATTERN_TEXT];
    spr_emit_open(out, NULL, '{');
    spr_emit_text(out, "name", engine->name);
    spr_emit_open(out, "dtypes", '[');
    for (int i = 0; i < SPR_DTYPE_COUNT; i++) {
        if (engine->dtypes & (1u << i)) {
            spr_emit_text(out, NULL, spr_dtype_name((enum spr_dtype)i));
        }
    }
    spr_emit_close(out, ']');
    put_number(out, "flops_per_s", &engine->flops_per_s);
    spr_emit_open(out, "accepts", '[');
    for (size_t i = 0; i < engine->accept_count; i++) {
        const struct spr_accept *accept = &engine->accepts[i];
        const char *name = spr_accept_text(accept, text);
        if (!accept->as.kind) {
            spr_emit_text(out, NULL, name);
            continue;
        }
        spr_emit_open(out, NULL, '{');
        spr_emit_text(out, "pattern", name);
        spr_emit_text(out, "as", spr_pattern_text(&accept->as, as));
        spr_emit_close(out, '}');
    }
    spr_emit_close(out, ']');
    spr_emit_number(out, "tile_rows", (double)engine->tile_rows);
    spr_emit_close(out, '}');
}

void spr_machine_to_json(struct spr_emit *out, const char *key,
                         const struct spr_machine *machine)
{
    spr_emit_open(out, key, '{');
    spr_emit_text(out, "schema", SPR_MACHINE_SCHEMA);
    spr_emit_number(out, "schema_version", SPR_MACHINE_VERSION);
    spr_emit_text(out, "name", machine->name);
    spr_emit_text(out, "description", machine->description);
    spr_emit_text(out, "kind", machine->kind);
    spr_emit_text(out, "default_dtype", spr_dtype_name(machine->default_dtype));
    spr_emit_number(out, "cores", machine->cores ? (double)machine->cores : (double)NAN);
    spr_emit_bool(out, "host", machine->host);
    spr_emit_bool(out, "probed", machine->probed);
    spr_emit_open(out, "engines", '[');
    for (size_t i = 0; i < machine->engine_count; i++) {
        put_engine(out, &machine->engines[i]);
    }
    spr_emit_close(out, ']');
    spr_emit_open(out, "memory", '[');
    for (size_t i = 0; i < machine->memory_count; i++) {
        const struct spr_memory *memory = &machine->memory[i];
        spr_emit_open(out, NULL, '{');
        spr_emit_text(out, "level", memory->level);
        put_number(out, "bytes", &memory->bytes);
        spr_emit_bool(out, "shared", memory->shared);
        put_number(out, "bytes_per_s", &memory->bytes_per_s);
        spr_emit_close(out, '}');
    }
    spr_emit_close(out, ']');
    put_number(out, "overhead_s", &machine->overhead_s);
    if (machine->clock_hz.value > 0) {
        put_number(out, "clock_hz", &machine->clock_hz);
    }
    if (machine->kernels) {
        spr_tiles_to_json(out, "kernels", machine->kernels);
    } else if (machine->family_count > 0) {
        spr_families_to_json(out, machine);
    }
    spr_emit_close(out, '}');
}
