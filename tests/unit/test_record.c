/* SPDX-License-Identifier: Apache-2.0 */
/* Records: what is written, read and written again is the same file; what is refused. */
#include "sproof/version.h"
#include "test.h"

#include "machine.h"
#include "sproof/record.h"

static const struct spr_record_form short_form = {0}, full_form = {.layers = true};

static void write_record(const char *path, const struct spr_analysis *analysis,
                         const struct spr_record_head *head,
                         const struct spr_record_form *form)
{
    struct spr_error err = {0};
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK_STATUS(SPR_OK, spr_record_write(file, analysis, head, form, &err), &err);
    CHECK_INT(0, fclose(file));
}

/* Into PATH without the layers of the variants, and into full.json with them. */
static void analyze_into(const char *path, const char *table,
                         const struct spr_options *options, const char *pattern_text)
{
    struct spr_record_head head = {.command = "sproof analyze \"net.csv\"",
                                   .created = "2026-01-31T12:00:00Z",
                                   .model = {.path = "net.csv"},
                                   .machine = {.path = "machine.json"}};
    struct spr_machine machine = test_machine_of(
        "{\"schema\":\"sproof/machine\",\"schema_version\":1,\"name\":\"r\",\"cores\":4,"
        "\"description\":\"\\u00e9\",\"default_dtype\":\"f16\",\"engines\":[{\"name\":\"t\","
        "\"dtypes\":[\"f16\",\"f32\"],\"tile_rows\":8,\"flops_per_s\":{\"value\":3.1e12,"
        "\"low\":3e12,\"high\":3.2e12,\"kind\":\"measured\",\"source\":\"s\",\"date\":\"d\"},"
        "\"accepts\":[\"dense\",{\"pattern\":\"1:4\",\"as\":\"2:4\"},\"any\"]}],\"memory\":["
        "{\"level\":\"L2\",\"bytes\":4096,\"shared\":true,\"bytes_per_s\":null},"
        "{\"level\":\"DRAM\",\"bytes_per_s\":1.1e9}],\"overhead_s\":1e-7}");
    struct spr_network network;
    struct spr_analysis analysis;
    struct spr_error err = {0};
    test_write("net.csv", table);
    CHECK_STATUS(SPR_OK, spr_network_read("net.csv", &network, NULL, &err), &err);
    if (pattern_text) {
        const double sparsities[] = {0.5, 0.9};
        struct spr_pattern pattern;
        CHECK_INT(SPR_OK, spr_pattern_parse(pattern_text, &pattern, NULL));
        struct spr_grid grid = {&pattern, 1, sparsities, 2};
        CHECK_INT(SPR_OK, spr_network_add_grid(&network, &grid, NULL));
    }
    CHECK_INT(SPR_OK, spr_sha256_file("net.csv", head.model.sha256, NULL));
    CHECK_INT(SPR_OK, spr_sha256_file("machine.json", head.machine.sha256, NULL));
    CHECK_STATUS(SPR_OK, spr_analyze(&network, &machine, options, &analysis, &err), &err);
    write_record(path, &analysis, &head, &short_form);
    write_record("full.json", &analysis, &head, &full_form);
    spr_analysis_free(&analysis);
    spr_network_free(&network);
    spr_machine_free(&machine);
}

static void write_again(const char *from, const char *to, const struct spr_record_form *form)
{
    struct spr_record record;
    struct spr_analysis analysis = {0};
    struct spr_error err = {0};
    CHECK_STATUS(SPR_OK, spr_record_read(from, &record, &err), &err);
    CHECK_STATUS(
        SPR_OK,
        spr_analyze(&record.network, &record.machine, &record.options, &analysis, &err), &err);
    write_record(to, &analysis, &record.head, form);
    spr_analysis_free(&analysis);
    spr_record_free(&record);
}

