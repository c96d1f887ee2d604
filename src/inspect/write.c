/* SPDX-License-Identifier: Apache-2.0 */
/* Pruned weights as one safetensors file, and masks as the Deep Learning Matrix Collection has
 * them. */
#include <stdlib.h>
#include <string.h>

#include "base/emit.h"
#include "base/mem.h"
#include "sproof/inspect.h"
#include "weights/reader.h"

/* The header ends where the tensors may begin at a multiple of this. */
#define ALIGNMENT 8
#define COPY_BYTES ((size_t)1 << 20)

static const char *dtype_name(const struct spr_tensor *t)
{
    static const char *const numpy[][2] = {{"f8", "F64"}, {"f4", "F32"}, {"f2", "F16"},
                                           {"i1", "I8"},  {"u1", "U8"},  {"b1", "BOOL"},
                                           {"i8", "I64"}, {"i4", "I32"}, {"i2", "I16"},
                                           {"u8", "U64"}, {"u4", "U32"}, {"u2", "U16"}};
    for (size_t i = 0; i < sizeof numpy / sizeof numpy[0]; i++) {
        if (strcmp(t->dtype, numpy[i][0]) == 0) {
            return numpy[i][1];
        }
    }
    return t->dtype;
}

static void write_header(FILE *file, const struct spr_weights *weights, struct spr_emit *out)
{
    double at = 0;
    spr_emit_begin(out, file, 0);
    spr_emit_open(out, NULL, '{');
    /* Hugging Face's reader asks for the framework. */
    spr_emit_open(out, "__metadata__", '{');
    spr_emit_text(out, "format", "pt");
    spr_emit_close(out, '}');
    for (size_t i = 0; i < weights->tensor_count; i++) {
        const struct spr_tensor *t = &weights->tensor[i];
        spr_emit_open(out, t->name, '{');
        spr_emit_text(out, "dtype", dtype_name(t));
        spr_emit_open(out, "shape", '[');
        for (int d = 0; d < t->rank; d++) {
            spr_emit_number(out, NULL, (double)t->shape[d]);
        }
        spr_emit_close(out, ']');
        spr_emit_open(out, "data_offsets", '[');
        spr_emit_number(out, NULL, at);
        spr_emit_number(out, NULL, at + (double)t->bytes);
        spr_emit_close(out, ']');
        spr_emit_close(out, '}');
        at += (double)t->bytes;
    }
    spr_emit_close(out, '}');
    spr_emit_flush(out);
}

/* The header into memory, for its length stands before it. */
static enum spr_status make_header(const struct spr_weights *weights, char **text,
                                   size_t *size, struct spr_error *err)
{
    struct spr_emit *out = spr_calloc(1, sizeof *out);
    FILE *memory = open_memstream(text, size);
    bool made = out && memory;
    if (made) {
        write_header(memory, weights, out);
        for (long at = ftell(memory); at % ALIGNMENT != 0; at++) {
            fputc(' ', memory);
        }
        made = !ferror(memory);
    }
    if (memory) {
        made = fclose(memory) == 0 && made;
    }
    spr_free(out);
    return made ? SPR_OK : spr_no_memory(err);
}

/* Element e of a tensor belongs to this row and column of its weight. */
static void place_of(const struct spr_weight *w, int64_t e, int64_t *row, int64_t *column)
{
    bool by_row = w->column_stride == 1;
    *row = by_row ? e / w->row_stride : e % w->column_stride;
    *column = by_row ? e % w->row_stride : e / w->column_stride;
}

/* Pruned weights by their tensors, of which a stack has several. */
struct pruned {
    const struct spr_weights *weights;
    size_t *first, *next; /* [tensor], [weight]: index of a weight; SIZE_MAX: none */
};

static enum spr_status find_pruned(const struct spr_weights *weights, struct pruned *pruned,
                                   struct spr_error *err)
{
    pruned->weights = weights;
    pruned->first = spr_calloc(weights->tensor_count + 1, sizeof *pruned->first);
    pruned->next = spr_calloc(weights->weight_count + 1, sizeof *pruned->next);
    if (!pruned->first || !pruned->next) {
        return spr_no_memory(err);
    }
    for (size_t t = 0; t < weights->tensor_count; t++) {
        pruned->first[t] = SIZE_MAX;
    }
    for (size_t i = weights->weight_count; i-- > 0;) {
        const struct spr_weight *w = &weights->weight[i];
        if (w->tensor < weights->tensor_count && w->keep) {
            pruned->next[i] = pruned->first[w->tensor];
            pruned->first[w->tensor] = i;
        }
    }
    return SPR_OK;
}

/* Zeroes what one weight lost among the elements [begin, begin + count) of its tensor. */
static void cut(const struct spr_tensor *t, const struct spr_weight *w, int64_t begin,
                int64_t count, unsigned char *buffer)
{
    const int64_t size = (int64_t)spr_element_bytes(t->element);
    const int64_t own = (w->data - t->data) / size, end = own + w->m * w->k;
    for (int64_t e = begin > own ? begin : own; e < begin + count && e < end; e++) {
        int64_t row, column;
        place_of(w, e - own, &row, &column);
        if (!spr_weight_keeps(w, row, column)) {
            memset(buffer + (e - begin) * size, 0, (size_t)size);
        }
    }
}

