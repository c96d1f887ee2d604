/* SPDX-License-Identifier: Apache-2.0 */
/* Which tensors are the weights of layers. */
#include "weights/layers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs of digits compare as numbers: layer.2 before layer.10. */
static int natural_order(const char *left, const char *right)
{
    while (*left && *right) {
        size_t a = strspn(left, "0123456789"), b = strspn(right, "0123456789");
        if (a > 0 && b > 0) {
            size_t zeros_a = strspn(left, "0"), zeros_b = strspn(right, "0");
            size_t digits_a = a - (zeros_a < a ? zeros_a : a - 1);
            size_t digits_b = b - (zeros_b < b ? zeros_b : b - 1);
            int order = digits_a != digits_b
                            ? (digits_a < digits_b ? -1 : 1)
                            : memcmp(left + a - digits_a, right + b - digits_b, digits_a);
            if (order != 0) {
                return order;
            }
            left += a;
            right += b;
        } else if (*left != *right) {
            return (unsigned char)*left < (unsigned char)*right ? -1 : 1;
        } else {
            left++;
            right++;
        }
    }
    return (*left != '\0') - (*right != '\0');
}

static int by_name(const void *a, const void *b)
{
    const struct spr_candidate *left = a, *right = b;
    int order = natural_order(left->name, right->name);
    return order ? order : (left->tensor > right->tensor) - (left->tensor < right->tensor);
}

/* What X.bias, which has as many elements as X has outputs, says of a matrix: 1: it is stored
 * inputs x outputs, -1: it is not, 0: nothing. */
static int bias_says(const struct spr_checkpoint *all, const struct spr_candidate *candidate)
{
    const struct spr_tensor *tensor = &all->source->weights->tensor[candidate->tensor];
    const struct spr_tensor *bias =
        spr_part(all, candidate->name, strlen(candidate->name), ".bias", NULL);
    if (!bias || bias->rank != 1 || tensor->rank != 2 || candidate->kind >= SPR_KIND_CONV ||
        tensor->shape[0] == tensor->shape[1]) {
        return 0;
    }
    return (bias->shape[0] == tensor->shape[1]) - (bias->shape[0] == tensor->shape[0]);
}

/* Square matrices are stored as the others of the file are, where those agree. */
static void turn_squares(struct spr_checkpoint *all)
{
    size_t turned = 0, straight = 0;
    for (size_t i = 0; i < all->candidates.count; i++) {
        const int says = bias_says(all, &all->candidates.item[i]);
        turned += says > 0;
        straight += says < 0;
    }
    for (size_t i = 0; i < all->candidates.count && turned > 0 && straight == 0; i++) {
        struct spr_candidate *c = &all->candidates.item[i];
        const struct spr_tensor *t = &all->source->weights->tensor[c->tensor];
        c->transposed =
            c->transposed ||
            (t->rank == 2 && t->shape[0] == t->shape[1] && c->kind < SPR_KIND_CONV &&
             spr_part(all, c->name, strlen(c->name), ".bias", NULL));
    }
}

/* CLIP's text_projection and proj are parameters, multiplied as they stand. */
static bool is_parameter(const struct spr_tensor *tensor)
{
    const char *dot = strrchr(tensor->name, '.'), *last = dot ? dot + 1 : tensor->name;
    return strcmp(last, "proj") == 0 || strcmp(last, "text_projection") == 0 ||
           strcmp(last, "image_projection") == 0;
}

static enum spr_status take_plain(struct spr_checkpoint *all, size_t index,
                                  struct spr_candidate *candidate, struct spr_error *err)
{
    const struct spr_tensor *tensor = &all->source->weights->tensor[index];
    candidate->name = spr_layer_name(all->source->weights, tensor->name);
    if (!candidate->name) {
        return spr_no_memory(err);
    }
    candidate->kind = tensor->rank < 2 ? spr_kind_of_name(candidate->name, &all->config)
                                       : spr_kind_of(all, index, candidate->name);
    if (tensor->rank < 2 && candidate->kind != SPR_KIND_SCALE) {
        candidate->kind = SPR_KIND_NONE;
    }
    return SPR_OK;
}

