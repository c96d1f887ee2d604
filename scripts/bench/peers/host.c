/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of the peers. A child is forked when the matrices exist, and shares them; it
 * offers what it can run, then takes one sample a request until the pipe closes. */
#include "compare.h"

#include <dlfcn.h>
#include <math.h>
#include <omp.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "own.h"
#include "peak.h"

#define SAMPLE_S 200e-6
#define WARM_S 100e-6
#define ESTIMATE_S 1e-3
#define START_LIMIT_S 120
/* A library may sum in any order, and with a product of its own rounding. */
#define PEER_TOLERANCE 4

/* child -> parent, until `last` */
struct offer {
    bool last;
    size_t way, at; /* at: index of the case */
    double error, estimate_s;
    char label[48], why[PEER_TEXT];
};

/* parent -> child */
struct request {
    int ordinal;
    long warm, calls;
};

/* child -> parent */
struct answer {
    double seconds; /* a call */
    bool preempted; /* other work was given the CPU meanwhile */
};

static bool pass(ssize_t (*move)(int, void *, size_t), int fd, void *data, size_t size)
{
    char *at = data;
    while (size > 0) {
        ssize_t moved = move(fd, at, size);
        if (moved <= 0) {
            return false;
        }
        at += moved;
        size -= (size_t)moved;
    }
    return true;
}

static ssize_t write_some(int fd, void *data, size_t size)
{
    return write(fd, data, size);
}

static bool send_all(int fd, void *data, size_t size)
{
    return pass(write_some, fd, data, size);
}

static bool take_all(int fd, void *data, size_t size)
{
    return pass(read, fd, data, size);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* How often this process had to leave its CPU to others. */
static long switches(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_nivcsw : 0;
}

static double time_calls(const struct peer_product *product, long warm, long calls)
{
    for (long i = 0; i < warm; i++) {
        product->run(product->state);
    }
    double start = now();
    for (long i = 0; i < calls; i++) {
        product->run(product->state);
    }
    return (now() - start) / (double)calls;
}

/* Seconds of a call, the least of a few. */
static double estimate(const struct peer_product *product)
{
    double start = now(), least = HUGE_VAL;
    do {
        double seconds = time_calls(product, 0, 1);
        least = seconds < least ? seconds : least;
    } while (now() - start < ESTIMATE_S);
    return least;
}

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
    if (kind == PEER_PEAK) {
        return at == 0;
    }
    if (dense) {
        return options->dense && (kind == PEER_DENSE || kind == PEER_ANY);
    }
    if (kind == PEER_BLOCK) {
        return !single && !options->goals_only && bench->c.pattern.a == bench->c.pattern.b;
    }
    return kind == PEER_ANY || (kind == PEER_CSR && single);
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
        product->run(product->state);
        offer->error = case_error(bench, product);
        if (offer->error > tolerance) {
            snprintf(offer->why, PEER_TEXT, "WRONG: %.3g times the rounding bound",
                     offer->error);
            return;
        }
    }
    offer->estimate_s = estimate(product);
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

static _Noreturn void serve(struct host *host, const struct options *options,
                            const struct bench_case *cases, size_t count)
{
    static struct peer_product products[CONTENDERS_MAX];
    char version[PEER_TEXT] = "";
    struct request request;
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
    if (missing) {
        _exit(0);
    }
    size_t made =
        offer_all(peer, options, cases, count,
                  strcmp(host->name, OWN_LABEL) == 0 ? 1 : PEER_TOLERANCE, host->to, products);
    (void)alarm(0);
    while (take_all(host->from, &request, sizeof request)) {
        struct answer answer = {0, false};
        long before = switches();
        if ((size_t)request.ordinal < made) {
            answer.seconds =
                time_calls(&products[request.ordinal], request.warm, request.calls);
        }
        answer.preempted = switches() != before;
        if (!send_all(host->to, &answer, sizeof answer)) {
            break;
        }
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
                      const struct bench_case *cases, size_t count)
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
        serve(host, options, cases, count);
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
    result->nnz = bench->matrix.nnz;
    result->error = offer->error;
    result->peak = host->builtin == peak_peer();
    result->flops = result->peak ? peak_flops(bench->c.threads)
                                 : 2.0 * (double)bench->matrix.nnz * (double)bench->c.n;
    if (offer->estimate_s > 0) {
        result->calls = (long)ceil(SAMPLE_S / offer->estimate_s);
        result->warm = (long)ceil(WARM_S / offer->estimate_s);
    }
}

void host_start(struct host *host, size_t index, size_t shape, const struct options *options,
                const struct bench_case *cases, size_t count, struct results *results)
{
    struct offer offer = {0};
    bool missing = true;
    if (!fork_host(host, options, cases, count)) {
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
        struct result *result = results_add(results);
        result->shape = shape;
        result->host = index;
        note(&offer, host, &cases[offer.at], result);
    }
    set_running(host, options, false);
}

bool host_sample(struct host *host, int ordinal, const struct options *options,
                 struct result *result)
{
    struct request request = {ordinal, result->warm, result->calls};
    struct answer answer = {0, false};
    set_running(host, options, true);
    bool taken = send_all(host->to, &request, sizeof request) &&
                 take_all(host->from, &answer, sizeof answer);
    set_running(host, options, false);
    if (taken && answer.seconds > 0) {
        result_sample(result, answer.seconds);
        result->preempted += answer.preempted;
        return true;
    }
    snprintf(result->why, sizeof result->why, "its process ended while it ran");
    return false;
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
