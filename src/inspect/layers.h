/* SPDX-License-Identifier: Apache-2.0 */
/* From the tensors of a checkpoint to the layers of a network. */
#ifndef SPROOF_INSPECT_LAYERS_H
#define SPROOF_INSPECT_LAYERS_H

#include "reader.h"

/* Tensors of one safetensors file, no layers yet. */
enum spr_status spr_safetensors_tensors(const struct spr_source *source,
                                        struct spr_error *err);

enum spr_status spr_read_index(const struct spr_source *source, struct spr_error *err);

/* Adds a layer for each tensor from `first` on that is one, by its name and the config.json
 * beside source->path (README, "Weights in"); of encoders of the BERT family also the
 * operators without weights, when the number of tokens is known. Errors: SPR_EINPUT (compressed
 * tensors that contradict themselves), SPR_ENOMEM. */
enum spr_status spr_layers_of_tensors(const struct spr_source *source, size_t first,
                                      struct spr_error *err);

/* A weight of compressed-tensors from its parts: the tensor `at` is X.compressed. *found false:
 * it is none. */
enum spr_status spr_layer_of_bitmask(const struct spr_source *source, size_t at,
                                     const struct spr_names *names, struct spr_weight *weight,
                                     bool *found, struct spr_error *err);

#endif
