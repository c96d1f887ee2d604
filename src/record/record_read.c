/* SPDX-License-Identifier: Apache-2.0 */
/* Analysis records, read back: the layers, variants, machine and options they carry. What
 * the model makes of them is computed anew, so that one set of equations answers. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/whole.h"
#include "record/record_keys.h"
#include "record/record_parts.h"

struct reading {
    struct spr_reader r;
    struct spr_network *network;
    struct spr_names layer_names;
    size_t choice_capacity, variant_capacity;
    const char *choices_key; /* of the variant: "pruned", or "layers" where all are kept */
};

static enum spr_op op_of(struct spr_reader *r, const spr_json *object)
{
    const char *text = spr_json_get_text(object, "op");
    for (int i = SPR_OP_LINEAR; text && i <= SPR_OP_OTHER; i++) {
        if (strcmp(text, spr_op_name((enum spr_op)i)) == 0) {
            return (enum spr_op)i;
        }
    }
    spr_reader_fail(r, "op", "expected linear, conv, depthwise, attention or other");
    return SPR_OP_OTHER;
}

/* 0 where there is none, or none that can be. */
static double activation_sparsity(const spr_json *item)
{
    double zeros = spr_json_get_number(item, "activation_sparsity");
    return zeros >= 0 && zeros <= 1 ? zeros : 0;
}

/* Less than one of what is counted. */
static bool is_part(double amount)
{
    return amount > 0 && amount < 1;
}

static void read_gemm(struct spr_reader *r, const spr_json *item, struct spr_layer *layer)
{
    layer->m = spr_reader_whole(r, item, "m", &spr_record_size);
    layer->k = spr_reader_whole(r, item, "k", &spr_record_size);
    layer->n = spr_reader_whole(r, item, "n", &spr_record_size);
    double m = (double)layer->m, k = (double)layer->k, n = (double)layer->n;
    if (m * k > SPR_PRODUCT_MAX || k * n > SPR_PRODUCT_MAX || m * n > SPR_PRODUCT_MAX) {
        spr_reader_fail(r, "m", "expected products of two dimensions of at most 2^53");
    }
    if (!(layer->x_elements > 0) || is_part(layer->x_elements)) {
        spr_reader_fail(r, "x_elements", "expected a number %s",
                        is_part(layer->x_elements) ? "of 1 or more" : "above 0");
    }
}

static void read_other(struct spr_reader *r, const spr_json *item, struct spr_layer *layer)
{
    layer->other_flops = spr_json_get_number(item, "flops");
    layer->other_bytes = spr_json_get_number(item, "bytes");
    if (!(layer->other_flops >= 0) || layer->other_bytes < 0 || !(layer->x_elements >= 0)) {
        spr_reader_fail(r, "flops", "expected flops, and bytes or x_elements, of 0 or more");
    }
    if (is_part(layer->other_flops) || is_part(layer->other_bytes) ||
        is_part(layer->x_elements)) {
        spr_reader_fail(r, "flops", "expected flops, bytes and x_elements of 0, or 1 or more");
    }
}

/* Records from before calls were told have one of each occurrence. */
static int64_t read_calls(struct spr_reader *r, const spr_json *item, int64_t count)
{
    const struct spr_range range = {0, (double)count, true, "an integer 0..count"};
    double calls = spr_reader_count(r, item, "calls", &range);
    return isnan(calls) ? count : (int64_t)calls;
}

static void read_layer(struct spr_reader *r, const spr_json *item, struct spr_layer *layer)
{
    *layer = (struct spr_layer){.name = spr_reader_text(r, item, "layer", true)};
    layer->op = op_of(r, item);
    layer->count = spr_reader_whole(r, item, "count", &spr_record_size);
    layer->groups = spr_reader_whole(r, item, "groups", &spr_record_size);
    layer->calls = read_calls(r, item, layer->count);
    layer->epilogue = layer->op == SPR_OP_OTHER && spr_json_get_bool(item, "epilogue");
    layer->prunable = spr_json_get_bool(item, "prunable") && spr_op_has_weights(layer->op);
    layer->x_elements = spr_json_get_number(item, "x_elements");
    layer->activation_sparsity = activation_sparsity(item);
    if (layer->op == SPR_OP_OTHER) {
        read_other(r, item, layer);
    } else {
        read_gemm(r, item, layer);
    }
}

