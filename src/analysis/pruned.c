/* SPDX-License-Identifier: Apache-2.0 */
/* The model of a pruned operator: its three executions, the fastest of which is the bound.
 * Equations: src/analysis/README.md, "Three executions". */
#include <math.h>

#include "analysis/model_parts.h"

/* A sparse format may be this much slower than dense and still count as breaking even: the
 * last digits of two equal times differ by rounding. */
#define EVEN (1 + 1e-12)

static struct spr_weight_cost weight_cost(const struct spr_model *model,
                                          const struct spr_layer *layer,
                                          const struct spr_pattern *pattern, double kept,
                                          const struct spr_counted *counted)
{
    struct spr_shape shape = spr_layer_shape(layer);
    struct spr_weight_cost cost =
        pattern->kind->cost(pattern, &shape, kept, counted, model->w_bytes);
    if (layer->op == SPR_OP_DEPTHWISE) {
        cost.tau = 1; /* every output row has its own input channel */
    }
    /* cppcheck-suppress returnDanglingLifetime ; it has numbers alone, no part of the shape */
    return cost;
}

/* What the format costs. Where sproof's kernels run, the bound must not count more than they move.
 */
static struct spr_weight_cost format_cost(const struct spr_model *model,
                                          const struct spr_layer *layer,
                                          const struct spr_pattern *pattern, double kept,
                                          const struct spr_counted *counted)
{
    struct spr_weight_cost cost = weight_cost(model, layer, pattern, kept, counted);
    if (model->packed && pattern->kind->pack) {
        const struct spr_shape shape = spr_layer_shape(layer);
        pattern->kind->pack(pattern, &shape, &cost);
    }
    /* cppcheck-suppress returnDanglingLifetime ; it has numbers alone, no part of the shape */
    return cost;
}

/* What moves of stored weights: the columns that some column of X needs. */
static void move(const struct spr_model *model, const struct spr_layer *layer, double batch,
                 struct spr_weight_cost *stored)
{
    const double left = spr_left_of_weights(model, layer, batch);
    stored->value_bytes *= left;
    stored->index_bytes *= left;
}

static const struct spr_counted nothing_counted = {(double)NAN, (double)NAN, (double)NAN};

/* Issued elements when the engine multiplies whole groups of tile_rows rows that share
 * columns: a block of R rows takes ceil(R/tile_rows) groups. */
static double tiled_elements(const struct spr_model *model, const struct spr_engine *engine,
                             const struct spr_pattern *pattern, double issued)
{
    if (model->ideal_tiles || engine->tile_rows <= 1 ||
        pattern->kind->pattern_class != SPR_CLASS_BLOCK) {
        return issued;
    }
    int64_t groups = (pattern->a + engine->tile_rows - 1) / engine->tile_rows;
    return issued / (double)pattern->a * ((double)groups * (double)engine->tile_rows);
}

/* FLOPs and bytes of a pruned operator of whose stored weights `stored` moves. */
static void set_sparse(const struct spr_model *model, const struct spr_layer *layer,
                       double batch, const struct spr_weight_cost *stored,
                       struct spr_prediction *out)
{
    double n = (double)layer->n * batch, left = spr_left_of_flops(model);
    out->nnz = stored->nnz;
    out->tau = stored->tau;
    out->flops_useful = 2 * stored->nnz * n * left;
    out->flops_issued = 2 * stored->issued * n * left;
    out->bytes_weight_values = stored->value_bytes;
    out->bytes_weight_index = stored->index_bytes;
    out->bytes_x = stored->tau * spr_bytes_of_x(model, layer, batch);
    out->bytes_y = (double)layer->m * n * model->y_bytes;
    out->bytes = stored->value_bytes + stored->index_bytes + out->bytes_x + out->bytes_y;
    out->least_bytes = out->bytes;
}

/* What the engine stores and issues of weights whose own pattern costs `own`. */
static struct spr_weight_cost executed_cost(const struct spr_model *model,
                                            const struct spr_layer *layer,
                                            const struct spr_pattern *as,
                                            const struct spr_weight_cost *own)
{
    struct spr_shape shape = spr_layer_shape(layer);
    double kept = spr_pattern_kept(as, &shape, 0);
    struct spr_weight_cost cost = weight_cost(model, layer, as, kept, &nothing_counted);
    cost.nnz = own->nnz;
    return cost;
}

/* One execution of the operator, as far as it decides which is the fastest. */
struct execution {
    const struct spr_way *way; /* NULL: none, or dense */
    double issued;             /* elements */
    double bytes;
    double time_s; /* NAN: there is none */
};

