/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs of ONNX: constants and shapes, then the nodes in one walk. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "weights/onnx.h"

bool spr_onnx_function_key(const char *domain, const char *name, char key[SPR_ONNX_KEY])
{
    const char *space = strcmp(domain, "ai.onnx") == 0 ? "" : domain;
    return snprintf(key, SPR_ONNX_KEY, "%s:%s", space, name) < SPR_ONNX_KEY;
}

/* A ValueInfoProto taken apart. */
static bool take_info(struct spr_wire message, struct spr_wire *name, struct spr_wire *type)
{
    struct spr_wire_field f;
    *name = *type = (struct spr_wire){0};
    while (spr_wire_next(&message, &f)) {
        *name = f.number == 1 && f.kind == SPR_WIRE_BYTES ? f.body : *name;
        *type = f.number == 2 && f.kind == SPR_WIRE_BYTES ? f.body : *type;
    }
    return !message.bad;
}

/* Names of the symbolic dimensions of inputs, before any shape is read. */
static void read_dims(struct spr_onnx *onnx, struct spr_wire graph, bool sums)
{
    struct spr_wire name, type;
    struct spr_wire_field f;
    while (spr_wire_next(&graph, &f)) {
        if (f.number != 11 || f.kind != SPR_WIRE_BYTES || !take_info(f.body, &name, &type)) {
            continue;
        }
        const size_t value = spr_onnx_value(onnx, name);
        if (value != SIZE_MAX && !onnx->value[value].constant) {
            spr_onnx_dims_of_input(onnx, onnx->value[value].name, type, sums);
        }
    }
}

/* input: there from the beginning. Values from outside of a body keep their shapes. */
static enum spr_status read_value_info(struct spr_onnx *onnx, struct spr_wire message,
                                       bool input, struct spr_error *err)
{
    struct spr_wire name, type;
    const bool good = take_info(message, &name, &type);
    const size_t value = good ? spr_onnx_value(onnx, name) : SIZE_MAX;
    if (value == SIZE_MAX) {
        return spr_onnx_damaged(onnx, &message, "a value", err);
    }
    struct spr_onnx_value *v = &onnx->value[value];
    v->made = v->made || input;
    v->input = v->input || (input && onnx->scope == 0 && !v->constant);
    if (v->scope == onnx->scope && type.at && !v->has_shape) {
        spr_onnx_read_type(onnx, type, v);
        if (v->input) {
            spr_onnx_given_shape(onnx, v);
        }
    }
    return SPR_OK;
}

static enum spr_status read_sparse(struct spr_onnx *onnx, struct spr_wire message,
                                   struct spr_wire known_as, struct spr_error *err)
{
    struct spr_wire name = {0};
    struct spr_onnx_value shape = {.rank = 0};
    if (!spr_onnx_sparse_shape(message, &name, &shape)) {
        return spr_onnx_damaged(onnx, &message, "a sparse constant: its dimensions", err);
    }
    name = known_as.at ? known_as : name;
    const size_t value =
        onnx->scope > 0 ? spr_onnx_new_value(onnx, name) : spr_onnx_value(onnx, name);
    if (value == SIZE_MAX) {
        return spr_onnx_damaged(onnx, &message, "a sparse constant's name", err);
    }
    struct spr_onnx_value *v = &onnx->value[value];
    v->sparse = message;
    v->made = v->constant = true;
    spr_onnx_set_shape(v, shape.rank, shape.shape);
    return SPR_OK;
}

