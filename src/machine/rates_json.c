/* SPDX-License-Identifier: Apache-2.0 */
/* The measured rates of the kernels as JSON. What is read may be hostile: every number is
 * checked before the model divides by it. */
#include "machine/rates_json.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define TILES_MAX 65536
#define SIZE_MAX_TILE 4096

/* How files name a tile: a form, and two numbers that mean something else in each. Dense tiles
 * of one token have no `vectors`; those of the layout nk have a chunk of twice the lanes. */
enum named_form { DENSE, STRIP, VECTOR, TOKENS };
struct named_tile {
    enum named_form form;
    int rows, vectors;
};
#define FORMS 4
static const char *const forms[FORMS] = {"dense", "strip", "vector", "tokens"};
/* `vectors` of the shuffle form, whose slots are in `rows`, and of the comp form, whose vectors of
 * inputs are; factor of the chunk in layout nk. */
#define NAMED_SHUFFLE 31
#define NAMED_COMP 30
#define NAMED_CHUNK 32

static struct named_tile name_tile(const struct spr_tile_shape *tile, int lanes)
{
    switch (tile->form) {
    case SPR_TILE_MATRIX:
        return (struct named_tile){tile->dense ? DENSE : STRIP, tile->rows, tile->vectors};
    case SPR_TILE_SHUFFLE:
        return (struct named_tile){VECTOR, tile->slots, NAMED_SHUFFLE};
    case SPR_TILE_COMP:
        return (struct named_tile){VECTOR, tile->vectors, NAMED_COMP};
    case SPR_TILE_TOKENS:
        return (struct named_tile){TOKENS, tile->vectors,
                                   (tile->dense ? 2 * lanes : tile->chunk) * NAMED_CHUNK +
                                       tile->tokens};
    case SPR_TILE_VECTOR:
        break;
    }
    return tile->dense ? (struct named_tile){DENSE, tile->vectors, 0}
                       : (struct named_tile){VECTOR, tile->vectors, tile->chunk};
}

static struct spr_tile_shape tile_named(const struct named_tile *named, int lanes)
{
    const bool dense = named->form == DENSE;
    const int chunk = named->vectors / NAMED_CHUNK;
    if (named->form == TOKENS) {
        return (struct spr_tile_shape){.form = SPR_TILE_TOKENS,
                                       .dense = chunk == 2 * lanes,
                                       .vectors = named->rows,
                                       .chunk = chunk == 2 * lanes ? 1 : chunk,
                                       .tokens = named->vectors % NAMED_CHUNK};
    }
    if (named->form == VECTOR && named->vectors == NAMED_SHUFFLE) {
        return (struct spr_tile_shape){.form = SPR_TILE_SHUFFLE, .slots = named->rows};
    }
    if (named->form == VECTOR && named->vectors == NAMED_COMP) {
        return (struct spr_tile_shape){.form = SPR_TILE_COMP, .vectors = named->rows};
    }
    if (named->form == VECTOR || (dense && named->vectors == 0)) {
        return (struct spr_tile_shape){.form = SPR_TILE_VECTOR,
                                       .dense = dense,
                                       .vectors = named->rows,
                                       .chunk = dense ? 1 : named->vectors};
    }
    return (struct spr_tile_shape){.form = SPR_TILE_MATRIX,
                                   .dense = dense,
                                   .rows = named->rows,
                                   .vectors = named->vectors};
}

/* What the model can use: sizes that rise from `before` (below 0: the first) and a time. */
static bool is_point(double before, double bytes, double step_s)
{
    return bytes >= 0 && bytes > before && bytes <= 1e18 && step_s >= 0 && step_s <= 1e9;
}

/* A measurement that went wrong on a busy machine is left out, or what is kept could not be
 * read again. */
void spr_rate_to_json(struct spr_emit *out, const char *key, double seconds)
{
    spr_emit_number(out, key, seconds >= 0 && seconds < 1e9 ? seconds : (double)NAN);
}