static void read_layers(struct reading *reading, const spr_json *root)
{
    struct spr_reader *r = &reading->r;
    struct spr_network *network = reading->network;
    size_t capacity = 0;
    const spr_json *item = spr_reader_list(r, root, "layers", true, "a list of layers");
    for (; item; item = spr_reader_next(r, item)) {
        struct spr_layer layer;
        read_layer(r, item, &layer);
        if (r->status == SPR_OK &&
            spr_names_find(&reading->layer_names, layer.name) != SIZE_MAX) {
            spr_reader_fail(r, "layer", "expected a name used once");
        }
        if (r->status == SPR_OK &&
            spr_reader_have(r, spr_grow(&network->layers, &capacity, network->layer_count + 1,
                                        sizeof layer) &&
                                   spr_names_add(&reading->layer_names, layer.name,
                                                 network->layer_count))) {
            network->layers[network->layer_count++] = layer;
            if (spr_network_set_epilogue(network, network->layer_count - 1) != SIZE_MAX) {
                spr_reader_fail(r, "epilogue", "expected a product above");
            }
        }
    }
}

static void read_counted(struct spr_reader *r, const spr_json *counted,
                         const struct spr_layer *layer, struct spr_choice *choice)
{
    const double k = (double)layer->k;
    const struct spr_range weights = {0, (double)layer->m * k, true, "a count 0..m*k"};
    const struct spr_range columns = {0, k, true, "a count 0..k"};
    spr_reader_enter(r, "counted", SIZE_MAX);
    choice->counted.nnz = spr_reader_count(r, counted, "nnz", &weights);
    choice->counted.touched_columns =
        spr_reader_number(r, counted, "touched_columns", &columns);
    if (!spr_is_mean_count(choice->counted.touched_columns, layer->groups)) {
        spr_reader_wrong(r, "touched_columns", spr_json_get(counted, "touched_columns"),
                         columns.expected);
    }
    choice->counted.longest_row = spr_reader_count(r, counted, "longest_row", &columns);
    spr_reader_leave(r);
}

/* Fails at a member of a variant's choices, NULL: at their list. */
static void fail_choice(struct reading *reading, const char *member, const char *expected)
{
    char key[40];
    snprintf(key, sizeof key, "%s%s%s", reading->choices_key, member ? "[]." : "",
             member ? member : "");
    spr_reader_fail(&reading->r, key, "%s", expected);
}

static void keep_choice(struct reading *reading, const struct spr_choice *choice,
                        struct spr_variant *variant)
{
    struct spr_reader *r = &reading->r;
    struct spr_network *network = reading->network;
    if (r->status != SPR_OK ||
        !spr_reader_have(r, spr_grow(&network->choices, &reading->choice_capacity,
                                     network->choice_count + 1, sizeof *choice))) {
        return;
    }
    /* Choices must rise with the layer: the walk over a variant is linear. */
    if (variant->choice_count > 0 &&
        network->choices[network->choice_count - 1].layer >= choice->layer) {
        fail_choice(reading, NULL, "expected each layer once, in the order of the network");
    }
    network->choices[network->choice_count++] = *choice;
    variant->choice_count++;
}

/* A number 0..most where the layer has one at all, which stays where none is given. */
static void lower_number(struct spr_reader *r, const spr_json *item, const char *key,
                         double *value)
{
    const struct spr_range range = {0, *value, true, "at most the layer's own"};
    if (!isnan(*value)) {
        double given = spr_reader_number(r, item, key, &range);
        *value = isnan(given) ? *value : given;
    }
}

static void lower_whole(struct spr_reader *r, const spr_json *item, const char *key,
                        int64_t least, int64_t *value)
{
    const struct spr_range range = {(double)least, (double)*value, false,
                                    "at most the layer's own"};
    *value = spr_reader_whole(r, item, key, &range);
}

