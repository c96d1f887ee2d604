/* SPDX-License-Identifier: Apache-2.0 */
/* Sparse matrices from entries in any order. */
#include "weights/entries.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "matrix/matrix_build.h"

/* So many rows or columns may be empty in a small file. */
#define SIZE_FREE ((uint64_t)1 << 20)

enum spr_status spr_check_size(const char *label, const int64_t size[2], uint64_t backed,
                               struct spr_error *err)
{
    uint64_t most = backed > SIZE_FREE ? backed : SIZE_FREE;
    if (size[0] < 1 || size[1] < 1 || size[0] > INT32_MAX || size[1] > INT32_MAX) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: a matrix of %lldx%lld: expected 1 to 2^31-1 rows and columns",
                        label, (long long)size[0], (long long)size[1]);
    }
    if ((uint64_t)size[0] > most || (uint64_t)size[1] > most) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: a matrix of %lldx%lld: more than a file of %llu bytes accounts "
                        "for",
                        label, (long long)size[0], (long long)size[1],
                        (unsigned long long)backed);
    }
    return SPR_OK;
}

enum spr_status spr_entries_begin(struct spr_entries *entries, const char *label,
                                  const int64_t size[2], uint64_t backed,
                                  struct spr_error *err)
{
    *entries = (struct spr_entries){.m = size[0], .k = size[1]};
    return spr_check_size(label, size, backed, err);
}

enum spr_status spr_entries_add(struct spr_entries *entries, int64_t row, int64_t column,
                                double value, struct spr_error *err)
{
    if (!spr_grow(&entries->item, &entries->capacity, entries->count + 1,
                  sizeof *entries->item)) {
        return spr_no_memory(err);
    }
    entries->item[entries->count++] = (struct spr_entry){(int32_t)row, (int32_t)column, value};
    return SPR_OK;
}

void spr_entries_free(struct spr_entries *entries)
{
    spr_free(entries->item);
    *entries = (struct spr_entries){0};
}

/* Counting sort of from[0..count) into to, by row or by column; equal ones keep their order.
 * false: out of memory. */
static bool sort_entries(const struct spr_entry *from, size_t count, bool by_row, int64_t size,
                         struct spr_entry *to)
{
    size_t *place = spr_calloc((size_t)size + 1, sizeof *place);
    for (size_t e = 0; place && e < count; e++) {
        place[(by_row ? from[e].row : from[e].column) + 1]++;
    }
    for (int64_t i = 0; place && i < size; i++) {
        place[i + 1] += place[i];
    }
    for (size_t e = 0; place && e < count; e++) {
        to[place[by_row ? from[e].row : from[e].column]++] = from[e];
    }
    spr_free(place);
    return place != NULL;
}

static double sum_of(const struct spr_entries *entries, double left, double right)
{
    return entries->single ? (double)((float)left + (float)right) : left + right;
}

static double wrapped(const struct spr_entries *entries, double sum)
{
    if (entries->wrap_bits == 0 || entries->wrap_bits >= 64) {
        return sum;
    }
    double range = ldexp(1, entries->wrap_bits), low = entries->wrap_signed ? -range / 2 : 0;
    return sum - range * floor((sum - low) / range);
}

/* Adds what stands at one place and leaves zeros out; the entries are sorted. */
static size_t merge(struct spr_entries *entries)
{
    struct spr_entry *item = entries->item;
    size_t kept = 0;
    for (size_t e = 0; e < entries->count;) {
        struct spr_entry sum = item[e++];
        while (e < entries->count && item[e].row == sum.row && item[e].column == sum.column) {
            sum.value = sum_of(entries, sum.value, item[e++].value);
        }
        sum.value = wrapped(entries, sum.value);
        if (sum.value != 0) {
            item[kept++] = sum;
        }
    }
    return kept;
}

static enum spr_status sort_and_merge(struct spr_entries *entries, struct spr_error *err)
{
    struct spr_entry *other = spr_calloc(entries->count, sizeof *other);
    bool sorted = other &&
                  sort_entries(entries->item, entries->count, false, entries->k, other) &&
                  sort_entries(other, entries->count, true, entries->m, entries->item);
    spr_free(other);
    if (!sorted) {
        return spr_no_memory(err);
    }
    entries->count = merge(entries);
    return SPR_OK;
}

enum spr_status spr_entries_matrix(struct spr_entries *entries, struct spr_matrix *matrix,
                                   struct spr_error *err)
{
    *matrix = (struct spr_matrix){0};
    enum spr_status status = sort_and_merge(entries, err);
    if (status == SPR_OK) {
        status = spr_matrix_alloc(matrix, entries->m, entries->k, entries->count, err);
    }
    for (size_t e = 0; status == SPR_OK && e < entries->count; e++) {
        matrix->row[entries->item[e].row + 1]++;
        matrix->column[e] = entries->item[e].column;
        matrix->value[e] = spr_round_to_float(entries->item[e].value);
    }
    for (int64_t i = 0; status == SPR_OK && i < entries->m; i++) {
        matrix->row[i + 1] += matrix->row[i];
    }
    spr_entries_free(entries);
    return status;
}

enum spr_status spr_add_matrix(const struct spr_source *source, const char *name,
                               const char *dtype, struct spr_matrix *matrix,
                               struct spr_error *err)
{
    struct spr_tensor tensor = {.name = name,
                                .element = SPR_ELEMENT_F32,
                                .dtype = dtype,
                                .rank = 2,
                                .shape = {matrix->m, matrix->k}};
    struct spr_weight *weight;
    size_t index;
    enum spr_status status = spr_add_tensor(source, &tensor, &index, err);
    status = status ? status : spr_add_weight(source, name, &weight, err);
    if (status != SPR_OK) {
        spr_matrix_free(matrix);
        return status;
    }
    weight->op = SPR_OP_LINEAR;
    weight->prunable = true;
    weight->m = matrix->m;
    weight->k = matrix->k;
    weight->n = source->options->tokens;
    weight->tensor = index;
    weight->storage = SPR_STORAGE_MATRIX;
    weight->element = SPR_ELEMENT_F32;
    weight->matrix = *matrix;
    *matrix = (struct spr_matrix){0};
    return SPR_OK;
}
