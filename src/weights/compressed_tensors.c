/* SPDX-License-Identifier: Apache-2.0 */
/* Matrices of compressed-tensors, sparse-bitmask and sparse-24-bitmask: X.compressed holds the
 * kept values row by row, X.bitmask a bit for each element, lowest bit first, a row in whole
 * bytes, X.shape the two sizes. sparse-bitmask adds X.row_offsets, the first value of each
 * row. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "weights/layers.h"

/* The parts of one matrix; tensors are NULL where there is none. */
struct parts {
    const char *name; /* X */
    const struct spr_tensor *values, *mask, *shape, *offsets;
};

static const struct spr_tensor *part(const struct spr_source *source,
                                     const struct spr_names *tensors, const char *base,
                                     const char *name)
{
    char full[512];
    int length = snprintf(full, sizeof full, "%s.%s", base, name);
    size_t at = length < (int)sizeof full ? spr_names_find(tensors, full) : SIZE_MAX;
    return at == SIZE_MAX ? NULL : &source->weights->tensor[at];
}

static int64_t integer_at(const struct spr_tensor *tensor, size_t index)
{
    int64_t value;
    memcpy(&value, tensor->data + index * sizeof value, sizeof value);
    return value;
}

static enum spr_status bad_part(const struct spr_tensor *tensor, const char *expected,
                                struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT, "%s: tensor '%s' at offset %llu: expected %s",
                    tensor->file, tensor->name, (unsigned long long)tensor->offset, expected);
}

/* The shape, and that values and mask have room for it. */
static enum spr_status check_parts(const struct parts *parts, int64_t *m, int64_t *k,
                                   struct spr_error *err)
{
    const struct spr_tensor *shape = parts->shape, *mask = parts->mask;
    int64_t sizes[2], elements;
    if (strcmp(shape->dtype, "I64") != 0 || shape->bytes != sizeof sizes) {
        return bad_part(shape, "the two sizes of a matrix as I64", err);
    }
    sizes[0] = integer_at(shape, 0);
    sizes[1] = integer_at(shape, 1);
    if (sizes[0] < 1 || sizes[1] < 1 || !spr_shape_elements(sizes, 2, &elements) ||
        sizes[0] > SPR_DIMENSION_MAX || sizes[1] > SPR_DIMENSION_MAX) {
        return bad_part(shape, "two sizes 1..2^40, product at most 2^53", err);
    }
    if (mask->rank != 2 || mask->shape[0] != sizes[0] ||
        mask->shape[1] != (sizes[1] + 7) / 8 || strcmp(mask->dtype, "U8") != 0) {
        char expected[96];
        snprintf(expected, sizeof expected, "%lldx%lld bytes as U8", (long long)sizes[0],
                 (long long)(sizes[1] + 7) / 8);
        return bad_part(mask, expected, err);
    }
    *m = sizes[0];
    *k = sizes[1];
    return SPR_OK;
}

static int64_t kept_of_row(const unsigned char *mask, int64_t k)
{
    int64_t kept = 0;
    for (int64_t j = 0; j < (k + 7) / 8; j++) {
        unsigned byte = mask[j];
        byte &= k - 8 * j < 8 ? (1u << (k - 8 * j)) - 1 : 0xFFu;
        kept += __builtin_popcount(byte);
    }
    return kept;
}

/* The first value of each row, counted from the mask: those of the file are only compared,
 * they may not be aligned. */
static enum spr_status count_rows(const struct parts *parts, struct spr_arena *arena,
                                  struct spr_candidate *candidate, struct spr_error *err)
{
    int64_t *offset = spr_arena_alloc(arena, (size_t)candidate->m * sizeof *offset);
    int64_t kept = 0, there;
    bool given = parts->offsets != NULL;
    if (!offset) {
        return spr_no_memory(err);
    }
    if (given && (strcmp(parts->offsets->dtype, "I64") != 0 ||
                  parts->offsets->bytes / 8 != (uint64_t)candidate->m)) {
        return bad_part(parts->offsets, "an I64 for each row", err);
    }
    for (int64_t i = 0; i < candidate->m; i++) {
        offset[i] = kept;
        if (given && integer_at(parts->offsets, (size_t)i) != kept) {
            return bad_part(parts->offsets, "the bits of the rows before, added up", err);
        }
        kept += kept_of_row(candidate->mask + i * ((candidate->k + 7) / 8), candidate->k);
    }
    (void)spr_shape_elements(parts->values->shape, parts->values->rank, &there);
    if (there != kept) {
        char expected[96];
        snprintf(expected, sizeof expected, "%lld values, one for each bit of the mask",
                 (long long)kept);
        return bad_part(parts->values, expected, err);
    }
    candidate->row_offset = offset;
    return SPR_OK;
}

enum spr_status spr_add_bitmask(const struct spr_source *source,
                                const struct spr_names *tensors, size_t compressed,
                                struct spr_candidate *candidate, struct spr_error *err)
{
    const struct spr_tensor *values = &source->weights->tensor[compressed];
    size_t length = strlen(values->name) - strlen(".compressed");
    char *name = spr_arena_text(&source->weights->arena, values->name, length);
    if (!name) {
        return spr_no_memory(err);
    }
    struct parts parts = {.name = name, .values = values};
    parts.mask = part(source, tensors, name, "bitmask");
    parts.shape = part(source, tensors, name, "shape");
    parts.offsets = part(source, tensors, name, "row_offsets");
    if (!parts.mask || !parts.shape) {
        return SPR_OK; /* a tensor that happens to be called so */
    }
    if (values->element == SPR_ELEMENT_OTHER) {
        return SPR_OK; /* left out as any tensor of that type */
    }
    SPR_TRY(check_parts(&parts, &candidate->m, &candidate->k, err));
    candidate->name = spr_layer_name(source->weights, name);
    if (!candidate->name) {
        return spr_no_memory(err);
    }
    candidate->mask = parts.mask->data;
    source->weights->tensor[compressed].parameters =
        (double)candidate->m * (double)candidate->k;
    return count_rows(&parts, &source->weights->arena, candidate, err);
}
