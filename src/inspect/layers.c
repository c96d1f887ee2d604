/* SPDX-License-Identifier: Apache-2.0 */
/* Which tensors are layers, by their names and by the config.json beside them. */
#include "layers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "limits.h"

/* What config.json tells; 0 or "" where it does not. */
struct config {
    char type[48];
    int64_t hidden, heads;
    bool transposed; /* linear weights lie as inputs x outputs */
};

/* Two-dimensional weights that are looked up, not multiplied: a part of their name. */
static const char *const lookups[] = {
    "embeddings.", "embed_tokens", "embed_positions",         "wte.",
    "wpe.",        "shared.",      "token_embedding",         "position_embedding",
    "embedding.",  "tok_embed",    "relative_attention_bias", "lookup"};

/* Heads of a task: they run once a sequence, and stay dense. */
static const char *const task_heads[] = {"pooler", "classifier", "score", "qa_outputs",
                                         "pre_classifier"};

static bool has_part(const char *name, const char *const *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strstr(name, parts[i])) {
            return true;
        }
    }
    return false;
}
#define HAS_PART(name, parts) has_part(name, parts, sizeof parts / sizeof parts[0])

static int64_t config_integer(const spr_json *root, const char *const *keys)
{
    double value;
    for (; *keys; keys++) {
        if (spr_json_number(spr_json_get(root, *keys), &value) && value >= 1 && value <= 1e9) {
            return (int64_t)value;
        }
    }
    return 0;
}

static enum spr_status read_config(const struct spr_source *source, struct config *config,
                                   struct spr_error *err)
{
    static const char *const hidden[] = {"hidden_size", "dim", "n_embd", "d_model", NULL};
    static const char *const heads[] = {"num_attention_heads", "n_heads", "n_head", NULL};
    const char *path;
    spr_json *root;
    *config = (struct config){0};
    enum spr_status status =
        spr_sibling(source->weights, source->path, "config.json", &path, err);
    if (status != SPR_OK || access(path, F_OK) != 0) {
        return status;
    }
    status = spr_json_read(path, &root, err);
    if (status == SPR_OK) {
        const char *type = spr_json_text(spr_json_get(root, "model_type"));
        snprintf(config->type, sizeof config->type, "%s", type ? type : "unknown");
        config->hidden = config_integer(root, hidden);
        config->heads = config_integer(root, heads);
        config->transposed = strcmp(config->type, "gpt2") == 0;
        spr_json_free(root);
    }
    return status;
}

static enum spr_status set_origin(struct spr_weights *weights, const struct config *config,
                                  struct spr_error *err)
{
    char text[80];
    snprintf(text, sizeof text, config->type[0] ? "names and config.json (%s)" : "names",
             config->type);
    weights->origin = spr_arena_text(&weights->arena, text, strlen(text));
    return weights->origin ? SPR_OK : spr_fail(err, SPR_ENOMEM, "out of memory");
}

/* The name without ".weight"; NULL when out of memory. */
static const char *bare_name(struct spr_weights *weights, const char *name)
{
    static const char suffix[] = ".weight";
    size_t length = strlen(name), tail = sizeof suffix - 1;
    bool has = length > tail && strcmp(name + length - tail, suffix) == 0;
    return spr_arena_text(&weights->arena, name, has ? length - tail : length);
}

/* GPT-2 keeps linear weights as inputs x outputs. */
static void transpose(struct spr_weight *w)
{
    int64_t inputs = w->m;
    w->m = w->k;
    w->k = inputs;
    w->row_stride = 1;
    w->column_stride = w->m;
}

static enum spr_status add_layer(const struct spr_source *source, const struct config *config,
                                 struct spr_weight *w, struct spr_error *err)
{
    w->layer = bare_name(source->weights, w->layer);
    if (!w->layer) {
        return spr_fail(err, SPR_ENOMEM, "out of memory");
    }
    if (w->op == SPR_OP_LINEAR) {
        bool head = HAS_PART(w->layer, task_heads);
        w->n = head && source->options->tokens > 0 ? 1 : source->options->tokens;
        w->prunable = !head;
        if (config->transposed && w->storage == SPR_STORAGE_DENSE &&
            !strstr(w->layer, "lm_head")) {
            transpose(w);
        }
    }
    w->x_elements = (double)NAN;
    return spr_add_weight(source->weights, w, err) ? SPR_OK : SPR_ENOMEM;
}

static bool is_weight(const struct spr_tensor *t)
{
    static const char suffix[] = "weight";
    size_t length = strlen(t->name), tail = sizeof suffix - 1;
    return length >= tail && strcmp(t->name + length - tail, suffix) == 0 &&
           !(t->rank == 2 && HAS_PART(t->name, lookups));
}

/* An operator without weights: `per` elementary operations for each of `elements`, which are
 * moved `moves` times. */
