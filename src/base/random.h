/* SPDX-License-Identifier: Apache-2.0 */
/* splitmix64: a stream of random numbers that is the same on every machine. */
#ifndef SPROOF_BASE_RANDOM_H
#define SPROOF_BASE_RANDOM_H

#include <stdint.h>

/* The next number of the stream that starts at *state. */
uint64_t spr_random(uint64_t *state);

/* Uniform in [0, 1). */
double spr_random_unit(uint64_t *state);

#endif
