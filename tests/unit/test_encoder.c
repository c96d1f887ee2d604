/* SPDX-License-Identifier: Apache-2.0 */
/* Whole encoders of made-up sizes: every piece right under every pattern, a wrong one found,
 * and the sums of what is expected. */
#include "encoder/encoder_source.h"

#include <stdlib.h>

#include "encoder/end_to_end_parts.h"
#include "base/mem.h"
#include "reference.h"
#include "sproof/calibrate.h"

static void write_table(const char *name, const char *intermediate)
{
    char text[4096];
    snprintf(text, sizeof text,
             "layer,op,m,k,n,count\n"
             "e.0.attention.self.query,linear,48,48,21,1\n"
             "e.0.attention.self.key,linear,48,48,21,1\n"
             "e.0.attention.self.value,linear,48,48,21,1\n"
             "e.0.attention.qk,attention,21,16,21,3\n"
             "e.0.attention.output.dense,linear,48,48,21,1\n"
             "e.0.intermediate.dense,linear,%s,48,21,1\n"
             "e.0.output.dense,linear,48,%s,21,1\n",
             intermediate, intermediate);
    test_write(name, text);
}

static struct spr_network network_of(const char *path)
{
    struct spr_network network;
    struct spr_error err = {0};
    CHECK_STATUS(SPR_OK, spr_network_read(path, &network, NULL, &err), &err);
    return network;
}

static double clock_s(void)
{
    static double now;
    return now += 1e-3;
}

static struct spr_validate_options options_of(enum spr_isa isa, int threads)
{
    return (struct spr_validate_options){.seed = 5,
                                         .isa = isa,
                                         .threads = threads,
                                         .batch = 1,
                                         .budget_s = 0.2,
                                         .clock_s = clock_s};
}

static void test_patterns(void)
{
    static const char *const texts[] = {"csr", "4x1", "4x4", "16x16", "2:4", "1x16"};
    struct spr_error err = {0};
    for (int isa = 0; isa < SPR_ISA_COUNT; isa++) {
        if (!spr_isa_usable((enum spr_isa)isa)) {
            continue;
        }
        write_table("encoder.csv", "80");
        struct spr_network network = network_of("encoder.csv");
        struct spr_pattern patterns[COUNT_OF(texts)];
        const double sparsity = 0.5;
        for (size_t p = 0; p < COUNT_OF(texts); p++) {
            CHECK_STATUS(SPR_OK, spr_pattern_parse(texts[p], &patterns[p], &err), &err);
        }
        const struct spr_grid grid = {patterns, COUNT_OF(texts), &sparsity, 1};
        CHECK_STATUS(SPR_OK, spr_network_add_grid(&network, &grid, &err), &err);
        struct spr_validate_options o = options_of((enum spr_isa)isa, 1 + isa % 2);
        float output[21 * 48];
        reference_poison(output, sizeof output);
        const struct spr_end_to_end_options options = {&o, NULL, NULL, output};
        struct spr_machine machine = {.name = "host"};
        struct spr_validation v;
        CHECK_STATUS(SPR_OK, spr_end_to_end(&network, &machine, &options, &v, NULL, &err),
                     &err);
        CHECK_INT(1 + COUNT_OF(texts), v.end_to_end_count);
        CHECK_INT(21, v.tokens);
        for (size_t i = 0; i < v.end_to_end_count; i++) {
            CHECK(v.end_to_end[i].max_error_ratio > 0);
            CHECK(v.end_to_end[i].max_error_ratio <= 1);
            CHECK(isnan(v.end_to_end[i].expected_s)); /* nothing was probed */
            CHECK(v.end_to_end[i].measured.median_s > 0);
        }
        double size = 0;
        for (size_t i = 0; i < COUNT_OF(output); i++) {
            size += fabs((double)output[i]);
        }
        CHECK(size / COUNT_OF(output) > 0.1); /* normed states, not zeros */
        spr_validation_free(&v);
        spr_network_free(&network);
    }
}

