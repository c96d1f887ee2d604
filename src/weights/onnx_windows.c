/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes of what operators make that slide windows over pictures, or resize them. */
#include <math.h>
#include <string.h>

#include "weights/onnx.h"

#define SPATIAL_MAX (SPR_RANK_MAX - 2)

/* Operands of what is a convolution, or a pool (weight SIZE_MAX). */
struct window {
    const struct spr_onnx_value *x, *w;
    int spatial;
    int64_t kernel[SPATIAL_MAX], stride[SPATIAL_MAX], dilation[SPATIAL_MAX];
    int64_t pad[2 * SPATIAL_MAX];
    int64_t maps; /* of the output */
};

static void integers_or(const struct spr_onnx_node *node, const char *name, int64_t *list,
                        int count, int64_t otherwise)
{
    const int told = spr_onnx_integers(node, name, list, count);
    for (int i = told; i < count; i++) {
        list[i] = otherwise;
    }
}

static bool find_window(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                        struct window *window)
{
    const bool linear = strncmp(node->op, "QLinear", 7) == 0;
    const bool pool = strstr(node->op, "Pool") != NULL;
    const struct spr_onnx_value *x = spr_onnx_input(onnx, node, 0);
    const struct spr_onnx_value *w = pool ? NULL : spr_onnx_input(onnx, node, linear ? 3 : 1);
    *window = (struct window){.x = x, .w = w};
    if (!x || !x->has_shape || x->rank < 3 ||
        (!pool && (!w || !w->has_shape || w->rank != x->rank))) {
        return false;
    }
    window->spatial = x->rank - 2;
    const int given = spr_onnx_integers(node, "kernel_shape", window->kernel, window->spatial);
    for (int i = given; i < window->spatial; i++) {
        window->kernel[i] = w ? w->shape[i + 2] : -1;
    }
    integers_or(node, "strides", window->stride, window->spatial, 1);
    integers_or(node, "dilations", window->dilation, window->spatial, 1);
    integers_or(node, "pads", window->pad, 2 * window->spatial, 0);
    window->maps = pool ? x->shape[1] : w->shape[0];
    for (int i = 0; i < window->spatial; i++) {
        const bool sane = window->kernel[i] >= -1 && window->kernel[i] <= 1 << 30 &&
                          window->stride[i] > 0 && window->stride[i] <= 1 << 30 &&
                          window->dilation[i] > 0 && window->dilation[i] <= 1 << 30;
        if (!sane || window->pad[i] < -(1 << 30) || window->pad[i] > 1 << 30 ||
            window->pad[i + window->spatial] < -(1 << 30) ||
            window->pad[i + window->spatial] > 1 << 30) {
            return false;
        }
    }
    return true;
}

void spr_onnx_window_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                           struct spr_onnx_value *out)
{
    struct window w;
    int64_t shape[SPR_RANK_MAX];
    if (!find_window(onnx, node, &w)) {
        return;
    }
    const bool same = spr_onnx_says(node, "auto_pad", "SAME_UPPER") ||
                      spr_onnx_says(node, "auto_pad", "SAME_LOWER");
    const bool valid = spr_onnx_says(node, "auto_pad", "VALID");
    const bool up = spr_onnx_integer(node, "ceil_mode", 0) != 0;
    const bool last = spr_onnx_integer(node, "channels_last", 0) != 0;
    shape[0] = w.x->shape[0];
    shape[1] = w.maps;
    for (int i = 0; i < w.spatial; i++) {
        const int64_t in = w.x->shape[i + 2], stride = w.stride[i];
        const int64_t pads = valid ? 0 : w.pad[i] + w.pad[i + w.spatial];
        const int64_t room = in + pads - (w.kernel[i] - 1) * w.dilation[i] - 1;
        shape[i + 2] = in < 0 || w.kernel[i] < 1 ? -1
                       : same                    ? (in + stride - 1) / stride
                       : room < 0                ? 0
                                                 : (room + (up ? stride - 1 : 0)) / stride + 1;
        /* A window that begins in the padding behind is none. */
        if (up && !same && shape[i + 2] > 1 &&
            (shape[i + 2] - 1) * stride >= in + (valid ? 0 : w.pad[i])) {
            shape[i + 2]--;
        }
    }
    if (last) {
        return;
    }
    spr_onnx_set_shape(out, w.x->rank, shape);
    if (strcmp(node->op, "MaxPool") == 0) {
        spr_onnx_set_shape(spr_onnx_output(onnx, node, 1), w.x->rank, shape);
    }
}

