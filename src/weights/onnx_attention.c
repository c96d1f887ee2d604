/* SPDX-License-Identifier: Apache-2.0 */
/* Attention in one operator, of ONNX and of ONNX Runtime. */
#include <math.h>
#include <string.h>

#include "weights/onnx.h"

/* What such an operator works on; -1: not told. */
struct attention {
    int64_t batch, heads, kv_heads;
    int64_t tokens, keys;
    int64_t head, value_head; /* elements of one head */
    bool projects;            /* it holds the weights of query, key and value */
    bool apart;               /* its input is batch x heads x tokens x head */
};

static const struct spr_onnx_value *shaped(const struct spr_onnx *onnx,
                                           const struct spr_onnx_node *node, size_t i)
{
    const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
    return v && v->has_shape ? v : NULL;
}

static int64_t dim(const struct spr_onnx_value *v, int axis)
{
    return v && v->has_shape && axis >= 0 && axis < v->rank ? v->shape[axis] : -1;
}

static int64_t share(int64_t all, int64_t heads)
{
    return all > 0 && heads > 0 && all % heads == 0 ? all / heads : -1;
}

/* Keys that were there before, from a cache of batch x heads x keys x head. */
static void add_past(struct attention *a, const struct spr_onnx_value *past, int axis)
{
    const int64_t before = dim(past, axis);
    if (past) {
        a->keys = a->keys >= 0 && before >= 0 ? a->keys + before : -1;
    }
}

/* Attention and QAttention of ONNX Runtime: query, key and value are made within. */
static void find_projecting(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                            struct attention *a)
{
    const bool quantised = strcmp(node->op, "QAttention") == 0;
    const struct spr_onnx_value *x = shaped(onnx, node, 0), *w = shaped(onnx, node, 1);
    int64_t sizes[3] = {-1, -1, -1};
    a->projects = true;
    a->heads = a->kv_heads = spr_onnx_integer(node, "num_heads", 0);
    if (spr_onnx_integers(node, "qkv_hidden_sizes", sizes, 3) != 3) {
        sizes[0] = sizes[2] = w && w->rank == 2 ? share(w->shape[1], 3) : -1;
    }
    a->batch = dim(x, 0);
    a->tokens = a->keys = dim(x, 1);
    a->head = share(sizes[0], a->heads);
    a->value_head = share(sizes[2], a->heads);
    add_past(a, spr_onnx_input(onnx, node, quantised ? 8 : 4), 3);
}

/* MultiHeadAttention: also query, key and value, or key and value, of each head together. */
static void find_multi_head(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                            struct attention *a)
{
    const struct spr_onnx_value *q = shaped(onnx, node, 0), *k = shaped(onnx, node, 1),
                                *v = shaped(onnx, node, 2);
    a->heads = a->kv_heads = spr_onnx_integer(node, "num_heads", 0);
    a->batch = dim(q, 0);
    a->tokens = dim(q, 1);
    a->head = q && q->rank == 5 ? dim(q, 4) : share(dim(q, 2), a->heads);
    a->keys = !k ? a->tokens : dim(k, k->rank == 4 ? 2 : 1);
    a->value_head = !v ? a->head : v->rank == 4 ? dim(v, 3) : share(dim(v, 2), a->heads);
    add_past(a, spr_onnx_input(onnx, node, 6), 2);
}

static void find_grouped(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                         struct attention *a)
{
    const struct spr_onnx_value *q = shaped(onnx, node, 0);
    a->heads = spr_onnx_integer(node, "num_heads", 0);
    a->kv_heads = spr_onnx_integer(node, "kv_num_heads", 0);
    a->batch = dim(q, 0);
    a->tokens = a->keys = dim(q, 1);
    const bool packed = !spr_onnx_input(onnx, node, 1) && a->kv_heads > 0 &&
                        a->kv_heads < (int64_t)1 << 30 && a->heads < (int64_t)1 << 30;
    a->head = a->value_head = share(dim(q, 2), packed ? a->heads + 2 * a->kv_heads : a->heads);
    add_past(a, spr_onnx_input(onnx, node, 3), 2);
}

/* The operator of ONNX itself: of 3 dimensions, or of 4 with the heads apart. */
static void find_standard(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                          struct attention *a)
{
    const struct spr_onnx_value *q = shaped(onnx, node, 0), *k = shaped(onnx, node, 1),
                                *v = shaped(onnx, node, 2);
    a->apart = q && q->rank == 4;
    a->batch = dim(q, 0);
    a->heads = a->apart ? dim(q, 1) : spr_onnx_integer(node, "q_num_heads", 0);
    a->kv_heads = a->apart ? dim(k, 1) : spr_onnx_integer(node, "kv_num_heads", 0);
    a->tokens = dim(q, a->apart ? 2 : 1);
    a->keys = dim(k, a->apart ? 2 : 1);
    a->head = a->apart ? dim(q, 3) : share(dim(q, 2), a->heads);
    a->value_head = a->apart ? dim(v, 3) : share(dim(v, 2), a->kv_heads);
    add_past(a, spr_onnx_input(onnx, node, 4), 2);
}

