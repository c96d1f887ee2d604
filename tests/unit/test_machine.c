/* SPDX-License-Identifier: Apache-2.0 */
/* Machine files: what is read, what is refused and how, --set, names. */
#include "sproof/probe.h"
#include "test.h"

#include "machine.h"

#define HEAD "{\"schema\":\"sproof/machine\",\"schema_version\":1,\"name\":\"m\","
#define ENGINE                                                                                \
    "\"engines\":[{\"name\":\"e\",\"dtypes\":[\"f32\"],\"flops_per_s\":1e12,\"accepts\":["    \
    "\"any\"]}]"
#define MEMORY "\"memory\":[{\"level\":\"DRAM\",\"bytes_per_s\":1e9}]"

static void good(void)
{
    struct spr_machine m = test_machine_of(
        HEAD
        "\"default_dtype\":\"bf16\",\"cores\":8,\"kind\":\"cpu\",\"unknown\":[1],"
        "\"engines\":[{\"name\":\"a\",\"dtypes\":[\"bf16\",\"f32\"],\"tile_rows\":16,"
        "\"flops_per_s\":{\"value\":10,\"low\":8,\"high\":11,\"kind\":\"measured\","
        "\"source\":\"probe\",\"date\":\"2026-01-01\"},"
        "\"accepts\":[\"dense\",\"block\",\"csr\",{\"pattern\":\"1:4\",\"as\":\"2:4\"},"
        "\"any\"]},"
        "{\"name\":\"b\",\"dtypes\":[\"f64\"],\"flops_per_s\":null,\"accepts\":[\"nm\"]}],"
        "\"memory\":[{\"level\":\"L2\",\"bytes\":1048576,\"shared\":true,\"bytes_per_s\":null}"
        ","
        "{\"level\":\"DRAM\",\"bytes_per_s\":5e9}],\"overhead_s\":0}");
    CHECK_TEXT("m", m.name);
    CHECK_TEXT("cpu", m.kind);
    CHECK_TEXT("machine.json", m.path);
    CHECK(m.description == NULL);
    CHECK_INT(SPR_BF16, m.default_dtype);
    CHECK_INT(8, m.cores);
    CHECK_INT(2, m.engine_count);
    CHECK_INT(1u << SPR_BF16 | 1u << SPR_F32, m.engines[0].dtypes);
    CHECK_INT(16, m.engines[0].tile_rows);
    CHECK_INT(1, m.engines[1].tile_rows);
    CHECK_EXACT(10, m.engines[0].flops_per_s.value);
    CHECK_EXACT(8, m.engines[0].flops_per_s.low);
    CHECK_EXACT(11, m.engines[0].flops_per_s.high);
    CHECK_TEXT("measured", m.engines[0].flops_per_s.kind);
    CHECK_TEXT("probe", m.engines[0].flops_per_s.source);
    CHECK_TEXT("2026-01-01", m.engines[0].flops_per_s.date);
    CHECK(isnan(m.engines[1].flops_per_s.value));
    CHECK_INT(5, m.engines[0].accept_count);
    CHECK_INT(SPR_ACCEPT_CLASS, m.engines[0].accepts[2].form); /* csr: the class first */
    CHECK_INT(SPR_ACCEPT_PATTERN, m.engines[0].accepts[3].form);
    CHECK_INT(2, m.engines[0].accepts[3].as.a);
    CHECK_INT(SPR_ACCEPT_ANY, m.engines[0].accepts[4].form);
    CHECK(m.memory[0].shared && !m.memory[1].shared);
    CHECK(isnan(m.memory[0].bytes_per_s.value) && isnan(m.memory[1].bytes.value));
    CHECK_EXACT(0, m.overhead_s.value);
    spr_machine_free(&m);
    CHECK(m.name == NULL);
    m = test_machine_of(HEAD ENGINE "," MEMORY "}");
    CHECK_INT(SPR_F32, m.default_dtype);
    CHECK(isnan(m.overhead_s.value));
    spr_machine_free(&m);
}

