/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders of known families: their operators in the order of execution, so that a table made
 * from a checkpoint has what has no weights, too. Counted as the shipped tables are: FLOPs at
 * 1 per elementary operation, x_elements read and written, everything unfused. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "weights/layers.h"

enum role_kind {
    ROLE_WEIGHT,
    ROLE_PATCHES, /* the convolution that cuts a picture into tokens */
    ROLE_GATHER,  /* rows of embeddings fetched and added */
    ROLE_NORM,    /* layer norm */
    ROLE_ADD,     /* residual */
    ROLE_ACTIVATE,
    ROLE_SCORES, /* queries by keys */
    ROLE_SOFTMAX,
    ROLE_MIX, /* values by weights of attention */
    ROLE_END,
};

struct role {
    const char *name; /* behind the prefix; of ROLE_ACTIVATE without the activation's name */
    enum role_kind kind;
    int tables; /* ROLE_GATHER: embeddings that are added */
};

static const struct role bert_before[] = {
    {"embeddings", ROLE_GATHER, 3}, {"embeddings.LayerNorm", ROLE_NORM, 0}, {"", ROLE_END, 0}};
static const struct role bert_block[] = {{"attention.self.query", ROLE_WEIGHT, 0},
                                         {"attention.self.key", ROLE_WEIGHT, 0},
                                         {"attention.self.value", ROLE_WEIGHT, 0},
                                         {"attention.qk", ROLE_SCORES, 0},
                                         {"attention.softmax", ROLE_SOFTMAX, 0},
                                         {"attention.av", ROLE_MIX, 0},
                                         {"attention.output.dense", ROLE_WEIGHT, 0},
                                         {"attention.output.add", ROLE_ADD, 0},
                                         {"attention.output.LayerNorm", ROLE_NORM, 0},
                                         {"intermediate.dense", ROLE_WEIGHT, 0},
                                         {"intermediate.", ROLE_ACTIVATE, 0},
                                         {"output.dense", ROLE_WEIGHT, 0},
                                         {"output.add", ROLE_ADD, 0},
                                         {"output.LayerNorm", ROLE_NORM, 0},
                                         {"", ROLE_END, 0}};

static const struct role distilbert_before[] = {
    {"embeddings", ROLE_GATHER, 2}, {"embeddings.LayerNorm", ROLE_NORM, 0}, {"", ROLE_END, 0}};
static const struct role distilbert_block[] = {{"attention.q_lin", ROLE_WEIGHT, 0},
                                               {"attention.k_lin", ROLE_WEIGHT, 0},
                                               {"attention.v_lin", ROLE_WEIGHT, 0},
                                               {"attention.qk", ROLE_SCORES, 0},
                                               {"attention.softmax", ROLE_SOFTMAX, 0},
                                               {"attention.av", ROLE_MIX, 0},
                                               {"attention.out_lin", ROLE_WEIGHT, 0},
                                               {"attention.add", ROLE_ADD, 0},
                                               {"sa_layer_norm", ROLE_NORM, 0},
                                               {"ffn.lin1", ROLE_WEIGHT, 0},
                                               {"ffn.", ROLE_ACTIVATE, 0},
                                               {"ffn.lin2", ROLE_WEIGHT, 0},
                                               {"ffn.add", ROLE_ADD, 0},
                                               {"output_layer_norm", ROLE_NORM, 0},
                                               {"", ROLE_END, 0}};

static const struct role vit_before[] = {
    {"embeddings.patch_embeddings.projection", ROLE_PATCHES, 0},
    {"embeddings.position_embeddings", ROLE_ADD, 0},
    {"", ROLE_END, 0}};
