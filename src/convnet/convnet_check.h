/* SPDX-License-Identifier: Apache-2.0 */
/* Is what the network computes right? */
#ifndef SPROOF_CONVNET_CONVNET_CHECK_H
#define SPROOF_CONVNET_CONVNET_CHECK_H

#include "convnet/convnet_source.h"

/* Runs the network part by part on its input and compares every value of every part with double
 * precision, from what the part before gave. *worst: largest error over its rounding bound;
 * infinite where other values won, or were pooled, than ought to. Errors: SPR_EWRONG when that
 * is above 1, SPR_ENOMEM. */
enum spr_status spr_convnet_check(struct spr_convnet *net,
                                  const struct spr_convnet_source *source,
                                  const struct spr_variant *variant, double *worst,
                                  struct spr_error *err);

#endif
