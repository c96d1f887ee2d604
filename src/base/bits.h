/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of bits, 64 to a word, bit j % 64 of word j / 64; and fingerprints. */
#ifndef SPROOF_BASE_BITS_H
#define SPROOF_BASE_BITS_H

#include <stdint.h>

/* Set bits of so many words. */
static inline int64_t spr_count_bits(const uint64_t *bits, int64_t words)
{
    int64_t count = 0;
    for (int64_t i = 0; i < words; i++) {
        count += __builtin_popcountll(bits[i]);
    }
    return count;
}

/* Set bits in [begin, end). */
static inline int64_t spr_count_range(const uint64_t *bits, int64_t begin, int64_t end)
{
    int64_t count = 0;
    while (begin < end) {
        int64_t shift = begin % 64, take = 64 - shift < end - begin ? 64 - shift : end - begin;
        uint64_t mask = take == 64 ? ~(uint64_t)0 : (((uint64_t)1 << take) - 1);
        count += __builtin_popcountll(bits[begin / 64] >> shift & mask);
        begin += take;
    }
    return count;
}

/* Greatest common divisor of two whole numbers; of 0 and b it is b. */
static inline double spr_greatest_divisor(double a, double b)
{
    uint64_t left = (uint64_t)a, right = (uint64_t)b;
    while (right > 0) {
        uint64_t rest = left % right;
        left = right;
        right = rest;
    }
    return (double)left;
}

/* FNV-1a, 64 bit, a word at a time: start with SPR_HASH_START. For look-ups and fingerprints, not
 * against an adversary. */
#define SPR_HASH_START 0xCBF29CE484222325u
static inline uint64_t spr_hash(uint64_t hash, uint64_t word)
{
    return (hash ^ word) * 0x100000001B3u;
}

#endif
