/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints in several safetensors files: an index maps each tensor to its file. */
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "weights/reader.h"

bool spr_sniff_index(const struct spr_source *source)
{
    size_t i = 0;
    while (i < source->size && source->bytes[i] && strchr(" \t\r\n", source->bytes[i])) {
        i++;
    }
    return i < source->size && source->bytes[i] == '{';
}

static enum spr_status read_shard(const struct spr_source *source, const char *name,
                                  struct spr_error *err)
{
    struct spr_source shard = *source;
    SPR_TRY(spr_beside(source, "weight_map", name, &shard.path, err));
    if (access(shard.path, F_OK) != 0) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: '%.200s' is missing: expected it beside the "
                        "index",
                        source->path, name);
    }
    SPR_TRY(spr_map_file(source->weights, shard.path, &shard.bytes, &shard.size, err));
    if (spr_sniff_pickle(&shard) || spr_sniff_npz(&shard)) {
        return spr_read_pickle(&shard, err);
    }
    return spr_add_safetensors(&shard, err);
}

/* Reads each file once, in the order in which the map names them. */
static enum spr_status read_shards(const struct spr_source *source, const spr_json *map,
                                   struct spr_names *shards, struct spr_error *err)
{
    enum spr_status status = SPR_OK;
    const spr_json *member = spr_json_first(map);
    for (; member && status == SPR_OK; member = spr_json_next(member)) {
        const char *name = spr_json_text(member);
        if (!name) {
            return spr_fail(err, SPR_EINPUT,
                            "%s: weight_map: tensor '%.200s': expected the name of a file",
                            source->path, spr_json_key(member));
        }
        if (spr_names_find(shards, name) != SIZE_MAX) {
            continue;
        }
        if (!spr_names_add(shards, name, shards->count)) {
            return spr_no_memory(err);
        }
        status = read_shard(source, name, err);
    }
    return status;
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Every tensor of the map is where the map says. */
static enum spr_status check_map(const struct spr_source *source, const spr_json *map,
                                 size_t first, struct spr_error *err)
{
    const struct spr_weights *weights = source->weights;
    struct spr_names names = {0};
    enum spr_status status = SPR_OK;
    for (size_t i = first; i < weights->tensor_count && status == SPR_OK; i++) {
        if (spr_names_find(&names, weights->tensor[i].name) == SIZE_MAX &&
            !spr_names_add(&names, weights->tensor[i].name, i)) {
            status = spr_no_memory(err);
        }
    }
    const spr_json *member = spr_json_first(map);
    for (; member && status == SPR_OK; member = spr_json_next(member)) {
        size_t at = spr_names_find(&names, spr_json_key(member));
        const char *file = spr_json_text(member);
        if (at == SIZE_MAX ||
            strcmp(file_name(weights->tensor[at].file), file_name(file)) != 0) {
            status = spr_fail(err, SPR_EINPUT, "%s: tensor '%.200s': not in '%.200s'",
                              source->path, spr_json_key(member), file);
        }
    }
    spr_names_free(&names);
    return status;
}

static enum spr_status follow_index(const struct spr_source *source, const spr_json *root,
                                    struct spr_names *shards, struct spr_error *err)
{
    const spr_json *map = spr_json_get(root, "weight_map");
    const size_t first = source->weights->tensor_count;
    if (!spr_json_is_object(map) || !spr_json_first(map)) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: no weight_map: expected an index of safetensors files",
                        source->path);
    }
    SPR_TRY(read_shards(source, map, shards, err));
    SPR_TRY(check_map(source, map, first, err));
    return spr_layers_of_tensors(source, first, err);
}

enum spr_status spr_read_index(const struct spr_source *source, struct spr_error *err)
{
    struct spr_names shards = {0};
    spr_json *root = NULL;
    if (source->size > SPR_JSON_MAX) {
        return spr_fail(err, SPR_EINPUT,
                        "%s: larger than 64 MiB: expected an index of safetensors files",
                        source->path);
    }
    enum spr_status status =
        spr_json_parse(source->path, (const char *)source->bytes, source->size, &root, err);
    if (status == SPR_OK) {
        status = follow_index(source, root, &shards, err);
    }
    spr_names_free(&shards);
    spr_json_free(root);
    return status;
}
