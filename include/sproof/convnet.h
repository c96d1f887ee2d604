/* SPDX-License-Identifier: Apache-2.0 */
/* A convolutional network for keywords (GSC CNN), predicted and measured: with dense weights, and for
 * each variant with sparse weights and all inputs, then with winners alone. */
#ifndef SPROOF_CONVNET_H
#define SPROOF_CONVNET_H

#include "sproof/validate.h"

#ifdef __cplusplus
extern "C" {
#endif

/* true when a network has the rows of data/models/gsc_cnn_*.csv, by their names. */
bool spr_convnet_is(const struct spr_network *network);

/* Runs them on one thread, o->batch samples, random weights, interleaved; every value of every
 * part is checked against double precision first, and after the timing the output must have the
 * same bits. Fills validation->end_to_end (the first is dense, then two of each variant) and takes
 * over the machine. Errors: SPR_EINPUT (rows that do not fit together, more than one thread, no
 * kernel), SPR_EWRONG, SPR_ENOMEM, SPR_EINTERRUPTED. */
enum spr_status spr_convnet_end_to_end(const struct spr_network *network,
                                       struct spr_machine *machine,
                                       const struct spr_validate_options *o,
                                       struct spr_validation *validation,
                                       struct spr_notes *notes, struct spr_error *err);

#ifdef __cplusplus
}
#endif
#endif
