/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes make of constants: the weights of a layer may be turned, cut, masked, quantised. */
#include <math.h>
#include <string.h>

#include "weights/onnx.h"

static bool is_op(const struct spr_onnx_node *node, const char *const *names)
{
    for (; *names; names++) {
        if (strcmp(node->op, *names) == 0) {
            return true;
        }
    }
    return false;
}

/* Bytes from the first element of a view to its last one, whose strides are not negative; -1: it
 * has none. */
static double reach(const struct spr_onnx_value *v)
{
    double elements = 0;
    for (int d = 0; d < v->rank; d++) {
        if (v->shape[d] < 1) {
            return -1;
        }
        elements += (double)(v->shape[d] - 1) * (double)v->stride[d];
    }
    return elements * (double)spr_element_bytes(v->element);
}

/* Whether a view of `from` stays within it, whatever shape the file declares; else it is none. */
static bool stays_within(const struct spr_onnx_value *from, struct spr_onnx_value *out)
{
    const double first = (double)(out->data - from->data), last = first + reach(out);
    if (first >= 0 && reach(out) >= 0 && last <= reach(from)) {
        return true;
    }
    out->data = NULL;
    return false;
}

/* The same elements with dimensions in another order. */
static bool turn(const struct spr_onnx_node *node, const struct spr_onnx_value *from,
                 struct spr_onnx_value *out)
{
    int64_t perm[SPR_RANK_MAX];
    const int count = spr_onnx_integers(node, "perm", perm, SPR_RANK_MAX);
    if (count != 0 && count != from->rank) {
        return false;
    }
    const struct spr_onnx_value old = *from;
    unsigned seen = 0;
    for (int i = 0; i < count; i++) {
        if (perm[i] < 0 || perm[i] >= old.rank || (seen >> perm[i] & 1) != 0) {
            return false;
        }
        seen |= 1U << perm[i];
    }
    spr_onnx_view(out, &old);
    for (int i = 0; i < old.rank; i++) {
        const int64_t axis = count == 0 ? old.rank - 1 - i : perm[i];
        out->shape[i] = old.shape[axis];
        out->stride[i] = old.stride[axis];
    }
    if (old.sparse.at && old.rank == 2) {
        out->turned = old.turned != (count == 0 || perm[0] == 1);
    }
    return !old.sparse.at || old.rank == 2;
}

/* The same elements in the same order: dimensions as the output has them already. */
static enum spr_status reshape(struct spr_onnx *onnx, const struct spr_onnx_value *from,
                               struct spr_onnx_value *out, bool *done, struct spr_error *err)
{
    struct spr_onnx_value packed = *from;
    const struct spr_onnx_value shape = *out;
    const int64_t elements = spr_onnx_product(from, 0, from->rank);
    int64_t stride = 1;
    if (from->sparse.at || spr_onnx_product(out, 0, out->rank) != elements) {
        return SPR_OK;
    }
    SPR_TRY(spr_onnx_pack(onnx, &packed, err));
    if (packed.element == SPR_ELEMENT_OTHER) {
        return SPR_OK;
    }
    spr_onnx_view(out, &packed);
    out->rank = shape.rank;
    memcpy(out->shape, shape.shape, sizeof out->shape);
    for (int i = out->rank - 1; i >= 0; i--) {
        out->stride[i] = stride;
        stride *= out->shape[i];
    }
    *done = true;
    return SPR_OK;
}

/* Element e of a constant that is broadcast to a shape. */
static double number_at(const struct spr_onnx_value *v, const struct spr_onnx_value *shape,
                        int64_t e)
{
    int64_t at = 0;
    for (int d = shape->rank - 1; d >= 0; d--) {
        const int own = d - shape->rank + v->rank;
        if (own >= 0 && v->shape[own] > 1) {
            at += e % shape->shape[d] * v->stride[own];
        }
        e /= shape->shape[d];
    }
    return spr_element_value(v->data + at * (int64_t)spr_element_bytes(v->element),
                             v->element);
}

