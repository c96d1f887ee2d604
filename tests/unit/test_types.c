/* SPDX-License-Identifier: Apache-2.0 */
/* Number types of operands: how they are spelled, what they move, and another dense side. */
#include "test.h"

#include "machine.h"
#include "sproof/explain.h"

/* An A100 PCIe of 80 GB, as far as it matters here. */
#define A100                                                                                  \
    "{\"schema\":\"sproof/machine\",\"schema_version\":1,\"name\":\"a100\","                  \
    "\"default_dtype\":\"f16\",\"engines\":["                                                 \
    "{\"name\":\"tensor\",\"dtypes\":[\"f16\"],\"flops_per_s\":312e12,"                       \
    "\"accepts\":[\"dense\",\"block\",\"2:4\"]},"                                             \
    "{\"name\":\"tensor-i8\",\"dtypes\":[\"i8\"],\"flops_per_s\":624e12,"                     \
    "\"accepts\":[\"dense\",\"2:4\"]}],"                                                      \
    "\"memory\":[{\"level\":\"DRAM\",\"bytes_per_s\":1935e9}],\"overhead_s\":null}"

static struct spr_types types_of(const char *text)
{
    struct spr_types types;
    struct spr_error err = {0};
    CHECK_STATUS(SPR_OK, spr_types_parse(text, SPR_F16, &types, &err), &err);
    return types;
}

static void spelled(void)
{
    static const struct {
        const char *text, *words;
        enum spr_dtype engine;
    } rows[] = {
        {"f16", "f16", SPR_F16},
        {"w:f16,x:f16,y:f16", "f16", SPR_F16},
        {"w:f16", "f16", SPR_F16},
        {"w:i4", "w i4/128, x f16, y f16", SPR_F16},
        {"w:i4,x:f32", "w i4/128, x f32, y f32", SPR_F32},
        {"y:f32,w:i4/64,x:bf16", "w i4/64, x bf16, y f32", SPR_BF16},
        {"i8,y:i32", "w i8, x i8, y i32", SPR_I8},
        {"i8,x:f16", "w i8, x f16, y i8", SPR_F16},
        {"w:i8,x:f16", "w i8, x f16, y f16", SPR_F16},
        {"w:f32,x:f16", "w f32, x f16, y f16", SPR_F32},
        /* of equals X's */
        {"w:bf16,x:f16", "w bf16, x f16, y f16", SPR_F16},
        {"w:q4_K", "w q4_K, x f16, y f16", SPR_F16},
    };
    char text[SPR_TYPES_TEXT];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct spr_types types = types_of(rows[i].text);
        test_row = rows[i].text;
        CHECK_TEXT(rows[i].words, spr_types_text(&types, text));
        CHECK_INT(rows[i].engine, spr_types_engine(&types));
    }
    test_row = "";
}

/* Bytes of 256 weights, by hand. */
static void sizes(void)
{
    static const struct {
        const char *text;
        double bytes;
    } rows[] = {
        {"w:f16", 512},           {"w:i8", 256},          {"w:i4", 128 + 2 * 2},
        {"w:i4/64", 128 + 4 * 2}, {"w:i4/256", 130},      {"w:i3", 96 + 2 * 2},
        {"w:i2", 64 + 2 * 2},     {"w:fp4", 128 + 8},     {"w:fp6", 192 + 8},
        {"w:nvfp4", 128 + 16},    {"w:nf4", 128 + 4 * 4}, {"w:q4_0", 18 * 8},
        {"w:q4_1", 20 * 8},       {"w:q5_0", 22 * 8},     {"w:q5_1", 24 * 8},
        {"w:q8_0", 34 * 8},       {"w:q2_K", 84},         {"w:q3_K", 110},
        {"w:q4_K", 144},          {"w:q5_K", 176},        {"w:q6_K", 210},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        test_row = rows[i].text;
        CHECK_EXACT(rows[i].bytes, 256 * types_of(rows[i].text).w.bytes);
    }
    test_row = "";
}

