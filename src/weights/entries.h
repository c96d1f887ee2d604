/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of a sparse matrix in any order, gathered into compressed rows. */
#ifndef SPROOF_WEIGHTS_ENTRIES_H
#define SPROOF_WEIGHTS_ENTRIES_H

#include "weights/reader.h"

struct spr_entry {
    int32_t row, column;
    double value;
};

/* Bytes that an entry takes while entries are sorted. */
#define SPR_ENTRY_ROOM (2.0 * (double)sizeof(struct spr_entry))

/* Zeroed but for m and k means an empty matrix. */
struct spr_entries {
    int64_t m, k;
    struct spr_entry *item;
    size_t count, capacity;
    bool single;   /* entries at one place are added in single precision */
    int wrap_bits; /* integers of so many bits, which wrap when they are added; 0: floats */
    bool wrap_signed;
};

/* Checks m and k: 1..2^31-1, and no more than `backed` bytes of file, or a million, account
 * for. label names the file. SPR_EINPUT. */
enum spr_status spr_entries_begin(struct spr_entries *entries, const char *label,
                                  const int64_t size[2], uint64_t backed,
                                  struct spr_error *err);

/* The check alone. */
enum spr_status spr_check_size(const char *label, const int64_t size[2], uint64_t backed,
                               struct spr_error *err);

/* Errors: SPR_ENOMEM. The place must lie in the matrix. */
enum spr_status spr_entries_add(struct spr_entries *entries, int64_t row, int64_t column,
                                double value, struct spr_error *err);

/* Makes *matrix of them: entries at one place are added in their order, zeros left out. Frees
 * the entries, also when it fails. */
enum spr_status spr_entries_matrix(struct spr_entries *entries, struct spr_matrix *matrix,
                                   struct spr_error *err);

void spr_entries_free(struct spr_entries *entries);

/* Adds a linear layer of this matrix, which it takes over (also when it fails), and a tensor
 * for it. dtype is that of the file. */
enum spr_status spr_add_matrix(const struct spr_source *source, const char *name,
                               const char *dtype, struct spr_matrix *matrix,
                               struct spr_error *err);

#endif
