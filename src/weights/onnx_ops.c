/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of ONNX with products of matrices, and their m, k and n. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "weights/onnx.h"

/* Matrices that a constant of more dimensions holds are rows of their own up to so many. */
#define STACK_MAX 256

static int64_t dim(const struct spr_onnx_value *v, int axis)
{
    return v && v->has_shape && axis >= 0 && axis < v->rank ? v->shape[axis] : -1;
}

/* Product of all dimensions but the last two; 1 where there are none. */
static int64_t stack_of(const struct spr_onnx_value *v)
{
    return v->rank > 2 ? spr_onnx_product(v, 0, v->rank - 2) : v->has_shape;
}

/* Operands of a product: which inputs they are, and whether they are turned. */
struct operands {
    const struct spr_onnx_value *a, *b;
    bool turn_a, turn_b;
};

/* Rows of A as a matrix; k by columns. 1 for a vector. */
static int64_t rows_of(const struct spr_onnx_value *v, bool turned)
{
    return v->rank < 2 ? v->has_shape : dim(v, v->rank - (turned ? 1 : 2));
}

static int64_t columns_of(const struct spr_onnx_value *v, bool turned)
{
    return v->rank < 2 ? v->has_shape : dim(v, v->rank - (turned ? 2 : 1));
}

static enum spr_status add_activations(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                       const struct operands *o, struct spr_error *err)
{
    const struct spr_onnx_value *a = o->a, *b = o->b;
    struct spr_onnx_product p = {.op = SPR_OP_ATTENTION, .x_elements = (double)NAN};
    struct spr_onnx_value left = *a, right = *b, stack = {.rank = 0};
    left.rank = a->rank > 2 ? a->rank - 2 : 0;
    right.rank = b->rank > 2 ? b->rank - 2 : 0;
    const int64_t k = a->rank == 1 ? dim(a, 0) : columns_of(a, o->turn_a);
    const int64_t other = b->rank == 1 ? dim(b, 0) : rows_of(b, o->turn_b);
    if (a->has_shape && b->has_shape && a->rank > 0 && b->rank > 0 && k == other &&
        spr_onnx_broadcast(&left, &right, &stack)) {
        p.m = rows_of(a, o->turn_a);
        p.k = k;
        p.n = columns_of(b, o->turn_b);
        p.count = spr_onnx_product(&stack, 0, stack.rank);
        if (p.m == 0 || p.k == 0 || p.n == 0) {
            return SPR_OK; /* nothing is multiplied */
        }
        p.n = p.count > 0 ? p.n : 0;
    }
    return spr_onnx_add(onnx, node, &p, err);
}

/* n of weights on the right: the rows of A, of all stacks that share them. */
static int64_t rows_for(const struct operands *o, int64_t stack)
{
    struct spr_onnx_value left = *o->a, right = *o->b, all = {.rank = 0};
    const int64_t rows = rows_of(o->a, o->turn_a);
    if (!o->a->has_shape || rows < 1) {
        return 0;
    }
    left.rank = o->a->rank > 2 ? o->a->rank - 2 : 0;
    right.rank = o->b->rank > 2 ? o->b->rank - 2 : 0;
    if (!spr_onnx_broadcast(&left, &right, &all)) {
        return 0;
    }
    return spr_onnx_times(spr_onnx_product(&all, 0, all.rank) / stack, rows);
}

/* Constants on the right: W^T of each. */
static enum spr_status add_right(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                 const struct operands *o, struct spr_error *err)
{
    const struct spr_onnx_value *b = o->b;
    const int rank = b->rank;
    struct spr_onnx_product p = {.op = SPR_OP_LINEAR, .value = b, .x_elements = (double)NAN};
    const int64_t stack = stack_of(b);
    char part[24];
    if (rank > 1) {
        p.axes.row[p.axes.row_count++] = rank - (o->turn_b ? 2 : 1);
    }
    p.axes.column[p.axes.column_count++] = rank > 1 ? rank - (o->turn_b ? 1 : 2) : 0;
    if (stack < 1) {
        return spr_onnx_leave_out(onnx, node, "product of an empty constant", err);
    }
    p.n = rows_for(o, stack);
    if (stack == 1) {
        return spr_onnx_add(onnx, node, &p, err);
    }
    if (stack > STACK_MAX || !b->data || b->element == SPR_ELEMENT_OTHER || b->sparse.at) {
        struct spr_onnx_value plain = *b; /* its elements are not looked at */
        plain.data = NULL;
        plain.sparse.at = NULL;
        p.value = &plain;
        p.count = stack;
        return spr_onnx_add(onnx, node, &p, err);
    }
    for (int64_t i = 0; i < stack; i++) {
        int64_t rest = i;
        p.axes.offset = 0;
        for (int d = rank - 3; d >= 0; d--) {
            p.axes.offset += rest % b->shape[d] * b->stride[d];
            rest /= b->shape[d];
        }
        snprintf(part, sizeof part, "%lld", (long long)i);
        p.part = part;
        SPR_TRY(spr_onnx_add(onnx, node, &p, err));
    }
    return SPR_OK;
}

