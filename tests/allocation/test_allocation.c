/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation fails once, in every reader and in the analysis: the status says so,
 * nothing is left behind (sanitizers look), and the next call works. */
#include "sproof/calibrate.h"
#include "sproof/probe.h"
#include "sproof/report.h"
#include "test.h"

#include "machine.h"
#include "base/mem.h"
#include "validation.h"
#include "sproof/accuracy.h"
#include "sproof/compare.h"
#include "sproof/convnet.h"
#include "sproof/end_to_end.h"
#include "sproof/expected.h"
#include "sproof/inspect.h"
#include "sproof/record.h"
#include "sproof/schedule.h"

static struct spr_network network; /* large: every array grows */
static struct spr_network small;   /* a record is a tree of many small pieces */
static struct spr_machine machine;
static struct spr_accuracy accuracy;
static struct spr_options options = {.dtype = SPR_F16, .batches = {1, 8}, .batch_count = 2};

static enum spr_status read_network(struct spr_error *err)
{
    struct spr_network read;
    struct spr_notes notes = {0};
    enum spr_status status = spr_network_read("net.csv", &read, &notes, err);
    spr_notes_free(&notes);
    spr_network_free(&read);
    return status;
}

static enum spr_status read_accuracy(struct spr_error *err)
{
    struct spr_accuracy read;
    enum spr_status status = spr_accuracy_read("acc.csv", &read, NULL, err);
    spr_accuracy_free(&read);
    return status;
}

static enum spr_status read_machine(struct spr_error *err)
{
    struct spr_machine read;
    enum spr_status status = spr_machine_read("machine.json", &read, err);
    spr_machine_free(&read);
    return status;
}

static enum spr_status find_machine(struct spr_error *err)
{
    struct spr_machine read;
    enum spr_status status = spr_machine_find("no-such-machine", &read, err);
    spr_machine_free(&read);
    return status;
}

static enum spr_status host(struct spr_error *err)
{
    struct spr_machine read;
    enum spr_status status = spr_machine_host(2, &read, err);
    spr_machine_free(&read);
    return status;
}

static enum spr_status analyze(struct spr_error *err)
{
    struct spr_analysis analysis;
    enum spr_status status = spr_analyze(&network, &machine, &options, &analysis, err);
    spr_analysis_free(&analysis);
    return status;
}

static enum spr_status write_record(struct spr_error *err)
{
    struct spr_analysis analysis;
    struct spr_record_head head = {.command = "c", .created = "d"};
    const struct spr_record_form form = {0};
    enum spr_status status = spr_analyze(&small, &machine, &options, &analysis, err);
    FILE *file = status == SPR_OK ? fopen("record.json", "wb") : NULL;
    if (file) {
        status = spr_record_write(file, &analysis, &head, &form, err);
        fclose(file);
    }
    spr_analysis_free(&analysis);
    return status;
}

static enum spr_status read_record(struct spr_error *err)
{
    struct spr_record record;
    enum spr_status status = spr_record_read("good.json", &record, err);
    spr_record_free(&record);
    return status;
}

static enum spr_status write_validation(struct spr_error *err)
{
    static struct spr_validation_case cases[20];
    static const char *reasons[20];
    static struct spr_validation validation = {
        .seed = 1, .cases = cases, .not_measured = reasons};
    for (; validation.case_count < COUNT_OF(cases); validation.case_count++) {
        cases[validation.case_count] = test_case("layer", "4x4", 1e-3);
        reasons[validation.not_measured_count++] = "a reason";
    }
    validation.machine = machine;
    FILE *file = fopen("validation.json", "wb");
    enum spr_status status = spr_validation_write(file, &validation, err);
    fclose(file);
    return status;
}

static enum spr_status read_validation(struct spr_error *err)
{
    struct spr_validation read;
    enum spr_status status = spr_validation_read("good-validation.json", &read, err);
    spr_validation_free(&read);
    return status;
}

