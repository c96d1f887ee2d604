/* SPDX-License-Identifier: Apache-2.0 */
/* What machine files call forms and constants, and which constants a form has. */
#include "sproof/family.h"

static const char *const forms[SPR_FORM_COUNT] = {"roofline", "tiles", "blocks", "rows"};

#define OF(form) (1u << (form))
#define TILED (OF(SPR_FORM_TILES) | OF(SPR_FORM_BLOCKS))

static const struct {
    const char *name;
    unsigned forms;
} constants[SPR_CONSTANT_COUNT] = {
    [SPR_CALL_S] = {"call_s", TILED | OF(SPR_FORM_ROOFLINE) | OF(SPR_FORM_ROWS)},
    [SPR_PEAK] = {"peak", OF(SPR_FORM_TILES) | OF(SPR_FORM_ROOFLINE)},
    [SPR_TILE_K] = {"tile_k", TILED},
    [SPR_CACHE_RATE] = {"cache_bytes_per_s", TILED},
    [SPR_MEMORY] = {"memory", TILED | OF(SPR_FORM_ROOFLINE)},
    [SPR_STEP_S] = {"step_s", TILED},
    [SPR_RESIDENT] = {"resident", TILED},
    [SPR_LONG_RUN] = {"long_run", OF(SPR_FORM_TILES)},
    [SPR_IMBALANCE] = {"imbalance", OF(SPR_FORM_BLOCKS)},
    [SPR_WHOLE_WAVES] = {"whole_waves", OF(SPR_FORM_BLOCKS)},
    [SPR_OUTPUT_S] = {"output_s", OF(SPR_FORM_ROWS)},
    [SPR_WEIGHT_S] = {"weight_s", OF(SPR_FORM_ROWS)},
    [SPR_ROW_S] = {"row_s", OF(SPR_FORM_ROWS)},
    [SPR_FAR_X] = {"far_x", OF(SPR_FORM_ROWS)},
    [SPR_LONG_ROW_S] = {"long_row_s", OF(SPR_FORM_ROWS)},
};

const char *spr_form_name(enum spr_form form)
{
    return forms[form];
}

const char *spr_constant_name(enum spr_constant constant)
{
    return constants[constant].name;
}

bool spr_form_has(enum spr_form form, enum spr_constant constant)
{
    return (constants[constant].forms & OF(form)) != 0;
}
