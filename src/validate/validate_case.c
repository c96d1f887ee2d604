/* SPDX-License-Identifier: Apache-2.0 */
/* One case: matrix, packing, check, time, what was predicted. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/random.h"
#include "host/host_state.h"
#include "sproof/schedule.h"
#include "validate/validate_case.h"

#define CASE_BUDGET_S 1.5
#define WARM_UP_S 0.03
#define SAMPLE_S 200e-6

/* After a parallel region the threads of an OpenMP team spin before they sleep; libgomp's
 * 300 000 turns (its manual, GOMP_SPINCOUNT) are over by then. */
#define TEAM_IDLE_S 15e-3

#define CACHE_LINE 64

static bool make_buffer(struct spr_buffer *buffer, double count)
{
    if (!(count < (double)(SIZE_MAX / 8))) {
        return false;
    }
    buffer->count = (size_t)count;
    buffer->memory = spr_calloc(buffer->count * sizeof(float) + CACHE_LINE, 1);
    if (!buffer->memory) {
        return false;
    }
    /* Of an aligned block of bytes, the first that begins a line. */
    void *aligned =
        (char *)buffer->memory + CACHE_LINE - (size_t)((uintptr_t)buffer->memory % CACHE_LINE);
    buffer->values = aligned;
    return true;
}

static void free_buffer(struct spr_buffer *buffer)
{
    spr_free(buffer->memory);
    *buffer = (struct spr_buffer){0};
}

static void fill(struct spr_buffer *buffer, float value)
{
    for (size_t i = 0; i < buffer->count; i++) {
        buffer->values[i] = value;
    }
}

double spr_planned_bytes(const struct spr_planned *p)
{
    double m = (double)p->m, k = (double)p->k, n = (double)p->n;
    /* W dense with its columns and packed, the same again for the pruned one; X, and for the layout
     * nk interleaved for both; three Y. */
    return m * k * 24 + 4 * (3 * k * n + 3 * m * n);
}

uint64_t spr_seed(uint64_t seed, const char *purpose, const struct spr_planned *p)
{
    char text[320], pattern[SPR_PATTERN_TEXT];
    uint64_t hash = SPR_HASH_START ^ seed;
    snprintf(text, sizeof text, "%s %lld %lld %lld %s %.12g", purpose, (long long)p->m,
             (long long)p->k, (long long)p->n, spr_pattern_text(&p->pattern, pattern),
             p->sparsity);
    for (const char *c = text; *c; c++) {
        hash = spr_hash(hash, (unsigned char)*c);
    }
    return spr_random(&hash);
}

static void run_contender(void *context)
{
    struct spr_contender *c = context;
    if (c->packed) {
        c->run->kernel_run(c->packed, c->x->values, c->y.values);
    } else {
        (c->run->options->layout == SPR_LAYOUT_NK ? spr_blas_product_nk : spr_blas_product)(
            &c->run->blas, c->m, c->k, c->n, c->w, c->x->values, c->y.values);
    }
}

/* Runs it once on an output full of NaN and checks every element. */
static enum spr_status check(struct spr_contender *c, uint64_t seed, struct spr_error *err)
{
    struct spr_product product = {c->matrix, c->n, c->x->values,           c->y.values,
                                  c->kernel, seed, c->run->options->layout};
    fill(&c->y, (float)NAN);
    run_contender(c);
    c->bits = spr_bits(c->y.values, c->y.count);
    return spr_check_product(&product, &c->worst, err);
}

static enum spr_status pack(const struct spr_validate_run *run,
                            const struct spr_planned *planned, const struct spr_matrix *matrix,
                            struct spr_sparse_inputs *sparse, struct spr_error *err)
{
    const struct spr_expected_case of = spr_case_of(run, planned, sparse);
    const struct spr_plan plan =
        sparse && sparse->plan ? *sparse->plan : spr_plan_for(run->machine, &of);
    struct spr_packed *packed = sparse ? &sparse->packed : &run->dense->packed;
    size_t promised = spr_packed_bytes(&plan, matrix);
    SPR_TRY(spr_pack(&plan, matrix, packed, err));
    if (packed->bytes != promised) {
        char text[SPR_PATTERN_TEXT];
        return spr_fail(err, SPR_EWRONG, "packing %s took %zu bytes instead of %zu",
                        spr_pattern_text(&planned->pattern, text), packed->bytes, promised);
    }
    return SPR_OK;
}

