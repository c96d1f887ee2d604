/* SPDX-License-Identifier: Apache-2.0 */
/* peers [OPTIONS]: sproof's kernels beside other libraries on the same matrices, checked, then
 * timed in turns of random order: a turn is a visit (src/host/README.md). See run.sh. */
#include "compare.h"
#include "base/random.h"

#include <getopt.h>
#include <math.h>
#include <omp.h>
#include <signal.h>
#include <sys/utsname.h>

#include "own.h"
#include "peak.h"
#include "sproof/cpu.h"
#include "sproof/probe.h"
#include "sproof/record.h"
#include "sproof/version.h"
#include "validate/bench.h"

#define HOSTS_MAX 16
#define SIZES_MAX 32

/* Visits to each contender of a shape: two, seconds apart, and more to those that found no number
 * while the shape's time lasts. */
#define VISITS 2
#define VISITS_MOST 5
#define VISITS_APART_S 10.0
#define SHAPE_S 60.0
/* Of the case list matmul95. Peers so many times slower than the best of a matrix are visited
 * once: they decide nothing. */
#define MATMUL95_APART_S 4.0
#define MATMUL95_SHAPE_S 12.0
#define MATMUL95_SLOW 1.5

static const char usage[] =
    "usage: peers [--only dense|sparse|goals|matmul95] [--quick] [--threads T] [--isa "
    "avx2|avx512]\n"
    "             [--shapes MxKxN,...] [--csv FILE]\n"
    "  --only dense    dense matrices; sparse: sparse ones; goals: what the goals ask for;\n"
    "                  matmul95: the patterns of matmul95.sh, warm and cold\n"
    "  --quick         one visit, to what the goals ask for\n"
    "  --threads T     of every contender; default 1\n"
    "  --isa           sproof's kernels and the multiply-add loop, and the libraries that "
    "can\n"
    "                  be held to it; default: the highest of this CPU\n"
    "  --csv FILE      all times with intervals, and medians\n"
    "MKL is looked for at $PEERS_MKL (libmkl_rt.so.*), and at $PEERS_MKL_OVERRIDE for the "
    "row\n"
    "that tells it that the CPU is Intel's.\n";

static const char default_sizes[] = "768x768x128,3072x768x128,768x3072x128,4096x4096x64,"
                                    "64x1600x64,512x4608x49,1024x1024x16,1024x1024x1";

static size_t parse_sizes(const char *text, struct size *sizes)
{
    size_t count = 0;
    while (*text != '\0' && count < SIZES_MAX) {
        long long m, k, n;
        int length = 0;
        if (sscanf(text, "%lldx%lldx%lld%n", &m, &k, &n, &length) != 3 || m < 1 || k < 1 ||
            n < 1 || m > 1 << 20 || k > 1 << 20 || n > 1 << 20) {
            return 0;
        }
        sizes[count] = (struct size){m, k, n, ""};
        snprintf(sizes[count].text, sizeof sizes[count].text, "%lldx%lld, n = %lld", m, k, n);
        count++;
        text += length;
        text += *text == ',';
    }
    return count;
}

static bool set_only(const char *text, struct options *options)
{
    bool dense = strcmp(text, "dense") == 0, sparse = strcmp(text, "sparse") == 0;
    options->matmul95 = strcmp(text, "matmul95") == 0;
    options->dense = !sparse;
    options->sparse = !dense;
    options->tables = dense || sparse;
    options->goals_only = !options->tables && !options->matmul95;
    return dense || sparse || options->matmul95 || strcmp(text, "goals") == 0;
}

