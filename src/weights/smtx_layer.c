/* SPDX-License-Identifier: Apache-2.0 */
/* Masks of the Deep Learning Matrix Collection as layers. */
#include <string.h>

#include "weights/entries.h"

/* "768, 3072, 235930": digits, and two commas before the first line ends. */
bool spr_sniff_smtx(const struct spr_source *source)
{
    int commas = 0, digits = 0;
    for (size_t i = 0; i < source->size && i < 80; i++) {
        unsigned char c = source->bytes[i];
        if (c == '\n') {
            return commas == 2 && digits > 0;
        }
        if (!c || !strchr("0123456789, \t\r", c)) {
            return false;
        }
        commas += c == ',';
        digits += c >= '0' && c <= '9';
    }
    return false;
}

enum spr_status spr_read_smtx(const struct spr_source *source, struct spr_error *err)
{
    struct spr_matrix matrix;
    const char *name = spr_file_stem(source->weights, source->path);
    if (!name) {
        return spr_no_memory(err);
    }
    SPR_TRY(spr_matrix_read_smtx(source->path, 0, &matrix, err));
    const int64_t size[2] = {matrix.m, matrix.k};
    const enum spr_status status = spr_check_size(source->path, size, source->size, err);
    if (status != SPR_OK) {
        spr_matrix_free(&matrix);
        return status;
    }
    /* A mask says where, not what. */
    for (size_t e = 0; e < matrix.nnz; e++) {
        matrix.value[e] = 1;
    }
    return spr_add_matrix(source, name, "mask", &matrix, err);
}