/* Weights by a mask or by scales, element by element. */
static enum spr_status multiply(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                struct spr_onnx_value *out, bool *done, struct spr_error *err)
{
    struct spr_onnx_value a = *spr_onnx_input(onnx, node, 0),
                          b = *spr_onnx_input(onnx, node, 1), all;
    const bool divides = strcmp(node->op, "Div") == 0;
    const int64_t elements = spr_onnx_product(out, 0, out->rank);
    unsigned char *data;
    if (!spr_onnx_has_weights(&b) || a.sparse.at || b.sparse.at || out->rank < a.rank ||
        elements != (spr_onnx_product(&a, 0, a.rank) > spr_onnx_product(&b, 0, b.rank)
                         ? spr_onnx_product(&a, 0, a.rank)
                         : spr_onnx_product(&b, 0, b.rank)) ||
        !spr_onnx_broadcast(&a, &b, &all) || all.rank != out->rank ||
        memcmp(all.shape, out->shape, (size_t)all.rank * sizeof *all.shape) != 0) {
        return SPR_OK;
    }
    SPR_TRY(spr_onnx_widen(onnx, &a, err));
    SPR_TRY(spr_onnx_widen(onnx, &b, err));
    if (a.element == SPR_ELEMENT_OTHER || b.element == SPR_ELEMENT_OTHER) {
        return SPR_OK;
    }
    SPR_TRY(spr_onnx_make(onnx, (double)elements, SPR_ELEMENT_F32, out, &data, err));
    for (int64_t e = 0; e < elements; e++) {
        const double x = number_at(&a, out, e), y = number_at(&b, out, e);
        const float made = spr_round_to_float(divides ? x / y : x * y);
        memcpy(data + 4 * e, &made, sizeof made);
    }
    /* The larger one is the weights, the other one their mask. */
    const bool first = spr_onnx_product(&a, 0, a.rank) >= spr_onnx_product(&b, 0, b.rank);
    out->tensor = first ? a.tensor : b.tensor;
    spr_set_use(onnx->source, first ? b.tensor : a.tensor, SPR_USE_SCALE);
    *done = true;
    return SPR_OK;
}

/* Weights in the integers of their scales. */
static enum spr_status quantise(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                struct spr_onnx_value *out, bool *done, struct spr_error *err)
{
    struct spr_onnx_value w = *spr_onnx_input(onnx, node, 0);
    const struct spr_onnx_value *scale = spr_onnx_input(onnx, node, 1),
                                *zero = spr_onnx_input(onnx, node, 2);
    const int64_t elements = spr_onnx_product(&w, 0, w.rank);
    const bool has_zero =
        spr_onnx_has_weights(zero) && !zero->sparse.at && zero->element != SPR_ELEMENT_OTHER;
    int64_t axis = spr_onnx_integer(node, "axis", 1);
    unsigned char *data;
    axis += axis < 0 ? w.rank : 0;
    if (w.sparse.at || !spr_onnx_has_weights(scale) || scale->rank > 1 || scale->sparse.at ||
        scale->element == SPR_ELEMENT_OTHER || axis < 0 || axis >= w.rank) {
        return SPR_OK;
    }
    SPR_TRY(spr_onnx_pack(onnx, &w, err));
    if (w.element == SPR_ELEMENT_OTHER) {
        return SPR_OK;
    }
    spr_onnx_view(out, &w);
    SPR_TRY(spr_onnx_make(onnx, (double)elements, SPR_ELEMENT_F32, out, &data, err));
    const int64_t count = spr_onnx_product(scale, 0, scale->rank);
    int64_t inner = 1;
    for (int d = (int)axis + 1; d < w.rank; d++) {
        inner *= w.shape[d];
    }
    const bool is_signed = has_zero && zero->element != SPR_ELEMENT_U8;
    for (int64_t e = 0; e < elements; e++) {
        const int64_t at = count > 1 ? e / inner % count : 0;
        const double by = spr_element_value(
            scale->data + at * (int64_t)spr_element_bytes(scale->element), scale->element);
        const double point =
            has_zero ? spr_element_value(
                           zero->data + (zero->rank == 1 && zero->shape[0] > at
                                             ? at * (int64_t)spr_element_bytes(zero->element)
                                             : 0),
                           zero->element)
                     : 0;
        const double q = nearbyint(
            spr_element_value(w.data + (size_t)e * spr_element_bytes(w.element), w.element) /
            by);
        const double least = is_signed ? -128 : 0, most = is_signed ? 127 : 255;
        const double made = fmin(fmax(q + point, least), most);
        const float wide = (float)made;
        memcpy(data + 4 * e, &wide, sizeof wide);
    }
    *done = true;
    return SPR_OK;
}

