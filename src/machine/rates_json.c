/* SPDX-License-Identifier: Apache-2.0 */
/* The measured rates of the kernels as JSON. What is read may be hostile: every number is
 * checked before the model divides by it. */
#include "machine/rates_json.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define TILES_MAX 65536
#define SIZE_MAX_TILE 4096

static const char *const forms[SPR_TILE_FORM_COUNT] = {"dense", "strip", "vector", "tokens"};

/* What the model can use: sizes that rise from `before` (below 0: the first) and a time. */
static bool is_point(double before, double bytes, double step_s)
{
    return bytes >= 0 && bytes > before && bytes <= 1e18 && step_s >= 0 && step_s <= 1e9;
}

/* A measurement that went wrong on a busy machine is left out, or what is kept could not be
 * read again. */
static void put_time(struct spr_emit *out, const char *key, double seconds)
{
    spr_emit_number(out, key, seconds >= 0 && seconds < 1e9 ? seconds : (double)NAN);
}

static void put_sweep(struct spr_emit *out, const char *key, const struct spr_sweep *sweep)
{
    double before = -1;
    spr_emit_open(out, key, '[');
    for (size_t i = 0; i < sweep->count && i < SPR_SWEEP_MAX; i++) {
        if (!is_point(before, sweep->bytes[i], sweep->step_s[i])) {
            continue;
        }
        before = sweep->bytes[i];
        spr_emit_open(out, NULL, '[');
        spr_emit_number(out, NULL, sweep->bytes[i]);
        spr_emit_number(out, NULL, sweep->step_s[i]);
        spr_emit_close(out, ']');
    }
    spr_emit_close(out, ']');
}

void spr_tiles_to_json(struct spr_emit *out, const char *key,
                       const struct spr_kernel_rates *rates)
{
    spr_emit_open(out, key, '{');
    put_time(out, "call_s", rates->call_s);
    put_time(out, "parallel_s", rates->parallel_s);
    spr_emit_number(out, "parallel_threads", rates->parallel_threads);
    put_time(out, "transfer_s", rates->transfer_s);
    spr_emit_open(out, "tiles", '[');
    for (size_t i = 0; i < rates->count; i++) {
        const struct spr_tile_rates *tile = &rates->tiles[i];
        spr_emit_open(out, NULL, '{');
        spr_emit_text(out, "isa", spr_isa_name(tile->isa));
        spr_emit_number(out, "threads", tile->threads);
        spr_emit_text(out, "form", forms[tile->form]);
        spr_emit_number(out, "rows", tile->rows);
        spr_emit_number(out, "vectors", tile->vectors);
        put_sweep(out, "x", &tile->x);
        put_sweep(out, "w", &tile->w);
        put_sweep(out, "w_far", &tile->w_far);
        put_sweep(out, "y", &tile->y);
        put_sweep(out, "input", &tile->input);
        put_sweep(out, "group", &tile->group);
        put_sweep(out, "unaligned", &tile->unaligned);
        put_time(out, "panel_group_s", tile->panel_group_s);
        put_time(out, "unaligned_group_s", tile->unaligned_group_s);
        put_time(out, "half_step_s", tile->half_step_s);
        spr_emit_close(out, '}');
    }
    spr_emit_close(out, ']');
    spr_emit_open(out, "functions", '[');
    for (size_t i = 0; i < rates->function_count; i++) {
        const struct spr_function_rates *f = &rates->functions[i];
        spr_emit_open(out, NULL, '{');
        spr_emit_text(out, "isa", spr_isa_name(f->isa));
        spr_emit_number(out, "threads", f->threads);
        spr_emit_text(out, "function", spr_function_name(f->function));
        put_sweep(out, "element", &f->element);
        spr_emit_close(out, '}');
    }
    spr_emit_close(out, ']');
    spr_emit_close(out, '}');
}

struct place {
    const char *file;
    char path[96];
    struct spr_error *err;
};

static enum spr_status bad(const struct place *at, const char *key, const char *expected)
{
    return spr_fail(at->err, SPR_EINPUT, "%s: %s.%s: expected %s", at->file, at->path, key,
                    expected);
}

/* A time of 0 or more; one that was not measured is null. */
static enum spr_status read_time(const struct place *at, const spr_json *object,
                                 const char *key, double *value)
{
    const spr_json *item = spr_json_get(object, key);
    *value = (double)NAN;
    if (spr_json_is_null(item)) {
        return SPR_OK;
    }
    return spr_json_number(item, value) && *value >= 0 && *value < 1e9
               ? SPR_OK
               : bad(at, key, "seconds, 0 or more");
}

