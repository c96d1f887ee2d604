/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes of what operators make that move, choose and sum elements. */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "weights/onnx.h"

/* Input i with a shape, or NULL. */
static const struct spr_onnx_value *shaped(const struct spr_onnx *onnx,
                                           const struct spr_onnx_node *node, size_t i)
{
    const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
    return v && v->has_shape ? v : NULL;
}

/* An axis, from behind where it is negative; -1: outside. */
static int axis_of(int64_t axis, int rank)
{
    axis += axis < 0 ? rank : 0;
    return axis >= 0 && axis < rank ? (int)axis : -1;
}

/* A set of axes as bits; false: one is outside. */
static bool axes_of(const int64_t *list, int count, int rank, unsigned *set)
{
    *set = 0;
    for (int i = 0; i < count; i++) {
        const int axis = axis_of(list[i], rank);
        if (axis < 0) {
            return false;
        }
        *set |= 1U << axis;
    }
    return true;
}

void spr_onnx_concat_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                           struct spr_onnx_value *out)
{
    const struct spr_onnx_value *first = shaped(onnx, node, 0);
    int64_t shape[SPR_RANK_MAX];
    const int axis = first ? axis_of(spr_onnx_integer(node, "axis", 1), first->rank) : -1;
    if (axis < 0) {
        return;
    }
    memcpy(shape, first->shape, sizeof shape);
    for (size_t i = 1; i < node->input_count; i++) {
        const struct spr_onnx_value *v = shaped(onnx, node, i);
        if (!v || v->rank != first->rank) {
            return;
        }
        for (int d = 0; d < v->rank; d++) {
            if (d != axis) {
                shape[d] = shape[d] < 0 ? v->shape[d] : shape[d];
            } else {
                const bool told = shape[d] >= 0 && shape[d] <= SPR_DIMENSION_MAX &&
                                  v->shape[d] >= 0 && v->shape[d] <= SPR_DIMENSION_MAX;
                shape[d] = told ? shape[d] + v->shape[d] : -1;
            }
        }
    }
    spr_onnx_set_shape(out, first->rank, shape);
}

void spr_onnx_transpose_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                              struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = shaped(onnx, node, 0);
    int64_t perm[SPR_RANK_MAX], shape[SPR_RANK_MAX];
    const int count = spr_onnx_integers(node, "perm", perm, SPR_RANK_MAX);
    unsigned seen = 0;
    if (!x || (count != 0 && count != x->rank)) {
        return;
    }
    for (int i = 0; i < x->rank; i++) {
        const int from = count == 0 ? x->rank - 1 - i : axis_of(perm[i], x->rank);
        if (from < 0 || (seen >> from & 1) != 0) {
            return;
        }
        seen |= 1U << from;
        shape[i] = x->shape[from];
    }
    spr_onnx_set_shape(out, x->rank, shape);
}

void spr_onnx_reshape_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                            struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = shaped(onnx, node, 0);
    int64_t list[SPR_ONNX_KNOWN], shape[SPR_RANK_MAX];
    const int count = spr_onnx_list(onnx, node, 1, "shape", list);
    const bool zero = spr_onnx_integer(node, "allowzero", 0) == 0;
    int rest = -1;
    int64_t all = 1;
    if (count < 0 || count > SPR_RANK_MAX) {
        return;
    }
    for (int i = 0; i < count; i++) {
        shape[i] =
            list[i] == 0 && zero ? (x && i < x->rank ? x->shape[i] : INT64_MIN) : list[i];
        if (list[i] == -1) {
            rest = rest < 0 ? i : -2;
        } else if (shape[i] < 0) { /* not known */
            shape[i] = -1;
            all = 0;
        } else {
            all = all > (int64_t)1e15 / (shape[i] ? shape[i] : 1) ? 0 : all * shape[i];
        }
    }
    const int64_t elements = x ? spr_onnx_product(x, 0, x->rank) : 0;
    if (rest >= 0) {
        shape[rest] = all > 0 && elements > 0 && elements % all == 0 ? elements / all : -1;
    }
    spr_onnx_set_shape(out, count, shape);
}

