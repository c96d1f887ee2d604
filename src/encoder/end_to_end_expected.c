/* SPDX-License-Identifier: Apache-2.0 */
/* What whole encoders are expected to take. */
#include <math.h>

#include "encoder/end_to_end_parts.h"
#include "sproof/schedule.h"

int64_t spr_encoder_most_columns(const struct spr_encoder_trial *r)
{
    const int threads = r->options->validate->threads;
    const struct spr_span share = spr_encoder_share(&r->source.shape, threads - 1, threads);
    return share.end - share.begin;
}

static double product_time(const struct spr_encoder_trial *r,
                           const struct spr_encoder_entry *entry, int64_t layer, int product)
{
    const struct spr_validate_options *o = r->options->validate;
    const struct spr_encoder_shape *shape = &r->source.shape;
    const double activations = (double)spr_encoder_columns(shape) * 4 *
                               (6 * (double)shape->hidden + (double)shape->intermediate);
    struct spr_expected expected;
    struct spr_expected_case of = {
        .pattern = spr_encoder_choice(&r->source, entry->variant, layer, product).pattern,
        .n = spr_encoder_most_columns(r),
        .kept = entry->cells[layer][product],
        .threads = 1,
        .isa = o->isa,
        .residency = SPR_RESIDENCY_NETWORK,
        .network_bytes = entry->weight_bytes + activations,
        /* The same buffers serve every layer. */
        .output_bytes = activations + entry->weight_bytes / (double)shape->layers};
    spr_encoder_product(shape, product, &of.m, &of.k);
    const struct spr_plan *plan = &entry->encoder.layer[layer].product[product].plan;
    return spr_expected_of_plan(r->machine, &of, plan, &expected) ? expected.time_s
                                                                  : (double)NAN;
}

static double function_time(const struct spr_encoder_trial *r, enum spr_function function,
                            double elements, double bytes)
{
    const struct spr_validate_options *o = r->options->validate;
    const struct spr_function_work work = {function, elements, bytes};
    return r->machine->kernels
               ? spr_function_time(r->machine->kernels, o->isa, o->threads, &work)
               : (double)NAN;
}

/* A dense product of one head, by the plan its operands are packed for. */
static double head_product(const struct spr_encoder_trial *r, const struct spr_plan *plan)
{
    struct spr_expected expected;
    struct spr_expected_case of = {.pattern = spr_pattern_dense(),
                                   .m = plan->m,
                                   .k = plan->k,
                                   .n = plan->n,
                                   .kept = (double)plan->m * (double)plan->k,
                                   .threads = 1,
                                   .isa = r->options->validate->isa,
                                   .residency = SPR_RESIDENCY_WARM};
    return spr_expected_of_plan(r->machine, &of, plan, &expected) ? expected.time_s
                                                                  : (double)NAN;
}

/* Keys and values that the others wrote. */
static double exchange_time(const struct spr_encoder_trial *r)
{
    const double rows = 2 * (double)r->source.shape.hidden;
    const double mine = rows * (double)spr_encoder_most_columns(r);
    const double theirs = rows * (double)spr_encoder_columns(&r->source.shape) - mine;
    return theirs > 0 ? function_time(r, SPR_FUNCTION_EXCHANGE, theirs, 4 * theirs) : 0;
}

/* Of keys or values, beyond the product that makes them: behind the sums of one row group those
 * of the next are multiplied. */
static double rewrite_time(const struct spr_encoder_trial *r, double product_s)
{
    const double mine = (double)r->source.shape.hidden * (double)spr_encoder_most_columns(r);
    const double rewrite_s = function_time(r, SPR_FUNCTION_REWRITE, mine, 4 * mine);
    return isnan(rewrite_s) ? rewrite_s : fmax(0, rewrite_s - product_s);
}

/* Every thread packs all keys and values, and asks with its own queries. */
static double attention_time(const struct spr_encoder_trial *r,
                             const struct spr_encoder_entry *entry)
{
    const struct spr_encoder_shape *shape = &r->source.shape;
    const double n = (double)shape->tokens, mine = (double)spr_encoder_most_columns(r);
    const int64_t size = shape->hidden / shape->heads;
    const struct spr_encoder_head *room = &entry->encoder.head[0];
    double head = head_product(r, &room->scores.plan) + head_product(r, &room->context.plan);
    head += function_time(r, SPR_FUNCTION_SOFTMAX, n * mine, 4 * n * mine);
    head += function_time(r, SPR_FUNCTION_OPERANDS, (double)size * n,
                          12 * (double)shape->hidden * n);
    return (double)shape->heads * head + exchange_time(r);
}

/* Packed weights of a product in one layer, the first. */
static double product_bytes(const struct spr_encoder_entry *entry, int product)
{
    return (double)entry->encoder.layer[0].product[product].bytes;
}

/* Bias, residual and layer norm behind a product, whose weights have passed since the residual
 * was used. */
static double norm_time(const struct spr_encoder_trial *r,
                        const struct spr_encoder_entry *entry, int product)
{
    const double share = (double)r->source.shape.hidden * (double)spr_encoder_most_columns(r);
    return function_time(r, SPR_FUNCTION_NORM, share,
                         8 * share + product_bytes(entry, product));
}

void spr_encoder_predict(const struct spr_encoder_trial *r,
                         const struct spr_encoder_entry *entry,
                         struct spr_end_to_end_case *out)
{
    const struct spr_encoder_shape *shape = &r->source.shape;
    const struct spr_kernel_rates *kernels = r->machine->kernels;
    const double threads = r->options->validate->threads, layers = (double)shape->layers;
    const double wide = (double)shape->intermediate * (double)spr_encoder_most_columns(r);
    /* Starting and ending a team. */
    const double team_s = threads > 1 && kernels ? kernels->parallel_s : 0;
    double *part = out->expected_part_s;
    for (int64_t l = 0; l < shape->layers; l++) {
        for (int p = 0; p < SPR_PRODUCTS; p++) {
            bool attention = p <= SPR_ATTENTION_OUTPUT;
            const bool shared = threads > 1 && (p == SPR_KEY || p == SPR_VALUE);
            const double product_s = product_time(r, entry, l, p);
            part[attention ? SPR_PART_ATTENTION_LINEAR : SPR_PART_WIDE_LINEAR] +=
                product_s + team_s + (shared ? rewrite_time(r, product_s) : 0);
        }
    }
    part[SPR_PART_ATTENTION] = layers * (attention_time(r, entry) + team_s);
    part[SPR_PART_GELU] =
        layers * (function_time(r, SPR_FUNCTION_GELU, wide, 4 * wide) + team_s);
    part[SPR_PART_NORM] = layers * (norm_time(r, entry, SPR_ATTENTION_OUTPUT) +
                                    norm_time(r, entry, SPR_OUTPUT) + 2 * team_s);
    for (int i = 0; i < SPR_END_TO_END_PARTS; i++) {
        out->expected_s += part[i];
    }
}
