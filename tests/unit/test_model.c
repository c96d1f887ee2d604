/* SPDX-License-Identifier: Apache-2.0 */
/* One operator on one machine: the reference table, and every equation by hand. */
#include "test.h"

#include "machine.h"
#include "sproof/model.h"

static struct spr_layer linear(int64_t m, int64_t k, int64_t n)
{
    return (struct spr_layer){.name = "fc",
                              .prunable = true,
                              .m = m,
                              .k = k,
                              .n = n,
                              .count = 1,
                              .calls = 1,
                              .groups = 1,
                              .x_elements = (double)k * (double)n};
}

static struct spr_pattern pattern_of(const char *text)
{
    struct spr_pattern pattern = {0};
    CHECK_INT(SPR_OK, spr_pattern_parse(text, &pattern, NULL));
    return pattern;
}

static struct spr_model model_of(const struct spr_machine *machine, enum spr_dtype dtype)
{
    struct spr_model model;
    struct spr_error err = {0};
    CHECK_STATUS(SPR_OK,
                 spr_model_prepare(&model, machine, dtype, SPR_NOMINAL, SPR_NOMINAL, &err),
                 &err);
    return model;
}

static struct spr_prediction predict(const struct spr_model *model,
                                     const struct spr_layer *layer, double batch,
                                     const char *text, double sparsity)
{
    struct spr_pattern pattern = pattern_of(text);
    struct spr_shape shape = {layer->m, layer->k, layer->groups};
    struct spr_prediction out = {0};
    CHECK(spr_model_sparse(model, layer, batch, &pattern,
                           spr_pattern_kept(&pattern, &shape, sparsity), NULL, &out));
    return out;
}

static struct spr_ways ways_of(const struct spr_model *model, const char *text)
{
    struct spr_pattern pattern = pattern_of(text);
    struct spr_ways ways;
    spr_model_ways(model, &pattern, &ways);
    return ways;
}

/* Figures published with the issue: m = 3072, k = 768, f16, 312 TFLOP/s, 1555 GB/s. */
static void reference_table(void)
{
    static const struct {
        int64_t n;
        const char *dense_us, *bound, *speedups[8];
    } rows[] = {
        {197,
         "4.007",
         "DRAM",
         {"0.420", "2.417", "2.534", "0.841", "3.044", "3.139", "1.495", "1.495"}},
        {12608,
         "190.680",
         "compute",
         {"0.313", "3.029", "3.033", "0.625", "3.045", "3.047", "2.000", "2.000"}},
        {50432,
         "762.718",
         "compute",
         {"0.313", "3.054", "3.055", "0.625", "3.058", "3.058", "2.000", "2.000"}},
    };
    static const struct {
        const char *pattern;
        double sparsity;
    } variants[8] = {{"csr", 0.8}, {"4x4", 0.8},   {"32x32", 0.8}, {"csr", 0.9},
                     {"4x4", 0.9}, {"32x32", 0.9}, {"2:4", 0.5},   {"1:4", 0.75}};
    struct spr_machine machine = test_machine();
    struct spr_model model = model_of(&machine, SPR_F16);
    model.native_only = true;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_layer layer = linear(3072, 768, rows[i].n);
        struct spr_prediction dense;
        char text[32];
        spr_model_dense(&model, &layer, 1, &dense);
        snprintf(text, sizeof text, "%.3f", dense.time_s * 1e6);
        CHECK_TEXT(rows[i].dense_us, text);
        CHECK_TEXT(rows[i].bound, spr_bound_name(&machine, dense.bound));
        for (size_t v = 0; v < 8; v++) {
            struct spr_prediction run =
                predict(&model, &layer, 1, variants[v].pattern, variants[v].sparsity);
            snprintf(text, sizeof text, "%.3f", dense.time_s / run.time_s);
            test_row = variants[v].pattern;
            CHECK_TEXT(rows[i].speedups[v], text);
        }
        test_row = "";
    }
    struct spr_layer layer = linear(3072, 768, 12608);
    struct spr_ways csr = ways_of(&model, "csr");
    struct spr_prediction dense;
    spr_model_dense(&model, &layer, 1, &dense);
    CHECK_NEAR(0.9375, spr_model_break_even(&model, &layer, 1, &csr, dense.time_s), 1e-6);
    spr_machine_free(&machine);
}