static bool parse(int argc, char **argv, struct options *options, const char **sizes)
{
    static const struct option names[] = {
        {"only", required_argument, NULL, 'o'},    {"quick", no_argument, NULL, 'q'},
        {"threads", required_argument, NULL, 't'}, {"isa", required_argument, NULL, 'i'},
        {"shapes", required_argument, NULL, 's'},  {"csv", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    const char *isa = NULL;
    struct spr_error err = {0};
    int key;
    bool good = true;
    while ((key = getopt_long(argc, argv, "h", names, NULL)) != -1) {
        switch (key) {
        case 'o':
            good = good && set_only(optarg, options);
            break;
        case 'q':
            options->quick = true;
            break;
        case 't':
            options->threads = atoi(optarg);
            break;
        case 'i':
            isa = optarg;
            break;
        case 's':
            *sizes = optarg;
            break;
        case 'c':
            options->csv_path = optarg;
            break;
        default:
            good = false;
        }
    }
    options->goals_only = options->goals_only || (options->quick && !options->matmul95);
    if (spr_isa_choose(isa, &options->isa, &err) != SPR_OK) {
        fprintf(stderr, "%s\n", err.text);
        return false;
    }
    return good && optind == argc && options->threads >= 1 && options->threads <= 1024;
}

/* Before any library is loaded: it reads these once. */
static void set_environment(const struct options *options)
{
    char threads[16];
    snprintf(threads, sizeof threads, "%d", options->threads);
    setenv("OPENBLAS_NUM_THREADS", threads, 1);
    setenv("MKL_NUM_THREADS", threads, 1);
    setenv("MKL_DYNAMIC", "FALSE", 1);
    setenv("MKL_THREADING_LAYER", options->threads > 1 ? "GNU" : "SEQUENTIAL", 1);
    if (options->isa == SPR_ISA_AVX2) {
        setenv("OPENBLAS_CORETYPE", "Haswell", 1);
        setenv("DNNL_MAX_CPU_ISA", "AVX2", 1);
        setenv("LIBXSMM_TARGET", "hsw", 1);
        setenv("MKL_ENABLE_INSTRUCTIONS", "AVX2", 1);
    }
    /* This process makes matrices, then forks: it must have started no threads. */
    omp_set_num_threads(1);
}

static size_t list_hosts(const struct options *options, struct host *hosts)
{
    const char *mkl = getenv("PEERS_MKL"), *forced = getenv("PEERS_MKL_OVERRIDE");
    size_t count = 0;
    hosts[count++] = (struct host){.name = "peak", .builtin = peak_peer()};
    hosts[count++] = (struct host){.name = OWN_LABEL, .builtin = own_peer(options->isa)};
    hosts[count++] = (struct host){
        .name = "OpenBLAS", .object = PEERS_DIR "/peer_openblas.so", .cap = "core Haswell"};
    hosts[count++] = (struct host){
        .name = "oneDNN", .object = PEERS_DIR "/peer_onednn.so", .cap = "held to AVX2"};
    hosts[count++] = (struct host){
        .name = "LIBXSMM", .object = PEERS_DIR "/peer_libxsmm.so", .cap = "target hsw"};
    if (!options->matmul95) {
        hosts[count++] = (struct host){.name = "Eigen", .object = PEERS_DIR "/peer_eigen.so"};
    }
    hosts[count++] = (struct host){.name = "XNNPACK", .object = PEERS_DIR "/peer_xnnpack.so"};
    hosts[count++] = (struct host){.name = "MKL",
                                   .object = PEERS_DIR "/peer_mkl.so",
                                   .path = mkl != NULL ? mkl : "",
                                   .cap = "held to AVX2"};
    if (forced != NULL && forced[0] != '\0') {
        hosts[count++] = (struct host){.name = "MKL + override",
                                       .object = PEERS_DIR "/peer_mkl.so",
                                       .suffix = " + override",
                                       .path = forced,
                                       .preload = PEERS_DIR "/mkl_override.so",
                                       .cap = "held to AVX2"};
    }
    for (size_t i = 0; i < count; i++) {
        hosts[i].suffix = hosts[i].suffix != NULL ? hosts[i].suffix : "";
    }
    return count;
}

static void print_cpu(void)
{
    char line[256];
    struct utsname system;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "cpu family", 10) == 0 || strncmp(line, "model", 5) == 0) {
            line[strcspn(line, "\n")] = '\0';
            const char *value = strchr(line, ':');
            printf("%s %.*s%s", strncmp(line, "cpu family", 10) == 0 ? "CPU:" : ",",
                   (int)strcspn(line, "\t:"), line, value != NULL ? value + 1 : "");
        }
        if (line[0] == '\n') {
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    printf("; %d usable; %s\n", omp_get_num_procs(),
           uname(&system) == 0 ? system.release : "kernel unknown");
}

static void print_host(const struct host *host, const struct options *options)
{
    if (host->missing) {
        printf("- %s: MISSING: %s\n", host->name, host->version);
        return;
    }
    printf("- %s: %s", host->name, host->version);
    if (options->isa == SPR_ISA_AVX2 && host->builtin == NULL) {
        printf(" (%s)", host->cap != NULL ? host->cap : "not held to AVX2");
    }
    printf("\n");
}

static void shuffle(size_t *order, size_t count, uint64_t *state)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)(spr_random(state) % i), kept = order[i - 1];
        order[i - 1] = order[j];
        order[j] = kept;
    }
}