/* Elements that stand in the attribute of a Constant node itself. */
static void read_listed(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                        struct spr_onnx_value *out)
{
    int64_t list[SPR_ONNX_KNOWN];
    struct spr_wire attribute;
    const bool one = spr_onnx_attribute(node, "value_int", &attribute);
    const bool real = spr_onnx_attribute(node, "value_float", &attribute);
    int64_t count = 1;
    out->constant = true;
    if (one) {
        list[0] = spr_onnx_integer(node, "value_int", 0);
    } else if (spr_onnx_attribute(node, "value_ints", &attribute)) {
        count = spr_onnx_integers(node, "value_ints", list, SPR_ONNX_KNOWN);
        if (count == SPR_ONNX_KNOWN) { /* there may be more */
            return;
        }
    } else if (!real) {
        return;
    }
    spr_onnx_set_shape(out, one || real ? 0 : 1, &count);
    out->whole = !real;
    out->known = spr_arena_alloc(&onnx->source->weights->arena,
                                 ((size_t)count + 1) * sizeof *out->known);
    onnx->no_memory = onnx->no_memory || !out->known;
    for (int64_t i = 0; out->known && i < count; i++) {
        out->known[i] = real ? spr_onnx_float(node, "value_float", 0) : (double)list[i];
    }
}

/* The value of a Constant node. */
static enum spr_status read_constant(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                     struct spr_error *err)
{
    struct spr_onnx_value *out = spr_onnx_output(onnx, node, 0);
    struct spr_wire body;
    if (!out) {
        return SPR_OK;
    }
    const struct spr_wire name = spr_onnx_wire(out->name);
    if (spr_onnx_bytes(node, "value", 5, &body)) {
        return spr_onnx_tensor(onnx, body, name, err);
    }
    if (spr_onnx_bytes(node, "sparse_value", 22, &body)) {
        return read_sparse(onnx, body, name, err);
    }
    read_listed(onnx, node, out);
    return SPR_OK;
}

static enum spr_status check_order(const struct spr_onnx *onnx,
                                   const struct spr_onnx_node *node, struct spr_error *err)
{
    for (size_t i = 0; i < node->input_count; i++) {
        const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
        if (v && !v->made) {
            return spr_fail(err, SPR_EINPUT,
                            "%s: node '%.100s' (%.40s) at byte %zu: its input '%.100s' is not "
                            "made before it: expected nodes in order, without cycles",
                            onnx->source->path, node->name ? node->name : "", node->op,
                            (size_t)(node->message.at - onnx->source->bytes), v->name);
        }
    }
    for (size_t i = 0; i < node->output_count; i++) {
        const struct spr_onnx_value *v = spr_onnx_output(onnx, node, i);
        if (v && v->made) {
            return spr_fail(
                err, SPR_EINPUT,
                "%s: node '%.100s' at byte %zu: its output '%.100s' is there already: "
                "expected a graph without cycles",
                onnx->source->path, node->name ? node->name : "",
                (size_t)(node->message.at - onnx->source->bytes), v->name);
        }
    }
    return SPR_OK;
}

/* What a node makes: in a body, a value of its own whatever the name means outside. */
static size_t output_of(struct spr_onnx *onnx, struct spr_wire name)
{
    const size_t value = spr_onnx_value(onnx, name);
    return value == SIZE_MAX || onnx->value[value].scope == onnx->scope
               ? value
               : spr_onnx_new_value(onnx, name);
}

/* The inputs (field 1) or outputs (2) of a node. false: out of memory, or a name is not UTF-8 */
static bool read_names(struct spr_onnx *onnx, struct spr_wire message, uint32_t number,
                       const size_t **list, size_t *count)
{
    struct spr_wire again = message;
    struct spr_wire_field f;
    size_t most = 0;
    while (spr_wire_next(&again, &f)) {
        most += f.number == number && f.kind == SPR_WIRE_BYTES;
    }
    size_t *made = spr_arena_alloc(&onnx->source->weights->arena, (most + 1) * sizeof *made);
    onnx->no_memory = onnx->no_memory || !made;
    for (*count = 0; made && spr_wire_next(&message, &f);) {
        if (f.number != number || f.kind != SPR_WIRE_BYTES) {
            continue;
        }
        made[*count] = f.body.at == f.body.end ? SIZE_MAX
                       : number == 1           ? spr_onnx_value(onnx, f.body)
                                               : output_of(onnx, f.body);
        if (made[*count] == SIZE_MAX && f.body.at < f.body.end) {
            return false;
        }
        ++*count;
    }
    *list = made;
    return made != NULL;
}

