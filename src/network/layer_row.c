/* SPDX-License-Identifier: Apache-2.0 */
/* One row of a layer table: operator, dimensions, counts. */
#include "network/layer_row.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"

static const char *const op_names[] = {"linear",    "conv",  "depthwise",
                                       "attention", "other", NULL};

const char *spr_op_name(enum spr_op op)
{
    return op_names[op];
}

struct spr_shape spr_layer_shape(const struct spr_layer *layer)
{
    return (struct spr_shape){layer->m, layer->k, layer->groups};
}

bool spr_op_has_weights(enum spr_op op)
{
    return op == SPR_OP_LINEAR || op == SPR_OP_CONV || op == SPR_OP_DEPTHWISE;
}

static enum spr_status read_op(struct spr_csv *csv, enum spr_op *op)
{
    const char *text = spr_csv_cell(csv, OP);
    if (*text == '\0') {
        return SPR_OK;
    }
    for (int i = 0; op_names[i]; i++) {
        if (strcmp(op_names[i], text) == 0) {
            *op = (enum spr_op)i;
            return SPR_OK;
        }
    }
    return spr_csv_bad(csv, OP, "linear, conv, depthwise, attention or other");
}

static enum spr_status read_prunable(struct spr_csv *csv, struct spr_layer *layer)
{
    const char *text = spr_csv_cell(csv, PRUNABLE);
    layer->prunable = layer->op == SPR_OP_LINEAR || layer->op == SPR_OP_CONV;
    if (*text == '\0') {
        return SPR_OK;
    }
    bool yes = strcmp(text, "1") == 0 || strcmp(text, "yes") == 0;
    bool no = strcmp(text, "0") == 0 || strcmp(text, "no") == 0;
    if (!yes && !no) {
        return spr_csv_bad(csv, PRUNABLE, "1, 0, yes or no");
    }
    if (yes && !spr_op_has_weights(layer->op)) {
        return spr_csv_bad(csv, PRUNABLE, "0 for an operator without weights");
    }
    layer->prunable = yes;
    return SPR_OK;
}

static enum spr_status read_epilogue(struct spr_csv *csv, struct spr_layer *layer)
{
    const char *text = spr_csv_cell(csv, EPILOGUE);
    bool yes = strcmp(text, "1") == 0 || strcmp(text, "yes") == 0;
    if (*text && !yes && strcmp(text, "0") != 0 && strcmp(text, "no") != 0) {
        return spr_csv_bad(csv, EPILOGUE, "1, 0, yes or no");
    }
    if (yes && layer->op != SPR_OP_OTHER) {
        return spr_csv_bad(csv, EPILOGUE, "0 for a product: only op=other runs inside one");
    }
    layer->epilogue = yes;
    return SPR_OK;
}

static enum spr_status read_dimension(struct spr_csv *csv, size_t column, int64_t *value)
{
    if (*spr_csv_cell(csv, column) == '\0') {
        return spr_csv_bad(csv, column, "an integer 1..2^40");
    }
    return spr_csv_integer(csv, column, 1, SPR_DIMENSION_MAX, value);
}

static enum spr_status check_product(struct spr_csv *csv, size_t column, int64_t a, int64_t b)
{
    if ((double)a * (double)b > SPR_PRODUCT_MAX) {
        return spr_csv_bad(csv, column, "a product of two dimensions of at most 2^53");
    }
    return SPR_OK;
}

static enum spr_status read_other(struct spr_csv *csv, struct spr_layer *layer)
{
    const char *positive = "a number 0..1e300";
    double flops = 0, bytes = (double)NAN, elements = (double)NAN;
    for (size_t c = M; c <= N; c++) {
        if (*spr_csv_cell(csv, c) != '\0') {
            return spr_csv_bad(csv, c, "nothing: op=other is given by flops and bytes");
        }
    }
    SPR_TRY(spr_csv_number(csv, FLOPS, 0, 1e300, positive, &flops));
    SPR_TRY(spr_csv_number(csv, BYTES, 0, 1e300, positive, &bytes));
    SPR_TRY(spr_csv_number(csv, X_ELEMENTS, 0, 1e300, positive, &elements));
    const struct {
        size_t column;
        double value;
    } amounts[] = {{FLOPS, flops}, {BYTES, bytes}, {X_ELEMENTS, elements}};
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        if (amounts[i].value > 0 && amounts[i].value < 1) {
            return spr_csv_bad(csv, amounts[i].column, "0, or a number 1..1e300");
        }
    }
    if (isnan(bytes) && isnan(elements)) {
        return spr_csv_bad(csv, BYTES,
                           "bytes, or x_elements (read and written), for op=other");
    }
    if (flops <= 0 && !(bytes > 0) && !(elements > 0)) {
        return spr_csv_bad(csv, FLOPS, "flops or bytes above 0 for op=other");
    }
    layer->other_flops = flops;
    layer->other_bytes = bytes;
    layer->x_elements = isnan(elements) ? 0 : elements;
    return SPR_OK;
}

double spr_layer_inputs(const struct spr_layer *layer)
{
    double k = (double)layer->k, n = (double)layer->n;
    return layer->op == SPR_OP_CONV        ? (double)layer->groups * k * n
           : layer->op == SPR_OP_DEPTHWISE ? (double)layer->m * n
                                           : k * n;
}

