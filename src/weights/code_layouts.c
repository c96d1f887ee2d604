/* SPDX-License-Identifier: Apache-2.0 */
/* Which tensors are codes with scales: GPTQ and AWQ (X.qweight, X.qzeros, X.scales, X.g_idx),
 * compressed-tensors' pack-quantized and nvfp4 (X.weight_packed, X.weight_scale, ...), four bits
 * of bitsandbytes (X.weight, X.weight.absmax, ...), MXFP4 (X_blocks, X_scales). */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "weights/codes.h"
#include "weights/layers.h"

/* Values of four bits: sign, two bits of exponent, one of fraction. */
static const float e2m1[16] = {0,    .5F,  1,  1.5F,  2,  3,  4,  6,
                               -0.F, -.5F, -1, -1.5F, -2, -3, -4, -6};

static enum spr_status bad(const struct spr_tensor *tensor, const char *expected,
                           struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT, "%s: tensor '%.200s' at offset %llu: expected %s",
                    tensor->file, tensor->name, (unsigned long long)tensor->offset, expected);
}

static bool is_dtype(const struct spr_tensor *t, const char *dtype, int rank)
{
    return t && strcmp(t->dtype, dtype) == 0 && t->rank == rank && t->data;
}

static bool is_matrix(const struct spr_tensor *t)
{
    return t && t->rank == 2 && t->shape[0] > 0 && t->shape[1] > 0 && t->data;
}

/* What is known of the codes as a candidate, in memory that stays. */
static enum spr_status keep(struct spr_checkpoint *all, size_t tensor, size_t length,
                            const struct spr_codes *codes, struct spr_candidate *candidate,
                            struct spr_error *err)
{
    struct spr_weights *weights = all->source->weights;
    struct spr_codes *copy = spr_arena_alloc(&weights->arena, sizeof *copy);
    candidate->name = spr_arena_text(&weights->arena, weights->tensor[tensor].name, length);
    if (!copy || !candidate->name) {
        return spr_no_memory(err);
    }
    *copy = *codes;
    copy->quantized.expand = spr_expand_codes;
    candidate->quantized = &copy->quantized;
    candidate->m = codes->m;
    candidate->k = codes->k;
    candidate->kind = spr_kind_of_name(candidate->name, &all->config);
    if (candidate->kind < SPR_KIND_LINEAR) {
        candidate->kind = SPR_KIND_LINEAR; /* nobody packs what is no matrix */
    }
    weights->tensor[tensor].parameters = (double)codes->m * (double)codes->k;
    return SPR_OK;
}

/* A tensor beside the codes that holds so many scales or zero points. */
static void set_scales(struct spr_checkpoint *all, size_t index, double parameters)
{
    if (index != SIZE_MAX) {
        (void)spr_set_use(all->source, index, SPR_USE_SCALE);
        all->source->weights->tensor[index].parameters = parameters;
    }
}

/* Every column's group is one there is a scale for. */
static bool groups_fit(const struct spr_tensor *index, int64_t k, int64_t groups)
{
    for (int64_t j = 0; j < k; j++) {
        int32_t group;
        memcpy(&group, index->data + j * 4, sizeof group);
        if (group < 0 || group >= groups) {
            return false;
        }
    }
    return true;
}

/* All codes of the zero points are the same: what it is, else -1. */
static int64_t same_nibble(const struct spr_tensor *zeros)
{
    const unsigned char first = zeros->bytes > 0 ? zeros->data[0] : 1;
    for (uint64_t b = 0; b < zeros->bytes; b++) {
        if (zeros->data[b] != first) {
            return -1;
        }
    }
    return first % 16 == first / 16 ? first % 16 : -1;
}

static void set_group_index(const struct spr_checkpoint *all, const char *name, size_t length,
                            const char *end, struct spr_codes *codes)
{
    const struct spr_tensor *index = spr_part(all, name, length, end, NULL);
    const int64_t groups = (codes->k + codes->group - 1) / codes->group;
    if (is_dtype(index, "I32", 1) && index->shape[0] == codes->k &&
        groups_fit(index, codes->k, groups)) {
        codes->group_of = index->data;
    }
}

