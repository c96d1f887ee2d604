/* SPDX-License-Identifier: Apache-2.0 */
/* A validation as a whole. */
#include "sproof/validation.h"

#include "base/mem.h"

const char *spr_validation_isa(const struct spr_validation_case *c)
{
    return c->gpu ? "cuda" : spr_isa_name(c->isa);
}

void spr_validation_free(struct spr_validation *validation)
{
    spr_free(validation->cases);
    spr_free(validation->not_measured);
    spr_machine_free(&validation->machine);
    spr_arena_free(&validation->arena);
    *validation = (struct spr_validation){0};
}
