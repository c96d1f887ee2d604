/* SPDX-License-Identifier: Apache-2.0 */
/* Which tensors are weights of a product: the rules, by the parts of a name between dots. */
#include <string.h>

#include "weights/layers.h"

enum place {
    ANY,  /* a part of the name */
    LAST, /* its last part */
    HOLD, /* a piece of its last part */
};

/* The first that fits decides. */
static const struct {
    const char *text;
    enum place place;
    enum spr_kind kind;
} rules[] = {
    {"relative_attention_bias", ANY, SPR_KIND_LOOKUP},
    {"relative_position_bias_table", LAST, SPR_KIND_LOOKUP},
    /* parts of quantised weights, states of recurrences, biases of stacked matrices */
    {"_scale", HOLD, SPR_KIND_SCALE},
    {"scales", HOLD, SPR_KIND_SCALE},
    {"zero_point", HOLD, SPR_KIND_SCALE},
    {"qzeros", LAST, SPR_KIND_SCALE},
    {"absmax", HOLD, SPR_KIND_SCALE},
    {"SCB", LAST, SPR_KIND_SCALE},
    {"quant_map", HOLD, SPR_KIND_SCALE},
    {"A_log", LAST, SPR_KIND_NONE},
    {"bias", HOLD, SPR_KIND_NONE},
    {"layer_scale", HOLD, SPR_KIND_NONE},
    {"norm", LAST, SPR_KIND_NONE},
    /* heads, before the embeddings that some share their names with */
    {"lm_head", ANY, SPR_KIND_HEAD},
    {"embed_out", ANY, SPR_KIND_HEAD},
    {"vocab_projector", ANY, SPR_KIND_HEAD},
    {"decoder", LAST, SPR_KIND_HEAD}, /* cls.predictions.decoder */
    /* tables of which rows are fetched */
    {"patch_embeddings", ANY, SPR_KIND_LINEAR},
    {"word_embeddings", ANY, SPR_KIND_LOOKUP},
    {"position_embeddings", ANY, SPR_KIND_LOOKUP},
    {"token_type_embeddings", ANY, SPR_KIND_LOOKUP},
    {"embed_tokens", ANY, SPR_KIND_LOOKUP},
    {"embed_positions", ANY, SPR_KIND_LOOKUP},
    {"embed_in", ANY, SPR_KIND_LOOKUP},
    {"tok_embeddings", ANY, SPR_KIND_LOOKUP},
    {"token_embedding", ANY, SPR_KIND_LOOKUP},
    {"position_embedding", ANY, SPR_KIND_LOOKUP},
    {"token_embd", ANY, SPR_KIND_LOOKUP}, /* GGUF */
    {"position_embd", ANY, SPR_KIND_LOOKUP},
    {"token_types", LAST, SPR_KIND_LOOKUP},
    {"rope_freqs", LAST, SPR_KIND_NONE},
    {"wte", ANY, SPR_KIND_LOOKUP},
    {"wpe", ANY, SPR_KIND_LOOKUP},
    {"shared", LAST, SPR_KIND_LOOKUP},
    {"text_projection", ANY, SPR_KIND_ONCE},
    {"visual_projection", ANY, SPR_KIND_ONCE},
    {"project", HOLD, SPR_KIND_LINEAR}, /* embeddings_project */
    {"_proj", HOLD, SPR_KIND_LINEAR},
    {"mapping", HOLD, SPR_KIND_LINEAR},
    {"embed", HOLD, SPR_KIND_LOOKUP},
    {"Embed", HOLD, SPR_KIND_LOOKUP},
    {"emb", LAST, SPR_KIND_LOOKUP},
    {"_emb", HOLD, SPR_KIND_LOOKUP},
    {"_token", HOLD, SPR_KIND_LOOKUP},
    {"encoder", LAST, SPR_KIND_LOOKUP}, /* of language models of nn.LSTM */
    {"codebook", HOLD, SPR_KIND_LOOKUP},
    /* once for a sequence or a picture */
    {"pooler", ANY, SPR_KIND_ONCE},
    {"classifier", ANY, SPR_KIND_ONCE},
    {"pre_classifier", ANY, SPR_KIND_ONCE},
    {"seq_relationship", ANY, SPR_KIND_ONCE},
    {"score", LAST, SPR_KIND_ONCE},
    {"fc", LAST, SPR_KIND_ONCE},
    {"head", LAST, SPR_KIND_ONCE},
};

#define RULE_COUNT (sizeof rules / sizeof *rules)

/* true when a part of name[0..length) fits. */
static bool has_part(const char *name, size_t length, const char *text, enum place place)
{
    size_t wanted = strlen(text), start = 0;
    while (start <= length) {
        const char *dot = memchr(name + start, '.', length - start);
        size_t end = dot ? (size_t)(dot - name) : length;
        bool last = end == length;
        if (place == HOLD) {
            for (size_t i = start; last && i + wanted <= end; i++) {
                if (memcmp(name + i, text, wanted) == 0) {
                    return true;
                }
            }
        } else if ((place == ANY || last) && end - start == wanted &&
                   memcmp(name + start, text, wanted) == 0) {
            return true;
        }
        start = end + 1;
    }
    return false;
}

bool spr_name_has(const char *name, const char *text, bool last)
{
    return has_part(name, strlen(name), text, last ? LAST : ANY);
}

