/* SPDX-License-Identifier: Apache-2.0 */
/* What the network is expected to take. */
#include <math.h>

#include "convnet/convnet_trial.h"
#include "sproof/expected_winners.h"
#include "sproof/schedule.h"

/* Activations that pass in one run, bytes. */
static double activation_bytes(const struct spr_convnet *net)
{
    double floats = 0;
    for (int p = 0; p < SPR_CONV_PRODUCTS; p++) {
        int64_t m, k, n;
        spr_convnet_product(&net->shape, p, &m, &k, &n);
        floats += p == 1 && net->winners ? 0 : (double)(m + k) * (double)n;
    }
    return 4 * floats;
}

/* A product by all inputs, by the plan it is packed for. */
static double product_time(const struct spr_convnet_trial *r,
                           const struct spr_convnet_entry *entry, int product)
{
    const struct spr_plan *plan = &entry->net.product[product].plan;
    const double bytes = entry->weight_bytes + activation_bytes(&entry->net);
    struct spr_expected expected;
    const struct spr_expected_case of = {
        .pattern = spr_convnet_choice(&r->source, entry->variant, product).pattern,
        .m = plan->m,
        .k = plan->k,
        .n = plan->n,
        .kept = entry->cells[product],
        .threads = 1,
        .isa = r->options->isa,
        .residency = SPR_RESIDENCY_NETWORK,
        .network_bytes = bytes,
        .output_bytes = bytes};
    return spr_expected_of_plan(r->machine, &of, plan, &expected) ? expected.time_s
                                                                  : (double)NAN;
}

/* bytes: what it passes over; of a convolution of winners the rows of a block. */
static double function_time(const struct spr_convnet_trial *r, enum spr_function function,
                            double elements, double bytes)
{
    const struct spr_function_work work = {function, elements, bytes};
    return r->machine->kernels
               ? spr_function_time(r->machine->kernels, r->options->isa, 1, &work)
               : (double)NAN;
}

/* Values of a convolution's output. */
static double outputs(const struct spr_convnet_trial *r, int conv)
{
    int64_t m, k, n;
    spr_convnet_product(&r->source.shape, conv, &m, &k, &n);
    return (double)m * (double)n;
}

static double conv_time(const struct spr_convnet_trial *r,
                        const struct spr_convnet_entry *entry, int conv)
{
    int64_t m, k, n;
    spr_convnet_product(&r->source.shape, conv, &m, &k, &n);
    const double side = (double)spr_convnet_side(&r->source.shape, conv);
    const double runs = (double)k * side * ceil(side / spr_isa_lanes(r->options->isa));
    return function_time(r, SPR_FUNCTION_PATCHES, runs, 4 * (double)k * (double)n) +
           product_time(r, entry, conv);
}

/* Winners that a stage gives: pooled they are fewer, where all are as likely to win. */
static double winners_of(const struct spr_convnet_trial *r, int stage)
{
    const bool after = r->options->pool_after;
    const double all = (double)spr_convnet_competing(&r->source.shape, after, stage);
    const double count = (double)spr_convnet_winning(&r->source.shape, after, stage);
    return after && stage < 2 ? all / 4 * (1 - pow(1 - count / all, 4)) : count;
}

static double map_time(const struct spr_convnet_trial *r, const struct spr_convnet *net)
{
    const struct spr_map_weights *w = &net->map.w;
    const double blocks = (double)net->map.blocks / (double)w->channels;
    const double reached = (double)(w->side - w->kernel + 1) / (double)w->side;
    return function_time(r, SPR_FUNCTION_MAP_BLOCKS, blocks * winners_of(r, 0) * reached,
                         w->rows) +
           function_time(r, SPR_FUNCTION_MAP_RUNS, (double)net->map.blocks, w->rows);
}

static double columns_time(const struct spr_convnet_trial *r,
                           const struct spr_convnet_entry *entry, int which)
{
    const struct spr_columns *columns = &entry->net.columns[which];
    const struct spr_winners_case of = {.isa = columns->isa,
                                        .rows = columns->rows,
                                        .m = columns->m,
                                        .k = columns->k,
                                        .blocks = (double)columns->stored,
                                        .winners = winners_of(r, which + 1),
                                        .passed_bytes = entry->weight_bytes +
                                                        activation_bytes(&entry->net)};
    return spr_winners_expected(r->machine->kernels, &of);
}

/* Winners of a stage, with the pass that adds a bias where nothing else does. */
static double winners_time(const struct spr_convnet_trial *r, const struct spr_convnet *net,
                           int stage)
{
    const double values = (double)net->wta[stage].channels;
    const double bias_s = stage == 2 || net->pool_after
                              ? function_time(r, SPR_FUNCTION_BIAS, values, 4 * values)
                              : 0;
    return bias_s + spr_wta_expected(r->machine->kernels, &net->wta[stage]);
}

static double pool_time(const struct spr_convnet_trial *r, const struct spr_convnet *net,
                        int conv)
{
    const double values = outputs(r, conv);
    const double side = (double)spr_convnet_side(&net->shape, conv);
    const double runs = values / side * ceil(side / spr_isa_lanes(r->options->isa));
    const bool pixels = conv && net->winners;
    return net->pool_after
               ? function_time(r, SPR_FUNCTION_SQUARES, values / 4, values)
               : function_time(r, pixels ? SPR_FUNCTION_POOL_PIXELS : SPR_FUNCTION_POOL,
                               pixels ? values : runs, 4 * values);
}

/* Of one sample with winners; without, the last three of all samples. */
static void predict_linear(const struct spr_convnet_trial *r,
                           const struct spr_convnet_entry *entry, double *part)
{
    const struct spr_convnet *net = &entry->net;
    const struct spr_convnet_shape *shape = &net->shape;
    const double n = net->winners ? 1 : (double)shape->batch;
    const double hidden = (double)shape->hidden * n, classes = (double)shape->classes * n;
    const double bias_s = function_time(r, SPR_FUNCTION_BIAS, classes, 4 * classes);
    part[SPR_CONV_HIDDEN] =
        net->winners ? columns_time(r, entry, 0) : product_time(r, entry, 2);
    part[SPR_CONV_WINNERS3] = net->winners
                                  ? winners_time(r, net, 2)
                                  : function_time(r, SPR_FUNCTION_BIAS, hidden, 4 * hidden);
    part[SPR_CONV_OUTPUT] =
        bias_s + (net->winners ? columns_time(r, entry, 1) : product_time(r, entry, 3));
}

void spr_convnet_predict(const struct spr_convnet_trial *r,
                         const struct spr_convnet_entry *entry,
                         struct spr_end_to_end_case *out)
{
    const struct spr_convnet *net = &entry->net;
    double *part = out->expected_part_s;
    part[SPR_CONV_FIRST] = conv_time(r, entry, 0);
    part[SPR_CONV_POOL1] = pool_time(r, net, 0);
    part[SPR_CONV_WINNERS1] = net->winners ? winners_time(r, net, 0) : 0;
    part[SPR_CONV_SECOND] = net->winners ? map_time(r, net) : conv_time(r, entry, 1);
    part[SPR_CONV_POOL2] = pool_time(r, net, 1);
    part[SPR_CONV_WINNERS2] = net->winners ? winners_time(r, net, 1) : 0;
    predict_linear(r, entry, part);
    for (int p = 0; p < SPR_CONV_PARTS; p++) {
        const bool each = net->winners || p <= SPR_CONV_WINNERS2; /* of a sample */
        part[p] *= each ? (double)net->shape.batch : 1;
        out->expected_s += part[p];
    }
}