static bool take_node(struct spr_onnx *onnx, struct spr_wire message,
                      struct spr_onnx_node *node)
{
    struct spr_wire again = message;
    struct spr_wire_field f;
    *node =
        (struct spr_onnx_node){.op = "", .domain = "", .message = message, .call = onnx->call};
    while (spr_wire_next(&again, &f)) {
        if (f.kind != SPR_WIRE_BYTES || f.number < 3 || f.number > 7 || f.number == 5 ||
            f.number == 6) {
            continue;
        }
        const char *text = spr_onnx_text(onnx, f.body);
        if (f.number == 3) {
            node->name = text;
        } else {
            *(f.number == 4 ? &node->op : &node->domain) = text ? text : "";
        }
    }
    return !again.bad && read_names(onnx, message, 1, &node->input, &node->input_count) &&
           read_names(onnx, message, 2, &node->output, &node->output_count);
}

/* A batch that rows of words are looked up for. */
static void see_lookup(struct spr_onnx *onnx, const struct spr_onnx_node *node)
{
    const struct spr_onnx_value *table = spr_onnx_input(onnx, node, 0),
                                *at = spr_onnx_input(onnx, node, 1);
    if (strcmp(node->op, "Gather") == 0 && table && at && table->constant &&
        table->rank == 2 && at->input && at->has_shape && at->rank == 2) {
        spr_onnx_saw_batch(onnx, at->shape[0], 0);
    }
}

/* Operators without products whose shapes nothing here tells. */
static bool is_free(const char *op)
{
    static const char operators[] =
        " ArrayFeatureExtractor Binarizer BitCast BlackmanWindow CastMap CategoryMapper "
        "CenterCropPad Col2Im Compress ConcatFromSequence CumProd Det DictVectorizer "
        "FeatureVectorizer HammingWindow HannWindow ImageDecoder Imputer LabelEncoder "
        "MaxRoiPool MaxUnpool MelWeightMatrix Multinomial NegativeLogLikelihoodLoss "
        "NonMaxSuppression NonZero OneHotEncoder Optional OptionalGetElement "
        "OptionalHasElement RegexFullMatch RoiAlign SequenceAt SequenceConstruct "
        "SequenceEmpty SequenceErase SequenceInsert SequenceLength SoftmaxCrossEntropyLoss "
        "SplitToSequence StringConcat StringNormalizer StringSplit SwiGLU TfIdfVectorizer "
        "Unique ZipMap ";
    char word[64];
    const int length = snprintf(word, sizeof word, " %s ", op);
    return length < (int)sizeof word && strstr(operators, word);
}

/* Constants of operators without products are no weights; operators that nothing here knows
 * are left out by name. */
static enum spr_status claim_others(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                    struct spr_error *err)
{
    if (!spr_onnx_has_rule(node->op) && !is_free(node->op)) {
        return spr_onnx_leave_out(onnx, node, *node->op ? node->op : "operator without a type",
                                  err);
    }
    for (size_t i = 0; i < node->input_count && !onnx->dry; i++) {
        const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
        spr_set_use(onnx->source, v ? v->tensor : SIZE_MAX, SPR_USE_ASIDE);
    }
    return SPR_OK;
}

/* Biases and the like of an operator whose weights are listed, or left out. */
static void claim_rest(const struct spr_onnx *onnx, const struct spr_onnx_node *node)
{
    for (size_t i = 2; i < node->input_count && !onnx->dry; i++) {
        const struct spr_onnx_value *v = spr_onnx_input(onnx, node, i);
        const size_t tensor = v ? v->tensor : SIZE_MAX;
        if (tensor < onnx->source->weights->tensor_count &&
            onnx->source->weights->tensor[tensor].use == SPR_USE_UNKNOWN) {
            spr_set_use(onnx->source, tensor, SPR_USE_ASIDE);
        }
    }
}

