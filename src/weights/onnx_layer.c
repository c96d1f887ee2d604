/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the layer table that nodes of an ONNX graph make. */
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

static const char *own_name(const struct spr_onnx *onnx, const struct spr_onnx_node *node)
{
    const struct spr_onnx_value *out = spr_onnx_output(onnx, node, 0);
    return node->name && *node->name ? node->name : out ? out->name : node->op;
}

/* The calls a node stands in, outermost first, and its own name. */
static void full_name(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                      const char *part, char text[480])
{
    const struct spr_onnx_node *chain[SPR_ONNX_DEPTH + 1];
    int count = 0, used = 0;
    for (const struct spr_onnx_node *at = node; at && count <= SPR_ONNX_DEPTH;
         at = at->call ? at->call->node : NULL) {
        chain[count++] = at;
    }
    text[0] = '\0';
    while (count-- > 0 && used < 460) {
        used += snprintf(text + used, 480 - (size_t)used, "%.400s%s",
                         own_name(onnx, chain[count]), count > 0 ? "/" : "");
    }
    used = used < 460 ? used : 460;
    if (part) {
        snprintf(text + used, 480 - (size_t)used, ".%s", part);
    }
}

/* The place of the last number behind a name; NULL: out of memory. */
static size_t *number_of(struct spr_onnx *onnx, const char *name)
{
    const size_t met = spr_names_find(&onnx->numbers, name);
    if (met < onnx->number_count) {
        return &onnx->number[met];
    }
    const char *copy = spr_arena_text(&onnx->source->weights->arena, name, strlen(name));
    if (!copy ||
        !spr_grow(&onnx->number, &onnx->number_capacity, onnx->number_count + 1,
                  sizeof *onnx->number) ||
        !spr_names_add(&onnx->numbers, copy, onnx->number_count)) {
        return NULL;
    }
    onnx->number[onnx->number_count] = 1;
    return &onnx->number[onnx->number_count++];
}

/* A name of its own, with a number where it is taken. */
static enum spr_status add_row(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                               const char *part, struct spr_weight **weight,
                               struct spr_error *err)
{
    char name[480], text[512];
    full_name(onnx, node, part, name);
    snprintf(text, sizeof text, "%s", name);
    const struct spr_names *taken = onnx->source->weights->names;
    if (taken && spr_names_find(taken, text) != SIZE_MAX) {
        size_t *number = number_of(onnx, name);
        if (!number) {
            return spr_no_memory(err);
        }
        do {
            snprintf(text, sizeof text, "%s#%zu", name, ++*number);
        } while (spr_names_find(taken, text) != SIZE_MAX);
    }
    SPR_TRY(spr_add_weight(onnx->source, text, weight, err));
    (*weight)->count = (int64_t)onnx->times;
    return SPR_OK;
}

enum spr_status spr_onnx_leave_out(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                   const char *reason, struct spr_error *err)
{
    char name[480];
    struct spr_left_out what = {name, reason, 0, (double)NAN};
    if (onnx->dry) {
        return SPR_OK;
    }
    full_name(onnx, node, NULL, name);
    for (size_t i = 0; i < node->input_count; i++) {
        const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
        if (v) {
            what.weights += spr_set_use(onnx->source, v->tensor, SPR_USE_LEFT_OUT);
        }
    }
    return spr_leave_out(onnx->source, &what, err);
}

/* Where a product's sizes were lost: at the first of its inputs that has none. */
static void note_stop(struct spr_onnx *onnx, const struct spr_onnx_node *node)
{
    onnx->shapeless++;
    for (size_t i = 0; i < node->input_count && !onnx->stop; i++) {
        const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
        onnx->stop = v && v->cause > 0 ? onnx->value[v->cause - 1].name : NULL;
    }
}

