/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from a register tile's shape. */
#include "sproof/tile.h"

#include "kernel/isa/strips.h"

bool spr_tile_equal(const struct spr_tile_shape *a, const struct spr_tile_shape *b)
{
    return a->form == b->form && a->dense == b->dense && a->rows == b->rows &&
           a->vectors == b->vectors && a->chunk == b->chunk && a->tokens == b->tokens &&
           a->slots == b->slots;
}

int spr_tile_rows(const struct spr_tile_shape *tile, int lanes)
{
    switch (tile->form) {
    case SPR_TILE_MATRIX:
        return tile->rows;
    case SPR_TILE_SHUFFLE:
        return SPR_SHUFFLE_ROWS;
    case SPR_TILE_COMP:
        return lanes;
    case SPR_TILE_VECTOR:
    case SPR_TILE_TOKENS:
        break;
    }
    return tile->chunk == 0 ? 1 : tile->vectors * lanes / tile->chunk;
}

int spr_tile_values(const struct spr_tile_shape *tile, int lanes)
{
    switch (tile->form) {
    case SPR_TILE_MATRIX:
        return tile->rows;
    case SPR_TILE_SHUFFLE:
        return (tile->slots + 1) * SPR_SHUFFLE_ROWS;
    case SPR_TILE_COMP:
        return lanes;
    case SPR_TILE_VECTOR:
    case SPR_TILE_TOKENS:
        break;
    }
    return tile->chunk == 0 ? 1 : tile->vectors * lanes;
}