/* Elements from `start` on along an axis. */
static void cut(const struct spr_onnx_value *from, int axis, int64_t start,
                struct spr_onnx_value *out)
{
    const struct spr_onnx_value shape = *out;
    spr_onnx_view(out, from);
    out->data =
        from->data + start * from->stride[axis] * (int64_t)spr_element_bytes(from->element);
    out->rank = shape.rank;
    memcpy(out->shape, shape.shape, sizeof out->shape);
}

/* Whether two shapes differ along an axis alone. */
static bool same_beside(const struct spr_onnx_value *from, const struct spr_onnx_value *out,
                        int axis)
{
    bool same = out->rank == from->rank;
    for (int d = 0; same && d < from->rank; d++) {
        same = d == axis || out->shape[d] == from->shape[d];
    }
    return same;
}

/* Split, along one axis Slice, and one of Gather's. */
static bool cut_out(struct spr_onnx *onnx, const struct spr_onnx_node *node)
{
    const struct spr_onnx_value from = *spr_onnx_input(onnx, node, 0);
    struct spr_onnx_value *out = spr_onnx_output(onnx, node, 0);
    int64_t start = 0, list[SPR_ONNX_KNOWN], axis = spr_onnx_integer(node, "axis", 0);
    axis += axis < 0 ? from.rank : 0;
    if (axis < 0 || axis >= from.rank || from.sparse.at || from.element == SPR_ELEMENT_OTHER) {
        return false;
    }
    if (strcmp(node->op, "Split") == 0) {
        for (size_t i = 0; i < node->output_count; i++) {
            struct spr_onnx_value *part = spr_onnx_output(onnx, node, i);
            if (!part || !part->has_shape || part->rank != from.rank ||
                part->shape[axis] < 1 || start + part->shape[axis] > from.shape[axis]) {
                return false;
            }
            const int64_t size = part->shape[axis];
            cut(&from, (int)axis, start, part);
            if (!same_beside(&from, part, (int)axis) || !stays_within(&from, part)) {
                part->data = NULL;
                return false;
            }
            start += size;
        }
        return true;
    }
    if (strcmp(node->op, "Gather") == 0) {
        const struct spr_onnx_value *at = spr_onnx_input(onnx, node, 1);
        if (!at || !at->has_shape || at->rank != 0 || !out->has_shape ||
            spr_onnx_list(onnx, node, 1, "", list) != 1) {
            return false;
        }
        start = list[0] + (list[0] < 0 ? from.shape[axis] : 0);
        if (start < 0 || start >= from.shape[axis] || out->rank != from.rank - 1) {
            return false;
        }
        cut(&from, (int)axis, start, out);
        for (int i = (int)axis; i < out->rank; i++) {
            out->stride[i] = from.stride[i + 1];
        }
        return stays_within(&from, out);
    }
    if (spr_onnx_list(onnx, node, 3, "", list) == 1) {
        axis = list[0] + (list[0] < 0 ? from.rank : 0);
    } else {
        axis = spr_onnx_input(onnx, node, 3) ? -1 : 0;
    }
    if (axis < 0 || axis >= from.rank || spr_onnx_input(onnx, node, 4) ||
        spr_onnx_list(onnx, node, 1, "", list) != 1 || !out->has_shape) {
        return false;
    }
    start = list[0] + (list[0] < 0 ? from.shape[axis] : 0);
    if (start < 0 || out->shape[axis] < 1 || start + out->shape[axis] > from.shape[axis]) {
        return false;
    }
    if (!same_beside(&from, out, (int)axis)) {
        return false;
    }
    cut(&from, (int)axis, start, out);
    return stays_within(&from, out);
}

