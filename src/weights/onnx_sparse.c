/* SPDX-License-Identifier: Apache-2.0 */
/* Sparse constants of an ONNX graph. */
#include <string.h>

#include "weights/entries.h"
#include "weights/onnx.h"

bool spr_onnx_sparse_shape(struct spr_wire message, struct spr_wire *name,
                           struct spr_onnx_value *value)
{
    struct spr_wire_field f, g;
    int rank = 0;
    while (spr_wire_next(&message, &f)) {
        uint64_t size;
        if (f.number == 1 && f.kind == SPR_WIRE_BYTES) {
            while (spr_wire_next(&f.body, &g)) {
                *name = g.number == 8 && g.kind == SPR_WIRE_BYTES ? g.body : *name;
            }
        } else if (f.number == 3 && f.kind == SPR_WIRE_BYTES) {
            while (spr_wire_varint(&f.body, &size)) {
                value->shape[rank < SPR_RANK_MAX ? rank : 0] = (int64_t)size;
                rank++;
            }
        } else if (f.number == 3) {
            value->shape[rank < SPR_RANK_MAX ? rank : 0] = (int64_t)f.value;
            rank++;
        }
    }
    value->rank = rank;
    for (int i = 0; i < rank && rank <= SPR_RANK_MAX; i++) {
        if (value->shape[i] < 1 || value->shape[i] > INT32_MAX) {
            return false;
        }
    }
    return !message.bad && rank >= 1 && rank <= SPR_RANK_MAX;
}

/* Where entry e lies: its number among all elements; -1: outside. */
static int64_t place_of(const struct spr_onnx_value *value, const struct spr_tensor *indices,
                        int64_t e, int64_t all)
{
    int64_t at = 0, index;
    if (indices->rank == 1) {
        memcpy(&index, indices->data + 8 * e, sizeof index);
        return index >= 0 && index < all ? index : -1;
    }
    for (int i = 0; i < value->rank; i++) {
        memcpy(&index, indices->data + 8 * (e * value->rank + i), sizeof index);
        if (index < 0 || index >= value->shape[i]) {
            return -1;
        }
        at = at * value->shape[i] + index;
    }
    return at;
}

static enum spr_status add_entries(struct spr_onnx *onnx, const struct spr_onnx_value *value,
                                   const struct spr_tensor parts[2], bool turned,
                                   struct spr_entries *entries, struct spr_error *err)
{
    const int64_t columns = turned ? entries->m : entries->k;
    for (int64_t e = 0; e < parts[0].shape[0]; e++) {
        const int64_t at = place_of(value, &parts[1], e, entries->m * entries->k);
        if (at < 0) {
            return spr_fail(err, SPR_EINPUT,
                            "%s: sparse tensor '%.200s': entry %lld lies outside %lldx%lld",
                            onnx->source->path, value->name, (long long)e,
                            (long long)(turned ? entries->k : entries->m), (long long)columns);
        }
        const int64_t i = at / columns, j = at % columns;
        const double v = spr_element_value(
            parts[0].data + (size_t)e * spr_element_bytes(parts[0].element), parts[0].element);
        SPR_TRY(spr_entries_add(entries, turned ? j : i, turned ? i : j, v, err));
    }
    return SPR_OK;
}

enum spr_status spr_onnx_sparse(struct spr_onnx *onnx, const struct spr_onnx_value *value,
                                bool turned, struct spr_matrix *matrix, struct spr_error *err)
{
    struct spr_tensor parts[2];
    SPR_TRY(spr_onnx_sparse_parts(onnx, value->sparse, parts, err));
    const int64_t count = parts[0].rank == 1 ? parts[0].shape[0] : -1;
    const bool linear = parts[1].rank == 1 && parts[1].shape[0] == count;
    const bool pairs =
        parts[1].rank == 2 && parts[1].shape[0] == count && parts[1].shape[1] == value->rank;
    struct spr_entries entries = {0};
    int64_t columns = 1;
    if (count < 0 || (!linear && !pairs)) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: sparse tensor '%.200s': expected one index, or %s, for each of "
                        "its values",
                        onnx->source->path, value->name,
                        value->rank == 2 ? "two" : "one of each dimension");
    }
    if (!spr_shape_elements(value->shape + 1, value->rank - 1, &columns)) {
        columns = INT64_MAX;
    }
    const int64_t size[2] = {turned ? columns : value->shape[0],
                             turned ? value->shape[0] : columns};
    SPR_TRY(spr_entries_begin(&entries, onnx->source->path, size, onnx->source->size, err));
    enum spr_status status = add_entries(onnx, value, parts, turned, &entries, err);
    if (status != SPR_OK) {
        spr_entries_free(&entries);
        return status;
    }
    return spr_entries_matrix(&entries, matrix, err);
}
