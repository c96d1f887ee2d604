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

/* Token by token, of an X whose places that are not zero are known beforehand. */
static bool make_winners(const struct peer_case *c, struct peer_product *product, char *why)
{
    struct spr_error err = {0};
    struct with_winners *p = peer_alloc(sizeof *p);
    const struct spr_wta room = {.isa = own_isa, .channels = c->k, .pixels = 1, .k = c->k};
    enum spr_status status =
        spr_columns_pack(own_isa, spr_columns_rows(&c->pattern), c->matrix, &p->columns, &err);
    p->n = c->n;
    p->winners = peer_alloc((size_t)c->n * sizeof *p->winners);
    for (int64_t j = 0; j < c->n && status == SPR_OK; j++) {
        struct spr_winners *winners = &p->winners[j];
        status = spr_winners_alloc(&room, winners, &err);
        for (int64_t i = 0; i < c->k && status == SPR_OK; i++) {
            if (c->x[i * c->n + j] != 0) {
                winners->index[winners->count] = (int32_t)i;
                winners->value[winners->count++] = c->x[i * c->n + j];
            }
        }
    }
    snprintf(why, PEER_TEXT, "%.119s", err.text);
    p->y = peer_y_transposed(c, product);
    product->state = p;
    product->run = run_winners;
    return status == SPR_OK;
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
