/* SPDX-License-Identifier: Apache-2.0 */
/* Analysis records, read back: the layers, variants, machine and options they carry. What
 * the model makes of them is computed anew, so that one set of equations answers. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "record/record_keys.h"
#include "record/record_parts.h"

struct reading {
    struct spr_record *record;
    struct spr_record_place at;
    struct spr_names layer_names;
    size_t choice_capacity, variant_capacity;
};

static enum spr_status op_of(struct reading *r, const spr_json *object, enum spr_op *op)
{
    const char *text = spr_json_text(spr_json_get(object, "op"));
    for (int i = SPR_OP_LINEAR; text && i <= SPR_OP_OTHER; i++) {
        if (strcmp(text, spr_op_name((enum spr_op)i)) == 0) {
            *op = (enum spr_op)i;
            return SPR_OK;
        }
    }
    return spr_record_bad(&r->at, "op", "linear, conv, depthwise, attention or other");
}

static enum spr_status gemm_of(struct reading *r, const spr_json *item,
                               struct spr_layer *layer)
{
    enum spr_status status = spr_record_integer(&r->at, item, "m", &layer->m);
    status = status ? status : spr_record_integer(&r->at, item, "k", &layer->k);
    status = status ? status : spr_record_integer(&r->at, item, "n", &layer->n);
    if (status != SPR_OK) {
        return status;
    }
    double m = (double)layer->m, k = (double)layer->k, n = (double)layer->n;
    if (m * k > SPR_PRODUCT_MAX || k * n > SPR_PRODUCT_MAX || m * n > SPR_PRODUCT_MAX) {
        return spr_record_bad(&r->at, "m", "products of two dimensions of at most 2^53");
    }
    if (!(layer->x_elements > 0)) {
        return spr_record_bad(&r->at, "x_elements", "a number above 0");
    }
    return SPR_OK;
}

static enum spr_status other_of(struct reading *r, const spr_json *item,
                                struct spr_layer *layer)
{
    layer->other_flops = spr_record_number(item, "flops");
    layer->other_bytes = spr_record_number(item, "bytes");
    if (!(layer->other_flops >= 0) || layer->other_bytes < 0 || !(layer->x_elements >= 0)) {
        return spr_record_bad(&r->at, "flops", "flops, and bytes or x_elements, of 0 or more");
    }
    return SPR_OK;
}

static enum spr_status read_layer(struct reading *r, const spr_json *item,
                                  struct spr_layer *layer)
{
    *layer = (struct spr_layer){0};
    enum spr_status status = spr_record_text(&r->at, item, "layer", true, &layer->name);
    status = status ? status : op_of(r, item, &layer->op);
    status = status ? status : spr_record_integer(&r->at, item, "count", &layer->count);
    status = status ? status : spr_record_integer(&r->at, item, "groups", &layer->groups);
    if (status != SPR_OK) {
        return status;
    }
    bool prunable = false;
    (void)spr_json_bool(spr_json_get(item, "prunable"), &prunable);
    layer->prunable = prunable && spr_op_has_weights(layer->op);
    layer->x_elements = spr_record_number(item, "x_elements");
    double zeros = spr_record_number(item, "activation_sparsity");
    layer->activation_sparsity = zeros >= 0 && zeros <= 1 ? zeros : 0;
    return layer->op == SPR_OP_OTHER ? other_of(r, item, layer) : gemm_of(r, item, layer);
}

static enum spr_status read_layers(struct reading *r, const spr_json *root)
{
    struct spr_network *network = &r->record->network;
    const spr_json *list = spr_json_get(root, "layers");
    size_t capacity = 0;
    r->at.where = "layers";
    if (!spr_json_is_array(list) || !spr_json_first(list)) {
        return spr_fail(r->at.err, SPR_EINPUT, "%s: layers: expected a list of layers",
                        r->at.path);
    }
    for (const spr_json *item = spr_json_first(list); item; item = spr_json_next(item)) {
        struct spr_layer layer;
        r->at.index = network->layer_count;
        enum spr_status status = read_layer(r, item, &layer);
        if (status != SPR_OK) {
            return status;
        }
        if (spr_names_find(&r->layer_names, layer.name) != SIZE_MAX) {
            return spr_record_bad(&r->at, "layer", "a name used once");
        }
        if (!spr_grow(&network->layers, &capacity, r->at.index + 1, sizeof layer) ||
            !spr_names_add(&r->layer_names, layer.name, r->at.index)) {
            return spr_record_no_memory(&r->at);
        }
        network->layers[network->layer_count++] = layer;
    }
    return SPR_OK;
}

static double within(double value, double high)
{
    return value >= 0 && value <= high ? value : (double)NAN;
}

static enum spr_status read_choice(struct reading *r, const spr_json *item,
                                   struct spr_variant *variant)
{
    struct spr_network *network = &r->record->network;
    const char *name = spr_json_text(spr_json_get(item, "layer"));
    size_t layer = name ? spr_names_find(&r->layer_names, name) : SIZE_MAX;
    struct spr_choice choice = {.layer = layer};
    if (layer == SIZE_MAX) {
        return spr_record_bad(&r->at, "layers[].layer", "a layer of the network");
    }
    enum spr_status status = spr_record_pattern(&r->at, item, &choice.pattern);
    if (status != SPR_OK || spr_pattern_is_dense(&choice.pattern)) {
        return status;
    }
    const struct spr_layer *l = &network->layers[layer];
    const spr_json *counted = spr_json_get(item, "counted");
    choice.sparsity = spr_record_number(item, "sparsity");
    if (!l->prunable || !(choice.sparsity >= 0 && choice.sparsity <= 1)) {
        return spr_record_bad(&r->at, "layers[].sparsity",
                              "a fraction 0..1 on a prunable layer");
    }
    choice.counted.nnz =
        within(spr_record_number(counted, "nnz"), (double)l->m * (double)l->k);
    choice.counted.touched_columns =
        within(spr_record_number(counted, "touched_columns"), (double)l->k);
    choice.counted.longest_row =
        within(spr_record_number(counted, "longest_row"), (double)l->k);
    double zeros = spr_record_number(item, "activation_sparsity");
    choice.activation_sparsity = zeros >= 0 && zeros <= 1 ? zeros : 0;
    if (!spr_grow(&network->choices, &r->choice_capacity, network->choice_count + 1,
                  sizeof choice)) {
        return spr_record_no_memory(&r->at);
    }
    /* Choices must rise with the layer: the walk over a variant is linear. */
    if (variant->choice_count > 0 &&
        network->choices[network->choice_count - 1].layer >= layer) {
        return spr_record_bad(&r->at, "layers",
                              "each layer once, in the order of the network");
    }
    network->choices[network->choice_count++] = choice;
    variant->choice_count++;
    return SPR_OK;
}