/* What all executions of an operator are made of. */
struct pruned {
    const struct spr_model *model;
    const struct spr_layer *layer;
    const struct spr_ways *ways;
    double batch;
    struct spr_weight_cost own; /* of the format itself, bytes that move */
    double stored_bytes;        /* and that are stored */
    double bytes, memory_s;     /* stored in the format */
    double call_s;              /* of its calls */
};

static int engine_of(const struct pruned *of, const struct spr_way *way)
{
    return way->engine == SPR_DENSE_ENGINE ? of->model->dense_engine : way->engine;
}

/* The elements that a way makes the engine multiply. */
static double issued_by(const struct pruned *of, const struct spr_way *way)
{
    if (way->engine == SPR_DENSE_ENGINE) {
        return (double)of->layer->m * (double)of->layer->k;
    }
    if (way->slots.kind) {
        struct spr_shape shape = spr_layer_shape(of->layer);
        return spr_pattern_kept(&way->slots, &shape, 0);
    }
    return way->execution == SPR_EXECUTION_NATIVE
               ? tiled_elements(of->model, &of->model->machine->engines[engine_of(of, way)],
                                &of->ways->pattern, of->own.issued)
               : of->own.issued;
}

static double time_of(const struct pruned *of, const struct spr_way *way, double issued,
                      double memory_s)
{
    const double n = (double)of->layer->n * of->batch;
    const double compute_s = 2 * issued * n * spr_left_of_flops(of->model) /
                             of->model->flops_per_s[engine_of(of, way)];
    return (compute_s >= memory_s ? compute_s : memory_s) + of->call_s;
}

/* The weights are stored as the pattern that the engine runs. */
static bool stored_otherwise(const struct spr_way *way)
{
    return way->execution == SPR_EXECUTION_NATIVE && way->as.kind;
}

/* Fills the FLOPs and bytes of a way, and its times. */
static void predict_way(const struct pruned *of, const struct spr_way *way, double issued,
                        struct spr_prediction *out)
{
    struct spr_weight_cost stored = of->own;
    *out = (struct spr_prediction){
        .engine = engine_of(of, way), .executed_as = way->as, .execution = way->execution};
    out->stored_bytes = of->stored_bytes;
    if (stored_otherwise(way)) {
        stored = executed_cost(of->model, of->layer, &way->as, &of->own);
        out->stored_bytes = stored.value_bytes + stored.index_bytes;
        move(of->model, of->layer, of->batch, &stored);
    } else {
        stored.issued = issued;
    }
    set_sparse(of->model, of->layer, of->batch, &stored, out);
    spr_model_set_times(of->model, of->model->flops_per_s[engine_of(of, way)],
                        stored.value_bytes + stored.index_bytes, of->call_s, out);
}

static struct execution try_way(const struct pruned *of, const struct spr_way *way)
{
    if (stored_otherwise(way)) {
        struct spr_prediction run;
        predict_way(of, way, 0, &run);
        return (struct execution){way, 0, run.bytes, run.time_s};
    }
    const double issued = issued_by(of, way);
    return (struct execution){way, issued, of->bytes, time_of(of, way, issued, of->memory_s)};
}

static const struct execution no_execution = {NULL, 0, 0, (double)NAN};

/* The fastest native one and the fastest expanded one; of equals the first. */
static void try_ways(const struct pruned *of, struct execution found[SPR_EXECUTIONS])
{
    for (int e = 0; e < SPR_EXECUTIONS; e++) {
        found[e] = no_execution;
    }
    for (size_t i = 0; i < of->ways->count; i++) {
        const struct spr_way *way = &of->ways->way[i];
        if (of->model->native_only && way->execution != SPR_EXECUTION_NATIVE) {
            continue;
        }
        const struct execution trial = try_way(of, way);
        struct execution *known = &found[way->execution];
        if (isnan(known->time_s) || trial.time_s < known->time_s) {
            *known = trial;
        }
    }
}

/* Of times that are equal dense comes first, then native; SPR_EXECUTIONS: there is none. */
static int fastest(const struct execution found[SPR_EXECUTIONS])
{
    static const int order[SPR_EXECUTIONS] = {SPR_EXECUTION_DENSE, SPR_EXECUTION_NATIVE,
                                              SPR_EXECUTION_EXPANDED};
    int best = SPR_EXECUTIONS;
    for (int i = 0; i < SPR_EXECUTIONS; i++) {
        const double time_s = found[order[i]].time_s;
        if (!isnan(time_s) && (best == SPR_EXECUTIONS || time_s * EVEN < found[best].time_s)) {
            best = order[i];
        }
    }
    return best;
}

static struct pruned pruned_of(const struct spr_model *model, const struct spr_layer *layer,
                               double batch, const struct spr_ways *ways)
{
    return (struct pruned){.model = model,
                           .layer = layer,
                           .ways = ways,
                           .batch = batch,
                           .call_s = spr_model_call_s(model, layer)};
}

