/* SPDX-License-Identifier: Apache-2.0 */
/* Laws every analysis obeys, over seeded random layers, patterns, machines and options. */
#include "test.h"

#include "machine.h"
#include "patterns.h"
#include "sproof/analysis.h"
#include "sproof/explain.h"

#define ROUNDS 400
#define SLACK 1e-9
#define SKIPPED 4 /* fractions of X's zeros */

static const char *const sizes_too[] = {"1x7", "8x16", "1:4", "3:8", "comp:4", NULL};
static struct test_patterns patterns_all, patterns_free; /* free: of any sparsity */

struct world {
    unsigned long long state;
    struct spr_layer layers[6];
    struct spr_network network;
    struct spr_machine machine;
    struct spr_options options;
};

static double uniform(unsigned long long *state)
{
    return (double)(test_random(state) >> 11) / 9007199254740992.0;
}

/* Sizes of real layers and the awkward ones: 1, 2, primes, powers. */
static int64_t dimension(unsigned long long *state)
{
    static const int64_t awkward[] = {1, 2, 3, 7, 13, 31, 64, 127, 1024, 4099};
    return test_between(state, 0, 2) == 0
               ? awkward[test_between(state, 0, COUNT_OF(awkward) - 1)]
               : test_between(state, 1, 3000);
}

static struct spr_layer random_layer(unsigned long long *state, const char *name)
{
    struct spr_layer layer = {.name = name, .groups = 1};
    layer.op = (enum spr_op)test_between(state, SPR_OP_LINEAR, SPR_OP_OTHER);
    layer.count = test_between(state, 1, 4);
    layer.calls = test_between(state, 0, layer.count);
    if (layer.op == SPR_OP_OTHER) {
        layer.other_flops = (double)test_between(state, 0, 100000);
        layer.other_bytes = (double)test_between(state, 1, 100000);
        return layer;
    }
    layer.m = dimension(state);
    layer.k = dimension(state);
    layer.n = dimension(state);
    layer.groups = layer.op == SPR_OP_CONV ? test_between(state, 1, 4) : 1;
    layer.x_elements = (double)layer.k * (double)layer.n / (double)test_between(state, 1, 9);
    layer.prunable = spr_op_has_weights(layer.op) && test_between(state, 0, 3) > 0;
    return layer;
}

static struct spr_number rate(unsigned long long *state, double low, double high,
                              bool interval)
{
    double value = low * pow(high / low, uniform(state));
    double width = interval ? 0.2 * uniform(state) : 0;
    return (struct spr_number){value, value * (1 - width), value * (1 + width), NULL, NULL,
                               NULL};
}

static void random_machine(struct world *w)
{
    static const char *const names[] = {"tensor", "sparse", "simt"};
    unsigned long long *state = &w->state;
    bool interval = test_between(state, 0, 1) == 1;
    w->machine = (struct spr_machine){.name = "random", .default_dtype = SPR_F32};
    w->machine.engine_count = 3;
    for (size_t i = 0; i < 3; i++) {
        struct spr_engine *engine = &w->machine.engines[i];
        *engine = (struct spr_engine){.name = names[i],
                                      .dtypes = 1u << SPR_F32,
                                      .flops_per_s = rate(state, 1e9, 1e13, interval),
                                      .tile_rows = test_between(state, 0, 1) ? 8 : 1,
                                      .accept_count = 1};
        engine->accepts[0].form = SPR_ACCEPT_ANY;
    }
    w->machine.engines[0].accepts[0] =
        (struct spr_accept){.form = SPR_ACCEPT_CLASS, .pattern_class = SPR_CLASS_DENSE};
    w->machine.engines[1].accepts[0] =
        (struct spr_accept){.form = SPR_ACCEPT_CLASS, .pattern_class = SPR_CLASS_BLOCK};
    w->machine.memory_count = 2;
    w->machine.memory[0] =
        (struct spr_memory){.level = "L2",
                            .shared = true,
                            .bytes = rate(state, 1e3, 1e7, false),
                            .bytes_per_s = rate(state, 1e9, 1e12, interval)};
    w->machine.memory[1] =
        (struct spr_memory){.level = "DRAM", .bytes_per_s = rate(state, 1e8, 1e12, interval)};
    w->machine.memory[1].bytes.value = (double)NAN;
    w->machine.overhead_s.value =
        test_between(state, 0, 1) ? 1e-6 * uniform(state) : (double)NAN;
    w->machine.overhead_s.low = w->machine.overhead_s.high = w->machine.overhead_s.value;
}

