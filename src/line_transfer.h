/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SPROOF_LINE_TRANSFER_H
#define SPROOF_LINE_TRANSFER_H

/* Seconds that a cache line takes from one thread of a team to the next, median of some rounds;
 * NAN for one thread, and for more than there are CPUs. */
double spr_line_transfer_s(int threads, double (*clock_s)(void));

#endif
