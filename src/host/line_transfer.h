/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a cache line from one thread to another. */
#ifndef SPROOF_HOST_LINE_TRANSFER_H
#define SPROOF_HOST_LINE_TRANSFER_H

/* How often a line goes on in one round. */
#define SPR_LINE_HOPS 2000

/* A line goes round a team of two threads or more, no more than CPUs; threads: int *. A subject of
 * spr_bench_run. */
void spr_line_transfer_round(void *threads);

/* Seconds that a cache line takes from one thread of a team to the next, median of some rounds;
 * NAN for one thread, and for more than there are CPUs. */
double spr_line_transfer_s(int threads, double (*clock_s)(void));

#endif
