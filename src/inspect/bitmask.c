/* SPDX-License-Identifier: Apache-2.0 */
/* Weights that compressed-tensors stored as bits and kept values: X.compressed, X.bitmask,
 * X.shape and, unless every row keeps half (2:4), X.row_offsets. */
#include <string.h>

#include "layers.h"

struct parts {
    const struct spr_source *source;
    const char *base; /* X */
    const struct spr_tensor *compressed, *bitmask, *row_offsets, *shape;
};

static const struct spr_tensor *find_part(const struct spr_source *source,
                                          const struct spr_names *names, const char *base,
                                          const char *suffix)
{
    char name[512];
    size_t length = strlen(base);
    if (length + strlen(suffix) + 1 > sizeof name) {
        return NULL;
    }
    memcpy(name, base, length);
    memcpy(name + length, suffix, strlen(suffix) + 1);
    size_t at = spr_names_find(names, name);
    return at == SIZE_MAX ? NULL : &source->weights->tensor[at];
}

static enum spr_status bad(const struct parts *p, const char *what, struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT, "%s: tensor '%.200s' at byte %llu: %s", p->source->path,
                    p->compressed->name, (unsigned long long)p->compressed->offset, what);
}

static int64_t integer_at(const struct spr_tensor *t, int64_t index)
{
    int64_t value;
    memcpy(&value, t->data + index * 8, sizeof value);
    return value;
}

static enum spr_status read_dimensions(const struct parts *p, struct spr_weight *w,
                                       struct spr_error *err)
{
    if (strcmp(p->shape->dtype, "I64") != 0 || p->shape->bytes != 16) {
        return bad(p, "its shape: expected two I64", err);
    }
    w->m = integer_at(p->shape, 0);
    w->k = integer_at(p->shape, 1);
    if (w->m < 1 || w->k < 1 || w->m > INT32_MAX || w->k > INT32_MAX) {
        return bad(p, "its shape: expected two integers 1..2^31-1", err);
    }
    w->mask_stride = (w->k + 7) / 8;
    if (p->bitmask->element != SPR_ELEMENT_U8 ||
        (double)p->bitmask->bytes != (double)w->m * (double)w->mask_stride) {
        return bad(p, "its bitmask: expected a bit for each element, rows of whole bytes",
                   err);
    }
    return SPR_OK;
}

static int64_t kept_in_row(const struct spr_weight *w, int64_t row)
{
    int64_t kept = 0;
    for (int64_t j = 0; j < w->k; j++) {
        kept += w->mask[row * w->mask_stride + j / 8] >> (j % 8) & 1;
    }
    return kept;
}

/* Where each row's values begin, by the mask; the file's own offsets must agree. */
static enum spr_status place_rows(const struct parts *p, struct spr_weight *w,
                                  struct spr_error *err)
{
    int64_t *offset =
        spr_arena_alloc(&p->source->weights->arena, (size_t)w->m * sizeof *offset);
    int64_t total = 0,
            values = (int64_t)(p->compressed->bytes / spr_element_bytes(w->element));
    if (!offset) {
        return spr_fail(err, SPR_ENOMEM, "out of memory");
    }
    if (p->row_offsets && (strcmp(p->row_offsets->dtype, "I64") != 0 ||
                           p->row_offsets->bytes != (uint64_t)w->m * 8)) {
        return bad(p, "its row_offsets: expected an I64 for each row", err);
    }
    for (int64_t i = 0; i < w->m; i++) {
        if (p->row_offsets && integer_at(p->row_offsets, i) != total) {
            return bad(p, "its row_offsets do not agree with its bitmask", err);
        }
        offset[i] = total;
        total += kept_in_row(w, i);
    }
    if (total != values) {
        return bad(p, "its bitmask keeps another number of values than there are", err);
    }
    w->row_offset = offset;
    return SPR_OK;
}

enum spr_status spr_layer_of_bitmask(const struct spr_source *source, size_t at,
                                     const struct spr_names *names, struct spr_weight *weight,
                                     bool *found, struct spr_error *err)
{
    static const char suffix[] = ".compressed";
    struct parts p = {.source = source, .compressed = &source->weights->tensor[at]};
    size_t length = strlen(p.compressed->name), tail = sizeof suffix - 1;
    *found = false;
    if (length <= tail || strcmp(p.compressed->name + length - tail, suffix) != 0) {
        return SPR_OK;
    }
    p.base = spr_arena_text(&source->weights->arena, p.compressed->name, length - tail);
    if (!p.base) {
        return spr_fail(err, SPR_ENOMEM, "out of memory");
    }
    p.bitmask = find_part(source, names, p.base, ".bitmask");
    p.shape = find_part(source, names, p.base, ".shape");
    p.row_offsets = find_part(source, names, p.base, ".row_offsets");
    if (!p.bitmask || !p.shape || p.compressed->element == SPR_ELEMENT_OTHER) {
        return bad(&p, "expected .bitmask and .shape beside it, and a float or I8 dtype", err);
    }
    *weight = (struct spr_weight){.layer = p.base,
                                  .op = SPR_OP_LINEAR,
                                  .count = 1,
                                  .groups = 1,
                                  .prunable = true,
                                  .tensor = at,
                                  .storage = SPR_STORAGE_BITMASK,
                                  .element = p.compressed->element,
                                  .data = p.compressed->data,
                                  .mask = p.bitmask->data};
    enum spr_status status = read_dimensions(&p, weight, err);
    status = status ? status : place_rows(&p, weight, err);
    *found = status == SPR_OK;
    return status;
}
