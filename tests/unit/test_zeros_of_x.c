/* SPDX-License-Identifier: Apache-2.0 */
/* Variants that skip zeros of X: what a layer then costs, what they are called, what remains. */
#include "test.h"

#include "machine.h"
#include "recorded_probe.h"
#include "sproof/analysis.h"
#include "sproof/explain.h"
#include "sproof/record.h"

struct setting {
    struct spr_machine machine;
    struct spr_network network;
    struct spr_analysis analysis;
};

/* A table on a machine of one engine, pruned to csr at two sparsities where it is plain. */
static void start(struct setting *s, const char *table, double flops_per_s, double bytes_per_s,
                  const double *skipped, size_t count)
{
    char machine[400];
    const double sparsities[] = {0.5, 0.9};
    struct spr_pattern csr;
    struct spr_error err = {0};
    snprintf(machine, sizeof machine,
             "{\"schema\":\"sproof/machine\",\"schema_version\":1,\"name\":\"t\","
             "\"default_dtype\":\"f16\",\"engines\":[{\"name\":\"e\",\"dtypes\":[\"f16\"],"
             "\"flops_per_s\":%g,\"accepts\":[\"any\"]}],"
             "\"memory\":[{\"level\":\"DRAM\",\"bytes_per_s\":%g}]}",
             flops_per_s, bytes_per_s);
    s->machine = test_machine_of(machine);
    test_write("net.csv", table);
    CHECK_STATUS(SPR_OK, spr_network_read("net.csv", &s->network, NULL, &err), &err);
    if (s->network.variant_count == 0) {
        CHECK_INT(SPR_OK, spr_pattern_parse("csr", &csr, NULL));
        struct spr_grid grid = {&csr, 1, sparsities, 2};
        CHECK_INT(SPR_OK, spr_network_add_grid(&s->network, &grid, NULL));
    }
    CHECK_INT(SPR_OK, spr_network_add_skipped(&s->network, skipped, count, NULL));
    const struct spr_options options = {
        .dtype = SPR_F16, .batches = {1}, .batch_count = 1, .native = true};
    CHECK_STATUS(SPR_OK, spr_analyze(&s->network, &s->machine, &options, &s->analysis, &err),
                 &err);
}

static void end(struct setting *s)
{
    spr_analysis_free(&s->analysis);
    spr_network_free(&s->network);
    spr_machine_free(&s->machine);
}

static const struct spr_result *result_of(const struct setting *s, const char *variant)
{
    const struct spr_result *result = spr_analysis_find(&s->analysis, variant, 0);
    CHECK(result != NULL);
    return result;
}

/* 768 x 768 with 2 tokens, half of X zeros. A column of W moves for three quarters of all X; an
 * index of 768 has 10 bits, so that half of X's values take 3.25 bytes each, and nine tenths of
 * them more than all take without. */
static void by_hand(void)
{
    struct setting s;
    const double skipped[] = {0.5, 0.1};
    start(&s, "layer,m,k,n\nfc,768,768,2\n", 1e9, 1e9, skipped, 2);
    const struct spr_prediction *run = &result_of(&s, "csr@0.5+act0.5")->layers[0].run;
    CHECK_EXACT(294912 * 2 * 0.75, run->bytes_weight_values);
    CHECK_EXACT((294912 * 4 + 769 * 4) * 0.75, run->bytes_weight_index);
    CHECK_EXACT(768 * 2 * 0.5 * 3.25, run->bytes_x);
    CHECK_EXACT(768 * 2 * 2, run->bytes_y);
    CHECK_EXACT(2 * 294912 * 2 * 0.5, run->flops_issued);
    CHECK_EXACT(2 * 294912 * 2 * 0.5, run->flops_useful);
    CHECK_EXACT(294912 * 6 + 769 * 4, result_of(&s, "csr@0.5+act0.5")->weight_bytes);
    run = &result_of(&s, "csr@0.5+act0.1")->layers[0].run;
    CHECK_EXACT(768 * 2 * 2, run->bytes_x);
    CHECK_NEAR(294912 * 2 * 0.99, run->bytes_weight_values, 1e-12);
    /* The dense side is what it was. */
    const struct spr_prediction *dense = spr_analysis_dense(&s.analysis, 0, 0);
    CHECK_EXACT(768 * 768 * 2 + 2 * (768 * 2 * 2), dense->bytes);
    CHECK_EXACT(2.0 * 768 * 768 * 2, dense->flops_issued);
    end(&s);
}

