/* SPDX-License-Identifier: Apache-2.0 */
/* The probe without its timing: knees of made-up curves, a run on an injected clock, the cache
 * and hostile files in its place, the machine it becomes. */
#include "host/cache_dir.h"
#include "sproof/calibrate.h"
#include "sproof/probe.h"

#include <sys/stat.h>
#include <unistd.h>

#include "machine/machine_json.h"
#include "base/mem.h"
#include "probe/probe_parts.h"
#include "test.h"

#define KIB 1024.0
#define MIB 1048576.0
#define NONE ((double)NAN)
#define POINTS 30

/* Bandwidths of the levels and the sizes at which they end. */
struct curve {
    const char *name;
    double size[3], rate[4];
    double declared[SPR_CPU_CACHES];
    double noise;  /* relative, uniform to both sides; below 0: a wave */
    int disturbed; /* this point shows a third, -1: none */
    size_t points; /* how many of the sweep there are */
    double expected[SPR_CPU_CACHES];
};

static const struct curve curves[] = {
    {"three levels as declared",
     {32 * KIB, 1 * MIB, 32 * MIB},
     {200e9, 118e9, 99e9, 31e9},
     {32 * KIB, 1 * MIB, 32 * MIB, NONE},
     0,
     -1,
     29,
     {32 * KIB, 1 * MIB, 32 * MIB, NONE}},
    {"L3 shared with strangers",
     {48 * KIB, 1 * MIB, 12 * MIB},
     {490e9, 200e9, 115e9, 50e9},
     {48 * KIB, 1 * MIB, 32 * MIB, NONE},
     0,
     -1,
     29,
     {48 * KIB, 1 * MIB, 12 * MIB, NONE}},
    {"L3 far smaller than declared",
     {32 * KIB, 1 * MIB, 4 * MIB},
     {200e9, 118e9, 99e9, 31e9},
     {32 * KIB, 1 * MIB, 32 * MIB, NONE},
     0,
     -1,
     29,
     {32 * KIB, 1 * MIB, 4 * MIB, NONE}},
    {"no third level although declared",
     {32 * KIB, 1 * MIB, 1 * MIB},
     {200e9, 99e9, 1, 31e9},
     {32 * KIB, 1 * MIB, 32 * MIB, NONE},
     0,
     -1,
     29,
     {32 * KIB, 1 * MIB, NONE, NONE}},
    {"flat",
     {32 * KIB, 1 * MIB, 32 * MIB},
     {50e9, 50e9, 50e9, 50e9},
     {32 * KIB, 1 * MIB, 32 * MIB, NONE},
     0,
     -1,
     29,
     {NONE, NONE, NONE, NONE}},
    {"flat but for a wave",
     {32 * KIB, 1 * MIB, 32 * MIB},
     {50e9, 50e9, 50e9, 50e9},
     {32 * KIB, 1 * MIB, 32 * MIB, NONE},
     -0.15,
     -1,
     29,
     {NONE, NONE, NONE, NONE}},
    {"flat and noisy",
     {32 * KIB, 1 * MIB, 32 * MIB},
     {50e9, 50e9, 50e9, 50e9},
     {32 * KIB, 1 * MIB, 32 * MIB, NONE},
     0.06,
     -1,
     29,
     {NONE, NONE, NONE, NONE}},
    {"noisy",
     {32 * KIB, 1 * MIB, 32 * MIB},
     {200e9, 118e9, 90e9, 31e9},
     {32 * KIB, 1 * MIB, 32 * MIB, NONE},
     0.03,
     -1,
     29,
     {32 * KIB, 1 * MIB, 32 * MIB, NONE}},
    {"one disturbed point",
     {32 * KIB, 1 * MIB, 32 * MIB},
     {200e9, 118e9, 99e9, 31e9},
     {32 * KIB, 1 * MIB, 32 * MIB, NONE},
     0,
     10,
     29,
     {32 * KIB, 1 * MIB, 32 * MIB, NONE}},
    {"nothing declared",
     {64 * KIB, 512 * KIB, 8 * MIB},
     {200e9, 118e9, 70e9, 31e9},
     {NONE, NONE, NONE, NONE},
     0,
     -1,
     29,
     {64 * KIB, 512 * KIB, 8 * MIB, NONE}},
    {"nothing declared, two levels",
     {64 * KIB, 64 * KIB, 64 * KIB},
     {200e9, 1, 1, 31e9},
     {NONE, NONE, NONE, NONE},
     0.03,
     -1,
     29,
     {64 * KIB, NONE, NONE, NONE}},
    {"nothing declared, flat",
     {64 * KIB, 64 * KIB, 64 * KIB},
     {50e9, 50e9, 50e9, 50e9},
     {NONE, NONE, NONE, NONE},
     0.05,
     -1,
     29,
     {NONE, NONE, NONE, NONE}},
    {"three points",
     {12 * KIB, 12 * KIB, 12 * KIB},
     {200e9, 1, 1, 31e9},
     {12 * KIB, 16 * KIB, NONE, NONE},
     0,
     -1,
     3,
     {NONE, NONE, NONE, NONE}},
    {"no points",
     {12 * KIB, 12 * KIB, 12 * KIB},
     {200e9, 1, 1, 31e9},
     {NONE, NONE, NONE, NONE},
     0,
     -1,
     0,
     {NONE, NONE, NONE, NONE}},
};