void spr_sweep_to_json(struct spr_emit *out, const char *key, const struct spr_sweep *sweep)
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
    spr_rate_to_json(out, "call_s", rates->call_s);
    spr_rate_to_json(out, "parallel_s", rates->parallel_s);
    spr_emit_number(out, "parallel_threads", rates->parallel_threads);
    spr_rate_to_json(out, "transfer_s", rates->transfer_s);
    spr_emit_open(out, "tiles", '[');
    for (size_t i = 0; i < rates->count; i++) {
        const struct spr_tile_rates *tile = &rates->tiles[i];
        const struct named_tile named = name_tile(&tile->tile, spr_isa_lanes(tile->isa));
        spr_emit_open(out, NULL, '{');
        spr_emit_text(out, "isa", spr_isa_name(tile->isa));
        spr_emit_number(out, "threads", tile->threads);
        spr_emit_text(out, "form", forms[named.form]);
        spr_emit_number(out, "rows", named.rows);
        spr_emit_number(out, "vectors", named.vectors);
        spr_sweep_to_json(out, "x", &tile->x);
        spr_sweep_to_json(out, "w", &tile->w);
        spr_sweep_to_json(out, "w_far", &tile->w_far);
        spr_sweep_to_json(out, "y", &tile->y);
        spr_sweep_to_json(out, "input", &tile->input);
        spr_sweep_to_json(out, "group", &tile->group);
        spr_sweep_to_json(out, "unaligned", &tile->unaligned);
        spr_rate_to_json(out, "panel_group_s", tile->panel_group_s);
        spr_rate_to_json(out, "unaligned_group_s", tile->unaligned_group_s);
        spr_rate_to_json(out, "half_step_s", tile->half_step_s);
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
        spr_sweep_to_json(out, "element", &f->element);
        spr_emit_close(out, '}');
    }
    spr_emit_close(out, ']');
    spr_winners_to_json(out, rates);
    spr_emit_close(out, '}');
}

enum spr_isa spr_isa_from_json(struct spr_reader *r, const spr_json *object)
{
    enum spr_isa isa = SPR_ISA_SCALAR;
    if (!spr_isa_find(spr_json_get_text(object, "isa"), &isa)) {
        spr_reader_fail(r, "isa", "expected scalar, neon, avx2 or avx512");
    }
    return isa;
}

double spr_rate_from_json(struct spr_reader *r, const spr_json *object, const char *key)
{
    /* Below 10^9. */
    static const struct spr_range range = {0, 0x1.dcd64ffffffffp+29, true,
                                           "seconds, 0 or more"};
    return spr_reader_number(r, object, key, &range);
}

static int read_count(struct spr_reader *r, const spr_json *object, const char *key, int least)
{
    const struct spr_range range = {least, 65536, false, "an integer"};
    return (int)spr_reader_whole(r, object, key, &range);
}

void spr_sweep_from_json(struct spr_reader *r, const spr_json *object, const char *key,
                         struct spr_sweep *sweep)
{
    const spr_json *list = spr_json_get(object, key);
    bool good = spr_json_is_array(list);
    for (const spr_json *item = spr_json_first(list); item && good;
         item = spr_json_next(item)) {
        size_t i = sweep->count;
        const spr_json *bytes = spr_json_is_array(item) ? spr_json_first(item) : NULL;
        const spr_json *step = bytes ? spr_json_next(bytes) : NULL;
        good = i < SPR_SWEEP_MAX && spr_json_number(bytes, &sweep->bytes[i]) &&
               spr_json_number(step, &sweep->step_s[i]) && !spr_json_next(step) &&
               is_point(i ? sweep->bytes[i - 1] : -1, sweep->bytes[i], sweep->step_s[i]);
        sweep->count += good;
    }
    if (!good) {
        spr_reader_fail(r, key, "expected at most 12 pairs of rising sizes and seconds");
    }
}

static struct spr_tile_shape read_shape(struct spr_reader *r, const spr_json *object,
                                        int lanes)
{
    const char *form = spr_json_get_text(object, "form");
    struct named_tile named = {DENSE, 0, 0};
    int i = 0;
    while (i < FORMS && (!form || strcmp(form, forms[i]) != 0)) {
        i++;
    }
    if (i == FORMS) {
        spr_reader_fail(r, "form", "expected dense, strip, vector or tokens");
    } else {
        named.form = (enum named_form)i;
    }
    named.rows = read_count(r, object, "rows", 1);
    named.vectors = read_count(r, object, "vectors", 0);
    if (named.rows > SIZE_MAX_TILE || named.vectors > SIZE_MAX_TILE) {
        spr_reader_fail(r, "rows", "expected a register tile");
    }
    return tile_named(&named, lanes);
}

