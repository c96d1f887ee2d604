/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes through an ONNX graph: which rule is whose (src/weights/README.md has the list). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "weights/onnx.h"

int64_t spr_onnx_product(const struct spr_onnx_value *value, int begin, int end)
{
    double all = 1;
    for (int i = begin; i < end; i++) {
        if (!value || !value->has_shape || value->shape[i] < 1 ||
            !(all * (double)value->shape[i] <= 1e15)) {
            return 0;
        }
        all *= (double)value->shape[i];
    }
    return value && value->has_shape ? (int64_t)all : 0;
}

int64_t spr_onnx_times(int64_t a, int64_t b)
{
    return (double)a * (double)b <= 1e15 ? a * b : 0;
}

void spr_onnx_set_shape(struct spr_onnx_value *value, int rank, const int64_t *shape)
{
    /* A constant's shape is that of its elements, whatever else takes its name. */
    if (!value || rank > SPR_RANK_MAX || value->data) {
        return;
    }
    const bool declared = value->has_shape && value->rank == rank;
    for (int i = 0; i < rank; i++) {
        const bool told = shape[i] >= 0 && shape[i] <= SPR_DIMENSION_MAX;
        value->shape[i] = told ? shape[i] : declared ? value->shape[i] : -1;
    }
    value->has_shape = true;
    value->rank = rank;
}

bool spr_onnx_broadcast(const struct spr_onnx_value *a, const struct spr_onnx_value *b,
                        struct spr_onnx_value *out)
{
    const int rank = a->rank > b->rank ? a->rank : b->rank;
    int64_t shape[SPR_RANK_MAX];
    for (int i = 0; i < rank; i++) {
        const int at_a = i - rank + a->rank, at_b = i - rank + b->rank;
        const int64_t x = at_a < 0 ? 1 : a->shape[at_a], y = at_b < 0 ? 1 : b->shape[at_b];
        if (x > 1 && y > 1 && x != y) {
            return false;
        }
        /* What is not told may be 1, or as the other one. */
        shape[i] = x > 1 ? x : y > 1 ? y : x < 0 || y < 0 ? -1 : x < y ? x : y;
    }
    out->has_shape = false;
    spr_onnx_set_shape(out, rank, shape);
    return true;
}

static const struct spr_onnx_value *shaped(const struct spr_onnx *onnx,
                                           const struct spr_onnx_node *node, size_t i)
{
    const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
    return v && v->has_shape ? v : NULL;
}

static void take(struct spr_onnx_value *out, const struct spr_onnx_value *from)
{
    if (from) {
        spr_onnx_set_shape(out, from->rank, from->shape);
    }
}

/* As input 0, and a mask where there is one. */
static void same_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                       struct spr_onnx_value *out)
{
    take(out, shaped(onnx, node, 0));
    if (strcmp(node->op, "Dropout") == 0) {
        take(spr_onnx_output(onnx, node, 1), shaped(onnx, node, 0));
    }
}

static void second_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                         struct spr_onnx_value *out)
{
    take(out, shaped(onnx, node, 1));
}

static void fourth_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                         struct spr_onnx_value *out)
{
    const struct spr_onnx_value *a = shaped(onnx, node, 0), *b = shaped(onnx, node, 3);
    struct spr_onnx_value all = {.rank = 0};
    if (a && b && spr_onnx_broadcast(a, b, &all)) {
        take(out, &all);
    }
}

/* All inputs together; in the first operator sets the second one could be placed at an axis. */
static void broadcast_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                            struct spr_onnx_value *out)
{
    struct spr_onnx_value all = {.has_shape = true};
    if (spr_onnx_integer(node, "broadcast", 0) != 0) {
        take(out, shaped(onnx, node, 0));
        return;
    }
    for (size_t i = 0; i < node->input_count; i++) {
        const struct spr_onnx_value *v = shaped(onnx, node, i);
        const struct spr_onnx_value before = all;
        if (!v || !spr_onnx_broadcast(&before, v, &all)) {
            return;
        }
    }
    take(out, &all);
}