/* What every node but a Constant and one with a body goes through. */
static enum spr_status read_operator(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                     struct spr_error *err)
{
    const struct spr_onnx_value *out = spr_onnx_output(onnx, node, 0);
    bool done = false, known = false;
    spr_onnx_shapes(onnx, node);
    SPR_TRY(spr_onnx_fold(onnx, node, &done, err));
    if (out && out->constant) {
        return SPR_OK; /* nothing of it is left when the network runs */
    }
    SPR_TRY(spr_onnx_products(onnx, node, &known, err));
    if (known) {
        claim_rest(onnx, node);
        return SPR_OK;
    }
    see_lookup(onnx, node);
    SPR_TRY(spr_onnx_other(onnx, node, err));
    return claim_others(onnx, node, err);
}

static enum spr_status read_node(struct spr_onnx *onnx, struct spr_wire message,
                                 struct spr_error *err)
{
    struct spr_onnx_node node;
    bool known = false;
    onnx->visits += onnx->scope > 0;
    if (onnx->visits > SPR_ONNX_VISITS) {
        return spr_fail(
            err, SPR_EINPUT,
            "%s: expected at most %d nodes in functions and bodies, as often as they "
            "are called",
            onnx->source->path, SPR_ONNX_VISITS);
    }
    if (!take_node(onnx, message, &node)) {
        return spr_onnx_damaged(onnx, &message, "a node", err);
    }
    SPR_TRY(check_order(onnx, &node, err));
    if (strcmp(node.op, "Constant") == 0) {
        SPR_TRY(read_constant(onnx, &node, err));
    } else {
        SPR_TRY(spr_onnx_control(onnx, &node, &known, err));
        SPR_TRY(known ? SPR_OK : read_operator(onnx, &node, err));
    }
    for (size_t i = 0; i < node.output_count; i++) {
        if (node.output[i] != SIZE_MAX) {
            onnx->value[node.output[i]].made = true;
        }
    }
    return SPR_OK;
}

enum spr_status spr_onnx_nodes(struct spr_onnx *onnx, struct spr_wire message, uint32_t number,
                               struct spr_error *err)
{
    struct spr_wire_field f;
    while (spr_wire_next(&message, &f)) {
        if (f.number == number && f.kind == SPR_WIRE_BYTES) {
            SPR_TRY(read_node(onnx, f.body, err));
        }
    }
    return SPR_OK;
}

enum spr_status spr_onnx_graph(struct spr_onnx *onnx, struct spr_wire graph,
                               struct spr_error *err)
{
    const struct spr_wire nothing = {0}; /* constants are known by their own names */
    struct spr_wire message = graph;
    struct spr_wire_field f;
    while (spr_wire_next(&message, &f)) {
        if (f.number == 5 && f.kind == SPR_WIRE_BYTES) {
            SPR_TRY(spr_onnx_tensor(onnx, f.body, nothing, err));
        } else if (f.number == 15 && f.kind == SPR_WIRE_BYTES) {
            SPR_TRY(read_sparse(onnx, f.body, nothing, err));
        }
    }
    if (message.bad) {
        return spr_onnx_damaged(onnx, &graph, "the graph", err);
    }
    for (int sums = 0; sums < 2 && onnx->scope == 0; sums++) {
        read_dims(onnx, graph, sums > 0);
    }
    message = graph;
    while (spr_wire_next(&message, &f)) { /* nodes may stand before them */
        if (f.kind == SPR_WIRE_BYTES && f.number >= 11 && f.number <= 13) {
            SPR_TRY(read_value_info(onnx, f.body, f.number == 11, err));
        }
    }
    return spr_onnx_nodes(onnx, graph, 1, err);
}