struct trial {
    struct spr_network network;
    struct spr_encoder_source source;
    struct spr_encoder encoder;
    float input[48 * 32];
};

/* The encoder of the table on one thread, one product's weights times `factor`. */
static void start(struct trial *t, const struct spr_validate_options *o, int wrong,
                  float factor)
{
    struct spr_error err = {0};
    const struct spr_end_to_end_options options = {o, NULL, NULL, NULL};
    t->network = network_of("encoder.csv");
    struct spr_encoder_source *source = &t->source;
    double cells;
    CHECK_STATUS(SPR_OK, spr_encoder_source_make(&t->network, &options, source, &err), &err);
    CHECK_STATUS(SPR_OK, spr_encoder_make(&source->shape, o->isa, 1, &t->encoder, &err), &err);
    for (int p = 0; p < SPR_PRODUCTS; p++) {
        struct spr_choice choice = spr_encoder_choice(source, NULL, 0, p);
        struct spr_matrix matrix = {0};
        CHECK_STATUS(SPR_OK, spr_encoder_matrix(source, &choice, 0, p, &matrix, &cells, &err),
                     &err);
        for (size_t e = 0; e < matrix.nnz && p == wrong; e++) {
            matrix.value[e] *= factor;
        }
        struct spr_plan plan = spr_plan_choose(&choice.pattern, o->isa, matrix.m, matrix.k,
                                               spr_encoder_columns(&source->shape), cells, 1);
        CHECK_STATUS(SPR_OK, spr_pack(&plan, &matrix, &t->encoder.layer[0].product[p], &err),
                     &err);
        spr_matrix_free(&matrix);
    }
    for (int i = 0; i < 48 * 32; i++) {
        t->input[i] = (float)(i % 13) - 6;
    }
    t->encoder.input = t->input;
    t->encoder.vectors = source->vectors;
}

static void stop(struct trial *t)
{
    spr_encoder_free(&t->encoder);
    spr_encoder_source_free(&t->source);
    spr_network_free(&t->network);
}

/* The check looks at samples, others for each seed: over all of these every element of every
 * piece has its turn. */
static void test_samples(enum spr_isa isa)
{
    struct spr_validate_options o = options_of(isa, 1);
    for (o.seed = 1; o.seed <= 100; o.seed++) {
        struct spr_error err = {0};
        struct trial t;
        double worst = 0;
        start(&t, &o, SPR_PRODUCTS, 1);
        CHECK_STATUS(SPR_OK, spr_encoder_check(&t.encoder, &t.source, NULL, &worst, &err),
                     &err);
        CHECK(worst > 0 && worst <= 1);
        stop(&t);
    }
}

/* A weight that is not the matrix's is found by the check. */
static void test_wrong(void)
{
    struct spr_validate_options o = options_of(SPR_ISA_SCALAR, 1);
    struct spr_error err = {0};
    struct trial t;
    double worst = 0;
    start(&t, &o, SPR_OUTPUT, 1.001F);
    CHECK_STATUS(SPR_EWRONG, spr_encoder_check(&t.encoder, &t.source, NULL, &worst, &err),
                 &err);
    CHECK(strstr(err.text, "wrong result in layer 0 of dense") != NULL);
    stop(&t);
}

/* So is a NaN behind which everything is right again: in a column that is no token's, which
 * the products work on and attention leaves out. */
static void test_nan(void)
{
    struct spr_validate_options o = options_of(spr_isa_best(), 1);
    for (int column = 20; column < 32; column++) { /* 20: the last token */
        struct spr_error err = {0};
        struct trial t;
        double worst = 0;
        start(&t, &o, SPR_PRODUCTS, 1);
        t.input[spr_encoder_at(&t.source.shape, 1, 48, 5, column)] = NAN;
        CHECK_STATUS(SPR_EWRONG, spr_encoder_check(&t.encoder, &t.source, NULL, &worst, &err),
                     &err);
        CHECK(!(worst <= 1));
        stop(&t);
    }
}

