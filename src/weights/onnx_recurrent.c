/* SPDX-License-Identifier: Apache-2.0 */
/* LSTM, GRU and RNN: a product of all steps with the inputs, one of each step with the state. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "weights/onnx.h"

/* -1: not told */
struct recurrent {
    int64_t steps, batch, directions, hidden;
    bool batch_first;
};

static bool is_packed(const struct spr_onnx_node *node)
{
    return strcmp(node->op, "DynamicQuantizeLSTM") == 0;
}

static struct recurrent find(const struct spr_onnx *onnx, const struct spr_onnx_node *node)
{
    const struct spr_onnx_value *x = spr_onnx_input(onnx, node, 0),
                                *r = spr_onnx_input(onnx, node, 2);
    const bool told = x && x->has_shape && x->rank == 3;
    const bool first = spr_onnx_integer(node, "layout", 0) != 0;
    const int64_t hidden =
        r && r->has_shape && r->rank == 3 ? r->shape[is_packed(node) ? 1 : 2] : -1;
    return (struct recurrent){.steps = told ? x->shape[first ? 1 : 0] : -1,
                              .batch = told ? x->shape[first ? 0 : 1] : -1,
                              .directions =
                                  spr_onnx_says(node, "direction", "bidirectional") ? 2 : 1,
                              .hidden = spr_onnx_integer(node, "hidden_size", hidden),
                              .batch_first = first};
}

void spr_onnx_recurrent_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                              struct spr_onnx_value *out)
{
    const struct recurrent r = find(onnx, node);
    const int64_t all[4] = {r.batch_first ? r.batch : r.steps,
                            r.batch_first ? r.steps : r.directions,
                            r.batch_first ? r.directions : r.batch, r.hidden};
    const int64_t last[3] = {r.batch_first ? r.batch : r.directions,
                             r.batch_first ? r.directions : r.batch, r.hidden};
    spr_onnx_set_shape(out, 4, all);
    spr_onnx_set_shape(spr_onnx_output(onnx, node, 1), 3, last);
    spr_onnx_set_shape(spr_onnx_output(onnx, node, 2), 3, last);
}

/* W or R of a direction: its last two dimensions, turned where they are inputs by outputs. */
static enum spr_status add_matrix(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                  struct spr_onnx_product *p, int64_t direction,
                                  struct spr_error *err)
{
    const bool turned = is_packed(node);
    if (!p->value || !p->value->has_shape || p->value->rank != 3 || p->value->sparse.at ||
        p->value->shape[0] <= direction) {
        return spr_onnx_leave_out(onnx, node, node->op, err);
    }
    if (!p->value->constant) {
        p->m = p->value->shape[turned ? 2 : 1];
        p->k = p->value->shape[turned ? 1 : 2];
        p->op = SPR_OP_ATTENTION;
        p->value = NULL;
        return spr_onnx_add(onnx, node, p, err);
    }
    p->axes = (struct spr_onnx_axes){.row = {turned ? 2 : 1},
                                     .column = {turned ? 1 : 2},
                                     .row_count = 1,
                                     .column_count = 1,
                                     .offset = direction * p->value->stride[0]};
    return spr_onnx_add(onnx, node, p, err);
}

static enum spr_status add_direction(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                     const struct recurrent *r, int64_t direction,
                                     struct spr_error *err)
{
    static const char *const names[2][2] = {{"W", "R"}, {"reverse.W", "reverse.R"}};
    const bool told =
        r->steps > 0 && r->batch > 0 && r->steps < INT32_MAX && r->batch < INT32_MAX;
    for (size_t i = 0; i < 2; i++) {
        struct spr_onnx_value w = {.tensor = SIZE_MAX};
        const struct spr_onnx_value *given = spr_onnx_input(onnx, node, 1 + i);
        struct spr_onnx_product p = {.part = names[direction][i],
                                     .op = SPR_OP_LINEAR,
                                     .value = given ? &w : NULL,
                                     .x_elements = (double)NAN};
        if (given) {
            w = *given;
        }
        if (given && is_packed(node)) {
            SPR_TRY(spr_onnx_shift(onnx, given, spr_onnx_input(onnx, node, 9 + 2 * i), 0, 0,
                                   &w, err));
        }
        p.n = !told ? 0 : i == 0 ? r->steps * r->batch : r->batch;
        p.count = told && i == 1 ? r->steps : 1;
        SPR_TRY(add_matrix(onnx, node, &p, direction, err));
    }
    return SPR_OK;
}

enum spr_status spr_onnx_recurrent(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                   struct spr_error *err)
{
    const struct recurrent r = find(onnx, node);
    spr_onnx_saw_batch(onnx, r.batch, r.batch_first ? 0 : 1);
    for (size_t i = 8; is_packed(node) && i < 12; i++) {
        const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
        spr_set_use(onnx->source, v ? v->tensor : SIZE_MAX, SPR_USE_SCALE);
    }
    for (int64_t i = 0; i < r.directions; i++) {
        SPR_TRY(add_direction(onnx, node, &r, i, err));
    }
    return SPR_OK;
}
