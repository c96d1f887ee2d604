/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of the peers. A child is forked when the matrices exist, and shares them; it
 * offers what it can run, then makes one visit a request until the pipe closes. */
#include "compare.h"

#include <dlfcn.h>
#include <math.h>
#include <omp.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "evict.h"
#include "own.h"
#include "peak.h"
#include "pipe.h"
#include "sproof/cpu.h"
#include "validate/bench.h"

/* As validate has them. */
#define VISIT_S 0.75
#define WARM_UP_S 0.03
#define SAMPLE_S 10e-6
/* Of the case list matmul95, whose contenders are many. */
#define MATMUL95_VISIT_S 0.08
#define MATMUL95_WARM_UP_S 0.005
/* Calls of more than this bring their own data back. */
#define MATMUL95_LONG_S 3e-3
/* Some libraries have threads of their own, beside which those of the canaries would spin: after so
 * long they sleep. */
#define TEAM_IDLE_S 15e-3
#define START_LIMIT_S 120
/* A library may sum in any order, and with a product of its own rounding. */
#define PEER_TOLERANCE 4

/* child -> parent, until `last` */
struct offer {
    bool last;
    size_t way, at; /* at: index of the case */
    double error;
    char label[48], why[PEER_TEXT];
};

/* parent -> child */
struct request {
    int ordinal, visit;
    bool cold;
};

/* child -> parent; the samples follow */
struct answer {
    size_t count;
    double least_canary_s[SPR_CANARIES];
};

/* One thread stays on one CPU, the last that the process may use. */
static void pin(void)
{
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        return;
    }
    CPU_ZERO(&one);
    for (size_t cpu = CPU_SETSIZE; cpu-- > 0;) {
        if (CPU_ISSET(cpu, &allowed)) {
            CPU_SET(cpu, &one);
            (void)sched_setaffinity(0, sizeof one, &one);
            return;
        }
    }
}

static bool takes(enum peer_kind kind, size_t at, const struct bench_case *bench,
                  const struct options *options)
{
    bool dense = spr_pattern_is_dense(&bench->c.pattern);
    bool single = strcmp(bench->pattern, "csr") == 0;
    bool any = single || options->matmul95; /* every matrix can be given as single non-zeros */
    if (kind == PEER_PEAK) {
        return at == 0;
    }
    if (bench->c.activation > 0) {
        return kind == PEER_ANY;
    }
    if (dense) {
        return options->dense && (kind == PEER_DENSE || kind == PEER_ANY);
    }
    if (kind == PEER_BLOCK) {
        return !single && !options->goals_only && bench->c.pattern.a == bench->c.pattern.b;
    }
    return kind == PEER_ANY || (kind == PEER_CSR && any);
}

/* Makes, runs and checks one contender. */
static void try(const struct peer_way *way, const struct bench_case *bench, double tolerance,
                struct peer_product *product, struct offer *offer)
{
    if (!way->make(&bench->c, product, offer->why)) {
        if (offer->why[0] == '\0') {
            snprintf(offer->why, PEER_TEXT, "cannot");
        }
        return;
    }
    if (way->kind != PEER_PEAK) {
        union {
            const float *read;
            float *write;
        } y = {product->y};
        for (int64_t i = 0; i < bench->c.m * bench->c.n; i++) {
            y.write[i] = NAN;
        }
        const double begin_s = spr_cpu_clock_s();
        product->run(product->state);
        product->checked_s = spr_cpu_clock_s() - begin_s;
        offer->error = case_error(bench, product);
        if (offer->error > tolerance) {
            snprintf(offer->why, PEER_TEXT, "WRONG: %.3g times the rounding bound",
                     offer->error);
            return;
        }
    }
}

#define CONTENDERS_MAX 128

static size_t offer_all(const struct peer *peer, const struct options *options,
                        const struct bench_case *cases, size_t count, double tolerance, int to,
                        struct peer_product *products)
{
    size_t made = 0;
    for (size_t at = 0; at < count; at++) {
        for (size_t way = 0; way < peer->way_count; way++) {
            struct offer offer = {.way = way, .at = at};
            if (!takes(peer->ways[way].kind, at, &cases[at], options) ||
                made == CONTENDERS_MAX) {
                continue;
            }
            snprintf(offer.label, sizeof offer.label, "%s", peer->ways[way].label);
            try(&peer->ways[way], &cases[at], tolerance, &products[made], &offer);
            made++;
            (void)send_all(to, &offer, sizeof offer);
        }
    }
    struct offer last = {.last = true};
    (void)send_all(to, &last, sizeof last);
    return made;
}