static void refused(void)
{
#define ALL "f64, f32, tf32, f16, bf16, fp8"
    static const char *const rows[][2] = {
        {"fp16", "unknown dtype 'fp16': expected " ALL " or i8; did you mean 'f16'?"},
        {"y:i31", "unknown dtype 'i31': expected " ALL ", i8 or i32; did you mean 'i32'?"},
        {"w:q4_k",
         "unknown dtype 'q4_k': expected " ALL ", i8, i4, i3, i2, fp4, fp6, nvfp4, nf4, q4_0, "
         "q4_1, q5_0, q5_1, q8_0, q2_K, q3_K, q4_K, q5_K or q6_K; did you mean 'q4_K'?"},
        {"i4", "dtype 'i4': only weights are stored as i4: expected w:i4"},
        {"y:i4", "dtype 'y:i4': only weights are stored as i4: expected w:i4"},
        {"x:q8_0", "dtype 'x:q8_0': only weights are stored as q8_0: expected w:q8_0"},
        {"w:i32", "dtype 'w:i32': only outputs are i32: expected y:i32"},
        {"i32", "dtype 'i32': only outputs are i32: expected y:i32"},
        {"z:f16", "dtype 'z:f16': expected w:, x: or y: in front of a type"},
        {":f16", "unknown dtype ':f16': expected " ALL " or i8; did you mean 'f16'?"},
        {"w:f16/32", "dtype 'w:f16/32': f16 has no groups to choose: expected f16"},
        {"w:q4_K/64", "dtype 'w:q4_K/64': q4_K has no groups to choose: expected q4_K"},
        {"w:i4/0", "dtype 'w:i4/0': expected a group of 1..1000000 weights, such as i4/64"},
        {"w:i4/1000001",
         "dtype 'w:i4/1000001': expected a group of 1..1000000 weights, such as i4/64"},
        {"w:i4/64k",
         "dtype 'w:i4/64k': expected a group of 1..1000000 weights, such as i4/64"},
        {"w:i4,w:i8", "dtype 'w:i8': this operand is given twice"},
        {"w:i4,f16", "dtype 'f16': expected w:, x: or y: behind a type for all operands"},
        {"f16,f16", "dtype 'f16': expected w:, x: or y: behind a type for all operands"},
        {"", "unknown dtype '': expected " ALL " or i8"},
        {"f16,", "dtype '': expected w:, x: or y: behind a type for all operands"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_types types;
        struct spr_error err = {0};
        test_row = rows[i][0];
        CHECK_STATUS(SPR_EINPUT, spr_types_parse(rows[i][0], SPR_F16, &types, &err), &err);
        CHECK_TEXT(rows[i][1], err.text);
    }
    test_row = "";
}

static struct spr_layer linear(int64_t m, int64_t k, int64_t n)
{
    return (struct spr_layer){.name = "fc",
                              .prunable = true,
                              .m = m,
                              .k = k,
                              .n = n,
                              .count = 1,
                              .groups = 1,
                              .x_elements = (double)k * (double)n};
}

struct both {
    struct spr_prediction dense, pruned;
};

static struct both predict(const struct spr_machine *machine, const char *text,
                           const struct spr_layer *layer)
{
    const struct spr_types types = types_of(text);
    struct spr_shape shape = spr_layer_shape(layer);
    struct spr_pattern pattern;
    struct spr_model model;
    struct both out;
    struct spr_error err = {0};
    CHECK_STATUS(SPR_OK,
                 spr_model_prepare(&model, machine, spr_types_engine(&types), SPR_NOMINAL,
                                   SPR_NOMINAL, &err),
                 &err);
    spr_model_set_types(&model, &types);
    CHECK_INT(SPR_OK, spr_pattern_parse("2:4", &pattern, NULL));
    spr_model_dense(&model, layer, 1, &out.dense);
    CHECK(spr_model_sparse(&model, layer, 1, &pattern, spr_pattern_kept(&pattern, &shape, 0.5),
                           NULL, &out.pruned));
    return out;
}

/* 3072 x 768, 98304 tokens, 2:4 in i8: what Y is written as decides. */
static void wide_outputs(void)
{
    struct spr_machine machine = test_machine_of(A100);
    struct spr_layer layer = linear(3072, 768, 98304);
    struct both narrow = predict(&machine, "i8", &layer);
    struct both wide = predict(&machine, "i8,y:i32", &layer);
    const double flops = 2.0 * 3072 * 768 * 98304; /* 743 us dense, 372 us pruned */
    const double w = 3072 * 768 / 2 * 1.25, x = 768.0 * 98304, y = 3072.0 * 98304;
    CHECK_EXACT(flops / 624e12, narrow.dense.time_s);
    CHECK_EXACT(flops / 2 / 624e12, narrow.pruned.time_s);
    CHECK_EXACT(flops / 624e12, wide.dense.time_s);
    CHECK_EXACT(4 * y, wide.pruned.bytes_y);
    CHECK_EXACT(w + x + 4 * y, wide.pruned.bytes);
    CHECK_NEAR((w + x + 4 * y) / 1935e9, wide.pruned.time_s, 1e-15); /* 664 us */
    CHECK_NEAR(1.1194, wide.dense.time_s / wide.pruned.time_s, 1e-4);
    spr_machine_free(&machine);
}

/* A layer of Llama 3 8B that makes one token: it is all weights. */
static void narrow_weights(void)
{
    struct spr_machine machine = test_machine_of(A100);
    struct spr_layer layer = linear(4096, 14336, 1);
    struct both i4 = predict(&machine, "w:i4,x:f16", &layer);
    struct both q4_k = predict(&machine, "w:q4_K", &layer);
    CHECK_EXACT(58720256 / 2 + 58720256 / 128 * 2, i4.dense.bytes_weight_values);
    CHECK_EXACT(30277632 + 14336 * 2 + 4096 * 2, i4.dense.bytes);
    CHECK_NEAR(30314496 / 1935e9, i4.dense.time_s, 1e-15);
    CHECK_EXACT(30277632 / 2, i4.pruned.bytes_weight_values);
    CHECK_EXACT(58720256 / 2 / 4, i4.pruned.bytes_weight_index);
    CHECK_EXACT(58720256 / 256 * 144, q4_k.dense.bytes_weight_values);
    CHECK_INT(0, i4.pruned.engine); /* multiplied in f16 */
    spr_machine_free(&machine);
}

/* Attention reads two activations; what other operators read and write is of X's type. */
static void without_weights(void)
{
    struct spr_machine machine = test_machine_of(A100);
    const struct spr_types types = types_of("w:i4,x:f16,y:f32");
    struct spr_layer attention = {.op = SPR_OP_ATTENTION, .m = 5, .k = 7, .n = 3};
    struct spr_layer other = {
        .op = SPR_OP_OTHER, .x_elements = 11, .other_bytes = (double)NAN};
    struct spr_prediction out;
    struct spr_model model;
    CHECK_INT(SPR_OK,
              spr_model_prepare(&model, &machine, SPR_F16, SPR_NOMINAL, SPR_NOMINAL, NULL));
    spr_model_set_types(&model, &types);
    spr_model_dense(&model, &attention, 2, &out);
    CHECK_EXACT(2 * (5 * 7 + 7 * 3) * 2, out.bytes_x);
    CHECK_EXACT(2 * 5 * 3 * 4, out.bytes_y);
    spr_model_dense(&model, &other, 2, &out);
    CHECK_EXACT(2 * 11 * 2, out.bytes);
    spr_machine_free(&machine);
}

/* A pruned layer, one that is not, one that dense wins. */
#define TABLE                                                                                 \
    "layer,m,k,n,prunable,variant,pattern,sparsity\n"                                         \
    "a,4096,4096,1,,,,\nb,2048,2048,1,0,,,\nc,1024,1024,1,,,,\n"                              \
    "a,,,,,v,2:4,\nc,,,,,v,16x16,0\n"

static void analyze(struct spr_network *network, const struct spr_machine *machine,
                    const char *against, struct spr_analysis *analysis)
{
    struct spr_options options = {.dtype = SPR_F16, .batches = {1}, .batch_count = 1};
    struct spr_error err = {0};
    if (against) {
        options.against = types_of(against);
    }
    test_write("net.csv", TABLE);
    CHECK_STATUS(SPR_OK, spr_network_read("net.csv", network, NULL, &err), &err);
    CHECK_STATUS(SPR_OK, spr_analyze(network, machine, &options, analysis, &err), &err);
}

static double seconds(const struct spr_analysis *a, double layer)
{
    return layer / a->machine->memory[0].bytes_per_s.value;
}

/* "Pruned f16 or dense int8?" */
static void other_dense(void)
{
    struct spr_machine machine = test_machine_of(A100);
    struct spr_network network;
    struct spr_analysis a;
    struct spr_waterfall w;
    char text[SPR_REASON_TEXT], dense[SPR_TYPES_TEXT];
    analyze(&network, &machine, "i8", &a);
    const struct spr_result *r = &a.results[0];
    const double i8[] = {seconds(&a, 4096 * 4096 + 2 * 4096),
                         seconds(&a, 2048 * 2048 + 2 * 2048),
                         seconds(&a, 1024 * 1024 + 2 * 1024)};
    CHECK_NEAR(i8[0] + i8[1] + i8[2], r->dense_time_s, 1e-14);
    CHECK_NEAR(r->dense_time_s, a.dense_time_s[0], 1e-14);
    const double pruned = seconds(&a, 4096 * 4096 / 2 * 2.25 + 4 * 4096);
    CHECK_NEAR(pruned, r->layers[0].run.time_s, 1e-14);
    CHECK_NEAR(i8[0] / pruned, r->layers[0].speedup, 1e-14);
    /* unpruned, and executed dense: in f16 */
    CHECK_EXACT(0.5, r->layers[1].speedup);
    CHECK_EXACT(0.5, r->layers[2].speedup);
    CHECK_INT(SPR_EXECUTION_DENSE, r->layers[2].run.execution);
    CHECK_NEAR(pruned + 2 * i8[1] + 2 * i8[2], r->time_s, 1e-14);
    CHECK_EXACT(r->speedup, r->speedup_mixed);
    CHECK_NEAR(r->dense_time_s / (2 * i8[1]), r->amdahl_ceiling, 1e-14);
    CHECK_EXACT(4096 * 4096 + 2048 * 2048 + 1024 * 1024, r->dense_weight_bytes);
    CHECK_TEXT("f16", spr_options_words(&a.options, text, dense));
    CHECK_TEXT(" (i8)", dense);
    spr_explain_waterfall(&a, r, NULL, &w);
    double product = 1;
    for (size_t i = 0; i < w.count; i++) {
        product *= w.steps[i].factor;
    }
    const struct spr_step *last = &w.steps[w.count - 1];
    CHECK_INT(SPR_STEP_TYPES, last->kind);
    CHECK_NEAR(0.5, last->factor, 1e-14);
    CHECK_INT(0, last->worst_layer);
    CHECK_NEAR(r->speedup, product, 1e-14);
    CHECK_EXACT(r->speedup, w.speedup);
    CHECK_TEXT("dense is in i8, this variant in f16", spr_step_remedy(&a, r, last, text));
    CHECK_TEXT("slower than dense in i8, no slower than dense in f16",
               spr_explain_layer(&a, r, 0, text));
    CHECK_TEXT("stays dense: 16x16 is no faster than dense in the same types",
               spr_explain_layer(&a, r, 2, text));
    spr_analysis_free(&a);
    spr_network_free(&network);
    spr_machine_free(&machine);
}

/* Types that are all one give what the one gives. */
static void all_one(void)
{
    struct spr_machine machine = test_machine_of(A100);
    struct spr_network networks[2];
    struct spr_analysis a[2];
    struct spr_waterfall w;
    analyze(&networks[0], &machine, NULL, &a[0]);
    analyze(&networks[1], &machine, "w:f16,x:f16,y:f16", &a[1]);
    CHECK_EXACT(a[0].results[0].speedup, a[1].results[0].speedup);
    CHECK_EXACT(a[0].results[0].amdahl_ceiling, a[1].results[0].amdahl_ceiling);
    spr_explain_waterfall(&a[0], &a[0].results[0], NULL, &w);
    CHECK_INT(SPR_STEP_ENGINE, w.steps[w.count - 1].kind);
    for (int i = 0; i < 2; i++) {
        spr_analysis_free(&a[i]);
        spr_network_free(&networks[i]);
    }
    spr_machine_free(&machine);
}

int main(void)
{
    spelled();
    sizes();
    refused();
    wide_outputs();
    narrow_weights();
    without_weights();
    other_dense();
    all_one();
    return test_end();
}
