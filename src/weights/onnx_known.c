/* SPDX-License-Identifier: Apache-2.0 */
/* Elements that are known before a network runs: most are shapes, or made of them. */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "weights/onnx.h"

int64_t spr_onnx_known_count(const struct spr_onnx_value *value)
{
    int64_t count = 1;
    for (int i = 0; value->has_shape && i < value->rank; i++) {
        if (value->shape[i] < 0 || value->shape[i] > SPR_ONNX_KNOWN) {
            return -1;
        }
        count *= value->shape[i];
        if (count > SPR_ONNX_KNOWN) {
            return -1;
        }
    }
    return value->has_shape ? count : -1;
}

/* Element i of a constant of the file, which is a few. */
static double stored(const struct spr_onnx *onnx, const struct spr_onnx_value *value,
                     int64_t i)
{
    const struct spr_tensor *t = &onnx->source->weights->tensor[value->tensor];
    int64_t at = 0;
    for (int d = value->rank - 1; d >= 0; d--) {
        at += i % value->shape[d] * value->stride[d];
        i /= value->shape[d];
    }
    const size_t bytes = spr_element_bytes(value->element);
    const size_t size = bytes > 0                        ? bytes
                        : strcmp(t->dtype, "int64") == 0 ? 8
                        : strcmp(t->dtype, "int32") == 0 ? 4
                                                         : 1;
    return spr_onnx_number(value->data + (size_t)at * size, t->dtype, value->element);
}

double spr_onnx_element(const struct spr_onnx *onnx, const struct spr_onnx_value *value,
                        int64_t i)
{
    const int64_t count = spr_onnx_known_count(value);
    if (i < 0 || i >= count) {
        return (double)NAN;
    }
    return value->known ? value->known[i] : value->data ? stored(onnx, value, i) : (double)NAN;
}

int spr_onnx_list(const struct spr_onnx *onnx, const struct spr_onnx_node *node, size_t i,
                  const char *name, int64_t list[SPR_ONNX_KNOWN])
{
    const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
    struct spr_wire attribute;
    if (!v) {
        return spr_onnx_attribute(node, name, &attribute)
                   ? spr_onnx_integers(node, name, list, SPR_ONNX_KNOWN)
                   : -1;
    }
    const int64_t count = spr_onnx_known_count(v);
    if (count < 0 || v->rank > 1 || (count > 0 && !v->known && !v->data)) {
        return -1;
    }
    for (int64_t e = 0; e < count; e++) {
        const double told = spr_onnx_element(onnx, v, e);
        list[e] = isnan(told)      ? INT64_MIN
                  : told > 0x1p62  ? (int64_t)1 << 62
                  : told < -0x1p62 ? -((int64_t)1 << 62)
                                   : (int64_t)told;
    }
    return (int)count;
}

/* The output's elements, not told yet; NULL: there are too many, or no memory for them. */
static double *make_known(struct spr_onnx *onnx, struct spr_onnx_value *out)
{
    const int64_t count = spr_onnx_known_count(out);
    if (count < 0 || out->known) {
        return NULL;
    }
    double *known =
        spr_arena_alloc(&onnx->source->weights->arena, ((size_t)count + 1) * sizeof *known);
    if (!known) {
        onnx->no_memory = true;
        return NULL;
    }
    for (int64_t i = 0; i < count; i++) {
        known[i] = (double)NAN;
    }
    out->known = known;
    return known;
}

/* Element i of the output of operands that are broadcast. */
static double broadcast_element(const struct spr_onnx *onnx, const struct spr_onnx_value *v,
                                const struct spr_onnx_value *out, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int d = out->rank - 1; d >= 0; d--) {
        const int own = d - out->rank + v->rank;
        const int64_t place = out->shape[d] > 0 ? i % out->shape[d] : 0;
        i = out->shape[d] > 0 ? i / out->shape[d] : 0;
        if (own >= 0 && v->shape[own] > 1) {
            at += place * step;
        }
        step *= own >= 0 ? v->shape[own] : 1;
    }
    return spr_onnx_element(onnx, v, at);
}

