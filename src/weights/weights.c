/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of files and directories, read and freed. */
#include "sproof/weights.h"

#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "weights/reader.h"

enum spr_status spr_weights_read(const char *path, const struct spr_weights_options *options,
                                 struct spr_weights *weights, struct spr_notes *notes,
                                 struct spr_error *err)
{
    const struct spr_weights_options none = {0};
    struct spr_source source = {
        .options = options ? options : &none, .weights = weights, .notes = notes};
    struct stat facts;
    size_t before = weights->weight_count, tensors = weights->tensor_count;
    source.path = spr_arena_text(&weights->arena, path, strlen(path));
    if (!source.path) {
        return spr_no_memory(err);
    }
    bool directory = stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
    SPR_TRY(directory ? spr_read_directory(&source, err) : spr_read_file(&source, err));
    SPR_TRY(spr_leave_out_unclaimed(&source, tensors, err));
    if (weights->weight_count == before) {
        spr_note(notes, "%s: no matrices of layers in it", path);
    }
    return SPR_OK;
}

enum spr_status spr_check_inflated(const struct spr_source *source, double bytes,
                                   struct spr_error *err)
{
    const double given = source->options->inflated_most, by_size = 64 * (double)source->size;
    const double most = given > 0 ? given : by_size > 0x1p30 ? by_size : 0x1p30;
    if (bytes <= most) {
        return SPR_OK;
    }
    return spr_fail(err, SPR_EINPUT,
                    "%s: %zu bytes that inflate to %.0f or more: expected at most %.0f: "
                    "--max-inflated raises the limit",
                    source->path, source->size, bytes, most);
}

void spr_weights_free(struct spr_weights *weights)
{
    for (size_t i = 0; i < weights->weight_count; i++) {
        spr_matrix_free(&weights->weight[i].matrix);
        spr_free(weights->weight[i].keep);
    }
    if (weights->names) {
        spr_names_free(weights->names);
    }
    spr_free(weights->names);
    spr_free(weights->weight);
    spr_free(weights->tensor);
    spr_free(weights->left_out);
    spr_archives_close(weights);
    spr_unmap_files(weights);
    spr_arena_free(&weights->arena);
    *weights = (struct spr_weights){0};
}
