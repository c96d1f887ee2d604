/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of `sproof validate` share. */
#ifndef SPROOF_CLI_VALIDATE_WORK_H
#define SPROOF_CLI_VALIDATE_WORK_H

#include "cli/cli.h"
#include "sproof/validate.h"

/* What one run of validate owns. */
struct validate_work {
    struct cli *cli;
    const struct args *args;
    struct spr_record record; /* or only its network, of a layer table */
    struct spr_machine machine;
    struct spr_validate_options options;
    struct spr_validation validation;
    struct spr_pattern *patterns;
    size_t pattern_count;
    bool from_record;
    enum spr_format format;
    double max_error; /* NAN: no gate */
    bool end_to_end;
    bool convnet;                        /* end to end, and no encoder */
    double canary_least_s[SPR_CANARIES]; /* as probed */
    double inflated_most;                /* as of spr_weights_options */
    struct spr_weights weights;          /* end to end, of a checkpoint; else empty */
    float *states, *output;              /* end to end: tokens x hidden */
    struct spr_states_shape shape;       /* of them */
    struct spr_error *err;
};

/* Errors: SPR_EINPUT. */
enum spr_status validate_read_options(struct validate_work *w);

/* The network, its variants, and end to end the weights and states. Errors: SPR_EINPUT,
 * SPR_ENOMEM. */
enum spr_status validate_read_inputs(struct validate_work *w);

#endif
