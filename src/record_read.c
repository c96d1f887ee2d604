/* SPDX-License-Identifier: Apache-2.0 */
/* Analysis records, read back: the layers, variants, machine and options they carry. What
 * the model makes of them is computed anew, so that one set of equations answers. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "machine_json.h"
#include "limits.h"
#include "mem.h"
#include "record_keys.h"

struct reading {
    struct spr_record *record;
    const char *path;
    const char *where; /* "layers[]", for messages */
    size_t index;
    struct spr_names layer_names;
    size_t choice_capacity, variant_capacity;
    struct spr_error *err;
};

static enum spr_status bad(const struct reading *r, const char *key, const char *expected)
{
    return spr_fail(r->err, SPR_EINPUT, "%s: %s[%zu].%s: expected %s", r->path, r->where,
                    r->index, key, expected);
}

static enum spr_status out_of_memory(const struct reading *r)
{
    return spr_fail(r->err, SPR_ENOMEM, "out of memory");
}

/* Copy of a text owned by the record's network, or NULL for null. */
static enum spr_status text_of(struct reading *r, const spr_json *object, const char *key,
                               bool needed, const char **text)
{
    const char *source = spr_json_text(spr_json_get(object, key));
    *text = NULL;
    if (source) {
        char *copy = spr_arena_text(&r->record->network.arena, source, strlen(source));
        /* Texts are printed: a terminal must not act on them. */
        for (char *c = copy; c && *c; c++) {
            *c = (char)((unsigned char)*c < 0x20 || *c == 0x7F ? '?' : *c);
        }
        *text = copy;
        return copy ? SPR_OK : out_of_memory(r);
    }
    return needed ? bad(r, key, "a text") : SPR_OK;
}

/* A finite number, or NAN for null or a missing key. */
static double number_of(const spr_json *object, const char *key)
{
    double value;
    return spr_json_number(spr_json_get(object, key), &value) ? value : (double)NAN;
}

static enum spr_status integer_of(struct reading *r, const spr_json *object, const char *key,
                                  int64_t *value)
{
    double number = number_of(object, key);
    if (!(number >= 1 && number <= (double)SPR_DIMENSION_MAX && number == floor(number))) {
        return bad(r, key, "an integer 1..2^40");
    }
    *value = (int64_t)number;
    return SPR_OK;
}

static enum spr_status op_of(struct reading *r, const spr_json *object, enum spr_op *op)
{
    const char *text = spr_json_text(spr_json_get(object, "op"));
    for (int i = SPR_OP_LINEAR; text && i <= SPR_OP_OTHER; i++) {
        if (strcmp(text, spr_op_name((enum spr_op)i)) == 0) {
            *op = (enum spr_op)i;
            return SPR_OK;
        }
    }
    return bad(r, "op", "linear, conv, depthwise, attention or other");
}

static enum spr_status gemm_of(struct reading *r, const spr_json *item,
                               struct spr_layer *layer)
{
    enum spr_status status = integer_of(r, item, "m", &layer->m);
    status = status ? status : integer_of(r, item, "k", &layer->k);
    status = status ? status : integer_of(r, item, "n", &layer->n);
    if (status != SPR_OK) {
        return status;
    }
    double m = (double)layer->m, k = (double)layer->k, n = (double)layer->n;
    if (m * k > SPR_PRODUCT_MAX || k * n > SPR_PRODUCT_MAX || m * n > SPR_PRODUCT_MAX) {
        return bad(r, "m", "products of two dimensions of at most 2^53");
    }
    if (!(layer->x_elements > 0)) {
        return bad(r, "x_elements", "a number above 0");
    }
    return SPR_OK;
}

static enum spr_status other_of(struct reading *r, const spr_json *item,
                                struct spr_layer *layer)
{
    layer->other_flops = number_of(item, "flops");
    layer->other_bytes = number_of(item, "bytes");
    if (!(layer->other_flops >= 0) || layer->other_bytes < 0 || !(layer->x_elements >= 0)) {
        return bad(r, "flops", "flops, and bytes or x_elements, of 0 or more");
    }
    return SPR_OK;
}