static size_t draw_curve(const struct curve *curve, struct spr_probe_point *points)
{
    unsigned long long state = 7;
    for (size_t i = 0; i < curve->points; i++) {
        double bytes = 8 * KIB * ldexp(i % 2 ? 1.5 : 1, (int)(i / 2));
        int level = 0;
        while (level < 3 && bytes > curve->size[level]) {
            level++;
        }
        double random = (double)test_between(&state, -1000, 1000) / 1000;
        random = curve->noise < 0 ? (i / 2 % 2 ? 1 : -1) : random;
        double rate = curve->rate[level] * (1 + curve->noise * random);
        points[i] =
            (struct spr_probe_point){1, bytes, (int)i == curve->disturbed ? rate / 3 : rate};
    }
    return curve->points;
}

static void test_knees(void)
{
    for (size_t i = 0; i < COUNT_OF(curves); i++) {
        struct spr_probe_point points[POINTS];
        double detected[SPR_CPU_CACHES];
        test_row = curves[i].name;
        size_t count = draw_curve(&curves[i], points);
        spr_probe_knees(points, count, curves[i].declared, detected);
        for (int c = 0; c < SPR_CPU_CACHES; c++) {
            CHECK_EXACT(curves[i].expected[c], detected[c]);
        }
    }
    test_row = "";
}

static void test_cache_bytes(void)
{
    CHECK_EXACT(1 * MIB, spr_probe_cache_bytes(768 * KIB, 1 * MIB));
    CHECK_EXACT(1 * MIB, spr_probe_cache_bytes(512 * KIB, 1 * MIB));
    CHECK_EXACT(12 * MIB, spr_probe_cache_bytes(12 * MIB, 32 * MIB));
    CHECK_EXACT(12 * MIB, spr_probe_cache_bytes(12 * MIB, NONE));
    CHECK_EXACT(32 * MIB, spr_probe_cache_bytes(NONE, 32 * MIB));
    CHECK_EXACT(NONE, spr_probe_cache_bytes(NONE, NONE));
    CHECK(spr_probe_cache_differs(12 * MIB, 32 * MIB));
    CHECK(spr_probe_cache_differs(32 * MIB, 12 * MIB));
    CHECK(!spr_probe_cache_differs(512 * KIB, 1 * MIB));
    CHECK(!spr_probe_cache_differs(NONE, 1 * MIB));
    CHECK(!spr_probe_cache_differs(1 * MIB, NONE));
}

/* A clock that moves when it is looked at: one thread only. */
static double fake_now;
static double fake_clock(void)
{
    return fake_now += 2e-3;
}

static double stopped_clock(void)
{
    return 1;
}

struct seen {
    int calls;
    double last;
    bool rising;
};

static void note_progress(void *context, const char *what, double fraction)
{
    struct seen *seen = context;
    seen->calls++;
    seen->rising = seen->rising && *what && fraction >= seen->last && fraction <= 1;
    seen->last = fraction;
}

static void check_rates(const struct spr_probe *probe, enum spr_isa isa)
{
    static const char *const near[] = {"f32_fma", "f64_fma", "load", "broadcast", "store"};
    for (size_t i = 0; i < COUNT_OF(near); i++) {
        test_row = near[i];
        CHECK(spr_probe_find(probe, near[i], NULL, isa, 1).value > 0);
    }
    test_row = "";
    CHECK(spr_probe_find(probe, "read", "DRAM", isa, 1).value > 0);
    CHECK(spr_probe_find(probe, "call", NULL, isa, 1).value > 0);
    CHECK(isnan(spr_probe_find(probe, "read", NULL, isa, 1).value));
    CHECK(isnan(spr_probe_find(probe, "f32_fma", NULL, isa, 99).value));
    for (size_t i = 0; i < probe->rate_count; i++) {
        const struct spr_probe_rate *rate = &probe->rates[i];
        test_row = rate->name;
        CHECK(rate->low > 0 && rate->low <= rate->value && rate->value <= rate->high);
        CHECK(isfinite(rate->high));
    }
    test_row = "";
}

