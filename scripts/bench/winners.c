/* SPDX-License-Identifier: Apache-2.0 */
/* Dense, sparse-dense and sparse-sparse products with k-winner-take-all, timed in turns as
 * validate times kernels, on one thread; CSV to standard output.
 *   winners [--m M] [--k K] [--n N] [--sparsity S] [--activation-sparsity A,..]
 *           [--patterns 32x1,csr,comp:20] [--isa avx512] [--visits V] [--wait SECONDS]
 * A product is checked against double precision before it is timed. Expected times need a kept
 * probe (sproof probe). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "kernel/blas.h"
#include "sproof/cpu.h"
#include "sproof/expected_winners.h"
#include "sproof/kernel.h"
#include "sproof/probe.h"
#include "sproof/schedule.h"
#include "validate/bench.h"

/* Calls of a sample, each with tokens of its own: nothing is learned by heart. */
#define CALLS 16
#define LIST_MAX 16
#define WARM_UP_S 0.02
#define SAMPLE_S 10e-6
#define VISIT_S 0.75

struct setup {
    int64_t m, k, n;
    double sparsity, activation[LIST_MAX];
    const char *patterns[LIST_MAX];
    int activations, pattern_count, visits;
    double wait_s;
    enum spr_isa isa;
    struct spr_machine machine;
    struct spr_blas blas;
    struct spr_matrix dense;
    struct spr_packed dense_packed;
    struct spr_canaries *canaries;
    struct spr_arena arena;
    double begin_s;
    uint64_t random;
};

/* Dense inputs are those of the tokens before k-winner-take-all. */
struct subject {
    const struct setup *s;
    const struct spr_packed
        *packed; /* a product with all inputs; NULL with no columns: OpenBLAS */
    const struct spr_columns *columns;
    const struct spr_wta *wta; /* NULL: the winners are known */
    const float *x;
    struct spr_winners *winners; /* CALLS * n */
    float *y;
    struct spr_measurement measured;
    double expected_s;
    const char *what;
};
enum { DENSE, BLAS, SPARSE_DENSE, WTA, SPARSE_SPARSE, BOTH, SUBJECTS };

struct one_case {
    struct spr_pattern pattern;
    double activation;
    struct spr_matrix w;
    struct spr_packed packed;
    struct spr_columns columns;
    struct spr_wta wta;
    struct subject subjects[SUBJECTS];
    double crossover;
};

static struct spr_error err;

static void must(enum spr_status status)
{
    if (status) {
        fprintf(stderr, "winners: %s\n", err.text);
        exit(2);
    }
}

static void *room(size_t count, size_t size)
{
    void *memory = spr_aligned_alloc(64, count * size + 64);
    if (!memory) {
        must(spr_no_memory(&err));
    }
    return memory ? memset(memory, 0, count * size + 64) : NULL;
}

static void run_tokens(const struct subject *p, int64_t token)
{
    struct spr_winners *winners = &p->winners[token];
    if (p->wta) {
        spr_wta_run(p->wta, p->x + token * p->s->k, NULL, winners);
    }
    if (p->columns) {
        spr_columns_run(p->columns, winners, p->y + token % p->s->n * p->s->m);
    }
}

static void run(void *context)
{
    const struct subject *p = context;
    const struct setup *s = p->s;
    for (int64_t token = 0; (p->wta || p->columns) && token < CALLS * s->n; token++) {
        run_tokens(p, token);
    }
    if (p->packed) {
        spr_kernel_run(p->packed, p->x, p->y);
    } else if (!p->wta && !p->columns) {
        spr_blas_product_nk(&s->blas, s->m, s->k, s->n, s->dense.value, p->x, p->y);
    }
}

static struct spr_plan plan_of(const struct setup *s, const struct spr_pattern *pattern,
                               double kept)
{
    return spr_plan_choose_nk(pattern, s->isa, s->m, s->k, s->n, kept, 1);
}

static double expected_product(const struct setup *s, const struct spr_packed *packed,
                               double kept)
{
    const struct spr_expected_case of = {.pattern = packed->plan.pattern,
                                         .m = s->m,
                                         .k = s->k,
                                         .n = s->n,
                                         .kept = kept,
                                         .threads = 1,
                                         .isa = s->isa,
                                         .layout = SPR_LAYOUT_NK,
                                         .residency = SPR_RESIDENCY_WARM};
    struct spr_expected out;
    return spr_expected_of_plan(&s->machine, &of, &packed->plan, &out) ? out.time_s
                                                                       : (double)NAN;
}

static void make_matrix(struct setup *s, const char *text, struct one_case *c)
{
    const struct spr_shape shape = {s->m, s->k, 1};
    must(spr_pattern_parse(text, &c->pattern, &err));
    const double kept = spr_pattern_kept(&c->pattern, &shape, s->sparsity);
    must(spr_matrix_random(&c->pattern, s->m, s->k, kept, 7, &c->w, &err));
    const struct spr_plan plan = plan_of(s, &c->pattern, kept);
    must(spr_pack(&plan, &c->w, &c->packed, &err));
    must(spr_columns_pack(s->isa, spr_columns_rows(&c->pattern), &c->w, &c->columns, &err));
    c->subjects[SPARSE_DENSE].expected_s = expected_product(s, &c->packed, kept);
}