static void dense_by_hand(void)
{
    struct spr_machine machine = test_machine();
    struct spr_model model = model_of(&machine, SPR_F16);
    struct spr_layer layer = linear(30, 20, 7);
    struct spr_prediction out;
    spr_model_dense(&model, &layer, 3, &out);
    CHECK_EXACT(2.0 * 30 * 20 * 21, out.flops_issued);
    CHECK_EXACT(out.flops_issued, out.flops_useful);
    CHECK_EXACT(600, out.nnz);
    CHECK_EXACT(1, out.tau);
    CHECK_EXACT(1200, out.bytes_weight_values);
    CHECK_EXACT(0, out.bytes_weight_index);
    CHECK_EXACT(20 * 21 * 2.0, out.bytes_x);
    CHECK_EXACT(30 * 21 * 2.0, out.bytes_y);
    CHECK_EXACT(1200 + 840 + 1260, out.bytes);
    CHECK_NEAR(3300 / 1555e9, out.time_s, 1e-15);
    CHECK_NEAR(2100 / 1555e9, out.ceiling_time_s, 1e-15);
    CHECK_INT(0, out.bound);
    layer.x_elements = 100; /* a convolution whose windows overlap */
    spr_model_dense(&model, &layer, 3, &out);
    CHECK_EXACT(100 * 3 * 2.0, out.bytes_x);
    spr_machine_free(&machine);
}

static void other_and_attention(void)
{
    struct spr_machine machine = test_machine();
    struct spr_model model = model_of(&machine, SPR_F16);
    struct spr_layer layer = {
        .op = SPR_OP_ATTENTION, .m = 10, .k = 4, .n = 6, .count = 1, .groups = 1};
    struct spr_prediction out;
    spr_model_dense(&model, &layer, 5, &out);
    CHECK_EXACT(2.0 * 10 * 4 * 6 * 5, out.flops_issued);
    CHECK_EXACT(5.0 * (40 + 24) * 2, out.bytes_x);
    CHECK_EXACT(5.0 * 60 * 2, out.bytes_y);
    CHECK_EXACT(0, out.bytes_weight_values);
    CHECK(isnan(out.nnz) && isnan(out.tau));
    layer = (struct spr_layer){
        .op = SPR_OP_OTHER, .count = 1, .groups = 1, .other_flops = 7, .other_bytes = 1000};
    spr_model_dense(&model, &layer, 5, &out);
    CHECK_EXACT(35, out.flops_issued);
    CHECK_EXACT(5000, out.bytes);
    CHECK(isnan(out.bytes_x));
    layer.other_bytes = (double)NAN; /* elements, so that the dtype decides */
    layer.x_elements = 300;
    spr_model_dense(&model, &layer, 5, &out);
    CHECK_EXACT(3000, out.bytes);
    layer.other_flops = 1e15;
    spr_model_dense(&model, &layer, 1, &out);
    CHECK_INT(SPR_BOUND_COMPUTE, out.bound);
    CHECK_NEAR(1e15 / 312e12, out.time_s, 1e-15);
    spr_machine_free(&machine);
}

#define TILED(rows)                                                                           \
    "{\"schema\":\"sproof/machine\",\"schema_version\":1,\"name\":\"t\",\"engines\":[{"       \
    "\"name\":\"e\",\"dtypes\":[\"f32\"],\"flops_per_s\":1e6,\"accepts\":[\"any\"],"          \
    "\"tile_rows\":" #rows "}],\"memory\":[{\"level\":\"DRAM\",\"bytes_per_s\":1e30}]}"