static void wait_until(double when_s)
{
    const double left_s = when_s - spr_cpu_clock_s();
    spr_bench_sleep(left_s > 0 ? left_s : 0);
}

/* Does it matter how long this takes? Of MKL on dense matrices always. */
static bool in_play(const struct results *results, size_t first, const struct result *row)
{
    const bool own = strcmp(row->label, OWN_LABEL) == 0;
    if (own || (row->percent == 0 && strncmp(row->label, "MKL", 3) == 0)) {
        return true;
    }
    for (size_t i = first; i < results->count; i++) {
        const struct result *r = &results->row[i];
        if (r->at == row->at && r->cold == row->cold && !r->peak &&
            strcmp(r->label, OWN_LABEL) != 0 && r->measured.sample_count > 0 &&
            r->measured.time_s * MATMUL95_SLOW < row->measured.time_s) {
            return false;
        }
    }
    return true;
}

static bool wants(const struct options *options, const struct results *results, size_t first,
                  const struct result *row, int visit)
{
    return row->why[0] == '\0' && (visit < VISITS || result_doubtful(row)) &&
           (visit == 0 || !options->matmul95 || in_play(results, first, row));
}

/* A visit to each contender of the shape that wants one, in random order. */
static void visit_all(struct host *hosts, const struct options *options,
                      struct results *results, size_t first, int visit)
{
    const size_t count = results->count - first;
    const double apart_s = options->matmul95 ? MATMUL95_APART_S : VISITS_APART_S;
    size_t *order = peer_alloc(count * sizeof *order);
    uint64_t state = (uint64_t)visit;
    for (size_t i = 0; i < count; i++) {
        order[i] = first + i;
    }
    shuffle(order, count, &state);
    for (size_t i = 0; i < count; i++) {
        struct result *row = &results->row[order[i]];
        if (wants(options, results, first, row, visit)) {
            wait_until(visit > 0 ? row->visited_s + apart_s : 0);
            row->visited_s = spr_cpu_clock_s();
            host_visit(&hosts[row->host], visit, options, results, row);
        }
    }
    free(order);
}

static void measure(struct host *hosts, const struct options *options, struct results *results,
                    size_t first)
{
    const double start_s = spr_cpu_clock_s();
    const double limit_s = options->matmul95 ? MATMUL95_SHAPE_S : SHAPE_S;
    size_t doubtful = 1;
    for (int visit = 0; visit < (options->quick ? 1 : VISITS_MOST); visit++) {
        if (visit >= VISITS && (doubtful == 0 || spr_cpu_clock_s() - start_s > limit_s)) {
            return;
        }
        visit_all(hosts, options, results, first, visit);
        doubtful = results_judge(results, first);
    }
}

