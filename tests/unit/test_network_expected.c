/* SPDX-License-Identifier: Apache-2.0 */
/* Expected times of a network: which matrix products are asked for, the sums, what has none,
 * what then ranks, and the keys of the record. */
#include "test.h"

#include "expected.h"
#include "machine.h"
#include "sproof/analysis.h"
#include "sproof/record.h"

#define CPU                                                                                   \
    "{\"schema\":\"sproof/machine\",\"schema_version\":1,\"name\":\"cpu\",\"cores\":4,"       \
    "\"engines\":[{\"name\":\"fma\",\"dtypes\":[\"f32\",\"f16\"],\"flops_per_s\":1e11,"       \
    "\"accepts\":[\"any\"]}],\"memory\":[{\"level\":\"DRAM\",\"bytes_per_s\":1e11}]}"

struct setup {
    struct spr_network network;
    struct spr_machine machine;
    struct spr_options options;
    struct spr_analysis analysis;
};

static void start(struct setup *s, const char *table)
{
    struct spr_error err = {0};
    *s = (struct setup){.options = {.dtype = SPR_F32, .batches = {1}, .batch_count = 1}};
    s->machine = test_machine_of(CPU);
    s->machine.kernels = &fake_kernels;
    test_write("net.csv", table);
    CHECK_STATUS(SPR_OK, spr_network_read("net.csv", &s->network, NULL, &err), &err);
}

static void analyze(struct setup *s)
{
    struct spr_error err = {0};
    CHECK_STATUS(SPR_OK,
                 spr_analyze(&s->network, &s->machine, &s->options, &s->analysis, &err), &err);
}

static void stop(struct setup *s)
{
    s->machine.kernels = NULL; /* not the machine's own */
    spr_analysis_free(&s->analysis);
    spr_network_free(&s->network);
    spr_machine_free(&s->machine);
}

#define HEAD "layer,m,k,n,op,count,groups,prunable,bytes,variant,pattern,sparsity,nnz\n"

/* One operator, one variant: the matrix product that is asked for, and how often. */
static void products(void)
{
    static const struct {
        const char *name, *row, *pruned;
        double batch, calls, m, k, n, kept;
    } rows[] = {
        {"linear", "a,64,32,5,,1,,,,,,,\n", "a,,,,,,,,,v,csr,0.75,\n", 3, 1, 64, 32, 15, 512},
        {"counted", "a,64,32,5,,1,,,,,,,\n", "a,,,,,,,,,v,csr,0.75,500\n", 1, 1, 64, 32, 5,
         500},
        {"blocks", "a,64,32,5,,1,,,,,,,\n", "a,,,,,,,,,v,4x4,0.75,\n", 1, 1, 64, 32, 5, 32},
        {"groups", "a,64,9,5,conv,2,4,,,,,,\n", "a,,,,,,,,,v,csr,0.5,\n", 2, 4, 16, 9, 10, 72},
        {"uneven groups", "a,10,9,5,conv,1,3,,,,,,\n", "a,,,,,,,,,v,csr,0.5,\n", 1, 3, 4, 9, 5,
         18},
        {"attention", "a,64,9,5,attention,1,,,,,,,\nb,1,1,1,,,,,,,,,\n",
         "b,,,,,,,,,v,csr,0.5,\n", 7, 7, 64, 9, 5, 576},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct setup s;
        char table[512];
        enum spr_limit limit;
        test_row = rows[i].name;
        snprintf(table, sizeof table, HEAD "%s%s", rows[i].row, rows[i].pruned);
        start(&s, table);
        s.options.batches[0] = rows[i].batch;
        analyze(&s);
        const struct spr_layer_result *r = &s.analysis.results[0].layers[0];
        struct spr_expected_case of = {.pattern = r->choice.pattern,
                                       .n = (int64_t)rows[i].n,
                                       .kept = rows[i].kept,
                                       .threads = 4,
                                       .residency = SPR_RESIDENCY_NETWORK};
        /* The stand-in tells its arguments by its time: of linear the last is at hand. */
        CHECK_NEAR(rows[i].calls * fake_time(&of, &limit), r->expected.time_s, 1e-12);
        if (s.network.layer_count == 1) {
            CHECK_EXACT(rows[i].m, (double)fake_last.m);
            CHECK_EXACT(rows[i].k, (double)fake_last.k);
            CHECK_EXACT(rows[i].n, (double)fake_last.n);
            CHECK_NEAR(rows[i].kept, fake_last.kept, 1e-12);
            CHECK_INT(4, fake_last.threads);
            CHECK_INT(SPR_ISA_AVX2, fake_last.isa);
        }
        stop(&s);
    }
    test_row = "";
}

