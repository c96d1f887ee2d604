/* SPDX-License-Identifier: Apache-2.0 */
/* The network: room for its activations and its parts. */
#include "convnet/convnet.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/isa_code.h"

/* Shares that win behind the convolutions and the hidden layer, as published (Ahmad and
 * Scheinkman, arXiv 1903.11257). */
static const double shares[3] = {0.095, 0.125, 0.1};

const enum spr_convnet_part spr_convnet_order[2][SPR_CONV_PARTS] = {
    {SPR_CONV_FIRST, SPR_CONV_POOL1, SPR_CONV_WINNERS1, SPR_CONV_SECOND, SPR_CONV_POOL2,
     SPR_CONV_WINNERS2, SPR_CONV_HIDDEN, SPR_CONV_WINNERS3, SPR_CONV_OUTPUT},
    {SPR_CONV_FIRST, SPR_CONV_WINNERS1, SPR_CONV_POOL1, SPR_CONV_SECOND, SPR_CONV_WINNERS2,
     SPR_CONV_POOL2, SPR_CONV_HIDDEN, SPR_CONV_WINNERS3, SPR_CONV_OUTPUT}};

int64_t spr_convnet_side(const struct spr_convnet_shape *shape, int conv)
{
    const int64_t first = shape->side - SPR_CONV_KERNEL + 1;
    return conv == 0 ? first : first / 2 - SPR_CONV_KERNEL + 1;
}

static int64_t area(const struct spr_convnet_shape *shape, int conv)
{
    const int64_t side = spr_convnet_side(shape, conv);
    return side * side;
}

static int64_t features(const struct spr_convnet_shape *shape)
{
    return shape->filters[1] * area(shape, 1) / 4;
}

void spr_convnet_product(const struct spr_convnet_shape *shape, int product, int64_t *m,
                         int64_t *k, int64_t *n)
{
    const int64_t taps = SPR_CONV_KERNEL * SPR_CONV_KERNEL;
    const int64_t ms[] = {shape->filters[0], shape->filters[1], shape->hidden, shape->classes};
    const int64_t ks[] = {shape->inputs * taps, shape->filters[0] * taps, features(shape),
                          shape->hidden};
    *m = ms[product];
    *k = ks[product];
    *n = product < 2 ? area(shape, product) : 1;
}

int64_t spr_convnet_competing(const struct spr_convnet_shape *shape, bool pool_after,
                              int stage)
{
    return stage == 2 ? shape->hidden
                      : shape->filters[stage] * area(shape, stage) / (pool_after ? 1 : 4);
}

int64_t spr_convnet_winning(const struct spr_convnet_shape *shape, bool pool_after, int stage)
{
    return spr_wta_count(spr_convnet_competing(shape, pool_after, stage), shares[stage]);
}

int64_t spr_convnet_feature(const struct spr_convnet_shape *shape, int64_t column)
{
    const int64_t pixels = area(shape, 1) / 4;
    return column % pixels * shape->filters[1] + column / pixels;
}

/* --- Room. */