static enum spr_status read_count(const struct place *at, const spr_json *object,
                                  const char *key, double least, int *value)
{
    double number;
    if (!spr_json_number(spr_json_get(object, key), &number) || number < least ||
        number > 65536 || number != floor(number)) {
        return bad(at, key, "an integer");
    }
    *value = (int)number;
    return SPR_OK;
}

static enum spr_status read_sweep(const struct place *at, const spr_json *object,
                                  const char *key, struct spr_sweep *sweep)
{
    const char *expected = "at most 12 pairs of rising sizes and seconds";
    const spr_json *list = spr_json_get(object, key);
    if (!spr_json_is_array(list)) {
        return bad(at, key, expected);
    }
    for (const spr_json *item = spr_json_first(list); item; item = spr_json_next(item)) {
        size_t i = sweep->count;
        const spr_json *bytes = spr_json_is_array(item) ? spr_json_first(item) : NULL;
        const spr_json *step = bytes ? spr_json_next(bytes) : NULL;
        if (i == SPR_SWEEP_MAX || !spr_json_number(bytes, &sweep->bytes[i]) ||
            !spr_json_number(step, &sweep->step_s[i]) || spr_json_next(step) ||
            !is_point(i ? sweep->bytes[i - 1] : -1, sweep->bytes[i], sweep->step_s[i])) {
            return bad(at, key, expected);
        }
        sweep->count++;
    }
    return SPR_OK;
}

static enum spr_status read_form(const struct place *at, const spr_json *object,
                                 enum spr_tile_form *form)
{
    const char *name = spr_json_text(spr_json_get(object, "form"));
    for (int i = 0; name && i < SPR_TILE_FORM_COUNT; i++) {
        if (strcmp(name, forms[i]) == 0) {
            *form = (enum spr_tile_form)i;
            return SPR_OK;
        }
    }
    return bad(at, "form", "dense, strip, vector or tokens");
}

static enum spr_status read_tile(const struct place *at, const spr_json *object,
                                 struct spr_tile_rates *tile)
{
    *tile = (struct spr_tile_rates){0};
    if (!spr_isa_find(spr_json_text(spr_json_get(object, "isa")), &tile->isa)) {
        return bad(at, "isa", "scalar, neon, avx2 or avx512");
    }
    enum spr_status status = read_count(at, object, "threads", 1, &tile->threads);
    status = status ? status : read_form(at, object, &tile->form);
    status = status ? status : read_count(at, object, "rows", 1, &tile->rows);
    status = status ? status : read_count(at, object, "vectors", 0, &tile->vectors);
    if (status == SPR_OK && (tile->rows > SIZE_MAX_TILE || tile->vectors > SIZE_MAX_TILE)) {
        status = bad(at, "rows", "a register tile");
    }
    status = status ? status : read_sweep(at, object, "x", &tile->x);
    status = status ? status : read_sweep(at, object, "w", &tile->w);
    status = status ? status : read_sweep(at, object, "w_far", &tile->w_far);
    status = status ? status : read_sweep(at, object, "y", &tile->y);
    /* Absent in what was written before there were any. */
    if (status == SPR_OK && spr_json_get(object, "input")) {
        status = read_sweep(at, object, "input", &tile->input);
    }
    status = status ? status : read_sweep(at, object, "group", &tile->group);
    status = status ? status : read_sweep(at, object, "unaligned", &tile->unaligned);
    status = status ? status : read_time(at, object, "panel_group_s", &tile->panel_group_s);
    status =
        status ? status : read_time(at, object, "unaligned_group_s", &tile->unaligned_group_s);
    return status ? status : read_time(at, object, "half_step_s", &tile->half_step_s);
}

static enum spr_status read_function(const struct place *at, const spr_json *object,
                                     struct spr_function_rates *function)
{
    const char *name = spr_json_text(spr_json_get(object, "function"));
    int f = 0;
    *function = (struct spr_function_rates){0};
    while (f < SPR_FUNCTION_COUNT &&
           (!name || strcmp(spr_function_name((enum spr_function)f), name) != 0)) {
        f++;
    }
    if (f == SPR_FUNCTION_COUNT) {
        return bad(at, "function", "softmax, gelu, layer_norm, operands, exchange or rewrite");
    }
    function->function = (enum spr_function)f;
    if (!spr_isa_find(spr_json_text(spr_json_get(object, "isa")), &function->isa)) {
        return bad(at, "isa", "scalar, neon, avx2 or avx512");
    }
    SPR_TRY(read_count(at, object, "threads", 1, &function->threads));
    return read_sweep(at, object, "element", &function->element);
}

