/* SPDX-License-Identifier: Apache-2.0 */
/* Which cases a network gives: each distinct shape, pattern and sparsity once. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/output.h"
#include "sproof/cpu.h"
#include "validate/validate_parts.h"

struct listing {
    struct spr_validate_run *run;
    const struct spr_network *network;
    const struct spr_validate_options *options;
    struct spr_agenda *agenda;
    struct spr_names known;     /* key of a case -> index */
    struct spr_names shapes;    /* "m,k,n" -> number */
    const char **first_variant; /* [case] whose occurrences are counted */
    size_t first_capacity;
    struct spr_names masks; /* path of a mask that was found -> index of its layer */
    struct spr_error *err;
};

static enum spr_status no_memory(const struct listing *list)
{
    return spr_no_memory(list->err);
}

enum spr_status spr_validate_leave_out(struct spr_validate_run *run, const char *what,
                                       const char *why, struct spr_error *err)
{
    char line[400];
    struct spr_validation *v = run->validation;
    snprintf(line, sizeof line, "%.120s: %.250s", what, why);
    for (size_t i = 0; i < v->not_measured_count; i++) {
        if (strcmp(v->not_measured[i], line) == 0) {
            return SPR_OK;
        }
    }
    char *kept = spr_arena_text(&v->arena, line, strlen(line));
    if (!kept || !spr_grow(&v->not_measured, &run->left_capacity, v->not_measured_count + 1,
                           sizeof *v->not_measured)) {
        return spr_no_memory(err);
    }
    v->not_measured[v->not_measured_count++] = kept;
    return SPR_OK;
}

static enum spr_status leave_out(struct listing *list, const char *what, const char *why)
{
    return spr_validate_leave_out(list->run, what, why, list->err);
}

static enum spr_status number_shape(struct listing *list, struct spr_planned *planned)
{
    char text[96];
    snprintf(text, sizeof text, "%lld,%lld,%lld", (long long)planned->m, (long long)planned->k,
             (long long)planned->n);
    planned->shape = spr_names_find(&list->shapes, text);
    if (planned->shape != SIZE_MAX) {
        return SPR_OK;
    }
    const char *kept = spr_arena_text(&list->agenda->arena, text, strlen(text));
    planned->shape = list->shapes.count;
    return kept && spr_names_add(&list->shapes, kept, planned->shape) ? SPR_OK
                                                                      : no_memory(list);
}

static const char *copy(struct listing *list, const char *text)
{
    return spr_arena_text(&list->run->validation->arena, text, strlen(text));
}

/* Adds a case, or its occurrences when it is there. */
static enum spr_status add(struct listing *list, struct spr_planned planned)
{
    struct spr_agenda *agenda = list->agenda;
    char key[1200], text[SPR_PATTERN_TEXT];
    snprintf(key, sizeof key, "%lld,%lld,%lld,%s,%.12g,%.900s", (long long)planned.m,
             (long long)planned.k, (long long)planned.n,
             spr_pattern_text(&planned.pattern, text), planned.sparsity,
             planned.mask ? planned.mask : "");
    size_t at = spr_names_find(&list->known, key);
    if (at != SIZE_MAX && list->first_variant) {
        bool same = strcmp(list->first_variant[at], planned.variant) == 0;
        agenda->items[at].count += same ? planned.count : 0;
        return SPR_OK;
    }
    const char *kept = spr_arena_text(&agenda->arena, key, strlen(key));
    planned.layer = copy(list, planned.layer);
    planned.variant = copy(list, planned.variant);
    planned.mask = planned.mask ? copy(list, planned.mask) : NULL;
    if (!kept || !planned.layer || !planned.variant ||
        !spr_grow(&agenda->items, &agenda->capacity, agenda->count + 1,
                  sizeof *agenda->items) ||
        !spr_grow(&list->first_variant, &list->first_capacity, agenda->count + 1,
                  sizeof *list->first_variant) ||
        !spr_names_add(&list->known, kept, agenda->count)) {
        return no_memory(list);
    }
    enum spr_status status = number_shape(list, &planned);
    list->first_variant[agenda->count] = planned.variant;
    agenda->items[agenda->count++] = planned;
    return status;
}