/* The dimensions of W. */
static void set_sizes(const struct spr_onnx_product *p, int64_t *m, int64_t *k)
{
    double rows = 1, columns = 1;
    for (int i = 0; i < p->axes.row_count; i++) {
        rows *= (double)p->value->shape[p->axes.row[i]];
    }
    for (int i = 0; i < p->axes.column_count; i++) {
        columns *= (double)p->value->shape[p->axes.column[i]];
    }
    const bool fits = rows >= 1 && rows <= INT32_MAX && columns >= 1 && columns <= INT32_MAX;
    *m = fits ? (int64_t)rows : 0;
    *k = fits ? (int64_t)columns : 0;
}

static enum spr_status fill_row(struct spr_onnx *onnx, const struct spr_onnx_product *p,
                                struct spr_weight *w, struct spr_error *err)
{
    const int64_t tokens = p->op == SPR_OP_LINEAR ? onnx->source->options->tokens : 0;
    const double count = (double)(p->count > 0 ? p->count : 1) * onnx->times;
    w->op = p->op;
    w->n = p->n > 0 ? p->n : tokens;
    w->count = count < (double)SPR_DIMENSION_MAX ? (int64_t)count : SPR_DIMENSION_MAX;
    w->groups = p->groups > 0 ? p->groups : 1;
    w->x_elements = p->x_elements;
    if (spr_onnx_has_weights(p->value)) {
        SPR_TRY(spr_onnx_matrix(onnx, p->value, &p->axes, w, err));
    } else if (p->value) {
        w->tensor = p->value->tensor;
    }
    w->prunable = w->storage != SPR_STORAGE_NONE && p->op != SPR_OP_DEPTHWISE;
    return SPR_OK;
}

enum spr_status spr_onnx_add(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                             const struct spr_onnx_product *product, struct spr_error *err)
{
    struct spr_weight *w;
    int64_t m = product->m, k = product->k;
    if (onnx->dry) {
        return SPR_OK;
    }
    if (product->value) {
        set_sizes(product, &m, &k);
    }
    const bool told =
        product->n > 0 || (product->op == SPR_OP_LINEAR && onnx->source->options->tokens > 0);
    if (m < 1 || k < 1 || (!told && !(product->value && product->value->constant))) {
        note_stop(onnx, node);
        return spr_onnx_leave_out(onnx, node, "product whose sizes are not told", err);
    }
    if (!told) {
        note_stop(onnx, node);
    }
    SPR_TRY(add_row(onnx, node, product->part, &w, err));
    w->m = m;
    w->k = k;
    return fill_row(onnx, product, w, err);
}

enum spr_status spr_onnx_add_other(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                   const char *part, const double per_element[2],
                                   double elements, struct spr_error *err)
{
    struct spr_weight *w;
    if (onnx->dry) {
        return SPR_OK;
    }
    SPR_TRY(add_row(onnx, node, part, &w, err));
    w->op = SPR_OP_OTHER;
    w->x_elements = per_element[1] * elements;
    w->other_flops = per_element[0] * elements;
    return SPR_OK;
}

/* Two operands that are no constants, for what adds or multiplies them. */
static bool takes_two(const struct spr_onnx *onnx, const struct spr_onnx_node *node)
{
    const struct spr_onnx_value *a = spr_onnx_input(onnx, node, 0),
                                *b = spr_onnx_input(onnx, node, 1);
    return node->input_count == 2 && a && b && !a->constant && !b->constant;
}

enum spr_status spr_onnx_other(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                               struct spr_error *err)
{
    const struct spr_onnx_value *out = spr_onnx_output(onnx, node, 0);
    const int64_t elements = out && out->has_shape ? spr_onnx_product(out, 0, out->rank) : 0;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (strcmp(others[i].op, node->op) == 0 && elements > 0 && !out->constant &&
            (others[i].moves < 3 || takes_two(onnx, node))) {
            const double each[2] = {others[i].flops, others[i].moves};
            return spr_onnx_add_other(onnx, node, NULL, each, (double)elements, err);
        }
    }
    return SPR_OK;
}

void spr_onnx_saw_batch(struct spr_onnx *onnx, int64_t batch, int axis)
{
    for (size_t i = 0; i < onnx->batch_count[axis] && onnx->batch == 0; i++) {
        onnx->batch = batch > 1 && onnx->batches[axis][i] == batch ? batch : 0;
    }
}