/* The layer of a variant that lowers its sizes. */
static const struct spr_layer *read_smaller(struct spr_reader *r, const spr_json *choice,
                                            const struct spr_layer *layer)
{
    const spr_json *item = spr_json_get(choice, "smaller");
    struct spr_layer *out =
        item && spr_json_first(item) ? spr_arena_alloc(r->arena, sizeof *out) : NULL;
    if (!item || !spr_json_first(item) || !spr_reader_have(r, out != NULL)) {
        return NULL;
    }
    *out = *layer;
    spr_reader_enter(r, "smaller", SIZE_MAX);
    if (layer->op != SPR_OP_OTHER) {
        lower_whole(r, item, "m", 1, &out->m);
        lower_whole(r, item, "k", 1, &out->k);
        lower_whole(r, item, "n", 1, &out->n);
    }
    lower_whole(r, item, "groups", 1, &out->groups);
    lower_whole(r, item, "count", 0, &out->count);
    lower_whole(r, item, "calls", 0, &out->calls);
    lower_number(r, item, "x_elements", &out->x_elements);
    lower_number(r, item, "flops", &out->other_flops);
    lower_number(r, item, "bytes", &out->other_bytes);
    spr_layer_scale_y(layer, out);
    spr_reader_leave(r);
    return r->status == SPR_OK ? out : NULL;
}

static void read_choice(struct reading *reading, const spr_json *item,
                        struct spr_variant *variant)
{
    struct spr_reader *r = &reading->r;
    const char *name = spr_json_get_text(item, "layer");
    struct spr_choice choice = {.layer = name ? spr_names_find(&reading->layer_names, name)
                                              : SIZE_MAX,
                                .activation_sparsity = activation_sparsity(item)};
    if (choice.layer == SIZE_MAX) {
        fail_choice(reading, "layer", "expected a layer of the network");
    }
    spr_record_pattern(r, item, &choice.pattern);
    if (r->status == SPR_OK) {
        choice.smaller = read_smaller(r, item, &reading->network->layers[choice.layer]);
        variant->smaller = variant->smaller || choice.smaller;
    }
    if (r->status != SPR_OK ||
        (spr_choice_unchanged(&choice) &&
         choice.activation_sparsity ==
             reading->network->layers[choice.layer].activation_sparsity)) {
        return;
    }
    const struct spr_layer *layer = spr_choice_layer(reading->network, &choice);
    if (spr_pattern_is_dense(&choice.pattern)) {
        choice.counted = (struct spr_counted){(double)NAN, (double)NAN, (double)NAN};
        keep_choice(reading, &choice, variant);
        return;
    }
    choice.sparsity = spr_json_get_number(item, "sparsity");
    if (!layer->prunable || !(choice.sparsity >= 0 && choice.sparsity <= 1)) {
        fail_choice(reading, "sparsity", "expected a fraction 0..1 on a prunable layer");
    }
    read_counted(r, spr_json_get(item, "counted"), layer, &choice);
    keep_choice(reading, &choice, variant);
}

static enum spr_accuracy_source source_of(const spr_json *item)
{
    const char *text = spr_json_get_text(item, "accuracy_source");
    for (int i = SPR_ACCURACY_MODEL; text && i <= SPR_ACCURACY_INTERPOLATED; i++) {
        if (strcmp(text, spr_accuracy_source_name((enum spr_accuracy_source)i)) == 0) {
            return (enum spr_accuracy_source)i;
        }
    }
    return SPR_ACCURACY_NONE;
}

/* Those of a grid follow from its pattern. */
static void read_choices(struct reading *reading, const spr_json *item,
                         struct spr_variant *variant)
{
    const spr_json *list = variant->grid ? NULL : spr_json_get(item, "pruned");
    reading->choices_key = list ? "pruned" : "layers";
    if (!list && !variant->grid) {
        list = spr_json_get(item, "layers");
    }
    for (const spr_json *l = spr_json_first(list); l && reading->r.status == SPR_OK;
         l = spr_json_next(l)) {
        read_choice(reading, l, variant);
    }
}

static bool is_mixed(const char *pattern)
{
    return strcmp(pattern, "mixed") == 0 || strcmp(pattern, "smaller+mixed") == 0;
}

/* Records from before zeros of X were skipped have none. */
static double read_skipped(struct spr_reader *r, const spr_json *item)
{
    const struct spr_range range = {0, 1, true, "a fraction 0..1, or \"table\""};
    const char *text = spr_json_get_text(item, "activations_skipped");
    if (text && strcmp(text, "table") == 0) {
        return (double)NAN;
    }
    double skipped = spr_reader_number(r, item, "activations_skipped", &range);
    return isnan(skipped) ? 0 : skipped;
}

