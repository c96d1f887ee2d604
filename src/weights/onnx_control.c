/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs within an ONNX graph: branches, loops, local functions. */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "weights/onnx.h"

static enum spr_status begin_scope(struct spr_onnx *onnx, struct spr_error *err)
{
    if (onnx->scope >= SPR_ONNX_DEPTH) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: expected at most %d graphs and functions within each other",
                        onnx->source->path, SPR_ONNX_DEPTH);
    }
    onnx->scope++;
    return SPR_OK;
}

static void end_scope(struct spr_onnx *onnx, size_t mark)
{
    spr_onnx_unbind(onnx, mark);
    onnx->scope--;
}

/* The next name among the fields `number` of a graph (ValueInfoProto) or a function (text);
 * false: there is none. It may be empty. */
static bool next_name(struct spr_wire *body, uint32_t number, bool info, struct spr_wire *name)
{
    struct spr_wire_field f, g;
    while (spr_wire_next(body, &f)) {
        if (f.number != number || f.kind != SPR_WIRE_BYTES) {
            continue;
        }
        *name = f.body;
        if (info) {
            *name = (struct spr_wire){0};
        }
        while (info && spr_wire_next(&f.body, &g)) {
            *name = g.number == 1 && g.kind == SPR_WIRE_BYTES ? g.body : *name;
        }
        return true;
    }
    return false;
}

/* The value that a body's output names; SIZE_MAX: none does. */
static size_t made_of(struct spr_onnx *onnx, struct spr_wire name)
{
    return name.at && name.at < name.end ? spr_onnx_value(onnx, name) : SIZE_MAX;
}

/* Only the type and the shape: the elements may differ from run to run. */
static void take_shape(struct spr_onnx_value *to, const struct spr_onnx_value *from)
{
    to->whole = from->whole;
    to->cause = from->cause;
    if (from->has_shape) {
        spr_onnx_set_shape(to, from->rank, from->shape);
    }
}

/* Without dimension `axis`. */
static void drop_axis(struct spr_onnx_value *v, int64_t axis)
{
    axis += axis < 0 ? v->rank : 0;
    if (!v->has_shape || axis < 0 || axis >= v->rank) {
        v->has_shape = false;
        return;
    }
    v->rank--;
    for (int i = (int)axis; i < v->rank; i++) {
        v->shape[i] = v->shape[i + 1];
    }
}

/* What both a and *out may be: dimensions that differ are not told. */
static void agree(struct spr_onnx_value *out, const struct spr_onnx_value *a)
{
    if (!a->has_shape || !out->has_shape || out->rank != a->rank) {
        out->has_shape = false;
        return;
    }
    for (int i = 0; i < a->rank; i++) {
        out->shape[i] = out->shape[i] == a->shape[i] ? a->shape[i] : -1;
    }
}

/* Reads a branch, and what it makes of the outputs. */
static enum spr_status read_branch(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                   const char *which, bool first, struct spr_error *err)
{
    struct spr_wire body, name;
    const size_t mark = onnx->undo_count;
    if (!spr_onnx_bytes(node, which, 6, &body)) {
        return SPR_OK;
    }
    SPR_TRY(begin_scope(onnx, err));
    SPR_TRY(spr_onnx_graph(onnx, body, err));
    struct spr_wire rest = body;
    for (size_t i = 0; next_name(&rest, 12, true, &name); i++) {
        const size_t made = made_of(onnx, name);
        struct spr_onnx_value *out = spr_onnx_output(onnx, node, i);
        if (!out || made == SIZE_MAX) {
            continue;
        }
        if (first) {
            take_shape(out, &onnx->value[made]);
        } else {
            agree(out, &onnx->value[made]);
        }
    }
    end_scope(onnx, mark);
    return SPR_OK;
}

/* Both branches, unless it is known which one is taken. */
static enum spr_status read_if(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                               struct spr_error *err)
{
    const struct spr_onnx_value *condition = spr_onnx_input(onnx, node, 0);
    const double taken = condition ? spr_onnx_element(onnx, condition, 0) : (double)NAN;
    if (isnan(taken) || taken != 0) {
        SPR_TRY(read_branch(onnx, node, "then_branch", true, err));
    }
    if (isnan(taken) || taken == 0) {
        SPR_TRY(read_branch(onnx, node, "else_branch", !isnan(taken), err));
    }
    return SPR_OK;
}