static void write_tensor(FILE *file, const struct pruned *pruned, size_t index,
                         unsigned char *buffer)
{
    const struct spr_tensor *t = &pruned->weights->tensor[index];
    const size_t size = spr_element_bytes(t->element);
    for (uint64_t at = 0; at < t->bytes;) {
        size_t piece = t->bytes - at < COPY_BYTES ? (size_t)(t->bytes - at) : COPY_BYTES;
        memcpy(buffer, t->data + at, piece);
        for (size_t i = pruned->first[index]; i != SIZE_MAX; i = pruned->next[i]) {
            cut(t, &pruned->weights->weight[i], (int64_t)(at / size), (int64_t)(piece / size),
                buffer);
        }
        fwrite(buffer, 1, piece, file);
        at += piece;
    }
}

/* Are its elements those of its tensor, one behind the other? */
static bool lies_in(const struct spr_weight *w, const struct spr_tensor *t)
{
    const size_t size = spr_element_bytes(w->element);
    const bool tight = (w->column_stride == 1 && w->row_stride == w->k) ||
                       (w->row_stride == 1 && w->column_stride == w->m);
    return t->packed || w->storage != SPR_STORAGE_DENSE ||
           (tight && w->element == t->element && w->data >= t->data &&
            (size_t)(w->data - t->data) + (size_t)(w->m * w->k) * size <= t->bytes);
}

/* Weights that are computed from what is in the file cannot be put back. */
static enum spr_status check_places(const struct pruned *pruned, struct spr_error *err)
{
    const struct spr_weights *weights = pruned->weights;
    for (size_t i = 0; i < weights->weight_count; i++) {
        const struct spr_weight *w = &weights->weight[i];
        if (w->keep && w->tensor < weights->tensor_count &&
            !lies_in(w, &weights->tensor[w->tensor])) {
            return spr_fail(
                err, SPR_EINPUT,
                "%s: layer '%.200s': its weights are computed from tensor '%.200s': "
                "expected weights as they are multiplied to write",
                weights->tensor[w->tensor].file, w->layer, weights->tensor[w->tensor].name);
        }
    }
    return SPR_OK;
}

static enum spr_status check_dense(const struct pruned *pruned, struct spr_error *err)
{
    const struct spr_weights *weights = pruned->weights;
    for (size_t i = 0; i < weights->tensor_count; i++) {
        const struct spr_tensor *t = &weights->tensor[i];
        const size_t w = pruned->first[i];
        if ((!t->data && !t->packed) ||
            (w != SIZE_MAX && weights->weight[w].storage != SPR_STORAGE_DENSE)) {
            return spr_fail(err, SPR_EINPUT,
                            "%s: tensor '%.200s' is stored %s: expected dense tensors to "
                            "write",
                            t->file, t->name,
                            w != SIZE_MAX &&
                                    weights->weight[w].storage == SPR_STORAGE_QUANTIZED
                                ? "as codes with scales"
                                : "sparse");
        }
    }
    return SPR_OK;
}

static enum spr_status write_all(FILE *file, struct spr_weights *weights,
                                 const struct pruned *pruned, struct spr_error *err)
{
    char *header = NULL;
    size_t size = 0;
    unsigned char *buffer = spr_calloc(COPY_BYTES, 1);
    enum spr_status status =
        buffer ? make_header(weights, &header, &size, err) : spr_no_memory(err);
    for (int i = 0; i < 8 && status == SPR_OK; i++) {
        fputc((int)((uint64_t)size >> (8 * i) & 0xFF), file);
    }
    if (status == SPR_OK) {
        fwrite(header, 1, size, file);
    }
    for (size_t i = 0; i < weights->tensor_count && status == SPR_OK && !ferror(file); i++) {
        status = spr_weights_hold(weights, i, err);
        if (status == SPR_OK) {
            write_tensor(file, pruned, i, buffer);
        }
    }
    spr_free(buffer);
    free(header);
    return status;
}

enum spr_status spr_weights_write(FILE *file, struct spr_weights *weights,
                                  struct spr_error *err)
{
    struct pruned pruned = {0};
    enum spr_status status = find_pruned(weights, &pruned, err);
    status = status ? status : check_dense(&pruned, err);
    status = status ? status : check_places(&pruned, err);
    status = status ? status : write_all(file, weights, &pruned, err);
    spr_free(pruned.first);
    spr_free(pruned.next);
    return status;
}

/* The row offsets, or the column indices, of all non-zeros; bits and at: room for a row. */
static void write_offsets(FILE *file, const struct spr_weight *w, uint64_t *bits, int32_t *at,
                          bool columns)
{
    double offset = 0;
    const char *space = "";
    if (!columns) {
        fputs("0", file);
        space = " ";
    }
    for (int64_t row = 0; row < w->m; row++) {
        const int64_t words = spr_weight_words(w, row, bits, at);
        for (int64_t j = 0; j < words; j++) {
            for (uint64_t word = bits[j]; word; word &= word - 1) {
                if (columns) {
                    fprintf(file, "%s%lld", space,
                            (long long)at[j] * 64 + __builtin_ctzll(word));
                    space = " ";
                }
                offset++;
            }
        }
        if (!columns) {
            fprintf(file, "%s%.0f", space, offset);
        }
    }
    fputc('\n', file);
}

enum spr_status spr_mask_write(FILE *file, const struct spr_inspected *layer,
                               struct spr_error *err)
{
    const struct spr_weight *w = layer->weight;
    const size_t words = (size_t)((w->k + 63) / 64);
    uint64_t *bits = spr_calloc(words, sizeof *bits);
    int32_t *at = spr_calloc(words, sizeof *at);
    const bool made = bits && at;
    if (made) {
        fprintf(file, "%lld, %lld, %.0f\n", (long long)w->m, (long long)w->k, layer->nnz);
        write_offsets(file, w, bits, at, false);
        write_offsets(file, w, bits, at, true);
    }
    spr_free(bits);
    spr_free(at);
    return made ? SPR_OK : spr_no_memory(err);
}