void spr_onnx_transposed_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                               struct spr_onnx_value *out)
{
    struct window w;
    int64_t shape[SPR_RANK_MAX], extra[SPATIAL_MAX], given[SPR_RANK_MAX];
    const int64_t groups = spr_onnx_integer(node, "group", 1);
    if (!find_window(onnx, node, &w) || groups < 1 || groups > 1 << 30) {
        return;
    }
    const bool same = spr_onnx_says(node, "auto_pad", "SAME_UPPER") ||
                      spr_onnx_says(node, "auto_pad", "SAME_LOWER");
    const bool valid = spr_onnx_says(node, "auto_pad", "VALID");
    const int told = spr_onnx_integers(node, "output_shape", given, SPR_RANK_MAX);
    integers_or(node, "output_padding", extra, w.spatial, 0);
    shape[0] = w.x->shape[0];
    shape[1] =
        w.w->shape[1] < 0 || w.w->shape[1] > (int64_t)1 << 30 ? -1 : w.w->shape[1] * groups;
    for (int i = 0; i < w.spatial; i++) {
        const int64_t in = w.x->shape[i + 2];
        const int64_t pads = valid ? 0 : w.pad[i] + w.pad[i + w.spatial];
        shape[i + 2] = in < 0 || w.kernel[i] < 1 || in > (int64_t)1 << 30 || extra[i] < 0 ||
                               extra[i] > 1 << 30
                           ? -1
                       : told >= w.spatial ? given[told - w.spatial + i]
                       : same              ? in * w.stride[i]
                                           : (in - 1) * w.stride[i] + extra[i] +
                                    (w.kernel[i] - 1) * w.dilation[i] + 1 - pads;
    }
    spr_onnx_set_shape(out, w.x->rank, shape);
}

/* Element i of what scales or sizes a picture; NAN: not known. */
static double element(const struct spr_onnx *onnx, const struct spr_onnx_value *v, int i)
{
    return v && i < spr_onnx_known_count(v) ? spr_onnx_element(onnx, v, i) : (double)NAN;
}

/* Resize, and Upsample whose scales come second. */
void spr_onnx_resize_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                           struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = spr_onnx_input(onnx, node, 0);
    const size_t at = strcmp(node->op, "Upsample") == 0 || node->input_count == 2 ? 1 : 2;
    const struct spr_onnx_value *scales = spr_onnx_input(onnx, node, at);
    const struct spr_onnx_value *sizes = spr_onnx_input(onnx, node, 3);
    int64_t shape[SPR_RANK_MAX], axes[SPR_RANK_MAX];
    if (!x || !x->has_shape) {
        return;
    }
    int count = spr_onnx_integers(node, "axes", axes, SPR_RANK_MAX);
    for (int i = count; i < x->rank && count == 0; i++) {
        axes[i] = i;
    }
    count = count == 0 ? x->rank : count;
    memcpy(shape, x->shape, sizeof shape);
    for (int i = 0; i < count; i++) {
        const int64_t axis = axes[i] + (axes[i] < 0 ? x->rank : 0);
        const double size = element(onnx, sizes, i), scale = element(onnx, scales, i);
        if (axis < 0 || axis >= x->rank) {
            return;
        }
        const double made = !isnan(size) ? size : floor((double)x->shape[axis] * scale);
        shape[axis] = made >= 1 && made <= 1e12 && (x->shape[axis] > 0 || !isnan(size))
                          ? (int64_t)made
                          : -1;
    }
    spr_onnx_set_shape(out, x->rank, shape);
}

void spr_onnx_pad_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                        struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = spr_onnx_input(onnx, node, 0);
    const struct spr_onnx_value *axes = spr_onnx_input(onnx, node, 3);
    int64_t list[SPR_ONNX_KNOWN], shape[SPR_RANK_MAX];
    int count = spr_onnx_list(onnx, node, 1, "pads", list);
    count = count < 0 ? spr_onnx_integers(node, "paddings", list, SPR_ONNX_KNOWN) : count;
    if (!x || !x->has_shape || count < 2 || count % 2 != 0 || count > 2 * x->rank) {
        return;
    }
    memcpy(shape, x->shape, sizeof shape);
    for (int i = 0; i < count / 2; i++) {
        double axis = axes ? element(onnx, axes, i) : (double)i;
        axis += axis < 0 ? x->rank : 0;
        if (!(axis >= 0 && axis < x->rank)) {
            return;
        }
        const int d = (int)axis;
        const bool sane = list[i] > -(1 << 30) && list[i] < 1 << 30 &&
                          list[i + count / 2] > -(1 << 30) && list[i + count / 2] < 1 << 30;
        shape[d] = shape[d] < 0 || !sane ? -1 : shape[d] + list[i] + list[i + count / 2];
    }
    spr_onnx_set_shape(out, x->rank, shape);
}

/* DepthToSpace and SpaceToDepth. */
void spr_onnx_block_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                          struct spr_onnx_value *out)
{
    const struct spr_onnx_value *x = spr_onnx_input(onnx, node, 0);
    const int64_t block = spr_onnx_integer(node, "blocksize", 0);
    const bool spreads = strcmp(node->op, "DepthToSpace") == 0;
    if (!x || !x->has_shape || x->rank != 4 || block < 1 || block > 1 << 14) {
        return;
    }
    int64_t shape[4];
    for (int i = 0; i < 4; i++) {
        const bool grows = i > 0 && (i > 1) == spreads;
        const int64_t by = i == 0 ? 1 : i == 1 ? block * block : block;
        shape[i] = x->shape[i] < 0 || x->shape[i] > (int64_t)1 << 30 ? -1
                   : grows                                           ? x->shape[i] * by
                                                                     : x->shape[i] / by;
    }
    spr_onnx_set_shape(out, 4, shape);
}