static void test_run(double (*clock_s)(void))
{
    struct seen seen = {.rising = true};
    struct spr_error err = {0};
    struct spr_probe probe;
    struct spr_machine machine;
    struct spr_probe_options options = {.quick = true,
                                        .rates_only = true,
                                        .threads = 1,
                                        .clock_s = clock_s,
                                        .progress = note_progress,
                                        .context = &seen};
    CHECK_STATUS(SPR_OK, spr_probe_run(&options, &probe, &err), &err);
    CHECK_INT(1, probe.threads);
    CHECK(probe.quick && probe.cpu[0] && probe.identity[0] && probe.created[0]);
    CHECK(isfinite(probe.drift));
    CHECK(probe.point_count > 4);
    CHECK(seen.calls > 10 && seen.rising);
    enum spr_isa isa;
    CHECK_STATUS(SPR_OK, spr_isa_choose(NULL, &isa, &err), &err);
    check_rates(&probe, isa);
    CHECK_STATUS(SPR_OK, spr_machine_from_probe(&probe, isa, 0, &machine, &err), &err);
    CHECK(machine.memory_count >= 1 && machine.engine_count >= 2);
    spr_machine_free(&machine);
    spr_probe_free(&probe);
}

/* A probe of two threads by hand. */
#define RATE(name, unit, level, threads, value)                                               \
    {                                                                                         \
        name, unit, level, SPR_ISA_AVX2, threads, value, (value)*0.9, (value)*1.1             \
    }
static struct spr_probe_rate rates[] = {
    RATE("f32_fma", "FLOP/s", NULL, 2, 250.123456789e9),
    RATE("f64_fma", "FLOP/s", NULL, 2, 125e9),
    RATE("bf16_dot", "FLOP/s", NULL, 2, 500e9),
    RATE("parallel_region", "s", NULL, 2, 2e-6),
    RATE("read", "B/s", "L1", 2, 400e9),
    RATE("read", "B/s", "L3", 2, 200e9),
    RATE("read", "B/s", "DRAM", 2, 1e9 / 3),
    RATE("copy", "B/s", "DRAM", 2, 9e9 / 7),
    RATE("f32_fma", "FLOP/s", NULL, 1, 130e9),
};
static struct spr_probe_point points[] = {{1, 8192, 1e11}, {2, 12288, 1e11 / 3}};
static struct spr_tile_rates tiles[] = {
    {.isa = SPR_ISA_AVX2,
     .threads = 2,
     .tile = {.form = SPR_TILE_MATRIX, .rows = 4, .vectors = 2},
     .x = {2, {4096, 65536}, {1e-9 / 3, 2e-9}},
     .w = {1, {8192}, {1.5e-9}},
     .y = {1, {64}, {0}},
     .input = {2, {64, 4096}, {1e-10 / 3, 2e-10}},
     .group = {2, {0, 8}, {1e-8, 1e-9 / 7}},
     .unaligned = {1, {4096}, {2e-9}},
     .unaligned_group_s = 1e-8 / 7,
     .panel_group_s = NONE},
    {.isa = SPR_ISA_SCALAR, .threads = 2, .tile = {.form = SPR_TILE_VECTOR, .vectors = 8}},
    {.isa = SPR_ISA_AVX2,
     .threads = 1,
     .tile = {.form = SPR_TILE_MATRIX, .dense = true, .rows = 1, .vectors = 1}},
};

static struct spr_function_rates functions[] = {{.isa = SPR_ISA_AVX2,
                                                 .threads = 1,
                                                 .function = SPR_FUNCTION_GELU,
                                                 .element = {2, {16384, 1e6}, {5e-10, 7e-10}}},
                                                {.isa = SPR_ISA_SCALAR,
                                                 .threads = 2,
                                                 .function = SPR_FUNCTION_EXCHANGE,
                                                 .element = {1, {65536}, {1e-9}}}};