static void matmul_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                         struct spr_onnx_value *out)
{
    const bool linear = strcmp(node->op, "QLinearMatMul") == 0;
    const struct spr_onnx_value *a = shaped(onnx, node, 0);
    const struct spr_onnx_value *b = shaped(onnx, node, linear ? 3 : 1);
    struct spr_onnx_value left, right, all = {.rank = 0};
    if (!a || !b || a->rank < 1 || b->rank < 1) {
        return;
    }
    const bool turn_a = spr_onnx_integer(node, "transA", 0) != 0 && a->rank > 1;
    const bool turn_b = spr_onnx_integer(node, "transB", 0) != 0 && b->rank > 1;
    int64_t shape[SPR_RANK_MAX];
    left = *a;
    right = *b;
    left.rank = a->rank > 2 ? a->rank - 2 : 0;
    right.rank = b->rank > 2 ? b->rank - 2 : 0;
    if (!spr_onnx_broadcast(&left, &right, &all) || all.rank + 2 > SPR_RANK_MAX) {
        return;
    }
    memcpy(shape, all.shape, sizeof shape);
    int rank = all.rank;
    if (a->rank > 1) {
        shape[rank++] = a->shape[turn_a ? a->rank - 1 : a->rank - 2];
    }
    if (b->rank > 1) {
        shape[rank++] = b->shape[turn_b ? b->rank - 2 : b->rank - 1];
    }
    spr_onnx_set_shape(out, rank, shape);
}

static void gemm_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                       struct spr_onnx_value *out)
{
    const bool linear = strcmp(node->op, "QGemm") == 0;
    const struct spr_onnx_value *a = shaped(onnx, node, 0);
    const struct spr_onnx_value *b = shaped(onnx, node, linear ? 3 : 1);
    if (a && b && a->rank == 2 && b->rank == 2) {
        const int64_t shape[2] = {a->shape[spr_onnx_integer(node, "transA", 0) ? 1 : 0],
                                  b->shape[spr_onnx_integer(node, "transB", 0) ? 0 : 1]};
        spr_onnx_set_shape(out, 2, shape);
    }
}

/* MatMulNBits and its like: the last dimension becomes N. */
static void packed_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                         struct spr_onnx_value *out)
{
    const struct spr_onnx_value *a = shaped(onnx, node, 0);
    if (a && a->rank > 0) {
        struct spr_onnx_value made = *a;
        made.shape[a->rank - 1] = spr_onnx_integer(node, "N", -1);
        take(out, &made);
    }
}

static void shape_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                        struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = shaped(onnx, node, 0);
    if (x) {
        int64_t start = spr_onnx_integer(node, "start", 0);
        int64_t end = spr_onnx_integer(node, "end", x->rank);
        start += start < 0 ? x->rank : 0;
        end += end < 0 ? x->rank : 0;
        start = start < 0 ? 0 : start > x->rank ? x->rank : start;
        end = end > x->rank ? x->rank : end;
        const int64_t count = end > start ? end - start : 0;
        spr_onnx_set_shape(out, 1, &count);
    }
}

static void scalar_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                         struct spr_onnx_value *out)
{
    (void)onnx;
    (void)node;
    spr_onnx_set_shape(out, 0, NULL);
}

/* ConstantOfShape; RandomNormal and its like by attribute. */
static void filled_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                         struct spr_onnx_value *out)
{
    int64_t list[SPR_ONNX_KNOWN];
    const int count = spr_onnx_list(onnx, node, 0, "shape", list);
    if (count >= 0) {
        spr_onnx_set_shape(out, count, list);
    }
}

