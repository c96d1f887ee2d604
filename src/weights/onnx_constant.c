/* SPDX-License-Identifier: Apache-2.0 */
/* Constants of an ONNX graph as matrices of layers: views of the file where that is possible,
 * else copies, of which a file may ask for as much as one that is compressed. */
#include <math.h>
#include <string.h>

#include "weights/onnx.h"

enum spr_status spr_onnx_make(struct spr_onnx *onnx, double elements, enum spr_element element,
                              struct spr_onnx_value *out, unsigned char **data,
                              struct spr_error *err)
{
    const double bytes = elements * (double)spr_element_bytes(element);
    int64_t stride = 1;
    onnx->made_bytes += bytes;
    SPR_TRY(spr_check_inflated(onnx->source, onnx->made_bytes, err));
    *data = spr_arena_alloc(&onnx->source->weights->arena, (size_t)bytes + 1);
    if (!*data) {
        return spr_no_memory(err);
    }
    out->element = element;
    out->data = *data;
    for (int i = out->rank - 1; i >= 0; i--) {
        out->stride[i] = stride;
        stride *= out->shape[i] > 0 ? out->shape[i] : 1;
    }
    return SPR_OK;
}

bool spr_onnx_has_weights(const struct spr_onnx_value *value)
{
    return value && (value->sparse.at || (value->tensor != SIZE_MAX && value->data &&
                                          spr_onnx_product(value, 0, value->rank) > 0));
}

void spr_onnx_view(struct spr_onnx_value *out, const struct spr_onnx_value *from)
{
    out->tensor = from->tensor;
    out->element = from->element;
    out->data = from->data;
    out->sparse = from->sparse;
    out->turned = from->turned;
    out->constant = true;
    out->has_shape = from->has_shape;
    out->rank = from->rank;
    memcpy(out->shape, from->shape, sizeof out->shape);
    memcpy(out->stride, from->stride, sizeof out->stride);
}