static const struct peer *open_peer(const struct host *host, char *version)
{
    const struct peer *(*get)(void) = NULL;
    if (host->builtin != NULL) {
        return host->builtin;
    }
    void *object = dlopen(host->object, RTLD_NOW | RTLD_LOCAL);
    void *symbol = object != NULL ? dlsym(object, "peer_get") : NULL;
    if (symbol == NULL) {
        snprintf(version, PEER_TEXT, "%.119s",
                 access(host->object, R_OK) != 0 ? "not built: not installed" : dlerror());
        return NULL;
    }
    memcpy(&get, &symbol, sizeof get);
    return get();
}

static void set_environment(const struct host *host)
{
    if (host->path != NULL) {
        setenv("PEERS_MKL", host->path, 1);
    }
    if (host->preload != NULL) {
        setenv("PEERS_MKL_PRELOAD", host->preload, 1);
    }
}

static void run_product(void *context)
{
    const struct peer_product *product = context;
    product->run(product->state);
}

static bool answer_visit(const struct spr_bench *bench, struct peer_product *product,
                         double pause_s, int to)
{
    struct spr_error err = {0};
    struct spr_arena arena = {0};
    struct spr_measurement found = {0};
    const struct spr_subject subject = {run_product, product, &found, pause_s, false};
    if (spr_bench_visit(bench, &subject, 1, &arena, &err) != SPR_OK) {
        fprintf(stderr, "peers: %s\n", err.text);
    }
    struct answer answer = {.count = found.sample_count};
    memcpy(answer.least_canary_s, bench->canaries->least_s, sizeof answer.least_canary_s);
    bool sent = send_all(to, &answer, sizeof answer) &&
                send_all(to, found.samples, found.sample_count * sizeof *found.samples);
    spr_arena_free(&arena);
    return sent;
}

/* Visits as asked for until the pipe closes. */
static void answer_all(const struct host *host, const struct options *options,
                       struct spr_bench *bench, struct peer_product *products, size_t count)
{
    struct request request;
    const double pause_s = options->threads > 1 ? TEAM_IDLE_S : 0;
    const bool needs_memory = bench->memory;
    spr_canaries_learn(bench->canaries, needs_memory || options->matmul95);
    while (take_all(host->from, &request, sizeof request) && (size_t)request.ordinal < count) {
        bench->visit = request.visit;
        const bool alone =
            options->matmul95 && products[request.ordinal].checked_s > MATMUL95_LONG_S;
        bench->before = request.cold ? evict_weights : alone ? evict_nothing : NULL;
        bench->memory = request.cold || needs_memory;
        if (!answer_visit(bench, &products[request.ordinal], pause_s, host->to)) {
            break;
        }
    }
}

static _Noreturn void serve(struct host *host, const struct options *options,
                            const struct bench_case *cases, size_t count,
                            struct spr_canaries *canaries)
{
    static struct peer_product products[CONTENDERS_MAX];
    char version[PEER_TEXT] = "";
    uint64_t random = 1;
    struct spr_bench bench = {.clock_s = spr_cpu_clock_s,
                              .random = &random,
                              .warm_up_s = options->matmul95 ? MATMUL95_WARM_UP_S : WARM_UP_S,
                              .sample_s = SAMPLE_S,
                              .budget_s = options->matmul95 ? MATMUL95_VISIT_S : VISIT_S,
                              .context = &cases[0].c,
                              .canaries = canaries,
                              .memory = case_needs_memory(&cases[0])};
    dup2(STDERR_FILENO, STDOUT_FILENO); /* what a library says does not belong in the table */
    (void)alarm(START_LIMIT_S);
    omp_set_num_threads(options->threads);
    if (options->threads == 1) {
        pin();
    }
    set_environment(host);
    const struct peer *peer = open_peer(host, version);
    bool missing = peer == NULL || !peer->start(options->threads, version);
    (void)send_all(host->to, version, sizeof version);
    (void)send_all(host->to, &missing, sizeof missing);
    if (!missing) {
        size_t made = offer_all(peer, options, cases, count,
                                strcmp(host->name, OWN_LABEL) == 0 ? 1 : PEER_TOLERANCE,
                                host->to, products);
        (void)alarm(0);
        answer_all(host, options, &bench, products, made);
    }
    _exit(0);
}

