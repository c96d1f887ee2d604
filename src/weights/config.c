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

/* Of a model of several parts what tells of its text stands in a member of its own. */
static void take_size(const spr_json *root, const char *const *names, int64_t *size)
{
    const spr_json *text = spr_json_get(root, "text_config");
    *size = size_of(root, names);
    if (*size == 0 && text) {
        *size = size_of(text, names);
    }
}

static void take_sizes(const spr_json *root, struct spr_config *config)
{
    const struct {
        const char *names[6];
        int64_t *size;
    } sizes[] = {
        {{"hidden_size", "dim", "n_embd", "d_model", NULL}, &config->hidden},
        {{"num_attention_heads", "n_heads", "n_head", "decoder_attention_heads", NULL},
         &config->heads},
        {{"num_hidden_layers", "n_layers", "n_layer", NULL}, &config->layers},
        {{"image_size", NULL}, &config->image},
        {{"patch_size", NULL}, &config->patch},
        {{"num_channels", NULL}, &config->channels},
        {{"num_key_value_heads", "num_kv_heads", NULL}, &config->kv_heads},
        {{"head_dim", NULL}, &config->head},
        {{"vocab_size", NULL}, &config->vocabulary},
        {{"num_hidden_groups", NULL}, &config->groups},
        {{"num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts", NULL},
         &config->experts},
        {{"num_experts_per_tok", "num_experts_per_token", "moe_topk", "top_k_experts",
          "moe_top_k", NULL},
         &config->routed},
        {{"max_source_positions", NULL}, &config->positions},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        take_size(root, sizes[i].names, sizes[i].size);
    }
}

/* Pictures of a model that has text, too. */
static void take_vision(const spr_json *root, struct spr_config *config)
{
    static const char *const image[] = {"image_size", NULL}, *const patch[] = {"patch_size",
                                                                               NULL};
    const spr_json *vision = spr_json_get(root, "vision_config");
    if (vision && config->image == 0) {
        config->vision_image = size_of(vision, image);
        config->vision_patch = size_of(vision, patch);
    }
}

/* A head to the vocabulary, which is the embedding again unless the file has one. */
static void take_head(const spr_json *root, struct spr_config *config)
{
    static const char *const heads[] = {"CausalLM", "LMHead", "MaskedLM",
                                        "ConditionalGeneration", "ForPreTraining"};
    const char *name = spr_json_text(spr_json_first(spr_json_get(root, "architectures")));
    const spr_json *tie = spr_json_get(root, "tie_word_embeddings");
    bool tied = true;
    config->labels_tokens = name && strstr(name, "TokenClassification");
    for (size_t i = 0; name && i < sizeof heads / sizeof *heads; i++) {
        config->predicts_words = config->predicts_words || strstr(name, heads[i]);
    }
    config->unties = spr_json_bool(tie, &tied) && !tied;
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
    take_text(spr_json_get(root, "activation_function"), config->activation,
              sizeof config->activation);
    take_text(spr_json_get(root, "activation"), config->activation, sizeof config->activation);
    take_sizes(root, config);
    take_vision(root, config);
    take_head(root, config);
    const char *format = spr_json_text(
        spr_json_get(spr_json_get(root, "quantization_config"), "checkpoint_format"));
    config->gptq_v2 = format && strcmp(format, "gptq_v2") == 0;
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

int64_t spr_tokens_of(const struct spr_config *config,
                      const struct spr_weights_options *options, const char *name)
{
    if (config->found && config->vision_image > 0 && config->vision_patch > 0 &&
        config->vision_image <= 1 << 20 && config->vision_patch <= config->vision_image &&
        strncmp(name, "vision", 6) == 0) {
        const int64_t side = config->vision_image / config->vision_patch;
        return side * side + 1;
    }
    return spr_config_tokens(config, options);
}
