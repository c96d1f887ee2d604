/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX models: the graph's constants, shapes and nodes, in one walk each. */
#include "weights/onnx.h"

#include <string.h>

static enum spr_status damaged(const struct spr_onnx *onnx, const struct spr_wire *at,
                               const char *what, struct spr_error *err)
{
    if (onnx->no_memory) {
        return spr_no_memory(err);
    }
    return spr_fail(err, SPR_EINPUT,
                    "%s: byte %zu: %s: damaged or truncated: expected an ONNX "
                    "model",
                    onnx->source->path, at->at ? (size_t)(at->at - onnx->source->bytes) : 0,
                    what);
}

/* TypeProto.Tensor.shape of a ValueInfoProto. */
static void read_shape(struct spr_wire type, struct spr_onnx_value *value)
{
    struct spr_wire_field f, g, h, d;
    while (spr_wire_next(&type, &f)) {
        while (f.number == 1 && f.kind == SPR_WIRE_BYTES && spr_wire_next(&f.body, &g)) {
            if (g.number != 2 || g.kind != SPR_WIRE_BYTES) {
                continue;
            }
            value->has_shape = true;
            value->rank = 0;
            while (spr_wire_next(&g.body, &h)) {
                int64_t dimension = -1;
                while (h.kind == SPR_WIRE_BYTES && spr_wire_next(&h.body, &d)) {
                    if (d.number == 1 && d.kind == SPR_WIRE_VARINT) {
                        dimension = (int64_t)d.value;
                    }
                }
                value->has_shape = value->has_shape && value->rank < SPR_RANK_MAX;
                if (value->has_shape) {
                    value->shape[value->rank++] = dimension > 0 ? dimension : -1;
                }
            }
        }
    }
}

/* input: there from the beginning. */
static enum spr_status read_value_info(struct spr_onnx *onnx, struct spr_wire message,
                                       bool input, struct spr_error *err)
{
    struct spr_wire name = {0}, type = {0}, all = message;
    struct spr_wire_field f;
    while (spr_wire_next(&message, &f)) {
        name = f.number == 1 && f.kind == SPR_WIRE_BYTES ? f.body : name;
        type = f.number == 2 && f.kind == SPR_WIRE_BYTES ? f.body : type;
    }
    size_t value = spr_onnx_value(onnx, name);
    if (message.bad || value == SIZE_MAX) {
        return damaged(onnx, &all, "a value", err);
    }
    onnx->value[value].made = onnx->value[value].made || input;
    if (type.at && !onnx->value[value].has_shape) {
        read_shape(type, &onnx->value[value]);
    }
    return SPR_OK;
}

static enum spr_status read_sparse(struct spr_onnx *onnx, struct spr_wire message,
                                   struct spr_wire known_as, struct spr_error *err)
{
    struct spr_wire name = {0};
    int64_t shape[2];
    if (!spr_onnx_sparse_shape(message, &name, shape) || shape[0] < 1 || shape[1] < 1) {
        return damaged(onnx, &message, "a sparse constant: not of two dimensions", err);
    }
    size_t value = spr_onnx_value(onnx, known_as.at ? known_as : name);
    if (value == SIZE_MAX) {
        return damaged(onnx, &message, "a sparse constant's name", err);
    }
    struct spr_onnx_value *v = &onnx->value[value];
    v->sparse = message;
    v->made = v->has_shape = true;
    v->rank = 2;
    memcpy(v->shape, shape, sizeof shape);
    return SPR_OK;
}

/* The value of a Constant node. */
static enum spr_status read_constant(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                     struct spr_error *err)
{
    struct spr_wire attribute, name;
    struct spr_wire_field f;
    const char *text = onnx->value[node->output].name;
    name = (struct spr_wire){(const unsigned char *)text,
                             (const unsigned char *)text + strlen(text), false};
    if (spr_onnx_attribute(node, "value", &attribute)) {
        while (spr_wire_next(&attribute, &f)) {
            if (f.number == 5 && f.kind == SPR_WIRE_BYTES) {
                return spr_onnx_tensor(onnx, f.body, name, err);
            }
        }
    } else if (spr_onnx_attribute(node, "sparse_value", &attribute)) {
        while (spr_wire_next(&attribute, &f)) {
            if (f.number == 22 && f.kind == SPR_WIRE_BYTES) {
                return read_sparse(onnx, f.body, name, err);
            }
        }
    }
    return SPR_OK;
}

static enum spr_status check_order(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                   struct spr_error *err)
{
    for (size_t i = 0; i < node->input_count; i++) {
        const struct spr_onnx_value *v =
            node->input[i] == SIZE_MAX ? NULL : &onnx->value[node->input[i]];
        if (v && !v->made) {
            return spr_fail(err, SPR_EINPUT,
                            "%s: node '%.100s' (%.40s) at byte %zu: its input '%.100s' is not "
                            "made before it: expected nodes in order, without cycles",
                            onnx->source->path, node->name ? node->name : "", node->op,
                            (size_t)(node->message.at - onnx->source->bytes), v->name);
        }
    }
    return SPR_OK;
}