static double quotient(double a, double b, bool whole)
{
    return b == 0 ? (double)NAN : whole ? trunc(a / b) : a / b;
}

/* An operator on two numbers; NAN: not one of these. */
static double compute(const char *op, double a, double b, bool whole)
{
    static const char *const names[] = {"Add",
                                        "Sub",
                                        "Mul",
                                        "Div",
                                        "Min",
                                        "Max",
                                        "Mod",
                                        "Pow",
                                        "Equal",
                                        "Less",
                                        "Greater",
                                        "LessOrEqual",
                                        "GreaterOrEqual",
                                        "And",
                                        "Or"};
    size_t i = 0;
    while (i < sizeof names / sizeof *names && strcmp(names[i], op) != 0) {
        i++;
    }
    const double values[] = {a + b,
                             a - b,
                             a * b,
                             quotient(a, b, whole),
                             fmin(a, b),
                             fmax(a, b),
                             b == 0 ? (double)NAN : a - floor(a / b) * b,
                             pow(a, b),
                             a <= b && a >= b,
                             a<b, a>
                                 b,
                             a <= b,
                             a >= b,
                             a != 0 && b != 0,
                             a != 0 || b != 0};
    return isnan(a) || isnan(b) || i >= sizeof names / sizeof *names ? (double)NAN : values[i];
}

static double of_one(const struct spr_onnx_node *node, double a, bool to_whole)
{
    const char *op = node->op;
    return isnan(a)                        ? a
           : strcmp(op, "Neg") == 0        ? -a
           : strcmp(op, "Abs") == 0        ? fabs(a)
           : strcmp(op, "Floor") == 0      ? floor(a)
           : strcmp(op, "Ceil") == 0       ? ceil(a)
           : strcmp(op, "Round") == 0      ? nearbyint(a)
           : strcmp(op, "Sqrt") == 0       ? sqrt(a)
           : strcmp(op, "Reciprocal") == 0 ? 1 / a
           : strcmp(op, "Not") == 0        ? a == 0
           : strcmp(op, "Cast") == 0       ? (to_whole ? trunc(a) : a)
                                           : (double)NAN;
}

