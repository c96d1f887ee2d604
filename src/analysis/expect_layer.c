/* SPDX-License-Identifier: Apache-2.0 */
/* The expected time of one operator: by sproof's kernels, or by families of others'. */
#include "analysis/expect_layer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sproof/expected_winners.h"
#include "sproof/family_time.h"

/* Up to this a double counts tokens times batch exactly, and no product overflows. */
#define COLUMNS_MAX 9007199254740992.0

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

int spr_plain_dtype(const struct spr_types *types)
{
    return types->w.dtype >= 0 && types->w.dtype == types->x.dtype ? types->w.dtype
                                                                   : SPR_DTYPE_COUNT;
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

static const struct spr_layer_expected nothing = {.time_s = (double)NAN};

/* Calls of one occurrence: some share one. */
static double calls_each(const struct spr_layer *layer)
{
    return layer->count > 0 ? (double)layer->calls / (double)layer->count : 0;
}

/* Occurrences that share a call are products of one. */
static double shared_products(const struct spr_layer *layer)
{
    return calls_each(layer) > 0 && calls_each(layer) < 1 ? 1 / calls_each(layer) : 1;
}

/* By sproof's own kernels. */
static struct spr_layer_expected expect_own(const struct spr_analysis *a,
                                            const struct spr_asked *asked)
{
    const struct spr_layer *layer = asked->layer;
    const struct spr_choice *choice = asked->choice;
    struct spr_expected_case of = {.pattern = choice ? choice->pattern : spr_pattern_dense(),
                                   .threads = a->expected_threads,
                                   .isa = a->expected_isa,
                                   .layout = a->options.layout,
                                   .residency = a->expected_residency,
                                   .tuned = a->options.tuned};
    double calls = calls_of(layer, asked->batch, &of),
           groups = (double)layer->m / (double)of.m;
    struct spr_expected one;
    if (of.residency == SPR_RESIDENCY_WARM && calls > 1) {
        of.residency = SPR_RESIDENCY_NETWORK; /* each call has operands of its own */
    }
    if (of.residency == SPR_RESIDENCY_NETWORK) {
        of.network_bytes = asked->pass_bytes;
    }
    of.kept = choice ? kept_cells(layer, choice) / groups : (double)of.m * (double)of.k;
    if (of.n > 0 && spr_expected_time(a->machine, &of, &one) && isfinite(one.time_s)) {
        const double added_s =
            a->options.native ? 0 : calls_each(layer) * added_call_s(&a->options);
        return (struct spr_layer_expected){calls * one.time_s + added_s +
                                               activations_s(a, asked->bound),
                                           one.limit, keep_name(a->names, one.kernel), NULL};
    }
    return nothing;
}

/* A product by the families of one pattern in which its weights are stored. */
static const struct spr_family *family_of(const struct spr_analysis *a,
                                          const struct spr_asked *asked,
                                          const struct spr_pattern *pattern, double kept,
                                          struct spr_family_expected *one)
{
    const struct spr_layer *layer = asked->layer;
    const struct spr_types types = spr_options_types(&a->options);
    const bool attention = layer->op == SPR_OP_ATTENTION;
    const double mkn[3] = {(double)layer->m, (double)layer->k,
                           (double)layer->n * (attention ? 1 : asked->batch)};
    const enum spr_dtype dtype = (enum spr_dtype)spr_plain_dtype(&types);
    const double bytes[3] = {types.w.bytes, types.x.bytes,
                             spr_family_y_bytes(dtype, types.y.bytes)};
    struct spr_family_case of;
    spr_family_case_of(pattern, mkn, kept, bytes, &of);
    of.products = shared_products(layer) * (attention ? asked->batch : 1);
    of.residency = a->expected_residency;
    of.pass_bytes = asked->pass_bytes;
    return spr_family_best(a->machine, dtype, pattern, &of, one);
}

/* By a family of a pattern that an engine runs this one as, in the same columns: 1:4 as 2:4. */
static const struct spr_family *family_as(const struct spr_analysis *a,
                                          const struct spr_asked *asked,
                                          const struct spr_pattern *pattern,
                                          struct spr_family_expected *one)
{
    const struct spr_shape shape = spr_layer_shape(asked->layer);
    const struct spr_family *best = NULL;
    struct spr_ways ways;
    spr_model_ways(&a->model, pattern, &ways);
    for (size_t i = 0; i < ways.count; i++) {
        const struct spr_way *way = &ways.way[i];
        struct spr_family_expected other;
        if (!way->as.kind || way->as.kind->pattern_class != SPR_CLASS_NM ||
            (way->slots.kind && !spr_pattern_equal(&way->slots, &way->as))) {
            continue;
        }
        const double kept =
            spr_pattern_kept(&way->as, &shape, spr_pattern_fixed_sparsity(&way->as));
        const struct spr_family *family = family_of(a, asked, &way->as, kept, &other);
        if (family && (!best || other.time_s < one->time_s)) {
            best = family;
            *one = other;
        }
    }
    return best;
}

/* By the fastest family of kernels that somebody measured; never below the bound, which no kernel
 * beats. A grouped convolution is no product that anybody timed: it has its bound. */
static struct spr_layer_expected expect_family(const struct spr_analysis *a,
                                               const struct spr_asked *asked)
{
    const struct spr_layer *layer = asked->layer;
    const struct spr_pattern pattern =
        asked->choice ? asked->choice->pattern : spr_pattern_dense();
    const double kept =
        asked->choice ? kept_cells(layer, asked->choice) : (double)layer->m * (double)layer->k;
    struct spr_family_expected one;
    const struct spr_family *family = family_of(a, asked, &pattern, kept, &one);
    if (!family) {
        family = family_as(a, asked, &pattern, &one);
    }
    if (!family) {
        return nothing;
    }
    if (layer->groups > 1) {
        return (struct spr_layer_expected){.time_s = asked->bound->time_s};
    }
    const double more_calls = fmax(0, calls_each(layer) - 1);
    one.time_s = one.time_s / shared_products(layer) +
                 more_calls * family->constant[SPR_CALL_S] +
                 calls_each(layer) * added_call_s(&a->options);
    return (struct spr_layer_expected){fmax(one.time_s, asked->bound->time_s), one.limit,
                                       keep_name(a->names, family->name), family};
}

/* By sproof's kernels that touch only the winners' columns of W, token by token on one thread;
 * finding the winners among a token's inputs is in it. */
static struct spr_layer_expected expect_skipping(const struct spr_analysis *a,
                                                 const struct spr_asked *asked)
{
    const struct spr_layer *layer = asked->layer;
    const struct spr_choice *choice = asked->choice;
    const struct spr_kernel_rates *rates = a->machine->kernels;
    /* How fast columns come from memory was not measured. */
    const bool near = a->expected_residency == SPR_RESIDENCY_WARM ||
                      a->expected_residency == SPR_RESIDENCY_NETWORK;
    if (!rates || !near || layer->groups > 1 || layer->op != SPR_OP_LINEAR) {
        return nothing;
    }
    const struct spr_shape shape = spr_layer_shape(layer);
    const struct spr_weight_cost cost = choice->pattern.kind->cost(
        &choice->pattern, &shape, kept_cells(layer, choice), &choice->counted, 4);
    const double winners = fmax(1, rint((1 - choice->skipped) * (double)layer->k));
    struct spr_wta wta = {
        .isa = a->expected_isa, .channels = layer->k, .pixels = 1, .k = (int64_t)winners};
    struct spr_winners_case of = {
        .isa = a->expected_isa,
        .rows = spr_columns_rows(&choice->pattern),
        .m = layer->m,
        .k = layer->k,
        .winners = winners,
        .passed_bytes =
            a->expected_residency == SPR_RESIDENCY_NETWORK ? asked->pass_bytes : 0};
    of.blocks = cost.issued / of.rows;
    wta.method = spr_wta_choose(rates, &wta);
    const double token_s = spr_wta_expected(rates, &wta) + spr_winners_expected(rates, &of);
    if (!isfinite(token_s)) {
        return nothing;
    }
    char name[64];
    snprintf(name, sizeof name, "spr_winners_f32__%s", spr_isa_name(a->expected_isa));
    const double time_s = (double)layer->n * asked->batch * token_s +
                          calls_each(layer) * added_call_s(&a->options);
    return (struct spr_layer_expected){fmax(time_s, asked->bound->time_s), SPR_LIMIT_W,
                                       keep_name(a->names, name), NULL};
}

struct spr_layer_expected spr_expect_product(const struct spr_analysis *a,
                                             const struct spr_asked *asked)
{
    if (asked->choice && asked->choice->skipped > 0) {
        return expect_skipping(a, asked);
    }
    return a->machine->kernels ? expect_own(a, asked) : expect_family(a, asked);
}

double spr_expect_other(const struct spr_analysis *a, const struct spr_layer *layer,
                        const struct spr_prediction *bound)
{
    if (a->machine->family_count == 0 || spr_model_call_s(&a->model, layer) > 0) {
        return bound->time_s;
    }
    const struct spr_types types = spr_options_types(&a->options);
    const double call_s = spr_family_call(a->machine, (enum spr_dtype)spr_plain_dtype(&types),
                                          a->expected_residency);
    const bool inside = a->options.fuse && layer->epilogue;
    return bound->time_s + (inside ? 0 : calls_each(layer) * call_s);
}