static enum spr_status take_qweight(struct spr_checkpoint *all, size_t tensor,
                                    struct spr_candidate *candidate, struct spr_error *err)
{
    const struct spr_tensor *t = &all->source->weights->tensor[tensor];
    const size_t length = strlen(t->name) - strlen(".qweight");
    size_t at_scales, at_zeros;
    const struct spr_tensor *scales = spr_part(all, t->name, length, ".scales", &at_scales);
    const struct spr_tensor *zeros = spr_part(all, t->name, length, ".qzeros", &at_zeros);
    struct spr_codes c = {.code = t->data, .bits = 4, .scale = {.row_step = 1}};
    if (!is_dtype(t, "I32", 2) || !is_matrix(t) || !is_matrix(scales) ||
        spr_element_bytes(scales->element) == 0 || (zeros && !is_dtype(zeros, "I32", 2))) {
        return bad(t, "codes as I32 beside scales of two dimensions and qzeros as I32", err);
    }
    const int64_t groups = scales->shape[0];
    const bool awq = t->shape[1] * 8 == scales->shape[1];
    c.m = scales->shape[1];
    if (!awq && zeros && zeros->shape[1] * 32 % c.m == 0) {
        c.bits = (unsigned)(zeros->shape[1] * 32 / c.m & 63);
    }
    const int64_t k = awq ? t->shape[0] : t->shape[0] * 32 / (c.bits ? c.bits : 1);
    const int64_t zero_words = awq ? c.m / 8 : (c.m * c.bits + 31) / 32;
    if ((!awq && t->shape[1] != c.m) || c.bits < 2 || c.bits > 8 || k % groups != 0 ||
        (zeros && (zeros->shape[0] != groups || zeros->shape[1] != zero_words))) {
        return bad(t, "sizes that fit those of its scales and qzeros", err);
    }
    c.k = k;
    c.group = k / groups;
    c.order = awq ? SPR_CODES_AWQ : SPR_CODES_STREAM;
    c.row_step = awq ? t->shape[1] : 1;
    c.word_step = c.m;
    c.scale.data = scales->data;
    c.scale.element = scales->element;
    c.scale.group_step = c.m;
    c.zero = zeros ? zeros->data : NULL;
    c.zero_order = c.order;
    c.zero_row = 1;
    c.zero_group = zero_words;
    /* GPTQ's first form stores zero points less one; without a word on which it is, those of a
     * symmetric matrix tell. */
    c.zero_offset = awq || all->config.gptq_v2 || (zeros && same_nibble(zeros) == 8) ? 0 : 1;
    c.offset = zeros ? 0 : (double)(1u << (c.bits - 1));
    set_group_index(all, t->name, length, ".g_idx", &c);
    set_scales(all, at_zeros, zeros ? (double)c.m * (double)groups : 0);
    return keep(all, tensor, length, &c, candidate, err);
}

/* The two sizes of compressed-tensors' weight_shape, I64 or I32. */
static bool read_sizes(const struct spr_tensor *shape, int64_t size[2])
{
    if (!shape || shape->rank != 1 || shape->shape[0] != 2 || !shape->data) {
        return false;
    }
    for (int d = 0; d < 2; d++) {
        int32_t narrow;
        memcpy(&narrow, shape->data + 4 * d, sizeof narrow);
        size[d] = narrow;
        if (strcmp(shape->dtype, "I64") == 0) {
            memcpy(&size[d], shape->data + 8 * d, sizeof size[d]);
        } else if (strcmp(shape->dtype, "I32") != 0) {
            return false;
        }
    }
    return size[0] > 0 && size[1] > 0 && size[0] <= INT32_MAX && size[1] <= INT32_MAX;
}

