/* SPDX-License-Identifier: Apache-2.0 */
/* What a report of inspected weights says of those that are in no layer. */
#ifndef SPROOF_REPORT_LEFT_OUT_H
#define SPROOF_REPORT_LEFT_OUT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/emit.h"
#include "sproof/weights.h"

/* "1,234,567"; returns text. */
const char *spr_grouped(double value, char text[32]);

/* A line on where the parameters are, unless all are in layers. */
void spr_report_account(FILE *file, const struct spr_account *account);

/* A table of what is left out, alike ones in one row; a row each where all layers are asked
 * for. */
void spr_report_left_out(FILE *file, const struct spr_weights *weights, bool layers);

/* The same as members of an object. */
void spr_emit_account(struct spr_emit *out, const struct spr_weights *weights);

#endif
