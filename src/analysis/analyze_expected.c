/* SPDX-License-Identifier: Apache-2.0 */
/* From the expected time of one kernel to the network's. */
#include "analysis/analyze_expected.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/* Up to this a double counts tokens times batch exactly, and no product overflows. */
#define COLUMNS_MAX 9007199254740992.0

/* A kernel per pattern kind and instruction set has a name; results share them. */
#define NAMES_MAX 64
struct spr_expected_names {
    char name[NAMES_MAX][sizeof((struct spr_expected *)0)->kernel];
    size_t count;
};

static const char *keep_name(struct spr_expected_names *names, const char *name)
{
    size_t i = 0;
    while (i < names->count && strcmp(names->name[i], name) != 0) {
        i++;
    }
    if (i == NAMES_MAX) {
        return "";
    }
    if (i == names->count) {
        memcpy(names->name[names->count++], name, strlen(name) + 1);
    }
    return names->name[i];
}

static enum spr_isa highest_isa(const struct spr_kernel_rates *kernels)
{
    enum spr_isa highest = SPR_ISA_SCALAR;
    for (size_t i = 0; i < kernels->count; i++) {
        highest = kernels->tiles[i].isa > highest ? kernels->tiles[i].isa : highest;
    }
    return highest;
}

/* The kernels were measured on the machine as it is: of other rates nothing is known of them. */
static bool as_measured(const struct spr_options *options)
{
    for (size_t i = 0; i < options->change_count; i++) {
        if (strcmp(options->changes[i].path, "overhead_s") != 0) {
            return false;
        }
    }
    return true;
}

/* Residency dram has X and Y come from memory, too. Kernels were timed with these near: what memory
 * takes for them is added, as if nothing hid it. */
static double activations_s(const struct spr_analysis *a, const struct spr_prediction *run)
{
    const size_t last = a->model.level_count - 1;
    const bool near = a->expected_residency != SPR_RESIDENCY_DRAM || a->options.native;
    return near ? 0 : (run->bytes_x + run->bytes_y) / a->model.bytes_per_s[last];
}

/* What --set adds to a call, beyond that of the machine, which kernels have in their times. */
static double added_call_s(const struct spr_options *options)
{
    double added = 0;
    for (size_t i = 0; i < options->change_count; i++) {
        const struct spr_machine_change *change = &options->changes[i];
        if (strcmp(change->path, "overhead_s") == 0) {
            added += change->after - (isnan(change->before) ? 0 : change->before);
        }
    }
    return fmax(0, added);
}

void spr_expected_begin(struct spr_analysis *a)
{
    const struct spr_kernel_rates *kernels = a->machine->kernels;
    const struct spr_types types = spr_options_types(&a->options);
    const struct spr_types f32 = spr_types_of(SPR_F32);
    a->has_expected = kernels && kernels->count > 0 && spr_types_equal(&types, &f32) &&
                      !spr_options_differ(&a->options) &&
                      (a->options.native || as_measured(&a->options));
    if (!a->options.has_residency) {
        /* Native figures are those of versions whose bound had no residency but dram. */
        a->options.residency =
            a->has_expected && !a->options.native ? SPR_RESIDENCY_NETWORK : SPR_RESIDENCY_DRAM;
    }
    a->expected_residency =
        a->options.has_residency ? a->options.residency : SPR_RESIDENCY_NETWORK;
}

enum spr_status spr_expected_prepare(struct spr_analysis *a, struct spr_error *err)
{
    size_t count = a->options.batch_count * a->network->layer_count;
    int64_t threads = a->options.threads > 0 ? a->options.threads : a->machine->cores;
    a->expected_dense = spr_calloc(count, sizeof *a->expected_dense);
    a->names = spr_calloc(1, sizeof *a->names);
    if (!a->expected_dense || !a->names) {
        return spr_no_memory(err);
    }
    if (a->has_expected) {
        a->expected_isa = highest_isa(a->machine->kernels);
        a->expected_threads = threads > 0 && threads <= INT32_MAX ? (int)threads : 1;
    }
    return SPR_OK;
}

/* The matrix product a kernel is called for, and how often per occurrence: once, once a
 * group of a convolution, or once a batch entry of an attention product. */
