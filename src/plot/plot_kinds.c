/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of pictures by name. */
#include <string.h>

#include "sproof/plot.h"

static const char *const kinds[SPR_PLOT_KIND_COUNT] = {
    [SPR_PLOT_ROOFLINE] = "roofline",
    [SPR_PLOT_SPARSITY] = "sparsity",
    [SPR_PLOT_SPEEDUP] = "speedup",
    [SPR_PLOT_LAYERS] = "layers",
    [SPR_PLOT_WATERFALL] = "waterfall",
    [SPR_PLOT_ERROR] = "error",
    [SPR_PLOT_TWO] = "two",
    [SPR_PLOT_ALL] = "all",
};

const char *spr_plot_kind_name(enum spr_plot_kind kind)
{
    return kinds[kind];
}

enum spr_status spr_plot_kind_parse(const char *text, enum spr_plot_kind *kind,
                                    struct spr_error *err)
{
    const char *names[SPR_PLOT_KIND_COUNT + 1] = {0};
    char suggestion[SPR_SUGGESTION_TEXT];
    for (int i = 0; i < SPR_PLOT_KIND_COUNT; i++) {
        names[i] = kinds[i];
        if (strcmp(text, names[i]) == 0) {
            *kind = (enum spr_plot_kind)i;
            return SPR_OK;
        }
    }
    return spr_fail(err, SPR_EINPUT,
                    "unknown kind '%.60s'%s: expected roofline, sparsity, speedup, layers, "
                    "waterfall, error, two or all",
                    text, spr_suggestion(", did you mean '", text, names, suggestion));
}