static struct spr_probe made_probe(void)
{
    struct spr_probe probe = {.cpu = "Some CPU \"quoted\"",
                              .created = "2026-01-02T03:04:05Z",
                              .quick = true,
                              .threads = 2,
                              .drift = -1.0 / 3,
                              .rates = rates,
                              .rate_count = COUNT_OF(rates),
                              .points = points,
                              .point_count = COUNT_OF(points),
                              .kernels = {.tiles = tiles,
                                          .count = COUNT_OF(tiles),
                                          .functions = functions,
                                          .function_count = COUNT_OF(functions),
                                          .call_s = 1e-8,
                                          .parallel_s = 2e-6,
                                          .parallel_threads = 2,
                                          .transfer_s = 1e-8 / 3}};
    spr_cache_identity(probe.identity);
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        probe.cache[i].declared_bytes = i < 3 ? 32 * KIB * ldexp(1, 5 * i) : NONE;
        probe.cache[i].detected_bytes = i == 2 ? 12 * MIB : NONE;
        probe.cache[i].shared = i >= 2;
    }
    return probe;
}

static void write_probe(const char *path, const struct spr_probe *probe)
{
    struct spr_error err = {0};
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK_STATUS(SPR_OK, spr_probe_write(file, probe, &err), &err);
    fclose(file);
}

static bool same(double a, double b)
{
    return (isnan(a) && isnan(b)) || a == b;
}

static void check_rest_equal(const struct spr_probe *a, const struct spr_probe *b)
{
    CHECK_TEXT(a->cpu, b->cpu);
    CHECK_TEXT(a->identity, b->identity);
    CHECK_TEXT(a->created, b->created);
    CHECK(a->quick == b->quick && a->threads == b->threads);
    CHECK_EXACT(a->drift, b->drift);
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        CHECK_EXACT(a->cache[i].detected_bytes, b->cache[i].detected_bytes);
        CHECK_EXACT(a->cache[i].declared_bytes, b->cache[i].declared_bytes);
        CHECK(a->cache[i].shared == b->cache[i].shared);
    }
    CHECK_INT(a->kernels.count, b->kernels.count);
    CHECK_EXACT(a->kernels.call_s, b->kernels.call_s);
    CHECK_EXACT(a->kernels.parallel_s, b->kernels.parallel_s);
    CHECK_INT(a->kernels.parallel_threads, b->kernels.parallel_threads);
    CHECK_EXACT(a->kernels.transfer_s, b->kernels.transfer_s);
    for (size_t i = 0; i < a->kernels.count && i < b->kernels.count; i++) {
        const struct spr_tile_rates *x = &a->kernels.tiles[i], *y = &b->kernels.tiles[i];
        CHECK(x->isa == y->isa && x->threads == y->threads);
        CHECK(spr_tile_equal(&x->tile, &y->tile));
        CHECK(memcmp(&x->x, &y->x, sizeof x->x) == 0);
        CHECK(memcmp(&x->w, &y->w, sizeof x->w) == 0);
        CHECK(memcmp(&x->y, &y->y, sizeof x->y) == 0);
        CHECK(memcmp(&x->input, &y->input, sizeof x->input) == 0);
        CHECK(memcmp(&x->group, &y->group, sizeof x->group) == 0);
        CHECK(memcmp(&x->unaligned, &y->unaligned, sizeof x->unaligned) == 0);
        CHECK(same(x->unaligned_group_s, y->unaligned_group_s));
        CHECK(same(x->panel_group_s, y->panel_group_s));
    }
}

static void test_round_trip(void)
{
    struct spr_error err = {0};
    struct spr_probe probe = made_probe(), back;
    write_probe("probe.json", &probe);
    CHECK_STATUS(SPR_OK, spr_probe_read("probe.json", &back, &err), &err);
    check_rest_equal(&probe, &back);
    CHECK_INT(probe.rate_count, back.rate_count);
    for (size_t i = 0; i < probe.rate_count && i < back.rate_count; i++) {
        const struct spr_probe_rate *a = &probe.rates[i], *b = &back.rates[i];
        CHECK_TEXT(a->name, b->name);
        CHECK_TEXT(a->unit, b->unit);
        CHECK_TEXT(a->level, b->level);
        CHECK(a->isa == b->isa && a->threads == b->threads);
        CHECK(a->value == b->value && a->low == b->low && a->high == b->high);
    }
    CHECK_INT(probe.point_count, back.point_count);
    CHECK(memcmp(probe.points, back.points, sizeof points) == 0);
    write_probe("again.json", &back);
    char *first = test_read("probe.json", NULL), *second = test_read("again.json", NULL);
    CHECK_TEXT(first, second);
    free(first);
    free(second);
    spr_probe_free(&back);
}