static double calls_of(const struct spr_layer *layer, double batch,
                       struct spr_expected_case *of)
{
    int64_t groups = layer->op == SPR_OP_ATTENTION ? 1 : layer->groups;
    double columns = (double)layer->n * (layer->op == SPR_OP_ATTENTION ? 1 : batch);
    of->m = (layer->m + groups - 1) / groups;
    of->k = layer->k;
    of->n = columns <= COLUMNS_MAX ? (int64_t)columns : 0;
    return layer->op == SPR_OP_ATTENTION ? batch : (double)groups;
}

/* Stored cells of all groups: counted where a real mask was. */
static double kept_cells(const struct spr_layer *layer, const struct spr_choice *choice)
{
    struct spr_shape shape = spr_layer_shape(layer);
    bool counted =
        choice->pattern.kind->pattern_class == SPR_CLASS_CSR && !isnan(choice->counted.nnz);
    return counted ? choice->counted.nnz
                   : spr_pattern_kept(&choice->pattern, &shape, choice->sparsity);
}

static bool has_kernel(const struct spr_layer *layer)
{
    return layer->op == SPR_OP_LINEAR || layer->op == SPR_OP_CONV ||
           layer->op == SPR_OP_ATTENTION;
}

static const struct spr_layer_expected nothing = {.time_s = (double)NAN};

/* One operator; choice NULL: dense. pass_bytes: what is passed before it runs again, which is the
 * network, or with residency warm the operator itself. */
static struct spr_layer_expected expect(const struct spr_analysis *a,
                                        const struct spr_layer *layer, double batch,
                                        const struct spr_choice *choice, double pass_bytes)
{
    struct spr_expected_case of = {.pattern = choice ? choice->pattern : spr_pattern_dense(),
                                   .threads = a->expected_threads,
                                   .isa = a->expected_isa,
                                   .layout = a->options.layout,
                                   .residency = a->expected_residency,
                                   .tuned = a->options.tuned};
    double calls = calls_of(layer, batch, &of), groups = (double)layer->m / (double)of.m;
    struct spr_expected one;
    if (of.residency == SPR_RESIDENCY_WARM && calls > 1) {
        of.residency = SPR_RESIDENCY_NETWORK; /* each call has operands of its own */
    }
    if (of.residency == SPR_RESIDENCY_NETWORK) {
        of.network_bytes = pass_bytes;
    }
    of.kept = choice ? kept_cells(layer, choice) / groups : (double)of.m * (double)of.k;
    if (of.n > 0 && spr_expected_time(a->machine, &of, &one) && isfinite(one.time_s)) {
        const double called =
            layer->count > 0 ? (double)layer->calls / (double)layer->count : 0;
        const double added_s = a->options.native ? 0 : called * added_call_s(&a->options);
        return (struct spr_layer_expected){calls * one.time_s + added_s, one.limit,
                                           keep_name(a->names, one.kernel)};
    }
    return nothing;
}

void spr_expected_batch(struct spr_analysis *a, size_t batch_index)
{
    size_t layers = a->network->layer_count;
    struct spr_layer_expected *out = &a->expected_dense[batch_index * layers];
    const bool warm = a->expected_residency == SPR_RESIDENCY_WARM;
    double bytes = 0;
    for (size_t i = 0; i < layers; i++) {
        bytes +=
            (double)a->network->layers[i].count * spr_analysis_dense(a, batch_index, i)->bytes;
    }
    for (size_t i = 0; i < layers; i++) {
        const struct spr_layer *layer = &a->network->layers[i];
        out[i] = nothing;
        if (a->has_expected && has_kernel(layer)) {
            out[i] = expect(a, layer, a->options.batches[batch_index], NULL,
                            warm ? spr_analysis_dense(a, batch_index, i)->bytes : bytes);
            out[i].time_s += activations_s(a, spr_analysis_dense(a, batch_index, i));
        } else if (a->has_expected) {
            out[i].time_s = spr_analysis_dense(a, batch_index, i)->time_s;
        }
    }
}

static double ratio(double above, double below)
{
    return below > 0 || isnan(below) ? above / below : 1;
}