/* A loop: what its body takes, and how often it runs. */
struct loop {
    struct spr_wire body;
    size_t states;      /* that the body makes anew each time */
    size_t first_state; /* its place among the inputs of node and body */
    size_t first_made;  /* and among the outputs of the body */
    size_t slices;      /* inputs of which it takes one slice each time */
    int64_t runs;       /* -1: not told */
    int64_t axis[64];   /* along which slices are taken */
    int axis_count;
};

static bool find_loop(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                      struct loop *loop)
{
    *loop = (struct loop){.runs = -1};
    if (!spr_onnx_bytes(node, "body", 6, &loop->body)) {
        return false;
    }
    if (strcmp(node->op, "Loop") == 0) {
        const struct spr_onnx_value *runs = spr_onnx_input(onnx, node, 0);
        const double told = runs ? spr_onnx_element(onnx, runs, 0) : (double)NAN;
        loop->states = node->input_count > 2 ? node->input_count - 2 : 0;
        loop->first_state = 2;
        loop->first_made = 1;
        loop->runs = told >= 0 && told < 1e9 ? (int64_t)told : -1;
        return true;
    }
    const int64_t slices = spr_onnx_integer(node, "num_scan_inputs", 0);
    if (slices < 0 || (uint64_t)slices > node->input_count) {
        return false;
    }
    loop->slices = (size_t)slices;
    loop->states = node->input_count - loop->slices;
    const struct spr_onnx_value *x =
        slices > 0 ? spr_onnx_input(onnx, node, loop->states) : NULL;
    loop->axis_count = spr_onnx_integers(node, "scan_input_axes", loop->axis, 64);
    int64_t axis = loop->axis_count > 0 ? loop->axis[0] : 0;
    axis += axis < 0 && x ? x->rank : 0;
    if (x && x->has_shape && axis >= 0 && axis < x->rank) {
        loop->runs = x->shape[axis];
    }
    return true;
}

/* Inputs of the body: as the node's, or a slice of them. state: the shapes of the
 * states. */
static enum spr_status bind_inputs(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                   const struct loop *loop, const struct spr_onnx_value *state,
                                   struct spr_error *err)
{
    struct spr_wire name, rest = loop->body;
    for (size_t i = 0; next_name(&rest, 11, true, &name); i++) {
        const size_t value = spr_onnx_new_value(onnx, name);
        if (value == SIZE_MAX) {
            return spr_onnx_damaged(onnx, &loop->body, "a loop's body", err);
        }
        struct spr_onnx_value *v = &onnx->value[value];
        const struct spr_onnx_value *from = spr_onnx_input(onnx, node, i);
        v->made = true;
        if (i < loop->first_state) {
            spr_onnx_set_shape(v, 0, NULL);
            v->whole = true;
        } else if (i < loop->first_state + loop->states) {
            take_shape(v, &state[i - loop->first_state]);
        } else if (from) {
            take_shape(v, from);
            const size_t slice = i - loop->first_state - loop->states;
            drop_axis(v, slice < (size_t)loop->axis_count ? loop->axis[slice] : 0);
        }
    }
    return SPR_OK;
}

/* Reads the body; *state becomes what it makes of itself. */
static enum spr_status read_body(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                 const struct loop *loop, struct spr_onnx_value *state,
                                 struct spr_error *err)
{
    struct spr_wire name;
    const size_t mark = onnx->undo_count;
    SPR_TRY(begin_scope(onnx, err));
    SPR_TRY(bind_inputs(onnx, node, loop, state, err));
    SPR_TRY(spr_onnx_graph(onnx, loop->body, err));
    struct spr_wire rest = loop->body;
    for (size_t at = 0; next_name(&rest, 12, true, &name); at++) {
        const size_t made = made_of(onnx, name), i = at - loop->first_made;
        if (at < loop->first_made || made == SIZE_MAX) {
            continue;
        }
        struct spr_onnx_value *out = spr_onnx_output(onnx, node, i);
        if (i < loop->states) {
            agree(&state[i], &onnx->value[made]);
            if (out) {
                out->whole = state[i].whole;
                out->has_shape = state[i].has_shape;
                spr_onnx_set_shape(out, state[i].rank, state[i].shape);
                out->has_shape = state[i].has_shape;
            }
        } else if (out && onnx->value[made].has_shape &&
                   onnx->value[made].rank < SPR_RANK_MAX) {
            int64_t shape[SPR_RANK_MAX] = {loop->runs};
            memcpy(shape + 1, onnx->value[made].shape, (SPR_RANK_MAX - 1) * sizeof *shape);
            spr_onnx_set_shape(out, onnx->value[made].rank + 1, shape);
        }
    }
    end_scope(onnx, mark);
    return SPR_OK;
}

