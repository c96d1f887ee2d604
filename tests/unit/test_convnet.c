/* SPDX-License-Identifier: Apache-2.0 */
/* The convolutional network: its loops against naive ones in double precision, and whole networks
 * of made-up sizes, right under every pattern; a wrong one is found. */
#include "convnet/convnet_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "convnet/convnet_trial.h"
#include "kernel/isa_code.h"
#include "reference.h"
#include "sproof/schedule.h"

#define UNIT (1.0 / 16777216)

static float *drawn(int64_t count, uint64_t seed)
{
    float *x = calloc((size_t)count + 16, sizeof *x);
    for (int64_t i = 0; i < count; i++) {
        x[i] = (float)(2 * spr_random_unit(&seed) - 1);
    }
    return x;
}

static void test_patches(enum spr_isa isa)
{
    static const int64_t shapes[][3] = {
        {1, 32, 5}, {3, 14, 5}, {2, 5, 5}, {4, 9, 3}, {1, 8, 1}};
    for (size_t s = 0; s < COUNT_OF(shapes); s++) {
        const int64_t channels = shapes[s][0], side = shapes[s][1], kernel = shapes[s][2];
        const int64_t out = side - kernel + 1, taps = kernel * kernel, step = out * out + 3;
        float *x = drawn(channels * side * side, s), *to = drawn(channels * taps * step, 9);
        float *before = drawn(channels * taps * step, 9);
        const struct spr_patches patches = {x, to, channels, side, kernel, step};
        spr_isa_code_of(isa)->maps->patches(&patches);
        for (int64_t i = 0; i < channels * taps * step; i++) {
            const int64_t row = i / step, pixel = i % step, tap = row % taps;
            const int64_t y = pixel / out + tap / kernel, x_at = pixel % out + tap % kernel;
            CHECK(to[i] == (pixel < out * out
                                ? x[(row / taps * side + y) * side + x_at]
                                : before[i])); /* nothing beside a row is touched */
        }
        free(x);
        free(to);
        free(before);
    }
}

/* Pooled in double precision: value i, channels first or last. */
static double pooled(const float *x, const float *bias, double least, const int64_t shape[3],
                     int64_t channel, int64_t pixel, bool last)
{
    const int64_t channels = shape[0], side = shape[1], half = side / 2;
    double most = -HUGE_VAL;
    for (int64_t dy = 0; dy < 2; dy++) {
        for (int64_t dx = 0; dx < 2; dx++) {
            const int64_t at = (2 * (pixel / half) + dy) * side + 2 * (pixel % half) + dx;
            most = fmax(
                most, (double)x[last ? at * channels + channel : channel * side * side + at]);
        }
    }
    return fmax(most + (double)bias[channel], least);
}

static void test_pool(enum spr_isa isa)
{
    static const int64_t shapes[][3] = {
        {3, 28, 0}, {5, 10, 1}, {64, 10, 0}, {17, 2, 1}, {1, 4, 0}};
    const struct spr_map_loops *loops = spr_isa_code_of(isa)->maps;
    for (size_t s = 0; s < COUNT_OF(shapes); s++) {
        const int64_t channels = shapes[s][0], side = shapes[s][1], quarter = side * side / 4;
        float *x = drawn(channels * side * side, s), *bias = drawn(channels, s + 7);
        float *to = drawn(channels * quarter, 1), *room = drawn(side * side / 2, 1);
        struct spr_pool pool = {.x = x,
                                .to = to,
                                .bias = bias,
                                .room = room,
                                .channels = channels,
                                .side = side,
                                .step = side * side,
                                .least = shapes[s][2] ? 0 : -HUGE_VALF};
        for (int last = 0; last < 2; last++) {
            pool.step = last ? side * channels : side * side;
            (last ? loops->pool_pixels : loops->pool)(&pool);
            for (int64_t i = 0; i < channels * quarter; i++) {
                const int64_t channel = last ? i % channels : i / quarter;
                const int64_t pixel = last ? i / channels : i % quarter;
                const double expected =
                    pooled(x, bias, (double)pool.least, shapes[s], channel, pixel, last);
                CHECK(fabs((double)to[i] - expected) <= 2 * UNIT * 2);
            }
        }
        loops->bias(x, bias, channels, 1, 0);
        loops->bias(x + channels, bias, channels, side * side - 1, -HUGE_VALF);
        float *again = drawn(channels * side * side, s);
        for (int64_t i = 0; i < channels * side * side; i++) {
            const int64_t row = i < channels ? i : (i - channels) / (side * side - 1);
            const double sum = (double)again[i] + (double)bias[row];
            CHECK(fabs((double)x[i] - (i < channels ? fmax(sum, 0) : sum)) <= 2 * UNIT * 2);
        }
        free(x);
        free(bias);
        free(to);
        free(room);
        free(again);
    }
}

