/* SPDX-License-Identifier: Apache-2.0 */
/* The analytical model of one operator. Equations: src/analysis/README.md, "The bound". */
#include "analysis/model_parts.h"

#include <math.h>
#include <string.h>

#include "pattern/contract.h"

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
                                .w_bytes = spr_dtype_bytes(dtype),
                                .x_bytes = spr_dtype_bytes(dtype),
                                .y_bytes = spr_dtype_bytes(dtype),
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

void spr_model_set_types(struct spr_model *model, const struct spr_types *types)
{
    model->w_bytes = types->w.bytes;
    model->x_bytes = types->x.bytes;
    model->y_bytes = types->y.bytes;
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

double spr_model_memory_time(const struct spr_model *model, double weights, double bytes,
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

/* An epilogue that runs inside its product, and no call of its own. */
static bool is_fused(const struct spr_model *model, const struct spr_layer *layer)
{
    return model->fuse && layer->epilogue && layer->y_elements > 0;
}

const char *spr_fusion_name(bool fuse)
{
    return fuse ? "epilogue" : "none";
}

double spr_model_call_s(const struct spr_model *model, const struct spr_layer *layer)
{
    if (layer->count == 0 || is_fused(model, layer)) {
        return 0;
    }
    /* native: as before there was a column for calls */
    return model->native_only
               ? model->overhead_s
               : model->overhead_s * ((double)layer->calls / (double)layer->count);
}

void spr_model_set_times(const struct spr_model *model, double rate, double weights,
                         double call_s, struct spr_prediction *out)
{
    int level;
    out->compute_s = out->flops_issued / rate;
    out->memory_s = spr_model_memory_time(model, weights, out->bytes, &out->memory_level);
    double longest = out->compute_s >= out->memory_s ? out->compute_s : out->memory_s;
    out->time_s = longest + call_s;
    out->bound = out->compute_s >= out->memory_s ? SPR_BOUND_COMPUTE : out->memory_level;
    if (call_s > longest) {
        out->bound = SPR_BOUND_OVERHEAD;
    }
    /* X and Y alone; subtracting W from the sum would cancel digits. */
    double activations = isnan(out->bytes_x) ? out->bytes : out->bytes_x + out->bytes_y;
    out->ceiling_time_s = spr_model_memory_time(model, 0, activations, &level) + call_s;
}

double spr_left_of_flops(const struct spr_model *model)
{
    return 1 - model->skipped;
}

double spr_left_of_weights(const struct spr_model *model, const struct spr_layer *layer,
                           double batch)
{
    return model->skipped > 0 ? -expm1((double)layer->n * batch * log(model->skipped)) : 1;
}

double spr_bytes_of_x(const struct spr_model *model, const struct spr_layer *layer,
                      double batch)
{
    const double elements = layer->x_elements * batch;
    const double index_bytes = spr_ceil_log2(layer->k) / 8.0;
    const double all = elements * model->x_bytes;
    return model->skipped > 0
               ? fmin(all, (1 - model->skipped) * (elements * (model->x_bytes + index_bytes)))
               : all;
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
    double bytes =
        isnan(layer->other_bytes) ? layer->x_elements * model->x_bytes : layer->other_bytes;
    out->nnz = out->tau = (double)NAN;
    out->flops_useful = out->flops_issued = batch * layer->other_flops;
    out->bytes_x = out->bytes_y = (double)NAN;
    /* What is left in registers is neither written by the product nor read again. */
    double kept = is_fused(model, layer) ? layer->y_elements * model->x_bytes : 0;
    out->bytes = batch * fmax(0, bytes - kept);
}

static void predict_attention(const struct spr_model *model, const struct spr_layer *layer,
                              double batch, struct spr_prediction *out)
{
    double m = (double)layer->m, k = (double)layer->k, n = (double)layer->n;
    out->nnz = out->tau = (double)NAN;
    out->flops_useful = out->flops_issued = 2 * m * k * n * batch;
    out->bytes_x = batch * (m * k + k * n) * model->x_bytes;
    out->bytes_y = batch * m * n * model->y_bytes;
    out->bytes = out->bytes_x + out->bytes_y;
}

double spr_model_dense_time(const struct spr_model *model, const struct spr_layer *layer,
                            double batch, double *bytes)
{
    const double m = (double)layer->m, k = (double)layer->k, n = (double)layer->n * batch;
    const double weights = m * k * model->w_bytes * spr_left_of_weights(model, layer, batch);
    int level;
    *bytes = weights + spr_bytes_of_x(model, layer, batch) + m * n * model->y_bytes;
    const double compute_s =
        2 * m * k * n * spr_left_of_flops(model) / model->flops_per_s[model->dense_engine];
    const double memory_s = spr_model_memory_time(model, weights, *bytes, &level);
    return (compute_s >= memory_s ? compute_s : memory_s) + spr_model_call_s(model, layer);
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
        out->stored_bytes = m * k * model->w_bytes;
        weights = out->stored_bytes * spr_left_of_weights(model, layer, batch);
        out->nnz = m * k;
        out->tau = 1;
        out->flops_useful = out->flops_issued = 2 * m * k * n * spr_left_of_flops(model);
        out->bytes_weight_values = weights;
        out->bytes_x = spr_bytes_of_x(model, layer, batch);
        out->bytes_y = m * n * model->y_bytes;
        out->bytes = weights + out->bytes_x + out->bytes_y;
    }
    spr_model_set_times(model, model->flops_per_s[out->engine], weights,
                        spr_model_call_s(model, layer), out);
    no_times(out);
    out->execution_s[SPR_EXECUTION_DENSE] = out->time_s;
    out->format_bytes = out->least_bytes = out->bytes;
}

const char *spr_bound_name(const struct spr_machine *machine, int bound)
{
    if (bound == SPR_BOUND_COMPUTE) {
        return "compute";
    }
    return bound == SPR_BOUND_OVERHEAD ? "overhead" : machine->memory[bound].level;
}
