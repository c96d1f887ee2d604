/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of a network that make an encoder, and their weights, biases and norms. */
#include "encoder/encoder_source.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "matrix/matrix_build.h"

/* Names of Hugging Face's BERT behind the layer's own, in the order of the products. */
static const char *const suffixes[SPR_PRODUCTS] = {
    "attention.self.query",   "attention.self.key", "attention.self.value",
    "attention.output.dense", "intermediate.dense", "output.dense"};

#define NAME_BYTES 512

static size_t find_layer(const struct spr_network *network, const char *base, size_t length,
                         const char *suffix)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%.*s%s", (int)(length < 400 ? length : 400), base, suffix);
    for (size_t i = 0; i < network->layer_count; i++) {
        if (strcmp(network->layers[i].name, name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Length of the part before the suffix of a query; SIZE_MAX: it is none. */
static size_t base_length(const char *name)
{
    size_t length = strlen(name), tail = strlen(suffixes[SPR_QUERY]);
    bool is = length >= tail && strcmp(name + length - tail, suffixes[SPR_QUERY]) == 0;
    return is ? length - tail : SIZE_MAX;
}

static int64_t count_queries(const struct spr_network *network)
{
    int64_t count = 0;
    for (size_t i = 0; i < network->layer_count; i++) {
        count += base_length(network->layers[i].name) != SIZE_MAX;
    }
    return count;
}

static enum spr_status no_encoder(const struct spr_network *network, const char *what,
                                  struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT,
                    "%s: end to end: %s: expected an encoder of the BERT family, its layers "
                    "named ...attention.self.query, ...output.dense and so on",
                    network->path, what);
}

static enum spr_status read_layer(struct spr_encoder_source *s, size_t query, int64_t layer,
                                  struct spr_error *err)
{
    const struct spr_network *network = s->network;
    const char *base = network->layers[query].name;
    const size_t length = base_length(base);
    char text[NAME_BYTES];
    for (int p = 0; p < SPR_PRODUCTS; p++) {
        size_t at = find_layer(network, base, length, suffixes[p]);
        if (at == SIZE_MAX) {
            snprintf(text, sizeof text, "no layer %.*s%s", (int)length, base, suffixes[p]);
            return no_encoder(network, text, err);
        }
        s->product[layer][p] = at;
    }
    return SPR_OK;
}

/* All sizes follow from the first layer; the others must agree. */
static enum spr_status read_shape(struct spr_encoder_source *s, struct spr_error *err)
{
    const struct spr_network *network = s->network;
    for (size_t v = 0; v < network->variant_count; v++) {
        if (network->variants[v].smaller) {
            return no_encoder(network, "a variant has smaller layers", err);
        }
    }
    const struct spr_layer *query = &network->layers[s->product[0][SPR_QUERY]];
    const struct spr_layer *wide = &network->layers[s->product[0][SPR_INTERMEDIATE]];
    size_t scores = find_layer(network, query->name, base_length(query->name), "attention.qk");
    if (scores == SIZE_MAX || network->layers[scores].k < 1 ||
        query->m % network->layers[scores].k != 0) {
        return no_encoder(network,
                          "no layer ...attention.qk, which tells the size of a head (of "
                          "weights: config.json does)",
                          err);
    }
    s->shape.hidden = query->k;
    s->shape.heads = query->m / network->layers[scores].k;
    s->shape.intermediate = wide->m;
    s->shape.tokens = query->n;
    for (int64_t l = 0; l < s->shape.layers; l++) {
        for (int p = 0; p < SPR_PRODUCTS; p++) {
            const struct spr_layer *layer = &network->layers[s->product[l][p]];
            int64_t m, k;
            spr_encoder_product(&s->shape, p, &m, &k);
            if (layer->m != m || layer->k != k || layer->n != s->shape.tokens ||
                layer->count != 1) {
                char text[NAME_BYTES];
                snprintf(text, sizeof text, "layer %.200s is %lldx%lld, n %lld: not %lldx%lld",
                         layer->name, (long long)layer->m, (long long)layer->k,
                         (long long)layer->n, (long long)m, (long long)k);
                return no_encoder(network, text, err);
            }
        }
    }
    return SPR_OK;
}

/* The vector a file has under this name, as floats. */
static enum spr_status read_vector(const struct spr_encoder_source *s, const char *name,
                                   int64_t count, float *out, struct spr_error *err)
{
    for (size_t t = 0; t < s->weights->tensor_count; t++) {
        const struct spr_tensor *tensor = &s->weights->tensor[t];
        if (strcmp(tensor->name, name) == 0 && tensor->rank == 1 &&
            tensor->shape[0] == count && (tensor->data || tensor->packed)) {
            SPR_TRY(spr_weights_hold(s->weights, t, err));
            struct spr_weight row = {.m = 1,
                                     .k = count,
                                     .storage = SPR_STORAGE_DENSE,
                                     .element = tensor->element,
                                     .data = tensor->data,
                                     .row_stride = count,
                                     .column_stride = 1};
            spr_weight_values(&row, 0, 1, out);
            return SPR_OK;
        }
    }
    return spr_fail(err, SPR_EINPUT, "%s: no tensor '%.200s' of %lld elements",
                    s->network->path, name, (long long)count);
}

static enum spr_status read_vectors(const struct spr_encoder_source *s, int64_t layer,
                                    struct spr_error *err)
{
    static const char *const norms[2] = {"attention.output.LayerNorm", "output.LayerNorm"};
    const struct spr_encoder_vectors *v = &s->vectors[layer];
    const char *base = s->network->layers[s->product[layer][SPR_QUERY]].name;
    int length = (int)base_length(base);
    char name[NAME_BYTES];
    for (int p = 0; p < SPR_PRODUCTS; p++) {
        int64_t m, k;
        spr_encoder_product(&s->shape, p, &m, &k);
        snprintf(name, sizeof name, "%.*s%s.bias", length, base, suffixes[p]);
        SPR_TRY(read_vector(s, name, m, v->bias[p], err));
    }
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%.*s%s.weight", length, base, norms[i]);
        SPR_TRY(read_vector(s, name, s->shape.hidden, v->gamma[i], err));
        snprintf(name, sizeof name, "%.*s%s.bias", length, base, norms[i]);
        SPR_TRY(read_vector(s, name, s->shape.hidden, v->beta[i], err));
    }
    return SPR_OK;
}

static void draw_vectors(const struct spr_encoder_source *s, int64_t layer)
{
    const struct spr_encoder_vectors *v = &s->vectors[layer];
    uint64_t random = s->seed ^ (uint64_t)(layer + 1) * 0x9E3779B97F4A7C15u;
    for (int p = 0; p < SPR_PRODUCTS; p++) {
        int64_t m, k;
        spr_encoder_product(&s->shape, p, &m, &k);
        for (int64_t i = 0; i < m; i++) {
            v->bias[p][i] = (float)(0.2 * spr_random_unit(&random) - 0.1);
        }
    }
    for (int i = 0; i < 2; i++) {
        for (int64_t j = 0; j < s->shape.hidden; j++) {
            v->gamma[i][j] = (float)(0.9 + 0.2 * spr_random_unit(&random));
            v->beta[i][j] = (float)(0.2 * spr_random_unit(&random) - 0.1);
        }
    }
}

static enum spr_status read_source(struct spr_encoder_source *s, bool vectors,
                                   struct spr_error *err)
{
    const struct spr_network *network = s->network;
    int64_t layer = 0;
    for (size_t i = 0; i < network->layer_count; i++) {
        if (base_length(network->layers[i].name) != SIZE_MAX) {
            SPR_TRY(read_layer(s, i, layer++, err));
        }
    }
    SPR_TRY(read_shape(s, err));
    for (int64_t l = 0; l < s->shape.layers && vectors; l++) {
        SPR_TRY(spr_encoder_vectors_make(&s->shape, &s->vectors[l], err));
        if (s->weights) {
            SPR_TRY(read_vectors(s, l, err));
        } else {
            draw_vectors(s, l);
        }
    }
    return SPR_OK;
}

enum spr_status spr_encoder_source_make(const struct spr_network *network,
                                        const struct spr_end_to_end_options *options,
                                        struct spr_encoder_source *source,
                                        struct spr_error *err)
{
    struct spr_encoder_source *s = source;
    *s = (struct spr_encoder_source){.network = network,
                                     .weights = options ? options->weights : NULL,
                                     .seed = options ? options->validate->seed : 1};
    s->shape.layers = count_queries(network);
    if (s->shape.layers == 0) {
        return no_encoder(network, "no layer ...attention.self.query", err);
    }
    s->product = spr_calloc((size_t)s->shape.layers, sizeof *s->product);
    s->vectors = spr_calloc((size_t)s->shape.layers, sizeof *s->vectors);
    enum spr_status status =
        s->product && s->vectors ? read_source(s, options != NULL, err) : spr_no_memory(err);
    if (status != SPR_OK) {
        spr_encoder_source_free(s);
    }
    return status;
}

void spr_encoder_source_free(struct spr_encoder_source *source)
{
    for (int64_t l = 0; l < source->shape.layers && source->vectors; l++) {
        spr_free(source->vectors[l].bias[0]);
    }
    spr_free(source->product);
    spr_free(source->vectors);
    *source = (struct spr_encoder_source){0};
}

struct spr_choice spr_encoder_choice(const struct spr_encoder_source *source,
                                     const struct spr_variant *variant, int64_t layer,
                                     int product)
{
    size_t index = source->product[layer][product], hint = 0;
    const char *misfit;
    if (!variant) {
        return (struct spr_choice){.layer = index, .pattern = spr_pattern_dense()};
    }
    return spr_variant_choice(source->network, variant, index, &hint, &misfit);
}

/* Random weights of the size that leaves activations as large as they were. */
static void scale_values(struct spr_matrix *matrix)
{
    double each = fmax(1, (double)matrix->nnz / (double)matrix->m);
    float scale = (float)(1 / sqrt(each));
    for (size_t e = 0; e < matrix->nnz; e++) {
        matrix->value[e] *= scale;
    }
}

/* The non-zeros of a file's weights. */
static enum spr_status real_matrix(const struct spr_weight *w, bool dense,
                                   struct spr_matrix *matrix, struct spr_error *err)
{
    float *row = spr_calloc((size_t)w->k, sizeof *row);
    size_t nnz = 0;
    if (!row) {
        return spr_no_memory(err);
    }
    for (int64_t i = 0; i < w->m; i++) {
        spr_weight_values(w, i, 1, row);
        for (int64_t j = 0; j < w->k; j++) {
            nnz += dense || row[j] != 0;
        }
    }
    enum spr_status status = spr_matrix_alloc(matrix, w->m, w->k, nnz, err);
    nnz = 0;
    for (int64_t i = 0; i < w->m && status == SPR_OK; i++) {
        spr_weight_values(w, i, 1, row);
        for (int64_t j = 0; j < w->k; j++) {
            if (dense || row[j] != 0) {
                matrix->column[nnz] = (int32_t)j;
                matrix->value[nnz++] = row[j];
            }
        }
        matrix->row[i + 1] = nnz;
    }
    spr_free(row);
    return status;
}

enum spr_status spr_encoder_matrix(const struct spr_encoder_source *source,
                                   const struct spr_choice *choice, int64_t layer, int product,
                                   struct spr_matrix *matrix, double *cells,
                                   struct spr_error *err)
{
    const size_t index = source->product[layer][product];
    const bool dense = spr_pattern_is_dense(&choice->pattern);
    struct spr_shape shape = {0, 0, 1};
    spr_encoder_product(&source->shape, product, &shape.m, &shape.k);
    if (source->weights) {
        const struct spr_weight *weight = &source->weights->weight[index];
        SPR_TRY(spr_weights_hold(source->weights, weight->tensor, err));
        enum spr_status status = real_matrix(weight, dense, matrix, err);
        *cells = status == SPR_OK ? spr_matrix_cells(matrix, &choice->pattern) : 0;
        return status;
    }
    *cells = dense ? (double)shape.m * (double)shape.k
                   : spr_pattern_kept(&choice->pattern, &shape, choice->sparsity);
    uint64_t seed = source->seed + (uint64_t)(layer * SPR_PRODUCTS + product) * 7919;
    enum spr_status status =
        spr_matrix_random(&choice->pattern, shape.m, shape.k, *cells, seed, matrix, err);
    if (status == SPR_OK) {
        scale_values(matrix);
    }
    return status;
}