/* text with the first `from` replaced by `to`; owned by the caller. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    size_t before = at ? (size_t)(at - text) : 0;
    char *out = malloc(strlen(text) + strlen(to) + 1);
    CHECK(at != NULL && out != NULL);
    memcpy(out, text, before);
    strcpy(out + before, to);
    strcat(out, at + strlen(from));
    return out;
}

static const struct {
    const char *from, *to, *message;
} hostile[] = {
    {"\"sproof/probe\"", "\"sproof/machine\"", "schema: expected \"sproof/probe\""},
    {"\"schema_version\":1", "\"schema_version\":2", "schema_version: expected 1"},
    {"\"threads\":2", "\"threads\":0", "threads: expected an integer 1..65536"},
    {"\"threads\":2", "\"threads\":1e99", "threads: expected an integer 1..65536"},
    {"\"quick\":true", "\"quick\":3", "quick: expected true or false"},
    {"\"f32_fma\"", "\"a name of far more than forty characters, which no rate has\"",
     "rates[0].name: expected a short text"},
    {"\"f32_fma\"", "\"\\u001b[2J\"", "rates[0].name: expected printable text"},
    {"\"isa\":\"avx2\"", "\"isa\":\"mmx\"",
     "rates[0].isa: expected scalar, neon, avx2 or avx512"},
    {"\"value\":250123456789", "\"value\":-1", "rates[0].value: expected a number above 0"},
    {"\"value\":250123456789", "\"value\":1", "rates[0].value: expected low <= value <= high"},
    {"\"high\":275", "\"high\":2", "rates[0].value: expected low <= value <= high"},
    {"\"low\":225", "\"low\":275", "rates[0].value: expected low <= value <= high"},
    {"\"bytes\":8192", "\"bytes\":null", "sweep[0].bytes: expected a number above 0"},
    {"\"sweep\":[", "\"sweep\":3,\"sleep\":[", "sweep: expected a list"},
    {"\"form\":\"strip\"", "\"form\":\"round\"",
     "kernels.tiles[0].form: expected dense, strip, vector or tokens"},
    {"[4096,", "[-4096,",
     "kernels.tiles[0].x: expected at most 12 pairs of rising sizes and seconds"},
    {"[65536,", "[4096,",
     "kernels.tiles[0].x: expected at most 12 pairs of rising sizes and seconds"},
    {"[65536,", "[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,",
     "kernels.tiles[0].x: expected at most 12 pairs of rising sizes and seconds"},
    {"\"rows\":4,", "\"rows\":0,", "kernels.tiles[0].rows: expected an integer"},
    {"\"tiles\":[", "\"tiles\":{},\"x\":[", "kernels.tiles: expected a list"},
};

static void test_hostile(void)
{
    struct spr_probe probe = made_probe(), back;
    write_probe("probe.json", &probe);
    char *good = test_read("probe.json", NULL);
    for (size_t i = 0; i < COUNT_OF(hostile); i++) {
        struct spr_error err = {0};
        char expected[256];
        char *bad = replaced(good, hostile[i].from, hostile[i].to);
        test_row = hostile[i].to;
        test_write("bad.json", bad);
        CHECK_STATUS(SPR_EINPUT, spr_probe_read("bad.json", &back, &err), &err);
        snprintf(expected, sizeof expected, "bad.json: %s", hostile[i].message);
        CHECK_TEXT(expected, err.text);
        free(bad);
    }
    for (size_t length = 0; length + 2 < strlen(good); length += 37) {
        struct spr_error err = {0};
        test_row = "truncated";
        test_write_bytes("bad.json", good, length);
        CHECK_STATUS(SPR_EINPUT, spr_probe_read("bad.json", &back, &err), &err);
    }
    test_row = "";
    free(good);
}

static void test_cache(void)
{
    struct spr_error err = {0};
    struct spr_probe probe = made_probe(), back;
    char path[1024];
    setenv("XDG_CACHE_HOME", "cache/deep", 1);
    CHECK(spr_probe_cache_path(path, sizeof path));
    CHECK_TEXT("cache/deep/sproof/host.json", path);
    unlink(path);
    CHECK(!spr_probe_cached(&back));
    CHECK_STATUS(SPR_OK, spr_probe_save(&probe, &err), &err);
    CHECK(spr_probe_cached(&back));
    CHECK_TEXT(probe.cpu, back.cpu);
    spr_probe_free(&back);
    snprintf(probe.identity, sizeof probe.identity, "another CPU, 2 threads, probe 1");
    CHECK_STATUS(SPR_OK, spr_probe_save(&probe, &err), &err);
    CHECK(!spr_probe_cached(&back));
    test_write(path, "{\"schema\":\"sproof/probe\"");
    CHECK(!spr_probe_cached(&back));
    unlink(path);
    CHECK_INT(0, mkdir(path, 0777));
    CHECK(!spr_probe_cached(&back));
    CHECK_STATUS(SPR_EENVIRONMENT, spr_probe_save(&probe, &err), &err);
    CHECK_INT(0, rmdir(path));
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    CHECK_STATUS(SPR_EENVIRONMENT, spr_probe_save(&probe, &err), &err);
    unsetenv("XDG_CACHE_HOME");
    setenv("HOME", "home", 1);
    CHECK(spr_probe_cache_path(path, sizeof path));
    CHECK_TEXT("home/.cache/sproof/host.json", path);
    CHECK(!spr_probe_cache_path(path, 8));
    unsetenv("HOME");
    CHECK(!spr_probe_cache_path(path, sizeof path));
}

static void check_host(const struct spr_machine *machine)
{
    CHECK_TEXT("host", machine->name);
    CHECK(machine->host && machine->probed);
    CHECK_INT(3, machine->engine_count);
    CHECK_TEXT("simd-f32", machine->engines[0].name);
    CHECK_EXACT(250.123456789e9, machine->engines[0].flops_per_s.value);
    CHECK_TEXT("measured", machine->engines[0].flops_per_s.kind);
    CHECK_TEXT("sproof probe --quick, avx2, 2 threads",
               machine->engines[0].flops_per_s.source);
    CHECK_TEXT("2026-01-02T03:04:05Z", machine->engines[0].flops_per_s.date);
    CHECK(machine->engines[0].accepts[0].form == SPR_ACCEPT_ANY);
    CHECK_TEXT("simd-bf16", machine->engines[2].name);
    CHECK(machine->engines[2].accepts[0].form == SPR_ACCEPT_ANY);
    CHECK_INT(3, machine->memory_count);
    CHECK_TEXT("L1", machine->memory[0].level);
    CHECK_TEXT("declared", machine->memory[0].bytes.kind);
    CHECK_TEXT("L3", machine->memory[1].level);
    CHECK(machine->memory[1].shared && !machine->memory[0].shared);
    CHECK_EXACT(12 * MIB, machine->memory[1].bytes.value);
    CHECK_TEXT("DRAM", machine->memory[2].level);
    /* The best seen, be it of a copy. */
    CHECK_EXACT(1e9 / 3, machine->memory[2].bytes_per_s.value);
    CHECK_EXACT(9e9 / 7 * 1.1, machine->memory[2].bytes_per_s.high);
    /* The least a call costs. */
    CHECK_EXACT(2e-6 * 0.9, machine->overhead_s.value);
    CHECK(machine->kernels != NULL);
    CHECK_INT(1, machine->kernels ? machine->kernels->count : 0);
    CHECK(machine->kernels && machine->kernels->tiles[0].tile.rows == 4);
}

