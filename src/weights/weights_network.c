/* SPDX-License-Identifier: Apache-2.0 */
/* Weights as a network, without a table in between. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "sproof/weights.h"

static void fill(const struct spr_weight *w, struct spr_layer *layer)
{
    *layer = (struct spr_layer){.name = w->layer,
                                .op = w->op,
                                .prunable = w->prunable,
                                .m = w->m,
                                .k = w->k,
                                .n = w->n > 0 ? w->n : 1, /* idle: as small as can be */
                                .count = w->count,
                                .calls = w->count,
                                .groups = w->groups,
                                .x_elements = w->x_elements,
                                .other_flops = w->other_flops,
                                .other_bytes = (double)NAN};
    if (isnan(layer->x_elements)) {
        double inputs = w->op == SPR_OP_DEPTHWISE ? (double)w->m
                        : w->op == SPR_OP_CONV    ? (double)w->groups * (double)w->k
                                                  : (double)w->k;
        layer->x_elements = inputs * (double)w->n;
    }
}

static const char *base_name(const char *path, size_t *length)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    *length = dot && dot > name ? (size_t)(dot - name) : strlen(name);
    return name;
}

static bool is_onnx(const struct spr_weights *weights)
{
    return weights->origin && strcmp(weights->origin, "the graph") == 0;
}

enum spr_status spr_weights_check_n(const struct spr_weights *weights, struct spr_error *err)
{
    for (size_t i = 0; i < weights->weight_count; i++) {
        const struct spr_weight *w = &weights->weight[i];
        if (w->op != SPR_OP_OTHER && w->n < 1 && !w->left_out && !w->idle) {
            const char *file = w->tensor < weights->tensor_count
                                   ? weights->tensor[w->tensor].file
                                   : "weights";
            return spr_fail(err, SPR_EINPUT,
                            "%.200s: layer '%.200s': its n is not in the file: expected %s",
                            file, w->layer,
                            is_onnx(weights) ? "--dim or --tokens, as the warning says"
                            : w->op == SPR_OP_LINEAR
                                ? "--tokens N"
                                : "an ONNX file with shapes, or a table by "
                                  "scripts/python/sproof_export.py");
        }
    }
    return SPR_OK;
}

enum spr_status spr_weights_network(const struct spr_weights *weights, const char *path,
                                    struct spr_network *network, struct spr_error *err)
{
    size_t length;
    const char *name = base_name(path, &length);
    enum spr_status status = spr_weights_check_n(weights, err);
    *network = (struct spr_network){.dense_accuracy = (double)NAN};
    network->path = spr_arena_text(&network->arena, path, strlen(path));
    network->name = spr_arena_text(&network->arena, name, length);
    network->layers = spr_calloc(weights->weight_count, sizeof *network->layers);
    if (!network->path || !network->name || !network->layers) {
        status = spr_no_memory(err);
    }
    if (status != SPR_OK) {
        spr_network_free(network);
        return status;
    }
    for (size_t i = 0; i < weights->weight_count; i++) {
        fill(&weights->weight[i], &network->layers[network->layer_count++]);
    }
    return SPR_OK;
}
