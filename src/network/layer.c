/* SPDX-License-Identifier: Apache-2.0 */
/* Layer tables: model.csv into layers and the variants its rows describe. */
#include "sproof/layer.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/limits.h"
#include "base/mem.h"
#include "network/layer_row.h"

#define NEEDED_COLUMNS 4

static const char *const columns[] = {"layer",       "m",
                                      "k",           "n",
                                      "op",          "count",
                                      "groups",      "prunable",
                                      "x_elements",  "flops",
                                      "bytes",       "variant",
                                      "pattern",     "sparsity",
                                      "nnz",         "touched_columns",
                                      "longest_row", "activation_sparsity",
                                      "accuracy",    "calls",
                                      "epilogue",    "activation_sparsity_spread",
                                      NULL};

/* A choice while its variant is still an index. */
struct row_choice {
    struct spr_choice choice;
    size_t variant;
};

struct reading {
    struct spr_network *network;
    struct spr_names layer_names, variant_names;
    size_t layer_capacity, variant_capacity, choice_capacity, seen_capacity;
    size_t *base_line; /* [layer] line of its base row, 0 when none */
    struct row_choice *choices;
    struct spr_layer shrunk; /* the layer of the row at hand, as its variant has it */
    bool smaller;            /* the two differ */
    bool without_pattern_told;
    struct spr_notes *notes;
    struct spr_error *err;
};

static enum spr_status read_known(struct reading *r, struct spr_csv *csv, bool base,
                                  size_t index)
{
    const struct spr_layer *known = &r->network->layers[index];
    return base ? spr_layer_check_row(csv, known)
                : spr_layer_shrink_row(
                      csv, known, r->base_line[index] ? "the base row's" : "the first row's",
                      &r->shrunk, &r->smaller);
}

/* An epilogue needs a product to run in. */
static enum spr_status check_epilogue(struct reading *r, struct spr_csv *csv, size_t index)
{
    size_t above = spr_network_set_epilogue(r->network, index);
    char expected[160], name[160] = "";
    if (above == SIZE_MAX) {
        return SPR_OK;
    }
    if (above != index) {
        snprintf(name, sizeof name, ": '%.80s' is none", r->network->layers[above].name);
    }
    snprintf(expected, sizeof expected,
             "0, or 1 in a row below a product or its epilogues%.90s", name);
    return spr_csv_bad(csv, EPILOGUE, expected);
}

static enum spr_status find_layer(struct reading *r, struct spr_csv *csv, bool base,
                                  size_t *index)
{
    struct spr_network *network = r->network;
    const char *name;
    enum spr_status named = spr_csv_name(csv, LAYER, &name);
    if (named != SPR_OK) {
        return named;
    }
    if (*name == '\0') {
        return spr_csv_bad(csv, LAYER, "a layer name");
    }
    *index = spr_names_find(&r->layer_names, name);
    r->smaller = false;
    if (*index != SIZE_MAX) {
        return read_known(r, csv, base, *index);
    }
    struct spr_layer layer;
    SPR_TRY(spr_layer_read_row(csv, &layer));
    *index = network->layer_count;
    layer.name = spr_arena_text(&network->arena, name, strlen(name));
    if (!layer.name ||
        !spr_grow(&network->layers, &r->layer_capacity, *index + 1, sizeof layer) ||
        !spr_grow(&r->base_line, &r->seen_capacity, *index + 1, sizeof *r->base_line) ||
        !spr_names_add(&r->layer_names, layer.name, *index)) {
        return spr_no_memory(r->err);
    }
    network->layers[*index] = layer;
    r->base_line[*index] = 0;
    network->layer_count++;
    return check_epilogue(r, csv, *index);
}

static enum spr_status find_variant(struct reading *r, const char *name, size_t *index)
{
    struct spr_network *network = r->network;
    *index = spr_names_find(&r->variant_names, name);
    if (*index != SIZE_MAX) {
        return SPR_OK;
    }
    *index = network->variant_count;
    struct spr_variant variant = {.accuracy = (double)NAN, .dense_accuracy = (double)NAN};
    variant.name = spr_arena_text(&network->arena, name, strlen(name));
    if (!variant.name ||
        !spr_grow(&network->variants, &r->variant_capacity, *index + 1, sizeof variant) ||
        !spr_names_add(&r->variant_names, variant.name, *index)) {
        return spr_no_memory(r->err);
    }
    network->variants[*index] = variant;
    network->variant_count++;
    return SPR_OK;
}