static void test_machine(void)
{
    struct spr_error err = {0};
    struct spr_probe probe = made_probe();
    struct spr_machine machine, back;
    CHECK_STATUS(SPR_OK, spr_machine_from_probe(&probe, SPR_ISA_AVX2, 0, &machine, &err),
                 &err);
    check_host(&machine);
    FILE *file = fopen("machine.json", "wb");
    struct spr_emit *out = calloc(1, sizeof *out);
    CHECK(file && out);
    spr_emit_begin(out, file, 2);
    spr_machine_to_json(out, NULL, &machine);
    spr_emit_flush(out);
    fclose(file);
    free(out);
    spr_machine_free(&machine);
    CHECK_STATUS(SPR_OK, spr_machine_read("machine.json", &back, &err), &err);
    check_host(&back);
    spr_machine_free(&back);
    CHECK_STATUS(SPR_EINPUT, spr_machine_from_probe(&probe, SPR_ISA_AVX512, 2, &machine, &err),
                 &err);
    CHECK_TEXT("host was not probed with avx512 on 2 threads: run sproof probe --threads 2",
               err.text);
    CHECK_STATUS(SPR_EINPUT, spr_machine_from_probe(&probe, SPR_ISA_AVX2, 1, &machine, NULL),
                 &err);
}

