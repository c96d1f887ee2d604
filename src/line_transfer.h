/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SPROOF_LINE_TRANSFER_H
#define SPROOF_LINE_TRANSFER_H

#include <stdbool.h>

/* Hops of one run. */
#define SPR_LINE_HOPS 2000

/* Whether that many threads are a team that can be timed: not one, not more than CPUs. */
bool spr_line_transfer_can(int threads);

/* SPR_LINE_HOPS times a cache line goes to the next thread, round a team; threads: int *. A
 * subject of spr_bench_run. */
void spr_line_transfer_run(void *threads);

/* Seconds of one hop, median of some runs; NAN where it cannot be timed. */
double spr_line_transfer_s(int threads, double (*clock_s)(void));

#endif