static enum spr_accuracy_source source_of(const spr_json *item)
{
    const char *text = spr_json_text(spr_json_get(item, "accuracy_source"));
    for (int i = SPR_ACCURACY_MODEL; text && i <= SPR_ACCURACY_INTERPOLATED; i++) {
        if (strcmp(text, spr_accuracy_source_name((enum spr_accuracy_source)i)) == 0) {
            return (enum spr_accuracy_source)i;
        }
    }
    return SPR_ACCURACY_NONE;
}

static enum spr_status read_variant(struct reading *r, const spr_json *item)
{
    struct spr_network *network = &r->record->network;
    struct spr_variant variant = {.accuracy = spr_record_number(item, "accuracy"),
                                  .dense_accuracy = spr_record_number(item, "dense_accuracy"),
                                  .sparsity = spr_record_number(item, "sparsity"),
                                  .accuracy_source = source_of(item)};
    const char *pattern = spr_json_text(spr_json_get(item, "pattern"));
    enum spr_status status = spr_record_text(&r->at, item, "variant", true, &variant.name);
    status = status ? status : spr_record_text(&r->at, item, "method", false, &variant.method);
    (void)spr_json_bool(spr_json_get(item, "grid"), &variant.grid);
    (void)spr_json_bool(spr_json_get(item, "layerwise_accuracy"), &variant.layerwise);
    if (status == SPR_OK && !(variant.sparsity >= 0 && variant.sparsity <= 1)) {
        status = spr_record_bad(&r->at, "sparsity", "a fraction 0..1");
    }
    if (status == SPR_OK && (variant.grid || !pattern || strcmp(pattern, "mixed") != 0)) {
        status = spr_record_pattern(&r->at, item, &variant.pattern);
    }
    const spr_json *list = variant.grid ? NULL : spr_json_get(item, "layers");
    for (const spr_json *l = spr_json_first(list); l && status == SPR_OK;
         l = spr_json_next(l)) {
        status = read_choice(r, l, &variant);
    }
    if (status == SPR_OK && !spr_grow(&network->variants, &r->variant_capacity,
                                      network->variant_count + 1, sizeof variant)) {
        status = spr_record_no_memory(&r->at);
    }
    if (status == SPR_OK) {
        network->variants[network->variant_count++] = variant;
    }
    return status;
}