/* The element that lies first of its kind, and where each of the others goes. */
static bool can_join(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                     const struct spr_onnx_value *out)
{
    const struct spr_onnx_value *first = spr_onnx_input(onnx, node, 0);
    for (size_t i = 0; i < node->input_count; i++) {
        const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
        if (!spr_onnx_has_weights(v) || v->sparse.at || v->element != first->element ||
            v->element == SPR_ELEMENT_OTHER || v->rank != out->rank) {
            return false;
        }
    }
    return spr_onnx_product(out, 0, out->rank) > 0;
}

/* Constants behind each other along an axis: exporters put the gates of an LSTM in order so. */
static enum spr_status join(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                            struct spr_onnx_value *out, bool *done, struct spr_error *err)
{
    unsigned char *data;
    int64_t axis = spr_onnx_integer(node, "axis", 0);
    axis += axis < 0 ? out->rank : 0;
    if (!out->has_shape || axis < 0 || axis >= out->rank || !can_join(onnx, node, out)) {
        return SPR_OK;
    }
    const int64_t outer = spr_onnx_product(out, 0, (int)axis);
    const enum spr_element element = spr_onnx_input(onnx, node, 0)->element;
    const size_t size = spr_element_bytes(element);
    const size_t row = (size_t)spr_onnx_product(out, (int)axis, out->rank) * size;
    SPR_TRY(
        spr_onnx_make(onnx, (double)outer * (double)(row / size), element, out, &data, err));
    size_t column = 0;
    for (size_t i = 0; i < node->input_count; i++) {
        struct spr_onnx_value part = *spr_onnx_input(onnx, node, i);
        SPR_TRY(spr_onnx_pack(onnx, &part, err));
        const size_t bytes = (size_t)spr_onnx_product(&part, (int)axis, part.rank) * size;
        if (column + bytes > row || spr_onnx_product(&part, 0, (int)axis) != outer) {
            return SPR_OK;
        }
        for (int64_t r = 0; r < outer; r++) {
            memcpy(data + (size_t)r * row + column, part.data + (size_t)r * bytes, bytes);
        }
        column += bytes;
    }
    *done = column == row;
    return SPR_OK;
}

/* What is made of constants in ways that are not followed: of the largest one. */
static void derive(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                   struct spr_onnx_value *out)
{
    double most = 0;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
        const size_t tensor = v ? v->tensor : SIZE_MAX;
        const double parameters = tensor < onnx->source->weights->tensor_count
                                      ? onnx->source->weights->tensor[tensor].parameters
                                      : 0;
        if (parameters > most) {
            out->tensor = tensor;
            most = parameters;
        }
    }
    for (size_t i = 0; i < node->input_count && !onnx->dry; i++) {
        const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
        if (v && v->tensor != out->tensor && most > 0 && v->rank > 1) {
            spr_set_use(onnx->source, v->tensor, SPR_USE_LAYER);
        }
    }
}

/* Scales and zero points are no weights of their own. */
static void claim_scales(struct spr_onnx *onnx, const struct spr_onnx_node *node)
{
    for (size_t i = 1; i < 3; i++) {
        const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
        if (v) {
            spr_set_use(onnx->source, v->tensor, SPR_USE_SCALE);
        }
    }
}

static enum spr_status fold_weights(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                    bool *done, struct spr_error *err)
{
    static const char *const same[] = {"Identity", "Cast", "CastLike", "Dropout", NULL};
    static const char *const moved[] = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", NULL};
    static const char *const cuts[] = {"Split", "Slice", "Gather", NULL};
    static const char *const scaled[] = {"Mul", "Div", NULL};
    const struct spr_onnx_value *from = spr_onnx_input(onnx, node, 0),
                                *with = spr_onnx_input(onnx, node, 1);
    struct spr_onnx_value *out = spr_onnx_output(onnx, node, 0);
    if (is_op(node, same)) {
        spr_onnx_view(out, from);
        *done = true;
    } else if (strcmp(node->op, "Transpose") == 0) {
        *done = turn(node, from, out);
    } else if (is_op(node, moved)) {
        return reshape(onnx, from, out, done, err);
    } else if (strcmp(node->op, "DequantizeLinear") == 0) {
        claim_scales(onnx, node);
        *done = true;
        return spr_onnx_shift(onnx, from, spr_onnx_input(onnx, node, 2),
                              spr_onnx_integer(node, "axis", 1),
                              spr_onnx_integer(node, "block_size", 0), out, err);
    } else if (strcmp(node->op, "QuantizeLinear") == 0) {
        claim_scales(onnx, node);
        return quantise(onnx, node, out, done, err);
    } else if (strcmp(node->op, "Concat") == 0) {
        return join(onnx, node, out, done, err);
    } else if (is_op(node, cuts)) {
        *done = cut_out(onnx, node);
    } else if (is_op(node, scaled) && with && out->has_shape) {
        return multiply(onnx, node, out, done, err);
    }
    return SPR_OK;
}

