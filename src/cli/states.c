/* SPDX-License-Identifier: Apache-2.0 */
/* Activations in .npy files. */
#include <string.h>

#include "base/mem.h"
#include "base/output.h"
#include "cli/cli.h"
#include "sproof/weights.h"

enum spr_status cli_read_states(const char *path, const struct spr_states_shape *shape,
                                double inflated_most, float **states, struct spr_error *err)
{
    const struct spr_weights_options options = {.inflated_most = inflated_most};
    struct spr_weights weights = {0};
    enum spr_status status = spr_weights_read(path, &options, &weights, NULL, err);
    const struct spr_weight *w = weights.weight;
    if (status == SPR_OK &&
        (weights.weight_count != 1 || w->m != shape->tokens || w->k != shape->hidden)) {
        status = spr_fail(err, SPR_EINPUT, "%s: expected one array of %lld tokens x %lld",
                          path, (long long)shape->tokens, (long long)shape->hidden);
    }
    if (status == SPR_OK) {
        *states = spr_calloc((size_t)(shape->tokens * shape->hidden), sizeof **states);
        status = *states ? SPR_OK : spr_no_memory(err);
    }
    if (status == SPR_OK) {
        status = spr_weights_hold(&weights, w->tensor, err);
    }
    if (status == SPR_OK) {
        spr_weight_values(w, 0, w->m, *states);
    }
    spr_weights_free(&weights);
    return status;
}

enum spr_status cli_write_states(const char *path, const struct spr_states_shape *shape,
                                 const float *states, struct spr_error *err)
{
    char header[128];
    struct spr_output output;
    SPR_TRY(spr_output_open(&output, path, err));
    /* The data begins at a multiple of 64 bytes, behind a newline. */
    memset(header, ' ', sizeof header);
    static const unsigned char magic[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 0x76, 0};
    memcpy(header, magic, sizeof magic);
    int length = snprintf(header + 10, sizeof header - 10,
                          "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %lld), }",
                          (long long)shape->tokens, (long long)shape->hidden);
    header[10 + length] = ' ';
    header[sizeof header - 1] = '\n';
    fwrite(header, 1, sizeof header, output.file);
    fwrite(states, sizeof *states, (size_t)(shape->tokens * shape->hidden), output.file);
    return spr_output_close(&output, SPR_OK, err);
}
