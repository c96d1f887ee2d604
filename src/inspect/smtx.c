/* SPDX-License-Identifier: Apache-2.0 */
/* Masks of the Deep Learning Matrix Collection as layers, each kept weight drawn at random. */
#include <math.h>

#include "reader.h"

enum spr_status spr_read_smtx(const struct spr_source *source, struct spr_error *err)
{
    struct spr_weight weight = {.layer = spr_layer_name(source->weights, source->path),
                                .op = SPR_OP_LINEAR,
                                .n = source->options->tokens,
                                .count = 1,
                                .groups = 1,
                                .x_elements = (double)NAN,
                                .prunable = true,
                                .tensor = source->weights->tensor_count,
                                .storage = SPR_STORAGE_MATRIX,
                                .element = SPR_ELEMENT_F32};
    if (!weight.layer) {
        return spr_fail(err, SPR_ENOMEM, "out of memory");
    }
    enum spr_status status = spr_matrix_read_smtx(source->path, 1, &weight.matrix, err);
    if (status != SPR_OK) {
        return status;
    }
    weight.m = weight.matrix.m;
    weight.k = weight.matrix.k;
    struct spr_tensor tensor = {.name = weight.layer,
                                .file = source->path,
                                .element = SPR_ELEMENT_F32,
                                .dtype = "mask",
                                .rank = 2,
                                .shape = {weight.m, weight.k}};
    if (!spr_add_tensor(source->weights, &tensor, err) ||
        !spr_add_weight(source->weights, &weight, err)) {
        spr_matrix_free(&weight.matrix);
        return SPR_ENOMEM;
    }
    return SPR_OK;
}

enum spr_status spr_read_pickle(const struct spr_source *source, struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT,
                    "%s: a pickle, which can run any code when it is read: convert it with "
                    "python3 -c \"import torch; from safetensors.torch import save_file; "
                    "save_file(torch.load('%s', weights_only=True), 'model.safetensors')\"",
                    source->path, source->path);
}