/* A convolution of winners against four loops in double precision. */
static void check_map(enum spr_isa isa, const char *text, const struct spr_map_shape *shape,
                      int64_t m, int one_in)
{
    const int64_t side = shape->side, kernel = shape->kernel, out = side - kernel + 1;
    const int64_t values = shape->channels * side * side,
                  k = shape->channels * kernel * kernel;
    struct spr_pattern pattern;
    struct spr_matrix matrix = {0};
    struct spr_map_columns map;
    struct spr_error err = {0};
    CHECK_STATUS(SPR_OK, spr_pattern_parse(text, &pattern, &err), &err);
    const struct spr_shape all = {m, k, 1};
    CHECK_STATUS(SPR_OK,
                 spr_matrix_random(&pattern, m, k, spr_pattern_kept(&pattern, &all, 0.7), 3,
                                   &matrix, &err),
                 &err);
    CHECK_STATUS(SPR_OK, spr_map_pack(isa, spr_map_rows(&pattern), shape, &matrix, &map, &err),
                 &err);
    int32_t *index = calloc((size_t)values, sizeof *index);
    float *value = calloc((size_t)values, sizeof *value),
          *x = calloc((size_t)values, sizeof *x);
    struct spr_winners winners = {.index = index, .value = value};
    uint64_t random = 7;
    for (int32_t i = 0; i < values; i++) {
        if (one_in > 0 && spr_random(&random) % (uint64_t)one_in == 0) {
            x[i] = (float)(spr_random_unit(&random) - 0.3);
            index[winners.count] = i;
            value[winners.count++] = x[i];
        }
    }
    spr_map_run(&map, &winners);
    for (int64_t i = 0; i < m; i++) {
        for (int64_t pixel = 0; pixel < out * out; pixel++) {
            double sum = 0, size = 0, terms = 2;
            for (size_t e = matrix.row[i]; e < matrix.row[i + 1]; e++) {
                const int64_t tap = matrix.column[e] % (kernel * kernel);
                const int64_t y = pixel / out + tap / kernel, at = pixel % out + tap % kernel;
                const double each =
                    (double)matrix.value[e] *
                    (double)x[(matrix.column[e] / (kernel * kernel) * side + y) * side + at];
                sum += each;
                size += fabs(each);
                terms++;
            }
            const float got = spr_map_sums(
                &map)[pixel / out * spr_map_step(&map) + pixel % out * map.wide + i];
            CHECK(fabs((double)got - sum) <= terms * UNIT * size);
        }
    }
    free(index);
    free(value);
    free(x);
    spr_map_free(&map);
    spr_matrix_free(&matrix);
}

static void test_maps(enum spr_isa isa)
{
    static const char *const texts[] = {"csr", "4x1", "16x1", "32x1", "48x1", "64x1"};
    static const struct spr_map_shape shapes[] = {{3, 14, 5}, {2, 5, 5}, {4, 6, 3}, {1, 3, 1}};
    static const int one_in[] = {0, 10, 3, 1};
    for (size_t t = 0; t < COUNT_OF(texts); t++) {
        for (size_t s = 0; s < COUNT_OF(shapes); s++) {
            for (size_t w = 0; w < COUNT_OF(one_in); w++) {
                check_map(isa, texts[t], &shapes[s], s % 2 ? 192 : 200, one_in[w]);
            }
        }
    }
}

