/* SPDX-License-Identifier: Apache-2.0 */
/* Every value of every part against double precision; u = 2^-24. */
#include "convnet/convnet_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/worse.h"

#define UNIT (1.0 / 16777216)

struct check {
    struct spr_convnet *net;
    const struct spr_convnet_shape *shape;
    struct spr_matrix matrix[SPR_CONV_PRODUCTS];
    float *x, *before, *dense; /* room: X of a product, values as they were */
    double *sums, *magnitude, *terms;
    double worst;
};

static void judge(struct check *c, double value, double expected, double bound)
{
    c->worst = spr_worse(c->worst, fabs(value - expected) / fmax(bound, 1e-30));
}

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t area(const struct check *c, int conv)
{
    const int64_t side = spr_convnet_side(c->shape, conv);
    return side * side;
}

/* --- Products. */

/* c->sums of a product and c->x with n columns. */
static void multiply(struct check *c, int product, int64_t n)
{
    spr_matrix_product(&c->matrix[product], n, c->x, NULL, 0, c->sums, c->magnitude, c->terms);
}

/* Element i, j of that product. */
static void judge_product(struct check *c, int64_t i, int64_t at, double value)
{
    judge(c, value, c->sums[at], (c->terms[i] + 2) * UNIT * c->magnitude[at]);
}

/* The patches of maps, into c->x. */
static void spell_patches(struct check *c, const float *map, int64_t channels, int64_t side)
{
    const int64_t kernel = SPR_CONV_KERNEL, out = side - kernel + 1;
    int64_t at = 0;
    for (int64_t row = 0; row < channels * kernel * kernel; row++) {
        const int64_t channel = row / (kernel * kernel);
        const int64_t dy = row / kernel % kernel, dx = row % kernel;
        for (int64_t pixel = 0; pixel < out * out; pixel++) {
            c->x[at++] = map[(channel * side + pixel / out + dy) * side + pixel % out + dx];
        }
    }
}

/* A list as a vector of zeros and winners, into c->dense. */
static const float *spread(struct check *c, int stage, int64_t count)
{
    spr_winners_spread(&c->net->list[stage], c->dense, count);
    return c->dense;
}

static int64_t pooled(const struct check *c, int conv)
{
    return c->shape->filters[conv] * area(c, conv) / 4;
}

static void check_conv(struct check *c, int conv, int64_t sample)
{
    const struct spr_convnet *net = c->net;
    const int64_t side = spr_convnet_side(c->shape, conv), n = side * side;
    const int64_t channels = conv ? c->shape->filters[0] : c->shape->inputs;
    const bool sums = conv && net->winners;
    const float *map = !conv ? net->input + sample * channels * c->shape->side * c->shape->side
                       : net->winners ? spread(c, 0, pooled(c, 0))
                                      : net->map1;
    spell_patches(c, map, channels, side + SPR_CONV_KERNEL - 1);
    multiply(c, conv, n);
    for (int64_t at = 0; at < c->shape->filters[conv] * n; at++) {
        const int64_t i = at / n, pixel = at % n;
        const float value =
            sums ? spr_map_sums(&net->map)[pixel / side * spr_map_step(&net->map) +
                                           pixel % side * net->map.wide + i]
                 : net->conv[at];
        judge_product(c, i, at, (double)value);
    }
}

/* The hidden layer, or the output with its bias, of all samples or with winners of one. */
static void check_linear(struct check *c, int product, int64_t sample)
{
    const struct spr_convnet *net = c->net;
    const bool output = product == 3;
    const int64_t n = net->winners ? 1 : c->shape->batch;
    const int64_t k = c->matrix[product].k, m = c->matrix[product].m;
    const float *x = net->winners ? spread(c, output ? 2 : 1, k)
                     : output     ? net->hidden
                                  : net->features;
    const float *y = !output        ? net->hidden
                     : net->winners ? net->output + sample * m
                                    : net->output;
    for (int64_t i = 0; i < k; i++) {
        const int64_t at = net->winners && !output ? spr_convnet_feature(c->shape, i) : i;
        memcpy(c->x + i * n, x + at * n, (size_t)n * sizeof *x);
    }
    multiply(c, product, n);
    for (int64_t at = 0; at < m * n; at++) {
        const double bias = output ? (double)net->bias[3][at / n] : 0;
        c->sums[at] += bias;
        c->magnitude[at] += fabs(bias);
        judge_product(c, at / n, at, (double)y[at]);
    }
}

/* --- Pooling. */

/* The largest of a square of values: a map's rows `step` apart, pixels `apart`. */
static float largest(const float *x, int64_t apart, int64_t step)
{
    const float above = fmaxf(x[0], x[apart]), below = fmaxf(x[step], x[step + apart]);
    return fmaxf(above, below);
}

