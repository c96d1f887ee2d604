/* SPDX-License-Identifier: Apache-2.0 */
/* The formats there are, and which one a file is in. */
#include "weights/reader.h"

/* The first that knows the content reads the file. */
static const struct spr_weight_format formats[] = {
    {".npy", spr_sniff_npy, spr_read_npy},
    {".npz", spr_sniff_npz, spr_read_npz},
    {".safetensors", spr_sniff_safetensors, spr_read_safetensors},
    {".gguf", spr_sniff_gguf, spr_read_gguf},
    {".mtx", spr_sniff_mtx, spr_read_mtx},
    {".smtx", spr_sniff_smtx, spr_read_smtx},
    {".json", spr_sniff_index, spr_read_index},
    {".onnx", spr_sniff_onnx, spr_read_onnx},
    {".pt", spr_sniff_pickle, spr_read_pickle},
};

#define FORMAT_COUNT (sizeof formats / sizeof *formats)

static const struct spr_weight_format *format_of(const struct spr_source *source)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        if (formats[i].sniff(source)) {
            return &formats[i];
        }
    }
    /* Its reader says best what is wrong with a damaged file. */
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        if (spr_ends_with(source->path, formats[i].suffix)) {
            return &formats[i];
        }
    }
    return NULL;
}

enum spr_status spr_read_file(struct spr_source *source, struct spr_error *err)
{
    enum spr_status status =
        spr_map_file(source->weights, source->path, &source->bytes, &source->size, err);
    if (status != SPR_OK) {
        return status;
    }
    const struct spr_weight_format *format = format_of(source);
    if (!format) {
        return spr_fail(
            err, SPR_EINPUT,
            "%s: unknown kind of file: expected safetensors, GGUF, ONNX, .npy, .npz, "
            "Matrix Market or .smtx",
            source->path);
    }
    return format->read(source, err);
}
