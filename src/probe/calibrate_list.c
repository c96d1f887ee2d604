/* SPDX-License-Identifier: Apache-2.0 */
/* Which tiles are timed, and the rates of widths between them. */
#include "probe/calibrate_list.h"

#include "base/mem.h"
#include "kernel/isa_code.h"

/* Widths that the quick calibration measures; others lie between two of them. */
static bool measured(const struct spr_calibration *c, int width, int widest)
{
    return !c->quick || (width & (width - 1)) == 0 || width == widest;
}

size_t spr_list_tiles(const struct spr_calibration *c,
                      struct spr_tile_shape out[SPR_CALIBRATED_TILES_MAX])
{
    const struct spr_tiles *tiles = spr_isa_code_of(c->isa)->tiles;
    size_t count = 0;
    for (size_t h = 0; h < tiles->height_count; h++) {
        const struct spr_tile_height *height = &tiles->heights[h];
        for (int width = 1; width <= height->widest; width++) {
            struct spr_tile_shape tile = {
                .form = SPR_TILE_MATRIX, .rows = height->rows, .vectors = width};
            if (measured(c, width, height->widest)) {
                out[count++] = tile;
                tile.dense = true;
                out[count++] = tile;
            }
        }
    }
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