static void judge_pooled(struct check *c, int conv, const float *x, int64_t channel,
                         float value, int64_t apart, int64_t step)
{
    const double bias = (double)c->net->bias[conv][channel];
    const double most = (double)largest(x, apart, step), sum = most + bias;
    judge(c, (double)value, c->net->winners ? sum : fmax(sum, 0),
          2 * UNIT * (fabs(most) + fabs(bias)));
}

/* Maps one after another. */
static void check_pool(struct check *c, int conv, const float *to, int64_t apart)
{
    const int64_t side = spr_convnet_side(c->shape, conv), half = side / 2;
    for (int64_t i = 0; i < pooled(c, conv); i++) {
        const int64_t channel = i / (half * half), y = i / half % half, x = i % half;
        judge_pooled(c, conv, c->net->conv + (channel * side + 2 * y) * side + 2 * x, channel,
                     to[i * apart], 1, side);
    }
}

/* The sums of winners, channels side by side. */
static void check_pool_sums(struct check *c)
{
    const struct spr_map_columns *map = &c->net->map;
    const int64_t half = spr_convnet_side(c->shape, 1) / 2, channels = c->shape->filters[1];
    for (int64_t i = 0; i < pooled(c, 1); i++) {
        const int64_t channel = i % channels, y = i / channels / half, x = i / channels % half;
        judge_pooled(
            c, 1, spr_map_sums(map) + 2 * y * spr_map_step(map) + 2 * x * map->wide + channel,
            channel, c->net->map2[i], map->wide, spr_map_step(map));
    }
}

/* Winners pooled: their squares' largest, from a copy of the list in c->before. */
static void check_pooled_winners(struct check *c, int stage)
{
    const int64_t side = spr_convnet_side(c->shape, stage), half = side / 2;
    const int64_t channels = c->shape->filters[stage], inner = stage == 0 ? 1 : channels;
    const float *list = spread(c, stage, pooled(c, stage));
    for (int64_t i = 0; i < pooled(c, stage); i++) {
        const int64_t row = i / inner / half, x = i / inner % half;
        const float *from = c->before + (2 * row * side + 2 * x) * inner + i % inner;
        if (list[i] != largest(from, inner, side * inner)) {
            c->worst = HUGE_VAL;
        }
    }
}

/* --- Winners. */

static int falling(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return x > y ? -1 : x < y;
}

static void check_list(struct check *c, int stage, const float *x)
{
    const struct spr_winners *list = &c->net->list[stage];
    const int64_t count = c->net->wta[stage].channels, k = c->net->wta[stage].k;
    float *sorted = c->dense;
    int64_t next = 0;
    memcpy(sorted, x, (size_t)count * sizeof *x);
    qsort(sorted, (size_t)count, sizeof *sorted, falling);
    const float least = sorted[k - 1];
    for (int64_t i = 0; i < count; i++) {
        if (x[i] >= least) {
            const bool right = next < list->count && list->index[next] == i &&
                               list->value[next] == fmaxf(x[i], 0);
            c->worst = right ? c->worst : HUGE_VAL;
            next++;
        }
    }
    c->worst = next == list->count ? c->worst : HUGE_VAL;
}

/* x = before + bias where `before` is the first; bias of each `each` values, or in turns. */
static void judge_bias(struct check *c, double value, double before, double bias, double least)
{
    judge(c, value, fmax(before + bias, least), 2 * UNIT * (fabs(before) + fabs(bias)));
}

static void check_winners(struct check *c, int stage)
{
    struct spr_convnet *net = c->net;
    const int64_t n1 = area(c, 0), channels = c->shape->filters[1];
    const int64_t side = spr_convnet_side(c->shape, 1);
    if (!net->pool_after) {
        check_list(c, stage, stage == 0 ? net->map1 : net->map2);
        return;
    }
    for (int64_t i = 0; i < net->wta[stage].channels; i++) {
        const int64_t pixel = i / channels;
        const float before =
            stage == 0 ? c->before[i]
                       : spr_map_sums(&net->map)[pixel / side * spr_map_step(&net->map) +
                                                 pixel % side * net->map.wide + i % channels];
        const float bias = stage == 0 ? net->bias[0][i / n1] : net->bias[1][i % channels];
        judge_bias(c, (double)net->conv[i], (double)before, (double)bias, -HUGE_VAL);
    }
    check_list(c, stage, net->conv);
}

static void check_hidden(struct check *c)
{
    struct spr_convnet *net = c->net;
    const int64_t n = net->winners ? 1 : c->shape->batch;
    for (int64_t i = 0; i < c->shape->hidden * n; i++) {
        judge_bias(c, (double)net->hidden[i], (double)c->before[i],
                   (double)net->bias[2][i / n], net->winners ? -HUGE_VAL : 0);
    }
    if (net->winners) {
        check_list(c, 2, net->hidden);
    }
}

/* --- All parts. */

