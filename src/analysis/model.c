/* SPDX-License-Identifier: Apache-2.0 */
/* The analytical model of one operator. Equations: src/analysis/README.md, "The bound". */
#include "sproof/model.h"

#include <math.h>
#include <string.h>

/* A sparse format may be this much slower than dense and still count as breaking even: the
 * last digits of two equal times differ by rounding. */
#define EVEN (1 + 1e-12)

static double at_corner(const struct spr_number *number, enum spr_corner corner)
{
    double value = corner == SPR_LOW    ? number->low
                   : corner == SPR_HIGH ? number->high
                                        : number->value;
    return isnan(value) ? 0 : value;
}

static int find_dense_engine(const struct spr_model *model)
{
    const struct spr_pattern dense = spr_pattern_dense();
    int best = -1;
    for (size_t i = 0; i < model->machine->engine_count; i++) {
        const struct spr_accept *accept =
            spr_engine_accept(&model->machine->engines[i], &dense);
        if (model->flops_per_s[i] > 0 && accept &&
            (!accept->as.kind || spr_pattern_is_dense(&accept->as)) &&
            (best < 0 || model->flops_per_s[i] > model->flops_per_s[best])) {
            best = (int)i;
        }
    }
    return best;
}

enum spr_status spr_model_prepare(struct spr_model *model, const struct spr_machine *machine,
                                  enum spr_dtype dtype, enum spr_corner engines,
                                  enum spr_corner memory, struct spr_error *err)
{
    *model = (struct spr_model){.machine = machine,
                                .dtype = dtype,
                                .value_bytes = spr_dtype_bytes(dtype),
                                .level_count = machine->memory_count};
    unsigned dtypes = 0;
    for (size_t i = 0; i < machine->engine_count; i++) {
        const struct spr_engine *engine = &machine->engines[i];
        dtypes |= engine->dtypes;
        if (engine->dtypes & (1u << dtype)) {
            model->flops_per_s[i] = at_corner(&engine->flops_per_s, engines);
        }
    }
    for (size_t i = 0; i < machine->memory_count; i++) {
        model->bytes_per_s[i] = at_corner(&machine->memory[i].bytes_per_s, memory);
    }
    model->overhead_s = isnan(machine->overhead_s.value) ? 0 : machine->overhead_s.value;
    model->dense_engine = find_dense_engine(model);
    if (model->dense_engine < 0) {
        char list[96] = "";
        for (int i = 0; i < SPR_DTYPE_COUNT; i++) {
            if (dtypes & (1u << i)) {
                strcat(list, list[0] ? ", " : "");
                strcat(list, spr_dtype_name((enum spr_dtype)i));
            }
        }
        return spr_fail(err, SPR_EINPUT,
                        "machine %s has no engine with a known rate for dense %s work: its "
                        "engines have %s",
                        machine->name, spr_dtype_name(dtype), list);
    }
    spr_model_set_residency(model, SPR_RESIDENCY_DRAM, 1);
    return SPR_OK;
}

void spr_model_set_residency(struct spr_model *model, enum spr_residency residency,
                             int64_t threads)
{
    double sum = 0;
    model->residency = residency;
    for (size_t i = 0; i < model->level_count; i++) {
        const struct spr_memory *memory = &model->machine->memory[i];
        double bytes = isnan(memory->bytes.value) ? 0 : memory->bytes.value;
        sum += memory->shared ? bytes : bytes * (double)threads;
        model->capacity[i] = sum;
    }
}

/* Bytes that cross beyond level r when `bytes` are touched, `weights` of them W. */
static double beyond(const struct spr_model *model, size_t level, double weights, double bytes)
{
    double room = model->capacity[level];
    double rest = fmax(0, bytes - weights - room);
    switch (model->residency) {
    case SPR_RESIDENCY_DRAM:
        break;
    case SPR_RESIDENCY_WARM:
        return fmax(0, bytes - room);
    case SPR_RESIDENCY_COLD:
        return weights + rest;
    case SPR_RESIDENCY_NETWORK:
        return (model->network_bytes > 0 ? weights * fmax(0, 1 - room / model->network_bytes)
                                         : 0) +
               rest;
    }
    return bytes;
}