static enum spr_status leave_tensor_out(const struct spr_source *source, size_t index,
                                        const char *reason, struct spr_error *err)
{
    const struct spr_left_out what = {source->weights->tensor[index].name, reason,
                                      spr_set_use(source, index, SPR_USE_LEFT_OUT),
                                      (double)NAN};
    return spr_leave_out(source, &what, err);
}

/* A tensor that is no layer. */
static enum spr_status set_aside(const struct spr_source *source, size_t index,
                                 enum spr_kind kind, struct spr_error *err)
{
    const struct spr_tensor *tensor = &source->weights->tensor[index];
    if (kind == SPR_KIND_UNKNOWN) {
        char shape[SPR_SHAPE_TEXT], reason[SPR_SHAPE_TEXT + 48];
        snprintf(reason, sizeof reason, "%s: neither convolution nor experts",
                 spr_shape_text(tensor->shape, tensor->rank, shape));
        return leave_tensor_out(source, index, reason, err);
    }
    (void)spr_set_use(source, index,
                      kind == SPR_KIND_SCALE  ? SPR_USE_SCALE
                      : kind == SPR_KIND_PART ? SPR_USE_LAYER
                                              : SPR_USE_ASIDE);
    return SPR_OK;
}

/* Numbers in a form that is not read, such as F4: what they are of may be told by their name. */
static enum spr_status take_unread(struct spr_checkpoint *all, size_t index,
                                   struct spr_error *err)
{
    const struct spr_source *source = all->source;
    struct spr_tensor *tensor = &source->weights->tensor[index];
    const enum spr_kind kind = spr_kind_of_name(tensor->name, &all->config);
    char reason[80];
    int64_t elements;
    if (tensor->dtype[0] != 'F' && tensor->dtype[0] != 'C' && !(tensor->parameters > 0)) {
        return SPR_OK; /* indices */
    }
    if (spr_shape_elements(tensor->shape, tensor->rank, &elements)) {
        tensor->parameters = (double)elements;
    }
    if (kind == SPR_KIND_SCALE || tensor->rank < 2) {
        return set_aside(source, index, kind, err);
    }
    snprintf(reason, sizeof reason, "dtype %.40s is not read", tensor->dtype);
    return leave_tensor_out(source, index, reason, err);
}

/* X.bitmask beside X.compressed. */
static bool is_beside_compressed(const struct spr_checkpoint *all,
                                 const struct spr_tensor *tensor)
{
    const size_t end = strlen(".bitmask"), length = strlen(tensor->name);
    return spr_ends_with(tensor->name, ".bitmask") && length > end &&
           spr_part(all, tensor->name, length - end, ".compressed", NULL);
}

/* What becomes of a tensor with the tensors beside it, in *candidate. */
static enum spr_status tell_kind(struct spr_checkpoint *all, size_t index,
                                 struct spr_candidate *candidate, struct spr_error *err)
{
    const struct spr_source *source = all->source;
    const struct spr_tensor *tensor = &source->weights->tensor[index];
    bool taken = false;
    SPR_TRY(spr_take_codes(all, index, candidate, &taken, err));
    if (!taken && is_beside_compressed(all, tensor)) {
        candidate->kind = SPR_KIND_PART;
        source->weights->tensor[index].parameters = 0;
        return SPR_OK;
    }
    if (!taken && spr_ends_with(tensor->name, ".compressed")) {
        SPR_TRY(spr_add_bitmask(source, &all->tensors, index, candidate, err));
        taken = candidate->mask != NULL;
        if (taken) {
            candidate->kind = spr_kind_of_name(candidate->name, &all->config);
        }
    }
    if (!taken) {
        SPR_TRY(spr_take_masked(all, index, candidate, &taken, err));
    }
    return taken ? SPR_OK : take_plain(all, index, candidate, err);
}