static void tiles(void)
{
    static const struct {
        const char *pattern;
        double sparsity, issued, ideal;
    } rows[] = {
        /* one n; ceil(R/8)*8 rows of every block are multiplied */
        {"4x4", 0.5, 2 * 8 * 8 * 4, 2 * 8 * 16}, /* 16 blocks, 8 kept */
        {"16x4", 0, 2 * 4 * 16 * 4, 2 * 256},
        {"12x4", 0, 2 * 8 * 16 * 4, 2 * 8 * 48}, /* two block rows of 12, tiled to 16 */
        {"csr", 0.5, 2 * 128, 2 * 128},
        {"2:4", 0.5, 2 * 128, 2 * 128},
    };
    struct spr_machine machine = test_machine_of(TILED(8));
    struct spr_model model = model_of(&machine, SPR_F32);
    model.native_only = true;
    struct spr_layer layer = linear(16, 16, 1);
    struct spr_prediction dense;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        test_row = rows[i].pattern;
        model.ideal_tiles = false;
        CHECK_EXACT(
            rows[i].issued,
            predict(&model, &layer, 1, rows[i].pattern, rows[i].sparsity).flops_issued);
        model.ideal_tiles = true;
        CHECK_EXACT(
            rows[i].ideal,
            predict(&model, &layer, 1, rows[i].pattern, rows[i].sparsity).flops_issued);
    }
    test_row = "";
    model.ideal_tiles = false;
    layer = linear(3, 16, 1); /* dense is not padded */
    spr_model_dense(&model, &layer, 1, &dense);
    CHECK_EXACT(2 * 48, dense.flops_issued);
    spr_machine_free(&machine);
}

static void executed_as(void)
{
    struct spr_machine machine = test_machine();
    struct spr_model model = model_of(&machine, SPR_F16);
    model.native_only = true;
    struct spr_layer layer = linear(16, 16, 4);
    struct spr_prediction run = predict(&model, &layer, 1, "1:4", 0.75);
    CHECK_EXACT(64, run.nnz); /* its own */
    CHECK_EXACT(2.0 * 64 * 4, run.flops_useful);
    CHECK_EXACT(2.0 * 128 * 4, run.flops_issued); /* those of 2:4 */
    CHECK_EXACT(256, run.bytes_weight_values);
    CHECK_EXACT(128 * 2.0 / 8, run.bytes_weight_index);
    CHECK_INT(1, run.engine);
    CHECK_INT(2, run.executed_as.a);
    run = predict(&model, &layer, 1, "2:4", 0.5);
    CHECK(run.executed_as.kind == NULL);
    struct spr_pattern bitmask = pattern_of("bitmask"), odd = pattern_of("3:8");
    CHECK(!spr_model_accepts(&model, &odd));
    CHECK(spr_model_accepts(&model, &bitmask)); /* "csr" names the class */
    spr_machine_free(&machine);
}

#define CACHED                                                                                \
    "{\"schema\":\"sproof/machine\",\"schema_version\":1,\"name\":\"c\",\"engines\":[{"       \
    "\"name\":\"e\",\"dtypes\":[\"f32\"],\"flops_per_s\":1e30,\"accepts\":[\"any\"]}],"       \
    "\"memory\":[{\"level\":\"L1\",\"bytes\":500,\"bytes_per_s\":10},"                        \
    "{\"level\":\"DRAM\",\"bytes_per_s\":1}]}"

/* W, X and Y of 400 bytes each; 1000 bytes of cache in two cores. */
static void residencies(void)
{
    static const struct {
        enum spr_residency residency;
        int64_t threads;
        double dense_s, sparse_s; /* half the non-zeros, stored as bitmask */
        const char *bound;
    } rows[] = {
        {SPR_RESIDENCY_DRAM, 2, 1200, 1057, "DRAM"},
        {SPR_RESIDENCY_WARM, 2, 200, 105.7, "DRAM"}, /* 57 beyond in sparse, L1 slower */
        {SPR_RESIDENCY_WARM, 1, 700, 557, "DRAM"},
        {SPR_RESIDENCY_COLD, 2, 400, 257, "DRAM"},
        {SPR_RESIDENCY_COLD, 1, 400 + 300, 257 + 300, "DRAM"},
        {SPR_RESIDENCY_NETWORK, 2, 400 * (1 - 1000 / 3000.0), 257 * (1 - 1000 / 3000.0),
         "DRAM"},
    };
    struct spr_machine machine = test_machine_of(CACHED);
    struct spr_model model = model_of(&machine, SPR_F32);
    struct spr_layer layer = linear(10, 10, 10);
    struct spr_prediction dense, sparse;
    model.network_bytes = 3000;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        spr_model_set_residency(&model, rows[i].residency, rows[i].threads);
        test_row = spr_residency_name(rows[i].residency);
        spr_model_dense(&model, &layer, 1, &dense);
        sparse = predict(&model, &layer, 1, "bitmask", 0.5);
        /* 50 values, 13 bytes of mask, 11 pointers; all but 1 in 1024 of X */
        double x = 400 * (1 - 1 / 1024.0);
        CHECK_EXACT(200 + 13 + 44, sparse.bytes_weight_values + sparse.bytes_weight_index);
        CHECK_NEAR(x, sparse.bytes_x, 1e-12);
        CHECK_NEAR(rows[i].dense_s, dense.time_s, 1e-12);
        CHECK_NEAR(rows[i].sparse_s, sparse.time_s, 1e-3);
        CHECK_TEXT(rows[i].bound, spr_bound_name(&machine, dense.bound));
    }
    test_row = "";
    spr_machine_free(&machine);
}