static enum spr_status compare_files(const char *base, const char *next, struct spr_error *err)
{
    struct spr_timings points[2] = {0};
    struct spr_comparison comparison = {0};
    FILE *sink = fopen("comparison.json", "wb");
    enum spr_status status = spr_timings_read(base, true, &points[0], err);
    status = status ? status : spr_timings_read(next, true, &points[1], err);
    status = status ? status : spr_compare(&points[0], &points[1], 0.05, &comparison, err);
    status = status ? status : spr_report_comparison(sink, &comparison, SPR_FORMAT_JSON, err);
    fclose(sink);
    spr_comparison_free(&comparison);
    spr_timings_free(&points[0]);
    spr_timings_free(&points[1]);
    return status;
}

static enum spr_status compare_validations(struct spr_error *err)
{
    return compare_files("good-validation.json", "good-validation.json", err);
}

static enum spr_status compare_analyses(struct spr_error *err)
{
    return compare_files("good.json", "good.json", err);
}

static enum spr_status own_points(struct spr_error *err)
{
    struct spr_network read;
    enum spr_status status = spr_network_read("plain.csv", &read, NULL, err);
    status = status ? status : spr_accuracy_make_variants(&accuracy, false, &read, err);
    spr_network_free(&read);
    return status;
}

static enum spr_status grid_and_join(struct spr_error *err)
{
    struct spr_network read;
    struct spr_pattern csr;
    double sparsities[] = {0.5, 0.7, 0.9};
    (void)spr_pattern_parse("csr", &csr, NULL);
    struct spr_grid grid = {&csr, 1, sparsities, 3};
    enum spr_status status = spr_network_read("plain.csv", &read, NULL, err);
    status = status ? status : spr_network_add_grid(&read, &grid, err);
    status = status ? status : spr_accuracy_join(&accuracy, false, &read, err);
    spr_network_free(&read);
    return status;
}

/* A method longer than a piece of an arena is an allocation of its own, the last one. */
static enum spr_status long_method(struct spr_error *err)
{
    struct spr_network read;
    struct spr_accuracy table = {0};
    enum spr_status status = spr_network_read("table.csv", &read, NULL, err);
    status = status ? status : spr_accuracy_read("long.csv", &table, NULL, err);
    status = status ? status : spr_accuracy_join(&table, false, &read, err);
    spr_accuracy_free(&table);
    spr_network_free(&read);
    return status;
}

static enum spr_status pack(struct spr_error *err)
{
    struct spr_pattern pattern;
    struct spr_matrix w = {0};
    struct spr_packed packed = {0};
    (void)spr_pattern_parse("4x2", &pattern, NULL);
    enum spr_status status = spr_matrix_random(&pattern, 30, 40, 20, 1, &w, err);
    struct spr_plan plan = spr_plan_choose(&pattern, SPR_ISA_SCALAR, 30, 40, 3, 20, 2);
    status = status ? status : spr_pack(&plan, &w, &packed, err);
    spr_packed_free(&packed);
    plan = spr_plan_choose_nk(&pattern, SPR_ISA_SCALAR, 30, 40, 3, 20, 2);
    status = status ? status : spr_pack(&plan, &w, &packed, err);
    spr_packed_free(&packed);
    spr_matrix_free(&w);
    return status;
}

static enum spr_status read_smtx(struct spr_error *err)
{
    struct spr_matrix w;
    enum spr_status status = spr_matrix_read_smtx("mask.smtx", 1, &w, err);
    spr_matrix_free(&w);
    return status;
}