static struct spr_contender enter(const struct spr_validate_run *run,
                                  const struct spr_planned *p,
                                  const struct spr_dense_inputs *inputs)
{
    return (struct spr_contender){
        .run = run, .m = p->m, .k = p->k, .n = p->n, .x = &inputs->x};
}

void spr_dense_inputs_free(struct spr_dense_inputs *inputs)
{
    if (inputs) {
        spr_matrix_free(&inputs->matrix);
        spr_packed_free(&inputs->packed);
        free_buffer(&inputs->x);
        free_buffer(&inputs->own.y);
        free_buffer(&inputs->blas.y);
        spr_free(inputs);
    }
}

static enum spr_status enter_dense(const struct spr_validate_run *run,
                                   const struct spr_planned *dense,
                                   struct spr_dense_inputs *in, struct spr_error *err)
{
    struct spr_kernel kernel;
    double outputs = (double)dense->m * (double)dense->n;
    uint64_t seed = spr_seed(run->options->seed, "check", dense);
    in->own = enter(run, dense, in);
    in->own.packed = &in->packed;
    in->own.matrix = &in->matrix;
    if (spr_kernel_find(&dense->pattern, run->options->isa, &kernel)) {
        snprintf(in->own_name, sizeof in->own_name, "%s", kernel.name);
    }
    in->own.kernel = in->own_name;
    if (!make_buffer(&in->own.y, outputs)) {
        return spr_no_memory(err);
    }
    SPR_TRY(check(&in->own, seed, err));
    if (spr_blas_takes(&run->blas, dense->m, dense->k, dense->n)) {
        in->blas = enter(run, dense, in);
        in->blas.w = in->matrix.value;
        in->blas.matrix = &in->matrix;
        snprintf(in->blas_name, sizeof in->blas_name, "openblas%s%s",
                 run->blas.core[0] ? "-" : "", run->blas.core);
        in->blas.kernel = in->blas_name;
        if (!make_buffer(&in->blas.y, outputs)) {
            return spr_no_memory(err);
        }
        SPR_TRY(check(&in->blas, seed, err));
    }
    return SPR_OK;
}

static enum spr_status fill_dense(struct spr_validate_run *run,
                                  const struct spr_planned *planned,
                                  struct spr_dense_inputs *in, struct spr_error *err)
{
    struct spr_planned dense = *planned;
    dense.pattern = spr_pattern_dense();
    dense.sparsity = 0;
    double kept = (double)dense.m * (double)dense.k;
    if (!make_buffer(&in->x, (double)dense.k * (double)dense.n)) {
        return spr_no_memory(err);
    }
    in->shape = planned->shape;
    uint64_t random = spr_seed(run->options->seed, "x", &dense);
    for (size_t i = 0; i < in->x.count; i++) {
        in->x.values[i] = (float)(2 * spr_random_unit(&random) - 1);
    }
    SPR_TRY(spr_matrix_random(&dense.pattern, dense.m, dense.k, kept,
                              spr_seed(run->options->seed, "w", &dense), &in->matrix, err));
    SPR_TRY(pack(run, &dense, &in->matrix, NULL, err));
    return enter_dense(run, &dense, in, err);
}

/* Makes the dense side of a shape, unless it is the one at hand. */
static enum spr_status make_dense(struct spr_validate_run *run,
                                  const struct spr_planned *planned, struct spr_error *err)
{
    if (run->dense && run->dense->shape == planned->shape) {
        return SPR_OK;
    }
    spr_dense_inputs_free(run->dense);
    run->dense = spr_calloc(1, sizeof *run->dense);
    if (!run->dense) {
        return spr_no_memory(err);
    }
    enum spr_status status = fill_dense(run, planned, run->dense, err);
    if (status != SPR_OK) {
        spr_dense_inputs_free(run->dense);
        run->dense = NULL;
    }
    return status;
}

