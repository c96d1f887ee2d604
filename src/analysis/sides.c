/* SPDX-License-Identifier: Apache-2.0 */
/* The number types of both sides of a speedup, and their models. */
#include "analysis/sides.h"

#include <stdio.h>

struct spr_types spr_options_types(const struct spr_options *options)
{
    return options->types.w.name ? options->types : spr_types_of(options->dtype);
}

struct spr_types spr_options_against(const struct spr_options *options)
{
    return spr_options_differ(options) ? options->against : spr_options_types(options);
}

const char *spr_options_words(const struct spr_options *options, char text[SPR_TYPES_TEXT],
                              char dense[SPR_TYPES_TEXT])
{
    const struct spr_types types = spr_options_types(options);
    dense[0] = '\0';
    if (spr_options_differ(options)) {
        snprintf(dense, SPR_TYPES_TEXT, " (%.80s)", spr_types_text(&options->against, text));
    }
    return spr_types_text(&types, text);
}

static enum spr_status prepare(const struct spr_analysis *a, const struct spr_types *types,
                               const enum spr_corner at[2], struct spr_model *model,
                               struct spr_error *err)
{
    SPR_TRY(spr_model_prepare(model, a->machine, spr_types_engine(types), at[0], at[1], err));
    spr_model_set_types(model, types);
    model->ideal_tiles = a->options.ideal_tiles;
    model->native_only = a->options.native;
    model->packed = a->machine->kernels && !a->options.native;
    model->fuse = a->options.fuse;
    spr_model_set_residency(model, a->options.residency,
                            a->options.threads > 0 ? a->options.threads : 1);
    return SPR_OK;
}

enum spr_status spr_sides_prepare(const struct spr_analysis *a, const enum spr_corner at[2],
                                  struct spr_model *pruned, struct spr_model *dense,
                                  struct spr_error *err)
{
    const struct spr_types types = spr_options_types(&a->options);
    const struct spr_types against = spr_options_against(&a->options);
    SPR_TRY(prepare(a, &types, at, pruned, err));
    return prepare(a, &against, at, dense, err);
}
