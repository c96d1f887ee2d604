/* SPDX-License-Identifier: Apache-2.0 */
/* A whole encoder of the BERT family, predicted and measured: activations flow from layer to
 * layer through sproof's kernels. */
#ifndef SPROOF_END_TO_END_H
#define SPROOF_END_TO_END_H

#include "sproof/validate.h"
#include "sproof/weights.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spr_end_to_end_options {
    const struct spr_validate_options
        *validate;               /* seed, isa, threads, budget_s, clock, stop */
    struct spr_weights *weights; /* whose network it is; NULL: random weights. Grid variants
                                  * are pruned by magnitude (keep is changed) */
    const float *states;         /* tokens x hidden, after the embeddings; NULL: random */
    float *output;               /* tokens x hidden of the dense encoder; NULL: not wanted */
};

/* The states that go into an encoder and come out of it: tokens x hidden. */
struct spr_states_shape {
    int64_t tokens, hidden;
};

/* Tokens and hidden size of the encoder a network is. Errors: SPR_EINPUT naming what is
 * missing when it is none. */
enum spr_status spr_end_to_end_shape(const struct spr_network *network,
                                     struct spr_states_shape *shape, struct spr_error *err);

/* Runs the dense encoder and one for each variant of the network, interleaved; every product
 * and function is checked on samples against double precision first, and after the timing the
 * output must have the same bits. Fills validation->end_to_end as spr_validate fills the
 * cases, and takes over the machine. Errors: SPR_EINPUT (not an encoder), SPR_EWRONG,
 * SPR_ENOMEM, SPR_EINTERRUPTED. */
enum spr_status spr_end_to_end(const struct spr_network *network, struct spr_machine *machine,
                               const struct spr_end_to_end_options *options,
                               struct spr_validation *validation, struct spr_notes *notes,
                               struct spr_error *err);

#ifdef __cplusplus
}
#endif
#endif