static const struct role vit_block[] = {{"layernorm_before", ROLE_NORM, 0},
                                        {"attention.attention.query", ROLE_WEIGHT, 0},
                                        {"attention.attention.key", ROLE_WEIGHT, 0},
                                        {"attention.attention.value", ROLE_WEIGHT, 0},
                                        {"attention.qk", ROLE_SCORES, 0},
                                        {"attention.softmax", ROLE_SOFTMAX, 0},
                                        {"attention.av", ROLE_MIX, 0},
                                        {"attention.output.dense", ROLE_WEIGHT, 0},
                                        {"attention.output.add", ROLE_ADD, 0},
                                        {"layernorm_after", ROLE_NORM, 0},
                                        {"intermediate.dense", ROLE_WEIGHT, 0},
                                        {"intermediate.", ROLE_ACTIVATE, 0},
                                        {"output.dense", ROLE_WEIGHT, 0},
                                        {"output.add", ROLE_ADD, 0},
                                        {"", ROLE_END, 0}};

static const struct role nothing[] = {{"", ROLE_END, 0}};
static const struct role vit_after[] = {{"layernorm", ROLE_NORM, 0}, {"", ROLE_END, 0}};

static const struct family {
    const char *model_type;
    const char *blocks; /* what stands before the number of a block */
    const struct role *before, *block, *after;
} families[] = {
    {"bert", "encoder.layer.", bert_before, bert_block, nothing},
    {"roberta", "encoder.layer.", bert_before, bert_block, nothing},
    {"xlm-roberta", "encoder.layer.", bert_before, bert_block, nothing},
    {"camembert", "encoder.layer.", bert_before, bert_block, nothing},
    {"electra", "encoder.layer.", bert_before, bert_block, nothing},
    {"distilbert", "transformer.layer.", distilbert_before, distilbert_block, nothing},
    {"vit", "encoder.layer.", vit_before, vit_block, vit_after},
};

#define FAMILY_COUNT (sizeof families / sizeof *families)

/* FLOPs of an element's activation: exp, erf, tanh, division and comparison count 1. */
static const struct {
    const char *name;
    const char *row; /* as the row is called */
    double flops;
} activations[] = {
    {"gelu", "gelu", 5}, /* x/sqrt(2), erf, plus 1, times x, times 1/2 */
    {"gelu_new", "gelu",
     9}, /* by tanh: x^3 2, times c, plus x, times c, tanh, plus 1, x, 1/2 */
    {"gelu_pytorch_tanh", "gelu", 9},
    {"relu", "relu", 1},
    {"silu", "silu", 4}, /* negate, exp, plus 1, divide */
    {"swish", "silu", 4},
    {"tanh", "tanh", 1},
};

#define ACTIVATION_COUNT (sizeof activations / sizeof *activations)

double spr_activation(const char *name, const char **row)
{
    for (size_t i = 0; i < ACTIVATION_COUNT; i++) {
        if (strcmp(activations[i].name, name) == 0) {
            *row = activations[i].row;
            return activations[i].flops;
        }
    }
    return 0;
}

/* A network that is being added. */
struct building {
    const struct spr_source *source;
    const struct spr_config *config;
    struct spr_candidates *candidates;
    char prefix[256]; /* "bert." */
    int64_t tokens, wide;
    size_t activation;
};

#define NAME_MAX_BYTES 512

static struct spr_candidate *find_candidate(const struct building *building, const char *name)
{
    size_t at = spr_names_find(&building->candidates->names, name);
    return at == SIZE_MAX ? NULL : &building->candidates->item[at];
}

static enum spr_status add_other(const struct building *building, const char *name,
                                 double flops, double elements, struct spr_error *err)
{
    struct spr_weight *weight;
    enum spr_status status = spr_add_weight(building->source, name, &weight, err);
    if (status == SPR_OK) {
        weight->op = SPR_OP_OTHER;
        weight->x_elements = elements;
        weight->other_flops = flops;
    }
    return status;
}