static void range_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                        struct spr_onnx_value *out)
{
    double told[3];
    for (size_t i = 0; i < 3; i++) {
        const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
        told[i] = v ? spr_onnx_element(onnx, v, 0) : (double)NAN;
    }
    const double count = ceil((told[1] - told[0]) / told[2]);
    const int64_t shape = count >= 0 && count < 1e12 ? (int64_t)count : count < 0 ? 0 : -1;
    spr_onnx_set_shape(out, 1, &shape);
}

static void global_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                         struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = shaped(onnx, node, 0);
    if (x && x->rank >= 2) {
        struct spr_onnx_value made = *x;
        for (int i = 2; i < x->rank; i++) {
            made.shape[i] = 1;
        }
        take(out, &made);
    }
}

static void quantise_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                           struct spr_onnx_value *out)
{
    take(out, shaped(onnx, node, 0));
    spr_onnx_set_shape(spr_onnx_output(onnx, node, 1), 0, NULL);
    spr_onnx_set_shape(spr_onnx_output(onnx, node, 2), 0, NULL);
}

/* Pictures sampled at a grid. */
static void sampled_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                          struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = shaped(onnx, node, 0), *grid = shaped(onnx, node, 1);
    if (x && grid && grid->rank == x->rank && x->rank > 2) {
        struct spr_onnx_value made = *x;
        memcpy(made.shape + 2, grid->shape + 1, (size_t)(x->rank - 2) * sizeof *made.shape);
        take(out, &made);
    }
}

/* Operators between blanks. */
static const struct {
    spr_onnx_rule *rule;
    const char *operators;
} rules[] = {
    {same_shape, " Abs Acos Acosh Asin Asinh Atan Atanh BatchNormalization Bernoulli "
                 "BiasAdd BiasDropout BiasGelu BiasSoftmax BitwiseNot Cast CastLike Ceil "
                 "Celu Clip Cos Cosh CumSum DequantizeLinear Dropout Elu Erf Exp EyeLike "
                 "FastGelu Floor Gelu GemmaRotaryEmbedding GroupNorm GroupNormalization "
                 "HardSigmoid HardSwish Hardmax Identity InstanceNormalization Inverse "
                 "IsInf IsNaN LRN LayerNormalization LeakyRelu Log LogSoftmax "
                 "LpNormalization MeanVarianceNormalization Mish Neg Not "
                 "QLinearLeakyRelu QLinearSigmoid QLinearSoftmax QuantizeLinear "
                 "QuickGelu RMSNormalization RandomNormalLike RandomUniformLike "
                 "Reciprocal Relu ReorderInput ReorderOutput ReverseSequence "
                 "RotaryEmbedding Round Scatter ScatterElements ScatterND Selu Shrink "
                 "Sigmoid Sign SimplifiedLayerNormalization Sin Sinh "
                 "SkipLayerNormalization SkipSimplifiedLayerNormalization Softmax "
                 "Softplus Softsign Sqrt Swish Tan Tanh TensorScatter ThresholdedRelu "
                 "Trilu "},
    {broadcast_shape, " Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Div Equal Greater "
                      "GreaterOrEqual Less LessOrEqual Max Mean Min Mod Mul Or PRelu Pow Sub "
                      "Sum Where Xor "},
    {spr_onnx_reduce_shape,
     " ArgMax ArgMin ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax "
     "ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare "},
    {spr_onnx_attention_shape,
     " Attention GroupQueryAttention MultiHeadAttention QAttention "},
    {spr_onnx_window_shape,
     " AveragePool Conv ConvInteger DeformConv FusedConv LpPool MaxPool "
     "QLinearAveragePool QLinearConv "},
    {spr_onnx_concat_shape, " Concat "},
    {filled_shape, " ConstantOfShape RandomNormal RandomUniform "},
    {spr_onnx_transposed_shape, " ConvTranspose "},
    {spr_onnx_block_shape, " DepthToSpace SpaceToDepth "},
    {quantise_shape, " DynamicQuantizeLinear "},
    {matmul_shape, " DynamicQuantizeMatMul FusedMatMul FusedMatMulActivation GemmFastGelu "
                   "MatMul MatMulInteger MatMulIntegerToFloat QLinearMatMul "
                   "TransposeMatMul "},
    {spr_onnx_einsum_shape, " Einsum "},
    {spr_onnx_embed_norm_shape, " EmbedLayerNormalization "},
    {spr_onnx_expand_shape, " Expand "},
    {spr_onnx_flatten_shape, " Flatten "},
    {gemm_shape, " FusedGemm Gemm QGemm "},
    {spr_onnx_recurrent_shape, " DynamicQuantizeLSTM GRU LSTM RNN "},
    {spr_onnx_gather_shape, " Gather "},
    {second_shape, " GatherElements "},
    {spr_onnx_gather_nd_shape, " GatherND "},
    {global_shape, " GlobalAveragePool GlobalLpPool GlobalMaxPool QLinearGlobalAveragePool "},
    {sampled_shape, " GridSample "},
    {packed_shape, " MatMulBnb4 MatMulNBits "},
    {spr_onnx_one_hot_shape, " OneHot "},
    {spr_onnx_pad_shape, " Pad "},
    {fourth_shape, " QLinearAdd QLinearMul "},
    {range_shape, " Range "},
    {spr_onnx_reshape_shape, " Reshape "},
    {spr_onnx_resize_shape, " Resize Upsample "},
    {shape_shape, " Shape "},
    {scalar_shape, " Size "},
    {spr_onnx_slice_shape, " Slice "},
    {spr_onnx_split_shape, " Split "},
    {spr_onnx_squeeze_shape, " Squeeze "},
    {spr_onnx_tile_shape, " Tile "},
    {spr_onnx_top_k_shape, " TopK "},
    {spr_onnx_transpose_shape, " Transpose "},
    {spr_onnx_unsqueeze_shape, " Unsqueeze "},
};