/* y of the last call against double precision, x being 0 where no winner is. */
static void check(struct one_case *c)
{
    struct subject *p = &c->subjects[BOTH];
    const struct setup *s = p->s;
    const int64_t token = CALLS * s->n - 1;
    float *x = room((size_t)s->k, sizeof *x);
    double *y = room((size_t)(3 * s->m), sizeof *y), *size = y + s->m, *terms = size + s->m;
    run(p);
    spr_winners_spread(&p->winners[token], x, s->k);
    spr_matrix_product(&c->w, 1, x, NULL, 0, y, size, terms);
    for (int64_t i = 0; i < s->m; i++) {
        const double off = fabs((double)p->y[token % s->n * s->m + i] - y[i]);
        if (!(off <= (terms[i] + 2) * 0x1p-24 * size[i])) {
            must(spr_fail(&err, SPR_EWRONG, "wrong result in row %lld", (long long)i));
        }
    }
    spr_free(x);
    spr_free(y);
}

static void make_expected(const struct setup *s, struct one_case *c)
{
    const struct spr_kernel_rates *rates = s->machine.kernels;
    struct subject *p = c->subjects;
    const struct spr_winners_case of = {.isa = s->isa,
                                        .rows = c->columns.rows,
                                        .m = s->m,
                                        .k = s->k,
                                        .blocks = (double)c->w.nnz / c->columns.rows,
                                        .winners = (double)c->wta.k};
    const double calls = CALLS * (double)s->n;
    p[WTA].expected_s = calls * spr_wta_expected(rates, &c->wta);
    p[SPARSE_SPARSE].expected_s = calls * spr_winners_expected(rates, &of);
    p[BOTH].expected_s = p[WTA].expected_s + p[SPARSE_SPARSE].expected_s;
    c->crossover =
        spr_winners_crossover(rates, &of, p[SPARSE_DENSE].expected_s / (double)s->n);
}

static void make_case(struct setup *s, const char *text, double activation, struct one_case *c)
{
    static const char *const names[SUBJECTS] = {
        "dense", "openblas", "sparse-dense", "k-WTA", "sparse-sparse", "k-WTA+sparse-sparse"};
    const int64_t tokens = CALLS * s->n;
    float *x = room((size_t)(tokens * s->k), sizeof *x);
    struct spr_winners *winners = room((size_t)tokens, sizeof *winners);
    make_matrix(s, text, c);
    c->activation = activation;
    c->wta = (struct spr_wta){.isa = s->isa,
                              .channels = s->k,
                              .pixels = 1,
                              .k = spr_wta_count(s->k, 1 - activation)};
    c->wta.method = spr_wta_choose(s->machine.kernels, &c->wta);
    for (int64_t i = 0; i < tokens * s->k; i++) {
        x[i] = (float)(spr_random_unit(&s->random) + spr_random_unit(&s->random) +
                       spr_random_unit(&s->random) - 1.5);
    }
    for (int64_t i = 0; i < tokens; i++) {
        must(spr_winners_alloc(&c->wta, &winners[i], &err));
        spr_wta_run(&c->wta, x + i * s->k, NULL, &winners[i]);
    }
    for (int i = 0; i < SUBJECTS; i++) {
        const double expected_s = i == SPARSE_DENSE ? c->subjects[i].expected_s : (double)NAN;
        c->subjects[i] =
            (struct subject){.s = s,
                             .packed = i == DENSE          ? &s->dense_packed
                                       : i == SPARSE_DENSE ? &c->packed
                                                           : NULL,
                             .columns = i == SPARSE_SPARSE || i == BOTH ? &c->columns : NULL,
                             .wta = i == WTA || i == BOTH ? &c->wta : NULL,
                             .x = x,
                             .winners = winners,
                             .y = room((size_t)(s->n * s->m), sizeof(float)),
                             .expected_s = expected_s,
                             .what = names[i]};
    }
    c->subjects[DENSE].expected_s =
        expected_product(s, &s->dense_packed, (double)s->m * (double)s->k);
    make_expected(s, c);
    check(c);
}

static size_t list(const struct setup *s, struct one_case *c, struct spr_subject *subjects)
{
    size_t count = 0;
    for (int i = 0; i < SUBJECTS; i++) {
        if (i != BLAS || s->blas.library) {
            subjects[count++] = (struct spr_subject){
                .run = run, .context = &c->subjects[i], .result = &c->subjects[i].measured};
        }
    }
    return count;
}

static void visit(struct setup *s, struct one_case *c, int number)
{
    struct spr_subject subjects[SUBJECTS];
    const size_t count = list(s, c, subjects);
    const struct spr_bench bench = {.clock_s = spr_cpu_clock_s,
                                    .begin_s = s->begin_s,
                                    .visit = number,
                                    .random = &s->random,
                                    .warm_up_s = WARM_UP_S,
                                    .sample_s = SAMPLE_S,
                                    .budget_s = VISIT_S,
                                    .canaries = s->canaries};
    must(spr_bench_visit(&bench, subjects, count, &s->arena, &err));
}

