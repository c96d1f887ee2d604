/* SPDX-License-Identifier: Apache-2.0 */
/* Which tiles are timed, and the rates of widths between them. */
#include "probe/calibrate_list.h"

#include <math.h>

#include "base/mem.h"
#include "base/numbers.h"
#include "kernel/isa_code.h"

/* When a width has its turn. The ends come first: all others lie between them. A quick
 * calibration takes two turns. */
#define TURNS 4
#define QUICK_TURNS 2
static int turn_of(int width, int widest)
{
    return width == 1 || width == widest ? 0
           : (width & (width - 1)) == 0  ? 1
           : width % 2 == 0              ? 2
                                         : 3;
}

/* The widths whose turn it is, of all heights, both forms of each; returns how many. */
static size_t add_widths(const struct spr_tiles *tiles, int turn, struct spr_tile_shape *out)
{
    size_t count = 0;
    for (size_t h = 0; h < tiles->height_count; h++) {
        const struct spr_tile_height *height = &tiles->heights[h];
        for (int width = 1; width <= height->widest; width++) {
            struct spr_tile_shape tile = {
                .form = SPR_TILE_MATRIX, .rows = height->rows, .vectors = width};
            if (turn_of(width, height->widest) == turn) {
                out[count++] = tile;
                tile.dense = true;
                out[count++] = tile;
            }
        }
    }
    return count;
}

size_t spr_list_tiles(const struct spr_calibration *c,
                      struct spr_tile_shape out[SPR_CALIBRATED_TILES_MAX], size_t *needed)
{
    const struct spr_tiles *tiles = spr_isa_code_of(c->isa)->tiles;
    size_t count = add_widths(tiles, 0, out);
    for (int vectors = 1; vectors <= 4; vectors *= 2) {
        struct spr_tile_shape tile = {
            .form = SPR_TILE_VECTOR, .dense = true, .vectors = vectors, .chunk = 1};
        out[count++] = tile;
        tile.dense = false;
        for (; tile.chunk <= tiles->lanes; tile.chunk *= 2) {
            out[count++] = tile;
        }
    }
    out[count++] = (struct spr_tile_shape){.form = SPR_TILE_VECTOR, .vectors = 1};
    for (int slots = 1; tiles->shuffles && slots <= SPR_SHUFFLE_SLOTS; slots++) {
        out[count++] = (struct spr_tile_shape){.form = SPR_TILE_SHUFFLE, .slots = slots};
    }
    for (int inputs = 1; tiles->fetches && inputs <= 2; inputs++) {
        out[count++] = (struct spr_tile_shape){.form = SPR_TILE_COMP, .vectors = inputs};
    }
    *needed = count;
    for (int turn = 1; turn < (c->quick ? QUICK_TURNS : TURNS); turn++) {
        count += add_widths(tiles, turn, out + count);
    }
    return count;
}

/* Tiles of every length for steps like this one, the longest first; how many. */
static size_t add_lengths(struct spr_tile_shape tile, int lanes, struct spr_tile_shape *out)
{
    size_t count = 0;
    for (int i = 0; i < SPR_TOKEN_LENGTHS; i++) {
        tile.tokens = spr_token_length(lanes, tile.vectors, i);
        if (i == 0 || tile.tokens != out[count - 1].tokens) {
            out[count++] = tile;
        }
    }
    return count;
}

size_t spr_list_token_tiles(int lanes, struct spr_tile_shape out[SPR_TOKEN_TILES_MAX])
{
    size_t count = 0;
    for (int vectors = 1; vectors <= 2; vectors++) {
        struct spr_tile_shape tile = {
            .form = SPR_TILE_TOKENS, .dense = true, .vectors = vectors, .chunk = 1};
        count += add_lengths(tile, lanes, out + count);
        tile.dense = false;
        tile.chunk = 0;
        count += vectors == 1 ? add_lengths(tile, lanes, out + count) : 0;
        for (tile.chunk = 1; tile.chunk <= lanes; tile.chunk *= 2) {
            count += add_lengths(tile, lanes, out + count);
        }
    }
    return count;
}

static void between(const struct spr_sweep *low, const struct spr_sweep *high, double share,
                    struct spr_sweep *out)
{
    *out = *low;
    for (size_t i = 0; i < out->count && low->count == high->count; i++) {
        out->bytes[i] += share * (high->bytes[i] - low->bytes[i]);
        out->step_s[i] += share * (high->step_s[i] - low->step_s[i]);
    }
}

/* Another width of the same tile. */
static bool alike(const struct spr_tile_shape *a, const struct spr_tile_shape *b)
{
    return a->form == SPR_TILE_MATRIX && b->form == SPR_TILE_MATRIX && a->dense == b->dense &&
           a->rows == b->rows;
}

/* The next wider tile that was measured, among [begin, end); NULL: there is none, or no width
 * was left out before it. */
