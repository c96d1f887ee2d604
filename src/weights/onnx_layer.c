/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes of an ONNX graph are layers, and their m, k and n. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "weights/onnx.h"

/* Operators between matrix products: operations for each element, and how often one is moved,
 * as in the shipped tables (data/README.md). */
static const struct {
    const char *op;
    double flops, moves;
} others[] = {{"Softmax", 5, 2},
              {"LayerNormalization", 7, 2},
              {"Gelu", 5, 2},
              {"Relu", 1, 2},
              {"Sigmoid", 4, 2},
              {"Tanh", 5, 2},
              {"Add", 1, 3},
              {"Mul", 1, 3},
              {"BatchNormalization", 2, 2}};

static const struct spr_onnx_value *input_of(const struct spr_onnx *onnx,
                                             const struct spr_onnx_node *node, size_t i)
{
    return i < node->input_count && node->input[i] != SIZE_MAX ? &onnx->value[node->input[i]]
                                                               : NULL;
}

static bool is_constant(const struct spr_onnx_value *v)
{
    return v && (v->tensor != SIZE_MAX || v->sparse.at);
}

/* Product of the dimensions [begin, end); 0: one is not told. */
static int64_t product(const struct spr_onnx_value *v, int begin, int end)
{
    double all = 1;
    for (int i = begin; i < end; i++) {
        if (!v || !v->has_shape || v->shape[i] < 1 || !(all * (double)v->shape[i] <= 1e12)) {
            return 0;
        }
        all *= (double)v->shape[i];
    }
    return v && v->has_shape ? (int64_t)all : 0;
}

/* A name of its own: the node's, else the output's, with a number where it is taken. */
static enum spr_status add(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                           struct spr_weight **weight, struct spr_error *err)
{
    const char *name = node->name && *node->name  ? node->name
                       : node->output != SIZE_MAX ? onnx->value[node->output].name
                                                  : node->op;
    char text[512];
    snprintf(text, sizeof text, "%.480s", name);
    for (int number = 2; onnx->source->weights->names &&
                         spr_names_find(onnx->source->weights->names, text) != SIZE_MAX;
         number++) {
        snprintf(text, sizeof text, "%.480s#%d", name, number);
    }
    return spr_add_weight(onnx->source, text, weight, err);
}

/* W of a matrix product: the constant or its transpose. */
static enum spr_status set_matrix(struct spr_onnx *onnx, const struct spr_onnx_value *v,
                                  bool turned, struct spr_weight *w, struct spr_error *err)
{
    turned = turned != v->turned;
    if (v->sparse.at) {
        enum spr_status status = spr_onnx_sparse(onnx, v, turned, &w->matrix, err);
        w->storage = SPR_STORAGE_MATRIX;
        w->element = SPR_ELEMENT_F32;
        w->m = w->matrix.m;
        w->k = w->matrix.k;
        return status;
    }
    const struct spr_tensor *t = &onnx->source->weights->tensor[v->tensor];
    w->tensor = v->tensor;
    w->storage = SPR_STORAGE_DENSE;
    w->element = t->element;
    w->data = t->data;
    w->m = t->shape[turned ? 1 : 0];
    w->k = t->shape[turned ? 0 : 1];
    w->row_stride = turned ? 1 : w->k;
    w->column_stride = turned ? w->m : 1;
    return SPR_OK;
}

/* n: what the file tells, else --tokens. */
static void set_n(struct spr_onnx *onnx, struct spr_weight *w, int64_t n)
{
    int64_t tokens = w->op == SPR_OP_LINEAR ? onnx->source->options->tokens : 0;
    w->n = n > 0 ? n : tokens;
    onnx->shapeless += w->n < 1;
}

static bool is_matrix(const struct spr_onnx *onnx, const struct spr_onnx_value *v)
{
    if (!is_constant(v)) {
        return false;
    }
    if (v->sparse.at) {
        return true;
    }
    const struct spr_tensor *t = &onnx->source->weights->tensor[v->tensor];
    return t->rank == 2 && t->element != SPR_ELEMENT_OTHER && t->shape[0] > 0 &&
           t->shape[1] > 0 && t->shape[0] <= INT32_MAX && t->shape[1] <= INT32_MAX;
}

