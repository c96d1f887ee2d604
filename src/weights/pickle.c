/* SPDX-License-Identifier: Apache-2.0 */
/* Pickles (.pt, .pth, .bin of PyTorch) are programs: they are not run, the way out is named. */
#include <string.h>

#include "weights/reader.h"

bool spr_sniff_pickle(const struct spr_source *source)
{
    return source->size >= 2 && source->bytes[0] == 0x80 && source->bytes[1] >= 2 &&
           source->bytes[1] <= 5;
}

/* Bytes that are looked at for what a pickle holds: its program, and the names of an archive. */
#define LOOKED_AT ((size_t)4 << 20)

/* Whether `text` is in the first or in the last of the bytes. */
static bool holds(const struct spr_source *source, bool first, const char *text)
{
    const size_t length = strlen(text);
    const size_t span = source->size < LOOKED_AT ? source->size : LOOKED_AT;
    const unsigned char *at = source->bytes + (first ? 0 : source->size - span);
    const unsigned char *end = at + span;
    while (at < end && (size_t)(end - at) >= length) {
        if (memcmp(at, text, length) == 0) {
            return true;
        }
        const unsigned char *next = memchr(at + 1, text[0], (size_t)(end - at) - 1);
        at = next ? next : end;
    }
    return false;
}

#define IMPORT "import torch; from safetensors.torch import save_file; "
#define SAVE(items)                                                                           \
    "save_file({k: v.to_dense().clone().contiguous() for k, v in " items                      \
    ".items() if isinstance(v, torch.Tensor)}, 'model.safetensors')\""

/* A command for each thing that torch.save and torch.jit.save write. */
static const char *advice(const struct spr_source *source)
{
    if (holds(source, false, "constants.pkl")) {
        return "Convert this TorchScript: python3 -c \"" IMPORT
               "d = torch.jit.load('%s', map_location='cpu'); " SAVE("d.state_dict()");
    }
    if (holds(source, true, "_parameters") && holds(source, true, "_modules")) {
        return "It holds whole modules: only where their code is, and if you trust the file: "
               "python3 -c \"" IMPORT
               "d = torch.load('%s', map_location='cpu', weights_only=False); "
               "d = next(v for v in (d, *(d.values() if isinstance(d, dict) else ())) "
               "if hasattr(v, 'named_parameters')); " SAVE("d.state_dict()");
    }
    return "Convert it: python3 -c \"" IMPORT
           "d = torch.load('%s', map_location='cpu', weights_only=True); "
           "d = next((d[k] for k in ('state_dict', 'model_state_dict', 'model', 'module') "
           "if isinstance(d.get(k), dict)), d); " SAVE("d");
}

enum spr_status spr_read_pickle(const struct spr_source *source, struct spr_error *err)
{
    /* A name that quotes would end is left to the user. */
    const bool plain = !strpbrk(source->path, "'\"\\`$!");
    const char *text = advice(source), *hole = strstr(text, "%s");
    return spr_fail(
        err, SPR_EINPUT, "%s: a pickle can run any program when it is read: refused. %.*s%s%s",
        source->path, (int)(hole - text), text, plain ? source->path : "FILE", hole + 2);
}
