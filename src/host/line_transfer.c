/* SPDX-License-Identifier: Apache-2.0 */
/* How long a cache line takes from one thread to the next: how far apart their cores are. On a
 * virtual machine that changes whenever the host moves one of them. */
#include "host/line_transfer.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#if defined(_OPENMP)
#include <omp.h>
#include <sched.h>
#endif

#include "sproof/cpu.h"

#define REPEATS 7
/* A thread that waits that long gives its core away. */
#define SPINS 65536

#if defined(_OPENMP)
/* The turn goes round; each thread waits for its own. Returns how many threads there were. */
static int go_round(int threads)
{
    int went = 0;
    struct {
        char before[128];
        atomic_int turn;
        char behind[128];
    } line;
    atomic_init(&line.turn, 0);
#pragma omp parallel num_threads(threads)
    {
        const int me = omp_get_thread_num(), team = omp_get_num_threads();
#pragma omp master
        went = team;
        for (int hop = me; hop < SPR_LINE_HOPS; hop += team) {
            for (int spins = 0;
                 atomic_load_explicit(&line.turn, memory_order_acquire) != hop;) {
                if (++spins == SPINS) {
                    sched_yield();
                    spins = 0;
                }
            }
            atomic_store_explicit(&line.turn, hop + 1, memory_order_release);
        }
    }
    return went;
}
#else
static int go_round(int threads)
{
    (void)threads;
    return 1;
}
#endif

void spr_line_transfer_round(void *threads)
{
    (void)go_round(*(const int *)threads);
}

static int by_value(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

double spr_line_transfer_s(int threads, double (*clock_s)(void))
{
    double times[REPEATS];
    /* More threads than CPUs wait for each other's time slices; the runtime may give fewer. */
    if (threads < 2 || threads > spr_cpu_threads() || go_round(threads) < threads) {
        return (double)NAN;
    }
    for (int i = 0; i < REPEATS; i++) {
        double begin = clock_s();
        (void)go_round(threads);
        times[i] = (clock_s() - begin) / SPR_LINE_HOPS;
    }
    qsort(times, REPEATS, sizeof times[0], by_value);
    return times[REPEATS / 2];
}