/* The largest memory term and its level. */
static double memory_time(const struct spr_model *model, double weights, double bytes,
                          int *level)
{
    size_t last = model->level_count - 1;
    *level = (int)last;
    if (model->residency == SPR_RESIDENCY_DRAM) {
        return bytes / model->bytes_per_s[last];
    }
    double worst = -1;
    for (size_t i = 0; i <= last; i++) {
        if (model->bytes_per_s[i] > 0) {
            double crossing = i == 0 ? bytes : beyond(model, i - 1, weights, bytes);
            double time = crossing / model->bytes_per_s[i];
            if (time > worst) {
                worst = time;
                *level = (int)i;
            }
        }
    }
    return worst;
}

/* Fills the times of *out from its FLOPs and bytes on an engine. */
static void set_times(const struct spr_model *model, double rate, double weights,
                      struct spr_prediction *out)
{
    int level;
    out->compute_s = out->flops_issued / rate;
    out->memory_s = memory_time(model, weights, out->bytes, &out->memory_level);
    double longest = out->compute_s >= out->memory_s ? out->compute_s : out->memory_s;
    out->time_s = longest + model->overhead_s;
    out->bound = out->compute_s >= out->memory_s ? SPR_BOUND_COMPUTE : out->memory_level;
    if (model->overhead_s > longest) {
        out->bound = SPR_BOUND_OVERHEAD;
    }
    /* X and Y alone; subtracting W from the sum would cancel digits. */
    double activations = isnan(out->bytes_x) ? out->bytes : out->bytes_x + out->bytes_y;
    out->ceiling_time_s = memory_time(model, 0, activations, &level) + model->overhead_s;
}

static void no_times(struct spr_prediction *out)
{
    for (int e = 0; e < SPR_EXECUTIONS; e++) {
        out->execution_s[e] = (double)NAN;
    }
}

static void predict_other(const struct spr_model *model, const struct spr_layer *layer,
                          double batch, struct spr_prediction *out)
{
    double bytes = isnan(layer->other_bytes) ? layer->x_elements * model->value_bytes
                                             : layer->other_bytes;
    out->nnz = out->tau = (double)NAN;
    out->flops_useful = out->flops_issued = batch * layer->other_flops;
    out->bytes_x = out->bytes_y = (double)NAN;
    out->bytes = batch * bytes;
}

static void predict_attention(const struct spr_model *model, const struct spr_layer *layer,
                              double batch, struct spr_prediction *out)
{
    double m = (double)layer->m, k = (double)layer->k, n = (double)layer->n;
    out->nnz = out->tau = (double)NAN;
    out->flops_useful = out->flops_issued = 2 * m * k * n * batch;
    out->bytes_x = batch * (m * k + k * n) * model->value_bytes;
    out->bytes_y = batch * m * n * model->value_bytes;
    out->bytes = out->bytes_x + out->bytes_y;
}

void spr_model_dense(const struct spr_model *model, const struct spr_layer *layer,
                     double batch, struct spr_prediction *out)
{
    double weights = 0;
    *out = (struct spr_prediction){.engine = model->dense_engine,
                                   .execution = SPR_EXECUTION_DENSE};
    if (layer->op == SPR_OP_OTHER) {
        predict_other(model, layer, batch, out);
    } else if (layer->op == SPR_OP_ATTENTION) {
        predict_attention(model, layer, batch, out);
    } else {
        double m = (double)layer->m, k = (double)layer->k, n = (double)layer->n * batch;
        weights = m * k * model->value_bytes;
        out->nnz = m * k;
        out->tau = 1;
        out->flops_useful = out->flops_issued = 2 * m * k * n;
        out->bytes_weight_values = weights;
        out->bytes_x = layer->x_elements * batch * model->value_bytes;
        out->bytes_y = m * n * model->value_bytes;
        out->bytes = weights + out->bytes_x + out->bytes_y;
    }
    set_times(model, model->flops_per_s[out->engine], weights, out);
    no_times(out);
    out->execution_s[SPR_EXECUTION_DENSE] = out->time_s;
    out->format_bytes = out->least_bytes = out->bytes;
}

