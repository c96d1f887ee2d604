/* SPDX-License-Identifier: Apache-2.0 */
#include "triples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "matrix_build.h"

static int by_place(const void *left, const void *right)
{
    const struct spr_triple *a = left, *b = right;
    if (a->row != b->row) {
        return a->row < b->row ? -1 : 1;
    }
    return (a->column > b->column) - (a->column < b->column);
}

static enum spr_status check_places(const struct spr_source *source,
                                    const struct spr_triples *t, const char *layer,
                                    struct spr_error *err)
{
    if (t->m < 1 || t->k < 1 || t->m > INT32_MAX || t->k > INT32_MAX) {
        return spr_fail(err, SPR_EINPUT, "%s: '%.200s': %lld x %lld: expected 1..2^31-1",
                        source->path, layer, (long long)t->m, (long long)t->k);
    }
    for (size_t i = 0; i < t->count; i++) {
        if (t->item[i].row < 0 || t->item[i].row >= t->m || t->item[i].column < 0 ||
            t->item[i].column >= t->k) {
            return spr_fail(err, SPR_EINPUT,
                            "%s: '%.200s': entry %zu at row %d, column %d (from 0): expected "
                            "a place in %lld x %lld",
                            source->path, layer, i, t->item[i].row, t->item[i].column,
                            (long long)t->m, (long long)t->k);
        }
    }
    return SPR_OK;
}

/* Sorted entries into rows; those of one place become their sum. */
static void fill(const struct spr_triples *t, struct spr_matrix *matrix)
{
    size_t out = 0;
    for (size_t i = 0; i < t->count; i++) {
        bool same = i > 0 && by_place(&t->item[i], &t->item[i - 1]) == 0;
        if (same) {
            matrix->value[out - 1] += t->item[i].value;
        } else {
            matrix->column[out] = t->item[i].column;
            matrix->value[out++] = t->item[i].value;
            matrix->row[t->item[i].row + 1]++;
        }
    }
    for (int64_t i = 0; i < matrix->m; i++) {
        matrix->row[i + 1] += matrix->row[i];
    }
    matrix->nnz = out;
}

enum spr_status spr_triples_add(const struct spr_source *source, struct spr_triples *triples,
                                const char *layer, struct spr_error *err)
{
    struct spr_tensor tensor = {.name = layer,
                                .file = source->path,
                                .element = SPR_ELEMENT_F32,
                                .dtype = "f4",
                                .rank = 2,
                                .shape = {triples->m, triples->k}};
    struct spr_weight weight = {.layer = layer,
                                .op = SPR_OP_LINEAR,
                                .m = triples->m,
                                .k = triples->k,
                                .n = source->options->tokens,
                                .count = 1,
                                .groups = 1,
                                .x_elements = (double)NAN,
                                .prunable = true,
                                .tensor = source->weights->tensor_count,
                                .storage = SPR_STORAGE_MATRIX,
                                .element = SPR_ELEMENT_F32};
    if (!layer) {
        return spr_fail(err, SPR_ENOMEM, "out of memory");
    }
    enum spr_status status = check_places(source, triples, layer, err);
    status =
        status ? status
               : spr_matrix_alloc(&weight.matrix, triples->m, triples->k, triples->count, err);
    if (status != SPR_OK) {
        return status;
    }
    if (triples->count > 1) {
        qsort(triples->item, triples->count, sizeof *triples->item, by_place);
    }
    fill(triples, &weight.matrix);
    if (!spr_add_tensor(source->weights, &tensor, err) ||
        !spr_add_weight(source->weights, &weight, err)) {
        spr_matrix_free(&weight.matrix);
        return SPR_ENOMEM;
    }
    return SPR_OK;
}