static size_t largest(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Hands out whole cache lines of *at; NULL: only counts them in *size. */
static float *carve(char *memory, size_t *size, size_t floats)
{
    float *begin = memory ? (float *)(void *)(memory + *size) : NULL;
    *size += (floats * sizeof(float) + 63) / 64 * 64;
    return begin;
}

static size_t lay_out(struct spr_convnet *net, char *memory)
{
    const struct spr_convnet_shape *shape = &net->shape;
    size_t patches = 0, conv = 0, size = 0;
    const size_t batch = (size_t)shape->batch;
    for (int p = 0; p < 2; p++) {
        int64_t m, k, n;
        spr_convnet_product(shape, p, &m, &k, &n);
        patches = p > 0 && net->winners ? patches : largest(patches, (size_t)(k * n));
        conv = largest(conv, (size_t)(m * n));
    }
    net->patches = carve(memory, &size, patches);
    net->conv = carve(memory, &size, conv);
    net->map1 = carve(memory, &size, (size_t)(shape->filters[0] * area(shape, 0) / 4));
    net->map2 = carve(memory, &size, (size_t)features(shape));
    net->features = carve(memory, &size, (size_t)features(shape) * batch);
    net->hidden = carve(memory, &size, (size_t)shape->hidden * batch);
    net->output = carve(memory, &size, (size_t)shape->classes * batch);
    net->room = carve(memory, &size, (size_t)area(shape, 0));
    return size;
}

/* Of maps one after another, or of channels side by side. */
static enum spr_status make_squares(struct spr_convnet *net, int stage, struct spr_error *err)
{
    const int64_t side = spr_convnet_side(&net->shape, stage);
    const int64_t channels = net->shape.filters[stage];
    const int64_t inner = stage == 0 ? 1 : channels;
    int32_t *square = spr_calloc((size_t)(channels * side * side), sizeof *square);
    net->square[stage] = square;
    for (int64_t i = 0; i < channels * side * side && square; i++) {
        const int64_t row = i / inner / side, x = i / inner % side;
        square[i] = (int32_t)((row / 2 * (side / 2) + x / 2) * inner + i % inner);
    }
    return square ? SPR_OK : spr_no_memory(err);
}

enum spr_status spr_convnet_make(struct spr_convnet *net, struct spr_error *err)
{
    const size_t size = lay_out(net, NULL);
    net->memory = spr_aligned_alloc(4096, size);
    if (!net->memory) {
        return spr_no_memory(err);
    }
    memset(net->memory, 0, size);
    lay_out(net, net->memory);
    for (int i = 0; i < 3 && net->winners; i++) {
        net->wta[i] = (struct spr_wta){
            .isa = net->isa,
            .channels = spr_convnet_competing(&net->shape, net->pool_after, i),
            .pixels = 1,
            .k = spr_convnet_winning(&net->shape, net->pool_after, i)};
        SPR_TRY(spr_winners_alloc(&net->wta[i], &net->list[i], err));
        if (net->pool_after && i < 2) {
            SPR_TRY(make_squares(net, i, err));
        }
    }
    return SPR_OK;
}

void spr_convnet_free(struct spr_convnet *net)
{
    for (int p = 0; p < SPR_CONV_PRODUCTS; p++) {
        spr_packed_free(&net->product[p]);
    }
    for (int i = 0; i < 3; i++) {
        spr_winners_free(&net->list[i]);
    }
    spr_free(net->square[0]);
    spr_free(net->square[1]);
    spr_map_free(&net->map);
    spr_columns_free(&net->columns[0]);
    spr_columns_free(&net->columns[1]);
    spr_free(net->memory);
    *net = (struct spr_convnet){0};
}

/* --- The parts. */

static const struct spr_map_loops *loops_of(const struct spr_convnet *net)
{
    return spr_isa_code_of(net->isa)->maps;
}

static void convolve(struct spr_convnet *net, int conv, const float *x)
{
    const struct spr_convnet_shape *shape = &net->shape;
    const struct spr_patches patches = {.x = x,
                                        .to = net->patches,
                                        .channels = conv ? shape->filters[0] : shape->inputs,
                                        .side = spr_convnet_side(shape, conv) +
                                                SPR_CONV_KERNEL - 1,
                                        .kernel = SPR_CONV_KERNEL,
                                        .step = area(shape, conv)};
    loops_of(net)->patches(&patches);
    spr_kernel_run(&net->product[conv], net->patches, net->conv);
}

static void pool(struct spr_convnet *net, int conv, float *to)
{
    const struct spr_pool pool = {.x = net->conv,
                                  .to = to,
                                  .bias = net->bias[conv],
                                  .room = net->room,
                                  .channels = net->shape.filters[conv],
                                  .side = spr_convnet_side(&net->shape, conv),
                                  .step = area(&net->shape, conv),
                                  .least = net->winners ? -HUGE_VALF : 0};
    loops_of(net)->pool(&pool);
}

static void pool_sums(struct spr_convnet *net)
{
    const struct spr_pool pool = {.x = spr_map_sums(&net->map),
                                  .to = net->map2,
                                  .bias = net->bias[1],
                                  .channels = net->shape.filters[1],
                                  .side = spr_convnet_side(&net->shape, 1),
                                  .step = spr_map_step(&net->map),
                                  .least = -HUGE_VALF};
    loops_of(net)->pool_pixels(&pool);
}

/* Winners of x; what is negative counts as none. */
static void compete(struct spr_convnet *net, int stage, const float *x)
{
    struct spr_winners *list = &net->list[stage];
    spr_wta_run(&net->wta[stage], x, NULL, list);
    for (int64_t i = 0; i < list->count; i++) {
        list->value[i] = list->value[i] > 0 ? list->value[i] : 0;
    }
}

/* The sums of the second convolution with their bias, without what was added outside. */
static void take_sums(struct spr_convnet *net)
{
    const int64_t side = spr_convnet_side(&net->shape, 1), channels = net->shape.filters[1];
    const float *bias = net->bias[1];
    float *restrict to = net->conv;
    for (int64_t pixel = 0; pixel < side * side; pixel++, to += channels) {
        const float *restrict from = spr_map_sums(&net->map) +
                                     pixel / side * spr_map_step(&net->map) +
                                     pixel % side * net->map.wide;
        for (int64_t c = 0; c < channels; c++) {
            to[c] = from[c] + bias[c];
        }
    }
}

static void pool_winners(struct spr_convnet *net, int stage, float *map)
{
    const int64_t count = net->shape.filters[stage] * area(&net->shape, stage) / 4;
    spr_map_pool(net->isa, net->square[stage], &net->list[stage], map, count);
}

static void take_features(struct spr_convnet *net, int64_t sample)
{
    const int64_t count = features(&net->shape), batch = net->shape.batch;
    pool(net, 1, batch > 1 ? net->map2 : net->features);
    for (int64_t i = 0; i < count && batch > 1; i++) {
        net->features[i * batch + sample] = net->map2[i];
    }
}

static void step_all(struct spr_convnet *net, enum spr_convnet_part part, int64_t sample)
{
    const struct spr_convnet_shape *shape = &net->shape;
    const bool last = sample == shape->batch - 1;
    switch (part) {
    case SPR_CONV_FIRST:
        convolve(net, 0, net->input + sample * shape->inputs * shape->side * shape->side);
        break;
    case SPR_CONV_POOL1:
        pool(net, 0, net->map1);
        break;
    case SPR_CONV_SECOND:
        convolve(net, 1, net->map1);
        break;
    case SPR_CONV_POOL2:
        take_features(net, sample);
        break;
    case SPR_CONV_HIDDEN:
        if (last) {
            spr_kernel_run(&net->product[2], net->features, net->hidden);
        }
        break;
    case SPR_CONV_WINNERS3:
        if (last) {
            loops_of(net)->bias(net->hidden, net->bias[2], shape->hidden, shape->batch, 0);
        }
        break;
    case SPR_CONV_OUTPUT:
        if (last) {
            spr_kernel_run(&net->product[3], net->hidden, net->output);
            loops_of(net)->bias(net->output, net->bias[3], shape->classes, shape->batch,
                                -HUGE_VALF);
        }
        break;
    case SPR_CONV_WINNERS1:
    case SPR_CONV_WINNERS2:
        break;
    }
}

static void step_winners(struct spr_convnet *net, enum spr_convnet_part part, int64_t sample)
{
    const struct spr_convnet_shape *shape = &net->shape;
    float *output = net->output + sample * shape->classes;
    switch (part) {
    case SPR_CONV_FIRST:
        convolve(net, 0, net->input + sample * shape->inputs * shape->side * shape->side);
        break;
    case SPR_CONV_POOL1:
        if (net->pool_after) {
            pool_winners(net, 0, net->map1);
        } else {
            pool(net, 0, net->map1);
        }
        break;
    case SPR_CONV_WINNERS1:
        if (net->pool_after) {
            loops_of(net)->bias(net->conv, net->bias[0], shape->filters[0], area(shape, 0),
                                -HUGE_VALF);
        }
        compete(net, 0, net->pool_after ? net->conv : net->map1);
        break;
    case SPR_CONV_SECOND:
        spr_map_run(&net->map, &net->list[0]);
        break;
    case SPR_CONV_POOL2:
        if (net->pool_after) {
            pool_winners(net, 1, net->map2);
        } else {
            pool_sums(net);
        }
        break;
    case SPR_CONV_WINNERS2:
        if (net->pool_after) {
            take_sums(net);
        }
        compete(net, 1, net->pool_after ? net->conv : net->map2);
        break;
    case SPR_CONV_HIDDEN:
        spr_columns_run(&net->columns[0], &net->list[1], net->hidden);
        break;
    case SPR_CONV_WINNERS3:
        loops_of(net)->bias(net->hidden, net->bias[2], shape->hidden, 1, -HUGE_VALF);
        compete(net, 2, net->hidden);
        break;
    case SPR_CONV_OUTPUT:
        spr_columns_run(&net->columns[1], &net->list[2], output);
        loops_of(net)->bias(output, net->bias[3], shape->classes, 1, -HUGE_VALF);
        break;
    }
}

void spr_convnet_step(struct spr_convnet *net, enum spr_convnet_part part, int64_t sample)
{
    const double begin_s = net->part_s ? net->clock_s() : 0;
    if (net->winners) {
        step_winners(net, part, sample);
    } else {
        step_all(net, part, sample);
    }
    if (net->part_s) {
        net->part_s[part] += net->clock_s() - begin_s;
    }
}

void spr_convnet_run(struct spr_convnet *net)
{
    for (int64_t s = 0; s < net->shape.batch; s++) {
        for (int i = 0; i < SPR_CONV_PARTS; i++) {
            spr_convnet_step(net, spr_convnet_order[net->pool_after][i], s);
        }
    }
}