/* Where FLOPs alone take time the speedup is the product of both ideals. */
static void ideal_product(void)
{
    struct setting s;
    const double skipped[] = {0, 0.75};
    struct spr_waterfall w;
    start(&s, "layer,m,k,n\nfc,100,100,8\n", 1, 1e30, skipped, 2);
    CHECK_NEAR(10, result_of(&s, "csr@0.9")->speedup, 1e-12);
    CHECK_NEAR(40, result_of(&s, "csr@0.9+act0.75")->speedup, 1e-12);
    spr_explain_waterfall(&s.analysis, result_of(&s, "csr@0.9+act0.75"), NULL, &w);
    CHECK_INT(SPR_STEP_ACTIVATIONS, w.steps[1].kind);
    CHECK_NEAR(4, w.steps[1].factor, 1e-12);
    for (size_t i = 2; i < w.count; i++) {
        CHECK_NEAR(1, w.steps[i].factor, 1e-12);
    }
    end(&s);
}

/* The traffic of what is skipped stands in its step, not in that of the engine. */
static void steps_of_traffic(void)
{
    struct setting s;
    const double skipped[] = {0.75};
    struct spr_waterfall w;
    start(&s, "layer,m,k,n\nfc,100,100,8\n", 1e12, 1e9, skipped, 1);
    const struct spr_result *result = result_of(&s, "csr@0.9+act0.75");
    spr_explain_waterfall(&s.analysis, result, NULL, &w);
    CHECK_NEAR(40, w.steps[1].speedup, 1e-12);
    for (size_t i = 2; i < w.count; i++) {
        CHECK(w.steps[i].kind == SPR_STEP_TRAFFIC ? w.steps[i].factor < 0.9
                                                  : fabs(w.steps[i].factor - 1) < 1e-12);
    }
    end(&s);
}

/* The table's zeros: of the layer, or of a variant's own row; dense layers have them too, what
 * cannot be pruned has not. A number stands for all, and nobody knows its accuracy. */
static void of_the_table(void)
{
    struct setting s;
    const double skipped[] = {(double)NAN, 0.6, 0};
    start(&s,
          "layer,m,k,n,prunable,variant,pattern,sparsity,activation_sparsity,accuracy\n"
          "a,8,8,5,1,,,,0.25,\nb,8,8,5,1,,,,,\nc,8,8,5,0,,,,0.5,\nd,8,8,5,1,,,,0.7,\n"
          "a,,,,,v,csr,0.5,,80\nb,,,,,v,,,0.75,\n",
          1e9, 1e9, skipped, 3);
    CHECK_INT(3, s.analysis.result_count);
    const struct spr_result *r = result_of(&s, "v+act");
    static const double table[] = {0.25, 0.75, 0, 0.7}, number[] = {0.6, 0.6, 0, 0.6};
    CHECK(isnan(r->variant->skipped));
    CHECK_EXACT(80, r->variant->accuracy);
    for (size_t i = 0; i < 4; i++) {
        CHECK_EXACT(table[i], r->layers[i].choice.skipped);
        CHECK_EXACT(number[i], result_of(&s, "v+act0.6")->layers[i].choice.skipped);
        CHECK_EXACT(0, result_of(&s, "v")->layers[i].choice.skipped);
    }
    CHECK(isnan(result_of(&s, "v+act0.6")->variant->accuracy));
    CHECK_EXACT(80, result_of(&s, "v")->variant->accuracy);
    CHECK_EXACT(0.5, result_of(&s, "v+act0.6")->layers[2].choice.activation_sparsity);
    CHECK(!spr_choice_unchanged(&r->layers[1].choice));
    CHECK(spr_choice_unchanged(&r->layers[2].choice));
    CHECK_INT(3, r->layers_pruned);
    end(&s);
}

static bool has_zeros(const char *rows)
{
    struct spr_network network;
    char table[200];
    snprintf(table, sizeof table, "layer,m,k,n,prunable,variant,activation_sparsity\n%s",
             rows);
    test_write("net.csv", table);
    CHECK_INT(SPR_OK, spr_network_read("net.csv", &network, NULL, NULL));
    bool found = spr_network_has_zeros_of_x(&network);
    spr_network_free(&network);
    return found;
}

static void tables_with_zeros(void)
{
    CHECK(!has_zeros("a,8,8,5,1,,\n"));
    CHECK(!has_zeros("a,8,8,5,0,,0.5\n"));
    CHECK(has_zeros("a,8,8,5,1,,0.5\n"));
    CHECK(has_zeros("a,8,8,5,1,,\na,,,,,v,0.5\n"));
}

