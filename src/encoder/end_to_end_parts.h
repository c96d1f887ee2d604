/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the end-to-end run share. */
#ifndef SPROOF_ENCODER_END_TO_END_PARTS_H
#define SPROOF_ENCODER_END_TO_END_PARTS_H

#include "encoder/encoder_source.h"
#include "sproof/end_to_end.h"

/* One encoder of the run. */
struct spr_encoder_entry {
    struct spr_encoder encoder;
    const struct spr_variant *variant; /* NULL: dense */
    double (*cells)[SPR_PRODUCTS];     /* [layers] stored */
    double weight_bytes;
    uint64_t bits;
};

struct spr_encoder_trial {
    const struct spr_network *network;
    const struct spr_machine *machine;
    const struct spr_end_to_end_options *options;
    struct spr_validation *validation;
    struct spr_encoder_source source;
    struct spr_encoder_entry *entry;
    size_t count;
    float *input; /* hidden x columns, in the shares of the threads */
    double (*clock_s)(void);
};

/* Columns of the busiest thread. */
int64_t spr_encoder_most_columns(const struct spr_encoder_trial *r);

/* Sets the expected times of an encoder, in all and of its parts; NAN where the machine has no
 * rates. */
void spr_encoder_predict(const struct spr_encoder_trial *r,
                         const struct spr_encoder_entry *entry,
                         struct spr_end_to_end_case *out);

#endif