#define NET                                                                                   \
    HEAD "a,256,128,64,,3,,,,,,,\nb,128,128,64,,1,,0,,,,,\nsoft,,,,other,2,,,40000,,,,\n"     \
         "deep,64,9,64,depthwise,5,,,,,,,\n"

static void sums(void)
{
    struct setup s;
    start(&s, NET "a,,,,,,,,,x,4x4,0.75,\n");
    analyze(&s);
    const struct spr_result *r = &s.analysis.results[0];
    const struct spr_network_expected *e = &r->expected;
    const struct spr_layer_expected *dense = spr_analysis_expected_dense(&s.analysis, 0, 0);
    double a = dense[0].time_s, b = dense[1].time_s, soft = dense[2].time_s,
           deep = dense[3].time_s, pruned = r->layers[0].expected.time_s;
    CHECK(s.analysis.expected_leads);
    CHECK(pruned > 0 && pruned != a);
    CHECK_NEAR(3 * a + b + 2 * soft + 5 * deep, e->dense_time_s, 1e-14);
    CHECK_NEAR(3 * pruned + b + 2 * soft + 5 * deep, e->time_s, 1e-14);
    CHECK_NEAR(e->dense_time_s / e->time_s, e->speedup, 1e-14);
    CHECK_NEAR(a / pruned, e->speedup_prunable, 1e-14);
    CHECK_NEAR(a / pruned, r->layers[0].expected_speedup, 1e-14);
    CHECK_NEAR(e->dense_time_s / (b + 2 * soft + 5 * deep), e->amdahl_ceiling, 1e-14);
    CHECK_NEAR((2 * soft + 5 * deep) / e->time_s, e->bound_share, 1e-14);
    CHECK_EXACT(1, r->layers[1].expected_speedup);
    /* No kernel runs these two: their bound stands in, and says so. */
    CHECK_EXACT(s.analysis.dense[2].time_s, soft);
    CHECK_EXACT(s.analysis.dense[3].time_s, deep);
    CHECK(r->layers[2].expected.kernel == NULL && r->layers[3].expected.kernel == NULL);
    CHECK_TEXT("spr_spmm_sparse_f32__avx2", r->layers[0].expected.kernel);
    CHECK_TEXT("spr_spmm_dense_f32__avx2", r->layers[1].expected.kernel);
    CHECK_EXACT(0, (double)e->layers_slower);
    stop(&s);
}

/* A layer slower than dense stays dense in the mixed network. */
static void mixed(void)
{
    struct setup s;
    start(&s, NET "a,,,,,,,,,x,csr,0.5,\n");
    analyze(&s);
    const struct spr_result *r = &s.analysis.results[0];
    CHECK(r->layers[0].expected_speedup < 1);
    CHECK_EXACT(1, r->expected.speedup_mixed);
    CHECK_EXACT(3, (double)r->expected.layers_slower);
    CHECK(r->expected.speedup < 1 && r->speedup > 1);
    stop(&s);
}

static void has_none(const struct setup *s, const struct spr_result *r)
{
    CHECK(isnan(r->expected.time_s) && isnan(r->expected.dense_time_s));
    CHECK(isnan(r->expected.speedup) && isnan(r->expected.speedup_mixed));
    CHECK(isnan(r->expected.speedup_prunable));
    if (s->analysis.expected_leads) {
        CHECK(isnan(spr_analysis_speedup(&s->analysis, r))); /* another variant has it */
    } else {
        CHECK_EXACT(r->speedup, spr_analysis_speedup(&s->analysis, r));
    }
}

/* Not probed, another dtype, more columns than can be counted: nothing is expected. */
static void nothing_known(void)
{
    for (int what = 0; what < 3; what++) {
        struct setup s;
        start(&s, what == 2 ? HEAD "a,4,4,1000000000000,,,,,,,,,\na,,,,,,,,,x,csr,0.5,\n"
                            : NET "a,,,,,,,,,x,4x4,0.75,\n");
        size_t before = fake_calls;
        s.machine.kernels = what == 0 ? NULL : s.machine.kernels;
        s.options.dtype = what == 1 ? SPR_F16 : SPR_F32;
        s.options.batches[0] = what == 2 ? 1e12 : 1;
        analyze(&s);
        has_none(&s, &s.analysis.results[0]);
        CHECK(isnan(s.analysis.results[0].layers[0].expected.time_s));
        CHECK(isnan(s.analysis.results[0].layers[0].expected_speedup));
        CHECK_EXACT((double)before, (double)fake_calls);
        stop(&s);
    }
}