static void run_shape(struct host *hosts, size_t host_count, const struct options *options,
                      const struct size *size, size_t shape, struct results *results)
{
    static struct bench_case cases[CASES_MAX];
    double start = spr_cpu_clock_s();
    size_t first = results->count;
    size_t count = cases_make(options, size, cases, CASES_MAX);
    double made = spr_cpu_clock_s();
    for (size_t i = 0; i < host_count; i++) {
        if (!hosts[i].missing) {
            host_start(&hosts[i], i, shape, options, cases, count, results);
        }
    }
    double ready = spr_cpu_clock_s();
    measure(hosts, options, results, first);
    for (size_t i = 0; i < host_count; i++) {
        host_stop(&hosts[i]);
    }
    cases_free(cases, count);
    fprintf(stderr, "%s: matrices %.1f s, preparing and checking %.1f s, timing %.1f s\n",
            size->text, made - start, ready - made, spr_cpu_clock_s() - ready);
}

/* As quick as the probe found them, where this machine was probed. Made before any process is
 * forked, and without threads. */
static bool make_canaries(const struct options *options, struct spr_canaries **canaries)
{
    struct spr_probe probe;
    struct spr_error err = {0};
    double known_s[SPR_CANARIES] = {(double)NAN, (double)NAN, (double)NAN};
    if (spr_probe_cached(&probe)) {
        spr_probe_canaries(&probe, options->isa, options->threads, known_s);
        spr_probe_free(&probe);
    }
    if (spr_canaries_make(options->isa, options->threads, known_s, canaries, &err) != SPR_OK) {
        fprintf(stderr, "peers: %s\n", err.text);
        return false;
    }
    return true;
}

/* sproof's own contenders that were wrong. */
static int count_wrong(const struct results *results)
{
    int wrong = 0;
    for (size_t i = 0; i < results->count; i++) {
        const struct result *r = &results->row[i];
        wrong += strcmp(r->label, OWN_LABEL) == 0 && r->why[0] != '\0';
    }
    return wrong;
}

int main(int argc, char **argv)
{
    struct options options = {.dense = true, .sparse = true, .tables = true, .threads = 1};
    const char *text = default_sizes;
    static struct size sizes[SIZES_MAX];
    static struct host hosts[HOSTS_MAX];
    struct results results = {0};
    if (!parse(argc, argv, &options, &text)) {
        fputs(usage, stderr);
        return 2;
    }
    size_t size_count = parse_sizes(text, sizes);
    if (size_count == 0 || !peak_choose(options.isa)) {
        fputs(size_count == 0 ? "--shapes: MxKxN,...\n" : "--isa: avx2 or avx512\n", stderr);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    set_environment(&options);
    size_t host_count = list_hosts(&options, hosts);
    if (!make_canaries(&options, &results.canaries)) {
        return 1;
    }
    for (size_t i = 0; i < size_count; i++) {
        run_shape(hosts, host_count, &options, &sizes[i], i, &results);
    }
    (void)results_judge(&results, 0); /* by what the canaries reached in the whole run */
    print_cpu();
    printf("sproof %s (%s), %s, %d thread%s, f32, %s\n\n", spr_version(), spr_commit(),
           spr_isa_name(options.isa), options.threads, options.threads > 1 ? "s" : "",
           options.matmul95 ? "warm and cold" : "warm");
    for (size_t i = 0; i < host_count; i++) {
        print_host(&hosts[i], &options);
    }
    if (options.tables) {
        report_tables(stdout, &results, sizes, size_count);
    }
    if (!options.matmul95) {
        report_inconclusive(stdout, &results, sizes);
        report_goals(stdout, &options, &results, sizes, size_count);
    }
    if (options.csv_path != NULL && !report_csv(options.csv_path, &options, &results, sizes)) {
        perror(options.csv_path);
        return 1;
    }
    return count_wrong(&results) > 0 ? 1 : 0;
}
