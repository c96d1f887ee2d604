/* SPDX-License-Identifier: Apache-2.0 */
/* The masks that `sproof inspect --masks` writes, one file for each layer that has zeros. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/output.h"
#include "cli/cli.h"
#include "sproof/inspect.h"

struct masks {
    struct cli *cli;
    const char *directory;
    const struct spr_inspection *inspection;
    struct spr_error *err;
};

/* Whether a layer has zeros to tell of. */
static bool has_mask(const struct spr_inspected *layer)
{
    const double weights = (double)layer->weight->m * (double)layer->weight->k;
    return layer->weight->prunable && layer->nnz < weights;
}

/* LAYER.smtx, '_' for each '/': the file that validate --mask-dir looks for. */
static const char *mask_name(struct masks *w, const char *layer, struct spr_arena *arena)
{
    const char *directory = w->directory;
    const size_t first = strlen(directory) + 1, size = first + strlen(layer) + sizeof ".smtx";
    char *path = spr_arena_alloc(arena, size);
    if (path) {
        snprintf(path, size, "%s/%s.smtx", directory, layer);
        for (char *c = path + first; *c; c++) {
            *c = *c == '/' ? '_' : *c;
        }
    }
    return path;
}

/* A name for each layer that has one, no two alike. */
static enum spr_status name_masks(struct masks *w, const char **path, struct spr_names *names,
                                  struct spr_arena *arena)
{
    for (size_t i = 0; i < w->inspection->layer_count; i++) {
        const struct spr_inspected *layer = &w->inspection->layer[i];
        if (!has_mask(layer)) {
            continue;
        }
        path[i] = mask_name(w, layer->weight->layer, arena);
        const size_t other = path[i] ? spr_names_find(names, path[i]) : SIZE_MAX;
        if (other != SIZE_MAX) {
            return spr_fail(
                w->err, SPR_EINPUT,
                "--masks: layers '%.400s' and '%.400s' would both be %.800s: expected "
                "names that differ in more than '/' and '_'",
                w->inspection->layer[other].weight->layer, layer->weight->layer, path[i]);
        }
        if (!path[i] || !spr_names_add(names, path[i], i)) {
            return spr_no_memory(w->err);
        }
    }
    return SPR_OK;
}

static enum spr_status write_each(struct masks *w, const char *const *path)
{
    const char *directory = w->directory;
    size_t written = 0;
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        return spr_fail(w->err, SPR_EENVIRONMENT, "%s: %s", directory, strerror(errno));
    }
    for (size_t i = 0; i < w->inspection->layer_count; i++) {
        struct spr_output output;
        if (path[i]) {
            const struct spr_inspected *layer = &w->inspection->layer[i];
            SPR_TRY(spr_weights_hold(w->inspection->weights, layer->weight->tensor, w->err));
            SPR_TRY(spr_output_open(&output, path[i], w->err));
            SPR_TRY(
                spr_output_close(&output, spr_mask_write(output.file, layer, w->err), w->err));
            written++;
        }
    }
    if (!w->cli->quiet) {
        fprintf(w->cli->err, "wrote %zu mask%s to %s\n", written, written == 1 ? "" : "s",
                directory);
    }
    return SPR_OK;
}

enum spr_status cli_write_masks(struct cli *cli, const char *directory,
                                const struct spr_inspection *inspection, struct spr_error *err)
{
    struct masks w = {cli, directory, inspection, err};
    struct spr_arena arena = {0};
    struct spr_names names = {0};
    const char **path = spr_calloc(inspection->layer_count + 1, sizeof *path);
    enum spr_status status = path ? name_masks(&w, path, &names, &arena) : spr_no_memory(err);
    if (status == SPR_OK) {
        status = write_each(&w, path);
    }
    spr_names_free(&names);
    spr_arena_free(&arena);
    spr_free(path);
    return status;
}