static enum spr_status add_attention(const struct building *building, const char *name,
                                     bool scores, struct spr_error *err)
{
    struct spr_weight *weight;
    enum spr_status status = spr_add_weight(building->source, name, &weight, err);
    if (status == SPR_OK) {
        int64_t head = building->config->hidden / building->config->heads;
        weight->op = SPR_OP_ATTENTION;
        weight->m = scores ? building->tokens : head;
        weight->k = scores ? head : building->tokens;
        weight->n = building->tokens;
        weight->count = building->config->heads;
    }
    return status;
}

static enum spr_status add_weight_row(const struct building *building, const struct role *role,
                                      const char *name, struct spr_error *err)
{
    struct spr_candidate *candidate = find_candidate(building, name);
    if (!candidate) {
        return SPR_OK;
    }
    SPR_TRY(spr_place(building->source, building->config, candidate, err));
    if (role->kind == ROLE_PATCHES) {
        const struct spr_config *config = building->config;
        struct spr_weight *weight =
            &building->source->weights->weight[building->source->weights->weight_count - 1];
        int64_t side = config->image / config->patch;
        weight->n = side * side;
        if (config->channels > 0) {
            weight->x_elements =
                (double)config->channels * (double)config->image * (double)config->image;
        }
    }
    return SPR_OK;
}

static enum spr_status add_role(const struct building *building, const struct role *role,
                                const char *name, struct spr_error *err)
{
    double size = (double)building->tokens * (double)building->config->hidden;
    double scores =
        (double)building->config->heads * (double)building->tokens * (double)building->tokens;
    double wide = (double)building->tokens * (double)building->wide;
    switch (role->kind) {
    case ROLE_GATHER:
        return add_other(building, name, (role->tables - 1) * size, (role->tables + 1) * size,
                         err);
    case ROLE_NORM: /* sum, minus mean, square, sum, times 1/sigma, times gamma, plus beta */
        return add_other(building, name, 7 * size, 2 * size, err);
    case ROLE_ADD:
        return add_other(building, name, size, 3 * size, err);
    case ROLE_ACTIVATE:
        return add_other(building, name, activations[building->activation].flops * wide,
                         2 * wide, err);
    case ROLE_SOFTMAX: /* maximum, minus, exp, sum, divide */
        return add_other(building, name, 5 * scores, 2 * scores, err);
    case ROLE_SCORES:
    case ROLE_MIX:
        return add_attention(building, name, role->kind == ROLE_SCORES, err);
    case ROLE_WEIGHT:
    case ROLE_PATCHES:
    case ROLE_END:
        break;
    }
    return add_weight_row(building, role, name, err);
}

/* The full name of a role; block -1: outside of the blocks. */
static void role_name(const struct building *building, const struct family *family,
                      const struct role *role, int64_t block, char *name)
{
    const char *tail =
        role->kind == ROLE_ACTIVATE ? activations[building->activation].row : "";
    if (block < 0) {
        snprintf(name, NAME_MAX_BYTES, "%s%s%s", building->prefix, role->name, tail);
    } else {
        snprintf(name, NAME_MAX_BYTES, "%s%s%lld.%s%s", building->prefix, family->blocks,
                 (long long)block, role->name, tail);
    }
}

static enum spr_status add_roles(const struct building *building, const struct family *family,
                                 const struct role *roles, int64_t block,
                                 struct spr_error *err)
{
    enum spr_status status = SPR_OK;
    for (; roles->kind != ROLE_END && status == SPR_OK; roles++) {
        char name[NAME_MAX_BYTES];
        role_name(building, family, roles, block, name);
        status = add_role(building, roles, name, err);
    }
    return status;
}

/* What stands before the name of the first block's first weights; false when they are not
 * there. */