static void read_variant(struct reading *reading, const spr_json *item)
{
    struct spr_reader *r = &reading->r;
    struct spr_network *network = reading->network;
    struct spr_variant variant = {.accuracy = spr_json_get_number(item, "accuracy"),
                                  .dense_accuracy =
                                      spr_json_get_number(item, "dense_accuracy"),
                                  .sparsity = spr_json_get_number(item, "sparsity"),
                                  .accuracy_source = source_of(item),
                                  .grid = spr_json_get_bool(item, "grid"),
                                  .layerwise = spr_json_get_bool(item, "layerwise_accuracy")};
    const char *pattern = spr_json_get_text(item, "pattern");
    variant.skipped = read_skipped(r, item);
    variant.name = spr_reader_text(r, item, "variant", true);
    variant.method = spr_reader_text(r, item, "method", false);
    if (!(variant.sparsity >= 0 && variant.sparsity <= 1)) {
        spr_reader_fail(r, "sparsity", "expected a fraction 0..1");
    }
    if (variant.grid || !pattern || !is_mixed(pattern)) {
        spr_record_pattern(r, item, &variant.pattern);
    }
    read_choices(reading, item, &variant);
    if (r->status == SPR_OK &&
        spr_reader_have(r, spr_grow(&network->variants, &reading->variant_capacity,
                                    network->variant_count + 1, sizeof variant))) {
        network->variants[network->variant_count++] = variant;
    }
}

static void read_variants(struct reading *reading, const spr_json *root, double batch)
{
    struct spr_network *network = reading->network;
    const spr_json *item = spr_reader_list(&reading->r, root, "variants", false, "a list");
    for (; item; item = spr_reader_next(&reading->r, item)) {
        /* A variant appears once per batch; its description is the same each time. */
        if (spr_json_get_number(item, "batch") == batch) {
            read_variant(reading, item);
        }
    }
    size_t used = 0;
    for (size_t i = 0; i < network->variant_count; i++) {
        if (network->choices) {
            network->variants[i].choices = network->choices + used;
        }
        used += network->variants[i].choice_count;
    }
}

static void read_network(struct reading *reading, const spr_json *root)
{
    struct spr_reader *r = &reading->r;
    struct spr_network *network = reading->network;
    const char *better = spr_json_get_text(root, "better");
    network->dense_accuracy = spr_json_get_number(root, "dense_accuracy");
    network->lower_is_better = better && strcmp(better, "lower") == 0;
    spr_reader_enter(r, "record", 0);
    network->name = spr_reader_text(r, root, "network", true);
    spr_reader_leave(r);
    network->left_out = spr_reader_text(r, root, "left_out", false);
    network->metric = spr_reader_text(r, root, "metric", false);
    read_layers(reading, root);
}

enum spr_status spr_record_parse(const spr_json *root, const char *path,
                                 struct spr_record *record, struct spr_error *err)
{
    *record = (struct spr_record){0};
    struct spr_network *network = &record->network;
    struct reading reading = {
        .r = {.file = path, .arena = &network->arena, .err = err, .blank = '?'},
        .network = network};
    struct spr_reader *r = &reading.r;
    spr_record_read_head(r, root, &spr_analysis_kind, &record->head);
    spr_record_read_machine(r, root, &record->machine);
    spr_record_read_options(r, root, &record->options);
    network->path = record->head.model.path ? record->head.model.path : path;
    read_network(&reading, root);
    read_variants(&reading, root, record->options.batches[0]);
    spr_names_free(&reading.layer_names);
    if (r->status != SPR_OK) {
        spr_record_free(record);
    }
    return r->status;
}

enum spr_status spr_record_read(const char *path, struct spr_record *record,
                                struct spr_error *err)
{
    spr_json *root;
    *record = (struct spr_record){0};
    SPR_TRY(spr_json_read_record(path, &root, err));
    enum spr_status status = spr_record_parse(root, path, record, err);
    spr_json_free(root);
    return status;
}

void spr_record_free(struct spr_record *record)
{
    spr_network_free(&record->network);
    spr_machine_free(&record->machine);
    *record = (struct spr_record){0};
}