static enum spr_status read_pattern(struct reading *r, struct spr_csv *csv,
                                    struct spr_pattern *pattern)
{
    const char *text = spr_csv_cell(csv, PATTERN);
    if (*text == '\0') {
        if (*spr_csv_cell(csv, SPARSITY) == '\0' && *spr_csv_cell(csv, NNZ) == '\0') {
            *pattern = spr_pattern_dense();
            return SPR_OK;
        }
        if (!r->without_pattern_told) {
            spr_note(r->notes, "%s:%zu: a sparsity without a pattern is taken as csr",
                     csv->path, csv->line);
            r->without_pattern_told = true;
        }
        text = "csr";
    }
    struct spr_error why = {0};
    if (spr_pattern_parse(text, pattern, &why) != SPR_OK) {
        return spr_fail_more(csv->err, SPR_EINPUT, "%s:%zu: column 'pattern': %s", csv->path,
                             csv->line, why.text);
    }
    return SPR_OK;
}

static enum spr_status read_choice(struct reading *r, struct spr_csv *csv, size_t layer_index,
                                   size_t variant_index)
{
    const struct spr_layer *layer = &r->network->layers[layer_index];
    struct row_choice row = {.variant = variant_index};
    struct spr_choice *choice = &row.choice;
    choice->layer = layer_index;
    if (r->smaller) {
        struct spr_layer *kept = spr_arena_alloc(&r->network->arena, sizeof *kept);
        if (!kept) {
            return spr_no_memory(r->err);
        }
        *kept = r->shrunk;
        layer = choice->smaller = kept;
        r->network->variants[variant_index].smaller = true;
    }
    SPR_TRY(read_pattern(r, csv, &choice->pattern));
    SPR_TRY(spr_choice_read_row(csv, layer, choice));
    size_t index = r->network->choice_count;
    if (!spr_grow(&r->choices, &r->choice_capacity, index + 1, sizeof row)) {
        return spr_no_memory(r->err);
    }
    r->choices[index] = row;
    r->network->choice_count++;
    return SPR_OK;
}

/* An accuracy may stand on one row of a variant or the same on all. */
static enum spr_status read_accuracy(struct spr_csv *csv, double *accuracy)
{
    double value = (double)NAN;
    enum spr_status status =
        spr_csv_number(csv, ACCURACY, -1e300, 1e300, "a finite number", &value);
    if (status != SPR_OK || isnan(value)) {
        return status;
    }
    if (!isnan(*accuracy) && *accuracy != value) {
        char expected[80];
        snprintf(expected, sizeof expected, "%.10g, as in an earlier row of this variant",
                 *accuracy);
        return spr_csv_bad(csv, ACCURACY, expected);
    }
    *accuracy = value;
    return SPR_OK;
}

static enum spr_status base_row(struct reading *r, struct spr_csv *csv, size_t layer)
{
    if (r->base_line[layer] != 0) {
        char expected[96];
        snprintf(expected, sizeof expected, "a name used once; first used in line %zu",
                 r->base_line[layer]);
        return spr_csv_bad(csv, LAYER, expected);
    }
    r->base_line[layer] = csv->line;
    return SPR_OK;
}

static enum spr_status on_row(struct spr_csv *csv, void *context)
{
    struct reading *r = context;
    struct spr_network *network = r->network;
    bool named = csv->position[VARIANT] >= 0;
    const char *variant_name = network->name;
    if (csv->left_out[0] && !network->left_out) {
        network->left_out =
            spr_arena_text(&network->arena, csv->left_out, strlen(csv->left_out));
        if (!network->left_out) {
            return spr_no_memory(csv->err);
        }
    }
    bool describes =
        *spr_csv_cell(csv, PATTERN) || *spr_csv_cell(csv, SPARSITY) || *spr_csv_cell(csv, NNZ);
    size_t layer = 0, variant = 0;
    if (named) {
        SPR_TRY(spr_csv_name(csv, VARIANT, &variant_name));
    }
    bool base = !named || *variant_name == '\0';
    SPR_TRY(find_layer(r, csv, base, &layer));
    if (base) {
        SPR_TRY(base_row(r, csv, layer));
    }
    if (named && *variant_name == '\0') {
        return describes ? spr_csv_bad(csv, VARIANT, "a variant name beside a pattern")
                         : read_accuracy(csv, &network->dense_accuracy);
    }
    if (!named && csv->position[PATTERN] < 0 && csv->position[SPARSITY] < 0 &&
        csv->position[NNZ] < 0) {
        return read_accuracy(csv, &network->dense_accuracy);
    }
    SPR_TRY(find_variant(r, variant_name, &variant));
    SPR_TRY(read_accuracy(csv, &network->variants[variant].accuracy));
    if (named || describes) {
        SPR_TRY(read_choice(r, csv, layer, variant));
    }
    return SPR_OK;
}

static int by_variant_and_layer(const void *left, const void *right)
{
    const struct row_choice *a = left, *b = right;
    if (a->variant != b->variant) {
        return a->variant < b->variant ? -1 : 1;
    }
    if (a->choice.layer != b->choice.layer) {
        return a->choice.layer < b->choice.layer ? -1 : 1;
    }
    return a->choice.line < b->choice.line ? -1 : 1;
}