static const struct spr_tile_rates *wider(const struct spr_kernel_rates *rates, size_t begin,
                                          size_t end, const struct spr_tile_shape *tile)
{
    const struct spr_tile_rates *next = NULL;
    for (size_t i = begin; i < end; i++) {
        const struct spr_tile_shape *other = &rates->tiles[i].tile;
        if (alike(other, tile) && other->vectors > tile->vectors &&
            (!next || other->vectors < next->tile.vectors)) {
            next = &rates->tiles[i];
        }
    }
    return next && next->tile.vectors > tile->vectors + 1 ? next : NULL;
}

/* Rates on the line between two widths, sweeps point by point. */
static struct spr_tile_rates interpolate(const struct spr_tile_rates *low,
                                         const struct spr_tile_rates *high, int width)
{
    const double share =
        (double)(width - low->tile.vectors) / (high->tile.vectors - low->tile.vectors);
    struct spr_tile_rates out = *low;
    out.tile.vectors = width;
    out.interpolated = true;
    between(&low->x, &high->x, share, &out.x);
    between(&low->w, &high->w, share, &out.w);
    between(&low->w_far, &high->w_far, share, &out.w_far);
    between(&low->y, &high->y, share, &out.y);
    between(&low->group, &high->group, share, &out.group);
    between(&low->unaligned, &high->unaligned, share, &out.unaligned);
    out.panel_group_s += share * (high->panel_group_s - low->panel_group_s);
    out.half_step_s += share * (high->half_step_s - low->half_step_s);
    out.unaligned_group_s += share * (high->unaligned_group_s - low->unaligned_group_s);
    return out;
}

bool spr_fill_widths(struct spr_kernel_rates *rates, size_t begin, size_t *capacity)
{
    const size_t end = rates->count;
    for (size_t i = begin; i < end; i++) {
        const struct spr_tile_rates low = rates->tiles[i];
        const struct spr_tile_rates *next = wider(rates, begin, end, &low.tile);
        const struct spr_tile_rates high = next ? *next : low;
        for (int width = low.tile.vectors + 1; width < high.tile.vectors; width++) {
            if (!spr_grow(&rates->tiles, capacity, rates->count + 1, sizeof *rates->tiles)) {
                return false;
            }
            rates->tiles[rates->count++] = interpolate(&low, &high, width);
        }
    }
    return true;
}

/* The nearest timed width of the same tile that is wider (side 1) or narrower (-1); NULL: none. */
static const struct spr_tile_rates *beside(const struct spr_kernel_rates *rates,
                                           const struct spr_tile_rates *of, int side)
{
    const struct spr_tile_rates *best = NULL;
    for (size_t i = 0; i < rates->count; i++) {
        const struct spr_tile_rates *t = &rates->tiles[i];
        const int apart = side * (t->tile.vectors - of->tile.vectors);
        if (!t->interpolated && t->isa == of->isa && t->threads == of->threads &&
            alike(&t->tile, &of->tile) && apart > 0 &&
            (!best || apart < side * (best->tile.vectors - of->tile.vectors))) {
            best = t;
        }
    }
    return best;
}

/* Appends how far each time of `guess` is off what was timed. */
static size_t add_errors(const struct spr_sweep *timed, const struct spr_sweep *guess,
                         double *errors)
{
    size_t count = 0;
    for (size_t i = 0; i < timed->count && timed->count == guess->count; i++) {
        const double error = fabs(guess->step_s[i] / timed->step_s[i] - 1);
        if (isfinite(error)) {
            errors[count++] = error;
        }
    }
    return count;
}

/* Room for the errors of one width: of four sweeps. */
#define ERRORS_EACH ((size_t)4 * SPR_SWEEP_MAX)

bool spr_check_widths(const struct spr_kernel_rates *rates, struct spr_probe_quality *quality)
{
    double *errors = spr_calloc(rates->count * ERRORS_EACH + 1, sizeof *errors);
    size_t count = 0;
    if (!errors) {
        return false;
    }
    quality->tiles_interpolated = quality->widths_checked = 0;
    for (size_t i = 0; i < rates->count; i++) {
        const struct spr_tile_rates *t = &rates->tiles[i];
        const struct spr_tile_rates *low = beside(rates, t, -1), *high = beside(rates, t, 1);
        quality->tiles_interpolated += t->interpolated;
        if (t->interpolated || !low || !high) {
            continue;
        }
        const struct spr_tile_rates guess = interpolate(low, high, t->tile.vectors);
        quality->widths_checked++;
        count += add_errors(&t->x, &guess.x, errors + count);
        count += add_errors(&t->w, &guess.w, errors + count);
        count += add_errors(&t->w_far, &guess.w_far, errors + count);
        count += add_errors(&t->unaligned, &guess.unaligned, errors + count);
    }
    quality->error_median = count ? spr_median(errors, count) : (double)NAN;
    quality->error_p90 = count ? errors[(9 * count + 9) / 10 - 1] : (double)NAN;
    spr_free(errors);
    return true;
}
