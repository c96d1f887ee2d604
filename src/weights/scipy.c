/* SPDX-License-Identifier: Apache-2.0 */
/* Sparse matrices as scipy.sparse.save_npz writes them: arrays called format, shape, data and,
 * by format, indptr and indices (csr, csc, bsr), row and col (coo) or offsets (dia). */
#include "weights/scipy.h"

#include <string.h>

#include "base/mem.h"
#include "weights/entries.h"

/* One element of an array, converted; integers beyond 2^53 are rounded. */
static double number_at(const struct spr_npy *npy, int64_t index)
{
    unsigned char raw[16] = {0};
    const unsigned char *data = npy->bytes + npy->offset + (size_t)index * npy->item_bytes;
    for (size_t b = 0; b < npy->item_bytes && b < sizeof raw; b++) {
        raw[b] = data[npy->big_endian ? npy->item_bytes - 1 - b : b];
    }
    if (npy->kind == 'f') {
        return spr_element_value(raw, spr_npy_element(npy));
    }
    uint64_t bits;
    memcpy(&bits, raw, sizeof bits);
    if (npy->kind != 'i') {
        return (double)bits;
    }
    unsigned unused = (64 - 8 * (unsigned)npy->item_bytes) % 64;
    int64_t value;
    bits <<= unused;
    memcpy(&value, &bits, sizeof value);
    return (double)(value / ((int64_t)1 << unused));
}

/* An index: -1 where it is no whole number 0..limit. */
static int64_t index_at(const struct spr_npy *npy, int64_t at, int64_t limit)
{
    double value = number_at(npy, at);
    return value >= 0 && value <= (double)limit ? (int64_t)value : -1;
}

static bool is_integer(const struct spr_npy *npy)
{
    return (npy->kind == 'i' || npy->kind == 'u') && npy->item_bytes <= 8;
}

static bool is_number(const struct spr_npy *npy)
{
    return is_integer(npy) || (npy->kind == 'b' && npy->item_bytes == 1) ||
           (npy->kind == 'f' && spr_npy_element(npy) != SPR_ELEMENT_OTHER);
}

static enum spr_status wrong(const struct spr_npy *npy, const char *expected,
                             struct spr_error *err)
{
    char text[SPR_SHAPE_TEXT];
    return spr_fail(err, SPR_EINPUT, "%s: shape %s of %s: expected %s", npy->label,
                    spr_shape_text(npy->shape, npy->rank, text), npy->dtype, expected);
}

static enum spr_status bad_index(const struct spr_npy *npy, int64_t at, int64_t low,
                                 int64_t high, struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT, "%s: element %lld: %.17g: expected %lld..%lld",
                    npy->label, (long long)at, number_at(npy, at), (long long)low,
                    (long long)high);
}

static enum spr_status read_coo(const struct spr_scipy *parts, struct spr_entries *entries,
                                struct spr_error *err)
{
    const struct spr_npy *row = &parts->row, *column = &parts->col, *data = &parts->data;
    if (data->rank != 1 || row->rank != 1 || column->rank != 1 ||
        row->elements != data->elements || column->elements != data->elements) {
        return wrong(data, "row, col and data of one length", err);
    }
    enum spr_status status = SPR_OK;
    for (int64_t e = 0; e < data->elements && status == SPR_OK; e++) {
        int64_t i = index_at(row, e, entries->m - 1), j = index_at(column, e, entries->k - 1);
        if (i < 0) {
            return bad_index(row, e, 0, entries->m - 1, err);
        }
        if (j < 0) {
            return bad_index(column, e, 0, entries->k - 1, err);
        }
        status = spr_entries_add(entries, i, j, number_at(data, e), err);
    }
    return status;
}

/* Diagonals: element j of row d of data stands in column j, offsets[d] left of which the diagonal
 * begins. */
