/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors that are weights together with those beside them: masks, norms, stacks of experts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/layers.h"

const struct spr_tensor *spr_part(const struct spr_checkpoint *all, const char *base,
                                  size_t length, const char *end, size_t *index)
{
    char full[512];
    int size = snprintf(full, sizeof full, "%.*s%s", (int)length, base, end);
    size_t at = length < sizeof full && size < (int)sizeof full
                    ? spr_names_find(&all->tensors, full)
                    : SIZE_MAX;
    if (index) {
        *index = at;
    }
    return at == SIZE_MAX ? NULL : &all->source->weights->tensor[at];
}

enum spr_status spr_add_candidate(struct spr_checkpoint *all,
                                  const struct spr_candidate *candidate, struct spr_error *err)
{
    struct spr_candidates *found = &all->candidates;
    if (!spr_grow(&found->item, &found->capacity, found->count + 1, sizeof *found->item)) {
        return spr_no_memory(err);
    }
    found->item[found->count++] = *candidate;
    return SPR_OK;
}

/* Names of weights that another tensor changes, and of that one. */
static const struct {
    const char *weights, *beside;
    bool masks; /* it cuts; else it scales: of no consequence to zeros */
} pairs[] = {
    {".weight_orig", ".weight_mask", true},
    {".weight_orig", ".weight_u", false}, /* spectral norm */
    {".weight_v", ".weight_g", false},    /* weight norm */
    {".parametrizations.weight.original1", ".parametrizations.weight.original0", false},
    {".parametrizations.weight.original", ".parametrizations.weight.0.mask", true},
    {".parametrizations.weight.original", ".parametrizations.weight.0._u", false},
    {".weight", ".weight_mask", true},
};

#define PAIR_COUNT (sizeof pairs / sizeof *pairs)

static bool same_shape(const struct spr_tensor *a, const struct spr_tensor *b)
{
    return a->rank == b->rank &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

/* The tensor is `name`, and what is beside it fits it. */
static bool is_pair(const struct spr_checkpoint *all, size_t tensor, size_t pair,
                    size_t *length, size_t *beside)
{
    const struct spr_tensor *t = &all->source->weights->tensor[tensor];
    if (!spr_ends_with(t->name, pairs[pair].weights)) {
        return false;
    }
    *length = strlen(t->name) - strlen(pairs[pair].weights);
    const struct spr_tensor *other =
        spr_part(all, t->name, *length, pairs[pair].beside, beside);
    return other && *length > 0 &&
           (pairs[pair].masks
                ? same_shape(t, other) && other->element != SPR_ELEMENT_OTHER && other->data
                : t->rank > 1);
}

/* The tensor is what stands beside another one. */
static bool is_beside(const struct spr_checkpoint *all, size_t tensor, size_t pair,
                      size_t *beside)
{
    const struct spr_tensor *t = &all->source->weights->tensor[tensor];
    size_t weights, length;
    if (!spr_ends_with(t->name, pairs[pair].beside)) {
        return false;
    }
    length = strlen(t->name) - strlen(pairs[pair].beside);
    return spr_part(all, t->name, length, pairs[pair].weights, &weights) &&
           is_pair(all, weights, pair, &length, beside) && *beside == tensor;
}

enum spr_status spr_take_masked(struct spr_checkpoint *all, size_t tensor,
                                struct spr_candidate *candidate, bool *taken,
                                struct spr_error *err)
{
    struct spr_weights *weights = all->source->weights;
    size_t length = 0, beside = SIZE_MAX;
    *taken = false;
    for (size_t i = 0; i < PAIR_COUNT && !*taken; i++) {
        if (is_pair(all, tensor, i, &length, &beside)) {
            *taken = true;
            candidate->name =
                spr_arena_text(&weights->arena, weights->tensor[tensor].name, length);
            candidate->factor = pairs[i].masks ? beside : SIZE_MAX;
            if (!candidate->name) {
                return spr_no_memory(err);
            }
            candidate->kind = spr_kind_of(all, tensor, candidate->name);
        } else if (is_beside(all, tensor, i, &beside)) {
            *taken = true;
            candidate->kind = SPR_KIND_PART;
            weights->tensor[tensor].parameters = 0; /* of the weights beside it */
        }
    }
    return SPR_OK;
}

int64_t spr_expert_of(const char *name)
{
    const char *part = name;
    while (part && !(strncmp(part, "experts.", 8) == 0)) {
        part = strchr(part, '.');
        part = part ? part + 1 : NULL;
    }
    for (part = part ? strchr(part, '.') : NULL; part; part = strchr(part + 1, '.')) {
        size_t digits = strspn(part + 1, "0123456789");
        if (digits > 0 && digits < 10 && (part[digits + 1] == '.' || !part[digits + 1])) {
            return strtol(part + 1, NULL, 10);
        }
    }
    return -1;
}

/* A piece of the last part of a name is `text`. */
static bool last_holds(const char *name, const char *text)
{
    const char *dot = strrchr(name, '.');
    return strstr(dot ? dot : name, text) != NULL;
}

/* Does the stack hold k x m matrices? Told by its bias, else by the size that goes into
 * the first product and comes out of the last. Where neither tells: a parameter of its own is
 * multiplied as it stands, what is called .weight is a linear layer. */
static bool stack_is_transposed(const struct spr_checkpoint *all,
                                const struct spr_candidate *candidate)
{
    const struct spr_tensor *t = &all->source->weights->tensor[candidate->tensor];
    const char *name = candidate->name;
    const struct spr_tensor *bias = spr_part(all, name, strlen(name), "_bias", NULL);
    const int64_t rows = t->shape[1], columns = t->shape[2], hidden = all->config.hidden;
    const bool last =
        last_holds(name, "down") || last_holds(name, "w2") || last_holds(name, "output");
    if (bias && rows != columns && bias->rank == 2 &&
        (bias->shape[1] == rows || bias->shape[1] == columns)) {
        return bias->shape[1] == columns;
    }
    if (hidden > 0 && rows != columns && (rows == hidden || columns == hidden)) {
        return (rows == hidden) != last;
    }
    return !spr_ends_with(t->name, ".weight");
}

enum spr_status spr_take_stack(struct spr_checkpoint *all,
                               const struct spr_candidate *candidate, struct spr_error *err)
{
    const struct spr_tensor *t = &all->source->weights->tensor[candidate->tensor];
    const bool turned = !candidate->quantized && stack_is_transposed(all, candidate);
    for (int64_t e = 0; e < t->shape[0]; e++) {
        struct spr_candidate one = *candidate;
        char name[512];
        int size = snprintf(name, sizeof name, "%s.%lld", candidate->name, (long long)e);
        one.name = size < (int)sizeof name
                       ? spr_arena_text(&all->source->weights->arena, name, (size_t)size)
                       : NULL;
        if (!one.name) {
            return spr_no_memory(err);
        }
        one.kind = SPR_KIND_STACK;
        one.transposed = turned;
        one.m = t->shape[1];
        one.k = t->shape[2];
        one.slice = one.expert = e;
        SPR_TRY(spr_add_candidate(all, &one, err));
    }
    return SPR_OK;
}
