/* SPDX-License-Identifier: Apache-2.0 */
#include "own.h"

#include <stdio.h>

#include "sproof/kernel.h"

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

static bool make(const struct peer_case *c, struct peer_product *product, char *why)
{
    struct spr_error err = {0};
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