/* Twice: first to see which states change their shapes. */
static enum spr_status read_loop(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                 struct spr_error *err)
{
    struct loop loop;
    const double times = onnx->times;
    const bool dry = onnx->dry;
    if (!find_loop(onnx, node, &loop)) {
        return spr_onnx_leave_out(onnx, node, node->op, err);
    }
    struct spr_onnx_value *state =
        spr_arena_alloc(&onnx->source->weights->arena, (loop.states + 1) * sizeof *state);
    if (!state) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < loop.states; i++) {
        const struct spr_onnx_value *v = spr_onnx_input(onnx, node, loop.first_state + i);
        state[i] = (struct spr_onnx_value){.name = "", .tensor = SIZE_MAX};
        if (v) {
            take_shape(&state[i], v);
        }
    }
    if (!dry) {
        onnx->dry = true;
        SPR_TRY(read_body(onnx, node, &loop, state, err));
        onnx->dry = false;
        onnx->endless += loop.runs < 0;
    }
    onnx->times = times * (double)(loop.runs > 0 ? loop.runs : 1);
    SPR_TRY(read_body(onnx, node, &loop, state, err));
    onnx->times = times;
    return SPR_OK;
}

static enum spr_status bind_call(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                 struct spr_wire function, struct spr_error *err)
{
    struct spr_wire name, rest = function;
    for (size_t i = 0; next_name(&rest, 4, false, &name); i++) {
        const bool given = i < node->input_count && node->input[i] != SIZE_MAX;
        const size_t value = given ? node->input[i] : spr_onnx_new_value(onnx, name);
        if (value == SIZE_MAX || (given && !spr_onnx_bind(onnx, name, value))) {
            return spr_onnx_damaged(onnx, &function, "a function", err);
        }
        onnx->value[value].made = true;
    }
    return SPR_OK;
}

/* The body of a local function in the place of its call. */
static enum spr_status read_call(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                 struct spr_wire function, struct spr_error *err)
{
    const struct spr_onnx_call call = {node, function, onnx->call};
    const size_t mark = onnx->undo_count;
    struct spr_wire name;
    SPR_TRY(begin_scope(onnx, err));
    SPR_TRY(bind_call(onnx, node, function, err));
    onnx->call = &call;
    SPR_TRY(spr_onnx_nodes(onnx, function, 7, err));
    onnx->call = call.parent;
    struct spr_wire rest = function;
    for (size_t i = 0; next_name(&rest, 5, false, &name); i++) {
        const size_t made = made_of(onnx, name);
        struct spr_onnx_value *out = spr_onnx_output(onnx, node, i);
        if (out && made != SIZE_MAX) {
            const struct spr_onnx_value own = *out;
            *out = onnx->value[made];
            out->name = own.name;
            out->scope = own.scope;
            out->input = false;
            out->made = own.made;
        }
    }
    end_scope(onnx, mark);
    return SPR_OK;
}

enum spr_status spr_onnx_control(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                 bool *known, struct spr_error *err)
{
    *known = true;
    if (onnx->function_count > 0) {
        char key[SPR_ONNX_KEY];
        const size_t at = spr_onnx_function_key(node->domain, node->op, key)
                              ? spr_names_find(&onnx->functions, key)
                              : SIZE_MAX;
        if (at < onnx->function_count) {
            return read_call(onnx, node, onnx->function[at], err);
        }
    }
    if (strcmp(node->op, "If") == 0) {
        return read_if(onnx, node, err);
    }
    if (strcmp(node->op, "Loop") == 0 || strcmp(node->op, "Scan") == 0) {
        return read_loop(onnx, node, err);
    }
    *known = false;
    return SPR_OK;
}
