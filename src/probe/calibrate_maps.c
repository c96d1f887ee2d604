/* SPDX-License-Identifier: Apache-2.0 */
/* What a convolutional network computes beside its products takes, on synthetic maps. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/numbers.h"
#include "base/random.h"
#include "host/sampler.h"
#include "kernel/isa_code.h"
#include "kernel/map_columns.h"
#include "probe/calibrate_points.h"

#define REPEATS 7
#define SAMPLE_S 200e-6

/* Side of the synthetic maps, and of the kernels. */
#define SIDE 16
#define AREA (SIDE * SIDE)
#define KERNEL 3
#define TAPS (KERNEL * KERNEL)
#define OUT (SIDE - KERNEL + 1)

/* Floats that a function passes over. */
static const int64_t sizes[] = {8192, 32768, 131072, 524288};
#define SIZES (sizeof sizes / sizeof *sizes)
#define MOST 524288

/* The convolution of winners: channels, outputs, weights that are kept; one of so many values
 * wins, few and many. */
#define CHANNELS 48
#define OUTPUTS 128
#define KEPT 0.25
#define FEW 20
#define MANY 4
static const int heights[] = {16, 32, 64};
#define HEIGHTS (sizeof heights / sizeof *heights)

struct bench {
    const struct spr_map_loops *loops;
    enum spr_isa isa;
    enum spr_function function;
    int64_t channels; /* of the maps that go in */
    float *x, *y, *bias;
    int32_t *square;
    const struct spr_map_columns *map;
    struct spr_winners winners, dealt; /* dealt: as they were before they were pooled */
    int64_t count;                     /* of those */
};

static void pool_once(const struct bench *b)
{
    const bool pixels = b->function == SPR_FUNCTION_POOL_PIXELS;
    const struct spr_pool pool = {.x = b->x,
                                  .to = b->y,
                                  .bias = b->bias,
                                  .room = b->y + MOST / 2,
                                  .channels = b->channels,
                                  .side = SIDE,
                                  .step = pixels ? SIDE * b->channels : AREA,
                                  .least = 0};
    if (pixels) {
        b->loops->pool_pixels(&pool);
    } else {
        b->loops->pool(&pool);
    }
}

/* Winners evenly over the maps. */
static void deal(struct bench *b, int64_t values)
{
    const int64_t each = values / b->count;
    b->winners.count = b->count;
    for (int64_t i = 0; i < b->count; i++) {
        b->winners.index[i] = b->dealt.index[i] = (int32_t)(i * each + i * 7 % each);
        b->winners.value[i] = b->dealt.value[i] = 1;
    }
}

static void once(void *context)
{
    struct bench *b = context;
    if (b->function == SPR_FUNCTION_PATCHES) {
        const struct spr_patches patches = {b->x, b->y, b->channels, SIDE, KERNEL, OUT * OUT};
        b->loops->patches(&patches);
    } else if (b->function == SPR_FUNCTION_BIAS) {
        b->loops->bias(b->x, b->bias, b->channels, AREA, 0);
    } else if (b->function == SPR_FUNCTION_SQUARES) {
        b->winners.count = b->count;
        memcpy(b->winners.index, b->dealt.index, (size_t)b->count * sizeof *b->dealt.index);
        memcpy(b->winners.value, b->dealt.value, (size_t)b->count * sizeof *b->dealt.value);
        spr_map_pool(b->isa, b->square, &b->winners, b->y, b->channels * AREA / 4);
    } else if (b->function == SPR_FUNCTION_MAP_BLOCKS) {
        spr_map_run(b->map, &b->winners);
    } else {
        pool_once(b);
    }
}

static enum spr_status time_once(const struct spr_calibration *c, struct bench *b,
                                 double *seconds, struct spr_error *err)
{
    const struct spr_sampler sampler = {.clock_s = c->clock_s,
                                        .threads = 1,
                                        .run = once,
                                        .context = b,
                                        .least_s = c->quick ? SAMPLE_S / 2 : SAMPLE_S,
                                        .again = true};
    double samples[REPEATS], none = 0;
    if (spr_points_known(c, 1)) {
        spr_take_point(c, seconds, &none);
        return SPR_OK;
    }
    spr_sampler_run(&sampler, REPEATS, samples);
    *seconds = spr_least(samples, REPEATS);
    return spr_keep_point(c, seconds, &none) ? SPR_OK : spr_no_memory(err);
}

/* Elements of a call as rates.h counts them, and the bytes that it touches. */
static double elements_of(const struct bench *b, double *bytes)
{
    const double maps = (double)b->channels * AREA, lanes = spr_isa_lanes(b->isa);
    switch (b->function) {
    case SPR_FUNCTION_PATCHES:
        *bytes = (double)b->channels * TAPS * OUT * OUT * sizeof(float);
        return (double)b->channels * TAPS * OUT * ceil(OUT / lanes);
    case SPR_FUNCTION_POOL:
        *bytes = maps * sizeof(float);
        return maps / SIDE * ceil(SIDE / lanes);
    case SPR_FUNCTION_SQUARES:
        *bytes = maps / 4 * sizeof(float);
        return maps / 4;
    default:
        *bytes = maps * sizeof(float);
        return maps;
    }
}

static void add_point(struct spr_sweep *sweep, double bytes, double seconds)
{
    sweep->bytes[sweep->count] = bytes;
    sweep->step_s[sweep->count++] = fmax(0, seconds);
}