/* Every sample takes one look at this clock. */
/* Weights of every form of storage, counted, pruned and written as a table. */
static enum spr_status inspect(const char *path, struct spr_error *err)
{
    const struct spr_weights_options tokens = {.tokens = 8};
    struct spr_weights weights = {0};
    struct spr_inspection in = {0};
    struct spr_pattern patterns[2];
    const struct spr_model_table table = {NULL, 2};
    double energy[8];
    const char *reason[8];
    FILE *file = fopen("model.csv", "w");
    (void)spr_pattern_parse("2x1", &patterns[0], NULL);
    (void)spr_pattern_parse("csr", &patterns[1], NULL);
    const struct spr_prune_options prune = {patterns[0], 0.5, false, SPR_SCORE_L2};
    enum spr_status status = spr_weights_read(path, &tokens, &weights, NULL, err);
    if (status == SPR_OK) {
        status = spr_prune(&weights, &prune, NULL, energy, reason, err);
    }
    status = status ? status : spr_inspect(&weights, patterns, 2, NULL, &in, err);
    status = status ? status : spr_inspection_write_model(file, &in, &table, NULL, err);
    spr_inspection_free(&in);
    spr_weights_free(&weights);
    fclose(file);
    return status;
}

static enum spr_status inspect_mtx(struct spr_error *err)
{
    return inspect("w.mtx", err);
}

static enum spr_status inspect_npy(struct spr_error *err)
{
    return inspect("w.npy", err);
}

static enum spr_status inspect_safetensors(struct spr_error *err)
{
    return inspect("w.safetensors", err);
}

static enum spr_status inspect_onnx(struct spr_error *err)
{
    return inspect("w.onnx", err);
}

static enum spr_status network_of_weights(struct spr_error *err)
{
    const struct spr_weights_options tokens = {.tokens = 8};
    struct spr_weights weights = {0};
    struct spr_network made = {0};
    enum spr_status status = spr_weights_read("w.mtx", &tokens, &weights, NULL, err);
    status = status ? status : spr_weights_network(&weights, "w.mtx", &made, err);
    spr_network_free(&made);
    spr_weights_free(&weights);
    return status;
}

static enum spr_status keep_tuned(struct spr_error *err)
{
    struct spr_tuned tuned = {0}, back = {0};
    struct spr_expected_case of = {.m = 8, .k = 8, .n = 8, .kept = 8, .threads = 1};
    enum spr_status status = spr_pattern_parse("csr", &of.pattern, err);
    struct spr_plan plan = spr_plan_for(NULL, &of);
    status = status ? status : spr_tuned_keep(&tuned, &of, &plan, err);
    status = status ? status : spr_tuned_save(&tuned, err);
    status = status ? status : spr_tuned_read(&back, NULL, err);
    spr_tuned_free(&tuned);
    spr_tuned_free(&back);
    return status;
}