static void overhead(void)
{
    struct spr_machine machine = test_machine();
    machine.overhead_s.value = 5e-6;
    struct spr_model model = model_of(&machine, SPR_F16);
    struct spr_layer layer = linear(30, 20, 7);
    struct spr_prediction out;
    spr_model_dense(&model, &layer, 1, &out);
    CHECK_NEAR(5e-6 + out.bytes / 1555e9, out.time_s, 1e-15);
    CHECK_TEXT("overhead", spr_bound_name(&machine, out.bound));
    CHECK_TEXT("compute", spr_bound_name(&machine, SPR_BOUND_COMPUTE));
    /* Twelve heads in one call. */
    layer.count = 12;
    spr_model_dense(&model, &layer, 1, &out);
    CHECK_NEAR(5e-6 / 12 + out.bytes / 1555e9, out.time_s, 1e-15);
    layer.count = 0;
    CHECK_EXACT(0, spr_model_call_s(&model, &layer));
    spr_machine_free(&machine);
}

/* A residual sum reads two and writes one of 1000 elements; 2 * 1000 are its product's Y. */
static void epilogue(void)
{
    struct spr_machine machine = test_machine();
    machine.overhead_s.value = 5e-6;
    struct spr_model model = model_of(&machine, SPR_F16);
    struct spr_layer layer = {.op = SPR_OP_OTHER,
                              .count = 1,
                              .calls = 1,
                              .groups = 1,
                              .x_elements = 3000,
                              .other_flops = 1000,
                              .other_bytes = (double)NAN,
                              .epilogue = true,
                              .y_elements = 2000};
    struct spr_prediction out;
    spr_model_dense(&model, &layer, 2, &out);
    CHECK_EXACT(2 * 6000, out.bytes);
    model.fuse = true;
    spr_model_dense(&model, &layer, 2, &out);
    CHECK_EXACT(2 * 2000, out.bytes);
    CHECK_EXACT(2 * 1000, out.flops_issued);
    CHECK_NEAR(4000 / 1555e9, out.time_s, 1e-15);
    CHECK_EXACT(0, spr_model_call_s(&model, &layer));
    /* Fewer bytes than the product's Y: nothing is left, not less. */
    layer.x_elements = 1500;
    spr_model_dense(&model, &layer, 1, &out);
    CHECK_EXACT(0, out.bytes);
    spr_machine_free(&machine);
}

static void no_dense_engine(void)
{
    struct spr_machine machine = test_machine();
    struct spr_model model;
    struct spr_error err = {0};
    CHECK_STATUS(SPR_EINPUT,
                 spr_model_prepare(&model, &machine, SPR_F64, SPR_NOMINAL, SPR_NOMINAL, &err),
                 &err);
    CHECK_TEXT("machine reference has no engine with a known rate for dense f64 work: its "
               "engines have f16",
               err.text);
    spr_machine_free(&machine);
}

/* Fixed patterns break even nowhere; what never pays has none; what always pays has 0. */
static void break_even(void)
{
    struct spr_machine machine = test_machine();
    struct spr_model model = model_of(&machine, SPR_F16);
    struct spr_layer layer = linear(64, 64, 100000);
    struct spr_prediction dense;
    struct spr_ways nm = ways_of(&model, "2:4"), csr = ways_of(&model, "csr"),
                    block = ways_of(&model, "64x64");
    model.native_only = true;
    spr_model_dense(&model, &layer, 1, &dense);
    CHECK(isnan(spr_model_break_even(&model, &layer, 1, &nm, dense.time_s)));
    CHECK(isnan(spr_model_break_even(&model, &layer, 1, &csr, 0)));
    CHECK_EXACT(0, spr_model_break_even(&model, &layer, 1, &csr, 1));
    CHECK_EXACT(1, spr_model_break_even(&model, &layer, 1, &block, dense.time_s));
    spr_machine_free(&machine);
}