void spr_onnx_flatten_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                            struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = shaped(onnx, node, 0);
    int64_t axis = spr_onnx_integer(node, "axis", 1);
    if (!x) {
        return;
    }
    axis += axis < 0 ? x->rank : 0;
    if (axis < 0 || axis > x->rank) {
        return;
    }
    const int64_t rows = spr_onnx_product(x, 0, (int)axis);
    const int64_t columns = spr_onnx_product(x, (int)axis, x->rank);
    const int64_t shape[2] = {rows > 0 ? rows : -1, columns > 0 ? columns : -1};
    spr_onnx_set_shape(out, 2, shape);
}

void spr_onnx_squeeze_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                            struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = shaped(onnx, node, 0);
    int64_t list[SPR_ONNX_KNOWN], shape[SPR_RANK_MAX];
    int count = spr_onnx_list(onnx, node, 1, "axes", list), rank = 0;
    unsigned set;
    if (!x || (count < 0 && spr_onnx_input(onnx, node, 1)) ||
        !axes_of(list, count < 0 ? 0 : count, x->rank, &set)) {
        return;
    }
    for (int i = 0; i < x->rank; i++) {
        if (count <= 0 && x->shape[i] < 0) {
            return; /* whether it goes is not known */
        }
        if (count <= 0 ? x->shape[i] != 1 : !(set >> i & 1)) {
            shape[rank++] = x->shape[i];
        }
    }
    spr_onnx_set_shape(out, rank, shape);
}

void spr_onnx_unsqueeze_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                              struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = shaped(onnx, node, 0);
    int64_t list[SPR_ONNX_KNOWN], shape[SPR_RANK_MAX];
    const int count = spr_onnx_list(onnx, node, 1, "axes", list);
    unsigned set;
    int from = 0;
    if (!x || count < 0 || x->rank + count > SPR_RANK_MAX ||
        !axes_of(list, count, x->rank + count, &set)) {
        return;
    }
    for (int i = 0; i < x->rank + count; i++) {
        shape[i] = set >> i & 1 ? 1 : from < x->rank ? x->shape[from++] : 1;
    }
    spr_onnx_set_shape(out, x->rank + count, shape);
}

void spr_onnx_expand_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                           struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = shaped(onnx, node, 0);
    int64_t list[SPR_ONNX_KNOWN];
    const int count = spr_onnx_list(onnx, node, 1, "shape", list);
    struct spr_onnx_value to = {.has_shape = true, .rank = count}, made = {.rank = 0};
    if (!x || count < 0 || count > SPR_RANK_MAX) {
        return;
    }
    for (int i = 0; i < count; i++) {
        to.shape[i] = list[i] < 0 ? -1 : list[i];
    }
    if (spr_onnx_broadcast(x, &to, &made)) {
        spr_onnx_set_shape(out, made.rank, made.shape);
    }
}

/* Elements of [start, end) by step of a dimension. */
static int64_t slice_of(int64_t size, double start, double end, double step)
{
    if (size < 0 || isnan(start) || isnan(end) || isnan(step) || step == 0) {
        return -1;
    }
    const double n = (double)size;
    start += start < 0 ? n : 0;
    end += end < 0 ? n : 0;
    if (step > 0) {
        start = fmin(fmax(start, 0), n);
        end = fmin(fmax(end, 0), n);
    } else {
        start = fmin(fmax(start, -1), n - 1);
        end = fmin(fmax(end, -1), n - 1);
    }
    const double count = ceil((end - start) / step);
    return count > 0 ? (int64_t)count : 0;
}

/* Element j of what a Slice is told, by attribute in its first version. */
static double told(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                   const char *name, size_t i, int64_t j)
{
    int64_t list[SPR_RANK_MAX];
    if (node->input_count == 1) {
        return j < spr_onnx_integers(node, name, list, SPR_RANK_MAX) ? (double)list[j]
                                                                     : (double)NAN;
    }
    const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
    return v && j < spr_onnx_known_count(v) ? spr_onnx_element(onnx, v, j) : (double)NAN;
}

