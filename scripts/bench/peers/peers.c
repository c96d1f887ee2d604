/* SPDX-License-Identifier: Apache-2.0 */
/* peers [OPTIONS]: sproof's kernels beside other libraries on the same matrices, checked, then
 * timed in turns of random order. See run.sh. */
#include "compare.h"
#include "base/random.h"

#include <getopt.h>
#include <omp.h>
#include <signal.h>
#include <sys/utsname.h>
#include <time.h>

#include "own.h"
#include "peak.h"
#include "sproof/record.h"
#include "sproof/version.h"

#define HOSTS_MAX 16
#define SIZES_MAX 32
#define PEAK_SAMPLES 15

/* Rounds of a shape: until its time is over, within these. */
struct effort {
    double seconds;
    int least, most;
};
static const struct effort thorough = {25, 9, 401}, quick = {3, 5, 25};

static const char usage[] =
    "usage: peers [--only dense|sparse|goals] [--quick] [--threads T] [--isa avx2|avx512]\n"
    "             [--shapes MxKxN,...] [--csv FILE]\n"
    "  --only dense    dense matrices; sparse: sparse ones; goals: what the goals ask for\n"
    "  --quick         few samples of what the goals ask for\n"
    "  --threads T     of every contender; default 1\n"
    "  --isa           sproof's kernels and the multiply-add loop, and the libraries that "
    "can\n"
    "                  be held to it; default: the highest of this CPU\n"
    "  --csv FILE      all medians and intervals\n"
    "MKL is looked for at $PEERS_MKL (libmkl_rt.so.*), and at $PEERS_MKL_OVERRIDE for the "
    "row\n"
    "that tells it that the CPU is Intel's.\n";

static const char default_sizes[] = "768x768x128,3072x768x128,768x3072x128,4096x4096x64,"
                                    "64x1600x64,512x4608x49,1024x1024x16,1024x1024x1";

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

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
    options->dense = !sparse;
    options->sparse = !dense;
    options->tables = dense || sparse;
    options->goals_only = !options->tables;
    return dense || sparse || strcmp(text, "goals") == 0;
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
    options->goals_only = options->goals_only || options->quick;
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
    hosts[count++] = (struct host){.name = "Eigen", .object = PEERS_DIR "/peer_eigen.so"};
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

/* A contender's place among those of its host. */
struct turn {
    size_t row;
    int ordinal;
};

static void shuffle(struct turn *turns, size_t count, uint64_t *state)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)(spr_random(state) % i);
        struct turn kept = turns[i - 1];
        turns[i - 1] = turns[j];
        turns[j] = kept;
    }
}

/* Median FLOP/s of the multiply-add loop now; its samples also join the row's. */
static double peak_now(struct host *host, const struct options *options, struct result *row)
{
    struct result alone = {.warm = row->warm, .calls = row->calls};
    for (int i = 0; i < PEAK_SAMPLES && host_sample(host, 0, options, &alone); i++) {
        result_sample(row, alone.samples[alone.sample_count - 1]);
    }
    row->preempted += alone.preempted;
    result_close(&alone);
    free(alone.samples);
    return alone.median > 0 ? row->flops / alone.median : 0;
}

static void take_turns(struct host *hosts, const struct options *options,
                       struct results *results, struct turn *turns, size_t count)
{
    const struct effort *effort = options->quick ? &quick : &thorough;
    uint64_t state = 1;
    double start = now();
    for (int round = 0; round < effort->most; round++) {
        if (round >= effort->least && now() - start > effort->seconds) {
            return;
        }
        shuffle(turns, count, &state);
        for (size_t i = 0; i < count; i++) {
            struct result *row = &results->row[turns[i].row];
            if (row->why[0] == '\0') {
                (void)host_sample(&hosts[row->host], turns[i].ordinal, options, row);
            }
        }
    }
}

static void measure(struct host *hosts, const struct options *options, struct results *results,
                    size_t first, struct shape_peak *peak)
{
    size_t count = results->count - first;
    int next[HOSTS_MAX] = {0};
    struct turn *turns = peer_alloc(count * sizeof *turns);
    for (size_t i = 0; i < count; i++) {
        turns[i] = (struct turn){first + i, next[results->row[first + i].host]++};
    }
    struct result *loop = &results->row[first];
    peak->before = peak_now(&hosts[0], options, loop);
    take_turns(hosts, options, results, turns, count);
    peak->after = peak_now(&hosts[0], options, loop);
    for (size_t i = first; i < results->count; i++) {
        result_close(&results->row[i]);
    }
    peak->peak = loop->median > 0 ? loop->flops / loop->median : 0;
    free(turns);
}

static void run_shape(struct host *hosts, size_t host_count, const struct options *options,
                      const struct size *size, size_t shape, struct results *results)
{
    static struct bench_case cases[CASES_MAX];
    double start = now();
    size_t first = results->count;
    size_t count = cases_make(options, size, cases, CASES_MAX);
    double made = now();
    for (size_t i = 0; i < host_count; i++) {
        if (!hosts[i].missing) {
            host_start(&hosts[i], i, shape, options, cases, count, results);
        }
    }
    double ready = now();
    measure(hosts, options, results, first, &results->peak[shape]);
    for (size_t i = 0; i < host_count; i++) {
        host_stop(&hosts[i]);
    }
    cases_free(cases, count);
    fprintf(stderr, "%s: matrices %.1f s, preparing and checking %.1f s, timing %.1f s\n",
            size->text, made - start, ready - made, now() - ready);
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
    results.peak = peer_alloc(size_count * sizeof *results.peak);
    for (size_t i = 0; i < size_count; i++) {
        run_shape(hosts, host_count, &options, &sizes[i], i, &results);
    }
    print_cpu();
    printf("sproof %s (%s), %s, %d thread%s, f32, warm\n\n", spr_version(), spr_commit(),
           spr_isa_name(options.isa), options.threads, options.threads > 1 ? "s" : "");
    for (size_t i = 0; i < host_count; i++) {
        print_host(&hosts[i], &options);
    }
    if (options.tables) {
        report_tables(stdout, &results, sizes, size_count);
    }
    report_disturbed(stdout, &results, sizes, size_count);
    report_goals(stdout, &options, &results, sizes, size_count);
    if (options.csv_path != NULL &&
        !report_csv(options.csv_path, &options, &results, sizes, size_count)) {
        perror(options.csv_path);
        return 1;
    }
    return count_wrong(&results) > 0 ? 1 : 0;
}