static enum spr_status read_layer(struct reading *r, const spr_json *item,
                                  struct spr_layer *layer)
{
    *layer = (struct spr_layer){0};
    enum spr_status status = text_of(r, item, "layer", true, &layer->name);
    status = status ? status : op_of(r, item, &layer->op);
    status = status ? status : integer_of(r, item, "count", &layer->count);
    status = status ? status : integer_of(r, item, "groups", &layer->groups);
    if (status != SPR_OK) {
        return status;
    }
    bool prunable = false;
    (void)spr_json_bool(spr_json_get(item, "prunable"), &prunable);
    layer->prunable = prunable && spr_op_has_weights(layer->op);
    layer->x_elements = number_of(item, "x_elements");
    double zeros = number_of(item, "activation_sparsity");
    layer->activation_sparsity = zeros >= 0 && zeros <= 1 ? zeros : 0;
    return layer->op == SPR_OP_OTHER ? other_of(r, item, layer) : gemm_of(r, item, layer);
}

static enum spr_status read_layers(struct reading *r, const spr_json *root)
{
    struct spr_network *network = &r->record->network;
    const spr_json *list = spr_json_get(root, "layers");
    size_t capacity = 0;
    r->where = "layers";
    if (!spr_json_is_array(list) || !spr_json_first(list)) {
        return spr_fail(r->err, SPR_EINPUT, "%s: layers: expected a list of layers", r->path);
    }
    for (const spr_json *item = spr_json_first(list); item; item = spr_json_next(item)) {
        struct spr_layer layer;
        r->index = network->layer_count;
        enum spr_status status = read_layer(r, item, &layer);
        if (status != SPR_OK) {
            return status;
        }
        if (spr_names_find(&r->layer_names, layer.name) != SIZE_MAX) {
            return bad(r, "layer", "a name used once");
        }
        if (!spr_grow(&network->layers, &capacity, r->index + 1, sizeof layer) ||
            !spr_names_add(&r->layer_names, layer.name, r->index)) {
            return out_of_memory(r);
        }
        network->layers[network->layer_count++] = layer;
    }
    return SPR_OK;
}