static enum spr_status read_node(struct spr_onnx *onnx, struct spr_wire message,
                                 struct spr_error *err)
{
    struct spr_onnx_node node = {.op = "", .output = SIZE_MAX, .message = message};
    struct spr_wire_field f;
    struct spr_wire all = message;
    size_t outputs[64], output_count = 0;
    while (spr_wire_next(&message, &f)) {
        if (f.kind != SPR_WIRE_BYTES) {
            continue;
        }
        bool empty = f.body.at == f.body.end;
        if (f.number == 1 && node.input_count < 8) {
            node.input[node.input_count++] = empty ? SIZE_MAX : spr_onnx_value(onnx, f.body);
        } else if (f.number == 2 && output_count < 64) {
            outputs[output_count++] = empty ? SIZE_MAX : spr_onnx_value(onnx, f.body);
        } else if (f.number == 3) {
            node.name = spr_onnx_text(onnx, f.body);
        } else if (f.number == 4) {
            const char *op = spr_onnx_text(onnx, f.body);
            node.op = op ? op : "";
        }
    }
    if (message.bad) {
        return damaged(onnx, &all, "a node", err);
    }
    node.output = output_count > 0 ? outputs[0] : SIZE_MAX;
    SPR_TRY(check_order(onnx, &node, err));
    if (node.output != SIZE_MAX && onnx->value[node.output].made) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: node '%.100s' at byte %zu: its output '%.100s' is there already: "
                        "expected a graph without cycles",
                        onnx->source->path, node.name ? node.name : "",
                        (size_t)(all.at - onnx->source->bytes), onnx->value[node.output].name);
    }
    SPR_TRY(strcmp(node.op, "Constant") == 0 && node.output != SIZE_MAX
                ? read_constant(onnx, &node, err)
                : spr_onnx_layer(onnx, &node, err));
    for (size_t i = 0; i < output_count; i++) {
        if (outputs[i] != SIZE_MAX) {
            onnx->value[outputs[i]].made = true;
        }
    }
    return SPR_OK;
}

/* Constants and shapes first: nodes may stand before them. */
static enum spr_status read_graph(struct spr_onnx *onnx, struct spr_wire graph,
                                  struct spr_error *err)
{
    const struct spr_wire nothing = {0}; /* constants are known by their own names */
    struct spr_wire message = graph;
    struct spr_wire_field f;
    while (spr_wire_next(&message, &f)) {
        if (f.kind != SPR_WIRE_BYTES) {
            continue;
        }
        if (f.number == 5) {
            SPR_TRY(spr_onnx_tensor(onnx, f.body, nothing, err));
        } else if (f.number == 15) {
            SPR_TRY(read_sparse(onnx, f.body, nothing, err));
        } else if (f.number == 11 || f.number == 12 || f.number == 13) {
            SPR_TRY(read_value_info(onnx, f.body, f.number == 11, err));
        }
    }
    if (message.bad) {
        return damaged(onnx, &graph, "the graph", err);
    }
    message = graph;
    while (spr_wire_next(&message, &f)) {
        if (f.number == 1 && f.kind == SPR_WIRE_BYTES) {
            SPR_TRY(read_node(onnx, f.body, err));
        }
    }
    return SPR_OK;
}

/* ModelProto.graph of a file that is a message from end to end. */
static bool find_graph(const struct spr_source *source, struct spr_wire *graph, bool *whole)
{
    struct spr_wire message = {source->bytes, source->bytes + source->size, false};
    struct spr_wire_field f;
    bool version = false;
    graph->at = NULL;
    while (spr_wire_next(&message, &f)) {
        version = version || (f.number == 1 && f.kind == SPR_WIRE_VARINT);
        if (f.number == 7 && f.kind == SPR_WIRE_BYTES) {
            *graph = f.body;
        }
    }
    *whole = !message.bad;
    return version && graph->at;
}

bool spr_sniff_onnx(const struct spr_source *source)
{
    struct spr_wire graph = {0};
    bool whole;
    return source->size > 4 && source->bytes[0] == 8 && find_graph(source, &graph, &whole);
}

static void tell(const struct spr_onnx *onnx)
{
    if (onnx->shapeless > 0) {
        spr_note(onnx->source->notes,
                 "%s: %zu products without shapes; this adds them: python3 -c \"import onnx; "
                 "onnx.shape_inference.infer_shapes_path('%s', 'with_shapes.onnx')\"",
                 onnx->source->path, onnx->shapeless, onnx->source->path);
    }
    if (onnx->skipped > 0) {
        spr_note(onnx->source->notes, "%s: %zu operators are no layers and left out",
                 onnx->source->path, onnx->skipped);
    }
}

enum spr_status spr_read_onnx(const struct spr_source *source, struct spr_error *err)
{
    struct spr_onnx onnx = {.source = source};
    struct spr_wire graph = {0};
    bool whole = false;
    enum spr_status status = SPR_OK;
    if (!find_graph(source, &graph, &whole) || !whole) {
        struct spr_wire begin = {source->bytes, source->bytes, false};
        status = damaged(&onnx, &begin, "the model", err);
    } else {
        source->weights->origin = "the graph";
        status = read_graph(&onnx, graph, err);
    }
    if (status == SPR_OK && onnx.no_memory) {
        status = spr_no_memory(err);
    }
    if (status == SPR_OK) {
        tell(&onnx);
    }
    spr_names_free(&onnx.names);
    spr_free(onnx.value);
    return status;
}