static enum spr_status read_dia(const struct spr_scipy *parts, struct spr_entries *entries,
                                struct spr_error *err)
{
    const struct spr_npy *data = &parts->data, *offsets = &parts->offsets;
    if (data->rank != 2 || offsets->rank != 1 || offsets->elements != data->shape[0]) {
        return wrong(data, "a row for each of offsets", err);
    }
    enum spr_status status = SPR_OK;
    for (int64_t e = 0; e < data->elements && status == SPR_OK; e++) {
        const int64_t d = e / data->shape[1], j = e % data->shape[1];
        const double row = (double)j - number_at(offsets, d);
        const int64_t from = data->fortran_order ? j * data->shape[0] + d : e;
        if (j < entries->k && row >= 0 && row < (double)entries->m) {
            status = spr_entries_add(entries, (int64_t)row, j, number_at(data, from), err);
        }
    }
    return status;
}

/* Blocks of a bsr matrix are rows x columns; entries of csr and csc are blocks of 1x1. */
struct blocks {
    const struct spr_scipy *parts;
    int64_t rows, columns;
    bool by_column; /* csc */
};

static enum spr_status add_block(const struct blocks *blocks, int64_t major, int64_t minor,
                                 int64_t at, struct spr_entries *entries,
                                 struct spr_error *err)
{
    const struct spr_npy *data = &blocks->parts->data;
    int64_t cells = blocks->rows * blocks->columns;
    enum spr_status status = SPR_OK;
    for (int64_t c = 0; c < cells && status == SPR_OK; c++) {
        int64_t y = c / blocks->columns, x = c % blocks->columns;
        /* In Fortran's order the first index, that of the block, runs fastest. */
        int64_t from = data->fortran_order ? at + data->shape[0] * (y + blocks->rows * x)
                                           : at * cells + c;
        int64_t row = major * blocks->rows + y, column = minor * blocks->columns + x;
        double value = number_at(data, from);
        if (value != 0 || cells == 1) {
            status = spr_entries_add(entries, blocks->by_column ? column : row,
                                     blocks->by_column ? row : column, value, err);
        }
    }
    return status;
}

static enum spr_status read_compressed(const struct blocks *blocks, int64_t majors,
                                       int64_t minors, struct spr_entries *entries,
                                       struct spr_error *err)
{
    const struct spr_npy *start = &blocks->parts->indptr, *index = &blocks->parts->indices;
    int64_t count = blocks->parts->data.shape[0], begin = 0;
    enum spr_status status = SPR_OK;
    if (start->rank != 1 || start->elements != majors + 1) {
        return wrong(start, "one element more than there are rows", err);
    }
    if (index->rank != 1 || index->elements < count) {
        return wrong(index, "as many elements as data", err);
    }
    if (index_at(start, 0, 0) != 0) {
        return bad_index(start, 0, 0, 0, err);
    }
    for (int64_t i = 0; i < majors && status == SPR_OK; i++) {
        int64_t end = index_at(start, i + 1, count);
        if (end < begin) {
            return bad_index(start, i + 1, begin, count, err);
        }
        for (; begin < end && status == SPR_OK; begin++) {
            int64_t minor = index_at(index, begin, minors - 1);
            if (minor < 0) {
                return bad_index(index, begin, 0, minors - 1, err);
            }
            status = add_block(blocks, i, minor, begin, entries, err);
        }
    }
    return status;
}

static enum spr_status read_bsr(const struct spr_scipy *parts, struct spr_entries *entries,
                                struct spr_error *err)
{
    const struct spr_npy *data = &parts->data;
    if (data->rank != 3 || data->shape[1] < 1 || data->shape[2] < 1 ||
        entries->m % data->shape[1] != 0 || entries->k % data->shape[2] != 0) {
        return wrong(data, "blocks whose sizes divide the matrix's", err);
    }
    const struct blocks blocks = {parts, data->shape[1], data->shape[2], false};
    return read_compressed(&blocks, entries->m / blocks.rows, entries->k / blocks.columns,
                           entries, err);
}