/* A constant on the left: W itself. */
static enum spr_status add_left(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                const struct operands *o, struct spr_error *err)
{
    const int rank = o->a->rank;
    struct spr_onnx_product p = {
        .op = SPR_OP_LINEAR, .value = o->a, .x_elements = (double)NAN};
    if (rank > 1) {
        p.axes.row[p.axes.row_count++] = rank - (o->turn_a ? 1 : 2);
    }
    p.axes.column[p.axes.column_count++] = rank > 1 ? rank - (o->turn_a ? 2 : 1) : 0;
    const int64_t columns = columns_of(o->b, o->turn_b);
    p.n = o->b->has_shape && columns > 0 ? spr_onnx_times(stack_of(o->b), columns) : 0;
    return spr_onnx_add(onnx, node, &p, err);
}

/* A constant of a shape, or one that is computed from constants alone. */
static bool is_weights(const struct spr_onnx_value *v)
{
    return v && v->constant && v->has_shape && v->rank > 0;
}

static enum spr_status add_product(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                   const struct operands *o, struct spr_error *err)
{
    if (!o->a || !o->b || spr_onnx_integer(node, "transBatchA", 0) != 0 ||
        spr_onnx_integer(node, "transBatchB", 0) != 0) {
        return spr_onnx_leave_out(onnx, node, node->op, err);
    }
    if (is_weights(o->b) && !(o->b->sparse.at && o->b->rank != 2)) {
        return add_right(onnx, node, o, err);
    }
    if (is_weights(o->a) && stack_of(o->a) == 1 && !(o->a->sparse.at && o->a->rank != 2)) {
        return add_left(onnx, node, o, err);
    }
    return add_activations(onnx, node, o, err);
}

/* Inputs of the kinds of MatMul and Gemm: B, and the zero points of A and B (0: none). */
static const struct {
    const char *op;
    unsigned char b, zero_a, zero_b;
} products[] = {{"MatMul", 1, 0, 0},
                {"Gemm", 1, 0, 0},
                {"FusedMatMul", 1, 0, 0},
                {"TransposeMatMul", 1, 0, 0},
                {"FusedMatMulActivation", 1, 0, 0},
                {"FusedGemm", 1, 0, 0},
                {"GemmFastGelu", 1, 0, 0},
                {"MatMulInteger", 1, 2, 3},
                {"DynamicQuantizeMatMul", 1, 0, 3},
                {"MatMulIntegerToFloat", 1, 4, 5},
                {"QLinearMatMul", 3, 2, 5},
                {"QGemm", 3, 2, 5}};

static enum spr_status matmul(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                              size_t row, struct spr_error *err)
{
    const struct spr_onnx_value *a = spr_onnx_input(onnx, node, 0),
                                *b = spr_onnx_input(onnx, node, products[row].b);
    struct spr_onnx_value left = {.rank = 0}, right = {.rank = 0};
    struct operands o = {a, b, spr_onnx_integer(node, "transA", 0) != 0,
                         spr_onnx_integer(node, "transB", 0) != 0};
    const size_t zeros[2] = {products[row].zero_a, products[row].zero_b};
    if (a && zeros[0] > 0 && spr_onnx_has_weights(a)) {
        SPR_TRY(spr_onnx_shift(onnx, a, spr_onnx_input(onnx, node, zeros[0]),
                               a->rank - (o.turn_a ? 1 : 2), 0, &left, err));
        o.a = &left;
    }
    if (b && zeros[1] > 0 && spr_onnx_has_weights(b)) {
        SPR_TRY(spr_onnx_shift(onnx, b, spr_onnx_input(onnx, node, zeros[1]),
                               b->rank - (o.turn_b ? 2 : 1), 0, &right, err));
        o.b = &right;
    }
    for (size_t i = 1; zeros[1] > 0 && i < node->input_count; i++) {
        const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
        if (v && v != b && v->rank < 2) {
            spr_set_use(onnx->source, v->tensor, SPR_USE_SCALE);
        }
    }
    return add_product(onnx, node, &o, err);
}

