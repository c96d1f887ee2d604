/* SPDX-License-Identifier: Apache-2.0 */
/* The dots of a roofline. A network of many layers has many: a map of small cells finds those
 * that lie where a new one does. */
#include "plot/dots.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"

/* Two positions this close, in both directions, are one. */
#define SAME 1e-6

/* Side of a cell in logarithms: what is as close lies in a cell or beside it. */
#define CELL (2 * SAME)

static bool near(double a, double b)
{
    return fabs(a - b) <= SAME * fmax(fabs(a), fabs(b));
}

static int64_t cell_of(double value)
{
    return (int64_t)floor(log(value) / CELL);
}

static size_t slot_of(const struct spr_dots *dots, int64_t x, int64_t y, size_t dense)
{
    uint64_t hash = spr_hash(SPR_HASH_START, (uint64_t)x);
    hash = spr_hash(spr_hash(hash, (uint64_t)y), dense);
    return (size_t)(hash ^ hash >> 32) & (dots->slots - 1);
}

static void enter(struct spr_dots *dots, size_t index)
{
    struct spr_dot *dot = &dots->dot[index];
    size_t *slot =
        &dots->slot[slot_of(dots, cell_of(dot->at[0]), cell_of(dot->at[1]), dot->dense)];
    dot->next = *slot;
    *slot = index;
}

/* At least two slots a dot. */
static bool have_slots(struct spr_dots *dots)
{
    if (2 * (dots->count + 1) <= dots->slots) {
        return true;
    }
    size_t slots = dots->slots ? dots->slots * 2 : 64;
    size_t *slot = spr_calloc(slots, sizeof *slot);
    if (!slot) {
        return false;
    }
    memset(slot, 0xFF, slots * sizeof *slot);
    spr_free(dots->slot);
    dots->slot = slot;
    dots->slots = slots;
    for (size_t i = 0; i < dots->count; i++) {
        enter(dots, i);
    }
    return true;
}

static bool same_work(const struct spr_dots *dots, const struct spr_dot *a,
                      const struct spr_dot *b)
{
    return !dots->layers || spr_layer_alike(&dots->layers[a->layer], &dots->layers[b->layer]);
}

/* The first dot at the position of this one, SIZE_MAX: none. */
static size_t find(const struct spr_dots *dots, const struct spr_dot *dot)
{
    const int64_t x = cell_of(dot->at[0]), y = cell_of(dot->at[1]);
    size_t first = SIZE_MAX;
    for (int i = 0; i < 9 && dots->slots > 0; i++) {
        size_t at = dots->slot[slot_of(dots, x + i % 3 - 1, y + i / 3 - 1, dot->dense)];
        for (; at != SIZE_MAX; at = dots->dot[at].next) {
            const struct spr_dot *other = &dots->dot[at];
            if (at < first && other->dense == dot->dense && near(other->at[0], dot->at[0]) &&
                near(other->at[1], dot->at[1]) && same_work(dots, other, dot)) {
                first = at;
            }
        }
    }
    return first;
}

size_t spr_dots_add(struct spr_dots *dots, const struct spr_dot *dot)
{
    size_t known = find(dots, dot);
    if (known != SIZE_MAX) {
        struct spr_dot *other = &dots->dot[known];
        other->share += dot->share;
        other->occurrences += dot->occurrences;
        other->layers++;
        return known;
    }
    if (!have_slots(dots) ||
        !spr_grow(&dots->dot, &dots->capacity, dots->count + 1, sizeof *dots->dot)) {
        return SIZE_MAX;
    }
    dots->dot[dots->count] = *dot;
    enter(dots, dots->count);
    return dots->count++;
}

void spr_dots_free(struct spr_dots *dots)
{
    spr_free(dots->dot);
    spr_free(dots->slot);
}