static struct spr_weight_cost weight_cost(const struct spr_model *model,
                                          const struct spr_layer *layer,
                                          const struct spr_pattern *pattern, double kept,
                                          const struct spr_counted *counted)
{
    struct spr_shape shape = spr_layer_shape(layer);
    struct spr_weight_cost cost =
        pattern->kind->cost(pattern, &shape, kept, counted, model->value_bytes);
    if (layer->op == SPR_OP_DEPTHWISE) {
        cost.tau = 1; /* every output row has its own input channel */
    }
    /* cppcheck-suppress returnDanglingLifetime ; it has numbers alone, no part of the shape */
    return cost;
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

/* FLOPs and bytes of a pruned operator whose stored weights cost `stored`. */
static void set_sparse(const struct spr_model *model, const struct spr_layer *layer,
                       double batch, const struct spr_weight_cost *stored,
                       struct spr_prediction *out)
{
    double n = (double)layer->n * batch;
    out->nnz = stored->nnz;
    out->tau = stored->tau;
    out->flops_useful = 2 * stored->nnz * n;
    out->flops_issued = 2 * stored->issued * n;
    out->bytes_weight_values = stored->value_bytes;
    out->bytes_weight_index = stored->index_bytes;
    out->bytes_x = stored->tau * (layer->x_elements * batch * model->value_bytes);
    out->bytes_y = (double)layer->m * n * model->value_bytes;
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

/* The fastest so far of one execution. */
static void keep_faster(struct spr_prediction *best, const struct spr_prediction *trial)
{
    double *known_s = &best->execution_s[trial->execution];
    if (isnan(*known_s) || trial->time_s < *known_s) {
        double all_s[SPR_EXECUTIONS];
        *known_s = trial->time_s;
        memcpy(all_s, best->execution_s, sizeof all_s);
        *best = *trial;
        memcpy(best->execution_s, all_s, sizeof all_s);
    }
}

/* The elements that a way makes the engine multiply. */
static double issued_by(const struct spr_model *model, const struct spr_layer *layer,
                        const struct spr_ways *ways, const struct spr_way *way,
                        const struct spr_weight_cost *own)
{
    const struct spr_engine *engine = &model->machine->engines[way->engine];
    if (way->slots.kind) {
        struct spr_shape shape = spr_layer_shape(layer);
        return spr_pattern_kept(&way->slots, &shape, 0);
    }
    return way->execution == SPR_EXECUTION_NATIVE
               ? tiled_elements(model, engine, &ways->pattern, own->issued)
               : own->issued;
}

/* One way; `own` is what the format itself costs. */
static void predict_way(const struct spr_model *model, const struct spr_layer *layer,
                        double batch, const struct spr_ways *ways, const struct spr_way *way,
                        const struct spr_weight_cost *own, struct spr_prediction *out)
{
    struct spr_weight_cost stored = *own;
    *out = (struct spr_prediction){
        .engine = way->engine, .executed_as = way->as, .execution = way->execution};
    if (way->execution == SPR_EXECUTION_NATIVE && way->as.kind) {
        stored = executed_cost(model, layer, &way->as, own);
    } else {
        stored.issued = issued_by(model, layer, ways, way, own);
    }
    set_sparse(model, layer, batch, &stored, out);
    set_times(model, model->flops_per_s[way->engine], stored.value_bytes + stored.index_bytes,
              out);
}

/* The dense product, of which the pruned weights are all that is useful. */
static void predict_dense(const struct spr_model *model, const struct spr_layer *layer,
                          double batch, const struct spr_weight_cost *own,
                          struct spr_prediction *out)
{
    spr_model_dense(model, layer, batch, out);
    out->nnz = own->nnz;
    out->flops_useful = 2 * own->nnz * (double)layer->n * batch;
    out->executed_as = spr_pattern_dense();
}

/* The fastest of the executions into *out; false: there is none. */
static bool choose_execution(const struct spr_prediction of[SPR_EXECUTIONS],
                             struct spr_prediction *out)
{
    static const enum spr_execution order[SPR_EXECUTIONS] = {
        SPR_EXECUTION_DENSE, SPR_EXECUTION_NATIVE, SPR_EXECUTION_EXPANDED};
    const struct spr_prediction *best = NULL;
    for (int i = 0; i < SPR_EXECUTIONS; i++) {
        const struct spr_prediction *other = &of[order[i]];
        const double other_s = other->execution_s[order[i]];
        if (!isnan(other_s) && (!best || other_s * EVEN < best->time_s)) {
            best = other;
        }
    }
    if (!best) {
        return false;
    }
    *out = *best;
    for (int e = 0; e < SPR_EXECUTIONS; e++) {
        out->execution_s[e] = of[e].execution_s[e];
        if (!isnan(out->execution_s[e])) {
            out->least_bytes = fmin(out->least_bytes, of[e].bytes);
        }
    }
    return true;
}

bool spr_model_pruned(const struct spr_model *model, const struct spr_layer *layer,
                      double batch, const struct spr_ways *ways, double kept,
                      const struct spr_counted *counted, struct spr_prediction *out)
{
    const struct spr_weight_cost own =
        weight_cost(model, layer, &ways->pattern, kept, counted ? counted : &nothing_counted);
    struct spr_prediction of[SPR_EXECUTIONS], trial;
    for (int e = 0; e < SPR_EXECUTIONS; e++) {
        no_times(&of[e]);
    }
    for (size_t i = 0; i < ways->count; i++) {
        const struct spr_way *way = &ways->way[i];
        if (!model->native_only || way->execution == SPR_EXECUTION_NATIVE) {
            predict_way(model, layer, batch, ways, way, &own, &trial);
            keep_faster(&of[way->execution], &trial);
        }
    }
    if (!model->native_only) {
        predict_dense(model, layer, batch, &own, &trial);
        keep_faster(&of[SPR_EXECUTION_DENSE], &trial);
    }
    if (!choose_execution(of, out)) {
        return false;
    }
    set_sparse(model, layer, batch, &own, &trial);
    out->format_bytes = trial.bytes;
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
    struct spr_weight_cost own = weight_cost(model, layer, pattern, kept, counted);
    struct spr_prediction out = {0};
    own.issued = own.nnz;
    set_sparse(model, layer, batch, &own, &out);
    set_times(model, model->flops_per_s[model->dense_engine],
              own.value_bytes + own.index_bytes, &out);
    return out.time_s;
}

/* Whether so many kept cells break even with dense. */
static bool breaks_even(const struct spr_model *model, const struct spr_layer *layer,
                        double batch, const struct spr_ways *ways, double kept,
                        double dense_time_s)
{
    struct spr_prediction trial;
    if (!spr_model_pruned(model, layer, batch, ways, kept, NULL, &trial)) {
        return false;
    }
    return model->native_only ? trial.time_s <= dense_time_s * EVEN
                              : fmin(trial.execution_s[SPR_EXECUTION_NATIVE],
                                     trial.execution_s[SPR_EXECUTION_EXPANDED]) *
                                        EVEN <
                                    dense_time_s;
}

double spr_model_break_even(const struct spr_model *model, const struct spr_layer *layer,
                            double batch, const struct spr_ways *ways, double dense_time_s)
{
    const struct spr_pattern *pattern = &ways->pattern;
    struct spr_shape shape = spr_layer_shape(layer);
    if (!isnan(spr_pattern_fixed_sparsity(pattern)) ||
        !breaks_even(model, layer, batch, ways, 0, dense_time_s)) {
        return (double)NAN;
    }
    /* Time never falls with more kept cells: bisect for the last count that breaks even. */
    const double cells = pattern->kind->cells(pattern, &shape);
    double fits = 0, fails = cells + 1;
    while (fails - fits > 1) {
        double middle = floor(fits + (fails - fits) / 2);
        if (breaks_even(model, layer, batch, ways, middle, dense_time_s)) {
            fits = middle;
        } else {
            fails = middle;
        }
    }
    return 1 - fits / cells;
}

const char *spr_bound_name(const struct spr_machine *machine, int bound)
{
    if (bound == SPR_BOUND_COMPUTE) {
        return "compute";
    }
    return bound == SPR_BOUND_OVERHEAD ? "overhead" : machine->memory[bound].level;
}