#define TABLE                                                                                 \
    "layer,m,k,n,op,count,groups,prunable,x_elements,flops,bytes,variant,pattern,sparsity,"   \
    "nnz,"                                                                                    \
    "touched_columns,longest_row,activation_sparsity,accuracy\n"                              \
    "\"a, \"\"q\"\"\",64,32,7,,2,,,,,,,,,,,,0.5,76.1\nb,12,9,49,conv,1,3,yes,300,,,,,,,,,,\n" \
    "c,7,9,49,depthwise,,7,,,,,,,,,,,,\nd,5,6,7,attention,,,,,,,,,,,,,,\n"                    \
    "e,,,,other,3,,,,10,20,,,,,,,,\nf,,,,other,,,,77,1,,,,,,,,,\n"
#define VARIANTS                                                                              \
    "\"a, \"\"q\"\"\",,,,,,,,,,,v1,4x4,90%,,,,,75.2\nb,,,,,,,,,,,v1,csr,,30,5,9,0.25,\n"      \
    "b,,,,,,,,,,,v2,ell,0.3333333333333333,,,4,,\n\"a, \"\"q\"\"\",,,,,,,,,,,v2,1:4,,,,,,\n"

static void same_files(const char *one, const char *other)
{
    char *first = test_read(one, NULL), *second = test_read(other, NULL);
    CHECK_TEXT(first, second);
    CHECK(strstr(first, "nan") == NULL && strstr(first, "inf,") == NULL);
    free(first);
    free(second);
}

/* Whichever of the two forms is read, either can be written from it again. */
static void same_forms(const char *table, const struct spr_options *options,
                       const char *pattern)
{
    size_t short_size, full_size;
    analyze_into("first.json", table, options, pattern);
    char *first = test_read("first.json", &short_size);
    char *full = test_read("full.json", &full_size);
    CHECK(short_size > 2000 && full_size > short_size + 2000);
    CHECK(strstr(first, "\"reason\"") == NULL && strstr(full, "\"pruned\"") == NULL);
    CHECK((strstr(first, "\"pruned\"") != NULL) == !pattern);
    free(first);
    free(full);
    write_again("first.json", "second.json", &short_form);
    same_files("first.json", "second.json");
    write_again("first.json", "second.json", &full_form);
    same_files("full.json", "second.json");
    write_again("full.json", "second.json", &full_form);
    same_files("full.json", "second.json");
    write_again("full.json", "second.json", &short_form);
    same_files("first.json", "second.json");
}