/* Short and full records alike give the same figures again. */
static void records(const struct spr_record_form *form)
{
    struct setting s;
    struct spr_record record;
    struct spr_analysis again;
    struct spr_error err = {0};
    const double skipped[] = {(double)NAN, 0.6, 0};
    const struct spr_record_head head = {.model = {.path = "net.csv"}};
    start(&s,
          "layer,m,k,n,variant,pattern,sparsity,activation_sparsity\n"
          "a,8,8,5,,,,0.25\nb,64,64,5,,,,0.1\na,,,,v,csr,0.5,\nb,,,,v,,,0.75\n",
          1e9, 1e9, skipped, 3);
    FILE *file = fopen("r.json", "wb");
    CHECK_STATUS(SPR_OK, spr_record_write(file, &s.analysis, &head, form, &err), &err);
    CHECK_INT(0, fclose(file));
    CHECK_STATUS(SPR_OK, spr_record_read("r.json", &record, &err), &err);
    CHECK_STATUS(SPR_OK,
                 spr_analyze(&record.network, &record.machine, &record.options, &again, &err),
                 &err);
    CHECK_INT(3, again.result_count);
    for (size_t i = 0; i < again.result_count; i++) {
        CHECK_TEXT(s.analysis.results[i].variant->name, again.results[i].variant->name);
        CHECK_EXACT(s.analysis.results[i].time_s, again.results[i].time_s);
    }
    CHECK(again.results[0].time_s < again.results[2].time_s);
    spr_analysis_free(&again);
    spr_record_free(&record);
    end(&s);
}

/* Where products with winners were calibrated, they are expected token by token, the search for the
 * winners with them; elsewhere nothing is. */
static void expected(void)
{
    static struct spr_winner_rates made[] = {
        {.isa = SPR_ISA_AVX512, .each = {1, {400}, {2e-9}}, .winner = {1, {400}, {5e-9}}},
        {.isa = SPR_ISA_AVX512,
         .rows = 1,
         .each = {1, {400}, {1e-9}},
         .winner = {1, {400}, {4e-9}},
         .other_s = 0.5e-9}};
    const double sparsity = 0.9, skipped = 0.75;
    struct spr_probe probe;
    struct spr_machine machine;
    struct spr_pattern csr;
    struct spr_error err = {0};
    read_recorded_probe("epyc_zen4", &probe);
    CHECK_STATUS(SPR_OK, spr_machine_from_probe(&probe, SPR_ISA_AVX512, 1, &machine, &err),
                 &err);
    struct spr_kernel_rates rates = *machine.kernels;
    machine.kernels = &rates;
    test_write("net.csv", "layer,m,k,n\nfc,1000,400,3\n");
    CHECK_INT(SPR_OK, spr_pattern_parse("csr", &csr, NULL));
    for (rates.winner_count = 0; rates.winner_count <= COUNT_OF(made);
         rates.winner_count += COUNT_OF(made)) {
        struct setting s;
        const struct spr_options options = {.dtype = SPR_F32,
                                            .batches = {2},
                                            .batch_count = 1,
                                            .threads = 1,
                                            .residency = SPR_RESIDENCY_WARM,
                                            .has_residency = true};
        const struct spr_grid grid = {&csr, 1, &sparsity, 1};
        rates.winners = made;
        CHECK_STATUS(SPR_OK, spr_network_read("net.csv", &s.network, NULL, &err), &err);
        CHECK_INT(SPR_OK, spr_network_add_grid(&s.network, &grid, NULL));
        CHECK_INT(SPR_OK, spr_network_add_skipped(&s.network, &skipped, 1, NULL));
        CHECK_STATUS(SPR_OK, spr_analyze(&s.network, &machine, &options, &s.analysis, &err),
                     &err);
        const struct spr_result *r = result_of(&s, "csr@0.9+act0.75");
        /* 3 x 2 tokens. Winners: 400 values, 100 win. Product: 1000 outputs, 100 columns of 100
         * weights. */
        const double token_s = 400 * 2e-9 + 100 * 5e-9 + 500e-9 + 100 * (4e-9 + 100 * 1e-9);
        if (rates.winner_count > 0) {
            CHECK_NEAR(6 * token_s, r->layers[0].expected.time_s, 1e-15);
        } else {
            CHECK(isnan(r->layers[0].expected.time_s));
        }
        spr_analysis_free(&s.analysis);
        spr_network_free(&s.network);
    }
    spr_machine_free(&machine);
    spr_probe_free(&probe);
}

int main(void)
{
    expected();
    by_hand();
    ideal_product();
    steps_of_traffic();
    of_the_table();
    tables_with_zeros();
    records(&(const struct spr_record_form){.layers = false});
    records(&(const struct spr_record_form){.layers = true});
    return test_end();
}
