/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of bits, 64 to a word, bit j % 64 of word j / 64; and fingerprints. */
#ifndef SPROOF_BASE_BITS_H
#define SPROOF_BASE_BITS_H

#include <stdint.h>

/* Set bits of so many words. */
int64_t spr_count_bits(const uint64_t *bits, int64_t words);

/* Set bits in [begin, end). */
int64_t spr_count_range(const uint64_t *bits, int64_t begin, int64_t end);

/* FNV-1a, 64 bit, a word at a time: start with SPR_HASH_START. For look-ups and fingerprints, not
 * against an adversary. */
#define SPR_HASH_START 0xCBF29CE484222325u
static inline uint64_t spr_hash(uint64_t hash, uint64_t word)
{
    return (hash ^ word) * 0x100000001B3u;
}

#endif
