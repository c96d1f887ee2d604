/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels on the CPU: run, checked, timed in turns. */
#include <math.h>

#include "host/team.h"
#include "validate/validate_cpu.h"

/* Of one visit. */
#define CASE_BUDGET_S 0.75
#define WARM_UP_S 0.03
/* One call a sample, but where the clock's steps would show. */
#define SAMPLE_S 10e-6

/* After a parallel region the threads of an OpenMP team spin before they sleep; libgomp's
 * 300 000 turns (its manual, GOMP_SPINCOUNT) are over by then. */
#define TEAM_IDLE_S 15e-3

static void run_product(void *context)
{
    struct spr_cpu_product *p = context;
    const struct spr_planned *planned = &p->side->planned;
    const struct spr_cpu *cpu = p->run->own;
    if (p->packed) {
        cpu->kernel_run(p->packed, cpu->x.values, p->y.values);
    } else {
        (p->run->options->layout == SPR_LAYOUT_NK ? spr_blas_product_nk : spr_blas_product)(
            &cpu->blas, planned->m, planned->k, planned->n, p->side->matrix.value,
            cpu->x.values, p->y.values);
    }
}

enum spr_status spr_cpu_check(struct spr_contender *contender, struct spr_error *err)
{
    struct spr_cpu_product *p = contender->product;
    const struct spr_validate_options *options = p->run->options;
    const struct spr_cpu *cpu = p->run->own;
    const struct spr_product product = {
        .matrix = &p->side->matrix,
        .n = p->side->planned.n,
        .x = cpu->x.values,
        .y = p->y.values,
        .kernel = contender->kernel,
        .seed = spr_seed(options->seed, "check", &p->side->planned),
        .layout = options->layout};
    for (size_t i = 0; i < p->y.count; i++) {
        p->y.values[i] = (float)NAN;
    }
    run_product(p);
    p->bits = spr_bits(p->y.values, p->y.count);
    return spr_check_product(&product, &contender->worst, err);
}

/* What the threads of one flood share. */
struct flooding {
    const struct spr_cpu *cpu;
    const struct spr_cpu_product *product;
};

/* The thread's part of so many. */
static size_t part_of(size_t count, int thread, int threads)
{
    return count * (size_t)thread / (size_t)threads;
}

static void flood_part(void *context, int thread, int threads)
{
    const struct flooding *flooding = context;
    const struct spr_cpu *cpu = flooding->cpu;
    const struct spr_cpu_product *p = flooding->product;
    const size_t line = SPR_CACHE_LINE / sizeof(float), lines = (p->y.count + line - 1) / line;
    const size_t flood_end = part_of(p->flood_count, thread + 1, threads);
    const size_t lines_end = part_of(lines, thread + 1, threads);
    float sum = 0;
    for (size_t i = part_of(p->flood_count, thread, threads); i < flood_end; i++) {
        cpu->flood[i] += 1;
    }
    spr_team_barrier();
    for (size_t i = 0; i < cpu->x.count; i += line) {
        sum += cpu->x.values[i];
    }
    for (size_t i = part_of(lines, thread, threads); i < lines_end; i++) {
        sum += p->y.values[i * line];
    }
    volatile float sink = sum; /* or the reads could be left out */
    (void)sink;
}

/* Other data passes through the caches, all of them when cold, then X and Y come back in, as
 * the layer before left them, on every core that computes. */
static void flood(const void *context, const void *subject)
{
    const struct spr_validate_run *run = context;
    struct flooding flooding = {run->own, subject};
    spr_team_run(run->options->threads, flood_part, &flooding);
    if (!flooding.product->packed && run->options->threads > 1) {
        spr_bench_sleep(TEAM_IDLE_S); /* the team above spins on cores OpenBLAS needs */
    }
}