static struct attention find(const struct spr_onnx *onnx, const struct spr_onnx_node *node)
{
    struct attention a = {.head = -1};
    if (strcmp(node->op, "GroupQueryAttention") == 0) {
        find_grouped(onnx, node, &a);
    } else if (strcmp(node->op, "MultiHeadAttention") == 0) {
        find_multi_head(onnx, node, &a);
    } else if (spr_onnx_is_contrib(node)) {
        find_projecting(onnx, node, &a);
    } else {
        find_standard(onnx, node, &a);
    }
    return a;
}

void spr_onnx_attention_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                              struct spr_onnx_value *out)
{
    const struct attention a = find(onnx, node);
    const bool fits =
        a.heads > 0 && a.heads < 1 << 20 && a.value_head > 0 && a.value_head < 1 << 30;
    const int64_t wide[3] = {a.batch, a.tokens, fits ? a.heads * a.value_head : -1};
    const int64_t apart[4] = {a.batch, a.heads, a.tokens, a.value_head};
    if (a.apart) {
        spr_onnx_set_shape(out, 4, apart);
    } else {
        spr_onnx_set_shape(out, 3, wide);
    }
    const int64_t key[4] = {a.batch, a.kv_heads, a.keys, a.head};
    const int64_t value[4] = {a.batch, a.kv_heads, a.keys, a.value_head};
    if (a.projects) {
        return;
    }
    spr_onnx_set_shape(spr_onnx_output(onnx, node, 1), 4, key);
    spr_onnx_set_shape(spr_onnx_output(onnx, node, 2), 4, value);
}

/* The weights of query, key and value, and what stands beside them. */
static enum spr_status add_projection(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                      const struct attention *a, struct spr_error *err)
{
    const bool quantised = strcmp(node->op, "QAttention") == 0;
    const struct spr_onnx_value *given = spr_onnx_input(onnx, node, 1);
    struct spr_onnx_value w = {.tensor = SIZE_MAX};
    struct spr_onnx_product p = {
        .part = "qkv", .op = SPR_OP_LINEAR, .x_elements = (double)NAN};
    if (!given || !given->has_shape || given->rank != 2) {
        return spr_onnx_leave_out(onnx, node, node->op, err);
    }
    w = *given;
    for (size_t i = 3; quantised && i < 8; i++) {
        const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
        spr_set_use(onnx->source, v && i != 5 ? v->tensor : SIZE_MAX, SPR_USE_SCALE);
    }
    if (quantised) {
        SPR_TRY(spr_onnx_shift(onnx, given, spr_onnx_input(onnx, node, 7), 1, 0, &w, err));
    }
    p.value = &w;
    p.axes =
        (struct spr_onnx_axes){.row = {1}, .column = {0}, .row_count = 1, .column_count = 1};
    p.n = a->batch > 0 && a->tokens > 0 ? a->batch * a->tokens : 0;
    return spr_onnx_add(onnx, node, &p, err);
}

enum spr_status spr_onnx_attention(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                   struct spr_error *err)
{
    const struct attention a = find(onnx, node);
    const double each[2] = {5, 2};
    struct spr_onnx_product p = {.part = "qk",
                                 .op = SPR_OP_ATTENTION,
                                 .m = a.tokens,
                                 .k = a.head,
                                 .n = a.keys,
                                 .x_elements = (double)NAN};
    const double stack = (double)a.batch * (double)a.heads;
    p.count = a.batch > 0 && a.heads > 0 && stack < 1e9 ? (int64_t)stack : 0;
    p.n = p.count > 0 ? p.n : 0;
    spr_onnx_saw_batch(onnx, a.batch, 0);
    if (a.projects) {
        SPR_TRY(add_projection(onnx, node, &a, err));
    }
    SPR_TRY(spr_onnx_add(onnx, node, &p, err));
    if (p.n < 1 || a.tokens < 1 || a.head < 1) {
        return SPR_OK;
    }
    SPR_TRY(spr_onnx_add_other(onnx, node, "softmax", each,
                               stack * (double)a.tokens * (double)a.keys, err));
    p.part = "av";
    p.k = a.keys;
    p.n = a.value_head;
    return spr_onnx_add(onnx, node, &p, err);
}

void spr_onnx_embed_norm_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                               struct spr_onnx_value *out)
{
    const struct spr_onnx_value *ids = shaped(onnx, node, 0), *table = shaped(onnx, node, 2);
    const int64_t shape[3] = {dim(ids, 0), dim(ids, 1), dim(table, 1)};
    const int64_t batch = dim(ids, 0);
    spr_onnx_set_shape(out, 3, shape);
    spr_onnx_set_shape(spr_onnx_output(onnx, node, 1), 1, &batch);
    spr_onnx_set_shape(spr_onnx_output(onnx, node, 2), 3, shape);
}