/* Absent in machines that were written before there were any. */
static enum spr_status read_functions(struct place *at, const spr_json *list, const char *path,
                                      struct spr_kernel_rates *rates)
{
    size_t capacity = 0;
    enum spr_status status = SPR_OK;
    for (const spr_json *item = spr_json_first(list); item && status == SPR_OK;
         item = spr_json_next(item)) {
        snprintf(at->path, sizeof at->path, "%.60s.functions[%zu]", path,
                 rates->function_count);
        if (rates->function_count == TILES_MAX) {
            return bad(at, "functions", "at most 65536");
        }
        if (!spr_grow(&rates->functions, &capacity, rates->function_count + 1,
                      sizeof *rates->functions)) {
            return spr_no_memory(at->err);
        }
        status = read_function(at, item, &rates->functions[rates->function_count]);
        rates->function_count += status == SPR_OK;
    }
    return status;
}

enum spr_status spr_tiles_from_json(const spr_json *object, const char *file, const char *path,
                                    struct spr_kernel_rates *rates, struct spr_error *err)
{
    struct place at = {.file = file, .err = err};
    size_t capacity = 0;
    *rates = (struct spr_kernel_rates){0};
    snprintf(at.path, sizeof at.path, "%s", path);
    const spr_json *list = spr_json_get(object, "tiles");
    enum spr_status status = read_time(&at, object, "call_s", &rates->call_s);
    status = status ? status : read_time(&at, object, "parallel_s", &rates->parallel_s);
    status = status ? status
                    : read_count(&at, object, "parallel_threads", 0, &rates->parallel_threads);
    /* Absent in machines that were written before it was measured. */
    status = status ? status : read_time(&at, object, "transfer_s", &rates->transfer_s);
    if (status == SPR_OK && !spr_json_is_array(list)) {
        status = bad(&at, "tiles", "a list");
    }
    const spr_json *item = status == SPR_OK ? spr_json_first(list) : NULL;
    for (; item && status == SPR_OK; item = spr_json_next(item)) {
        snprintf(at.path, sizeof at.path, "%.60s.tiles[%zu]", path, rates->count);
        if (rates->count == TILES_MAX) {
            snprintf(at.path, sizeof at.path, "%s", path);
            return bad(&at, "tiles", "at most 65536 tiles");
        }
        if (!spr_grow(&rates->tiles, &capacity, rates->count + 1, sizeof *rates->tiles)) {
            return spr_no_memory(err);
        }
        status = read_tile(&at, item, &rates->tiles[rates->count]);
        rates->count += status == SPR_OK;
    }
    return status ? status
                  : read_functions(&at, spr_json_get(object, "functions"), path, rates);
}

void spr_tiles_free(struct spr_kernel_rates *rates)
{
    spr_free(rates->tiles);
    spr_free(rates->functions);
    *rates = (struct spr_kernel_rates){0};
}

const struct spr_kernel_rates *spr_tiles_keep(struct spr_arena *arena,
                                              const struct spr_kernel_rates *rates,
                                              unsigned isa, int threads)
{
    struct spr_kernel_rates *kept = spr_arena_alloc(arena, sizeof *kept);
    struct spr_tile_rates *tiles = spr_arena_alloc(arena, rates->count * sizeof *tiles);
    struct spr_function_rates *functions =
        spr_arena_alloc(arena, rates->function_count * sizeof *functions);
    if (!kept || !tiles || !functions) {
        return NULL;
    }
    *kept = *rates;
    kept->tiles = tiles;
    kept->count = 0;
    for (size_t i = 0; i < rates->count; i++) {
        const struct spr_tile_rates *tile = &rates->tiles[i];
        if (isa == SPR_ISA_COUNT || (tile->isa == isa && tile->threads == threads)) {
            tiles[kept->count++] = *tile;
        }
    }
    kept->functions = functions;
    kept->function_count = 0;
    for (size_t i = 0; i < rates->function_count; i++) {
        const struct spr_function_rates *f = &rates->functions[i];
        if (isa == SPR_ISA_COUNT || (f->isa == isa && f->threads == threads)) {
            functions[kept->function_count++] = *f;
        }
    }
    return kept;
}