/* A pattern without a kernel has none; the other variants keep theirs, the bound ranks. */
static void no_kernel(void)
{
    struct setup s;
    start(&s, NET "a,,,,,,,,,x,4:2:8,,\na,,,,,,,,,y,4x4,0.75,\n");
    analyze(&s);
    has_none(&s, &s.analysis.results[0]);
    CHECK(isnan(s.analysis.results[0].layers[0].expected.time_s));
    CHECK(s.analysis.results[0].layers[1].expected.time_s > 0);
    CHECK(s.analysis.results[1].expected.speedup > 1);
    stop(&s);
}

/* A call that --set makes dearer is dearer for kernels too; of other rates they know nothing. */
static void changed_machine(void)
{
    struct setup s;
    start(&s, NET "a,,,,,,,,,x,4x4,0.75,\n");
    analyze(&s);
    const double before_s = s.analysis.results[0].layers[0].expected.time_s;
    const double dense_s = spr_analysis_expected_dense(&s.analysis, 0, 0)->time_s;
    const struct spr_layer *layer = &s.network.layers[0];
    const double calls = (double)layer->calls / (double)layer->count;
    spr_analysis_free(&s.analysis);
    s.options.changes[0] = (struct spr_machine_change){"overhead_s", 1e-6, 6e-6};
    s.options.change_count = 1;
    analyze(&s);
    CHECK_NEAR(before_s + 5e-6 * calls, s.analysis.results[0].layers[0].expected.time_s,
               1e-12);
    CHECK_NEAR(dense_s + 5e-6 * calls, spr_analysis_expected_dense(&s.analysis, 0, 0)->time_s,
               1e-12);
    spr_analysis_free(&s.analysis);
    s.options.changes[0].after = 0.5e-6; /* no kernel gets quicker by it */
    analyze(&s);
    CHECK_EXACT(before_s, s.analysis.results[0].layers[0].expected.time_s);
    spr_analysis_free(&s.analysis);
    s.options.changes[0] = (struct spr_machine_change){"memory.DRAM.bytes_per_s", 1e9, 2e9};
    analyze(&s);
    CHECK(!s.analysis.has_expected);
    stop(&s);
}

/* By default the layers in order; bound and expected time have the same. */
static void residency(void)
{
    static const struct {
        bool given;
        enum spr_residency asked, expected;
    } rows[] = {{false, SPR_RESIDENCY_DRAM, SPR_RESIDENCY_NETWORK},
                {true, SPR_RESIDENCY_DRAM, SPR_RESIDENCY_DRAM},
                {true, SPR_RESIDENCY_WARM, SPR_RESIDENCY_WARM},
                {true, SPR_RESIDENCY_COLD, SPR_RESIDENCY_COLD},
                {true, SPR_RESIDENCY_NETWORK, SPR_RESIDENCY_NETWORK}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct setup s;
        start(&s, NET "a,,,,,,,,,x,4x4,0.75,\n");
        s.options.has_residency = rows[i].given;
        s.options.residency = rows[i].asked;
        analyze(&s);
        bool network = rows[i].expected == SPR_RESIDENCY_NETWORK;
        CHECK_INT(rows[i].expected, fake_last.residency);
        CHECK_EXACT(network ? s.analysis.results[0].network_bytes : 0,
                    fake_last.network_bytes);
        CHECK_INT(rows[i].expected, s.analysis.model.residency);
        stop(&s);
    }
    struct setup s;
    start(&s, NET "a,,,,,,,,,x,4x4,0.75,\n");
    s.options.dtype = SPR_F16; /* nothing is expected of it */
    analyze(&s);
    CHECK_INT(SPR_RESIDENCY_DRAM, s.analysis.model.residency);
    stop(&s);
}