static enum spr_status take_tensor(struct spr_checkpoint *all, size_t index,
                                   struct spr_error *err)
{
    const struct spr_source *source = all->source;
    struct spr_candidate candidate = {
        .tensor = index, .factor = SIZE_MAX, .expert = -1, .kind = SPR_KIND_NONE};
    const size_t before = all->candidates.count;
    SPR_TRY(tell_kind(all, index, &candidate, err));
    if (all->candidates.count > before) {
        return SPR_OK; /* a stack */
    }
    const struct spr_tensor *tensor = &source->weights->tensor[index];
    if (tensor->quantized && tensor->rank > 1 && candidate.kind >= SPR_KIND_LINEAR) {
        candidate.quantized = tensor->quantized;
    }
    const bool plain = !candidate.mask && !candidate.quantized;
    if (candidate.kind != SPR_KIND_PART && tensor->use != SPR_USE_UNKNOWN) {
        return SPR_OK; /* told with the tensor it is beside */
    }
    if (candidate.kind != SPR_KIND_PART && plain && tensor->element == SPR_ELEMENT_OTHER &&
        !tensor->quantized) {
        return take_unread(all, index, err);
    }
    if (tensor->quantized && tensor->rank > 2 && candidate.kind >= SPR_KIND_LINEAR &&
        candidate.kind != SPR_KIND_STACK) {
        candidate.kind = SPR_KIND_UNKNOWN;
    }
    if (candidate.kind < SPR_KIND_LINEAR) {
        return set_aside(source, index, candidate.kind, err);
    }
    if (plain ? !spr_fits_a_layer(tensor) : !(tensor->parameters > 0)) {
        return set_aside(source, index, SPR_KIND_NONE, err);
    }
    if (candidate.kind == SPR_KIND_STACK) {
        return spr_take_stack(all, &candidate, err);
    }
    if (candidate.expert < 0) {
        candidate.expert = spr_expert_of(candidate.name);
    }
    candidate.transposed = plain && candidate.kind < SPR_KIND_CONV &&
                           (spr_kind_is_transposed(candidate.name, &all->config) ||
                            is_parameter(tensor) || bias_says(all, &candidate) > 0);
    return spr_add_candidate(all, &candidate, err);
}

/* Sorts the candidates and maps their names. */
static enum spr_status index_candidates(struct spr_candidates *found, struct spr_error *err)
{
    if (found->count > 0) {
        qsort(found->item, found->count, sizeof *found->item, by_name);
    }
    for (size_t i = 0; i < found->count; i++) {
        if (spr_names_find(&found->names, found->item[i].name) == SIZE_MAX &&
            !spr_names_add(&found->names, found->item[i].name, i)) {
            return spr_no_memory(err);
        }
    }
    return SPR_OK;
}

static enum spr_status gather(struct spr_checkpoint *all, size_t first, struct spr_error *err)
{
    const struct spr_weights *weights = all->source->weights;
    if (all->source->options->experts_active > 0) {
        all->config.routed = all->source->options->experts_active;
    }
    for (size_t i = first; i < weights->tensor_count; i++) {
        const struct spr_tensor *tensor = &weights->tensor[i];
        if (spr_names_find(&all->tensors, tensor->name) != SIZE_MAX) {
            return spr_fail(err, SPR_EINPUT,
                            "%s: tensor '%.200s': there is one of this name already",
                            tensor->file, tensor->name);
        }
        if (!spr_names_add(&all->tensors, tensor->name, i)) {
            return spr_no_memory(err);
        }
    }
    for (size_t i = first; i < weights->tensor_count; i++) {
        SPR_TRY(take_tensor(all, i, err));
    }
    turn_squares(all);
    return index_candidates(&all->candidates, err);
}

/* What the class around a language model calls its embedding: without config.json they tell that
 * there is a head. A part of a checkpoint may lack one that another part has. */
static bool is_of_language_model(const struct spr_checkpoint *all, const char *name)
{
    static const char *const names[] = {"model.embed_tokens.weight",
                                        "model.decoder.embed_tokens.weight",
                                        "model.shared.weight",
                                        "transformer.wte.weight",
                                        "transformer.word_embeddings.weight",
                                        "transformer.tokens_embed.weight",
                                        "backbone.embeddings.weight"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        found = found || strcmp(name, names[i]) == 0;
    }
    return found && !all->config.found && !strstr(all->source->path, "-of-") &&
           !spr_part(all, "score.weight", 12, "", NULL) &&
           !spr_part(all, "classifier.weight", 17, "", NULL) &&
           !spr_part(all, "qa_outputs.weight", 17, "", NULL);
}

