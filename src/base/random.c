/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded random numbers, the same on every machine. */
#include "base/random.h"

/* splitmix64 (Steele, Lea, Flood 2014; constants of Vigna's public-domain version). */
uint64_t spr_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

double spr_random_unit(uint64_t *state)
{
    return (double)(spr_random(state) >> 11) * 0x1p-53;
}