void spr_onnx_slice_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                          struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = shaped(onnx, node, 0),
                                *starts = spr_onnx_input(onnx, node, 1);
    int64_t shape[SPR_RANK_MAX], list[SPR_RANK_MAX];
    const bool old = node->input_count == 1;
    const int64_t count = old ? spr_onnx_integers(node, "starts", list, SPR_RANK_MAX)
                          : starts && starts->has_shape && starts->rank == 1 ? starts->shape[0]
                                                                             : -1;
    if (!x || count < 0 || count > x->rank) {
        return;
    }
    const bool axes = old ? spr_onnx_integers(node, "axes", list, 1) > 0
                          : spr_onnx_input(onnx, node, 3) != NULL;
    memcpy(shape, x->shape, sizeof shape);
    for (int64_t j = 0; j < count; j++) {
        const double at = axes ? told(onnx, node, "axes", 3, j) : (double)j;
        const int axis = isnan(at) ? -1 : axis_of((int64_t)at, x->rank);
        if (axis < 0) {
            return;
        }
        const double step = spr_onnx_input(onnx, node, 4) ? told(onnx, node, "", 4, j) : 1;
        shape[axis] = slice_of(x->shape[axis], told(onnx, node, "starts", 1, j),
                               told(onnx, node, "ends", 2, j), step);
    }
    spr_onnx_set_shape(out, x->rank, shape);
}

void spr_onnx_gather_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                           struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = shaped(onnx, node, 0), *at = shaped(onnx, node, 1);
    int64_t shape[SPR_RANK_MAX];
    const int axis = x ? axis_of(spr_onnx_integer(node, "axis", 0), x->rank) : -1;
    int rank = 0;
    if (axis < 0 || !at || x->rank - 1 + at->rank > SPR_RANK_MAX) {
        return;
    }
    for (int i = 0; i < x->rank; i++) {
        if (i != axis) {
            shape[rank++] = x->shape[i];
            continue;
        }
        for (int j = 0; j < at->rank; j++) {
            shape[rank++] = at->shape[j];
        }
    }
    spr_onnx_set_shape(out, rank, shape);
}

void spr_onnx_gather_nd_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                              struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = shaped(onnx, node, 0), *at = shaped(onnx, node, 1);
    int64_t shape[SPR_RANK_MAX];
    const int64_t batch = spr_onnx_integer(node, "batch_dims", 0);
    int rank = 0;
    if (!x || !at || at->rank < 1 || batch < 0 || batch > at->rank) {
        return;
    }
    const int64_t last = at->shape[at->rank - 1];
    if (last < 0 || batch + last > x->rank ||
        at->rank - 1 + x->rank - batch - last > SPR_RANK_MAX) {
        return;
    }
    for (int i = 0; i < at->rank - 1; i++) {
        shape[rank++] = at->shape[i];
    }
    for (int i = (int)(batch + last); i < x->rank; i++) {
        shape[rank++] = x->shape[i];
    }
    spr_onnx_set_shape(out, rank, shape);
}

void spr_onnx_split_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                          struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = shaped(onnx, node, 0);
    int64_t list[SPR_ONNX_KNOWN], shape[SPR_RANK_MAX];
    const int axis = x ? axis_of(spr_onnx_integer(node, "axis", 0), x->rank) : -1;
    const int count = spr_onnx_list(onnx, node, 1, "split", list);
    const int64_t parts = spr_onnx_integer(node, "num_outputs", (int64_t)node->output_count);
    (void)out;
    if (axis < 0 || parts < 1 || parts > SPR_DIMENSION_MAX ||
        (count < 0 && spr_onnx_input(onnx, node, 1))) {
        return;
    }
    const int64_t size = x->shape[axis], each = size < 0 ? -1 : (size + parts - 1) / parts;
    memcpy(shape, x->shape, sizeof shape);
    for (size_t i = 0; i < node->output_count; i++) {
        if (count >= 0) {
            shape[axis] = i < (size_t)count && list[i] >= 0 ? list[i] : -1;
        } else {
            const int64_t left = size - each * (int64_t)i;
            shape[axis] = size < 0 ? -1 : left < each ? (left > 0 ? left : 0) : each;
        }
        spr_onnx_set_shape(spr_onnx_output(onnx, node, i), x->rank, shape);
    }
}