static enum spr_status pattern_of(struct reading *r, const spr_json *item,
                                  struct spr_pattern *pattern)
{
    const char *text = spr_json_text(spr_json_get(item, "pattern"));
    if (!text || spr_pattern_parse(text, pattern, NULL) != SPR_OK) {
        return bad(r, "pattern", "a pattern");
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
        return bad(r, "layers[].layer", "a layer of the network");
    }
    enum spr_status status = pattern_of(r, item, &choice.pattern);
    if (status != SPR_OK || spr_pattern_is_dense(&choice.pattern)) {
        return status;
    }
    const struct spr_layer *l = &network->layers[layer];
    const spr_json *counted = spr_json_get(item, "counted");
    choice.sparsity = number_of(item, "sparsity");
    if (!l->prunable || !(choice.sparsity >= 0 && choice.sparsity <= 1)) {
        return bad(r, "layers[].sparsity", "a fraction 0..1 on a prunable layer");
    }
    choice.counted.nnz = within(number_of(counted, "nnz"), (double)l->m * (double)l->k);
    choice.counted.touched_columns =
        within(number_of(counted, "touched_columns"), (double)l->k);
    choice.counted.longest_row = within(number_of(counted, "longest_row"), (double)l->k);
    double zeros = number_of(item, "activation_sparsity");
    choice.activation_sparsity = zeros >= 0 && zeros <= 1 ? zeros : 0;
    if (!spr_grow(&network->choices, &r->choice_capacity, network->choice_count + 1,
                  sizeof choice)) {
        return out_of_memory(r);
    }
    /* Choices must rise with the layer: the walk over a variant is linear. */
    if (variant->choice_count > 0 &&
        network->choices[network->choice_count - 1].layer >= layer) {
        return bad(r, "layers", "each layer once, in the order of the network");
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
    struct spr_variant variant = {.accuracy = number_of(item, "accuracy"),
                                  .dense_accuracy = number_of(item, "dense_accuracy"),
                                  .sparsity = number_of(item, "sparsity"),
                                  .accuracy_source = source_of(item)};
    const char *pattern = spr_json_text(spr_json_get(item, "pattern"));
    enum spr_status status = text_of(r, item, "variant", true, &variant.name);
    status = status ? status : text_of(r, item, "method", false, &variant.method);
    (void)spr_json_bool(spr_json_get(item, "grid"), &variant.grid);
    (void)spr_json_bool(spr_json_get(item, "layerwise_accuracy"), &variant.layerwise);
    if (status == SPR_OK && !(variant.sparsity >= 0 && variant.sparsity <= 1)) {
        status = bad(r, "sparsity", "a fraction 0..1");
    }
    if (status == SPR_OK && (variant.grid || !pattern || strcmp(pattern, "mixed") != 0)) {
        status = pattern_of(r, item, &variant.pattern);
    }
    const spr_json *list = variant.grid ? NULL : spr_json_get(item, "layers");
    for (const spr_json *l = spr_json_first(list); l && status == SPR_OK;
         l = spr_json_next(l)) {
        status = read_choice(r, l, &variant);
    }
    if (status == SPR_OK && !spr_grow(&network->variants, &r->variant_capacity,
                                      network->variant_count + 1, sizeof variant)) {
        status = out_of_memory(r);
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
    r->where = "variants";
    r->index = 0;
    if (!spr_json_is_array(list)) {
        return spr_fail(r->err, SPR_EINPUT, "%s: variants: expected a list", r->path);
    }
    for (const spr_json *item = spr_json_first(list); item; item = spr_json_next(item)) {
        /* A variant appears once per batch; its description is the same each time. */
        if (number_of(item, "batch") == batch) {
            enum spr_status status = read_variant(r, item);
            if (status != SPR_OK) {
                return status;
            }
        }
        r->index++;
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

static enum spr_status fail_option(const struct reading *r, const char *key,
                                   const char *expected)
{
    return spr_fail(r->err, SPR_EINPUT, "%s: options.%s: expected %s", r->path, key, expected);
}

static enum spr_status read_batches(struct reading *r, const spr_json *options)
{
    struct spr_options *out = &r->record->options;
    const spr_json *list = spr_json_get(options, "batches");
    for (const spr_json *item = spr_json_first(list); item; item = spr_json_next(item)) {
        double batch;
        if (out->batch_count == SPR_BATCHES_MAX || !spr_json_number(item, &batch) ||
            !(batch >= 1 && batch <= (double)SPR_DIMENSION_MAX)) {
            return fail_option(r, "batches", "at most 64 integers 1..2^40");
        }
        out->batches[out->batch_count++] = batch;
    }
    return out->batch_count > 0 ? SPR_OK : fail_option(r, "batches", "at least one batch");
}

static void read_changes(struct spr_options *out, const spr_json *options)
{
    const spr_json *list = spr_json_get(options, "set");
    for (const spr_json *item = spr_json_first(list);
         item && out->change_count < SPR_CHANGES_MAX; item = spr_json_next(item)) {
        struct spr_machine_change *change = &out->changes[out->change_count];
        const char *path = spr_json_text(spr_json_get(item, "path"));
        if (path) {
            snprintf(change->path, sizeof change->path, "%s", path);
            change->before = number_of(item, "before");
            change->after = number_of(item, "after");
            out->change_count++;
        }
    }
}

static enum spr_status read_options(struct reading *r, const spr_json *root)
{
    struct spr_options *out = &r->record->options;
    const spr_json *options = spr_json_get(root, "options");
    const char *dtype = spr_json_text(spr_json_get(options, "dtype"));
    const char *residency = spr_json_text(spr_json_get(options, "residency"));
    const char *expected = spr_json_text(spr_json_get(options, "expected_residency"));
    double threads = number_of(options, "threads");
    if (!dtype || spr_dtype_parse(dtype, &out->dtype, NULL) != SPR_OK) {
        return fail_option(r, "dtype", "f64, f32, tf32, f16, bf16, fp8 or i8");
    }
    for (int i = SPR_RESIDENCY_DRAM; residency && i <= SPR_RESIDENCY_NETWORK; i++) {
        if (strcmp(residency, spr_residency_name((enum spr_residency)i)) == 0) {
            out->residency = (enum spr_residency)i;
        }
    }
    /* Without being asked for, the two differ. */
    out->has_residency = expected ? residency && strcmp(residency, expected) == 0
                                  : out->residency != SPR_RESIDENCY_DRAM;
    out->threads = threads >= 1 && threads <= 1e6 ? (int64_t)threads : 0;
    (void)spr_json_bool(spr_json_get(options, "ideal_tiles"), &out->ideal_tiles);
    (void)spr_json_bool(spr_json_get(options, "assume_uniform"), &out->assume_uniform);
    (void)spr_json_bool(spr_json_get(options, "max_drop_relative"), &out->max_drop_relative);
    double drop = number_of(options, "max_drop");
    out->has_max_drop = !isnan(drop);
    out->max_drop = isnan(drop) ? 0 : drop;
    read_changes(out, options);
    return read_batches(r, options);
}

static enum spr_status read_input(struct reading *r, const spr_json *input, const char *key,
                                  struct spr_record_input *out)
{
    const spr_json *item = spr_json_get(input, key);
    const char *hash = spr_json_text(spr_json_get(item, "sha256"));
    snprintf(out->sha256, sizeof out->sha256, "%s", hash ? hash : "");
    return text_of(r, item, "path", false, &out->path);
}

static enum spr_status read_head(struct reading *r, const spr_json *root)
{
    struct spr_record_head *head = &r->record->head;
    const spr_json *input = spr_json_get(root, "input");
    const char *schema = spr_json_text(spr_json_get(root, "schema"));
    double version = number_of(root, "schema_version");
    if (!schema || strcmp(schema, SPR_ANALYSIS_SCHEMA) != 0) {
        return spr_fail(r->err, SPR_EINPUT,
                        "%s: schema: expected \"" SPR_ANALYSIS_SCHEMA
                        "\", a record made by sproof analyze",
                        r->path);
    }
    if (!(version >= 1)) {
        return spr_fail(r->err, SPR_EINPUT, "%s: schema_version: missing: expected %d",
                        r->path, SPR_ANALYSIS_VERSION);
    }
    if (version > SPR_ANALYSIS_VERSION) {
        return spr_fail(r->err, SPR_EINPUT,
                        "%s: schema_version: %g: expected at most %d: made by a newer sproof",
                        r->path, version, SPR_ANALYSIS_VERSION);
    }
    r->where = "record";
    enum spr_status status = text_of(r, root, "created", false, &head->created);
    status = status ? status : text_of(r, root, "command", false, &head->command);
    status = status ? status : read_input(r, input, "model", &head->model);
    status = status ? status : read_input(r, input, "accuracy", &head->accuracy);
    return status ? status : read_input(r, input, "machine", &head->machine);
}

static enum spr_status read_network(struct reading *r, const spr_json *root)
{
    struct spr_network *network = &r->record->network;
    const char *better = spr_json_text(spr_json_get(root, "better"));
    network->dense_accuracy = number_of(root, "dense_accuracy");
    network->lower_is_better = better && strcmp(better, "lower") == 0;
    network->path = r->record->head.model.path ? r->record->head.model.path : r->path;
    enum spr_status status = text_of(r, root, "network", true, &network->name);
    status = status ? status : text_of(r, root, "metric", false, &network->metric);
    status = status ? status : read_layers(r, root);
    return status ? status : read_variants(r, root);
}

enum spr_status spr_record_read(const char *path, struct spr_record *record,
                                struct spr_error *err)
{
    spr_json *root;
    *record = (struct spr_record){0};
    struct reading r = {.record = record, .path = path, .err = err};
    enum spr_status status = spr_json_read(path, &root, err);
    if (status != SPR_OK) {
        return status;
    }
    const spr_json *machine = spr_json_get(root, "machine");
    status = read_head(&r, root);
    if (status == SPR_OK && !spr_json_is_object(machine)) {
        status = spr_fail(err, SPR_EINPUT, "%s: machine: expected a machine", path);
    }
    status = status ? status : spr_machine_from_json(machine, path, &record->machine, err);
    status = status ? status : read_options(&r, root);
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
