/* SPDX-License-Identifier: Apache-2.0 */
/* Where a label finds room: greedy placement against what is already drawn. */
#include "plot/place.h"

#include <math.h>
#include <stdint.h>

#include "base/mem.h"

/* A network of thousands of variants draws too many to look for room among them all. */
#define BOXES_MAX 6000

static void push(struct spr_placer *placer, struct spr_box **boxes, size_t *count,
                 size_t *capacity, struct spr_box box)
{
    if (*count >= BOXES_MAX || placer->failed) {
        return;
    }
    if (!spr_grow(boxes, capacity, *count + 1, sizeof box)) {
        placer->failed = true;
        return;
    }
    (*boxes)[(*count)++] = box;
}

void spr_place_take(struct spr_placer *placer, struct spr_box box)
{
    push(placer, &placer->taken, &placer->taken_count, &placer->taken_capacity, box);
}

void spr_place_line(struct spr_placer *placer, const double from[2], const double to[2],
                    double step)
{
    double dx = to[0] - from[0], dy = to[1] - from[1];
    double length = hypot(dx, dy);
    size_t pieces = length < 4000 * step ? (size_t)(length / step) + 1 : 4000;
    for (size_t i = 0; i <= pieces; i++) {
        double x = from[0] + dx * (double)i / (double)pieces;
        double y = from[1] + dy * (double)i / (double)pieces;
        struct spr_box box = {x - 1, y - 1, x + 1, y + 1};
        push(placer, &placer->crossed, &placer->crossed_count, &placer->crossed_capacity, box);
    }
}

static bool overlap(const struct spr_box *a, const struct spr_box *b)
{
    return a->left < b->right && b->left < a->right && a->bottom < b->top &&
           b->bottom < a->top;
}

static size_t hits(const struct spr_box *boxes, size_t count, const struct spr_box *box,
                   size_t enough)
{
    size_t found = 0;
    for (size_t i = 0; i < count && found < enough; i++) {
        found += overlap(&boxes[i], box) ? 1 : 0;
    }
    return found;
}

static bool inside(const struct spr_box *box, const struct spr_box *area)
{
    return box->left >= area->left && box->right <= area->right &&
           box->bottom >= area->bottom && box->top <= area->top;
}

bool spr_place_is_free(const struct spr_placer *placer, const struct spr_box *box)
{
    return inside(box, &placer->area) && hits(placer->taken, placer->taken_count, box, 1) == 0;
}

bool spr_place_label(struct spr_placer *placer, const double at[2], double gap,
                     const double size[2], struct spr_box *box)
{
    /* Right and above first: where a reader looks for the name of a point. */
    static const signed char sides[][2] = {{1, 0}, {0, 1},  {-1, 0}, {0, -1},
                                           {1, 1}, {1, -1}, {-1, 1}, {-1, -1}};
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < sizeof sides / sizeof *sides && best > 0; i++) {
        bool diagonal = sides[i][0] != 0 && sides[i][1] != 0;
        double reach = diagonal ? gap * 0.7 : gap;
        double x = at[0] + sides[i][0] * (reach + size[0] / 2);
        double y = at[1] + sides[i][1] * (reach + size[1] / 2);
        struct spr_box here = {x - size[0] / 2, y - size[1] / 2, x + size[0] / 2,
                               y + size[1] / 2};
        if (!spr_place_is_free(placer, &here)) {
            continue;
        }
        size_t crossings = hits(placer->crossed, placer->crossed_count, &here, best);
        if (crossings < best) {
            best = crossings;
            *box = here;
        }
    }
    if (best == SIZE_MAX) {
        return false;
    }
    spr_place_take(placer, *box);
    return true;
}

void spr_placer_free(struct spr_placer *placer)
{
    spr_free(placer->taken);
    spr_free(placer->crossed);
    *placer = (struct spr_placer){0};
}
