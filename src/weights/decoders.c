/* SPDX-License-Identifier: Apache-2.0 */
/* Decoders of known families: their blocks with attention, softmax, norms and activations between
 * the layers, counted as the shipped table of Llama is: `tokens` new ones that see `context` keys.
 * Heads that share keys and values are one product of as many tokens more. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "weights/layers.h"

#define NAME_MAX_BYTES 512

static const struct family {
    const char *type;       /* of config.json, or the architecture of a GGUF file */
    bool turns;             /* positions turn queries and keys */
    bool centers;           /* layer norm; else the root mean square alone */
    const char *activation; /* where nothing tells */
} families[] = {
    {"llama", true, false, "silu"},
    {"mistral", true, false, "silu"},
    {"mixtral", true, false, "silu"},
    {"qwen2", true, false, "silu"},
    {"qwen3", true, false, "silu"},
    {"qwen2_moe", true, false, "silu"},
    {"qwen3_moe", true, false, "silu"},
    {"qwen2moe", true, false, "silu"},
    {"qwen3moe", true, false, "silu"},
    {"gemma", true, false, "gelu_pytorch_tanh"},
    {"gemma2", true, false, "gelu_pytorch_tanh"},
    {"gemma3", true, false, "gelu_pytorch_tanh"},
    {"gemma3_text", true, false, "gelu_pytorch_tanh"},
    {"phi3", true, false, "silu"},
    {"phi", true, true, "gelu_new"},
    {"olmo", true, true, "silu"},
    {"olmo2", true, false, "silu"},
    {"granite", true, false, "silu"},
    {"granitemoe", true, false, "silu"},
    {"smollm3", true, false, "silu"},
    {"helium", true, false, "silu"},
    {"glm", true, false, "silu"},
    {"gpt_oss", true, false, "silu"},
    {"stablelm", true, true, "silu"},
    {"cohere", true, true, "silu"},
    {"starcoder2", true, true, "gelu_pytorch_tanh"},
    {"gpt2", false, true, "gelu_new"},
    {"gpt_neo", false, true, "gelu_new"},
    {"gpt_neox", true, true, "gelu"},
    {"gptneox", true, true, "gelu"},
    {"gptj", true, true, "gelu_new"},
    {"opt", false, true, "relu"},
    {"bloom", false, true, "gelu_new"},
    {"falcon", true, true, "gelu"},
};

/* A network that is being added. */
struct building {
    struct spr_checkpoint *all;
    const struct family *family;
    size_t first;      /* tensor */
    char prefix[256];  /* "model.layers." */
    size_t begin, end; /* candidates of the block at hand, which follow each other */
    int64_t tokens, context, head, kv_heads;
    double activation; /* FLOPs of an element */
    const char *act_row;
};

static bool holds_any(const char *name, const char *const *texts)
{
    for (; *texts; texts++) {
        if (strstr(name, *texts)) {
            return true;
        }
    }
    return false;
}

static bool is_attention(const char *name)
{
    static const char *const texts[] = {"attn", "attention", NULL};
    return holds_any(name, texts);
}

/* The last product of the attention. */
static bool is_output(const char *name)
{
    static const char *const ends[] = {"o_proj", "out_proj",    "c_proj",
                                       "dense",  "attn_output", NULL};
    const char *dot = strrchr(name, '.');
    for (const char *const *end = ends; *end && is_attention(name); end++) {
        if (strcmp(dot ? dot + 1 : name, *end) == 0) {
            return true;
        }
    }
    return false;
}

/* The last product of the feed-forward part, which takes what is activated. */
static bool is_down(const char *name)
{
    static const char *const texts[] = {"down",          "c_proj", "fc2",           "fc_out",
                                        "dense_4h_to_h", ".w2",    "output_linear", NULL};
    return !is_attention(name) && holds_any(name, texts);
}

/* A second product whose result multiplies what is activated. */
static bool is_gate(const char *name)
{
    static const char *const texts[] = {"gate_proj", "gate_up",      "ffn_gate", ".w1",
                                        ".w3",       "input_linear", NULL};
    return holds_any(name, texts) && !strstr(name, "gate_inp");
}

static enum spr_status add_other(const struct building *b, const char *name, double flops,
                                 double elements, struct spr_error *err)
{
    struct spr_weight *weight;
    SPR_TRY(spr_add_weight(b->all->source, name, &weight, err));
    weight->op = SPR_OP_OTHER;
    weight->x_elements = elements;
    weight->other_flops = flops;
    return SPR_OK;
}

/* A product of activations; scores: of queries by keys. */
static enum spr_status add_product(const struct building *b, const char *name, bool scores,
                                   struct spr_error *err)
{
    struct spr_weight *weight;
    SPR_TRY(spr_add_weight(b->all->source, name, &weight, err));
    weight->op = SPR_OP_ATTENTION;
    weight->m = scores ? b->context : b->head;
    weight->k = scores ? b->head : b->context;
    weight->n = b->tokens * (b->all->config.heads / b->kv_heads);
    weight->count = b->kv_heads;
    return SPR_OK;
}

