/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX models: what stands beside the graph, and what is told once it is read. */
#include "weights/onnx.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"

enum spr_status spr_onnx_damaged(const struct spr_onnx *onnx, const struct spr_wire *at,
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

/* A FunctionProto under "domain:name". */
static enum spr_status add_function(struct spr_onnx *onnx, struct spr_wire function,
                                    struct spr_error *err)
{
    struct spr_wire name = {0}, domain = {0}, message = function;
    struct spr_wire_field f;
    while (spr_wire_next(&message, &f)) {
        name = f.number == 1 && f.kind == SPR_WIRE_BYTES ? f.body : name;
        domain = f.number == 10 && f.kind == SPR_WIRE_BYTES ? f.body : domain;
    }
    if (message.bad) {
        return spr_onnx_damaged(onnx, &function, "a function", err);
    }
    const char *space = spr_onnx_text(onnx, domain), *word = spr_onnx_text(onnx, name);
    char text[SPR_ONNX_KEY];
    if (!space || !word || !spr_onnx_function_key(space, word, text)) {
        return spr_onnx_damaged(onnx, &function, "a function's name", err);
    }
    const char *key = spr_onnx_text(onnx, spr_onnx_wire(text));
    if (key && spr_names_find(&onnx->functions, key) != SIZE_MAX) {
        return SPR_OK;
    }
    if (!key) {
        return spr_no_memory(err);
    }
    if (!spr_grow(&onnx->function, &onnx->function_capacity, onnx->function_count + 1,
                  sizeof *onnx->function) ||
        !spr_names_add(&onnx->functions, key, onnx->function_count)) {
        return spr_no_memory(err);
    }
    onnx->function[onnx->function_count++] = function;
    return SPR_OK;
}

static enum spr_status read_functions(struct spr_onnx *onnx, struct spr_error *err)
{
    const struct spr_source *source = onnx->source;
    struct spr_wire message = {source->bytes, source->bytes + source->size, false};
    struct spr_wire_field f;
    while (spr_wire_next(&message, &f)) {
        if (f.number == 25 && f.kind == SPR_WIRE_BYTES) {
            SPR_TRY(add_function(onnx, f.body, err));
        }
    }
    return SPR_OK;
}

static void tell(const struct spr_onnx *onnx)
{
    char advice[SPR_ONNX_ADVICE];
    if (onnx->shapeless > 0) {
        spr_onnx_advice(onnx, advice);
        spr_note(onnx->source->notes, "%s: %zu products without shapes: %s%s",
                 onnx->source->path, onnx->shapeless,
                 *advice ? "give " : "dimensions of 0: expected larger ones by --dim", advice);
    }
    if (onnx->batch > 1) {
        spr_note(onnx->source->notes, "%s: a batch of %lld divided out", onnx->source->path,
                 (long long)onnx->batch);
    }
    if (onnx->endless > 0) {
        spr_note(onnx->source->notes,
                 "%s: %zu loops whose number of runs is not told: counted once",
                 onnx->source->path, onnx->endless);
    }
}

/* A static batch is no part of a network. */
static void divide_batch(struct spr_onnx *onnx)
{
    struct spr_weights *weights = onnx->source->weights;
    const int64_t batch = onnx->batch;
    for (size_t i = onnx->first_weight; batch > 1 && i < weights->weight_count; i++) {
        struct spr_weight *w = &weights->weight[i];
        int64_t *size = w->op == SPR_OP_ATTENTION && w->count % batch == 0 ? &w->count : &w->n;
        *size = *size % batch == 0 ? *size / batch : *size;
        w->x_elements /= (double)batch;
        w->other_flops /= (double)batch;
    }
}

static void free_all(struct spr_onnx *onnx)
{
    spr_names_free(&onnx->names);
    spr_names_free(&onnx->functions);
    spr_names_free(&onnx->dim_names);
    spr_names_free(&onnx->numbers);
    spr_names_free(&onnx->read);
    spr_free(onnx->value);
    spr_free(onnx->bound);
    spr_free(onnx->undo);
    spr_free(onnx->function);
    spr_free(onnx->dim);
    spr_free(onnx->given);
    spr_free(onnx->number);
}

static enum spr_status read_model(struct spr_onnx *onnx, struct spr_wire graph,
                                  struct spr_error *err)
{
    SPR_TRY(spr_onnx_dims_begin(onnx, err));
    SPR_TRY(read_functions(onnx, err));
    SPR_TRY(spr_onnx_graph(onnx, graph, err));
    if (onnx->no_memory) {
        return spr_no_memory(err);
    }
    SPR_TRY(spr_onnx_dims_end(onnx, err));
    divide_batch(onnx);
    tell(onnx);
    return SPR_OK;
}

enum spr_status spr_read_onnx(const struct spr_source *source, struct spr_error *err)
{
    struct spr_onnx onnx = {
        .source = source, .times = 1, .first_weight = source->weights->weight_count};
    struct spr_wire graph = {0};
    bool whole = false;
    if (!find_graph(source, &graph, &whole) || !whole) {
        struct spr_wire begin = {source->bytes, source->bytes, false};
        return spr_onnx_damaged(&onnx, &begin, "the model", err);
    }
    source->weights->origin = "the graph";
    const enum spr_status status = read_model(&onnx, graph, err);
    free_all(&onnx);
    return status;
}