/* Random masks keep N:M by construction; one that was read may not. */
static enum spr_status check_groups(const struct spr_planned *planned,
                                    const struct spr_matrix *matrix, struct spr_error *err)
{
    int64_t most = planned->pattern.a, of = planned->pattern.b;
    for (int64_t i = 0; i < matrix->m; i++) {
        int64_t group = -1, count = 0;
        for (size_t e = matrix->row[i]; e < matrix->row[i + 1]; e++) {
            count = matrix->column[e] / of == group ? count + 1 : 1;
            group = matrix->column[e] / of;
            if (count > most) {
                int64_t first = group * of, last = first + of - 1;
                return spr_fail(err, SPR_EINPUT,
                                "%s: row %lld, columns %lld to %lld (from 0): expected at "
                                "most %lld weight%s in a mask of %lld:%lld",
                                planned->mask, (long long)i, (long long)first,
                                (long long)(last < matrix->k ? last : matrix->k - 1),
                                (long long)most, most == 1 ? "" : "s", (long long)most,
                                (long long)of);
            }
        }
    }
    return SPR_OK;
}

static enum spr_status make_matrix(const struct spr_validate_run *run,
                                   const struct spr_planned *planned,
                                   struct spr_sparse_inputs *in, struct spr_error *err)
{
    struct spr_shape shape = {planned->m, planned->k, 1};
    uint64_t seed = spr_seed(run->options->seed, "w", planned);
    if (!planned->mask) {
        in->kept = spr_pattern_kept(&planned->pattern, &shape, planned->sparsity);
        return spr_matrix_random(&planned->pattern, planned->m, planned->k, in->kept, seed,
                                 &in->matrix, err);
    }
    SPR_TRY(spr_matrix_read_smtx(planned->mask, seed, &in->matrix, err));
    if (in->matrix.m != planned->m || in->matrix.k != planned->k) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: mask of %lld x %lld: expected %lld x %lld, the shape of layer %s",
                        planned->mask, (long long)in->matrix.m, (long long)in->matrix.k,
                        (long long)planned->m, (long long)planned->k, planned->layer);
    }
    if (planned->pattern.kind->pattern_class == SPR_CLASS_NM) {
        SPR_TRY(check_groups(planned, &in->matrix, err));
    }
    in->kept = spr_matrix_cells(&in->matrix, &planned->pattern);
    return SPR_OK;
}

static enum spr_status make_sparse(const struct spr_validate_run *run,
                                   const struct spr_planned *planned,
                                   struct spr_sparse_inputs *in, struct spr_error *err)
{
    (void)spr_kernel_find(&planned->pattern, run->options->isa, &in->kernel);
    in->contender = enter(run, planned, run->dense);
    in->contender.packed = &in->packed;
    in->contender.matrix = &in->matrix;
    in->contender.kernel = in->kernel.name;
    SPR_TRY(make_matrix(run, planned, in, err));
    SPR_TRY(pack(run, planned, &in->matrix, in, err));
    if (!make_buffer(&in->contender.y, (double)planned->m * (double)planned->n)) {
        return spr_no_memory(err);
    }
    return check(&in->contender, spr_seed(run->options->seed, "check", planned), err);
}

/* Plans of one case that are timed against each other. */
#define TUNED_PLANS 4

/* What a run of the plans brings. */
struct tuning {
    struct spr_plan plan[TUNED_PLANS];
    struct spr_sparse_inputs inputs[TUNED_PLANS];
    size_t count;
};

static enum spr_status time_all(const struct spr_validate_run *run,
                                struct spr_contender *const *contenders, size_t count,
                                uint64_t seed, struct spr_error *err);
static void free_sparse(struct spr_sparse_inputs *in);

/* A plan is better when its whole interval is below the other's. */
static size_t fastest_plan(const struct tuning *t)
{
    size_t best = 0;
    for (size_t i = 1; i < t->count; i++) {
        const struct spr_measurement *m = &t->inputs[i].contender.measured;
        const struct spr_measurement *b = &t->inputs[best].contender.measured;
        best = m->high_s < b->low_s ? i : best;
    }
    return best;
}

static enum spr_status note_tried(const struct spr_validate_run *run,
                                  const struct spr_expected_case *of, const struct tuning *t,
                                  size_t chosen, struct spr_validation_case *out,
                                  struct spr_error *err)
{
    out->tried = spr_arena_alloc(&run->validation->arena, t->count * sizeof *out->tried);
    if (!out->tried) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < t->count; i++) {
        const struct spr_plan *p = &t->plan[i];
        struct spr_expected expected = {.time_s = (double)NAN};
        (void)spr_expected_of_plan(run->machine, of, p, &expected);
        out->tried[i] = (struct spr_tried_plan){
            p->rows,  p->vectors,      p->tokens,
            p->panel, expected.time_s, t->inputs[i].contender.measured.median_s};
    }
    out->tried_count = t->count;
    out->chosen = chosen;
    return SPR_OK;
}

