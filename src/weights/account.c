/* SPDX-License-Identifier: Apache-2.0 */
/* Where the parameters of the files are, and what is left out of the layers. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "weights/reader.h"

double spr_set_use(const struct spr_source *source, size_t tensor, enum spr_use use)
{
    if (tensor >= source->weights->tensor_count) {
        return 0;
    }
    struct spr_tensor *t = &source->weights->tensor[tensor];
    const bool claimed = t->use != SPR_USE_UNKNOWN;
    t->use = t->use == SPR_USE_LAYER ? SPR_USE_LAYER : use;
    return claimed ? 0 : t->parameters;
}

static enum spr_status append(struct spr_weights *weights, const struct spr_left_out *what,
                              struct spr_error *err)
{
    if (!spr_grow(&weights->left_out, &weights->left_out_capacity, weights->left_out_count + 1,
                  sizeof *weights->left_out)) {
        return spr_no_memory(err);
    }
    weights->left_out[weights->left_out_count++] = *what;
    return SPR_OK;
}

enum spr_status spr_leave_out(const struct spr_source *source, const struct spr_left_out *what,
                              struct spr_error *err)
{
    struct spr_arena *arena = &source->weights->arena;
    struct spr_left_out copy = *what;
    copy.name = spr_arena_text(arena, what->name, strlen(what->name));
    copy.reason = spr_arena_text(arena, what->reason, strlen(what->reason));
    return copy.name && copy.reason ? append(source->weights, &copy, err) : spr_no_memory(err);
}

/* Tensors of layers say so. */
static void claim_layers(struct spr_weights *weights)
{
    for (size_t i = 0; i < weights->weight_count; i++) {
        if (weights->weight[i].tensor < weights->tensor_count &&
            !weights->weight[i].left_out) {
            weights->tensor[weights->weight[i].tensor].use = SPR_USE_LAYER;
        }
    }
}

enum spr_status spr_leave_out_unclaimed(const struct spr_source *source, size_t first,
                                        struct spr_error *err)
{
    struct spr_weights *weights = source->weights;
    claim_layers(weights);
    for (size_t i = first; i < weights->tensor_count; i++) {
        struct spr_tensor *t = &weights->tensor[i];
        if (t->use != SPR_USE_UNKNOWN || !(t->parameters > 0)) {
            continue;
        }
        t->use = t->rank < 2 ? SPR_USE_ASIDE : SPR_USE_LEFT_OUT;
        if (t->use == SPR_USE_LEFT_OUT) {
            const struct spr_left_out what = {t->name, "not understood", t->parameters,
                                              (double)NAN};
            SPR_TRY(append(weights, &what, err));
        }
    }
    return SPR_OK;
}

/* Layers that are not left out. */
static size_t listed_products(const struct spr_weights *weights)
{
    size_t known = 0;
    for (size_t i = 0; i < weights->weight_count; i++) {
        const struct spr_weight *w = &weights->weight[i];
        known += w->op == SPR_OP_LINEAR || (w->op != SPR_OP_OTHER && w->n > 0);
    }
    return known;
}

enum spr_status spr_weights_leave_out_unknown(struct spr_weights *weights,
                                              struct spr_error *err)
{
    const bool some = listed_products(weights) > 0;
    for (size_t i = 0; some && i < weights->weight_count; i++) {
        struct spr_weight *w = &weights->weight[i];
        if (w->n < 1 && !w->left_out && (w->op == SPR_OP_CONV || w->op == SPR_OP_DEPTHWISE)) {
            const struct spr_left_out what = {
                w->layer,
                strstr(w->layer, "patch") ? "convolution: --image SIDE tells its n"
                                          : "convolution whose n is not told",
                (double)w->m * (double)w->k * (double)w->count, (double)NAN};
            w->left_out = true;
            if (w->tensor < weights->tensor_count) {
                weights->tensor[w->tensor].use = SPR_USE_LEFT_OUT;
            }
            SPR_TRY(append(weights, &what, err));
        }
    }
    claim_layers(weights); /* some share a tensor with one that is left out */
    return SPR_OK;
}

static void add_tensor(const struct spr_tensor *t, struct spr_account *account)
{
    account->parameters += t->parameters;
    switch (t->use) {
    case SPR_USE_LAYER:
        account->listed += t->parameters;
        account->bytes += (double)t->bytes;
        break;
    case SPR_USE_UNKNOWN:
    case SPR_USE_ASIDE:
        account->aside += t->parameters;
        break;
    case SPR_USE_SCALE:
        account->scales += t->parameters;
        break;
    case SPR_USE_LEFT_OUT:
        account->left_out += t->parameters;
        break;
    }
}

struct spr_account spr_weights_account(const struct spr_weights *weights)
{
    struct spr_account account = {0};
    for (size_t i = 0; i < weights->tensor_count; i++) {
        add_tensor(&weights->tensor[i], &account);
    }
    for (size_t i = 0; i < weights->weight_count; i++) {
        const struct spr_weight *w = &weights->weight[i];
        account.multiply_adds +=
            w->n > 0 ? (double)w->m * (double)w->k * (double)w->n * (double)w->count : 0;
    }
    return account;
}

const char *spr_weights_dtype(const struct spr_weights *weights)
{
    const char *dtype[16] = {NULL};
    double stored[16] = {0};
    size_t most = 0;
    for (size_t i = 0; i < weights->weight_count; i++) {
        const struct spr_weight *w = &weights->weight[i];
        if (!w->prunable || w->tensor >= weights->tensor_count) {
            continue;
        }
        const char *name = weights->tensor[w->tensor].dtype;
        size_t d = 0;
        while (d < 15 && dtype[d] && strcmp(dtype[d], name) != 0) {
            d++;
        }
        dtype[d] = name;
        stored[d] += (double)w->m * (double)w->k;
        most = stored[d] > stored[most] ? d : most;
    }
    return dtype[most];
}

double spr_left_out_share(const struct spr_account *account)
{
    double all = account->listed + account->left_out;
    return all > 0 ? account->left_out / all : 0;
}

const char *spr_left_out_text(const struct spr_weights *weights, char text[SPR_LEFT_OUT_TEXT])
{
    const struct spr_account account = spr_weights_account(weights);
    size_t used = (size_t)snprintf(text, SPR_LEFT_OUT_TEXT, "%.3g %% of the weights",
                                   100 * spr_left_out_share(&account));
    const size_t shown = weights->left_out_count < 3 ? weights->left_out_count : 3;
    for (size_t i = 0; i < shown; i++) {
        const struct spr_left_out *l = &weights->left_out[i];
        used += (size_t)snprintf(text + used, SPR_LEFT_OUT_TEXT - used,
                                 "%s %.60s (%.40s, %.0f weights)", i ? "," : ":", l->name,
                                 l->reason, l->weights);
    }
    if (shown < weights->left_out_count) {
        snprintf(text + used, SPR_LEFT_OUT_TEXT - used, ", and %zu more",
                 weights->left_out_count - shown);
    }
    return text;
}