static void expect_layer(const struct spr_analysis *a, const struct spr_result *result,
                         size_t index, struct spr_layer_result *out)
{
    const struct spr_layer *layer = spr_choice_layer(a->network, &out->choice);
    const struct spr_layer_expected *dense =
        spr_analysis_expected_dense(a, result->batch_index, index);
    double less = (double)layer->count / (double)a->network->layers[index].count;
    out->expected = nothing;
    if (!a->has_expected || spr_choice_unchanged(&out->choice)) {
        out->expected = *dense;
    } else if (has_kernel(layer) && (a->options.native || !(out->run.nnz < 1))) {
        /* Without a single weight there is no product, and no kernel was measured for that. */
        const bool warm = a->expected_residency == SPR_RESIDENCY_WARM;
        out->expected = expect(a, layer, result->batch, &out->choice,
                               warm ? out->run.format_bytes : result->format_bytes);
        out->expected.time_s += activations_s(a, &out->run);
    } else {
        out->expected.time_s = out->run.time_s;
    }
    out->expected_speedup = a->has_expected && layer->count == 0
                                ? (double)INFINITY
                                : ratio(dense->time_s, less * out->expected.time_s);
}

struct sums {
    double dense_s, time_s, mixed_s;
    double dense_prunable_s, prunable_s, other_s;
    double bound_s;
    bool any_prunable;
};

/* The times of all occurrences. */
static void add_layer(const struct spr_layer *layer, double dense_s, double time_s,
                      const struct spr_layer_result *r, struct sums *sums)
{
    sums->dense_s += dense_s;
    sums->time_s += time_s;
    /* fmin would hide a NAN. */
    sums->mixed_s += time_s > dense_s ? dense_s : time_s;
    sums->bound_s += r->expected.kernel ? 0 : time_s;
    if (layer->prunable) {
        sums->any_prunable = true;
        sums->dense_prunable_s += dense_s;
        sums->prunable_s += time_s;
    } else {
        sums->other_s += time_s;
    }
}

void spr_expected_result(struct spr_analysis *a, struct spr_result *result)
{
    struct sums sums = {0};
    struct spr_network_expected *out = &result->expected;
    *out = (struct spr_network_expected){0};
    for (size_t i = 0; i < a->network->layer_count; i++) {
        const struct spr_layer *layer = &a->network->layers[i];
        struct spr_layer_result *r = &result->layers[i];
        expect_layer(a, result, i, r);
        double dense_s = (double)layer->count *
                         spr_analysis_expected_dense(a, result->batch_index, i)->time_s;
        double runs = (double)spr_choice_layer(a->network, &r->choice)->count;
        add_layer(layer, dense_s, runs * r->expected.time_s, r, &sums);
        out->layers_slower += r->expected_speedup < 1 ? (size_t)layer->count : 0;
    }
    out->time_s = sums.time_s;
    out->dense_time_s = isnan(sums.time_s) ? (double)NAN : sums.dense_s;
    out->speedup = ratio(out->dense_time_s, sums.time_s);
    out->speedup_mixed = isnan(sums.time_s) ? (double)NAN : ratio(sums.dense_s, sums.mixed_s);
    out->speedup_prunable =
        sums.any_prunable ? ratio(sums.dense_prunable_s, sums.prunable_s) : (double)NAN;
    out->amdahl_ceiling = sums.other_s > 0 ? out->dense_time_s / sums.other_s : (double)NAN;
    out->bound_share = sums.time_s > 0 ? sums.bound_s / sums.time_s : 0;
}

struct spr_answer spr_result_answer(const struct spr_result *result, bool expected)
{
    const struct spr_network_expected *e = &result->expected;
    if (expected && isfinite(e->speedup)) {
        return (struct spr_answer){
            true,      e->speedup,        e->speedup_mixed, e->dense_time_s,
            e->time_s, e->amdahl_ceiling, e->layers_slower};
    }
    return (struct spr_answer){
        false,          result->speedup,        result->speedup_mixed, result->dense_time_s,
        result->time_s, result->amdahl_ceiling, result->layers_slower};
}

void spr_expected_free(struct spr_analysis *a)
{
    spr_free(a->expected_dense);
    spr_free(a->names);
}