static enum spr_status time_plans(struct spr_validate_run *run,
                                  const struct spr_planned *planned, struct tuning *t,
                                  struct spr_error *err)
{
    struct spr_contender *contenders[TUNED_PLANS];
    for (size_t i = 0; i < t->count; i++) {
        t->inputs[i].plan = &t->plan[i];
        SPR_TRY(make_sparse(run, planned, &t->inputs[i], err));
        contenders[i] = &t->inputs[i].contender;
    }
    return time_all(run, contenders, t->count, spr_seed(run->options->seed, "tune", planned),
                    err);
}

/* Times the best few plans of a case and keeps the winner for this run and later ones. */
static enum spr_status tune(struct spr_validate_run *run, const struct spr_planned *planned,
                            struct spr_sparse_inputs *sparse, struct spr_validation_case *out,
                            struct spr_error *err)
{
    const struct spr_expected_case of = spr_case_of(run, planned, sparse);
    struct tuning t = {0};
    size_t best = 0;
    t.count = spr_plan_best(run->machine, &of, t.plan, TUNED_PLANS);
    enum spr_status status = time_plans(run, planned, &t, err);
    if (status == SPR_OK) {
        best = fastest_plan(&t);
        status = note_tried(run, &of, &t, best, out, err);
    }
    if (status == SPR_OK && run->options->tuned) {
        status = spr_tuned_keep(run->options->tuned, &of, &t.plan[best], err);
    }
    if (status == SPR_OK && best > 0) {
        /* The winner takes the place of the usual plan. */
        struct spr_sparse_inputs usual = *sparse;
        *sparse = t.inputs[best];
        sparse->contender.packed = &sparse->packed;
        sparse->contender.matrix = &sparse->matrix;
        sparse->contender.kernel = sparse->kernel.name;
        sparse->contender.measured = (struct spr_measurement){0};
        sparse->plan = NULL;
        t.inputs[best] = usual;
    }
    for (size_t i = 0; i < t.count; i++) {
        free_sparse(&t.inputs[i]);
    }
    return status;
}

static void free_sparse(struct spr_sparse_inputs *in)
{
    spr_matrix_free(&in->matrix);
    spr_packed_free(&in->packed);
    free_buffer(&in->contender.y);
}

/* Other data passes through the caches, all of them when cold, then X and Y come back in, as
 * the layer before left them, on every core that computes. */
static void flood(const void *context, const void *subject)
{
    const struct spr_validate_run *run = context;
    const struct spr_contender *c = subject;
    float sum = 0;
    size_t y_count = c->y.count;
#ifdef _OPENMP
#pragma omp parallel num_threads(run->options->threads) reduction(+ : sum)
#endif
    {
#ifdef _OPENMP
#pragma omp for schedule(static)
#endif
        for (size_t i = 0; i < c->flood_count; i++) {
            run->flood[i] += 1;
        }
        for (size_t i = 0; i < c->x->count; i += CACHE_LINE / sizeof(float)) {
            sum += c->x->values[i];
        }
#ifdef _OPENMP
#pragma omp for schedule(static)
#endif
        for (size_t i = 0; i < y_count; i += CACHE_LINE / sizeof(float)) {
            sum += c->y.values[i];
        }
    }
    volatile float sink = sum; /* or the reads could be left out */
    (void)sink;
    if (!c->packed && run->options->threads > 1) {
        spr_bench_sleep(TEAM_IDLE_S); /* the team above spins on cores OpenBLAS needs */
    }
}

static enum spr_status same_bits(const struct spr_contender *c, struct spr_error *err)
{
    if (spr_bits(c->y.values, c->y.count) == c->bits) {
        return SPR_OK;
    }
    return spr_fail(err, SPR_EWRONG,
                    "%s: wrong result: its output for %lld x %lld x %lld changed while it "
                    "was timed",
                    c->kernel, (long long)c->m, (long long)c->k, (long long)c->n);
}