/* On the A100 whose rates are in the issue: 312 TFLOP/s, on simt 19.5, 2039 GB/s. */
static void executions(void)
{
    static const struct {
        const char *pattern;
        double sparsity;
        int64_t m, k, n;
        const char *speedup, *execution, *as;
    } rows[] = {
        {"bitmask", 0.8, 36864, 9216, 64, "2.41", "expanded", "dense"},
        {"csr16", 0.8, 36864, 9216, 64, "2.41", "expanded", "dense"},
        {"csr", 0.8, 36864, 9216, 64, "1.66", "expanded", "dense"},
        {"2:4", 0.5, 3072, 10240, 3072, "2.00", "native", "mixed"},
        {"1:2", 0.5, 3072, 10240, 3072, "2.00", "expanded", "2:4"},
        {"2:8", 0.75, 3072, 10240, 3072, "2.00", "expanded", "2:4"},
        {"1:8", 0.875, 3072, 10240, 3072, "2.00", "expanded", "2:4"},
        {"2:16", 0.875, 3072, 10240, 3072, "2.00", "expanded", "2:4"},
        {"1:3", 2 / 3.0, 3072, 10240, 3072, "2.00", "expanded", "2:4"},
        {"1:5", 0.8, 3072, 10240, 3072, "2.00", "expanded", "2:4"},
        {"4:6", 1 / 3.0, 3072, 12288, 3072, "1.50", "expanded", "2:4"},
        {"6:8", 0.25, 3072, 10240, 3072, "1.33", "expanded", "2:4"},
        {"8:10", 0.2, 3072, 10240, 3072, "1.25", "expanded", "2:4"},
        {"4:8", 0.5, 3072, 10240, 3072, "1.33", "expanded", "2:4"},
        {"2:3", 1 / 3.0, 3072, 12288, 3072, "1.50", "expanded", "2:4"},
        {"3:5", 0.4, 3072, 10240, 3072, "1.33", "expanded", "2:4"},
        {"7:8", 0.125, 3072, 10240, 3072, "1.14", "expanded", "2:4"},
        {"64:2:8", 0.75, 3072, 10240, 3072, "4.00", "expanded", "2:4"},
        {"64:1:8", 0.875, 3072, 10240, 3072, "4.00", "expanded", "2:4"},
        {"64:3:8", 0.625, 3072, 10240, 3072, "1.00", "dense", "dense"},
        {"csr", 0.8, 3072, 10240, 3072, "1.00", "dense", "dense"},
        {"csr", 0.99, 3072, 10240, 3072, "6.25", "native", "mixed"},
        {"4x4", 0.5, 3072, 10240, 3072, "1.00", "dense", "dense"},
    };
    struct spr_machine machine;
    CHECK_INT(SPR_OK, spr_machine_find("a100-sxm-80gb", &machine, NULL));
    struct spr_model model = model_of(&machine, SPR_F16);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_layer layer = linear(rows[i].m, rows[i].k, rows[i].n);
        struct spr_prediction dense,
            run = predict(&model, &layer, 1, rows[i].pattern, rows[i].sparsity);
        char text[32], as[SPR_PATTERN_TEXT];
        test_row = rows[i].pattern;
        spr_model_dense(&model, &layer, 1, &dense);
        snprintf(text, sizeof text, "%.2f", dense.time_s / run.time_s);
        CHECK_TEXT(rows[i].speedup, text);
        CHECK_TEXT(rows[i].execution, spr_execution_name(run.execution));
        CHECK_TEXT(rows[i].as, spr_pattern_text(&run.executed_as, as));
        CHECK_EXACT(run.time_s, run.execution_s[run.execution]);
        CHECK_EXACT(dense.time_s, run.execution_s[SPR_EXECUTION_DENSE]);
    }
    test_row = "";
    spr_machine_free(&machine);
}

int main(void)
{
    executions();
    reference_table();
    dense_by_hand();
    other_and_attention();
    tiles();
    executed_as();
    residencies();
    overhead();
    epilogue();
    no_dense_engine();
    break_even();
    return test_end();
}