static enum spr_status add_other(const struct spr_source *source, const char *base,
                                 const char *name, const double figures[3],
                                 struct spr_error *err)
{
    char text[512];
    snprintf(text, sizeof text, "%.400s%s", base, name);
    struct spr_weight w = {.op = SPR_OP_OTHER,
                           .count = 1,
                           .groups = 1,
                           .x_elements = figures[0] * figures[2],
                           .other_flops = figures[0] * figures[1],
                           .tensor = SIZE_MAX};
    w.layer = spr_arena_text(&source->weights->arena, text, strlen(text));
    if (!w.layer) {
        return spr_fail(err, SPR_ENOMEM, "out of memory");
    }
    return spr_add_weight(source->weights, &w, err) ? SPR_OK : SPR_ENOMEM;
}

static enum spr_status add_product(const struct spr_source *source, const char *base,
                                   const char *name, const int64_t shape[3], int64_t heads,
                                   struct spr_error *err)
{
    char text[512];
    snprintf(text, sizeof text, "%.400s%s", base, name);
    struct spr_weight w = {.op = SPR_OP_ATTENTION,
                           .m = shape[0],
                           .k = shape[1],
                           .n = shape[2],
                           .count = heads,
                           .groups = 1,
                           .x_elements = (double)NAN,
                           .tensor = SIZE_MAX};
    w.layer = spr_arena_text(&source->weights->arena, text, strlen(text));
    if (!w.layer) {
        return spr_fail(err, SPR_ENOMEM, "out of memory");
    }
    return spr_add_weight(source->weights, &w, err) ? SPR_OK : SPR_ENOMEM;
}

/* What stands between the products of one encoder layer, as in the shipped tables: operations
 * for each element, and how often it is read and written. */
static enum spr_status add_encoder_layer(const struct spr_source *source,
                                         const struct config *config, const char *base,
                                         int64_t intermediate, struct spr_error *err)
{
    const int64_t n = source->options->tokens, size = config->hidden / config->heads;
    const double hidden = (double)config->hidden * (double)n;
    const double scores = (double)config->heads * (double)n * (double)n;
    const double wide = (double)intermediate * (double)n;
    const int64_t qk[3] = {n, size, n}, av[3] = {size, n, n};
    enum spr_status status = add_product(source, base, "attention.qk", qk, config->heads, err);
    const struct {
        const char *name;
        double figures[3];
    } others[] = {{"attention.softmax", {scores, 5, 2}},
                  {"attention.output.add", {hidden, 1, 3}},
                  {"attention.output.LayerNorm", {hidden, 7, 2}},
                  {"intermediate.gelu", {wide, 5, 2}},
                  {"output.add", {hidden, 1, 3}},
                  {"output.LayerNorm", {hidden, 7, 2}}};
    status =
        status ? status : add_product(source, base, "attention.av", av, config->heads, err);
    for (size_t i = 0; i < sizeof others / sizeof others[0] && status == SPR_OK; i++) {
        status = add_other(source, base, others[i].name, others[i].figures, err);
    }
    return status;
}

/* Encoders of the BERT family, told by their names: LAYER.attention.self.query and
 * LAYER.intermediate.dense. */
static enum spr_status add_encoder(const struct spr_source *source,
                                   const struct config *config, size_t first_weight,
                                   struct spr_error *err)
{
    static const char query[] = "attention.self.query", wide[] = "intermediate.dense";
    struct spr_weights *weights = source->weights;
    const size_t last = weights->weight_count;
    enum spr_status status = SPR_OK;
    int64_t intermediate = 0;
    if (source->options->tokens < 1 || config->heads < 1 || config->hidden < 1 ||
        config->hidden % config->heads != 0) {
        return SPR_OK;
    }
    for (size_t i = first_weight; i < last; i++) {
        if (strstr(weights->weight[i].layer, wide)) {
            intermediate = weights->weight[i].m;
        }
    }
    for (size_t i = first_weight; i < last && intermediate > 0 && status == SPR_OK; i++) {
        const char *name = weights->weight[i].layer, *at = strstr(name, query);
        if (at && at[sizeof query - 1] == '\0') {
            const char *base = spr_arena_text(&weights->arena, name, (size_t)(at - name));
            status = base ? add_encoder_layer(source, config, base, intermediate, err)
                          : spr_fail(err, SPR_ENOMEM, "out of memory");
        }
    }
    return status;
}

enum spr_status spr_layers_of_tensors(const struct spr_source *source, size_t first,
                                      struct spr_error *err)
{
    struct spr_weights *weights = source->weights;
    struct spr_names names = {0};
    struct config config;
    const size_t first_weight = weights->weight_count;
    enum spr_status status = read_config(source, &config, err);
    status = status ? status : set_origin(weights, &config, err);
    for (size_t t = first; t < weights->tensor_count && status == SPR_OK; t++) {
        if (!spr_names_add(&names, weights->tensor[t].name, t)) {
            status = spr_fail(err, SPR_ENOMEM, "out of memory");
        }
    }
    for (size_t t = first; t < weights->tensor_count && status == SPR_OK; t++) {
        struct spr_weight weight;
        bool found = false;
        status = spr_layer_of_bitmask(source, t, &names, &weight, &found, err);
        if (status == SPR_OK && !found && is_weight(&weights->tensor[t])) {
            found = spr_weight_of_tensor(weights, t, &weight);
        }
        if (status == SPR_OK && found) {
            status = add_layer(source, &config, &weight, err);
        }
    }
    spr_names_free(&names);
    return status ? status : add_encoder(source, &config, first_weight, err);
}