static enum spr_status packed(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                              struct spr_error *err)
{
    const struct spr_onnx_value *a = spr_onnx_input(onnx, node, 0),
                                *b = spr_onnx_input(onnx, node, 1);
    struct spr_onnx_value w = {
        .constant = b && b->constant,
        .has_shape = true,
        .rank = 2,
        .tensor = SIZE_MAX,
        .shape = {spr_onnx_integer(node, "N", 0), spr_onnx_integer(node, "K", 0)}};
    struct spr_onnx_product p = {
        .op = SPR_OP_LINEAR,
        .value = &w,
        .axes = {.row = {0}, .column = {1}, .row_count = 1, .column_count = 1},
        .n = a ? spr_onnx_product(a, 0, a->rank - 1) : 0,
        .x_elements = (double)NAN};
    if (!b || w.shape[0] < 1 || w.shape[1] < 1) {
        return spr_onnx_leave_out(onnx, node, node->op, err);
    }
    if (strcmp(node->op, "MatMulNBits") == 0) {
        SPR_TRY(spr_onnx_unpack(onnx, node, &w, err));
    }
    for (size_t i = 2; i < node->input_count; i++) {
        const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
        if (v && i < 5) {
            spr_set_use(onnx->source, v->tensor, SPR_USE_SCALE);
        }
    }
    return spr_onnx_add(onnx, node, &p, err);
}

/* Inputs of the kinds of Conv: W and its zero point (0: none). */
static const struct {
    const char *op;
    unsigned char w, zero;
} convolutions[] = {{"Conv", 1, 0},
                    {"FusedConv", 1, 0},
                    {"DeformConv", 1, 0},
                    {"ConvInteger", 1, 3},
                    {"QLinearConv", 3, 5}};

static double input_elements(const struct spr_onnx_value *x)
{
    const int64_t inputs = x && x->has_shape ? spr_onnx_product(x, 0, x->rank) : 0;
    return inputs > 0 ? (double)inputs : (double)NAN;
}

static enum spr_status bad_weight(const struct spr_onnx *onnx,
                                  const struct spr_onnx_node *node, const char *expected,
                                  struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT, "%s: node '%.200s': its weight: expected %s",
                    onnx->source->path, node->name ? node->name : "", expected);
}

/* Weights that are no constant: a product of activations for each group. */
static enum spr_status free_conv(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                 const struct spr_onnx_value *w, struct spr_onnx_product *p,
                                 struct spr_error *err)
{
    const int64_t outputs = w && w->has_shape && w->rank > 2 ? w->shape[0] : 0;
    p->value = NULL;
    p->m = outputs;
    p->k = outputs > 0 ? spr_onnx_product(w, 1, w->rank) : 0;
    return spr_onnx_add(onnx, node, p, err);
}

static enum spr_status conv(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                            size_t row, struct spr_error *err)
{
    const struct spr_onnx_value *x = spr_onnx_input(onnx, node, 0);
    const struct spr_onnx_value *given = spr_onnx_input(onnx, node, convolutions[row].w);
    const struct spr_onnx_value *out = spr_onnx_output(onnx, node, 0);
    struct spr_onnx_value w = {.tensor = SIZE_MAX};
    struct spr_onnx_product p = {.groups = spr_onnx_integer(node, "group", 1),
                                 .x_elements = input_elements(x)};
    if (!given) {
        return spr_onnx_leave_out(onnx, node, node->op, err);
    }
    w = *given;
    p.value = &w;
    p.op = p.groups > 1 && dim(&w, 1) == 1 ? SPR_OP_DEPTHWISE : SPR_OP_CONV;
    p.n = out && out->rank > 2 ? spr_onnx_times(spr_onnx_product(out, 0, 1),
                                                spr_onnx_product(out, 2, out->rank))
                               : 0;
    spr_onnx_saw_batch(onnx, dim(x, 0), 0);
    if (!given->constant) {
        return free_conv(onnx, node, given, &p, err);
    }
    const int64_t inputs = w.has_shape && w.rank > 2 ? spr_onnx_product(&w, 1, w.rank) : 0;
    if (inputs < 1 || inputs > INT32_MAX || p.groups < 1 || w.shape[0] < 1 ||
        w.shape[0] % p.groups != 0) {
        return bad_weight(
            onnx, node, "outputs x inputs / group x kernel, outputs a multiple of group", err);
    }
    if (convolutions[row].zero > 0) {
        for (size_t i = 1; i < node->input_count; i++) {
            const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
            if (v && v != given && i < 8) {
                spr_set_use(onnx->source, v->tensor, SPR_USE_SCALE);
            }
        }
        SPR_TRY(spr_onnx_shift(onnx, given, spr_onnx_input(onnx, node, convolutions[row].zero),
                               0, 0, &w, err));
    }
    p.axes.row_count = 1;
    for (int i = 1; i < w.rank; i++) {
        p.axes.column[p.axes.column_count++] = i;
    }
    return spr_onnx_add(onnx, node, &p, err);
}

