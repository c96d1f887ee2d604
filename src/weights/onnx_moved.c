/* SPDX-License-Identifier: Apache-2.0 */
/* Elements that are known before a network runs, and moved about. */
#include <math.h>
#include <string.h>

#include "weights/onnx.h"

/* Places of element i of a shape, the last dimension fastest. */
static void places_of(const struct spr_onnx_value *v, int64_t i, int64_t place[SPR_RANK_MAX])
{
    for (int d = v->rank - 1; d >= 0; d--) {
        place[d] = v->shape[d] > 0 ? i % v->shape[d] : 0;
        i = v->shape[d] > 0 ? i / v->shape[d] : 0;
    }
}

/* The element at some places; NAN: outside. */
static double element_at(const struct spr_onnx *onnx, const struct spr_onnx_value *v,
                         const int64_t place[SPR_RANK_MAX])
{
    int64_t at = 0;
    for (int d = 0; d < v->rank; d++) {
        if (place[d] < 0 || place[d] >= v->shape[d]) {
            return (double)NAN;
        }
        at = at * v->shape[d] + place[d];
    }
    return spr_onnx_element(onnx, v, at);
}

void spr_onnx_know_gathered(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                            struct spr_onnx_value *out, double *known)
{
    const struct spr_onnx_value *x = spr_onnx_input(onnx, node, 0),
                                *at = spr_onnx_input(onnx, node, 1);
    int64_t axis = spr_onnx_integer(node, "axis", 0);
    axis += axis < 0 ? x->rank : 0;
    if (!at || spr_onnx_known_count(at) < 0 || axis < 0 || axis >= x->rank ||
        out->rank != x->rank - 1 + at->rank) {
        return;
    }
    for (int64_t i = 0; i < spr_onnx_known_count(out); i++) {
        int64_t place[SPR_RANK_MAX] = {0}, from[SPR_RANK_MAX] = {0};
        places_of(out, i, place);
        const double told = element_at(onnx, at, place + axis);
        if (!(told >= -SPR_ONNX_KNOWN && told <= SPR_ONNX_KNOWN)) {
            continue;
        }
        for (int d = 0; d < x->rank; d++) {
            from[d] = d < axis   ? place[d]
                      : d > axis ? place[d - 1 + at->rank]
                                 : (int64_t)told + (told < 0 ? x->shape[d] : 0);
        }
        known[i] = element_at(onnx, x, from);
    }
}

void spr_onnx_know_joined(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                          struct spr_onnx_value *out, double *known)
{
    int64_t axis = spr_onnx_integer(node, "axis", 0);
    axis += axis < 0 ? out->rank : 0;
    if (axis < 0 || axis >= out->rank) {
        return;
    }
    for (int64_t i = 0; i < spr_onnx_known_count(out); i++) {
        int64_t place[SPR_RANK_MAX] = {0};
        places_of(out, i, place);
        for (size_t j = 0; j < node->input_count; j++) {
            const struct spr_onnx_value *v = spr_onnx_input(onnx, node, j);
            if (!v || v->rank != out->rank || spr_onnx_known_count(v) < 0) {
                break;
            }
            if (place[axis] < v->shape[axis]) {
                known[i] = element_at(onnx, v, place);
                break;
            }
            place[axis] -= v->shape[axis];
        }
    }
}

void spr_onnx_know_turned(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                          struct spr_onnx_value *out, double *known)
{
    const struct spr_onnx_value *x = spr_onnx_input(onnx, node, 0);
    int64_t perm[SPR_RANK_MAX];
    const int count = spr_onnx_integers(node, "perm", perm, SPR_RANK_MAX);
    if (out->rank != x->rank || (count != 0 && count != x->rank)) {
        return;
    }
    for (int64_t i = 0; i < spr_onnx_known_count(out); i++) {
        int64_t place[SPR_RANK_MAX] = {0}, from[SPR_RANK_MAX] = {0};
        places_of(out, i, place);
        for (int d = 0; d < x->rank; d++) {
            const int64_t axis = count == 0 ? x->rank - 1 - d : perm[d];
            if (axis < 0 || axis >= x->rank) {
                return;
            }
            from[axis] = place[d];
        }
        known[i] = element_at(onnx, x, from);
    }
}

/* Where a Slice begins along each dimension, and its steps. false: not told. */
static bool find_slice(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                       const struct spr_onnx_value *x, int64_t begin[SPR_RANK_MAX],
                       int64_t step[SPR_RANK_MAX])
{
    int64_t starts[SPR_ONNX_KNOWN], axes[SPR_ONNX_KNOWN], steps[SPR_ONNX_KNOWN];
    const bool old = node->input_count == 1;
    const int count = old ? spr_onnx_integers(node, "starts", starts, SPR_ONNX_KNOWN)
                          : spr_onnx_list(onnx, node, 1, "", starts);
    const int named = old ? spr_onnx_integers(node, "axes", axes, SPR_ONNX_KNOWN)
                          : spr_onnx_list(onnx, node, 3, "", axes);
    const int stepped = old ? 0 : spr_onnx_list(onnx, node, 4, "", steps);
    if ((!old && ((named < 0 && spr_onnx_input(onnx, node, 3)) ||
                  (stepped < 0 && spr_onnx_input(onnx, node, 4)))) ||
        count < 0) {
        return false;
    }
    for (int d = 0; d < x->rank; d++) {
        begin[d] = 0;
        step[d] = 1;
    }
    for (int i = 0; i < count; i++) {
        int64_t axis = i < named ? axes[i] : i;
        axis += axis < 0 ? x->rank : 0;
        if (axis < 0 || axis >= x->rank || starts[i] == INT64_MIN) {
            return false;
        }
        const int64_t size = x->shape[axis], by = i < stepped ? steps[i] : 1;
        const int64_t start = starts[i] + (starts[i] < 0 ? size : 0);
        if (by < -SPR_ONNX_KNOWN || by > SPR_ONNX_KNOWN) {
            return false;
        }
        step[axis] = by;
        begin[axis] = start < 0 ? 0 : start < size ? start : by < 0 ? size - 1 : size;
    }
    return true;
}

void spr_onnx_know_slice(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                         struct spr_onnx_value *out, double *known)
{
    const struct spr_onnx_value *x = spr_onnx_input(onnx, node, 0);
    int64_t begin[SPR_RANK_MAX], step[SPR_RANK_MAX];
    if (out->rank != x->rank || !find_slice(onnx, node, x, begin, step)) {
        return;
    }
    for (int64_t i = 0; i < spr_onnx_known_count(out); i++) {
        int64_t place[SPR_RANK_MAX] = {0};
        places_of(out, i, place);
        for (int d = 0; d < x->rank; d++) {
            place[d] = begin[d] + place[d] * step[d];
        }
        known[i] = element_at(onnx, x, place);
    }
}
