/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of bits, 64 to a word. */
#include "base/bits.h"

int64_t spr_count_bits(const uint64_t *bits, int64_t words)
{
    int64_t count = 0;
    for (int64_t i = 0; i < words; i++) {
        count += __builtin_popcountll(bits[i]);
    }
    return count;
}

int64_t spr_count_range(const uint64_t *bits, int64_t begin, int64_t end)
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