/* The outputs of one thread, whatever is rounded up and however few columns a thread gets. */
static void test_shares(void)
{
    static const int tokens[] = {1, 15, 16, 17, 33};
    static float one[33 * 48], several[33 * 48];
    for (size_t t = 0; t < COUNT_OF(tokens); t++) {
        char text[4096];
        const int n = tokens[t];
        snprintf(text, sizeof text,
                 "layer,op,m,k,n,count\n"
                 "e.0.attention.self.query,linear,48,48,%d,1\n"
                 "e.0.attention.self.key,linear,48,48,%d,1\n"
                 "e.0.attention.self.value,linear,48,48,%d,1\n"
                 "e.0.attention.qk,attention,%d,16,%d,3\n"
                 "e.0.attention.output.dense,linear,48,48,%d,1\n"
                 "e.0.intermediate.dense,linear,80,48,%d,1\n"
                 "e.0.output.dense,linear,48,80,%d,1\n",
                 n, n, n, n, n, n, n, n);
        test_write("shares.csv", text);
        for (int threads = 1; threads <= 5; threads += 2) {
            struct spr_network network = network_of("shares.csv");
            struct spr_error err = {0};
            struct spr_machine machine = {.name = "host"};
            struct spr_validation v;
            struct spr_validate_options o = options_of(SPR_ISA_SCALAR, threads);
            const struct spr_end_to_end_options options = {&o, NULL, NULL,
                                                           threads == 1 ? one : several};
            struct reference r = {.kernel = "encoder"};
            reference_poison(threads == 1 ? one : several, sizeof one);
            CHECK_STATUS(SPR_OK, spr_end_to_end(&network, &machine, &options, &v, NULL, &err),
                         &err);
            for (int i = 0; i < n * 48; i++) {
                double found = (double)(threads == 1 ? one : several)[i];
                reference_next(&r, found, (double)one[i], 1e-5);
            }
            CHECK_REFERENCE(&r);
            spr_validation_free(&v);
            spr_network_free(&network);
        }
    }
}

/* What is expected of two threads, where writing again what the other has read takes so long. */
static struct spr_end_to_end_case expected_of(const struct spr_kernel_rates *kernels)
{
    struct spr_error err = {0};
    struct spr_network network = network_of("encoder.csv");
    struct spr_machine machine = {.name = "host", .kernels = kernels};
    struct spr_validation v;
    struct spr_validate_options o = options_of(SPR_ISA_SCALAR, 2);
    const struct spr_end_to_end_options options = {&o, NULL, NULL, NULL};
    CHECK_STATUS(SPR_OK, spr_end_to_end(&network, &machine, &options, &v, NULL, &err), &err);
    struct spr_end_to_end_case dense = v.end_to_end[0];
    spr_validation_free(&v);
    spr_network_free(&network);
    return dense;
}

/* Keys and values are written behind the products that make them: only what lasts longer adds
 * to the time, of both and of the busiest thread's columns. */
static void test_rewrite(void)
{
    struct spr_error err = {0};
    struct spr_kernel_rates kernels = {0};
    const struct spr_calibration calibration = {
        .isa = SPR_ISA_SCALAR, .threads = 1, .quick = true, .clock_s = clock_s};
    struct spr_function_rates functions[SPR_FUNCTION_COUNT];
    static const double each_s[] = {0, 1e-15, 10, 30};
    struct spr_end_to_end_case found[COUNT_OF(each_s)];
    CHECK_STATUS(SPR_OK, spr_calibrate(&calibration, &kernels, &err), &err);
    for (int f = 0; f < SPR_FUNCTION_COUNT; f++) {
        functions[f] = (struct spr_function_rates){.isa = SPR_ISA_SCALAR,
                                                   .threads = 2,
                                                   .function = (enum spr_function)f,
                                                   .element = {1, {64}, {1e-9}}};
    }
    kernels.functions = functions;
    kernels.function_count = SPR_FUNCTION_COUNT;
    write_table("encoder.csv", "80");
    for (size_t i = 0; i < COUNT_OF(each_s); i++) {
        functions[SPR_FUNCTION_REWRITE].element.step_s[0] = each_s[i];
        found[i] = expected_of(&kernels);
        CHECK(found[i].expected_s > 0);
    }
    const double linear_s = found[0].expected_part_s[SPR_PART_ATTENTION_LINEAR];
    CHECK_EXACT(linear_s, found[1].expected_part_s[SPR_PART_ATTENTION_LINEAR]);
    /* 21 tokens in shares of whole cache lines: 16 and the rest, rounded up. */
    const double elements = 2.0 * 48 * 16;
    CHECK_NEAR(20 * elements, found[3].expected_s - found[2].expected_s, 1e-9);
    CHECK_NEAR(20 * elements,
               found[3].expected_part_s[SPR_PART_ATTENTION_LINEAR] -
                   found[2].expected_part_s[SPR_PART_ATTENTION_LINEAR],
               1e-9);
    CHECK(found[2].expected_s - found[0].expected_s < 10 * elements);
    spr_free(kernels.tiles);
}