/* Two values of four bits in a byte, the lower half first; a scale for 16. */
static enum spr_status take_nvfp4(struct spr_checkpoint *all, size_t tensor, size_t length,
                                  const struct spr_tensor *scale,
                                  struct spr_candidate *candidate, struct spr_error *err)
{
    const struct spr_tensor *t = &all->source->weights->tensor[tensor];
    struct spr_codes c = {.code = t->data,
                          .bits = 4,
                          .m = t->shape[0],
                          .k = 2 * t->shape[1],
                          .word_step = 1,
                          .row_step = t->shape[1] / 4,
                          .table = e2m1};
    if (scale->shape[0] != c.m || c.k % scale->shape[1] != 0 || t->shape[1] % 4 != 0) {
        return bad(t, "rows of whole words, each with scales", err);
    }
    c.group = c.k / scale->shape[1];
    c.scale = (struct spr_code_scales){.data = scale->data,
                                       .element = scale->element,
                                       .exponent = strcmp(scale->dtype, "U8") == 0,
                                       .row_step = scale->shape[1],
                                       .group_step = 1};
    return keep(all, tensor, length, &c, candidate, err);
}

static enum spr_status take_packed(struct spr_checkpoint *all, size_t tensor,
                                   struct spr_candidate *candidate, struct spr_error *err)
{
    const struct spr_tensor *t = &all->source->weights->tensor[tensor];
    const size_t length = strlen(t->name) - strlen(".weight_packed");
    size_t at_zero;
    const struct spr_tensor *scale = spr_part(all, t->name, length, ".weight_scale", NULL);
    const struct spr_tensor *zero =
        spr_part(all, t->name, length, ".weight_zero_point", &at_zero);
    int64_t size[2];
    if (!is_matrix(t) || !is_matrix(scale) || spr_element_bytes(scale->element) == 0) {
        return bad(t, "codes beside a weight_scale of two dimensions", err);
    }
    if (strcmp(t->dtype, "U8") == 0) {
        return take_nvfp4(all, tensor, length, scale, candidate, err);
    }
    const bool sized = read_sizes(spr_part(all, t->name, length, ".weight_shape", NULL), size);
    struct spr_codes c = {.code = t->data, .bits = 8, .word_step = 1, .row_step = t->shape[1]};
    if (strcmp(t->dtype, "I32") != 0 || !sized || size[0] != t->shape[0]) {
        return bad(t, "codes as I32 beside a weight_shape of their rows", err);
    }
    while (c.bits > 1 && (size[1] * c.bits + 31) / 32 != t->shape[1]) {
        c.bits /= 2;
    }
    if (c.bits < 2 || scale->shape[0] != size[0] || size[1] % scale->shape[1] != 0) {
        return bad(t, "codes of 2, 4 or 8 bits, rows as its weight_scale has", err);
    }
    c.m = size[0];
    c.k = size[1];
    c.group = c.k / scale->shape[1];
    c.offset = (double)(1u << (c.bits - 1));
    c.scale = (struct spr_code_scales){.data = scale->data,
                                       .element = scale->element,
                                       .row_step = scale->shape[1],
                                       .group_step = 1};
    if (is_dtype(zero, "I32", 2) && zero->shape[0] == (c.m * c.bits + 31) / 32 &&
        zero->shape[1] == scale->shape[1]) {
        c.zero = zero->data;
        c.zero_row = zero->shape[1];
        c.zero_group = 1;
        c.zero_offset = -c.offset;
    } else if (is_dtype(zero, "I8", 2) && zero->shape[0] == c.m &&
               zero->shape[1] == scale->shape[1]) {
        c.zeros = c.scale;
        c.zeros.data = zero->data;
        c.zeros.element = SPR_ELEMENT_I8;
    }
    set_group_index(all, t->name, length, ".weight_g_idx", &c);
    set_scales(all, at_zero, (double)c.m * (double)scale->shape[1]);
    return keep(all, tensor, length, &c, candidate, err);
}

