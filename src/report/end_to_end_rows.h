/* SPDX-License-Identifier: Apache-2.0 */
/* What reports of whole networks share. */
#ifndef SPROOF_REPORT_END_TO_END_ROWS_H
#define SPROOF_REPORT_END_TO_END_ROWS_H

#include <stdio.h>

#include "sproof/validation.h"

/* A row for each network, its name in at most so many columns. */
void spr_end_to_end_times(FILE *file, const struct spr_validation *v, size_t name_width);

/* All of a convolutional network. */
void spr_report_convnet(FILE *file, const struct spr_validation *v);

#endif
