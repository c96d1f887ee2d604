/* SPDX-License-Identifier: Apache-2.0 */
/* What constants usually are: data sheets, and what was measured on other machines. */
#include <math.h>

#include "family/fit.h"

/* Bytes a clock that each unit gets out of the last cache of a GPU. */
#define CACHE_BYTES_PER_CLOCK 40.0

/* How much faster a cache is than memory, where nothing else is known. */
#define CACHE_OVER_MEMORY 4.0

static void set_tiled(const struct spr_family_view *view, struct spr_prior *prior)
{
    const bool gpu = view->units > 1;
    prior[SPR_CACHE_RATE] = (struct spr_prior){CACHE_OVER_MEMORY * view->bytes_per_s, 1.0};
    if (gpu && view->clock_hz > 0) {
        prior[SPR_CACHE_RATE] =
            (struct spr_prior){CACHE_BYTES_PER_CLOCK * view->units * view->clock_hz, 0.7};
    }
    prior[SPR_RESIDENT] = (struct spr_prior){0.6, 0.3};
}

static void set_tiles(const struct spr_pattern *pattern, bool gpu, struct spr_prior *prior)
{
    const bool dense = spr_pattern_is_dense(pattern);
    prior[SPR_PEAK] = (struct spr_prior){0.75, 0.3};
    prior[SPR_MEMORY] = (struct spr_prior){0.9, 0.06};
    prior[SPR_STEP_S] = (struct spr_prior){3e-9, 0.7};
    if (gpu) {
        /* A kernel of a sparse engine takes longer to begin and to end a tile. */
        prior[SPR_CALL_S] = (struct spr_prior){dense ? 3.5e-6 : 4.5e-6, 0.7};
        prior[SPR_TILE_K] = (struct spr_prior){dense ? 60 : 300, 0.7};
        prior[SPR_LONG_RUN] = (struct spr_prior){0.9, 0.15};
    } else {
        prior[SPR_CALL_S] = (struct spr_prior){2e-6, 1.5};
        prior[SPR_TILE_K] = (struct spr_prior){20, 1.5};
        prior[SPR_MEMORY].spread = 0.4;
        prior[SPR_LONG_RUN] = (struct spr_prior){1, 0.03};
    }
}

static void set_blocks(bool gpu, struct spr_prior *prior)
{
    prior[SPR_CALL_S] = (struct spr_prior){2e-6, gpu ? 0.7 : 1.5};
    prior[SPR_TILE_K] = (struct spr_prior){50, gpu ? 0.7 : 1.5};
    prior[SPR_MEMORY] = (struct spr_prior){0.85, gpu ? 0.2 : 0.4};
    prior[SPR_STEP_S] = (struct spr_prior){10e-9, gpu ? 0.7 : 1.5};
    prior[SPR_IMBALANCE] = (struct spr_prior){1, 0.7};
    prior[SPR_WHOLE_WAVES] = (struct spr_prior){0.5, 0.4};
}

static void set_rows(const struct spr_family_view *view, struct spr_prior *prior)
{
    /* As many weights a second as units and clock, or the engine, could multiply at best. */
    const double weight_s = view->flops_per_s > 0 ? 10 / view->flops_per_s : 1e-12;
    prior[SPR_CALL_S] = (struct spr_prior){5e-6, 0.5};
    prior[SPR_WEIGHT_S] = (struct spr_prior){weight_s, 1.5};
    prior[SPR_OUTPUT_S] = (struct spr_prior){20 * weight_s, 1.0};
    prior[SPR_ROW_S] = (struct spr_prior){20e-9, 1.0};
    prior[SPR_FAR_X] = (struct spr_prior){0.3, 1.0};
    /* Nothing, unless long rows were measured. */
    prior[SPR_LONG_ROW_S] = (struct spr_prior){weight_s, 3.0};
}

void spr_family_priors(enum spr_form form, const struct spr_pattern *pattern,
                       const struct spr_family_view *view,
                       struct spr_prior prior[SPR_CONSTANT_COUNT])
{
    const bool gpu = view->units > 1, dense = spr_pattern_is_dense(pattern);
    for (int i = 0; i < SPR_CONSTANT_COUNT; i++) {
        prior[i] = (struct spr_prior){0, 0};
    }
    switch (form) {
    case SPR_FORM_TILES:
        set_tiled(view, prior);
        set_tiles(pattern, gpu, prior);
        return;
    case SPR_FORM_BLOCKS:
        set_tiled(view, prior);
        set_blocks(gpu, prior);
        return;
    case SPR_FORM_ROWS:
        set_rows(view, prior);
        return;
    case SPR_FORM_ROOFLINE:
        break;
    }
    prior[SPR_CALL_S] = (struct spr_prior){3e-6, gpu ? 1 : 1.5};
    prior[SPR_PEAK] = (struct spr_prior){dense ? 0.7 : 0.3, dense ? 0.5 : 1.5};
    prior[SPR_MEMORY] = (struct spr_prior){0.9, 0.5};
}
