/* SPDX-License-Identifier: Apache-2.0 */
/* From the expected time of one kernel to the network's. */
#include "analysis/analyze_expected.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/expect_layer.h"
#include "base/mem.h"

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

/* Whether somebody measured dense products on the machine, in a type. */
static bool has_dense_family(const struct spr_machine *machine, int dtype)
{
    bool found = false;
    for (size_t i = 0; i < machine->family_count && dtype < SPR_DTYPE_COUNT; i++) {
        const struct spr_family *family = &machine->families[i];
        found = found || ((family->dtypes & (1u << dtype)) != 0 &&
                          spr_pattern_is_dense(&family->pattern));
    }
    return found;
}

void spr_expected_begin(struct spr_analysis *a)
{
    const struct spr_kernel_rates *kernels = a->machine->kernels;
    const struct spr_types types = spr_options_types(&a->options);
    const struct spr_types f32 = spr_types_of(SPR_F32);
    const bool own = kernels && kernels->count > 0 && spr_types_equal(&types, &f32);
    a->has_expected = (own || has_dense_family(a->machine, spr_plain_dtype(&types))) &&
                      !spr_options_differ(&a->options) &&
                      ((a->options.native && own) || as_measured(&a->options));
    /* Where the rate of a cache is unknown, what stays in it would move for free. */
    bool known = true;
    for (size_t i = 0; i < a->machine->memory_count; i++) {
        known = known && (own || !isnan(a->machine->memory[i].bytes_per_s.value));
    }
    if (!a->options.has_residency) {
        /* Native figures are those of versions whose bound had no residency but dram. */
        a->options.residency = a->has_expected && known && !a->options.native
                                   ? SPR_RESIDENCY_NETWORK
                                   : SPR_RESIDENCY_DRAM;
    }
    a->expected_residency =
        a->options.has_residency || !known ? a->options.residency : SPR_RESIDENCY_NETWORK;
}

const char *spr_expected_kernels(const struct spr_analysis *a, char text[SPR_KERNELS_TEXT])
{
    const char *residency = spr_residency_name(a->expected_residency);
    size_t used = 0;
    if (a->machine->kernels) {
        snprintf(text, SPR_KERNELS_TEXT,
                 "sproof's own kernels, %s, %d thread%s, residency %s%s",
                 spr_isa_name(a->expected_isa), a->expected_threads,
                 a->expected_threads == 1 ? "" : "s", residency,
                 a->options.layout == SPR_LAYOUT_NK ? ", layout nk" : "");
        return text;
    }
    text[0] = '\0';
    for (size_t i = 0; i < a->names->count && used + 200 < SPR_KERNELS_TEXT; i++) {
        used += (size_t)snprintf(text + used, SPR_KERNELS_TEXT - used, "%s%.40s",
                                 i ? ", " : "", a->names->name[i]);
    }
    snprintf(text + used, SPR_KERNELS_TEXT - used, " as timed on %s%.60s%s, residency %s",
             a->machine->families_from ? "" : "this machine",
             a->machine->families_from ? a->machine->families_from : "",
             a->machine->families_from ? " (transferred)" : "", residency);
    return text;
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
    if (a->has_expected && a->machine->kernels) {
        a->expected_isa = highest_isa(a->machine->kernels);
        a->expected_threads = threads > 0 && threads <= INT32_MAX ? (int)threads : 1;
    }
    return SPR_OK;
}

static bool has_kernel(const struct spr_layer *layer)
{
    return layer->op == SPR_OP_LINEAR || layer->op == SPR_OP_CONV ||
           layer->op == SPR_OP_ATTENTION;
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
        const struct spr_prediction *bound = spr_analysis_dense(a, batch_index, i);
        const struct spr_asked asked = {.layer = layer,
                                        .bound = bound,
                                        .batch = a->options.batches[batch_index],
                                        .pass_bytes = warm ? bound->bytes : bytes};
        out[i] = (struct spr_layer_expected){.time_s = (double)NAN};
        if (a->has_expected && has_kernel(layer)) {
            out[i] = spr_expect_product(a, &asked);
        } else if (a->has_expected) {
            out[i].time_s = spr_expect_other(a, layer, bound);
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
    out->expected = (struct spr_layer_expected){.time_s = (double)NAN};
    if (!a->has_expected || spr_choice_unchanged(&out->choice)) {
        out->expected = *dense;
    } else if (has_kernel(layer) &&
               ((a->options.native && a->machine->kernels) || !(out->run.nnz < 1))) {
        /* Without a single weight there is no product, and no kernel was measured for that. */
        const bool warm = a->expected_residency == SPR_RESIDENCY_WARM;
        const struct spr_asked asked = {.layer = layer,
                                        .choice = &out->choice,
                                        .bound = &out->run,
                                        .batch = result->batch,
                                        .pass_bytes = warm ? out->run.format_bytes
                                                           : result->format_bytes};
        out->expected = spr_expect_product(a, &asked);
    } else {
        out->expected.time_s = spr_expect_other(a, layer, &out->run);
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