/* That of several options. */
static void same_bytes(void)
{
    static const struct {
        const char *name, *table, *pattern;
        struct spr_options options;
    } rows[] = {
        {"table", TABLE VARIANTS, NULL, {.dtype = SPR_F16, .batches = {1}, .batch_count = 1}},
        {"batches",
         TABLE VARIANTS,
         NULL,
         {.dtype = SPR_F32,
          .batches = {1, 8, 64},
          .batch_count = 3,
          .ideal_tiles = true,
          .residency = SPR_RESIDENCY_NETWORK,
          .threads = 4}},
        {"grid",
         TABLE,
         "4x4",
         {.dtype = SPR_F16,
          .batches = {3},
          .batch_count = 1,
          .has_max_drop = true,
          .max_drop = 0.02,
          .max_drop_relative = true,
          .assume_uniform = true}},
        {"fixed",
         TABLE,
         "1:4",
         {.dtype = SPR_F16,
          .batches = {1},
          .batch_count = 1,
          .changes = {{"memory.DRAM.bytes_per_s", 5e8, 1.1e9}},
          .change_count = 1}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        test_row = rows[i].name;
        same_forms(rows[i].table, &rows[i].options, rows[i].pattern);
    }
    test_row = "";
}

/* With types for each operand, and for the dense side. */
static void same_types(void)
{
    struct spr_options options = {.dtype = SPR_F16, .batches = {1}, .batch_count = 1};
    char *text;
    CHECK_INT(SPR_OK, spr_types_parse("w:i4/64,y:f32", SPR_F16, &options.types, NULL));
    same_forms(TABLE VARIANTS, &options, NULL);
    text = test_read("first.json", NULL);
    CHECK(strstr(text, "\"dtype\":\"f16\",\n  \"weights_dtype\":\"i4/64\",\n  "
                       "\"x_dtype\":\"f16\",\n  \"y_dtype\":\"f32\",\n"));
    free(text);
    options.types = (struct spr_types){0};
    CHECK_INT(SPR_OK, spr_types_parse("w:q4_K", SPR_F16, &options.against, NULL));
    same_forms(TABLE VARIANTS, &options, NULL);
    text = test_read("first.json", NULL);
    CHECK(strstr(text, "\"dtype\":\"f16\",\n  \"against\":{\n   "
                       "\"weights_dtype\":\"q4_K\",\n   \"x_dtype\":\"f16\",\n"));
    free(text);
}

/* A byte more than may be, and it is no record; no more is written than that takes. */
static void too_large(const char *path, const struct spr_analysis *analysis, bool layers)
{
    struct spr_record_head head = {.command = "c", .created = "d"};
    struct spr_record_form form = {.layers = layers};
    struct spr_error err = {0};
    size_t size;
    write_record(path, analysis, &head, &form);
    free(test_read(path, &size));
    form.most = size;
    write_record(path, analysis, &head, &form);
    for (int i = 0; i < 2; i++) {
        size_t written;
        form.most = i == 0 ? size - 1 : size / 8;
        FILE *file = fopen(path, "wb");
        CHECK_STATUS(SPR_EINPUT, spr_record_write(file, analysis, &head, &form, &err), &err);
        CHECK(strstr(err.text, "larger than") && strstr(err.text, "more than is read back"));
        CHECK((strstr(err.text, "expected no --layers") != NULL) == layers);
        fclose(file);
        free(test_read(path, &written));
        CHECK(written < form.most + 4096);
    }
}

static void not_written(void)
{
    static const double sparsities[] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
    const struct spr_options options = {.dtype = SPR_F16, .batches = {1}, .batch_count = 1};
    struct spr_machine machine = test_machine();
    struct spr_network network;
    struct spr_analysis analysis;
    struct spr_error err = {0};
    struct spr_pattern csr;
    FILE *file = fopen("wide.csv", "wb");
    fprintf(file, "layer,m,k,n\n");
    for (int i = 0; i < 400; i++) {
        fprintf(file, "layer%d,64,64,64\n", i);
    }
    fclose(file);
    CHECK_STATUS(SPR_OK, spr_network_read("wide.csv", &network, NULL, &err), &err);
    CHECK_INT(SPR_OK, spr_pattern_parse("csr", &csr, NULL));
    const struct spr_grid grid = {&csr, 1, sparsities, COUNT_OF(sparsities)};
    CHECK_INT(SPR_OK, spr_network_add_grid(&network, &grid, NULL));
    CHECK_STATUS(SPR_OK, spr_analyze(&network, &machine, &options, &analysis, &err), &err);
    too_large("large.json", &analysis, false);
    too_large("large.json", &analysis, true);
    spr_analysis_free(&analysis);
    spr_network_free(&network);
    spr_machine_free(&machine);
}

/* One change in a good record, and what is said of it. */
static void refused(void)
{
    static const struct {
        const char *from, *to, *message;
    } rows[] = {
        {"sproof/analysis", "sproof/other",
         "r.json: schema: expected \"sproof/analysis\", a record made by sproof analyze"},
        {"\"schema_version\":2", "\"schema_version\":3",
         "r.json: schema_version: 3: expected at most 2: made by a newer sproof"},
        {"\"pruned\":[\n    {\"layer\":\"a", "\"pruned\":[\n    {\"layer\":\"z",
         "r.json: variants[0].pruned[].layer: expected a layer of the network"},
        {"\"sparsity\":0.3333333333333333", "\"sparsity\":3",
         "r.json: variants[1].pruned[].sparsity: expected a fraction 0..1 on a prunable "
         "layer"},
        {"\"pruned\":[\n    {\"layer\":\"a, \\\"q\\\"\"", "\"pruned\":[\n    {\"layer\":\"b\"",
         "r.json: variants[0].pruned: expected each layer once, in the order of the network"},
        {"\"dtype\":\"f16\"", "\"dtype\":\"f15\"",
         "r.json: options.dtype: expected f64, f32, tf32, f16, bf16, fp8 or i8"},
        {"\"batches\":[", "\"weights_dtype\":\"f16\",\"x_dtype\":\"i4\",\"batches\":[",
         "r.json: options.weights_dtype, x_dtype, y_dtype: dtype 'x:i4': only weights are "
         "stored as i4: expected w:i4"},
        {"\"batches\":[", "\"against\":{\"y_dtype\":\"i4\"},\"batches\":[",
         "r.json: options.weights_dtype, x_dtype, y_dtype: unknown dtype '': expected f64, "
         "f32, tf32, f16, bf16, fp8, i8, i4, i3, i2, fp4, fp6, nvfp4, nf4, q4_0, q4_1, q5_0, "
         "q5_1, q8_0, q2_K, q3_K, q4_K, q5_K or q6_K"},
        {"\"batches\":[", "\"batches\":[0,",
         "r.json: options.batches: expected at most 64 integers 1..2^40"},
        {"\"op\":\"linear\"", "\"op\":\"lin\"",
         "r.json: layers[0].op: expected linear, conv, depthwise, attention or other"},
        {"\"m\":64", "\"m\":0", "r.json: layers[0].m: expected an integer 1..2^40"},
        {"\"x_elements\":224", "\"x_elements\":-1",
         "r.json: layers[0].x_elements: expected a number above 0"},
        {"\"x_elements\":224", "\"x_elements\":5e-324",
         "r.json: layers[0].x_elements: expected a number of 1 or more"},
        {"\"batches\":[", "\"batches\":[1.5,",
         "r.json: options.batches: expected at most 64 integers 1..2^40"},
        {"\"count\":", "\"count\":5e-324,\"old\":",
         "r.json: layers[0].count: expected an integer 1..2^40"},
        {"\"threads\":", "\"threads\":1.5,\"old\":",
         "r.json: options.threads: expected an integer 1..10^6"},
        {"\"layer\":\"b\"", "\"layer\":\"c\"",
         "r.json: layers[2].layer: expected a name used once"},
    };
    struct spr_options options = {.dtype = SPR_F16, .batches = {1}, .batch_count = 1};
    analyze_into("good.json", TABLE VARIANTS, &options, NULL);
    char *good = test_read("good.json", NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_record record;
        struct spr_error err = {0};
        test_row = rows[i].message;
        char *at = strstr(good, rows[i].from);
        CHECK(at != NULL);
        if (at) {
            FILE *file = fopen("r.json", "wb");
            fwrite(good, 1, (size_t)(at - good), file);
            fputs(rows[i].to, file);
            fputs(at + strlen(rows[i].from), file);
            fclose(file);
            CHECK_STATUS(SPR_EINPUT, spr_record_read("r.json", &record, &err), &err);
            CHECK_TEXT(rows[i].message, err.text);
            CHECK(record.network.arena.head == NULL && record.machine.arena.head == NULL);
        }
    }
    test_row = "";
    free(good);
}

/* Keys of later versions are passed over. */
static void unknown_keys(void)
{
    struct spr_options options = {.dtype = SPR_F16, .batches = {1}, .batch_count = 1};
    struct spr_record record;
    struct spr_error err = {0};
    analyze_into("good.json", TABLE VARIANTS, &options, NULL);
    char *good = test_read("good.json", NULL);
    FILE *file = fopen("r.json", "wb");
    fprintf(file, "{\"a_key_of_tomorrow\":{\"x\":[1,2]},%s", good + 1);
    fclose(file);
    free(good);
    CHECK_STATUS(SPR_OK, spr_record_read("r.json", &record, &err), &err);
    CHECK_INT(2, record.network.variant_count);
    CHECK_TEXT("sproof analyze \"net.csv\"", record.head.command);
    spr_record_free(&record);
}

static void build_facts(void)
{
    CHECK(strchr(spr_version(), '.') != NULL);
    CHECK(*spr_commit() && *spr_build_type());
}

int main(void)
{
    same_bytes();
    same_types();
    not_written();
    refused();
    unknown_keys();
    build_facts();
    return test_end();
}
