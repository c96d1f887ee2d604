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

static void write_tensor(FILE *file, const struct spr_tensor *t, const struct spr_weight *w,
                         unsigned char *buffer)
{
    const size_t size = spr_element_bytes(t->element);
    for (uint64_t at = 0; at < t->bytes;) {
        size_t piece = t->bytes - at < COPY_BYTES ? (size_t)(t->bytes - at) : COPY_BYTES;
        memcpy(buffer, t->data + at, piece);
        for (size_t i = 0; w && w->keep && i < piece / size; i++) {
            int64_t row, column;
            place_of(w, (int64_t)(at / size + i), &row, &column);
            if (!spr_weight_keeps(w, row, column)) {
                memset(buffer + i * size, 0, size);
            }
        }
        fwrite(buffer, 1, piece, file);
        at += piece;
    }
}

static const struct spr_weight *weight_of(const struct spr_weights *weights, size_t tensor)
{
    for (size_t i = 0; i < weights->weight_count; i++) {
        if (weights->weight[i].tensor == tensor && weights->weight[i].keep) {
            return &weights->weight[i];
        }
    }
    return NULL;
}

enum spr_status spr_weights_write(FILE *file, struct spr_weights *weights,
                                  struct spr_error *err)
{
    char *header = NULL;
    size_t size = 0;
    for (size_t i = 0; i < weights->tensor_count; i++) {
        const struct spr_tensor *t = &weights->tensor[i];
        const struct spr_weight *w = weight_of(weights, i);
        if ((!t->data && !t->packed) || (w && w->storage != SPR_STORAGE_DENSE)) {
            return spr_fail(err, SPR_EINPUT,
                            "%s: tensor '%.200s' is stored sparse: expected dense tensors to "
                            "write",
                            t->file, t->name);
        }
    }
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
            write_tensor(file, &weights->tensor[i], weight_of(weights, i), buffer);
        }
    }
    spr_free(buffer);
    free(header);
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
