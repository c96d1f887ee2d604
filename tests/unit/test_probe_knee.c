/* SPDX-License-Identifier: Apache-2.0 */
/* Where caches end: knees of made-up curves. */
#include "sproof/probe.h"

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

int main(void)
{
    test_knees();
    test_cache_bytes();
    return test_end();
}
