/* SPDX-License-Identifier: Apache-2.0 */
/* The rates of the probe: names, units, and which loop measures them. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "machine/rates_json.h"
#include "probe/probe_parts.h"

#define ALL (SPR_CPU_CACHES + 1)
#define NEAR SPR_PROBE_NEAR

/* Names are stable: caches and records hold them. FLOP/s count 2 per multiply-add, also for
 * whole numbers; 1/s counts instructions on one full vector; bytes of a copy are those read
 * and those written. "call" and "parallel_region" (s) have no loop: probe_team.c; nor has
 * "sve_vector" (B), the width of a vector that no kernel uses: probe_features.c. Canaries (s):
 * their least reading; canary.c. */
const struct spr_probe_row spr_probe_rows[] = {
    {"f32_fma", "FLOP/s", SPR_PROBE_FMA_F32, 0, 0, true, "multiply-adds of f32"},
    {"f64_fma", "FLOP/s", SPR_PROBE_FMA_F64, 0, 0, true, "multiply-adds of f64"},
    {"f16_fma", "FLOP/s", SPR_PROBE_FMA_F16, 0, 0, true, "multiply-adds of f16"},
    {"bf16_dot", "FLOP/s", SPR_PROBE_DOT_BF16, 0, 0, true,
     "dot products of bf16, sums in f32"},
    {"i8_dot", "FLOP/s", SPR_PROBE_DOT_I8, 0, 0, true, "dot products of int8, sums in int32"},
    {"bf16_matrix", "FLOP/s", SPR_PROBE_MATRIX_BF16, 0, 0, true,
     "products of matrices of bf16, sums in f32"},
    {"i8_matrix", "FLOP/s", SPR_PROBE_MATRIX_I8, 0, 0, true,
     "products of matrices of int8, sums in int32"},
    {"load", "1/s", SPR_PROBE_LOAD, 0, 0, true, "loads of vectors from L1"},
    {"broadcast", "1/s", SPR_PROBE_BROADCAST, 0, 0, true, "loads of one f32 into all lanes"},
    {"store", "1/s", SPR_PROBE_STORE, 0, 0, true, "stores of vectors to L1"},
    {"read", "B/s", SPR_PROBE_READ, 0, ALL, true, "sequential reading"},
    {"kernel_read", "B/s", SPR_PROBE_KERNEL_READ, 0, NEAR, true, "reading for multiply-adds"},
    {"copy", "B/s", SPR_PROBE_COPY, 0, ALL, true, "copying one half of the set to the other"},
    {"random_row_64", "B/s", SPR_PROBE_ROW_READ, 64, ALL, true, "reading rows of 64 bytes"},
    {"random_row_128", "B/s", SPR_PROBE_ROW_READ, 128, ALL, false,
     "reading rows of 128 bytes"},
    {"random_row_256", "B/s", SPR_PROBE_ROW_READ, 256, ALL, false,
     "reading rows of 256 bytes"},
    {"random_row_512", "B/s", SPR_PROBE_ROW_READ, 512, ALL, true, "reading rows of 512 bytes"},
};
const char *const spr_probe_canary_names[SPR_CANARIES] = {"canary_multiply_add", "canary_l2",
                                                          "canary_memory"};
const size_t spr_probe_row_count = sizeof spr_probe_rows / sizeof *spr_probe_rows;

struct spr_probe_rate *spr_probe_rate_find(const struct spr_probe *probe, const char *name,
                                           const char *level, enum spr_isa isa, int threads)
{
    for (size_t i = 0; i < probe->rate_count; i++) {
        struct spr_probe_rate *rate = &probe->rates[i];
        bool same_level =
            level && rate->level ? strcmp(level, rate->level) == 0 : level == rate->level;
        if (same_level && rate->isa == isa && rate->threads == threads &&
            strcmp(rate->name, name) == 0) {
            return rate;
        }
    }
    return NULL;
}

struct spr_number spr_probe_find(const struct spr_probe *probe, const char *name,
                                 const char *level, enum spr_isa isa, int threads)
{
    const struct spr_probe_rate *rate = spr_probe_rate_find(probe, name, level, isa, threads);
    struct spr_number number = {.value = (double)NAN, .low = (double)NAN, .high = (double)NAN};
    if (rate) {
        number = (struct spr_number){rate->value, rate->low,      rate->high,
                                     "measured",  "sproof probe", probe->created};
    }
    return number;
}

void spr_probe_canaries(const struct spr_probe *probe, enum spr_isa isa, int threads,
                        double least_s[SPR_CANARIES])
{
    for (int c = 0; c < SPR_CANARIES; c++) {
        least_s[c] =
            spr_probe_find(probe, spr_probe_canary_names[c], NULL, isa, threads).value;
    }
}

/* Threads that share one core compute as much as one, give or take. */
#define CROWDED 0.9

bool spr_probe_crowded(const struct spr_probe *probe)
{
    bool crowded = false;
    for (int isa = 0; isa < SPR_ISA_COUNT && probe->threads > 1; isa++) {
        enum spr_isa set = (enum spr_isa)isa;
        double one = spr_probe_find(probe, "f32_fma", NULL, set, 1).value;
        double all = spr_probe_find(probe, "f32_fma", NULL, set, probe->threads).value;
        crowded = crowded || all < CROWDED * one; /* NAN, not measured: no */
    }
    return crowded;
}

int spr_probe_threads(const struct spr_probe *probe, enum spr_isa isa)
{
    int fastest = probe->threads;
    double best = 0;
    for (int threads = probe->threads; threads > 0; threads--) {
        const double rate = spr_probe_find(probe, "f32_fma", NULL, isa, threads).value;
        if (rate > best) {
            best = rate;
            fastest = threads;
        }
    }
    return fastest;
}

/* Quickest samples this far below the best of all, and how many rates may have such. */
#define DISTURBED 0.8
#define DISTURBED_SHARE 0.1 /* nor of what was timed of the kernels */

size_t spr_probe_disturbed(const struct spr_probe *probe)
{
    size_t disturbed = 0;
    for (size_t i = 0; i < probe->rate_count; i++) {
        /* Times scatter upwards, and a first call is always slow. */
        disturbed += strcmp(probe->rates[i].unit, "s") != 0 &&
                     probe->rates[i].value < DISTURBED * probe->rates[i].high;
    }
    return disturbed;
}

bool spr_probe_doubtful(const struct spr_probe *probe)
{
    return (double)spr_probe_disturbed(probe) > DISTURBED_SHARE * (double)probe->rate_count ||
           probe->quality.points_disturbed > DISTURBED_SHARE || /* NAN, unknown: no */
           spr_probe_crowded(probe);
}

void spr_probe_date(time_t seconds, char text[32])
{
    struct tm utc;
    text[0] = '\0';
    if (gmtime_r(&seconds, &utc)) {
        strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
}

/* Seconds between two full probes that nobody asked for. */
#define REST_S 600

bool spr_probe_due(const struct spr_probe *probe, time_t now)
{
    char rested[32];
    spr_probe_date(now - REST_S, rested);
    return spr_probe_doubtful(probe) && (probe->quick || strcmp(probe->created, rested) < 0);
}

void spr_probe_free(struct spr_probe *probe)
{
    spr_tiles_free(&probe->kernels);
    spr_arena_free(&probe->arena);
    *probe = (struct spr_probe){0};
}