/* The same elements in the same order. */
static bool keeps_order(const char *op)
{
    static const char *const names[] = {"Identity", "Reshape",  "Squeeze", "Unsqueeze",
                                        "Flatten",  "CastLike", "Dropout", NULL};
    for (const char *const *name = names; *name; name++) {
        if (strcmp(op, *name) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a value of the type of an AttributeProto `to` is an integer or a flag. */
static bool is_whole(int64_t type)
{
    return (type >= 2 && type <= 9 && type != 8) || type == 12 || type == 13;
}

static void know_elements(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                          struct spr_onnx_value *out, double *known)
{
    const struct spr_onnx_value *in[3];
    const int64_t count = spr_onnx_known_count(out);
    for (size_t i = 0; i < 3; i++) {
        in[i] = spr_onnx_input(onnx, node, i);
        if (in[i] && spr_onnx_known_count(in[i]) < 0) {
            return;
        }
    }
    const bool where = strcmp(node->op, "Where") == 0 && in[0] && in[1] && in[2];
    for (int64_t i = 0; in[0] && i < count; i++) {
        const double a = broadcast_element(onnx, in[0], out, i);
        if (where) {
            known[i] = isnan(a) ? a : broadcast_element(onnx, in[a != 0 ? 1 : 2], out, i);
        } else if (keeps_order(node->op)) {
            known[i] = spr_onnx_element(onnx, in[0], i);
        } else if (strcmp(node->op, "Expand") == 0) {
            known[i] = a;
        } else if (node->input_count == 1) {
            known[i] = of_one(node, a, out->whole);
        } else if (node->input_count == 2 && in[1]) {
            known[i] =
                compute(node->op, a, broadcast_element(onnx, in[1], out, i), in[0]->whole);
        }
    }
}

static void know_shape(const struct spr_onnx_node *node, const struct spr_onnx_value *x,
                       struct spr_onnx_value *out, double *known)
{
    if (strcmp(node->op, "Size") == 0) {
        const int64_t all = spr_onnx_product(x, 0, x->rank);
        known[0] = all > 0 ? (double)all : (double)NAN;
        return;
    }
    int64_t start = spr_onnx_integer(node, "start", 0);
    start += start < 0 ? x->rank : 0;
    start = start < 0 ? 0 : start;
    for (int64_t i = 0; i < out->shape[0] && start + i < x->rank; i++) {
        known[i] = x->shape[start + i] >= 0 ? (double)x->shape[start + i] : (double)NAN;
    }
}

static void know_reduced(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                         const struct spr_onnx_value *x, double *known)
{
    const char *op = node->op + 6;
    double value = strcmp(op, "Prod") == 0  ? 1
                   : strcmp(op, "Sum") == 0 ? 0
                   : strcmp(op, "Max") == 0 ? -(double)INFINITY
                   : strcmp(op, "Min") == 0 ? (double)INFINITY
                                            : (double)NAN;
    for (int64_t i = 0; i < x->shape[0]; i++) {
        const double e = spr_onnx_element(onnx, x, i);
        value = isnan(e) || isnan(value)  ? (double)NAN
                : strcmp(op, "Prod") == 0 ? value * e
                : strcmp(op, "Sum") == 0  ? value + e
                : strcmp(op, "Max") == 0  ? fmax(value, e)
                                          : fmin(value, e);
    }
    known[0] = value;
}

static void know_filled(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                        struct spr_onnx_value *out, double *known)
{
    const struct spr_onnx_value *from = spr_onnx_input(onnx, node, 0),
                                *step = spr_onnx_input(onnx, node, 2);
    struct spr_wire tensor;
    const bool range = strcmp(node->op, "Range") == 0;
    const double fill = !range && spr_onnx_bytes(node, "value", 5, &tensor)
                            ? spr_onnx_scalar(onnx, tensor)
                            : 0;
    for (int64_t i = 0; i < spr_onnx_known_count(out); i++) {
        known[i] = !range         ? fill
                   : from && step ? spr_onnx_element(onnx, from, 0) +
                                        (double)i * spr_onnx_element(onnx, step, 0)
                                  : (double)NAN;
    }
}

void spr_onnx_know(struct spr_onnx *onnx, const struct spr_onnx_node *node)
{
    struct spr_onnx_value *out = spr_onnx_output(onnx, node, 0);
    const struct spr_onnx_value *x = spr_onnx_input(onnx, node, 0);
    const char *op = node->op;
    if (!out || !x) {
        return;
    }
    const bool shape = strcmp(op, "Shape") == 0 || strcmp(op, "Size") == 0;
    const bool compares = strcmp(op, "Equal") == 0 || strcmp(op, "Not") == 0 ||
                          strncmp(op, "Less", 4) == 0 || strncmp(op, "Greater", 7) == 0;
    out->whole = out->whole || shape || compares ||
                 (strcmp(op, "Cast") == 0 ? is_whole(spr_onnx_integer(node, "to", 0))
                                          : x->whole && strcmp(op, "DequantizeLinear") != 0);
    if (shape ? !x->has_shape : spr_onnx_known_count(x) < 0 || (!x->known && !x->data)) {
        return;
    }
    double *known = make_known(onnx, out);
    if (!known) {
        return;
    }
    if (shape) {
        know_shape(node, x, out, known);
    } else if (strcmp(op, "Gather") == 0) {
        spr_onnx_know_gathered(onnx, node, out, known);
    } else if (strcmp(op, "Transpose") == 0) {
        spr_onnx_know_turned(onnx, node, out, known);
    } else if (strcmp(op, "Concat") == 0) {
        spr_onnx_know_joined(onnx, node, out, known);
    } else if (strcmp(op, "Slice") == 0) {
        spr_onnx_know_slice(onnx, node, out, known);
    } else if (strncmp(op, "Reduce", 6) == 0 && x->rank == 1 &&
               spr_onnx_known_count(out) == 1) {
        know_reduced(onnx, node, x, known);
    } else if (strcmp(op, "Range") == 0 || strcmp(op, "ConstantOfShape") == 0) {
        know_filled(onnx, node, out, known);
    } else {
        know_elements(onnx, node, out, known);
    }
}