static enum spr_status add_norm(const struct building *b, const char *name,
                                struct spr_error *err)
{
    const double size = (double)b->tokens * (double)b->all->config.hidden;
    return add_other(b, name, (b->family->centers ? 7 : 4) * size, 2 * size, err);
}

static enum spr_status add_residual(const struct building *b, const char *name,
                                    struct spr_error *err)
{
    const double size = (double)b->tokens * (double)b->all->config.hidden;
    return add_other(b, name, size, 3 * size, err);
}

/* What stands between the queries, keys and values and the product that ends the attention. */
static enum spr_status add_attention(const struct building *b, const char *block,
                                     struct spr_error *err)
{
    char name[NAME_MAX_BYTES + 32];
    const double tokens = (double)b->tokens, head = (double)b->head;
    const double heads = (double)b->all->config.heads, kv = (double)b->kv_heads;
    const double scores = heads * tokens * (double)b->context;
    if (b->family->turns) {
        const double turned = (heads + kv) * head * tokens;
        snprintf(name, sizeof name, "%sattention.rotary", block);
        SPR_TRY(add_other(b, name, 3 * turned, 2 * turned + 2 * head * tokens, err));
    }
    snprintf(name, sizeof name, "%sattention.kv_cache", block);
    SPR_TRY(add_other(b, name, 0, 4 * kv * head * tokens, err));
    snprintf(name, sizeof name, "%sattention.qk", block);
    SPR_TRY(add_product(b, name, true, err));
    snprintf(name, sizeof name, "%sattention.softmax", block);
    SPR_TRY(add_other(b, name, 5 * scores, 2 * scores, err));
    snprintf(name, sizeof name, "%sattention.av", block);
    return add_product(b, name, false, err);
}

/* false: there are no candidates of this block behind those of the one before. */
static bool find_block(struct building *b, const char *block)
{
    const struct spr_candidates *found = &b->all->candidates;
    const size_t length = strlen(block);
    for (b->begin = b->end;
         b->begin < found->count && strncmp(found->item[b->begin].name, block, length) != 0;
         b->begin++) {
    }
    for (b->end = b->begin;
         b->end < found->count && strncmp(found->item[b->end].name, block, length) == 0;
         b->end++) {
    }
    return b->end > b->begin;
}

/* The block's candidates that `wanted` is true of. */
static enum spr_status place_some(const struct building *b, const char *block, bool attention,
                                  bool last, struct spr_error *err)
{
    struct spr_candidates *found = &b->all->candidates;
    const size_t length = strlen(block);
    for (size_t i = b->begin; i < b->end; i++) {
        struct spr_candidate *c = &found->item[i];
        if (c->placed || is_attention(c->name + length) != attention ||
            (attention ? is_output(c->name) : is_down(c->name + length)) != last) {
            continue;
        }
        SPR_TRY(spr_place(b->all->source, &b->all->config, c, err));
    }
    return SPR_OK;
}

/* Outputs of the block's products before the activation, as often as a token meets them; *gated: two
 * of them are multiplied. */
static double width_of(const struct building *b, const char *block, bool *gated)
{
    const struct spr_candidates *found = &b->all->candidates;
    const size_t length = strlen(block);
    const int64_t routed = b->all->config.routed > 0 ? b->all->config.routed : 1;
    double width = 0;
    bool expert = false;
    *gated = false;
    for (size_t i = b->begin; i < b->end; i++) {
        const struct spr_candidate *c = &found->item[i];
        const struct spr_tensor *t = &b->all->source->weights->tensor[c->tensor];
        if (is_attention(c->name + length)) {
            continue;
        }
        *gated = *gated || is_gate(c->name + length);
        if (is_down(c->name + length) && !(c->expert >= 0 && expert)) {
            const int64_t m = c->m > 0 ? c->m : t->shape[0], k = c->m > 0 ? c->k : t->shape[1];
            width += (double)(c->transposed ? m : k) * (c->expert >= 0 ? (double)routed : 1);
            expert = expert || c->expert >= 0;
        }
    }
    return width;
}

static enum spr_status add_activation(const struct building *b, const char *block,
                                      struct spr_error *err)
{
    bool gated;
    const double wide = width_of(b, block, &gated) * (double)b->tokens;
    char name[NAME_MAX_BYTES + 32];
    if (!(wide > 0)) {
        return SPR_OK;
    }
    snprintf(name, sizeof name, "%smlp.%s", block, b->act_row);
    SPR_TRY(add_other(b, name, b->activation * wide, 2 * wide, err));
    snprintf(name, sizeof name, "%smlp.mul", block);
    return gated ? add_other(b, name, wide, 3 * wide, err) : SPR_OK;
}

/* Norms of a block; those of single heads are not of the network's width. */
static size_t count_norms(const struct building *b, const char *block)
{
    static const char *const texts[] = {"norm", "ln_", "ln1", "ln2", NULL};
    const struct spr_weights *weights = b->all->source->weights;
    const size_t length = strlen(block);
    size_t count = 0;
    for (size_t i = b->first; i < weights->tensor_count; i++) {
        const struct spr_tensor *t = &weights->tensor[i];
        count += t->rank == 1 && t->shape[0] == b->all->config.hidden &&
                 spr_ends_with(t->name, ".weight") && strncmp(t->name, block, length) == 0 &&
                 holds_any(t->name + length, texts);
    }
    return count;
}