static void test_map_pool(enum spr_isa isa)
{
    static const int32_t square[] = {0, 0, 1, 1, 0, 0, 1, 1};
    int32_t index[8 + 16] = {1, 2, 4, 7};
    float value[8 + 16] = {2, -1, 3, 0}, map[2 + 16];
    struct spr_winners winners = {index, value, 4, NULL};
    spr_map_pool(isa, square, &winners, map, 2);
    CHECK_INT(1, winners.count); /* what is not positive is none */
    CHECK_INT(0, winners.index[0]);
    CHECK(winners.value[0] == 3);
}

static void test_fold(void)
{
    struct spr_pattern dense = spr_pattern_dense();
    struct spr_matrix matrix = {0}, folded = {0};
    struct spr_error err = {0};
    const struct spr_batch_norm norm = {0.3, 2.5, 1.2, -0.4};
    float x[6] = {1, -2, 0.5F, 3, -1, 0.25F}, bias = 0.7F, old = bias;
    CHECK_STATUS(SPR_OK, spr_matrix_random(&dense, 2, 6, 12, 1, &matrix, &err), &err);
    CHECK_STATUS(SPR_OK, spr_matrix_random(&dense, 2, 6, 12, 1, &folded, &err), &err);
    spr_batch_norm_fold(&norm, &folded, 1, &bias);
    double sum = (double)old, folded_sum = (double)bias;
    for (int i = 0; i < 6; i++) {
        CHECK(folded.value[i] == matrix.value[i]); /* the other row stays */
        sum += (double)matrix.value[6 + i] * (double)x[i];
        folded_sum += (double)folded.value[6 + i] * (double)x[i];
    }
    const double expected = (sum - 0.3) / sqrt(2.5 + 1e-5) * 1.2 - 0.4;
    CHECK(fabs(folded_sum - expected) < 1e-5);
    spr_matrix_free(&matrix);
    spr_matrix_free(&folded);
}

/* --- Whole networks: 16 x 16 inputs, 20 and 32 filters, 30 hidden units, 5 classes. */

static struct spr_network network_of(const char *hidden_inputs)
{
    struct spr_network network;
    struct spr_error err = {0};
    char text[1024];
    snprintf(text, sizeof text,
             "layer,op,m,k,n,x_elements,flops,prunable\n"
             "cnn1,conv,20,50,144,512,,1\ncnn1_maxpool,other,,,,9,9,0\n"
             "cnn1_kwinner,other,,,,9,9,0\ncnn2,conv,32,500,4,720,,1\n"
             "cnn2_maxpool,other,,,,9,9,0\ncnn2_kwinner,other,,,,9,9,0\n"
             "linear,linear,30,%s,1,32,,1\nlinear_kwinner,other,,,,9,9,0\n"
             "output,linear,5,30,1,30,,0\n",
             hidden_inputs);
    test_write("convnet.csv", text);
    CHECK_STATUS(SPR_OK, spr_network_read("convnet.csv", &network, NULL, &err), &err);
    return network;
}

static double clock_s(void)
{
    static double now;
    return now += 5e-3; /* more than a sample: no call is repeated */
}

static void add_grid(struct spr_network *network, const char *const *texts, size_t count)
{
    struct spr_pattern patterns[8];
    struct spr_error err = {0};
    const double sparsity = 0.5;
    for (size_t p = 0; p < count; p++) {
        CHECK_STATUS(SPR_OK, spr_pattern_parse(texts[p], &patterns[p], &err), &err);
    }
    const struct spr_grid grid = {patterns, count, &sparsity, 1};
    CHECK_STATUS(SPR_OK, spr_network_add_grid(network, &grid, &err), &err);
}