static enum spr_status add_linear(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                  const struct spr_onnx_value *weight, bool turned, int64_t n,
                                  struct spr_error *err)
{
    struct spr_weight *w;
    SPR_TRY(add(onnx, node, &w, err));
    w->op = SPR_OP_LINEAR;
    w->prunable = true;
    set_n(onnx, w, n);
    return set_matrix(onnx, weight, turned, w, err);
}

/* A product of two activations. */
static enum spr_status add_attention(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                     struct spr_error *err)
{
    const struct spr_onnx_value *a = input_of(onnx, node, 0), *b = input_of(onnx, node, 1);
    struct spr_weight *w;
    if (!a || !b || !a->has_shape || !b->has_shape || a->rank < 2 || b->rank < 2 ||
        product(a, 0, a->rank) == 0 || product(b, 0, b->rank) == 0 ||
        a->shape[a->rank - 1] != b->shape[b->rank - 2]) {
        onnx->shapeless++;
        return SPR_OK;
    }
    enum spr_status status = add(onnx, node, &w, err);
    if (status == SPR_OK) {
        const struct spr_onnx_value *wide = a->rank >= b->rank ? a : b;
        w->op = SPR_OP_ATTENTION;
        w->m = a->shape[a->rank - 2];
        w->k = a->shape[a->rank - 1];
        w->n = b->shape[b->rank - 1];
        w->count = product(wide, 0, wide->rank - 2);
    }
    return status;
}

static enum spr_status matmul(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                              struct spr_error *err)
{
    const struct spr_onnx_value *a = input_of(onnx, node, 0), *b = input_of(onnx, node, 1);
    const struct spr_onnx_value *out =
        node->output != SIZE_MAX ? &onnx->value[node->output] : NULL;
    if (is_matrix(onnx, b)) { /* X[n x k] W^T[k x m] */
        return add_linear(onnx, node, b, true,
                          out && out->rank > 0 ? product(out, 0, out->rank - 1) : 0, err);
    }
    if (is_matrix(onnx, a)) { /* W[m x k] X[k x n] */
        int64_t n = out && out->rank > 1 ? product(out, 0, out->rank) : 0;
        int64_t m = onnx->value[node->input[0]].shape[a->turned ? 1 : 0];
        return add_linear(onnx, node, a, false, m > 0 ? n / m : 0, err);
    }
    return add_attention(onnx, node, err);
}

static enum spr_status gemm(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                            struct spr_error *err)
{
    const struct spr_onnx_value *b = input_of(onnx, node, 1);
    const struct spr_onnx_value *out =
        node->output != SIZE_MAX ? &onnx->value[node->output] : NULL;
    if (is_matrix(onnx, b)) {
        bool turned = spr_onnx_integer(node, "transB", 0) == 0;
        return add_linear(onnx, node, b, turned,
                          out && out->rank == 2 ? product(out, 0, 1) : 0, err);
    }
    return add_attention(onnx, node, err);
}

static enum spr_status conv(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                            struct spr_error *err)
{
    const struct spr_onnx_value *x = input_of(onnx, node, 0), *v = input_of(onnx, node, 1);
    const struct spr_onnx_value *out =
        node->output != SIZE_MAX ? &onnx->value[node->output] : NULL;
    const int64_t groups = spr_onnx_integer(node, "group", 1);
    struct spr_weight *w;
    if (!v || v->tensor == SIZE_MAX) {
        onnx->skipped++;
        return SPR_OK;
    }
    const struct spr_tensor t = onnx->source->weights->tensor[v->tensor];
    int64_t elements;
    if (t.rank < 3 || t.element == SPR_ELEMENT_OTHER ||
        !spr_shape_elements(t.shape, t.rank, &elements) || elements == 0 || groups < 1 ||
        t.shape[0] % groups != 0 || elements / t.shape[0] > INT32_MAX) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: node '%.200s': its weight: expected outputs x inputs / group x "
                        "kernel, outputs a multiple of group",
                        onnx->source->path, node->name ? node->name : "");
    }
    SPR_TRY(add(onnx, node, &w, err));
    bool depthwise = groups > 1 && t.shape[1] == 1;
    w->op = depthwise ? SPR_OP_DEPTHWISE : SPR_OP_CONV;
    w->prunable = !depthwise;
    w->groups = groups;
    w->m = t.shape[0];
    w->k = elements / t.shape[0];
    w->tensor = v->tensor;
    w->storage = SPR_STORAGE_DENSE;
    w->element = t.element;
    w->data = t.data;
    w->row_stride = w->k;
    w->column_stride = 1;
    int64_t images = product(out, 0, out && out->rank ? 1 : 0);
    set_n(onnx, w, out && out->rank > 2 ? images * product(out, 2, out->rank) : 0);
    int64_t inputs = x && x->has_shape ? product(x, 0, x->rank) : 0;
    w->x_elements = inputs > 0 ? (double)inputs : (double)NAN;
    return SPR_OK;
}