/* bitsandbytes' state of a matrix, JSON: its shape, elements for a scale, the mean of the scales. */
static enum spr_status read_state(const struct spr_tensor *state, int64_t size[2],
                                  struct spr_codes *codes, struct spr_error *err)
{
    spr_json *root = NULL;
    double rows, columns, block;
    SPR_TRY(spr_json_parse(state->file, (const char *)state->data, (size_t)state->bytes, &root,
                           err));
    const spr_json *shape = spr_json_first(spr_json_get(root, "shape"));
    const bool good = spr_json_number(shape, &rows) &&
                      spr_json_number(spr_json_next(shape), &columns) &&
                      spr_json_number(spr_json_get(root, "blocksize"), &block) && rows >= 1 &&
                      columns >= 1 && block >= 1 && rows <= INT32_MAX &&
                      columns <= INT32_MAX && block <= INT32_MAX;
    if (good) {
        size[0] = (int64_t)rows;
        size[1] = (int64_t)columns;
        codes->group = (int64_t)block;
        (void)spr_json_number(spr_json_get(root, "nested_offset"), &codes->nested_offset);
    }
    spr_json_free(root);
    return good ? SPR_OK : bad(state, "JSON with the shape of a matrix and a blocksize", err);
}

static bool is_floats(const struct spr_tensor *t, int64_t least)
{
    return is_dtype(t, "F32", 1) && t->shape[0] >= least;
}

static enum spr_status take_bitsandbytes(struct spr_checkpoint *all, size_t tensor,
                                         const struct spr_tensor *state, size_t at_state,
                                         struct spr_candidate *candidate,
                                         struct spr_error *err)
{
    const struct spr_tensor *t = &all->source->weights->tensor[tensor];
    const size_t length = strlen(t->name);
    const struct spr_tensor *most = spr_part(all, t->name, length, ".absmax", NULL);
    const struct spr_tensor *map = spr_part(all, t->name, length, ".quant_map", NULL);
    const struct spr_tensor *nested = spr_part(all, t->name, length, ".nested_absmax", NULL);
    const struct spr_tensor *names = spr_part(all, t->name, length, ".nested_quant_map", NULL);
    struct spr_codes c = {.code = t->data, .bits = 4, .order = SPR_CODES_BYTES};
    int64_t size[2] = {0, 0};
    SPR_TRY(read_state(state, size, &c, err));
    c.m = size[0];
    c.k = size[1];
    const int64_t blocks = (c.m * c.k + c.group - 1) / c.group;
    const bool twice = is_dtype(most, "U8", 1);
    if (!is_floats(map, 16) || (uint64_t)(c.m * c.k + 1) / 2 != t->bytes || !most ||
        most->rank != 1 || most->shape[0] < blocks || (!twice && !is_floats(most, blocks)) ||
        (twice && (!is_floats(nested, (blocks + 255) / 256) || !is_floats(names, 256)))) {
        return bad(t, "codes of four bits, absmax and quant_map as its quant_state says", err);
    }
    float *table = spr_arena_alloc(&all->source->weights->arena, 16 * sizeof *table);
    if (!table) {
        return spr_no_memory(err);
    }
    memcpy(table, map->data, 16 * sizeof *table);
    c.table = table;
    c.scale = (struct spr_code_scales){
        .data = most->data, .element = most->element, .group_step = 1};
    c.nested_table = twice ? names->data : NULL;
    c.nested_scale = twice ? nested->data : NULL;
    all->source->weights->tensor[at_state].parameters = 0;
    (void)spr_set_use(all->source, at_state, SPR_USE_SCALE);
    return keep(all, tensor, length - strlen(".weight"), &c, candidate, err);
}