static enum spr_status read_gemm(struct spr_csv *csv, struct spr_layer *layer)
{
    SPR_TRY(read_dimension(csv, M, &layer->m));
    SPR_TRY(read_dimension(csv, K, &layer->k));
    SPR_TRY(read_dimension(csv, N, &layer->n));
    SPR_TRY(check_product(csv, M, layer->m, layer->k));
    SPR_TRY(check_product(csv, K, layer->k, layer->n));
    SPR_TRY(check_product(csv, N, layer->m, layer->n));
    layer->x_elements = spr_layer_inputs(layer);
    return spr_csv_number(csv, X_ELEMENTS, 1, 1e300, "a number of elements 1..1e300",
                          &layer->x_elements);
}

enum spr_status spr_layer_read_row(struct spr_csv *csv, struct spr_layer *layer)
{
    *layer = (struct spr_layer){.count = 1, .groups = 1};
    SPR_TRY(read_op(csv, &layer->op));
    SPR_TRY(spr_csv_integer(csv, COUNT, 1, SPR_DIMENSION_MAX, &layer->count));
    layer->calls = layer->count;
    SPR_TRY(spr_csv_integer(csv, CALLS, 0, layer->count, &layer->calls));
    SPR_TRY(spr_csv_integer(csv, GROUPS, 1, SPR_DIMENSION_MAX, &layer->groups));
    SPR_TRY(read_prunable(csv, layer));
    SPR_TRY(read_epilogue(csv, layer));
    SPR_TRY(spr_csv_fraction(csv, ACTIVATION_SPARSITY, &layer->activation_sparsity));
    return layer->op == SPR_OP_OTHER ? read_other(csv, layer) : read_gemm(csv, layer);
}

static enum spr_status same_integer(struct spr_csv *csv, size_t column, int64_t known,
                                    int64_t low)
{
    int64_t value = known;
    SPR_TRY(spr_csv_integer(csv, column, low, SPR_DIMENSION_MAX, &value));
    if (value != known) {
        char expected[96];
        snprintf(expected, sizeof expected, "%lld, as in the first row of this layer",
                 (long long)known);
        return spr_csv_bad(csv, column, expected);
    }
    return SPR_OK;
}

static enum spr_status same_number(struct spr_csv *csv, size_t column, double known)
{
    double value = known;
    SPR_TRY(spr_csv_number(csv, column, 0, 1e300, "a number of 0 or more", &value));
    if (value != known && !(isnan(value) && isnan(known))) {
        char expected[96];
        snprintf(expected, sizeof expected, "%.17g, as in the first row of this layer", known);
        return spr_csv_bad(csv, column, expected);
    }
    return SPR_OK;
}

static enum spr_status same_prunable(struct spr_csv *csv, const struct spr_layer *known)
{
    struct spr_layer here = {.op = known->op};
    bool given = *spr_csv_cell(csv, PRUNABLE) != '\0';
    SPR_TRY(read_prunable(csv, &here));
    if (given && here.prunable != known->prunable) {
        return spr_csv_bad(csv, PRUNABLE,
                           known->prunable ? "1, as in the first row of this layer"
                                           : "0, as in the first row of this layer");
    }
    return SPR_OK;
}

static enum spr_status same_epilogue(struct spr_csv *csv, const struct spr_layer *known)
{
    struct spr_layer here = {.op = known->op};
    bool given = *spr_csv_cell(csv, EPILOGUE) != '\0';
    SPR_TRY(read_epilogue(csv, &here));
    if (given && here.epilogue != known->epilogue) {
        return spr_csv_bad(csv, EPILOGUE,
                           known->epilogue ? "1, as in the first row of this layer"
                                           : "0, as in the first row of this layer");
    }
    return SPR_OK;
}

enum spr_status spr_layer_same_kind(struct spr_csv *csv, const struct spr_layer *known)
{
    enum spr_op op = known->op;
    SPR_TRY(read_op(csv, &op));
    if (op != known->op) {
        char expected[64];
        snprintf(expected, sizeof expected, "%s, as in the first row of this layer",
                 op_names[known->op]);
        return spr_csv_bad(csv, OP, expected);
    }
    SPR_TRY(same_prunable(csv, known));
    return same_epilogue(csv, known);
}

enum spr_status spr_layer_check_row(struct spr_csv *csv, const struct spr_layer *known)
{
    SPR_TRY(spr_layer_same_kind(csv, known));
    if (known->op != SPR_OP_OTHER) {
        SPR_TRY(same_integer(csv, M, known->m, 1));
        SPR_TRY(same_integer(csv, K, known->k, 1));
        SPR_TRY(same_integer(csv, N, known->n, 1));
    }
    SPR_TRY(same_integer(csv, COUNT, known->count, 1));
    SPR_TRY(same_integer(csv, CALLS, known->calls, 0));
    SPR_TRY(same_integer(csv, GROUPS, known->groups, 1));
    SPR_TRY(same_number(csv, X_ELEMENTS, known->x_elements));
    if (known->op == SPR_OP_OTHER) {
        SPR_TRY(same_number(csv, FLOPS, known->other_flops));
        SPR_TRY(same_number(csv, BYTES, known->other_bytes));
    }
    return SPR_OK;
}
