/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the run share. */
#ifndef SPROOF_CONVNET_CONVNET_TRIAL_H
#define SPROOF_CONVNET_CONVNET_TRIAL_H

#include "convnet/convnet_source.h"

/* One network of the run. */
struct spr_convnet_entry {
    struct spr_convnet net;
    const struct spr_variant *variant; /* NULL: dense */
    double cells[SPR_CONV_PRODUCTS];   /* stored */
    double weight_bytes;
    uint64_t bits;
};

struct spr_convnet_trial {
    const struct spr_machine *machine;
    const struct spr_validate_options *options;
    struct spr_validation *validation;
    struct spr_convnet_source source;
    struct spr_convnet_entry *entry;
    size_t count;
    float *input;
    double (*clock_s)(void);
};

/* Sets the expected times of the network's parts and their sum; NAN where the machine has no
 * rates, 0 where a part has nothing to do. */
void spr_convnet_predict(const struct spr_convnet_trial *r,
                         const struct spr_convnet_entry *entry,
                         struct spr_end_to_end_case *out);

#endif