/* Two operands that are no constants, for what adds or multiplies them. */
static bool takes_two(const struct spr_onnx *onnx, const struct spr_onnx_node *node)
{
    return node->input_count == 2 && !is_constant(input_of(onnx, node, 0)) &&
           !is_constant(input_of(onnx, node, 1));
}

static enum spr_status other(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                             struct spr_error *err)
{
    const struct spr_onnx_value *out =
        node->output != SIZE_MAX ? &onnx->value[node->output] : NULL;
    int64_t elements = out && out->has_shape ? product(out, 0, out->rank) : 0;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (strcmp(others[i].op, node->op) == 0 && elements > 0 &&
            (others[i].moves < 3 || takes_two(onnx, node))) {
            struct spr_weight *w;
            enum spr_status status = add(onnx, node, &w, err);
            if (status == SPR_OK) {
                w->op = SPR_OP_OTHER;
                w->x_elements = others[i].moves * (double)elements;
                w->other_flops = others[i].flops * (double)elements;
            }
            return status;
        }
    }
    onnx->skipped++;
    return SPR_OK;
}

/* The same constant under another name. */
static bool pass_on(struct spr_onnx *onnx, const struct spr_onnx_node *node)
{
    const struct spr_onnx_value *from = input_of(onnx, node, 0);
    bool turns = strcmp(node->op, "Transpose") == 0;
    bool passes = turns || strcmp(node->op, "Identity") == 0 ||
                  strcmp(node->op, "Cast") == 0 || strcmp(node->op, "DequantizeLinear") == 0;
    if (!passes || !is_constant(from) || node->output == SIZE_MAX ||
        (turns && !is_matrix(onnx, from))) {
        return false;
    }
    struct spr_onnx_value *to = &onnx->value[node->output];
    to->tensor = from->tensor;
    to->sparse = from->sparse;
    to->has_shape = from->has_shape;
    to->rank = from->rank;
    memcpy(to->shape, from->shape, sizeof to->shape);
    to->turned = from->turned;
    struct spr_wire perm, attribute;
    if (turns && spr_onnx_attribute(node, "perm", &attribute)) {
        /* [0, 1] turns nothing; an absent one turns. */
        struct spr_wire_field f;
        uint64_t first = 1;
        while (spr_wire_next(&attribute, &f)) {
            if (f.number == 8 && f.kind == SPR_WIRE_VARINT && first == 1) {
                first = f.value == 0 ? 0 : 2;
            } else if (f.number == 8 && f.kind == SPR_WIRE_BYTES && first == 1) {
                perm = f.body;
                first = spr_wire_varint(&perm, &first) && first == 0 ? 0 : 2;
            }
        }
        turns = first != 0;
    }
    to->turned = to->turned != turns;
    return true;
}

enum spr_status spr_onnx_layer(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                               struct spr_error *err)
{
    if (pass_on(onnx, node)) {
        return SPR_OK;
    }
    if (strcmp(node->op, "MatMul") == 0) {
        return matmul(onnx, node, err);
    }
    if (strcmp(node->op, "Gemm") == 0) {
        return gemm(onnx, node, err);
    }
    return strcmp(node->op, "Conv") == 0 ? conv(onnx, node, err) : other(onnx, node, err);
}
