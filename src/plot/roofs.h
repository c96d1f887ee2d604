/* SPDX-License-Identifier: Apache-2.0 */
/* The roofs of a roofline: one per engine and per memory level. */
#ifndef SPROOF_PLOT_ROOFS_H
#define SPROOF_PLOT_ROOFS_H

#include "plot/figure.h"

/* The highest peak, in FLOP/s. */
double spr_roofs_peak(const struct spr_model *model);

/* FLOP/byte from which the last memory level no longer limits the fastest engine. */
double spr_roofs_ridge(const struct spr_model *model);

void spr_roofs_draw(struct spr_figure *figure, const struct spr_model *model);

/* Names them where the markers drawn so far leave room. */
void spr_roofs_name(struct spr_figure *figure, const struct spr_model *model);

#endif
