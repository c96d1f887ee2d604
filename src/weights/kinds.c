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
    /* scales of quantised weights, states of recurrences */
    {"weight_scale", LAST, SPR_KIND_SCALE},
    {"weight_zero_point", LAST, SPR_KIND_SCALE},
    {"input_scale", LAST, SPR_KIND_SCALE},
    {"output_scale", LAST, SPR_KIND_SCALE},
    {"scales", LAST, SPR_KIND_SCALE},
    {"qzeros", LAST, SPR_KIND_SCALE},
    {"A_log", LAST, SPR_KIND_NONE},
    {"bias", LAST, SPR_KIND_NONE},
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
    {"relative_attention_bias", ANY, SPR_KIND_LOOKUP},
    {"relative_position_bias_table", LAST, SPR_KIND_LOOKUP},
    {"wte", ANY, SPR_KIND_LOOKUP},
    {"wpe", ANY, SPR_KIND_LOOKUP},
    {"shared", LAST, SPR_KIND_LOOKUP},
    {"embedding", LAST, SPR_KIND_LOOKUP},
    {"embeddings", LAST, SPR_KIND_LOOKUP},
    {"pos_embed", HOLD, SPR_KIND_LOOKUP},
    {"_token", HOLD, SPR_KIND_LOOKUP},
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

enum spr_kind spr_kind_of(const char *name, int rank, const struct spr_config *config)
{
    size_t length = strlen(name);
    enum spr_kind kind = SPR_KIND_LINEAR;
    for (size_t i = 0; i < RULE_COUNT; i++) {
        if (has_part(name, length, rules[i].text, rules[i].place)) {
            kind = rules[i].kind;
            break;
        }
    }
    if (rank > 2) {
        /* Three dimensions may also be a stack of matrices or a table of positions. */
        bool conv = rank != 3 || has_part(name, length, "conv", HOLD);
        return kind == SPR_KIND_LOOKUP || kind == SPR_KIND_NONE || !conv ? SPR_KIND_NONE
                                                                         : SPR_KIND_CONV;
    }
    return kind == SPR_KIND_ONCE && config->labels_tokens &&
                   has_part(name, length, "classifier", ANY)
               ? SPR_KIND_LINEAR
               : kind;
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
