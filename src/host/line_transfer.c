/* SPDX-License-Identifier: Apache-2.0 */
/* How long a cache line takes from one thread to the next: how far apart their cores are. On a
 * virtual machine that changes whenever the host moves one of them. */
#include "host/line_transfer.h"

#include <math.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/numbers.h"
#include "host/sampler.h"
#include "host/team.h"
#include "sproof/cpu.h"

#define REPEATS 7
/* A thread that waits that long gives its core away. */
#define SPINS 65536

/* A line that goes round, alone in its cache line. */
struct line {
    char before[128];
    atomic_int turn;
    char behind[128];
    int went; /* threads that there were */
};

static void pass_on(void *context, int thread, int threads)
{
    struct line *line = context;
    if (thread == 0) {
        line->went = threads;
    }
    for (int hop = thread; hop < SPR_LINE_HOPS; hop += threads) {
        for (int spins = 0; atomic_load_explicit(&line->turn, memory_order_acquire) != hop;) {
            if (++spins == SPINS) {
                sched_yield();
                spins = 0;
            }
        }
        atomic_store_explicit(&line->turn, hop + 1, memory_order_release);
    }
}

/* The turn goes round; each thread waits for its own. Returns how many threads there were. */
static int go_round(int threads)
{
    struct line line;
    atomic_init(&line.turn, 0);
    spr_team_run(threads, pass_on, &line);
    return line.went;
}

void spr_line_transfer_round(void *threads)
{
    (void)go_round(*(const int *)threads);
}

double spr_line_transfer_s(int threads, double (*clock_s)(void))
{
    double times[REPEATS];
    const struct spr_sampler sampler = {.clock_s = clock_s,
                                        .threads = 1, /* it makes its team itself */
                                        .run = spr_line_transfer_round,
                                        .context = &threads};
    /* More threads than CPUs wait for each other's time slices; the runtime may give fewer. */
    if (threads < 2 || threads > spr_cpu_threads() || go_round(threads) < threads) {
        return (double)NAN;
    }
    spr_sampler_run(&sampler, REPEATS, times);
    return spr_median(times, REPEATS) / SPR_LINE_HOPS;
}