/* Half of what there is: packing and checking need some beside the operands. */
static bool fits_memory(const struct spr_planned *planned)
{
    double bytes = spr_cpu_memory_bytes();
    return !(spr_planned_bytes(planned) > bytes / 2);
}

static enum spr_status consider(struct listing *list, const struct spr_planned *planned)
{
    struct spr_kernel kernel;
    char what[160], why[64], text[SPR_PATTERN_TEXT];
    if (!spr_kernel_find(&planned->pattern, list->options->isa, &kernel)) {
        return leave_out(list, spr_pattern_text(&planned->pattern, text), "no kernel");
    }
    if (!fits_memory(planned) || planned->k > INT32_MAX) {
        snprintf(what, sizeof what, "%.100s %.50s", planned->layer, planned->variant);
        snprintf(why, sizeof why, "needs %.3g GB", spr_planned_bytes(planned) / 1e9);
        return leave_out(list, what, why);
    }
    return add(list, *planned);
}

/* Why a layer has no GEMM of ours; NULL when it has. */
static const char *unmeasurable(const struct spr_layer *layer)
{
    if (layer->op == SPR_OP_OTHER) {
        return "not a matrix product";
    }
    if (layer->op == SPR_OP_DEPTHWISE) {
        return "depthwise";
    }
    return layer->groups > 1 ? "a convolution in groups" : NULL;
}

static struct spr_planned plan(const struct listing *list, const struct spr_layer *layer)
{
    /* A product of two activations is run once per sequence of the batch. */
    bool attention = layer->op == SPR_OP_ATTENTION;
    double batch = list->options->batch;
    return (struct spr_planned){.layer = layer->name,
                                .variant = "dense",
                                .m = layer->m,
                                .k = layer->k,
                                .n =
                                    attention ? layer->n : (int64_t)((double)layer->n * batch),
                                .count = (double)layer->count * (attention ? batch : 1),
                                .pattern = spr_pattern_dense(),
                                .variant_index = SIZE_MAX};
}

/* "encoder/0/ffn" -> "encoder_0_ffn". */
static void mask_path(const struct listing *list, const char *layer, char *path, size_t size)
{
    const char *directory = list->options->mask_directory;
    size_t used = (size_t)snprintf(path, size, "%s/", directory);
    size_t first = used < size ? used : size - 1;
    snprintf(path + first, size - first, "%s.smtx", layer);
    for (char *c = path + first; *c; c++) {
        *c = *c == '/' ? '_' : *c;
    }
}

/* A mask is one layer's: 'a/b' and 'a_b' have the same name of a file. */
static enum spr_status own_mask(struct listing *list, const struct spr_layer *layer,
                                const char *path)
{
    const size_t other = spr_names_find(&list->masks, path);
    if (other != SIZE_MAX) {
        return spr_fail(list->err, SPR_EINPUT,
                        "--mask-dir: layers '%.400s' and '%.400s' would both take %.800s: "
                        "expected names that differ in more than '/' and '_'",
                        list->network->layers[other].name, layer->name, path);
    }
    const char *kept = copy(list, path);
    return kept && spr_names_add(&list->masks, kept, (size_t)(layer - list->network->layers))
               ? SPR_OK
               : no_memory(list);
}