static enum spr_status read_variants(struct reading *r, const spr_json *root)
{
    struct spr_network *network = &r->record->network;
    const spr_json *list = spr_json_get(root, "variants");
    double batch = r->record->options.batches[0];
    r->at.where = "variants";
    r->at.index = 0;
    if (!spr_json_is_array(list)) {
        return spr_fail(r->at.err, SPR_EINPUT, "%s: variants: expected a list", r->at.path);
    }
    for (const spr_json *item = spr_json_first(list); item; item = spr_json_next(item)) {
        /* A variant appears once per batch; its description is the same each time. */
        if (spr_record_number(item, "batch") == batch) {
            enum spr_status status = read_variant(r, item);
            if (status != SPR_OK) {
                return status;
            }
        }
        r->at.index++;
    }
    size_t used = 0;
    for (size_t i = 0; i < network->variant_count; i++) {
        if (network->choices) {
            network->variants[i].choices = network->choices + used;
        }
        used += network->variants[i].choice_count;
    }
    return SPR_OK;
}

static enum spr_status read_network(struct reading *r, const spr_json *root)
{
    struct spr_network *network = &r->record->network;
    const char *better = spr_json_text(spr_json_get(root, "better"));
    network->dense_accuracy = spr_record_number(root, "dense_accuracy");
    network->lower_is_better = better && strcmp(better, "lower") == 0;
    network->path = r->record->head.model.path ? r->record->head.model.path : r->at.path;
    SPR_TRY(spr_record_text(&r->at, root, "network", true, &network->name));
    SPR_TRY(spr_record_text(&r->at, root, "metric", false, &network->metric));
    SPR_TRY(read_layers(r, root));
    return read_variants(r, root);
}

enum spr_status spr_record_read(const char *path, struct spr_record *record,
                                struct spr_error *err)
{
    spr_json *root;
    *record = (struct spr_record){0};
    struct reading r = {.record = record,
                        .at = {path, "record", 0, &record->network.arena, err}};
    enum spr_status status = spr_json_read(path, &root, err);
    if (status != SPR_OK) {
        return status;
    }
    status = spr_record_read_head(&r.at, root, &spr_analysis_kind, &record->head);
    status = status ? status : spr_record_read_machine(&r.at, root, &record->machine);
    status = status ? status : spr_record_read_options(&r.at, root, &record->options);
    status = status ? status : read_network(&r, root);
    spr_names_free(&r.layer_names);
    spr_json_free(root);
    if (status != SPR_OK) {
        spr_record_free(record);
    }
    return status;
}

void spr_record_free(struct spr_record *record)
{
    spr_network_free(&record->network);
    spr_machine_free(&record->machine);
    *record = (struct spr_record){0};
}
