/* SPDX-License-Identifier: Apache-2.0 */
/* A matching of largest sum, by shortest augmenting paths: the lines of the shorter side (left)
 * are paired one after another, and whoever is in the way moves on where that costs least. */
#include "inspect/prune_owners.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/* The two sides of a tile: how many lines, counted from 1 on, and where their scores lie. */
struct sides {
    int32_t left, right;
    size_t left_step, right_step;
};

bool spr_owners_make(struct spr_owners *o, int64_t most)
{
    const size_t side = (size_t)most, room = side + 1;
    *o = (struct spr_owners){.most = (int32_t)most};
    o->entry = spr_calloc(side * side, sizeof *o->entry);
    o->score = spr_calloc(side * side, sizeof *o->score);
    o->left = spr_calloc(room, sizeof *o->left);
    o->right = spr_calloc(room, sizeof *o->right);
    o->least = spr_calloc(room, sizeof *o->least);
    o->pair = spr_calloc(room, sizeof *o->pair);
    o->way = spr_calloc(room, sizeof *o->way);
    o->row = spr_calloc(room, sizeof *o->row);
    o->column = spr_calloc(room, sizeof *o->column);
    o->seen = spr_calloc(room, sizeof *o->seen);
    return o->entry && o->score && o->left && o->right && o->least && o->pair && o->way &&
           o->row && o->column && o->seen;
}

void spr_owners_free(struct spr_owners *o)
{
    spr_free(o->entry);
    spr_free(o->score);
    spr_free(o->left);
    spr_free(o->right);
    spr_free(o->least);
    spr_free(o->pair);
    spr_free(o->way);
    spr_free(o->row);
    spr_free(o->column);
    spr_free(o->seen);
    *o = (struct spr_owners){0};
}

/* The next line of the right on the cheapest way on from `at`, of those not seen yet. */
static int32_t next_right(struct spr_owners *o, const struct sides *s, int32_t at)
{
    const int32_t from = o->pair[at];
    const double *score = o->score + (size_t)(from - 1) * s->left_step;
    double delta = HUGE_VAL;
    int32_t next = 0;
    o->seen[at] = true;
    for (int32_t j = 1; j <= s->right; j++) {
        if (o->seen[j]) {
            continue;
        }
        const double cost =
            -score[(size_t)(j - 1) * s->right_step] - o->left[from] - o->right[j];
        if (cost < o->least[j]) {
            o->least[j] = cost;
            o->way[j] = at;
        }
        if (next == 0 || o->least[j] < delta) {
            delta = o->least[j];
            next = j;
        }
    }
    for (int32_t j = 0; j <= s->right; j++) {
        if (o->seen[j]) {
            o->left[o->pair[j]] += delta;
            o->right[j] -= delta;
        } else {
            o->least[j] -= delta;
        }
    }
    return next;
}

/* o->pair[j]: the line of the left that line j of the right has; 0: none. */
static void pair_up(struct spr_owners *o, const struct sides *s)
{
    const size_t room = (size_t)s->right + 1;
    memset(o->left, 0, ((size_t)s->left + 1) * sizeof *o->left);
    memset(o->right, 0, room * sizeof *o->right);
    memset(o->pair, 0, room * sizeof *o->pair);
    for (int32_t i = 1; i <= s->left; i++) {
        int32_t at = 0;
        o->pair[0] = i;
        memset(o->seen, 0, room * sizeof *o->seen);
        for (size_t j = 0; j < room; j++) {
            o->least[j] = HUGE_VAL;
        }
        do {
            at = next_right(o, s, at);
        } while (o->pair[at] != 0);
        while (at != 0) {
            const int32_t before = o->way[at];
            o->pair[at] = o->pair[before];
            at = before;
        }
    }
}

/* Numbers the lines that hold anything from 1 on, in their order; how many. */
static int32_t number_lines(int32_t *line, int32_t most)
{
    int32_t count = 0;
    for (int32_t i = 0; i < most; i++) {
        line[i] = line[i] > 0 ? ++count : 0;
    }
    return count;
}

void spr_owners_match(struct spr_owners *o)
{
    memset(o->row, 0, (size_t)o->most * sizeof *o->row);
    memset(o->column, 0, (size_t)o->most * sizeof *o->column);
    for (size_t e = 0; e < o->count; e++) {
        o->row[o->entry[e].row] = o->column[o->entry[e].column] = 1;
    }
    const int32_t rows = number_lines(o->row, o->most);
    const int32_t columns = number_lines(o->column, o->most);
    const bool wide = rows <= columns;
    const struct sides s = {wide ? rows : columns, wide ? columns : rows,
                            wide ? (size_t)columns : 1, wide ? 1 : (size_t)columns};
    memset(o->score, 0, (size_t)rows * (size_t)columns * sizeof *o->score);
    for (size_t e = 0; e < o->count; e++) {
        const struct spr_owned *w = &o->entry[e];
        o->score[(o->row[w->row] - 1) * columns + o->column[w->column] - 1] = w->norm;
    }
    pair_up(o, &s);
    for (size_t e = 0; e < o->count; e++) {
        struct spr_owned *w = &o->entry[e];
        const int32_t row = o->row[w->row], column = o->column[w->column];
        w->stays = o->pair[wide ? column : row] == (wide ? row : column);
    }
}