static spr_onnx_rule *rule_of(const char *op)
{
    char word[64];
    const int length = snprintf(word, sizeof word, " %s ", op);
    for (size_t i = 0; length < (int)sizeof word && i < sizeof rules / sizeof *rules; i++) {
        if (strstr(rules[i].operators, word)) {
            return rules[i].rule;
        }
    }
    return NULL;
}

bool spr_onnx_has_rule(const char *op)
{
    return rule_of(op) != NULL;
}

static bool told(const struct spr_onnx_value *v)
{
    bool all = v->has_shape;
    for (int i = 0; all && i < v->rank; i++) {
        all = v->shape[i] >= 0;
    }
    return all;
}

/* The value where the shape of an input was lost; 0: none was. */
static size_t cause_of_inputs(const struct spr_onnx *onnx, const struct spr_onnx_node *node)
{
    for (size_t i = 0; i < node->input_count; i++) {
        const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
        if (v && v->cause > 0) {
            return v->cause;
        }
    }
    return 0;
}

/* Where shapes that are not told were lost: at an input, or here. */
static void set_causes(struct spr_onnx *onnx, const struct spr_onnx_node *node)
{
    const size_t before = cause_of_inputs(onnx, node);
    for (size_t i = 0; i < node->output_count; i++) {
        struct spr_onnx_value *out = spr_onnx_output(onnx, node, i);
        if (out) {
            const bool known = told(out) || spr_onnx_given_shape(onnx, out);
            out->cause = known ? 0 : before > 0 ? before : node->output[i] + 1;
        }
    }
}

void spr_onnx_shapes(struct spr_onnx *onnx, const struct spr_onnx_node *node)
{
    struct spr_onnx_value *out = spr_onnx_output(onnx, node, 0);
    spr_onnx_rule *rule = rule_of(node->op);
    if (out && rule) {
        rule(onnx, node, out);
    }
    spr_onnx_know(onnx, node);
    set_causes(onnx, node);
}