/* What a disturbed calibration left must not make the cache unreadable. */
static void test_disturbed_tiles(void)
{
    struct spr_error err = {0};
    struct spr_probe probe = made_probe(), back;
    struct spr_tile_rates tile = {.isa = SPR_ISA_AVX2, .threads = 2, .tile = {.rows = 1}};
    tile.x = (struct spr_sweep){5, {1, 2, 2, 3, 4}, {1e-9, NONE, 1e-9, -1e-9, 2e-9}};
    tile.panel_group_s = -1;
    probe.kernels.tiles = &tile;
    probe.kernels.count = 1;
    write_probe("probe.json", &probe);
    CHECK_STATUS(SPR_OK, spr_probe_read("probe.json", &back, &err), &err);
    const struct spr_tile_rates *read = back.kernels.count ? back.kernels.tiles : &tile;
    CHECK_INT(3, read->x.count);
    CHECK_EXACT(2, read->x.bytes[1]);
    CHECK_EXACT(1e-9, read->x.step_s[1]);
    CHECK_EXACT(2e-9, read->x.step_s[2]);
    CHECK(isnan(read->panel_group_s));
    spr_probe_free(&back);
}

static void test_add(void)
{
    struct spr_error err = {0};
    struct spr_probe more = made_probe(), probe;
    struct spr_probe_rate other[] = {RATE("f32_fma", "FLOP/s", NULL, 2, 1.0),
                                     RATE("read", "B/s", "DRAM", 3, 7.0)};
    struct spr_tile_rates tile = {.isa = SPR_ISA_AVX2, .threads = 3, .tile = {.rows = 1}};
    write_probe("probe.json", &more);
    CHECK_STATUS(SPR_OK, spr_probe_read("probe.json", &probe, &err), &err);
    more.rates = other;
    more.rate_count = 2;
    more.threads = 3;
    more.kernels.tiles = &tile;
    more.kernels.count = 1;
    CHECK_STATUS(SPR_OK, spr_probe_add(&probe, &more, &err), &err);
    CHECK_INT(3, probe.threads);
    CHECK_INT(COUNT_OF(rates) + 1, probe.rate_count);
    CHECK_INT(COUNT_OF(tiles) + 1, probe.kernels.count);
    CHECK_EXACT(250.123456789e9,
                spr_probe_find(&probe, "f32_fma", NULL, SPR_ISA_AVX2, 2).value);
    CHECK_EXACT(7, spr_probe_find(&probe, "read", "DRAM", SPR_ISA_AVX2, 3).value);
    spr_probe_free(&probe);
}

/* Times of calls come along where there were none, and stay where there were. */
static void test_add_calls(void)
{
    static const struct {
        const char *name;
        double call_s, parallel_s;
        int threads;
        double expected_call_s, expected_parallel_s;
        int expected_threads;
    } rows[] = {
        {"has both", 1e-8, 2e-6, 2, 1e-8, 2e-6, 2},
        {"has none", 0, 0, 0, 3e-8, 4e-6, 3},
        {"unknown", NONE, NONE, 2, 3e-8, 4e-6, 3},
        {"one thread", 1e-8, NONE, 0, 1e-8, 4e-6, 3},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_error err = {0};
        struct spr_probe base = made_probe(), more = made_probe(), probe;
        test_row = rows[i].name;
        base.kernels.call_s = rows[i].call_s;
        base.kernels.parallel_s = rows[i].parallel_s;
        base.kernels.parallel_threads = rows[i].threads;
        more.kernels.call_s = 3e-8;
        more.kernels.parallel_s = 4e-6;
        more.kernels.parallel_threads = 3;
        more.kernels.transfer_s = 5e-8;
        write_probe("probe.json", &base);
        CHECK_STATUS(SPR_OK, spr_probe_read("probe.json", &probe, &err), &err);
        CHECK_STATUS(SPR_OK, spr_probe_add(&probe, &more, &err), &err);
        CHECK_EXACT(rows[i].expected_call_s, probe.kernels.call_s);
        CHECK_EXACT(rows[i].expected_parallel_s, probe.kernels.parallel_s);
        CHECK_INT(rows[i].expected_threads, probe.kernels.parallel_threads);
        /* Of the same team. */
        CHECK_EXACT(rows[i].expected_threads == 3 ? 5e-8 : base.kernels.transfer_s,
                    probe.kernels.transfer_s);
        spr_probe_free(&probe);
    }
    test_row = "";
}