/* Warm, the calls of one operator pass through the operands of all of them. */
static void warm_calls(void)
{
    struct setup s;
    start(&s, HEAD "a,64,9,5,attention,1,,,,,,,\nb,1,1,1,,,,,,,,,\n"
                   "b,,,,,,,,,v,csr,0.5,\n");
    s.options.batches[0] = 7;
    s.options.residency = SPR_RESIDENCY_WARM;
    s.options.has_residency = true;
    s.network.layer_count = 1;
    analyze(&s);
    CHECK_INT(SPR_RESIDENCY_NETWORK, fake_last.residency);
    CHECK_EXACT(spr_analysis_dense(&s.analysis, 0, 0)->bytes, fake_last.network_bytes);
    spr_analysis_free(&s.analysis);
    s.options.batches[0] = 1;
    analyze(&s);
    CHECK_INT(SPR_RESIDENCY_WARM, fake_last.residency);
    stop(&s);
}

/* csr is faster by its bound, blocks by what the kernels are expected to take. */
static void ranks(void)
{
    struct setup s;
    start(&s, HEAD "a,256,128,640,,3,,,,,,,\na,,,,,,,,,c,csr,0.85,\na,,,,,,,,,b,4x4,0.8,\n");
    for (int probed = 0; probed < 2; probed++) {
        s.machine.kernels = probed ? &fake_kernels : NULL;
        analyze(&s);
        const struct spr_result *csr = &s.analysis.results[0], *block = csr + 1;
        CHECK(csr->speedup > block->speedup);
        CHECK_INT(probed, spr_analysis_fastest(&s.analysis, 0));
        spr_analysis_free(&s.analysis);
    }
    stop(&s);
}

static void write_record(const char *path, const struct spr_analysis *analysis, bool layers)
{
    const struct spr_record_head head = {.command = "x", .created = "y"};
    const struct spr_record_form form = {.layers = layers};
    FILE *file = fopen(path, "wb");
    CHECK_INT(SPR_OK, spr_record_write(file, analysis, &head, &form, NULL));
    fclose(file);
}

/* The record keeps the times and the residency: read and written again
 * with the same kernels it is the same, whether or not it held the layers. */
static void recorded(void)
{
    static const char *const keys[] = {
        "\"expected_residency\":\"network\"", "\"expected_bound\":\"x-traffic\"",
        "\"expected_bound\":\"fma\"", "\"expected_bound\":\"bound\""};
    for (int given = 0; given < 2; given++) {
        struct setup s;
        struct spr_record record;
        struct spr_analysis again;
        start(&s, NET "a,,,,,,,,,x,csr,0.9,\n");
        s.options.has_residency = given;
        s.options.layout = given ? SPR_LAYOUT_NK : SPR_LAYOUT_KN;
        analyze(&s);
        CHECK_INT(s.options.layout, fake_last.layout);
        write_record("first.json", &s.analysis, true);
        write_record("short.json", &s.analysis, false);
        CHECK_INT(SPR_OK, spr_record_read("short.json", &record, NULL));
        CHECK_INT(given ? SPR_RESIDENCY_DRAM : SPR_RESIDENCY_NETWORK,
                  record.options.residency);
        CHECK(record.options.has_residency);
        CHECK_INT(s.options.layout, record.options.layout);
        record.machine.kernels = &fake_kernels;
        CHECK_INT(SPR_OK, spr_analyze(&record.network, &record.machine, &record.options,
                                      &again, NULL));
        CHECK_EXACT(s.analysis.results[0].expected.time_s, again.results[0].expected.time_s);
        char *text = test_read("first.json", NULL);
        write_record("again.json", &again, true);
        char *made = test_read("again.json", NULL);
        const char *layers = strstr(text, "\"flops_per_mac\"");
        const char *made_layers = strstr(made, "\"flops_per_mac\"");
        CHECK(layers && made_layers && strstr(layers, "\"expected_dense_time_s\""));
        CHECK_TEXT(layers ? layers : "", made_layers ? made_layers : "");
        free(made);
        for (size_t i = given ? 1 : 0; i < COUNT_OF(keys); i++) {
            test_row = keys[i];
            CHECK(strstr(text, keys[i]) != NULL);
        }
        test_row = "";
        CHECK(strstr(text, "\"expected_speedup\":null") == NULL);
        CHECK(strstr(text, "\"expected_time_s\":null") == NULL);
        CHECK(strstr(text, "\"expected_dense_time_s\":null") == NULL);
        free(text);
        record.machine.kernels = NULL;
        spr_analysis_free(&again);
        spr_record_free(&record);
        stop(&s);
    }
}

int main(void)
{
    products();
    sums();
    mixed();
    nothing_known();
    no_kernel();
    residency();
    changed_machine();
    warm_calls();
    ranks();
    recorded();
    return test_end();
}
