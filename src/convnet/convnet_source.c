/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a table that make the network, and its random weights. */
#include "convnet/convnet_source.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"

/* Of the tables gsc_cnn_*.csv, in the order of the parts. */
static const char *const names[SPR_CONV_PARTS] = {"cnn1",   "cnn1_maxpool",   "cnn1_kwinner",
                                                  "cnn2",   "cnn2_maxpool",   "cnn2_kwinner",
                                                  "linear", "linear_kwinner", "output"};
static const enum spr_convnet_part products[SPR_CONV_PRODUCTS] = {
    SPR_CONV_FIRST, SPR_CONV_SECOND, SPR_CONV_HIDDEN, SPR_CONV_OUTPUT};

static size_t find(const struct spr_network *network, const char *name)
{
    for (size_t i = 0; i < network->layer_count; i++) {
        if (strcmp(network->layers[i].name, name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

bool spr_convnet_is(const struct spr_network *network)
{
    for (int p = 0; p < SPR_CONV_PARTS; p++) {
        if (find(network, names[p]) == SIZE_MAX) {
            return false;
        }
    }
    return true;
}

static const struct spr_layer *layer_of(const struct spr_convnet_source *s, int product)
{
    return &s->network->layers[s->row[products[product]]];
}

/* The side of a square; 0: it is none. */
static int64_t root(int64_t square)
{
    const int64_t side = (int64_t)llround(sqrt((double)square));
    return side * side == square ? side : 0;
}

static enum spr_status misfit(const struct spr_convnet_source *s, int product,
                              struct spr_error *err)
{
    return spr_fail(
        err, SPR_EINPUT,
        "%s: end to end: row %s: expected two 5x5 convolutions of square maps, each "
        "followed by pooling of 2x2, a hidden layer and an output that take what "
        "the one before gives",
        s->network->path, names[products[product]]);
}

static enum spr_status read_shape(struct spr_convnet_source *s, struct spr_error *err)
{
    const int64_t taps = SPR_CONV_KERNEL * SPR_CONV_KERNEL;
    const struct spr_layer *first = layer_of(s, 0);
    struct spr_convnet_shape *shape = &s->shape;
    shape->inputs = first->k / taps;
    shape->side = root(first->n) + SPR_CONV_KERNEL - 1;
    shape->filters[0] = first->m;
    shape->filters[1] = layer_of(s, 1)->m;
    shape->hidden = layer_of(s, 2)->m;
    shape->classes = layer_of(s, 3)->m;
    for (int p = 0; p < SPR_CONV_PRODUCTS; p++) {
        const struct spr_layer *layer = layer_of(s, p);
        const bool conv = p < 2;
        int64_t m, k, n;
        spr_convnet_product(shape, p, &m, &k, &n);
        if (layer->op != (conv ? SPR_OP_CONV : SPR_OP_LINEAR) || layer->count != 1 ||
            layer->groups != 1 || layer->k != k || layer->n != n ||
            (double)m * (double)k * (double)n > (double)INT32_MAX ||
            (conv && (spr_convnet_side(shape, p) < 2 || root(n) % 2 != 0))) {
            return misfit(s, p, err);
        }
    }
    return SPR_OK;
}

static enum spr_status no_smaller(const struct spr_network *network, struct spr_error *err)
{
    for (size_t v = 0; v < network->variant_count; v++) {
        if (network->variants[v].smaller) {
            return spr_fail(err, SPR_EINPUT, "%s: end to end: a variant has smaller layers",
                            network->path);
        }
    }
    return SPR_OK;
}

enum spr_status spr_convnet_source_make(const struct spr_network *network, int64_t batch,
                                        uint64_t seed, struct spr_convnet_source *source,
                                        struct spr_error *err)
{
    struct spr_convnet_source *s = source;
    *s = (struct spr_convnet_source){.network = network, .seed = seed};
    for (int p = 0; p < SPR_CONV_PARTS; p++) {
        s->row[p] = find(network, names[p]);
        if (s->row[p] == SIZE_MAX) {
            return spr_fail(err, SPR_EINPUT, "%s: end to end: no row %s", network->path,
                            names[p]);
        }
    }
    SPR_TRY(no_smaller(network, err));
    s->shape.batch = batch;
    SPR_TRY(read_shape(s, err));
    for (int p = 0; p < SPR_CONV_PRODUCTS; p++) {
        s->bias[p] = spr_calloc((size_t)layer_of(s, p)->m, sizeof *s->bias[p]);
        if (!s->bias[p]) {
            spr_convnet_source_free(s);
            return spr_no_memory(err);
        }
    }
    return SPR_OK;
}

void spr_convnet_source_free(struct spr_convnet_source *source)
{
    for (int p = 0; p < SPR_CONV_PRODUCTS; p++) {
        spr_free(source->bias[p]);
    }
    *source = (struct spr_convnet_source){0};
}

struct spr_choice spr_convnet_choice(const struct spr_convnet_source *source,
                                     const struct spr_variant *variant, int product)
{
    const size_t index = source->row[products[product]];
    size_t hint = 0;
    const char *ignored;
    if (!variant) {
        return (struct spr_choice){.layer = index, .pattern = spr_pattern_dense()};
    }
    return spr_variant_choice(source->network, variant, index, &hint, &ignored);
}

void spr_batch_norm_fold(const struct spr_batch_norm *norm, struct spr_matrix *matrix,
                         int64_t row, float *bias)
{
    const double scale = norm->gamma / sqrt(norm->variance + SPR_BATCH_NORM_EPSILON);
    for (size_t e = matrix->row[row]; e < matrix->row[row + 1]; e++) {
        matrix->value[e] = (float)((double)matrix->value[e] * scale);
    }
    *bias = (float)(((double)*bias - norm->mean) * scale + norm->beta);
}

/* Values of the size that leaves activations as large as they were, biases drawn, and behind
 * all products but the output the batch norm of a trained network, drawn too. */
static void finish(const struct spr_convnet_source *s, int product, struct spr_matrix *matrix)
{
    const double each = fmax(1, (double)matrix->nnz / (double)matrix->m);
    uint64_t random = s->seed ^ (uint64_t)(product + 1) * 0x9E3779B97F4A7C15u;
    for (size_t e = 0; e < matrix->nnz; e++) {
        matrix->value[e] *= (float)(1 / sqrt(each));
    }
    for (int64_t i = 0; i < matrix->m; i++) {
        float *bias = &s->bias[product][i];
        *bias = (float)(0.2 * spr_random_unit(&random) - 0.1);
        const struct spr_batch_norm norm = {.mean = 0.2 * spr_random_unit(&random) - 0.1,
                                            .variance = 0.5 + spr_random_unit(&random),
                                            .gamma = 0.9 + 0.2 * spr_random_unit(&random),
                                            .beta = 0.2 * spr_random_unit(&random) - 0.1};
        if (product < SPR_CONV_PRODUCTS - 1) {
            spr_batch_norm_fold(&norm, matrix, i, bias);
        }
    }
}

enum spr_status spr_convnet_matrix(const struct spr_convnet_source *source,
                                   const struct spr_choice *choice, int product,
                                   struct spr_matrix *matrix, double *cells,
                                   struct spr_error *err)
{
    const struct spr_layer *layer = layer_of(source, product);
    const struct spr_shape shape = {layer->m, layer->k, 1};
    const uint64_t seed = source->seed + (uint64_t)product * 7919;
    *cells = spr_pattern_is_dense(&choice->pattern)
                 ? (double)layer->m * (double)layer->k
                 : spr_pattern_kept(&choice->pattern, &shape, choice->sparsity);
    SPR_TRY(
        spr_matrix_random(&choice->pattern, layer->m, layer->k, *cells, seed, matrix, err));
    finish(source, product, matrix);
    return SPR_OK;
}