/* With several threads, those that wait for more work spin: between its turns a whole process
 * stands still. */
static void set_running(const struct host *host, const struct options *options, bool running)
{
    if (options->threads > 1 && host->pid > 0) {
        (void)kill((pid_t)host->pid, running ? SIGCONT : SIGSTOP);
    }
}

static bool fork_host(struct host *host, const struct options *options,
                      const struct bench_case *cases, size_t count,
                      struct spr_canaries *canaries)
{
    int down[2], up[2];
    if (pipe(down) != 0 || pipe(up) != 0) {
        return false;
    }
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        return false;
    }
    if (child == 0) {
        close(down[1]);
        close(up[0]);
        host->from = down[0];
        host->to = up[1];
        serve(host, options, cases, count, canaries);
    }
    close(down[0]);
    close(up[1]);
    host->pid = child;
    host->to = down[1];
    host->from = up[0];
    return true;
}

static void note(const struct offer *offer, const struct host *host,
                 const struct bench_case *bench, struct result *result)
{
    snprintf(result->label, sizeof result->label, "%.30s%.16s", offer->label, host->suffix);
    snprintf(result->pattern, sizeof result->pattern, "%s", bench->pattern);
    snprintf(result->why, sizeof result->why, "%s", offer->why);
    result->at = offer->at;
    result->percent = bench->percent;
    result->activation = bench->c.activation;
    result->nnz = bench->matrix.nnz;
    result->error = offer->error;
    result->peak = host->builtin == peak_peer();
    result->flops = result->peak ? peak_flops(bench->c.threads)
                                 : 2.0 * (double)bench->matrix.nnz * (double)bench->c.n;
}

void host_start(struct host *host, size_t index, size_t shape, const struct options *options,
                const struct bench_case *cases, size_t count, struct results *results)
{
    struct offer offer = {0};
    bool missing = true;
    int ordinal = 0;
    if (!fork_host(host, options, cases, count, results->canaries)) {
        perror("peers");
        exit(1);
    }
    if (!take_all(host->from, host->version, sizeof host->version) ||
        !take_all(host->from, &missing, sizeof missing)) {
        snprintf(host->version, sizeof host->version, "its process ended when it was loaded");
    }
    host->missing = missing;
    while (!missing) {
        if (!take_all(host->from, &offer, sizeof offer)) {
            fprintf(stderr, "note: %s: its process ended while it prepared\n", host->name);
            break;
        }
        if (offer.last) {
            break;
        }
        const int residencies = options->matmul95 && host->builtin != peak_peer() ? 2 : 1;
        for (int cold = 0; cold < residencies; cold++) {
            struct result *result = results_add(results);
            result->shape = shape;
            result->host = index;
            result->ordinal = ordinal;
            result->cold = cold != 0;
            note(&offer, host, &cases[offer.at], result);
        }
        ordinal++;
    }
    set_running(host, options, false);
}

/* Room for more samples of a result, behind those it has. */
static struct spr_timed *room_for(struct spr_measurement *measured, size_t count)
{
    size_t all = measured->sample_count + count;
    measured->samples = realloc(measured->samples, all * sizeof *measured->samples);
    if (measured->samples == NULL) {
        abort();
    }
    return measured->samples + measured->sample_count;
}

void host_visit(struct host *host, int visit, const struct options *options,
                struct results *results, struct result *result)
{
    struct spr_measurement *measured = &result->measured;
    struct request request = {result->ordinal, visit, result->cold};
    struct answer answer = {0};
    set_running(host, options, true);
    bool taken = send_all(host->to, &request, sizeof request) &&
                 take_all(host->from, &answer, sizeof answer) && answer.count > 0 &&
                 take_all(host->from, room_for(measured, answer.count),
                          answer.count * sizeof *measured->samples);
    set_running(host, options, false);
    if (!taken) {
        snprintf(result->why, sizeof result->why, "its process ended while it ran");
        return;
    }
    measured->sample_count += answer.count;
    for (int c = 0; c < SPR_CANARIES; c++) {
        double *least_s = &results->canaries->least_s[c];
        *least_s = fmin(*least_s, answer.least_canary_s[c]); /* NAN and a number: the number */
    }
}

void host_stop(struct host *host)
{
    if (host->pid <= 0) {
        return;
    }
    close(host->to);
    close(host->from);
    (void)kill((pid_t)host->pid, SIGKILL);
    (void)waitpid((pid_t)host->pid, NULL, 0);
    host->pid = 0;
}