static enum spr_status same_bits(const struct spr_contender *contender, struct spr_error *err)
{
    const struct spr_cpu_product *p = contender->product;
    const struct spr_planned *planned = &p->side->planned;
    if (spr_bits(p->y.values, p->y.count) == p->bits) {
        return SPR_OK;
    }
    return spr_fail(err, SPR_EWRONG,
                    "%s: wrong result: its output for %lld x %lld x %lld changed while it "
                    "was timed",
                    contender->kernel, (long long)planned->m, (long long)planned->k,
                    (long long)planned->n);
}

/* W is not in the caches when a call begins: evicted, or larger than they are. */
static bool needs_memory(const struct spr_validate_run *run,
                         const struct spr_contender *contender)
{
    const struct spr_planned *planned =
        &((const struct spr_cpu_product *)contender->product)->side->planned;
    const struct spr_machine *machine = run->machine;
    double cache = 0;
    for (size_t i = 0; i < machine->memory_count; i++) {
        cache = fmax(cache, machine->memory[i].bytes.value);
    }
    return run->options->residency != SPR_RESIDENCY_WARM ||
           (double)planned->m * (double)planned->k * sizeof(float) > cache;
}

enum spr_status spr_cpu_time_all(struct spr_validate_run *run,
                                 struct spr_contender *const *contenders, size_t count,
                                 uint64_t seed, struct spr_error *err)
{
    const struct spr_validate_options *options = run->options;
    const struct spr_cpu *cpu = run->own;
    struct spr_subject subjects[SPR_CPU_SUBJECTS_MAX] = {0};
    struct spr_bench bench = {
        .clock_s = run->clock_s,
        .begin_s = run->begin_s,
        .visit = run->visit,
        .canaries = run->canaries,
        .memory = needs_memory(run, contenders[0]),
        .random = &seed,
        .warm_up_s = WARM_UP_S,
        .sample_s = SAMPLE_S,
        .budget_s = options->case_budget_s > 0 ? options->case_budget_s : CASE_BUDGET_S,
        .before = options->residency == SPR_RESIDENCY_WARM ? NULL : flood,
        .context = run,
        .stop = options->stop};
    for (size_t i = 0; i < count; i++) {
        struct spr_cpu_product *product = contenders[i]->product;
        double idle_s = product->packed ? SPR_BLAS_IDLE_S : TEAM_IDLE_S;
        bool alone = options->threads == 1 || !cpu->blas.library || bench.before;
        subjects[i] = (struct spr_subject){run_product, product, &contenders[i]->measured,
                                           alone ? 0 : idle_s, false};
    }
    enum spr_status status =
        spr_bench_visit(&bench, subjects, count, &run->validation->arena, err);
    for (size_t i = 0; i < count && status == SPR_OK; i++) {
        status = same_bits(contenders[i], err);
    }
    return status;
}

/* What passes between two calls: everything the caches hold, or what the network's other
 * layers bring, if that is less. */
static size_t flood_floats(const struct spr_validate_run *run,
                           const struct spr_planned *planned)
{
    const struct spr_cpu *cpu = run->own;
    double pass = spr_validate_pass_bytes(run, planned) / sizeof(float);
    double own =
        spr_pattern_is_dense(&planned->pattern) ? (double)planned->m * (double)planned->k : 0;
    double cells =
        (double)planned->k * (double)planned->n + (double)planned->m * (double)planned->n;
    if (run->options->residency != SPR_RESIDENCY_NETWORK) {
        return cpu->flood_count;
    }
    double others = fmax(0, pass - own - cells);
    return others < (double)cpu->flood_count ? (size_t)others : cpu->flood_count;
}

enum spr_status spr_cpu_time(struct spr_validate_run *run,
                             struct spr_contender *const *contenders, size_t count,
                             uint64_t seed, struct spr_error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct spr_cpu_product *product = contenders[i]->product;
        product->flood_count = flood_floats(run, &product->side->planned);
    }
    return spr_cpu_time_all(run, contenders, count, seed, err);
}