enum spr_status spr_onnx_fold(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                              bool *done, struct spr_error *err)
{
    const struct spr_onnx_value *from = spr_onnx_input(onnx, node, 0);
    struct spr_onnx_value *out = spr_onnx_output(onnx, node, 0);
    bool constant = strncmp(node->op, "Random", 6) != 0;
    *done = false;
    for (size_t i = 0; constant && i < node->input_count; i++) {
        const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
        constant = !v || v->constant;
    }
    for (size_t i = 0; constant && i < node->output_count; i++) {
        if (node->output[i] != SIZE_MAX) {
            onnx->value[node->output[i]].constant = true;
        }
    }
    if (!constant || !out) {
        return SPR_OK;
    }
    if (spr_onnx_has_weights(from)) {
        SPR_TRY(fold_weights(onnx, node, done, err));
    }
    if (!*done) {
        out->data = NULL;
    }
    if (!*done || strcmp(node->op, "Concat") == 0) {
        derive(onnx, node, out);
    }
    return SPR_OK;
}

enum spr_status spr_onnx_unpack(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                struct spr_onnx_value *out, struct spr_error *err)
{
    const struct spr_onnx_value *b = spr_onnx_input(onnx, node, 1),
                                *zero = spr_onnx_input(onnx, node, 3);
    const int64_t n = spr_onnx_integer(node, "N", 0), k = spr_onnx_integer(node, "K", 0);
    const int64_t bits = spr_onnx_integer(node, "bits", 4),
                  block = spr_onnx_integer(node, "block_size", 0);
    if (!spr_onnx_has_weights(b) || b->element != SPR_ELEMENT_U8 || n < 1 || k < 1 ||
        n > INT32_MAX || k > INT32_MAX || block < 1 || block > 1 << 20 ||
        (bits != 2 && bits != 4 && bits != 8)) {
        return SPR_OK;
    }
    const int64_t blocks = (k + block - 1) / block, blob = (block * bits + 7) / 8;
    const int64_t row = (blocks * bits + 7) / 8, mask = ((int64_t)1 << bits) - 1;
    if (spr_onnx_product(b, 0, b->rank) != n * blocks * blob) {
        return SPR_OK;
    }
    const bool packed = spr_onnx_has_weights(zero) && zero->element == SPR_ELEMENT_U8 &&
                        spr_onnx_product(zero, 0, zero->rank) == n * row;
    unsigned char *data;
    spr_onnx_view(out, b);
    out->rank = 2;
    out->shape[0] = n;
    out->shape[1] = k;
    const enum spr_element element = bits == 8 ? SPR_ELEMENT_F32 : SPR_ELEMENT_I8;
    SPR_TRY(spr_onnx_make(onnx, (double)n * (double)k, element, out, &data, err));
    onnx->source->weights->tensor[b->tensor].parameters = (double)n * (double)k;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < k; j++) {
            const int64_t at = j / block, bit = j % block * bits, z = at * bits;
            const int64_t q = b->data[(i * blocks + at) * blob + bit / 8] >> bit % 8 & mask;
            const int64_t p = packed ? zero->data[i * row + z / 8] >> z % 8 & mask
                                     : (int64_t)1 << (bits - 1);
            const float wide = (float)(q - p);
            if (element == SPR_ELEMENT_I8) {
                data[i * k + j] = (unsigned char)(int8_t)(q - p);
            } else {
                memcpy(data + 4 * (i * k + j), &wide, sizeof wide);
            }
        }
    }
    return SPR_OK;
}
