/* SPDX-License-Identifier: Apache-2.0 */
/* Kept probes: written and read again, hostile files in their place, the cache, and one joined to
 * another. */
#include "made_probe.h"

#include <sys/stat.h>
#include <unistd.h>

#include "probe/probe_parts.h"

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
    CHECK_INT(a->quality.tiles_interpolated, b->quality.tiles_interpolated);
    CHECK_INT(a->quality.widths_checked, b->quality.widths_checked);
    CHECK_EXACT(a->quality.error_median, b->quality.error_median);
    CHECK_EXACT(a->quality.error_p90, b->quality.error_p90);
    CHECK_EXACT(a->quality.points_disturbed, b->quality.points_disturbed);
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
    {"\"tiles_interpolated\":2", "\"tiles_interpolated\":2.5",
     "tiles_interpolated: expected an integer 0..65536"},
    {"\"widths_checked\":7", "\"widths_checked\":-7",
     "widths_checked: expected an integer 0..65536"},
    {"\"interpolation_error_p90\":0.25", "\"interpolation_error_p90\":-0.25",
     "interpolation_error_p90: expected a number 0 or above, or null"},
    {"\"points_disturbed\":0.00", "\"points_disturbed\":1.00",
     "points_disturbed: expected a number 0..1 or null"},
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
    struct spr_tile_rates tile = {
        .isa = SPR_ISA_AVX2, .threads = 3, .tile = {.rows = 1}, .interpolated = true};
    write_probe("probe.json", &more);
    CHECK_STATUS(SPR_OK, spr_probe_read("probe.json", &probe, &err), &err);
    more.rates = other;
    more.rate_count = 2;
    more.threads = 3;
    more.kernels.tiles = &tile;
    more.kernels.count = 1;
    more.quality.points_disturbed = 0.5;
    CHECK_STATUS(SPR_OK, spr_probe_add(&probe, &more, &err), &err);
    CHECK_INT(3, probe.quality.tiles_interpolated);
    CHECK_EXACT(0.5, probe.quality.points_disturbed);
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

int main(void)
{
    test_round_trip();
    test_hostile();
    test_add();
    test_add_calls();
    test_disturbed_tiles();
    test_cache();
    return test_end();
}