static void test_crowded(void)
{
    static const struct {
        const char *name;
        double one, all; /* 0: not measured */
        int threads;
        bool expected;
    } rows[] = {
        {"two cores", 100e9, 195e9, 2, false},
        {"two threads of one core", 100e9, 97e9, 2, false},
        {"others hold the cores", 100e9, 60e9, 2, true},
        {"one thread", 100e9, 100e9, 1, false},
        {"only one was measured", 100e9, 0, 2, false},
        {"only all were measured", 0, 60e9, 2, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_probe_rate made[] = {
            RATE("f32_fma", "FLOP/s", NULL, 1, rows[i].one),
            RATE("f32_fma", "FLOP/s", NULL, rows[i].threads, rows[i].all)};
        struct spr_probe probe = made_probe();
        size_t skipped = rows[i].one > 0 ? 0 : 1;
        test_row = rows[i].name;
        probe.threads = rows[i].threads;
        probe.rates = made + skipped;
        probe.rate_count = 2 - skipped - (rows[i].all > 0 ? 0 : 1);
        CHECK_INT(rows[i].expected, spr_probe_crowded(&probe));
    }
    test_row = "";
}

/* The start of a team is that of a team of the size the machine has. */
static void test_team_start(void)
{
    static const struct {
        int parallel_threads;
        double expected_s;
    } rows[] = {{2, 9e-6}, {4, 2e-6}, {0, 2e-6}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_error err = {0};
        struct spr_probe probe = made_probe();
        struct spr_machine machine;
        probe.kernels.parallel_s = 9e-6;
        probe.kernels.parallel_threads = rows[i].parallel_threads;
        CHECK_STATUS(SPR_OK, spr_machine_from_probe(&probe, SPR_ISA_AVX2, 2, &machine, &err),
                     &err);
        CHECK(machine.kernels != NULL);
        if (machine.kernels) {
            CHECK_EXACT(rows[i].expected_s, machine.kernels->parallel_s);
            CHECK_INT(2, machine.kernels->parallel_threads);
        }
        spr_machine_free(&machine);
    }
}

static double step_s;
static double stepping_clock(void)
{
    static double now;
    return now += step_s;
}

/* Times with a clock of that step, among those of earlier rounds: of a function, of a tile of
 * either layout unless it is brief. */
static void time_round(double clock_step_s, bool brief, struct spr_least_times *least,
                       double *seconds)
{
    struct spr_kernel_rates found = {0};
    struct spr_error err = {0};
    const struct spr_calibration calibration = {.isa = SPR_ISA_SCALAR,
                                                .threads = 1,
                                                .quick = true,
                                                .clock_s = stepping_clock,
                                                .least = least};
    step_s = clock_step_s;
    least->next = 0;
    CHECK_STATUS(SPR_OK, spr_calibrate_functions(&calibration, &found, &err), &err);
    CHECK(found.function_count > 0 && found.functions[0].element.count > 0);
    seconds[0] = found.functions[0].element.step_s[0];
    if (!brief) {
        CHECK_STATUS(SPR_OK, spr_calibrate_tokens(&calibration, &found, &err), &err);
        CHECK(found.count > 0 && found.tiles[0].group.count > 0);
        seconds[1] = found.tiles[0].group.step_s[0];
        CHECK_STATUS(SPR_OK, spr_calibrate(&calibration, &found, &err), &err);
        seconds[2] = found.tiles[found.count - 1].group.step_s[0];
        CHECK_INT(least->count, least->next);
    }
    spr_free(found.tiles);
    spr_free(found.functions);
}

/* What disturbs one round is not in the rates of two. */
static void test_rounds(void)
{
    struct spr_least_times least = {0};
    double first[3] = {0}, slow[3] = {0}, fast[1] = {0};
    time_round(1, false, &least, first);
    size_t trials = least.count;
    CHECK(trials > 500);
    time_round(4, false, &least, slow);
    CHECK_INT(trials, least.count);
    for (size_t i = 0; i < COUNT_OF(first); i++) {
        CHECK(first[i] > 0);
        CHECK_EXACT(first[i], slow[i]);
    }
    time_round(0.5, true, &least, fast);
    CHECK_NEAR(first[0] / 2, fast[0], 1e-12);
    spr_free(least.seconds);
}

int main(void)
{
    test_rounds();
    test_knees();
    test_cache_bytes();
    test_run(fake_clock);
    test_run(stopped_clock);
    test_round_trip();
    test_hostile();
    test_machine();
    test_add();
    test_add_calls();
    test_team_start();
    test_crowded();
    test_disturbed_tiles();
    test_cache();
    return test_end();
}
