/* SPDX-License-Identifier: Apache-2.0 */
#include "own.h"

#include <stdio.h>

#include "sproof/kernel.h"
#include "sproof/winners.h"

static enum spr_isa own_isa;

struct product {
    struct spr_packed packed;
    const float *x;
    float *y;
};

static void run(void *state)
{
    const struct product *p = state;
    spr_kernel_run(&p->packed, p->x, p->y);
}

struct with_winners {
    struct spr_columns columns;
    struct spr_winners *winners; /* n */
    int64_t n;
    float *y; /* n x m */
};

static void run_winners(void *state)
{
    const struct with_winners *p = state;
    for (int64_t j = 0; j < p->n; j++) {
        spr_columns_run(&p->columns, &p->winners[j], p->y + j * p->columns.m);
    }
}

static int64_t nonzeros(const float *x, int64_t count)
{
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++) {
        found += x[i] != 0;
    }
    return found;
}

/* Of all tokens, side by side in one block. */
static void list_winners(const struct peer_case *c, struct spr_winners *winners,
                         struct peer_product *product)
{
    const int64_t all = nonzeros(c->x, c->k * c->n);
    float *value = peer_floats(2 * all);
    int32_t *index = (int32_t *)(void *)(value + all);
    product->x = value;
    product->x_bytes = 2 * (size_t)all * sizeof *value;
    for (int64_t j = 0; j < c->n; j++) {
        winners[j] = (struct spr_winners){.index = index, .value = value};
        for (int64_t i = 0; i < c->k; i++) {
            if (c->x[i * c->n + j] != 0) {
                *index++ = (int32_t)i;
                *value++ = c->x[i * c->n + j];
            }
        }
        winners[j].count = value - winners[j].value;
    }
}

/* Token by token, of an X whose places that are not zero are known beforehand. */
static bool make_winners(const struct peer_case *c, struct peer_product *product, char *why)
{
    struct spr_error err = {0};
    struct with_winners *p = peer_alloc(sizeof *p);
    const int rows = spr_columns_rows(&c->pattern);
    if (spr_columns_pack(own_isa, rows, c->matrix, &p->columns, &err) != SPR_OK) {
        snprintf(why, PEER_TEXT, "%.119s", err.text);
        return false;
    }
    p->n = c->n;
    p->winners = peer_alloc((size_t)c->n * sizeof *p->winners);
    list_winners(c, p->winners, product);
    p->y = peer_y_transposed(c, product);
    product->state = p;
    product->run = run_winners;
    return true;
}

static bool make(const struct peer_case *c, struct peer_product *product, char *why)
{
    struct spr_error err = {0};
    if (c->activation > 0) {
        return make_winners(c, product, why);
    }
    struct product *p = peer_alloc(sizeof *p);
    struct spr_plan plan =
        spr_plan_choose(&c->pattern, own_isa, c->m, c->k, c->n, c->kept, c->threads);
    if (spr_pack(&plan, c->matrix, &p->packed, &err) != SPR_OK) {
        snprintf(why, PEER_TEXT, "%.119s", err.text);
        return false;
    }
    p->x = c->x;
    p->y = peer_y(c, product);
    product->state = p;
    product->run = run;
    return true;
}

static bool start(int threads, char *version)
{
    (void)threads;
    snprintf(version, PEER_TEXT, "sproof, ISA %s", spr_isa_name(own_isa));
    return true;
}

static const struct peer_way ways[] = {{OWN_LABEL, PEER_ANY, make}};
static const struct peer own = {start, ways, 1};

const struct peer *own_peer(enum spr_isa isa)
{
    own_isa = isa;
    return &own;
}