static void write_weights(void)
{
    static const char header[] =
        "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}";
    static const char npy[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n";
    /* ir_version 8; a graph of one MatMul of x by w[2 x 2], raw floats */
    static const unsigned char onnx[] =
        "\x08\x08\x3a\x35\x0a\x11\x0a\x01\x78\x0a\x01\x77\x12\x01\x79\x22\x06\x4d"
        "\x61\x74\x4d\x75\x6c\x2a\x1b\x08\x02\x08\x02\x10\x01\x42\x01\x77\x4a\x10"
        "\x00\x00\x80\x3f\x00\x00\x00\x00\x00\x00\x00\x40\x00\x00\x80\x3f\x5a\x03"
        "\x0a\x01\x78";
    unsigned char bytes[256] = {0};
    const float values[4] = {1, 0, 2, 3};
    test_write("w.mtx", "%%MatrixMarket matrix array real general\n2 2\n1\n0\n2\n3\n");
    bytes[0] = sizeof header - 1;
    memcpy(bytes + 8, header, sizeof header - 1);
    memcpy(bytes + 8 + sizeof header - 1, values, sizeof values);
    test_write_bytes("w.safetensors", bytes, 8 + sizeof header - 1 + sizeof values);
    memcpy(bytes, "\x93NUMPY\1\0", 8);
    bytes[8] = sizeof npy - 1;
    bytes[9] = 0;
    memcpy(bytes + 10, npy, sizeof npy - 1);
    memcpy(bytes + 10 + sizeof npy - 1, values, sizeof values);
    test_write_bytes("w.npy", bytes, 10 + sizeof npy - 1 + sizeof values);
    test_write_bytes("w.onnx", onnx, sizeof onnx - 1);
}

static double jumping_clock(void)
{
    static double now;
    return now += 1;
}

static enum spr_status calibrate(struct spr_error *err)
{
    struct spr_kernel_rates rates = {0};
    const struct spr_calibration calibration = {
        .isa = SPR_ISA_SCALAR, .threads = 1, .quick = true, .clock_s = jumping_clock};
    enum spr_status status = spr_calibrate(&calibration, &rates, err);
    spr_free(rates.tiles);
    return status;
}

/* With all inputs and with winners, which are taken before pooling. */
static enum spr_status run_convnet(struct spr_error *err)
{
    struct spr_network read;
    struct spr_machine host = {.name = "host"};
    struct spr_validation v;
    const struct spr_validate_options o = {.seed = 1,
                                           .isa = SPR_ISA_SCALAR,
                                           .threads = 1,
                                           .batch = 1,
                                           .pool_after = true,
                                           .budget_s = 0.1,
                                           .clock_s = jumping_clock};
    SPR_TRY(spr_network_read("convnet.csv", &read, NULL, err));
    enum spr_status status = spr_convnet_end_to_end(&read, &host, &o, &v, NULL, err);
    if (status == SPR_OK) {
        spr_validation_free(&v);
    }
    spr_network_free(&read);
    return status;
}

static void fail_each(const char *name, enum spr_status (*step)(struct spr_error *),
                      enum spr_status expected)
{
    static struct spr_error err;
    test_row = name;
    err = (struct spr_error){0};
    spr_mem_fail_from(0);
    CHECK_STATUS(expected, step(&err), &err);
    size_t count = spr_mem_fail_from(0);
    CHECK(count > 0);
    /* Calibrating takes a second: of its many alike growths one in seven. */
    const size_t stride = step == calibrate ? 7 : 1;
    for (size_t n = 1; n <= count; n += n < 12 ? 1 : stride) {
        char row[64];
        snprintf(row, sizeof row, "%s, allocation %zu of %zu", name, n, count);
        test_row = row;
        err = (struct spr_error){0};
        spr_mem_fail_from(n);
        enum spr_status status = step(&err);
        spr_mem_fail_from(0);
        CHECK_STATUS(SPR_ENOMEM, status, &err);
        CHECK_TEXT("out of memory", err.text);
        test_row = name;
    }
    err = (struct spr_error){0};
    CHECK_STATUS(expected, step(&err), &err); /* as if nothing had happened */
    test_row = "";
    printf("%s: %zu allocations\n", name, count);
}

/* Rows enough that every array grows and an arena needs a second piece. */
static void write_tables(void)
{
    FILE *file = fopen("net.csv", "wb");
    fputs("layer,m,k,n,variant,pattern,sparsity\n", file);
    for (int i = 0; i < 200; i++) {
        fprintf(file, "\"a layer with a long name, number %d %0300d\",64,64,8,,,\n", i, i);
    }
    for (int v = 0; v < 40; v++) {
        fprintf(file, "\"a layer with a long name, number 0 %0300d\",,,,v%d,4x4,0.%d\n", 0, v,
                50 + v);
    }
    fclose(file);
    test_write("convnet.csv",
               "layer,op,m,k,n,x_elements,flops,variant,pattern,sparsity\n"
               "cnn1,conv,8,25,144,256,,,,\ncnn1_maxpool,other,,,,9,9,,,\n"
               "cnn1_kwinner,other,,,,9,9,,,\ncnn2,conv,16,200,4,288,,,,\n"
               "cnn2_maxpool,other,,,,9,9,,,\ncnn2_kwinner,other,,,,9,9,,,\n"
               "linear,linear,20,16,1,16,,,,\nlinear_kwinner,other,,,,9,9,,,\n"
               "output,linear,5,20,1,20,,,,\ncnn2,conv,16,200,4,288,,half,csr,0.5\n");
    test_write("small.csv", "layer,m,k,n,variant,pattern,sparsity,nnz\na,64,64,8,,,,\n"
                            "b,64,64,8,,,,\na,,,,v,4x4,0.5,\nb,,,,v,csr,,99\n");
    test_write("plain.csv", "layer,m,k,n\na,64,64,8\nb,64,64,8\n");
    test_write("table.csv", "layer,m,k,n,variant,pattern,sparsity\na,64,64,8,v,csr,0.5\n");
    file = fopen("long.csv", "wb");
    fprintf(file, "pattern,sparsity,accuracy,method\ncsr,0.5,1,%0100000d\n", 7);
    fclose(file);
    file = fopen("acc.csv", "wb");
    fputs("pattern,sparsity,accuracy,method,source\n", file);
    for (int i = 0; i < 100; i++) {
        fprintf(file, "csr,0.%d,1,method %c,%0900d\n", 500 + i / 2, 'A' + i % 2, i);
    }
    fclose(file);
}

int main(void)
{
    write_tables();
    machine = test_machine();
    CHECK_INT(SPR_OK, spr_network_read("net.csv", &network, NULL, NULL));
    CHECK_INT(SPR_OK, spr_network_read("small.csv", &small, NULL, NULL));
    CHECK_INT(SPR_OK, spr_accuracy_read("acc.csv", &accuracy, NULL, NULL));
    CHECK_INT(SPR_OK, write_record(NULL));
    CHECK_INT(0, rename("record.json", "good.json"));
    fail_each("read network", read_network, SPR_OK);
    fail_each("read accuracy", read_accuracy, SPR_OK);
    fail_each("read machine", read_machine, SPR_OK);
    fail_each("list machines", find_machine, SPR_EINPUT);
    fail_each("host", host, SPR_OK);
    fail_each("analyze", analyze, SPR_OK);
    fail_each("write record", write_record, SPR_OK);
    fail_each("variants of an accuracy table", own_points, SPR_OK);
    fail_each("join a grid", grid_and_join, SPR_OK);
    fail_each("join a long method", long_method, SPR_OK);
    fail_each("read record", read_record, SPR_OK);
    CHECK_INT(SPR_OK, write_validation(NULL));
    CHECK_INT(0, rename("validation.json", "good-validation.json"));
    fail_each("write validation", write_validation, SPR_OK);
    fail_each("read validation", read_validation, SPR_OK);
    fail_each("compare validations", compare_validations, SPR_OK);
    fail_each("compare analyses", compare_analyses, SPR_OK);
    test_write("mask.smtx", "2, 3, 3\n0 2 3\n0 2 1\n");
    fail_each("pack a matrix", pack, SPR_OK);
    fail_each("read a mask", read_smtx, SPR_OK);
    fail_each("calibrate", calibrate, SPR_OK);
    fail_each("convolutional network", run_convnet, SPR_OK);
    write_weights();
    fail_each("inspect Matrix Market", inspect_mtx, SPR_OK);
    fail_each("inspect NumPy", inspect_npy, SPR_OK);
    fail_each("inspect safetensors", inspect_safetensors, SPR_OK);
    fail_each("inspect ONNX", inspect_onnx, SPR_OK);
    fail_each("a network of weights", network_of_weights, SPR_OK);
    setenv("XDG_CACHE_HOME", ".", 1);
    fail_each("keep tuned plans", keep_tuned, SPR_OK);
    spr_accuracy_free(&accuracy);
    spr_network_free(&small);
    spr_network_free(&network);
    spr_machine_free(&machine);
    return test_end();
}
