/* SPDX-License-Identifier: Apache-2.0 */
/* config.json beside a checkpoint: what kind of network it is, and its sizes. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "weights/layers.h"

/* The first of several names that models give a size; 0 where none is there. */
static int64_t size_of(const spr_json *root, const char *const *names)
{
    for (; *names; names++) {
        double value;
        if (spr_json_number(spr_json_get(root, *names), &value) && value >= 1 &&
            value <= (double)SPR_DIMENSION_MAX && value == (double)(int64_t)value) {
            return (int64_t)value;
        }
    }
    return 0;
}

static void take_text(const spr_json *item, char *text, size_t size)
{
    const char *found = spr_json_text(item);
    if (found && strlen(found) < size) {
        memcpy(text, found, strlen(found) + 1);
    }
}

static void take_sizes(const spr_json *root, struct spr_config *config)
{
    static const char *const hidden[] = {"hidden_size", "dim", "n_embd", "d_model", NULL};
    static const char *const heads[] = {"num_attention_heads", "n_heads", "n_head", NULL};
    static const char *const layers[] = {"num_hidden_layers", "n_layers", "n_layer", NULL};
    static const char *const image[] = {"image_size", NULL};
    static const char *const patch[] = {"patch_size", NULL};
    static const char *const channels[] = {"num_channels", NULL};
    config->hidden = size_of(root, hidden);
    config->heads = size_of(root, heads);
    config->layers = size_of(root, layers);
    config->image = size_of(root, image);
    config->patch = size_of(root, patch);
    config->channels = size_of(root, channels);
}

enum spr_status spr_config_read(const struct spr_source *source, struct spr_config *config,
                                struct spr_error *err)
{
    const char *slash = strrchr(source->path, '/');
    int length = slash ? (int)(slash - source->path) + 1 : 0;
    spr_json *root;
    *config = (struct spr_config){0};
    const char *path;
    int size =
        snprintf(config->path, sizeof config->path, "%.*sconfig.json", length, source->path);
    if (size >= (int)sizeof config->path || access(config->path, F_OK) != 0) {
        return SPR_OK;
    }
    SPR_TRY(spr_beside(source, "configuration", "config.json", &path, err));
    SPR_TRY(spr_json_read_beside(path, &root, err));
    take_text(spr_json_get(root, "model_type"), config->model_type, sizeof config->model_type);
    take_text(spr_json_get(root, "hidden_act"), config->activation, sizeof config->activation);
    take_text(spr_json_get(root, "activation"), config->activation, sizeof config->activation);
    const char *architecture =
        spr_json_text(spr_json_first(spr_json_get(root, "architectures")));
    config->labels_tokens = architecture && strstr(architecture, "TokenClassification");
    take_sizes(root, config);
    config->found = config->model_type[0] != '\0';
    spr_json_free(root);
    return SPR_OK;
}

int64_t spr_config_tokens(const struct spr_config *config,
                          const struct spr_weights_options *options)
{
    if (config->found && config->image > 0 && config->patch > 0 && config->image <= 1 << 20 &&
        config->patch <= config->image) {
        int64_t side = config->image / config->patch;
        return side * side + 1; /* and the class token */
    }
    return options->tokens;
}