void spr_onnx_tile_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                         struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = shaped(onnx, node, 0);
    int64_t list[SPR_ONNX_KNOWN], shape[SPR_RANK_MAX];
    const int count = spr_onnx_list(onnx, node, 1, "repeats", list);
    if (!x || count != x->rank) {
        return;
    }
    for (int i = 0; i < x->rank; i++) {
        const bool fits =
            x->shape[i] >= 0 && list[i] >= 0 && (double)x->shape[i] * (double)list[i] <= 1e15;
        shape[i] = fits ? x->shape[i] * list[i] : -1;
    }
    spr_onnx_set_shape(out, x->rank, shape);
}

void spr_onnx_top_k_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                          struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = shaped(onnx, node, 0);
    int64_t list[SPR_ONNX_KNOWN], shape[SPR_RANK_MAX];
    const int axis = x ? axis_of(spr_onnx_integer(node, "axis", -1), x->rank) : -1;
    if (axis < 0) {
        return;
    }
    memcpy(shape, x->shape, sizeof shape);
    shape[axis] = spr_onnx_list(onnx, node, 1, "k", list) == 1 && list[0] >= 0
                      ? list[0]
                      : spr_onnx_integer(node, "k", -1);
    spr_onnx_set_shape(out, x->rank, shape);
    spr_onnx_set_shape(spr_onnx_output(onnx, node, 1), x->rank, shape);
}

void spr_onnx_one_hot_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                            struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = shaped(onnx, node, 0);
    int64_t list[SPR_ONNX_KNOWN], shape[SPR_RANK_MAX];
    const int axis = x ? axis_of(spr_onnx_integer(node, "axis", -1), x->rank + 1) : -1;
    const int count = spr_onnx_list(onnx, node, 1, "depth", list);
    int from = 0;
    if (axis < 0 || x->rank + 1 > SPR_RANK_MAX) {
        return;
    }
    for (int i = 0; i <= x->rank; i++) {
        shape[i] = i != axis ? x->shape[from++] : count == 1 && list[0] >= 0 ? list[0] : -1;
    }
    spr_onnx_set_shape(out, x->rank + 1, shape);
}

/* ReduceSum and its like, ArgMax too, which has one axis. */
void spr_onnx_reduce_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                           struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = shaped(onnx, node, 0);
    int64_t list[SPR_ONNX_KNOWN] = {0}, shape[SPR_RANK_MAX];
    const bool keep = spr_onnx_integer(node, "keepdims", 1) != 0;
    int count = spr_onnx_list(onnx, node, 1, "axes", list), rank = 0;
    unsigned set;
    if (strncmp(node->op, "Arg", 3) == 0) {
        list[0] = spr_onnx_integer(node, "axis", 0);
        count = 1;
    } else if (count < 0 && spr_onnx_input(onnx, node, 1)) {
        return;
    } else if (count <= 0 && spr_onnx_integer(node, "noop_with_empty_axes", 0) != 0 && x) {
        spr_onnx_set_shape(out, x->rank, x->shape);
        return;
    }
    if (!x || !axes_of(list, count < 0 ? 0 : count, x->rank, &set)) {
        return;
    }
    set = count <= 0 ? ~0U : set;
    for (int i = 0; i < x->rank; i++) {
        if (!(set >> i & 1)) {
            shape[rank++] = x->shape[i];
        } else if (keep) {
            shape[rank++] = 1;
        }
    }
    spr_onnx_set_shape(out, rank, shape);
}
