/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a weight matrix of which only what is not zero is looked at. */
#include "weights/reader.h"

/* The words of a row of entries. */
static int64_t words_of_entries(const struct spr_weight *weight, int64_t row, uint64_t *word,
                                int32_t *at)
{
    const struct spr_matrix *matrix = &weight->matrix;
    int64_t count = 0;
    for (size_t e = matrix->row[row]; e < matrix->row[row + 1]; e++) {
        const int32_t j = matrix->column[e];
        if (spr_weight_entry(weight, e) == 0) {
            continue;
        }
        if (count == 0 || at[count - 1] != j / 64) {
            word[count] = 0;
            at[count++] = j / 64;
        }
        word[count - 1] |= (uint64_t)1 << j % 64;
    }
    return count;
}

int64_t spr_weight_words(const struct spr_weight *weight, int64_t row, uint64_t *word,
                         int32_t *at)
{
    const int64_t words = (weight->k + 63) / 64;
    int64_t count = 0;
    if (weight->storage == SPR_STORAGE_MATRIX) {
        return words_of_entries(weight, row, word, at);
    }
    spr_weight_bits(weight, row, 1, word);
    for (int64_t i = 0; i < words; i++) {
        if (word[i] != 0) {
            word[count] = word[i];
            at[count++] = (int32_t)i;
        }
    }
    return count;
}