/* With base rows a variant may only name their layers: another name is a typing error that
 * would add an operator to the network. */
static enum spr_status check_base(const struct reading *r)
{
    const struct spr_network *network = r->network;
    size_t based = 0, stray = network->layer_count;
    for (size_t i = network->layer_count; r->base_line && i-- > 0;) {
        based += r->base_line[i] != 0;
        stray = r->base_line[i] == 0 ? i : stray;
    }
    if (based == 0 || stray == network->layer_count) {
        return SPR_OK;
    }
    const char **names = spr_calloc(based + 1, sizeof *names);
    for (size_t i = 0, n = 0; names && i < network->layer_count; i++) {
        if (r->base_line[i] != 0) {
            names[n++] = network->layers[i].name;
        }
    }
    size_t line = 0;
    for (size_t i = network->choice_count; r->choices && i-- > 0;) {
        line = r->choices[i].choice.layer == stray ? r->choices[i].choice.line : line;
    }
    enum spr_status status =
        spr_fail_unknown(r->err, network->layers[stray].name, names,
                         "%s:%zu: column 'layer': '%.80s': expected a layer of the base rows",
                         network->path, line, network->layers[stray].name);
    spr_free(names);
    return status;
}

static enum spr_status finish(struct reading *r)
{
    struct spr_network *network = r->network;
    size_t count = network->choice_count;
    if (network->layer_count == 0) {
        return spr_fail(r->err, SPR_EINPUT, "%s: no rows below the header: expected layers",
                        network->path);
    }
    network->choices = spr_calloc(count, sizeof *network->choices);
    if (!network->choices) {
        return spr_no_memory(r->err);
    }
    if (r->choices && count > 1) {
        qsort(r->choices, count, sizeof *r->choices, by_variant_and_layer);
    }
    enum spr_status known = check_base(r);
    if (known != SPR_OK) {
        return known;
    }
    for (size_t i = 0; r->choices && i < count; i++) {
        const struct row_choice *row = &r->choices[i];
        struct spr_variant *variant = &network->variants[row->variant];
        network->choices[i] = row->choice;
        if (i > 0 && row[-1].variant == row->variant &&
            row[-1].choice.layer == row->choice.layer) {
            return spr_fail(r->err, SPR_EINPUT,
                            "%s:%zu: column 'layer': '%.80s': expected a layer listed once in "
                            "variant '%.80s'; first listed in line %zu",
                            network->path, row->choice.line,
                            network->layers[row->choice.layer].name, variant->name,
                            row[-1].choice.line);
        }
        if (variant->choice_count++ == 0) {
            variant->choices = &network->choices[i];
        }
    }
    for (size_t i = 0; i < network->variant_count; i++) {
        struct spr_variant *variant = &network->variants[i];
        variant->dense_accuracy = network->dense_accuracy;
        variant->accuracy_source =
            isnan(variant->accuracy) ? SPR_ACCURACY_NONE : SPR_ACCURACY_MODEL;
    }
    spr_summarize_variants(network);
    return SPR_OK;
}

/* "dir/bert.csv" -> "bert". */
static char *name_of_path(struct spr_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *start = slash ? slash + 1 : path;
    const char *dot = strrchr(start, '.');
    char *name = spr_arena_text(arena, start,
                                dot && dot > start ? (size_t)(dot - start) : strlen(start));
    for (char *c = name; c && *c; c++) {
        *c = (char)((unsigned char)*c < 0x20 || *c == 0x7F ? '?' : *c);
    }
    return name;
}

enum spr_status spr_network_read(const char *path, struct spr_network *network,
                                 struct spr_notes *notes, struct spr_error *err)
{
    *network = (struct spr_network){.dense_accuracy = (double)NAN};
    struct reading r = {.network = network, .notes = notes, .err = err};
    enum spr_status status;
    network->path = spr_arena_text(&network->arena, path, strlen(path));
    network->name = name_of_path(&network->arena, path);
    if (!network->path || !network->name) {
        status = spr_no_memory(err);
    } else {
        status = spr_csv_read(path, columns, NEEDED_COLUMNS, on_row, &r, notes, err);
    }
    if (status == SPR_OK) {
        status = finish(&r);
    }
    spr_names_free(&r.layer_names);
    spr_names_free(&r.variant_names);
    spr_free(r.base_line);
    spr_free(r.choices);
    if (status != SPR_OK) {
        spr_network_free(network);
    }
    return status;
}

void spr_network_free(struct spr_network *network)
{
    spr_free(network->layers);
    spr_free(network->variants);
    spr_free(network->choices);
    spr_arena_free(&network->arena);
    *network = (struct spr_network){0};
}