static enum spr_status time_all(const struct spr_validate_run *run,
                                struct spr_contender *const *contenders, size_t count,
                                uint64_t seed, struct spr_error *err)
{
    const struct spr_validate_options *options = run->options;
    struct spr_subject subjects[TUNED_PLANS] = {0};
    struct spr_bench bench = {
        .clock_s = run->clock_s,
        .random = &seed,
        .warm_up_s = WARM_UP_S,
        .sample_s = SAMPLE_S,
        .budget_s = options->case_budget_s > 0 ? options->case_budget_s : CASE_BUDGET_S,
        .before = options->residency == SPR_RESIDENCY_WARM ? NULL : flood,
        .context = run,
        .switches = options->clock_s ? NULL : spr_host_switches,
        .stop = options->stop};
    for (size_t i = 0; i < count; i++) {
        double idle_s = contenders[i]->packed ? SPR_BLAS_IDLE_S : TEAM_IDLE_S;
        bool alone = options->threads == 1 || !run->blas.library || bench.before;
        subjects[i] = (struct spr_subject){
            run_contender, contenders[i], &contenders[i]->measured, alone ? 0 : idle_s, false};
    }
    enum spr_status status =
        spr_bench_run(&bench, subjects, count, &run->validation->arena, err);
    for (size_t i = 0; i < count && status == SPR_OK; i++) {
        status = same_bits(contenders[i], err);
    }
    return status;
}

/* What passes between two calls: everything the caches hold, or what the network's other
 * layers bring, if that is less. */
static size_t flood_floats(const struct spr_validate_run *run,
                           const struct spr_planned *planned, bool sparse)
{
    double pass = spr_validate_pass_bytes(run, planned, sparse) / sizeof(float);
    double own = sparse ? 0 : (double)planned->m * (double)planned->k;
    double cells =
        (double)planned->k * (double)planned->n + (double)planned->m * (double)planned->n;
    if (run->options->residency != SPR_RESIDENCY_NETWORK) {
        return run->flood_count;
    }
    double others = fmax(0, pass - own - cells);
    return others < (double)run->flood_count ? (size_t)others : run->flood_count;
}

static enum spr_status measure(struct spr_validate_run *run, const struct spr_planned *planned,
                               struct spr_sparse_inputs *sparse,
                               struct spr_validation_case *out, struct spr_error *err)
{
    struct spr_dense_inputs *dense = run->dense;
    struct spr_contender *contenders[3];
    struct spr_contender *main = sparse ? &sparse->contender : &dense->own;
    struct spr_predicted predicted[2];
    size_t count = 0;
    contenders[count++] = &dense->own;
    if (dense->blas.kernel) {
        contenders[count++] = &dense->blas;
    }
    if (sparse) {
        contenders[count++] = &sparse->contender;
    }
    predicted[1] = spr_predict(run, planned, NULL);
    predicted[0] = sparse ? spr_predict(run, planned, sparse) : predicted[1];
    for (size_t i = 0; i < count; i++) {
        contenders[i]->flood_count =
            flood_floats(run, planned, sparse && contenders[i] == &sparse->contender);
    }
    /* A point above its roof is a fault of the roof, or of this moment: once more. */
    for (int attempt = 0; attempt < 2; attempt++) {
        uint64_t seed = spr_seed(run->options->seed, attempt ? "again" : "time", planned);
        SPR_TRY(time_all(run, contenders, count, seed, err));
        bool blas =
            dense->blas.kernel && dense->blas.measured.median_s < dense->own.measured.median_s;
        SPR_TRY(
            spr_case_fill(run, main, blas ? &dense->blas : &dense->own, predicted, out, err));
        if (!out->above_roof) {
            break;
        }
        spr_validate_raise_roof(run, spr_validate_rate(run));
        predicted[1] = spr_predict(run, planned, NULL);
        predicted[0] = sparse ? spr_predict(run, planned, sparse) : predicted[1];
    }
    return SPR_OK;
}

enum spr_status spr_validate_case(struct spr_validate_run *run,
                                  const struct spr_planned *planned,
                                  struct spr_validation_case *out, struct spr_error *err)
{
    struct spr_sparse_inputs sparse = {0};
    bool pruned = !spr_pattern_is_dense(&planned->pattern);
    enum spr_status status = make_dense(run, planned, err);
    if (status == SPR_OK && pruned) {
        status = make_sparse(run, planned, &sparse, err);
    }
    if (status == SPR_OK) {
        spr_case_describe(run, planned, pruned ? &sparse : NULL, out);
        if (pruned && run->options->tune) {
            status = tune(run, planned, &sparse, out, err);
        }
    }
    if (status == SPR_OK) {
        status = measure(run, planned, pruned ? &sparse : NULL, out, err);
    }
    free_sparse(&sparse);
    return status;
}