/* Element `at` of packed or rare types as a number; NAN: of a type that is no number. */
static double rare_number(const struct spr_onnx_value *v, const char *type, int64_t at)
{
    static const double halves[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    const unsigned char *data = v->data;
    const size_t i = (size_t)at;
    const int four =
        data[strstr(type, "4") && !strstr(type, "6") ? i / 2 : 0] >> 4 * (i % 2) & 15;
    int16_t brief;
    uint16_t positive;
    if (strcmp(type, "int4") == 0 || strcmp(type, "uint4") == 0) {
        return *type == 'i' && four > 7 ? four - 16 : four;
    }
    if (strcmp(type, "float4e2m1") == 0) {
        return four > 7 ? -halves[four - 8] : halves[four];
    }
    if (strcmp(type, "int2") == 0 || strcmp(type, "uint2") == 0) {
        const int two = data[i / 4] >> 2 * (i % 4) & 3;
        return *type == 'i' && two > 1 ? two - 4 : two;
    }
    if (strcmp(type, "int16") == 0) {
        memcpy(&brief, data + 2 * i, sizeof brief);
        return brief;
    }
    if (strcmp(type, "uint16") == 0) {
        memcpy(&positive, data + 2 * i, sizeof positive);
        return positive;
    }
    const bool wide = strcmp(type, "int64") == 0, narrow = strcmp(type, "int32") == 0;
    return spr_onnx_number(data + (wide ? 8 * i : narrow ? 4 * i : i), type, v->element);
}

/* Types that no matrix has become floats: weights of int32, or two elements to a byte. */
enum spr_status spr_onnx_widen(struct spr_onnx *onnx, struct spr_onnx_value *v,
                               struct spr_error *err)
{
    if (v->element != SPR_ELEMENT_OTHER || v->tensor == SIZE_MAX || !v->data) {
        return SPR_OK;
    }
    const char *type = onnx->source->weights->tensor[v->tensor].dtype;
    const int64_t elements = spr_onnx_product(v, 0, v->rank);
    if (elements < 1 || isnan(rare_number(v, type, 0))) {
        return SPR_OK;
    }
    const bool small = strstr(type, "int2") == type + strlen(type) - 4 ||
                       strstr(type, "int4") == type + strlen(type) - 4;
    struct spr_onnx_value made = *v;
    unsigned char *data;
    const enum spr_element element = small ? SPR_ELEMENT_I8 : SPR_ELEMENT_F32;
    SPR_TRY(spr_onnx_make(onnx, (double)elements, element, &made, &data, err));
    memcpy(made.stride, v->stride, sizeof made.stride); /* it may have been turned */
    for (int64_t i = 0; i < elements; i++) {
        const double number = rare_number(v, type, i);
        const float wide = spr_round_to_float(number);
        const int8_t brief = element == SPR_ELEMENT_I8 ? (int8_t)number : 0;
        memcpy(data + (size_t)i * spr_element_bytes(element),
               element == SPR_ELEMENT_I8 ? (const void *)&brief : (const void *)&wide,
               spr_element_bytes(element));
    }
    *v = made;
    return SPR_OK;
}

/* One stride for dimensions that lie behind each other; false: there is none. */
static bool join(const struct spr_onnx_value *v, const int *axis, int count, int64_t *stride)
{
    int64_t next = 0; /* what the stride of the dimension before has to be */
    *stride = 1;
    for (int i = count - 1; i >= 0; i--) {
        if (v->shape[axis[i]] == 1) {
            continue;
        }
        if (next == 0) {
            *stride = v->stride[axis[i]];
        } else if (v->stride[axis[i]] != next) {
            return false;
        }
        next = v->stride[axis[i]] * v->shape[axis[i]];
    }
    return true;
}

/* Copies the elements in the order of the axes. */
static void copy_elements(const struct spr_onnx_value *v, const struct spr_onnx_axes *axes,
                          int64_t elements, unsigned char *out)
{
    const size_t bytes = spr_element_bytes(v->element);
    int axis[2 * SPR_RANK_MAX], count = 0;
    int64_t place[2 * SPR_RANK_MAX] = {0}, at = axes->offset;
    for (int i = 0; i < axes->row_count; i++) {
        axis[count++] = axes->row[i];
    }
    for (int i = 0; i < axes->column_count; i++) {
        axis[count++] = axes->column[i];
    }
    for (int64_t e = 0; e < elements; e++) {
        memcpy(out + (size_t)e * bytes, v->data + at * (int64_t)bytes, bytes);
        for (int d = count - 1; d >= 0; d--) { /* the next place, last axis first */
            at += v->stride[axis[d]];
            if (++place[d] < v->shape[axis[d]]) {
                break;
            }
            at -= v->stride[axis[d]] * v->shape[axis[d]];
            place[d] = 0;
        }
    }
}

static double product_of(const struct spr_onnx_value *v, const int *axis, int count)
{
    double all = 1;
    for (int i = 0; i < count; i++) {
        all *= (double)v->shape[axis[i]];
    }
    return all;
}

static enum spr_status sparse_matrix(struct spr_onnx *onnx, const struct spr_onnx_value *v,
                                     const struct spr_onnx_axes *axes, struct spr_weight *w,
                                     struct spr_error *err)
{
    /* Rows are the first dimension, or the second of two. */
    const bool turned = (axes->row[0] == 1) != v->turned;
    w->storage = SPR_STORAGE_MATRIX;
    w->element = SPR_ELEMENT_F32;
    struct spr_onnx_value stored = *v;
    if (v->turned) {
        stored.shape[0] = v->shape[1];
        stored.shape[1] = v->shape[0];
    }
    const enum spr_status status = spr_onnx_sparse(onnx, &stored, turned, &w->matrix, err);
    w->m = w->matrix.m;
    w->k = w->matrix.k;
    return status;
}

enum spr_status spr_onnx_matrix(struct spr_onnx *onnx, const struct spr_onnx_value *value,
                                const struct spr_onnx_axes *axes, struct spr_weight *w,
                                struct spr_error *err)
{
    struct spr_onnx_value v = *value;
    if (v.sparse.at) {
        return sparse_matrix(onnx, &v, axes, w, err);
    }
    w->tensor = v.tensor;
    SPR_TRY(spr_onnx_widen(onnx, &v, err));
    if (v.element == SPR_ELEMENT_OTHER) {
        return SPR_OK;
    }
    const double m = product_of(&v, axes->row, axes->row_count);
    const double k = product_of(&v, axes->column, axes->column_count);
    w->storage = SPR_STORAGE_DENSE;
    w->element = v.element;
    if (join(&v, axes->row, axes->row_count, &w->row_stride) &&
        join(&v, axes->column, axes->column_count, &w->column_stride)) {
        w->row_stride = m <= 1 ? (int64_t)k : w->row_stride;
        w->column_stride = k <= 1 ? 1 : w->column_stride;
        w->data = v.data + axes->offset * (int64_t)spr_element_bytes(v.element);
        return SPR_OK;
    }
    unsigned char *data;
    struct spr_onnx_value made = v;
    SPR_TRY(spr_onnx_make(onnx, m * k, v.element, &made, &data, err));
    copy_elements(&v, axes, (int64_t)(m * k), data);
    w->data = data;
    w->row_stride = (int64_t)k;
    w->column_stride = 1;
    return SPR_OK;
}

enum spr_status spr_onnx_pack(struct spr_onnx *onnx, struct spr_onnx_value *v,
                              struct spr_error *err)
{
    struct spr_onnx_axes all = {.row_count = v->rank};
    unsigned char *data;
    int64_t stride;
    for (int i = 0; i < v->rank; i++) {
        all.row[i] = i;
    }
    SPR_TRY(spr_onnx_widen(onnx, v, err));
    if (v->element == SPR_ELEMENT_OTHER ||
        (join(v, all.row, v->rank, &stride) && stride == 1)) {
        return SPR_OK;
    }
    const struct spr_onnx_value from = *v;
    const int64_t elements = spr_onnx_product(v, 0, v->rank);
    SPR_TRY(spr_onnx_make(onnx, (double)elements, v->element, v, &data, err));
    copy_elements(&from, &all, elements, data);
    return SPR_OK;
}

/* Zero points: of all elements, of those along an axis, or of blocks along it. */
struct zeros {
    const struct spr_onnx_value *of;
    int axis;
    int64_t block;
};

static double zero_at(const struct spr_onnx *onnx, const struct zeros *z,
                      const struct spr_onnx_value *v, int64_t e)
{
    int64_t at = 0, place[SPR_RANK_MAX];
    for (int d = v->rank - 1; d >= 0; d--) {
        place[d] = e % v->shape[d];
        e /= v->shape[d];
    }
    for (int d = 0; d < v->rank; d++) {
        if (z->of->rank == v->rank) {
            at += (d == z->axis ? place[d] / z->block : place[d]) % z->of->shape[d] *
                  z->of->stride[d];
        } else if (d == z->axis && z->of->rank == 1 && z->of->shape[0] > 1) {
            at = place[d] % z->of->shape[0] * z->of->stride[0];
        }
    }
    (void)onnx;
    return spr_element_value(z->of->data + (size_t)at * spr_element_bytes(z->of->element),
                             z->of->element);
}

static bool all_zero(const struct spr_onnx_value *zero)
{
    const int64_t bytes =
        spr_onnx_product(zero, 0, zero->rank) * (int64_t)spr_element_bytes(zero->element);
    for (int64_t i = 0; i < bytes; i++) {
        if (zero->data[i] != 0) {
            return false;
        }
    }
    return true;
}

/* Elements of *from less their zero points, as integers of a byte where they fit. */
static enum spr_status subtract(struct spr_onnx *onnx, const struct spr_onnx_value *from,
                                const struct zeros *z, struct spr_onnx_value *out,
                                struct spr_error *err)
{
    const size_t bytes = spr_element_bytes(from->element);
    const int64_t elements = spr_onnx_product(from, 0, from->rank);
    bool brief = bytes == 1;
    unsigned char *data;
    for (int64_t i = 0; brief && i < elements; i++) {
        const double number =
            spr_element_value(from->data + (size_t)i * bytes, from->element) -
            zero_at(onnx, z, from, i);
        brief = number >= -128 && number <= 127;
    }
    SPR_TRY(spr_onnx_make(onnx, (double)elements, brief ? SPR_ELEMENT_I8 : SPR_ELEMENT_F32,
                          out, &data, err));
    for (int64_t i = 0; i < elements; i++) {
        const double number =
            spr_element_value(from->data + (size_t)i * bytes, from->element) -
            zero_at(onnx, z, from, i);
        const float wide = spr_round_to_float(number);
        if (brief) {
            data[i] = (unsigned char)(int8_t)number;
        } else {
            memcpy(data + 4 * i, &wide, sizeof wide);
        }
    }
    return SPR_OK;
}

enum spr_status spr_onnx_shift(struct spr_onnx *onnx, const struct spr_onnx_value *value,
                               const struct spr_onnx_value *zero, int64_t axis, int64_t block,
                               struct spr_onnx_value *out, struct spr_error *err)
{
    spr_onnx_view(out, value);
    if (!spr_onnx_has_weights(value) || value->sparse.at || !spr_onnx_has_weights(zero) ||
        zero->sparse.at || value->rank < 1) {
        return SPR_OK;
    }
    struct spr_onnx_value points = *zero, from = *value;
    axis += axis < 0 ? value->rank : 0;
    SPR_TRY(spr_onnx_pack(onnx, &points, err));
    if (points.element == SPR_ELEMENT_OTHER || all_zero(&points)) {
        return SPR_OK;
    }
    SPR_TRY(spr_onnx_pack(onnx, &from, err));
    if (from.element == SPR_ELEMENT_OTHER) {
        return SPR_OK;
    }
    const struct zeros z = {&points, axis < value->rank ? (int)axis : 0,
                            block > 0 ? block : 1};
    spr_onnx_view(out, &from);
    return subtract(onnx, &from, &z, out, err);
}