static void random_world(struct world *w, unsigned long long seed)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    struct spr_pattern patterns[3];
    double sparsities[3] = {0, 1, 0};
    *w = (struct world){.state = seed};
    w->network.name = "random";
    w->network.layers = w->layers;
    w->network.layer_count = (size_t)test_between(&w->state, 1, 6);
    for (size_t i = 0; i < w->network.layer_count; i++) {
        w->layers[i] = random_layer(&w->state, names[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        const char *text = test_patterns_pick(&patterns_all, &w->state);
        CHECK_INT(SPR_OK, spr_pattern_parse(text, &patterns[i], NULL));
    }
    sparsities[2] = uniform(&w->state);
    struct spr_grid grid = {patterns, 3, sparsities, 3};
    CHECK_INT(SPR_OK, spr_network_add_grid(&w->network, &grid, NULL));
    random_machine(w);
    w->options = (struct spr_options){.dtype = SPR_F32,
                                      .residency = (enum spr_residency)(seed % 4),
                                      .native = seed / 4 % 2 == 1,
                                      .batches = {1, (double)test_between(&w->state, 2, 99)},
                                      .batch_count = 2};
}

static void end_world(struct world *w)
{
    w->network.layers = NULL; /* not allocated here */
    spr_network_free(&w->network);
}

static void layer_laws(const struct world *w, const struct spr_analysis *a,
                       const struct spr_result *result, size_t index)
{
    const struct spr_layer_result *r = &result->layers[index];
    const struct spr_prediction *run = &r->run;
    double overhead = isnan(w->machine.overhead_s.value) ? 0 : w->machine.overhead_s.value;
    if (!w->options.native) {
        overhead *= (double)w->layers[index].calls / (double)w->layers[index].count;
    }
    double rate_flops = w->machine.engines[run->engine].flops_per_s.value;
    double dram = w->machine.memory[1].bytes_per_s.value;
    /* Time is above each roof. */
    CHECK(run->time_s - overhead >= run->flops_issued / rate_flops * (1 - SLACK) - 1e-30);
    if (w->options.residency == SPR_RESIDENCY_DRAM) {
        CHECK(run->time_s - overhead >= run->bytes / dram * (1 - SLACK) - 1e-30);
        CHECK_NEAR(fmax(run->flops_issued / rate_flops, run->bytes / dram) + overhead,
                   run->time_s, 1e-12);
    }
    /* Of the executions it is the fastest; equal times may differ in the last digits. */
    for (int e = 0; e < SPR_EXECUTIONS; e++) {
        CHECK(!(run->execution_s[e] * (1 + 1e-11) < run->time_s));
    }
    CHECK_EXACT(run->time_s, run->execution_s[run->execution]);
    CHECK(run->least_bytes <= run->bytes);
    CHECK(run->ceiling_time_s <= run->time_s * (1 + SLACK));
    /* Bytes are the sum of their parts. */
    if (w->layers[index].op != SPR_OP_OTHER) {
        CHECK_NEAR(run->bytes_weight_values + run->bytes_weight_index + run->bytes_x +
                       run->bytes_y,
                   run->bytes, 1e-12);
    }
    CHECK(isnan(run->tau) || (run->tau >= 0 && run->tau <= 1));
    CHECK(run->flops_issued >= run->flops_useful * (1 - SLACK) ||
          r->choice.pattern.kind->pattern_class == SPR_CLASS_CSR); /* ell rounds its row */
    CHECK_NEAR(spr_analysis_dense(a, result->batch_index, index)->time_s / run->time_s,
               r->speedup, 1e-12);
}

static void result_laws(const struct world *w, const struct spr_analysis *a,
                        const struct spr_result *r)
{
    struct spr_waterfall waterfall;
    double product = 1, floor_mixed = fmax(1, r->speedup);
    CHECK(r->speedup > 0);
    if (!w->options.native) {
        CHECK(r->speedup >= 1 - SLACK);
        CHECK_NEAR(r->speedup, r->speedup_mixed, 1e-12);
    }
    CHECK(r->speedup_mixed >= floor_mixed * (1 - SLACK));
    CHECK(isnan(r->amdahl_ceiling) || r->speedup <= r->amdahl_ceiling * (1 + SLACK));
    CHECK(r->speedup <= r->activation_ceiling * (1 + SLACK));
    CHECK(r->speedup_low <= r->speedup && r->speedup <= r->speedup_high);
    CHECK(isnan(r->density) || (r->density >= 0 && r->density <= 1 + SLACK));
    spr_explain_waterfall(a, r, NULL, &waterfall);
    for (size_t i = 0; i < waterfall.count; i++) {
        product *= waterfall.steps[i].factor;
        CHECK_NEAR(product, waterfall.steps[i].speedup, 1e-9);
    }
    CHECK_NEAR(r->speedup, product, 1e-9);
    CHECK_NEAR(r->speedup, waterfall.speedup, 1e-9);
    struct spr_measured measured = {0.042, 0.041};
    spr_explain_waterfall(a, r, &measured, &waterfall);
    CHECK_NEAR(0.042 / 0.041, waterfall.speedup, 1e-9);
    for (size_t i = 0; i < w->network.layer_count; i++) {
        layer_laws(w, a, r, i);
    }
}

static void every_result(void)
{
    for (unsigned long long seed = 1; seed <= ROUNDS; seed++) {
        struct world w;
        struct spr_analysis a;
        struct spr_error err = {0};
        random_world(&w, seed);
        CHECK_STATUS(SPR_OK, spr_analyze(&w.network, &w.machine, &w.options, &a, &err), &err);
        for (size_t i = 0; i < a.result_count; i++) {
            result_laws(&w, &a, &a.results[i]);
        }
        spr_analysis_free(&a);
        end_world(&w);
    }
}

/* The more zeros of X a variant skips, the less time it takes. Those that are skipped of all X
 * multiply 1/density. */
static void more_zeros_of_x(const struct spr_analysis *a, size_t variant, size_t batch)
{
    const size_t batches = a->options.batch_count;
    const struct spr_result *none = &a->results[variant * batches + batch];
    double before_s = none->time_s;
    for (size_t v = variant + 1; v < variant + SKIPPED; v++) {
        const struct spr_result *r = &a->results[v * batches + batch];
        struct spr_waterfall waterfall;
        CHECK_EXACT(none->dense_time_s, r->dense_time_s);
        spr_explain_waterfall(a, r, NULL, &waterfall);
        if (!isnan(r->variant->skipped)) {
            CHECK(r->time_s <= before_s * (1 + SLACK));
            before_s = r->time_s;
        }
        if (r->variant->skipped < 1 && !isnan(r->density)) {
            CHECK_INT(SPR_STEP_ACTIVATIONS, waterfall.steps[1].kind);
            CHECK_NEAR(1 / (1 - r->variant->skipped), waterfall.steps[1].factor, 1e-9);
        }
    }
}

static void zeros_of_x(void)
{
    size_t faster = 0;
    for (unsigned long long seed = 1; seed <= ROUNDS; seed++) {
        struct world w;
        struct spr_analysis a;
        random_world(&w, seed);
        double some = 0.01 + 0.9 * uniform(&w.state);
        const double skipped[SKIPPED] = {0, some, fmin(1, some + 0.2), (double)NAN};
        for (size_t i = 0; i < w.network.layer_count; i++) {
            w.layers[i].activation_sparsity = uniform(&w.state);
        }
        CHECK_INT(SPR_OK, spr_network_add_skipped(&w.network, skipped, SKIPPED, NULL));
        CHECK_INT(SPR_OK, spr_analyze(&w.network, &w.machine, &w.options, &a, NULL));
        for (size_t i = 0; i < a.result_count; i++) {
            result_laws(&w, &a, &a.results[i]);
        }
        for (size_t v = 0; v < w.network.variant_count; v += SKIPPED) {
            for (size_t b = 0; b < w.options.batch_count; b++) {
                more_zeros_of_x(&a, v, b);
            }
            faster += a.results[(v + 1) * 2].time_s < a.results[v * 2].time_s;
        }
        spr_analysis_free(&a);
        end_world(&w);
    }
    CHECK(faster > 1000); /* else the rounds prove nothing */
}

static const struct spr_step *step_of(const struct spr_waterfall *w, enum spr_step_kind kind)
{
    for (size_t i = 0; i < w->count; i++) {
        if (w->steps[i].kind == kind) {
            return &w->steps[i];
        }
    }
    return NULL;
}

/* Steps before the one of calls are those of a machine whose calls are free; that step has the
 * calls of all operators, pruned or not, and no other. */
static void calls_stand_in_one_step(void)
{
    size_t seen = 0;
    for (unsigned long long seed = 1; seed <= ROUNDS; seed++) {
        struct world w;
        struct spr_analysis a, free_calls;
        struct spr_waterfall with, without;
        random_world(&w, seed);
        struct spr_machine machine = w.machine;
        machine.overhead_s.value = (double)NAN;
        CHECK_INT(SPR_OK, spr_analyze(&w.network, &w.machine, &w.options, &a, NULL));
        CHECK_INT(SPR_OK, spr_analyze(&w.network, &machine, &w.options, &free_calls, NULL));
        for (size_t i = 0; i < a.result_count; i++) {
            spr_explain_waterfall(&a, &a.results[i], NULL, &with);
            spr_explain_waterfall(&free_calls, &free_calls.results[i], NULL, &without);
            CHECK(step_of(&without, SPR_STEP_CALLS) == NULL);
            for (size_t s = 0; s <= SPR_STEP_TRAFFIC; s++) {
                CHECK_NEAR(without.steps[s].speedup, with.steps[s].speedup, 1e-12);
            }
            const struct spr_step *calls = step_of(&with, SPR_STEP_CALLS);
            double call_s = 0, dense_s = free_calls.results[i].dense_time_s;
            for (size_t l = 0; l < w.network.layer_count; l++) {
                const int64_t calls_of_all =
                    w.options.native ? w.layers[l].count : w.layers[l].calls;
                call_s += (double)calls_of_all * w.machine.overhead_s.value;
            }
            double traffic_s = dense_s / with.steps[SPR_STEP_TRAFFIC].speedup;
            if (calls) {
                CHECK_NEAR((dense_s + call_s) / (traffic_s + call_s), calls->speedup, 1e-9);
                seen += fabs(calls->factor - 1) > 1e-5;
            }
        }
        spr_analysis_free(&a);
        spr_analysis_free(&free_calls);
        end_world(&w);
    }
    CHECK(seen > 100); /* else the rounds prove nothing */
}

static void scale(struct spr_number *number, double factor)
{
    number->value *= factor;
    number->low *= factor;
    number->high *= factor;
}

/* Twice every rate, half every overhead: half the time, the same speedups. */
static void doubled_rates(void)
{
    for (unsigned long long seed = 1; seed <= ROUNDS; seed++) {
        struct world w;
        struct spr_analysis one, two;
        random_world(&w, seed);
        struct spr_machine fast = w.machine;
        for (size_t i = 0; i < fast.engine_count; i++) {
            scale(&fast.engines[i].flops_per_s, 2);
        }
        for (size_t i = 0; i < fast.memory_count; i++) {
            scale(&fast.memory[i].bytes_per_s, 2);
        }
        scale(&fast.overhead_s, 0.5);
        CHECK_INT(SPR_OK, spr_analyze(&w.network, &w.machine, &w.options, &one, NULL));
        CHECK_INT(SPR_OK, spr_analyze(&w.network, &fast, &w.options, &two, NULL));
        for (size_t i = 0; i < one.result_count; i++) {
            CHECK_NEAR(one.results[i].time_s, 2 * two.results[i].time_s, 1e-14);
            CHECK_NEAR(one.results[i].speedup, two.results[i].speedup, 1e-14);
        }
        spr_analysis_free(&one);
        spr_analysis_free(&two);
        end_world(&w);
    }
}

/* Nothing pruned and no index stored: the dense layer. Whole blocks without pointers do not
 * exist, so the patterns are those whose cost has no index. */
static void density_one(void)
{
    struct spr_machine machine = test_machine_of(
        "{\"schema\":\"sproof/machine\",\"schema_version\":1,\"name\":\"t\",\"engines\":[{"
        "\"name\":\"e\",\"dtypes\":[\"f32\"],\"flops_per_s\":1e9,\"accepts\":[\"any\"]}],"
        "\"memory\":[{\"level\":\"DRAM\",\"bytes_per_s\":1e8}]}");
    struct spr_model model;
    CHECK_INT(SPR_OK,
              spr_model_prepare(&model, &machine, SPR_F32, SPR_NOMINAL, SPR_NOMINAL, NULL));
    model.native_only = true;
    unsigned long long state = 3;
    for (int i = 0; i < ROUNDS; i++) {
        struct spr_layer layer = random_layer(&state, "a");
        struct spr_prediction dense, run;
        if (!spr_op_has_weights(layer.op)) {
            continue;
        }
        for (size_t p = 0; p < patterns_all.count; p++) {
            struct spr_pattern pattern;
            CHECK_INT(SPR_OK, spr_pattern_parse(patterns_all.text[p], &pattern, NULL));
            if (!isnan(spr_pattern_fixed_sparsity(&pattern)) ||
                (pattern.a > 1 && layer.m % pattern.a != 0) ||
                (pattern.b > 1 && layer.k % pattern.b != 0)) {
                continue;
            }
            struct spr_shape shape = {layer.m, layer.k, layer.groups};
            test_row = patterns_all.text[p];
            CHECK(spr_model_sparse(&model, &layer, 1, &pattern,
                                   spr_pattern_kept(&pattern, &shape, 0), NULL, &run));
            spr_model_dense(&model, &layer, 1, &dense);
            CHECK_NEAR(dense.nnz, run.nnz, 1e-14);
            CHECK_NEAR(dense.flops_issued, run.flops_issued, 1e-14);
            CHECK_NEAR(dense.bytes_weight_values, run.bytes_weight_values, 1e-14);
            CHECK_NEAR(dense.bytes_x, run.bytes_x, 1e-14);
            CHECK_NEAR(dense.bytes, run.bytes - run.bytes_weight_index, 1e-12);
            CHECK(run.time_s >= dense.time_s * (1 - SLACK));
        }
        test_row = "";
        struct spr_pattern itself = spr_pattern_dense();
        CHECK(spr_model_sparse(&model, &layer, 1, &itself, (double)layer.m * (double)layer.k,
                               NULL, &run));
        CHECK_EXACT(dense.time_s, run.time_s);
    }
    spr_machine_free(&machine);
}

/* The break-even cell count fits and the next one does not; by counting, not by bisecting. */
static void break_even_is_the_last(void)
{
    unsigned long long state = 11;
    size_t found = 0;
    for (int round = 0; round < 3 * ROUNDS; round++) {
        struct world w;
        struct spr_model model;
        random_world(&w, test_random(&state));
        struct spr_layer layer = random_layer(&w.state, "a");
        struct spr_prediction dense, run;
        struct spr_pattern pattern;
        CHECK_INT(SPR_OK, spr_pattern_parse(test_patterns_pick(&patterns_free, &w.state),
                                            &pattern, NULL));
        CHECK_INT(SPR_OK, spr_model_prepare(&model, &w.machine, SPR_F32, SPR_NOMINAL,
                                            SPR_NOMINAL, NULL));
        layer.m = layer.m % 40 + 1;
        layer.k = layer.k % 40 + 1;
        if (!spr_op_has_weights(layer.op)) {
            end_world(&w);
            continue;
        }
        struct spr_shape shape = {layer.m, layer.k, layer.groups};
        double cells = pattern.kind->cells(&pattern, &shape), last = -1;
        spr_model_dense(&model, &layer, 1, &dense);
        struct spr_ways ways;
        model.native_only = round % 2;
        spr_model_ways(&model, &pattern, &ways);
        double even = spr_model_break_even(&model, &layer, 1, &ways, dense.time_s);
        for (double kept = 0; kept <= cells; kept++) {
            CHECK(spr_model_sparse(&model, &layer, 1, &pattern, kept, NULL, &run));
            bool fits = model.native_only ? run.time_s <= dense.time_s * (1 + 1e-12)
                                          : run.execution != SPR_EXECUTION_DENSE;
            last = fits ? kept : last;
        }
        CHECK_NEAR(last < 0 ? (double)NAN : 1 - last / cells, even, 1e-12);
        found += last > 0 && last < cells;
        end_world(&w);
    }
    CHECK(found > 100); /* else the rounds prove nothing */
}

static bool is_sparse(const struct spr_pattern *pattern)
{
    return !spr_pattern_is_dense(pattern);
}

static bool is_free(const struct spr_pattern *pattern)
{
    return isnan(spr_pattern_fixed_sparsity(pattern));
}

int main(void)
{
    patterns_all = test_patterns_of(is_sparse, sizes_too);
    patterns_free = test_patterns_of(is_free, sizes_too);
    every_result();
    zeros_of_x();
    calls_stand_in_one_step();
    doubled_rates();
    density_one();
    break_even_is_the_last();
    return test_end();
}