static enum spr_status add_block(const struct building *b, const char *block, size_t norms,
                                 struct spr_error *err)
{
    static const char *const names[] = {"input_layernorm", "post_attention_layernorm",
                                        "pre_feedforward_layernorm",
                                        "post_feedforward_layernorm"};
    char name[NAME_MAX_BYTES + 32];
    for (size_t i = 0; i < norms && i < 4; i++) {
        snprintf(name, sizeof name, "%s%s", block, names[i]);
        SPR_TRY(add_norm(b, name, err));
        if (i == 0) {
            SPR_TRY(place_some(b, block, true, false, err));
            SPR_TRY(add_attention(b, block, err));
            SPR_TRY(place_some(b, block, true, true, err));
            snprintf(name, sizeof name, "%sattention.add", block);
            SPR_TRY(add_residual(b, name, err));
        }
    }
    SPR_TRY(place_some(b, block, false, false, err));
    SPR_TRY(add_activation(b, block, err));
    SPR_TRY(place_some(b, block, false, true, err));
    snprintf(name, sizeof name, "%smlp.add", block);
    return add_residual(b, name, err);
}

/* What stands before the number of the first block that has an attention. */
static bool find_prefix(struct building *b)
{
    const struct spr_candidates *found = &b->all->candidates;
    for (size_t i = 0; i < found->count; i++) {
        const char *name = found->item[i].name;
        for (const char *at = strchr(name, '.'); at; at = strchr(at + 1, '.')) {
            const size_t length = (size_t)(at - name) + 1;
            if (strncmp(at, ".0.", 3) == 0 && is_attention(at) && is_output(name) &&
                length < sizeof b->prefix) {
                memcpy(b->prefix, name, length);
                b->prefix[length] = '\0';
                return true;
            }
        }
    }
    return false;
}

static const struct family *family_of(const struct spr_config *config)
{
    for (size_t i = 0; config->found && i < sizeof families / sizeof *families; i++) {
        if (strcmp(families[i].type, config->model_type) == 0) {
            return &families[i];
        }
    }
    return NULL;
}

/* NULL, or what is needed and not known. */
static const char *prepare(struct building *b)
{
    const struct spr_config *c = &b->all->config;
    const struct spr_weights_options *options = b->all->source->options;
    const char *activation = c->activation[0] ? c->activation : b->family->activation;
    if (c->hidden < 1 || c->heads < 1 || c->layers < 1 || c->layers > 100000 ||
        c->hidden > 1 << 24 || c->heads > 1 << 16) {
        return "the sizes of its configuration are missing or strange";
    }
    b->tokens = options->tokens;
    b->context = options->context > 0 ? options->context : options->tokens;
    b->kv_heads = c->kv_heads > 0 ? c->kv_heads : c->heads;
    b->head = c->head > 0 ? c->head : c->hidden / c->heads;
    b->activation = spr_activation(activation, &b->act_row);
    if (b->tokens < 1) {
        return "--tokens N tells the new tokens, --context N the keys that they see";
    }
    if (c->heads % b->kv_heads != 0 || b->head < 1 || b->head > 1 << 16 ||
        b->context < b->tokens || b->context > 1 << 30 || !(b->activation > 0)) {
        return "its heads, its activation or the context do not fit";
    }
    return find_prefix(b) ? NULL : "its blocks are called otherwise";
}

static bool has_attention(const struct spr_checkpoint *all)
{
    for (size_t i = 0; i < all->candidates.count; i++) {
        if (is_attention(all->candidates.item[i].name)) {
            return true;
        }
    }
    return false;
}

enum spr_status spr_place_decoder(struct spr_checkpoint *all, size_t first,
                                  struct spr_error *err)
{
    struct building b = {.all = all, .family = family_of(&all->config), .first = first};
    const char *missing = b.family ? prepare(&b) : "the family is not known";
    char block[NAME_MAX_BYTES];
    if (missing) {
        if (has_attention(all)) {
            spr_note(all->source->notes,
                     "%s: no rows for attention, softmax and norms (%s): %s",
                     all->source->path,
                     all->config.found ? all->config.model_type : "no config.json", missing);
        }
        return SPR_OK;
    }
    const double size = (double)b.tokens * (double)all->config.hidden;
    SPR_TRY(add_other(&b, "embedding", 0, 2 * size, err));
    snprintf(block, sizeof block, "%s0.", b.prefix);
    const size_t norms = count_norms(&b, block);
    for (int64_t i = 0; i < all->config.layers; i++) {
        snprintf(block, sizeof block, "%s%lld.", b.prefix, (long long)i);
        if (!find_block(&b, block)) {
            spr_note(all->source->notes, "%s: no weights of block '%s'", all->source->path,
                     block);
            break;
        }
        SPR_TRY(add_block(&b, block, norms > 0 ? norms : 2, err));
    }
    return add_norm(&b, "final_norm", err);
}
