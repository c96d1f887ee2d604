/* SPDX-License-Identifier: Apache-2.0 */
/* Multiply-adds on registers only: twelve chains, more than latency 4 x 2 pipes needs. */
#include "peak.h"

#include <immintrin.h>
#include <stdio.h>

#define STEPS 16384
#define CHAINS 12

/* An empty statement that makes the compiler keep the chain in a register and believe that it
 * has changed. */
#define KEEP(a) __asm__ volatile("" : "+v"(a))

#define LOOP(vector, set1, fma)                                                               \
    vector a0 = set1(1), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0,       \
           a8 = a0, a9 = a0, a10 = a0, a11 = a0, factor = set1(0.5F), term = set1(0.5F);      \
    KEEP(factor);                                                                             \
    KEEP(term);                                                                               \
    for (int i = 0; i < STEPS; i++) {                                                         \
        a0 = fma(a0, factor, term), a1 = fma(a1, factor, term);                               \
        a2 = fma(a2, factor, term), a3 = fma(a3, factor, term);                               \
        a4 = fma(a4, factor, term), a5 = fma(a5, factor, term);                               \
        a6 = fma(a6, factor, term), a7 = fma(a7, factor, term);                               \
        a8 = fma(a8, factor, term), a9 = fma(a9, factor, term);                               \
        a10 = fma(a10, factor, term), a11 = fma(a11, factor, term);                           \
        KEEP(a0);                                                                             \
        KEEP(a1);                                                                             \
        KEEP(a2);                                                                             \
        KEEP(a3);                                                                             \
        KEEP(a4);                                                                             \
        KEEP(a5);                                                                             \
        KEEP(a6);                                                                             \
        KEEP(a7);                                                                             \
        KEEP(a8);                                                                             \
        KEEP(a9);                                                                             \
        KEEP(a10);                                                                            \
        KEEP(a11);                                                                            \
    }

__attribute__((target("avx512f"))) static void loop_avx512(void)
{
    LOOP(__m512, _mm512_set1_ps, _mm512_fmadd_ps)
}

__attribute__((target("avx2,fma"))) static void loop_avx2(void)
{
    LOOP(__m256, _mm256_set1_ps, _mm256_fmadd_ps)
}

static void (*loop)(void);
static int lanes, team = 1;

bool peak_choose(enum spr_isa isa)
{
    loop = isa == SPR_ISA_AVX512 ? loop_avx512 : isa == SPR_ISA_AVX2 ? loop_avx2 : NULL;
    lanes = spr_isa_lanes(isa);
    return loop != NULL;
}

double peak_flops(int threads)
{
    return 2.0 * lanes * CHAINS * STEPS * threads;
}

static void run(void *state)
{
    (void)state;
    if (team == 1) {
        loop();
        return;
    }
#pragma omp parallel num_threads(team)
    loop();
}

static bool make(const struct peer_case *c, struct peer_product *product, char *why)
{
    (void)c;
    (void)why;
    product->run = run;
    return true;
}

static bool start(int threads, char *version)
{
    team = threads;
    snprintf(version, PEER_TEXT, "%d chains of %d lanes", CHAINS, lanes);
    return true;
}

static const struct peer_way ways[] = {{"f32 FMA peak", PEER_PEAK, make}};
static const struct peer peak = {start, ways, 1};

const struct peer *peak_peer(void)
{
    return &peak;
}