static void refused(void)
{
    static const struct {
        const char *json, *message;
    } rows[] = {
        {"{}", "m.json: schema: missing: expected \"sproof/machine\""},
        {"{\"schema\":\"sproof/analysis\"}",
         "m.json: schema: 'sproof/analysis': expected \"sproof/machine\""},
        {"{\"schema\":\"sproof/machine\",\"schema_version\":2}",
         "m.json: schema_version: 2: expected at most 1: made by a newer sproof"},
        {"{\"schema\":\"sproof/machine\",\"schema_version\":\"1\"}",
         "m.json: schema_version: '1': expected 1"},
        {"{\"schema\":\"sproof/machine\",\"schema_version\":1}",
         "m.json: name: missing: expected a text"},
        {HEAD "\"default_dtype\":\"f33\"}",
         "m.json: default_dtype: 'f33': expected f64, f32, tf32, f16, bf16, fp8 or i8"},
        {HEAD MEMORY "}", "m.json: engines: missing: expected a list of engines"},
        {HEAD "\"engines\":{}}", "m.json: engines: an object: expected a list of engines"},
        {HEAD "\"engines\":[]}", "m.json: engines: an array: expected a list of engines"},
        {HEAD "\"engines\":[7]}", "m.json: engines[0].name: missing: expected a text"},
        {HEAD "\"engines\":[{\"name\":\"e\",\"dtypes\":\"f32\"}]}",
         "m.json: engines[0].dtypes: 'f32': expected a list of dtypes"},
        {HEAD "\"engines\":[{\"name\":\"e\",\"dtypes\":[\"f31\"]}]}",
         "m.json: engines[0].dtypes: 'f31': expected f64, f32, tf32, f16, bf16, fp8 or i8"},
        {HEAD "\"engines\":[{\"name\":\"e\",\"dtypes\":[\"f32\"],\"flops_per_s\":\"fast\"}]}",
         "m.json: engines[0].flops_per_s: 'fast': expected a number above 0 or null"},
        {HEAD "\"engines\":[{\"name\":\"e\",\"dtypes\":[\"f32\"],\"flops_per_s\":0}]}",
         "m.json: engines[0].flops_per_s: 0: expected a number above 0 or null"},
        {HEAD "\"engines\":[{\"name\":\"e\",\"dtypes\":[\"f32\"],\"flops_per_s\":1e400}]}",
         "m.json: engines[0].flops_per_s: a number out of range: expected a number above 0 or "
         "null"},
        {HEAD "\"engines\":[{\"name\":\"e\",\"dtypes\":[\"f32\"],\"flops_per_s\":"
              "{\"value\":5,\"low\":6,\"high\":7}}]}",
         "m.json: engines[0].flops_per_s: an object: expected low <= value <= high"},
        {HEAD "\"engines\":[{\"name\":\"e\",\"dtypes\":[\"f32\"],\"flops_per_s\":1}]}",
         "m.json: engines[0].accepts: missing: expected a list of patterns"},
        {HEAD "\"engines\":[{\"name\":\"e\",\"dtypes\":[\"f32\"],\"flops_per_s\":1,"
              "\"accepts\":[\"dense\",\"4y4\"]}]}",
         "m.json: engines[0].accepts[1]: '4y4': expected any, a class (dense, csr, block, nm, "
         "comp) or a pattern"},
        {HEAD "\"engines\":[{\"name\":\"e\",\"dtypes\":[\"f32\"],\"flops_per_s\":1,"
              "\"accepts\":[{\"pattern\":\"csr\",\"as\":\"4x4\"}]}]}",
         "m.json: engines[0].accepts[0].as: '4x4': expected dense or an N:M pattern"},
        {HEAD "\"engines\":[{\"name\":\"e\",\"dtypes\":[\"f32\"],\"flops_per_s\":1,"
              "\"accepts\":[\"any\"],\"tile_rows\":2.5}]}",
         "m.json: engines[0].tile_rows: 2.5: expected an integer 1..2^20"},
        {HEAD ENGINE "}",
         "m.json: memory: missing: expected a list of memory levels, nearest first"},
        {HEAD ENGINE ",\"memory\":[{\"level\":\"DRAM\",\"bytes_per_s\":null}]}",
         "m.json: memory[0].bytes_per_s: missing: expected a number above 0: the last memory "
         "level bounds every layer"},
        {HEAD ENGINE ",\"memory\":[{\"level\":\"DRAM\",\"bytes_per_s\":1,\"shared\":1}]}",
         "m.json: memory[0].shared: 1: expected true or false"},
        {HEAD ENGINE ",\"memory\":[{\"level\":\"A\",\"bytes_per_s\":1},{\"level\":\"A\","
                     "\"bytes_per_s\":1}]}",
         "m.json: memory[1].level: 'A': expected a level named once"},
        {HEAD "\"overhead_s\":-1," ENGINE "," MEMORY "}",
         "m.json: overhead_s: -1: expected a number of 0 or more, or null"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_machine machine;
        struct spr_error err = {0};
        test_row = rows[i].json;
        test_write("m.json", rows[i].json);
        CHECK_STATUS(SPR_EINPUT, spr_machine_read("m.json", &machine, &err), &err);
        CHECK_TEXT(rows[i].message, err.text);
        CHECK(machine.arena.head == NULL);
    }
    test_row = "";
}

static void set_one_number(void)
{
    static const struct {
        const char *assignment;
        double before, after; /* NAN after: refused with `message` */
        const char *message;
    } rows[] = {
        {"memory.DRAM.bytes_per_s=2x", 1555e9, 3110e9, NULL},
        {"memory.DRAM.bytes_per_s=1e12", 1555e9, 1e12, NULL},
        {"engine.tensor.flops_per_s=0.5x", 312e12, 156e12, NULL},
        {"engine.simt.flops_per_s=4e14", 19.5e12, 4e14, NULL},
        {"overhead_s=1e-6", (double)NAN, 1e-6, NULL},
        {"overhead_s=2x", 0, (double)NAN,
         "--set overhead_s: unknown on machine reference: expected a number, not a factor"},
        {"memory.DRAM.bytes_per_s", 0, (double)NAN,
         "--set: 'memory.DRAM.bytes_per_s': expected PATH=NUMBER or PATH=FACTORx, for example "
         "memory.DRAM.bytes_per_s=2x"},
        {"memory.DRAM.bytes_per_s=fast", 0, (double)NAN,
         "--set memory.DRAM.bytes_per_s: 'fast': expected a number above 0, or a factor such "
         "as 2x"},
        {"memory.DRAM.bytes_per_s=0", 0, (double)NAN,
         "--set memory.DRAM.bytes_per_s: '0': expected a number above 0, or a factor such as "
         "2x"},
        {"memory.DRAM.bytes_per_s=x", 0, (double)NAN,
         "--set memory.DRAM.bytes_per_s: 'x': expected a number above 0, or a factor such as "
         "2x"},
        {"memory.DRM.bytes_per_s=1", 0, (double)NAN,
         "--set: machine reference has no 'memory.DRM.bytes_per_s': expected for example "
         "'memory.DRAM.bytes_per_s'"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_machine machine = test_machine();
        struct spr_machine_change change = {.after = (double)NAN};
        struct spr_error err = {0};
        test_row = rows[i].assignment;
        enum spr_status status = spr_machine_set(&machine, rows[i].assignment, &change, &err);
        CHECK_STATUS(rows[i].message ? SPR_EINPUT : SPR_OK, status, &err);
        CHECK_TEXT(rows[i].message ? rows[i].message : "", err.text);
        CHECK_EXACT(rows[i].after, change.after);
        if (!rows[i].message) {
            CHECK_EXACT(rows[i].before, change.before);
            CHECK(strncmp(change.path, rows[i].assignment, strlen(change.path)) == 0);
        }
        spr_machine_free(&machine);
    }
    test_row = "";
}

/* A factor moves the whole interval. */
static void set_moves_the_interval(void)
{
    struct spr_machine m = test_machine_of(
        HEAD "\"engines\":[{\"name\":\"e\",\"dtypes\":[\"f32\"],\"accepts\":[\"any\"],"
             "\"flops_per_s\":{\"value\":10,\"low\":8,\"high\":12,\"kind\":\"measured\","
             "\"source\":\"x\",\"date\":\"y\"}}]," MEMORY "}");
    struct spr_machine_change change;
    CHECK_INT(SPR_OK, spr_machine_set(&m, "engine.e.flops_per_s=2x", &change, NULL));
    CHECK_EXACT(16, m.engines[0].flops_per_s.low);
    CHECK_EXACT(24, m.engines[0].flops_per_s.high);
    CHECK_TEXT("declared", m.engines[0].flops_per_s.kind);
    CHECK(m.engines[0].flops_per_s.date == NULL);
    CHECK_INT(SPR_OK, spr_machine_set(&m, "engine.e.flops_per_s=5", &change, NULL));
    CHECK_EXACT(5, m.engines[0].flops_per_s.low);
    CHECK_EXACT(5, m.engines[0].flops_per_s.high);
    spr_machine_free(&m);
}

static void dtypes(void)
{
    static const struct {
        const char *name;
        double bytes;
    } rows[] = {{"f64", 8},  {"f32", 4}, {"tf32", 4}, {"f16", 2},
                {"bf16", 2}, {"fp8", 1}, {"i8", 1}};
    enum spr_dtype dtype;
    struct spr_error err = {0};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        test_row = rows[i].name;
        CHECK_INT(SPR_OK, spr_dtype_parse(rows[i].name, &dtype, NULL));
        CHECK_TEXT(rows[i].name, spr_dtype_name(dtype));
        CHECK_EXACT(rows[i].bytes, spr_dtype_bytes(dtype));
    }
    test_row = "";
    CHECK_STATUS(SPR_EINPUT, spr_dtype_parse("fp16", &dtype, &err), &err);
    CHECK(strstr(err.text, "did you mean 'f16'?") != NULL);
}

static void names(void)
{
    struct spr_machine machine;
    struct spr_error err = {0};
    CHECK_STATUS(SPR_OK, spr_machine_find("a100-sxm-40gb", &machine, &err), &err);
    CHECK_TEXT("a100-sxm-40gb", machine.name);
    spr_machine_free(&machine);
    CHECK_STATUS(SPR_EINPUT, spr_machine_find("a100-smx-40gb", &machine, &err), &err);
    CHECK(strncmp(err.text, "unknown machine 'a100-smx-40gb': ", 33) == 0);
    CHECK(strstr(err.text, "did you mean 'a100-sxm-40gb'?") != NULL);
    err = (struct spr_error){0};
    CHECK_STATUS(SPR_EINPUT, spr_machine_find("./absent.json", &machine, &err), &err);
    CHECK_TEXT("./absent.json: No such file or directory", err.text);
    err = (struct spr_error){0};
    CHECK_STATUS(SPR_EINPUT, spr_machine_find("", &machine, &err), &err);
    err = (struct spr_error){0};
    /* Asking for a name never measures. */
    CHECK_STATUS(SPR_EINPUT, spr_machine_find("host", &machine, &err), &err);
    CHECK(strstr(err.text, "probed, not read") != NULL);
    err = (struct spr_error){0};
    CHECK_STATUS(SPR_OK, spr_machine_host(0, &machine, &err), &err);
    CHECK_TEXT("host", machine.name);
    CHECK(!machine.probed && machine.cores >= 1 && machine.memory_count >= 1);
    double one = machine.engines[0].flops_per_s.value / (double)machine.cores;
    spr_machine_free(&machine);
    CHECK_INT(SPR_OK, spr_machine_host(3, &machine, NULL));
    CHECK_NEAR(3 * one, machine.engines[0].flops_per_s.value, 1e-12);
    spr_machine_free(&machine);
}

int main(void)
{
    good();
    refused();
    set_one_number();
    set_moves_the_interval();
    dtypes();
    names();
    return test_end();
}