/* Keeps what the part changes in place. */
static void keep(struct check *c, enum spr_convnet_part part)
{
    const struct spr_convnet *net = c->net;
    const int64_t n = net->winners ? 1 : c->shape->batch;
    if (part == SPR_CONV_WINNERS1 && net->pool_after) {
        memcpy(c->before, net->conv,
               (size_t)(c->shape->filters[0] * area(c, 0)) * sizeof(float));
    } else if (part == SPR_CONV_WINNERS3) {
        memcpy(c->before, net->hidden, (size_t)(c->shape->hidden * n) * sizeof(float));
    } else if (net->pool_after && (part == SPR_CONV_POOL1 || part == SPR_CONV_POOL2)) {
        const int stage = part == SPR_CONV_POOL2;
        spr_winners_spread(&net->list[stage], c->before, net->wta[stage].channels);
    }
}

static void check_part(struct check *c, enum spr_convnet_part part, int64_t sample)
{
    const struct spr_convnet *net = c->net;
    const bool last = net->winners || sample == c->shape->batch - 1;
    switch (part) {
    case SPR_CONV_FIRST:
    case SPR_CONV_SECOND:
        check_conv(c, part == SPR_CONV_SECOND, sample);
        break;
    case SPR_CONV_POOL1:
    case SPR_CONV_POOL2:
        if (net->pool_after) {
            check_pooled_winners(c, part == SPR_CONV_POOL2);
        } else if (part == SPR_CONV_POOL1) {
            check_pool(c, 0, net->map1, 1);
        } else if (net->winners) {
            check_pool_sums(c);
        } else {
            check_pool(c, 1, net->features + sample, c->shape->batch);
        }
        break;
    case SPR_CONV_WINNERS1:
    case SPR_CONV_WINNERS2:
        if (net->winners) {
            check_winners(c, part == SPR_CONV_WINNERS2);
        }
        break;
    case SPR_CONV_HIDDEN:
    case SPR_CONV_OUTPUT:
        if (last) {
            check_linear(c, part == SPR_CONV_HIDDEN ? 2 : 3, sample);
        }
        break;
    case SPR_CONV_WINNERS3:
        if (last) {
            check_hidden(c);
        }
        break;
    }
}

/* Room for the largest operands; *floats and *doubles own it. */
static enum spr_status make_room(struct check *c, float **floats, double **doubles,
                                 struct spr_error *err)
{
    int64_t inputs = 0, outputs = 0, rows = 0, n;
    for (int p = 0; p < SPR_CONV_PRODUCTS; p++) {
        int64_t m, k;
        spr_convnet_product(c->shape, p, &m, &k, &n);
        n = p < 2 ? n : c->shape->batch;
        inputs = max(inputs, k * n);
        outputs = max(outputs, m * n);
        rows = max(rows, m);
    }
    const int64_t most = max(inputs, outputs);
    *floats = spr_calloc((size_t)(3 * most), sizeof **floats);
    *doubles = spr_calloc((size_t)(2 * outputs + rows), sizeof **doubles);
    if (!*floats || !*doubles) {
        return spr_no_memory(err);
    }
    c->x = *floats;
    c->before = c->x + most;
    c->dense = c->before + most;
    c->sums = *doubles;
    c->magnitude = c->sums + outputs;
    c->terms = c->magnitude + outputs;
    return SPR_OK;
}

static enum spr_status check_all(struct check *c, const char *name, struct spr_error *err)
{
    for (int64_t s = 0; s < c->shape->batch; s++) {
        for (int i = 0; i < SPR_CONV_PARTS; i++) {
            const enum spr_convnet_part part = spr_convnet_order[c->net->pool_after][i];
            keep(c, part);
            spr_convnet_step(c->net, part, s);
            check_part(c, part, s);
            if (!(c->worst <= 1)) {
                return spr_fail(err, SPR_EWRONG,
                                "wrong result in part %d of %s: an error of %.3g times its "
                                "rounding bound",
                                (int)part + 1, name, c->worst);
            }
        }
    }
    return SPR_OK;
}

enum spr_status spr_convnet_check(struct spr_convnet *net,
                                  const struct spr_convnet_source *source,
                                  const struct spr_variant *variant, double *worst,
                                  struct spr_error *err)
{
    struct check c = {.net = net, .shape = &net->shape};
    float *floats = NULL;
    double *doubles = NULL, cells;
    enum spr_status status = make_room(&c, &floats, &doubles, err);
    for (int p = 0; p < SPR_CONV_PRODUCTS && status == SPR_OK; p++) {
        const struct spr_choice choice = spr_convnet_choice(source, variant, p);
        status = spr_convnet_matrix(source, &choice, p, &c.matrix[p], &cells, err);
    }
    status = status ? status : check_all(&c, variant ? variant->name : "dense", err);
    for (int p = 0; p < SPR_CONV_PRODUCTS; p++) {
        spr_matrix_free(&c.matrix[p]);
    }
    spr_free(floats);
    spr_free(doubles);
    *worst = c.worst;
    return status;
}