static enum spr_status read_format(const struct spr_scipy *parts, struct spr_entries *entries,
                                   struct spr_error *err)
{
    if (strcmp(parts->format, "coo") == 0) {
        return read_coo(parts, entries, err);
    }
    if (strcmp(parts->format, "dia") == 0) {
        return read_dia(parts, entries, err);
    }
    if (strcmp(parts->format, "bsr") == 0) {
        return read_bsr(parts, entries, err);
    }
    if (parts->data.rank != 1) {
        return wrong(&parts->data, "one dimension", err);
    }
    struct blocks blocks = {parts, 1, 1, strcmp(parts->format, "csc") == 0};
    return blocks.by_column ? read_compressed(&blocks, entries->k, entries->m, entries, err)
                            : read_compressed(&blocks, entries->m, entries->k, entries, err);
}

/* Which arrays a format has. */
static const char *missing_part(const struct spr_scipy *parts)
{
    if (!parts->data.bytes) {
        return "data";
    }
    if (strcmp(parts->format, "coo") == 0) {
        return !parts->row.bytes ? "row" : !parts->col.bytes ? "col" : NULL;
    }
    if (strcmp(parts->format, "dia") == 0) {
        return !parts->offsets.bytes ? "offsets" : NULL;
    }
    return !parts->indptr.bytes ? "indptr" : !parts->indices.bytes ? "indices" : NULL;
}

static enum spr_status check_parts(const struct spr_source *source,
                                   const struct spr_scipy *parts, struct spr_error *err)
{
    static const char *const formats[] = {"csr", "csc", "bsr", "coo", "dia"};
    bool known = false;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        known = known || strcmp(parts->format, formats[i]) == 0;
    }
    if (!known) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: sparse format '%s': expected csr, csc, bsr, coo or dia: "
                        "tocsr() makes the first of any",
                        source->path, parts->format);
    }
    const char *missing = missing_part(parts);
    if (missing) {
        return spr_fail(err, SPR_EINPUT, "%s: a sparse matrix as %s: no entry '%s.npy'",
                        source->path, parts->format, missing);
    }
    if (!is_integer(&parts->shape) || parts->shape.elements != 2) {
        return wrong(&parts->shape, "the two sizes of a matrix", err);
    }
    if (!is_number(&parts->data)) {
        return wrong(&parts->data, "real numbers", err);
    }
    const struct spr_npy *const indices[5] = {&parts->indptr, &parts->indices, &parts->row,
                                              &parts->col, &parts->offsets};
    for (int i = 0; i < 5; i++) {
        if (indices[i]->bytes && !is_integer(indices[i])) {
            return wrong(indices[i], "integers", err);
        }
    }
    return SPR_OK;
}

static enum spr_status gather(const struct spr_source *source, const struct spr_scipy *parts,
                              struct spr_entries *entries, struct spr_error *err)
{
    const int64_t size[2] = {index_at(&parts->shape, 0, INT64_MAX / 2),
                             index_at(&parts->shape, 1, INT64_MAX / 2)};
    const bool integers = parts->data.kind != 'f';
    SPR_TRY(spr_entries_begin(entries, source->path, size, source->size, err));
    SPR_TRY(spr_check_inflated(source, SPR_ENTRY_ROOM * (double)parts->data.elements, err));
    entries->single = !integers && parts->data.item_bytes < 8;
    entries->wrap_bits =
        integers && parts->data.kind != 'b' ? 8 * (int)parts->data.item_bytes : 0;
    entries->wrap_signed = parts->data.kind == 'i';
    return read_format(parts, entries, err);
}

enum spr_status spr_add_scipy(const struct spr_source *source, const struct spr_scipy *parts,
                              const char *name, struct spr_error *err)
{
    struct spr_entries entries = {0};
    struct spr_matrix matrix;
    SPR_TRY(check_parts(source, parts, err));
    enum spr_status status = gather(source, parts, &entries, err);
    if (status == SPR_OK) {
        status = spr_entries_matrix(&entries, &matrix, err);
    }
    spr_entries_free(&entries);
    if (status != SPR_OK) {
        return status;
    }
    return spr_add_matrix(source, name, parts->data.dtype, &matrix, err);
}