static enum spr_status take_blocks(struct spr_checkpoint *all, size_t tensor,
                                   const struct spr_tensor *scales,
                                   struct spr_candidate *candidate, struct spr_error *err)
{
    const struct spr_tensor *t = &all->source->weights->tensor[tensor];
    const size_t length = strlen(t->name) - strlen("_blocks");
    const int64_t *size = t->shape;
    if (!is_dtype(t, "U8", 4) || !is_dtype(scales, "U8", 3) || size[3] != 16 ||
        t->bytes == 0 || memcmp(size, scales->shape, 3 * sizeof *size) != 0 ||
        size[1] > SPR_DIMENSION_MAX || size[2] > SPR_DIMENSION_MAX / 32) {
        return bad(t, "matrices x rows x blocks x 16 bytes as U8, beside a scale each", err);
    }
    struct spr_codes c = {.bits = 4,
                          .m = size[1],
                          .k = 32 * size[2],
                          .group = 32,
                          .word_step = 1,
                          .row_step = 4 * size[2],
                          .table = e2m1,
                          .scale = {.exponent = true,
                                    .element = SPR_ELEMENT_U8,
                                    .row_step = size[2],
                                    .group_step = 1}};
    for (int64_t e = 0; e < size[0]; e++) {
        struct spr_candidate one = *candidate;
        char name[512];
        c.code = t->data + e * size[1] * size[2] * 16;
        c.scale.data = scales->data + e * size[1] * size[2];
        SPR_TRY(keep(all, tensor, length, &c, &one, err));
        int used = snprintf(name, sizeof name, "%s.%lld", one.name, (long long)e);
        one.name = used < (int)sizeof name
                       ? spr_arena_text(&all->source->weights->arena, name, (size_t)used)
                       : NULL;
        one.kind = SPR_KIND_STACK;
        one.expert = e;
        if (!one.name) {
            return spr_no_memory(err);
        }
        SPR_TRY(spr_add_candidate(all, &one, err));
    }
    all->source->weights->tensor[tensor].parameters =
        (double)size[0] * (double)c.m * (double)c.k;
    candidate->kind = SPR_KIND_STACK;
    candidate->m = 0; /* added already */
    return SPR_OK;
}

enum spr_status spr_take_codes(struct spr_checkpoint *all, size_t tensor,
                               struct spr_candidate *candidate, bool *taken,
                               struct spr_error *err)
{
    const struct spr_tensor *t = &all->source->weights->tensor[tensor];
    const size_t length = strlen(t->name);
    size_t at = SIZE_MAX;
    *taken = true;
    if (length > 8 && spr_ends_with(t->name, ".qweight") &&
        spr_part(all, t->name, length - 8, ".scales", NULL)) {
        return take_qweight(all, tensor, candidate, err);
    }
    if (length > 14 && spr_ends_with(t->name, ".weight_packed") &&
        spr_part(all, t->name, length - 14, ".weight_scale", NULL)) {
        return take_packed(all, tensor, candidate, err);
    }
    if (length > 7 && spr_ends_with(t->name, ".weight") && t->element == SPR_ELEMENT_U8) {
        const struct spr_tensor *state =
            spr_part(all, t->name, length, ".quant_state.bitsandbytes__nf4", &at);
        if (!state) {
            state = spr_part(all, t->name, length, ".quant_state.bitsandbytes__fp4", &at);
        }
        const struct spr_tensor *scale =
            spr_part(all, t->name, length - 7, ".weight_scale", NULL);
        if (state && state->data) {
            return take_bitsandbytes(all, tensor, state, at, candidate, err);
        }
        if (t->rank == 2 && is_matrix(t) && is_matrix(scale) &&
            scale->shape[0] == t->shape[0] && spr_element_bytes(scale->element) == 1) {
            return take_nvfp4(all, tensor, length - 7, scale, candidate, err);
        }
    }
    const struct spr_tensor *scales = length > 7 && spr_ends_with(t->name, "_blocks")
                                          ? spr_part(all, t->name, length - 7, "_scales", NULL)
                                          : NULL;
    if (scales) {
        return take_blocks(all, tensor, scales, candidate, err);
    }
    *taken = false;
    return SPR_OK;
}