/* A part is a number: a layer of many, not the last of all. */
static bool is_numbered(const char *name)
{
    for (const char *part = name; part; part = strchr(part, '.')) {
        part += *part == '.';
        size_t digits = strspn(part, "0123456789");
        if (digits > 0 && part[digits] == '.') {
            return true;
        }
    }
    return false;
}

enum spr_kind spr_kind_of_name(const char *name, const struct spr_config *config)
{
    const size_t length = strlen(name);
    enum spr_kind kind = SPR_KIND_LINEAR;
    enum place place = ANY;
    for (size_t i = 0; i < RULE_COUNT; i++) {
        if (has_part(name, length, rules[i].text, rules[i].place)) {
            kind = rules[i].kind;
            place = rules[i].place;
            break;
        }
    }
    if (kind == SPR_KIND_ONCE &&
        ((config->labels_tokens && has_part(name, length, "classifier", ANY)) ||
         (place == LAST && is_numbered(name)))) {
        return SPR_KIND_LINEAR;
    }
    if (kind == SPR_KIND_HEAD && has_part(name, length, "dense", LAST)) {
        return SPR_KIND_LINEAR; /* before the head */
    }
    return kind == SPR_KIND_LINEAR && has_part(name, length, "weight_hh", HOLD) ? SPR_KIND_STEP
                                                                                : kind;
}

/* Elements of the vector X.bias; 0: there is none. */
static int64_t bias_of(const struct spr_checkpoint *all, const char *name)
{
    const struct spr_tensor *bias = spr_part(all, name, strlen(name), ".bias", NULL);
    return bias && bias->rank == 1 ? bias->shape[0] : 0;
}

/* All sizes but one are 1. */
static bool is_vector(const struct spr_tensor *tensor)
{
    int longer = 0;
    for (int d = 0; d < tensor->rank; d++) {
        longer += tensor->shape[d] > 1;
    }
    return longer < 2;
}

/* Three dimensions or more. */
static enum spr_kind kind_of_many(const struct spr_checkpoint *all,
                                  const struct spr_tensor *tensor, const char *name)
{
    const enum spr_kind kind = spr_kind_of_name(name, &all->config);
    const int64_t bias = bias_of(all, name), *shape = tensor->shape;
    const bool conv = has_part(name, strlen(name), "conv", HOLD) ||
                      has_part(name, strlen(name), "patch", HOLD);
    if (kind == SPR_KIND_NONE || kind == SPR_KIND_SCALE) {
        return kind;
    }
    /* Scales of channels, tables of positions, tokens that are learnt. What is called .weight
     * and has four dimensions is one only along the last. */
    const bool one = shape[0] == 1 && shape[1] == 1;
    const bool plain = tensor->rank == 4 && spr_ends_with(tensor->name, ".weight")
                           ? one && is_vector(tensor)
                           : is_vector(tensor) || shape[0] == 1;
    if (!conv && plain && bias == 0) {
        return SPR_KIND_LOOKUP;
    }
    if (tensor->rank == 3 && (spr_expert_of(name) >= 0 || strstr(name, "expert") ||
                              strstr(name, "_exps") || strstr(name, "moe."))) {
        return SPR_KIND_STACK;
    }
    if (bias > 0 && bias == shape[1] && bias != shape[0]) {
        return SPR_KIND_CONV_TRANSPOSED;
    }
    /* The kernel is small, or a filter sees one channel. */
    if (tensor->rank != 3 || conv || bias == shape[0] ||
        (shape[2] <= 16 && shape[2] < shape[1]) || shape[1] == 1) {
        return kind == SPR_KIND_LOOKUP && !conv && bias == 0 ? SPR_KIND_LOOKUP : SPR_KIND_CONV;
    }
    return kind == SPR_KIND_LOOKUP ? SPR_KIND_LOOKUP : SPR_KIND_UNKNOWN;
}

enum spr_kind spr_kind_of(const struct spr_checkpoint *all, size_t tensor, const char *name)
{
    const struct spr_tensor *t = &all->source->weights->tensor[tensor];
    if (t->rank > 2) {
        return kind_of_many(all, t, name);
    }
    const enum spr_kind kind = spr_kind_of_name(name, &all->config);
    const int64_t bias = bias_of(all, name);
    if (kind == SPR_KIND_LOOKUP) { /* which has no bias */
        return bias > 0 && (bias == t->shape[0] || bias == t->shape[1]) ? SPR_KIND_LINEAR
                                                                        : kind;
    }
    if (kind == SPR_KIND_LINEAR && bias == 0 && all->config.vocabulary > 0 &&
        t->shape[0] == all->config.vocabulary && t->shape[1] == all->config.hidden &&
        !is_numbered(name)) {
        return has_part(name, strlen(name), "output", LAST) ? SPR_KIND_HEAD : SPR_KIND_LOOKUP;
    }
    return kind;
}

bool spr_kind_is_transposed(const char *name, const struct spr_config *config)
{
    static const char *const parts[] = {"c_attn", "q_attn", "c_proj", "c_fc"};
    bool gpt = strcmp(config->model_type, "gpt2") == 0 ||
               strcmp(config->model_type, "openai-gpt") == 0;
    for (size_t i = 0; gpt && i < sizeof parts / sizeof *parts; i++) {
        if (has_part(name, strlen(name), parts[i], LAST)) {
            return true;
        }
    }
    return false;
}
