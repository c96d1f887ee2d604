/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels there are, and running one. */
#include <stdio.h>
#include <string.h>

#include "host/team.h"
#include "kernel/pack.h"

const char *spr_layout_name(enum spr_layout layout)
{
    return layout == SPR_LAYOUT_NK ? "nk" : "kn";
}

bool spr_layout_find(const char *text, enum spr_layout *layout)
{
    for (int i = SPR_LAYOUT_KN; text && i <= SPR_LAYOUT_NK; i++) {
        if (strcmp(text, spr_layout_name((enum spr_layout)i)) == 0) {
            *layout = (enum spr_layout)i;
            return true;
        }
    }
    return false;
}

static bool name_kernel(const struct spr_pattern_kind *kind, enum spr_isa isa,
                        struct spr_kernel *kernel)
{
    if (!kind->kernel || !spr_isa_usable(isa)) {
        return false;
    }
    kernel->kind = kind;
    kernel->isa = isa;
    snprintf(kernel->name, sizeof kernel->name, "spr_spmm_%s_f32__%s", kind->kernel,
             spr_isa_name(isa));
    return true;
}

bool spr_kernel_at(size_t index, struct spr_kernel *kernel)
{
    const struct spr_pattern_kind *kind;
    for (size_t i = 0; (kind = spr_pattern_kind_at(i)) != NULL; i++) {
        for (int isa = 0; isa < SPR_ISA_COUNT; isa++) {
            if (name_kernel(kind, (enum spr_isa)isa, kernel) && index-- == 0) {
                return true;
            }
        }
    }
    return false;
}

bool spr_kernel_find(const struct spr_pattern *pattern, enum spr_isa isa,
                     struct spr_kernel *kernel)
{
    return pattern->kind && name_kernel(pattern->kind, isa, kernel);
}

void spr_kernel_interleave(const struct spr_packed *packed, int thread, const float *x)
{
    if (packed->inputs) {
        spr_isa_code_of(packed->plan.isa)
            ->tiles->interleave(spr_packed_strips(packed), thread, x, packed->inputs);
    }
}

void spr_kernel_multiply(const struct spr_packed *packed, int thread, const float *x, float *y)
{
    const struct spr_strips *strips = spr_packed_strips(packed);
    const struct spr_tiles *tiles = spr_isa_code_of(packed->plan.isa)->tiles;
    (packed->plan.tokens > 0 ? tiles->tokens
     : packed->plan.vectors == 0
         ? tiles->vector
         : tiles->matrix)(strips, thread, packed->inputs ? packed->inputs : x, y);
}

void spr_kernel_multiply_columns(const struct spr_packed *packed, int64_t columns,
                                 const float *x, float *y)
{
    struct spr_strips strips = *spr_packed_strips(packed);
    strips.n = strips.row = columns;
    spr_isa_code_of(packed->plan.isa)->tiles->matrix(&strips, 0, x, y);
}

struct product {
    const struct spr_packed *packed;
    const float *x;
    float *y;
};

/* Every threads-th share. */
static void run_shares(void *context, int thread, int threads)
{
    const struct product *product = context;
    const struct spr_packed *packed = product->packed;
    if (packed->inputs) {
        for (int share = thread; share < packed->plan.threads; share += threads) {
            spr_kernel_interleave(packed, share, product->x);
        }
        spr_team_barrier();
    }
    for (int share = thread; share < packed->plan.threads; share += threads) {
        spr_kernel_multiply(packed, share, product->x, product->y);
    }
}

void spr_kernel_run(const struct spr_packed *packed, const float *x, float *y)
{
    const int threads = packed->plan.threads;
    if (threads == 1) {
        spr_kernel_interleave(packed, 0, x);
        spr_kernel_multiply(packed, 0, x, y);
        return;
    }
    struct product product = {packed, x, y};
    spr_team_run(threads, run_shares, &product);
}