/* Each input pixel makes a whole window: m is outputs x kernel, n the input's pixels. */
static enum spr_status conv_transpose(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                      struct spr_error *err)
{
    const struct spr_onnx_value *x = spr_onnx_input(onnx, node, 0),
                                *given = spr_onnx_input(onnx, node, 1);
    struct spr_onnx_product p = {.groups = spr_onnx_integer(node, "group", 1),
                                 .x_elements = input_elements(x)};
    if (!given || !given->has_shape || given->rank < 3 || given->rank >= SPR_RANK_MAX ||
        p.groups < 1 || given->shape[0] % p.groups != 0 || given->sparse.at) {
        return spr_onnx_leave_out(onnx, node, node->op, err);
    }
    struct spr_onnx_value w = *given; /* group x inputs / group x outputs / group x kernel */
    w.rank++;
    for (int i = w.rank - 1; i > 1; i--) {
        w.shape[i] = given->shape[i - 1];
        w.stride[i] = given->stride[i - 1];
        p.axes.row[i - 1] = i;
    }
    w.shape[0] = p.groups;
    w.shape[1] = given->shape[0] / p.groups;
    w.stride[0] = w.shape[1] * given->stride[0];
    w.stride[1] = given->stride[0];
    p.axes.row[0] = 0;
    p.axes.row_count = w.rank - 1;
    p.axes.column[0] = 1;
    p.axes.column_count = 1;
    p.value = &w;
    p.op = p.groups > 1 && w.shape[1] == 1 ? SPR_OP_DEPTHWISE : SPR_OP_CONV;
    p.n = x && x->has_shape && x->rank > 2
              ? spr_onnx_times(spr_onnx_product(x, 0, 1), spr_onnx_product(x, 2, x->rank))
              : 0;
    spr_onnx_saw_batch(onnx, dim(x, 0), 0);
    return spr_onnx_add(onnx, node, &p, err);
}

enum spr_status spr_onnx_products(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                  bool *known, struct spr_error *err)
{
    const char *op = node->op;
    *known = true;
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        if (strcmp(products[i].op, op) == 0) {
            return matmul(onnx, node, i, err);
        }
    }
    for (size_t i = 0; i < sizeof convolutions / sizeof *convolutions; i++) {
        if (strcmp(convolutions[i].op, op) == 0) {
            return conv(onnx, node, i, err);
        }
    }
    if (strcmp(op, "ConvTranspose") == 0) {
        return conv_transpose(onnx, node, err);
    }
    if (strncmp(op, "MatMulNBits", 11) == 0 || strcmp(op, "MatMulBnb4") == 0) {
        return packed(onnx, node, err);
    }
    if (strcmp(op, "LSTM") == 0 || strcmp(op, "GRU") == 0 || strcmp(op, "RNN") == 0 ||
        strcmp(op, "DynamicQuantizeLSTM") == 0) {
        return spr_onnx_recurrent(onnx, node, err);
    }
    if (strcmp(op, "Attention") == 0 || strcmp(op, "QAttention") == 0 ||
        strcmp(op, "MultiHeadAttention") == 0 || strcmp(op, "GroupQueryAttention") == 0) {
        return spr_onnx_attention(onnx, node, err);
    }
    if (strcmp(op, "Einsum") == 0) {
        return spr_onnx_einsum(onnx, node, err);
    }
    *known = false;
    return SPR_OK;
}
