/* SPDX-License-Identifier: Apache-2.0 */
/* Pickles (.pt, .pth, .bin of PyTorch) are programs: they are not run, the way out is named. */
#include <string.h>

#include "weights/reader.h"

/* Where the names of an archive's entries stand again, and where its program stands. */
#define LOOKED_AT ((size_t)1 << 20)

bool spr_sniff_pickle(const struct spr_source *source)
{
    return source->size >= 2 && source->bytes[0] == 0x80 && source->bytes[1] >= 2 &&
           source->bytes[1] <= 5;
}

static bool holds(const unsigned char *bytes, size_t size, const char *text)
{
    const size_t length = strlen(text);
    const unsigned char *at = bytes, *end = bytes + size;
    while ((size_t)(end - at) >= length) {
        at = memchr(at, *text, (size_t)(end - at) - length + 1);
        if (!at) {
            return false;
        }
        if (memcmp(at, text, length) == 0) {
            return true;
        }
        at++;
    }
    return false;
}

/* What the command loads, and how the tensors are taken out of it. */
struct way {
    const char *what;         /* before the command */
    const char *load, *after; /* around the path */
};

static const struct way state_dict = {
    "", "d = torch.load('",
    "', map_location='cpu', weights_only=True); d = next((d[k] for k in ('state_dict', "
    "'model_state_dict', 'model', 'module', 'net') if isinstance(d.get(k), dict)), d)"};
static const struct way script = {"", "d = torch.jit.load('",
                                  "', map_location='cpu').state_dict()"};
static const struct way module = {
    " It holds a whole module, whose classes Python must find; this runs its program, so only "
    "if you trust it:",
    "d = torch.load('",
    "', map_location='cpu', weights_only=False); d = d if isinstance(d, torch.nn.Module) else "
    "next(v for v in d.values() if isinstance(v, torch.nn.Module)); d = d.state_dict()"};

static const struct way *way_of(const struct spr_source *source)
{
    const size_t some = source->size < LOOKED_AT ? source->size : LOOKED_AT;
    if (holds(source->bytes + source->size - some, some, "/code/__torch__")) {
        return &script;
    }
    return holds(source->bytes, some, "torch.nn.modules") ? &module : &state_dict;
}

enum spr_status spr_read_pickle(const struct spr_source *source, struct spr_error *err)
{
    /* A name that quotes would end is left to the user. */
    bool plain = !strpbrk(source->path, "'\"\\`$!");
    const struct way *way = way_of(source);
    return spr_fail(
        err, SPR_EINPUT,
        "%s: a pickle can run any program when it is read: refused. Convert it:%s python3 -c "
        "\"import torch; from safetensors.torch import save_file; %s%s%s; save_file({k: "
        "v.detach().to_dense().clone().contiguous() if v.layout != torch.strided else "
        "v.detach().clone().contiguous() for k, v in d.items() if isinstance(v, "
        "torch.Tensor)}, 'model.safetensors')\"",
        source->path, way->what, way->load, plain ? source->path : "FILE", way->after);
}
