/* SPDX-License-Identifier: Apache-2.0 */
/* Laws of expected times, over seeded random networks, patterns, batches and residencies. */
#include "test.h"

#include "expected.h"
#include "machine.h"
#include "patterns.h"
#include "sproof/analysis.h"
#include "sproof/explain.h"

#define ROUNDS 300

static const char *const sizes_too[] = {"1x7", "comp:4", NULL};
static struct test_patterns patterns_sparse;

static bool is_sparse(const struct spr_pattern *pattern)
{
    return !spr_pattern_is_dense(pattern);
}

struct world {
    unsigned long long state;
    struct spr_layer layers[6];
    struct spr_network network;
    struct spr_machine machine;
    struct spr_options options;
};

static struct spr_layer random_layer(unsigned long long *state, const char *name)
{
    struct spr_layer layer = {.name = name, .groups = 1};
    layer.op = (enum spr_op)test_between(state, SPR_OP_LINEAR, SPR_OP_OTHER);
    layer.count = test_between(state, 1, 4);
    layer.calls = test_between(state, 0, layer.count);
    if (layer.op == SPR_OP_OTHER) {
        layer.other_bytes = (double)test_between(state, 1, 100000);
        return layer;
    }
    layer.m = test_between(state, 1, 900);
    layer.k = test_between(state, 1, 900);
    layer.n = test_between(state, 1, 300);
    layer.groups = layer.op == SPR_OP_CONV ? test_between(state, 1, 4) : 1;
    layer.x_elements = (double)layer.k * (double)layer.n;
    layer.prunable = spr_op_has_weights(layer.op) && test_between(state, 0, 3) > 0;
    return layer;
}

static void random_world(struct world *w, unsigned long long seed)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    struct spr_pattern patterns[2];
    const double sparsities[] = {0.5, 0.9};
    *w = (struct world){.state = seed};
    w->network.name = "random";
    w->network.layers = w->layers;
    w->network.layer_count = (size_t)test_between(&w->state, 1, 6);
    for (size_t i = 0; i < w->network.layer_count; i++) {
        w->layers[i] = random_layer(&w->state, names[i]);
    }
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        const char *text = test_patterns_pick(&patterns_sparse, &w->state);
        CHECK_INT(SPR_OK, spr_pattern_parse(text, &patterns[i], NULL));
    }
    struct spr_grid grid = {patterns, COUNT_OF(patterns), sparsities, COUNT_OF(sparsities)};
    CHECK_INT(SPR_OK, spr_network_add_grid(&w->network, &grid, NULL));
    w->machine = test_machine_of(
        "{\"schema\":\"sproof/machine\",\"schema_version\":1,\"name\":\"cpu\",\"cores\":4,"
        "\"engines\":[{\"name\":\"fma\",\"dtypes\":[\"f32\"],\"flops_per_s\":1e11,"
        "\"accepts\":[\"any\"]}],\"memory\":[{\"level\":\"L2\",\"bytes\":1e6,"
        "\"bytes_per_s\":1e11},{\"level\":\"DRAM\",\"bytes_per_s\":1e10}],"
        "\"overhead_s\":1e-6}");
    w->machine.kernels = &fake_kernels;
    w->options = (struct spr_options){.dtype = SPR_F32,
                                      .residency = (enum spr_residency)(seed % 4),
                                      .has_residency = seed % 8 > 3,
                                      .threads = test_between(&w->state, 0, 2),
                                      .batches = {1, (double)test_between(&w->state, 2, 99)},
                                      .batch_count = 2};
}

static void end_world(struct world *w)
{
    w->machine.kernels = NULL;
    w->network.layers = NULL;
    spr_network_free(&w->network);
    spr_machine_free(&w->machine);
}

static void waterfall_laws(const struct spr_analysis *a, const struct spr_result *r)
{
    static const struct spr_measured measured = {0.042, 0.041};
    struct spr_waterfall w;
    double product = 1, bound = (double)NAN;
    bool expected = isfinite(r->expected.speedup);
    spr_explain_waterfall(a, r, NULL, &w);
    for (size_t i = 0; i < w.count; i++) {
        product *= w.steps[i].factor;
        CHECK_NEAR(product, w.steps[i].speedup, 1e-9);
        bound = w.steps[i].kind == SPR_STEP_ENGINE ? product : bound;
    }
    CHECK_NEAR(r->speedup, bound, 1e-9);
    CHECK_NEAR(expected ? r->expected.speedup : r->speedup, product, 1e-9);
    CHECK_NEAR(product, w.speedup, 1e-9);
    CHECK_INT(expected ? SPR_STEP_KERNEL : SPR_STEP_ENGINE, w.steps[w.count - 1].kind);
    spr_explain_waterfall(a, r, &measured, &w);
    CHECK(w.count <= SPR_STEPS_MAX);
    CHECK_NEAR(0.042 / 0.041, w.speedup, 1e-9);
}

static bool result_laws(const struct spr_analysis *a, const struct spr_result *r)
{
    const struct spr_network_expected *e = &r->expected;
    double dense_s = 0, time_s = 0;
    for (size_t i = 0; i < a->network->layer_count; i++) {
        double count = (double)a->network->layers[i].count;
        const struct spr_layer_expected *dense =
            spr_analysis_expected_dense(a, r->batch_index, i);
        dense_s += count * dense->time_s;
        time_s += count * r->layers[i].expected.time_s;
        CHECK_NEAR(dense->time_s / r->layers[i].expected.time_s, r->layers[i].expected_speedup,
                   1e-12);
    }
    CHECK_NEAR(time_s, e->time_s, 1e-12);
    CHECK_NEAR(isnan(time_s) ? (double)NAN : dense_s, e->dense_time_s, 1e-12);
    CHECK_NEAR(dense_s / time_s, e->speedup, 1e-12);
    if (!isnan(time_s)) {
        CHECK(e->speedup_mixed >= fmax(1, e->speedup) * (1 - 1e-12));
        CHECK(isnan(e->amdahl_ceiling) || e->speedup <= e->amdahl_ceiling * (1 + 1e-12));
        CHECK(e->bound_share >= 0 && e->bound_share <= 1 + 1e-12);
    }
    waterfall_laws(a, r);
    return !isnan(time_s);
}

int main(void)
{
    size_t expected = 0, without = 0;
    patterns_sparse = test_patterns_of(is_sparse, sizes_too);
    for (unsigned long long seed = 1; seed <= ROUNDS; seed++) {
        struct world w;
        struct spr_analysis a;
        struct spr_error err = {0};
        random_world(&w, seed);
        CHECK_STATUS(SPR_OK, spr_analyze(&w.network, &w.machine, &w.options, &a, &err), &err);
        bool any = false;
        for (size_t i = 0; i < a.result_count; i++) {
            bool has = result_laws(&a, &a.results[i]);
            any = any || has;
            expected += has;
            without += !has;
        }
        CHECK_INT(any, a.expected_leads);
        spr_analysis_free(&a);
        end_world(&w);
    }
    CHECK(expected > ROUNDS && without > 50); /* else the rounds prove nothing */
    return test_end();
}