static enum spr_status calibrate_function(const struct spr_calibration *c, struct bench *b,
                                          enum spr_function function,
                                          struct spr_function_rates *out,
                                          struct spr_error *err)
{
    *out = (struct spr_function_rates){.isa = c->isa, .threads = 1, .function = function};
    b->function = function;
    for (size_t i = 0; i < SIZES; i++) {
        double seconds = 0, bytes = 0;
        b->channels = sizes[i] / (function == SPR_FUNCTION_PATCHES ? OUT * OUT * TAPS : AREA);
        b->count = b->channels * AREA / 10;
        deal(b, b->channels * AREA);
        SPR_TRY(time_once(c, b, &seconds, err));
        const double elements = elements_of(b, &bytes);
        add_point(&out->element, bytes, seconds / elements);
    }
    return SPR_OK;
}

/* Seconds of a convolution in which one of `share` values wins. Over the rows of the kernel, a
 * winner meets those of its channel's blocks whose outputs its row reaches: OUT of SIDE. */
static enum spr_status time_share(const struct spr_calibration *c, struct bench *b,
                                  int64_t share, double *seconds, struct spr_error *err)
{
    b->count = CHANNELS * AREA / share;
    deal(b, CHANNELS * AREA);
    return time_once(c, b, seconds, err);
}

static enum spr_status calibrate_height(const struct spr_calibration *c, struct bench *b,
                                        int rows, struct spr_sweep *blocks,
                                        struct spr_sweep *runs, struct spr_error *err)
{
    static const struct spr_map_shape shape = {CHANNELS, SIDE, KERNEL};
    const double kept = floor(KEPT * OUTPUTS * CHANNELS * TAPS / rows);
    struct spr_pattern pattern;
    struct spr_matrix matrix = {0};
    struct spr_map_columns map = {0};
    char text[SPR_PATTERN_TEXT];
    double few_s = 0, many_s = 0;
    snprintf(text, sizeof text, "%dx1", rows);
    SPR_TRY(spr_pattern_parse(text, &pattern, err));
    SPR_TRY(spr_matrix_random(&pattern, OUTPUTS, CHANNELS * TAPS, kept, 3, &matrix, err));
    enum spr_status status = spr_map_pack(c->isa, rows, &shape, &matrix, &map, err);
    spr_matrix_free(&matrix);
    b->map = &map;
    b->function = SPR_FUNCTION_MAP_BLOCKS;
    status = status ? status : time_share(c, b, FEW, &few_s, err);
    status = status ? status : time_share(c, b, MANY, &many_s, err);
    const double each = kept * OUT / SIDE * AREA; /* were all to win */
    const double block_s = fmax(0, many_s - few_s) / (each / MANY - each / FEW);
    add_point(blocks, rows, block_s);
    add_point(runs, rows, (few_s - block_s * each / FEW) / kept);
    spr_map_free(&map);
    return status;
}

static enum spr_status make_bench(const struct spr_calibration *c, struct bench *b,
                                  struct spr_error *err)
{
    const struct spr_wta all = {.channels = MOST, .pixels = 1};
    uint64_t random = 1;
    *b = (struct bench){.isa = c->isa, .loops = spr_isa_code_of(c->isa)->maps};
    b->x = spr_aligned_alloc(4096, MOST * sizeof *b->x);
    b->y = spr_aligned_alloc(4096, MOST * sizeof *b->y);
    b->bias = spr_calloc(MOST / AREA, sizeof *b->bias);
    b->square = spr_calloc(MOST, sizeof *b->square);
    if (!b->x || !b->y || !b->bias || !b->square) {
        return spr_no_memory(err);
    }
    for (int32_t i = 0; i < MOST; i++) {
        b->x[i] = (float)(2 * spr_random_unit(&random) - 1);
        b->y[i] = 0;
        b->square[i] = (i / SIDE / 2 * (SIDE / 2)) + i % SIDE / 2;
    }
    SPR_TRY(spr_winners_alloc(&all, &b->winners, err));
    return spr_winners_alloc(&all, &b->dealt, err);
}

static enum spr_status calibrate_all(const struct spr_calibration *c, struct bench *b,
                                     struct spr_kernel_rates *rates, struct spr_error *err)
{
    SPR_TRY(make_bench(c, b, err));
    for (int f = SPR_FUNCTION_PATCHES; f <= SPR_FUNCTION_SQUARES; f++) {
        SPR_TRY(calibrate_function(c, b, (enum spr_function)f,
                                   &rates->functions[rates->function_count], err));
        rates->function_count++;
    }
    struct spr_function_rates *both = &rates->functions[rates->function_count];
    for (int i = 0; i < 2; i++) {
        both[i] = (struct spr_function_rates){.isa = c->isa,
                                              .threads = 1,
                                              .function = i ? SPR_FUNCTION_MAP_RUNS
                                                            : SPR_FUNCTION_MAP_BLOCKS};
    }
    for (size_t h = 0; h < HEIGHTS; h++) {
        SPR_TRY(calibrate_height(c, b, heights[h], &both[0].element, &both[1].element, err));
    }
    rates->function_count += 2;
    return SPR_OK;
}

enum spr_status spr_calibrate_maps(const struct spr_calibration *calibration,
                                   struct spr_kernel_rates *rates, struct spr_error *err)
{
    size_t capacity = rates->function_count;
    const size_t more = SPR_FUNCTION_COUNT - SPR_FUNCTION_PATCHES;
    struct bench b = {0};
    if (!spr_grow(&rates->functions, &capacity, rates->function_count + more,
                  sizeof *rates->functions)) {
        return spr_no_memory(err);
    }
    const enum spr_status status = calibrate_all(calibration, &b, rates, err);
    spr_free(b.x);
    spr_free(b.y);
    spr_free(b.bias);
    spr_free(b.square);
    spr_winners_free(&b.winners);
    spr_winners_free(&b.dealt);
    return status;
}