/* Words that a head to the vocabulary tells of by its bias; 0: there is none. */
static int64_t words_of_bias(const struct spr_checkpoint *all, size_t first)
{
    const struct spr_weights *weights = all->source->weights;
    for (size_t i = first; i < weights->tensor_count && !all->config.found; i++) {
        const struct spr_tensor *t = &weights->tensor[i];
        if (t->rank == 1 && (spr_ends_with(t->name, "lm_head.bias") ||
                             spr_ends_with(t->name, "predictions.bias") ||
                             spr_ends_with(t->name, "vocab_projector.bias"))) {
            return t->shape[0];
        }
    }
    return 0;
}

/* The head that the file does not have is the embedding again. */
static enum spr_status place_tied_head(struct spr_checkpoint *all, size_t first,
                                       struct spr_error *err)
{
    const struct spr_weights *weights = all->source->weights;
    const struct spr_config *config = &all->config;
    const int64_t words = words_of_bias(all, first);
    for (size_t i = 0; i < all->candidates.count; i++) {
        if (all->candidates.item[i].kind == SPR_KIND_HEAD) {
            return SPR_OK;
        }
    }
    for (size_t i = first; i < weights->tensor_count; i++) {
        const struct spr_tensor *t = &weights->tensor[i];
        struct spr_candidate head = {.name = "lm_head",
                                     .tensor = i,
                                     .kind = SPR_KIND_HEAD,
                                     .factor = SIZE_MAX,
                                     .expert = -1};
        head.quantized = t->quantized;
        if (!config->unties && t->use == SPR_USE_ASIDE && t->rank == 2 &&
            (t->quantized ? t->parameters > 0 : spr_fits_a_layer(t)) &&
            (config->predicts_words
                 ? t->shape[0] == config->vocabulary
                 : t->shape[0] == words || is_of_language_model(all, t->name))) {
            return spr_place(all->source, config, &head, err);
        }
    }
    return SPR_OK;
}

static enum spr_status set_origin(const struct spr_source *source,
                                  const struct spr_config *config, struct spr_error *err)
{
    char text[80] = "names";
    if (config->found) {
        const bool json = spr_ends_with(config->path, ".json");
        snprintf(text, sizeof text, "%s (%s)", json ? "config.json" : "metadata",
                 config->model_type);
    }
    source->weights->origin = spr_arena_text(&source->weights->arena, text, strlen(text));
    return source->weights->origin ? SPR_OK : spr_no_memory(err);
}

static enum spr_status place_layers(const struct spr_source *source, size_t first,
                                    struct spr_checkpoint *all, struct spr_error *err)
{
    SPR_TRY(gather(all, first, err));
    SPR_TRY(set_origin(source, &all->config, err));
    SPR_TRY(spr_place_family(source, &all->config, &all->candidates, err));
    if (!spr_has_family(&all->config)) {
        SPR_TRY(spr_place_decoder(all, first, err));
    }
    for (size_t i = 0; i < all->candidates.count; i++) {
        struct spr_candidate *candidate = &all->candidates.item[i];
        if (!candidate->placed) {
            SPR_TRY(spr_place(source, &all->config, candidate, err));
        }
    }
    SPR_TRY(place_tied_head(all, first, err));
    spr_route_experts(all);
    return SPR_OK;
}

enum spr_status spr_layers_of_tensors(const struct spr_source *source, size_t first,
                                      struct spr_error *err)
{
    struct spr_config config;
    SPR_TRY(spr_config_read(source, &config, err));
    return spr_layers_of_config(source, first, &config, err);
}

enum spr_status spr_layers_of_config(const struct spr_source *source, size_t first,
                                     const struct spr_config *config, struct spr_error *err)
{
    struct spr_checkpoint all = {.source = source, .config = *config};
    enum spr_status status = place_layers(source, first, &all, err);
    spr_names_free(&all.tensors);
    spr_names_free(&all.candidates.names);
    spr_free(all.candidates.item);
    return status;
}