/* What the format costs with so many kept cells. */
static void set_kept(struct pruned *of, double kept, const struct spr_counted *counted)
{
    struct spr_prediction stored;
    int level;
    of->own = format_cost(of->model, of->layer, &of->ways->pattern, kept,
                          counted ? counted : &nothing_counted);
    of->stored_bytes = of->own.value_bytes + of->own.index_bytes;
    move(of->model, of->layer, of->batch, &of->own);
    set_sparse(of->model, of->layer, of->batch, &of->own, &stored);
    of->bytes = stored.bytes;
    of->memory_s = spr_model_memory_time(of->model, of->own.value_bytes + of->own.index_bytes,
                                         stored.bytes, &level);
}

bool spr_model_pruned(const struct spr_model *model, const struct spr_layer *layer,
                      double batch, const struct spr_ways *ways, double kept,
                      const struct spr_counted *counted, struct spr_prediction *out)
{
    struct pruned of = pruned_of(model, layer, batch, ways);
    struct execution found[SPR_EXECUTIONS];
    set_kept(&of, kept, counted);
    try_ways(&of, found);
    if (!model->native_only) {
        struct execution *dense = &found[SPR_EXECUTION_DENSE];
        dense->time_s = spr_model_dense_time(model, layer, batch, &dense->bytes);
    }
    const int best = fastest(found);
    if (best == SPR_EXECUTIONS) {
        return false;
    }
    if (best == SPR_EXECUTION_DENSE) {
        /* Of what is multiplied the pruned weights are all that is useful. */
        spr_model_dense(model, layer, batch, out);
        out->nnz = of.own.nnz;
        out->flops_useful =
            2 * of.own.nnz * ((double)layer->n * batch) * spr_left_of_flops(model);
        out->executed_as = ways->dense;
    } else {
        predict_way(&of, found[best].way, found[best].issued, out);
    }
    out->format_bytes = of.bytes;
    for (int e = 0; e < SPR_EXECUTIONS; e++) {
        out->execution_s[e] = found[e].time_s;
        if (!isnan(found[e].time_s)) {
            out->least_bytes = fmin(out->least_bytes, found[e].bytes);
        }
    }
    return true;
}

bool spr_model_sparse(const struct spr_model *model, const struct spr_layer *layer,
                      double batch, const struct spr_pattern *pattern, double kept,
                      const struct spr_counted *counted, struct spr_prediction *out)
{
    struct spr_ways ways;
    spr_model_ways(model, pattern, &ways);
    return spr_model_pruned(model, layer, batch, &ways, kept, counted, out);
}

double spr_model_traffic_time(const struct spr_model *model, const struct spr_layer *layer,
                              double batch, const struct spr_pattern *pattern, double kept,
                              const struct spr_counted *counted)
{
    struct spr_weight_cost own = format_cost(model, layer, pattern, kept, counted);
    struct spr_prediction out = {0};
    own.issued = own.nnz;
    move(model, layer, batch, &own);
    set_sparse(model, layer, batch, &own, &out);
    spr_model_set_times(model, model->flops_per_s[model->dense_engine],
                        own.value_bytes + own.index_bytes, spr_model_call_s(model, layer),
                        &out);
    return out.time_s;
}

/* Whether so many kept cells break even with dense. */
static bool breaks_even(struct pruned *of, double kept, double dense_time_s)
{
    struct execution found[SPR_EXECUTIONS];
    set_kept(of, kept, NULL);
    try_ways(of, found);
    const double time_s =
        fmin(found[SPR_EXECUTION_NATIVE].time_s, found[SPR_EXECUTION_EXPANDED].time_s);
    return of->model->native_only ? time_s <= dense_time_s * EVEN
                                  : time_s * EVEN < dense_time_s;
}

double spr_model_break_even(const struct spr_model *model, const struct spr_layer *layer,
                            double batch, const struct spr_ways *ways, double dense_time_s)
{
    const struct spr_pattern *pattern = &ways->pattern;
    struct spr_shape shape = spr_layer_shape(layer);
    struct pruned of = pruned_of(model, layer, batch, ways);
    if (!isnan(spr_pattern_fixed_sparsity(pattern)) || !breaks_even(&of, 0, dense_time_s)) {
        return (double)NAN;
    }
    /* Time never falls with more kept cells: bisect for the last count that breaks even. */
    const double cells = pattern->kind->cells(pattern, &shape);
    double fits = 0, fails = cells + 1;
    while (fails - fits > 1) {
        double middle = floor(fits + (fails - fits) / 2);
        if (breaks_even(&of, middle, dense_time_s)) {
            fits = middle;
        } else {
            fails = middle;
        }
    }
    return 1 - fits / cells;
}