static enum spr_status add_masked(struct listing *list, const struct spr_layer *layer)
{
    char path[SPR_OUTPUT_PATH], text[SPR_PATTERN_TEXT];
    mask_path(list, layer->name, path, sizeof path);
    if (access(path, F_OK) != 0) {
        struct spr_planned dense = plan(list, layer);
        if (layer->prunable) {
            SPR_TRY(leave_out(list, layer->name, "no mask"));
        }
        return consider(list, &dense);
    }
    SPR_TRY(own_mask(list, layer, path));
    for (size_t p = 0; p < list->options->pattern_count; p++) {
        struct spr_planned planned = plan(list, layer);
        planned.pattern = list->options->patterns[p];
        planned.variant = spr_pattern_text(&planned.pattern, text);
        planned.mask = path;
        planned.sparsity = (double)NAN; /* counted when it is read */
        SPR_TRY(consider(list, &planned));
    }
    return SPR_OK;
}

static enum spr_status add_variants(struct listing *list, size_t index, size_t *hints)
{
    const struct spr_network *network = list->network;
    const struct spr_layer *layer = &network->layers[index];
    for (size_t v = 0; v < network->variant_count; v++) {
        const struct spr_variant *variant = &network->variants[v];
        const char *misfit = NULL;
        struct spr_planned planned = plan(list, layer);
        struct spr_choice choice =
            spr_variant_choice(network, variant, index, &hints[v], &misfit);
        if (!choice.smaller && choice.skipped <= 0 && !spr_pattern_is_dense(&choice.pattern)) {
            planned.pattern = choice.pattern;
            planned.sparsity = choice.sparsity;
            planned.variant = variant->name;
            planned.variant_index = v;
        }
        misfit = choice.smaller       ? "smaller than the network's"
                 : choice.skipped > 0 ? "no kernel skips zeros of X"
                                      : misfit;
        if (misfit) {
            char what[160];
            snprintf(what, sizeof what, "%.100s %.50s", layer->name, variant->name);
            SPR_TRY(leave_out(list, what, misfit));
        }
        SPR_TRY(consider(list, &planned));
    }
    return SPR_OK;
}

static enum spr_status add_layer(struct listing *list, size_t index, size_t *hints)
{
    const struct spr_layer *layer = &list->network->layers[index];
    const char *why = unmeasurable(layer);
    if (why) {
        return leave_out(list, layer->name, why);
    }
    if (list->options->mask_directory && spr_op_has_weights(layer->op)) {
        return add_masked(list, layer);
    }
    if (!layer->prunable || list->options->mask_directory) {
        struct spr_planned dense = plan(list, layer);
        return consider(list, &dense);
    }
    return add_variants(list, index, hints);
}

enum spr_status spr_agenda_make(struct spr_validate_run *run,
                                const struct spr_network *network, struct spr_agenda *agenda,
                                struct spr_error *err)
{
    const struct spr_validate_options *options = run->options;
    const struct spr_validation *validation = run->validation;
    struct listing list = {
        .run = run, .network = network, .options = options, .agenda = agenda, .err = err};
    *agenda = (struct spr_agenda){0};
    size_t *hints = spr_calloc(network->variant_count, sizeof *hints);
    enum spr_status status = hints ? SPR_OK : no_memory(&list);
    for (size_t i = 0; i < network->layer_count && status == SPR_OK; i++) {
        status = add_layer(&list, i, hints);
    }
    if (status == SPR_OK && options->mask_directory && list.masks.count == 0) {
        status = spr_fail(err, SPR_EINPUT,
                          "--mask-dir %s: no mask of any layer: expected LAYER.smtx, with '_' "
                          "for each '/' of the layer's name",
                          options->mask_directory);
    }
    if (status == SPR_OK && agenda->count == 0) {
        status = spr_fail(err, SPR_EINPUT, "%s: nothing to measure: %s",
                          network->path ? network->path : network->name,
                          validation->not_measured_count ? validation->not_measured[0]
                                                         : "no layers");
    }
    spr_free(hints);
    spr_names_free(&list.known);
    spr_names_free(&list.shapes);
    spr_names_free(&list.masks);
    spr_free(list.first_variant);
    return status;
}

void spr_agenda_free(struct spr_agenda *agenda)
{
    spr_free(agenda->items);
    spr_arena_free(&agenda->arena);
    *agenda = (struct spr_agenda){0};
}