static void test_networks(enum spr_isa isa)
{
    static const char *const texts[] = {"csr", "4x1", "16x1", "2:4", "10x1"};
    for (int choice = 0; choice < 4; choice++) {
        struct spr_network network = network_of("32");
        add_grid(&network, texts, COUNT_OF(texts));
        const struct spr_validate_options o = {.seed = 5,
                                               .isa = isa,
                                               .threads = 1,
                                               .batch = choice % 2 ? 3 : 1,
                                               .pool_after = choice / 2,
                                               .budget_s = 0.2,
                                               .clock_s = clock_s};
        struct spr_machine machine = {.name = "host"};
        struct spr_validation v;
        struct spr_error err = {0};
        CHECK(spr_convnet_is(&network));
        CHECK_STATUS(SPR_OK, spr_convnet_end_to_end(&network, &machine, &o, &v, NULL, &err),
                     &err);
        CHECK_INT(1 + 2 * COUNT_OF(texts), v.end_to_end_count);
        for (size_t i = 0; i < v.end_to_end_count; i++) {
            CHECK(v.end_to_end[i].max_error_ratio > 0);
            CHECK(v.end_to_end[i].max_error_ratio <= 1);
            CHECK(isnan(v.end_to_end[i].expected_s)); /* nothing was probed */
            CHECK(v.end_to_end[i].measured.median_s > 0);
        }
        CHECK_TEXT("csr@0.5 winners", v.end_to_end[2].variant);
        spr_validation_free(&v);
        spr_network_free(&network);
    }
}

/* A dense network of one product's weights times `factor`. */
static enum spr_status check_with(int wrong, float factor, double *worst,
                                  struct spr_error *err)
{
    struct spr_network network = network_of("32");
    struct spr_convnet_source source;
    CHECK_STATUS(SPR_OK, spr_convnet_source_make(&network, 1, 5, &source, err), err);
    float *input = drawn(2 * 16 * 16, 1);
    struct spr_convnet net = {.shape = source.shape,
                              .isa = SPR_ISA_SCALAR,
                              .bias = (const float *const *)source.bias,
                              .input = input};
    CHECK_STATUS(SPR_OK, spr_convnet_make(&net, err), err);
    for (int p = 0; p < SPR_CONV_PRODUCTS; p++) {
        const struct spr_choice choice = spr_convnet_choice(&source, NULL, p);
        struct spr_matrix matrix = {0};
        double cells;
        CHECK_STATUS(SPR_OK, spr_convnet_matrix(&source, &choice, p, &matrix, &cells, err),
                     err);
        for (size_t e = 0; e < matrix.nnz && p == wrong; e++) {
            matrix.value[e] *= factor;
        }
        int64_t m, k, n;
        spr_convnet_product(&source.shape, p, &m, &k, &n);
        const struct spr_plan plan =
            spr_plan_choose(&choice.pattern, SPR_ISA_SCALAR, m, k, n, cells, 1);
        CHECK_STATUS(SPR_OK, spr_pack(&plan, &matrix, &net.product[p], err), err);
        spr_matrix_free(&matrix);
    }
    const enum spr_status status = spr_convnet_check(&net, &source, NULL, worst, err);
    spr_convnet_free(&net);
    spr_convnet_source_free(&source);
    spr_network_free(&network);
    free(input);
    return status;
}

static void test_wrong(void)
{
    struct spr_error err = {0};
    double worst;
    CHECK_STATUS(SPR_OK, check_with(-1, 1, &worst, &err), &err);
    CHECK(worst > 0 && worst <= 1);
    for (int p = 0; p < SPR_CONV_PRODUCTS; p++) {
        err = (struct spr_error){0};
        CHECK_STATUS(SPR_EWRONG, check_with(p, 1.001F, &worst, &err), &err);
        CHECK(worst > 1);
    }
}

static void test_no_network(void)
{
    struct spr_network network = network_of("33");
    struct spr_convnet_source source;
    struct spr_error err = {0};
    CHECK_STATUS(SPR_EINPUT, spr_convnet_source_make(&network, 1, 1, &source, &err), &err);
    CHECK(strstr(err.text, "row linear") != NULL);
    network.layers[0].name = "other";
    CHECK(!spr_convnet_is(&network));
    spr_network_free(&network);
}

int main(void)
{
    for (int isa = 0; isa < SPR_ISA_COUNT; isa++) {
        if (spr_isa_usable((enum spr_isa)isa)) {
            test_patches((enum spr_isa)isa);
            test_pool((enum spr_isa)isa);
            test_maps((enum spr_isa)isa);
            test_map_pool((enum spr_isa)isa);
            test_networks((enum spr_isa)isa);
        }
    }
    test_fold();
    test_wrong();
    test_no_network();
    return test_end();
}