static bool find_prefix(struct building *building, const struct family *family)
{
    const struct role *role = family->block;
    char end[128];
    for (; role->kind != ROLE_WEIGHT; role++) {
    }
    int length = snprintf(end, sizeof end, "%s0.%s", family->blocks, role->name);
    for (size_t i = 0; i < building->candidates->count; i++) {
        const char *name = building->candidates->item[i].name;
        size_t size = strlen(name), before = size - (size_t)length;
        if (size >= (size_t)length && before < sizeof building->prefix &&
            strcmp(name + before, end) == 0 && (before == 0 || name[before - 1] == '.')) {
            memcpy(building->prefix, name, before);
            building->prefix[before] = '\0';
            return true;
        }
    }
    return false;
}

/* NULL when every block has its weights, of the sizes that config.json states; else what is
 * missing. */
static const char *check_blocks(struct building *building, const struct family *family,
                                char *name)
{
    const struct spr_tensor *tensors = building->source->weights->tensor;
    for (int64_t block = 0; block < building->config->layers; block++) {
        for (const struct role *role = family->block; role->kind != ROLE_END; role++) {
            if (role->kind != ROLE_WEIGHT) {
                continue;
            }
            role_name(building, family, role, block, name);
            const struct spr_candidate *candidate = find_candidate(building, name);
            if (!candidate) {
                return name;
            }
            const struct spr_tensor *tensor = &tensors[candidate->tensor];
            int64_t m = candidate->mask ? candidate->m : tensor->shape[0];
            int64_t k = candidate->mask ? candidate->k : tensor->shape[1];
            if (m != building->config->hidden && k != building->config->hidden) {
                return name;
            }
            /* The activation follows what is wider than the network. */
            building->wide = role[1].kind == ROLE_ACTIVATE ? m : building->wide;
        }
    }
    return NULL;
}

static const struct family *family_of(const struct spr_config *config)
{
    for (size_t i = 0; config->found && i < FAMILY_COUNT; i++) {
        if (strcmp(families[i].model_type, config->model_type) == 0) {
            return &families[i];
        }
    }
    return NULL;
}

/* false, with a warning, when something that is needed is not known. */
static bool can_build(struct building *building, const struct family *family)
{
    const struct spr_config *config = building->config;
    struct spr_notes *notes = building->source->notes;
    char name[NAME_MAX_BYTES];
    static const char what[] = "no rows for attention, softmax, norms and the like";
    building->tokens = spr_config_tokens(config, building->source->options);
    while (building->activation < ACTIVATION_COUNT &&
           strcmp(activations[building->activation].name, config->activation) != 0) {
        building->activation++;
    }
    if (building->tokens < 1) {
        spr_note(notes, "%s: %s without --tokens N, the tokens of a sequence",
                 building->source->path, what);
        return false;
    }
    if (config->hidden < 1 || config->heads < 1 || config->layers < 1 ||
        config->hidden % config->heads != 0 || building->activation == ACTIVATION_COUNT) {
        spr_note(notes,
                 "%s: %s: hidden_size, num_attention_heads, num_hidden_layers or hidden_act "
                 "is missing or strange",
                 config->path, what);
        return false;
    }
    const char *missing =
        find_prefix(building, family) ? check_blocks(building, family, name) : family->blocks;
    if (missing) {
        spr_note(notes, "%s: %s: '%s' of %s is missing or has another shape",
                 building->source->path, what, missing, config->path);
    }
    return !missing;
}

bool spr_has_family(const struct spr_config *config)
{
    return family_of(config) != NULL;
}

enum spr_status spr_place_family(const struct spr_source *source,
                                 const struct spr_config *config,
                                 struct spr_candidates *candidates, struct spr_error *err)
{
    const struct family *family = family_of(config);
    struct building building = {.source = source, .config = config, .candidates = candidates};
    if (!family || !can_build(&building, family)) {
        return SPR_OK;
    }
    SPR_TRY(add_roles(&building, family, family->before, -1, err));
    for (int64_t block = 0; block < config->layers; block++) {
        SPR_TRY(add_roles(&building, family, family->block, block, err));
    }
    return add_roles(&building, family, family->after, -1, err);
}