static void print_case(const struct setup *s, struct one_case *c)
{
    struct spr_subject subjects[SUBJECTS];
    struct spr_measurement *all[SUBJECTS];
    const size_t count = list(s, c, subjects);
    char text[SPR_PATTERN_TEXT];
    double best_s = HUGE_VAL;
    for (size_t i = 0; i < count; i++) {
        all[i] = subjects[i].result;
    }
    if (!spr_measurements_judge(all, count, s->canaries ? s->canaries->least_s : NULL)) {
        must(spr_no_memory(&err));
    }
    const double sparse_dense_s = c->subjects[SPARSE_DENSE].measured.time_s;
    for (int i = DENSE; i <= BLAS; i++) {
        const double time_s = c->subjects[i].measured.time_s;
        best_s = time_s > 0 && time_s < best_s ? time_s : best_s;
    }
    for (size_t i = 0; i < count; i++) {
        const struct subject *p = subjects[i].context;
        const double calls = p->wta || p->columns ? CALLS : 1;
        const double time_s = p->measured.time_s / calls;
        printf("%s,%g,%s,%.4g,%.4g,%.4g,%s,%.3g,%.3g,%.4g,%.3g,%.3g\n",
               spr_pattern_text(&c->pattern, text), c->activation, p->what, time_s * 1e6,
               p->measured.low_s / calls * 1e6, p->measured.high_s / calls * 1e6,
               spr_doubt_name(p->measured.doubt), sparse_dense_s / time_s, best_s / time_s,
               p->expected_s / calls * 1e6, p->expected_s / calls / time_s - 1, c->crossover);
    }
}

static int split(char *text, const char **parts)
{
    int count = 0;
    for (char *part = strtok(text, ","); part && count < LIST_MAX; part = strtok(NULL, ",")) {
        parts[count++] = part;
    }
    return count;
}

static void read_options(int argc, char **argv, struct setup *s)
{
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i], *parts[LIST_MAX];
        char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (value && strcmp(name, "--patterns") == 0) {
            s->pattern_count = split(value, s->patterns);
        } else if (value && strcmp(name, "--activation-sparsity") == 0) {
            s->activations = split(value, parts);
            for (int j = 0; j < s->activations; j++) {
                s->activation[j] = atof(parts[j]);
            }
        } else if (value && strcmp(name, "--isa") == 0 && spr_isa_find(value, &s->isa)) {
            continue;
        } else if (value && strcmp(name, "--sparsity") == 0) {
            s->sparsity = atof(value);
        } else if (value && strcmp(name, "--wait") == 0) {
            s->wait_s = atof(value);
        } else if (value && strcmp(name, "--visits") == 0) {
            s->visits = atoi(value);
        } else if (value && strlen(name) == 3 && strchr("mkn", name[2]) && atoll(value) > 0) {
            *(name[2] == 'm' ? &s->m : name[2] == 'k' ? &s->k : &s->n) = atoll(value);
        } else {
            fprintf(stderr, "winners: %s: see the head of winners.c\n", name);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    static struct one_case cases[LIST_MAX * LIST_MAX];
    struct setup s = {.m = 1500,
                      .k = 1600,
                      .n = 1,
                      .sparsity = 0.95,
                      .activation = {0.88},
                      .activations = 1,
                      .patterns = {"32x1", "16x1", "csr", "comp:20"},
                      .pattern_count = 4,
                      .visits = 2,
                      .wait_s = 10,
                      .isa = spr_isa_best(),
                      .random = 11};
    const struct spr_pattern dense = spr_pattern_dense();
    read_options(argc, argv, &s);
    const double weights = (double)s.m * (double)s.k;
    must(spr_machine_host(1, &s.machine, &err));
    must(spr_matrix_random(&dense, s.m, s.k, weights, 3, &s.dense, &err));
    const struct spr_plan plan = plan_of(&s, &dense, weights);
    must(spr_pack(&plan, &s.dense, &s.dense_packed, &err));
    must(spr_canaries_make_near(s.isa, 1, NULL, &s.canaries, &err));
    (void)spr_blas_load(&s.blas, s.isa, 1);
    s.begin_s = spr_cpu_clock_s();
    const int count = s.pattern_count * s.activations;
    for (int i = 0; i < count; i++) {
        make_case(&s, s.patterns[i / s.activations], s.activation[i % s.activations],
                  &cases[i]);
    }
    for (int v = 0; v < s.visits; v++) {
        spr_bench_sleep(v > 0 ? s.wait_s : 0);
        for (int i = 0; i < count; i++) {
            visit(&s, &cases[i], v);
        }
    }
    puts(
        "pattern,activation_sparsity,what,us,low_us,high_us,doubt,x_sparse_dense,x_best_dense,"
        "expected_us,error,expected_crossover");
    for (int i = 0; i < count; i++) {
        print_case(&s, &cases[i]);
    }
    return 0;
}