/* More variants than the default grid has, and more than can be timed at once. */
static void test_many(void)
{
    static const char *const texts[] = {"csr", "4x1", "4x4"};
    struct spr_pattern patterns[COUNT_OF(texts)];
    struct spr_error err = {0};
    double sparsity[21];
    for (size_t p = 0; p < COUNT_OF(texts); p++) {
        CHECK_STATUS(SPR_OK, spr_pattern_parse(texts[p], &patterns[p], &err), &err);
    }
    for (size_t s = 0; s < COUNT_OF(sparsity); s++) {
        sparsity[s] = 0.5 + 0.02 * (double)s;
    }
    for (size_t count = 20; count <= 21; count++) {
        struct spr_network network = network_of("encoder.csv");
        struct spr_machine machine = {.name = "host"};
        struct spr_validation v;
        struct spr_validate_options o = options_of(SPR_ISA_SCALAR, 1);
        const struct spr_end_to_end_options options = {&o, NULL, NULL, NULL};
        const struct spr_grid grid = {patterns, COUNT_OF(texts), sparsity, count};
        CHECK_STATUS(SPR_OK, spr_network_add_grid(&network, &grid, &err), &err);
        CHECK_STATUS(count == 20 ? SPR_OK : SPR_EINPUT,
                     spr_end_to_end(&network, &machine, &options, &v, NULL, &err), &err);
        if (count == 20) {
            CHECK_INT(61, v.end_to_end_count);
        } else {
            CHECK_TEXT("end to end: 63 variants: expected at most 62", err.text);
        }
        spr_validation_free(&v);
        spr_network_free(&network);
    }
}

static void test_no_encoder(void)
{
    struct spr_error err = {0};
    struct spr_states_shape shape;
    test_write("plain.csv", "layer,m,k,n\nfc,8,8,8\n");
    struct spr_network network = network_of("plain.csv");
    CHECK_STATUS(SPR_EINPUT, spr_end_to_end_shape(&network, &shape, &err), &err);
    CHECK_TEXT("plain.csv: end to end: no layer ...attention.self.query: expected an encoder "
               "of the BERT family, its layers named ...attention.self.query, ...output.dense "
               "and so on",
               err.text);
    spr_network_free(&network);
    write_table("odd.csv", "81");
    network = network_of("odd.csv");
    err = (struct spr_error){0};
    CHECK_STATUS(SPR_OK, spr_end_to_end_shape(&network, &shape, &err), &err);
    CHECK_INT(21, shape.tokens);
    CHECK_INT(48, shape.hidden);
    spr_network_free(&network);
}

int main(void)
{
    test_patterns();
    for (int isa = 0; isa < SPR_ISA_COUNT; isa++) {
        if (spr_isa_usable((enum spr_isa)isa)) {
            test_row = spr_isa_name((enum spr_isa)isa);
            test_samples((enum spr_isa)isa);
        }
    }
    test_row = "";
    test_wrong();
    test_nan();
    test_shares();
    test_rewrite();
    test_many();
    test_no_encoder();
    return test_end();
}