static void read_tile(struct spr_reader *r, const spr_json *object,
                      struct spr_tile_rates *tile)
{
    *tile = (struct spr_tile_rates){.isa = spr_isa_from_json(r, object)};
    tile->threads = read_count(r, object, "threads", 1);
    tile->tile = read_shape(r, object, spr_isa_lanes(tile->isa));
    spr_sweep_from_json(r, object, "x", &tile->x);
    spr_sweep_from_json(r, object, "w", &tile->w);
    spr_sweep_from_json(r, object, "w_far", &tile->w_far);
    spr_sweep_from_json(r, object, "y", &tile->y);
    /* Absent in what was written before there were any. */
    if (spr_json_get(object, "input")) {
        spr_sweep_from_json(r, object, "input", &tile->input);
    }
    spr_sweep_from_json(r, object, "group", &tile->group);
    spr_sweep_from_json(r, object, "unaligned", &tile->unaligned);
    tile->panel_group_s = spr_rate_from_json(r, object, "panel_group_s");
    tile->unaligned_group_s = spr_rate_from_json(r, object, "unaligned_group_s");
    tile->half_step_s = spr_rate_from_json(r, object, "half_step_s");
}

static void read_function(struct spr_reader *r, const spr_json *object,
                          struct spr_function_rates *function)
{
    const char *name = spr_json_get_text(object, "function");
    int f = 0;
    while (f < SPR_FUNCTION_COUNT &&
           (!name || strcmp(spr_function_name((enum spr_function)f), name) != 0)) {
        f++;
    }
    if (f == SPR_FUNCTION_COUNT) {
        spr_reader_fail(r, "function",
                        "expected softmax, gelu, layer_norm, operands, exchange or rewrite");
    }
    *function = (struct spr_function_rates){.function = (enum spr_function)f};
    function->isa = spr_isa_from_json(r, object);
    function->threads = read_count(r, object, "threads", 1);
    spr_sweep_from_json(r, object, "element", &function->element);
}

static void read_tiles(struct spr_reader *r, const spr_json *object,
                       struct spr_kernel_rates *rates)
{
    size_t capacity = 0;
    const spr_json *item = spr_reader_list(r, object, "tiles", false, "a list");
    for (; item; item = spr_reader_next(r, item)) {
        if (rates->count == TILES_MAX) {
            spr_reader_leave(r);
            spr_reader_fail(r, "tiles", "expected at most 65536 tiles");
        } else if (spr_reader_have(r, spr_grow(&rates->tiles, &capacity, rates->count + 1,
                                               sizeof *rates->tiles))) {
            read_tile(r, item, &rates->tiles[rates->count++]);
        }
    }
}

/* Absent in machines that were written before there were any. */
static void read_functions(struct spr_reader *r, const spr_json *object,
                           struct spr_kernel_rates *rates)
{
    size_t capacity = 0;
    const spr_json *item = spr_reader_list(r, object, "functions", false, NULL);
    for (; item; item = spr_reader_next(r, item)) {
        if (rates->function_count == TILES_MAX) {
            spr_reader_fail(r, "functions", "expected at most 65536");
        } else if (spr_reader_have(r, spr_grow(&rates->functions, &capacity,
                                               rates->function_count + 1,
                                               sizeof *rates->functions))) {
            read_function(r, item, &rates->functions[rates->function_count++]);
        }
    }
}

enum spr_status spr_tiles_from_json(const spr_json *kernels, const char *file,
                                    struct spr_kernel_rates *rates, struct spr_error *err)
{
    struct spr_reader r = {.file = file, .err = err};
    *rates = (struct spr_kernel_rates){0};
    spr_reader_enter(&r, "kernels", SIZE_MAX);
    rates->call_s = spr_rate_from_json(&r, kernels, "call_s");
    rates->parallel_s = spr_rate_from_json(&r, kernels, "parallel_s");
    rates->parallel_threads = read_count(&r, kernels, "parallel_threads", 0);
    /* Absent in machines that were written before it was measured. */
    rates->transfer_s = spr_rate_from_json(&r, kernels, "transfer_s");
    read_tiles(&r, kernels, rates);
    read_functions(&r, kernels, rates);
    spr_winners_from_json(&r, kernels, rates);
    return r.status;
}

void spr_tiles_free(struct spr_kernel_rates *rates)
{
    spr_free(rates->tiles);
    spr_free(rates->functions);
    spr_free(rates->winners);
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
    struct spr_winner_rates *winners =
        spr_arena_alloc(arena, rates->winner_count * sizeof *winners);
    if (!kept || !tiles || !functions || !winners) {
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
    kept->winners = winners;
    kept->winner_count = 0;
    for (size_t i = 0; i < rates->winner_count; i++) {
        if (isa == SPR_ISA_COUNT || rates->winners[i].isa == isa) {
            winners[kept->winner_count++] = rates->winners[i];
        }
    }
    return kept;
}
